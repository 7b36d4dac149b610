"""Pages are told when something that they show has changed: server-sent events, one connection for each open page.

The event says only that it is worth looking again; the page asks for itself with its ETag. One watcher for all looks at
the evidence once a second, and only while somebody listens. A connection ends with its session, and after some
minutes by itself: browsers come back.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from aiohttp import hdrs, web

from axis.errors import AxisError, Busy, Code
from axis.store.changes import changes_since, position
from axis.store.store import Store
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions, Visitor

log = structlog.get_logger(__name__)

AT_ONCE: Final = 1_000  # connections of this process
OF_ONE: Final = 12  # of one account
_EVERY_S = 1.0
_APART_S = 2.0  # between two events of one connection
_BREATH_S = 15.0  # without an event a sign of life, and a look whether the session still runs
_LONGEST_S = 300.0
_RETRY_AFTER_S = 30


@dataclass(eq=False, slots=True)
class Listener:
    """One open page."""

    request: web.Request
    account_id: str
    organs: frozenset[str] | None  # whose documents it shows; None: everybody's
    document_uid: str | None  # the one that it shows
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def there(self) -> bool:
        """Whether its browser still is; that it went is otherwise seen only when something is written to it."""
        return self.request.transport is not None and not self.request.transport.is_closing()


class Watcher:
    """Wakes the listeners whom a change concerns."""

    def __init__(self, store: Store, *, every_s: float = _EVERY_S) -> None:
        self._store = store
        self._every_s = every_s
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, listener: Listener) -> None:
        """Somebody listens: watch."""
        self._listeners.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())

    def remove(self, listener: Listener) -> None:
        """Somebody listens no more; without listeners nothing is watched."""
        self._listeners.discard(listener)

    def count(self, account_id: str) -> tuple[int, int]:
        """How many open pages there are, and how many of them are this account's."""
        accounts = [one.account_id for one in self._listeners if one.there]
        return len(accounts), accounts.count(account_id)

    async def _watch(self) -> None:
        place = await self._read_position()
        while self._listeners:
            await asyncio.sleep(self._every_s)
            seen = place
            try:
                found = await self._store.read(lambda conn, seen=seen: changes_since(conn, seen))  # type: ignore[misc]
            except AxisError:
                log.warning("live_watch_failed", exc_info=True)
                continue
            place = found.position
            for listener in self._listeners:
                if found.concern(listener.organs, listener.document_uid):
                    listener.woken.set()

    async def _read_position(self) -> int:
        return await self._store.read(position)


class Live:
    """The handler."""

    def __init__(self, parts: ConsoleParts, sessions: Sessions, *, breath_s: float = _BREATH_S) -> None:
        self._sessions = sessions
        self._watcher = Watcher(parts.store)
        self._breath_s = breath_s
        self._ending = asyncio.Event()

    async def close(self, _app: web.Application) -> None:
        """The node stops: let everybody go."""
        self._ending.set()

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """GET /live, /live/{uid}. Raises Busy(OVERLOADED) when too many listen."""
        visitor = await self._sessions.require(request)
        everybody, own = self._watcher.count(visitor.account_id)
        if everybody >= AT_ONCE or own >= OF_ONE:
            raise Busy(Code.OVERLOADED, "too many open pages listen", retry_after_s=_RETRY_AFTER_S)
        listener = Listener(
            request=request,
            account_id=visitor.account_id,
            organs=None if visitor.scope.everybody else visitor.organs,
            document_uid=request.match_info.get("uid"),
        )
        self._watcher.add(listener)
        try:
            return await self._talk(request, visitor, listener)
        finally:
            self._watcher.remove(listener)

    async def _talk(self, request: web.Request, visitor: Visitor, listener: Listener) -> web.StreamResponse:
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        await response.write(b"retry: 5000\nevent: ready\ndata:\n\n")
        clock = asyncio.get_running_loop().time
        begun = clock()
        while clock() - begun < _LONGEST_S and not self._ending.is_set():
            if await self._woken(listener):
                listener.woken.clear()
                await response.write(b"event: changed\ndata:\n\n")
                await self._pause(_APART_S)
                continue
            now = await self._sessions.find(request, passive=True)
            if now is None or now.account_id != visitor.account_id:
                await response.write(b"event: ended\ndata:\n\n")
                break
            await response.write(b":\n\n")
        return response

    async def _woken(self, listener: Listener) -> bool:
        """Wait for a change, for a breath at most, or until the node stops."""
        waits = [asyncio.ensure_future(one.wait()) for one in (listener.woken, self._ending)]
        try:
            await asyncio.wait(waits, timeout=self._breath_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return listener.woken.is_set() and not self._ending.is_set()

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until the node stops."""
        await asyncio.wait([ending := asyncio.ensure_future(self._ending.wait())], timeout=seconds)
        ending.cancel()


def live_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of the events."""
    live = Live(parts, sessions)
    pages.at_shutdown(live.close)
    return (web.get("/live", live.listen), web.get(f"/live/{{uid:{ID}}}", live.listen))
