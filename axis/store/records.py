"""Rows as frozen values: one class per table, one field per column, in the columns' order (tested).

Of organisations the records are `Organ`, `Alias` and `FormerName` of `axis.organ.model`, the pure room.

The other rooms build and read these; SQL stays in this room.
"""

from dataclasses import dataclass
from datetime import datetime

from axis.terms import (
    ActEffect,
    ActKind,
    Answer,
    DeadlineKind,
    DeadlineStage,
    DeliveryState,
    DocumentState,
    EventKind,
    Origin,
    PackageKind,
    Place,
    TransportState,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A connected software that acts for organisations."""

    system_id: str
    name: str
    front: str
    enabled: bool
    may_register: bool
    created_at: datetime
    adapter: str | None = None
    options: str = "{}"
    secrets_encrypted: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One system serves one organisation, for a time."""

    service_id: str
    organ_id: str
    system_id: str
    priority: int  # 0 the primary system; others beside it have more
    valid_from: datetime
    valid_until: datetime | None = None  # the first moment at which it does not hold any more; None: no end is set


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRule:
    """The codes below a prefix go to one uplink, for a time."""

    rule_id: str
    prefix: str  # in canonical form; "*": every code that no other rule claims
    uplink_id: str
    valid_from: datetime
    valid_until: datetime | None = None
    note: str | None = None


def holds(one: Service | RouteRule, at: datetime | None) -> bool:
    """Whether a service or rule is in force at a moment; at none, nothing is."""
    return at is not None and one.valid_from <= at and (one.valid_until is None or at < one.valid_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySync:
    """How far we have followed the registry of another axis."""

    uplink_id: str
    level: int
    version: int
    synced_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One secret of a system, encrypted with the node's key."""

    credential_id: str
    system_id: str
    secret_encrypted: bytes
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token of the REST API; the bearer holds the text whose digest this is."""

    token_id: str
    system_id: str
    name: str
    token_sha256: str
    scopes: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswer:
    """The answer to a call with an Idempotency-Key; without a status the call is under way."""

    system_id: str
    idempotency_key: str
    request_sha256: str
    status: int | None
    body: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that a system sends in pieces."""

    upload_id: str
    system_id: str
    metadata: str  # as the client wrote it
    name: str
    size_bytes: int
    offset_bytes: int  # so much is durable
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where a system is told of its events."""

    webhook_id: str
    system_id: str
    url: str
    kinds: str  # joined by a space; "": all
    name: str
    secret_encrypted: bytes
    old_secret_encrypted: bytes | None
    old_until: datetime | None
    enabled: bool
    place: int  # of the last event that was taken
    attempts: int
    failing_since: datetime | None
    due_at: datetime
    last_status: int | None
    last_words: str
    last_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person's log-in to the console."""

    account_id: str
    username: str
    password_hash: str
    roles: str
    enabled: bool
    failures: int = 0
    locked_until: datetime | None = None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A console session; the cookie holds the token whose digest this is."""

    token_sha256: str
    account_id: str
    csrf_token: str
    created_at: datetime
    expires_at: datetime


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One check of one package; never changed, never replaced."""

    verdict_id: str
    package_id: str
    at: datetime
    cause: str
    overall: str
    content: str
    sha256_hex: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictEvidence:
    """Bytes that a verdict rests on."""

    verdict_id: str
    sha256_hex: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDue:
    """A package whose signatures have to be looked at (again)."""

    package_id: str
    cause: str
    due_at: datetime
    queued_at: datetime
    attempts: int = 0
    lease_until: datetime | None = None
    fence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedRow:
    """Evidence that has to be fetched."""

    need_id: str
    kind: str
    url: str
    certificate_sha256: str
    issuer_sha256: str
    first_at: datetime
    due_at: datetime
    attempts: int = 0
    lease_until: datetime | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """A CRL, an OCSP answer or an issuer's certificate that was fetched."""

    sha256_hex: str
    kind: str
    url: str
    certificate_sha256: str
    issuer_sha256: str
    this_update: datetime | None
    next_update: datetime | None
    fetched_at: datetime
    superseded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRow:
    """A certificate that the node has met."""

    sha256_hex: str
    content: bytes
    subject: str
    issuer: str
    serial_hex: str
    organ_code: str
    kind: str
    not_before: datetime
    not_after: datetime
    first_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeProof:
    """A timestamp over stored bytes."""

    sha256_hex: str
    token_sha256: str
    authority: str
    proven_at: datetime
    fetched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignaturePolicy:
    """How much the signatures of one sender matter ("*": of every other)."""

    organ_id: str
    envelope: str
    files: str
    fail_closed: bool
    issuers: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """A push that is due, or a question about one."""

    queue_id: str
    package_id: str
    partner_id: str
    task: str
    peer_ref: str | None
    urgency: int
    document_uid: str | None = None
    lane: str = ""
    queued_at: datetime
    due_at: datetime
    attempts: int = 0
    lease_until: datetime | None = None
    fence: int = 0
    delayed_at: datetime | None = None
    held_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerState:
    """What was last told of a partner."""

    partner_id: str
    state: str
    since: datetime
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Downtime:
    """A partner is not called meanwhile."""

    downtime_id: str
    partner_id: str
    starts_at: datetime
    ends_at: datetime
    reason: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What is held back; each of the three that is None says nothing."""

    hold_id: str
    sender: str | None
    receiver: str | None
    partner_id: str | None
    starts_at: datetime
    ends_at: datetime | None
    reason: str
    actor: str

    def holds_at(self, at: datetime) -> bool:
        """Whether it holds anything back at a moment."""
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """Something that a receiver owes by a time limit."""

    delivery_id: str
    kind: DeadlineKind
    document_uid: str
    from_organ: str
    receiver_organ: str
    came_at: datetime
    due_at: datetime
    stage: DeadlineStage
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """A mark: something has happened to a document and all its deliveries, or to one delivery.

    touch_id is the database's.
    """

    document_uid: str | None = None
    delivery_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """Work that runs on one node at a time."""

    name: str
    slot: int
    fence: int
    lease_until: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What comparing a day with a partner has come to."""

    partner_id: str
    day: str
    at: datetime
    state: str
    ours_up: int | None
    theirs_up: int | None
    ours_down: int | None
    theirs_down: int | None
    differing: int
    findings: str
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """One line of the audit trail."""

    audit_id: str
    at: datetime
    kind: str
    actor: str
    fields: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemEvent:
    """Something that a connected system is told (its place in the system's feed is the database's)."""

    event_id: str
    system_id: str
    kind: EventKind
    at: datetime
    document_uid: str | None
    package_id: str | None
    organ_id: str | None
    fields: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierParty:
    """A system that files are carried to and from, by its public keys."""

    system_id: str
    encryption_key: bytes
    signing_key: bytes
    last_sequence: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierBundle:
    """A file that was packed, or taken."""

    manifest_sha256: str
    system_id: str
    direction: str
    sequence: int
    packages: int
    created_at: datetime
    expires_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceRow:
    """A mail server's report about a mail of ours."""

    sha256_hex: str
    package_id: str
    organ_id: str
    at: datetime
    fate: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailNotice:
    """How far a mailbox has been told."""

    system_id: str
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One unsequenced evidence leaf (leaf_id and seq are the database's)."""

    kind: str
    at: datetime
    data: bytes
    leaf_hash: bytes


Row = (
    Blob
    | Document
    | Package
    | Attachment
    | Original
    | Delivery
    | Consignment
    | Act
    | ActTarget
    | ActReceiver
    | DocumentChange
    | StatusEvent
    | Verdict
    | VerdictEvidence
    | CheckDue
    | NeedRow
    | CertificateRow
    | QueueRow
    | Touch
    | Audit
    | SystemEvent
    | CourierBundle
    | BounceRow
    | Leaf
)
"""What a hot write may insert."""
