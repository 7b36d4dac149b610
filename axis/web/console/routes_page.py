"""Which way does it go, and who set that: an explanation from one organisation to another, and the routes in force.

What is typed may be a code or a name. A name that several bear is asked back; a code that nobody registered is
explained all the same (it may be for another axis), beside the codes that look like it.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial
from typing import Final
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy import Connection

from axis.clock import VIETNAM, to_local
from axis.delivery.directory import Directory
from axis.delivery.explain import Explanation
from axis.delivery.router import EVERY_OTHER, UplinkChoice
from axis.errors import Code, Malformed
from axis.ops.access import Access, Way, router_of
from axis.ops.partners import partner_views
from axis.organ.codes import canonical_form
from axis.organ.model import Organ
from axis.organ.registry import Registry
from axis.store import partner_calls
from axis.store.route_view import Place, RoutesAsked, RuleLine, ServiceLine, SetBy, rule_lines, service_lines
from axis.store.services import count_pending
from axis.terms import Place as Reached
from axis.text import folded, plain
from axis.web.console.language import _
from axis.web.console.moments import Moment, moment
from axis.web.console.operating import ROLES, Operating
from axis.web.console.operator_home import HOME
from axis.web.console.partner_values import partner_row
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.route_explained import Explained, Hop, explained
from axis.web.console.sessions import Sessions
from axis.web.console.words import Look

ROUTES: Final = f"{HOME}/routes"
_CHARACTERS: Final = 128
_PICKS: Final = 8
_ROWS: Final = 50
_CLOSE: Final = 0.7  # how alike codes must be to be offered for each other
_CODE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]*")
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?")
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
_PLACE: Final = re.compile(rf"(.{{1,{_CHARACTERS}}})~({ID})")
_INSIDE, _OUTSIDE = "inside", "outside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an address asks for."""

    sender: str = ""
    receiver: str = ""
    at: datetime | None = None  # None: now
    tab: str = _INSIDE
    text: str = ""
    after: Place | None = None

    def href(self, **other: str) -> str:
        """The address of the same, but for this."""
        given = {
            "from": self.sender,
            "to": self.receiver,
            "at": _said(self.at),
            "list": "" if self.tab == _INSIDE else self.tab,
            "q": self.text,
        } | other
        query = urlencode({name: value for name, value in given.items() if value})
        return f"{ROUTES}?{query}" if query else ROUTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """An organisation that may have been meant."""

    code: str
    name: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The sender or the receiver, as it was typed and as it was understood."""

    typed: str
    code: str = ""  # "": not known yet
    name: str = ""
    problem: str = ""
    picks: tuple[Pick, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setter:
    """Who set it, and when."""

    actor: str
    at: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A route that was set."""

    code: str
    name: str
    href: str  # the explanation of the way there; "": there is none
    leads_to: str
    look: Look
    source: str
    begins: Moment | None
    ends: Moment | None
    setter: Setter | None  # None: nobody knows any more
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One of the two lists."""

    word: str
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesPage:
    """The page."""

    sender: Side
    receiver: Side
    at: str  # of the picker
    at_said: Moment | None
    turned_href: str  # the way back
    answer: Explained | None
    ask: str  # what is still to be given
    tabs: tuple[Tab, ...]
    tab: str
    text: str
    rows: tuple[Row, ...]
    first_href: str | None
    next_href: str | None
    clear_href: str


def read_asked(given: Mapping[str, str]) -> Asked:
    """What the address asks for. Raises Malformed(BAD_REQUEST)."""
    after, tab = given.get("after", ""), given.get("list", "") or _INSIDE
    place = _PLACE.fullmatch(after)
    if after and place is None:
        raise Malformed(Code.BAD_REQUEST, "not a place in the list", at="after")
    if tab not in (_INSIDE, _OUTSIDE):
        raise Malformed(Code.BAD_REQUEST, "inside or outside", at="list")

    def text(name: str) -> str:
        return plain(" ".join(given.get(name, "").split()))[:_CHARACTERS]

    return Asked(
        sender=text("from"),
        receiver=text("to"),
        at=_read_moment(given.get("at", "")),
        tab=tab,
        text=text("q"),
        after=Place(code=place[1], row_id=place[2]) if place else None,
    )


def _read_moment(text: str) -> datetime | None:
    """A moment as a browser's picker writes it, Vietnamese time."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text if _MOMENT.fullmatch(text) else "").replace(tzinfo=VIETNAM).astimezone(UTC)
    except (ValueError, OverflowError) as e:
        raise Malformed(Code.BAD_REQUEST, "a moment like 2026-11-24T10:30", at="at") from e
    if not _FIRST <= at <= _LAST:
        raise Malformed(Code.BAD_REQUEST, "a moment of these centuries", at="at")
    return at


def _said(at: datetime | None) -> str:
    return f"{to_local(at):%Y-%m-%dT%H:%M}" if at else ""


def understood(registry: Registry, typed: str, href: Callable[[str], str]) -> Side:
    """What was typed for one side: a code of somebody, a code of nobody, a name, or neither."""
    if not typed:
        return Side(typed="")
    organ = registry.find(typed)
    if organ is not None:
        return Side(typed=typed, code=typed, name=organ.name)
    named = [one for one in _named(registry, typed) if not one.is_closed]
    if len(named) == 1:
        return Side(typed=typed, code=named[0].organ_id, name=named[0].name)
    if named:
        said = _("Có nhiều cơ quan có tên như vậy. Hãy chọn một:")
        return Side(typed=typed, problem=said, picks=_picks(named, href))
    if _CODE.fullmatch(typed):
        like = _alike(registry, typed)
        said = _("Chưa cơ quan nào đăng ký mã này.")
        if like:
            said = _("Chưa cơ quan nào đăng ký mã này. Có phải một trong các mã gần giống?")
        return Side(typed=typed, code=typed, problem=said, picks=_picks(like, href))
    near = _nearest(registry, typed)
    said = _("Không có cơ quan nào có tên hay mã như vậy. Hãy nhập mã, hoặc ít từ hơn của tên.")
    if near:
        said = _("Không có cơ quan nào có tên hay mã như vậy. Gần giống nhất:")
    return Side(typed=typed, problem=said, picks=_picks(near, href))


def _named(registry: Registry, typed: str) -> list[Organ]:
    """Those whose name or code has all the words; where some bear exactly this name, only they."""
    words, whole = folded(typed).split(), folded(typed)
    found = [(folded(f"{one.organ_id} {one.name}"), one) for one in registry]
    fitting = [one for text, one in found if all(word in text for word in words)]
    exact = [one for one in fitting if folded(one.name) == whole]
    return sorted(exact or fitting, key=lambda one: one.organ_id)


def _alike(registry: Registry, typed: str) -> list[Organ]:
    """Those whose codes look like a code that nobody has."""
    codes = {one.organ_id: one for one in registry}
    return [codes[code] for code in get_close_matches(canonical_form(typed), codes, _PICKS, _CLOSE)]


def _nearest(registry: Registry, typed: str) -> list[Organ]:
    """Those whose names have the most of the words, but not one in a list of many alone."""
    wanted = set(folded(typed).split())
    counted = [(len(wanted & set(folded(one.name).split())), one) for one in registry if not one.is_closed]
    most = max((count for count, _one in counted), default=0)
    return sorted((one for count, one in counted if count == most > 0), key=lambda one: one.organ_id)


def _picks(organs: Sequence[Organ], href: Callable[[str], str]) -> tuple[Pick, ...]:
    return tuple(Pick(code=one.organ_id, name=one.name, href=href(one.organ_id)) for one in organs[:_PICKS])


def _sides(asked: Asked, directory: Directory) -> tuple[Side, Side]:
    registry = directory.registry
    return (
        understood(registry, asked.sender, lambda code: asked.href(**{"from": code})),
        understood(registry, asked.receiver, lambda code: asked.href(to=code)),
    )


class RoutePages:
    """The handler."""

    def __init__(self, parts: ConsoleParts, operating: Operating, sessions: Sessions, pages: Pages) -> None:
        self._clock = parts.clock
        self._exchange = parts.exchange
        self._operating = operating
        self._access: Access = operating.access
        self._sessions = sessions
        self._pages = pages

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /operator/routes."""
        visitor = await self._sessions.require(request, *ROLES)
        asked, now = read_asked(request.query), self._clock.now()
        directory = await self._access.directory(asked.at) if asked.at else self._exchange.directory.current
        sides = await asyncio.to_thread(_sides, asked, directory)
        found, hop = None, Hop()
        if all(side.code for side in sides):
            way = Way(sender=sides[0].code, receiver=sides[1].code, at=asked.at)
            found = await self._access.explain(way, directory, now)
            hop = await self._hop(found, directory, now)
        listed = await self._access.store.read(partial(_read, _routes_asked(asked, now), asked.tab))
        make = partial(self._make, asked, sides, (found, hop, directory), listed, now)
        return await self._pages.page(request, "routes.html", visitor, make)

    async def _hop(self, found: Explanation, directory: Directory, now: datetime) -> Hop:
        """What is known of who is next."""
        to = found.destination
        if to is None or not found.leads_somewhere:
            return Hop()
        partner_id = to.uplink_id or found.system_id
        views = await partner_views(self._access, now)
        view = next((one for one in views if one.partner_id == partner_id), None)
        if view is None:
            via = directory.via(to.organ) or to.organ
            waiting = await self._access.store.read(lambda conn: count_pending(conn, via))
            return Hop(waiting=waiting if to.place is Reached.LOCAL else 0)
        minutes = await self._access.store.read(
            lambda conn: partner_calls.minutes_since(conn, now - partner_calls.KEPT)
        )
        own = [minute for minute in minutes if minute.partner_id == partner_id]
        return Hop(partner=partner_row(view, own, self._operating.told().get(view.partner_id), now))

    def _make(
        self,
        asked: Asked,
        sides: tuple[Side, Side],
        answer: tuple[Explanation | None, Hop, Directory],
        listed: "_Listed",
        now: datetime,
    ) -> RoutesPage:
        found, hop, directory = answer
        settings = self._access.settings
        first = replace(asked, text="")
        return RoutesPage(
            sender=sides[0],
            receiver=sides[1],
            at=_said(asked.at),
            at_said=moment(asked.at, now) if asked.at else None,
            turned_href=asked.href(**{"from": asked.receiver, "to": asked.sender}),
            answer=explained(found, directory, hop, settings) if found else None,
            ask=_ask(sides),
            tabs=tuple(
                Tab(word=word, href=first.href(list=tab), chosen=tab == asked.tab)
                for tab, word in ((_INSIDE, _("Trong phạm vi trục")), (_OUTSIDE, _("Ra trục khác")))
            ),
            tab=asked.tab,
            text=asked.text,
            rows=tuple(_rows(asked, listed, router_of(settings).settings, now)),
            first_href=asked.href() if asked.after else None,
            next_href=asked.href(after=_last(listed)) if listed.more else None,
            clear_href=first.href(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """What was read of the routes that were set."""

    services: tuple[ServiceLine, ...] = ()
    rules: tuple[RuleLine, ...] = ()
    more: bool = False


def _routes_asked(asked: Asked, now: datetime) -> RoutesAsked:
    return RoutesAsked(at=asked.at or now, text=asked.text, after=asked.after, rows=_ROWS)


def _read(asked: RoutesAsked, tab: str, conn: Connection) -> _Listed:
    if tab == _OUTSIDE:
        rules, more = rule_lines(conn, asked)
        return _Listed(rules=rules, more=more)
    services, more = service_lines(conn, asked)
    return _Listed(services=services, more=more)


def _last(listed: _Listed) -> str:
    if listed.rules:
        return f"{listed.rules[-1].rule.prefix}~{listed.rules[-1].rule.rule_id}"
    return f"{listed.services[-1].service.organ_id}~{listed.services[-1].service.service_id}"


def _ask(sides: tuple[Side, Side]) -> str:
    typed = [bool(side.typed) for side in sides]
    if any(typed) and not all(typed):
        return _("Hãy cho biết cả nơi gửi và nơi nhận.")
    return ""


def _rows(asked: Asked, listed: _Listed, settings: Sequence[UplinkChoice], now: datetime) -> list[Row]:
    """Of the database, and after the last of it what the settings say."""
    at = asked.at or now
    rows = [_service(line, asked, at, now) for line in listed.services]
    rows += [_rule(line, asked, at, now) for line in listed.rules]
    if asked.tab == _OUTSIDE and not listed.more:
        rows += [
            _setting(one)
            for one in settings
            if not asked.text or one.uplink_id == asked.text or (one.prefix or EVERY_OTHER).startswith(asked.text)
        ]
    return rows


def _service(line: ServiceLine, asked: Asked, at: datetime, now: datetime) -> Row:
    one = line.service
    beside = _("Chạy song song: vẫn được gửi và hoàn tất gói tin đã lấy") if one.priority else ""
    return Row(
        code=one.organ_id,
        name=line.organ_name,
        href=asked.href(to=one.organ_id),
        leads_to=one.system_id,
        look=_state(one.valid_from, at),
        source=_("Cơ sở dữ liệu"),
        begins=moment(one.valid_from, now),
        ends=moment(one.valid_until, now) if one.valid_until else None,
        note=beside,
        setter=_setter(line.set_by, now),
    )


def _rule(line: RuleLine, asked: Asked, at: datetime, now: datetime) -> Row:
    one = line.rule
    every = one.prefix == EVERY_OTHER
    return Row(
        code=one.prefix,
        name=_("mọi mã còn lại") if every else "",
        href="" if every else asked.href(to=one.prefix),
        leads_to=one.uplink_id,
        look=_state(one.valid_from, at),
        source=_("Cơ sở dữ liệu"),
        begins=moment(one.valid_from, now),
        ends=moment(one.valid_until, now) if one.valid_until else None,
        note=one.note or "",
        setter=_setter(line.set_by, now),
    )


def _setting(one: UplinkChoice) -> Row:
    return Row(
        code=one.prefix or EVERY_OTHER,
        name="" if one.prefix else _("mọi mã còn lại"),
        href="",
        leads_to=one.uplink_id,
        look=Look(word=_("Đang áp dụng"), tone="green", icon="check", outline=True),
        source=_("Cấu hình (axis.toml)"),
        begins=None,
        ends=None,
        setter=None,
        note=_("Quy tắc cùng mã trong cơ sở dữ liệu đứng trước."),
    )


def _setter(by: SetBy | None, now: datetime) -> Setter | None:
    return Setter(actor=by.actor, at=moment(by.at, now)) if by else None


def _state(begins: datetime, at: datetime) -> Look:
    if begins > at:
        return Look(word=_("Sẽ áp dụng"), tone="blue", icon="clock", outline=True)
    return Look(word=_("Đang áp dụng"), tone="green", icon="check", outline=True)


def route_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The route of the page of routes."""
    if parts.operating is None:
        return ()
    return (web.get(ROUTES, RoutePages(parts, parts.operating, sessions, pages).show),)
