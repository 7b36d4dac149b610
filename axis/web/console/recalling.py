"""What a sender's clerk does with a document that was sent: recall it, ask one receiver for it, update or replace it.

Each is shown before it is done: whom it concerns, how the document stands there, and what the rules will make of it. A
recall is confirmed on a page of its own; an update or a replacement is written like a document (`composing`). When the
document has changed since it was shown, nothing is done, and the page says so.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import hdrs, web
from pydantic import ValidationError

from axis.edxml.dates import read_date
from axis.errors import AxisError, Busy, Code, Malformed, NotFound
from axis.exchange.composing import AskBackWish
from axis.exchange.desk import Own
from axis.exchange.document_form import ActForm, DocumentForm, PartyForm, StaffForm, TargetForm
from axis.exchange.drafting import DocumentWish
from axis.exchange.values import Outcome
from axis.ids import DocumentUid
from axis.store import drafts as stored
from axis.terms import ActKind, Place, Role
from axis.text import plain
from axis.web.console.acting import SHOWN, Affected, affected, recalled
from axis.web.console.clerks import clerk_of, read_stamp, sentence, stamp
from axis.web.console.composing import MOST_DRAFTS, new_draft
from axis.web.console.language import N_, _
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import CSRF_FIELD, Sessions, Visitor, check_csrf

_REASON_CHARACTERS = 2_000
_FORM_BYTES = 64 << 10
_FIELDS = 6_000
_NO_REASON: Final = N_("Hãy nêu lý do: nơi nhận sẽ đọc.")
_TOO_LONG: Final = N_("Lý do dài quá {most} ký tự.")
_NOBODY: Final = N_("Hãy chọn ít nhất một nơi nhận.")
_BOTH: Final = N_("Bạn đánh dấu cả “Tất cả nơi nhận” và từng nơi: hãy bỏ một trong hai.")
_CHANGED: Final = N_("Văn bản đã thay đổi trong lúc bạn xem. Chưa làm gì; hãy xem lại rồi xác nhận.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosable:
    """A receiver on the page."""

    row: Affected
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ActPage:
    """A guided act."""

    uid: str
    code: str
    subject: str
    csrf: str
    at: str
    seen: str
    receivers: tuple[Choosable, ...]
    chosen: tuple[Affected, ...]
    more: int  # receivers that are not shown one by one; a recall of all concerns them too
    everybody: bool
    confirming: bool
    reason: str
    problem: str
    most_characters: int = _REASON_CHARACTERS


class SenderActs:
    """The handlers."""

    def __init__(self, parts: ConsoleParts, sessions: Sessions, pages: Pages) -> None:
        self._parts = parts
        self._sessions = sessions
        self._pages = pages

    async def show_recall(self, request: web.Request) -> web.StreamResponse:
        """GET /documents/{uid}/recall."""
        return await self._show(request, "recalling.html")

    async def show_ask(self, request: web.Request) -> web.StreamResponse:
        """GET /documents/{uid}/ask-back."""
        return await self._show(request, "asking.html")

    async def recall(self, request: web.Request) -> web.StreamResponse:
        """POST /documents/{uid}/recall: look at it once more, then confirm."""
        visitor, form = await self._form(request)
        own = await self._own(request, visitor)
        page = self._page(visitor, own, form)
        problem = _reason_problem(page.reason) or _whom_problem(page, form)
        if problem:
            return self._answer(request, "recalling.html", replace(page, problem=problem, confirming=False), 422)
        if "confirm" not in form:
            return self._answer(request, "recalling.html", replace(page, confirming=True), 200)
        if _one(form, "seen") != page.seen:
            if own.last_act and own.last_act.kind is ActKind.RECALL and own.last_act.reason == page.reason:
                raise web.HTTPSeeOther(f"/documents/{page.uid}?told=acted_before#desk")
            return self._answer(request, "recalling.html", replace(page, problem=_(_CHANGED), confirming=False), 409)
        try:
            wish = self._recall_wish(visitor, own, page)
            sent = await self._parts.exchange.send(wish)
        except (AxisError, ValidationError) as e:
            return self._refused(request, "recalling.html", page, e)
        told = "acted" if sent.accepted.outcome is Outcome.ACCEPTED else "acted_before"
        raise web.HTTPSeeOther(f"/documents/{page.uid}?told={told}#desk")

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """POST /documents/{uid}/ask-back: one receiver is asked to give it back (13)."""
        visitor, form = await self._form(request)
        own = await self._own(request, visitor)
        page = self._page(visitor, own, form)
        organ = plain(_one(form, "pick"))
        known = next((one for one in own.deliveries if one.receiver_organ == organ), None)
        problem = _reason_problem(page.reason) or ("" if known else _(_NOBODY))
        if problem:
            return self._answer(request, "asking.html", replace(page, problem=problem), 422)
        clerk = clerk_of(visitor)
        wish = AskBackWish(
            document_uid=DocumentUid(page.uid),
            receiver_organ=organ,
            reason=page.reason,
            staff=clerk.staff,
            actor=clerk.actor,
            at=read_stamp(visitor, page.uid, _one(form, "at"), self._parts.clock.now()),
        )
        try:
            outcome = await self._parts.desk.ask_back(clerk, wish)
        except AxisError as e:
            return self._refused(request, "asking.html", page, e)
        told = "asked" if outcome is Outcome.ACCEPTED else "acted_before"
        raise web.HTTPSeeOther(f"/documents/{page.uid}?told={told}#desk")

    async def revise(self, request: web.Request) -> web.StreamResponse:
        """POST /documents/{uid}/revise: a draft that updates or replaces the document."""
        visitor, form = await self._form(request)
        own = await self._own(request, visitor)
        kind = ActKind.UPDATE if "update" in form else ActKind.REPLACE
        document = own.document
        act = {
            "kind": kind.value,
            "uid": document.document_uid,
            "document_id": document.document_id,
            "code": document.code or document.document_id,
            "subject": document.subject or "",
        }
        in_force = [one.receiver_organ for one in own.deliveries if not one.state.is_frozen]
        row = replace(
            new_draft(visitor, self._parts.clock.now(), sender=document.from_organ),
            texts=json.dumps(_texts(own, kind), ensure_ascii=False, sort_keys=True),
            receivers=json.dumps(in_force),
            act=json.dumps(act, ensure_ascii=False, sort_keys=True),
        )
        await self._parts.store.write(lambda c: stored.add_draft(c, row, MOST_DRAFTS))
        raise web.HTTPSeeOther(f"/compose/{row.draft_id}")

    # ── what all of them do ────────────────────────────────────────────────────────────────────────────────────

    async def _show(self, request: web.Request, template: str) -> web.StreamResponse:
        visitor = await self._sessions.require(request, Role.CLERK)
        own = await self._own(request, visitor)
        return self._answer(request, template, self._page(visitor, own, {}), 200)

    async def _own(self, request: web.Request, visitor: Visitor) -> Own:
        return await self._parts.desk.own(clerk_of(visitor), request.match_info["uid"])

    async def _form(self, request: web.Request) -> tuple[Visitor, Mapping[str, tuple[str, ...]]]:
        """A plain form whose fields may come several times, checked for its token."""
        if request.content_type != "application/x-www-form-urlencoded":
            raise web.HTTPUnsupportedMediaType(headers={hdrs.ACCEPT: "application/x-www-form-urlencoded"})
        if (request.content_length or 0) > _FORM_BYTES:
            raise Malformed(Code.TOO_LARGE, f"more than {_FORM_BYTES} bytes")
        form: dict[str, tuple[str, ...]] = {}
        for name, value in parse_qsl(await request.text(), keep_blank_values=True, max_num_fields=_FIELDS):
            form[name] = (*form.get(name, ()), value)
        visitor = await self._sessions.require(request, Role.CLERK)
        check_csrf(request, _one(form, CSRF_FIELD), visitor.csrf_token)
        return visitor, form

    def _page(self, visitor: Visitor, own: Own, form: Mapping[str, tuple[str, ...]]) -> ActPage:
        document, picked = own.document, frozenset(form.get("pick", ()))
        rows = [
            affected(one, self._name, recalled(one, own.unfetched))
            for one in own.deliveries
            if one.place is not Place.ELSEWHERE
        ]
        everybody = not form or "everybody" in form
        return ActPage(
            uid=document.document_uid,
            code=document.code or document.document_id,
            subject=document.subject or "",
            csrf=visitor.csrf_token,
            at=stamp(visitor, document.document_uid, self._parts.clock.now()),
            seen=str(document.version),
            receivers=tuple(Choosable(row=row, chosen=row.code in picked) for row in rows[:SHOWN]),
            chosen=tuple(row for row in rows if everybody or row.code in picked)[:SHOWN],
            more=max(0, len(rows) - SHOWN),
            everybody=everybody,
            confirming=False,
            reason=_one(form, "reason").replace("\r\n", "\n").strip(),
            problem="",
        )

    def _recall_wish(self, visitor: Visitor, own: Own, page: ActPage) -> DocumentWish:
        document, clerk = own.document, clerk_of(visitor)
        here = [one.receiver_organ for one in own.deliveries if one.place is not Place.ELSEWHERE]
        chosen = {row.code for row in page.chosen}
        number, _slash, notation = (document.code or "").partition("/")
        form = DocumentForm(
            sender=PartyForm(organ_id=document.from_organ),
            receivers=tuple(PartyForm(organ_id=code) for code in here if page.everybody or code in chosen),
            number=number or None,
            notation=notation or None,
            promulgation_date=read_date(document.promulgation_date or ""),
            subject=document.subject,
            staff=StaffForm(staff=clerk.staff.staff),
            act=ActForm(
                kind=ActKind.RECALL,
                documents=(TargetForm(document_id=document.document_id, code=document.code),),
                reason=page.reason,
            ),
        )
        return DocumentWish(
            header=form.header(self._parts.exchange.receiver_types),
            system_id=None,
            actor=clerk.actor,
            at=self._parts.clock.now(),
            key=document.document_uid,
        )

    def _refused(
        self, request: web.Request, template: str, page: ActPage, error: AxisError | ValidationError
    ) -> web.Response:
        if isinstance(error, NotFound):
            raise error
        if isinstance(error, ValidationError):
            error = Malformed(Code.FIELD_INVALID)
        status = 503 if isinstance(error, Busy) else 422
        return self._answer(request, template, replace(page, problem=sentence(error), confirming=False), status)

    def _answer(self, request: web.Request, template: str, page: ActPage, status: int) -> web.Response:
        return self._pages.answer(request, template, status=status, page=page)

    def _name(self, code: str) -> str:
        found = self._parts.exchange.directory.current.registry.find(code)
        return found.name if found else code


def _one(form: Mapping[str, Sequence[str]], name: str) -> str:
    return form.get(name, ("",))[-1]


def _reason_problem(reason: str) -> str:
    if not reason:
        return _(_NO_REASON)
    return _(_TOO_LONG, most=_REASON_CHARACTERS) if len(reason) > _REASON_CHARACTERS else ""


def _whom_problem(page: ActPage, form: Mapping[str, tuple[str, ...]]) -> str:
    if page.everybody and "pick" in form:
        return _(_BOTH)  # never more than was meant
    return "" if page.chosen or page.everybody else _(_NOBODY)


def _texts(own: Own, kind: ActKind) -> dict[str, str]:
    """What the draft begins with: the document as it is; a replacement gets a number and a date of its own."""
    document = own.document
    day = read_date(document.promulgation_date or "")
    due = read_date(document.due_date or "")
    texts = {"subject": document.subject or "", "type_name": document.type_name or "", "urgency": str(document.urgency)}
    if due is not None:
        texts["due_date"] = due.isoformat()
    if kind is ActKind.UPDATE:
        texts["number"], _slash, texts["notation"] = (document.code or "").partition("/")
        if day is not None:
            texts["promulgation_date"] = day.isoformat()
    return {name: text for name, text in texts.items() if text}


def act_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of what a sender does with its document."""
    acts = SenderActs(parts, sessions, pages)
    document = f"/documents/{{uid:{ID}}}"
    return (
        web.get(f"{document}/recall", acts.show_recall),
        web.post(f"{document}/recall", acts.recall),
        web.get(f"{document}/ask-back", acts.show_ask),
        web.post(f"{document}/ask-back", acts.ask),
        web.post(f"{document}/revise", acts.revise),
    )
