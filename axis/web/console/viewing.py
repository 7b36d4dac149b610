"""The page that tells who has looked at a document: for auditors and administrators only.

A clerk does not see it: who is being looked into would learn from it that an auditor has looked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiohttp import web

from axis.clock import Clock
from axis.errors import Code, Malformed, NotFound
from axis.store.document_view import find_document
from axis.store.records import Document
from axis.store.store import Store
from axis.store.viewings import ViewingLine, ViewingList, ViewingQuery, list_viewings
from axis.terms import ViewKind
from axis.text import one_line
from axis.web.console.language import N_, _
from axis.web.console.moments import Moment, moment
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import WATCHERS, Sessions
from axis.web.console.watching import Looked, Watch

_KINDS: Final[Mapping[ViewKind, tuple[str, str]]] = {
    ViewKind.PAGE: (N_("Xem trang văn bản"), "file"),
    ViewKind.SIGNATURES: (N_("Xem chữ ký số"), "seal"),
    ViewKind.FILE: (N_("Tải tệp"), "down"),
    ViewKind.PACKAGE: (N_("Tải gói tin gốc"), "down"),
    ViewKind.BUNDLE: (N_("Tải hồ sơ chứng cứ"), "down"),
    ViewKind.PRINT: (N_("In phiếu theo dõi"), "file"),
    ViewKind.EXPORT: (N_("Xuất danh sách"), "down"),
    ViewKind.LOG: (N_("Xem nhật ký lượt xem"), "search"),
}
_SUBJECT_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRow:
    """One look."""

    at: Moment
    username: str
    full_name: str
    what: str
    icon: str
    detail: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewsPage:
    """Who has looked at a document."""

    uid: str
    code: str
    subject: str
    rows: tuple[ViewRow, ...]
    newest_href: str | None
    older_href: str | None


def views_page(document: Document, found: ViewingList, *, now: datetime, on_first: bool) -> ViewsPage:
    """The page of a document's views."""
    here = f"/documents/{document.document_uid}/views"
    return ViewsPage(
        uid=document.document_uid,
        code=document.code or _("Không số"),
        subject=one_line(document.subject or "", _SUBJECT_CHARACTERS),
        rows=tuple(_row(line, now) for line in found.lines),
        newest_href=None if on_first else here,
        older_href=f"{here}?older={found.lines[-1].viewing.viewing_id}" if found.has_older else None,
    )


def kind_words(kind: ViewKind) -> str:
    """What somebody did, in the page's language."""
    return _(_KINDS[kind][0])


def _row(line: ViewingLine, now: datetime) -> ViewRow:
    viewing = line.viewing
    return ViewRow(
        at=moment(viewing.at, now),
        username=line.username,
        full_name=line.full_name,
        what=kind_words(viewing.kind),
        icon=_KINDS[viewing.kind][1],
        detail=line.file_name or viewing.detail,
        address=viewing.address,
    )


class Views:
    """The handler."""

    def __init__(self, store: Store, clock: Clock, sessions: Sessions, pages: Pages, *, rows: int) -> None:
        self._store = store
        self._clock = clock
        self._sessions = sessions
        self._pages = pages
        self._rows = rows
        self._watch = Watch(store, clock)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /documents/{uid}/views."""
        visitor = await self._sessions.require(request, *WATCHERS)
        uid, older = request.match_info["uid"], request.query.get("older")
        if older is not None and not (older.isascii() and older.isalnum()):
            raise Malformed(Code.BAD_REQUEST, "not a place in the list", at="older")
        query = ViewingQuery(document_uid=uid, older_than=older, rows=self._rows)
        document = await self._store.read(lambda conn: find_document(conn, visitor.scope, uid))
        if document is None:
            raise NotFound(Code.NOT_FOUND, "no such document")
        found = await self._store.read(lambda conn: list_viewings(conn, query))
        await self._watch.record(request, visitor, Looked(kind=ViewKind.LOG, document_uid=uid))
        now = self._clock.now()
        return await self._pages.page(
            request, "views.html", visitor, lambda: views_page(document, found, now=now, on_first=older is None)
        )


def viewing_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The route of a document's views."""
    views = Views(parts.store, parts.clock, sessions, pages, rows=parts.rules.page_rows)
    return (web.get(f"/documents/{{uid:{ID}}}/views", views.show),)
