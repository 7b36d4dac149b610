"""The clerk's desk: answering for an organisation without software, passing a document on, giving it back.

Every form works without script, carries the session's token and the moment it was shown, and leads back to the
document's page. A document of others is not there: 404, whatever was guessed.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from aiohttp import hdrs, web

from axis.clock import Clock
from axis.errors import AxisError, Busy, Code, Malformed, NotFound
from axis.exchange.composing import REASON_CHARACTERS
from axis.exchange.desk import AtHand, Clerk, Desk, Word
from axis.exchange.forwarding import ForwardWish, ReturnWish
from axis.ids import DocumentUid
from axis.store.records import Document
from axis.terms import Role, StatusCode
from axis.text import folded, plain
from axis.web.console.clerks import clerk_of, read_stamp, sentence
from axis.web.console.deskwork import VERBS, DeskBox, DeskCard, desk_box, desk_card, stamped
from axis.web.console.language import N_, _
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import CSRF_FIELD, LIVE_HEADER, Sessions, Visitor, check_csrf, read_form

_SHOWN_BELOW = 50
_SEARCH_CHARACTERS = 100
_REASON_CHARACTERS = REASON_CHARACTERS // 2  # with what a return puts in front of it
_NO_REASON: Final = N_("Hãy nêu lý do: bên gửi sẽ đọc.")
_TOO_LONG: Final = N_("Lý do dài quá {most} ký tự.")
_NOWHERE: Final = N_("Hãy chọn nơi nhận chuyển tiếp.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Below:
    """An organisation that a document may be passed on to."""

    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPage:
    """A page of its own for one thing that a clerk does with a document."""

    uid: str
    code: str
    subject: str
    csrf: str
    box: DeskBox
    below: tuple[Below, ...] = ()
    more_below: int = 0
    search: str = ""
    chosen: str = ""
    most_characters: int = _REASON_CHARACTERS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """A form, checked for its token, about a document at one of the clerk's organisations."""

    request: web.Request
    visitor: Visitor
    form: Mapping[str, str]
    document: Document
    at_hand: AtHand

    @property
    def clerk(self) -> Clerk:
        """Who sends it."""
        return clerk_of(self.visitor)

    @property
    def uid(self) -> DocumentUid:
        """What it is about."""
        return DocumentUid(self.document.document_uid)

    @property
    def organ(self) -> str:
        """Where."""
        return self.at_hand.delivery.receiver_organ

    @property
    def reason(self) -> str:
        """Why, as it was typed."""
        return self.form.get("reason", "").replace("\r\n", "\n").strip()


class DeskCards:
    """What the page of a document shows of the desk."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock

    async def opened(self, request: web.Request, visitor: Visitor, uid: str) -> None:
        """A clerk opens a document: it has arrived. One that refreshes itself, or is fetched ahead, is not opened."""
        ahead = "prefetch" in request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
        if request.method == hdrs.METH_GET and LIVE_HEADER not in request.headers and not ahead:
            await self._desk.take_in(clerk_of(visitor), uid)

    async def card(self, request: web.Request, visitor: Visitor, uid: str) -> DeskCard | None:
        """The card of the page; None for who has nothing to do with the document."""
        found = await self._desk.look(clerk_of(visitor), uid)
        if found is None or not (found.received or found.sends):
            return None
        return desk_card(found, visitor, self._clock.now(), request.query.get("told", ""))


class DeskPages:
    """The handlers."""

    def __init__(self, desk: Desk, clock: Clock, sessions: Sessions, pages: Pages) -> None:
        self._desk = desk
        self._clock = clock
        self._sessions = sessions
        self._pages = pages

    async def show_answer(self, request: web.Request) -> web.StreamResponse:
        """GET /documents/{uid}/answer."""
        return await self._show(request, "answering.html")

    async def show_forward(self, request: web.Request) -> web.StreamResponse:
        """GET /documents/{uid}/forward."""
        return await self._show(request, "forwarding.html")

    async def show_return(self, request: web.Request) -> web.StreamResponse:
        """GET /documents/{uid}/return."""
        return await self._show(request, "returning.html")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """POST /documents/{uid}/answer: a status in the organisation's name."""
        sent = await self._sent(request)
        try:
            code = StatusCode(sent.form.get("code", ""))
        except ValueError as e:
            raise Malformed(Code.BAD_STATUS_CODE, at="code") from e
        if code not in VERBS:
            raise Malformed(Code.BAD_STATUS_CODE, at="code")
        problem = _reason_problem(sent.reason, needed=code is StatusCode.REFUSED)
        if problem:
            return self._again(sent, "answering.html", problem)
        word = Word(
            document_uid=sent.uid,
            organ=sent.organ,
            code=code,
            reason=sent.reason,
            at=self._said_at(sent),
            seen=sent.form.get("seen", ""),
        )

        async def say() -> str:
            return await self._desk.say(sent.clerk, word)

        return await self._do(sent, "answering.html", say)

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """POST /documents/{uid}/forward."""
        sent = await self._sent(request)
        if "find" in sent.form:
            return self._again(sent, "forwarding.html", "", status=200)
        to = sent.form.get("to", "")
        problem = _reason_problem(sent.reason, needed=True) if to else _(_NOWHERE)
        if problem:
            return self._again(sent, "forwarding.html", problem)
        wish = ForwardWish(
            document_uid=sent.uid, by_organ=sent.organ, to_organ=to, reason=sent.reason, actor=sent.clerk.actor
        )

        async def pass_on() -> str:
            done = await self._desk.forward(sent.clerk, wish)
            return "forwarded" if done.changed else "forwarded_before"

        return await self._do(sent, "forwarding.html", pass_on)

    async def give_back(self, request: web.Request) -> web.StreamResponse:
        """POST /documents/{uid}/return."""
        sent = await self._sent(request)
        problem = _reason_problem(sent.reason, needed=True)
        if problem:
            return self._again(sent, "returning.html", problem)
        wish = ReturnWish(
            document_uid=sent.uid,
            by_organ=sent.organ,
            reason=sent.reason,
            staff=sent.clerk.staff,
            actor=sent.clerk.actor,
            at=self._said_at(sent),
        )

        async def send_back() -> str:
            await self._desk.send_back(sent.clerk, wish)
            return "returned"

        return await self._do(sent, "returning.html", send_back)

    # ── what all of them do ────────────────────────────────────────────────────────────────────────────────────

    async def _show(self, request: web.Request, template: str) -> web.StreamResponse:
        visitor = await self._sessions.require(request, Role.CLERK)
        document, at_hand = await self._desk.at_hand(
            clerk_of(visitor), request.match_info["uid"], plain(request.query.get("organ", ""))
        )
        page = self._page(visitor, document, at_hand, request.query)
        return self._pages.answer(request, template, status=200, page=page)

    async def _sent(self, request: web.Request) -> _Sent:
        form = await read_form(request)
        visitor = await self._sessions.require(request, Role.CLERK)
        check_csrf(request, form.get(CSRF_FIELD, ""), visitor.csrf_token)
        document, at_hand = await self._desk.at_hand(
            clerk_of(visitor), request.match_info["uid"], plain(form.get("organ", ""))
        )
        return _Sent(request=request, visitor=visitor, form=form, document=document, at_hand=at_hand)

    def _said_at(self, sent: _Sent) -> datetime:
        subject = stamped(sent.uid, sent.organ)
        return read_stamp(sent.visitor, subject, sent.form.get("at", ""), self._clock.now())

    async def _do(self, sent: _Sent, template: str, work: Callable[[], Awaitable[str]]) -> web.StreamResponse:
        """Do it, and go to the document's page, which says what became of it; what is refused is said on the form."""
        try:
            told = await work()
        except NotFound:
            raise
        except Busy as e:
            return self._again(sent, template, sentence(e), status=503)
        except AxisError as e:
            return self._again(sent, template, sentence(e))
        raise web.HTTPSeeOther(f"/documents/{sent.uid}?{urlencode({'told': told})}#desk")

    def _again(self, sent: _Sent, template: str, problem: str, *, status: int = 422) -> web.Response:
        page = self._page(sent.visitor, sent.document, sent.at_hand, sent.form, problem)
        return self._pages.answer(sent.request, template, status=status, page=page)

    def _page(
        self, visitor: Visitor, document: Document, at_hand: AtHand, typed: Mapping[str, str], problem: str = ""
    ) -> DeskPage:
        reason = typed.get("reason", "")[: _REASON_CHARACTERS * 2]
        search = plain(typed.get("q", ""))[:_SEARCH_CHARACTERS]
        below = [
            Below(code=one.organ_id, name=one.name)
            for one in self._desk.below(at_hand.delivery.receiver_organ)
            if folded(search) in folded(f"{one.organ_id} {one.name}")
        ]
        return DeskPage(
            uid=document.document_uid,
            code=document.code or _("Không số"),
            subject=document.subject or _("(không có trích yếu)"),
            csrf=visitor.csrf_token,
            box=desk_box(at_hand, visitor, self._clock.now(), reason=reason, problem=problem),
            below=tuple(below[:_SHOWN_BELOW]),
            more_below=max(0, len(below) - _SHOWN_BELOW),
            search=search,
            chosen=typed.get("to", ""),
        )


def _reason_problem(reason: str, *, needed: bool) -> str:
    if needed and not reason:
        return _(_NO_REASON)
    return _(_TOO_LONG, most=_REASON_CHARACTERS) if len(reason) > _REASON_CHARACTERS else ""


def desk_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of the desk."""
    desk = DeskPages(parts.desk, parts.clock, sessions, pages)
    document = f"/documents/{{uid:{ID}}}"
    return (
        web.get(f"{document}/answer", desk.show_answer),
        web.post(f"{document}/answer", desk.answer),
        web.get(f"{document}/forward", desk.show_forward),
        web.post(f"{document}/forward", desk.forward),
        web.get(f"{document}/return", desk.show_return),
        web.post(f"{document}/return", desk.give_back),
    )
