"""Notices by mail: what stands in a mailbox's feed of events, told to those who read no feed.

Deadlines that are near or over, packages that are late or did not arrive. Each event is one mail under a Message-ID of
its own; how far a mailbox has been told is durable after the mail was taken, so that a crash sends the same mail again.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from adapters.mail import PeerOptions
from adapters.mail.letter import Letter, Person, check_address
from adapters.mail.office import Office
from adapters.mail.smtp import Envelope, TooLargeForServer, deliver
from adapters.mail.words import URGENCY, moment_text, templates
from axis.errors import AxisError, PeerRefused
from axis.exchange.composing import MAIL_ADAPTER
from axis.exchange.context import Context
from axis.store import queries
from axis.store.queries import PlacedEvent
from axis.store.records import Package, SystemEvent
from axis.terms import EventKind, Urgency
from axis.text import one_line

log = structlog.get_logger(__name__)

_LOOK_S = 5.0
_AT_ONCE = 20
_OLD = timedelta(days=3)  # what is older when it is seen first is told no more
_SHORT = 300

TOLD: Final[Mapping[EventKind, tuple[str, str]]] = {
    EventKind.DEADLINE_NEAR: ("Sắp đến hạn", "Văn bản dưới đây sắp đến hạn phản hồi trạng thái xử lý."),
    EventKind.DELIVERY_OVERDUE: ("Quá hạn", "Văn bản dưới đây đã quá hạn phản hồi trạng thái xử lý."),
    EventKind.DELIVERY_DELAYED: ("Chậm chuyển", "Gói tin dưới đây chưa đến được nơi nhận; trục vẫn đang gửi lại."),
    EventKind.DELIVERY_DEAD: ("Không chuyển được", "Gói tin dưới đây không đến được nơi nhận; trục đã dừng gửi."),
    EventKind.DELIVERY_EXPIRED: (
        "Hết hạn chờ nhận",
        "Hệ thống của nơi nhận không lấy gói tin dưới đây trong thời hạn chờ; trục đã dừng chờ.",
    ),
}
"""What a mailbox is told of, and how. Packages and statuses come as mails of their own."""

_OWED: Final[Mapping[str, str]] = {
    "receipt": "Xác nhận văn bản đã đến (01)",
    "acceptance": "Tiếp nhận (03) hoặc từ chối (02)",
    "completion": "Hoàn thành xử lý (06)",
}


class Notices:
    """The loop that tells mailboxes."""

    def __init__(self, context: Context, office: Office) -> None:
        self._context = context
        self._office = office
        self._pages, self._texts = templates(pages=True), templates(pages=False)

    async def run(self) -> None:
        """Tell for ever; one mailbox that cannot be reached stops no other."""
        while True:
            try:
                await self.work()
            except Exception:
                log.exception("notices_failed")
            await asyncio.sleep(_LOOK_S)

    async def work(self) -> int:
        """Tell every mailbox what is new to it. Returns how many mails were sent."""
        sent = 0
        for partner in self._context.directory.current.partners():
            if partner.adapter != MAIL_ADAPTER:
                continue
            try:
                address = check_address(PeerOptions.model_validate(dict(partner.options)).address, "address")
                sent += await self._tell(partner.partner_id, address)
            except (AxisError, ValueError, TooLargeForServer) as e:
                log.warning("notices_put_off", system=partner.partner_id, error=str(e)[:_SHORT])
        return sent

    async def _tell(self, system_id: str, address: str) -> int:
        store, sent = self._context.store, 0
        if await store.read(lambda c: queries.has_unplaced_events(c, system_id)):
            now = self._context.clock.now()
            await store.write(lambda c: queries.place_events(c, system_id, now, _AT_ONCE))
        until = await store.read(lambda c: queries.told_until(c, system_id))
        for placed in await store.read(lambda c: queries.events_after(c, system_id, until, _AT_ONCE)):
            sent += await self._send(placed, address)
            await store.write(lambda c, place=placed.place: queries.note_told(c, system_id, place))  # type: ignore[misc]
        return sent

    async def _send(self, placed: PlacedEvent, address: str) -> bool:
        event, now = placed.event, self._context.clock.now()
        if event.kind not in TOLD or now - event.at > _OLD:
            return False
        package = None
        if event.package_id is not None:
            package = await self._context.store.read(lambda c: queries.package(c, event.package_id or ""))
        letter = await asyncio.to_thread(self._letter, event, address, now, package)
        envelope = Envelope(
            return_path=self._office.sender.address,
            to=address,
            size_bytes=letter.size_bytes,
        )
        try:
            await deliver(self._office.server, envelope, letter.chunks())
        except PeerRefused as e:
            if e.retry == "later":
                raise
            log.warning("notice_refused", system=event.system_id, kind=event.kind, error=e.detail)
            return False
        log.info("notice_sent", system=event.system_id, kind=event.kind)
        return True

    def _letter(self, event: SystemEvent, address: str, now: datetime, package: Package | None) -> Letter:
        word, sentence = TOLD[EventKind(event.kind)]
        said: dict[str, Any] = _of_package(package) | json.loads(event.fields)
        registry = self._context.directory.current.registry
        code = one_line(str(said.get("code") or said.get("document_id") or ""), _SHORT)
        values = {
            "title": f"{word}: văn bản {code}",
            "sentence": sentence,
            "node_name": self._office.node_name,
            "fields": _fields(said, lambda organ: _name(registry.find(organ), organ)),
        }
        return Letter(
            message_id=f"notice-{event.event_id.lower()}@{self._office.domain}",
            at=now,
            sender=self._office.sender,
            to=Person(name="", address=address),
            subject=f"[{word}] Văn bản {code}",
            text=self._texts.get_template("notice.txt").render(values),
            html=self._pages.get_template("notice.html").render(values),
        )


def _of_package(package: Package | None) -> dict[str, Any]:
    """What a package says of itself; the event says the rest."""
    if package is None:
        return {}
    return {
        "code": package.code,
        "document_id": package.document_id,
        "subject": package.subject,
        "from": package.from_organ,
        "urgency": package.urgency,
    }


def _name(organ: Any, code: str) -> str:  # noqa: ANN401 - an Organ, or None
    return f"{organ.name} ({code})" if organ is not None else code


def _fields(said: Mapping[str, Any], name: "Any") -> tuple[tuple[str, str], ...]:  # noqa: ANN401 - a function
    urgency = said.get("urgency") or 0
    pairs = (
        ("Số, ký hiệu", said.get("code")),
        ("Mã văn bản", said.get("document_id")),
        ("Trích yếu", said.get("subject")),
        ("Nơi gửi", name(said["from"]) if said.get("from") else None),
        ("Nơi nhận", "; ".join(map(name, said.get("receivers") or filter(None, (said.get("to"),))))),
        ("Độ khẩn", URGENCY[Urgency(urgency)] if urgency in set(Urgency) and urgency else None),
        ("Cần làm", _OWED.get(str(said.get("owed")), None)),
        ("Hạn", moment_text(datetime.fromisoformat(said["due_at"])) if said.get("due_at") else None),
        ("Lý do", said.get("error")),
    )
    return tuple((label, one_line(str(value), _SHORT)) for label, value in pairs if value)
