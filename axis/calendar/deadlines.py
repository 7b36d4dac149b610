"""Time limits: by when a document is to be sent, what its receivers owe, and from when on they are reminded.

Norm: QĐ 28/2018/QĐ-TTg Art. 6 (sent the day it is signed, at latest the morning of the next working day; urgent ones at
once); NĐ 30/2020/NĐ-CP Art. 4, 18 (the same day, at latest the next working day), Art. 21(2) (receipt is told the same
day). How soon exactly, by urgency, is configuration.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from axis.calendar.rules import Rule
from axis.calendar.working import Calendar, start_of
from axis.clock import to_local
from axis.terms import DeadlineKind, StatusCode, Urgency

_DAY = timedelta(days=1)
_ANSWERED = {
    None: frozenset[DeadlineKind](),
    StatusCode.ARRIVED: frozenset({DeadlineKind.RECEIPT}),
    StatusCode.REFUSED: frozenset(DeadlineKind),
    StatusCode.ACCEPTED: frozenset({DeadlineKind.RECEIPT, DeadlineKind.ACCEPTANCE}),
    StatusCode.ASSIGNED: frozenset({DeadlineKind.RECEIPT, DeadlineKind.ACCEPTANCE}),
    StatusCode.IN_PROGRESS: frozenset({DeadlineKind.RECEIPT, DeadlineKind.ACCEPTANCE}),
    StatusCode.COMPLETED: frozenset(DeadlineKind),
}


def _rules(*texts: str) -> tuple[Rule, ...]:
    return tuple(map(Rule.read, texts))


_SENT = Rule.read("1d 12:00")
_RECEIPT = _rules("0d", "0d", "4h", "2h", "1h")
_ACCEPTANCE = _rules("1d 12:00", "0d", "8h", "4h", "2h")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dues:
    """By when a receiver owes what; None: never."""

    receipt_at: datetime | None = None
    acceptance_at: datetime | None = None
    completion_at: datetime | None = None

    def by_kind(self) -> Mapping[DeadlineKind, datetime]:
        """What is due at all."""
        dues = {
            DeadlineKind.RECEIPT: self.receipt_at,
            DeadlineKind.ACCEPTANCE: self.acceptance_at,
            DeadlineKind.COMPLETION: self.completion_at,
        }
        return {kind: due_at for kind, due_at in dues.items() if due_at is not None}


NO_DUES = Dues()


def unanswered(status: StatusCode | None) -> frozenset[DeadlineKind]:
    """What a receiver that has said `status` last has not answered yet."""
    return frozenset(DeadlineKind) - _ANSWERED[status]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """The rules of a node."""

    calendar: Calendar
    sent: Rule = _SENT  # in days
    receipt: tuple[Rule, ...] = _RECEIPT  # by urgency
    acceptance: tuple[Rule, ...] = _ACCEPTANCE
    remind_before: timedelta = timedelta(hours=2)  # of working time

    def sent_by(self, signed_on: date | None, sent_at: datetime) -> datetime | None:
        """By when a document that was signed on a day has to be sent.

        None when that day is unknown, too long ago, or after it was sent: nothing can be said then.
        """
        if signed_on is None or not self.calendar.covers(signed_on) or signed_on > to_local(sent_at).date():
            return None
        return self.sent.due_by_day(self.calendar, signed_on)

    def dues(self, urgency: Urgency, came_at: datetime, due_date: date | None) -> Dues:
        """What a receiver owes of a document that came for it at a moment."""
        return Dues(
            receipt_at=self.receipt[urgency].due(self.calendar, came_at),
            acceptance_at=self.acceptance[urgency].due(self.calendar, came_at),
            completion_at=self.completed_by(due_date, came_at),
        )

    def completed_by(self, due_date: date | None, came_at: datetime) -> datetime | None:
        """By when a document with a DueDate is to be done: the end of that day, or of the next one that is worked.

        A date before the document came cannot be kept, and counts as none.
        """
        if due_date is None or not self.calendar.covers(due_date) or due_date < to_local(came_at).date():
            return None
        return start_of(self.calendar.add_working_days(due_date, 0)) + _DAY

    def remind_at(self, came_at: datetime, due_at: datetime) -> datetime:
        """When to remind of what is due: some working time before, but not before half of the time is over."""
        return max(self.calendar.before(due_at, self.remind_before), came_at + (due_at - came_at) / 2)
