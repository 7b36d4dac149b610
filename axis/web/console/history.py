"""The page of a document's history: everything that is known to have happened to it, and how it stood at a moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from axis.clock import Clock
from axis.errors import Code, Malformed, NotFound
from axis.store.record_view import (
    EventKey,
    EventKind,
    ReceiverThen,
    RecordDetail,
    RecordEvent,
    RecordQuery,
    read_record,
)
from axis.store.schema import from_micros, to_micros
from axis.store.store import Store
from axis.terms import Answer, DeliveryState, ViewKind
from axis.text import plain
from axis.web.console import words
from axis.web.console.about import About, Tab, about_document, tabs
from axis.web.console.as_of import AsOf, as_of_band, read_as_of, said_as_of
from axis.web.console.bundle import MAY_BUNDLE
from axis.web.console.language import N_, _
from axis.web.console.moments import Moment, moment
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions, Visitor
from axis.web.console.watching import Looked, Watch
from axis.web.console.words import Look

_KEY_CHARACTERS, _ORGAN_CHARACTERS, _DIGITS = 200, 128, 16
_LOOKS: Final[Mapping[EventKind, Look]] = {
    EventKind.ACCEPTED: Look(word=N_("Trục nhận văn bản"), tone="blue", icon="inbox"),
    EventKind.QUEUED: Look(word=N_("Chờ chuyển"), tone="grey", icon="clock"),
    EventKind.HANDED_OVER: Look(word=N_("Đã chuyển"), tone="slate", icon="send"),
    EventKind.ACKNOWLEDGED: Look(word=N_("Bên nhận xác nhận đã lấy"), tone="slate", icon="check"),
    EventKind.EXPIRED: Look(word=N_("Hết hạn chờ nhận"), tone="red", icon="alert"),
    EventKind.FORWARDED: Look(word=N_("Được chuyển tiếp đến"), tone="indigo", icon="send"),
    EventKind.RETURNED: Look(word=N_("Trả lại vì gửi nhầm"), tone="orange", icon="back"),
    EventKind.PROVEN: Look(word=N_("Dấu thời gian cho gói tin"), tone="green", icon="seal"),
}
_PACKAGES: Final[Mapping[str, str]] = {
    "0": N_("văn bản"),
    "1": N_("lệnh thu hồi"),
    "2": N_("bản cập nhật"),
    "3": N_("văn bản thay thế"),
    "status": N_("trạng thái"),
}
_TRAVELS: Final = frozenset({EventKind.QUEUED, EventKind.HANDED_OVER, EventKind.ACKNOWLEDGED, EventKind.EXPIRED})


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One thing that happened."""

    at: Moment
    look: Look
    what: str  # that travelled
    organ: str
    organ_code: str
    who: str
    text: str
    said_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThenRow:
    """A receiver, as it stood."""

    organ: str
    organ_code: str
    look: Look
    state: Look | None
    since: Moment | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """The page."""

    about: About
    tabs: tuple[Tab, ...]
    as_of: AsOf
    receivers: tuple[ThenRow, ...]
    next_receivers: str | None
    events: tuple[EventRow, ...]
    next_href: str | None
    first_href: str | None
    bundle_href: str | None


def history_page(detail: RecordDetail, query: RecordQuery, now: datetime, visitor: Visitor) -> HistoryPage:
    """The page for what was read."""
    uid, events = detail.document.document_uid, detail.events.events
    last = events[-1] if events else None
    receiver = detail.receivers[-1].delivery.receiver_organ if detail.receivers else ""
    return HistoryPage(
        about=about_document(detail.document, detail.sender_name, detail.verdict),
        tabs=tabs(uid, "history", visitor, query.as_of),
        as_of=as_of_band(query.as_of, now, f"/documents/{uid}/history"),
        receivers=tuple(_then(one, now) for one in detail.receivers),
        next_receivers=_href(query, receiver=receiver) if detail.more_receivers else None,
        events=tuple(event_row(event, now) for event in events),
        next_href=_href(query, after=f"{to_micros(last.at)}~{last.key}") if last and detail.events.more else None,
        first_href=_href(query) if query.after or query.after_receiver else None,
        bundle_href=f"/documents/{uid}/dossier.zip" if visitor.roles & set(MAY_BUNDLE) else None,
    )


def _href(query: RecordQuery, **place: str) -> str:
    given = ({"as_of": said_as_of(query.as_of)} if query.as_of else {}) | place
    return f"/documents/{query.document_uid}/history" + (f"?{urlencode(given)}" if given else "")


def event_row(event: RecordEvent, now: datetime) -> EventRow:
    """An event in words."""
    travels = event.kind in _TRAVELS and event.code in _PACKAGES
    return EventRow(
        at=moment(event.at, now),
        look=event_look(event),
        what=_(_PACKAGES[event.code]) if travels else "",
        organ=event.organ_name or event.organ_id,
        organ_code=event.organ_id if event.organ_name else "",
        who=event.who.strip(" ·"),
        text=words.cause(event.text) if event.kind is EventKind.VERDICT else event.text,
        said_at=event.said_at,
    )


def event_look(event: RecordEvent) -> Look:
    """What happened, in a word."""
    if event.kind is EventKind.STATUS:
        return words.status(event.code)
    if event.kind is EventKind.ACT:
        return words.act(event.code)
    if event.kind is EventKind.ANSWERED and event.code in set(Answer):
        return words.said(words.ANSWER[Answer(event.code)])
    if event.kind is EventKind.VERDICT:
        return words.verdict(event.code) or words.outcome("")
    return words.said(_LOOKS[event.kind]) if event.kind in _LOOKS else Look(word=event.code, tone="grey", icon="clock")


def _then(one: ReceiverThen, now: datetime) -> ThenRow:
    way = words.Transport(place=one.delivery.place, state=one.transport)
    note = ""
    if one.uncertain:
        note = _("Chuyển không thành hoặc bị hủy mà trục không giữ thời điểm: không rõ trước hay sau lúc đó.")
    return ThenRow(
        organ=one.name or one.delivery.receiver_name or one.delivery.receiver_organ,
        organ_code=one.delivery.receiver_organ,
        look=words.situation(one.status_code, way, now),
        state=None if one.state is DeliveryState.OPEN else words.said(words.DELIVERY_STATE[one.state]),
        since=moment(one.status_at, now) if one.status_at else None,
        note=note,
    )


def read_key(text: str | None) -> EventKey | None:
    """The place among the events that an address names. Raises Malformed(BAD_REQUEST)."""
    if not text:
        return None
    number, mark, key = text.partition("~")
    if not mark or not number.isascii() or not number.isdigit() or len(number) > _DIGITS or len(key) > _KEY_CHARACTERS:
        raise Malformed(Code.BAD_REQUEST, "not a place in the history", at="after")
    return EventKey(at=from_micros(int(number)), key=plain(key))


class Histories:
    """The handler."""

    def __init__(self, store: Store, clock: Clock, sessions: Sessions, pages: Pages, *, rows: int) -> None:
        self._store = store
        self._clock = clock
        self._sessions = sessions
        self._pages = pages
        self._rows = rows
        self._watch = Watch(store, clock)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /documents/{uid}/history."""
        visitor = await self._sessions.require(request)
        now = self._clock.now()
        query = RecordQuery(
            document_uid=request.match_info["uid"],
            as_of=read_as_of(request.query.get("as_of"), now),
            after=read_key(request.query.get("after")),
            after_receiver=plain(request.query.get("receiver", ""))[:_ORGAN_CHARACTERS] or None,
            rows=self._rows,
        )
        detail = await self._store.read(lambda conn: read_record(conn, visitor.scope, query))
        if detail is None:
            raise NotFound(Code.NOT_FOUND, "no such document, or none yet")
        await self._watch.record(request, visitor, Looked(kind=ViewKind.PAGE, document_uid=query.document_uid))
        return await self._pages.page(
            request, "history.html", visitor, lambda: history_page(detail, query, now, visitor)
        )


def history_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The route of a document's history."""
    histories = Histories(parts.store, parts.clock, sessions, pages, rows=parts.rules.page_rows)
    return (web.get(f"/documents/{{uid:{ID}}}/history", histories.show),)
