"""The organisations of the test node: the vendor's own, and partners whose code says how they behave."""

from dataclasses import dataclass
from enum import StrEnum

from axis.kit.words import Words

ROOT = "K99"
ROOT_NAME = "Vùng thử nghiệm kết nối (Axis)"
VENDOR_NAME = "Cơ quan của phần mềm được thử"


class Partner(StrEnum):
    """A partner, by its magic code."""

    OK = f"{ROOT}.OK"
    KEEP = f"{ROOT}.KEEP"
    REFUSE = f"{ROOT}.REFUSE"
    SILENT = f"{ROOT}.SILENT"
    DOWN = f"{ROOT}.DOWN"
    SLOW = f"{ROOT}.SLOW"
    DUP = f"{ROOT}.DUP"
    BADSIG = f"{ROOT}.BADSIG"
    BUSY = f"{ROOT}.BUSY"
    LOST = f"{ROOT}.LOST"
    LATE = f"{ROOT}.LATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a partner behaves, and how the way to it does."""

    name: str  # as it is registered
    meaning: Words


BEHAVIOURS: dict[Partner, Behaviour] = {
    Partner.OK: Behaviour(
        name="Cơ quan thử nghiệm: xử lý đầy đủ",
        meaning=Words(
            "nhận và trả đủ 01, 03, 04, 05, 06; đồng ý (15) với thu hồi, cập nhật, yêu cầu lấy lại",
            "takes it and answers 01, 03, 04, 05, 06; agrees (15) to recalls, updates and requests",
        ),
    ),
    Partner.KEEP: Behaviour(
        name="Cơ quan thử nghiệm: không đồng ý thu hồi",
        meaning=Words(
            "trả 01, 03; không đồng ý (16) với thu hồi, cập nhật, yêu cầu lấy lại",
            "answers 01, 03; declines (16) recalls, updates and requests",
        ),
    ),
    Partner.REFUSE: Behaviour(
        name="Cơ quan thử nghiệm: từ chối",
        meaning=Words("trả 01 rồi từ chối (02) kèm lý do", "answers 01, then refuses (02) with a reason"),
    ),
    Partner.SILENT: Behaviour(
        name="Cơ quan thử nghiệm: không trả lời",
        meaning=Words("nhận nhưng không bao giờ trả trạng thái", "takes it and never says anything"),
    ),
    Partner.DOWN: Behaviour(
        name="Cơ quan thử nghiệm: mất kết nối tạm thời",
        meaning=Words(
            "mất kết nối một lúc, sau đó mới lấy văn bản và trả 01, 03",
            "cannot be reached for a while, then fetches and answers 01, 03",
        ),
    ),
    Partner.SLOW: Behaviour(
        name="Cơ quan thử nghiệm: trả lời chậm",
        meaning=Words("lấy ngay, một lúc sau mới trả 01, 03", "fetches at once, answers 01, 03 after a while"),
    ),
    Partner.DUP: Behaviour(
        name="Cơ quan thử nghiệm: gửi lặp",
        meaning=Words("trả 01, 03 và gửi mỗi trạng thái hai lần", "answers 01, 03 and sends each status twice"),
    ),
    Partner.BADSIG: Behaviour(
        name="Cơ quan thử nghiệm: chữ ký hỏng",
        meaning=Words(
            "trả 01, 03 bằng gói tin có chữ ký số không hợp lệ",
            "answers 01, 03 in packages whose signature is broken",
        ),
    ),
    Partner.BUSY: Behaviour(
        name="Cơ quan thử nghiệm: trục quá tải",
        meaning=Words(
            "lúc đầu trục trả 503 kèm Retry-After; gửi lại đúng lúc thì được nhận, rồi 01, 03",
            "at first the axis answers 503 with Retry-After; sent again later it is taken, then 01, 03",
        ),
    ),
    Partner.LOST: Behaviour(
        name="Cơ quan thử nghiệm: mất câu trả lời",
        meaning=Words(
            "trục nhận gói tin nhưng kết nối bị cắt trước khi trả lời; phải gửi lại chính gói đó; rồi 01, 03",
            "the axis takes the package, and the connection breaks before its answer; send the same again; then 01, 03",
        ),
    ),
    Partner.LATE: Behaviour(
        name="Cơ quan thử nghiệm: trục trả lời chậm",
        meaning=Words(
            "trục nhận gói tin nhưng trả lời chậm; hoặc chờ, hoặc gửi lại chính gói đó; rồi 01, 03",
            "the axis takes the package and answers late; wait, or send the same again; then 01, 03",
        ),
    ),
}
