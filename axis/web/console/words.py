"""The words and tones of the screens: what each state is called, how it looks, and what it means.

Never colour alone: a `Look` has a tone, an icon and a word. The transport of a package and the processing of a document
are told apart everywhere: what was only handed over is never called arrived.

The tables are in Vietnamese; the functions, `said` above all, give what a page shows, in its language.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from axis.terms import (
    ActEffect,
    ActKind,
    Answer,
    BusinessType,
    DeliveryState,
    DocumentState,
    Origin,
    Place,
    StatusCode,
    TransportState,
    Urgency,
)
from axis.trust.model import Outcome, Overall
from axis.trust.words import OVERALL
from axis.web.console.language import N_, _, current
from axis.web.console.moments import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a state is shown."""

    word: str
    tone: str  # a class of the stylesheet: tone-…
    icon: str  # a symbol of the icon sheet
    outline: bool = False
    struck: bool = False


STATUS: Mapping[StatusCode, Look] = {
    StatusCode.ARRIVED: Look(word=N_("Đã đến"), tone="blue", icon="inbox"),
    StatusCode.REFUSED: Look(word=N_("Từ chối tiếp nhận"), tone="red", icon="cross"),
    StatusCode.ACCEPTED: Look(word=N_("Đã tiếp nhận"), tone="teal", icon="check"),
    StatusCode.ASSIGNED: Look(word=N_("Đã phân công"), tone="indigo", icon="person"),
    StatusCode.IN_PROGRESS: Look(word=N_("Đang xử lý"), tone="amber", icon="pencil"),
    StatusCode.COMPLETED: Look(word=N_("Hoàn thành"), tone="green", icon="done"),
    StatusCode.RECALL_REQUESTED: Look(word=N_("Yêu cầu lấy lại"), tone="orange", icon="back"),
    StatusCode.AGREED: Look(word=N_("Đồng ý"), tone="green", icon="check", outline=True),
    StatusCode.DECLINED: Look(word=N_("Không đồng ý"), tone="red", icon="cross", outline=True),
}

STEPS: tuple[StatusCode, ...] = (
    StatusCode.ARRIVED,
    StatusCode.ACCEPTED,
    StatusCode.ASSIGNED,
    StatusCode.IN_PROGRESS,
    StatusCode.COMPLETED,
)
"""The way of a document at one receiver."""

ACCEPTED = frozenset(STEPS[1:])
"""Statuses that count as "đã tiếp nhận": the receiver has taken the document in."""

TRANSPORT: Mapping[TransportState, Look] = {
    TransportState.QUEUED: Look(word=N_("Chờ chuyển"), tone="grey", icon="clock"),
    TransportState.HANDED_OVER: Look(word=N_("Đã chuyển, chờ xác nhận"), tone="slate", icon="send", outline=True),
    TransportState.ACKNOWLEDGED: Look(word=N_("Bên nhận đã lấy, chờ trạng thái"), tone="slate", icon="send"),
    TransportState.RETRYING: Look(word=N_("Đang thử lại"), tone="amber", icon="retry", outline=True),
    TransportState.DEAD: Look(word=N_("Không chuyển được"), tone="red", icon="alert"),
    TransportState.CANCELLED: Look(word=N_("Đã hủy chuyển"), tone="grey", icon="cross", struck=True),
}

HELD = Look(word=N_("Đang giữ lại"), tone="amber", icon="clock", outline=True)

_UPLINK: Mapping[TransportState, str] = {
    TransportState.QUEUED: N_("Chờ chuyển lên trục quốc gia"),
    TransportState.HANDED_OVER: N_("Đã chuyển lên trục quốc gia, chờ xác nhận"),
    TransportState.ACKNOWLEDGED: N_("Bên nhận đã lấy từ trục quốc gia, chờ trạng thái"),
}

OTHER_AXIS = Look(word=N_("Trục khác chuyển"), tone="grey", icon="globe", outline=True)
"""A receiver that another axis serves: nothing is known here, and nothing is claimed."""

URGENCY: Mapping[Urgency, Look] = {
    Urgency.URGENT: Look(word=N_("Khẩn"), tone="urgent-1", icon="alert"),
    Urgency.VERY_URGENT: Look(word=N_("Thượng khẩn"), tone="urgent-2", icon="alert"),
    Urgency.EXPRESS: Look(word=N_("Hỏa tốc"), tone="urgent-3", icon="alert"),
    Urgency.EXPRESS_TIMED: Look(word=N_("Hỏa tốc hẹn giờ"), tone="urgent-4", icon="alert"),
}

ORDINARY = N_("Thường")
"""The urgency that has no chip."""

URGENCY_NUMBERS = frozenset(str(number.value) for number in Urgency)

ORIGIN: Mapping[Origin, str] = {
    Origin.LOCAL: N_("Hệ thống kết nối với trục"),
    Origin.UPLINK: N_("Trục liên thông khác"),
    Origin.NODE: N_("Soạn tại trục"),
}

BUSINESS: Mapping[BusinessType, str] = {
    BusinessType.NEW: N_("Văn bản mới"),
    BusinessType.RECALL: N_("Thu hồi"),
    BusinessType.UPDATE: N_("Cập nhật"),
    BusinessType.REPLACE: N_("Thay thế"),
}

ACT: Mapping[ActKind, Look] = {
    ActKind.RECALL: Look(word=N_("Thu hồi"), tone="orange", icon="back"),
    ActKind.UPDATE: Look(word=N_("Cập nhật"), tone="indigo", icon="pencil"),
    ActKind.REPLACE: Look(word=N_("Thay thế"), tone="indigo", icon="retry"),
    ActKind.RECALL_REQUEST: STATUS[StatusCode.RECALL_REQUESTED],
}

ANSWER: Mapping[Answer, Look] = {
    Answer.AGREED: STATUS[StatusCode.AGREED],
    Answer.DECLINED: STATUS[StatusCode.DECLINED],
    Answer.WITHDRAWN: Look(word=N_("Không cần trả lời"), tone="grey", icon="check", outline=True),
}

OPEN_ANSWER = Look(word=N_("Chưa trả lời"), tone="grey", icon="clock", outline=True)
"""An act that a receiver has not answered yet."""

DELIVERY_STATE: Mapping[DeliveryState, Look] = {
    DeliveryState.OPEN: Look(word=N_("Còn hiệu lực"), tone="green", icon="check", outline=True),
    DeliveryState.RECALLED: Look(word=N_("Đã thu hồi, chờ trả lời"), tone="orange", icon="back"),
    DeliveryState.RECALL_AGREED: Look(word=N_("Đã thu hồi, đồng ý"), tone="orange", icon="back", outline=True),
    DeliveryState.RECALL_DECLINED: Look(word=N_("Đã thu hồi, không đồng ý"), tone="red", icon="cross", outline=True),
    DeliveryState.REMOVED: Look(word=N_("Đã rút nơi nhận"), tone="grey", icon="cross", outline=True),
    DeliveryState.REPLACED: Look(word=N_("Đã được thay thế"), tone="indigo", icon="retry", outline=True),
}

DOCUMENT_STATE: Mapping[DocumentState, Look] = {
    DocumentState.OPEN: Look(word=N_("Còn hiệu lực"), tone="green", icon="check", outline=True),
    DocumentState.RECALLED: Look(word=N_("Đã thu hồi"), tone="orange", icon="back"),
    DocumentState.REPLACED: Look(word=N_("Đã được thay thế"), tone="indigo", icon="retry"),
    DocumentState.WITHDRAWN: Look(word=N_("Đã rút hết nơi nhận"), tone="grey", icon="cross"),
}

ACT_EFFECT: Mapping[ActEffect, str] = {
    ActEffect.APPLIED: N_("Đã có hiệu lực"),
    ActEffect.NOTHING: N_("Không thay đổi gì thêm"),
    ActEffect.UNKNOWN: N_("Trục chưa có văn bản này"),
    ActEffect.FOREIGN: N_("Văn bản của cơ quan khác, không tác động"),
}

FIELD: Mapping[str, str] = {
    "promulgation_place": N_("Nơi ban hành"),
    "promulgation_date": N_("Ngày ban hành"),
    "type": N_("Mã loại văn bản"),
    "type_detail": N_("Mã chi tiết loại"),
    "type_name": N_("Loại văn bản"),
    "subject": N_("Trích yếu"),
    "content": N_("Nội dung"),
    "signer_competence": N_("Thẩm quyền ký"),
    "signer_position": N_("Chức vụ người ký"),
    "signer_full_name": N_("Người ký"),
    "due_date": N_("Hạn xử lý"),
    "priority": N_("Độ khẩn"),
    "sphere_of_promulgation": N_("Lĩnh vực"),
    "typer_notation": N_("Ký hiệu người soạn"),
    "promulgation_amount": N_("Số bản phát hành"),
    "page_amount": N_("Số trang"),
    "direction": N_("Chỉ đạo"),
    "appendixes": N_("Phụ lục"),
    "reply_fors": N_("Trả lời văn bản"),
    "reference_codes": N_("Văn bản tham chiếu"),
    "steering_type": N_("Loại chỉ đạo"),
    "application_type": N_("Loại ứng dụng"),
    "tasks": N_("Nhiệm vụ"),
    "to_places": N_("Nơi nhận ghi trên văn bản"),
}
"""The texts of a header that an update can change."""

VERDICT: Mapping[Overall, Look] = {
    overall: Look(word=OVERALL[overall][0], tone=tone, icon=icon, outline=outline)
    for overall, tone, icon, outline in (
        (Overall.VALID, "green", "seal", False),
        (Overall.VALID_WITH_WARNINGS, "amber", "alert", False),
        (Overall.INVALID, "red", "cross", False),
        (Overall.UNSIGNED, "grey", "unsigned", True),
        (Overall.INDETERMINATE, "amber", "question", True),
    )
}

UNJUDGED = Look(word=N_("Chưa kiểm tra chữ ký"), tone="grey", icon="clock", outline=True)

OUTCOME: Mapping[Outcome, Look] = {
    Outcome.PASSED: Look(word=N_("Đạt"), tone="green", icon="check"),
    Outcome.NOTE: Look(word=N_("Đạt, có ghi chú"), tone="green", icon="check"),
    Outcome.WARNING: Look(word=N_("Cần lưu ý"), tone="amber", icon="alert"),
    Outcome.UNKNOWN: Look(word=N_("Chưa kết luận được"), tone="amber", icon="question"),
    Outcome.FAILED: Look(word=N_("Không đạt"), tone="red", icon="cross"),
}

CAUSE: Mapping[str, str] = {
    "intake": N_("Kiểm tra khi tiếp nhận"),
    "files": N_("Kiểm tra chữ ký trong tệp"),
    "evidence": N_("Kiểm tra lại khi có thêm chứng cứ"),
    "manual": N_("Kiểm tra lại theo yêu cầu"),
}

DUE: Mapping[str, str] = {
    "files": N_("Chữ ký trong các tệp đang chờ kiểm tra; kết quả sẽ hiện ở đây."),
    "evidence": N_(
        "Còn thiếu chứng cứ (danh sách thu hồi, trả lời OCSP hoặc chứng thư của CA); trục sẽ tự kiểm tra lại."
    ),
    "manual": N_("Đang chờ kiểm tra lại theo yêu cầu."),
}

FLAG: Mapping[str, str] = {
    "same_code": N_("Trùng số, ký hiệu và ngày với một văn bản khác của cùng cơ quan ban hành."),
    "header_differs": N_("Bên gửi đã gửi lại văn bản này với thông tin mô tả khác; trục giữ bản nhận đầu tiên."),
}

EFFECT: Mapping[str, str] = {
    "unchanged": N_("Không đổi trạng thái: văn bản đã ở bước này hoặc bước sau."),
    "flagged": N_("Trái với trạng thái trước đó; tính theo trạng thái nhận sau."),
    "after_close": N_("Đến sau khi bên gửi đã thu hồi, rút nơi nhận hoặc thay thế; không đổi trạng thái."),
}


def said(look: Look) -> Look:
    """One of the looks above with its word in the page's language. Not for words that came from outside."""
    return replace(look, word=_(look.word))


def status(code: str) -> Look:
    """The look of a status; a code that nobody knows is shown as it is."""
    try:
        return said(STATUS[StatusCode(code)])
    except ValueError:
        return Look(word=code, tone="grey", icon="clock", outline=True)


def business(number: int | None) -> str:
    """What a package does, in a word."""
    try:
        return _(BUSINESS[BusinessType(number or 0)])
    except ValueError:
        return _("Loại {number}", number=number)


def field(name: str) -> str:
    """What a text of the header is called; one that nobody knows, as it is."""
    return _(FIELD[name]) if name in FIELD else name


def flag(word: str) -> str:
    """What is odd about a document, in a sentence."""
    return _(FLAG[word]) if word in FLAG else word


def cause(word: str) -> str:
    """Why signatures were looked at."""
    return _(CAUSE[word]) if word in CAUSE else word


def act(kind: str) -> Look:
    """The look of an act."""
    try:
        return said(ACT[ActKind(kind)])
    except ValueError:
        return Look(word=kind, tone="grey", icon="pencil")


def waiting_answers(kind: ActKind, waiting: int) -> int:
    """How many answers an act waits for. A replacement is answered by the statuses of the document that it brings."""
    return 0 if kind is ActKind.REPLACE else waiting


def verdict(word: str | None) -> Look | None:
    """The look of a verdict; none where nobody has looked."""
    if word is None:
        return None
    try:
        overall = Overall(word)
    except ValueError:
        return Look(word=word, tone="grey", icon="question", outline=True)
    return replace(VERDICT[overall], word=in_language(OVERALL[overall]))


def in_language(pair: tuple[str, str]) -> str:
    """The one of a Vietnamese and an English text that the page speaks."""
    return pair[current() == "en"]


def outcome(word: str) -> Look:
    """The look of one check's outcome; a word that nobody knows counts as unknown."""
    try:
        return said(OUTCOME[Outcome(word)])
    except ValueError:
        return said(OUTCOME[Outcome.UNKNOWN])


def urgency(number: int) -> Look | None:
    """The chip of an urgency; the ordinary one has none."""
    try:
        look = URGENCY.get(Urgency(number))
    except ValueError:
        return None
    return said(look) if look else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """How far a package has come on its way to one receiver."""

    place: Place
    state: TransportState | None
    failures: int = 0
    next_at: datetime | None = None


def transport(way: Transport, now: datetime) -> Look:
    """The look of a transport state, in words that say where the package is and who is asked."""
    if way.state is None:
        return said(OTHER_AXIS if way.place is Place.ELSEWHERE else TRANSPORT[TransportState.QUEUED])
    look = TRANSPORT[way.state]
    if way.state is TransportState.RETRYING:
        return replace(look, word=_retrying(way, now))
    if way.place is Place.UPLINK and way.state in _UPLINK:
        return replace(look, word=_(_UPLINK[way.state]))
    return said(look)


def _retrying(way: Transport, now: datetime) -> str:
    if not way.failures:
        return _("Đang thử lại (chưa rõ lần)")
    if way.next_at is None:
        return _("Đang thử lại (lần {times})", times=way.failures)
    soon = moment(way.next_at, now).short
    return _("Đang thử lại (lần {times}, tiếp theo {moment})", times=way.failures, moment=soon)


def situation(status_code: str | None, way: Transport, now: datetime) -> Look:
    """What to say of one receiver: its last status, and before there is one, how the package travels."""
    return transport(way, now) if status_code is None else status(status_code)
