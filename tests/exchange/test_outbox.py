"""The delivery loop among partners that hang, fail and come back."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from axis.delivery.circuit import CircuitPolicy
from axis.edxml.model import OtherInfo
from axis.exchange.outbox import Outbox
from axis.store import partners as stored
from axis.store.engine import StoreOptions
from axis.store.records import Downtime
from axis.store.store import Store
from tests.exchange.harness import UPLINK, a_document, make_node
from tests.exchange.pushing import PUSHED, RETRY_S, City
from tests.post_office import post_office


@pytest.fixture
async def city(store: Store, tmp_path: Path) -> AsyncIterator[City]:
    async with post_office() as office:
        city = City(await make_node(store, tmp_path), office)
        city.limit(CircuitPolicy(failures=3, open_s=60, first_places=2, most_places=4))
        await city.push_to(PUSHED, office)
        yield city
        await city.partners.close()


async def test_a_partner_that_cannot_be_reached_is_left_alone_and_what_waits_for_it_loses_no_try(city: City) -> None:
    city.office.mood = "down"
    sent = [await city.node.send("dms-yte", a_document("H24.15", number=str(n))) for n in range(10)]
    await city.work()
    tries = len(city.office.tries)
    assert tries <= 4  # three failures, and one that was under way with the third
    city.node.clock.advance(seconds=RETRY_S + 1)
    await city.work()
    assert len(city.office.tries) == tries
    assert city.outbox.told()[PUSHED]["state"] == "open"
    rows = await city.rows("SELECT attempts FROM queue ORDER BY queue_id")
    assert sum(row.attempts for row in rows) == tries
    states = [(await city.node.states(one))["H24.15"] for one in sent]
    assert states.count("queued") == 10 - tries


@pytest.mark.parametrize(("asked_s", "waited_s"), [(600.0, 600), (10.0, RETRY_S), (864_000.0, 3600)])
async def test_nothing_is_tried_again_before_the_partner_wants_it_but_for_an_hour_at_most(
    city: City, asked_s: float, waited_s: int
) -> None:
    city.office.moods, city.office.asks_to_wait_s = ["later"], asked_s
    accepted = await city.node.send("dms-yte", a_document("H24.15"))
    await city.work()
    city.node.clock.advance(seconds=waited_s - 5)
    await city.work()
    assert len(city.office.tries) == 1
    city.node.clock.advance(seconds=10)
    await city.work()
    assert len(city.office.tries) == 2
    assert await city.node.states(accepted) == {"H24.15": "handed_over"}


async def test_that_it_is_down_and_up_again_is_said_once(city: City) -> None:
    city.office.mood = "down"
    for n in range(8):
        await city.node.send("dms-yte", a_document("H24.15", number=str(n)))
    for _ in range(6):
        await city.work()
        city.node.clock.advance(seconds=61)
    city.office.mood = ""
    for _ in range(12):
        await city.work()
        city.node.clock.advance(seconds=61)
    assert len(city.office.taken) == 8
    kinds = [kind for kind in await city.node.audit_kinds() if kind.startswith("partner_")]
    assert kinds == ["partner_down", "partner_up"]
    events = await city.rows(
        "SELECT kind, system_id FROM system_event WHERE kind IN ('partner_down', 'partner_up') ORDER BY event_id"
    )
    assert [tuple(row) for row in events] == [("partner_down", PUSHED), ("partner_up", PUSHED)]


async def test_an_uplink_that_is_down_is_told_to_every_system(city: City) -> None:
    city.office.mood = "down"
    for n in range(4):
        await city.node.send("dms-yte", a_document("G22", number=str(n)))
    await city.work()
    events = await city.rows("SELECT system_id FROM system_event WHERE kind = 'partner_down' ORDER BY system_id")
    assert [row.system_id for row in events] == ["dms-phuong", "dms-xd", "dms-yte"]


async def test_it_is_asked_whether_it_is_back_and_few_packages_go_first(city: City) -> None:
    city.office.mood = "down"
    for n in range(20):
        await city.node.send("dms-yte", a_document("H24.15", number=str(n)))
    await city.work()
    city.office.mood = ""
    asked, city.office.latency_s, at_once = city.office.health_asked, 0.05, []
    city.node.clock.advance(seconds=61)
    while len(city.office.taken) < 20:
        city.office.most_at_once = 0
        if not await city.outbox.work():
            city.node.clock.advance(seconds=RETRY_S + 1)
        at_once += [city.office.most_at_once] if city.office.most_at_once else []
    assert city.office.health_asked == asked + 1
    assert at_once[:3] == [2, 3, 4]
    assert max(at_once) == 4


async def test_a_partner_that_hangs_holds_up_nobody_else(city: City) -> None:
    async with post_office() as slow:
        slow.mood = "hang"
        await city.push_to("dms-phuong", slow)
        for n in range(6):
            await city.node.send("dms-yte", a_document("H24.88", number=f"1{n}"))
            await city.node.send("dms-yte", a_document("H24.15", number=f"2{n}"))
        running = asyncio.create_task(city.outbox.run())
        async with asyncio.timeout(20):
            while len(city.office.taken) < 6:  # noqa: ASYNC110 - the office knows nothing of tests
                await asyncio.sleep(0.01)
        assert slow.taken == []
        assert len(slow.tries) == 2  # its first places
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_most_urgent_go_first_whoever_they_are_for_when_places_are_short(city: City) -> None:
    async with post_office() as other:
        await city.push_to("dms-phuong", other)
        city.outbox = city.another(places=1)
        await city.node.send("dms-yte", a_document("H24.15", number="1"))
        await city.node.send("dms-yte", a_document("H24.15", number="2", other=OtherInfo(priority="3")))
        await city.node.send("dms-yte", a_document("H24.88", number="3", other=OtherInfo(priority="4")))
        await city.outbox.work()
        assert (len(city.office.taken), len(other.taken)) == (0, 1)
        await city.outbox.work()
        assert city.office.parcels[0].about["urgency"] == 3
        await city.outbox.work()
        assert city.office.parcels[1].about["urgency"] == 0


async def test_a_row_on_which_the_node_stumbles_is_put_off_and_counted(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = await city.node.send("dms-yte", a_document("H24.15", number="1"))
    good = await city.node.send("dms-yte", a_document("H24.15", number="2"))
    make = type(city.outbox._sending)._outgoing

    def stumble(self: object, row: object, push: object, waiting: object) -> object:
        if push.package.package_id == bad.package_id:  # type: ignore[attr-defined]
            raise ZeroDivisionError
        return make(self, row, push, waiting)  # type: ignore[arg-type]

    monkeypatch.setattr(type(city.outbox._sending), "_outgoing", stumble)
    await city.work()
    assert city.office.taken == [good.package_id]
    (row,) = await city.rows("SELECT attempts, lease_until FROM queue")
    assert (row.attempts, row.lease_until) == (1, None)
    (consignment,) = await city.rows("SELECT last_error FROM consignment WHERE state = 'retrying'")
    assert consignment.last_error == "internal: ZeroDivisionError"
    assert not city.outbox.told()[PUSHED]["failures"]  # the partner is not to blame
    monkeypatch.undo()
    city.node.clock.advance(seconds=RETRY_S + 1)
    await city.work()
    assert city.office.taken == [good.package_id, bad.package_id]


async def test_the_sender_is_told_once_that_a_package_is_delayed_and_once_that_it_is_dead(city: City) -> None:
    city.outbox = city.another(delayed_after_s=1_800)
    city.office.mood = "later"
    accepted = await city.node.send("dms-yte", a_document("H24.15"))
    for _ in range(300):
        await city.work()
        city.node.clock.advance(seconds=RETRY_S + 1)
    events = await city.rows("SELECT kind, system_id, package_id, organ_id, fields FROM system_event ORDER BY event_id")
    assert [(row.kind, row.system_id, row.organ_id) for row in events] == [
        ("delivery_delayed", "dms-yte", "H24.15"),
        ("delivery_dead", "dms-yte", "H24.15"),
    ]
    assert {row.package_id for row in events} == {accepted.package_id}
    assert "our database is down" in json.loads(events[-1].fields)["error"]


async def test_what_waits_for_a_partner_that_is_left_alone_is_delayed_too(city: City) -> None:
    city.office.mood = "down"
    for n in range(6):
        await city.node.send("dms-yte", a_document("H24.15", number=str(n)))
    await city.work()
    city.node.clock.advance(hours=2, seconds=1)
    await city.work()
    await city.work()
    events = await city.rows("SELECT package_id FROM system_event WHERE kind = 'delivery_delayed'")
    assert len({row.package_id for row in events}) == len(events) == 6


async def test_nobody_calls_a_partner_during_its_planned_downtime(city: City) -> None:
    now = city.node.clock.now()
    downtime = Downtime(
        downtime_id="D",
        partner_id=PUSHED,
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        reason="nâng cấp",
        actor="t",
    )
    await city.node.store.write(lambda c: stored.pause(c, downtime, now))
    accepted = await city.node.send("dms-yte", a_document("H24.15"))
    await city.work()
    assert city.office.tries == []
    told = city.outbox.told()[PUSHED]
    assert (told["state"], told["problem"]) == ("paused", "nâng cấp")
    city.node.clock.advance(hours=1)
    await city.work()
    assert city.office.taken == [accepted.package_id]
    assert await city.rows("SELECT kind FROM audit WHERE kind = 'partner_paused'")


async def test_two_loops_on_one_database_never_send_the_same_row_at_once(
    city: City, store_options: StoreOptions
) -> None:
    other_store = Store.open(store_options)
    second = replace(city, node=replace(city.node, context=replace(city.node.context, store=other_store)))
    second.limit(CircuitPolicy(first_places=8))
    city.limit(CircuitPolicy(first_places=8))
    sent = [await city.node.send("dms-yte", a_document("H24.15", "G22", number=str(n))) for n in range(30)]
    city.office.latency_s = 0.01
    loops: list[Outbox] = [city.outbox, second.outbox]

    async def until_empty(outbox: Outbox) -> None:
        while await city.node.count("queue"):
            await outbox.work()

    await asyncio.gather(*(until_empty(outbox) for outbox in loops))
    assert sorted(city.office.tries) == sorted([one.package_id for one in sent] * 2)
    assert {UPLINK, PUSHED} == set(second.outbox._traffic)
    await second.partners.close()
    await other_store.close()


async def test_a_long_push_keeps_its_row_and_a_dead_process_does_not(city: City) -> None:
    city.outbox = city.another(lease_s=30)
    city.office.moods = ["hang"]
    accepted = await city.node.send("dms-yte", a_document("H24.15"))
    first = asyncio.create_task(city.outbox.work())
    while not city.office.tries:  # noqa: ASYNC110 - the office knows nothing of tests
        await asyncio.sleep(0.01)
    other = city.another(lease_s=30)
    for _ in range(3):
        city.node.clock.advance(seconds=20)
        city.outbox._renewed_at_s -= 100
        await city.outbox._renew_if_due()
        assert not await other.work()
    city.node.clock.advance(seconds=31)
    await other.work()  # nobody renewed
    assert city.office.tries == [accepted.package_id] * 2
    city.office.let_go()
    await first
    assert await city.node.states(accepted) == {"H24.15": "handed_over"}
    assert (await city.leaves()).count("handed_over") == 1


async def test_what_is_due_since_long_ago_is_seen_when_it_comes(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """By this process at once; from another one, when everything is looked at again."""
    await city.node.send("dms-yte", a_document("H24.15", number="1"))
    await city.work()
    city.node.clock.advance(hours=5)
    await city.work()
    now = city.node.clock.at
    city.node.clock.at = now - timedelta(hours=4)  # what somebody said on a page that stood open
    await city.node.send("dms-yte", a_document("H24.15", number="2"))
    city.node.clock.at = now
    await city.work()
    assert len(city.office.taken) == 2
    city.node.clock.at = now - timedelta(hours=4)
    monkeypatch.setattr(city.node.context.wake, "ring", lambda _: None)  # another process took it in
    await city.node.send("dms-yte", a_document("H24.15", number="3"))
    city.node.clock.at = now
    await city.work()
    assert len(city.office.taken) == 2
    city.outbox._planned_at_s -= city.outbox._policy.plan_s
    await city.work()
    assert len(city.office.taken) == 3


async def test_a_look_that_fails_forgets_nothing(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    await city.node.send("dms-yte", a_document("H24.15", number="1"))
    await city.work()
    city.node.clock.advance(hours=5)
    await city.work()
    now = city.node.clock.at
    city.node.clock.at = now - timedelta(hours=4)
    await city.node.send("dms-yte", a_document("H24.15", number="2"))
    city.node.clock.at = now

    def broken(*_: object) -> None:
        raise RuntimeError("no database")

    with monkeypatch.context() as patched:
        patched.setattr("axis.exchange.outbox._look", broken)
        await city.work()
    await city.work()
    assert len(city.office.taken) == 2
