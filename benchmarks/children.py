"""Processes of their own for what must not be counted with the node, forked from one that has their libraries loaded.

Each is talked with through a pipe that nothing else writes to: what it, or a library, logs or prints disturbs nobody.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

_LOADED = [
    "benchmarks.load",
    "benchmarks.peer",
    "benchmarks.servers",
    "benchmarks.signatures",
    "pyhanko.sign",
    "axis.cli.main",
    "axis.serve",
]
_END_WITHIN_S = 30
_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(_LOADED)

Work = Callable[..., None]  # a function of a module: its first argument is its end of the pipe


class Child:
    """A process at work."""

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self._process = process
        self._pipe = pipe

    def ask(self, question: object) -> Any:  # noqa: ANN401 - whatever it says
        """Its answer. Raises RuntimeError when it ended instead."""
        try:
            self._pipe.send(question)
        except OSError as e:
            raise RuntimeError(self._ended()) from e
        return self.answer()

    def answer(self) -> Any:  # noqa: ANN401 - whatever it says
        """What it says next. Raises RuntimeError when it ended instead."""
        try:
            return self._pipe.recv()
        except (EOFError, OSError) as e:
            raise RuntimeError(self._ended()) from e

    def _ended(self) -> str:
        self._process.join(_END_WITHIN_S)
        return (
            f"{self._process.name} ended ({self._process.exitcode}) where it should have answered: see its error above"
        )


@contextmanager
def child(work: Work, *arguments: object) -> Iterator[Child]:
    """Have a process do this; it ends when its pipe does."""
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=work, args=(theirs, *arguments), name=work.__module__)
    process.start()
    theirs.close()
    try:
        yield Child(process, ours)
    finally:
        ours.close()
        process.join(_END_WITHIN_S)
        if process.is_alive():
            process.kill()
            process.join()


class Forked:
    """A program that was forked instead of started, with as much of `subprocess.Popen` as is asked of it."""

    def __init__(self, work: Callable[..., None], *arguments: object) -> None:
        self._process = _CONTEXT.Process(target=work, args=arguments)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Its exit code, once it has ended."""
        return self._process.exitcode

    def wait(self, timeout_s: float) -> None:
        """Until it has ended."""
        self._process.join(timeout_s)

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)


def result(work: Work, *arguments: object) -> Any:  # noqa: ANN401 - whatever it says
    """The one thing that a process says."""
    with child(work, *arguments) as one:
        return one.answer()
