"""Makes writes wait for the writer together, so that they are one group."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self

from sqlalchemy import Connection

from axis.store.store import Store


class Held:
    """Keeps the writer busy, so that what is handed in meanwhile waits, and then makes one group."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._entered, self._release = threading.Event(), threading.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._store.write(self._hold))
        await asyncio.to_thread(self._entered.wait)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._release.set()
        await self._task

    def _hold(self, _: Connection) -> None:
        self._entered.set()
        assert self._release.wait(30)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until another task has come so far."""
    while not condition():  # noqa: ASYNC110 - what it waits for knows nothing of tests
        await asyncio.sleep(0.001)


async def together(store: Store, *works: Coroutine[Any, Any, Any]) -> list[Any]:
    """Run the writes so that they wait for the writer together; their results or errors."""
    async with Held(store):
        tasks = [asyncio.create_task(work) for work in works]
        await until(lambda: store._writer._queue.qsize() == len(tasks))
    return await asyncio.gather(*tasks, return_exceptions=True)
