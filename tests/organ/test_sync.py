"""Another axis's list laid against our registry."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from axis.organ.model import Alias, OrganKind
from axis.organ.plan import Changes, Known, Occasion, OrganRow, Plan
from axis.organ.sync import Bounds, Difference, ListedOrgan, OrganList, Verdict, closed_there, compare, in_parts
from tests.organ.test_plan import NOTHING, after, one, registry

NOW = datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
OURS = Bounds(prefixes=("H24",))
V = Verdict

REGISTRY = registry(
    OrganRow(code="H24", name="Thành phố", level=1),
    OrganRow(code="H24.11", name="Sở Y tế", parent="H24", level=2),
    OrganRow(code="G22", name="Văn phòng Chính phủ", level=1, email="vpcp@demo.invalid", old_codes=("VPCP",)),
    OrganRow(code="G22.4", name="Cục Kiểm soát", parent="G22", level=2),
    OrganRow(code="G17", name="Bộ Xây dựng", level=1),
    OrganRow(code="G17.1", name="Văn phòng", parent="G17", level=2),
    OrganRow(code="G17.2", name="Vụ", parent="G17", level=2),
    OrganRow(code="G05", name="Bộ đã đóng", level=1, status="closed"),
    OrganRow(code="G06", name="Bộ đã sáp nhập", level=1, status="closed", successor="G17"),
)
SAME = (
    ListedOrgan(code="H24", name="Hải Phòng ở trung ương", parent_code="", level=1),
    ListedOrgan(code="H24.11", name="Sở Y tế", parent_code="H24", level=2),
    ListedOrgan(code="000.00.00.G22", name="Văn phòng Chính phủ", parent_code="", level=1, old_codes=("G22", "VPCP")),
    ListedOrgan(code="G22.4", name=" Cục Kiểm soát ", parent_code="000.00.00.G22", level=2, email=""),
    ListedOrgan(code="G17", name="Bộ Xây dựng", parent_code="", level=1),
    ListedOrgan(code="G17.1", name="Văn phòng", parent_code="G17", level=2),
    ListedOrgan(code="000.00.02.G17", name="Vụ", parent_code="G17"),
    ListedOrgan(code="G05", name="Bộ đã đóng", closed=True),
    ListedOrgan(code="G06", name="Bộ đã sáp nhập", closed=True),
)


def occasion(known: Known) -> Occasion:
    return Occasion(at=NOW, actor="sync:national", version=known.version + 1)


def compared(*organs: ListedOrgan, known: Known = REGISTRY, bounds: Bounds = OURS) -> Difference:
    found = compare(known, OrganList(organs=organs), bounds, occasion(known))
    # Whatever comes of it leaves nothing to be done but what is for a person.
    again = compare(after(known, found.changes), OrganList(organs=organs), bounds, occasion(known))
    assert not again.changes, again.items
    assert all(item.verdict.is_for_a_person for item in again.items)
    return found


def said(found: Difference) -> list[tuple[Verdict, str, str]]:
    return [(item.verdict, item.code, item.detail) for item in found.items]


def but(code: str, **changes: object) -> tuple[ListedOrgan, ...]:
    """The list, in which one organisation is another."""
    return tuple(replace(one, **changes) if one.code == code else one for one in SAME)  # type: ignore[arg-type]


def test_a_list_that_says_what_we_know_changes_nothing() -> None:
    found = compared(*SAME)
    assert (said(found), found.same, found.own, bool(found.changes)) == ([], 7, 2, False)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (but("G17", name="Bộ Xây dựng mới"), (V.RENAMED, "G17", "was Bộ Xây dựng")),
        (but("G17.1", parent_code="000.00.00.G22"), (V.MOVED, "G17.1", "from G17 to G22")),
        (but("G17.1", level=3), (V.CHANGED, "G17.1", "level 3, was 2")),
        (but("G17", email="x@demo.invalid"), (V.CHANGED, "G17", "email x@demo.invalid, was none")),
        (but("G17", old_codes=("BXD",)), (V.CHANGED, "G17", "other code BXD")),
        (but("G17.1", closed=True), (V.CLOSED, "G17.1", "")),
        (but("G05", closed=False), (V.REOPENED, "G05", "")),
        ((*SAME, ListedOrgan(code="G30", name="Bộ mới", parent_code="")), (V.ADDED, "G30", "")),
        ((*SAME, ListedOrgan(code="G22.5", name="Cục", parent_code="VPCP")), (V.ADDED, "G22.5", "below G22")),
    ],
)
def test_what_differs_is_named_and_taken_over(
    listed: tuple[ListedOrgan, ...], expected: tuple[Verdict, str, str]
) -> None:
    found = compared(*listed)
    assert said(found) == [expected]
    assert found.changes


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (but("G06", closed=False), (V.CONFLICT, "G06", "closed here, succeeded by G17; active there")),
        (but("G17.1", level=1), (V.CONFLICT, "G17.1", "level 1 below G17 of level 1")),
        (but("G17.1", level=9), (V.CONFLICT, "G17.1", "level 9")),
        (but("G17.1", parent_code="G99"), (V.CONFLICT, "G17.1", "below G99, which is not known here")),
        (but("G17.1", parent_code="G05"), (V.CONFLICT, "G17.1", "below G05, which is closed here")),
        (but("G17", old_codes=("VPCP",)), (V.CONFLICT, "G17", "other code VPCP means G22 here")),
        (but("G17", closed=True), (V.IN_USE, "G17", "active below it: G17.1, G17.2")),
        ((*SAME, ListedOrgan(code="G17", name="Khác")), (V.CONFLICT, "G17", "listed twice, differently")),
        ((*SAME, ListedOrgan(code="G 30", name="x")), (V.CONFLICT, "G 30", "no usable code, or no name")),
        ((*SAME, ListedOrgan(code="G30", name=" ")), (V.CONFLICT, "G30", "no usable code, or no name")),
        (
            (*SAME, ListedOrgan(code="G30", name="x", parent_code="G30")),
            (V.CONFLICT, "G30", "below G30, which is not known here"),
        ),
    ],
)
def test_what_contradicts_us_or_is_needed_is_left_for_a_person(
    listed: tuple[ListedOrgan, ...], expected: tuple[Verdict, str, str]
) -> None:
    found = compared(*listed)
    assert said(found) == [expected]
    assert not found.changes


def test_who_is_in_use_here_is_not_closed() -> None:
    listed = but("G17.1", closed=True)
    assert closed_there(REGISTRY, OrganList(organs=listed), "2026-03-04") == ("G17.1",)
    found = compared(*listed, bounds=replace(OURS, in_use={"G17.1": "served by dms"}))
    assert said(found) == [(V.IN_USE, "G17.1", "served by dms")]
    assert not found.changes


def test_a_whole_branch_can_end_and_one_that_is_in_use_keeps_those_above_it() -> None:
    branch = tuple(replace(one, closed=True) if one.code.endswith("G17") or "G17." in one.code else one for one in SAME)
    found = compared(*branch)
    assert said(found) == [(V.CLOSED, code, "") for code in ("G17", "G17.1", "G17.2")]
    found = compared(*branch, bounds=replace(OURS, in_use={"G17.2": "served by dms"}))
    assert said(found) == [
        (V.CLOSED, "G17.1", ""),
        (V.IN_USE, "G17", "active below it: G17.2"),
        (V.IN_USE, "G17.2", "served by dms"),
    ]


def test_what_moves_away_does_not_keep_its_old_parent() -> None:
    listed = [replace(one, closed=True) if one.code in ("G17", "000.00.02.G17") else one for one in SAME]
    listed = [replace(one, parent_code="G22") if one.code == "G17.1" else one for one in listed]
    assert {(verdict, code) for verdict, code, _ in said(compared(*listed))} == {
        (V.CLOSED, "G17"),
        (V.CLOSED, "G17.2"),
        (V.MOVED, "G17.1"),
    }


def test_a_loop_over_there_does_not_come_here_nor_stop_the_rest() -> None:
    known = registry(
        OrganRow(code="A", name="a"), OrganRow(code="B", name="b"), OrganRow(code="C", name="c", parent="B")
    )
    listed = (
        ListedOrgan(code="A", name="a", parent_code="C"),
        ListedOrgan(code="B", name="b", parent_code="A"),
        ListedOrgan(code="C", name="đổi tên", parent_code="B"),
        ListedOrgan(code="X", name="x", parent_code="Y"),
        ListedOrgan(code="Y", name="y", parent_code="X"),
        ListedOrgan(code="D", name="d", parent_code=""),
    )
    found = compare(known, OrganList(organs=listed), Bounds(), occasion(known))
    became = after(known, found.changes)
    assert one(became, "D").name == "d"
    assert not {"X", "Y"} & {organ.organ_id for organ in became.organs}
    Plan(became, occasion(became)).changes()  # raises for a loop
    assert {item.code for item in found.items if item.verdict is V.CONFLICT} >= {"X", "Y"}


def test_our_own_tree_is_left_alone_unless_asked_for() -> None:
    listed = (
        ListedOrgan(code="H24", name="Tên khác", parent_code="", level=1),
        ListedOrgan(code="H24.11", name="Tên khác", parent_code="H24", level=2),
        ListedOrgan(code="000.00.12.H24", name="Sở ở đó", parent_code="H24", level=2),
        ListedOrgan(code="lạ", name="Dưới cây của ta", parent_code="H24.11"),
        ListedOrgan(code="lạ.1", name="Dưới nữa", parent_code="lạ"),
    )
    found = compared(*listed)
    assert (said(found), found.own, bool(found.changes)) == ([], 5, False)
    found = compared(*listed, bounds=replace(OURS, ours=True))
    assert {(verdict, code) for verdict, code, _ in said(found)} == {
        (V.RENAMED, "H24"),
        (V.RENAMED, "H24.11"),
        (V.ADDED, "000.00.12.H24"),
        (V.ADDED, "lạ"),
        (V.ADDED, "lạ.1"),
    }


def test_only_what_stands_high_enough_is_followed() -> None:
    listed = (
        ListedOrgan(code="G30", name="a", parent_code="", level=1),
        ListedOrgan(code="G30.1", name="b", parent_code="G30", level=2),
        ListedOrgan(code="G30.1.1", name="c", parent_code="G30.1", level=3),
        ListedOrgan(code="G31", name="không rõ cấp", parent_code=""),
    )
    found = compared(*listed, bounds=replace(OURS, level=2))
    assert [code for _, code, _ in said(found)] == ["G30", "G30.1"]


def test_who_is_closed_over_there_and_unknown_here_is_nobody() -> None:
    assert said(compared(ListedOrgan(code="G40", name="x", closed=True))) == []


def test_a_unit_is_told_from_an_agency_and_a_rename_leaves_the_old_name() -> None:
    found = compared(
        ListedOrgan(code="G30", name="x", parent_code="", is_unit=True), *but("G17", name="Bộ Xây dựng mới")
    )
    (added,) = found.changes.added
    assert added.kind is OrganKind.UNIT
    assert [(name.name, name.source) for name in found.changes.names] == [("Bộ Xây dựng", "sync:national")]


def test_what_the_plan_refuses_becomes_a_conflict_and_the_rest_goes_on() -> None:
    # X is no other code today, so nothing is found by it; it will be A's tomorrow.
    known = replace(
        registry(OrganRow(code="A", name="a")), aliases=(Alias(alias="X", organ_id="A", valid_from="2026-03-05"),)
    )
    listed = (ListedOrgan(code="X", name="x", parent_code=""), ListedOrgan(code="Y", name="y", parent_code=""))
    found = compare(known, OrganList(organs=listed), Bounds(), occasion(known))
    assert said(found) == [
        (V.ADDED, "Y", ""),
        (V.CONFLICT, "X", "organ_exists: X is another code of A"),
    ]
    assert [organ.organ_id for organ in found.changes.added] == ["Y"]


def test_a_registry_from_nothing_comes_in_parts_that_can_be_written_one_after_the_other() -> None:
    listed = [ListedOrgan(code="T", name="t", parent_code="")]
    listed += [ListedOrgan(code=f"T.{n}", name="x", parent_code=f"T.{n // 3}" if n > 2 else "T") for n in range(1, 40)]
    found = compared(*reversed(listed), known=NOTHING)
    assert len(found.changes.added) == 40
    there: set[str | None] = {None}
    parts = list(in_parts(found.changes, 7))
    for part in parts:
        there |= {organ.organ_id for organ in part.added}
        assert {organ.parent_id for organ in part.added} <= there
        assert len(part.added) <= 7
    assert len(there) == 41


def test_parts_hold_all_of_the_changes() -> None:
    listed = (
        *but("G17", name="Mới", old_codes=("BXD",)),
        ListedOrgan(code="G30", name="x", parent_code="", old_codes=("BX",)),
    )
    whole = compared(*listed).changes
    together = Changes(unchanged=whole.unchanged)
    for part in in_parts(whole, 1):
        assert len(part.added) + len(part.changed) == 1
        together = replace(
            together,
            added=together.added + part.added,
            changed=together.changed + part.changed,
            aliases=together.aliases + part.aliases,
            names=together.names + part.names,
            moved=together.moved | part.moved,
        )
    assert set(together.aliases) == set(whole.aliases)
    assert replace(together, aliases=()) == replace(whole, aliases=())
