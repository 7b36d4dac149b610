"""Maintenance: the node reads, and writes nothing of the exchange.

The switch is a row (`store.maintenance`); every process looks at it twice a second, so that it holds within a second on
all nodes of a database, and after a restart. Meanwhile:

- nothing is taken in, acknowledged, stated or handed over: callers get Busy(MAINTENANCE), with when to come again.
  Lists, documents and statuses are answered. A package is not given out, since a hand-over without a record is no
  evidence;
- nobody is called, and what runs in the background stands still (`Rest.keep`). What was under way when it began comes
  to its end and is recorded: nothing that somebody was told is lost.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from axis.clock import Clock, SystemClock
from axis.delivery.directory import REFRESH_S
from axis.errors import Busy, Code
from axis.store import maintenance
from axis.store.records import Maintenance
from axis.store.store import Store

log = structlog.get_logger(__name__)

_LEAST_S, _USUAL_S, _MOST_S = 30, 60, 3_600  # after which callers are told to come again


class Rest:
    """What this process knows of the switch. One that nobody refreshes says that the node works."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._current: Maintenance | None = None
        self._changed = asyncio.Event()

    @property
    def current(self) -> Maintenance | None:
        """The maintenance that goes on; None: the node works."""
        return self._current

    @property
    def is_on(self) -> bool:
        """Whether the node only reads."""
        return self._current is not None

    def check(self) -> None:
        """Return when the node works. Raises Busy(MAINTENANCE) when it only reads; cheap, asks nothing."""
        on = self._current
        if on is not None:
            raise Busy(Code.MAINTENANCE, on.reason, retry_after_s=self._retry_after_s(on))

    async def refresh(self, store: Store) -> None:
        """Look at the switch."""
        self._become(await store.read(maintenance.current))

    def _become(self, found: Maintenance | None) -> None:
        was, self._current = self._current, found
        if (was is None) == (found is None):
            return
        if found is not None:
            log.warning("maintenance_begun", actor=found.actor)
        else:
            log.warning("maintenance_ended")
        self._changed.set()
        self._changed = asyncio.Event()

    async def keep_fresh(self, store: Store) -> None:
        """Look for ever; while the database cannot be asked, what was known last holds."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.refresh(store)
            except Exception:
                log.exception("maintenance_look_failed")

    async def keep(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run something that goes on for ever, except during maintenance: then it is ended, and begun anew afterwards.

        work: may be cancelled at any moment, as when a node stops.
        """
        while True:
            await self._until(on=False)
            running = asyncio.ensure_future(work())
            begins = asyncio.ensure_future(self._until(on=True))
            try:
                await asyncio.wait((running, begins), return_when=asyncio.FIRST_COMPLETED)
            finally:
                ended = running.done()
                begins.cancel()
                running.cancel()
                await asyncio.gather(running, begins, return_exceptions=True)
            if ended:
                return running.result()

    async def _until(self, *, on: bool) -> None:
        while self.is_on is not on:
            await self._changed.wait()

    def _retry_after_s(self, on: Maintenance) -> int:
        if on.until is None:
            return _USUAL_S
        left = int((on.until - self._clock.now()) / timedelta(seconds=1))
        return min(max(left, _LEAST_S), _MOST_S)
