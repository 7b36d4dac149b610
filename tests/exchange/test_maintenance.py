"""Maintenance: nothing is written of the exchange, what was under way is recorded, everything goes on afterwards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from axis.errors import Busy, Code, Malformed, WrongState
from axis.exchange.composing import ReportWish
from axis.exchange.receipts import ReceiptWish
from axis.exchange.rest import Rest
from axis.exchange.values import Acknowledgement
from axis.ids import DocumentUid, PackageId
from axis.ops.maintenance import MaintenanceWish, begin_maintenance, end_maintenance
from axis.organ.plan import OrganRow
from axis.store import maintenance as stored
from axis.store.store import Store
from axis.terms import StatusCode
from tests.exchange.harness import HeldClock, Node, a_document, make_node
from tests.exchange.pushing import PUSHED, City
from tests.post_office import post_office

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
WISH = MaintenanceWish(reason="nâng cấp máy chủ", until=None, actor="lan")


async def switch(node: Node, *, on: bool) -> None:
    if on:
        await begin_maintenance(node.store, WISH, node.clock.now())
    else:
        await end_maintenance(node.store, None, node.clock.now(), "minh")
    await node.context.rest.refresh(node.store)


async def test_two_people_switch_it_on_and_off_and_the_second_is_told(node: Node) -> None:
    begun = await begin_maintenance(node.store, WISH, NOW)
    with pytest.raises(WrongState, match="by lan: nâng cấp máy chủ") as refused:
        await begin_maintenance(node.store, MaintenanceWish(reason="khác", until=None, actor="minh"), NOW)
    assert refused.value.code is Code.STATE_CHANGED
    with pytest.raises(WrongState):  # the page was of an earlier maintenance
        await end_maintenance(node.store, begun.since - timedelta(hours=1), NOW, "minh")
    assert await node.store.read(stored.current) == begun
    await end_maintenance(node.store, begun.since, NOW, "minh")
    with pytest.raises(WrongState):
        await end_maintenance(node.store, begun.since, NOW, "lan")
    query = "SELECT kind, actor FROM audit WHERE actor <> 'test' ORDER BY audit_id"
    rows = [tuple(row) for row in await node.store.read(lambda c: c.exec_driver_sql(query).all())]
    assert sorted(rows) == [("maintenance_begun", "lan"), ("maintenance_ended", "minh")]
    assert await node.leaves("maintenance_begun") == [{"reason": WISH.reason, "until": None, "actor": "lan"}]
    assert await node.leaves("maintenance_ended") == [{"since": begun.since.isoformat(), "actor": "minh"}]


@pytest.mark.parametrize(("reason", "until"), [(" ", None), ("x" * 501, None), ("lý do", NOW - timedelta(seconds=1))])
async def test_a_maintenance_without_a_reason_or_with_an_end_that_has_passed_is_refused(
    node: Node, reason: str, until: datetime | None
) -> None:
    with pytest.raises(Malformed):
        await begin_maintenance(node.store, MaintenanceWish(reason=reason, until=until, actor="lan"), NOW)
    assert await node.store.read(stored.current) is None


async def test_callers_are_told_when_to_come_again(node: Node) -> None:
    for minutes, seconds in ((0.1, 30), (10, 599), (600, 3600)):
        until = node.clock.at + timedelta(minutes=minutes)
        await begin_maintenance(node.store, MaintenanceWish(reason="lý do", until=until, actor="lan"), node.clock.now())
        rest = Rest(node.clock)
        await rest.refresh(node.store)
        with pytest.raises(Busy) as refused:
            rest.check()
        assert (refused.value.code, refused.value.detail) == (Code.MAINTENANCE, "lý do")
        assert refused.value.retry_after_s == seconds
        await end_maintenance(node.store, None, node.clock.now(), "lan")


async def test_in_maintenance_the_exchange_reads_and_writes_nothing(node: Node) -> None:
    sent = await node.send("dms-yte", a_document("H24.15"))
    package_id, uid = sent.package_id, DocumentUid(sent.document_uid or "")
    exchange = node.exchange
    await switch(node, on=True)
    before = {table: await node.count(table) for table in ("package", "status_event", "audit", "leaf", "organ")}
    report = ReportWish(document_uid=uid, receiver_organ="H24.15", code=StatusCode("01"), actor="x", at=NOW)
    writes: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: node.send("dms-yte", a_document("H24.15", number="7")),
        lambda: exchange.report(report),
        lambda: exchange.open_package("dms-xd", package_id),
        lambda: exchange.acknowledge("dms-xd", package_id, Acknowledgement.DONE),
        lambda: exchange.confirm_arrival(ReceiptWish(system_id="dms-xd", package_id=PackageId(package_id))),
        lambda: exchange.acknowledge_read("dms-xd", None, node.clock.now()),
        lambda: exchange.register_organ("dms-yte", OrganRow(code="H24.11.9", name="Mới", parent="H24.11")),
        lambda: exchange.close_organ("dms-yte", "H24.11.3"),
    )
    for write in writes:
        with pytest.raises(Busy) as refused:
            await write()
        assert refused.value.code is Code.MAINTENANCE
    assert await node.listed("dms-xd") == [package_id]  # what is there can be looked at
    assert (await exchange.sent("dms-yte", package_id))[0].receiver_organ == "H24.15"
    assert {table: await node.count(table) for table in before} == before
    await switch(node, on=False)
    assert len(await node.take("dms-xd")) == 1


@pytest.fixture
async def city(store: Store, tmp_path: Path) -> AsyncIterator[City]:
    async with post_office() as office:
        city = City(await make_node(store, tmp_path), office)
        await city.push_to(PUSHED, office)
        yield city
        await city.partners.close()


async def test_what_was_being_pushed_is_recorded_and_nothing_else_is_pushed_until_it_ends(city: City) -> None:
    city.office.moods = ["hang"]
    first = await city.node.send("dms-yte", a_document("H24.15", number="1"))
    pushing = asyncio.create_task(city.outbox.work())
    while not city.office.at_once:  # noqa: ASYNC110 - the other end's state
        await asyncio.sleep(0.01)
    second = await city.node.send("dms-yte", a_document("H24.15", number="2"))
    await switch(city.node, on=True)
    city.office.let_go()
    await pushing
    assert await city.node.states(first) == {"H24.15": "handed_over"}
    assert not await city.outbox.work()
    assert not city.outbox.may_call(PUSHED)
    assert await city.node.states(second) == {"H24.15": "queued"}
    await switch(city.node, on=False)
    await city.work()
    assert city.office.taken == [first.package_id, second.package_id]
    assert city.outbox.may_call(PUSHED)


async def test_what_runs_beside_is_ended_and_begun_anew(node: Node) -> None:
    rest, begun, ended = Rest(HeldClock()), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    kept = asyncio.create_task(rest.keep(work))
    for on in (True, False, True, False):
        if on:
            await begun.wait()
            begun.clear()
            await begin_maintenance(node.store, WISH, node.clock.now())
            await rest.refresh(node.store)
            await ended.wait()
            ended.clear()
            assert not begun.is_set()
        else:
            await end_maintenance(node.store, None, node.clock.now(), "lan")
            await rest.refresh(node.store)
    await begun.wait()
    kept.cancel()
    await asyncio.gather(kept, return_exceptions=True)
    assert ended.is_set()


async def test_what_takes_its_time_to_end_is_begun_anew_though_the_switch_is_off_by_then(node: Node) -> None:
    rest, begun, ends, may_end = Rest(HeldClock()), asyncio.Semaphore(0), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.release()
        try:
            await asyncio.Event().wait()
        finally:
            ends.set()
            await may_end.wait()

    kept = asyncio.create_task(rest.keep(work))
    await begun.acquire()
    await begin_maintenance(node.store, WISH, node.clock.now())
    await rest.refresh(node.store)
    await ends.wait()
    await end_maintenance(node.store, None, node.clock.now(), "lan")
    await rest.refresh(node.store)
    may_end.set()
    await begun.acquire()
    kept.cancel()
    await asyncio.gather(kept, return_exceptions=True)


async def test_work_that_ends_by_itself_or_fails_is_not_begun_again() -> None:
    rest, runs = Rest(HeldClock()), 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs > 1:
            raise ValueError("broken")

    await rest.keep(work)
    assert runs == 1
    with pytest.raises(ValueError, match="broken"):
        await rest.keep(work)
