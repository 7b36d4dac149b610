"""The comparison of two beliefs about a day: pure, so that every case can be laid out."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis.delivery.ledger import (
    DayList,
    Difference,
    Direction,
    Found,
    Item,
    Known,
    What,
    compare,
    judge_here,
    judge_there,
    period_of,
)
from axis.terms import PackageKind

ITEM = Item(
    direction=Direction.UP,
    sha256_hex="a" * 64,
    kind=PackageKind.DOCUMENT,
    business_type=0,
    from_code="H24.11",
    document_id="H24.11,2026/11/24,15/SYT",
    receivers=("A44", "A45"),
    ref="here-1",
    at=datetime(2026, 11, 24, 2, 0, tzinfo=UTC),
)
DOWN = replace(ITEM, direction=Direction.DOWN)


def found(known: Known, *missing: str, is_open: bool = False) -> Found:
    return Found(sha256_hex=ITEM.sha256_hex, known=known, missing=missing, open=is_open)


def digest(*items: Item) -> str:
    listed = DayList(Direction.UP)
    listed.add(items)
    return listed.digest().sha256_hex


def test_a_day_begins_and_ends_at_midnight_in_vietnam() -> None:
    begins, ends = period_of(date(2026, 11, 24))
    assert begins.astimezone(UTC) == datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    assert ends.astimezone(UTC) == datetime(2026, 11, 24, 17, 0, tzinfo=UTC)


@given(st.lists(st.integers(0, 30), max_size=20), st.randoms(use_true_random=False))
def test_a_digest_is_of_the_set_whatever_the_order_and_the_parts(numbers: list[int], chance: object) -> None:
    items = [replace(ITEM, sha256_hex=f"{number:064}") for number in numbers]
    shuffled = list(items)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert digest(*items) == digest(*shuffled) == digest(*items, *items)


@pytest.mark.parametrize(
    "changed",
    [
        {"sha256_hex": "b" * 64},
        {"direction": Direction.DOWN},
        {"kind": PackageKind.STATUS},
        {"business_type": 1},
        {"from_code": "H24.12"},
        {"document_id": "other"},
        {"receivers": ("A44",)},
    ],
)
def test_a_digest_differs_when_anything_that_both_sides_know_does(changed: dict[str, object]) -> None:
    assert digest(ITEM) != digest(replace(ITEM, **changed))  # type: ignore[arg-type]


def test_a_digest_does_not_look_at_what_is_each_sides_own() -> None:
    assert digest(ITEM) == digest(replace(ITEM, ref="there-9", at=None, receivers=("A45", "A44", "A44")))


def test_no_two_lists_of_words_make_one_line() -> None:
    one = replace(ITEM, from_code='H24","x', document_id="y")
    other = replace(ITEM, from_code="H24", document_id='x","y')
    assert one.line() != other.line()


def test_what_stands_on_both_lists_raises_no_doubt() -> None:
    doubts = compare([ITEM, DOWN], [replace(DOWN, ref="x"), ITEM])
    assert (doubts.ask_there, doubts.ask_here) == ((), ())


def test_what_stands_on_one_list_is_asked_for_on_the_other_side() -> None:
    other = replace(ITEM, sha256_hex="c" * 64)
    doubts = compare([ITEM], [other])
    assert (doubts.ask_there, doubts.ask_here) == ((ITEM,), (other,))


def test_who_lists_more_receivers_is_the_one_whose_item_is_asked_for() -> None:
    fewer = replace(ITEM, receivers=("A44",))
    assert compare([ITEM], [fewer]).ask_there == (ITEM,)
    assert compare([ITEM], [fewer]).ask_here == ()
    assert compare([fewer], [ITEM]).ask_here == (ITEM,)


@pytest.mark.parametrize("known", [Known.SAME, Known.OTHER])
def test_what_is_known_on_another_day_or_as_a_repeat_is_no_difference(known: Known) -> None:
    assert judge_there(ITEM, found(known)) is None
    assert judge_here(DOWN, found(known)) is None
    assert (
        judge_there(DOWN, found(known, "A45")) is None
    )  # the sender itself knows it: its receivers are its own matter
    assert judge_here(ITEM, found(known, "A45")) is None


def test_what_is_not_known_at_all_is_missing() -> None:
    assert judge_there(ITEM, found(Known.NO)) == Difference(what=What.MISSING_THERE, item=ITEM)
    assert judge_here(DOWN, found(Known.NO)) == Difference(what=What.MISSING_HERE, item=DOWN)


def test_receivers_that_the_receiving_side_does_not_know_are_named() -> None:
    there = judge_there(ITEM, found(Known.SAME, "A45"))
    assert there == Difference(what=What.RECEIVERS_THERE, item=ITEM, receivers=("A45",))
    here = judge_here(DOWN, found(Known.OTHER, "A44", "A45"))
    assert here == Difference(what=What.RECEIVERS_HERE, item=DOWN, receivers=("A44", "A45"))


def test_what_the_partner_has_though_we_believe_it_never_went_is_told() -> None:
    assert judge_here(ITEM, found(Known.SAME, is_open=True)) == Difference(what=What.STATE_DIFFERS, item=ITEM)
