"""One mail to a mail server: what goes over the wire, and what is made of every way in which it can go wrong."""

import asyncio
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mail.smtp import Envelope, MailServer, Session, Step, TooLargeForServer, _Stuffing, deliver
from axis.errors import Malformed, PeerRefused, PeerUnreachable
from tests.mail.servers import HOST, at, make_certificate, may_log_in, post_office, talking

MAIL = b"From: truc@truc.invalid\r\nSubject: a\r\n\r\nxin chao\r\n"
ENVELOPE = Envelope(return_path="truc@truc.invalid", to="vanthu@binhan.invalid", size_bytes=len(MAIL))
LOG_IN = {"auth_require_tls": False, "authenticator": may_log_in}


async def test_a_mail_arrives() -> None:
    async with post_office() as (office, port):
        word = await deliver(at(port), ENVELOPE, iter([MAIL]))
    assert word == "2.0.0 OK: queued as A1"
    assert office.mails == [MAIL]
    assert (office.return_paths, office.receivers) == (["truc@truc.invalid"], ["vanthu@binhan.invalid"])


async def test_lines_that_begin_with_a_dot_arrive_as_they_are() -> None:
    mail = b"Subject: a\r\n\r\n.\r\n..\r\n.x\r\nfive\r\n.\r\nsix\r\n"
    for size in (1, 2, 3, 7, len(mail)):
        async with post_office() as (office, port):
            pieces = [mail[start : start + size] for start in range(0, len(mail), size)]
            await deliver(at(port), ENVELOPE, iter(pieces))
        assert office.mails == [mail]


@given(st.lists(st.text(".\r\nx", max_size=6).map(str.encode), max_size=8))
def test_content_never_ends_itself(pieces: list[bytes]) -> None:
    stuffing = _Stuffing()
    wire = b"".join(map(stuffing.stuff, pieces)) + stuffing.end()
    assert (b"\r\n" + wire).index(b"\r\n.\r\n") == len(wire) - 3  # only at the very end
    content = (b"\r\n" + wire[:-3]).replace(b"\r\n..", b"\r\n.")[2:]
    whole = b"".join(pieces)
    assert content in {whole, whole + b"\r\n"}


async def test_starttls_and_log_in(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    async with post_office(tls_context=certificate.context(), require_starttls=True, authenticator=may_log_in) as (
        office,
        port,
    ):
        server = at(port, security="starttls", ca_file=certificate.ca, user="axis", password="mat-khau")
        await deliver(server, ENVELOPE, iter([MAIL]))
    assert office.tls == [True]


async def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    async with post_office(tls=certificate.context()) as (office, port):
        await deliver(at(port, security="tls", ca_file=certificate.ca), ENVELOPE, iter([MAIL]))
    assert len(office.mails) == 1


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize("wrong", ["unknown authority", "another name"])
async def test_a_wrong_certificate_is_refused_before_anything_is_said(
    tmp_path: Path, security: str, wrong: str
) -> None:
    certificate = make_certificate(tmp_path, HOST if wrong == "unknown authority" else "khac.invalid")
    ca = None if wrong == "unknown authority" else certificate.ca
    options: dict[str, Any] = (
        {"tls": certificate.context()} if security == "tls" else {"tls_context": certificate.context()}
    )
    async with post_office(**options, **LOG_IN) as (office, port):
        server = at(port, security=security, ca_file=ca, user="axis", password="mat-khau")
        with pytest.raises(PeerUnreachable, match="certificate is not trusted"):
            await deliver(server, ENVELOPE, iter([MAIL]))
        assert not office.mails
        unsafe = at(port, security=security, verify=False, user="axis", password="mat-khau")
        await deliver(unsafe, ENVELOPE, iter([MAIL]))
    assert len(office.mails) == 1


async def test_nothing_is_said_in_clear_when_encryption_was_promised() -> None:
    async with post_office(**LOG_IN) as (office, port):
        server = at(port, security="starttls", user="axis", password="mat-khau")
        with pytest.raises(PeerRefused, match="no STARTTLS") as refused:
            await deliver(server, ENVELOPE, iter([MAIL]))
    assert refused.value.retry == "later"
    assert not office.mails


async def test_a_wrong_password_is_for_somebody_to_put_right() -> None:
    async with post_office(**LOG_IN) as (_, port):
        with pytest.raises(PeerRefused, match="535") as refused:
            await deliver(at(port, user="axis", password="sai"), ENVELOPE, iter([MAIL]))
    assert refused.value.retry == "later"


@pytest.mark.parametrize(
    ("command", "answer", "retry"),
    [
        ("MAIL", "550 5.1.8 we do not know you", "later"),  # about us: for somebody to put right
        ("MAIL", "451 4.3.0 try again", "later"),
        ("RCPT", "550 5.1.1 no such user", "never"),
        ("RCPT", "550 no such user", "never"),
        ("RCPT", "450 4.7.1 greylisted, try again in 300 s", "later"),
        ("RCPT", "451 4.3.0 try again", "later"),
        ("RCPT", "550 5.7.1 relaying denied", "later"),
        ("RCPT", "550 relay not permitted", "later"),
        ("RCPT", "421 4.3.2 closing", "later"),
        ("DATA", "554 5.6.0 content refused", "never"),
        ("DATA", "554 5.7.1 looks like advertising", "later"),
        ("DATA", "451 4.3.0 disk full", "later"),
    ],
)
async def test_what_answers_mean(command: str, answer: str, retry: str) -> None:
    async with post_office() as (office, port):
        office.say[command] = [answer]
        with pytest.raises(PeerRefused) as refused:
            await deliver(at(port), ENVELOPE, iter([MAIL]))
        assert refused.value.retry == retry
        assert answer in refused.value.detail
        assert not office.mails
        await deliver(at(port), ENVELOPE, iter([MAIL]))
    assert office.mails == [MAIL]


@pytest.mark.parametrize("command", ["MAIL", "DATA"])
@pytest.mark.parametrize("answer", ["552 5.3.4 too large", "552 message size exceeds limit", "550 5.2.3 too long"])
async def test_a_mail_that_the_server_finds_too_large(answer: str, command: str) -> None:
    async with post_office() as (office, port):
        office.say[command] = [answer]
        with pytest.raises(TooLargeForServer):
            await deliver(at(port), ENVELOPE, iter([MAIL]))


async def test_a_mail_larger_than_the_server_says_is_not_offered() -> None:
    async with post_office(data_size_limit=1000) as (office, port):
        large = Envelope(return_path="a@b.invalid", to="c@d.invalid", size_bytes=1001)
        with pytest.raises(TooLargeForServer):
            await deliver(at(port), large, iter([MAIL]))
    assert not office.mails


async def test_nobody_listens() -> None:
    async with post_office() as (_, port):
        pass
    with pytest.raises(PeerUnreachable, match="connect"):
        await deliver(at(port), ENVELOPE, iter([MAIL]))


async def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(PeerUnreachable, match="connect"):
        await deliver(at(25, host="khong-co.invalid"), ENVELOPE, iter([MAIL]))


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, until: bytes) -> None:
    """Say yes to everything up to a command."""
    writer.write(b"220 mail.invalid\r\n")
    while line := await reader.readline():
        if line.upper().startswith(until):
            return
        writer.write(b"250 OK\r\n")
    raise ConnectionError


def endless() -> Iterator[bytes]:
    while True:
        yield b"x" * 70 + b"\r\n"


async def test_the_connection_drops_in_the_middle_of_the_content() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer, b"DATA")
        writer.write(b"354 go on\r\n")
        await reader.readexactly(200)
        writer.transport.abort()

    async with talking(talk) as port:
        with pytest.raises(PeerUnreachable, match="content"):
            await deliver(at(port), ENVELOPE, endless())


async def test_an_answer_before_the_end_ends_the_sending() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer, b"DATA")
        writer.write(b"354 go on\r\n")
        await reader.readexactly(200)
        writer.write(b"452 4.3.1 no room\r\n")
        await reader.read()

    async with talking(talk) as port:
        with pytest.raises(PeerRefused, match="no room") as refused:
            await deliver(at(port), ENVELOPE, endless())
    assert refused.value.retry == "later"


async def test_the_connection_ends_after_the_content_without_an_answer() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer, b"DATA")
        writer.write(b"354 go on\r\n")
        await reader.readuntil(b"\r\n.\r\n")

    async with talking(talk) as port:
        with pytest.raises(PeerUnreachable):
            await deliver(at(port), ENVELOPE, iter([MAIL]))


@pytest.mark.parametrize("until", [b"EHLO", b"MAIL", b"RCPT", b"DATA"])
async def test_a_server_that_falls_silent_is_given_up(until: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer, until)
        await asyncio.sleep(3600)

    async with talking(talk) as port:
        with pytest.raises(PeerUnreachable, match="no answer within"):
            await deliver(at(port, timeout_s=0.3), ENVELOPE, iter([MAIL]))


async def test_a_server_that_reads_too_slowly_is_given_up() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer, b"DATA")
        writer.write(b"354 go on\r\n")
        while await reader.read(10):  # noqa: ASYNC110 - slowness is what it is here for
            await asyncio.sleep(0.02)

    async with talking(talk) as port:
        with pytest.raises(PeerUnreachable, match="for one mail"):
            await deliver(at(port, timeout_s=30, total_s=1.0), ENVELOPE, endless())


@pytest.mark.parametrize("line", [b"250-" + b"x" * 5000 + b"\r\n", b"x" * 1000, b"250-a\r\n"])
async def test_an_answer_without_end_is_bounded(line: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.invalid\r\n")
        await reader.readline()
        for _ in range(200):
            writer.write(line)
            await writer.drain()
        await asyncio.sleep(3600)

    async with talking(talk) as port:
        with pytest.raises((PeerUnreachable, PeerRefused)):
            await deliver(at(port, timeout_s=2.0), ENVELOPE, iter([MAIL]))


@pytest.mark.parametrize(
    "greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x01\r\n", b"554 go away\r\n", b""]
)
async def test_what_is_no_mail_server(greeting: bytes) -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()

    async with talking(talk) as port:
        with pytest.raises((PeerUnreachable, PeerRefused)) as refused:
            await deliver(at(port), ENVELOPE, iter([MAIL]))
    assert refused.value.retry == "later"


async def test_an_address_cannot_carry_a_command() -> None:
    async with post_office() as (office, port):
        evil = Envelope(return_path="a@b.invalid", to="c@d.invalid>\r\nRCPT TO:<e@f.invalid", size_bytes=1)
        with suppress(PeerUnreachable, PeerRefused):
            await deliver(at(port), evil, iter([MAIL]))
    assert "e@f.invalid" not in office.receivers


async def test_each_step_has_its_name() -> None:
    async with post_office() as (office, port), Session(at(port)) as session:
        office.say["RCPT"] = ["550 5.1.1 no"]
        await session.open()
        with pytest.raises(PeerRefused):
            await session.offer(ENVELOPE)
        assert session.step is Step.RECEIVER


def test_a_file_of_authorities_that_is_none_is_a_setting(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(Malformed, match="holds no certificates"):
        MailServer(host="a", port=1, security="tls", ca_file=tmp_path / "ca.pem").tls_context()


async def test_a_large_mail_takes_little_memory() -> None:
    size = 150 << 20

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer, b"DATA")
        writer.write(b"354 go on\r\n")
        tail = b""
        while not tail.endswith(b"\r\n.\r\n"):
            tail = tail[-5:] + await reader.read(1 << 16)
        writer.write(b"250 OK\r\n")
        await reader.read()

    piece = (b"x" * 76 + b"\r\n") * 4096
    pieces = (piece for _ in range(size // len(piece)))
    async with talking(talk) as port:
        await deliver(at(port), ENVELOPE, iter([MAIL]))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await deliver(at(port), ENVELOPE, pieces)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) << 10 < 60 << 20
