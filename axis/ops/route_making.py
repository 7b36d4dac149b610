"""Makes the routes anew as a whole, where a change of the configuration touched very many of them.

Whoever comes first does it: the command that made the change, or a node. It may be broken off at any moment: the
routes are those of before until the very last step, and the mark stays that they are due.
"""

from functools import partial

from axis.clock import Clock
from axis.collector import collection_put_off
from axis.errors import Busy, Code
from axis.store import route_sets
from axis.store.hot import Stale
from axis.store.route_sets import RoutePlan
from axis.store.routes import is_due
from axis.store.store import Store

_PART = 400  # routes written or removed at once: some 10 ms
_TRIES = 8


class RouteMaker:
    """Works the routes out, a set at a time."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._mine: int | None = None  # the set that was begun last

    async def settle(self) -> int | None:
        """Make the routes what the configuration says, if that is due.

        Returns how many are others now; None: nothing was due, or another process is at it. Raises Busy(OVERLOADED)
        when the configuration changes all the time.
        """
        if not await self._store.read(is_due):
            return None
        for _ in range(_TRIES):
            try:
                self._mine = await self._store.write(partial(route_sets.begin, at=self._clock.now(), mine=self._mine))
            except Stale:
                return None
            with collection_put_off():
                wanted = await self._store.read(partial(route_sets.plan, at=self._clock.now()))
            try:
                await self._write(wanted, self._mine)
            except Stale:
                continue
            while await self._store.write(partial(route_sets.sweep, limit=_PART)):
                pass
            return wanted.changed
        raise Busy(Code.OVERLOADED, "the configuration changes all the time", retry_after_s=1)

    async def _write(self, wanted: RoutePlan, route_set: int) -> None:
        organ_ids = list(wanted.routes) if wanted.changed else []
        for start in range(0, len(organ_ids), _PART):
            some = organ_ids[start : start + _PART]
            await self._store.write(partial(route_sets.add, wanted=wanted, route_set=route_set, organ_ids=some))
        await self._store.write(partial(route_sets.switch, wanted=wanted, route_set=route_set))
