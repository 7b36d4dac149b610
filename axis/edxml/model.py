"""What an edXML package says, as frozen values.

Text is trimmed; an absent element is None, an empty one "". Nothing here judges: that is `rules`.
The exact bytes of a package live elsewhere and are never rebuilt from these values.

Norm: QCVN 102:2016/BTTTT.
"""

from dataclasses import dataclass, field
from pathlib import Path

from axis.terms import PackageKind

NAMESPACE = "http://www.mic.gov.vn/TBT/QCVN_102_2016"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """From or To: an organisation as the package names it."""

    organ_id: str  # the code as it came, trimmed
    organization_in_charge: str | None = None  # the body above it
    organ_name: str | None = None
    organ_add: str | None = None  # postal address
    email: str | None = None
    telephone: str | None = None
    fax: str | None = None
    website: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Số và ký hiệu văn bản: number and notation."""

    code_number: str | None = None
    code_notation: str | None = None

    @property
    def text(self) -> str:
        """`number/notation`, as ResponseFor/Code writes it; "" when both are absent."""
        return "/".join(part for part in (self.code_number, self.code_notation) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromulgationInfo:
    """Where and when the document was issued."""

    place: str | None = None
    promulgation_date: str | None = None  # as it came; `dates.read_date` makes a date of it


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentType:
    """Type 1 quy phạm pháp luật, 2 hành chính; type_name is the form (Công văn, Quyết định …)."""

    type: str | None = None
    type_detail: str | None = None
    type_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerInfo:
    """Who signed, as text; what the signatures prove is another matter."""

    competence: str | None = None  # TL., KT., TM. …
    position: str | None = None
    full_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherInfo:
    """Administrative particulars."""

    priority: str | None = None  # 0 thường … 4 hỏa tốc hẹn giờ
    sphere_of_promulgation: str | None = None
    typer_notation: str | None = None
    promulgation_amount: str | None = None
    page_amount: str | None = None
    direction: str | None = None
    appendixes: tuple[str, ...] = ()
    reply_fors: str | None = None
    reference_codes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseFor:
    """An earlier document that this package answers or acts on."""

    organ_id: str | None = None
    code: str | None = None  # one text, number/notation
    document_id: str | None = None
    promulgation_date: str | None = None

    @property
    def is_empty(self) -> bool:
        """Real packages carry `<ResponseFor/>` and blank fields; such a one says nothing."""
        return not (self.organ_id or self.code or self.document_id or self.promulgation_date)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffInfo:
    """The clerk who acted. Personal: shown to those who may see the document, never logged."""

    department: str | None = None
    department_id: str | None = None
    staff: str | None = None
    staff_id: str | None = None
    email: str | None = None
    mobile: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """One line of an update's ReceiverList: receiver_type 0 = added, 1 = removed (as the samples have it)."""

    organ_id: str | None = None
    receiver_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessDocumentInfo:
    """What an update changes: "1" in a field says that part changed."""

    document_info: str | None = None
    document_receiver: str | None = None
    receivers: tuple[Receiver, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementInfo:
    """One document that a replacement closes, for the listed organisations."""

    document_id: str | None = None
    organ_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """Bussiness (sic): what the package does. Written with the norm's spelling, read in both."""

    document_id: str | None = None
    business_doc_type: str | None = None  # as it came; absent means "0"
    business_doc_reason: str | None = None
    paper: str | None = None  # 0 electronic only, 1 paper follows
    document_info: BusinessDocumentInfo | None = None
    replacements: tuple[ReplacementInfo, ...] = ()
    staff: StaffInfo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceHeader:
    """A hop that some system wrote into the package. A hint only."""

    organ_id: str | None = None
    timestamp: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong or odd that does not by itself refuse the package (tolerant mode)."""

    code: str  # a stable word, e.g. "missing_business", "date_impossible"
    at: str  # element path, e.g. "edXMLHeader/MessageHeader/DueDate"
    message: str  # one English sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One file, matched from the manifest and AttachmentEncoded by its ContentId.

    content: the decoded file: bytes when small, else a path in the caller's spool directory, which the caller
    removes; None when the reader was asked only to measure.
    identity_digest: what counts when two packages are compared: the file's own SHA-256, or for a ZIP that
    the sending client made (application/zip under a name that does not end in .zip) a digest over the digests of
    its entries, since their names and times are random.
    """

    content_id: str
    name: str  # AttachmentName: shown, never used as a path
    description: str | None = None
    content_type: str | None = None  # as declared
    media_type: str  # by magic bytes; of the inner file where the client zipped it
    size_bytes: int  # decoded
    sha256_hex: str  # of the decoded bytes
    identity_digest: str
    zipped_by_client: bool = False
    content: bytes | Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentHeader:
    """MessageHeader and TraceHeaderList of a document package."""

    sender: Party  # From
    receivers: tuple[Party, ...]  # To, in order
    document_id: str
    code: Code = field(default_factory=Code)
    promulgation: PromulgationInfo = field(default_factory=PromulgationInfo)
    document_type: DocumentType = field(default_factory=DocumentType)
    subject: str | None = None
    content: str | None = None
    signer: SignerInfo = field(default_factory=SignerInfo)
    due_date: str | None = None
    other: OtherInfo = field(default_factory=OtherInfo)
    response_for: tuple[ResponseFor, ...] = ()
    tasks: tuple[str, ...] = ()  # ResponseForTask/TaskCode
    steering_type: str | None = None  # 0 none, 1 steering, 2 report
    application_type: str | None = None
    to_places: tuple[str, ...] = ()
    traces: tuple[TraceHeader, ...] = ()
    business: Business | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusHeader:
    """MessageHeader of a status package; response_for.organ_id is whom the status goes to."""

    sender: Party  # From
    response_for: ResponseFor
    staff: StaffInfo | None = None
    status_code: str  # as it came; `rules.status_code` normalises "1" to "01"
    description: str | None = None
    timestamp: str | None = None  # theirs; never used for order


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPackage:
    """A document package: header, files in manifest order, and what was found odd."""

    header: DocumentHeader
    attachments: tuple[Attachment, ...] = ()
    findings: tuple[Finding, ...] = ()
    has_signature: bool = False  # some Signature element stands in the header, of whatever worth
    kind: PackageKind = PackageKind.DOCUMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPackage:
    """A status package."""

    header: StatusHeader
    findings: tuple[Finding, ...] = ()
    has_signature: bool = False
    kind: PackageKind = PackageKind.STATUS


Package = DocumentPackage | StatusPackage


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what the reader takes from a stranger."""

    package_bytes: int = 1 << 30
    skeleton_bytes: int = 8 << 20  # the package without the files' base64 text
    depth: int = 64
    elements: int = 200_000
    receivers: int = 5_000
    attachments: int = 500
    attachment_bytes: int = 1 << 30  # decoded, one file
    unzipped_bytes: int = 1 << 30  # per package, over all client-made ZIPs
    unzip_ratio: int = 200
    zip_entries: int = 100
    leading_junk_bytes: int = 1024  # tolerated before `<?xml`
