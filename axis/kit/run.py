"""A run from beginning to end: until every case is decided, the time is over, or the user stops it."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from axis.clock import SystemClock
from axis.kit.report import report_of
from axis.kit.session import Session, Standing, Wish, opened

_RESTS = 3  # times as long as a look took: a software that sends thousands of documents is looked at less often


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who follows a run."""

    started: Callable[[Session], None]
    changed: Callable[[Standing], None]


async def conduct(wish: Wish, wait_s: float, watch: Watch) -> dict[str, Any]:
    """Run the kit. Returns the report. Raises as `session.opened`."""
    stopping = asyncio.Event()
    with _stopped_by_signals(stopping):
        async with opened(wish) as session:
            watch.started(session)
            standing = await _until_decided(session, wish, wait_s, stopping, watch.changed)
            return report_of(standing, SystemClock().now())


async def _until_decided(
    session: Session, wish: Wish, wait_s: float, stopping: asyncio.Event, changed: Callable[[Standing], None]
) -> Standing:
    loop = asyncio.get_running_loop()
    end = loop.time() + wait_s
    while True:
        began = loop.time()
        standing = await session.look()
        pause_s = max(wish.pace.look_s, (loop.time() - began) * _RESTS)
        changed(standing)
        if standing.is_decided or stopping.is_set() or loop.time() >= end:
            return standing
        try:
            async with asyncio.timeout(pause_s):
                await stopping.wait()
        except TimeoutError:
            continue


@contextmanager
def _stopped_by_signals(stopping: asyncio.Event) -> Iterator[None]:
    """Ctrl-C ends the run, not the program: the report is still to be written."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, stopping.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
