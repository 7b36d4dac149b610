"""The list of documents, and the page of one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from aiohttp import web

from axis.errors import Code, Malformed, NotFound
from axis.store.document_view import ELSEWHERE, STUCK, WAITING, ReceiverPage, read_document
from axis.store.views import ListQuery, list_documents
from axis.terms import StatusCode, ViewKind
from axis.text import plain
from axis.web.console.asked import understand
from axis.web.console.desk import DeskCards
from axis.web.console.directory import Directory
from axis.web.console.listing import list_page, read_direction, read_key
from axis.web.console.moments import Moment
from axis.web.console.paper import PaperPage, paper_page
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.receivers import Today
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions
from axis.web.console.watching import Looked, Watch
from axis.web.middleware import CONTENT_POLICY

_ORGAN_CHARACTERS = 128
_REPORTED = 1_000  # receivers of a delivery report
_TOLD_WHOLE = 30  # with more receivers it tells where each stands, not how it came there
_WITH_PREVIEWS = f"{CONTENT_POLICY}; frame-src 'self'"
_CHOICES = frozenset({WAITING, ELSEWHERE, *STUCK, *StatusCode})


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A document's delivery report."""

    paper: PaperPage
    made: Moment
    told_whole: bool  # few enough receivers to tell everything that happened at each


class Documents:
    """The handlers."""

    def __init__(self, parts: ConsoleParts, sessions: Sessions, pages: Pages) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._sessions = sessions
        self._pages = pages
        self._directory = Directory(parts.store, parts.clock)
        self._calendar = parts.calendar
        self._rows = parts.rules.page_rows
        self._desk = DeskCards(parts.desk, parts.clock)
        self._watch = Watch(parts.store, parts.clock)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """GET /documents."""
        visitor = await self._sessions.require(request)
        asked = understand(request.query.get("q", ""), await self._directory.names())
        query = ListQuery(
            scope=visitor.scope,
            direction=read_direction(request.query.get("direction")),
            wanted=asked.wanted,
            older_than=read_key(request.query.get("older"), "older"),
            newer_than=read_key(request.query.get("newer"), "newer"),
            rows=self._rows,
        )
        found = await self._store.read(lambda conn: list_documents(conn, query))
        now = self._clock.now()
        return await self._pages.page(request, "list.html", visitor, lambda: list_page(found, query, asked, now))

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /documents/{uid}."""
        visitor = await self._sessions.require(request)
        uid = request.match_info["uid"]
        only = request.query.get("only")
        if only is not None and only not in _CHOICES:
            raise Malformed(Code.BAD_REQUEST, "not a choice of receivers", at="only")
        after = plain(request.query.get("after", ""))[:_ORGAN_CHARACTERS] or None
        wanted = ReceiverPage(after=after, only=only, rows=self._rows)
        await self._desk.opened(request, visitor, uid)
        detail = await self._store.read(lambda conn: read_document(conn, visitor.scope, uid, wanted))
        if detail is None:
            raise NotFound(Code.NOT_FOUND, "no such document")
        desk = await self._desk.card(request, visitor, uid)
        today = Today(now=self._clock.now(), calendar=self._calendar)

        def make() -> PaperPage:
            return replace(paper_page(detail, wanted, today), desk=desk)

        # Both at once: the record makes the page no slower.
        page, _recorded = await asyncio.gather(
            self._pages.page(request, "document.html", visitor, make),
            self._watch.record(request, visitor, Looked(kind=ViewKind.PAGE, document_uid=uid)),
        )
        page.headers["Content-Security-Policy"] = _WITH_PREVIEWS
        return page

    async def report(self, request: web.Request) -> web.StreamResponse:
        """GET /documents/{uid}/report: who received it, and what they said, to be printed."""
        visitor = await self._sessions.require(request)
        uid = request.match_info["uid"]
        wanted = ReceiverPage(rows=_REPORTED)
        detail = await self._store.read(lambda conn: read_document(conn, visitor.scope, uid, wanted))
        if detail is None:
            raise NotFound(Code.NOT_FOUND, "no such document")
        today = Today(now=self._clock.now(), calendar=self._calendar)
        await self._watch.record(request, visitor, Looked(kind=ViewKind.PRINT, document_uid=uid))
        told_whole = len(detail.receivers) <= _TOLD_WHOLE

        def make() -> Report:
            return Report(paper=paper_page(detail, wanted, today), made=today.moment, told_whole=told_whole)

        return await self._pages.page(request, "report.html", visitor, make)


def document_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of the list and of a document's page."""
    documents = Documents(parts, sessions, pages)
    return (
        web.get("/documents", documents.list),
        web.get(f"/documents/{{uid:{ID}}}", documents.show),
        web.get(f"/documents/{{uid:{ID}}}/report", documents.report),
    )
