"""A ministry's node beside a city's: the city's axis calls it, and both are connected to the national one."""

from pathlib import Path

import pytest

from axis.delivery.router import UplinkPrefixes
from axis.errors import Code, NotAllowed, UnknownOrgan, WrongState
from axis.exchange.values import Outcome
from axis.store.registry import OrganRow
from axis.store.store import Store
from axis.terms import Place
from tests.exchange.harness import ORGANS, UPLINK, Node, Plan, a_document, a_status, make_node

CITY, CUC = "H24", "dms-cuc"
PLAN = Plan(
    organs=(
        *ORGANS,
        OrganRow(code="G01", name="Bộ Một"),
        OrganRow(code="G01.5", name="Cục Năm", parent="G01"),
    ),
    systems={CITY: ("H24",), CUC: ("G01.5",)},
    prefixes=("G01",),
    uplinks=(UplinkPrefixes(uplink_id=UPLINK),),
    neighbours=(CITY,),
)


@pytest.fixture
async def ministry(store: Store, tmp_path: Path) -> Node:
    return await make_node(store, tmp_path, PLAN)


async def test_what_the_neighbour_sends_is_for_ours_and_goes_to_no_other_axis(ministry: Node) -> None:
    accepted = await ministry.send(CITY, a_document("G01.5", "G17", "H24.15"))
    places = {organ: row.place for organ, row in (await ministry.deliveries(accepted)).items()}
    assert places == {"G01.5": Place.LOCAL, "G17": Place.ELSEWHERE, "H24.15": Place.ELSEWHERE}
    assert set(await ministry.states(accepted)) == {"G01.5"}
    with pytest.raises(UnknownOrgan):
        await ministry.send(CITY, a_document("G17", number="2"))


async def test_what_comes_from_another_axis_is_not_carried_to_the_neighbour(ministry: Node) -> None:
    accepted = await ministry.come_down(a_document("G01.5", "H24.15", sender="G17"))
    assert set(await ministry.states(accepted)) == {"G01.5"}
    with pytest.raises(UnknownOrgan):
        await ministry.come_down(a_document("H24.15", sender="G17", number="2"))


async def test_ours_reach_the_neighbours_organisations_by_the_neighbour(ministry: Node) -> None:
    accepted = await ministry.send(CUC, a_document("H24.15", "G17", sender="G01.5"))
    places = {organ: row.place for organ, row in (await ministry.deliveries(accepted)).items()}
    assert places == {"H24.15": Place.LOCAL, "G17": Place.UPLINK}
    assert await ministry.listed(CITY) == [accepted.package_id]
    status = a_status(a_document("H24.15", "G17", sender="G01.5"), "01", "H24.15")
    await ministry.send(CITY, status)
    assert len(await ministry.listed(CUC)) == 1


async def test_the_neighbours_document_that_comes_by_another_axis_is_no_echo(ministry: Node) -> None:
    document = a_document("G01.5", "G17")
    first = await ministry.come_down(document)
    assert first.outcome is Outcome.ACCEPTED
    assert await ministry.listed(CUC) == [first.package_id]
    second = await ministry.send(CITY, document)
    assert (second.outcome, second.package_id) == (Outcome.REPEATED, first.package_id)
    await ministry.send(CUC, a_status(document, "01", "G01.5"))
    assert len(await ministry.listed(CITY)) == 1


async def test_our_own_document_that_the_neighbour_brings_back_is_an_echo(ministry: Node) -> None:
    document = a_document("H24.15", "G17", sender="G01.5")
    await ministry.send(CUC, document)
    before = await ministry.count("package")
    assert (await ministry.send(CITY, document)).outcome is Outcome.ECHO
    assert await ministry.count("package") == before
    assert "echo_acknowledged" in await ministry.audit_kinds()


async def test_the_neighbours_status_that_comes_before_its_document_is_kept(ministry: Node) -> None:
    early = a_status(a_document("H24.15", sender="G01.5"), "01", "H24.15")
    assert (await ministry.send(CITY, early)).outcome is Outcome.ACCEPTED
    own = a_status(a_document("G01.5", sender="H24.11"), "01", "G01.5")
    with pytest.raises(WrongState) as refused:
        await ministry.send(CUC, own)
    assert refused.value.code is Code.STATUS_UNMATCHED


async def test_the_neighbours_status_goes_to_no_other_axis(ministry: Node) -> None:
    await ministry.come_down(a_document("G01.5", "H24.15", sender="G17"))
    with pytest.raises(UnknownOrgan):
        await ministry.send(CITY, a_status(a_document("G01.5", "H24.15", sender="G17"), "01", "H24.15"))
    assert await ministry.count("status_event") == 0


async def test_the_neighbour_sends_for_its_own_only(ministry: Node) -> None:
    with pytest.raises(UnknownOrgan):
        await ministry.send(CITY, a_document("G01.5", sender="G17"))
    with pytest.raises(NotAllowed):
        await ministry.send(CUC, a_document("G01.5", sender="H24.11"))
