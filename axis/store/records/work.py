"""What is to be done, what was counted, and the record."""

from dataclasses import dataclass
from datetime import datetime

from axis.terms import DeadlineKind, DeadlineStage, EventKind


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
class BulkAct:
    """What an operator does to many consignments."""

    bulk_id: str
    at: datetime
    actor: str
    act: str
    target: str | None
    reason: str
    asked: str
    total: int
    changed: int = 0
    missed: int = 0
    place: str = ""
    ended_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerMinute:
    """How calls of a partner went in one minute."""

    partner_id: str
    minute: datetime
    calls: int
    failures: int
    total_ms: int
    most_ms: int
    success_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerFailure:
    """A call of a partner that failed."""

    failure_id: str
    partner_id: str
    at: datetime
    task: str
    package_id: str
    took_ms: int
    words: str
    request: str
    reply: str


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
class Maintenance:
    """The node only reads, for now."""

    id: int = 1
    since: datetime
    until: datetime | None
    reason: str
    actor: str


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
class StoredContent:
    """How much content lay in one place when it was last counted."""

    place: str  # database | files
    blobs: int
    size_bytes: int
    counted_at: datetime


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
