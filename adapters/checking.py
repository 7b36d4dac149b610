"""Tries out a partner step by step, and says in words what is wrong and what to do about it: `axis adapter check`.

A real round trip, from the options to the partner's answer. The steps up to the connection are the same for every
dialect that calls an address; then comes the adapter's own `check` where it has one, else the peer's `health`. The
faults are found from the exceptions, along their causes; their sentences stand here for all dialects.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable
from urllib.parse import urlsplit

import aiohttp

from adapters.about import About
from adapters.answers import OddStatus
from adapters.base import Adapter, PeerParts, load_adapter
from axis.clock import Clock
from axis.delivery.partner import Checked, CheckedStep, Partner
from axis.errors import AxisError, Busy, Code, PeerRefused, PeerUnreachable
from axis.text import one_line

_STEP_S = 20.0
_WORDS = 300
_AT_ONCE = 4  # partners that are tried out for pages
_RETRY_S = 5
MOST_SKEW = timedelta(seconds=60)
"""Clocks that differ by more make signatures and deadlines wrong."""

_HOSTNAME_MISMATCH, _IP_MISMATCH = 62, 64  # OpenSSL's X509_V_ERR_…
_NOT_YET_VALID, _EXPIRED = 9, 10


class Step(StrEnum):
    """What is tried, in this order; a dialect leaves out what it does not have."""

    OPTIONS = "options"
    NAME = "name"
    CONNECT = "connect"
    TLS = "tls"
    CLOCK = "clock"
    LOG_IN = "log_in"
    FOLDERS = "folders"
    SET_UP = "set_up"
    WRITE = "write"
    ANSWER = "answer"


class Fault(StrEnum):
    """What can be wrong."""

    BAD_OPTIONS = "bad_options"
    NAME_UNRESOLVED = "name_unresolved"
    CONNECTION_REFUSED = "connection_refused"
    NO_ANSWER = "no_answer"
    CONNECTION_LOST = "connection_lost"
    TLS_NAME = "tls_name"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_EXPIRED = "tls_expired"
    TLS_BROKEN = "tls_broken"
    HOST_KEY_DIFFERS = "host_key_differs"
    LOGIN_REFUSED = "login_refused"
    FOLDER_MISSING = "folder_missing"
    NOT_SET_UP = "not_set_up"
    NOT_READABLE = "not_readable"
    NOT_WRITABLE = "not_writable"
    NO_SPACE = "no_space"
    CLOCK_OFF = "clock_off"
    NOT_THE_SERVICE = "not_the_service"
    PARTNER_BUSY = "partner_busy"
    PARTNER_REFUSED = "partner_refused"
    OTHER = "other"


ADVICE: Final[Mapping[Fault, tuple[str, str]]] = {
    Fault.BAD_OPTIONS: (
        "Tùy chọn chưa đúng: xem `axis adapter list`, đặt lại bằng `axis system adapter` (trục khác: mục [[uplink]]).",
        "An option is wrong: see `axis adapter list`, set it by `axis system adapter` (another axis: [[uplink]]).",
    ),
    Fault.NAME_UNRESOLVED: (
        "Không tìm thấy tên máy chủ: kiểm tra chính tả của địa chỉ và máy chủ DNS của máy này.",
        "The server's name is not found: check how the address is spelt, and this machine's DNS.",
    ),
    Fault.CONNECTION_REFUSED: (
        "Máy chủ từ chối kết nối: kiểm tra cổng, dịch vụ bên kia có đang chạy không, và tường lửa.",
        "The server refuses the connection: check the port, whether the service runs there, and the firewall.",
    ),
    Fault.NO_ANSWER: (
        "Máy chủ không trả lời: kiểm tra địa chỉ, đường truyền và tường lửa giữa hai bên.",
        "The server does not answer: check the address, the line and the firewalls in between.",
    ),
    Fault.CONNECTION_LOST: (
        "Kết nối bị ngắt giữa chừng: kiểm tra đường truyền, tường lửa, và nhật ký của máy chủ bên kia.",
        "The connection broke off: check the line, the firewall, and the log of the server there.",
    ),
    Fault.TLS_NAME: (
        "Chứng thư TLS không mang tên máy chủ này: dùng đúng tên ghi trong chứng thư, hoặc bên kia đổi chứng thư.",
        "The TLS certificate is for another name: use the name in the certificate, or have it replaced there.",
    ),
    Fault.TLS_UNTRUSTED: (
        "Chứng thư TLS do nơi chưa tin cậy cấp: khai CA nội bộ (tùy chọn ca_file nếu có, hoặc kho CA của máy này).",
        "The TLS certificate's issuer is not trusted: name your authority (option ca_file, or this machine's list).",
    ),
    Fault.TLS_EXPIRED: (
        "Chứng thư TLS hết hạn hoặc chưa đến hạn: bên kia thay chứng thư; kiểm tra đồng hồ của máy này.",
        "The TLS certificate has expired or is not valid yet: have it replaced there; check this machine's clock.",
    ),
    Fault.TLS_BROKEN: (
        "Không thiết lập được TLS: kiểm tra cổng có dùng TLS không (https hay http) và phiên bản TLS bên kia.",
        "TLS cannot be set up: check whether the port speaks TLS (https or http), and its version there.",
    ),
    Fault.HOST_KEY_DIFFERS: (
        "Khóa máy chủ SSH khác với khóa đã ghim: DỪNG LẠI, hỏi quản trị bên kia qua điện thoại trước khi đổi host_key.",
        "The SSH host key is not the pinned one: STOP, ask the administrator there by telephone before changing it.",
    ),
    Fault.LOGIN_REFUSED: (
        "Bên kia không chấp nhận tài khoản, mật khẩu hoặc khóa: kiểm tra tài khoản và nộp lại bí mật (--secret-file).",
        "The account, password or key is not accepted: check the account and give the secret anew (--secret-file).",
    ),
    Fault.FOLDER_MISSING: (
        "Không có thư mục: kiểm tra đường dẫn, và ổ đĩa mạng đã được gắn chưa.",
        "The folder is missing: check its path, and whether a network share is mounted.",
    ),
    Fault.NOT_SET_UP: (
        "Phần mềm bên kia thiếu mục nêu trên, hoặc tài khoản trục không có quyền xem: tạo đúng tên, hoặc cấp quyền.",
        "What is named above is missing there, or the node's account may not see it: make it, or give the right.",
    ),
    Fault.NOT_READABLE: (
        "Không đọc được thư mục hoặc tệp: cấp quyền đọc cho tài khoản của trục.",
        "The folder or file cannot be read: give the node's account the right to read.",
    ),
    Fault.NOT_WRITABLE: (
        "Không ghi được vào thư mục: cấp quyền tạo, đổi tên và xóa tệp cho tài khoản của trục.",
        "The folder cannot be written to: let the node's account create, rename and remove files.",
    ),
    Fault.NO_SPACE: (
        "Hết dung lượng ở nơi nhận: giải phóng đĩa hoặc tăng hạn mức.",
        "There is no space left there: free the disk or raise the quota.",
    ),
    Fault.CLOCK_OFF: (
        "Đồng hồ hai bên lệch nhau: bật đồng bộ giờ (NTP) ở cả hai máy.",
        "The two clocks differ: switch on time synchronisation (NTP) on both machines.",
    ),
    Fault.NOT_THE_SERVICE: (
        "Máy chủ trả lời nhưng không phải dịch vụ cần gọi: kiểm tra đường dẫn trong địa chỉ, cổng, và loại kết nối.",
        "A server answers, but not as the service that is meant: check the address's path and port, and the adapter.",
    ),
    Fault.PARTNER_BUSY: (
        "Bên kia đang quá tải hoặc bảo trì: thử lại sau; nếu kéo dài, hỏi quản trị bên kia.",
        "The partner is overloaded or being maintained: try again later; if it stays so, ask its administrator.",
    ),
    Fault.PARTNER_REFUSED: (
        "Bên kia hiểu và từ chối: đọc câu trả lời ở trên, liên hệ quản trị bên kia.",
        "The partner understood and said no: read its answer above, and ask its administrator.",
    ),
    Fault.OTHER: (
        "Lỗi khác: đọc chi tiết ở trên; `axis --debug adapter check …` cho biết thêm.",
        "Something else: read the detail above; `axis --debug adapter check …` tells more.",
    ),
}


def advice_of(fault: Fault, about: About | None) -> tuple[str, str]:
    """What to do about it, in both languages: in the adapter's own words where its settings stand elsewhere."""
    own = about.advice.get(fault) if about is not None else None
    return own or ADVICE[fault]


TITLES: Final[Mapping[Step, tuple[str, str]]] = {
    Step.OPTIONS: ("Tùy chọn", "Options"),
    Step.NAME: ("Tên máy chủ", "Name of the server"),
    Step.CONNECT: ("Kết nối", "Connection"),
    Step.TLS: ("Mã hóa TLS", "TLS"),
    Step.CLOCK: ("Đồng hồ hai bên", "Clocks"),
    Step.LOG_IN: ("Đăng nhập", "Logging in"),
    Step.FOLDERS: ("Thư mục", "Folders"),
    Step.SET_UP: ("Danh mục bên kia", "What is set up there"),
    Step.WRITE: ("Ghi, đổi tên, đọc, xóa thử", "Writing, renaming, reading, removing"),
    Step.ANSWER: ("Trả lời của bên kia", "The partner's answer"),
}


class Trouble(PeerUnreachable):
    """A partner could not be used, and the dialect knows why."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one step went. good: None when it was left out, with the reason."""

    step: Step
    good: bool | None
    words: str  # technical, safe to show
    fault: Fault | None = None


@dataclass(slots=True)
class Findings:
    """What has been found so far."""

    about: About | None = None
    found: list[Finding] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return all(one.good is not False for one in self.found)

    def add(self, step: Step, words: str, *, good: bool | None = True, fault: Fault | None = None) -> None:
        """Note how a step went."""
        self.found.append(Finding(step=step, good=good, words=one_line(words, _WORDS), fault=fault))

    @asynccontextmanager
    async def step(self, step: Step, words: str = "") -> AsyncIterator[None]:
        """Note a step as good unless it raises; then as what went wrong, and Failed is raised."""
        try:
            async with asyncio.timeout(_STEP_S * 3):
                yield
        except Exception as e:
            self.add(step, _said(e), good=False, fault=fault_of(e, self.about))
            raise Failed from e
        self.add(step, words)


class Failed(Exception):
    """A step failed, and is noted: what needs it is left out."""


@runtime_checkable
class Checks(Protocol):
    """An adapter that has more to try than `health`."""

    async def check(self, partner: Partner, parts: PeerParts, findings: Findings) -> None:
        """Try what the dialect needs, and note it. Raises nothing but Failed."""
        ...


async def check_partner(adapter: Adapter, partner: Partner, parts: PeerParts) -> Findings:
    """Try a partner out. Never raises for what is wrong with it."""
    findings = Findings(getattr(adapter, "about", None))
    try:
        async with findings.step(Step.OPTIONS, partner.adapter):
            peer = adapter.peer(partner, parts)
        try:
            if (address := _address(partner.options)) is not None:
                await _reach(address, parts.clock, findings)
            if isinstance(adapter, Checks):
                await adapter.check(partner, parts, findings)
            else:
                async with findings.step(Step.ANSWER, "ok"):
                    await peer.health()
        finally:
            await peer.close()
    except Failed:
        pass
    return findings


class Trials:
    """Tries partners out for people who wait at a page: in threads with their own loops, few at once, not for long."""

    def __init__(self, parts: PeerParts, wait_s: float = 25.0) -> None:
        self._parts = parts
        self._wait_s = wait_s
        self._running = 0

    async def check(self, partner: Partner) -> Checked:
        """How the partner fares. Raises Busy(OVERLOADED) when too many are being tried, Malformed for its adapter."""
        if self._running >= _AT_ONCE:
            raise Busy(Code.OVERLOADED, "too many partners are being tried out", retry_after_s=_RETRY_S)
        self._running += 1
        trial = asyncio.get_running_loop().run_in_executor(None, self._try, partner)
        trial.add_done_callback(self._ended)
        try:
            return await asyncio.wait_for(asyncio.shield(trial), self._wait_s + 1)
        except TimeoutError:  # a system call hangs; the thread ends when that does
            return _UNANSWERED

    def _try(self, partner: Partner) -> Checked:
        async def within() -> Checked:
            async with asyncio.timeout(self._wait_s):
                return checked(await check_partner(load_adapter(partner.adapter), partner, self._parts))

        try:
            return asyncio.run(within())
        except TimeoutError:
            return _UNANSWERED

    def _ended(self, trial: "asyncio.Future[Checked]") -> None:
        self._running -= 1
        if not trial.cancelled():
            trial.exception()  # whoever waited was told


def checked(findings: Findings) -> Checked:
    """What was found, in words for a page."""
    faults = dict.fromkeys(one.fault for one in findings.found if one.fault is not None)
    steps = tuple(CheckedStep(title=TITLES[one.step], good=one.good, words=one.words) for one in findings.found)
    return Checked(good=findings.good, steps=steps, advice=tuple(advice_of(fault, findings.about) for fault in faults))


_UNANSWERED: Final = Checked(good=False, steps=(), advice=(ADVICE[Fault.NO_ANSWER],))


# ── Reaching an address ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a partner is."""

    host: str
    port: int
    tls: bool = False
    http: bool = False
    ca_file: str = ""


def _address(options: Mapping[str, Any]) -> Address | None:
    """The address among a partner's options: a URL (`endpoint`, `url`), or `host` and `port`."""
    url = next((options[name] for name in ("endpoint", "url") if isinstance(options.get(name), str)), None)
    if url is not None:
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        if not parts.hostname:
            return None
        ca_file = str(options.get("ca_file") or "")
        return Address(
            host=parts.hostname, port=parts.port or (443 if tls else 80), tls=tls, http=True, ca_file=ca_file
        )
    if options.get("host"):
        return Address(host=str(options["host"]), port=int(options.get("port") or 22))
    return None


async def _reach(address: Address, clock: Clock, findings: Findings) -> None:
    loop = asyncio.get_running_loop()
    async with findings.step(Step.NAME, address.host):
        await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    where = f"{address.host}:{address.port}"
    async with findings.step(Step.CONNECT, where):
        await _connect(address, None)
    if address.tls:
        async with findings.step(Step.TLS, where):
            await _connect(address, await asyncio.to_thread(tls_context, address.ca_file))
    if address.http:
        await _compare_clocks(address, clock, findings)


async def _connect(address: Address, tls: ssl.SSLContext | None) -> None:
    async with asyncio.timeout(_STEP_S):
        _, writer = await asyncio.open_connection(address.host, address.port, ssl=tls)
    writer.close()
    with suppress(OSError):  # it had been reached
        await writer.wait_closed()


def tls_context(ca_file: str) -> ssl.SSLContext:
    """TLS as clients do it; ca_file: an authority of one's own, in the place of the machine's."""
    if ca_file and not Path(ca_file).is_file():
        raise Trouble(Fault.BAD_OPTIONS, f"ca_file: no such file: {ca_file}")
    return ssl.create_default_context(cafile=ca_file or None)


async def _compare_clocks(address: Address, clock: Clock, findings: Findings) -> None:
    """By the Date of an answer, whatever else it says."""
    scheme, context = (
        ("https", await asyncio.to_thread(tls_context, address.ca_file)) if address.tls else ("http", None)
    )
    host = f"[{address.host}]" if ":" in address.host else address.host
    date = ""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_STEP_S)) as session,
            session.head(f"{scheme}://{host}:{address.port}/", ssl=context or True, allow_redirects=False) as answer,
        ):
            date = answer.headers.get("Date", "")
    except (aiohttp.ClientError, TimeoutError, OSError):
        pass  # the partner's own protocol will tell
    try:
        theirs = parsedate_to_datetime(date)
    except (ValueError, TypeError):
        findings.add(Step.CLOCK, "the server does not tell its time", good=None)
        return
    add_clocks(theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC), clock.now(), findings)


def add_clocks(theirs: datetime, ours: datetime, findings: Findings) -> None:
    """Note how two clocks compare."""
    skew = abs(theirs - ours)
    words = f"{skew.total_seconds():.0f} s"
    if skew > MOST_SKEW:
        findings.add(Step.CLOCK, f"{words}, at most {MOST_SKEW.seconds} s", good=False, fault=Fault.CLOCK_OFF)
    else:
        findings.add(Step.CLOCK, words)


# ── What an exception means ────────────────────────────────────────────────────────────────────────────────────────


def fault_of(error: BaseException, about: About | None = None) -> Fault:
    """What an exception means, by itself or by what caused it."""
    for one in _causes(error):
        if isinstance(one, Trouble):
            return one.fault
        if isinstance(one, PeerRefused) and about is not None and one.peer_code in about.login_codes:
            return Fault.LOGIN_REFUSED
        if isinstance(one, PeerRefused) and about is not None and one.peer_code in about.clock_codes:
            return Fault.CLOCK_OFF
        if isinstance(one, PeerRefused) and about is not None and one.peer_code in about.tls_codes:
            return Fault.TLS_BROKEN
        for kind, meaning in _MEANINGS:
            if isinstance(one, kind) and (fault := meaning(one)) is not None:
                return fault
    if isinstance(error, AxisError) and error.code == "bad_settings":
        return Fault.BAD_OPTIONS
    return Fault.PARTNER_REFUSED if isinstance(error, PeerRefused) else Fault.OTHER


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = getattr(one, "certificate_error", None) or one.__cause__ or one.__context__


def _certificate_fault(error: BaseException) -> Fault | None:
    """None for one that only wraps the one which says why (aiohttp's)."""
    if getattr(error, "certificate_error", None) is not None:
        return None
    code = getattr(error, "verify_code", 0)
    if code in {_HOSTNAME_MISMATCH, _IP_MISMATCH}:
        return Fault.TLS_NAME
    return Fault.TLS_EXPIRED if code in {_EXPIRED, _NOT_YET_VALID} else Fault.TLS_UNTRUSTED


_ERRNOS: Final = {
    errno.ECONNREFUSED: Fault.CONNECTION_REFUSED,
    errno.EHOSTUNREACH: Fault.NO_ANSWER,
    errno.ENETUNREACH: Fault.NO_ANSWER,
    errno.ETIMEDOUT: Fault.NO_ANSWER,
    errno.ECONNRESET: Fault.CONNECTION_LOST,
    errno.EPIPE: Fault.CONNECTION_LOST,
    errno.ENOENT: Fault.FOLDER_MISSING,
    errno.ENOTDIR: Fault.FOLDER_MISSING,
    errno.EROFS: Fault.NOT_WRITABLE,
    errno.ENOSPC: Fault.NO_SPACE,
    errno.EDQUOT: Fault.NO_SPACE,
}

_STATUSES: Final = {
    **dict.fromkeys((401, 403, 407), Fault.LOGIN_REFUSED),
    **dict.fromkeys((301, 302, 303, 307, 308, 404, 405, 410, 501), Fault.NOT_THE_SERVICE),
    **dict.fromkeys((429, 502, 503, 504), Fault.PARTNER_BUSY),
}

_MEANINGS: Final[Sequence[tuple[type[BaseException], Callable[[BaseException], Fault | None]]]] = (
    (ssl.SSLCertVerificationError, _certificate_fault),
    (ssl.SSLError, lambda e: None if isinstance(e, ssl.SSLCertVerificationError) else Fault.TLS_BROKEN),
    (socket.gaierror, lambda _: Fault.NAME_UNRESOLVED),
    (TimeoutError, lambda _: Fault.NO_ANSWER),
    (aiohttp.ServerDisconnectedError, lambda _: Fault.CONNECTION_LOST),
    (OddStatus, lambda e: _STATUSES.get(getattr(e, "status", 0))),
    (OSError, lambda e: _ERRNOS.get(getattr(e, "errno", None) or 0)),
)


def _said(error: Exception) -> str:
    """Its own words, and those of what caused it where they say more."""
    if isinstance(error, AxisError):
        words = f"{error.at}: {error.detail}" if error.at else error.detail
        return words or str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
