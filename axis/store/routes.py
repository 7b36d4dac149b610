"""The `route` table: which system acts for each organisation now, and by whose service.

It is worked out anew in the transaction of every change of the configuration, and when a service begins or ends: then
`catch_up` does it, in whichever process comes first. Only what is touched, and what lies below that, is looked at: a
unit that changes its system costs the same in a tree of twenty thousand as in one of twenty. Where very many are
touched, the transaction only says so, and all routes change together a moment later (`route_sets`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Select,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    select,
    union,
    update,
)

from axis.store import schema
from axis.store.configuration import lock
from axis.store.hot import Stale
from axis.store.records import Service, holds
from axis.store.schema import UtcMicros

_SKEW = timedelta(days=1)  # a clock that is further behind is one that was wrong before, and has been put right
_MANY = 500  # organisations that one transaction looks at, at most

_o, _s, _r, _v = schema.organ.c, schema.system_organ.c, schema.route.c, schema.config_version.c
_w = schema.route_row.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How an organisation is reached."""

    system_id: str
    via_organ: str  # whose service it is: the organisation's own, or an ancestor's


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """An organisation's route as it is, and as it should be."""

    organ_id: str
    was: Route | None
    route: Route | None


def list_routes(conn: Connection) -> Mapping[str, Route]:
    """How each organisation is reached that is reached at all."""
    rows = conn.execute(select(_r.organ_id, _r.system_id, _r.via_organ))
    return {organ_id: Route(system_id=system_id, via_organ=via) for organ_id, system_id, via in rows}


def routes_at(conn: Connection) -> datetime | None:
    """The moment for which the routes were worked out; None: never yet."""
    return conn.scalar(select(_v.routes_at))


def compute_routes(conn: Connection, at: datetime, touched: Iterable[str]) -> tuple[str, ...]:
    """Make `route` what organisations and services say for the moment `at`; never for one before that of the last time.

    touched: organisations that are new, or whose parent or services are others than the last time; those whose services
    begin or end meanwhile are found here. The caller holds the configuration's lock. Returns the organisations
    whose system is another now. Where they are many, all routes stay as they are, and due (`is_due`).
    """
    since = routes_at(conn)
    moment = not_back(since, at)
    few = _few(conn, since, moment, touched)
    if few is None:
        conn.execute(update(schema.config_version).values(routes_due=True))
        return ()
    changed = _changes(conn, moment, few)
    present = conn.scalar(select(_v.route_set))
    gone = [{"gone": change.organ_id} for change in changed if change.was is not None]
    made = [row_of(present, change.organ_id, change.route) for change in changed if change.route is not None]
    if gone:
        conn.execute(delete(schema.route_row).where(_w.route_set == present, _w.organ_id == bindparam("gone")), gone)
    if made:
        conn.execute(insert(schema.route_row), made)
    conn.execute(update(schema.config_version).values(routes_at=moment))
    return tuple(change.organ_id for change in changed if _system(change.route) != _system(change.was))


def catch_up(conn: Connection, at: datetime) -> tuple[str, ...]:
    """Work the routes out anew because something has begun or ended since they were. A write unit.

    Raises Stale when there is nothing to do (any more): another process was first, or all routes are due anyway.
    """
    lock(conn)
    since = routes_at(conn)
    if is_due(conn) or not _passed(conn, since, at):
        raise Stale
    return compute_routes(conn, at, ())


def is_due(conn: Connection) -> bool:
    """Whether all routes have to be worked out anew."""
    return bool(conn.scalar(select(_v.routes_due)))


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


def not_back(since: datetime | None, at: datetime) -> datetime:
    """The moment to work for: never before that of the routes there are, or two nodes' clocks would undo each other."""
    return since if since is not None and at < since <= at + _SKEW else at


def _passed(conn: Connection, since: datetime | None, at: datetime) -> bool:
    """Whether a service or a rule begins or ends after `since` and not after `at`."""
    if since is None:
        return True
    moments = (_s.valid_from, _s.valid_until, schema.route_rule.c.valid_from, schema.route_rule.c.valid_until)
    return any(conn.scalar(select(exists().where(moment > since, moment <= at))) for moment in moments)


def _few(conn: Connection, since: datetime | None, at: datetime, touched: Iterable[str]) -> set[str] | None:
    """The organisations that have to be looked at; None when they are many."""
    if not conn.scalar(select(select(_s.service_id).exists())):
        return set()  # nobody has ever been served
    if since is None:
        every = set(conn.scalars(select(_o.organ_id).limit(_MANY + 1)))
        return None if len(every) > _MANY else every
    return _with_all_below(conn, {*touched, *conn.scalars(_BOUNDARIES, {"since": since, "at": at})})


def _changes(conn: Connection, at: datetime, organ_ids: Iterable[str]) -> tuple[_Change, ...]:
    """Those organisations whose route is not what it should be; all below them are among them."""
    rows = conn.execute(_SOME, {"some": list(organ_ids), "at": at}).all()
    own = {row.organ_id: row.own for row in rows}
    parents = {row.organ_id: row.parent_id for row in rows}
    # What is not among the rows is as it was: its route is the right one for those below it.
    routes = {row.parent_id: _route(row.above_system, row.above_via) for row in rows if row.parent_id not in parents}
    for organ_id in parents:
        _work_out(organ_id, parents, own, routes)
    return tuple(
        _Change(organ_id=row.organ_id, was=was, route=routes[row.organ_id])
        for row in rows
        if (was := _route(row.system_id, row.via_organ)) != routes[row.organ_id]
    )


def _work_out(
    organ_id: str,
    parents: Mapping[str, str | None],
    own: Mapping[str, str | None],
    routes: dict[str | None, Route | None],
) -> None:
    """Put the organisation's route into `routes`, and those above it on the way there."""
    path: list[str] = []
    at: str | None = organ_id
    while at is not None and at not in routes and own[at] is None:
        path.append(at)
        at = parents[at]
    if at is not None and at not in routes:
        routes[at] = _route(own[at], at)
    route = None if at is None else routes[at]
    for below in path:
        routes[below] = route


def _route(system_id: str | None, via_organ: str | None) -> Route | None:
    return Route(system_id=system_id, via_organ=via_organ) if system_id and via_organ else None


def row_of(route_set: int | None, organ_id: str, route: Route) -> dict[str, Any]:
    """A route as a row of a set."""
    names = {"organ_id": organ_id, "system_id": route.system_id, "via_organ": route.via_organ}
    return {"route_set": route_set, **names}


def _system(route: Route | None) -> str | None:
    return route.system_id if route else None


def _rows() -> Select[Any]:
    """Organisations with their own system at the moment `at`, their route as it is, and their parent's."""
    organs = schema.organ
    at = bindparam("at", type_=UtcMicros())
    own = (
        select(_s.system_id)
        .where(
            _s.organ_id == organs.c.organ_id,
            _s.valid_from <= at,
            or_(_s.valid_until.is_(None), _s.valid_until > at),
        )
        .order_by(_s.priority)
        .limit(1)
        .correlate(organs)
        .scalar_subquery()
    )
    above = schema.route.alias("above")
    return select(
        organs.c.organ_id,
        organs.c.parent_id,
        own.label("own"),
        _r.system_id,
        _r.via_organ,
        above.c.system_id.label("above_system"),
        above.c.via_organ.label("above_via"),
    ).select_from(
        organs.outerjoin(schema.route, _r.organ_id == organs.c.organ_id).outerjoin(
            above, above.c.organ_id == organs.c.parent_id
        )
    )


def _with_all_below(conn: Connection, organ_ids: set[str]) -> set[str] | None:
    """The organisations and all below them; None when they are many.

    Level by level: PostgreSQL's guess at a recursive query is so high that it would read whole tables.
    """
    found, level = set(organ_ids), list(organ_ids)
    while level and len(found) <= _MANY:
        below = set(conn.scalars(_CHILDREN, {"parents": level})) - found
        found |= below
        level = list(below)
    return None if len(found) > _MANY else found


def _boundaries() -> CompoundSelect[Any]:
    """Organisations a service of which begins or ends after `since` and not after `at`."""
    since, at = bindparam("since", type_=UtcMicros()), bindparam("at", type_=UtcMicros())
    return union(
        *(select(_s.organ_id).where(moment > since, moment <= at) for moment in (_s.valid_from, _s.valid_until))
    )


_BOUNDARIES = _boundaries()
_SOME = _rows().where(_o.organ_id.in_(bindparam("some", expanding=True)))
_CHILDREN = select(_o.organ_id).where(_o.parent_id.in_(bindparam("parents", expanding=True)))
