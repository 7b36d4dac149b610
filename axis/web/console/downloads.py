"""Downloads from a document's page: a package as it came, or one of its files.

A file is what strangers wrote, and a browser must never run it: it goes out as an attachment, sandboxed, under a
type that was told by its bytes and is on a short list, never as a page. Its name is shown to people and is never a
path.
"""

from collections.abc import Sequence
from typing import Final

from aiohttp import hdrs, web

from axis.errors import Code, NotFound
from axis.ops.handing_out import disposition, hand_out
from axis.ops.unpacking import Unpacking
from axis.pieces import file_pieces
from axis.store.document_view import PackageView, find_package
from axis.terms import ViewKind
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions, Visitor
from axis.web.console.watching import Looked, Watch

_POLICY = "sandbox; default-src 'none'"
_PDF = "application/pdf"
_FRAMED_PAGE = "sandbox; default-src 'none'; style-src 'self'; frame-ancestors 'self'"
_FRAMED: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}

SAFE_TYPES: Final = frozenset(
    {
        "application/pdf",
        "application/zip",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/tiff",
    }
)
"""Media types that a browser is told; anything else is only bytes to it."""


class Downloads:
    """The handlers."""

    def __init__(self, parts: ConsoleParts, pages: Pages, sessions: Sessions) -> None:
        self._pages = pages
        self._store = parts.store
        self._sessions = sessions
        self._unpacking = Unpacking(parts.store, parts.limits, parts.scratch)
        self._watch = Watch(parts.store, parts.clock)

    async def package(self, request: web.Request) -> web.StreamResponse:
        """GET …/packages/{package_id}: the exact bytes that came in."""
        view, visitor = await self._find(request)
        package = view.package
        await self._record(request, visitor, ViewKind.PACKAGE)
        response = _attachment(f"{package.package_id}.edxml", "application/octet-stream", package.size_bytes)
        return await hand_out(request, response, self._store.blobs.chunks(package.sha256_hex))

    async def file(self, request: web.Request) -> web.StreamResponse:
        """GET …/files/{position}: one file of a package, decoded."""
        view, visitor = await self._find(request)
        position = int(request.match_info["position"])
        row = next((file for file in view.files if file.position == position), None)
        if row is None:
            raise NotFound(Code.NOT_FOUND, "no such file")
        async with self._unpacking.file(view.package.sha256_hex, row) as opened:
            media_type = opened.media_type if opened.media_type in SAFE_TYPES else "application/octet-stream"
            await self._record(request, visitor, ViewKind.FILE, position)
            response = _attachment(opened.name, media_type, opened.path.stat().st_size)
            return await hand_out(request, response, file_pieces(opened.path))

    async def preview(self, request: web.Request) -> web.StreamResponse:
        """GET …/files/{position}/preview: a PDF, shown by the browser inside the document's page.

        Only what is a PDF by its bytes; the page that holds it may, no other one. The viewer of a browser has a sandbox
        of its own and refuses to work in a frame that sets another one, but bears the one of the answer: whatever a
        browser should take the bytes for, nothing of theirs runs, and nothing of theirs belongs to our pages.
        """
        view, visitor = await self._find(request)
        position = int(request.match_info["position"])
        row = next((file for file in view.files if file.position == position), None)
        if row is None:
            raise NotFound(Code.NOT_FOUND, "no such file")
        async with self._unpacking.file(view.package.sha256_hex, row) as opened:
            if opened.media_type != _PDF:
                refusal = self._pages.answer(request, "no_preview.html", status=415)
                refusal.headers.update({**_FRAMED, "Content-Security-Policy": _FRAMED_PAGE})
                return refusal
            await self._record(request, visitor, ViewKind.FILE, position)
            response = _attachment(opened.name, _PDF, opened.path.stat().st_size)
            response.headers[hdrs.CONTENT_DISPOSITION] = "inline"
            response.headers.update(_FRAMED)
            return await hand_out(request, response, file_pieces(opened.path))

    async def _record(
        self, request: web.Request, visitor: Visitor, kind: ViewKind, position: int | None = None
    ) -> None:
        """Put a download on record before its first byte; asking for the head alone is none."""
        if request.method == hdrs.METH_HEAD:
            return
        uid, package_id = request.match_info["uid"], request.match_info["package_id"]
        looked = Looked(kind=kind, document_uid=uid, package_id=package_id, position=position)
        await self._watch.record(request, visitor, looked)

    async def _find(self, request: web.Request) -> tuple[PackageView, Visitor]:
        visitor = await self._sessions.require(request)
        uid, package_id = request.match_info["uid"], request.match_info["package_id"]
        view = await self._store.read(lambda conn: find_package(conn, visitor.scope, uid, package_id))
        if view is None:
            raise NotFound(Code.NOT_FOUND, "no such package")
        return view, visitor


def _attachment(name: str, media_type: str, size_bytes: int) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={
            hdrs.CONTENT_DISPOSITION: disposition(name),
            hdrs.CONTENT_TYPE: media_type,
            "Content-Security-Policy": _POLICY,
        }
    )
    response.content_length = size_bytes
    return response


def download_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of a document's packages and files."""
    downloads = Downloads(parts, pages, sessions)
    package = f"/documents/{{uid:{ID}}}/packages/{{package_id:{ID}}}"
    return (
        web.get(package, downloads.package),
        web.get(f"{package}/files/{{position:[0-9]{{1,5}}}}", downloads.file),
        web.get(f"{package}/files/{{position:[0-9]{{1,5}}}}/preview", downloads.preview),
    )
