"""What is held back: by sender, receiver or partner, until the rule is removed or has ended.

A package goes to a system or an axis as one: if it is held for one of its receivers there, it waits for all of them.
A rule that has ended stays as a row: the time that something was held counts for nobody's patience.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, insert, literal_column, or_, select, update

from axis.errors import Code, NotFound
from axis.store import schema
from axis.store.configuration import record
from axis.store.records import Hold
from axis.store.rows import Query, values_of
from axis.store.schema import UtcMicros
from axis.terms import PENDING, Place

_h = schema.hold.c
_now = bindparam("now", type_=UtcMicros())
_holds = Query(Hold, order=(_h.starts_at, _h.hold_id))
_active = Query(
    Hold, _h.starts_at <= _now, or_(_h.ends_at.is_(None), _h.ends_at > _now), order=(_h.starts_at, _h.hold_id)
)
_since = Query(
    Hold, or_(_h.ends_at.is_(None), _h.ends_at > bindparam("since", type_=UtcMicros())), order=(_h.starts_at,)
)


def add_hold(conn: Connection, hold: Hold) -> None:
    """From its beginning on, what it says is held back. A write unit."""
    conn.execute(insert(schema.hold).values(values_of(hold)))
    fields = {
        "hold": hold.hold_id,
        "sender": hold.sender,
        "receiver": hold.receiver,
        "partner": hold.partner_id,
        "until": hold.ends_at.isoformat() if hold.ends_at else None,
        "reason": hold.reason,
    }
    record(conn, hold.starts_at, hold.actor, "hold_added", fields)


def remove_hold(conn: Connection, hold_id: str, at: datetime, actor: str, reason: str) -> None:
    """It holds nothing any more, and the pushes that waited for it are due. A write unit. Raises NotFound."""
    ended = update(schema.hold).where(_h.hold_id == hold_id, or_(_h.ends_at.is_(None), _h.ends_at > at))
    if not conn.execute(ended.values(ends_at=at)).rowcount:
        raise NotFound(Code.NOT_FOUND, f"no hold {hold_id} that has not ended")
    q = schema.queue.c
    conn.execute(update(schema.queue).where(q.held_by == hold_id).values(due_at=at, held_by=None))
    record(conn, at, actor, "hold_removed", {"hold": hold_id, "reason": reason})


def holds(conn: Connection) -> tuple[Hold, ...]:
    """All of them, by their beginning; also those that have ended."""
    return _holds.all(conn)


def active_holds(conn: Connection, now: datetime) -> tuple[Hold, ...]:
    """Those that hold something back now."""
    return _active.all(conn, now=now)


def holds_since(conn: Connection, since: datetime) -> tuple[Hold, ...]:
    """Those that have held at some time since then."""
    return _since.all(conn, since=since)


def find_hold(found: Sequence[Hold], sender: str, receivers: Collection[str], partner_id: str | None) -> Hold | None:
    """The first of them that holds a package back on its way to a partner."""
    return next((one for one in found if concerns(one, sender, receivers, partner_id)), None)


def concerns(hold: Hold, sender: str, receivers: Collection[str], partner_id: str | None) -> bool:
    """Whether a hold is about a package that goes to these receivers by this partner."""
    return (
        hold.sender in (None, sender)
        and (hold.receiver is None or hold.receiver in receivers)
        and hold.partner_id in (None, partner_id)
    )


def is_held(of: Any, system_id: ColumnElement[Any]) -> ColumnElement[bool]:  # noqa: ANN401 - the table or an alias
    """Whether the package of a consignment is held back that waits for a system; for statements that know `now`."""
    waiting, route = schema.consignment.alias("held_consignment"), schema.route.alias("held_route")
    package, hold = schema.package.alias("held_package"), schema.hold.alias("holding")
    c, r, p = waiting.c, route.c, package.c
    joined = (
        waiting.join(route, r.organ_id == c.receiver_organ)
        .join(package, p.package_id == c.package_id)
        .join(hold, matches(hold.c, p.from_organ, c.receiver_organ, r.system_id))
    )
    return (
        select(literal_column("1"))
        .select_from(joined)
        .where(
            c.package_id == of.c.package_id,
            c.place == Place.LOCAL.value,
            c.state.in_([state.value for state in PENDING]),
            r.system_id == system_id,
        )
        .correlate(of)
        .exists()
    )


def matches(
    hold: Any,  # noqa: ANN401 - the columns of an alias of the table
    sender: ColumnElement[str],
    receiver: ColumnElement[str],
    partner_id: ColumnElement[Any],
) -> ColumnElement[bool]:
    """Whether a row of the table holds something back now; for statements that know `now`."""
    return and_(
        hold.starts_at <= _now,
        or_(hold.ends_at.is_(None), hold.ends_at > _now),
        or_(hold.sender.is_(None), hold.sender == sender),
        or_(hold.receiver.is_(None), hold.receiver == receiver),
        or_(hold.partner_id.is_(None), hold.partner_id == partner_id),
    )
