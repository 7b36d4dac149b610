"""Very many routes changed at one moment.

To work out and write twenty thousand routes takes longer than the writer may be held. So a change that touches many
leaves a mark (`routes.compute_routes`), and all routes stay as they were. Then somebody (`ops.route_making`) reads,
works all of them out, writes a set of its own in parts, which nobody asks, and switches over to it: if the
configuration is still the one that was read. So no query ever sees some of the routes changed and others not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from axis.store import schema
from axis.store.configuration import lock, version
from axis.store.hot import Stale
from axis.store.routes import Route, is_due, list_routes, not_back, routes_at, routes_in_memory, row_of
from axis.store.services import list_services

_LEASE = timedelta(seconds=30)  # a process that has died leaves it to another after that

_o, _v, _w = schema.organ.c, schema.config_version.c, schema.route_row.c


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePlan:
    """What the routes are to become."""

    version: int  # of the configuration that was read
    at: datetime  # the moment for which they were worked out
    routes: Mapping[str, Route]
    changed: int  # how many differ from those that hold


def plan(conn: Connection, at: datetime) -> RoutePlan:
    """Work out all routes. For reading: it takes its time."""
    moment = not_back(routes_at(conn), at)
    parents = {row[0]: row[1] for row in conn.execute(select(_o.organ_id, _o.parent_id))}
    routes, present = routes_in_memory(parents, list_services(conn), moment), list_routes(conn)
    changed = sum(routes.get(organ_id) != present.get(organ_id) for organ_id in parents)
    return RoutePlan(version=version(conn), at=moment, routes=routes, changed=changed)


def begin(conn: Connection, at: datetime, mine: int | None) -> int:
    """Begin a set, and return its number. A write unit. mine: the one that this process began before.

    Raises Stale when nothing is due, or another process is at it.
    """
    # Locks the row, so that of two processes the second sees what the first did.
    conn.execute(update(schema.config_version).values(route_set_begun=_v.route_set_begun + 1))
    begun, until = conn.execute(select(_v.route_set_begun, _v.route_set_until)).one()
    if not is_due(conn) or (until is not None and until > at and begun - 1 != mine):
        raise Stale
    conn.execute(update(schema.config_version).values(route_set_until=at + _LEASE))
    number: int = begun
    return number


def add(conn: Connection, wanted: RoutePlan, route_set: int, organ_ids: Sequence[str]) -> None:
    """Write some of a plan's routes into a set. A write unit. Raises Stale when it would never be switched to."""
    _check(conn, wanted.version, route_set)
    conn.execute(insert(schema.route_row), [row_of(route_set, one, wanted.routes[one]) for one in organ_ids])


def switch(conn: Connection, wanted: RoutePlan, route_set: int) -> None:
    """From now on the routes are those of the set, in which all of the plan's stand. A write unit.

    Where nothing differs there is no set, and those that hold go on. Raises Stale when the configuration is another
    than the one that was read, or another process has begun a set since.
    """
    lock(conn)
    _check(conn, wanted.version + 1, route_set)
    done = {"routes_at": wanted.at, "routes_due": False, "route_set_until": None}
    conn.execute(update(schema.config_version).values(done | ({"route_set": route_set} if wanted.changed else {})))


def sweep(conn: Connection, limit: int) -> int:
    """Remove rows of a set that holds no more, or never did, and that nobody is writing. A write unit.

    Returns how many; 0: there are none.
    """
    t = _w.route_set
    kept = conn.execute(select(_v.route_set, _v.route_set_begun)).one()
    left = conn.scalar(select(t).where(t.not_in(list(kept))).limit(1))
    if left is None:
        return 0
    some = select(_w.organ_id).where(t == left).limit(limit)
    return conn.execute(delete(schema.route_row).where(t == left, _w.organ_id.in_(some))).rowcount


def _check(conn: Connection, seen: int, route_set: int) -> None:
    if (version(conn), conn.scalar(select(_v.route_set_begun))) != (seen, route_set):
        raise Stale
