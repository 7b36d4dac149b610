"""A simulated outage says what a real one does: the same queue, on a clock of its own, and nothing written."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from axis.delivery.backoff import Backoff
from axis.delivery.circuit import CircuitPolicy
from axis.edxml.model import OtherInfo
from axis.errors import Malformed
from axis.exchange.outbox import Outbox
from axis.exchange.sending import SendingPolicy
from axis.ops.simulate import Outage, busiest, simulate
from axis.store import queries
from axis.store.queries import Recorded
from axis.store.store import Store
from axis.terms import PackageKind
from tests.exchange.harness import a_document, a_status, an_act, make_node
from tests.exchange.pushing import PUSHED, City
from tests.post_office import post_office

HOURS = 3
STEP_S = 60


@pytest.fixture
async def city(store: Store, tmp_path: Path) -> AsyncIterator[City]:
    async with post_office() as office:
        city = City(await make_node(store, tmp_path), office)
        await city.push_to(PUSHED, office)
        city.policy = replace(
            city.policy,
            sending=SendingPolicy(backoff=Backoff(delays_s=(120, 600, 1800), give_up_s=72 * 3600, jitter=0)),
            circuit=CircuitPolicy(failures=3, open_s=60, most_open_s=600, first_places=2, most_places=4),
        )
        city.outbox = Outbox(city.node.context, city.partners, city.policy)
        yield city
        await city.partners.close()


async def recorded(city: City) -> tuple[Recorded, ...]:
    now = city.node.clock.now()
    window = (now - timedelta(days=2), now)
    return await city.node.store.read(lambda c: queries.recorded(c, PUSHED, window, 10_000))


async def played(city: City) -> tuple[datetime, int, datetime]:
    """A real outage, all the while documents, acts and requests come: when it began, the most that waited, its end."""
    began, peak = city.node.clock.now(), 0
    ends = began + timedelta(hours=HOURS)
    city.office.mood = "down"
    number = 0
    while True:
        now = city.node.clock.now()
        if now < ends and number < 40:
            document = a_document("H24.15", number=str(number), other=OtherInfo(priority=str(number % 3)))
            await city.node.send("dms-yte", document)
            if number % 5 == 0:
                await city.node.send("dms-yte", an_act(document, "2"))
            if number % 7 == 0:
                await city.node.send("dms-yte", a_status(document, "13", "H24.11", to="H24.15"))
            number += 1
        if now >= ends:
            city.office.mood = ""
        peak = max(peak, (await city.rows("SELECT count(*) FROM queue"))[0][0])
        while await city.outbox.work():
            pass
        if now >= ends and not await city.queued():
            return began, peak, city.node.clock.now()
        city.node.clock.advance(seconds=STEP_S)


async def test_a_simulated_outage_goes_as_the_real_one_went(city: City) -> None:
    began, peak, drained = await played(city)
    traffic = await recorded(city)
    before = await dump(city)
    asked = Outage(partner_id=PUSHED, hours=HOURS, begins_at=began, takes_s=0.001)
    found = await simulate(traffic, asked, city.policy)
    assert await dump(city) == before  # nothing was written
    assert (found.came, found.peak_backlog, found.given_up) == (len(traffic), peak, 0)
    assert found.peak_bytes == sum(one.size_bytes for one in traffic)
    assert found.drained_at is not None
    # The real one was looked at once a minute.
    assert abs(found.drained_at - drained) <= timedelta(seconds=2 * STEP_S)
    assert found.tries_in_vain == len(city.office.tries) - len(traffic)
    sent = [one.package_id for one in traffic if one.queued_at + timedelta(hours=2) < drained]
    assert abs(found.told_delayed - len(sent)) <= 2


async def test_who_would_come_too_late_is_named(city: City) -> None:
    sent = await city.node.send("dms-yte", a_document("H24.15"))
    (one,) = await recorded(city)
    assert one.due_at is not None
    late = replace(one, due_at=one.queued_at + timedelta(hours=2))
    found = await simulate([late], Outage(partner_id=PUSHED, hours=3), city.policy)
    assert (found.deadlines_missed, found.missed) == (1, (sent.package_id,))
    in_time = await simulate([late], Outage(partner_id=PUSHED, hours=1), city.policy)
    assert in_time.deadlines_missed == 0
    assert in_time.drained_at is not None


async def test_what_is_given_up_counts_and_the_same_seed_gives_the_same(city: City) -> None:
    for number in range(6):
        await city.node.send("dms-yte", a_document("H24.15", number=str(number)))
    traffic = await recorded(city)
    impatient = Backoff(delays_s=(60,), give_up_s=1800, jitter=0.2)
    policy = replace(city.policy, sending=SendingPolicy(backoff=impatient), circuit=CircuitPolicy(failures=1000))
    asked = Outage(partner_id=PUSHED, hours=2)
    found = await simulate(traffic, asked, policy)
    assert (found.given_up, found.deadlines_missed) == (6, 6)
    assert await simulate(traffic, asked, policy) == found


def some(*minutes: int) -> Sequence[Recorded]:
    begin = datetime.fromisoformat("2026-11-24T00:00+00:00")
    like = Recorded(
        consignment_id="",
        package_id="",
        sha256_hex="",
        size_bytes=1,
        kind=PackageKind.DOCUMENT,
        from_organ="",
        document_uid=None,
        urgency=0,
        queued_at=begin,
        due_at=None,
    )
    return [replace(like, queued_at=begin + timedelta(minutes=minute)) for minute in minutes]


def test_an_outage_is_put_where_the_most_comes() -> None:
    traffic = some(0, 100, 110, 120, 300, 310)
    assert busiest(traffic, timedelta(minutes=30)) == traffic[1].queued_at
    assert busiest(traffic, timedelta(minutes=5)) == traffic[0].queued_at
    with pytest.raises(Malformed):
        busiest([], timedelta(hours=1))


async def dump(city: City) -> list[tuple[object, ...]]:
    """Everything that an outbox could change."""
    tables = ("consignment", "queue", "leaf", "audit", "system_event", "partner")
    return [tuple(row) for table in tables for row in await city.rows(f"SELECT * FROM {table} ORDER BY 1")]
