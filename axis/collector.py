"""Python's collector of cycles, put off while very many values come into being at once.

A full collection looks at every value there is, and nothing else runs meanwhile, not even the event loop: with twenty
thousand organisations just read and compared it takes some 50 to 100 ms, and finds nothing, since none of them is in a
cycle. What is not needed any more goes by counting references, as ever; cycles wait until nobody puts it off.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Collector:
    """How many put it off now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._was_on = False

    def stop(self) -> None:
        with self._lock:
            if not self._count:
                self._was_on = gc.isenabled()
                gc.disable()
            self._count += 1

    def go_on(self) -> None:
        with self._lock:
            self._count -= 1
            if not self._count and self._was_on:
                gc.enable()


_collector = _Collector()


@contextmanager
def collection_put_off() -> Iterator[None]:
    """No collection inside; for a second or two at most. Let go of what was only needed inside before it ends."""
    _collector.stop()
    try:
        yield
    finally:
        _collector.go_on()
