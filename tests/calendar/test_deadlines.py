"""By when what is owed, and what answers it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis.calendar.deadlines import Deadlines, unanswered
from axis.calendar.rules import Rule
from axis.calendar.working import Calendar
from axis.clock import VIETNAM
from axis.status.order import PROGRESS
from axis.terms import DeadlineKind, StatusCode, Urgency

RULES = Deadlines(calendar=Calendar())
FRIDAY = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)  # 10:00


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


@pytest.mark.parametrize(
    ("signed_on", "due"),
    [
        ("2026-11-20", "2026-11-23T12:00"),
        ("2026-11-16", "2026-11-17T12:00"),
        ("2026-11-14", "2026-11-16T12:00"),  # a Saturday
    ],
)
def test_a_document_is_to_be_sent_by_noon_of_the_working_day_after_signing(signed_on: str, due: str) -> None:
    """Norm: QĐ 28/2018/QĐ-TTg Art. 6."""
    assert RULES.sent_by(date.fromisoformat(signed_on), FRIDAY) == local(due)


@pytest.mark.parametrize("signed_on", [None, date(2026, 11, 21), date(9999, 12, 31), date(1, 1, 1), date(2009, 1, 5)])
def test_of_a_day_that_is_unknown_impossible_or_long_ago_nothing_is_said(signed_on: date | None) -> None:
    assert RULES.sent_by(signed_on, FRIDAY) is None


def test_what_is_urgent_is_due_sooner() -> None:
    dues = [RULES.dues(urgency, FRIDAY, None) for urgency in Urgency]
    accepted_by = [due.acceptance_at for due in dues if due.acceptance_at]
    assert accepted_by == sorted(accepted_by, reverse=True)
    assert len(set(accepted_by)) == len(Urgency)
    assert dues[Urgency.NORMAL].receipt_at == local("2026-11-21T00:00")  # the same day
    assert dues[Urgency.NORMAL].acceptance_at == local("2026-11-23T12:00")
    assert dues[Urgency.EXPRESS_TIMED].acceptance_at == local("2026-11-20T12:00")


@pytest.mark.parametrize(
    ("due_date", "due"),
    [
        (None, None),
        ("2026-11-20", "2026-11-21T00:00"),
        ("2026-11-25", "2026-11-26T00:00"),
        ("2026-11-24", "2026-11-26T00:00"),  # a holiday: the next day that is worked
        ("2026-11-19", None),  # over before it came
        ("9999-12-31", None),
        ("2090-06-03", "2090-06-06T00:00"),
    ],
)
def test_what_has_a_due_date_is_to_be_done_by_the_end_of_that_day(due_date: str | None, due: str | None) -> None:
    wanted = None if due_date is None else date.fromisoformat(due_date)
    assert RULES.dues(Urgency.NORMAL, FRIDAY, wanted).completion_at == (due and local(due))


def test_every_status_answers_what_it_is_about() -> None:
    kinds = {code: unanswered(code) for code in (None, *PROGRESS)}
    assert kinds == {
        None: set(DeadlineKind),
        StatusCode.ARRIVED: {DeadlineKind.ACCEPTANCE, DeadlineKind.COMPLETION},
        StatusCode.REFUSED: set(),
        StatusCode.ACCEPTED: {DeadlineKind.COMPLETION},
        StatusCode.ASSIGNED: {DeadlineKind.COMPLETION},
        StatusCode.IN_PROGRESS: {DeadlineKind.COMPLETION},
        StatusCode.COMPLETED: set(),
    }


def test_people_are_reminded_some_working_time_before_but_not_in_the_first_half() -> None:
    rules = Deadlines(calendar=Calendar(), remind_before=timedelta(hours=4))
    assert rules.remind_at(local("2026-11-16T08:00"), local("2026-11-23T12:00")) == local("2026-11-23T08:00")
    assert rules.remind_at(local("2026-11-16T08:00"), local("2026-11-24T00:00")) == local("2026-11-23T13:00")
    assert rules.remind_at(local("2026-11-20T08:00"), local("2026-11-20T10:00")) == local("2026-11-20T09:00")


@given(
    st.sampled_from(list(Urgency)),
    st.timedeltas(timedelta(), timedelta(days=400)),
    st.none() | st.dates(date(2026, 1, 1), date(2028, 1, 1)),
    st.sampled_from(["0d", "1d 12:00", "4wh", "30min"]),
)
def test_everything_is_due_after_it_came_and_reminded_of_in_between(
    urgency: Urgency, since: timedelta, due_date: date | None, receipt: str
) -> None:
    came_at = datetime(2026, 1, 1, tzinfo=UTC) + since
    rules = Deadlines(calendar=RULES.calendar, receipt=(Rule.read(receipt),) * 5)
    for due_at in rules.dues(urgency, came_at, due_date).by_kind().values():
        assert came_at < due_at
        assert came_at < rules.remind_at(came_at, due_at) <= due_at
