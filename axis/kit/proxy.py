"""Stands before the test node: notes the vendor's calls, and is down, slow or cut off where a case wants it.

Of a call it notes method, operation, sizes, status and time; never bodies, nor headers. Bodies are streamed in both
directions; only a call's first 256 KB are looked through, for the code of the partner that "cannot be reached now".
Faults after the fact are for answers that name a package which the node has taken for such a partner, so that they hit
the right call on every front.
"""

import asyncio
import base64
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import aiohttp
import structlog
from aiohttp import hdrs, web
from aiohttp.helpers import parse_mimetype
from aiohttp.typedefs import StrOrURL

from axis.clock import Clock
from axis.kit.codes import Partner
from axis.kit.fronts import Asked, Front

log = structlog.get_logger(__name__)

MOST_CALLS = 20_000
_HEAD_BYTES = 256 << 10
_ANSWER_BYTES = 64 << 10
_DRAINED_BYTES = 64 << 20  # of a body that is refused: after that the connection is closed
_AT_ONCE = 64
_NODE_HOST = "127.0.0.1"
_MOST_FAULTS = 3  # of a kind: whoever makes a new package each time is not kept at it for ever
_OPERATION_CHARACTERS = 80
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
     "upgrade", "expect"}
)  # fmt: skip

Taken = Callable[[], Awaitable[Mapping[str, Partner]]]
"""The vendor's documents that the node holds for LOST and LATE: package id → partner."""


class Fault(StrEnum):
    """What the proxy did to a call."""

    BUSY = "busy"  # answered 503, the node was not asked
    CUT = "cut"  # the node took the package, and the connection was cut before its answer
    LATE = "late"  # the answer was held back


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedCall:
    """One call of the vendor's software."""

    at: datetime
    method: str
    operation: str
    sends: bool
    request_bytes: int = 0
    answer_bytes: int = 0
    status: int | None = None  # None: the caller got no answer
    seconds: float = 0.0
    fault: Fault | None = None
    package_id: str | None = None  # of a package for LOST or LATE that the answer names
    delivered: bool = True  # the answer was written to its end while the caller listened


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """How long faults last."""

    busy_s: float = 15.0  # from the first refused call on
    retry_after_s: int = 5
    late_s: float = 20.0


class Proxy:
    """A running proxy."""

    def __init__(self, node_port: int, front: Front, plan: FaultPlan, clock: Clock, taken: Taken) -> None:
        """node_port: where the node listens, on loopback."""
        self._port = node_port
        self._front = front
        self._plan = plan
        self._clock = clock
        self._taken = taken
        self._needles = needles(Partner.BUSY)
        self._busy_since: datetime | None = None
        self._faulted: dict[str, Partner] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._calls: deque[NotedCall] = deque(maxlen=MOST_CALLS)
        self._stack = AsyncExitStack()
        self._session: aiohttp.ClientSession | None = None

    @property
    def calls(self) -> tuple[NotedCall, ...]:
        """What was noted, in the order in which calls ended."""
        return tuple(self._calls)

    async def start(self, host: str, port: int) -> int:
        """Listen; 0: on a free port. Returns the port. Raises OSError when it is taken."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, max_field_size=32 << 10, shutdown_timeout=1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, host, port).start()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=600)
        self._session = aiohttp.ClientSession(
            timeout=timeout,
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=_AT_ONCE),
            skip_auto_headers=(hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.USER_AGENT, hdrs.CONTENT_TYPE),
        )
        self._stack.push_async_callback(self._session.close)
        found: int = runner.addresses[0][1]
        return found

    async def close(self) -> None:
        """Stop listening."""
        await self._stack.aclose()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(method=request.method, path=request.path, action=_soap_action(request))
        call = NotedCall(
            at=self._clock.now(),
            method=request.method,
            operation=self._front.operation(asked)[:_OPERATION_CHARACTERS],
            sends=self._front.sends(asked),
        )
        exchange = _Exchange(call)
        async with self._places:
            try:
                return await self._pass(request, exchange)
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as e:
                log.info("call_broken_off", operation=call.operation, error=type(e).__name__)
                exchange.note(delivered=False)
                _hang_up(request)
                return web.Response()
            finally:
                if asked.path.startswith(self._front.path):
                    seconds = (self._clock.now() - call.at).total_seconds()
                    self._calls.append(replace(exchange.call, seconds=seconds))

    async def _pass(self, request: web.Request, exchange: "_Exchange") -> web.StreamResponse:
        head = await _read_head(request)
        exchange.note(request_bytes=len(head))
        if exchange.call.sends and self._is_busy() and any(needle in head for needle in self._needles):
            return await self._refuse(request, exchange)
        body = _rest(head, request, exchange) if request.can_read_body or head else None
        async with self._session_of().request(
            request.method,
            self._address(request),
            headers=_end_to_end(request.headers),
            data=body,
            allow_redirects=False,
        ) as answer:
            if exchange.call.sends:
                return await self._answer_to_sender(request, exchange, answer)
            return await _stream(request, exchange, answer, (await answer.content.readany(),))

    def _address(self, request: web.Request) -> StrOrURL:
        """The node's, whatever host the caller names; path and query as they came."""
        try:
            return request.url.with_scheme("http").with_host(_NODE_HOST).with_port(self._port)
        except ValueError as e:
            raise web.HTTPBadRequest(text="no usable Host") from e

    def _session_of(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("not started")
        return self._session

    def _is_busy(self) -> bool:
        since = self._busy_since
        return since is None or self._clock.now() < since + timedelta(seconds=self._plan.busy_s)

    async def _refuse(self, request: web.Request, exchange: "_Exchange") -> web.StreamResponse:
        self._busy_since = self._busy_since or self._clock.now()
        drained = 0
        while drained < _DRAINED_BYTES and (piece := await request.content.readany()):
            drained += len(piece)
        exchange.note(request_bytes=exchange.call.request_bytes + drained, status=503, fault=Fault.BUSY)
        response = web.Response(
            status=503,
            text='{"status":"FAIL","ErrorCode":"-1","ErrorDesc":"busy (conformance kit), try later","code":"busy"}',
            content_type="application/json",
            headers={hdrs.RETRY_AFTER: str(self._plan.retry_after_s)},
        )
        if drained >= _DRAINED_BYTES:
            response.force_close()
        return response

    def _begins_fault(self, package_id: str, partner: Partner) -> bool:
        """Whether this answer goes wrong: the first one about a package."""
        times = sum(one is partner for one in self._faulted.values())
        if package_id in self._faulted or times >= _MOST_FAULTS:
            return False
        self._faulted[package_id] = partner
        return True

    async def _answer_to_sender(
        self, request: web.Request, exchange: "_Exchange", answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        head = await _first(answer)
        taken = await self._taken()
        package_id = next((one for one in taken if one.encode() in head), None)
        exchange.note(package_id=package_id)
        if package_id is not None and self._begins_fault(package_id, taken[package_id]):
            if taken[package_id] is Partner.LOST:
                exchange.note(fault=Fault.CUT, delivered=False)
                _hang_up(request)
                return web.Response()
            exchange.note(fault=Fault.LATE)
            await asyncio.sleep(self._plan.late_s)
        return await _stream(request, exchange, answer, (head,))


class _Exchange:
    """A call that goes on: what is noted of it grows."""

    def __init__(self, call: NotedCall) -> None:
        self.call = call

    def note(self, **changes: object) -> None:
        self.call = replace(self.call, **changes)  # type: ignore[arg-type] # named as its fields


async def _read_head(request: web.Request) -> bytes:
    """The first bytes of the body, or all of a small one."""
    head = bytearray()
    while len(head) < _HEAD_BYTES and (piece := await request.content.readany()):
        head += piece
    return bytes(head)


async def _rest(head: bytes, request: web.Request, exchange: _Exchange) -> AsyncIterator[bytes]:
    if head:
        yield head
    while piece := await request.content.readany():
        exchange.note(request_bytes=exchange.call.request_bytes + len(piece))
        yield piece


async def _first(answer: aiohttp.ClientResponse) -> bytes:
    """The beginning of an answer, or all of a small one."""
    head = bytearray()
    while len(head) < _ANSWER_BYTES and (piece := await answer.content.readany()):
        head += piece
    return bytes(head)


async def _stream(
    request: web.Request, exchange: _Exchange, answer: aiohttp.ClientResponse, first: Iterable[bytes]
) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=_end_to_end(answer.headers))
    await response.prepare(request)
    size = 0
    for piece in first:
        size += len(piece)
        await response.write(piece)
    while piece := await answer.content.readany():
        size += len(piece)
        await response.write(piece)
    await response.write_eof()
    exchange.note(answer_bytes=size, status=answer.status)
    return response


def _end_to_end(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """All headers but those between two hops; one that came twice stays twice."""
    return [(name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP]


def _soap_action(request: web.Request) -> str:
    """What SOAP calls the operation: a header of its own, or (1.2) a parameter of Content-Type."""
    text = request.headers.get("SOAPAction") or parse_mimetype(
        request.headers.get(hdrs.CONTENT_TYPE, "")
    ).parameters.get("action")
    return (text or "").strip().strip('"')


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def needles(code: str) -> tuple[bytes, ...]:
    """What a code looks like in a body: as it is, and inside base64, wherever it begins there."""
    raw = code.encode()
    coded = []
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)
        start = -(-shift * 8 // 6)  # characters that depend on what stands before
        end = (shift + len(raw)) * 8 // 6  # … and on what stands after
        coded.append(text[start:end])
    return (raw, *coded)
