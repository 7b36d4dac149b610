"""Hands one mail to a mail server: connect, secure, log in, offer, stream.

aiosmtplib speaks the protocol. The content goes out in pieces, each when the one before has left, so that no mail is
ever held whole; an answer that comes before the end ends the sending. Every wait is bounded.

What the server's answers mean for the delivery is decided in `_answer_fault`: a 5xx about the receiver or the content
is final; one about us (rights, policy, protocol), and any before the receiver is named, is put right at the mail server
by somebody, and is tried again like every 4xx.

Norm: RFC 5321, RFC 1870 (SIZE), RFC 3207 (STARTTLS), RFC 3463 (enhanced codes).
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiosmtplib
from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPTimeoutError,
)

from axis.errors import Code, Malformed, PeerRefused, PeerUnreachable
from axis.text import one_line

_WORDS_CHARACTERS = 300
_ACCEPTED, _GO_ON = 250, 354
_TOO_LARGE: Final = 552
_OURS: Final = ("5.7.", "5.5.")  # about rights, policy and protocol, not about this receiver or this mail
_PARTING_S = 5.0


class Step(StrEnum):
    """How far a mail came at the server."""

    CONNECT = "connect"
    SECURE = "secure"
    LOG_IN = "log_in"
    SENDER = "sender"
    RECEIVER = "receiver"
    CONTENT = "content"


class TooLargeForServer(Exception):
    """The server takes no mail of this size: a shorter one may do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A mail server, and who we are there."""

    host: str
    port: int
    security: str  # tls: from the first byte · starttls: before anything is said · none
    user: str = ""
    password: str = ""
    ca_file: Path | None = None  # PEM; None: the machine's own trusted authorities
    verify: bool = True
    timeout_s: float = 60.0  # longest wait for one answer
    total_s: float = 240.0  # longest time for one mail
    hello: str = "localhost"  # how we name ourselves

    def tls_context(self) -> ssl.SSLContext:
        """How the server's certificate is judged. Raises Malformed(BAD_SETTINGS) when ca_file cannot be read."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as e:
            raise Malformed(Code.BAD_SETTINGS, f"{self.ca_file} holds no certificates", at="mail.tls_ca_file") from e
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """From whom to whom, as the server needs it."""

    return_path: str
    to: str
    size_bytes: int


class Session:
    """One connection to the server. An async context manager: leaving it ends the connection.

    Its methods are the steps, in the order of `Step`. Each raises PeerRefused (the server said no) or PeerUnreachable
    (no usable answer); TooLargeForServer may come from `offer` and `content`.
    """

    def __init__(self, server: MailServer) -> None:
        self._server = server
        context = server.tls_context() if server.security != "none" else None
        self._smtp = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.security == "tls",
            start_tls=False,  # by hand: each step has an error of its own
            timeout=server.timeout_s,
            local_hostname=server.hello,
            tls_context=context,
        )
        self._writer: asyncio.StreamWriter | None = None
        self.step = Step.CONNECT

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self._smtp.is_connected:
            with suppress(SMTPException, OSError, ValueError):  # the mail is out; how the server parts does not matter
                await self._smtp.quit(timeout=min(_PARTING_S, self._server.timeout_s))
        self._smtp.close()

    async def open(self) -> None:
        """Connect, secure and log in: what goes before every mail."""
        await self.connect()
        await self.secure()
        await self.log_in()

    async def connect(self) -> None:
        """Reach the server and hear its greeting."""
        self.step = Step.CONNECT
        async with self._faults():
            await self._smtp.connect()
            await self._smtp.ehlo()

    async def secure(self) -> None:
        """Encrypt. What was promised and is not offered is refused: nothing is said in clear instead."""
        self.step = Step.SECURE
        if self._server.security != "starttls":
            return
        if not self._smtp.supports_extension("starttls"):
            raise PeerRefused("the server offers no STARTTLS", peer_code="no_starttls", retry="later")
        async with self._faults():
            await self._smtp.starttls(server_hostname=self._server.host, tls_context=self._server.tls_context())
            await self._smtp.ehlo()

    async def log_in(self) -> None:
        """Say who we are, where the server wants it."""
        self.step = Step.LOG_IN
        if not self._server.user:
            return
        async with self._faults():
            await self._smtp.login(self._server.user, self._server.password)

    @property
    def size_limit(self) -> int | None:
        """The largest mail that the server says it takes; None: it does not say."""
        text = self._smtp.esmtp_extensions.get("size", "") if self._smtp.supports_extension("size") else ""
        return int(text) or None if text.isascii() and text.isdigit() else None

    async def offer(self, envelope: Envelope) -> None:
        """Name sender and receiver."""
        self.step = Step.SENDER
        limit = self.size_limit
        if limit is not None and envelope.size_bytes > limit:
            raise TooLargeForServer
        options = [f"SIZE={envelope.size_bytes}"] if self._smtp.supports_extension("size") else []
        async with self._faults():
            await self._smtp.mail(envelope.return_path, options=options)
        self.step = Step.RECEIVER
        async with self._faults():
            await self._smtp.rcpt(envelope.to)

    async def content(self, pieces: Iterator[bytes]) -> str:
        """Stream the mail. Returns the server's word for having taken it. The pieces are made in threads."""
        self.step = Step.CONTENT
        async with self._faults():
            response = await self._smtp.execute_command(b"DATA")
            if response.code != _GO_ON:
                raise SMTPResponseException(response.code, response.message)
            code, message = await self._stream(pieces)
            if code != _ACCEPTED:
                raise SMTPResponseException(code, message)
        return one_line(message, _WORDS_CHARACTERS)

    async def _stream(self, pieces: Iterator[bytes]) -> tuple[int, str]:
        protocol, transport = self._smtp.protocol, self._smtp.transport
        if protocol is None or transport is None:
            raise aiosmtplib.SMTPServerDisconnected("the connection is gone")
        # Only its `drain` is used: it waits until what was written has left.
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - a connection's
        self._writer = asyncio.StreamWriter(transport, protocol, None, asyncio.get_running_loop())
        answer = asyncio.ensure_future(protocol.read_response())
        try:
            stuffing = _Stuffing()
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None and not answer.done():
                protocol.write(stuffing.stuff(piece))
                async with asyncio.timeout(self._server.timeout_s):
                    await self._writer.drain()
            if answer.done():
                self._smtp.close()  # half a mail is out, and the server has already said what it thinks of it
            else:
                protocol.write(stuffing.end())
            async with asyncio.timeout(self._server.timeout_s):
                code, message = await answer
        finally:
            answer.cancel()
        return code, message

    @asynccontextmanager
    async def _faults(self) -> AsyncIterator[None]:
        """Turn what goes wrong into the errors of the port to a partner."""
        try:
            yield
        except SMTPResponseException as e:
            raise self._answer_fault(e) from e
        except (SMTPTimeoutError, TimeoutError) as e:
            raise PeerUnreachable(f"no answer within {self._server.timeout_s:g} s ({self.step})") from e
        except (SMTPException, OSError, ValueError) as e:
            raise PeerUnreachable(f"{_reason(e)} ({self.step})") from e

    def _answer_fault(self, e: SMTPResponseException) -> Exception:
        words = one_line(f"{e.code} {e.message}", _WORDS_CHARACTERS)
        enhanced = e.message.split(" ", 1)[0] if e.message[:2] in {"4.", "5."} else ""
        too_large = e.code == _TOO_LARGE or enhanced.startswith(("5.3.4", "5.2.3"))
        if too_large and self.step in {Step.SENDER, Step.CONTENT}:
            return TooLargeForServer(words)
        if isinstance(e, SMTPAuthenticationError) or self.step in {Step.CONNECT, Step.SECURE, Step.LOG_IN, Step.SENDER}:
            return PeerRefused(words, peer_code=str(e.code), retry="later")
        ours = enhanced.startswith(_OURS) or "relay" in words.lower()  # old servers say only "relaying denied"
        final = 500 <= e.code < 600 and not ours  # noqa: PLR2004 - the class of final answers
        return PeerRefused(words, peer_code=str(e.code), retry="never" if final else "later")


async def deliver(server: MailServer, envelope: Envelope, pieces: Iterator[bytes]) -> str:
    """Send one mail. Returns the server's word. Raises as the steps of `Session`.

    A connection that breaks at the end leaves it unknown whether the server has the mail, which is then sent again
    under the same Message-ID.
    """
    try:
        async with asyncio.timeout(server.total_s), Session(server) as session:
            await session.open()
            await session.offer(envelope)
            return await session.content(pieces)
    except TimeoutError as e:
        raise PeerUnreachable(f"the mail server took more than {server.total_s:g} s for one mail") from e


class _Stuffing:
    """Doubles each dot that begins a line, and ends the content (RFC 5321 section 4.5.2)."""

    def __init__(self) -> None:
        self._tail = b"\r\n"  # what went out last: content begins at the beginning of a line

    def stuff(self, piece: bytes) -> bytes:
        """The piece as it goes over the wire."""
        if not piece:
            return piece
        joined = self._tail + piece
        self._tail = joined[-2:]
        return joined.replace(b"\r\n.", b"\r\n..")[len(joined) - len(piece) :]

    def end(self) -> bytes:
        """What says that there is no more."""
        return b".\r\n" if self._tail == b"\r\n" else b"\r\n.\r\n"


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {error.verify_message}"
    cause = error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {cause.verify_message}"
    return one_line(str(error) or type(error).__name__, _WORDS_CHARACTERS)
