"""The queue and the partners as of a moment: what waited for whom then, as far as it can be known."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from axis.clock import Clock
from axis.errors import Code, Malformed
from axis.store.past_view import LOOKED_BACK, TOLD_BACK, PastQueue, WaitingItem, WaitingThen, past_queue, waiting_then
from axis.store.records import Hold
from axis.store.store import Store
from axis.terms import Role
from axis.text import plain
from axis.web.console import words
from axis.web.console.as_of import AsOf, as_of_band, read_as_of, said_as_of
from axis.web.console.language import N_, _, grouped
from axis.web.console.moments import Moment, moment
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions
from axis.web.console.words import Look

READERS: Final = (Role.AUDITOR, Role.OPERATOR, Role.ADMINISTRATOR)
_PARTNER_CHARACTERS = 64
_DOWN: Final = Look(word=N_("Không liên lạc được"), tone="red", icon="alert")
_UP: Final = Look(word=N_("Liên lạc được"), tone="green", icon="check")
_NOT_TOLD: Final = Look(word=N_("Không rõ"), tone="grey", icon="question", outline=True)
_PLANNED: Final = Look(word=N_("Tạm ngừng theo kế hoạch"), tone="amber", icon="clock", outline=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRow:
    """One partner then."""

    name: str
    href: str
    chosen: bool
    look: Look
    since: Moment | None
    note: str
    waiting: str
    unclear: str
    oldest: Moment | None
    handed_over: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """A package that waited."""

    uid: str | None
    code: str
    subject: str
    receiver: str
    receiver_code: str
    queued: Moment
    urgency: Look | None
    unclear: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """What was held back."""

    what: str
    since: Moment
    reason: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPage:
    """The page."""

    as_of: AsOf
    partners: tuple[PartnerRow, ...]
    holds: tuple[HoldRow, ...]
    chosen: str
    items: tuple[ItemRow, ...]
    next_href: str | None
    looked_back: str
    told_back: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an address asks for."""

    at: datetime
    past: datetime | None  # None: the present
    partner: str | None
    after: str | None

    def href(self, **place: str) -> str:
        """The address of something at the same moment."""
        query = ({"as_of": said_as_of(self.past)} if self.past else {}) | place
        return f"/past?{urlencode(query)}" if query else "/past"


def past_page(found: PastQueue, items: tuple[tuple[WaitingItem, ...], bool], asked: Asked, now: datetime) -> PastPage:
    """The page for what was read."""
    shown, more = items
    partner = asked.partner or ""
    return PastPage(
        as_of=as_of_band(asked.past, now, "/past"),
        partners=tuple(_partner(one, asked, now) for one in found.partners),
        holds=tuple(_hold(one, now) for one in found.holds),
        chosen="" if asked.partner is None else _name(partner),
        items=tuple(_item(one, now) for one in shown),
        next_href=asked.href(partner=partner or "-", after=shown[-1].consignment_id) if more else None,
        looked_back=grouped(LOOKED_BACK.days),
        told_back=grouped(TOLD_BACK.days),
    )


def _name(partner_id: str) -> str:
    return partner_id or _("(chưa có hệ thống phục vụ)")


def _partner(one: WaitingThen, asked: Asked, now: datetime) -> PartnerRow:
    look = _NOT_TOLD if one.down is None else (_DOWN if one.down else _UP)
    return PartnerRow(
        name=_name(one.partner_id),
        href=asked.href(partner=one.partner_id or "-"),
        chosen=asked.partner == one.partner_id,
        look=words.said(_PLANNED if one.downtime else look),
        since=moment(one.down_since, now) if one.down_since and not one.downtime else None,
        note=one.downtime.reason if one.downtime else "",
        waiting=grouped(one.waiting),
        unclear=grouped(one.unclear) if one.unclear else "",
        oldest=moment(one.oldest, now) if one.oldest else None,
        handed_over=grouped(one.handed_over),
    )


def hold_words(one: Hold) -> str:
    """What a rule holds back."""
    parts = (
        _("gửi từ {organ}", organ=one.sender) if one.sender else "",
        _("gửi đến {organ}", organ=one.receiver) if one.receiver else "",
        _("qua {partner}", partner=one.partner_id) if one.partner_id else "",
    )
    return ", ".join(filter(None, parts))


def _hold(one: Hold, now: datetime) -> HoldRow:
    return HoldRow(what=hold_words(one), since=moment(one.starts_at, now), reason=one.reason, actor=one.actor)


def _item(one: WaitingItem, now: datetime) -> ItemRow:
    return ItemRow(
        uid=one.document_uid,
        code=one.code or _("Không số"),
        subject=one.subject or "",
        receiver=one.receiver_name or one.receiver_organ,
        receiver_code=one.receiver_organ,
        queued=moment(one.queued_at, now),
        urgency=words.urgency(one.urgency),
        unclear=one.unclear,
    )


class Pasts:
    """The handler."""

    def __init__(self, store: Store, clock: Clock, sessions: Sessions, pages: Pages, *, rows: int) -> None:
        self._store = store
        self._clock = clock
        self._sessions = sessions
        self._pages = pages
        self._rows = rows

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /past."""
        visitor = await self._sessions.require(request, *READERS)
        now = self._clock.now()
        past, after = read_as_of(request.query.get("as_of"), now), request.query.get("after") or None
        if after is not None and not re.fullmatch(ID, after):
            raise Malformed(Code.BAD_REQUEST, "not a place in the list", at="after")
        named = plain(request.query.get("partner", ""))[:_PARTNER_CHARACTERS]
        partner = ("" if named == "-" else named) if named else None
        asked = Asked(at=past or now, past=past, partner=partner, after=after)
        found = await self._store.read(lambda conn: past_queue(conn, asked.at))
        items: tuple[tuple[WaitingItem, ...], bool] = ((), False)
        if partner is not None:
            rows = self._rows
            items = await self._store.read(lambda conn: waiting_then(conn, asked.at, partner, after=after, rows=rows))
        return await self._pages.page(request, "past.html", visitor, lambda: past_page(found, items, asked, now))


def past_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The route of the past."""
    pasts = Pasts(parts.store, parts.clock, sessions, pages, rows=parts.rules.page_rows)
    return (web.get("/past", pasts.show),)
