"""Makes edXML packages for tests and benchmarks, fast, with the node's own writer."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from axis.edxml.attachments import Declared, attach
from axis.edxml.model import (
    Attachment,
    Business,
    Code,
    DocumentHeader,
    DocumentPackage,
    DocumentType,
    OtherInfo,
    Party,
    PromulgationInfo,
    ResponseFor,
    SignerInfo,
    StaffInfo,
    StatusHeader,
    StatusPackage,
    TraceHeader,
)
from axis.edxml.writer import to_bytes, write

PDF = b"%PDF-1.5\n% a made-up file\n%%EOF\n"

DOCUMENT = DocumentHeader(
    sender=Party(organ_id="H24.1", organ_name="Sở Nội vụ"),
    receivers=(Party(organ_id="H24.2", organ_name="Sở Tài chính"),),
    document_id="H24.1,2026/11/24,15/SNV-VP",
    code=Code(code_number="15", code_notation="SNV-VP"),
    promulgation=PromulgationInfo(place="Hải Phòng", promulgation_date="2026/11/24"),
    document_type=DocumentType(type="2", type_detail="0", type_name="Công văn"),
    subject="V/v kết nối, liên thông phần mềm quản lý văn bản",
    content="V/v kết nối, liên thông phần mềm quản lý văn bản",
    signer=SignerInfo(competence="TL.", position="Chánh Văn phòng", full_name="Nguyễn Văn A"),
    due_date="2026/12/01",
    other=OtherInfo(priority="0", page_amount="2"),
    steering_type="0",
    traces=(TraceHeader(organ_id="H24.1", timestamp="2026/11/24 08:00:00"),),
    business=Business(
        business_doc_type="0",
        business_doc_reason="Văn bản điện tử mới",
        paper="0",
        staff=StaffInfo(department="Văn thư", staff="Trần Thị B"),
    ),
)

STATUS = StatusHeader(
    sender=Party(organ_id="H24.2", organ_name="Sở Tài chính"),
    response_for=ResponseFor(
        organ_id="H24.1",
        code="15/SNV-VP",
        document_id="H24.1,2026/11/24,15/SNV-VP",
        promulgation_date="2026/11/24",
    ),
    staff=StaffInfo(department="Văn thư", staff="Lê Văn C"),
    status_code="01",
    description="Đã đến",
    timestamp="2026/11/24 09:00:00",
)


def document(
    *,
    sender: str | Party | None = None,
    receivers: Sequence[str | Party] | None = None,
    files: Mapping[str, bytes | Path] | None = None,
    business_type: int | None = None,
    **header: Any,
) -> DocumentPackage:
    """A document package: one PDF, from H24.1 to H24.2, unless told otherwise.

    sender, receivers: organisation codes or parties. files: name -> content, instead of the one PDF.
    business_type: 0 to 3. header: any other field of DocumentHeader.
    """
    if sender is not None:
        header["sender"] = _party(sender)
    if receivers is not None:
        header["receivers"] = tuple(_party(one) for one in receivers)
    if business_type is not None:
        header["business"] = Business(business_doc_type=str(business_type), paper="0")
    contents: Mapping[str, bytes | Path] = {"van-ban.pdf": PDF} if files is None else files
    attachments = tuple(
        attachment(name, content, position) for position, (name, content) in enumerate(contents.items())
    )
    return DocumentPackage(header=replace(DOCUMENT, **header), attachments=attachments)


def attachment(name: str, content: bytes | Path, position: int = 0, content_type: str | None = None) -> Attachment:
    """One file of a package."""
    return attach(Declared(content_id=f"cid:{position}", name=name, content_type=content_type), content)


def document_bytes(**overrides: Any) -> bytes:
    """The edXML file of `document(**overrides)`."""
    return to_bytes(document(**overrides))


def status(*, sender: str | Party | None = None, **header: Any) -> StatusPackage:
    """A status package: 01 from H24.2 to H24.1 for the document of `document()`, unless told otherwise.

    sender: organisation code or party. organ_id, code, document_id, promulgation_date: fields of ResponseFor.
    header: any other field of StatusHeader.
    """
    if sender is not None:
        header["sender"] = _party(sender)
    about = {
        name: header.pop(name) for name in ("organ_id", "code", "document_id", "promulgation_date") if name in header
    }
    if about:
        header["response_for"] = replace(STATUS.response_for, **about)
    return StatusPackage(header=replace(STATUS, **header))


def status_bytes(**overrides: Any) -> bytes:
    """The edXML file of `status(**overrides)`."""
    return to_bytes(status(**overrides))


def big_document(path: Path, size_bytes: int, **overrides: Any) -> None:
    """Write a package of about size_bytes to `path`: one file of random bytes, which nothing compresses."""
    content = path.with_name(path.name + ".content")
    try:
        with content.open("wb") as file:
            left = size_bytes * 3 // 4
            while left > 0:
                file.write(os.urandom(min(left, 1 << 20)))
                left -= 1 << 20
        with path.open("wb") as out:
            write(document(files={"tep-lon.bin": content}, **overrides), out)
    finally:
        content.unlink(missing_ok=True)


def _party(value: str | Party) -> Party:
    return value if isinstance(value, Party) else Party(organ_id=value, organ_name=value)
