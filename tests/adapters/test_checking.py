"""`axis adapter check`: each fault is found from a real server that has it, and said in both languages."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.fernet import Fernet

import adapters.mail
import adapters.vxp
from adapters.base import NodeParts, PeerParts, load_adapter
from adapters.checking import (
    ADVICE,
    TITLES,
    Fault,
    Findings,
    Step,
    Trouble,
    advice_of,
    check_partner,
    checked,
    fault_of,
)
from axis.clock import SystemClock
from axis.delivery.partner import Partner
from axis.demo.processes import free_port
from axis.errors import PeerRefused, PeerUnreachable
from axis.keys import NodeKey
from axis.settings import Mail, Settings
from axis.settings import Node as NodeSettings
from tests.adapters import somebody
from tests.exchange.harness import HeldClock
from tests.mail.servers import make_certificate, may_log_in, post_office, talking
from tests.nodes import Blueprint, lay_out, running, secret_of

HOST = "127.0.0.1"
Told = list[tuple[Step, bool | None, Fault | None]]


@asynccontextmanager
async def serving(status: int = 200, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A web server that always answers so; its port."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=status)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0, ssl_context=tls)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def check(url: str, ca_file: str = "", clock: HeldClock | SystemClock | None = None) -> Told:
    secrets = {"password": "abcd"}
    partner = Partner(partner_id="so-xd", adapter="somebody", options={"url": url, "ca_file": ca_file}, secrets=secrets)
    findings = await check_partner(somebody, partner, PeerParts(clock=clock or SystemClock()))  # type: ignore[arg-type]
    return told(findings)


def told(findings: Findings) -> Told:
    for one in findings.found:
        assert (one.fault is not None) == (one.good is False)
        assert one.words
    assert findings.good == all(one.good is not False for one in findings.found)
    return [(one.step, one.good, one.fault) for one in findings.found]


GOOD: Told = [(Step.OPTIONS, True, None), (Step.NAME, True, None), (Step.CONNECT, True, None)]


async def test_a_partner_that_answers_is_well() -> None:
    async with serving() as port:
        assert await check(f"http://{HOST}:{port}") == [*GOOD, (Step.CLOCK, True, None), (Step.ANSWER, True, None)]


async def test_wrong_options_end_the_trial() -> None:
    partner = Partner(partner_id="so-xd", adapter="somebody", options={"url": "http://x"})
    findings = await check_partner(somebody, partner, PeerParts(clock=SystemClock()))  # type: ignore[arg-type]
    assert told(findings) == [(Step.OPTIONS, False, Fault.BAD_OPTIONS)]
    assert "secret password" in findings.found[0].words


async def test_a_name_that_is_not_there() -> None:
    steps = await check("http://no-such-host.invalid/")
    assert steps[1:] == [(Step.NAME, False, Fault.NAME_UNRESOLVED)]


async def test_nobody_listens() -> None:
    steps = await check(f"http://{HOST}:{free_port()}/")
    assert steps[2:] == [(Step.CONNECT, False, Fault.CONNECTION_REFUSED)]


async def test_tls_of_an_unknown_authority_of_another_name_and_as_it_should_be(tmp_path: Path) -> None:
    ours = make_certificate(tmp_path)
    async with serving(tls=ours.context()) as port:
        url = f"https://{HOST}:{port}/"
        assert (await check(url))[3:] == [(Step.TLS, False, Fault.TLS_UNTRUSTED)]
        assert (await check(url, str(ours.ca)))[3:] == [
            (Step.TLS, True, None),
            (Step.CLOCK, True, None),
            (Step.ANSWER, True, None),
        ]
    (tmp_path / "other").mkdir()
    other = make_certificate(tmp_path / "other", "files.invalid")
    async with serving(tls=other.context()) as port:
        assert (await check(f"https://{HOST}:{port}/", str(other.ca)))[3:] == [(Step.TLS, False, Fault.TLS_NAME)]


async def test_a_port_without_tls(tmp_path: Path) -> None:
    async with serving() as port:
        assert (await check(f"https://{HOST}:{port}/"))[3:] == [(Step.TLS, False, Fault.TLS_BROKEN)]
        nowhere = str(tmp_path / "nowhere.pem")
        assert (await check(f"https://{HOST}:{port}/", nowhere))[3:] == [(Step.TLS, False, Fault.BAD_OPTIONS)]


@pytest.mark.parametrize(
    ("status", "fault"), [(401, Fault.LOGIN_REFUSED), (419, Fault.CLOCK_OFF), (400, Fault.PARTNER_REFUSED)]
)
async def test_what_the_partner_answers_is_told_apart(status: int, fault: Fault) -> None:
    async with serving(status) as port:
        assert (await check(f"http://{HOST}:{port}/"))[-1] == (Step.ANSWER, False, fault)


async def test_clocks_that_differ_are_told_and_the_rest_is_tried() -> None:
    clock = HeldClock()
    clock.at = datetime.now(UTC) + timedelta(minutes=10)
    async with serving() as port:
        steps = await check(f"http://{HOST}:{port}/", clock=clock)
    assert steps[-2:] == [(Step.CLOCK, False, Fault.CLOCK_OFF), (Step.ANSWER, True, None)]


async def test_a_server_that_hangs_up() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with talking(hang_up) as port:
        steps = await check(f"http://{HOST}:{port}/")
    assert steps[-2:] == [(Step.CLOCK, None, None), (Step.ANSWER, False, Fault.CONNECTION_LOST)]


@dataclass
class Broken(somebody.SomebodysPeer):
    """A peer with a fault of its own."""

    error: Exception

    async def health(self) -> None:
        raise self.error


async def test_a_fault_in_the_adapter_is_told_too_and_the_peer_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Broken(ZeroDivisionError("by zero"))
    peer.closed = False
    monkeypatch.setattr(somebody, "peer", lambda *_: peer)
    findings = await check_partner(
        somebody,  # type: ignore[arg-type]
        Partner(partner_id="x", adapter="somebody"),
        PeerParts(clock=SystemClock()),
    )
    assert told(findings)[-1] == (Step.ANSWER, False, Fault.OTHER)
    assert "ZeroDivisionError: by zero" in findings.found[-1].words
    assert peer.closed


def test_a_fault_is_found_along_the_causes() -> None:
    outer = PeerUnreachable("x")
    outer.__cause__ = ConnectionResetError(104, "reset")
    assert fault_of(outer) is Fault.CONNECTION_LOST
    deeper = PeerRefused("y")
    deeper.__cause__ = Trouble(Fault.NO_SPACE, "full")
    assert fault_of(deeper) is Fault.NO_SPACE
    outer.__cause__ = outer  # a ring has an end
    assert fault_of(outer) is Fault.OTHER


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, Fault.LOGIN_REFUSED),
        (302, Fault.NOT_THE_SERVICE),
        (404, Fault.NOT_THE_SERVICE),
        (503, Fault.PARTNER_BUSY),
        (418, Fault.OTHER),
    ],
)
async def test_an_answer_that_is_none_of_edoc_says_what_to_look_at(status: int, fault: Fault) -> None:
    async with serving(status) as port:
        options = {"endpoint": f"http://{HOST}:{port}/edoc", "system_id": "H24"}
        partner = Partner(partner_id="axis", adapter="edoc", options=options, secrets={"secret": "x"})
        findings = await check_partner(load_adapter("edoc"), partner, PeerParts(clock=SystemClock()))
    assert told(findings)[-1] == (Step.ANSWER, False, fault)


@pytest.fixture
def node_key(tmp_path: Path) -> NodeKey:
    file = tmp_path / "node.key"
    file.write_bytes(Fernet.generate_key())
    file.chmod(0o600)
    return NodeKey.load(file)


async def by_mail(node_key: NodeKey, tmp_path: Path, **mail: object) -> tuple[bool, Fault | None]:
    chosen = {"smtp_host": HOST, "smtp_security": "none", "from_address": "truc@truc.invalid", "timeout_s": 3.0, **mail}
    settings = Settings(node=NodeSettings(code="H24")).model_copy(update={"mail": Mail.model_validate(chosen)})
    parts = PeerParts(clock=SystemClock(), node=NodeParts(settings=settings, key=node_key, scratch=tmp_path))
    partner = Partner(partner_id="so-xd", adapter="mail", options={"address": "vanthu@so-xd.invalid"}, secrets={})
    findings = await check_partner(load_adapter("mail"), partner, parts)
    told(findings)
    return findings.good, findings.found[-1].fault


async def test_a_mail_server_with_each_thing_that_is_wrong_with_one(
    node_key: NodeKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = make_certificate(tmp_path), make_certificate(tmp_path, "other.invalid")
    tls = {"smtp_security": "tls", "tls_ca_file": mine.ca}
    assert await by_mail(node_key, tmp_path, smtp_port=1) == (False, Fault.CONNECTION_REFUSED)
    async with post_office(tls=mine.context()) as (_, port):
        assert await by_mail(node_key, tmp_path, smtp_port=port, **tls) == (True, None)
        untrusted = {**tls, "tls_ca_file": other.ca}
        assert await by_mail(node_key, tmp_path, smtp_port=port, **untrusted) == (False, Fault.TLS_UNTRUSTED)
    async with post_office(tls=other.context()) as (_, port):
        assert await by_mail(node_key, tmp_path, smtp_port=port, **untrusted) == (False, Fault.TLS_NAME)
    async with post_office() as (_, port):
        for security in ("tls", "starttls"):
            chosen = {**tls, "smtp_security": security}
            assert await by_mail(node_key, tmp_path, smtp_port=port, **chosen) == (False, Fault.TLS_BROKEN)
    monkeypatch.setenv("AXIS_SECRET_SMTP", "sai")
    async with post_office(authenticator=may_log_in, auth_require_tls=False) as (_, port):
        assert await by_mail(node_key, tmp_path, smtp_port=port, smtp_user="axis") == (False, Fault.LOGIN_REFUSED)


def test_advice_for_mail_names_its_own_settings() -> None:
    about = adapters.mail.about
    assert set(about.advice) <= {fault.value for fault in Fault}
    for fault, key in (
        (Fault.LOGIN_REFUSED, "mail.smtp_password_file"),
        (Fault.TLS_UNTRUSTED, "mail.tls_ca_file"),
        (Fault.TLS_BROKEN, "mail.smtp_security"),
    ):
        assert all(key in words for words in advice_of(fault, about))
    assert advice_of(Fault.NO_SPACE, about) == ADVICE[Fault.NO_SPACE]
    assert advice_of(Fault.LOGIN_REFUSED, None) == ADVICE[Fault.LOGIN_REFUSED]


def test_a_page_gives_the_same_advice() -> None:
    findings = Findings(adapters.mail.about)
    findings.add(Step.LOG_IN, "535 no", good=False, fault=Fault.LOGIN_REFUSED)
    assert checked(findings).advice == (adapters.mail.about.advice["login_refused"],)


def test_every_fault_and_every_step_has_words_in_both_languages() -> None:
    assert set(ADVICE) == set(Fault)
    assert set(TITLES) == set(Step)
    for vi, en in ADVICE.values():
        assert vi.endswith(".")
        assert en.endswith(".")


async def test_another_axis_that_speaks_vxp(tmp_path: Path) -> None:
    settings = await lay_out(tmp_path / "node", Blueprint(signatures="off"))
    async with running(settings) as node:
        for secret, expected in ((secret_of("dms-yte"), (Step.ANSWER, True, None)), ("other", None)):
            partner = Partner(
                partner_id="axis",
                adapter="vxp",
                options={"endpoint": f"{node.url}/vxp", "system_id": "dms-yte"},
                secrets={"secret": secret},
            )
            findings = await check_partner(adapters.vxp, partner, PeerParts(clock=SystemClock()))
            assert told(findings)[-1] == (expected or (Step.ANSWER, False, Fault.LOGIN_REFUSED))
