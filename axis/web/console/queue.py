"""What did not come through: a list by partner, reason and age, and what an operator does about it.

Nothing is done before a preview has said what will happen to how many. What is to be done is noted, and then done in
portions by `ops.bulk`; its page shows how far it has come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy import Connection

from axis.errors import Code, Malformed, NotFound
from axis.ops.bulk import ACTS, MOST, MOST_NAMED, BulkWish, begin_bulk
from axis.ops.partners import partner_views
from axis.store import bulk
from axis.store.queries import Letter, LettersAsked, count_letters, letters
from axis.store.queries.standing import MOST_COUNTED
from axis.store.records import BulkAct
from axis.terms import TransportState
from axis.text import plain
from axis.web.console import words
from axis.web.console.language import N_, _, grouped
from axis.web.console.moments import Moment, moment
from axis.web.console.operating import ROLES, Operating, acted, read_reason, since
from axis.web.console.operator_home import HOME
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions
from axis.web.console.words import Look

_QUEUE: Final = f"{HOME}/queue"
_ROWS: Final = 50
_STATES: Final = {"dead": N_("Không chuyển được"), "retrying": N_("Đang thử lại"), "held": N_("Đang giữ lại")}
_AGES: Final = (1, 4, 24, 72, 168)
_ACTS: Final = {"retry": N_("Thử lại"), "reroute": N_("Chuyển đường khác"), "cancel": N_("Hủy chuyển")}
_WILL: Final = {
    "retry": N_("Mỗi lượt chuyển bắt đầu lại từ đầu, được gửi ngay; bên nhận nhận ra bản đã có và không nhận hai lần."),
    "reroute": N_("Mỗi lượt chuyển đi đường đã chọn, từ đầu; những gì cùng văn bản đang chờ thì đi theo."),
    "cancel": N_(
        "Mỗi lượt chuyển dừng hẳn: nơi nhận sẽ không nhận được gói tin này. Không hoàn tác được bằng thử lại."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the address asks for."""

    state: str
    partner: str
    reason: str
    organ: str
    hours: int  # queued at least so long ago; 0: whenever

    def asked(self, now: datetime) -> LettersAsked:
        """The same for the store."""
        return LettersAsked(
            state=TransportState.QUEUED if self.state == "held" else TransportState(self.state),
            held=self.state == "held",
            partner_id=self.partner or None,
            reason=self.reason or None,
            organ=self.organ or None,
            queued_before=now - timedelta(hours=self.hours) if self.hours else None,
        )

    def href(self, **more: str) -> str:
        """The list's address."""
        given = {
            "state": self.state,
            "partner": self.partner,
            "reason": self.reason,
            "organ": self.organ,
            "hours": str(self.hours) if self.hours else "",
        } | more
        return f"{_QUEUE}?{urlencode({name: value for name, value in given.items() if value})}"


def read_filters(given: Mapping[str, str]) -> Filters:
    """What an address or a form asks for. Raises Malformed(BAD_REQUEST)."""
    state, hours = given.get("state", "") or "dead", given.get("hours", "") or "0"
    if state not in _STATES:
        raise Malformed(Code.BAD_REQUEST, "dead, retrying or held", at="state")
    if not (hours.isascii() and hours.isdigit()) or len(hours) > 4:  # noqa: PLR2004 - a year has fewer
        raise Malformed(Code.BAD_REQUEST, "a number of hours", at="hours")

    def text(name: str, most: int) -> str:
        return plain(given.get(name, "").strip())[:most]

    return Filters(
        state=state,
        partner=text("partner", 64),
        reason=text("reason", 200),
        organ=text("organ", 128),
        hours=int(hours),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One consignment."""

    id: str
    look: Look
    code: str
    subject: str
    href: str | None
    sender: str
    receiver: str
    partner: str
    failures: int
    queued: Moment
    age: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One choice of a select or a tab."""

    value: str
    word: str
    chosen: bool
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkLine:
    """Something that was done to many."""

    href: str
    word: str
    at: Moment
    actor: str
    reason: str
    done: int
    total: int
    changed: str
    missed: str
    look: Look
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePage:
    """The list."""

    tabs: tuple[Choice, ...]
    partners: tuple[Choice, ...]
    ages: tuple[Choice, ...]
    filters: Filters
    chips: tuple[Choice, ...]  # filters that can be taken off
    rows: tuple[Row, ...]
    total: str
    older_href: str | None
    first_href: str | None
    acts: tuple[Choice, ...]
    last: tuple[BulkLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewPage:
    """What will happen, before it does."""

    act: str
    word: str
    will: str
    total: str
    capped: bool
    rows: tuple[Row, ...]
    more: int
    filters: Filters
    ids: tuple[str, ...]
    targets: tuple[Choice, ...]  # of a reroute
    back: str


def _row(letter: Letter, now: datetime) -> Row:
    error = letter.hold_reason if letter.hold_id else letter.last_error
    held = Look(word=_("Đang giữ lại"), tone="grey", icon="clock")
    return Row(
        id=letter.consignment_id,
        look=held if letter.hold_id else words.said(words.TRANSPORT[letter.state]),
        code=letter.code or _("Không số"),
        subject=letter.subject or "",
        href=f"/documents/{letter.document_uid}" if letter.document_uid else None,
        sender=letter.from_organ,
        receiver=letter.receiver_organ,
        partner=letter.partner_id or _("chưa có đường"),
        failures=letter.failures,
        queued=moment(letter.queued_at, now),
        age=since(letter.queued_at, now),
        error=error or "",
    )


def _bulk_line(row: BulkAct, now: datetime) -> BulkLine:
    if row.error:
        look = Look(word=_("Dừng vì lỗi"), tone="red", icon="cross")
    elif row.ended_at is None:
        look = Look(word=_("Đang làm"), tone="blue", icon="retry")
    else:
        look = Look(word=_("Xong"), tone="green", icon="done")
    return BulkLine(
        href=f"{_QUEUE}/acts/{row.bulk_id}",
        word=_(_ACTS[row.act]) + (f" → {row.target}" if row.target else ""),
        at=moment(row.at, now),
        actor=row.actor,
        reason=row.reason,
        done=min(row.changed + row.missed, row.total) if row.ended_at is None else row.total,
        total=row.total,
        changed=grouped(row.changed),
        missed=grouped(row.missed),
        look=look,
        error=row.error or "",
    )


class QueuePages:
    """The handlers."""

    def __init__(self, parts: ConsoleParts, operating: Operating, sessions: Sessions, pages: Pages) -> None:
        self._clock = parts.clock
        self._access = operating.access
        self._sessions = sessions
        self._pages = pages

    async def list(self, request: web.Request) -> web.StreamResponse:
        """GET /operator/queue."""
        visitor = await self._sessions.require(request, *ROLES)
        filters, now = read_filters(request.query), self._clock.now()
        after = request.query.get("after", "")[:26] or None
        names = [view.partner_id for view in await partner_views(self._access, now)]
        found = await self._access.store.read(partial(_read, filters.asked(now), after, now))
        make = partial(_queue_page, filters, after, found, names, now)
        return await self._pages.page(request, "queue.html", visitor, make)

    async def preview(self, request: web.Request) -> web.StreamResponse:
        """POST /operator/queue/preview: nothing is changed yet."""
        _visitor, form = await acted(request, self._sessions)
        now, act = self._clock.now(), form.get("act", "")
        if act not in ACTS:
            raise Malformed(Code.BAD_REQUEST, "retry, reroute or cancel", at="act")
        filters, asked = _chosen(form, now)
        ids = asked.ids or ()
        found, (total, _last) = await self._access.store.read(
            lambda c: (letters(c, asked, now, 20), count_letters(c, asked, now, MOST + 1))
        )
        if not total:
            raise NotFound(Code.NOT_FOUND, "nothing matches any more")
        targets = await self._targets(now) if act == "reroute" else ()
        page = PreviewPage(
            act=act,
            word=_(_ACTS[act]),
            will=_(_WILL[act]),
            total=grouped(min(total, MOST)),
            capped=total > MOST,
            rows=tuple(_row(letter, now) for letter in found),
            more=max(total - len(found), 0),
            filters=filters,
            ids=ids,
            targets=targets,
            back=filters.href(),
        )
        return self._pages.answer(request, "queue_preview.html", status=200, page=page)

    async def act(self, request: web.Request) -> web.StreamResponse:
        """POST /operator/queue/act."""
        visitor, form = await acted(request, self._sessions)
        now = self._clock.now()
        _filters, asked = _chosen(form, now)
        wish = BulkWish(
            act=form.get("act", ""),
            target=form.get("target", "").strip()[:64] or None,
            reason=read_reason(form, "why"),  # "reason" is a filter of the list
            actor=visitor.username,
        )
        row = await begin_bulk(self._access, asked, wish, now)
        raise web.HTTPSeeOther(f"{_QUEUE}/acts/{row.bulk_id}")

    async def progress(self, request: web.Request) -> web.StreamResponse:
        """GET /operator/queue/acts/{bulk}."""
        visitor = await self._sessions.require(request, *ROLES)
        bulk_id, now = request.match_info["bulk"], self._clock.now()
        row = await self._access.store.read(lambda c: bulk.find_bulk(c, bulk_id))
        if row is None:
            raise NotFound(Code.NOT_FOUND, "no such act")
        return await self._pages.page(request, "queue_act.html", visitor, partial(_bulk_line, row, now))

    async def _targets(self, now: datetime) -> tuple[Choice, ...]:
        names = [view.partner_id for view in await partner_views(self._access, now)]
        names += [name for name in (await self._access.directory()).enabled_systems() if name not in names]
        return tuple(Choice(value=name, word=name, chosen=False) for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What was read for a page."""

    letters: tuple[Letter, ...]  # one more than the page shows, where there are more
    total: int
    last: tuple[BulkAct, ...]


def _read(asked: LettersAsked, after: str | None, now: datetime, conn: Connection) -> _Found:
    total, _last = count_letters(conn, asked, now, MOST_COUNTED + 1)
    return _Found(
        letters=letters(conn, replace(asked, after=after), now, _ROWS + 1), total=total, last=bulk.last_bulks(conn)
    )


def _chosen(form: Mapping[str, str], now: datetime) -> tuple[Filters, LettersAsked]:
    """Which consignments a form means: those that were ticked, or all that match. Raises Malformed(BAD_REQUEST)."""
    filters = read_filters(form)
    asked = filters.asked(now)
    if form.get("all", ""):
        return filters, asked
    ids = tuple(sorted(name.removeprefix("id-") for name in form if name.startswith("id-")))
    if not 0 < len(ids) <= MOST_NAMED:
        raise Malformed(Code.BAD_REQUEST, f"1 to {MOST_NAMED} consignments, or all", at="id")
    return filters, replace(asked, ids=ids)


def _queue_page(filters: Filters, after: str | None, found: _Found, names: Sequence[str], now: datetime) -> QueuePage:
    shown = found.letters[:_ROWS]
    chips = [
        Choice(value="", word=word, chosen=True, href=replace(filters, **{name: 0 if name == "hours" else ""}).href())  # type: ignore[arg-type]
        for name, word in (
            ("partner", _("Đối tác: {value}", value=filters.partner) if filters.partner else ""),
            ("reason", _("Lỗi có: {value}", value=filters.reason) if filters.reason else ""),
            ("organ", _("Cơ quan: {value}", value=filters.organ) if filters.organ else ""),
            ("hours", _("Đã chờ ít nhất {hours} giờ", hours=filters.hours) if filters.hours else ""),
        )
        if word
    ]
    return QueuePage(
        tabs=tuple(
            Choice(value=state, word=_(word), chosen=state == filters.state, href=replace(filters, state=state).href())
            for state, word in _STATES.items()
        ),
        partners=tuple(Choice(value=name, word=name, chosen=name == filters.partner) for name in names),
        ages=tuple(
            Choice(value=str(hours), word=since(now - timedelta(hours=hours), now), chosen=hours == filters.hours)
            for hours in _AGES
        ),
        filters=filters,
        chips=tuple(chips),
        rows=tuple(_row(letter, now) for letter in shown),
        total=grouped(found.total) if found.total <= MOST_COUNTED else _("hơn {n}", n=grouped(MOST_COUNTED)),
        older_href=filters.href(after=shown[-1].consignment_id) if len(found.letters) > _ROWS else None,
        first_href=filters.href() if after else None,
        acts=tuple(Choice(value=act, word=_(word), chosen=False) for act, word in _ACTS.items()),
        last=tuple(_bulk_line(row, now) for row in found.last),
    )


def queue_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of the queue."""
    if parts.operating is None:
        return ()
    made = QueuePages(parts, parts.operating, sessions, pages)
    return (
        web.get(_QUEUE, made.list),
        web.post(f"{_QUEUE}/preview", made.preview),
        web.post(f"{_QUEUE}/act", made.act),
        web.get(f"{_QUEUE}/acts/{{bulk:{ID}}}", made.progress),
    )
