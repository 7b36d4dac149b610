"""What the registry is to become, and what it never becomes."""

from datetime import UTC, datetime, timedelta

import pytest

from axis.errors import AxisError, Code
from axis.organ.model import Alias, FormerName, Organ, OrganKind, name_on
from axis.organ.plan import Changes, Known, Occasion, OldCode, OldName, OrganRow, Plan

NOW = datetime(2026, 3, 4, 20, 0, tzinfo=UTC)  # the fifth already in Vietnam
TODAY, YESTERDAY, TOMORROW = "2026-03-05", "2026-03-04", "2026-03-06"
NOTHING = Known(version=1, organs=(), aliases=(), names=())
CITY = (
    OrganRow(code="H24", name="Thành phố", level=1),
    OrganRow(code="H24.11", name="Sở Y tế", parent="H24", level=2, old_codes=("000.00.11.H24",)),
    OrganRow(code="H24.11.3", name="Chi cục", parent="H24.11", level=3),
    OrganRow(code="H24.21", name="Quận", parent="H24", level=2),
    OrganRow(code="H24.88", name="Phường", parent="H24", level=3),
)


def planned(known: Known, *rows: OrganRow, at: datetime = NOW, actor: str = "tester") -> Changes:
    plan = Plan(known, Occasion(at=at, actor=actor, version=known.version + 1))
    for row in rows:
        plan.take(row)
    return plan.changes()


def after(known: Known, changes: Changes) -> Known:
    """The registry once the changes are written."""
    organs = {organ.organ_id: organ for organ in known.organs}
    organs |= {organ.organ_id: organ for organ in (*changes.added, *changes.changed)}
    return Known(
        version=known.version + 1,
        organs=tuple(organs.values()),
        aliases=tuple((set(known.aliases) - set(changes.aliases_gone)) | set(changes.aliases)),
        names=(*known.names, *changes.names),
    )


def registry(*rows: OrganRow) -> Known:
    return after(NOTHING, planned(NOTHING, *rows))


def one(known: Known, code: str) -> Organ:
    return next(organ for organ in known.organs if organ.organ_id == code)


@pytest.mark.parametrize(
    ("rows", "code", "at"),
    [
        # levels
        ([OrganRow(code="H24.12", name="a", parent="H24", level=1)], Code.ORGAN_LEVEL, "level"),
        ([OrganRow(code="H24.11", name="", level=3)], Code.ORGAN_LEVEL, "level"),  # of the unit below it
        ([OrganRow(code="H24.21", name="", parent="H24.11")], Code.ORGAN_LEVEL, "level"),
        (
            [OrganRow(code="X", name="x", parent="H24.11"), OrganRow(code="Y", name="y", parent="X", level=2)],
            Code.ORGAN_LEVEL,
            "level",
        ),
        # closed ones and those below them
        ([OrganRow(code="H24.11", name="", status="closed")], Code.ORGAN_IN_USE, "status"),
        (
            [OrganRow(code="H24.11", name="", status="closed"), OrganRow(code="H24.11.3", name="Chi cục")],
            Code.PARENT_CLOSED,
            "parent",
        ),
        (
            [OrganRow(code="H24.21", name="", status="closed"), OrganRow(code="Z", name="z", parent="H24.21")],
            Code.PARENT_CLOSED,
            "parent",
        ),
        # successors
        ([OrganRow(code="H24.21", name="", successor="H24.88")], Code.ORGAN_ACTIVE, "successor"),
        ([OrganRow(code="H24.21", name="", status="active", successor="H24.88")], Code.ORGAN_ACTIVE, "successor"),
        ([OrganRow(code="H24.21", name="", closed_on="2025-07-01")], Code.ORGAN_ACTIVE, "closed_on"),
        ([OrganRow(code="H24.21", name="", status="closed", successor="H24.21")], Code.ORGAN_CYCLE, "successor"),
        (
            [
                OrganRow(code="H24.21", name="", status="closed", successor="H24.88"),
                OrganRow(code="H24.88", name="", status="closed", successor="H24.21"),
            ],
            Code.ORGAN_CYCLE,
            "successor",
        ),
        ([OrganRow(code="H24.21", name="", status="closed", closed_on=TOMORROW)], Code.BAD_REQUEST, "closed_on"),
        ([OrganRow(code="H24.21", name="", status="closed", closed_on="hôm qua")], Code.BAD_REQUEST, "closed_on"),
        # codes
        ([OrganRow(code="000.00.00.H24", name="once more")], Code.ORGAN_EXISTS, "code"),
        ([OrganRow(code="H24 1", name="a")], Code.BAD_REQUEST, "code"),
        ([OrganRow(code="", name="a")], Code.BAD_REQUEST, "code"),
        ([OrganRow(code="H" * 129, name="a")], Code.BAD_REQUEST, "code"),
        ([OrganRow(code="H24.90", name=" \t")], Code.BAD_REQUEST, "name"),
        ([OrganRow(code="H24.88", name="", old_codes=("a;b",))], Code.BAD_REQUEST, "old_code"),
        ([OrganRow(code="H24.88", name="", old_codes=("000.00.00.H24",))], Code.ORGAN_EXISTS, "old_code"),
        ([OrganRow(code="H24.88", name="", old_codes=("000.00.11.H24",))], Code.ORGAN_EXISTS, "old_code"),
        (
            [
                OrganRow(
                    code="H24.88",
                    name="",
                    old_codes=(OldCode(code="X", valid_from="2025-01-01", valid_until="2025-01-01"),),
                )
            ],
            Code.BAD_REQUEST,
            "old_code",
        ),
        (
            [OrganRow(code="H24.88", name="", old_codes=(OldCode(code="X", valid_from="1/1/2025"),))],
            Code.BAD_REQUEST,
            "old_code",
        ),
        # names
        (
            [OrganRow(code="H24.88", name="", former_names=(OldName(name="A", valid_until=TOMORROW),))],
            Code.BAD_REQUEST,
            "former_names",
        ),
        (
            [
                OrganRow(
                    code="H24.88",
                    name="",
                    former_names=(OldName(name="A", valid_until=TODAY), OldName(name="B", valid_until=TODAY)),
                )
            ],
            Code.ORGAN_HISTORY,
            "former_names",
        ),
    ],
)
def test_what_cannot_be_is_refused_and_named(rows: list[OrganRow], code: Code, at: str) -> None:
    with pytest.raises(AxisError) as refused:
        planned(registry(*CITY), *rows)
    assert (refused.value.code, refused.value.at) == (code, at)


def test_a_contradiction_of_old_elsewhere_does_not_stop_a_change() -> None:
    closed = Organ(organ_id="A", name="a", status="closed", created_at=NOW)
    below = Organ(organ_id="A.1", name="b", parent_id="A", level=1, created_at=NOW)
    known = Known(version=1, organs=(closed, below), aliases=(), names=())
    assert planned(known, OrganRow(code="B", name="new")).added
    assert planned(known, OrganRow(code="A", name="another name")).changed


def test_a_new_name_leaves_the_old_one_behind() -> None:
    known = registry(*CITY)
    changes = planned(known, OrganRow(code="H24.11", name="Sở Y tế mới"))
    left = FormerName(organ_id="H24.11", name="Sở Y tế", valid_until=TODAY, source="tester")
    assert changes.names == (left,)
    known = after(known, changes)
    # twice on one day: a name that was borne for no day is no history
    changes = planned(known, OrganRow(code="H24.11", name="Sở Y tế khác"))
    assert changes.names == ()
    known = after(known, changes)
    changes = planned(known, OrganRow(code="H24.11", name="Sở Y tế thứ tư"), at=NOW + timedelta(days=10), actor="x")
    assert changes.names == (
        FormerName(organ_id="H24.11", name="Sở Y tế khác", valid_from=TODAY, valid_until="2026-03-15", source="x"),
    )
    known = after(known, changes)
    names = tuple(name for name in known.names if name.organ_id == "H24.11")
    told = [name_on(day, "Sở Y tế thứ tư", names) for day in ("2001-01-01", YESTERDAY, TODAY, "2026-03-15")]
    assert told == ["Sở Y tế", "Sở Y tế", "Sở Y tế khác", "Sở Y tế thứ tư"]


def test_a_list_that_tells_since_when_a_name_is_borne_is_believed() -> None:
    known = registry(*CITY)
    row = OrganRow(code="H24.11", name="Sở Y tế mới", former_names=(OldName(name="Sở Y tế", valid_until="2025-03-01"),))
    changes = planned(known, row)
    assert [(name.name, name.valid_until) for name in changes.names] == [("Sở Y tế", "2025-03-01")]
    assert not planned(after(known, changes), row)


def test_names_are_one_line_of_what_can_be_printed() -> None:
    known = registry(OrganRow(code="A", name="  Sở\n Y te\u0302\u0301 \x00", email=" a@b.invalid\r\n"))
    assert (one(known, "A").name, one(known, "A").email) == ("Sở Y tế", "a@b.invalid")


def test_another_code_has_a_period_and_can_pass_to_another_organisation() -> None:
    known = registry(*CITY, OrganRow(code="H24.90", name="Sở mới", parent="H24"))
    moves = (
        OrganRow(code="H24.11", name="", old_codes=(OldCode(code="000.00.11.H24", valid_until="2025-03-01"),)),
        OrganRow(code="H24.90", name="", old_codes=(OldCode(code="000.00.11.H24", valid_from="2025-03-01"),)),
    )
    changes = planned(known, *moves)
    assert [organ.organ_id for organ in changes.changed] == ["H24.11", "H24.90"]
    known = after(known, changes)
    assert set(known.aliases) == {
        Alias(alias="000.00.11.H24", organ_id="H24.11", valid_until="2025-03-01"),
        Alias(alias="000.00.11.H24", organ_id="H24.90", valid_from="2025-03-01"),
    }
    assert not planned(known, *moves)
    assert not planned(known, OrganRow(code="H24.11", name="", old_codes=("000.00.11.H24",)))
    early = OrganRow(code="H24.90", name="", old_codes=(OldCode(code="000.00.11.H24", valid_from="2025-02-28"),))
    with pytest.raises(AxisError) as refused:
        planned(known, early)
    assert refused.value.code is Code.ORGAN_EXISTS


def test_a_code_that_ended_can_be_registered_and_can_begin_again() -> None:
    ended = OrganRow(code="A", name="a", old_codes=(OldCode(code="X", valid_until=TODAY),))
    known = registry(ended)
    assert planned(known, OrganRow(code="X", name="x")).added
    again = planned(known, OrganRow(code="A", name="", old_codes=(OldCode(code="X", valid_from=TOMORROW),)))
    assert set(after(known, again).aliases) == {
        Alias(alias="X", organ_id="A", valid_until=TODAY),
        Alias(alias="X", organ_id="A", valid_from=TOMORROW),
    }


def test_a_code_that_is_to_end_cannot_be_registered_yet() -> None:
    known = registry(OrganRow(code="A", name="a", old_codes=(OldCode(code="X", valid_until=TOMORROW),)))
    with pytest.raises(AxisError) as refused:
        planned(known, OrganRow(code="X", name="x"))
    assert refused.value.code is Code.ORGAN_EXISTS


def test_ending_a_code_keeps_it_on_record_unless_it_never_held() -> None:
    known = registry(
        OrganRow(code="A", name="a", old_codes=("X", OldCode(code="Y", valid_from=TODAY), OldCode(code="Z")))
    )
    plan = Plan(known, Occasion(at=NOW, actor="t", version=2))
    assert plan.end_alias("X", "A")
    assert plan.end_alias("Y", "A")
    assert not plan.end_alias("X", "A")
    assert not plan.end_alias("nobody", "A")
    assert set(after(known, plan.changes()).aliases) == {
        Alias(alias="X", organ_id="A", valid_until=TODAY),
        Alias(alias="Z", organ_id="A"),
    }


def test_the_day_of_a_closure_is_kept_and_does_not_move_by_being_told_again() -> None:
    known = registry(*CITY)
    closed = OrganRow(code="H24.21", name="", status="closed", successor="H24.88", closed_on="2025-07-01")
    known = after(known, planned(known, closed))
    at = one(known, "H24.21").closed_at
    assert at == datetime(2025, 6, 30, 17, tzinfo=UTC)
    assert not planned(known, closed)
    assert not planned(known, OrganRow(code="H24.21", name="", status="closed"))
    known = after(known, planned(known, OrganRow(code="H24.21", name="", successor="H24")))
    assert (one(known, "H24.21").closed_at, one(known, "H24.21").successor_id) == (at, "H24")


def test_what_changed_carries_the_version_and_routes_are_looked_at_only_when_they_can_move() -> None:
    known = registry(*CITY)
    changes = planned(
        known,
        OrganRow(code="H24.11", name="", kind=OrganKind.DEPARTMENT),
        OrganRow(code="H24.88", name="", old_codes=("X",)),
        OrganRow(code="H24.21", name="", status="closed"),
        OrganRow(code="H24.11.3", name="Chi cục", parent="H24"),
        OrganRow(code="H24", name="Thành phố"),
    )
    assert {organ.organ_id: organ.version for organ in changes.changed} == dict.fromkeys(
        ("H24.11", "H24.88", "H24.21", "H24.11.3"), known.version + 1
    )
    assert changes.moved == {"H24.21", "H24.11.3"}
    assert changes.unchanged == 1
