"""Writing and sending a document for an agency without software of its own: drafts, and the page in four steps.

A draft is its account's alone: what somebody is still writing is nobody else's to read, send or spoil. It lives in the
database, so that it survives a session that ends and another browser. Whatever button is pressed, what was typed is
saved first; texts that another browser has saved meanwhile are never written over unasked. Sending hands the same form
in that systems use over REST; sent twice, it is one document, since the draft's id is its key.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlencode

from aiohttp import hdrs, web

from axis.edxml.media import PDF, Sniffer
from axis.edxml.model import Code as Number
from axis.edxml.model import DocumentHeader, Party, PromulgationInfo
from axis.errors import AxisError, Busy, Code, Malformed, NotFound
from axis.exchange.drafting import DocumentWish, Sent, WishedFile
from axis.exchange.values import Outcome
from axis.ids import new_id
from axis.ops.handing_out import disposition
from axis.store import drafts as stored
from axis.store import queries
from axis.store.drafts import DraftView, Typed
from axis.store.hot import Hot
from axis.store.records import Draft, DraftFile, ReceiverList
from axis.terms import Role
from axis.text import file_name, one_line, plain
from axis.web.console.acting import act_note
from axis.web.console.clerks import clerk_of, sentence
from axis.web.console.downloads import SAFE_TYPES
from axis.web.console.draft_form import MOST, Filled, Target, fill, target_of, typed_texts
from axis.web.console.drafts import (
    ComposePage,
    Draught,
    Named,
    checks,
    chosen_receivers,
    drafts_page,
    file_row,
    preview,
    saved_lists,
    signature_facts,
    types,
    urgencies,
)
from axis.web.console.forms import Bounds, FormFile, RichForm, read_rich_form
from axis.web.console.language import N_, _
from axis.web.console.moments import moment, size
from axis.web.console.organ_tree import OrganTree
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import CSRF_FIELD, Sessions, Visitor, check_csrf, read_form

MOST_DRAFTS = 100
_MOST_LISTS = 50
_MOST_RECEIVERS = 5_000
_MOST_FILES_AT_ONCE = 50
_SENDERS = 500
_SEARCH_CHARACTERS = 100
_CODE_CHARACTERS = 128
_LIST_CHARACTERS = 100
_INLINE_BYTES = 24 << 10  # a file that is held in memory while the package is made
_CHUNK_BYTES = 256 << 10
_FORM_BYTES = 1 << 20  # beside the files
_INLINE_TYPES: Final = frozenset({PDF, "image/png", "image/jpeg", "image/gif"})

_EMPTY: Final = N_("{name}: tệp rỗng, không có nội dung.")
_TOO_LARGE: Final = N_("{name}: tệp lớn quá {most}.")
_NO_PDF: Final = N_("{name}: tên là PDF nhưng nội dung không phải PDF.")
_TOO_MANY_FILES: Final = N_("{name}: văn bản đã đủ số tệp tối đa.")
_TOO_MANY_RECEIVERS: Final = N_("Một văn bản được tối đa {most} nơi nhận.")
_CONFLICT: Final = N_(
    "Bản nháp đã được lưu từ một trình duyệt khác lúc {time}. Những gì bạn vừa nhập vẫn ở đây nhưng chưa lưu: bấm Lưu "
    "nháp để ghi đè bản kia, hoặc mở lại trang để xem bản kia."
)
_NOT_READY: Final = N_("Chưa gửi được: hãy xem các mục đánh dấu đỏ ở phần kiểm tra.")
_NO_LIST_NAME: Final = N_("Hãy đặt tên cho danh sách.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What is special about one showing of the page."""

    problem: str = ""
    conflict: bool = False
    file_problems: tuple[str, ...] = ()
    texts: Mapping[str, str] | None = None  # as typed, where they were not saved
    status: int = 200
    sending: bool = False  # then an empty field that must not be is a fault


@dataclass(frozen=True, slots=True, kw_only=True)
class _Posted:
    """A form about a draft, checked for its token."""

    request: web.Request
    visitor: Visitor
    draft_id: str
    form: RichForm


class Composing:
    """The handlers."""

    def __init__(self, parts: ConsoleParts, sessions: Sessions, pages: Pages) -> None:
        self._parts = parts
        self._store = parts.store
        self._clock = parts.clock
        self._exchange = parts.exchange
        self._sessions = sessions
        self._pages = pages
        self._tree = OrganTree(parts.exchange.directory)

    # ── the list ───────────────────────────────────────────────────────────────────────────────────────────────

    async def list(self, request: web.Request) -> web.StreamResponse:
        """GET /compose: the account's drafts."""
        visitor = await self._sessions.require(request, Role.CLERK)
        found = await self._store.read(lambda c: stored.open_drafts(c, visitor.account_id))
        may_send = bool(self._senders(visitor))
        page = drafts_page(found, visitor.csrf_token, self._clock.now(), may_send=may_send)
        return self._pages.answer(request, "drafts.html", status=200, page=page)

    async def begin(self, request: web.Request) -> web.StreamResponse:
        """POST /compose: a new draft; one that is still empty is used again."""
        form = await read_form(request)
        visitor = await self._sessions.require(request, Role.CLERK)
        check_csrf(request, form.get(CSRF_FIELD, ""), visitor.csrf_token)
        senders = self._senders(visitor)
        open_ones = await self._store.read(lambda c: stored.open_drafts(c, visitor.account_id))
        empty = next((one for one in open_ones if _is_empty(one)), None)
        if empty is not None and not await self._has_files(visitor, empty.draft_id):
            raise web.HTTPSeeOther(f"/compose/{empty.draft_id}")
        row = new_draft(visitor, self._clock.now(), sender=senders[0].code if len(senders) == 1 else "")
        await self._store.write(lambda c: stored.add_draft(c, row, MOST_DRAFTS))
        raise web.HTTPSeeOther(f"/compose/{row.draft_id}")

    async def discard(self, request: web.Request) -> web.StreamResponse:
        """POST /compose/{id}/discard."""
        form = await read_form(request)
        visitor = await self._sessions.require(request, Role.CLERK)
        check_csrf(request, form.get(CSRF_FIELD, ""), visitor.csrf_token)
        draft_id = request.match_info["draft"]
        await self._store.write(lambda c: stored.drop_draft(c, visitor.account_id, draft_id))
        raise web.HTTPSeeOther("/compose")

    # ── the page ───────────────────────────────────────────────────────────────────────────────────────────────

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /compose/{id}."""
        visitor = await self._sessions.require(request, Role.CLERK)
        view = await self._find(visitor, request.match_info["draft"])
        return await self._page(request, visitor, view, _Shown())

    async def post(self, request: web.Request) -> web.StreamResponse:
        """POST /compose/{id}: save what was typed, and do what the button says."""
        draft_id = request.match_info["draft"]
        visitor = await self._sessions.find(request)
        if visitor is None:  # the draft is as it was saved last; after the log-in it goes on there
            raise web.HTTPSeeOther(f"/login?{urlencode({'next': f'/compose/{draft_id}'})}")
        visitor = await self._sessions.require(request, Role.CLERK)
        async with AsyncExitStack() as stack:
            form = await read_rich_form(request, self._store, self._bounds(), stack)
            check_csrf(request, form.one(CSRF_FIELD), visitor.csrf_token)
            view = await self._find(visitor, draft_id)
            posted = _Posted(request=request, visitor=visitor, draft_id=draft_id, form=form)
            refused = await self._save(posted, view)
            if refused is not None:
                return refused
            problems = [word for file in form.files if (word := await self._take(posted, view, file))]
            done = await self._act_on(posted)
            view = await self._find(visitor, draft_id)
            if problems:
                return await self._page(request, visitor, view, _Shown(file_problems=tuple(problems), status=422))
            if done is not None:
                return await self._page(request, visitor, view, _Shown(problem=done, status=422))
            if "send" in form.texts:
                return await self._send(posted, view)
        raise web.HTTPSeeOther(_back(draft_id, form))

    async def file(self, request: web.Request) -> web.StreamResponse:
        """GET /compose/{id}/files/{file}: one file of the draft, to look at before it is sent."""
        visitor = await self._sessions.require(request, Role.CLERK)
        view = await self._find(visitor, request.match_info["draft"])
        found = next((one for one in view.files if one.file_id == request.match_info["file"]), None)
        if found is None:
            raise NotFound(Code.NOT_FOUND, "no such file")
        safe = found.media_type if found.media_type in SAFE_TYPES else "application/octet-stream"
        shown = disposition(found.name)
        if found.media_type in _INLINE_TYPES:
            shown = shown.replace("attachment", "inline", 1)
        policy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; object-src 'self'"
        headers = {hdrs.CONTENT_DISPOSITION: shown, hdrs.CONTENT_TYPE: safe, "Content-Security-Policy": policy}
        response = web.StreamResponse(headers=headers)
        response.content_length = found.size_bytes
        await response.prepare(request)
        if request.method != hdrs.METH_HEAD:
            async for chunk in self._store.blobs.chunks(found.sha256_hex):
                await response.write(chunk)
        await response.write_eof()
        return response

    # ── saving ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _find(self, visitor: Visitor, draft_id: str) -> DraftView:
        """The draft; one that was sent leads to its document."""
        view = await self._store.read(lambda c: stored.find_draft(c, visitor.account_id, draft_id))
        if view.draft.sent_uid is not None:
            raise web.HTTPSeeOther(f"/documents/{view.draft.sent_uid}?told=sent_before#desk")
        return view

    async def _has_files(self, visitor: Visitor, draft_id: str) -> bool:
        view = await self._store.read(lambda c: stored.find_draft(c, visitor.account_id, draft_id))
        return bool(view.files)

    async def _save(self, posted: _Posted, view: DraftView) -> web.Response | None:
        """Save the texts; the page that says so where another browser has saved since."""
        texts = typed_texts(posted.form.texts, view.texts)
        sender = posted.form.one("sender") if "sender" in posted.form.texts else view.draft.sender
        if sender not in {one.code for one in self._senders(posted.visitor)}:
            sender = ""
        version = posted.form.one("version")
        seen = int(version) if version.isascii() and version.isdigit() and len(version) < len("1000000000") else 0
        typed, now = Typed(sender=sender, texts=texts, version=seen), self._clock.now()
        saved = await self._store.write(
            lambda c: stored.save_texts(c, posted.visitor.account_id, posted.draft_id, typed, now)
        )
        if saved:
            return None
        view = await self._find(posted.visitor, posted.draft_id)
        shown = _Shown(conflict=True, texts=texts, status=409)
        return await self._page(posted.request, posted.visitor, view, shown)

    def _bounds(self) -> Bounds:
        limits = self._parts.limits
        file_bytes = min(limits.attachment_bytes, limits.package_bytes * 3 // 4)
        return Bounds(
            files=_MOST_FILES_AT_ONCE, file_bytes=file_bytes, whole_bytes=limits.package_bytes * 2 + _FORM_BYTES
        )

    async def _take(self, posted: _Posted, view: DraftView, file: FormFile) -> str:
        """Keep an uploaded file; words where it is not kept."""
        name, bounds = file_name(file.name), self._bounds()
        if file.spooled is None:
            return _(_TOO_LARGE, name=name, most=size(bounds.file_bytes))
        if not file.spooled.size_bytes:
            return _(_EMPTY, name=name)
        media_type = await asyncio.to_thread(_media_type, file.spooled.content)
        if name.lower().endswith(".pdf") and media_type != PDF:
            return _(_NO_PDF, name=name)
        self._exchange.check_intake()
        now = self._clock.now()
        verdict = await self._exchange.look_at_file(file.spooled.content, view.draft.sender or "-")
        blob = await self._store.blobs.record(file.spooled, now)
        row = DraftFile(
            file_id=new_id(now),
            draft_id=posted.draft_id,
            sha256_hex=file.spooled.sha256_hex,
            name=name,
            media_type=media_type,
            size_bytes=file.spooled.size_bytes,
            signatures=signature_facts(verdict),
        )
        await self._store.submit(Hot(inserts=(blob,)))
        account, most = posted.visitor.account_id, self._parts.limits.attachments
        try:
            await self._store.write(lambda c: stored.add_file(c, account, row, most, now))
        except Malformed:
            return _(_TOO_MANY_FILES, name=name)
        return ""

    async def _act_on(self, posted: _Posted) -> str | None:
        """Do what the button says about receivers, lists and files; words where it cannot be done."""
        form, account, draft_id = posted.form, posted.visitor.account_id, posted.draft_id
        now = self._clock.now()
        if "remove" in form.texts:
            await self._store.write(lambda c: stored.drop_file(c, account, draft_id, form.one("remove"), now))
        if "forget" in form.texts:
            await self._store.write(lambda c: stored.drop_list(c, account, form.one("forget")))
        if "keep" in form.texts:
            return await self._keep_list(posted, now)
        added, dropped = await self._changed_receivers(posted)
        if not added and not dropped:
            return None
        view = await self._find(posted.visitor, draft_id)
        if len({*view.receivers, *added}) > _MOST_RECEIVERS:
            return _(_TOO_MANY_RECEIVERS, most=_MOST_RECEIVERS)

        def change(before: Sequence[str]) -> list[str]:
            return [code for code in (*before, *added) if code not in dropped]

        await self._store.write(lambda c: stored.change_receivers(c, account, draft_id, change, now))
        return None

    async def _changed_receivers(self, posted: _Posted) -> tuple[tuple[str, ...], frozenset[str]]:
        form = posted.form
        added = (
            [plain(code).strip()[:_CODE_CHARACTERS] for code in form.texts.get("pick", ())]
            if "add" in form.texts
            else []
        )
        added += [plain(code).strip()[:_CODE_CHARACTERS] for code in form.texts.get("one", ())]
        if "type" in form.texts:
            added.append(plain(form.one("code")).strip()[:_CODE_CHARACTERS])
        if "group" in form.texts:
            added += await asyncio.to_thread(self._tree.members, form.one("group"))
        if "use" in form.texts:
            lists = await self._store.read(lambda c: stored.receiver_lists(c, posted.visitor.account_id))
            for kept in lists:
                if kept.list_id == form.one("use"):
                    added += json.loads(kept.receivers)
        dropped = frozenset(form.texts.get("drop", ()))
        if "clear" in form.texts:
            view = await self._find(posted.visitor, posted.draft_id)
            dropped = frozenset(view.receivers)
        return tuple(code for code in added if code), dropped

    async def _keep_list(self, posted: _Posted, now: datetime) -> str | None:
        name = one_line(posted.form.one("list_name"), _LIST_CHARACTERS)
        if not name:
            return _(_NO_LIST_NAME)
        view = await self._find(posted.visitor, posted.draft_id)
        row = ReceiverList(
            list_id=new_id(now),
            account_id=posted.visitor.account_id,
            name=name,
            receivers=json.dumps(view.receivers),
            updated_at=now,
        )
        try:
            await self._store.write(lambda c: stored.keep_list(c, row, _MOST_LISTS))
        except Malformed as e:
            return sentence(e)
        return None

    # ── sending ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _send(self, posted: _Posted, view: DraftView) -> web.StreamResponse:
        """Hand the document in, and lead to its page; what is refused is said on the draft, which stays."""
        visitor, target = posted.visitor, await self._target(view)
        filled = fill(view, clerk_of(visitor).staff, target)
        if filled.form is None or not view.texts.get("subject"):
            shown = _Shown(problem=_(_NOT_READY), status=422, sending=True)
            return await self._page(posted.request, visitor, view, shown)
        if not (visitor.acts_for(view.draft.sender) and self._parts.desk.speaks_for(view.draft.sender)):
            raise NotFound(Code.NOT_FOUND, "not an organisation of yours")
        header = filled.form.header(self._exchange.receiver_types)
        try:
            async with self._at_hand(view) as files:
                sent = await self._exchange.send(self._wish(visitor, view, header, files))
        except Busy as e:
            return await self._page(posted.request, visitor, view, _Shown(problem=sentence(e), status=503))
        except AxisError as e:
            return await self._page(posted.request, visitor, view, _Shown(problem=sentence(e), status=422))
        uid, now = self._uid(sent, target), self._clock.now()
        await self._store.write(lambda c: stored.mark_sent(c, visitor.account_id, posted.draft_id, uid, now))
        told = "sent" if sent.accepted.outcome is Outcome.ACCEPTED else "sent_before"
        raise web.HTTPSeeOther(f"/documents/{uid}?told={told}#desk")

    @staticmethod
    def _uid(sent: Sent, target: Target | None) -> str:
        return sent.accepted.document_uid or (target.uid if target else "")

    def _wish(
        self, visitor: Visitor, view: DraftView, header: DocumentHeader, files: tuple[WishedFile, ...]
    ) -> DocumentWish:
        return DocumentWish(
            header=header,
            files=files,
            system_id=None,
            actor=visitor.username,
            at=self._clock.now(),
            key=view.draft.draft_id,
            signed=False if view.texts.get("sign") == "no" else None,
        )

    @asynccontextmanager
    async def _at_hand(self, view: DraftView) -> AsyncIterator[tuple[WishedFile, ...]]:
        """The draft's files while the package is made: small ones in memory, larger ones on disk."""
        found = []
        with TemporaryDirectory(prefix="compose-", dir=self._parts.scratch, ignore_cleanup_errors=True) as folder:
            for position, file in enumerate(view.files):
                path = Path(folder) / str(position)
                found.append(WishedFile(name=file.name, content=await self._content(file, path)))
            yield tuple(found)

    async def _content(self, file: DraftFile, path: Path) -> bytes | Path:
        if file.size_bytes <= _INLINE_BYTES:
            return await self._store.blobs.read_bytes(file.sha256_hex)
        with path.open("wb") as out:
            async for chunk in self._store.blobs.chunks(file.sha256_hex, _CHUNK_BYTES):
                await asyncio.to_thread(out.write, chunk)
        return path

    # ── showing ────────────────────────────────────────────────────────────────────────────────────────────────

    def _senders(self, visitor: Visitor) -> tuple[Named, ...]:
        """The visitor's organisations that send by this page: those for which the node speaks."""
        registry = self._exchange.directory.current.registry
        codes = sorted(code for code in clerk_of(visitor).organs if self._parts.desk.speaks_for(code))
        found = (registry.find(code) for code in codes[:_SENDERS])
        return tuple(Named(code=one.organ_id, name=one.name) for one in found if one is not None)

    async def _target(self, view: DraftView) -> Target | None:
        """What the draft acts on, and how that stands at its receivers now."""
        target = target_of(view)
        if target is None:
            return None
        deliveries, waiting = await self._store.read(
            lambda c: (queries.deliveries(c, target.uid), queries.withdrawable(c, target.uid))
        )
        return replace(target, deliveries=deliveries, unfetched=frozenset(one.receiver_organ for one in waiting))

    def _name(self, code: str) -> str:
        """What an organisation is called."""
        found = self._exchange.directory.current.registry.find(code)
        return found.name if found else code

    async def _page(self, request: web.Request, visitor: Visitor, view: DraftView, shown: _Shown) -> web.Response:
        now, target = self._clock.now(), await self._target(view)
        if shown.texts is not None:
            view = replace(view, draft=replace(view.draft, texts=json.dumps(shown.texts, ensure_ascii=False)))
        filled = fill(view, clerk_of(visitor).staff, target)
        foresight = await self._exchange.foresee(_header(view, filled))
        draught = Draught(
            view=view,
            filled=filled,
            foresight=foresight,
            target=target,
            limits=self._parts.limits,
            signs=self._exchange.signs,
            now=now,
        )
        search = plain(request.query.get("q", ""))[:_SEARCH_CHARACTERS].strip()
        at = plain(request.query.get("at", ""))[:_CODE_CHARACTERS]
        level = await asyncio.to_thread(partial(self._tree.search, search) if search else partial(self._tree.level, at))
        lists = await self._store.read(lambda c: stored.receiver_lists(c, visitor.account_id))
        senders = self._senders(visitor)
        sender = next((one.name for one in senders if one.code == view.draft.sender), "")
        found = checks(draught)
        conflict = _(_CONFLICT, time=moment(view.draft.updated_at, now).short) if shown.conflict else ""
        page = ComposePage(
            draft_id=view.draft.draft_id,
            csrf=visitor.csrf_token,
            version=view.draft.version,
            saved=moment(view.draft.updated_at, now),
            texts=view.texts,
            most=MOST,
            problems={name: text for name, text in filled.problems.items() if shown.sending or view.texts.get(name)},
            problem=shown.problem,
            conflict=conflict,
            senders=senders,
            sender=view.draft.sender,
            chosen=chosen_receivers(foresight.receivers),
            total=len(view.receivers),
            level=level,
            search=search,
            at=at,
            lists=saved_lists(lists),
            files=tuple(file_row(one) for one in view.files),
            file_problems=shown.file_problems,
            file_bytes=self._bounds().file_bytes,
            file_limit=size(self._bounds().file_bytes),
            checks=found,
            preview=preview(draught, sender),
            ready=not any(one.level == "bad" for one in found),
            signs=self._exchange.signs,
            act=act_note(target, view.receivers, self._name) if target else None,
            urgencies=urgencies(),
            types=types(),
        )
        return self._pages.answer(request, "compose.html", status=shown.status, page=page)


def new_draft(visitor: Visitor, now: datetime, *, sender: str = "") -> Draft:
    """An empty draft, not stored yet."""
    return Draft(
        draft_id=new_id(now),
        account_id=visitor.account_id,
        sender=sender,
        texts="{}",
        receivers="[]",
        act="",
        version=1,
        created_at=now,
        updated_at=now,
    )


def _is_empty(draft: Draft) -> bool:
    return draft.texts == "{}" and draft.receivers == "[]" and not draft.act


def _header(view: DraftView, filled: Filled) -> DocumentHeader:
    """What the foresight looks at: the document where it is one already, else what there is of it."""
    if filled.form is not None:
        return filled.form.header()
    texts = view.texts
    return DocumentHeader(
        sender=Party(organ_id=view.draft.sender),
        receivers=tuple(Party(organ_id=code) for code in view.receivers),
        document_id="",
        code=Number(code_number=texts.get("number"), code_notation=texts.get("notation")),
        promulgation=PromulgationInfo(promulgation_date=texts.get("promulgation_date")),
        subject=texts.get("subject"),
    )


def _back(draft_id: str, form: RichForm) -> str:
    """Where the form leads: to the step at which the button stands, with the place in the tree kept."""
    keep = {"q": form.one("q") if "find" in form.texts else "", "at": form.one("at")}
    if keep["q"]:
        keep["at"] = ""
    query = urlencode({name: text for name, text in keep.items() if text})
    buttons = {"remove": "files", "upload": "files", "save": ""}
    anchor = next((step for name, step in buttons.items() if name in form.texts), "receivers")
    return f"/compose/{draft_id}{'?' if query else ''}{query}{'#' if anchor else ''}{anchor}"


def _media_type(content: bytes | Path) -> str:
    sniffer = Sniffer()
    if isinstance(content, bytes):
        sniffer.feed(content)
        return sniffer.media_type()
    with content.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            sniffer.feed(chunk)
    return sniffer.media_type()


def compose_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of drafts."""
    composing = Composing(parts, sessions, pages)
    draft = f"/compose/{{draft:{ID}}}"
    return (
        web.get("/compose", composing.list),
        web.post("/compose", composing.begin),
        web.get(draft, composing.show),
        web.post(draft, composing.post),
        web.post(f"{draft}/discard", composing.discard),
        web.get(f"{draft}/files/{{file:{ID}}}", composing.file),
    )
