"""What a clerk may do with a document at their own organisation, as values ready to be shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from axis.exchange.desk import AtHand, OnDesk, Told
from axis.status.order import Effect
from axis.terms import ActKind, DeliveryState, DocumentState, StatusCode
from axis.web.console import words
from axis.web.console.clerks import stamp
from axis.web.console.language import N_, _
from axis.web.console.moments import Moment, moment
from axis.web.console.sessions import Visitor
from axis.web.console.words import Look

_BOXES = 4  # organisations of one clerk whose buttons stand on the page; the others are led to

VERBS: Final[Mapping[StatusCode, str]] = {
    StatusCode.ARRIVED: N_("Xác nhận đã đến"),
    StatusCode.ACCEPTED: N_("Tiếp nhận"),
    StatusCode.ASSIGNED: N_("Phân công"),
    StatusCode.IN_PROGRESS: N_("Đang xử lý"),
    StatusCode.COMPLETED: N_("Hoàn thành"),
    StatusCode.REFUSED: N_("Từ chối"),
    StatusCode.AGREED: N_("Đồng ý¦việc"),
    StatusCode.DECLINED: N_("Không đồng ý¦việc"),
}
"""What a clerk does by stating a status."""

_ASKS: Final[Mapping[ActKind, str]] = {
    ActKind.RECALL: N_("Bên gửi đã thu hồi văn bản và chờ đơn vị trả lời."),
    ActKind.UPDATE: N_("Bên gửi đã cập nhật văn bản và chờ đơn vị trả lời."),
    ActKind.REPLACE: N_("Bên gửi đã thay văn bản này bằng một văn bản khác."),
    ActKind.RECALL_REQUEST: N_("Bên gửi yêu cầu lấy lại văn bản và chờ đơn vị trả lời."),
}
_CLOSED: Final[Mapping[DeliveryState, str]] = {
    DeliveryState.RECALLED: N_("Văn bản đã bị thu hồi: không còn xử lý tiếp ở đây."),
    DeliveryState.RECALL_AGREED: N_("Đơn vị đã đồng ý trả lại văn bản: không còn xử lý tiếp ở đây."),
    DeliveryState.REMOVED: N_("Bên gửi đã rút đơn vị khỏi danh sách nơi nhận: không còn xử lý tiếp ở đây."),
    DeliveryState.REPLACED: N_("Văn bản đã được thay bằng văn bản khác: hãy xử lý văn bản mới."),
}
TOLD: Final[Mapping[str, tuple[str, str]]] = {
    Told.SAID: ("good", N_("Đã ghi nhận và chuyển cho bên gửi.")),
    Told.BEFORE: ("good", N_("Điều này đã được ghi nhận trước đó; không gửi lần thứ hai.")),
    Told.OVERTAKEN: (
        "bad",
        N_("Trong lúc bạn xem, người khác đã cập nhật văn bản này. Chưa ghi nhận gì; hãy xem lại rồi chọn."),
    ),
    Told.NOT_NOW: (
        "bad",
        N_("Văn bản không còn ở trạng thái cho phép việc này. Chưa ghi nhận gì; hãy xem lại trạng thái hiện tại."),
    ),
    "forwarded": ("good", N_("Đã chuyển tiếp văn bản.")),
    "forwarded_before": ("good", N_("Văn bản đã được chuyển tiếp cho nơi này trước đó.")),
    "returned": ("good", N_("Đã trả lại văn bản cho bên gửi.")),
    "asked": ("good", N_("Đã gửi yêu cầu lấy lại. Nơi nhận sẽ trả lời đồng ý hoặc không.")),
    "acted": ("good", N_("Đã gửi. Kết quả tại từng nơi nhận hiện ở dưới.")),
    "acted_before": ("good", N_("Việc này đã được gửi trước đó; không gửi lần thứ hai.")),
    "sent": ("good", N_("Đã gửi văn bản.")),
    "sent_before": ("good", N_("Văn bản này đã được gửi trước đó; không gửi lần thứ hai.")),
}
"""What became of something that was done, by the word in the address that leads back to the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A button."""

    code: str
    verb: str
    tone: str
    icon: str
    note: str  # why it is unusual
    main: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What became of what was done."""

    kind: str  # good | bad
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskBox:
    """One organisation of the clerk that has the document."""

    organ: str
    name: str
    anchor: str
    look: Look | None  # its status now
    who: str  # who said so
    since: Moment | None
    choices: tuple[Choice, ...]
    closed: str
    asks: str  # what the sender wants to have answered, "" for nothing
    asks_reason: str
    answers: tuple[Choice, ...]
    at: str
    seen: str
    staff: str
    forward_href: str
    return_href: str
    reason: str = ""  # as it was typed
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskLink:
    """A link."""

    word: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskCard:
    """What the clerk may do, on the page of a document."""

    uid: str
    csrf: str
    boxes: tuple[DeskBox, ...]
    others: tuple[DeskLink, ...]  # further organisations of theirs
    acts: tuple[DeskLink, ...]  # what the sender's clerk may do
    revises: bool  # also update and replace it
    notice: Notice | None


def desk_card(on_desk: OnDesk, visitor: Visitor, now: datetime, told: str) -> DeskCard:
    """The card for what was found."""
    uid = on_desk.document.document_uid
    boxes, others = on_desk.received[:_BOXES], on_desk.received[_BOXES:]
    kind, text = TOLD.get(told, ("", ""))
    return DeskCard(
        uid=uid,
        csrf=visitor.csrf_token,
        boxes=tuple(desk_box(one, visitor, now) for one in boxes),
        others=tuple(DeskLink(word=one.name, href=_href(uid, "answer", one)) for one in others),
        acts=_acts(on_desk),
        revises=_in_force(on_desk),
        notice=Notice(kind=kind, text=_(text)) if text else None,
    )


def desk_box(at_hand: AtHand, visitor: Visitor, now: datetime, *, reason: str = "", problem: str = "") -> DeskBox:
    """One organisation's box."""
    delivery, last = at_hand.delivery, at_hand.last
    uid = delivery.document_uid
    return DeskBox(
        organ=delivery.receiver_organ,
        name=at_hand.name,
        anchor=f"desk-{delivery.delivery_id}",
        look=words.status(delivery.status_code) if delivery.status_code else None,
        who=last.staff or "" if last else "",
        since=moment(delivery.status_at, now) if delivery.status_at else None,
        choices=_choices(at_hand.sayable),
        closed=_(_CLOSED[delivery.state]) if delivery.state in _CLOSED else "",
        asks=_(_ASKS[at_hand.asks.kind]) if at_hand.asks else "",
        asks_reason=at_hand.asks.reason or "" if at_hand.asks else "",
        answers=_answers() if at_hand.asks else (),
        at=stamp(visitor, stamped(uid, delivery.receiver_organ), now),
        seen=at_hand.seen,
        staff=visitor.full_name or visitor.username,
        forward_href=_href(uid, "forward", at_hand) if at_hand.may_pass_on else "",
        return_href=_href(uid, "return", at_hand) if at_hand.may_pass_on else "",
        reason=reason,
        problem=problem,
    )


def _in_force(on_desk: OnDesk) -> bool:
    return on_desk.sends and on_desk.document.state is DocumentState.OPEN


def _acts(on_desk: OnDesk) -> tuple[DeskLink, ...]:
    """What is left to do of a document that the clerk's organisation has sent."""
    if not on_desk.sends or on_desk.document.state is DocumentState.RECALLED:
        return ()
    base = f"/documents/{on_desk.document.document_uid}"
    recall = DeskLink(word=_("Thu hồi…"), href=f"{base}/recall")
    ask = DeskLink(word=_("Yêu cầu một nơi trả lại…"), href=f"{base}/ask-back")
    return (recall, ask) if _in_force(on_desk) else (recall,)


def stamped(uid: str, organ: str) -> str:
    """What a form about a document at an organisation is about."""
    return f"{uid}\n{organ}"


def _href(uid: str, page: str, at_hand: AtHand) -> str:
    return f"/documents/{uid}/{page}?{urlencode({'organ': at_hand.delivery.receiver_organ})}"


def _choices(sayable: Mapping[StatusCode, Effect]) -> tuple[Choice, ...]:
    """The next step stands out; what contradicts what was said before carries a note."""
    first = next((code for code in sayable if code is not StatusCode.ARRIVED), None)
    return tuple(_choice(code, effect, main=code is first) for code, effect in sayable.items())


def _choice(code: StatusCode, effect: Effect, *, main: bool) -> Choice:
    look = words.STATUS[code]
    flagged = effect is Effect.FLAGGED
    note = ""
    if flagged:
        note = _("Trái với trạng thái đã báo trước đó; bên gửi sẽ thấy cả hai.")
    usual = main and not flagged and code is not StatusCode.REFUSED
    return Choice(code=code, verb=_(VERBS[code]), tone=look.tone, icon=look.icon, note=note, main=usual)


def _answers() -> tuple[Choice, ...]:
    return tuple(
        Choice(code=code, verb=_(VERBS[code]), tone=words.STATUS[code].tone, icon=words.STATUS[code].icon, note="")
        for code in (StatusCode.AGREED, StatusCode.DECLINED)
    )
