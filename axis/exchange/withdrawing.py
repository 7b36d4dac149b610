"""What has not been handed over is withdrawn: the consignments of receivers for whom a document is closed.

Everything is guarded by what was read. A hand-over that comes first makes the write Stale, and the act is decided anew;
one that is under way meanwhile ends in the truth: the bytes are there, and the consignment is handed over after all.
A push under way keeps its queue row: its outcome, whatever it is, has to be recorded.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from axis.exchange.context import Context
from axis.exchange.parcel import partner_of
from axis.store import queries
from axis.store.hot import ActAnswered, Change, ConsignmentMoved, ConsignmentRaised, QueueDone, QueueRaised
from axis.store.records import ActReceiver, Consignment, QueueRow
from axis.terms import Answer, TransportState

_TO_PUSH = (TransportState.QUEUED, TransportState.RETRYING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What of a document and its updates has not been handed over, to anybody."""

    consignments: tuple[Consignment, ...] = ()
    siblings: tuple[Consignment, ...] = ()  # all consignments of the same packages, these included
    pushes: tuple[QueueRow, ...] = ()  # of the same packages
    open_answers: tuple[ActReceiver, ...] = ()  # that such an update still waits for


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """What is taken back: from whom, and the changes that do it."""

    receivers: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


def read_waiting(conn: Connection, document_uid: str) -> Waiting:
    """What waits of a document."""
    consignments = queries.withdrawable(conn, document_uid)
    if not consignments:
        return Waiting()
    packages = tuple(dict.fromkeys(consignment.package_id for consignment in consignments))
    return Waiting(
        consignments=consignments,
        siblings=queries.consignments_of(conn, packages),
        pushes=queries.pushes_of(conn, packages),
        open_answers=queries.open_answers_of(conn, packages),
    )


def withdraw(context: Context, waiting: Waiting, receivers: Collection[str], at: datetime) -> Withdrawn:
    """Take back what waits for these receivers."""
    taken = [c for c in waiting.consignments if c.receiver_organ in receivers]
    if not taken:
        return Withdrawn()
    moves = (
        ConsignmentMoved(consignment_id=c.consignment_id, was=c.state, becomes=TransportState.CANCELLED, at=at)
        for c in taken
    )
    packages = {(c.package_id, c.receiver_organ) for c in taken}
    closed = (
        ActAnswered(
            act_id=one.act_id, position=one.position, receiver_organ=one.receiver_organ, answer=Answer.WITHDRAWN, at=at
        )
        for one in waiting.open_answers
        if (one.package_id, one.receiver_organ) in packages
    )
    return Withdrawn(
        receivers=tuple(dict.fromkeys(c.receiver_organ for c in taken)),
        changes=(*moves, *closed, *_needless(context, waiting, taken, at)),
    )


def hurry(waiting: Waiting, receivers: Collection[str], urgency: int, at: datetime) -> tuple[Change, ...]:
    """What waits for these receivers becomes at least as urgent: a later package must not overtake it."""
    slower = [
        c
        for c in waiting.consignments
        if c.receiver_organ in receivers and c.urgency < urgency and c.state is not TransportState.DEAD
    ]
    packages = {c.package_id for c in slower}
    return (
        *(ConsignmentRaised(consignment_id=c.consignment_id, was=c.state, urgency=urgency) for c in slower),
        *(
            QueueRaised(queue_id=push.queue_id, fence=push.fence, urgency=urgency)
            for push in waiting.pushes
            if push.package_id in packages and push.urgency < urgency and _is_free(push, at)
        ),
    )


def _is_free(push: QueueRow, at: datetime) -> bool:
    return push.lease_until is None or push.lease_until <= at


def _needless(context: Context, waiting: Waiting, taken: Sequence[Consignment], at: datetime) -> list[QueueDone]:
    """Pushes that have nobody left to reach, and that nobody is at."""
    gone = {c.consignment_id for c in taken}
    touched = {c.package_id for c in taken}
    left = {
        (c.package_id, partner_of(context, c.receiver_organ, c.uplink_id))
        for c in waiting.siblings
        if c.state in _TO_PUSH and c.consignment_id not in gone
    }
    return [
        QueueDone(queue_id=push.queue_id, fence=push.fence)
        for push in waiting.pushes
        if push.package_id in touched and (push.package_id, push.partner_id) not in left and _is_free(push, at)
    ]
