"""Spans of days, and figures that add up."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis.kpi.figures import Cell, Counts, Figures, Times, bounds, day_of, day_of_number, spans, total
from axis.kpi.histogram import Histogram
from axis.terms import Side

DAYS = st.dates(date(2024, 1, 1), date(2028, 12, 31))


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        ("2026-11-24", "2026-11-24", ("2026-11-24",)),
        ("2026-11-01", "2026-11-30", ("2026-11",)),
        ("2026-11-30", "2027-01-02", ("2026-11-30", "2026-12", "2027-01-01", "2027-01-02")),
        ("2026-11-24", "2026-11-23", ()),
    ],
)
def test_a_period_is_made_of_months_and_days(first: str, last: str, found: tuple[str, ...]) -> None:
    assert spans(date.fromisoformat(first), date.fromisoformat(last)) == found


@given(DAYS, st.integers(0, 800))
def test_spans_cover_every_day_once(first: date, length: int) -> None:
    last = first + timedelta(days=length)
    covered: list[str] = []
    for span in spans(first, last):
        if len(span) == 10:
            covered.append(span)
            continue
        day = date.fromisoformat(f"{span}-01")
        while f"{day:%Y-%m}" == span:
            covered.append(day.isoformat())
            day += timedelta(days=1)
    assert covered == [(first + timedelta(days=n)).isoformat() for n in range(length + 1)]


@given(st.timedeltas(timedelta(), timedelta(days=2000)))
def test_a_moment_lies_within_its_day(since: timedelta) -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC) + since
    start, end = bounds(day_of(moment))
    assert start <= moment < end
    assert day_of(start) == day_of(moment)
    assert day_of(end) == day_of(moment) + timedelta(days=1)


def test_a_day_begins_at_midnight_in_vietnam() -> None:
    assert day_of(datetime(2026, 11, 23, 17, tzinfo=UTC)) == date(2026, 11, 24)
    assert day_of(datetime(2026, 11, 23, 16, 59, tzinfo=UTC)) == date(2026, 11, 23)
    assert day_of_number((date(2026, 11, 24) - date(1970, 1, 1)).days) == date(2026, 11, 24)


def test_figures_add_up() -> None:
    hours = Histogram.of([timedelta(hours=3)])
    one = Figures(counts=Counts(deliveries=2, said_03=1), times=Times(to_03=hours))
    assert total([one, one, Figures()]) == Figures(
        counts=Counts(deliveries=4, said_03=2), times=Times(to_03=hours + hours)
    )


def test_a_day_adds_to_its_month() -> None:
    day = Cell(span="2026-11-24", organ_id="H24", side=Side.SENT)
    assert day.month == Cell(span="2026-11", organ_id="H24", side=Side.SENT)
