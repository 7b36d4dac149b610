"""The queue of pushes to an uplink: what is due, who has claimed it.

A claim is a lease: when its holder dies, the row is due again after it. Each claim raises the row's fence, and
recording needs the fence, so that a claimer who was only slow cannot record over the next one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, literal_column, or_, select, update

from axis.store import schema
from axis.store.records import QueueRow
from axis.store.rows import Finder
from axis.store.schema import UtcMicros

_rows = Finder(QueueRow)
_TASKS = ("send", "ask")
_SEND: ColumnElement[str] = literal_column("'send'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits for an uplink."""

    to_send: int
    to_ask: int
    oldest_unsent_at: datetime | None  # since when the oldest unsent package waits


def claim(  # noqa: PLR0913 - plain words of one sentence
    conn: Connection, uplink_id: str, task: str, now: datetime, lease_until: datetime, limit: int
) -> tuple[QueueRow, ...]:
    """Take due rows that nobody holds, by urgency and age, with their new fence. A write unit."""
    t = schema.queue.c
    due: Select[Any] = (
        select(t.queue_id)
        .where(t.uplink_id == uplink_id, t.task == task, t.due_at <= now, _free(now), _in_order(task))
        .order_by(t.urgency.desc(), t.queue_id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=schema.queue)
    )
    ids = conn.scalars(due).all()
    if not ids:
        return ()
    conn.execute(update(schema.queue).where(t.queue_id.in_(ids)).values(lease_until=lease_until, fence=t.fence + 1))
    return _rows.all(conn, t.queue_id.in_(ids), order=(t.urgency.desc(), t.queue_id))


def has_due(conn: Connection, uplink_id: str, task: str, now: datetime) -> bool:
    """Whether `claim` would find anything now."""
    t = schema.queue.c
    due: Select[Any] = select(literal_column("1")).where(
        t.uplink_id == uplink_id, t.task == task, t.due_at <= now, _free(now), _in_order(task)
    )
    return conn.execute(due.limit(1)).first() is not None


def next_due(conn: Connection, uplink_id: str) -> datetime | None:
    """When `claim` finds the next row at the earliest (past: now), leases of others taken into account."""
    t = schema.queue.c
    moments = []
    for task in _TASKS:
        here = (t.uplink_id == uplink_id, t.task == task, _in_order(task))
        unclaimed = select(t.due_at).where(*here, t.lease_until.is_(None)).order_by(t.due_at).limit(1)
        later = case((t.lease_until > t.due_at, t.lease_until), else_=t.due_at)
        claimed = select(func.min(later, type_=UtcMicros())).where(*here, t.lease_until.is_not(None))
        moments += [conn.scalar(unclaimed), conn.scalar(claimed)]
    return min((moment for moment in moments if moment is not None), default=None)


def backlog(conn: Connection, uplink_id: str) -> Backlog:
    """How much waits for an uplink."""
    t = schema.queue.c
    counts = select(t.task, func.count(), func.min(t.queued_at, type_=UtcMicros())).where(t.uplink_id == uplink_id)
    found = {task: (count, oldest) for task, count, oldest in conn.execute(counts.group_by(t.task))}
    to_send, oldest = found.get("send", (0, None))
    return Backlog(to_send=to_send, to_ask=found.get("ask", (0, None))[0], oldest_unsent_at=oldest)


def _free(now: datetime) -> ColumnElement[bool]:
    return or_(schema.queue.c.lease_until.is_(None), schema.queue.c.lease_until <= now)


def _in_order(task: str) -> ColumnElement[bool]:
    """No older package of the same document still waits to be sent: a status never overtakes its document."""
    if task != "send":
        return literal_column("1") == literal_column("1")
    t = schema.queue.c
    mine, other = schema.package.alias("mine"), schema.package.alias("other")
    older = schema.queue.alias("older")
    return ~(
        select(literal_column("1"))
        .select_from(
            mine.join(other, other.c.document_uid == mine.c.document_uid).join(
                older, and_(older.c.package_id == other.c.package_id, older.c.uplink_id == t.uplink_id)
            )
        )
        .where(mine.c.package_id == t.package_id, older.c.task == _SEND, older.c.queue_id < t.queue_id)
        .correlate(schema.queue)
        .exists()
    )
