"""Mayan's REST API: authenticated by a token over TLS, every answer bounded in size and time.

Addresses are made here, of numbers; those that answers name are never called. Redirects are not followed: the token
would go along.

Peer: Mayan EDMS 4.12. A bad token is 403; a missing right looks like a missing thing (404, or an empty list); a file is
taken by 202 before Mayan's workers have it, and may be there though the answer was 500.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import hdrs

from adapters.answers import chunks, refusal_of_http
from adapters.checking import Fault, Trouble, fault_of, tls_context
from adapters.mayan.wire import Row, read_json, row_of, rows_of
from axis.errors import PeerRefused, PeerUnreachable
from axis.text import one_line

_CONNECT_S: Final = 20.0
_ANSWER_BYTES: Final = 8 << 20
_REFUSAL_BYTES: Final = 64 << 10
_WORDS: Final = 300
_IN_A_THREAD: Final = 256 << 10  # longer answers are parsed beside the loop
PAGE: Final = 100
_FAILURES: Final = (aiohttp.ClientError, OSError, TimeoutError, ValueError)
_LOGIN: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where, and as whom."""

    url: str
    token: str = field(repr=False)
    ca_file: str = ""
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that a document is to have."""

    name: str
    path: Path
    action: str  # what becomes of the document's pages: replace, append, keep
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of a list."""

    rows: list[Row]
    more: bool


class Missing(Trouble):
    """There is no such thing, or no right to see it."""

    def __init__(self, detail: str) -> None:
        super().__init__(Fault.NOT_SET_UP, detail)


class Mayan:
    """One Mayan."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._root = f"{place.url.rstrip('/')}/api/v4"
        self._session: aiohttp.ClientSession | None = None
        self._tls: ssl.SSLContext | bool = True

    async def get(self, path: str, **query: str) -> Row:
        """One thing. Raises Missing, Trouble, PeerRefused."""
        return row_of(await self._json(hdrs.METH_GET, path, params=query))

    async def each(self, path: str, most: int, *, portion: int = PAGE, **query: str) -> AsyncIterator[Row]:
        """A list, at most so many; portion: how many at once."""
        given, number, more = 0, 1, True
        while more:
            page = await self.page(path, number, min(portion, most), **query)
            for row in page.rows:
                if given >= most:
                    return
                yield row
                given += 1
            number += 1
            more = page.more

    async def page(self, path: str, number: int, size: int, **query: str) -> Page:
        """One page of a list, from 1 on. Raises Missing beyond the last."""
        answer = await self._json(hdrs.METH_GET, path, params={**query, "page": str(number), "page_size": str(size)})
        rows, more = rows_of(answer)
        return Page(rows=rows, more=more and bool(rows))

    async def post(self, path: str, body: Mapping[str, object]) -> object:
        """Make something, or do it; the answer, if there is one."""
        return await self._json(hdrs.METH_POST, path, json=body)

    async def patch(self, path: str, body: Mapping[str, object]) -> object:
        """Change something."""
        return await self._json(hdrs.METH_PATCH, path, json=body)

    async def delete(self, path: str) -> None:
        """Remove something; it may be gone already."""
        try:
            await self._json(hdrs.METH_DELETE, path)
        except Missing:
            return

    async def upload(self, document: int, upload: Upload) -> None:
        """Hand a file over. That it was taken does not say that it is there."""
        with upload.path.open("rb") as content:
            form = aiohttp.FormData(quote_fields=False)
            form.add_field("action_name", upload.action)
            form.add_field("filename", upload.name)
            form.add_field("comment", upload.comment)
            # The name of the part is ours: the form's field carries the sender's.
            form.add_field("file_new", content, filename="file.bin", content_type="application/octet-stream")
            await self._json(hdrs.METH_POST, f"documents/{document}/files/", data=form)

    @asynccontextmanager
    async def download(self, document: int, file: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """A file's bytes."""
        path = f"documents/{document}/files/{file}/download/"
        async with self._call(hdrs.METH_GET, path, headers={hdrs.ACCEPT: "*/*"}) as answer:
            if answer.status != HTTPStatus.OK:
                raise await _refusal(answer)
            yield chunks(answer)

    async def close(self) -> None:
        """Let go of connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    # ── calls ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _json(self, method: str, path: str, **request: Any) -> object:  # noqa: ANN401
        async with self._call(method, path, **request) as answer:
            if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
                raise await _refusal(answer)
            raw = await _read(answer, _ANSWER_BYTES)
        if not raw:
            return None
        return await asyncio.to_thread(read_json, raw) if len(raw) > _IN_A_THREAD else read_json(raw)

    @asynccontextmanager
    async def _call(self, method: str, path: str, **request: Any) -> AsyncIterator[aiohttp.ClientResponse]:  # noqa: ANN401
        session = await self._open()
        try:
            async with session.request(
                method, f"{self._root}/{path}", allow_redirects=False, ssl=self._tls, **request
            ) as answer:
                yield answer
        except _FAILURES as e:
            fault = fault_of(e)
            raise Trouble(Fault.CONNECTION_LOST if fault is Fault.OTHER else fault, type(e).__name__) from e

    async def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            if self._root.startswith("https"):
                self._tls = await asyncio.to_thread(tls_context, self._place.ca_file)
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_S, sock_read=self._place.timeout_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={
                    hdrs.ACCEPT: "application/json",
                    hdrs.ACCEPT_ENCODING: "identity",
                    hdrs.ACCEPT_LANGUAGE: "en",
                    hdrs.AUTHORIZATION: f"Token {self._place.token}",
                },
            )
        return self._session


async def _read(answer: aiohttp.ClientResponse, most: int) -> bytes:
    got = bytearray()
    async for piece in chunks(answer):
        got += piece
        if len(got) > most:
            raise Trouble(Fault.OTHER, f"an answer of more than {most} bytes")
    return bytes(got)


async def _refusal(answer: aiohttp.ClientResponse) -> PeerRefused | Trouble:
    """What an answer that is not good means."""
    status = answer.status
    words = f"{answer.method}: HTTP {status} {await _said(answer)}".strip()
    if status in _LOGIN:
        return PeerRefused(words, peer_code=str(status), retry="later")
    if status == HTTPStatus.NOT_FOUND:
        return Missing(f"{words}: not there, or no right to see it")
    if status in {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.INSUFFICIENT_STORAGE}:
        return Trouble(Fault.NO_SPACE, words)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }:
        return PeerRefused(words, peer_code=str(status), retry="later")
    trouble = Trouble(Fault.OTHER, words)
    trouble.retry_after_s = refusal_of_http(answer).retry_after_s
    return trouble


async def _said(answer: aiohttp.ClientResponse) -> str:
    """Mayan's own words, in one line; nothing of a page for people."""
    if "json" not in answer.content_type:
        return ""
    try:
        found = read_json(await _read(answer, _REFUSAL_BYTES))
    except PeerUnreachable:
        return ""
    detail = found.get("detail") if isinstance(found, dict) else None
    return one_line(detail if isinstance(detail, str) else json.dumps(found, ensure_ascii=False), _WORDS)
