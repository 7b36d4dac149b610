"""The disk watermark."""

import asyncio
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from axis.errors import Busy, Code
from axis.ops.disk import DiskWatch, Space, Watermark, probe_of

MARK = Watermark(min_free_bytes=1_000, min_free_percent=2.0, check_interval_s=0.001, retry_after_s=77)


class Disk:
    """A disk whose free space a test sets."""

    def __init__(self, free: int, total: int = 10_000) -> None:
        self.free, self.total, self.broken = free, total, False

    def __call__(self) -> Space:
        if self.broken:
            raise OSError("no such device")
        return Space(free_bytes=self.free, total_bytes=self.total)


def events(logs: list) -> list[str]:
    return [line["event"] for line in logs]


def test_intake_closes_below_the_mark_and_says_when_to_come_back() -> None:
    disk = Disk(1_000)
    watch = DiskWatch(disk, MARK)
    watch.check_intake()
    disk.free = 999
    watch.observe()
    with pytest.raises(Busy) as refused:
        watch.check_intake()
    assert refused.value.code is Code.DISK_FULL
    assert refused.value.retry_after_s == 77
    assert not watch.state.open


def test_a_node_that_starts_on_a_full_disk_takes_nothing() -> None:
    with pytest.raises(Busy):
        DiskWatch(Disk(10), MARK).check_intake()


def test_the_larger_of_bytes_and_percent_counts() -> None:
    assert MARK.bytes_of(10_000) == 1_000
    assert MARK.bytes_of(1_000_000) == 20_000
    with pytest.raises(Busy):
        DiskWatch(Disk(19_999, 1_000_000), MARK).check_intake()


def test_a_disk_that_hovers_about_the_mark_does_not_flap() -> None:
    disk = Disk(999)
    watch = DiskWatch(disk, MARK)
    disk.free = 1_050
    assert not watch.observe().open
    disk.free = 1_100
    assert watch.observe().open
    watch.check_intake()
    disk.free = 1_050
    assert watch.observe().open


def test_closing_and_opening_are_logged_once_each() -> None:
    disk = Disk(5_000)
    with capture_logs() as logs:
        watch = DiskWatch(disk, MARK)
        for free in (5_000, 10, 10, 10, 5_000, 5_000):
            disk.free = free
            watch.observe()
    assert events(logs) == ["intake_closed", "intake_opened"]
    assert logs[0]["log_level"] == "error"
    assert logs[0]["free_bytes"] == 10


def test_a_disk_that_cannot_be_asked_closes_intake() -> None:
    disk = Disk(5_000)
    watch = DiskWatch(disk, MARK)
    disk.broken = True
    with capture_logs() as logs:
        watch.observe()
    assert logs[0]["reason"] == "no such device"
    assert watch.state.space is None
    with pytest.raises(Busy):
        watch.check_intake()


async def test_the_loop_looks_again_by_itself() -> None:
    looked = asyncio.Event()
    loop = asyncio.get_running_loop()
    answers: Iterator[int] = iter((5_000, 10))

    def probe() -> Space:
        free = next(answers, None)
        if free is None:
            loop.call_soon_threadsafe(looked.set)
        return Space(free_bytes=free or 10, total_bytes=10_000)

    watch = DiskWatch(probe, MARK)
    watch.check_intake()
    task = asyncio.create_task(watch.run())
    await looked.wait()
    task.cancel()
    with pytest.raises(Busy):
        watch.check_intake()


def test_a_real_disk_answers(tmp_path) -> None:  # noqa: ANN001
    space = probe_of(tmp_path)()
    assert 0 < space.free_bytes <= space.total_bytes
