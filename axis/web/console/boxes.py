"""The inbox and the outbox of a clerk, and the searches that a clerk keeps."""

from collections.abc import Sequence

from aiohttp import web

from axis.errors import Code, Malformed
from axis.ids import new_id
from axis.store import saved
from axis.store.boxes import Box, BoxQuery, Order, count_box, read_box
from axis.store.records import SavedSearch
from axis.terms import Role
from axis.text import one_line
from axis.web.console.addresses import local_path
from axis.web.console.asked import understand
from axis.web.console.boxing import Scene, box_list, read_address, read_place
from axis.web.console.directory import Directory
from axis.web.console.exports import Exports
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import CSRF_FIELD, Sessions, Visitor, check_csrf, read_form

_NAME_CHARACTERS = 60
_PATH_CHARACTERS = 600


class Boxes:
    """The handlers."""

    def __init__(self, parts: ConsoleParts, pages: Pages, sessions: Sessions) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._calendar = parts.calendar
        self._rows = parts.rules.page_rows
        self._sessions = sessions
        self._pages = pages
        self._directory = Directory(parts.store, parts.clock)
        self._exports = Exports(parts)

    async def inbox(self, request: web.Request) -> web.StreamResponse:
        """GET /inbox."""
        return await self._show(request, Box.INBOX)

    async def outbox(self, request: web.Request) -> web.StreamResponse:
        """GET /outbox."""
        return await self._show(request, Box.OUTBOX)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """GET /inbox/export.csv, /outbox/export.xlsx: what the list shows, as a file."""
        visitor = await self._sessions.require(request, Role.CLERK)
        scene = await self._asked(request, visitor, Box(request.match_info["box"]))
        return await self._exports.send(request, visitor, scene, request.match_info["form"])

    async def keep(self, request: web.Request) -> web.StreamResponse:
        """POST /searches: keep the list at an address under a name."""
        form = await read_form(request)
        visitor = await self._sessions.require(request, Role.CLERK)
        check_csrf(request, form.get(CSRF_FIELD, ""), visitor.csrf_token)
        name, path = one_line(form.get("name", ""), _NAME_CHARACTERS), local_path(form.get("path", ""))
        if not name or len(path) > _PATH_CHARACTERS or not path.startswith(("/inbox?", "/outbox?")):
            raise Malformed(Code.BAD_REQUEST, "a search needs a name and the address of a list", at="name")
        search = SavedSearch(saved_id=new_id(self._clock.now()), account_id=visitor.account_id, name=name, path=path)
        if not await self._store.write(lambda conn: saved.save(conn, search)):
            raise Malformed(Code.TOO_MANY, f"at most {saved.MOST} searches are kept", at="name")
        raise web.HTTPSeeOther(path)

    async def forget(self, request: web.Request) -> web.StreamResponse:
        """POST /searches/{saved_id}/forget."""
        form = await read_form(request)
        visitor = await self._sessions.require(request, Role.CLERK)
        check_csrf(request, form.get(CSRF_FIELD, ""), visitor.csrf_token)
        saved_id = request.match_info["saved_id"]
        await self._store.write(lambda conn: saved.forget(conn, visitor.account_id, saved_id))
        raise web.HTTPSeeOther(local_path(form.get("path", "")))

    async def _show(self, request: web.Request, box: Box) -> web.StreamResponse:
        visitor = await self._sessions.require(request, Role.CLERK)
        scene = await self._asked(request, visitor, box)
        return await self._pages.page(request, "box.html", visitor, lambda: box_list(scene))

    async def _asked(self, request: web.Request, visitor: Visitor, box: Box) -> Scene:
        """What the request asks for, and what there is of it."""
        asked = understand(request.query.get("q", ""), await self._directory.names())
        address = read_address(box, dict(request.query), asked.text)
        older, newer = (read_place(request.query.get(name), name) for name in ("older", "newer"))
        query = BoxQuery(
            box=box,
            organs=visitor.organs,
            now=self._clock.now(),
            narrowed=address.narrowed,
            wanted=asked.wanted,
            order=address.order if box is Box.INBOX or address.order is not Order.DUE else Order.NEWEST,
            place=newer or older,
            backwards=newer is not None,
            rows=self._rows,
        )
        found = await self._store.read(lambda conn: read_box(conn, query))
        counts, kept = await self._store.read(
            lambda conn: (count_box(conn, box, query.organs, query.now), saved.saved_of(conn, visitor.account_id))
        )
        return Scene(
            address=address,
            query=query,
            asked=asked,
            found=found,
            counts=counts,
            saved=kept,
            calendar=self._calendar,
        )


def box_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of both boxes."""
    boxes = Boxes(parts, pages, sessions)
    return (
        web.get("/inbox", boxes.inbox),
        web.get("/outbox", boxes.outbox),
        web.get("/{box:inbox|outbox}/export.{form:csv|xlsx}", boxes.export),
        web.post("/searches", boxes.keep),
        web.post(f"/searches/{{saved_id:{ID}}}/forget", boxes.forget),
    )
