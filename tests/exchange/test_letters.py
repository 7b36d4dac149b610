"""Operators open dead letters again, or withdraw them: with a reason, guarded by the state that they saw."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from axis.errors import Malformed, NotFound
from axis.keys import NodeKey
from axis.ops.access import Access
from axis.ops.letters import Intervention, intervene
from axis.store.queries import Letter, LettersAsked, letter, letters
from axis.store.registry import OrganRow, import_organs
from axis.store.store import Store
from axis.terms import TransportState
from tests.exchange.harness import UPLINK, a_document, an_act, make_node
from tests.exchange.pushing import PUSHED, City
from tests.post_office import post_office
from tests.store.made import NOW
from tests.store.plans import plans_of

AGAIN = Intervention(becomes=TransportState.QUEUED, reason="đã sửa ở bên nhận", actor="ông A")
WITHDRAWN = Intervention(becomes=TransportState.CANCELLED, reason="gửi nhầm", actor="ông A")


@pytest.fixture
async def city(store: Store, tmp_path: Path) -> AsyncIterator[City]:
    async with post_office() as office:
        city = City(await make_node(store, tmp_path), office)
        await city.push_to(PUSHED, office)
        yield city
        await city.partners.close()


def access_of(city: City, folder: Path) -> Access:
    return Access(
        settings=SimpleNamespace(uplink=[SimpleNamespace(id=UPLINK)]),
        store=city.node.store,
        key=NodeKey.load(folder / "node.key"),
    )  # type: ignore[arg-type]


async def dead(city: City, **asked: object) -> tuple[Letter, ...]:
    return await city.node.store.read(lambda c: letters(c, LettersAsked(**asked), city.node.clock.now(), 100))  # type: ignore[arg-type]


async def test_dead_letters_are_found_by_what_they_have_in_common(city: City) -> None:
    city.office.moods = ["refuse", "refuse"]
    for number, to in (("1", "H24.15"), ("2", "G22")):
        await city.node.send("dms-yte", a_document(to, number=number))
        await city.work()
    assert [one.receiver_organ for one in await dead(city)] == ["H24.15", "G22"]
    assert [one.receiver_organ for one in await dead(city, partner_id=UPLINK)] == ["G22"]
    assert [one.receiver_organ for one in await dead(city, partner_id=PUSHED)] == ["H24.15"]
    assert [one.receiver_organ for one in await dead(city, organ="G22")] == ["G22"]
    assert len(await dead(city, organ="H24.11")) == 2
    assert len(await dead(city, reason="DO NOT know")) == 2
    assert await dead(city, reason="100%") == ()
    early = city.node.clock.now()
    city.node.clock.advance(hours=3)
    assert len(await dead(city, queued_before=early)) == 2
    assert await dead(city, state=TransportState.RETRYING) == ()


async def test_a_dead_letter_is_tried_again_from_the_start_and_that_is_written_down(city: City, tmp_path: Path) -> None:
    city.office.moods = ["refuse"]
    accepted = await city.node.send("dms-yte", a_document("H24.15"))
    await city.work()
    found = await dead(city)
    changed, missed = await intervene(access_of(city, tmp_path), found, AGAIN, city.node.clock.now())
    assert (changed, missed) == ([found[0].consignment_id], [])
    await city.work()
    assert city.office.taken == [accepted.package_id]
    assert await city.node.states(accepted) == {"H24.15": "handed_over"}
    assert (await city.leaves())[-2:] == ["delivery_changed", "handed_over"]
    (line,) = await city.rows("SELECT actor, fields FROM audit WHERE kind = 'delivery_changed'")
    assert (line.actor, "đã sửa ở bên nhận" in line.fields) == ("ông A", True)
    # The operator's list is old now: nothing happens a second time.
    assert await intervene(access_of(city, tmp_path), found, AGAIN, city.node.clock.now()) == ([], changed)
    assert await city.queued() == []


async def test_what_is_withdrawn_is_tried_no_more(city: City, tmp_path: Path) -> None:
    city.office.mood = "later"
    accepted = await city.node.send("dms-yte", a_document("H24.15"))
    await city.work()
    found = await dead(city, state=TransportState.RETRYING)
    await intervene(access_of(city, tmp_path), found, WITHDRAWN, city.node.clock.now())
    city.office.mood = ""
    city.node.clock.advance(hours=1)
    await city.work()
    assert city.office.taken == []
    assert await city.node.states(accepted) == {"H24.15": "cancelled"}
    assert await city.queued() == []


async def test_what_came_through_can_be_neither(city: City, tmp_path: Path) -> None:
    city.office.moods = ["refuse"]
    await city.node.send("dms-yte", a_document("H24.15"))
    await city.work()
    found = await dead(city)
    arrived = [replace(one, state=TransportState.HANDED_OVER) for one in found]
    for intervention in (AGAIN, WITHDRAWN):
        changed, missed = await intervene(access_of(city, tmp_path), arrived, intervention, city.node.clock.now())
        assert (changed, len(missed)) == ([], 1)


async def test_dead_letters_are_found_by_their_index(city: City) -> None:
    await city.node.send("dms-yte", a_document("H24.15"))
    (plan,) = await plans_of(city.node.store, lambda c: letters(c, LettersAsked(), city.node.clock.now(), 10))
    if await city.node.store.read(lambda c: c.dialect.name) == "sqlite":  # a server reads so small a table whole
        assert "ix_consignment_failed" in plan


async def test_what_is_dead_goes_another_way_with_what_waits_behind_it(city: City, tmp_path: Path) -> None:
    """An organisation beyond an axis that is down has been connected here: its documents go there, in their order."""
    city.office.moods = ["refuse", "later"]
    document = a_document("H24.15")
    first = await city.node.send("dms-yte", document)
    await city.work()
    update = await city.node.send("dms-yte", an_act(document, "2"))
    await city.work()
    other = await city.node.send("dms-yte", a_document("H24.15", number="9"))
    await city.work()
    access = access_of(city, tmp_path)
    found = await dead(city)
    up = replace(AGAIN, to=UPLINK)
    changed, missed = await intervene(access, found, up, city.node.clock.now())
    assert (len(changed), missed) == (2, [])
    city.node.clock.advance(hours=1)
    await city.work()
    assert (await city.leaves()).count("delivery_rerouted") == 2
    assert city.office.taken == [other.package_id, first.package_id, update.package_id]
    rows = await city.rows("SELECT place, uplink_id, state FROM consignment ORDER BY consignment_id")
    assert [tuple(row) for row in rows] == [
        ("uplink", UPLINK, "handed_over"),
        ("uplink", UPLINK, "handed_over"),
        ("local", None, "handed_over"),
    ]
    assert await city.queued() == []


async def test_what_leads_up_comes_back_to_a_system_that_serves_the_receiver(city: City, tmp_path: Path) -> None:
    city.office.moods = ["refuse"]
    sent = await city.node.send("dms-yte", a_document("G22"))
    await city.work()
    access = access_of(city, tmp_path)
    back = replace(AGAIN, to="dms-phuong")
    with pytest.raises(Malformed, match="dms-phuong does not serve G22"):
        await intervene(access, await dead(city), back, city.node.clock.now())
    with pytest.raises(NotFound):
        await intervene(access, await dead(city), replace(AGAIN, to="nobody"), city.node.clock.now())
    await city.node.store.write(lambda c: import_organs(c, [OrganRow(code="G22", name="Bộ Y tế")], NOW, "test"))
    await city.serves("dms-phuong", "H24.88", "G22")
    changed, missed = await intervene(access, await dead(city), back, city.node.clock.now())
    assert (len(changed), missed) == (1, [])
    assert await city.node.listed("dms-phuong") == [sent.package_id]
    # It goes that way already.
    (row,) = await city.node.store.read(lambda c: [letter(c, changed[0], NOW)])
    assert row is not None
    assert await intervene(access, (row,), back, city.node.clock.now()) == ([], changed)
