"""Runs `axis` with a watch on its event loop: `python -m benchmarks.probe serve --config …`.

Every callback of the loop is timed, by the wall and by the CPU of its thread; a second thread looks at the stack of
one that takes long. What held the loop is written to the file that AXIS_BENCH_PROBE names when the process ends, and
on SIGUSR2. SIGUSR1 forgets everything so far: the start of a process is not what is measured.

Wall time without CPU time is waiting for a core or for the interpreter's lock: on a busy machine that says nothing
about the callback.
"""

import asyncio
import atexit
import gc
import json
import os
import signal
import sys
import threading
import time
import traceback
from asyncio import base_events, events
from contextlib import suppress
from pathlib import Path
from typing import Any

FILE_VARIABLE = "AXIS_BENCH_PROBE"
_LOOK_S = 0.004
_LONG_S = 0.008  # from here on the stack is looked at
_WORTH_S = 0.010  # from here on it is written down
_MOST = 200
_FRAMES = 14


class _Watch:
    """What held the loop."""

    def __init__(self) -> None:
        self.since: float | None = None  # when the running callback began
        self.stack: list[str] = []
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.callbacks = 0
        self.most_wall_s = self.most_cpu_s = self.most_gc_s = 0.0
        self.held: list[dict[str, Any]] = []

    def record(self, handle: events.Handle, wall_s: float, cpu_s: float) -> None:
        """A callback took long."""
        found = {
            "wall_ms": round(wall_s * 1000, 1),
            "cpu_ms": round(cpu_s * 1000, 1),
            "what": base_events._format_handle(handle)[:300],  # type: ignore[attr-defined]  # noqa: SLF001
            "stack": self.stack,
        }
        self.held = sorted((*self.held, found), key=lambda one: -float(one["cpu_ms"]))[:_MOST]

    def write(self) -> None:
        """Write down what was seen."""
        path = Path(os.environ[FILE_VARIABLE])
        draft = path.with_suffix(".new")
        draft.write_text(
            json.dumps(
                {
                    "callbacks": self.callbacks,
                    "most_wall_ms": round(self.most_wall_s * 1000, 1),
                    "most_cpu_ms": round(self.most_cpu_s * 1000, 1),
                    "most_gc_ms": round(self.most_gc_s * 1000, 1),
                    "held": self.held,
                }
            ),
            encoding="utf-8",
        )
        draft.replace(path)


def _install(watch: _Watch) -> None:
    run = events.Handle._run  # noqa: SLF001 - the one place through which every callback goes

    def timed(handle: events.Handle) -> None:
        watch.stack = []
        watch.since = begun = time.perf_counter()
        cpu = time.thread_time()
        run(handle)
        cpu_s, wall_s = time.thread_time() - cpu, time.perf_counter() - begun
        watch.since = None
        watch.callbacks += 1
        watch.most_wall_s = max(watch.most_wall_s, wall_s)
        watch.most_cpu_s = max(watch.most_cpu_s, cpu_s)
        if wall_s > _WORTH_S:
            watch.record(handle, wall_s, cpu_s)

    events.Handle._run = timed  # type: ignore[method-assign]  # noqa: SLF001
    threading.Thread(target=_look, args=(watch, threading.get_ident()), daemon=True).start()
    _watch_gc(watch)


def _look(watch: _Watch, thread: int) -> None:
    """Look at the stack of a callback that takes long."""
    while True:
        time.sleep(_LOOK_S)
        since = watch.since
        if since is not None and time.perf_counter() - since > _LONG_S and not watch.stack:
            frame = sys._current_frames().get(thread)  # noqa: SLF001
            if frame is not None:
                stack = traceback.extract_stack(frame)[-_FRAMES:]
                watch.stack = [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in stack]


def _watch_gc(watch: _Watch) -> None:
    begun = 0.0

    def note(phase: str, _facts: dict[str, int]) -> None:
        nonlocal begun
        if phase == "start":
            begun = time.perf_counter()
        else:
            watch.most_gc_s = max(watch.most_gc_s, time.perf_counter() - begun)

    gc.callbacks.append(note)


def main() -> None:
    """Watch, and be `axis`."""
    watch = _Watch()
    _install(watch)
    atexit.register(watch.write)
    signal.signal(signal.SIGUSR1, lambda *_: watch.reset())
    signal.signal(signal.SIGUSR2, lambda *_: watch.write())
    from axis.cli.main import run  # noqa: PLC0415 - after the loop's callbacks are watched

    with suppress(asyncio.CancelledError):
        run()


if __name__ == "__main__":
    main()
