"""Time: UTC inside, Asia/Ho_Chi_Minh at the edges. The clock is passed in, so that tests hold it."""

from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)


def today(clock: Clock) -> str:
    """The day in Vietnam, as an ISO date."""
    return local_day(clock.now())


def local_day(at: datetime) -> str:
    """The day in Vietnam at a moment, as an ISO date."""
    return to_local(at).date().isoformat()


def to_local(at: datetime) -> datetime:
    """`at` in Vietnamese time."""
    return at.astimezone(VIETNAM)
