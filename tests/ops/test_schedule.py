"""Jobs run once a period among several nodes, late rather than never, and a dead node's is taken over."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from axis.ops.schedule import Job, Schedule, Turn, name_for
from axis.store import queries
from axis.store.hot import Stale
from axis.store.store import Store
from tests.exchange.harness import HeldClock

HOUR = timedelta(hours=1)


class Counted:
    """A job that counts its runs."""

    def __init__(self) -> None:
        self.runs = 0
        self.fails = False

    async def run(self) -> None:
        self.runs += 1
        if self.fails:
            raise RuntimeError("no")


def schedule(store: Store, clock: HeldClock, run: Callable[[], Awaitable[None]], **of_job: timedelta) -> Schedule:
    return Schedule(store, clock, [Job(name="job", run=run, **({"every": HOUR} | of_job))])


async def look(*schedules: Schedule) -> None:
    await asyncio.gather(*(each.work() for each in schedules))
    await asyncio.gather(*(each.settled() for each in schedules))


async def test_each_period_is_run_once_among_several_nodes(store: Store) -> None:
    clock, job = HeldClock(), Counted()
    nodes = [schedule(store, clock, job.run) for _ in range(3)]
    for period in range(1, 4):
        for _ in range(3):
            await look(*nodes)
        assert job.runs == period
        clock.advance(hours=1)


async def test_a_period_begins_at_its_time_in_vietnam(store: Store) -> None:
    clock, job = HeldClock(), Counted()  # 09:00 in Vietnam
    node = schedule(store, clock, job.run, every=timedelta(days=1), at=timedelta(hours=10))
    await look(node)  # of yesterday, 10:00: nobody was there
    clock.advance(minutes=59)
    await look(node)
    assert job.runs == 1
    clock.advance(minutes=1)
    await look(node)
    assert job.runs == 2


async def test_of_periods_that_were_missed_the_latest_is_run(store: Store) -> None:
    clock, job = HeldClock(), Counted()
    await look(schedule(store, clock, job.run))
    clock.advance(days=3)
    node = schedule(store, clock, job.run)
    await look(node)
    await look(node)
    assert job.runs == 2


async def test_a_run_that_fails_is_tried_again_after_a_while(store: Store) -> None:
    clock, job = HeldClock(), Counted()
    job.fails = True
    nodes = [schedule(store, clock, job.run) for _ in range(2)]
    await look(nodes[0])
    await look(*nodes)
    assert job.runs == 1
    row = await store.read(lambda c: queries.job_row(c, "job"))
    assert row is not None
    assert row.error == "RuntimeError: no"
    job.fails = False
    clock.advance(minutes=10)
    await look(*nodes)
    await look(*nodes)
    assert job.runs == 2


async def test_a_dead_nodes_run_is_taken_over_when_its_lease_is_over(store: Store) -> None:
    clock, job = HeldClock(), Counted()
    period = Job(name="job", run=job.run, every=HOUR).slot(clock.now())
    assert await Turn(store, clock, "job").take(period)  # and dies
    node = schedule(store, clock, job.run)
    await look(node)
    assert job.runs == 0
    clock.advance(minutes=2)
    await look(node)
    assert job.runs == 1


async def test_a_job_that_takes_long_does_not_stop_the_others(store: Store) -> None:
    clock, quick = HeldClock(), Counted()
    stuck = asyncio.Event()

    async def long() -> None:
        await stuck.wait()

    node = Schedule(
        store, clock, [Job(name="long", run=long, every=HOUR), Job(name="quick", run=quick.run, every=HOUR)]
    )
    await node.work()
    clock.advance(hours=1)
    await node.work()
    stuck.set()
    await node.settled()
    assert quick.runs >= 1


async def test_stopping_the_loop_stops_the_job_and_leaves_it_to_others(store: Store) -> None:
    clock = HeldClock()
    began, ended = asyncio.Event(), asyncio.Event()

    async def long() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    loop = asyncio.create_task(schedule(store, clock, long).run())
    await began.wait()
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    assert ended.is_set()
    clock.advance(minutes=2)
    job = Counted()
    await look(schedule(store, clock, job.run))
    assert job.runs == 1


async def test_whoever_lost_its_turn_writes_nothing(store: Store) -> None:
    clock = HeldClock()
    slow, next_one = Turn(store, clock, "job"), Turn(store, clock, "job")
    assert await slow.take()
    assert not await next_one.take()
    clock.advance(minutes=2)
    assert await next_one.take()
    with pytest.raises(Stale):
        await store.write(slow.keep)
    await slow.end()  # not its own any more: nothing happens
    await store.write(next_one.keep)
    await next_one.end()
    assert await slow.take()


def test_jobs_for_several_never_have_one_name() -> None:
    subjects = ["national", *(f"{'truc-' * 12}{number}" for number in range(3))]
    names = [name_for("registry", subject) for subject in subjects]
    assert names[0] == "registry national"
    assert len(set(names)) == len(subjects)
    assert max(map(len, names)) == 64
