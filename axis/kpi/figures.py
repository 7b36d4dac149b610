"""The figures of one organisation over one span of days, on one side of deliveries; they add up.

Sent: by the day on which the node received the document. Received: by the day on which the delivery was made.
Days are those of Asia/Ho_Chi_Minh. docs/kpi.md says what each figure means.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta

from axis.kpi.histogram import Histogram
from axis.terms import Side

_OFFSET = timedelta(hours=7)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Plain numbers."""

    documents: int = 0  # sent
    deliveries: int = 0  # document × receiver
    inside: int = 0  # of the deliveries: the other side is served here
    outside: int = 0  # … or by another axis
    withdrawn: int = 0  # of the deliveries: the sender took them back, or replaced the document
    answered: int = 0  # of the deliveries: the receiver has said anything
    refused: int = 0  # of the deliveries: refused, as things stand
    said_01: int = 0  # of the deliveries: the receiver has said this, whatever it said later
    said_02: int = 0
    said_03: int = 0
    said_04: int = 0
    said_05: int = 0
    said_06: int = 0
    online: int = 0  # of the deliveries: processed in software (04, 05 or 06 was said)
    signed_valid: int = 0  # of the documents sent, or the deliveries received: valid, also with remarks
    signed_invalid: int = 0
    unsigned: int = 0
    sent_on_time: int = 0  # of the documents whose time is known
    sent_late: int = 0
    receipt_on_time: int = 0  # of the deliveries received: the first word
    receipt_late: int = 0
    acceptance_on_time: int = 0  # … 03 or further, or 02
    acceptance_late: int = 0
    completion_on_time: int = 0  # … 06, where there is a DueDate
    completion_late: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in COUNTS})


COUNTS = tuple(one.name for one in fields(Counts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long receivers took; by the clock, and in working time."""

    to_03: Histogram = field(default_factory=Histogram)
    to_06: Histogram = field(default_factory=Histogram)
    to_03_worked: Histogram = field(default_factory=Histogram)
    to_06_worked: Histogram = field(default_factory=Histogram)

    def __add__(self, other: "Times") -> "Times":
        return Times(**{name: getattr(self, name) + getattr(other, name) for name in TIMES})


TIMES = tuple(one.name for one in fields(Times))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything that is counted."""

    counts: Counts = field(default_factory=Counts)
    times: Times = field(default_factory=Times)

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(counts=self.counts + other.counts, times=self.times + other.times)


NOTHING = Figures()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Cell:
    """Whose figures, of which span, on which side."""

    span: str  # a day, 2026-11-24, or a month, 2026-11
    organ_id: str
    side: Side

    @property
    def month(self) -> "Cell":
        """The month to which a day adds."""
        return Cell(span=self.span[:7], organ_id=self.organ_id, side=self.side)


def day_of(moment: datetime) -> date:
    """The Vietnamese day of a moment."""
    return (moment + _OFFSET).astimezone(UTC).date()


def day_of_number(number: int) -> date:
    """The day so many days after 1970-01-01."""
    return (_EPOCH + timedelta(days=number)).date()


def bounds(day: date) -> tuple[datetime, datetime]:
    """The moments at which a Vietnamese day begins and ends."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - _OFFSET
    return start, start + timedelta(days=1)


def spans(first: date, last: date) -> tuple[str, ...]:
    """The fewest spans that make up the days from first to last: whole months, and days at the edges."""
    found: list[str] = []
    day = first
    while day <= last:
        following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        if day.day == 1 and following - timedelta(days=1) <= last:
            found.append(f"{day:%Y-%m}")
            day = following
        else:
            found.append(day.isoformat())
            day += timedelta(days=1)
    return tuple(found)


def total(figures: Iterable[Figures]) -> Figures:
    """All of them together."""
    return sum(figures, NOTHING)
