"""What a DMS writes as JSON in the place of edXML: a document with its files, or a status.

It is read, bounded, and made into edXML. The node composes the package for the system; it is the system's, and the
node does not sign it. What is composed follows from the JSON file and its files alone, so that reading them again
makes the same package.

Norm: QCVN 102:2016/BTTTT, for what the fields are called in the package.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from adapters.filing.place import is_name
from axis.edxml import model as edxml
from axis.edxml.dates import write_date, write_timestamp
from axis.edxml.writer import to_bytes, write
from axis.errors import Code, Malformed
from axis.terms import StatusCode

MOST_JSON_BYTES = 1 << 20
_TEXT = 4_000

Day = date  # a field has this name too
Short = Annotated[str, Field(max_length=300)]
Text = Annotated[str, Field(max_length=_TEXT)]
OrganCode = Annotated[str, Field(min_length=1, max_length=64)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class PartyWish(_Strict):
    """An organisation."""

    organ_id: OrganCode
    name: Short | None = None


class DocumentRef(_Strict):
    """A document that something is about, as `reply` beside a received package has it."""

    sender: OrganCode = Field(alias="from")
    document_id: Short = Field(min_length=1)
    code: Short | None = None
    date: Short | None = None


class StaffWish(_Strict):
    """The clerk who acted."""

    name: Short | None = None
    department: Short | None = None
    email: Short | None = None
    phone: Short | None = None


class StatusWish(_Strict):
    """How a document fares at one of the DMS's organisations."""

    kind: Literal["status"]
    document: DocumentRef
    organ_id: OrganCode  # who says it
    status: Short = Field(min_length=1)  # a code, or a word of the options
    reason: Text = ""
    staff: StaffWish | None = None
    at: AwareDatetime | None = None  # None: when the file was written
    package_id: str | None = Field(default=None, pattern="^[0-9A-Z]{26}$")  # whose receipt this is too


class FileWish(_Strict):
    """One file of a document."""

    file: Annotated[str, Field(min_length=1, max_length=255)]  # its name beside the JSON file
    name: Annotated[str, Field(min_length=1, max_length=255)] | None = None  # as receivers see it
    description: Short | None = None
    media_type: Short | None = None
    sha256: str | None = Field(default=None, pattern="^[0-9a-fA-F]{64}$")


class SignerWish(_Strict):
    """Who signed, as text."""

    name: Short | None = None
    position: Short | None = None
    competence: Short | None = None


class ReplacedWish(_Strict):
    """One document that a replacement closes."""

    document_id: Short = Field(min_length=1)
    organ_ids: tuple[OrganCode, ...] = Field(default=(), max_length=5000)


class BusinessWish(_Strict):
    """What the package does; left out: it is a new document."""

    type: Literal["recall", "update", "replace"]
    document_id: Short | None = None
    reason: Text | None = None
    replaces: tuple[ReplacedWish, ...] = Field(default=(), max_length=100)


class DocumentWish(_Strict):
    """A document to be sent."""

    kind: Literal["document"]
    sender: PartyWish = Field(alias="from")
    to: tuple[PartyWish, ...] = Field(min_length=1, max_length=5000)
    document_id: Short | None = None  # None: made of sender, date and code
    number: Short
    notation: Short
    date: Day
    subject: Text
    place: Short | None = None
    content: Text | None = None
    type_name: Short | None = None  # Công văn, Quyết định …
    due_date: Day | None = None
    urgency: int = Field(default=0, ge=0, le=4)
    signer: SignerWish = SignerWish()
    response_for: tuple[DocumentRef, ...] = Field(default=(), max_length=100)
    business: BusinessWish | None = None
    files: tuple[FileWish, ...] = Field(default=(), max_length=500)


Wish = Annotated[DocumentWish | StatusWish, Field(discriminator="kind")]
_WISH: TypeAdapter[DocumentWish | StatusWish] = TypeAdapter(Wish)
_TYPES = {"recall": "1", "update": "2", "replace": "3"}


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
    code = words.get(wish.status.strip().casefold())
    if code is None:
        raise Malformed(Code.BAD_STATUS_CODE, f"{wish.status[:60]!r} is none of: {', '.join(words)}", at="status")
    staff = wish.staff
    header = edxml.StatusHeader(
        sender=edxml.Party(organ_id=wish.organ_id),
        response_for=_response_for(wish.document),
        staff=None
        if staff is None
        else edxml.StaffInfo(staff=staff.name, department=staff.department, email=staff.email, mobile=staff.phone),
        status_code=code.value,
        description=wish.reason or None,
        timestamp=write_timestamp(wish.at or written_at),
    )
    return to_bytes(edxml.StatusPackage(header=header))


def write_document(wish: DocumentWish, files: Sequence[Path], out: Path) -> None:
    """Write the document as an edXML package. files: the wish's, in order.

    Raises Malformed(HASH_MISMATCH, at the file), Malformed(FIELD_INVALID).
    """
    attachments = tuple(_attachment(number, *pair) for number, pair in enumerate(zip(wish.files, files, strict=True)))
    package = edxml.DocumentPackage(header=_header(wish), attachments=attachments)
    with out.open("wb") as file:
        write(package, file)


def _header(wish: DocumentWish) -> edxml.DocumentHeader:
    day = write_date(wish.date)
    return edxml.DocumentHeader(
        sender=edxml.Party(organ_id=wish.sender.organ_id, organ_name=wish.sender.name),
        receivers=tuple(edxml.Party(organ_id=one.organ_id, organ_name=one.name) for one in wish.to),
        document_id=wish.document_id or f"{wish.sender.organ_id},{day},{wish.number}/{wish.notation}",
        code=edxml.Code(code_number=wish.number, code_notation=wish.notation),
        promulgation=edxml.PromulgationInfo(place=wish.place, promulgation_date=day),
        document_type=edxml.DocumentType(type="2", type_name=wish.type_name)
        if wish.type_name
        else edxml.DocumentType(),
        subject=wish.subject,
        content=wish.content,
        signer=edxml.SignerInfo(
            full_name=wish.signer.name, position=wish.signer.position, competence=wish.signer.competence
        ),
        due_date=write_date(wish.due_date) if wish.due_date else None,
        other=edxml.OtherInfo(priority=str(wish.urgency)),
        response_for=tuple(_response_for(one) for one in wish.response_for),
        business=_business(wish.business),
    )


def _business(wish: BusinessWish | None) -> edxml.Business:
    if wish is None:
        return edxml.Business(business_doc_type="0")
    return edxml.Business(
        document_id=wish.document_id,
        business_doc_type=_TYPES[wish.type],
        business_doc_reason=wish.reason,
        replacements=tuple(
            edxml.ReplacementInfo(document_id=one.document_id, organ_ids=one.organ_ids) for one in wish.replaces
        ),
    )


def _response_for(ref: DocumentRef) -> edxml.ResponseFor:
    return edxml.ResponseFor(
        organ_id=ref.sender, code=ref.code, document_id=ref.document_id, promulgation_date=ref.date
    )


def _attachment(number: int, wish: FileWish, path: Path) -> edxml.Attachment:
    with path.open("rb") as file:
        sha256_hex = hashlib.file_digest(file, "sha256").hexdigest()
    if wish.sha256 is not None and wish.sha256.lower() != sha256_hex:
        raise Malformed(Code.HASH_MISMATCH, "the file is not the one that was hashed", at=_at(number))
    media_type = wish.media_type or "application/octet-stream"
    return edxml.Attachment(
        content_id=f"cid:{number + 1}-{sha256_hex[:16]}",
        name=wish.name or wish.file,
        description=wish.description,
        content_type=media_type,
        media_type=media_type,
        size_bytes=path.stat().st_size,
        sha256_hex=sha256_hex,
        identity_digest=sha256_hex,
        content=path,
    )
