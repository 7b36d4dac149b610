"""Tries the mail settings out, step by step, and says in words what is wrong and what to do about it.

A real round trip: a mail goes to the mail server (and, where the mailbox of bounces is where it was sent, is waited for
there), the mailbox is opened, and the address that links begin with is called.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import aiohttp

from adapters.mail.letter import Letter, Person, check_address
from adapters.mail.mailbox import Mailbox
from adapters.mail.office import Office, imap_account, office_of
from adapters.mail.smtp import Envelope, Session, Step, TooLargeForServer
from axis.clock import Clock
from axis.errors import AxisError
from axis.keys import NodeKey
from axis.settings import Settings

_LOOK_S = 1.0
_URL_S = 15.0

ADVICE: Final[dict[str, tuple[str, str]]] = {
    Step.CONNECT: (
        "Kiểm tra mail.smtp_host, mail.smtp_port, tường lửa và kiểu bảo mật (mail.smtp_security).",
        "Check mail.smtp_host, mail.smtp_port, the firewall, and mail.smtp_security.",
    ),
    Step.SECURE: (
        "Máy chủ thư không mã hóa như đã chọn: kiểm tra mail.smtp_security, và mail.tls_ca_file nếu dùng CA nội bộ.",
        "The server does not encrypt as chosen: check mail.smtp_security, and mail.tls_ca_file for your own authority.",
    ),
    Step.LOG_IN: (
        "Kiểm tra mail.smtp_user và mật khẩu (mail.smtp_password_file hoặc AXIS_SECRET_SMTP).",
        "Check mail.smtp_user and the password (mail.smtp_password_file or AXIS_SECRET_SMTP).",
    ),
    Step.SENDER: (
        "Máy chủ thư không nhận địa chỉ gửi: kiểm tra mail.from_address và mail.bounce_address.",
        "The server takes no mail from this address: check mail.from_address and mail.bounce_address.",
    ),
    Step.RECEIVER: (
        "Máy chủ thư không nhận địa chỉ người nhận: kiểm tra --to và quyền gửi ra ngoài (relay) của tài khoản.",
        "The server takes no mail to this address: check --to, and whether the account may send outside (relay).",
    ),
    Step.CONTENT: (
        "Máy chủ thư từ chối nội dung: xem bộ lọc thư rác và giới hạn dung lượng của máy chủ.",
        "The server refuses the content: see its filter against advertising and its size limit.",
    ),
    "mailbox": (
        "Kiểm tra các khóa mail.imap_*: máy chủ, cổng, tài khoản, mật khẩu, thư mục.",
        "Check the keys mail.imap_*: server, port, user, password, folder.",
    ),
    "arrival": (
        "Thư thử chưa đến hộp thư: kiểm tra thư mục thư rác, mail.imap_folder và thời gian chuyển thư.",
        "The test mail has not arrived: look into the folder of spam, mail.imap_folder, and how long mails take.",
    ),
    "links": (
        "Người nhận sẽ không mở được liên kết: kiểm tra mail.public_url, tên miền, chứng thư và tường lửa.",
        "Receivers could not open the links: check mail.public_url, its name, its certificate and the firewall.",
    ),
}

TITLES: Final[dict[str, str]] = {
    Step.CONNECT: "Kết nối máy chủ gửi thư",
    Step.SECURE: "Mã hóa đường truyền",
    Step.LOG_IN: "Đăng nhập",
    Step.SENDER: "Địa chỉ gửi",
    Step.CONTENT: "Gửi thư thử",
    "mailbox": "Hộp thư nhận báo lỗi",
    "arrival": "Thư thử đã đến hộp thư",
    "links": "Địa chỉ của liên kết",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one step went. good: None when it was left out."""

    step: str
    good: bool | None
    words: str


class Trial:
    """One try of the settings."""

    def __init__(self, settings: Settings, key: NodeKey, clock: Clock) -> None:
        """Raises Malformed(BAD_SETTINGS) for settings that cannot work."""
        self._mail = settings.mail
        self._office: Office = office_of(settings, key, settings.store.data_dir)
        self._clock = clock
        self._subject = f"[Thử] Thư thử của trục {secrets.token_hex(4)}"
        self.findings: list[Finding] = []

    async def run(self, to: str, wait_s: float) -> bool:
        """All steps; one that fails ends its chain, and the others go on. Returns whether nothing failed.

        Raises Malformed(BAD_REQUEST) for an address that is none.
        """
        address = check_address(to, "--to")
        sent = await self._send(address)
        await self._look(wait_s if sent else 0.0)
        await self._call()
        return all(finding.good is not False for finding in self.findings)

    async def _step(self, step: str, work: Callable[[], Awaitable[str]]) -> bool:
        try:
            words = await work()
        except (AxisError, TooLargeForServer, TimeoutError) as e:
            words = e.detail if isinstance(e, AxisError) else "too large, or too slow"
            self.findings.append(Finding(step=step, good=False, words=words))
            return False
        self.findings.append(Finding(step=step, good=True, words=words))
        return True

    async def _send(self, address: str) -> bool:
        server = self._office.server
        async with Session(server) as session:
            steps: list[tuple[str, Callable[[], Awaitable[str]]]] = [
                (Step.CONNECT, lambda: _said(session.connect(), f"{server.host}:{server.port}")),
                (Step.SECURE, lambda: _said(session.secure(), server.security)),
                (Step.LOG_IN, lambda: _said(session.log_in(), server.user or "không dùng tài khoản")),
            ]
            for step, work in steps:
                if not await self._step(step, work):
                    return False
            letter = self._letter(address)
            envelope = Envelope(return_path=self._office.return_path("thu"), to=address, size_bytes=letter.size_bytes)
            if not await self._step(Step.SENDER, lambda: _said(session.offer(envelope), envelope.return_path)):
                # Refused at the receiver, perhaps: the step says which address it was about.
                self.findings[-1] = Finding(step=session.step, good=False, words=self.findings[-1].words)
                return False
            return await self._step(Step.CONTENT, lambda: session.content(letter.chunks()))

    def _letter(self, address: str) -> Letter:
        text = (
            f"Thư thử của {self._office.node_name}. Nhận được thư này nghĩa là trục gửi được thư đến địa chỉ của bạn."
        )
        return Letter(
            message_id=f"thu-{secrets.token_hex(8)}@{self._office.domain}",
            at=self._clock.now(),
            sender=self._office.sender,
            to=Person(name="", address=address),
            subject=self._subject,
            text=text,
            html=f"<p>{text}</p>",
        )

    async def _look(self, wait_s: float) -> None:
        if not self._mail.imap_host:
            self.findings.append(
                Finding(step="mailbox", good=None, words="mail.imap_host để trống: không đọc thư báo lỗi")
            )
            return
        if not await self._step("mailbox", self._open) or not wait_s:
            return
        await self._step("arrival", lambda: self._await_arrival(wait_s))

    async def _open(self) -> str:
        async with Mailbox(imap_account(self._mail)) as mailbox:
            await mailbox.new()
        return f"{self._mail.imap_user}, thư mục {self._mail.imap_folder}"

    async def _await_arrival(self, wait_s: float) -> str:
        token = self._subject.rpartition(" ")[2].encode()
        message = None
        async with asyncio.timeout(wait_s):
            while message is None:
                async with Mailbox(imap_account(self._mail)) as mailbox:
                    found = await mailbox.new()
                    message = next((one for one in found if _mentions(one.raw, token)), None)
                    if message is not None:
                        await mailbox.put_away([message.uid], [])
                        break
                await asyncio.sleep(_LOOK_S)
        return "đã thấy và đã chuyển vào thư mục xong"

    async def _call(self) -> None:
        url = self._office.public_url
        if not url:
            self.findings.append(
                Finding(step="links", good=None, words="mail.public_url để trống: thư không có liên kết")
            )
            return
        target = f"{url.rstrip('/')}/health/live"
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_URL_S)) as session,
                session.get(target) as response,
            ):
                good, words = response.status == 200, f"{target}: HTTP {response.status}"  # noqa: PLR2004
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as e:
            good, words = False, f"{target}: {type(e).__name__}"
        self.findings.append(Finding(step="links", good=good, words=words))


def _mentions(raw: bytes, token: bytes) -> bool:
    """Whether a mail is the test mail: its subject's last word."""
    from email import message_from_bytes  # noqa: PLC0415 - here alone
    from email.policy import default  # noqa: PLC0415

    try:
        return str(message_from_bytes(raw, policy=default)["Subject"] or "").encode().endswith(token)
    except (ValueError, LookupError, AttributeError, TypeError):
        return False


async def _said(work: Awaitable[None], words: str) -> str:
    await work
    return words
