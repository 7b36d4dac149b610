"""The pages behind the links in mails: a clerk without software reads the document, and says how it fares.

A link needs no account: its token proves what it is about. Looking changes nothing, for programs open links before
people do; only the form's POST speaks, and the moment in it (which only this node can have written) makes a form that
is sent twice one statement. The pages hold no script, load nothing, tell nobody where the visitor came from, and are
not kept.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Final

import structlog
from aiohttp import hdrs, web

from adapters.base import FrontParts
from adapters.mail.links import Links, Purpose, Subject
from adapters.mail.words import BUSINESS, STATUS, URGENCY, moment_text, size_text, templates
from axis.edxml.model import Limits
from axis.errors import AxisError, Busy, Code, Internal, Malformed, NotAllowed, NotFound
from axis.exchange.composing import REASON_CHARACTERS
from axis.exchange.mailbox import Mailboxes, PackageAtHand, Said
from axis.messages import SENTENCES
from axis.ops.buckets import Buckets
from axis.ops.handing_out import disposition, hand_out
from axis.ops.unpacking import Unpacking
from axis.pieces import file_pieces
from axis.terms import BusinessType, DeliveryState, StatusCode, TransportState, Urgency
from axis.text import one_line

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_FORM_VALID = timedelta(days=2)
_SHORT = 300
_MOMENT_CHARACTERS = 60
_STYLE: Final = files("adapters.mail").joinpath("templates/page.css").read_text(encoding="utf-8")
_STYLE_HASH: Final = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
_HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    hdrs.CACHE_CONTROL: "no-store",
}
_STATUSES: Final[Mapping[Code, int]] = {
    Code.LINK_INVALID: 404,
    Code.LINK_EXPIRED: 410,
    Code.NOT_FOUND: 404,
    Code.RATE_LIMITED: 429,
}
_WORDS: Final[Mapping[StatusCode, str]] = {
    StatusCode.ARRIVED: "Xác nhận đã nhận",
    StatusCode.ACCEPTED: "Tiếp nhận",
    StatusCode.REFUSED: "Từ chối",
    StatusCode.AGREED: "Đồng ý",
    StatusCode.DECLINED: "Không đồng ý",
}
_MEANINGS: Final[Mapping[StatusCode, str]] = {
    StatusCode.ARRIVED: "Thư đã đến; văn thư chưa xử lý.",
    StatusCode.ACCEPTED: "Văn bản đúng thẩm quyền, đã vào sổ văn bản đến.",
    StatusCode.REFUSED: "Không tiếp nhận; phải nêu lý do.",
    StatusCode.AGREED: "Đồng ý với yêu cầu của bên gửi.",
    StatusCode.DECLINED: "Không đồng ý; nên nêu lý do.",
}
_STATES: Final[Mapping[DeliveryState, str]] = {
    DeliveryState.RECALLED: "Bên gửi đã thu hồi văn bản này.",
    DeliveryState.RECALL_AGREED: "Văn bản này đã được thu hồi.",
    DeliveryState.REMOVED: "Bên gửi đã đưa đơn vị ra khỏi danh sách nơi nhận của văn bản này.",
    DeliveryState.REPLACED: "Bên gửi đã thay văn bản này bằng một văn bản khác.",
}
_WITH_REASON: Final = (StatusCode.REFUSED, StatusCode.DECLINED)


class Pages:
    """The handlers."""

    def __init__(self, parts: FrontParts, mailboxes: Mailboxes, links: Links) -> None:
        settings = parts.settings
        self._parts = parts
        self._mailboxes = mailboxes
        self._links = links
        self._node_name = settings.node.name or settings.node.code
        self._form_key = parts.key.derive("mail form")
        limits = Limits(**settings.limits.model_dump())
        self._unpacking = Unpacking(parts.store, limits, parts.store.temporary)
        rate = settings.mail.confirm_per_minute
        self._buckets = Buckets(parts.clock, per_minute=rate, at_once=rate)
        self._templates = templates(pages=True)

    def routes(self) -> list[web.RouteDef]:
        """Their addresses. `get` answers HEAD too, in the same harmless way."""
        return [
            web.get("/mail/confirm/{token}", self._safely(self.show)),
            web.post("/mail/confirm/{token}", self._safely(self.say)),
            web.get("/mail/files/{token}", self._safely(self.list_files)),
            web.get("/mail/files/{token}/package", self._safely(self.package)),
            web.get(r"/mail/files/{token}/{position:\d{1,6}}", self._safely(self.file)),
        ]

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The document, and what can be said of it."""
        subject = self._subject(request, Purpose.CONFIRM)
        return self._page_of(await self._mailboxes.look(subject.package_id, subject.organ_id), subject)

    async def say(self, request: web.Request) -> web.StreamResponse:
        """Say it, and show what was said."""
        subject = self._subject(request, Purpose.CONFIRM)
        form = await request.post()
        code, reason = _text(form.get("code")), _text(form.get("reason")).strip()
        at = self._moment(subject, _text(form.get("at")))
        try:
            chosen = StatusCode(code)
        except ValueError as e:
            raise Malformed(Code.BAD_STATUS_CODE, at="code") from e
        at_hand = await self._mailboxes.look(subject.package_id, subject.organ_id)
        if chosen in at_hand.choices and chosen is StatusCode.REFUSED and not reason:
            return self._page_of(at_hand, subject, problem="Từ chối phải nêu lý do.", status=422)
        if len(reason) > REASON_CHARACTERS:
            return self._page_of(at_hand, subject, problem=f"Lý do dài quá {REASON_CHARACTERS} ký tự.", status=422)
        reason = reason if chosen in _WITH_REASON else ""
        said = Said(code=chosen, reason=reason, at=at)
        await self._mailboxes.say(subject.package_id, subject.organ_id, said)
        log.info("mail_confirmed", package_id=subject.package_id, organ=subject.organ_id, code=chosen)
        raise web.HTTPSeeOther(request.path, headers=_HEADERS)  # so that loading the page again says nothing again

    async def list_files(self, request: web.Request) -> web.StreamResponse:
        """The package and its files, to be downloaded."""
        subject = self._subject(request, Purpose.FILES)
        at_hand = await self._mailboxes.look(subject.package_id, subject.organ_id)
        return self._render("files.html", self._common(at_hand, subject))

    async def package(self, request: web.Request) -> web.StreamResponse:
        """The exact bytes that the sender sent."""
        subject = self._subject(request, Purpose.FILES)
        package = (await self._mailboxes.look(subject.package_id, subject.organ_id)).package
        response = _attachment(f"goi-tin-{package.package_id}.edxml", package.size_bytes)
        return await hand_out(request, response, self._parts.store.blobs.chunks(package.sha256_hex))

    async def file(self, request: web.Request) -> web.StreamResponse:
        """One file of the document, as its author had it."""
        subject = self._subject(request, Purpose.FILES)
        at_hand = await self._mailboxes.look(subject.package_id, subject.organ_id)
        position = int(request.match_info["position"])
        row = next((one for one in at_hand.files if one.position == position), None)
        if row is None:
            raise NotFound(Code.NOT_FOUND, "no such file")
        async with self._unpacking.file(at_hand.package.sha256_hex, row) as opened:
            response = _attachment(opened.name, opened.path.stat().st_size)
            return await hand_out(request, response, file_pieces(opened.path))

    # ── checking ───────────────────────────────────────────────────────────────────────────────────────────────

    def _subject(self, request: web.Request, purpose: Purpose) -> Subject:
        wait_s = self._buckets.take(self._parts.caller(request))
        if wait_s:
            raise Busy(Code.RATE_LIMITED, retry_after_s=int(wait_s) + 1)
        return self._links.read(purpose, request.match_info["token"], self._parts.clock.now())

    def _stamp(self, subject: Subject, at: datetime) -> str:
        """The moment at which a form was shown, in a form that only this node can write."""
        moment = at.astimezone(UTC).isoformat(timespec="seconds")
        said = f"{moment}\n{subject.package_id}\n{subject.organ_id}".encode()
        return f"{moment} {hmac.digest(self._form_key, said, 'sha256').hex()[:24]}"

    def _moment(self, subject: Subject, text: str) -> datetime:
        """The moment in a form. Raises NotAllowed(LINK_INVALID) for one that this node did not write."""
        moment = text.partition(" ")[0]
        try:
            at = datetime.fromisoformat(moment[:_MOMENT_CHARACTERS])
            genuine = hmac.compare_digest(self._stamp(subject, at).encode(), text.encode())
        except (ValueError, OverflowError):
            genuine = False
        if not genuine:
            raise NotAllowed(Code.LINK_INVALID)
        if self._parts.clock.now() - at > _FORM_VALID:
            return self._parts.clock.now()  # a page that stood open for days: what it says, it says now
        return at

    # ── showing ────────────────────────────────────────────────────────────────────────────────────────────────

    def _safely(self, handler: Handler) -> Handler:
        """This front's catch point: each error becomes a page that says what to do."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except AxisError as e:
                if isinstance(e, Internal):
                    log.exception("mail_page_failed")
                return self._refusal(e)

        return handle

    def _refusal(self, error: AxisError) -> web.Response:
        said = SENTENCES[error.code]
        response = self._render(
            "refusal.html",
            {"node_name": self._node_name, "what": said.what_vi, "action": said.action_vi},
            status=_STATUSES.get(error.code, 503 if isinstance(error, Busy) else 422),
        )
        if isinstance(error, Busy):
            response.headers[hdrs.RETRY_AFTER] = str(error.retry_after_s)
        return response

    def _page_of(
        self, at_hand: PackageAtHand, subject: Subject, *, problem: str = "", status: int = 200
    ) -> web.Response:
        now = self._parts.clock.now()
        values = self._common(at_hand, subject) | {
            "problem": problem,
            "choices": [(code.value, _WORDS[code], _MEANINGS[code]) for code in self._open_choices(at_hand)],
            "wants_reason": any(code in _WITH_REASON for code in at_hand.choices),
            "most_characters": REASON_CHARACTERS,
            "reason_label": (
                "Lý do (phải có khi từ chối)" if StatusCode.REFUSED in at_hand.choices else "Lý do (khi không đồng ý)"
            ),
            "at": self._stamp(subject, now),
            "files_link": self._files_link(subject),
        }
        return self._render("confirm.html", values, status=status)

    def _open_choices(self, at_hand: PackageAtHand) -> tuple[StatusCode, ...]:
        """What is still to be said: not what was said last, and not that it has come once more was said."""
        said = at_hand.last.status_code if at_hand.last else None
        left = (code for code in at_hand.choices if code != said)
        return tuple(code for code in left if said is None or code is not StatusCode.ARRIVED)

    def _files_link(self, subject: Subject) -> str:
        return f"/mail/files/{self._links.token(Purpose.FILES, subject)}"

    def _common(self, at_hand: PackageAtHand, subject: Subject) -> dict[str, object]:
        package, document = at_hand.package, at_hand.document
        business = BusinessType(package.business_type or 0)
        urgency = Urgency(package.urgency)
        fields = (
            ("Số, ký hiệu", package.code),
            ("Trích yếu", package.subject),
            ("Nơi gửi", document.sender_name if document else None),
            ("Loại văn bản", document.type_name if document else None),
            ("Ngày ban hành", _day(document.promulgation_date) if document else None),
            ("Hạn xử lý", _day(document.due_date) if document else None),
            ("Nơi nhận", f"{at_hand.receiver} ({subject.organ_id})"),
        )
        delivery = at_hand.delivery
        return {
            "node_name": self._node_name,
            "title": f"{BUSINESS[business]} {one_line(package.code or package.document_id, _SHORT)}",
            "urgency": URGENCY[urgency] if urgency is not Urgency.NORMAL else "",
            "fields": [(name, one_line(value, _SHORT * 4)) for name, value in fields if value],
            "files": [(one.position, one_line(one.name, _SHORT), size_text(one.size_bytes)) for one in at_hand.files],
            "package_size": size_text(package.size_bytes),
            "package_id": package.package_id,
            "state": _STATES.get(delivery.state, "") if delivery and business.makes_document else "",
            "withdrawn": at_hand.consignment.state is TransportState.CANCELLED,
            "speaks": at_hand.speaks,
            "known": at_hand.delivery is not None,
            "last": _last(at_hand),
            "until": moment_text(subject.expires_at),
            "files_base": self._files_link(subject),
        }

    def _render(self, name: str, values: Mapping[str, object], *, status: int = 200) -> web.Response:
        text = self._templates.get_template(name).render(values, style=_STYLE)
        return web.Response(text=text, content_type="text/html", status=status, headers=_HEADERS)


def _last(at_hand: PackageAtHand) -> str:
    """What was said last, as a sentence."""
    event = at_hand.last
    if event is None:
        return ""
    try:
        word = STATUS[StatusCode(event.status_code)]
    except ValueError:
        word = event.status_code
    reason = f" Lý do: {one_line(event.description, _SHORT * 4)}" if event.description else ""
    return f"{word} ({event.status_code}), lúc {moment_text(event.received_at)}.{reason}"


def _day(text: str | None) -> str | None:
    """An ISO date as dd/MM/yyyy; what is no date, as it came."""
    try:
        return f"{datetime.fromisoformat(text or ''):%d/%m/%Y}"
    except ValueError:
        return text


def _text(value: object) -> str:
    """A form's field; a file where a text belongs is none."""
    return value if isinstance(value, str) else ""


def _attachment(name: str, size_bytes: int) -> web.StreamResponse:
    """A download that a browser never runs."""
    response = web.StreamResponse(
        headers={
            **_HEADERS,
            "Content-Security-Policy": "sandbox; default-src 'none'",
            hdrs.CONTENT_TYPE: "application/octet-stream",
            hdrs.CONTENT_DISPOSITION: disposition(name),
        }
    )
    response.content_length = size_bytes
    return response
