"""Health and limits."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp.test_utils import make_mocked_request
from sqlalchemy import text
from structlog.testing import capture_logs

from axis.edxml.model import Limits as PackageLimits
from axis.errors import Busy, Code
from axis.ops.disk import DiskWatch, Space, Watermark
from axis.settings import Limits
from axis.store.engine import StoreOptions
from axis.store.store import Store
from axis.web.health import Check, Health, limits_handler, store_checks
from tests.console.archive import Clock

REQUEST = make_mocked_request("GET", "/health/ready")
MARK = Watermark(min_free_bytes=100, min_free_percent=0, check_interval_s=5, retry_after_s=10)


def disk(free: int = 1_000) -> DiskWatch:
    return DiskWatch(lambda: Space(free_bytes=free, total_bytes=10_000), MARK)


class Part:
    """A part that works or not, as a test says."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: BaseException | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> None:
        self.asked += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error


async def ask(handler: Callable[[Any], Awaitable[Any]]) -> tuple[int, dict[str, Any]]:
    answer = await handler(REQUEST)
    return answer.status, json.loads(answer.body)


async def test_the_node_lives_while_its_loop_turns() -> None:
    assert await ask(Health([], disk(), Clock()).live) == (200, {"live": True})


async def test_ready_makes_real_round_trips_to_the_database(store: Store) -> None:
    commits = store.commits
    status, body = await ask(Health(store_checks(store), disk(), Clock()).ready)
    assert status == 200
    assert body["ready"] is True
    assert set(body["parts"]) == {"database_read", "database_write", "migrations"}
    assert all(part["ok"] and part["last_success_age_s"] == 0 for part in body["parts"].values())
    assert store.commits == commits + 1


async def test_a_database_of_another_version_is_not_ready(store: Store) -> None:
    await store.write(lambda conn: conn.execute(text("UPDATE alembic_version SET version_num = 'older'")))
    status, body = await ask(Health(store_checks(store), disk(), Clock()).ready)
    assert status == 503
    assert body["parts"]["migrations"]["problem"] == "database_old"
    assert body["parts"]["database_read"]["ok"] is True


async def test_a_closed_store_is_not_ready(store_options: StoreOptions) -> None:
    store = Store.open(store_options)
    health = Health(store_checks(store), disk(), Clock())
    await store.close()
    status, body = await ask(health.ready)
    assert status == 503
    assert body["parts"]["database_write"]["ok"] is False


async def test_a_part_that_fails_shows_when_it_last_worked() -> None:
    part, clock = Part(), Clock()
    health = Health([Check(name="part", run=part, fresh_s=0)], disk(), clock)
    assert (await ask(health.ready))[0] == 200
    clock.later(seconds=90)
    part.error = Busy(Code.OVERLOADED)
    with capture_logs() as logs:
        status, body = await ask(health.ready)
        await ask(health.ready)
    assert status == 503
    assert body["parts"]["part"] == body["parts"]["part"] | {
        "ok": False,
        "problem": "overloaded",
        "last_success_age_s": 90,
    }
    assert [line["event"] for line in logs] == ["health_part_down"]
    part.error = None
    with capture_logs() as logs:
        assert (await ask(health.ready))[0] == 200
    assert [line["event"] for line in logs] == ["health_part_up"]


async def test_a_failure_of_any_kind_is_told_without_its_words() -> None:
    part = Part()
    part.error = RuntimeError("password=hunter2")
    status, body = await ask(Health([Check(name="part", run=part)], disk(), Clock()).ready)
    assert status == 503
    assert "hunter2" not in repr(body)


async def test_a_part_that_hangs_is_given_up() -> None:
    part = Part()
    part.gate.clear()
    status, body = await ask(Health([Check(name="part", run=part)], disk(), Clock(), timeout_s=0.01).ready)
    assert status == 503
    assert "no answer" in body["parts"]["part"]["problem"]


async def test_many_questions_make_one_round_trip() -> None:
    part = Part()
    part.gate.clear()
    health = Health([Check(name="part", run=part, fresh_s=1_000)], disk(), Clock())
    asking = [asyncio.create_task(ask(health.ready)) for _ in range(20)]
    await asyncio.sleep(0)
    part.gate.set()
    answers = await asyncio.gather(*asking)
    await ask(health.ready)
    assert {status for status, _ in answers} == {200}
    assert part.asked == 1


async def test_a_caller_who_hangs_up_breaks_nothing_for_the_others() -> None:
    part = Part()
    part.gate.clear()
    health = Health([Check(name="part", run=part)], disk(), Clock())
    leaving, staying = asyncio.create_task(ask(health.ready)), asyncio.create_task(ask(health.ready))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    part.gate.set()
    assert (await staying)[0] == 200


async def test_a_partner_that_is_down_or_slow_does_not_make_the_node_unready() -> None:
    part = Part()
    part.gate.clear()
    health = Health([Check(name="uplink", run=part, vital=False, fresh_s=0)], disk(), Clock())
    status, body = await ask(health.ready)  # does not wait for it
    assert (status, body["parts"]["uplink"]["ok"]) == (200, None)
    part.error = RuntimeError()
    part.gate.set()
    await asyncio.sleep(0.01)
    status, body = await ask(health.ready)
    assert (status, body["parts"]["uplink"]["ok"]) == (200, False)
    await health.close(None)  # type: ignore[arg-type]


async def test_a_full_disk_closes_intake_and_leaves_the_node_ready() -> None:
    status, body = await ask(Health([], disk(free=99), Clock()).ready)
    assert status == 200
    assert body["intake"] == {"open": False, "disk_free_bytes": 99, "disk_mark_bytes": 100}


async def test_the_limits_in_force_are_published() -> None:
    status, body = await ask(limits_handler(Limits(receivers=7), {"request_timeout_s": 600.0}))
    assert status == 200
    assert body["receivers"] == 7
    assert body["request_timeout_s"] == 600.0
    assert set(PackageLimits.__dataclass_fields__) <= set(body)
