"""What has to be done unasked: content that nothing refers to goes after a day of grace, ended sessions too.

Events for systems are kept for 90 days.
"""

import asyncio
from datetime import datetime, timedelta

import structlog

from axis.clock import Clock
from axis.store import accounts, queries
from axis.store.store import Store

log = structlog.get_logger(__name__)

_EVERY_S = 3600.0
_GRACE = timedelta(days=1)  # what an upload has made durable, and its transaction has not referred to yet, is younger
_EVENTS_KEPT = timedelta(days=90)
_EVENTS_AT_ONCE = 500  # removed in one write: well under 50 ms


class Upkeep:
    """The loop that tidies up."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Tidy up each hour until cancelled; a failure is logged and tried again."""
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                await self.work()
            except Exception:
                log.exception("upkeep_failed")

    async def work(self) -> None:
        """One round."""
        now = self._clock.now()
        swept = await self._store.blobs.sweep(now - _GRACE)
        sessions = await self._store.write(lambda c: accounts.forget_ended_sessions(c, now))
        events = await self._forget_events(now - _EVENTS_KEPT)
        log.info("upkeep_done", blob_files=swept.files, blob_rows=swept.rows, sessions=sessions, events=events)

    async def _forget_events(self, before: datetime) -> int:
        gone = 0
        while removed := await self._store.write(lambda c: queries.forget_events(c, before, _EVENTS_AT_ONCE)):
            gone += removed
        return gone
