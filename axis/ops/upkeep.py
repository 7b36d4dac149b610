"""What has to be done unasked: content that nothing refers to goes after a day of grace, ended sessions too."""

import asyncio
from datetime import timedelta

import structlog

from axis.clock import Clock
from axis.store import accounts
from axis.store.store import Store

log = structlog.get_logger(__name__)

_EVERY_S = 3600.0
_GRACE = timedelta(days=1)  # what an upload has made durable, and its transaction has not referred to yet, is younger


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
        log.info("upkeep_done", blob_files=swept.files, blob_rows=swept.rows, sessions=sessions)
