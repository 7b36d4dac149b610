"""What runs at set times, once among all nodes on one database.

A job's periods (slots) are counted in Vietnamese time from a fixed day on. Whichever node comes first claims a slot in
the database (`job`: lease, fence); the others find it begun. A node that dies leaves its slot to the next one that
looks, once its lease is over; a run that fails is tried again after a while. A slot that nobody was there to run is run
late, but only the latest one. So a job may run twice in a bad case and must not mind.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection

from axis.clock import Clock
from axis.store import queries
from axis.store.hot import Stale
from axis.store.store import Store

log = structlog.get_logger(__name__)

_EPOCH = datetime(2024, 1, 1, tzinfo=UTC) - timedelta(hours=7)  # a Monday, at midnight in Vietnam
_LOOK_S = 1.0
_NAME, _MARK = 64, 16  # characters of a job's name at most, and of a digest in it
_WORDS = 300  # characters of an error that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something to be done in every period."""

    name: str
    run: Callable[[], Awaitable[None]]  # may be cancelled, and run again
    every: timedelta
    at: timedelta = timedelta()  # when in the period: a daily job at 02:00 has 2 hours
    again: timedelta = timedelta(minutes=10)  # before a run that failed is tried again

    def slot(self, now: datetime) -> int:
        """The period that has begun last."""
        return (now - _EPOCH - self.at) // self.every


def name_for(kind: str, subject: str) -> str:
    """The name of a job for one of several; one that is too long ends with a digest, so that none are alike."""
    name = f"{kind} {subject}"
    if len(name) <= _NAME:
        return name
    mark = "~" + hashlib.sha256(name.encode()).hexdigest()[:_MARK]
    return name[: _NAME - len(mark)] + mark


class Turn:
    """A node's turn at work that only one node at a time may do."""

    def __init__(self, store: Store, clock: Clock, name: str, lease: timedelta = timedelta(minutes=2)) -> None:
        self.lease = lease
        self._store = store
        self._clock = clock
        self._name = name
        self._fence = -1

    async def take(self, slot: int | None = None) -> bool:
        """Take the turn, if it is free."""
        now = self._clock.now()
        fence = await self._store.write(lambda c: queries.claim_job(c, self._name, slot, now, self.lease))
        self._fence = -1 if fence is None else fence
        return fence is not None

    def keep(self, conn: Connection) -> None:
        """Part of each write unit of the work: it counts only while the turn is ours. Raises Stale."""
        queries.hold_job(conn, self._name, self._fence, self._clock.now() + self.lease)

    async def end(self, error: str | None = None) -> None:
        """Give the turn back; nothing happens when another node has taken it meanwhile."""
        try:
            await self._store.write(
                lambda c: queries.end_job(c, self._name, self._fence, self._clock.now(), error and error[:_WORDS])
            )
        except Stale:
            log.warning("turn_lost", job=self._name)


class Schedule:
    """The loop that starts jobs."""

    def __init__(self, store: Store, clock: Clock, jobs: Sequence[Job]) -> None:
        self._store = store
        self._clock = clock
        self._jobs = jobs
        self._done: dict[str, int] = {}  # slots that need no look any more
        self._not_before: dict[str, datetime] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Start what is due, until cancelled; a job that takes long or fails never stops the others."""
        try:
            while True:
                try:
                    await self.work()
                except Exception:
                    log.exception("schedule_failed")
                await asyncio.sleep(_LOOK_S)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def work(self) -> None:
        """One look: start every job that is due here."""
        now = self._clock.now()
        for job in self._jobs:
            slot = job.slot(now)
            waits = self._not_before.get(job.name)
            if job.name in self._running or self._done.get(job.name) == slot or (waits and now < waits):
                continue
            await self._start(job, slot, now)

    async def settled(self) -> None:
        """Wait for the jobs that were started."""
        await asyncio.gather(*self._running.values())

    async def _start(self, job: Job, slot: int, now: datetime) -> None:
        row = await self._store.read(lambda c: queries.job_row(c, job.name))
        if row is not None and row.slot == slot and row.ended_at is not None and row.error is None:
            self._done[job.name] = slot  # done, here or elsewhere
            return
        if row is not None and row.slot == slot and row.ended_at is not None and now < row.ended_at + job.again:
            return
        turn = Turn(self._store, self._clock, job.name)
        if not await turn.take(slot):
            self._not_before[job.name] = now + turn.lease / 4  # another node is at it
            return
        task = asyncio.create_task(self._run(job, slot, turn))
        self._running[job.name] = task
        task.add_done_callback(lambda _: self._running.pop(job.name, None))

    async def _run(self, job: Job, slot: int, turn: Turn) -> None:
        log.info("job_started", job=job.name, slot=slot)
        work = asyncio.ensure_future(job.run())
        keeper = asyncio.create_task(self._keep(turn, work))
        try:
            await work
        except asyncio.CancelledError:
            work.cancel()
            raise
        except Exception as e:
            log.exception("job_failed", job=job.name)
            await turn.end(f"{type(e).__name__}: {e}")
            self._not_before[job.name] = self._clock.now() + job.again
        else:
            await turn.end()
            self._done[job.name] = slot
            log.info("job_ended", job=job.name, slot=slot)
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _keep(self, turn: Turn, work: "asyncio.Future[None]") -> None:
        """Keep the turn while the work goes on; when it is lost, another node does the work."""
        while True:
            await asyncio.sleep(turn.lease.total_seconds() / 4)
            try:
                await self._store.write(turn.keep)
            except Stale:
                work.cancel()
                return
            except Exception:  # tried again before the lease is over
                log.exception("turn_not_kept")
