"""Dates and times as packages write them; Asia/Ho_Chi_Minh, without a zone.

Norm: QCVN 102:2016/BTTTT: yyyy/MM/dd and yyyy/MM/dd HH:mm:ss.   Peer: dd/MM/yyyy and yyyy-MM-dd come too, and so do
impossible dates such as 2014/02/30.
"""

import re
from datetime import UTC, date, datetime, time

from axis.clock import VIETNAM, to_local

_YEAR_FIRST = re.compile(r"(?P<year>[0-9]{4})(?P<mark>[/-])(?P<month>[0-9]{1,2})(?P=mark)(?P<day>[0-9]{1,2})")
_DAY_FIRST = re.compile(r"(?P<day>[0-9]{1,2})(?P<mark>[/-])(?P<month>[0-9]{1,2})(?P=mark)(?P<year>[0-9]{4})")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?(?:\.[0-9]{1,9})?")


def read_date(text: str) -> date | None:
    """The date, or None when the text is none or the day does not exist."""
    match = _YEAR_FIRST.fullmatch(text.strip()) or _DAY_FIRST.fullmatch(text.strip())
    if match is None:
        return None
    try:
        return date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        return None


def read_timestamp(text: str) -> datetime | None:
    """The moment, in UTC, or None when the text is none or the moment does not exist. Midnight if no time is given."""
    day_text, _, time_text = text.strip().replace("T", " ").partition(" ")
    day = read_date(day_text)
    match = _TIME.fullmatch(time_text.strip() or "0:00")
    if day is None or match is None:
        return None
    try:
        local = datetime.combine(day, time(int(match[1]), int(match[2]), int(match[3] or 0)), tzinfo=VIETNAM)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):  # the first hours of year 1 have no UTC
        return None


def write_date(day: date) -> str:
    """`yyyy/MM/dd`."""
    return f"{day.year:04}/{day.month:02}/{day.day:02}"


def write_timestamp(at: datetime) -> str:
    """`yyyy/MM/dd HH:mm:ss`, the aware moment in Vietnamese time."""
    local = to_local(at)
    return f"{write_date(local)} {local:%H:%M:%S}"
