"""Working days and hours: known days of Vietnam, and properties that hold for every calendar."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axis.calendar.public import FIRST_YEAR, LAST_YEAR, public_days
from axis.calendar.working import Calendar, Span, start_of
from axis.clock import VIETNAM, to_local

PLAIN = Calendar()
SHIFTS = (
    Span(start=time(7, 30), end=time(11, 30)),
    Span(start=time(13), end=time(16, 45)),
    Span(start=time(22), end=time(0)),
)
ODD = Calendar(
    hours=SHIFTS,
    weekdays=frozenset({2, 4, 6}),
    public_holidays=False,
    days_off=frozenset({date(2026, 11, 24), date(2026, 11, 26)}),
    make_up_days=frozenset({date(2026, 11, 29), date(2027, 1, 1)}),
)
CALENDARS = st.sampled_from([PLAIN, ODD])
DAYS = st.dates(date(2024, 6, 1), date(2028, 6, 1))
MOMENTS = st.timedeltas(timedelta(), timedelta(days=730)).map(lambda since: datetime(2026, 1, 1, tzinfo=UTC) + since)
AMOUNTS = st.timedeltas(timedelta(microseconds=1), timedelta(hours=400))


def local(text: str) -> datetime:
    """A moment as a clock in Hải Phòng shows it."""
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


# ── Known days ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2026-01-01", "Tết Dương lịch"),
        ("2026-02-17", "Tết Nguyên Đán"),
        ("2026-02-20", "Mùng bốn Tết Nguyên Đán"),
        ("2026-04-27", "Ngày Giỗ Tổ Hùng Vương (nghỉ bù)"),
        ("2026-09-02", "Quốc khánh"),
        ("2028-01-26", "Tết Nguyên Đán"),
    ],
)
def test_public_holidays_are_days_off_with_their_name(day: str, name: str) -> None:
    assert not PLAIN.is_working_day(date.fromisoformat(day))
    assert PLAIN.why(date.fromisoformat(day)) == name


def test_a_day_off_that_was_moved_is_worked_off_on_a_saturday() -> None:
    assert not PLAIN.is_working_day(date(2026, 8, 31))
    assert date(2026, 8, 22).isoweekday() == 6
    assert PLAIN.is_working_day(date(2026, 8, 22))


def test_tet_is_one_long_pause() -> None:
    assert PLAIN.next_working_day(date(2026, 2, 13)) == date(2026, 2, 23)


def test_configuration_goes_before_what_is_public() -> None:
    calendar = Calendar(make_up_days=frozenset({date(2026, 9, 2)}), days_off=frozenset({date(2026, 8, 22)}))
    assert calendar.is_working_day(date(2026, 9, 2))
    assert not calendar.is_working_day(date(2026, 8, 22))


def test_without_public_holidays_only_weekdays_count() -> None:
    calendar = Calendar(public_holidays=False)
    assert calendar.is_working_day(date(2026, 9, 2))
    assert not calendar.is_working_day(date(2026, 8, 22))
    assert calendar.why(date(2026, 9, 2)) == ""


def test_every_counted_year_has_its_holidays() -> None:
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        names = set(public_days(year).off.values())
        assert {"Tết Dương lịch", "Tết Nguyên Đán", "Quốc khánh"} <= names, year


def test_hours_are_counted_in_vietnamese_time_and_without_the_noon_break() -> None:
    friday = local("2026-11-20T11:00")
    assert PLAIN.worked(friday, local("2026-11-20T14:00")) == timedelta(hours=2)
    assert PLAIN.worked(friday, local("2026-11-23T09:00")) == timedelta(hours=6)
    assert PLAIN.after(friday, timedelta(hours=6)) == local("2026-11-23T09:00")
    assert PLAIN.before(local("2026-11-23T09:00"), timedelta(hours=6)) == friday


def test_a_whole_day_of_work_ends_when_the_day_ends() -> None:
    assert PLAIN.after(local("2026-11-20T08:00"), timedelta(hours=8)) == local("2026-11-20T17:00")


def test_what_comes_after_hours_belongs_to_the_next_working_day() -> None:
    assert PLAIN.day_counted(local("2026-11-20T06:00")) == date(2026, 11, 20)
    assert PLAIN.day_counted(local("2026-11-20T17:00")) == date(2026, 11, 20)
    assert PLAIN.day_counted(local("2026-11-20T17:01")) == date(2026, 11, 23)
    assert PLAIN.day_counted(local("2026-11-21T09:00")) == date(2026, 11, 23)


def test_the_day_of_a_moment_is_the_vietnamese_one() -> None:
    assert PLAIN.day_counted(datetime(2026, 11, 19, 23, 30, tzinfo=UTC)) == date(2026, 11, 20)


def test_days_that_are_not_counted_are_told_apart() -> None:
    assert PLAIN.covers(date(2026, 1, 1))
    for day in (date(1, 1, 1), date(FIRST_YEAR - 1, 12, 31), date(LAST_YEAR, 1, 1), date(9999, 12, 31)):
        assert not PLAIN.covers(day)
    with pytest.raises(ValueError, match="no working days are counted"):
        PLAIN.working_days(date(1999, 1, 1), date(2026, 1, 1))


def test_counting_beforehand_changes_nothing() -> None:
    assert Calendar().warm(2027) == Calendar()
    assert Calendar().warm(2027).add_working_days(date(2026, 2, 13), 1) == date(2026, 2, 23)


# ── Properties ─────────────────────────────────────────────────────────────────────────────────────────────────


def plainly_worked(calendar: Calendar, start: datetime, end: datetime) -> timedelta:
    """The working time between two moments, day by day and span by span."""
    total, day = timedelta(), to_local(start).date()
    while day <= to_local(end).date():
        if calendar.is_working_day(day):
            for span in calendar.hours:
                opens, closes = start_of(day) + span.start_at, start_of(day) + span.end_at
                total += max(min(end, closes) - max(start, opens), timedelta())
        day += timedelta(days=1)
    return total


@given(CALENDARS, MOMENTS, MOMENTS)
def test_working_time_is_what_a_plain_count_gives(calendar: Calendar, one: datetime, other: datetime) -> None:
    start, end = sorted((one, other))
    assert calendar.worked(start, end) == plainly_worked(calendar, start, end)
    assert calendar.worked(end, start) == timedelta()


@given(CALENDARS, MOMENTS, AMOUNTS)
def test_after_some_working_time_exactly_that_has_passed(
    calendar: Calendar, start: datetime, amount: timedelta
) -> None:
    end = calendar.after(start, amount)
    assert end.tzinfo is UTC
    assert calendar.worked(start, end) == amount
    assert calendar.worked(start, end - timedelta(microseconds=1)) < amount


@given(CALENDARS, MOMENTS, AMOUNTS)
def test_before_is_the_inverse_of_after(calendar: Calendar, end: datetime, amount: timedelta) -> None:
    start = calendar.before(end, amount)
    assert calendar.worked(start, end) == amount
    assert calendar.worked(start + timedelta(microseconds=1), end) < amount


@given(CALENDARS, MOMENTS)
def test_no_working_time_is_no_time(calendar: Calendar, moment: datetime) -> None:
    assert calendar.after(moment, timedelta()) == moment == calendar.before(moment, timedelta())


@given(CALENDARS, DAYS, st.integers(0, 60))
def test_so_many_working_days_later_so_many_have_passed(calendar: Calendar, day: date, days: int) -> None:
    later = calendar.add_working_days(day, days)
    assert calendar.is_working_day(later)
    assert calendar.working_days(day + timedelta(days=1), later + timedelta(days=1)) == days or (
        days == 0 and not any(calendar.is_working_day(day + timedelta(days=n)) for n in range((later - day).days))
    )


@given(CALENDARS, DAYS, DAYS)
def test_working_days_are_what_a_plain_count_gives(calendar: Calendar, one: date, other: date) -> None:
    start, end = sorted((one, other))
    plainly = sum(calendar.is_working_day(start + timedelta(days=n)) for n in range((end - start).days))
    assert calendar.working_days(start, end) == plainly == -calendar.working_days(end, start)


@settings(deadline=None, max_examples=20)
@given(st.sets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=9), MOMENTS)
def test_a_day_off_more_never_makes_anything_due_sooner(days_off: set[date], start: datetime) -> None:
    with_them = Calendar(days_off=frozenset(days_off))
    assert with_them.after(start, timedelta(hours=20)) >= PLAIN.after(start, timedelta(hours=20))
    assert with_them.day_counted(start) >= PLAIN.day_counted(start)
