"""One call from our side: an envelope or a multipart body sent, the answer taken apart, every failure one of two."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import aiohttp
from aiohttp import hdrs

from adapters.answers import FAILURES, chunks, date_of, keep_refusal, reason_of, refusal_of_http
from adapters.checking import Fault, Trouble
from adapters.edoc.multipart import Multipart
from adapters.edoc.opened import Opened, open_request
from adapters.edoc.wire import Operation, Version, read_media_type
from axis.clock import Clock
from axis.delivery.recording import note_reply, note_request
from axis.edxml.model import Limits
from axis.errors import AxisError, Busy, Malformed, PeerUnreachable
from axis.ops.logs import current_request_id, new_request_id
from axis.store.spool import Spool

_INLINE_BYTES = 64 << 10  # what is larger is taken apart in a thread
_ENVELOPE_BYTES = 32 << 20  # of an answer, besides the package in it: all organisations of a country
_SILENCES = 3  # a whole answer without a document takes at most so many times the longest silence


@dataclass(frozen=True, slots=True, kw_only=True)
class EdocClientOptions:
    """Whom to call, and as whom."""

    endpoint: str  # https://…/edoc
    organ_id: str  # who we are there
    token: str = field(repr=False)
    scratch: Path  # for packages that pass, on a disk that can hold them
    timeout_s: float = 60.0  # longest silence in either direction
    connect_timeout_s: float = 10.0
    version: Version = Version.V11
    limits: Limits = field(default_factory=Limits)
    polls: bool = True  # whether we look into its list for us
    exists_is_sent: bool = False  # M.Exist on a package that we push means that it was taken before


class EdocCalls:
    """Makes calls to one endpoint. Every method raises PeerRefused or PeerUnreachable."""

    def __init__(self, options: EdocClientOptions, session: aiohttp.ClientSession | None, clock: Clock) -> None:
        self._options = options
        self._session = session
        self._owns_session = session is None
        self._clock = clock
        self.ahead: timedelta | None = None
        """How far the partner's clock was ahead of ours when it last answered, a second less at most."""

    async def close(self) -> None:
        """Close the session if it is ours."""
        if self._owns_session and self._session is not None:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def call(self, operation: Operation, body: bytes | Multipart, request_id: str = "") -> AsyncIterator[Opened]:
        """Make a call; gives the answer taken apart, its files in a folder that goes with the context."""
        limit_bytes = self._options.limits.package_bytes + _ENVELOPE_BYTES
        with _folder(self._options.scratch) as folder:
            async with Spool(self._options.scratch, limit_bytes=limit_bytes) as spool:
                content_type = await self._exchange(operation, body, request_id, spool)
                spooled = await spool.finish()
                opened = await self._open(spooled.content, content_type, folder)
                try:
                    yield opened
                finally:
                    opened.close()

    async def _open(self, content: bytes | Path, content_type: str, folder: Path) -> Opened:
        try:
            arguments = (content, read_media_type(content_type), self._options.limits, folder)
            if isinstance(content, bytes) and len(content) <= _INLINE_BYTES:
                return open_request(*arguments)
            return await asyncio.to_thread(open_request, *arguments)
        except Busy:
            raise
        except AxisError as e:
            raise PeerUnreachable(f"the answer cannot be read: {e}"[:300]) from e

    async def _exchange(self, operation: Operation, body: bytes | Multipart, request_id: str, spool: Spool) -> str:
        """Send, and take the answer into the spool. Returns its Content-Type."""
        response = await self._send(operation, body, request_id)
        try:
            if (told_at := date_of(response)) is not None:
                self.ahead = told_at - self._clock.now()
            if response.status not in (200, 400, 500):  # faults come with 400 and 500
                await keep_refusal(response)
                raise refusal_of_http(response)
            if response.content_type == "text/html":
                await keep_refusal(response)
                raise Trouble(Fault.NOT_THE_SERVICE, f"HTTP {response.status}, a web page")
            note_reply(response.status, response.headers.items())
            async for chunk in chunks(response):
                await _keep(chunk, spool, operation)
            if spool.size_bytes == 0:
                raise PeerUnreachable(f"HTTP {response.status}, nothing else")
            return response.headers.get(hdrs.CONTENT_TYPE, "text/xml")
        finally:
            response.close()  # gives the connection back when it was read to its end

    async def _send(self, operation: Operation, body: bytes | Multipart, request_id: str) -> aiohttp.ClientResponse:
        options = self._options
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        plain = f"{options.version.media_type}; charset=utf-8"
        if options.version is Version.V12:
            plain += f'; action="{operation}"'
        headers = {
            hdrs.CONTENT_TYPE: body.content_type if isinstance(body, Multipart) else plain,
            hdrs.ACCEPT_ENCODING: "identity",
            "SOAPAction": f'"{operation}"' if options.version is Version.V12 else operation.value,
            "X-Request-Id": request_id or current_request_id() or new_request_id(self._clock),
        }
        if isinstance(body, Multipart):
            headers[hdrs.CONTENT_LENGTH] = str(body.size_bytes)
        note_request(hdrs.METH_POST, options.endpoint, headers.items())
        try:
            return await self._session.post(
                options.endpoint,
                headers=headers,
                data=_pieces(body) if isinstance(body, Multipart) else body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=options.connect_timeout_s, sock_read=options.timeout_s
                ),
            )
        except (*FAILURES, ValueError) as e:  # ValueError: a value that cannot stand in a header
            raise PeerUnreachable(reason_of(e)) from e


async def _keep(chunk: bytes, spool: Spool, operation: Operation) -> None:
    """A document may be too large, which is about that document; anything else is no answer then."""
    try:
        await spool.write(chunk)
    except Malformed as e:
        if operation is Operation.GET_DOCUMENT:
            raise
        raise PeerUnreachable(f"the answer cannot be read: {e}"[:300]) from e


@asynccontextmanager
async def bounded(options: EdocClientOptions) -> AsyncIterator[None]:
    """A call without a document has to end. Raises PeerUnreachable."""
    try:
        async with asyncio.timeout(_SILENCES * options.timeout_s):
            yield
    except TimeoutError as e:
        raise PeerUnreachable("the answer took too long") from e


@contextmanager
def _folder(scratch: Path) -> Iterator[Path]:
    """A folder that goes when it is left."""
    with tempfile.TemporaryDirectory(prefix="edoc-", dir=scratch, ignore_cleanup_errors=True) as name:
        yield Path(name)


async def _pieces(body: Multipart) -> AsyncGenerator[bytes]:
    """The body; files are read in a thread."""
    pieces: Iterator[bytes] = body.pieces()
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece
