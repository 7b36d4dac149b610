"""Whom a system serves, and when: begun, moved to another system, ended. What has been in force stays on record.

An organisation may be served by several systems at one time. The one with the lowest priority is its primary: it takes
what comes in, and what is pending. The others may go on sending for it, and may fetch and acknowledge what they were
handed. Never two of one priority, never one system twice.

All functions that change something are for a write unit that holds the configuration's lock, or take it themselves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from axis.errors import Code, Malformed, NotFound, Unauthenticated, UnknownOrgan, WrongState
from axis.ids import new_id
from axis.store import schema
from axis.store.configuration import lock, record, some
from axis.store.records import Service, System
from axis.store.routes import compute_routes
from axis.store.rows import Query, values_of
from axis.store.schema import UtcMicros
from axis.terms import PENDING, Place

PRIMARY = 0

_t = schema.system_organ.c
_ORDER = (_t.organ_id, _t.valid_from, _t.priority)
_FROM_THEN_ON = or_(_t.valid_until.is_(None), _t.valid_until > bindparam("at", type_=UtcMicros()))

_services = Query(Service, order=_ORDER)
_of_organs = Query(Service, _t.organ_id.in_(bindparam("organ_ids", expanding=True)), _FROM_THEN_ON, order=_ORDER)
_of_system = Query(Service, _t.system_id == bindparam("system_id"), _FROM_THEN_ON, order=_ORDER)
_systems = Query(System, schema.system.c.system_id == bindparam("system_id"))
_via = (
    select(schema.route.c.system_id)
    .join(schema.organ, schema.organ.c.parent_id == schema.route.c.organ_id)
    .where(schema.organ.c.organ_id == bindparam("organ_id"))
)
_PENDING_VIA = (
    select(func.count(schema.consignment.c.package_id.distinct()))
    .select_from(schema.route)
    .join(schema.consignment, schema.consignment.c.receiver_organ == schema.route.c.organ_id)
    .where(
        schema.route.c.via_organ == bindparam("organ_id"),
        schema.consignment.c.place == Place.LOCAL.value,
        schema.consignment.c.state.in_([state.value for state in PENDING]),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """An organisation that goes over to another system, with all below it that have none of their own."""

    organ_id: str
    system_id: str
    at: datetime
    parallel_until: datetime | None = None  # until then the system that served it may go on beside the new one
    other_protocol: bool = False  # the systems may speak different protocols


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a move did."""

    changed: bool  # False: it stood so already
    was: str | None  # the system that served the organisation, itself or by an ancestor
    pending: int  # packages that wait for it, and for those below it, by the routes as they are now


def list_services(conn: Connection) -> tuple[Service, ...]:
    """All services, by organisation and time; those that have ended and those that are to come too."""
    return _services.all(conn)


def serve(conn: Connection, system_id: str, organ_ids: Iterable[str], at: datetime) -> None:
    """A system serves these organisations as their primary from now on. The caller holds the lock.

    Raises UnknownOrgan, WrongState(ORGAN_IN_USE) when another system does.
    """
    wanted = sorted(set(organ_ids))
    _check_known(conn, wanted)
    taken = [s for s in _of_organs.all(conn, organ_ids=wanted, at=at) if s.priority == PRIMARY]
    if taken:
        others = dict.fromkeys(f"{service.organ_id} by {service.system_id}" for service in taken)
        raise WrongState(Code.ORGAN_IN_USE, f"served already: {some(list(others))}", at="serves")
    _insert(conn, [_service(organ_id, system_id, PRIMARY, at) for organ_id in wanted])


def stop(conn: Connection, system_id: str, at: datetime) -> tuple[str, ...]:
    """A system serves nobody from now on. The caller holds the lock. Returns whom it served."""
    served = _of_system.all(conn, system_id=system_id, at=at)
    _end(conn, served, at)
    return tuple(service.organ_id for service in served)


def move(conn: Connection, wish: Move, now: datetime, actor: str) -> Moved:
    """Give an organisation to another system; what is pending goes along at that moment. A write unit.

    Once done, the same again changes nothing. Raises UnknownOrgan, NotFound, Unauthenticated(SYSTEM_DISABLED),
    WrongState(PROTOCOL_DIFFERS), WrongState(VALIDITY_OVERLAPS) when a later move is set already,
    Malformed(BAD_REQUEST) for an end before the beginning.
    """
    lock(conn)
    _check_known(conn, [wish.organ_id])
    if wish.parallel_until is not None and wish.parallel_until <= wish.at:
        raise Malformed(Code.BAD_REQUEST, "ends before it begins", at="parallel_until")
    services = _of_organs.all(conn, organ_ids=[wish.organ_id], at=wish.at)
    own = next((s for s in services if s.priority == PRIMARY and s.valid_from <= wish.at), None)
    was = own.system_id if own else conn.scalar(_via, {"organ_id": wish.organ_id})
    if own is not None and own.system_id == wish.system_id and own.valid_until is None:
        return Moved(changed=False, was=was, pending=count_pending(conn, wish.organ_id))
    _check_target(conn, wish, was)
    _make_room(conn, wish, services)
    made = [_service(wish.organ_id, wish.system_id, PRIMARY, wish.at)]
    if wish.parallel_until is not None and was is not None and was != wish.system_id:
        beside = _service(wish.organ_id, was, _free_priority(services), wish.at)
        made.append(replace(beside, valid_until=wish.parallel_until))
    _insert(conn, made)
    compute_routes(conn, now, [wish.organ_id])
    fields = {
        "organ": wish.organ_id,
        "from": was,
        "to": wish.system_id,
        "at": wish.at.isoformat(),
        "parallel_until": wish.parallel_until.isoformat() if wish.parallel_until else None,
    }
    record(conn, now, actor, "organ_moved", fields)
    return Moved(changed=True, was=was, pending=count_pending(conn, wish.organ_id))


def foresee_move(conn: Connection, wish: Move) -> bool:
    """Whether the system speaks another protocol than the one that serves the organisation so far; changes nothing.

    Raises what `move` does, but for WrongState(PROTOCOL_DIFFERS).
    """
    services = _of_organs.all(conn, organ_ids=[wish.organ_id], at=wish.at)
    own = own_system(conn, wish.organ_id, wish.at)
    was = own or conn.scalar(_via, {"organ_id": wish.organ_id})
    _check_target(conn, replace(wish, other_protocol=True), was)
    if own != wish.system_id:
        _check_unplanned(wish, services)
    try:
        _check_target(conn, replace(wish, other_protocol=False), was)
    except WrongState:
        return True
    return False


def own_system(conn: Connection, organ_id: str, at: datetime) -> str | None:
    """The system that serves the organisation itself, as its primary, at a moment."""
    services = _of_organs.all(conn, organ_ids=[organ_id], at=at)
    return next((s.system_id for s in services if s.priority == PRIMARY and s.valid_from <= at), None)


def release(conn: Connection, organ_id: str, system_id: str, at: datetime, now: datetime, actor: str) -> None:  # noqa: PLR0913, PLR0917 - plain words of one sentence
    """A system serves an organisation no more from `at` on; what was planned for later is off. A write unit.

    Where another system serves it beside, that one becomes the primary. Raises NotFound when it serves it not at all.
    """
    lock(conn)
    found = [s for s in _of_organs.all(conn, organ_ids=[organ_id], at=at) if s.system_id == system_id]
    if not found:
        raise NotFound(Code.NOT_FOUND, f"{system_id} does not serve {organ_id}")
    _end(conn, found, at)
    compute_routes(conn, now, [organ_id])
    record(conn, now, actor, "organ_released", {"organ": organ_id, "system": system_id, "at": at.isoformat()})


def count_pending(conn: Connection, organ_id: str) -> int:
    """How many packages wait for an organisation, and for those below it that are reached by its service."""
    found: int = conn.execute(_PENDING_VIA, {"organ_id": organ_id}).scalar_one()
    return found


def _check_known(conn: Connection, organ_ids: Sequence[str]) -> None:
    known = set(conn.scalars(select(schema.organ.c.organ_id).where(schema.organ.c.organ_id.in_(organ_ids))))
    unknown = [organ_id for organ_id in organ_ids if organ_id not in known]
    if unknown:
        raise UnknownOrgan(Code.NOT_FOUND, some(unknown), at="serves")


def _check_target(conn: Connection, wish: Move, was: str | None) -> None:
    """The system exists, is let in, and speaks as the one before it does, or else somebody has to have said so."""
    target = _systems.one(conn, system_id=wish.system_id)
    if target is None:
        raise NotFound(Code.NOT_FOUND, wish.system_id, at="system")
    if not target.enabled:
        raise Unauthenticated(Code.SYSTEM_DISABLED, wish.system_id, at="system")
    before = _systems.one(conn, system_id=was) if was is not None else None
    if before is not None and _protocol(before) != _protocol(target) and not wish.other_protocol:
        raise WrongState(
            Code.PROTOCOL_DIFFERS, f"{was}: {_protocol(before)}, {wish.system_id}: {_protocol(target)}", at="system"
        )


def _protocol(system: System) -> str:
    """How packages get to a system: by the adapter with which we push, else by the front on which it fetches."""
    return system.adapter or system.front


def _make_room(conn: Connection, wish: Move, services: Sequence[Service]) -> None:
    """End what the move takes the place of. services: those of the organisation that hold at its moment or later."""
    _check_unplanned(wish, services)
    _end(conn, [s for s in services if s.priority == PRIMARY or s.system_id == wish.system_id], wish.at)


def _check_unplanned(wish: Move, services: Sequence[Service]) -> None:
    """Raise WrongState(VALIDITY_OVERLAPS) when a later move is set already."""
    planned = [
        s for s in services if s.valid_from > wish.at and (s.priority == PRIMARY or s.system_id == wish.system_id)
    ]
    if planned:
        words = [f"{s.system_id} from {s.valid_from:%Y-%m-%d %H:%M}Z" for s in planned]
        raise WrongState(Code.VALIDITY_OVERLAPS, f"set already: {some(words)}", at=wish.organ_id)


def _free_priority(services: Iterable[Service]) -> int:
    taken = {service.priority for service in services}
    return next(number for number in range(PRIMARY + 1, len(taken) + 2) if number not in taken)


def _service(organ_id: str, system_id: str, priority: int, at: datetime) -> Service:
    return Service(service_id=new_id(at), organ_id=organ_id, system_id=system_id, priority=priority, valid_from=at)


def _insert(conn: Connection, services: Sequence[Service]) -> None:
    if services:
        conn.execute(insert(schema.system_organ), [values_of(service) for service in services])


def _end(conn: Connection, services: Iterable[Service], at: datetime) -> None:
    """What holds ends at the moment; what would begin then or later is gone, since it never held."""
    for service in services:
        one = _t.service_id == service.service_id
        if service.valid_from >= at:
            conn.execute(delete(schema.system_organ).where(one))
        else:
            conn.execute(update(schema.system_organ).where(one).values(valid_until=at))
