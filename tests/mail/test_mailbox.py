"""The mailbox of bounces, on a real IMAP server."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from adapters.mail.mailbox import Mailbox
from axis.errors import PeerRefused, PeerUnreachable
from tests.mail.dovecot import Dovecot, dovecot, needs_dovecot
from tests.mail.reports import a_report, an_absence
from tests.mail.servers import make_certificate, talking
from tests.mail.test_bounces import MARK

pytestmark = needs_dovecot


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Dovecot]:
    async with dovecot(tmp_path) as running:
        yield running


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
async def test_what_is_new_is_read_and_put_away(server: Dovecot, security: str) -> None:
    server.deliver(a_report(MARK), "1.report")
    server.deliver(an_absence(MARK), "2.absence")
    async with Mailbox(server.account(security)) as mailbox:
        found = await mailbox.new()
        assert [received.raw for received in found] == [a_report(MARK), an_absence(MARK).replace(b"\n", b"\r\n")]
        await mailbox.put_away([found[0].uid], [found[1].uid])
        assert await mailbox.new() == ()
    assert len(server.names("Axis")) == 1
    left = server.names()
    assert len(left) == 1
    assert "F" in left[0].partition(":2,")[2]  # flagged, for people


async def test_what_was_not_put_away_is_new_again(server: Dovecot) -> None:
    server.deliver(a_report(MARK), "1.report")
    async with Mailbox(server.account()) as mailbox:
        assert len(await mailbox.new()) == 1
    async with Mailbox(server.account()) as mailbox:
        assert len(await mailbox.new()) == 1
    assert "S" not in server.names()[0].partition(":2,")[2]  # reading marked nothing as seen


async def test_of_a_long_mail_only_the_beginning_is_read(server: Dovecot) -> None:
    server.deliver(a_report(MARK) + b"x" * 3_000_000, "1.report")
    async with Mailbox(server.account()) as mailbox:
        (received,) = await mailbox.new()
    assert len(received.raw) == 256 * 1024
    assert received.raw.startswith(a_report(MARK))


async def test_many_are_taken_some_at_a_time(server: Dovecot) -> None:
    for number in range(25):
        server.deliver(an_absence(MARK), f"{number:02}.mail")
    async with Mailbox(server.account()) as mailbox:
        first = await mailbox.new()
        await mailbox.put_away([one.uid for one in first], [])
        second = await mailbox.new()
    assert (len(first), len(second)) == (20, 5)


async def test_a_server_without_move(tmp_path: Path) -> None:
    async with dovecot(tmp_path, "imap_capability = IMAP4rev1 UIDPLUS") as server:
        server.deliver(a_report(MARK), "1.report")
        async with Mailbox(server.account()) as mailbox:
            (found,) = await mailbox.new()
            await mailbox.put_away([found.uid], [])
            assert await mailbox.new() == ()
        assert (len(server.names("Axis")), server.names()) == (1, [])


async def test_a_wrong_password(server: Dovecot) -> None:
    with pytest.raises(PeerRefused, match="refused the log-in") as refused:
        async with Mailbox(server.account(password="sai")):
            pass
    assert refused.value.retry == "later"


async def test_a_folder_that_does_not_exist(server: Dovecot) -> None:
    with pytest.raises(PeerUnreachable):
        async with Mailbox(server.account(folder="Khong co")):
            pass


async def test_a_wrong_certificate(server: Dovecot, tmp_path: Path) -> None:
    other = make_certificate(tmp_path)
    for security in ("tls", "starttls"):
        with pytest.raises(PeerUnreachable, match="certificate is not trusted"):
            async with Mailbox(server.account(security, ca_file=other.ca)):
                pass
        async with Mailbox(server.account(security, ca_file=None, verify=False)) as mailbox:
            assert await mailbox.new() == ()


async def test_a_server_that_falls_silent(server: Dovecot) -> None:
    async def talk(_reader: object, _writer: object) -> None:
        await asyncio.sleep(3600)

    async with talking(talk) as port:
        with pytest.raises(PeerUnreachable):
            async with Mailbox(server.account(port=port, timeout_s=0.3)):
                pass


async def test_a_visit_that_is_called_off_while_it_begins_leaves_no_connection(server: Dovecot) -> None:
    """What stays open makes the test fail: an unclosed socket is a warning, and warnings are errors."""
    for number in range(120):
        task = asyncio.create_task(Mailbox(server.account(("tls", "none")[number % 2])).__aenter__())
        await asyncio.sleep(number / 1500)
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(result, Mailbox):  # it was quicker
            await result.__aexit__(None, None, None)


async def test_a_visit_that_is_called_off_in_its_middle_cuts_the_line_and_waits_for_its_thread(
    server: Dovecot,
) -> None:
    """As above for sockets; and no second thread may talk on a line on which one still does."""
    for number in range(12):
        server.deliver(a_report(MARK), f"{number}.report")
    for pause_s in (0.0, 0.001, 0.005, 0.02):
        talking_now: list[str] = []
        mailbox = Mailbox(server.account("tls"))
        search = mailbox._new

        def slow(search: Callable[[], object] = search, talking_now: list[str] = talking_now) -> object:
            talking_now.append("in")
            try:
                return search()
            finally:
                talking_now.append("out")

        mailbox._new = slow  # type: ignore[method-assign, assignment]

        async def visit(mailbox: Mailbox = mailbox) -> None:
            async with mailbox:
                await mailbox.new()
                await mailbox.put_away([], [])

        task = asyncio.create_task(visit())
        while not talking_now:  # noqa: ASYNC110 - a thread's
            await asyncio.sleep(0.001)
        await asyncio.sleep(pause_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert talking_now == ["in", "out"]


async def test_a_visit_that_is_called_off_does_not_wait_for_a_silent_server(server: Dovecot) -> None:
    heard = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK IMAP4rev1\r\n")
        await reader.readline()
        heard.set()
        await asyncio.sleep(3600)

    async with talking(talk) as port, asyncio.timeout(20):
        task = asyncio.create_task(Mailbox(server.account(port=port, timeout_s=600.0)).__aenter__())
        await heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_the_server_of_these_tests_is_not_run_by_root(server: Dovecot) -> None:
    assert server.mail.stat().st_uid != 0 or os.geteuid() != 0
