"""The words and tones of the screens: what each state is called, how it looks, and what it means.

Never colour alone: a `Look` has a tone, an icon and a word. The transport of a package and the processing of a document
are told apart everywhere: what was only handed over is never called arrived.
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
    StatusCode.ARRIVED: Look(word="Đã đến", tone="blue", icon="inbox"),
    StatusCode.REFUSED: Look(word="Từ chối tiếp nhận", tone="red", icon="cross"),
    StatusCode.ACCEPTED: Look(word="Đã tiếp nhận", tone="teal", icon="check"),
    StatusCode.ASSIGNED: Look(word="Đã phân công", tone="indigo", icon="person"),
    StatusCode.IN_PROGRESS: Look(word="Đang xử lý", tone="amber", icon="pencil"),
    StatusCode.COMPLETED: Look(word="Hoàn thành", tone="green", icon="done"),
    StatusCode.RECALL_REQUESTED: Look(word="Yêu cầu lấy lại", tone="orange", icon="back"),
    StatusCode.AGREED: Look(word="Đồng ý", tone="green", icon="check", outline=True),
    StatusCode.DECLINED: Look(word="Không đồng ý", tone="red", icon="cross", outline=True),
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
    TransportState.QUEUED: Look(word="Chờ chuyển", tone="grey", icon="clock"),
    TransportState.HANDED_OVER: Look(word="Đã chuyển, chờ xác nhận", tone="slate", icon="send", outline=True),
    TransportState.ACKNOWLEDGED: Look(word="Bên nhận đã lấy, chờ trạng thái", tone="slate", icon="send"),
    TransportState.RETRYING: Look(word="Đang thử lại", tone="amber", icon="retry", outline=True),
    TransportState.DEAD: Look(word="Không chuyển được", tone="red", icon="alert"),
    TransportState.CANCELLED: Look(word="Đã hủy chuyển", tone="grey", icon="cross", struck=True),
}

HELD = Look(word="Đang giữ lại", tone="amber", icon="clock", outline=True)

_UPLINK: Mapping[TransportState, str] = {
    TransportState.QUEUED: "Chờ chuyển lên trục quốc gia",
    TransportState.HANDED_OVER: "Đã chuyển lên trục quốc gia, chờ xác nhận",
    TransportState.ACKNOWLEDGED: "Bên nhận đã lấy từ trục quốc gia, chờ trạng thái",
}

OTHER_AXIS = Look(word="Trục khác chuyển", tone="grey", icon="globe", outline=True)
"""A receiver that another axis serves: nothing is known here, and nothing is claimed."""

URGENCY: Mapping[Urgency, Look] = {
    Urgency.URGENT: Look(word="Khẩn", tone="urgent-1", icon="alert"),
    Urgency.VERY_URGENT: Look(word="Thượng khẩn", tone="urgent-2", icon="alert"),
    Urgency.EXPRESS: Look(word="Hỏa tốc", tone="urgent-3", icon="alert"),
    Urgency.EXPRESS_TIMED: Look(word="Hỏa tốc hẹn giờ", tone="urgent-4", icon="alert"),
}

ORDINARY = "Thường"
"""The urgency that has no chip."""

URGENCY_NUMBERS = frozenset(str(number.value) for number in Urgency)

ORIGIN: Mapping[Origin, str] = {
    Origin.LOCAL: "Hệ thống kết nối với trục",
    Origin.UPLINK: "Trục liên thông khác",
    Origin.NODE: "Soạn tại trục",
}

BUSINESS: Mapping[BusinessType, str] = {
    BusinessType.NEW: "Văn bản mới",
    BusinessType.RECALL: "Thu hồi",
    BusinessType.UPDATE: "Cập nhật",
    BusinessType.REPLACE: "Thay thế",
}

ACT: Mapping[ActKind, Look] = {
    ActKind.RECALL: Look(word="Thu hồi", tone="orange", icon="back"),
    ActKind.UPDATE: Look(word="Cập nhật", tone="indigo", icon="pencil"),
    ActKind.REPLACE: Look(word="Thay thế", tone="indigo", icon="retry"),
    ActKind.RECALL_REQUEST: STATUS[StatusCode.RECALL_REQUESTED],
}

ANSWER: Mapping[Answer, Look] = {
    Answer.AGREED: STATUS[StatusCode.AGREED],
    Answer.DECLINED: STATUS[StatusCode.DECLINED],
    Answer.WITHDRAWN: Look(word="Không cần trả lời", tone="grey", icon="check", outline=True),
}

OPEN_ANSWER = Look(word="Chưa trả lời", tone="grey", icon="clock", outline=True)
"""An act that a receiver has not answered yet."""

DELIVERY_STATE: Mapping[DeliveryState, Look] = {
    DeliveryState.OPEN: Look(word="Còn hiệu lực", tone="green", icon="check", outline=True),
    DeliveryState.RECALLED: Look(word="Đã thu hồi, chờ trả lời", tone="orange", icon="back"),
    DeliveryState.RECALL_AGREED: Look(word="Đã thu hồi, đồng ý", tone="orange", icon="back", outline=True),
    DeliveryState.RECALL_DECLINED: Look(word="Đã thu hồi, không đồng ý", tone="red", icon="cross", outline=True),
    DeliveryState.REMOVED: Look(word="Đã rút nơi nhận", tone="grey", icon="cross", outline=True),
    DeliveryState.REPLACED: Look(word="Đã được thay thế", tone="indigo", icon="retry", outline=True),
}

DOCUMENT_STATE: Mapping[DocumentState, Look] = {
    DocumentState.OPEN: Look(word="Còn hiệu lực", tone="green", icon="check", outline=True),
    DocumentState.RECALLED: Look(word="Đã thu hồi", tone="orange", icon="back"),
    DocumentState.REPLACED: Look(word="Đã được thay thế", tone="indigo", icon="retry"),
    DocumentState.WITHDRAWN: Look(word="Đã rút hết nơi nhận", tone="grey", icon="cross"),
}

ACT_EFFECT: Mapping[ActEffect, str] = {
    ActEffect.APPLIED: "Đã có hiệu lực",
    ActEffect.NOTHING: "Không thay đổi gì thêm",
    ActEffect.UNKNOWN: "Trục chưa có văn bản này",
    ActEffect.FOREIGN: "Văn bản của cơ quan khác, không tác động",
}

FIELD: Mapping[str, str] = {
    "promulgation_place": "Nơi ban hành",
    "promulgation_date": "Ngày ban hành",
    "type": "Mã loại văn bản",
    "type_detail": "Mã chi tiết loại",
    "type_name": "Loại văn bản",
    "subject": "Trích yếu",
    "content": "Nội dung",
    "signer_competence": "Thẩm quyền ký",
    "signer_position": "Chức vụ người ký",
    "signer_full_name": "Người ký",
    "due_date": "Hạn xử lý",
    "priority": "Độ khẩn",
    "sphere_of_promulgation": "Lĩnh vực",
    "typer_notation": "Ký hiệu người soạn",
    "promulgation_amount": "Số bản phát hành",
    "page_amount": "Số trang",
    "direction": "Chỉ đạo",
    "appendixes": "Phụ lục",
    "reply_fors": "Trả lời văn bản",
    "reference_codes": "Văn bản tham chiếu",
    "steering_type": "Loại chỉ đạo",
    "application_type": "Loại ứng dụng",
    "tasks": "Nhiệm vụ",
    "to_places": "Nơi nhận ghi trên văn bản",
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

OUTCOME: Mapping[Outcome, Look] = {
    Outcome.PASSED: Look(word="Đạt", tone="green", icon="check"),
    Outcome.NOTE: Look(word="Đạt, có ghi chú", tone="green", icon="check"),
    Outcome.WARNING: Look(word="Cần lưu ý", tone="amber", icon="alert"),
    Outcome.UNKNOWN: Look(word="Chưa kết luận được", tone="amber", icon="question"),
    Outcome.FAILED: Look(word="Không đạt", tone="red", icon="cross"),
}

CAUSE: Mapping[str, str] = {
    "intake": "Kiểm tra khi tiếp nhận",
    "files": "Kiểm tra chữ ký trong tệp",
    "evidence": "Kiểm tra lại khi có thêm chứng cứ",
    "manual": "Kiểm tra lại theo yêu cầu",
}

DUE: Mapping[str, str] = {
    "files": "Chữ ký trong các tệp đang chờ kiểm tra; kết quả sẽ hiện ở đây.",
    "evidence": "Còn thiếu chứng cứ (danh sách thu hồi, trả lời OCSP hoặc chứng thư của CA); trục sẽ tự kiểm tra lại.",
    "manual": "Đang chờ kiểm tra lại theo yêu cầu.",
}

FLAG: Mapping[str, str] = {
    "same_code": "Trùng số, ký hiệu và ngày với một văn bản khác của cùng cơ quan ban hành.",
    "header_differs": "Bên gửi đã gửi lại văn bản này với thông tin mô tả khác; trục giữ bản nhận đầu tiên.",
}

EFFECT: Mapping[str, str] = {
    "unchanged": "Không đổi trạng thái: văn bản đã ở bước này hoặc bước sau.",
    "flagged": "Trái với trạng thái trước đó; tính theo trạng thái nhận sau.",
    "after_close": "Đến sau khi bên gửi đã thu hồi, rút nơi nhận hoặc thay thế; không đổi trạng thái.",
}


def status(code: str) -> Look:
    """The look of a status; a code that nobody knows is shown as it is."""
    try:
        return STATUS[StatusCode(code)]
    except ValueError:
        return Look(word=code, tone="grey", icon="clock", outline=True)


def business(number: int | None) -> str:
    """What a package does, in a word."""
    try:
        return BUSINESS[BusinessType(number or 0)]
    except ValueError:
        return f"Loại {number}"


def act(kind: str) -> Look:
    """The look of an act."""
    try:
        return ACT[ActKind(kind)]
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
        return VERDICT[Overall(word)]
    except ValueError:
        return Look(word=word, tone="grey", icon="question", outline=True)


def outcome(word: str) -> Look:
    """The look of one check's outcome; a word that nobody knows counts as unknown."""
    try:
        return OUTCOME[Outcome(word)]
    except ValueError:
        return OUTCOME[Outcome.UNKNOWN]


def urgency(number: int) -> Look | None:
    """The chip of an urgency; the ordinary one has none."""
    try:
        return URGENCY.get(Urgency(number))
    except ValueError:
        return None


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
        return OTHER_AXIS if way.place is Place.ELSEWHERE else TRANSPORT[TransportState.QUEUED]
    look = TRANSPORT[way.state]
    if way.state is TransportState.RETRYING:
        times = f"lần {way.failures}" if way.failures else "chưa rõ lần"
        soon = f", tiếp theo {moment(way.next_at, now).short}" if way.next_at else ""
        return replace(look, word=f"{look.word} ({times}{soon})")
    if way.place is Place.UPLINK and way.state in _UPLINK:
        return replace(look, word=_UPLINK[way.state])
    return look


def situation(status_code: str | None, way: Transport, now: datetime) -> Look:
    """What to say of one receiver: its last status, and before there is one, how the package travels."""
    return transport(way, now) if status_code is None else status(status_code)
