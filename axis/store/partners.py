"""What is told of partners, and when they are not to be called.

The word of a partner (up, down) is changed by whoever notices first, so that several processes say it once. All
functions that change something are write units.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from axis.errors import Code, NotFound
from axis.store import schema
from axis.store.configuration import record
from axis.store.records import Downtime, PartnerState, SystemEvent
from axis.store.rows import Query, values_of

UP, DOWN = "up", "down"

_t, _d = schema.partner.c, schema.downtime.c
_states = Query(PartnerState, order=(_t.partner_id,))
_now = bindparam("now", type_=schema.UtcMicros())
_downtimes = Query(Downtime, _d.ends_at > _now, order=(_d.starts_at, _d.downtime_id))
_of_partner = Query(
    Downtime,
    _d.partner_id == bindparam("partner_id"),
    _d.ends_at > bindparam("since", type_=schema.UtcMicros()),
    order=(_d.starts_at,),
)
_current = Query(Downtime, _d.starts_at <= _now, _d.ends_at > _now, order=(_d.ends_at,))


def states(conn: Connection) -> tuple[PartnerState, ...]:
    """What was last told of each partner of which anything was."""
    return _states.all(conn)


def tell(conn: Connection, state: PartnerState, events: Sequence[SystemEvent]) -> bool:
    """Note that a partner is up or down, with its events and a line in the audit trail; False if that is known."""
    name = conn.dialect.name
    begun = PartnerState(partner_id=state.partner_id, state=UP, since=state.since)
    first = (sqlite.insert if name == "sqlite" else postgresql.insert)(schema.partner).values(values_of(begun))
    conn.execute(first.on_conflict_do_nothing())
    changed = conn.execute(
        update(schema.partner)
        .where(_t.partner_id == state.partner_id, _t.state != state.state)
        .values(state=state.state, since=state.since, last_error=state.last_error)
    ).rowcount
    if not changed:
        return False
    fields = {"partner": state.partner_id, "error": state.last_error}
    record(conn, state.since, "node", f"partner_{state.state}", fields)
    if events:
        conn.execute(insert(schema.system_event), [values_of(event) for event in events])
    return True


def pause(conn: Connection, downtime: Downtime, at: datetime) -> None:
    """A partner is not called during a time."""
    conn.execute(insert(schema.downtime).values(values_of(downtime)))
    fields = {
        "partner": downtime.partner_id,
        "from": downtime.starts_at.isoformat(),
        "until": downtime.ends_at.isoformat(),
        "reason": downtime.reason,
    }
    record(conn, at, downtime.actor, "partner_paused", fields)


def resume(conn: Connection, partner_id: str, at: datetime, actor: str) -> int:
    """A partner is called again: what was planned for it ends or does not begin. Raises NotFound when nothing was.

    What has been of it stays: nobody's patience counts that time.
    """
    of_partner = (_d.partner_id == partner_id, _d.ends_at > at)
    planned = conn.execute(delete(schema.downtime).where(*of_partner, _d.starts_at >= at)).rowcount
    planned += conn.execute(update(schema.downtime).where(*of_partner).values(ends_at=at)).rowcount
    if not planned:
        raise NotFound(Code.NOT_FOUND, f"no downtime of {partner_id}")
    record(conn, at, actor, "partner_resumed", {"partner": partner_id})
    return planned


def downtimes(conn: Connection, now: datetime) -> tuple[Downtime, ...]:
    """Planned downtime that has not ended, by its beginning."""
    return _downtimes.all(conn, now=now)


def downtimes_since(conn: Connection, partner_id: str, since: datetime) -> tuple[Downtime, ...]:
    """A partner's planned downtime that had not ended then."""
    return _of_partner.all(conn, partner_id=partner_id, since=since)


def paused(conn: Connection, now: datetime) -> Mapping[str, Downtime]:
    """The partners that are not to be called now; of several windows the one that ends last."""
    return {downtime.partner_id: downtime for downtime in _current.all(conn, now=now)}
