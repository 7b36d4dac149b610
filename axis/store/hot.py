"""Hot writes as values: what to insert and what to change.

A use case decides on what it has read, and hands the writer a `Hot`. The writer runs many of them in one transaction,
one `executemany` per table. The constraints and the guards below are the checks: if a row exists already or a change
does not hit exactly one row, the world has moved since it was read, the unit gets `Stale`, and the use case
reads and decides again. Within one write, all rows are inserted before anything is changed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from axis.store.records import Delivery, Document, Row
from axis.terms import ActEffect, Answer, DeliveryState, DocumentState, Place, TransportState


class Stale(Exception):
    """A concurrent write came first: not an error, the caller reads again and decides anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStatus:
    """The status of a delivery becomes `status_code`; guarded by the version that was read."""

    delivery_id: str
    version: int  # as read; becomes version + 1
    status_code: str | None
    status_at: datetime | None

    @classmethod
    def untouched(cls, delivery: Delivery) -> Self:
        """The delivery as it was read: what is decided on it is Stale when somebody has changed it meanwhile."""
        return cls(
            delivery_id=delivery.delivery_id,
            version=delivery.version,
            status_code=delivery.status_code,
            status_at=delivery.status_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReturned:
    """A delivery counts as given back, or (None) no more; guarded by being there, and in its write by its status."""

    delivery_id: str
    returned_at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsignmentMoved:
    """A consignment goes from one transport state to another; guarded by the state that was read.

    Sets handed_over_at or acknowledged_at when it comes to that state for the first time; a hand-over raises `fetched`
    too (from handed_over to handed_over: fetched again). It is visible at once; one that is queued again starts
    with no failures.
    """

    consignment_id: str
    was: TransportState
    becomes: TransportState
    at: datetime
    handed_to: str | None = None  # the system that has fetched it; kept of the first time


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsignmentFailed:
    """A hand-over failed: `failures` rises, and it is listed or pushed again from `visible_at` on."""

    consignment_id: str
    was: TransportState
    becomes: TransportState  # retrying, or dead
    visible_at: datetime | None
    last_error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsignmentExpired:
    """A consignment that nobody fetched is dead; guarded by its state, and by its not having expired before."""

    consignment_id: str
    was: TransportState
    at: datetime
    last_error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsignmentRerouted:
    """A consignment goes another way, from the start; guarded by its state and by the way that was read."""

    consignment_id: str
    was: TransportState
    was_place: Place
    place: Place
    uplink_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsignmentRaised:
    """A consignment becomes more urgent; guarded by its state."""

    consignment_id: str
    was: TransportState
    urgency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRaised:
    """A push that nobody is at becomes more urgent; guarded by its fence."""

    queue_id: str
    fence: int
    urgency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryMoved:
    """The sender's act, or the receiver's answer to it, changes what a delivery is; guarded by the state as read.

    Raises the delivery's version: a status that was judged by the state before is judged anew.
    """

    delivery_id: str
    was: DeliveryState
    becomes: DeliveryState
    act_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRevised:
    """An act, or a further receiver, makes of a document what it is from now on; guarded by the version as read."""

    document_uid: str
    version: int  # as read; becomes version + 1
    state: DocumentState
    subject: str | None
    type_name: str | None
    urgency: int
    due_date: str | None
    particulars: str | None
    folded: str

    @classmethod
    def of(cls, document: Document, state: DocumentState) -> Self:
        """The document with its texts as they are."""
        return cls(
            document_uid=document.document_uid,
            version=document.version,
            state=state,
            subject=document.subject,
            type_name=document.type_name,
            urgency=document.urgency,
            due_date=document.due_date,
            particulars=document.particulars,
            folded=document.folded,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ActAnswered:
    """A receiver answers an open act, or nobody has to any more; guarded by its being open."""

    act_id: str
    position: int
    receiver_organ: str
    answer: Answer
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ActTargetFound:
    """A document that an act names has come, and a repeat of the act applies to it; guarded by its being unknown."""

    act_id: str
    position: int
    document_uid: str
    effect: ActEffect


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanMatched:
    """An orphan status has found its document; guarded by its being an orphan."""

    event_id: str
    document_uid: str
    delivery_id: str | None
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFlagged:
    """A document's flags become `flags`; guarded by what they were."""

    document_uid: str
    was: str
    flags: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentJudged:
    """The latest verdict on a document's package is `verdict`."""

    document_uid: str
    verdict: str
    sent_due_at: datetime | None = None  # by when it had to be sent, as its signatures tell; None: as known


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingsGone:
    """What earlier verdicts found of a document is found no more; guarded by nothing, since there may be nothing."""

    document_uid: str
    verdict_id: str  # whose findings take their place
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMoved:
    """The claimer of a due check puts it off; guarded by its fence."""

    package_id: str
    fence: int
    cause: str
    due_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDone:
    """The claimer of a due check removes it; guarded by its fence."""

    package_id: str
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMoved:
    """The claimer of a queue row puts it back (another task, or later); guarded by its fence."""

    queue_id: str
    fence: int
    task: str
    peer_ref: str | None
    due_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueHeld:
    """The claimer of a queue row finds it held back: it loses no try; guarded by its fence."""

    queue_id: str
    fence: int
    held_by: str
    due_at: datetime  # when to look again


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDelayed:
    """The sender of a queue row's package is told that it is delayed; guarded by its not having been told."""

    queue_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDone:
    """The claimer of a queue row removes it; guarded by its fence."""

    queue_id: str
    fence: int


Change = (
    DeliveryStatus
    | DeliveryReturned
    | ConsignmentMoved
    | ConsignmentFailed
    | ConsignmentExpired
    | ConsignmentRerouted
    | ConsignmentRaised
    | QueueRaised
    | DeliveryMoved
    | DocumentRevised
    | ActAnswered
    | ActTargetFound
    | OrphanMatched
    | DocumentFlagged
    | DocumentJudged
    | FindingsGone
    | CheckMoved
    | CheckDone
    | QueueMoved
    | QueueHeld
    | QueueDelayed
    | QueueDone
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hot:
    """One use case's write. All of it happens, or none."""

    inserts: tuple[Row, ...] = ()
    changes: tuple[Change, ...] = ()
