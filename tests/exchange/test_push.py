"""Packages for systems that we push to: planned as they are accepted, planned anew when routes change."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from axis.store.store import Store
from tests.exchange.harness import UPLINK, a_document, a_status, make_node
from tests.exchange.pushing import PUSHED, RETRY_S, City
from tests.post_office import post_office


@pytest.fixture
async def city(store: Store, tmp_path: Path) -> AsyncIterator[City]:
    async with post_office() as office:
        city = City(await make_node(store, tmp_path), office)
        await city.push_to(PUSHED, office)
        yield city
        await city.partners.close()


async def test_a_pushed_system_gets_the_bytes_and_what_its_dialect_may_want_to_know(city: City) -> None:
    accepted = await city.node.send("dms-yte", a_document("H24.15", "H24.88"))
    assert await city.queued() == [(PUSHED, "send")]
    await city.work()
    assert await city.node.states(accepted) == {"H24.15": "handed_over", "H24.88": "queued"}
    (parcel,) = city.office.parcels
    about = parcel.about
    assert parcel.sha256_hex == about["sha256_hex"]
    assert about["receivers"] == [
        {"organ_id": "H24.15", "name": "Sở Xây dựng", "email": None, "addressed_as": "H24.15"}
    ]
    assert about["package_id"] == accepted.package_id
    assert about["document_id"] == (await city.node.document(accepted)).document_id
    assert (about["kind"], about["code"], about["urgency"]) == ("document", "101/SYT-VP", 0)
    assert about["subject"] == "V/v tăng cường phòng, chống dịch"
    assert (about["from_organ"], about["from_name"]) == ("H24.11", "Sở Y tế")
    assert about["status_code"] is None
    assert await city.queued() == []
    assert await city.leaves() == ["package_accepted", "handed_over"]


async def test_a_successor_learns_the_code_that_the_package_names(city: City) -> None:
    await city.push_to("dms-phuong", city.office)
    await city.node.send("dms-yte", a_document("H24.30"))
    await city.work()
    (receiver,) = city.office.parcels[0].about["receivers"]
    assert (receiver["organ_id"], receiver["addressed_as"]) == ("H24.88", "H24.30")


async def test_a_partner_that_is_the_receivers_own_system_acknowledges_by_its_answer(city: City) -> None:
    city.office.acknowledges = True
    accepted = await city.node.send("dms-yte", a_document("H24.15"))
    await city.work()
    assert await city.node.states(accepted) == {"H24.15": "acknowledged"}
    assert await city.leaves() == ["package_accepted", "handed_over", "acknowledged"]
    row = await city.node.store.read(
        lambda c: c.exec_driver_sql("SELECT handed_over_at, acknowledged_at, fetched FROM consignment").one()
    )
    assert None not in row


async def test_each_partner_gets_one_push_whatever_the_number_of_its_receivers(city: City) -> None:
    await city.serves("dms-phuong")
    await city.serves(PUSHED, "H24.15", "H24.88")
    accepted = await city.node.send("dms-yte", a_document("H24.15", "H24.88", "G22", "G17"))
    assert await city.queued() == [(PUSHED, "send"), (UPLINK, "send")]
    await city.work()
    assert city.office.taken == [accepted.package_id] * 2
    to = [sorted(r["organ_id"] for r in parcel.about["receivers"]) for parcel in city.office.parcels]
    assert sorted(to) == [["G17", "G22"], ["H24.15", "H24.88"]]
    assert set((await city.node.states(accepted)).values()) == {"handed_over"}


async def test_a_status_is_pushed_to_the_senders_system(city: City) -> None:
    package = a_document("H24.11", sender="H24.15")
    await city.node.send(PUSHED, package)
    await city.node.send("dms-yte", a_status(package, "03", "H24.11"))
    await city.work()
    (parcel,) = city.office.parcels
    assert (parcel.about["kind"], parcel.about["status_code"]) == ("status", "03")
    assert parcel.about["document_id"] == package.header.document_id


async def test_the_same_id_goes_out_on_every_try(city: City) -> None:
    city.office.moods = ["lose"]
    await city.node.send("dms-yte", a_document("H24.15"))
    await city.work()
    city.node.clock.advance(seconds=RETRY_S + 1)
    await city.work()
    first, second = (parcel.about for parcel in city.office.parcels)
    assert first["request_id"] == second["request_id"]
    assert first["package_id"] == second["package_id"]


async def test_what_is_pending_goes_along_when_a_system_is_pushed_to_from_now_on(city: City) -> None:
    waiting = [await city.node.send("dms-yte", a_document("H24.88", number=str(n))) for n in range(3)]
    assert await city.queued() == []
    await city.push_to("dms-phuong", city.office)
    await city.work()
    assert sorted(city.office.taken) == sorted(one.package_id for one in waiting)
    assert await city.queued() == []


async def test_what_is_pending_goes_along_when_a_system_fetches_from_now_on(city: City) -> None:
    city.office.mood = "down"
    accepted = await city.node.send("dms-yte", a_document("H24.15"))
    await city.work()
    await city.push_to(PUSHED, None)
    city.office.mood = ""
    city.node.clock.advance(seconds=RETRY_S + 1)
    await city.work()
    assert city.office.taken == []
    assert await city.node.listed(PUSHED) == [accepted.package_id]
    assert len(await city.node.take(PUSHED)) == 1


async def test_a_receiver_that_moves_between_partners_takes_along_what_is_pending(city: City) -> None:
    async with post_office() as other:
        await city.push_to("dms-phuong", other)
        city.office.mood = "down"
        accepted = await city.node.send("dms-yte", a_document("H24.15"))
        await city.work()
        city.office.mood = ""
        await city.serves(PUSHED)
        await city.serves("dms-phuong", "H24.88", "H24.15")
        city.node.clock.advance(seconds=RETRY_S + 1)
        await city.work()
        assert other.taken == [accepted.package_id]
        assert city.office.taken == []
        assert await city.queued() == []


async def test_a_second_receiver_that_joins_a_partner_is_sent_too_though_the_first_was_sent(city: City) -> None:
    await city.node.send("dms-yte", a_document("H24.15", "H24.88"))
    await city.work()
    await city.serves("dms-phuong")
    await city.serves(PUSHED, "H24.15", "H24.88")
    await city.work()
    assert [[r["organ_id"] for r in parcel.about["receivers"]] for parcel in city.office.parcels] == [
        ["H24.15"],
        ["H24.88"],
    ]


async def test_what_was_under_way_when_the_receiver_moved_counts_as_handed_over_and_goes_to_nobody_else(
    city: City,
) -> None:
    async with post_office() as other:
        await city.push_to("dms-phuong", other)
        city.office.moods = ["hang"]
        accepted = await city.node.send("dms-yte", a_document("H24.15"))
        pushing = asyncio.create_task(city.outbox.work())
        while not city.office.tries:  # noqa: ASYNC110 - the office knows nothing of tests
            await asyncio.sleep(0.01)
        await city.serves(PUSHED)
        await city.serves("dms-phuong", "H24.88", "H24.15")
        city.office.let_go()
        await pushing
        await city.work()
        assert await city.node.states(accepted) == {"H24.15": "handed_over"}
        assert (city.office.taken, other.taken) == ([accepted.package_id], [])


async def test_a_decision_under_the_configuration_before_is_planned_at_the_next_look(city: City) -> None:
    old = city.node.directory.current
    await city.push_to("dms-phuong", city.office)
    await city.work()
    city.node.directory._current = old  # a use case that still holds the directory before
    accepted = await city.node.send("dms-yte", a_document("H24.88"))
    assert await city.queued() == []
    await city.node.directory.refresh()
    city.outbox._planned_at_s -= 61
    await city.work()
    assert city.office.taken == [accepted.package_id]


async def test_what_is_for_a_disabled_system_waits_until_it_is_let_in_again(city: City) -> None:
    await city.enable(PUSHED, enabled=False)
    accepted = await city.node.send("dms-yte", a_document("H24.15"))
    await city.work()
    assert await city.node.states(accepted) == {"H24.15": "queued"}
    assert await city.queued() == [(PUSHED, "send")]
    await city.enable(PUSHED, enabled=True)
    await city.work()
    assert city.office.taken == [accepted.package_id]


async def test_a_partner_that_no_adapter_takes_stops_nobody_and_works_once_it_is_put_right(city: City) -> None:
    city.unusable = {"dms-phuong"}
    await city.push_to("dms-phuong", city.office)
    stuck = await city.node.send("dms-yte", a_document("H24.88", number="1"))
    other = await city.node.send("dms-yte", a_document("H24.15", number="2"))
    await city.work()
    assert city.office.taken == [other.package_id]
    async with post_office() as right:
        city.unusable = set()
        await city.push_to("dms-phuong", right)
        await city.work()
        assert right.taken == [stuck.package_id]


async def test_the_other_end_is_made_anew_when_its_options_change_and_the_old_one_closed(city: City) -> None:
    await city.node.send("dms-yte", a_document("H24.15", number="1"))
    await city.work()
    old = next(peer for peer in city.made if peer._session is not None)
    async with post_office() as other:
        await city.push_to(PUSHED, other)
        await city.node.send("dms-yte", a_document("H24.15", number="2"))
        await city.work()
        assert len(other.taken) == 1
    assert old._session is not None
    assert old._session.closed


async def test_a_repeat_opens_a_dead_push_again(city: City) -> None:
    city.office.moods = ["refuse"]
    package = a_document("H24.15")
    accepted = await city.node.send("dms-yte", package)
    await city.work()
    assert await city.node.states(accepted) == {"H24.15": "dead"}
    assert await city.queued() == []
    await city.node.send("dms-yte", package)
    await city.work()
    assert await city.node.states(accepted) == {"H24.15": "handed_over"}
