"""What came in: documents, packages, acts, deliveries, statuses."""

from dataclasses import dataclass
from datetime import datetime

from axis.terms import (
    ActEffect,
    ActKind,
    Answer,
    DeliveryState,
    DocumentState,
    Origin,
    PackageKind,
    Place,
    TransportState,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Bytes by their digest; content is None when they lie in a file."""

    sha256_hex: str
    size_bytes: int
    content: bytes | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The business thing a package carries."""

    document_uid: str
    from_organ: str
    document_key: str
    edition: int
    document_id: str
    identity: str
    header_digest: str
    package_id: str
    business_type: int
    code_key: str | None
    code: str | None
    promulgation_date: str | None
    same_code_no: int
    subject: str | None
    type_name: str | None
    sender_name: str | None
    urgency: int
    due_date: str | None
    origin: Origin
    source_system: str
    received_at: datetime
    flags: str
    verdict: str | None = None
    sent_due_at: datetime | None = None
    state: DocumentState = DocumentState.OPEN
    version: int = 0
    particulars: str | None = None
    folded: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The exact bytes that came in, and what they are."""

    package_id: str
    sha256_hex: str
    size_bytes: int
    kind: PackageKind
    business_type: int | None
    document_uid: str | None
    from_organ: str
    from_raw: str
    document_id: str
    code: str | None
    subject: str | None
    urgency: int
    origin: Origin
    source_system: str
    received_at: datetime
    findings: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One file of a package."""

    package_id: str
    position: int
    name: str
    media_type: str
    size_bytes: int
    sha256_hex: str
    zipped_by_client: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """What a package was made from, where it did not come as edXML of QCVN 102: as received, secrets blanked."""

    package_id: str
    sha256_hex: str
    size_bytes: int
    form: str
    converted_by: str
    source_system: str
    received_at: datetime
    findings: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Document × receiver: the processing status, and what the sender did since."""

    delivery_id: str
    document_uid: str
    receiver_organ: str
    addressed_as: str
    receiver_name: str | None
    place: Place
    status_code: str | None = None
    status_at: datetime | None = None
    version: int = 0
    created_at: datetime
    receipt_due_at: datetime | None = None
    acceptance_due_at: datetime | None = None
    completion_due_at: datetime | None = None
    state: DeliveryState = DeliveryState.OPEN
    state_at: datetime | None = None
    act_id: str | None = None
    forwarded_from: str | None = None
    returned_at: datetime | None = None
    return_reason: str | None = None
    from_organ: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consignment:
    """Package × receiver: the transport state."""

    consignment_id: str
    package_id: str
    receiver_organ: str
    delivery_id: str | None
    place: Place
    uplink_id: str | None
    state: TransportState
    urgency: int
    queued_at: datetime
    handed_over_at: datetime | None = None
    acknowledged_at: datetime | None = None
    fetched: int = 0
    failures: int = 0
    visible_at: datetime | None = None
    last_error: str | None = None
    handed_to: str | None = None
    kind: PackageKind
    behind: str | None = None
    expired_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A recall, update, replacement, or request to take back."""

    act_id: str
    package_id: str
    identity: str
    kind: ActKind
    from_organ: str
    reason: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ActTarget:
    """One of the documents that an act names."""

    act_id: str
    position: int
    document_key: str
    document_uid: str | None
    effect: ActEffect


@dataclass(frozen=True, slots=True, kw_only=True)
class ActReceiver:
    """One receiver of an act, for one of the documents that it names; and its answer."""

    act_id: str
    position: int
    receiver_organ: str
    answer: Answer | None = None
    answered_at: datetime | None = None
    package_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChange:
    """One text of a document's header that an update changed."""

    act_id: str
    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEvent:
    """One status package, and what it did."""

    event_id: str
    package_id: str
    document_uid: str | None
    delivery_id: str | None
    act_id: str | None
    from_organ: str
    to_organ: str
    status_code: str
    raw_code: str
    description: str | None
    department: str | None
    staff: str | None
    reported_at: str | None
    received_at: datetime
    effect: str
    match_document_key: str | None = None
    match_code_key: str | None = None
    match_date: str | None = None
