"""Mail servers on loopback: a real one (aiosmtpd), and some that misbehave by hand."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.mail.smtp import MailServer

HOST = "127.0.0.1"


@dataclass
class PostOffice:
    """What a mail server got, and how it answers. `say`: by command (MAIL, RCPT, DATA), the answer in place of yes."""

    mails: list[bytes] = field(default_factory=list)
    return_paths: list[str] = field(default_factory=list)
    receivers: list[str] = field(default_factory=list)
    say: dict[str, list[str]] = field(default_factory=dict)
    tls: list[bool] = field(default_factory=list)

    def read(self, number: int = -1) -> EmailMessage:
        """A mail that came."""
        return cast("EmailMessage", message_from_bytes(self.mails[number], policy=default))

    def _answer(self, command: str) -> str | None:
        waiting = self.say.get(command, [])
        return waiting.pop(0) if waiting else None

    async def handle_MAIL(  # noqa: N802 - as below
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := self._answer("MAIL"):
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if answer := self._answer("RCPT"):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if answer := self._answer("DATA"):
            return answer
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        self.return_paths.append(envelope.mail_from or "")
        self.receivers += envelope.rcpt_tos
        self.tls.append(session.ssl is not None)
        return f"250 2.0.0 OK: queued as A{len(self.mails)}"


def may_log_in(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
    """One account: axis, with the password `mat-khau`."""
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"axis", b"mat-khau")
    return AuthResult(success=good, handled=False)


@asynccontextmanager
async def post_office(**options: Any) -> AsyncIterator[tuple[PostOffice, int]]:
    """A real mail server, and its port. options: aiosmtpd's own; `tls`: a context to speak TLS from the first byte."""
    office = PostOffice()
    tls = options.pop("tls", None)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(office, loop=loop, hostname="mail.invalid", **options), HOST, 0, ssl=tls
    )
    try:
        yield office, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[int]:
    """A server that answers by hand; its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def at(port: int, **more: Any) -> MailServer:
    """How to reach a server of the tests."""
    return MailServer(**{"host": HOST, "port": port, "security": "none", "timeout_s": 20.0, **more})


@dataclass(frozen=True)
class Certificate:
    """A server's own certificate, which nobody but the tests trusts."""

    pem: Path  # certificate and key
    ca: Path  # the certificate alone

    def context(self) -> ssl.SSLContext:
        """For the server's side."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem)
        return context


def make_certificate(folder: Path, name: str = HOST) -> Certificate:
    """A certificate for the loopback address, or for another name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = [x509.IPAddress(ip_address(HOST)) if name == HOST else x509.DNSName(name)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both, alone = folder / f"{name}.pem", folder / f"{name}.ca.pem"
    both.write_bytes(pem + secret)
    alone.write_bytes(pem)
    return Certificate(pem=both, ca=alone)
