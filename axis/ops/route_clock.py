"""Routes and rules that begin or end at a moment do so at that moment, without anybody's doing.

Every process watches; the first to come works the routes out anew, and the others find it done. So it is with routes
that are due because very many were touched at once.
"""

import asyncio
from datetime import timedelta
from functools import partial

import structlog

from axis.clock import Clock
from axis.delivery.directory import REFRESH_S, DirectoryCache
from axis.ops.route_making import RouteMaker
from axis.store.hot import Stale
from axis.store.routes import catch_up
from axis.store.store import Store

log = structlog.get_logger(__name__)

_LEAST_S = 0.01


class RouteClock:
    """The loop that waits for the next beginning or end."""

    def __init__(self, store: Store, clock: Clock, directory: DirectoryCache) -> None:
        self._store = store
        self._clock = clock
        self._directory = directory
        self._maker = RouteMaker(store, clock)

    async def run(self) -> None:
        """Watch for ever; a failure is logged and tried again."""
        while True:
            try:
                await self.work()
            except Exception:
                log.exception("route_clock_failed")
            await asyncio.sleep(self._pause_s())

    async def work(self) -> bool:
        """Work the routes out anew if a beginning or end has passed. Returns whether this process did it."""
        changed = await self._catch_up()
        if self._directory.current.routes_due:
            changed = await self._maker.settle()
            await self._directory.refresh()
        if changed is not None:
            log.info("routes_changed", organs=changed)
        return changed is not None

    async def _catch_up(self) -> int | None:
        now, due = self._clock.now(), self._directory.current.next_change
        if due is None or now < due:
            return None
        try:
            changed = await self._store.write(partial(catch_up, at=now))
        except Stale:
            changed = None
        await self._directory.refresh()
        return None if changed is None else len(changed)

    def _pause_s(self) -> float:
        """Until the next moment, or until the directory may have another."""
        due = self._directory.current.next_change
        if due is None or self._directory.current.routes_due:
            return REFRESH_S
        left = (due - self._clock.now()) / timedelta(seconds=1)
        return min(max(left, _LEAST_S), REFRESH_S)
