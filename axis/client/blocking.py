"""The same client for programs without an event loop of their own. It only runs the async one."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from types import TracebackType
from typing import Self, TypeVar

from axis.client.node import NodeClient
from axis.client.transport import ClientOptions

T = TypeVar("T")


class BlockingClient:
    """Runs a NodeClient: `with BlockingClient(options) as node: node.run(lambda c: c.document(uid))`."""

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._runner = asyncio.Runner()
        self._client: NodeClient | None = None

    def __enter__(self) -> Self:
        self._client = NodeClient(self._options)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._runner.run(self._opened.close())
        finally:
            self._runner.close()
            self._client = None

    def run(self, call: Callable[[NodeClient], Awaitable[T]]) -> T:
        """What a call of the client gives. Raises what it raises."""

        async def wait() -> T:
            return await call(self._opened)

        return self._runner.run(wait())

    def each(self, call: Callable[[NodeClient], AsyncIterable[T]]) -> Iterator[T]:
        """What a list of the client gives, one after the other."""
        items: AsyncIterator[T] = aiter(call(self._opened))

        async def following() -> tuple[T, ...]:
            try:
                return (await anext(items),)
            except StopAsyncIteration:
                return ()

        while found := self._runner.run(following()):
            yield found[0]

    @property
    def _opened(self) -> NodeClient:
        if self._client is None:
            raise RuntimeError("used outside of its with block")
        return self._client
