"""`axis org mailbox` and `axis mail test`, as an administrator uses them."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from tests.cli.conftest import Home
from tests.mail.dovecot import PASSWORD, USER, dovecot, needs_dovecot
from tests.mail.servers import HOST, PostOffice, may_log_in, post_office


class Running:
    """A server that runs beside the commands, in a loop of its own."""

    def __init__(self, **options: object) -> None:
        self.office: PostOffice | None = None
        self.port = 0
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        async with post_office(**self._options) as (self.office, self.port):
            self._ready.set()
            await self._stop.wait()


@pytest.fixture
def server() -> Iterator[Running]:
    with Running() as running:
        yield running


def settings(home: Home, port: int, **more: object) -> None:
    lines = {
        "smtp_host": f'"{HOST}"',
        "smtp_port": port,
        "smtp_security": '"none"',
        "from_address": '"truc@truc.invalid"',
        "timeout_s": 5.0,
        **more,
    }
    text = home.config.read_text(encoding="utf-8")
    assert "\n[mail]\n" in text
    chosen = "".join(f"{key} = {value}\n" for key, value in lines.items())
    home.config.write_text(text.replace("\n[mail]\n", f"\n[mail]\n{chosen}"), encoding="utf-8")


def test_an_organisation_gets_a_mailbox_and_another_address(home: Home, server: Running) -> None:
    settings(home, server.port)
    ran = home.axis("org", "mailbox", "H24.41", "--address", "Van.Thu@HongBang.invalid")
    assert ran.code == 0, ran.err
    assert "Van.Thu@hongbang.invalid" in ran.err
    (system,) = home.axis("system", "list", "--json").json
    assert (system["system_id"], system["serves"]) == ("mail-h24-41", ["H24.41"])
    assert system["adapter"] == "mail"
    again = home.axis("org", "mailbox", "H24.41", "--address", "moi@hongbang.invalid")
    assert again.code == 0, again.err
    (system,) = home.axis("system", "list", "--json").json
    assert system["options"] == {"address": "moi@hongbang.invalid"}


def test_the_registered_address_serves_when_none_is_given(home: Home, server: Running) -> None:
    settings(home, server.port)
    ran = home.axis("org", "mailbox", "H24.42")
    assert "vanthu.lechan@demo.invalid" in ran.err


@pytest.mark.parametrize(
    ("code", "address", "word"),
    [
        ("H24.999", "a@b.invalid", "not_found"),
        ("H24.41", "no address", "bad_request"),
        ("H24.41", "a@b\nc", "bad_request"),
    ],
)
def test_what_cannot_be_a_mailbox(home: Home, server: Running, code: str, address: str, word: str) -> None:
    settings(home, server.port)
    ran = home.axis("org", "mailbox", code, "--address", address)
    assert ran.code != 0
    assert f"[{word}]" in ran.err
    assert home.axis("system", "list", "--json").json == []


def test_without_a_mail_server_there_are_no_mailboxes(home: Home) -> None:
    ran = home.axis("org", "mailbox", "H24.41", "--address", "a@b.invalid")
    assert (ran.code, "mail.smtp_host" in ran.err) == (2, True)
    ran = home.axis("mail", "test", "--to", "a@b.invalid")
    assert (ran.code, "mail.smtp_host" in ran.err) == (2, True)


def test_a_good_try_sends_a_real_mail(home: Home, server: Running) -> None:
    settings(home, server.port)
    ran = home.axis("mail", "test", "--to", "quantri@thanhpho.invalid")
    assert ran.code == 0, ran.err
    assert "queued as A1" in ran.out
    assert server.office is not None
    assert server.office.receivers == ["quantri@thanhpho.invalid"]
    assert "Thư thử" in server.office.read()["Subject"]


def test_a_try_says_which_step_failed_and_what_to_do(home: Home, server: Running) -> None:
    settings(home, server.port)
    assert server.office is not None
    server.office.say["RCPT"] = ["550 5.7.1 relaying denied"]
    ran = home.axis("mail", "test", "--to", "a@b.invalid", "--json")
    assert ran.code == 1
    steps = {step["step"]: step for step in ran.json["steps"]}
    assert [step for step, found in steps.items() if found["good"] is False] == ["receiver"]
    assert "relaying denied" in steps["receiver"]["words"]
    assert "quyền gửi ra ngoài" in ran.err


NO_MAILBOX = {"imap_host": f'"{HOST}"', "imap_port": 1, "imap_security": '"none"', "imap_user": '"x"'}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"smtp_port": 1}, ("connect", "tường lửa")),
        ({"smtp_security": '"starttls"'}, ("secure", "mail.smtp_security")),
        ({"public_url": '"http://127.0.0.1:1"'}, ("links", "mail.public_url")),
        (NO_MAILBOX, ("mailbox", "mail.imap_")),
    ],
)
def test_what_is_wrong_is_said_in_words(
    home: Home, server: Running, monkeypatch: pytest.MonkeyPatch, more: dict[str, object], said: tuple[str, str]
) -> None:
    monkeypatch.setenv("AXIS_SECRET_IMAP", "x")
    settings(home, server.port, **more)
    ran = home.axis("mail", "test", "--to", "a@b.invalid", "--json")
    step, word = said
    assert ran.code == 1
    assert [found["step"] for found in ran.json["steps"] if found["good"] is False] == [step]
    assert word in ran.err


def test_a_wrong_password_is_said(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXIS_SECRET_SMTP", "sai")
    with Running(auth_require_tls=False, authenticator=may_log_in) as running:
        settings(home, running.port, smtp_user='"axis"')
        ran = home.axis("mail", "test", "--to", "a@b.invalid", "--json")
    assert [found["step"] for found in ran.json["steps"] if found["good"] is False] == ["log_in"]
    assert "AXIS_SECRET_SMTP" in ran.err
    assert "sai" not in ran.out.replace("sai lệch", "")


@needs_dovecot
def test_a_whole_round_trip_ends_in_the_mailbox(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mail server delivers into the mailbox that the node reads."""
    monkeypatch.setenv("AXIS_SECRET_IMAP", PASSWORD)
    ready, stop = threading.Event(), threading.Event()
    found: dict[str, object] = {}

    async def imap() -> None:
        async with dovecot(tmp_path) as server:
            found["server"] = server
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(imap()))
    thread.start()
    try:
        assert ready.wait(60)
        imap_server = found["server"]
        with Running() as smtp:
            assert smtp.office is not None
            real = smtp.office.handle_DATA

            async def and_deliver(server: object, session: object, envelope: object) -> str:
                answer = await real(server, session, envelope)  # type: ignore[arg-type]
                imap_server.deliver(smtp.office.mails[-1], "1.test")  # type: ignore[union-attr, attr-defined]
                return answer

            smtp.office.handle_DATA = and_deliver  # type: ignore[method-assign]
            port = imap_server.port  # type: ignore[attr-defined]
            settings(
                home,
                smtp.port,
                imap_host=f'"{HOST}"',
                imap_port=port,
                imap_security='"none"',
                imap_user=f'"{USER}"',
            )
            ran = home.axis("mail", "test", "--to", "truc@truc.invalid", "--wait", "20", "--json")
        assert ran.code == 0, ran.err
        assert [step["good"] for step in ran.json["steps"] if step["step"] == "arrival"] == [True]
    finally:
        stop.set()
        thread.join()
