"""How much time is left, in the city's working days and hours."""

from datetime import datetime, timedelta

from axis.calendar.deadlines import unanswered
from axis.calendar.working import Calendar
from axis.store.records import Delivery
from axis.terms import DeadlineKind, DeliveryState, StatusCode
from axis.web.console.language import _, n_
from axis.web.console.words import Look

_HOUR = timedelta(hours=1)


def owed_at(delivery: Delivery) -> datetime | None:
    """By when a receiver owes the next thing; None when it owes nothing any more."""
    if delivery.state is not DeliveryState.OPEN or delivery.returned_at is not None:
        return None
    try:
        owed = unanswered(None if delivery.status_code is None else StatusCode(delivery.status_code))
    except (ValueError, KeyError):
        return None  # a status that answers no deadline
    dues = {
        DeadlineKind.RECEIPT: delivery.receipt_due_at,
        DeadlineKind.ACCEPTANCE: delivery.acceptance_due_at,
        DeadlineKind.COMPLETION: delivery.completion_due_at,
    }
    return min((due for kind in owed if (due := dues[kind]) is not None), default=None)


def countdown(due_at: datetime | None, now: datetime, calendar: Calendar) -> Look | None:
    """What to say of a deadline that is still owed; None when nothing is."""
    if due_at is None or not calendar.covers(due_at.date()):
        return None
    if due_at <= now:
        return Look(word=_late(calendar.worked(due_at, now), calendar.day_length), tone="red", icon="alert")
    left = calendar.worked(now, due_at)
    near = left < calendar.day_length
    word = _left(left, calendar.day_length)
    return Look(word=word, tone="amber" if near else "slate", icon="clock", outline=not near)


def _left(left: timedelta, day: timedelta) -> str:
    if left >= day:
        return n_("còn {n} ngày làm việc", left // day)
    return n_("còn {n} giờ làm việc", left // _HOUR) if left >= _HOUR else _("còn dưới 1 giờ làm việc")


def _late(late: timedelta, day: timedelta) -> str:
    if late >= day:
        return n_("quá hạn {n} ngày làm việc", late // day)
    return n_("quá hạn {n} giờ làm việc", late // _HOUR) if late >= _HOUR else _("vừa quá hạn")
