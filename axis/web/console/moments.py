"""Times, sizes and numbers as people read them: local, short, the exact value at hand."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from axis.clock import to_local
from axis.web.console.language import _, current, grouped

_KB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A point in time in three forms."""

    short: str  # "10:42 hôm nay", "today 10:42"
    exact: str  # "27/11/2025 10:42:05"
    iso: str  # for machines


def moment(at: datetime, now: datetime) -> Moment:
    """The point in time `at`, as it is said at `now`."""
    local, today = to_local(at), to_local(now).date()
    if local.date() == today:
        short = _("{time} hôm nay", time=f"{local:%H:%M}")
    elif local.date() == today - timedelta(days=1):
        short = _("hôm qua {time}", time=f"{local:%H:%M}")
    else:
        short = f"{local:%d/%m/%Y %H:%M}"
    return Moment(short=short, exact=f"{local:%d/%m/%Y %H:%M:%S}", iso=local.isoformat(timespec="seconds"))


def day(text: str | None) -> str:
    """An ISO date as dd/MM/yyyy; what is no date, as it came."""
    try:
        return f"{date.fromisoformat(text or ''):%d/%m/%Y}"
    except ValueError:
        return text or ""


def number(value: int) -> str:
    """A whole number with the thousands of the page's language."""
    return grouped(value)


def size(size_bytes: int) -> str:
    """A size as people say it: 512 B, 20 KB, 1,2 MB, never broken between two lines."""
    if size_bytes < _KB:
        return f"{size_bytes}\u00a0B"
    value = size_bytes / _KB
    for unit in ("KB", "MB"):
        if value < 1000:  # noqa: PLR2004 - at most three digits before the unit changes
            return _decimal(value, unit)
        value /= _KB
    return _decimal(value, "GB")


def _decimal(value: float, unit: str) -> str:
    text = f"{value:.1f}" if value < 10 else f"{value:.0f}"  # noqa: PLR2004 - one decimal only where it tells something
    text = text.removesuffix(".0")
    return f"{text if current() == 'en' else text.replace('.', ',')}\u00a0{unit}"
