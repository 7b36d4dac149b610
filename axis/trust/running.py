"""Drives coroutines that never wait.

pyhanko-certvalidator and pyHanko are written as coroutines because they may fetch. Here they may not, so they run to
their end when sent on once: no event loop is needed, and a running one is not disturbed.
"""

from collections.abc import Coroutine
from typing import Any, TypeVar

Value = TypeVar("Value")


def run_to_end(coroutine: Coroutine[Any, Any, Value]) -> Value:
    """The result of a coroutine that never waits. Raises RuntimeError if it waits after all."""
    try:
        coroutine.send(None)
    except StopIteration as e:
        result: Value = e.value
        return result
    coroutine.close()
    raise RuntimeError("a verification waited for something")
