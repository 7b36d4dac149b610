"""The download of a document's dossier, for auditors, operators and administrators; each is recorded first."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

from aiohttp import hdrs, web

from axis.clock import to_local
from axis.errors import Code, NotFound
from axis.ops.dossier import Dossiers
from axis.ops.handing_out import disposition
from axis.store.dossier_view import read_dossier
from axis.terms import Role, ViewKind
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions
from axis.web.console.watching import Looked, Watch

MAY_BUNDLE: Final = (Role.AUDITOR, Role.OPERATOR, Role.ADMINISTRATOR)
_POLICY = "sandbox; default-src 'none'"


class Bundles:
    """The handler."""

    def __init__(self, parts: ConsoleParts, sessions: Sessions) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._sessions = sessions
        self._dossiers = Dossiers(parts.store, parts.limits, parts.scratch)
        self._watch = Watch(parts.store, parts.clock)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /documents/{uid}/dossier.zip."""
        visitor = await self._sessions.require(request, *MAY_BUNDLE)
        uid, now = request.match_info["uid"], self._clock.now()
        dossier = await self._store.read(lambda conn: read_dossier(conn, visitor.scope, uid))
        if dossier is None:
            raise NotFound(Code.NOT_FOUND, "no such document")
        code = dossier.document.code or uid
        name = f"{code.replace('/', '-')} {to_local(now):%Y%m%d-%H%M}.zip"
        response = web.StreamResponse(
            headers={
                hdrs.CONTENT_DISPOSITION: disposition(name),
                hdrs.CONTENT_TYPE: "application/zip",
                "Content-Security-Policy": _POLICY,
            }
        )
        async with aclosing(self._dossiers.chunks(dossier, now)) as chunks:
            first = await anext(chunks)  # what is refused is refused before anything is sent, or recorded
            await self._watch.record(request, visitor, Looked(kind=ViewKind.BUNDLE, document_uid=uid))
            await response.prepare(request)
            if request.method != hdrs.METH_HEAD:
                await response.write(first)
                async for chunk in chunks:
                    if chunk:
                        await response.write(chunk)
        await response.write_eof()
        return response


def bundle_routes(parts: ConsoleParts, _pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The route of a document's dossier."""
    return (web.get(f"/documents/{{uid:{ID}}}/dossier.zip", Bundles(parts, sessions).show),)
