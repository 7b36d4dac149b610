"""The `route` table: which system acts for each organisation now, and by whose service.

It is worked out anew in the transaction of every change of the configuration, and when a service begins or ends: then
`catch_up` does it, in whichever process comes first. The database compares what should be with what is, so that a
change costs the same few hundredths of a second for twenty thousand organisations as reading them does, and writes
only what differs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from axis.store import schema
from axis.store.configuration import lock
from axis.store.hot import Stale
from axis.store.records import Service, holds
from axis.store.schema import UtcMicros

_SKEW = timedelta(days=1)  # a clock that is further behind is one that was wrong before, and has been put right

_o, _s, _r, _v = schema.organ.c, schema.system_organ.c, schema.route.c, schema.config_version.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How an organisation is reached."""

    system_id: str
    via_organ: str  # whose service it is: the organisation's own, or an ancestor's


def list_routes(conn: Connection) -> Mapping[str, Route]:
    """How each organisation is reached that is reached at all."""
    rows = conn.execute(select(_r.organ_id, _r.system_id, _r.via_organ))
    return {organ_id: Route(system_id=system_id, via_organ=via) for organ_id, system_id, via in rows}


def routes_at(conn: Connection) -> datetime | None:
    """The moment for which the routes were worked out; None: never yet."""
    return conn.scalar(select(_v.routes_at))


def compute_routes(conn: Connection, at: datetime) -> tuple[str, ...]:
    """Make `route` what organisations and services say for the moment `at`; never for one before that of the last time.

    The caller holds the configuration's lock. Returns the organisations whose system is another now.
    """
    moment = _not_back(conn, at)
    changed = conn.execute(_DIFFERENCES, {"at": moment}).all()
    gone = [{"gone": row.organ_id} for row in changed if row.was is not None]
    made = [
        {"organ_id": row.organ_id, "system_id": row.system_id, "via_organ": row.via_organ}
        for row in changed
        if row.system_id is not None
    ]
    if gone:
        conn.execute(delete(schema.route).where(_r.organ_id == bindparam("gone")), gone)
    if made:
        conn.execute(insert(schema.route), made)
    conn.execute(update(schema.config_version).values(routes_at=moment))
    return tuple(row.organ_id for row in changed if row.system_id != row.was)


def catch_up(conn: Connection, at: datetime) -> tuple[str, ...]:
    """Work the routes out anew because something has begun or ended since they were. A write unit.

    Raises Stale when there is nothing to do (any more): another process was first.
    """
    lock(conn)
    since = routes_at(conn)
    if not _passed(conn, since, at):
        raise Stale
    return compute_routes(conn, at)


def routes_in_memory(
    parents: Mapping[str, str | None], services: Iterable[Service], at: datetime
) -> Mapping[str, Route]:
    """What `compute_routes` writes for a moment, by organisation: for asking about another moment than now."""
    primary: dict[str, Service] = {}
    for service in services:
        first = primary.get(service.organ_id)
        if holds(service, at) and (first is None or service.priority < first.priority):
            primary[service.organ_id] = service
    routes: dict[str, Route] = {}
    for organ_id in parents:
        via: str | None = organ_id
        while via is not None and via not in primary:
            via = parents[via]
        if via is not None:
            routes[organ_id] = Route(system_id=primary[via].system_id, via_organ=via)
    return routes


def _not_back(conn: Connection, at: datetime) -> datetime:
    """The moment to work for: never before that of the routes there are, or two nodes' clocks would undo each other."""
    before = routes_at(conn)
    return before if before is not None and at < before <= at + _SKEW else at


def _passed(conn: Connection, since: datetime | None, at: datetime) -> bool:
    """Whether a service or a rule begins or ends after `since` and not after `at`."""
    if since is None:
        return True
    moments = (_s.valid_from, _s.valid_until, schema.route_rule.c.valid_from, schema.route_rule.c.valid_until)
    return any(conn.scalar(select(exists().where(moment > since, moment <= at))) for moment in moments)


def _own_services() -> CTE:
    """Of each organisation that has a service at the moment `at`: the one that takes what comes in."""
    at = bindparam("at", type_=UtcMicros())
    number = func.row_number().over(partition_by=_s.organ_id, order_by=_s.priority).label("number")
    holds = and_(_s.valid_from <= at, or_(_s.valid_until.is_(None), _s.valid_until > at))
    every = select(_s.organ_id, _s.system_id, number).where(holds).subquery().c
    return select(every.organ_id, every.system_id).where(every.number == 1).cte("own")


def _tree(own: CTE) -> CTE:
    """Every organisation with the nearest one, itself or above it, that has a service of its own; NULL: none has."""
    has_own: ColumnElement[bool] = own.c.organ_id == _o.organ_id
    top = (
        select(_o.organ_id, own.c.organ_id.label("via_organ"))
        .select_from(schema.organ.outerjoin(own, has_own))
        .where(_o.parent_id.is_(None))
        .cte("tree", recursive=True)
    )
    below = select(_o.organ_id, func.coalesce(own.c.organ_id, top.c.via_organ)).select_from(
        top.join(schema.organ, _o.parent_id == top.c.organ_id).outerjoin(own, has_own)
    )
    return top.union_all(below)


def _differences() -> Select[tuple[str, str | None, str | None, str | None]]:
    """Organisations whose row in `route` is not what it should be: what it should be, and whose system it names."""
    own = _own_services()
    tree = _tree(own)
    system = own.alias("system_of_via")
    return (
        select(tree.c.organ_id, system.c.system_id, tree.c.via_organ, _r.system_id.label("was"))
        .select_from(
            tree.outerjoin(system, system.c.organ_id == tree.c.via_organ).outerjoin(
                schema.route, _r.organ_id == tree.c.organ_id
            )
        )
        .where(
            or_(
                _r.system_id.is_distinct_from(system.c.system_id),
                _r.via_organ.is_distinct_from(tree.c.via_organ),
            )
        )
    )


_DIFFERENCES = _differences()
