"""What a DMS writes as JSON in the place of edXML: a document with its files, or a status.

A document says what it says to the REST API (`axis.exchange.document_form`). The node composes the package for the
system; it is the system's, and the node does not sign it. What is composed follows from the JSON file and its files
alone, so that reading them again makes the same package.

Norm: QCVN 102:2016/BTTTT, for what the fields are called in the package.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from adapters.filing.place import is_name
from axis.edxml.attachments import Declared, attach
from axis.edxml.dates import write_date, write_timestamp
from axis.edxml.media import OCTETS, ZIP
from axis.edxml.model import (
    Attachment,
    DocumentHeader,
    DocumentPackage,
    Limits,
    Party,
    ResponseFor,
    StaffInfo,
    StatusHeader,
    StatusPackage,
)
from axis.edxml.writer import to_bytes, write
from axis.errors import Code, Malformed
from axis.exchange.document_form import DocumentForm, Form, OrganCode, ResponseForm, Short, StaffForm
from axis.terms import StatusCode
from axis.text import file_name

MOST_JSON_BYTES = 1 << 20
MOST_FILES = 500


class AnsweredForm(ResponseForm):
    """The document that a status is about: `reply` of the JSON beside it."""

    organ_id: OrganCode


class StatusWish(Form):
    """How a document fares at one of the DMS's organisations."""

    kind: Literal["status"]
    document: AnsweredForm
    organ_id: OrganCode  # who says it
    organ_name: Short | None = None
    status: Annotated[str, Field(min_length=1, max_length=64)]  # a code, or a word of the options
    reason: Annotated[str, Field(max_length=4_000)] = ""
    staff: StaffForm | None = None
    at: AwareDatetime | None = None  # None: when the file was written
    package_id: str | None = Field(default=None, pattern="^[0-9A-Z]{26}$")  # whose receipt this is too


class FileWish(Form):
    """One file of a document."""

    file: Annotated[str, Field(min_length=1, max_length=255)]  # its name beside the JSON file
    name: Annotated[str, Field(min_length=1, max_length=255)] | None = None  # as receivers see it
    description: Short | None = None
    sha256: str | None = Field(default=None, pattern="^[0-9a-fA-F]{64}$")


class DocumentWish(DocumentForm):
    """A document to be sent, or an act on documents."""

    kind: Literal["document"]
    files: Annotated[tuple[FileWish, ...], Field(max_length=MOST_FILES)] = ()


Wish = Annotated[DocumentWish | StatusWish, Field(discriminator="kind")]
_WISH: TypeAdapter[DocumentWish | StatusWish] = TypeAdapter(Wish)


def read_wish(raw: bytes) -> DocumentWish | StatusWish:
    """What the JSON says. Raises Malformed(BAD_FILE, at the field), TOO_LARGE."""
    if len(raw) > MOST_JSON_BYTES:
        raise Malformed(Code.TOO_LARGE, f"a JSON file has at most {MOST_JSON_BYTES} bytes")
    try:
        wish = _WISH.validate_json(raw.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        at = ".".join(map(str, first["loc"][1:]))  # without the kind that was chosen
        raise Malformed(Code.BAD_FILE, first["msg"], at=at or None) from e
    if isinstance(wish, DocumentWish):
        for number, file in enumerate(wish.files):
            if not is_name(file.file) or file.file.startswith("."):
                raise Malformed(
                    Code.BAD_FILE, "a file lies beside the JSON file: a name without a path", at=_at(number)
                )
        if len({file.file for file in wish.files}) < len(wish.files):
            raise Malformed(Code.BAD_FILE, "a file is named twice", at="files")
    return wish


def _at(number: int) -> str:
    return f"files[{number}].file"


def status_package(wish: StatusWish, words: Mapping[str, StatusCode], written_at: datetime) -> bytes:
    """The status as an edXML package. Raises Malformed(BAD_STATUS_CODE, FIELD_INVALID)."""
    code = words.get(wish.status.casefold())
    if code is None:
        raise Malformed(Code.BAD_STATUS_CODE, f"{wish.status!r} is none of: {', '.join(words)}", at="status")
    day = wish.document.promulgation_date
    header = StatusHeader(
        sender=Party(organ_id=wish.organ_id, organ_name=wish.organ_name),
        response_for=ResponseFor(
            organ_id=wish.document.organ_id,
            code=wish.document.code,
            document_id=wish.document.document_id,
            promulgation_date=write_date(day) if day else None,
        ),
        staff=StaffInfo(**wish.staff.model_dump()) if wish.staff else None,
        status_code=code.value,
        description=wish.reason or None,
        timestamp=write_timestamp(wish.at or written_at),
    )
    return to_bytes(StatusPackage(header=header))


def write_document(wish: DocumentWish, files: Sequence[Path], out: Path, limits: Limits) -> None:
    """Write the document as an edXML package. files: the wish's, in order.

    Raises Malformed(HASH_MISMATCH, at the file), Malformed(FIELD_INVALID), Malformed(TOO_LARGE).
    """
    package = DocumentPackage(header=header_of(wish), attachments=tuple(_attachments(wish, files, limits)))
    with out.open("wb") as file:
        write(package, file)


def header_of(wish: DocumentWish) -> DocumentHeader:
    """What it says, under the norm's DocumentId where the DMS gives none."""
    header = wish.header()
    if header.document_id:
        return header
    if not (header.code.text and header.promulgation.promulgation_date):
        detail = "number and promulgation date are missing, from which it would follow"
        raise Malformed(Code.MISSING_DOCUMENT_ID, detail, at="document_id")
    made = f"{header.sender.organ_id},{header.promulgation.promulgation_date},{header.code.text}"
    return replace(header, document_id=made)


def _attachments(wish: DocumentWish, files: Sequence[Path], limits: Limits) -> Iterator[Attachment]:
    for number, (said, path) in enumerate(zip(wish.files, files, strict=True)):
        if said.sha256 is not None:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != said.sha256.lower():
                    raise Malformed(Code.HASH_MISMATCH, "the file is not the one that was hashed", at=_at(number))
        name = file_name(said.name or said.file)
        declared = Declared(content_id=f"cid:file-{number + 1}", name=name, description=said.description)
        made = attach(declared, path, limits=limits)
        if made.size_bytes > limits.attachment_bytes:
            raise Malformed(Code.TOO_LARGE, f"more than {limits.attachment_bytes} bytes", at=_at(number))
        # A ZIP under another name would be taken for one that a client made around a file.
        unlike = made.media_type == ZIP and not name.lower().endswith(".zip")
        yield replace(made, content_type=OCTETS if unlike else made.media_type)
