"""The fronts that a vendor's software can be tested on: a row for each."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import hdrs

from axis.kit.words import Words

_ID = re.compile(r"/[0-9A-Z]{26}(?=/|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What names an operation in a call: nothing of its body."""

    method: str
    path: str
    action: str  # of SOAP


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """How the vendor's software calls."""

    id: str
    title: Words
    path: str  # below the node's address
    system_front: str  # what the connected system is registered with
    secret: Words | None  # how it calls what the software shows; None: it never calls
    has_api_token: bool = False  # it shows a token of the REST API, not the system's secret
    adapter: str = ""  # by which the node calls the software, where it does
    without: Mapping[str, Words] = field(default_factory=dict)  # cases that it cannot carry, and why not
    receipts_say_arrived: bool = False  # its word for "I have it" says 01 too
    operation: Callable[[Asked], str]
    sends: Callable[[Asked], bool]  # whether the answer of such a call tells that a package was taken


def _vxp_operation(asked: Asked) -> str:
    return asked.path.rpartition("/")[2]


def _api_operation(asked: Asked) -> str:
    return f"{asked.method} {_ID.sub('/{id}', asked.path.removeprefix('/api/v1'))}"


def _api_sends(asked: Asked) -> bool:
    return asked.method not in (hdrs.METH_GET, hdrs.METH_HEAD) and not asked.path.endswith("/acknowledge")


_WRITTEN_ANEW = Words(
    "eDoc SOAP lập lại gói tin ở cả hai chiều: chữ ký và dạng khác thường không đến được bên kia",
    "eDoc SOAP writes packages anew there and back: signatures and odd forms do not reach the other side",
)
_NO_CALLS = Words(
    "phần mềm không gọi trục mà đọc ghi tệp: không có câu trả lời nào để mất, để chậm, để từ chối tạm thời",
    "the software does not call the axis but reads and writes files: there is no answer to lose, delay or put off",
)
_ONCE = Words(
    "theo cách kết nối này trục chỉ giao mỗi gói tin một lần: phần mềm đã lấy thì gói không xuất hiện lại",
    "by this way of connecting each package comes once: what was taken does not appear again",
)
_BY_FILES = {**dict.fromkeys(("lost-answer", "busy", "retry-after", "late-answer"), _NO_CALLS), "again": _ONCE}
_SENDS_NOTHING = Words(
    "đơn vị dùng hộp thư không gửi văn bản bằng cách kết nối này",
    "an organisation with a mailbox sends no documents by this way of connecting",
)
_CLERK_ONLY = Words(
    "trang xác nhận chỉ có 01, 03, 02 và 15, 16: phân công, xử lý, hoàn thành không báo qua thư",
    "the page behind the mail knows 01, 03, 02 and 15, 16 only: later steps are not told by mail",
)
_SENDING = (
    "send", "send-several", "statuses", "refusal", "lost-answer", "busy", "retry-after", "late-answer",
    "doubled-status", "partner-down", "own-recall", "own-update", "own-replace", "form", "signed",
)  # fmt: skip
_BY_MAIL = {**dict.fromkeys(_SENDING, _SENDS_NOTHING), "steps": _CLERK_ONLY, "again": _ONCE}


def _mail_operation(asked: Asked) -> str:
    """The page, without the token behind it: whoever has that can answer."""
    return f"{asked.method} {'/'.join(asked.path.split('/')[:3])}"


def _by_files(name: str, vi: str, en: str) -> Front:
    return Front(
        id=name,
        title=Words(vi, en),
        path="",
        system_front="vxp",
        secret=None,
        adapter=name,
        without=_BY_FILES,
        operation=lambda asked: f"{asked.method} {asked.path}",
        sends=lambda _: False,
    )


FRONTS: dict[str, Front] = {
    front.id: front
    for front in (
        Front(
            id="vxp",
            title=Words("VXP (thư viện của nhà cung cấp trục)", "VXP (the axis vendor's client)"),
            path="/vxp",
            system_front="vxp",
            secret=Words("Khóa bí mật", "Secret"),
            operation=_vxp_operation,
            sends=lambda asked: _vxp_operation(asked) == "sendEdoc",
        ),
        Front(
            id="api",
            title=Words("REST API", "REST API"),
            path="/api/v1",
            system_front="vxp",
            secret=Words("Mã truy cập (Bearer)", "Token (Bearer)"),
            has_api_token=True,
            operation=_api_operation,
            sends=_api_sends,
        ),
        Front(
            id="edoc",
            title=Words("eDoc SOAP (edXML 1.0)", "eDoc SOAP (edXML 1.0)"),
            path="/edoc",
            system_front="edoc",
            secret=Words("Token", "Token"),
            receipts_say_arrived=True,
            without=dict.fromkeys(("bad-signature", "signed", "form", "receive-odd"), _WRITTEN_ANEW),
            operation=lambda asked: asked.action or f"{asked.method} {asked.path}",
            sends=lambda asked: asked.method == hdrs.METH_POST and asked.action in ("", "SendDocument"),
        ),
        Front(
            id="webhook",
            title=Words("Webhook (nhận), REST API (gửi)", "Webhook (receiving), REST API (sending)"),
            path="/api/v1",
            system_front="vxp",
            secret=Words("Mã truy cập (Bearer)", "Token (Bearer)"),
            has_api_token=True,
            adapter="webhook",
            without={"again": _ONCE},
            operation=_api_operation,
            sends=_api_sends,
        ),
        _by_files("folder", "Tệp trong thư mục", "Files in a folder"),
        _by_files("sftp", "Tệp qua SFTP", "Files over SFTP"),
        _by_files("webdav", "Tệp qua WebDAV", "Files over WebDAV"),
        Front(
            id="mail",
            title=Words("Hộp thư công vụ và trang xác nhận", "A mailbox, and the page behind each mail"),
            path="/mail",
            system_front="vxp",
            secret=None,
            adapter="mail",
            without=_BY_MAIL,
            operation=_mail_operation,
            sends=lambda _: False,
        ),
    )
}
