"""What is held back is neither pushed nor listed, keeps its order, and goes out when the rule ends."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from axis.delivery.backoff import Backoff
from axis.errors import NotFound
from axis.exchange.outbox import Outbox
from axis.store import holds, queries
from axis.store import partners as stored
from axis.store.queries import Letter, LettersAsked, letters
from axis.store.records import Downtime, Hold
from axis.store.store import Store
from axis.terms import PackageKind
from tests.exchange.harness import UPLINK, Node, a_document, a_status, an_act, make_node
from tests.exchange.pushing import PUSHED, RETRY_S, City
from tests.post_office import post_office

PULLING = "dms-phuong"  # serves H24.88


@pytest.fixture
async def city(store: Store, tmp_path: Path) -> AsyncIterator[City]:
    async with post_office() as office:
        city = City(await make_node(store, tmp_path), office)
        await city.push_to(PUSHED, office)
        yield city
        await city.partners.close()


async def hold(node: Node, ends_at: datetime | None = None, **of: str) -> str:
    """Hold something back from now on."""
    at = node.clock.now()
    whom = {"sender": None, "receiver": None, "partner_id": None, **of}
    made = Hold(
        hold_id=node.context.new_id(), starts_at=at, ends_at=ends_at, reason="chờ xác minh", actor="ông A", **whom
    )
    await node.store.write(lambda c: holds.add_hold(c, made))
    return made.hold_id


async def let_go(node: Node, hold_id: str) -> None:
    at = node.clock.now()
    await node.store.write(lambda c: holds.remove_hold(c, hold_id, at, "ông A", "đã xác minh"))


async def held(node: Node) -> tuple[Letter, ...]:
    return await node.store.read(lambda c: letters(c, LettersAsked(held=True), node.clock.now(), 100))


async def seen(node: Node, system_id: str) -> tuple[list[str], list[str], int]:
    """What a system is told, by each of the ways: its list, a page of the REST API, the number of documents."""

    def look(c: object) -> tuple[list[str], int]:
        now = node.clock.now()
        page = queries.pending_page(c, system_id, None, now, (None, 50))  # type: ignore[arg-type]
        count = sum(queries.count_pending(c, system_id, kind, now) for kind in PackageKind)  # type: ignore[arg-type]
        return [item.package_id for item in page.items], count

    return await node.listed(system_id), *(await node.store.read(look))


@pytest.mark.parametrize(
    ("of", "others"),
    [
        ({"sender": "H24.11"}, 1),  # what others send goes
        ({"receiver": "H24.88"}, 0),
        ({"partner_id": PULLING}, 0),
        ({"sender": "H24.11", "receiver": "H24.88"}, 1),
        ({"sender": "H24.15", "receiver": "H24.88"}, 1),
        ({"sender": "H24.11", "partner_id": PUSHED}, 2),
    ],
)
async def test_what_is_held_is_not_listed_until_it_is_let_go(city: City, of: dict[str, str], others: int) -> None:
    first = await city.node.send("dms-yte", a_document("H24.88"))
    second = await city.node.send("dms-xd", a_document("H24.88", sender="H24.15"))
    made = await hold(city.node, **of)
    expected = {0: [], 1: [second.package_id], 2: [first.package_id, second.package_id]}[others]
    if of.get("sender") == "H24.15":
        expected = [first.package_id]
    assert await seen(city.node, PULLING) == (expected, expected, len(expected))
    told = await held(city.node)
    assert len(told) == 2 - len(expected)
    assert {(one.hold_id, one.hold_reason) for one in told} <= {(made, "chờ xác minh")}
    for package_id in {first.package_id, second.package_id} - set(expected):
        with pytest.raises(NotFound):
            await city.node.exchange.open_package(PULLING, package_id)
    await let_go(city.node, made)
    both = [first.package_id, second.package_id]
    assert await seen(city.node, PULLING) == (both, both, 2)
    assert await held(city.node) == ()
    assert await city.node.exchange.open_package(PULLING, first.package_id)


@pytest.mark.parametrize("of", [{"sender": "H24.11"}, {"receiver": "H24.15"}, {"partner_id": PUSHED}])
async def test_what_is_held_is_not_pushed_and_loses_no_try(city: City, of: dict[str, str]) -> None:
    made = await hold(city.node, **of)
    sent = await city.node.send("dms-yte", a_document("H24.15"))
    for _ in range(4):
        await city.work()
        city.node.clock.advance(hours=40)  # longer than anybody's patience
    assert city.office.tries == []
    assert [(row.attempts, row.held_by) for row in await city.rows("SELECT attempts, held_by FROM queue")] == [
        (0, made)
    ]
    assert [one.consignment_id for one in await held(city.node)] != []
    await let_go(city.node, made)
    city.office.moods = ["later"]
    await city.work()
    assert await city.node.states(sent) == {"H24.15": "retrying"}  # the time that it was held does not count
    city.node.clock.advance(seconds=RETRY_S + 1)
    await city.work()
    assert city.office.taken == [sent.package_id]


async def test_a_hold_that_ends_by_itself_lets_go_at_its_time(city: City) -> None:
    await hold(city.node, city.node.clock.now() + timedelta(minutes=3), receiver="H24.15")
    listed = await city.node.send("dms-yte", a_document("H24.15", "H24.88"))
    await city.work()
    assert city.office.tries == []
    assert await city.node.listed(PULLING) == [listed.package_id]  # the other receiver's system is another
    city.node.clock.advance(minutes=3)
    await city.work()
    assert city.office.taken == [listed.package_id]


async def test_what_is_held_for_one_receiver_waits_for_all_of_them_there(city: City) -> None:
    """A package goes to another axis, and to a system, as one: it would reach whom it is held from."""
    made = await hold(city.node, receiver="G22.1")
    await city.node.send("dms-yte", a_document("G22", "G22.1"))
    await city.serves(PULLING, "H24.88", "H24.77")
    await hold(city.node, receiver="H24.77")
    await city.node.send("dms-yte", a_document("H24.88", "H24.77", number="7"))
    await city.work()
    assert city.office.tries == []
    assert await seen(city.node, PULLING) == ([], [], 0)
    await let_go(city.node, made)
    await city.work()
    assert len(city.office.taken) == 1


async def test_nobody_overtakes_what_is_held(city: City) -> None:
    """Another organisation's act, and a request, wait behind the document that is held."""
    document = a_document("H24.15", "H24.88")
    sent = await city.node.send("dms-yte", document)
    made = await hold(city.node, sender="H24.11")
    update = await city.node.send("dms-yte", an_act(document, "2"))
    of_another = "UPDATE package SET from_organ = 'H24' WHERE business_type = 2"  # that sender is not held
    await city.node.store.write(lambda c: c.exec_driver_sql(of_another).rowcount)
    await city.work()
    assert city.office.tries == []
    assert await seen(city.node, PULLING) == ([], [], 0)
    await let_go(city.node, made)
    await city.work()
    assert city.office.taken == [sent.package_id, update.package_id]
    assert await city.node.listed(PULLING) == [sent.package_id, update.package_id]


async def test_statuses_of_who_is_held_wait_too_and_the_queue_goes_on_for_others(city: City) -> None:
    await hold(city.node, sender="H24.15")
    document = a_document("H24.15")
    await city.node.send("dms-yte", document)
    await city.node.send("dms-xd", a_status(document, "01", "H24.15"))
    await city.work()
    assert len(city.office.taken) == 1
    assert await city.node.listed("dms-yte") == []


async def test_planned_downtime_counts_for_nobodys_patience(city: City) -> None:
    """Refused for 71 of 72 hours, of which the partner was not called for 70: it is tried on."""
    backoff = Backoff(delays_s=(600,), give_up_s=2 * 3600, jitter=0)
    city.policy = replace(city.policy, sending=replace(city.policy.sending, backoff=backoff))
    city.outbox = Outbox(city.node.context, city.partners, city.policy)
    city.office.mood = "later"
    sent = await city.node.send("dms-yte", a_document("H24.15"))
    await city.work()
    at = city.node.clock.now()
    down = Downtime(
        downtime_id="d", partner_id=PUSHED, starts_at=at, ends_at=at + timedelta(hours=90), reason="x", actor="x"
    )
    await city.node.store.write(lambda c: stored.pause(c, down, at))
    city.node.clock.advance(hours=70)
    await city.work()
    assert len(city.office.tries) == 1
    resumed = city.node.clock.now()
    await city.node.store.write(lambda c: stored.resume(c, PUSHED, resumed, "x"))
    await city.work()
    assert await city.node.states(sent) == {"H24.15": "retrying"}
    city.node.clock.advance(hours=2)
    await city.work()
    assert await city.node.states(sent) == {"H24.15": "dead"}
    assert len(city.office.tries) == 3


async def test_a_hold_on_an_uplink_keeps_what_leads_there(city: City) -> None:
    made = await hold(city.node, partner_id=UPLINK)
    await city.node.send("dms-yte", a_document("G22", "H24.15"))
    await city.work()
    assert len(city.office.taken) == 1
    assert [one.receiver_organ for one in await held(city.node)] == ["G22"]
    await let_go(city.node, made)
    with pytest.raises(NotFound):
        await let_go(city.node, made)
    await city.work()
    assert len(city.office.taken) == 2
    assert [kind for kind in await city.node.audit_kinds() if kind.startswith("hold")] == ["hold_added", "hold_removed"]
