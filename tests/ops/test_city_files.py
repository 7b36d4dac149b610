"""The realistic city that ships: its registry before and after July 2025, and the way from one to the other."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from axis.clock import local_day
from axis.ops.organ_file import read_organ_file
from axis.organ.codes import to_old_form
from axis.organ.model import Organ, OrganKind
from axis.organ.plan import Known, OrganRow
from axis.organ.registry import Registry
from axis.resources import resource
from axis.store.organs import known
from axis.store.registry import ImportResult, import_organs
from axis.store.store import Store
from tests.organ.test_plan import NOTHING, after, planned

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
K = OrganKind
COMMUNES = (K.WARD, K.COMMUNE, K.TOWN, K.SPECIAL_ZONE)


def rows(year: int) -> tuple[OrganRow, ...]:
    return tuple(line.organ for line in read_organ_file(resource(f"config/organs-hai-phong-{year}.csv")).lines)


def taken(known: Known, year: int) -> Known:
    return after(known, planned(known, *rows(year), at=NOW))


@pytest.fixture(scope="module")
def before() -> Known:
    return taken(NOTHING, 2024)


@pytest.fixture(scope="module")
def later(before: Known) -> Known:
    return taken(before, 2025)


def active(known: Known) -> list[Organ]:
    return [organ for organ in known.organs if not organ.is_closed]


def kinds(organs: Iterable[Organ]) -> Counter[OrganKind | None]:
    return Counter(organ.kind for organ in organs)


def test_before_july_2025_the_city_has_four_levels(before: Known) -> None:
    found = kinds(before.organs)
    assert found[K.DEPARTMENT] >= 20
    assert found[K.DISTRICT] == 15
    assert (found[K.WARD], found[K.COMMUNE], found[K.TOWN]) == (66, 141, 10)
    assert {organ.level for organ in before.organs} == {1, 2, 3, 4}
    assert not [organ for organ in before.organs if organ.is_closed]
    districts = {organ.organ_id for organ in before.organs if organ.kind is K.DISTRICT}
    assert {organ.parent_id for organ in before.organs if organ.kind in COMMUNES} == districts - {"H24.45"}
    with_units = {organ.parent_id for organ in before.organs if organ.kind is K.UNIT}
    assert districts | {organ.organ_id for organ in before.organs if organ.kind is K.DEPARTMENT} <= with_units


def test_after_it_114_stand_directly_under_the_city(later: Known) -> None:
    communes = [organ for organ in active(later) if organ.kind in COMMUNES]
    assert kinds(communes) == {K.WARD: 45, K.COMMUNE: 67, K.SPECIAL_ZONE: 2}
    assert len(communes) == 114
    assert {(organ.parent_id, organ.level) for organ in communes} == {("H24", 2)}
    assert kinds(active(later))[K.DISTRICT] == kinds(active(later))[K.TOWN] == 0
    assert len({organ.name for organ in communes}) == 114


def test_every_closed_one_reaches_an_active_successor(before: Known, later: Known) -> None:
    registry = Registry.on(local_day(NOW), later.organs, later.aliases)
    for organ in later.organs:
        resolved = registry.resolve(organ.organ_id)
        assert resolved is not None
        assert not resolved.organ.is_closed, organ.organ_id
        assert resolved.succeeded is organ.is_closed
    for organ in before.organs:  # by the code that others have, in either form
        for code in filter(None, (organ.organ_id, to_old_form(organ.organ_id))):
            resolved = registry.resolve(code)
            assert resolved is not None, code
            assert not resolved.organ.is_closed, code
    heirs = {organ.successor_id for organ in later.organs if organ.kind in COMMUNES and organ.is_closed}
    of_this_city = {organ.organ_id for organ in active(later) if organ.kind in COMMUNES}
    assert len(heirs & of_this_city) >= 49  # the rest were Hải Dương's


def test_the_days_and_names_of_the_change_are_told(later: Known) -> None:
    closed = [organ for organ in later.organs if organ.is_closed]
    assert {local_day(organ.closed_at) for organ in closed if organ.closed_at} == {"2025-03-01", "2025-07-01"}
    assert {local_day(o.closed_at) for o in closed if o.closed_at and o.kind is K.DISTRICT} == {"2025-07-01"}
    assert [name.name for name in later.names if name.organ_id == "H24.8"] == ["Sở Nông nghiệp và Phát triển nông thôn"]


def test_nobody_real_can_be_written_to(before: Known, later: Known) -> None:
    mails = [organ.email for organ in (*before.organs, *later.organs) if organ.email]
    assert mails
    assert all(mail.endswith("@haiphong.invalid") for mail in mails)
    assert len({organ.email for organ in later.organs if organ.email}) == len(
        [organ for organ in later.organs if organ.email]
    )


async def test_a_node_takes_both_one_after_the_other(store: Store, later: Known) -> None:
    async def load(year: int) -> ImportResult:
        return await store.write(lambda c: import_organs(c, rows(year), NOW, "tester"))

    assert await load(2024) == ImportResult(added=561, changed=0, unchanged=0)
    result = await load(2025)
    assert (result.added, result.changed + result.unchanged) == (128, 561)
    assert await load(2025) == ImportResult(added=0, changed=0, unchanged=689)
    present = await store.read(known)
    assert {organ.organ_id: (organ.parent_id, organ.successor_id, organ.name) for organ in present.organs} == {
        organ.organ_id: (organ.parent_id, organ.successor_id, organ.name) for organ in later.organs
    }
