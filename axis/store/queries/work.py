"""The queue of pushes to an uplink: what is due, who has claimed it.

A claim is a lease: when its holder dies, the row is due again after it. Each claim raises the row's fence, and
recording needs the fence, so that a claimer who was only slow cannot record over the next one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)

from axis.store import schema
from axis.store.records import QueueRow
from axis.store.rows import Query
from axis.store.schema import UtcMicros

_SEND, _ASK = "send", "ask"
_t = schema.queue.c
_CLAIM_ORDER = (_t.urgency.desc(), _t.queue_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits for an uplink."""

    to_send: int
    to_ask: int
    oldest_unsent_at: datetime | None  # since when the oldest unsent package waits


def _in_order(task: str) -> ColumnElement[bool]:
    """No older package of the same document still waits to be sent: a status never overtakes its document."""
    if task != _SEND:
        return true()
    mine, other = schema.package.alias("mine"), schema.package.alias("other")
    older = schema.queue.alias("older")
    of_document = mine.join(other, other.c.document_uid == mine.c.document_uid).join(
        older, and_(older.c.package_id == other.c.package_id, older.c.uplink_id == _t.uplink_id)
    )
    return ~(
        select(literal_column("1"))
        .select_from(of_document)
        .where(mine.c.package_id == _t.package_id, older.c.task == _SEND, older.c.queue_id < _t.queue_id)
        .correlate(schema.queue)
        .exists()
    )


def _of_task(task: str) -> tuple[ColumnElement[bool], ...]:
    return _t.uplink_id == bindparam("uplink_id"), _t.task == task, _in_order(task)


def _due(task: str) -> Select[Any]:
    """Ids of rows that may be claimed."""
    now = bindparam("now", type_=UtcMicros())
    return select(_t.queue_id).where(
        *_of_task(task), _t.due_at <= now, or_(_t.lease_until.is_(None), _t.lease_until <= now)
    )


def _to_claim(task: str) -> Select[Any]:
    due = _due(task).order_by(*_CLAIM_ORDER).limit(bindparam("limit"))
    return due.with_for_update(skip_locked=True, of=schema.queue)


def _next(task: str) -> tuple[Select[Any], Select[Any]]:
    """The moment at which a row can be claimed next: of those that nobody holds, of those that somebody does."""
    later = case((_t.lease_until > _t.due_at, _t.lease_until), else_=_t.due_at)
    free = select(_t.due_at).where(*_of_task(task), _t.lease_until.is_(None)).order_by(_t.due_at).limit(1)
    held = select(func.min(later, type_=UtcMicros())).where(*_of_task(task), _t.lease_until.is_not(None))
    return free, held


_claims = {task: _to_claim(task) for task in (_SEND, _ASK)}
_any_due = {task: _due(task).limit(1) for task in (_SEND, _ASK)}
_next_moments = (*_next(_SEND), *_next(_ASK))
_claimed = Query(QueueRow, _t.queue_id.in_(bindparam("ids", expanding=True)), order=_CLAIM_ORDER)
_counts = (
    select(_t.task, func.count(), func.min(_t.queued_at, type_=UtcMicros()))
    .where(_t.uplink_id == bindparam("uplink_id"))
    .group_by(_t.task)
)


def claim(  # noqa: PLR0913, PLR0917 - plain words of one sentence
    conn: Connection, uplink_id: str, task: str, now: datetime, lease_until: datetime, limit: int
) -> tuple[QueueRow, ...]:
    """Take due rows that nobody holds, by urgency and age, with their new fence. A write unit."""
    ids = conn.scalars(_claims[task], {"uplink_id": uplink_id, "now": now, "limit": limit}).all()
    if not ids:
        return ()
    conn.execute(update(schema.queue).where(_t.queue_id.in_(ids)).values(lease_until=lease_until, fence=_t.fence + 1))
    return _claimed.all(conn, ids=ids)


def has_due(conn: Connection, uplink_id: str, task: str, now: datetime) -> bool:
    """Whether `claim` would find anything now."""
    return conn.execute(_any_due[task], {"uplink_id": uplink_id, "now": now}).first() is not None


def next_due(conn: Connection, uplink_id: str) -> datetime | None:
    """When `claim` finds the next row at the earliest (past: now), leases of others taken into account."""
    moments = [conn.scalar(statement, {"uplink_id": uplink_id}) for statement in _next_moments]
    return min((moment for moment in moments if moment is not None), default=None)


def backlog(conn: Connection, uplink_id: str) -> Backlog:
    """How much waits for an uplink."""
    found = {task: (count, oldest) for task, count, oldest in conn.execute(_counts, {"uplink_id": uplink_id})}
    to_send, oldest = found.get(_SEND, (0, None))
    return Backlog(to_send=to_send, to_ask=found.get(_ASK, (0, None))[0], oldest_unsent_at=oldest)
