"""One call of VXP from our side: headers signed, body sent, answer taken apart, every failure one of two errors.

Peer: the vendor's client keeps the headers of earlier calls and one timestamp for its whole life; `stray_headers` does
the same, for tests and the conformance of others.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp
from aiohttp import hdrs

from adapters.answers import FAILURES, chunks, keep_refusal, reason_of, refusal_of_http
from adapters.vxp.replies import Reply, read_reply
from adapters.vxp.wire import CRLF, Operation, write_headers, write_timestamp
from axis.clock import Clock
from axis.delivery.peer import Bytes
from axis.delivery.recording import note_reply, note_request
from axis.errors import Internal, PeerUnreachable
from axis.ops.logs import current_request_id, new_request_id

JSON_TYPE = "application/json"
_ON_LOOP_BYTES = 128 << 10  # a reply that is read where it arrives: some 3 ms
_MAX_REPLY_BYTES = 2 << 20  # a list of 200 items is some 100 KB
_REPLY_SILENCES = 3  # a whole reply takes at most so many times the longest silence


@dataclass(frozen=True, slots=True, kw_only=True)
class VxpClientOptions:
    """Whom to call, and as whom."""

    endpoint: str  # without the operation: https://…/vxp
    system_id: str
    secret: str = field(repr=False)
    from_code: str | None = None  # header `from`; None: the system's id, as real clients do
    timeout_s: float = 60.0  # longest silence in either direction
    connect_timeout_s: float = 10.0
    fetch_by: Operation = Operation.GET_EDOC  # or DOWNLOAD_EDOC: how the peer fetches packages
    polls: bool = True  # whether we look into its list for us
    stray_headers: bool = False  # headers of earlier calls stay, and one timestamp serves for all


class Upload:
    """A package on its way out: the file, and the CRLF that the wire adds.

    failure: what reading the file failed with, which is not the partner's fault.
    """

    def __init__(self, size_bytes: int, content: Bytes) -> None:
        self.size_bytes = size_bytes + len(CRLF)
        self.failure: Exception | None = None
        self.on_piece: Callable[[], None] = _nothing
        self._content = content

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body."""
        left = self.size_bytes - len(CRLF)
        try:
            async for chunk in self._content():
                left -= len(chunk)
                self.on_piece()
                yield chunk
        except Exception as e:
            self.failure = e
            raise
        if left:
            self.failure = Internal("a stored package has another size than recorded")
            raise self.failure
        yield CRLF


def _nothing() -> None:
    """Nobody watches the upload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call."""

    operation: Operation
    headers: Mapping[str, str] = field(default_factory=dict)  # bare names
    body: bytes | Upload = b""
    content_type: str = JSON_TYPE
    method: str = hdrs.METH_POST
    max_reply_bytes: int = _MAX_REPLY_BYTES
    request_id: str = ""  # "": the one bound in this task, else a new one


class NoSuchOperation(PeerUnreachable):
    """There is nothing at the address: the partner is another, is being changed, or does not know the operation."""


class VxpCalls:
    """Makes calls to one endpoint as one system. Every method raises PeerRefused or PeerUnreachable."""

    def __init__(self, options: VxpClientOptions, session: aiohttp.ClientSession | None, clock: Clock) -> None:
        self._options = options
        self._session = session
        self._owns_session = session is None
        self._clock = clock
        self._kept: dict[str, str] = {}
        self._first_timestamp = write_timestamp(clock.now())

    async def close(self) -> None:
        """Close the session if it is ours."""
        if self._owns_session and self._session is not None:
            await self._session.close()
            self._session = None

    async def reply(self, call: Call) -> Reply:
        """Make a call that is answered by JSON."""
        try:
            async with asyncio.timeout(None) as whole:
                if not isinstance(call.body, Upload):
                    self._put_off(whole, _REPLY_SILENCES)
                async with self.open(call) as response:
                    self._put_off(whole, _REPLY_SILENCES)
                    raw = await read_whole(response, call.max_reply_bytes)
            return read_reply(raw) if len(raw) <= _ON_LOOP_BYTES else await asyncio.to_thread(read_reply, raw)
        except TimeoutError as e:
            raise PeerUnreachable("the answer took too long") from e

    @asynccontextmanager
    async def open(self, call: Call) -> AsyncIterator[aiohttp.ClientResponse]:
        """Make a call; gives the response when it is one (status 200, no web page)."""
        response = await self._request(call)
        try:
            if response.status != HTTPStatus.OK or response.content_type == "text/html":
                await keep_refusal(response)
            else:
                note_reply(response.status, response.headers.items())
            if response.status == HTTPStatus.NOT_FOUND:
                raise NoSuchOperation(f"HTTP {response.status}")
            if response.status != 200:  # noqa: PLR2004 - errors of the dialect come with 200 too
                raise refusal_of_http(response)
            if response.content_type == "text/html":
                raise PeerUnreachable("a web page instead of an answer")
            yield response
        finally:
            response.close()  # gives the connection back when it was read to its end

    async def _request(self, call: Call) -> aiohttp.ClientResponse:
        """The response's head. Whatever reading an upload failed with comes out as it is."""
        if not isinstance(call.body, Upload):
            return await self._send(call, call.body)
        upload = call.body
        try:
            async with asyncio.timeout(None) as silence:
                upload.on_piece = lambda: self._put_off(silence, 1)
                try:
                    return await self._send(call, upload.pieces())
                finally:
                    upload.on_piece = _nothing
        except PeerUnreachable as e:
            if upload.failure is not None:
                raise upload.failure from e
            raise
        except TimeoutError as e:
            raise upload.failure or PeerUnreachable("the package was not taken in time") from e

    async def _send(self, call: Call, body: bytes | AsyncGenerator[bytes]) -> aiohttp.ClientResponse:
        options = self._options
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        headers = [*self._headers(call), ("X-Request-Id", call.request_id or self._request_id())]
        if isinstance(call.body, Upload):
            headers.append((hdrs.CONTENT_LENGTH, str(call.body.size_bytes)))
        url = f"{options.endpoint.rstrip('/')}/{call.operation}"
        note_request(call.method, url, headers)
        try:
            return await self._session.request(
                call.method,
                url,
                headers=[*headers, (hdrs.ACCEPT_ENCODING, "identity")],
                data=body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=options.connect_timeout_s, sock_read=options.timeout_s
                ),
            )
        except (*FAILURES, ValueError) as e:  # ValueError: a value that cannot stand in a header
            raise PeerUnreachable(reason_of(e)) from e

    def _headers(self, call: Call) -> list[tuple[str, str]]:
        values = {
            "systemid": self._options.system_id,
            "timestamp": write_timestamp(self._clock.now()),
            **call.headers,
            "Content-Type": call.content_type,
        }
        if self._options.stray_headers:
            self._kept |= values | {"timestamp": self._first_timestamp}
            values = self._kept
        return write_headers(values, self._options.secret.encode())

    def _request_id(self) -> str:
        return current_request_id() or new_request_id(self._clock)

    def _put_off(self, deadline: asyncio.Timeout, silences: int) -> None:
        deadline.reschedule(asyncio.get_running_loop().time() + silences * self._options.timeout_s)


async def read_whole(response: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    """A body that is small. Raises PeerUnreachable when it is not."""
    body = bytearray()
    async for chunk in chunks(response):
        body += chunk
        if len(body) > limit_bytes:
            raise PeerUnreachable(f"an answer of more than {limit_bytes} bytes")
    return bytes(body)
