"""Changes of the registry of organisations beside a running exchange.

Reading a registry of many thousands and checking a change of it takes longer than the store's writer may be held: it is
decided on what was read, in a thread, and written only if nothing has changed since; else it is decided anew.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from axis.clock import Clock
from axis.collector import collection_put_off
from axis.errors import Busy, Code
from axis.organ.decisions import Decide, Decision
from axis.organ.plan import Known, Occasion, Plan
from axis.store import organs, registry
from axis.store.hot import Stale
from axis.store.store import Store

_DECISIONS = 8  # how often a change is decided anew when others come first

T = TypeVar("T")
Also = Callable[[Connection], object]


class Registering:
    """Changes the registry."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def foresee(self, decide: Decide[T], actor: str) -> Decision[T]:
        """Decide, and write nothing. Raises what `decide` does."""
        with collection_put_off():
            decision, _occasion = await self._decide(decide, actor)
        return decision

    async def change(self, decide: Decide[T], actor: str, also: Also | None = None) -> T:
        """Decide, write, and give the answer. Raises what `decide` and `also` do, and Busy(OVERLOADED).

        also: what is written with it, in the same transaction and after it.
        """
        for _ in range(_DECISIONS):
            with collection_put_off():
                decision, occasion = await self._decide(decide, actor)
            if not decision.changes and also is None:
                return decision.answer
            try:
                await self._store.write(partial(_write, decision=decision, occasion=occasion, also=also))
            except Stale:
                continue
            return decision.answer
        raise Busy(Code.OVERLOADED, "the registry of organisations changes all the time", retry_after_s=1)

    async def _decide(self, decide: Decide[T], actor: str) -> tuple[Decision[T], Occasion]:
        known = await self._store.read(organs.known)
        occasion = Occasion(at=self._clock.now(), actor=actor, version=known.version + 1)
        return await asyncio.to_thread(_decide, decide, known, occasion), occasion


def _write(conn: Connection, decision: Decision[Any], occasion: Occasion, also: Also | None) -> None:
    if decision.changes:
        registry.write_decision(conn, decision, occasion)
    if also is not None:
        also(conn)


def _decide(decide: Decide[T], known: Known, occasion: Occasion) -> Decision[T]:
    """Making a plan of many thousands takes its time, too."""
    return decide(Plan(known, occasion))
