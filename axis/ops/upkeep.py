"""What has to be done unasked: content that nothing refers to goes after a day of grace, ended sessions too.

Events for systems are kept for 90 days, answers to calls with an Idempotency-Key for one, drafts for 180 days, and who
looked at what as long as the settings say.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection

from axis.clock import Clock
from axis.store import api, drafts, queries, second_factors, sessions, uploads, viewings
from axis.store.store import Store

log = structlog.get_logger(__name__)

_EVERY_S = 3600.0
_GRACE = timedelta(days=1)  # what an upload has made durable, and its transaction has not referred to yet, is younger
EVENTS_KEPT = timedelta(days=90)
ANSWERS_KEPT = timedelta(days=1)
DRAFTS_KEPT = timedelta(days=180)  # since somebody touched them
_AT_ONCE = 500  # rows removed in one write: well under 50 ms


class Upkeep:
    """The loop that tidies up."""

    def __init__(self, store: Store, clock: Clock, *, views_kept_days: int = 0) -> None:
        """views_kept_days: for how long it is on record who looked at what; 0: for ever."""
        self._store = store
        self._clock = clock
        self._views_kept = timedelta(days=views_kept_days) if views_kept_days else None

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
        ended_sessions = await self._store.write(lambda c: sessions.forget_ended_sessions(c, now))
        await self._store.write(lambda c: second_factors.forget_ended(c, now))
        events = await self._forget(queries.forget_events, now - EVENTS_KEPT)
        answers = await self._forget(api.forget_answers, now - ANSWERS_KEPT)
        ended = await self._forget(uploads.forget_uploads, now)
        views = await self._forget(viewings.forget_viewings, now - self._views_kept) if self._views_kept else 0
        files = await self._sweep_uploads()
        old_drafts = await self._forget(drafts.forget_drafts, now - DRAFTS_KEPT)
        log.info(
            "upkeep_done",
            blob_files=swept.files,
            blob_rows=swept.rows,
            sessions=ended_sessions,
            events=events,
            answers=answers,
            uploads=ended,
            views=views,
            upload_files=files,
            drafts=old_drafts,
        )

    async def _sweep_uploads(self) -> int:
        """Remove the files of uploads that there are not. Returns how many there were."""
        gone, names = 0, await self._store.uploads.names()
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            known = await self._store.read(partial(uploads.known_uploads, upload_ids=some))
            for name in some:
                if name not in known:
                    await self._store.uploads.remove(name)
                    gone += 1
        return gone

    async def _forget(self, forget: Callable[[Connection, datetime, int], int], before: datetime) -> int:
        """Remove what is older, a few rows at a time. Returns how many there were."""
        gone = 0
        while removed := await self._store.write(lambda c: forget(c, before, _AT_ONCE)):
            gone += removed
        return gone
