"""The disk watermark: intake stops cleanly before the disk is full, while deliveries go on.

A node that runs into a full disk loses the ability to record what it has delivered. So packages are refused
(503, Retry-After) while there is still room for everything else. Intake opens again only when a little more than
the mark is free: a disk that hovers about it does not flap.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from axis.errors import Busy, Code

log = structlog.get_logger(__name__)

_REOPEN_SHARE = 1.1  # of the mark must be free before intake opens again


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What a look at the disk found."""

    free_bytes: int  # for this process's user
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """When intake stops. Of the two minima the larger counts."""

    min_free_bytes: int
    min_free_percent: float
    check_interval_s: float
    retry_after_s: int

    def bytes_of(self, total_bytes: int) -> int:
        """The free bytes that a disk of this size has to keep."""
        return max(self.min_free_bytes, int(total_bytes * self.min_free_percent / 100))


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskState:
    """The last look at the disk, for health pages."""

    open: bool  # whether packages are taken
    space: Space | None  # None: the disk could not be asked
    mark_bytes: int


Probe = Callable[[], Space]


def probe_of(path: Path) -> Probe:
    """A probe of the file system that holds `path`."""

    def probe() -> Space:
        found = os.statvfs(path)
        return Space(free_bytes=found.f_bavail * found.f_frsize, total_bytes=found.f_blocks * found.f_frsize)

    return probe


class DiskWatch:
    """Watches one disk. The first look is taken when it is made, so that it never answers unasked."""

    def __init__(self, probe: Probe, mark: Watermark) -> None:
        self._probe = probe
        self._mark = mark
        self._state = DiskState(open=True, space=None, mark_bytes=mark.min_free_bytes)
        self.observe()

    @property
    def state(self) -> DiskState:
        """The last look."""
        return self._state

    def check_intake(self) -> None:
        """Return when packages may be taken. Raises Busy(DISK_FULL) when not; cheap, asks nothing."""
        if not self._state.open:
            raise Busy(Code.DISK_FULL, retry_after_s=self._mark.retry_after_s)

    def observe(self) -> DiskState:
        """Look at the disk now, and say in the log when intake closes or opens."""
        try:
            space = self._probe()
        except OSError as error:
            # A disk that cannot be asked cannot be trusted with what we would confirm.
            self._become(DiskState(open=False, space=None, mark_bytes=self._mark.min_free_bytes), reason=str(error))
            return self._state
        mark = self._mark.bytes_of(space.total_bytes)
        needed = mark if self._state.open else int(mark * _REOPEN_SHARE)
        self._become(DiskState(open=space.free_bytes >= needed, space=space, mark_bytes=mark), reason="")
        return self._state

    async def run(self) -> None:
        """Look at the disk each interval until cancelled."""
        while True:
            await asyncio.sleep(self._mark.check_interval_s)
            await asyncio.to_thread(self.observe)  # a network disk may answer slowly

    def _become(self, state: DiskState, *, reason: str) -> None:
        was, self._state = self._state, state
        if was.open == state.open:
            return
        fields = {"mark_bytes": state.mark_bytes, "free_bytes": state.space.free_bytes if state.space else None}
        if state.open:
            log.info("intake_opened", **fields)
        else:
            log.error("intake_closed", reason=reason or "disk nearly full", **fields)
