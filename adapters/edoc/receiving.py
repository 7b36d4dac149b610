"""A body on its way in: into a spool, bounded in size and time, and from whom it comes as soon as that can be told.

The token stands in the body. Until who calls is proven, no more than the first megabytes are taken; the rest of a large
upload streams only for a system that may send it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import hdrs, http_exceptions, web

from adapters.edoc.mime import first_part_start, read_boundary
from adapters.edoc.soap import Credentials, header_credentials, peek_header
from adapters.edoc.wire import MULTIPART, MediaType
from axis.edxml.model import Limits
from axis.errors import Code, Malformed
from axis.store.spool import Spool

SMALL_BYTES = 1 << 20
"""A body up to this is taken whole before it is looked at; whatever carries no document is no larger."""

_PEEKS = (SMALL_BYTES, 2 << 20, 4 << 20)  # bytes after which the credentials are looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveOptions:
    """How much, and how slow, a body may be."""

    request_bytes: int
    body_idle_s: float
    body_s: float
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Takes one body in. prove: raises for credentials that do not hold, or that may not send."""

    request: web.Request
    media_type: MediaType
    options: ReceiveOptions
    prove: Callable[[Credentials | None], object]

    async def receive(self, spool: Spool) -> None:
        """Stream the body into the spool.

        Raises Malformed (TOO_LARGE, TRUNCATED_UPLOAD, BAD_REQUEST, EMPTY_BODY), and what `prove` raises.
        """
        if self.request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            # Unpacked bytes may be a thousand times as many.
            raise Malformed(Code.BAD_REQUEST, "a body is sent as it is", at=hdrs.CONTENT_ENCODING)
        declared, most = self.request.content_length, self.options.request_bytes
        if declared is not None and declared > most:
            raise Malformed(Code.TOO_LARGE, f"more than {most} bytes")
        try:
            async with asyncio.timeout(self.options.body_s):
                await self._stream(spool)
        except TimeoutError as e:
            raise Malformed(Code.TRUNCATED_UPLOAD, f"not complete within {self.options.body_s:g} s") from e
        if spool.size_bytes == 0:
            raise Malformed(Code.EMPTY_BODY)

    async def _stream(self, spool: Spool) -> None:
        head: bytearray | None = bytearray()
        peeks = list(_PEEKS)
        while chunk := await self._next_chunk():
            await spool.write(chunk)
            if head is None:
                continue
            head += chunk
            if len(head) >= peeks[0]:
                if await asyncio.to_thread(self._peek, bytes(head)):
                    head = None
                elif len(peeks) == 1:
                    raise Malformed(Code.TOO_LARGE, f"no OrganId and Token in the first {peeks[0]} bytes", at="Header")
                else:
                    del peeks[0]

    def _peek(self, head: bytes) -> bool:
        """Whether the header has come, and who calls is proven by it."""
        start = 0
        if self.media_type.name == MULTIPART:
            found = first_part_start(head, read_boundary(self.media_type))
            if found is None:
                return False
            start = found
        blocks = peek_header(head[start:].lstrip(), self.options.limits)
        if blocks is None:
            return False
        self.prove(header_credentials(blocks))
        return True

    async def _next_chunk(self) -> bytes:
        """The next bytes of a body, none at its end. Raises Malformed(TRUNCATED_UPLOAD)."""
        try:
            async with asyncio.timeout(self.options.body_idle_s):
                return await self.request.content.readany()
        except (ConnectionError, TimeoutError, web.RequestPayloadError, http_exceptions.HttpProcessingError) as e:
            raise Malformed(Code.TRUNCATED_UPLOAD) from e
