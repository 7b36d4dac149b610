"""One organisation is added or changed: foreseen first, with the routes that become others, then done in one go.

The registry, and who serves the organisation, change in one transaction, or nothing does. What was looked at when it
was foreseen must still be so when it is done.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from axis.clock import Clock
from axis.errors import Code, WrongState
from axis.exchange.registering import Also, Registering
from axis.ids import new_id
from axis.ops.route_making import RouteMaker
from axis.organ.decisions import Decide, Decision, changing, registering
from axis.organ.model import Organ
from axis.organ.plan import OrganRow, Plan
from axis.store import registry, services
from axis.store.records import Service, holds
from axis.store.registry import RegistrySnapshot
from axis.store.routes import Route, routes_in_memory
from axis.store.services import PRIMARY, Move
from axis.store.store import Store

_SHOWN: Final = 20  # routes that are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What somebody looked at who now wants a change."""

    version: int = 0  # of the organisation; 0: there was none
    own_system: str = ""  # that served the organisation itself


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganWish:
    """What an organisation is to become."""

    row: OrganRow
    is_new: bool
    system_id: str | None = None  # that is to serve it; "": none of its own; None: that stays


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteChange:
    """An organisation that will be reached by another system."""

    organ_id: str
    name: str
    was: str  # "": nobody
    becomes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What a wish will do."""

    was: Organ | None
    becomes: Organ
    own_was: str
    own_becomes: str
    routes: tuple[RouteChange, ...]  # the first of them
    routes_total: int
    pending: int  # packages that wait for it, and for those below it that its own system serves
    other_protocol: bool  # the new system speaks another one than the one before it
    seen: Seen

    @property
    def is_nothing(self) -> bool:
        """It stands so already."""
        return self.was == self.becomes and self.own_was == self.own_becomes


class OrganChanges:
    """Foresees and makes changes, in somebody's name."""

    def __init__(self, store: Store, clock: Clock, actor: str) -> None:
        self._store = store
        self._clock = clock
        self._actor = actor

    async def foresee(self, wish: OrganWish) -> Foreseen:
        """What it will do; nothing is changed. Raises what `make` does, but for what others do meanwhile."""
        now, code = self._clock.now(), wish.row.code
        decision = await Registering(self._store, self._clock).foresee(_decide(wish, None), self._actor)
        snapshot = await self._store.read(registry.snapshot)
        other_protocol = False
        if wish.system_id:
            move = Move(organ_id=code, system_id=wish.system_id, at=now)
            other_protocol = await self._store.read(lambda conn: services.foresee_move(conn, move))
        pending = await self._store.read(lambda conn: services.count_pending(conn, code))
        found = await asyncio.to_thread(_foreseen, wish, decision, snapshot, now)
        return replace(found, pending=pending, other_protocol=other_protocol and not wish.is_new)

    async def make(self, wish: OrganWish, seen: Seen) -> None:
        """Do it. Raises WrongState(STATE_CHANGED) when somebody changed it since it was seen.

        Raises what `registering`, `changing`, and `services.move` do.
        """
        also = None if wish.system_id is None else self._serving(wish, seen)
        await Registering(self._store, self._clock).change(_decide(wish, seen), self._actor, also)
        await RouteMaker(self._store, self._clock).settle()

    def _serving(self, wish: OrganWish, seen: Seen) -> Also:
        now, code, system_id = self._clock.now(), wish.row.code, wish.system_id or ""

        def serve(conn: Connection) -> None:
            own = services.own_system(conn, code, now) or ""
            if own != seen.own_system:
                raise WrongState(Code.STATE_CHANGED, f"{own or 'nobody'} serves {code} now", at="system")
            if system_id:
                # That it speaks another protocol was foreseen, and said.
                move = Move(organ_id=code, system_id=system_id, at=now, other_protocol=True)
                services.move(conn, move, now, self._actor)
            elif own:
                services.release(conn, code, own, now, now, self._actor)

        return serve


def _decide(wish: OrganWish, seen: Seen | None) -> Decide[None]:
    """seen: None while it is only foreseen."""

    def decide(plan: Plan) -> Decision[None]:
        code = wish.row.code
        if wish.is_new:
            if code in plan.organs:
                raise WrongState(Code.ORGAN_EXISTS, code, at="code")
            return registering(plan, wish.row)
        if seen is not None and code in plan.organs and plan.organs[code].version != seen.version:
            raise WrongState(Code.STATE_CHANGED, f"{code} was changed", at="code")
        return changing(plan, wish.row)

    return decide


def _foreseen(wish: OrganWish, decision: Decision[None], snapshot: RegistrySnapshot, now: datetime) -> Foreseen:
    code, organs = wish.row.code, {organ.organ_id: organ for organ in snapshot.organs}
    was = organs.get(code)
    changed = {organ.organ_id: organ for organ in (*decision.changes.added, *decision.changes.changed)}
    becomes = replace(changed.get(code) or organs[code], version=was.version if was else 0)
    own = _own(snapshot.services, code, now)
    own_becomes = own if wish.system_id is None else wish.system_id
    after = {**organs, **changed}
    served = snapshot.services if own_becomes == own else _served(snapshot.services, code, own_becomes, now)
    before_routes = routes_in_memory({one.organ_id: one.parent_id for one in organs.values()}, snapshot.services, now)
    after_routes = routes_in_memory({one.organ_id: one.parent_id for one in after.values()}, served, now)
    routes = [
        RouteChange(
            organ_id=one.organ_id, name=one.name, was=_system(before_routes, one), becomes=_system(after_routes, one)
        )
        for one in after.values()
        if _system(before_routes, one) != _system(after_routes, one)
    ]
    routes.sort(key=lambda one: (one.organ_id != code, one.organ_id))
    return Foreseen(
        was=was,
        becomes=becomes,
        own_was=own,
        own_becomes=own_becomes,
        routes=tuple(routes[:_SHOWN]),
        routes_total=len(routes),
        pending=0,
        other_protocol=False,
        seen=Seen(version=was.version if was else 0, own_system=own),
    )


def _own(found: Sequence[Service], code: str, now: datetime) -> str:
    own = (one for one in found if one.organ_id == code and one.priority == PRIMARY and holds(one, now))
    return next((one.system_id for one in own), "")


def _served(found: Sequence[Service], code: str, system_id: str, now: datetime) -> tuple[Service, ...]:
    """The services once another system, or none, is the primary of an organisation."""
    kept = tuple(
        one for one in found if one.organ_id != code or (one.priority != PRIMARY and one.system_id != system_id)
    )
    if not system_id:
        return kept
    made = Service(service_id=new_id(now), organ_id=code, system_id=system_id, priority=PRIMARY, valid_from=now)
    return (*kept, made)


def _system(routes: Mapping[str, Route], organ: Organ) -> str:
    route = routes.get(organ.organ_id)
    return route.system_id if route else ""
