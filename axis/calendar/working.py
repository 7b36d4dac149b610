"""Working days and hours: which days count, and how much working time lies between two moments.

Norm: NĐ 30/2020/NĐ-CP Art. 4, 18 and QĐ 28/2018/QĐ-TTg Art. 6 count in working days. A day is one of Asia/Ho_Chi_Minh.

All counting rests on one number: the working time from the first counted day up to a moment. It never falls, so
that differences and inverses of it are safe however odd the calendar is.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from axis.calendar.public import FIRST_YEAR, LAST_YEAR, public_days
from axis.clock import VIETNAM, to_local

ZERO = timedelta()
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Working hours without a break, in local time, e.g. 08:00 to 12:00."""

    start: time
    end: time  # midnight: the end of the day

    @property
    def start_at(self) -> timedelta:
        """The start, from midnight."""
        return _since_midnight(self.start)

    @property
    def end_at(self) -> timedelta:
        """The end, from midnight."""
        return _since_midnight(self.end) or _DAY


OFFICE_HOURS = (Span(start=time(8), end=time(12)), Span(start=time(13), end=time(17)))
MONDAY_TO_FRIDAY = frozenset(range(1, 6))


@dataclass(frozen=True, slots=True)
class _Year:
    """One year's working days."""

    before: tuple[int, ...]  # working days of the year before its first, second, … day; last: all of them

    @property
    def days(self) -> int:
        return self.before[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """A working calendar. Days outside `FIRST_YEAR` to `LAST_YEAR` are not counted: ask `covers` about foreign ones.

    A day is worked when it is a make-up day, or when its weekday is, and it is neither a holiday nor a day off. What
    is configured goes before what is public.
    """

    hours: tuple[Span, ...] = OFFICE_HOURS  # in order, apart from each other, at least one
    weekdays: frozenset[int] = MONDAY_TO_FRIDAY  # ISO: 1 is Monday
    public_holidays: bool = True
    days_off: frozenset[date] = frozenset()  # beyond the public holidays
    make_up_days: frozenset[date] = frozenset()  # worked although their weekday or a holiday says otherwise
    _years: dict[int, _Year] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def day_length(self) -> timedelta:
        """The working time of one day."""
        return sum((span.end_at - span.start_at for span in self.hours), ZERO)

    @staticmethod
    def covers(day: date) -> bool:
        """Whether the day, and some around it, can be counted."""
        return FIRST_YEAR <= day.year < LAST_YEAR

    def warm(self, last_year: int) -> "Calendar":
        """Count the years up to this one now, which takes a tenth of a second, and nobody waits for it later."""
        for year in range(FIRST_YEAR, last_year + 1):
            self._year(year)
        return self

    def is_working_day(self, day: date) -> bool:
        """Whether people work on this day."""
        if day in self.make_up_days:
            return True
        if day in self.days_off:
            return False
        off, worked = self._public(day.year)
        return day in worked or (day.isoweekday() in self.weekdays and day not in off)

    def why(self, day: date) -> str:
        """The holiday's name, or "" for a day that has none."""
        return self._public(day.year)[0].get(day, "")

    def next_working_day(self, day: date) -> date:
        """The first working day after this one."""
        return self.add_working_days(day, 1)

    def add_working_days(self, day: date, days: int) -> date:
        """The so manieth working day after this one; 0: the day itself, or the first working day after it."""
        if days > 0:
            return self._day_number(self._days_before(day + _DAY) + days)
        while not self.is_working_day(day):
            day += _DAY
        return day

    def working_days(self, start: date, end: date) -> int:
        """Working days from `start` up to, but without, `end`."""
        return self._days_before(end) - self._days_before(start)

    def worked(self, start: datetime, end: datetime) -> timedelta:
        """The working time between two aware moments; none when `end` is not later."""
        return max(self._position(end) - self._position(start), ZERO)

    def after(self, start: datetime, amount: timedelta) -> datetime:
        """The first moment at which `amount` of working time has passed since `start`, in UTC."""
        return start.astimezone(UTC) if amount <= ZERO else self._at(self._position(start) + amount)

    def before(self, end: datetime, amount: timedelta) -> datetime:
        """The last moment from which `amount` of working time is left until `end`, in UTC."""
        return end.astimezone(UTC) if amount <= ZERO else self._last_at(max(self._position(end) - amount, ZERO))

    def day_counted(self, moment: datetime) -> date:
        """The working day to which a moment belongs: after hours, and on days off, that is the next one."""
        local = to_local(moment)
        day = local.date()
        if self.is_working_day(day) and _since_midnight(local.time()) <= self.hours[-1].end_at:
            return day
        return self.next_working_day(day)

    def days(self, year: int) -> Iterator[tuple[date, bool]]:
        """Every day of a year, and whether it is worked."""
        day = date(year, 1, 1)
        while day.year == year:
            yield day, self.is_working_day(day)
            day += _DAY

    def _public(self, year: int) -> tuple[Mapping[date, str], frozenset[date]]:
        if not self.public_holidays or not FIRST_YEAR <= year <= LAST_YEAR:
            return {}, frozenset()
        found = public_days(year)
        return found.off, found.worked

    def _year(self, year: int) -> _Year:
        """Counted once; two threads may count the same, and find the same."""
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise ValueError(f"no working days are counted in {year}")
        found = self._years.get(year)
        if found is None:
            before = [0]
            for _, is_worked in self.days(year):
                before.append(before[-1] + is_worked)
            found = self._years[year] = _Year(tuple(before))
        return found

    def _days_before(self, day: date) -> int:
        """Working days from the first counted one up to, but without, this day."""
        earlier = sum(self._year(year).days for year in range(FIRST_YEAR, day.year))
        return earlier + self._year(day.year).before[day.timetuple().tm_yday - 1]

    def _day_number(self, number: int) -> date:
        """The working day before and with which there are so many, 1 being the first."""
        left = number
        for year in range(FIRST_YEAR, LAST_YEAR + 1):
            found = self._year(year)
            if left <= found.days:
                return date(year, 1, 1) + timedelta(days=bisect_left(found.before, left) - 1)
            left -= found.days
        raise ValueError(f"no working days are counted after {LAST_YEAR}")

    def _position(self, moment: datetime) -> timedelta:
        """The working time from the first counted day up to this moment."""
        local = to_local(moment)
        day = local.date()
        whole = self._days_before(day) * self.day_length
        if not self.is_working_day(day):
            return whole
        now = _since_midnight(local.time())
        parts = (min(max(now - span.start_at, ZERO), span.end_at - span.start_at) for span in self.hours)
        return whole + sum(parts, ZERO)

    def _at(self, position: timedelta) -> datetime:
        """The first moment that has this position."""
        whole, part = divmod(position, self.day_length)
        if part == ZERO:  # the end of a day, not the start of the next one
            whole, part = whole - 1, self.day_length
        day = self._day_number(max(whole, 0) + 1)
        left = part if whole >= 0 else ZERO
        for span in self.hours:
            length = span.end_at - span.start_at
            if left <= length:
                return start_of(day) + span.start_at + left
            left -= length
        raise AssertionError("a part of a day is not longer than the day")

    def _last_at(self, position: timedelta) -> datetime:
        """The last moment that has this position: after it, work goes on."""
        whole, left = divmod(position, self.day_length)
        day = self._day_number(whole + 1)
        for span in self.hours:
            length = span.end_at - span.start_at
            if left < length:
                return start_of(day) + span.start_at + left
            left -= length
        raise AssertionError("a part of a day is shorter than the day")


def start_of(day: date) -> datetime:
    """Midnight at which the day begins, in UTC."""
    return datetime.combine(day, time(), tzinfo=VIETNAM).astimezone(UTC)


def _since_midnight(moment: time) -> timedelta:
    return timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond)
