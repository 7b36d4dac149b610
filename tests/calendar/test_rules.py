"""Texts such as `1d 12:00`, and the moments that they lead to."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis.calendar.rules import Rule
from axis.calendar.working import Calendar
from axis.clock import VIETNAM

PLAIN = Calendar()
MOMENTS = st.timedeltas(timedelta(), timedelta(days=500)).map(lambda since: local("2026-01-01") + since)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


@pytest.mark.parametrize(
    ("rule", "start", "due"),
    [
        ("30min", "2026-11-20T16:50", "2026-11-20T17:20"),
        ("2h", "2026-11-20T23:00", "2026-11-21T01:00"),
        ("4wh", "2026-11-20T16:00", "2026-11-23T11:00"),
        ("0d", "2026-11-20T10:00", "2026-11-21T00:00"),
        ("0d", "2026-11-20T17:30", "2026-11-24T00:00"),
        ("0d 16:00", "2026-11-20T10:00", "2026-11-20T16:00"),
        ("0d 16:00", "2026-11-20T16:30", "2026-11-23T16:00"),
        ("1d 12:00", "2026-11-20T10:00", "2026-11-23T12:00"),
        ("1d 12:00", "2026-11-21T10:00", "2026-11-25T12:00"),  # Saturday counts as Monday; Tuesday is a holiday
        ("1d", "2026-02-13T10:00", "2026-02-24T00:00"),  # the day before Tết
        ("2d 24:00", "2026-11-18T10:00", "2026-11-21T00:00"),
    ],
)
def test_a_rule_leads_to_a_moment(rule: str, start: str, due: str) -> None:
    assert Rule.read(rule).due(PLAIN, local(start)) == local(due)


@pytest.mark.parametrize("day", ["2026-11-20", "2026-11-21", "2026-11-22"])
def test_what_is_signed_on_a_day_is_due_on_the_next_working_morning(day: str) -> None:
    """Norm: QĐ 28/2018/QĐ-TTg Art. 6."""
    assert Rule.read("1d 12:00").due_by_day(PLAIN, date.fromisoformat(day)) == local("2026-11-23T12:00")


def test_only_a_rule_in_days_counts_from_a_day() -> None:
    with pytest.raises(ValueError, match="only a rule in days"):
        Rule.read("4wh").due_by_day(PLAIN, date(2026, 11, 20))


@pytest.mark.parametrize(
    "text",
    ["", "d", "1", "1 week", "-1d", "1.5h", "4wh 12:00", "1d 24:01", "1d 11:60", "1d 9:00", "1000d", "1d12:00"],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="none of"):
        Rule.read(text)


@given(
    st.sampled_from(["30min", "2h", "4wh", "0d", "0d 12:00", "1d", "1d 12:00"]),
    MOMENTS,
    MOMENTS,
)
def test_what_begins_later_is_never_due_sooner(text: str, one: datetime, other: datetime) -> None:
    first, second = sorted((one, other))
    rule = Rule.read(text)
    assert rule.due(PLAIN, first) <= rule.due(PLAIN, second)
    assert rule.due(PLAIN, first) > first
