"""The feeds of events: one for each connected system, read by place, in the order in which they became visible.

Ids are made before their transaction commits, and several nodes write at once: who went on from the last id seen would
miss a smaller one that commits later. So a reading first gives every visible event without a place the next places
of its system's feed, under a lock; what commits later gets a later place. A place is also a moment (microseconds since
1970), so that it never goes back, even when all earlier events have been forgotten.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Integer, bindparam, delete, func, insert, select, update

from axis.store import schema
from axis.store.records import SystemEvent
from axis.store.rows import columns_of, record_reader, values_of
from axis.store.schema import to_micros

_t = schema.system_event.c
_columns, _read = columns_of(SystemEvent), record_reader(SystemEvent)
_of_system = _t.system_id == bindparam("of_system")
_has_unplaced = select(_t.event_id).where(_of_system, _t.place.is_(None)).limit(1)
_unplaced = select(_t.event_id).where(_of_system, _t.place.is_(None)).order_by(_t.event_id).limit(bindparam("limit"))
_last_place = select(func.max(_t.place)).where(_of_system)
_lock = (
    select(schema.system.c.system_id)
    .where(schema.system.c.system_id == bindparam("of_system"))
    .with_for_update(key_share=True)
)
# One reader at a time gives places, so that they are seen in their order. Inserting events does not wait for it.
_give_place = update(schema.system_event).where(_t.event_id == bindparam("of")).values(place=bindparam("given"))
_after = (
    select(_t.place, *_columns)
    .where(_of_system, _t.place > bindparam("after"))
    .order_by(_t.place)
    .limit(bindparam("limit", type_=Integer()))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedEvent:
    """An event and its place in the feed: whoever has it goes on from there."""

    place: int
    event: SystemEvent


def record_events(conn: Connection, events: Iterable[SystemEvent]) -> None:
    """What systems are told by work that is no hot write. Part of a write unit."""
    rows = [values_of(event) for event in events]
    if rows:
        conn.execute(insert(schema.system_event), rows)


def has_unplaced_events(conn: Connection, system_id: str) -> bool:
    """Whether `place_events` would find anything."""
    return conn.execute(_has_unplaced, {"of_system": system_id}).first() is not None


def place_events(conn: Connection, system_id: str, now: datetime, limit: int) -> int:
    """Give the oldest events that have none, at most `limit`, the next places of the feed. A write unit.

    Returns how many there were.
    """
    conn.execute(_lock, {"of_system": system_id}).all()
    found = conn.scalars(_unplaced, {"of_system": system_id, "limit": limit}).all()
    if not found:
        return 0
    last = conn.scalar(_last_place, {"of_system": system_id}) or 0
    first = max(last + 1, to_micros(now))
    conn.execute(_give_place, [{"of": event_id, "given": first + number} for number, event_id in enumerate(found)])
    return len(found)


def events_after(conn: Connection, system_id: str, after: int, limit: int) -> tuple[PlacedEvent, ...]:
    """What a system is told, from after a place on, in order; only what `place_events` has placed."""
    rows = conn.execute(_after, {"of_system": system_id, "after": after, "limit": limit})
    return tuple(PlacedEvent(place=row[0], event=_read(row[1:])) for row in rows)


def forget_events(conn: Connection, before: datetime, limit: int) -> int:
    """Remove events older than `before`, at most `limit`. Returns how many there were. A write unit."""
    old = select(_t.event_id).where(_t.at < before).limit(limit)
    return conn.execute(delete(schema.system_event).where(_t.event_id.in_(old))).rowcount
