"""What stands behind the links in events: the package itself, and the word that the DMS has it."""

import base64
from collections.abc import Sequence
from contextlib import aclosing
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import hdrs, web

from adapters.base import FrontParts
from adapters.webhook.links import Links, Subject
from axis.exchange.handover import checked_chunks
from axis.exchange.values import Acknowledgement

log = structlog.get_logger(__name__)

_PATH: Final = "/webhook/packages/{token}"


class Pages:
    """The addresses."""

    def __init__(self, parts: FrontParts, links: Links) -> None:
        self._parts = parts
        self._links = links

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """GET gives the package, POST says that the DMS has it."""
        return (
            web.route("GET", _PATH, self.fetch),
            web.route("POST", _PATH, self.acknowledge),
        )

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        """The package, byte for byte, while the system still serves a receiver of it."""
        subject = self._subject(request)
        content = await self._parts.exchange.open_package(subject.system_id, subject.package_id)
        async with aclosing(checked_chunks(content)) as pieces:
            piece = await anext(pieces, b"")  # what is lost from the store fails here, while there can be an answer
            digest = base64.b64encode(bytes.fromhex(content.sha256_hex)).decode()
            headers = {hdrs.CONTENT_TYPE: "application/xml", "Content-Digest": f"sha-256=:{digest}:"}
            response = web.StreamResponse(headers=headers)
            response.content_length = content.size_bytes
            await response.prepare(request)
            await response.write(piece)
            async for piece in pieces:
                await response.write(piece)
            await response.write_eof()
        return response

    async def acknowledge(self, request: web.Request) -> web.Response:
        """The DMS has the package; said again, nothing changes."""
        subject = self._subject(request)
        exchange = self._parts.exchange
        await exchange.record_hand_over(subject.system_id, subject.package_id)
        await exchange.acknowledge(subject.system_id, subject.package_id, Acknowledgement.DONE)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _subject(self, request: web.Request) -> Subject:
        return self._links.read(request.match_info["token"], self._parts.clock.now())
