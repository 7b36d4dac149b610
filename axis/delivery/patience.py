"""How long something has waited of which nobody was kept from sending it. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

Window = tuple[datetime, datetime | None]
"""A time in which nothing could be sent: planned downtime, a hold. None: it has not ended."""


def excused(windows: Iterable[Window], since: datetime, until: datetime) -> timedelta:
    """How much of the time between two moments lies in any of the windows."""
    total, reached = timedelta(), since
    for begin, end in sorted(windows, key=lambda window: window[0]):
        begins, ends = max(begin, reached), min(end or until, until)
        if ends > begins:
            total += ends - begins
            reached = ends
    return total
