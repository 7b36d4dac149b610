"""A folder on a WebDAV server as a place: PROPFIND, GET, PUT, MOVE, MKCOL, DELETE, with basic authentication over TLS.

Redirects are not followed: the password would go along. Answers are bounded in size and time.

Norm: none of ours; RFC 4918.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import aiohttp
from aiohttp import hdrs
from yarl import URL

from adapters.checking import Fault, Trouble, fault_of, tls_context
from adapters.filing.place import Entry, EntryKind, Gone, Spot
from adapters.webdav.wire import PROPFIND, ListingReader
from axis.pieces import PIECE_BYTES

_CONNECT_S = 20.0
_MOST_LISTING_BYTES = 64 << 20  # 100,000 files at some 600 bytes
_FAILURES: Final = (aiohttp.ClientError, OSError, TimeoutError, ValueError)
_FAULTS: Final[Mapping[int, Fault]] = {
    HTTPStatus.UNAUTHORIZED: Fault.LOGIN_REFUSED,
    HTTPStatus.FORBIDDEN: Fault.NOT_WRITABLE,
    HTTPStatus.METHOD_NOT_ALLOWED: Fault.NOT_WRITABLE,
    HTTPStatus.NOT_FOUND: Fault.FOLDER_MISSING,
    HTTPStatus.CONFLICT: Fault.FOLDER_MISSING,  # what would hold it is not there
    HTTPStatus.INSUFFICIENT_STORAGE: Fault.NO_SPACE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Fault.NO_SPACE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where, and as whom."""

    url: str
    user: str
    password: str = field(repr=False)
    ca_file: str = ""
    timeout_s: float = 60.0


class WebdavPlace:
    """One folder on a server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._root = server.url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self._tls: ssl.SSLContext | bool = True

    async def entries(self, folder: str) -> tuple[Entry, ...]:
        """What lies in a folder."""
        listing = await self._listing(self._address(folder, ""), "1")
        if listing is None or listing.itself is None or listing.itself.kind is not EntryKind.FOLDER:
            raise Trouble(Fault.FOLDER_MISSING, f"{folder} is no folder there")
        return tuple(listing.entries)

    async def stat(self, spot: Spot) -> Entry | None:
        """What lies at a spot."""
        listing = await self._listing(self._address(spot.folder, spot.name), "0")
        return None if listing is None else listing.itself

    @asynccontextmanager
    async def read(self, spot: Spot, *, start: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        """A file's bytes."""
        headers = {hdrs.RANGE: f"bytes={start}-"} if start else {}
        async with self._call(hdrs.METH_GET, self._address(spot.folder, spot.name), headers=headers) as answer:
            if answer.status == HTTPStatus.NOT_FOUND:
                raise Gone(spot.name)
            if answer.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
                raise _refusal(answer)
            skip = start if answer.status == HTTPStatus.OK else 0  # a server may not know ranges
            yield _pieces(answer, skip)

    async def put(self, spot: Spot, content: AsyncIterator[bytes], size_bytes: int) -> None:
        """Write a new file."""
        failure: list[Exception] = []

        async def body() -> AsyncIterator[bytes]:
            try:
                async for piece in content:
                    yield piece
            except Exception as e:
                failure.append(e)
                raise

        headers = {
            hdrs.CONTENT_LENGTH: str(size_bytes),
            hdrs.CONTENT_TYPE: "application/octet-stream",
            hdrs.IF_NONE_MATCH: "*",
        }
        address = self._address(spot.folder, spot.name)
        try:
            async with self._call(hdrs.METH_PUT, address, headers=headers, data=body()) as answer:
                _check(answer, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT, HTTPStatus.OK)
        except Trouble:
            if failure:
                raise failure[0] from None
            raise

    async def move(self, spot: Spot, to: Spot) -> bool:
        """Rename in one step, over what lies there."""
        headers = {"Destination": self._address(to.folder, to.name), "Overwrite": "T"}
        async with self._call("MOVE", self._address(spot.folder, spot.name), headers=headers) as answer:
            if answer.status == HTTPStatus.NOT_FOUND:
                return False
            _check(answer, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT)
        return True

    async def remove(self, spot: Spot) -> bool:
        """Remove a file."""
        async with self._call(hdrs.METH_DELETE, self._address(spot.folder, spot.name)) as answer:
            if answer.status == HTTPStatus.NOT_FOUND:
                return False
            _check(answer, HTTPStatus.NO_CONTENT, HTTPStatus.OK)
        return True

    async def make(self, folder: str) -> None:
        """Make a folder in the root, which must be there."""
        address = self._address(folder, "")
        if (found := await self._listing(address, "0")) is None:
            async with self._call("MKCOL", address) as answer:
                if answer.status != HTTPStatus.METHOD_NOT_ALLOWED:  # another node was faster
                    _check(answer, HTTPStatus.CREATED)
            found = await self._listing(address, "0")
        if found is None or found.itself is None or found.itself.kind is not EntryKind.FOLDER:
            raise Trouble(Fault.FOLDER_MISSING, f"{folder} is no folder there")

    async def close(self) -> None:
        """Let go of connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    # ── calls ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _listing(self, address: str, depth: str) -> ListingReader | None:
        """What PROPFIND says; None: there is nothing."""
        headers = {"Depth": depth, hdrs.CONTENT_TYPE: "application/xml; charset=utf-8"}
        async with self._call("PROPFIND", address, headers=headers, data=PROPFIND) as answer:
            if answer.status == HTTPStatus.NOT_FOUND:
                return None
            _check(answer, HTTPStatus.MULTI_STATUS)
            reader = ListingReader(unquote(urlsplit(address).path))
            size_bytes = 0
            async for piece in _pieces(answer, 0):
                size_bytes += len(piece)
                if size_bytes > _MOST_LISTING_BYTES:
                    raise Trouble(Fault.OTHER, f"a listing of more than {_MOST_LISTING_BYTES} bytes")
                reader.feed(piece)
                await asyncio.sleep(0)  # a long listing must not hold the loop
            reader.close()
        return reader

    @asynccontextmanager
    async def _call(self, method: str, address: str, **request: Any) -> AsyncIterator[aiohttp.ClientResponse]:  # noqa: ANN401
        session = await self._open()
        try:
            async with session.request(
                method, URL(address, encoded=True), allow_redirects=False, ssl=self._tls, **request
            ) as answer:
                yield answer
        except _FAILURES as e:
            if isinstance(e, ValueError) and not isinstance(e, aiohttp.ClientError):
                raise Trouble(Fault.OTHER, type(e).__name__) from e
            fault = fault_of(e)
            raise Trouble(Fault.CONNECTION_LOST if fault is Fault.OTHER else fault, type(e).__name__) from e

    async def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            if self._root.startswith("https"):
                self._tls = await asyncio.to_thread(tls_context, self._server.ca_file)
            timeout = aiohttp.ClientTimeout(total=None, connect=_CONNECT_S, sock_read=self._server.timeout_s)
            account = base64.b64encode(f"{self._server.user}:{self._server.password}".encode()).decode()
            self._session = aiohttp.ClientSession(
                timeout=timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={hdrs.ACCEPT_ENCODING: "identity", hdrs.AUTHORIZATION: f"Basic {account}"},
            )
        return self._session

    def _address(self, folder: str, name: str) -> str:
        return f"{self._root}/{quote(folder, safe='')}/{quote(name, safe='')}"


async def _pieces(answer: aiohttp.ClientResponse, skip: int) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.content.iter_chunked(PIECE_BYTES):
            if skip >= len(piece):
                skip -= len(piece)
                continue
            yield piece[skip:]
            skip = 0
    except _FAILURES as e:
        raise Trouble(Fault.CONNECTION_LOST, f"broke off: {type(e).__name__}") from e


def _check(answer: aiohttp.ClientResponse, *good: int) -> None:
    if answer.status not in good:
        raise _refusal(answer)


def _refusal(answer: aiohttp.ClientResponse) -> Trouble:
    return Trouble(_FAULTS.get(answer.status, Fault.OTHER), f"{answer.method}: HTTP {answer.status}")
