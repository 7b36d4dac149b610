"""Who has looked at what, and who has done what: the views of all documents, and the audit trail.

For auditors and administrators. To read them is itself recorded.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

from aiohttp import hdrs, web

from axis.clock import VIETNAM, Clock, to_local
from axis.errors import Code, Malformed
from axis.ops.handing_out import disposition
from axis.ops.sheets import csv_bytes, csv_rows
from axis.store.accounts import username_form
from axis.store.journal_view import JournalQuery, list_journal
from axis.store.records import Audit
from axis.store.store import Store
from axis.store.viewings import ViewingLine, ViewingList, ViewingQuery, list_viewings
from axis.terms import ViewKind
from axis.text import one_line, plain
from axis.web.console.exports import cut_short
from axis.web.console.language import N_, _
from axis.web.console.moments import Moment, moment
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import WATCHERS, Sessions
from axis.web.console.viewing import kind_words
from axis.web.console.watching import Looked, Watch

_DAYS: Final = 30  # that are looked at when nobody says otherwise
_CHARACTERS, _SHOWN_CHARACTERS = 128, 400
_EXPORTED_ROWS, _PAGE_ROWS = 20_000, 500
_FIELD = re.compile(r"[a-z0-9_]{1,32}")
_TABS: Final = (("/views", N_("Lượt xem và tải")), ("/journal", N_("Nhật ký kiểm toán")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One of the two."""

    word: str
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an address asks for; days are those of Vietnam, the last one included."""

    account: str
    document: str
    kind: str
    text: str
    first: date
    last: date
    older: str | None

    @property
    def since(self) -> datetime:
        """The first moment."""
        return datetime.combine(self.first, time(), VIETNAM).astimezone(UTC)

    @property
    def until(self) -> datetime:
        """The first moment that is not asked for any more."""
        return datetime.combine(self.last + timedelta(days=1), time(), VIETNAM).astimezone(UTC)

    def href(self, path: str, **place: str) -> str:
        """The address of the same."""
        query = {
            "account": self.account,
            "document": self.document,
            "kind": self.kind,
            "q": self.text,
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            **place,
        }
        return f"{path}?{urlencode({name: value for name, value in query.items() if value})}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One look, or one deed."""

    at: Moment
    who: str
    full_name: str
    what: str
    detail: str
    address: str
    uid: str | None
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPage:
    """Either page."""

    tabs: tuple[Tab, ...]
    asked: Asked
    path: str
    kinds: tuple[tuple[str, str], ...]  # what can be chosen; none: a word is typed
    lines: tuple[Line, ...]
    older_href: str | None
    newest_href: str | None
    export_href: str | None


def read_asked(request: web.Request, now: datetime) -> Asked:
    """What the address asks for. Raises Malformed(BAD_REQUEST)."""
    query, today = request.query, to_local(now).date()
    asked = Asked(
        account=plain(query.get("account", "").strip())[:_CHARACTERS],
        document=query.get("document", "").strip().upper(),
        kind=query.get("kind", "").strip(),
        text=plain(query.get("q", "").strip())[:_CHARACTERS],
        first=_day(query.get("from"), today - timedelta(days=_DAYS - 1), "from"),
        last=_day(query.get("to"), today, "to"),
        older=query.get("older") or None,
    )
    for name, fine in (
        ("document", not asked.document or re.fullmatch(ID, asked.document)),
        ("kind", not asked.kind or _FIELD.fullmatch(asked.kind)),
        ("older", asked.older is None or re.fullmatch(ID, asked.older)),
        ("to", asked.first <= asked.last),
    ):
        if not fine:
            raise Malformed(Code.BAD_REQUEST, "not a choice of this page", at=name)
    return asked


def _day(text: str | None, otherwise: date, at: str) -> date:
    if not text:
        return otherwise
    try:
        day = date.fromisoformat(text)
    except ValueError as e:
        raise Malformed(Code.BAD_REQUEST, "a day like 2026-11-24", at=at) from e
    if not date(2000, 1, 1) <= day <= date(2999, 12, 31):
        raise Malformed(Code.BAD_REQUEST, "a day of these centuries", at=at)
    return day


def _tabs(path: str) -> tuple[Tab, ...]:
    return tuple(Tab(word=_(word), href=href, chosen=href == path) for href, word in _TABS)


def views_page(found: ViewingList, asked: Asked, now: datetime) -> JournalPage:
    """The page of views."""
    last = found.lines[-1].viewing.viewing_id if found.lines else ""
    return JournalPage(
        tabs=_tabs("/views"),
        asked=asked,
        path="/views",
        kinds=tuple((kind.value, kind_words(kind)) for kind in ViewKind),
        lines=tuple(_view(line, now) for line in found.lines),
        older_href=asked.href("/views", older=last) if found.has_older else None,
        newest_href=asked.href("/views") if asked.older else None,
        export_href=asked.href("/views.csv"),
    )


def _view(line: ViewingLine, now: datetime) -> Line:
    viewing = line.viewing
    return Line(
        at=moment(viewing.at, now),
        who=line.username,
        full_name=line.full_name,
        what=kind_words(viewing.kind),
        detail=line.file_name or viewing.detail,
        address=viewing.address,
        uid=viewing.document_uid,
        code=(line.code or _("Không số")) if viewing.document_uid else "",
    )


def journal_page(found: tuple[tuple[Audit, ...], bool], asked: Asked, now: datetime) -> JournalPage:
    """The page of the audit trail."""
    lines, more = found
    return JournalPage(
        tabs=_tabs("/journal"),
        asked=asked,
        path="/journal",
        kinds=(),
        lines=tuple(_deed(line, now) for line in lines),
        older_href=asked.href("/journal", older=lines[-1].audit_id) if more else None,
        newest_href=asked.href("/journal") if asked.older else None,
        export_href=None,
    )


def _deed(line: Audit, now: datetime) -> Line:
    fields = json.loads(line.fields)
    said = ", ".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value)}" for name, value in fields.items()
    )
    return Line(
        at=moment(line.at, now),
        who=line.actor,
        full_name="",
        what=line.kind,
        detail=one_line(said, _SHOWN_CHARACTERS),
        address="",
        uid=None,
        code="",
    )


class Journals:
    """The handlers."""

    def __init__(self, store: Store, clock: Clock, sessions: Sessions, pages: Pages, *, rows: int) -> None:
        self._store = store
        self._clock = clock
        self._sessions = sessions
        self._pages = pages
        self._rows = rows
        self._watch = Watch(store, clock)

    async def views(self, request: web.Request) -> web.StreamResponse:
        """GET /views."""
        visitor = await self._sessions.require(request, *WATCHERS)
        now = self._clock.now()
        asked = read_asked(request, now)
        query = self._viewings(asked, self._rows)
        found = await self._store.read(lambda conn: list_viewings(conn, query))
        await self._watch.record(request, visitor, Looked(kind=ViewKind.LOG))
        return await self._pages.page(request, "journal.html", visitor, lambda: views_page(found, asked, now))

    async def export(self, request: web.Request) -> web.StreamResponse:
        """GET /views.csv: at most 20,000 of them, the newest; when there are more, the last line says so."""
        visitor = await self._sessions.require(request, *WATCHERS)
        now = self._clock.now()
        query = self._viewings(read_asked(request, now), _PAGE_ROWS)
        await self._watch.record(request, visitor, Looked(kind=ViewKind.EXPORT, detail=request.path_qs))
        name = f"views-{to_local(now):%Y%m%d-%H%M}.csv"
        response = web.StreamResponse(
            headers={hdrs.CONTENT_DISPOSITION: disposition(name), hdrs.CONTENT_TYPE: "text/csv; charset=utf-8"}
        )
        await response.prepare(request)
        head = ("at", "account", "name", "kind", "document", "code", "file", "detail", "address")
        await response.write(csv_bytes(head, ()))
        for _page in range(_EXPORTED_ROWS // _PAGE_ROWS):
            found = await self._store.read(lambda conn, query=query: list_viewings(conn, query))  # type: ignore[misc]
            await response.write(csv_rows(map(_cells, found.lines)))
            if not found.has_older:
                break
            query = replace(query, older_than=found.lines[-1].viewing.viewing_id)
        else:
            await response.write(csv_rows(((cut_short(_EXPORTED_ROWS),),)))
        await response.write_eof()
        return response

    async def journal(self, request: web.Request) -> web.StreamResponse:
        """GET /journal."""
        visitor = await self._sessions.require(request, *WATCHERS)
        now = self._clock.now()
        asked = read_asked(request, now)
        query = JournalQuery(
            since=asked.since,
            until=asked.until,
            actor=asked.account,
            kind=asked.kind,
            text=asked.text,
            older_than=asked.older,
            rows=self._rows,
        )
        found = await self._store.read(lambda conn: list_journal(conn, query))
        await self._watch.record(request, visitor, Looked(kind=ViewKind.LOG, detail="journal"))
        return await self._pages.page(request, "journal.html", visitor, lambda: journal_page(found, asked, now))

    @staticmethod
    def _viewings(asked: Asked, rows: int) -> ViewingQuery:
        if asked.kind and asked.kind not in set(ViewKind):
            raise Malformed(Code.BAD_REQUEST, "not a choice of this page", at="kind")
        return ViewingQuery(
            document_uid=asked.document or None,
            username=username_form(asked.account) if asked.account else None,
            kinds=(ViewKind(asked.kind),) if asked.kind else (),
            since=asked.since,
            until=asked.until,
            older_than=asked.older,
            rows=rows,
        )


def _cells(line: ViewingLine) -> tuple[str, ...]:
    viewing = line.viewing
    return (
        to_local(viewing.at).isoformat(timespec="seconds"),
        line.username,
        line.full_name,
        viewing.kind.value,
        viewing.document_uid or "",
        line.code or "",
        line.file_name or "",
        viewing.detail,
        viewing.address,
    )


def journal_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of the views and of the audit trail."""
    journals = Journals(parts.store, parts.clock, sessions, pages, rows=parts.rules.page_rows)
    return (
        web.get("/views", journals.views),
        web.get("/views.csv", journals.export),
        web.get("/journal", journals.journal),
    )
