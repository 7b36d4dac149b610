"""Our client: against our own front, and towards partners that answer in every way but the right one."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.base import PeerParts, make_peer
from adapters.edoc import calls
from adapters.edoc.calls import EdocClientOptions
from adapters.edoc.client import EdocClient
from adapters.edoc.wire import Version
from axis.delivery.partner import Partner
from axis.delivery.peer import Incoming, Outgoing, RegistrySource
from axis.edxml.dates import read_timestamp
from axis.edxml.model import DocumentPackage, Limits, Package, StatusPackage
from axis.edxml.reader import read
from axis.edxml.v1 import V1_NAMESPACE
from axis.edxml.writer import to_bytes
from axis.errors import Code, Internal, Malformed, PeerRefused, PeerUnreachable
from axis.terms import PackageKind
from tests.edoc.city import LIMITS, ORGAN, XD, YTE, SoapCity, envelope, token_of
from tests.exchange.harness import HeldClock, a_document, a_file, a_status

DOCUMENT, STATUS = PackageKind.DOCUMENT, PackageKind.STATUS


def client_for(city: SoapCity, system_id: str, tmp_path: Path, **changes: object) -> EdocClient:
    """A client of one system; it calls from one organisation."""
    values: dict[str, object] = {
        "endpoint": f"{city.url}/edoc",
        "organ_id": ORGAN[system_id],
        "token": token_of(system_id),
        "scratch": tmp_path,
        "limits": LIMITS,
        **changes,
    }
    return EdocClient(EdocClientOptions(**values), None, city.node.clock)  # type: ignore[arg-type]


def outgoing(package: Package) -> tuple[Outgoing, bytes]:
    """A package to push, and its bytes."""
    raw = to_bytes(package)
    said = Outgoing(
        package_id="P1",
        kind=package.kind,
        size_bytes=len(raw),
        sha256_hex=sha256(raw).hexdigest(),
        from_organ="H24.11",
        request_id="r-1",
    )
    return said, raw


async def push(client: EdocClient, package: Package) -> str:
    """Send a package; returns the partner's id for it."""
    said, raw = outgoing(package)

    async def content() -> AsyncIterator[bytes]:
        yield raw[:100]
        yield raw[100:]

    return (await client.send(said, content)).ref


def left_in(scratch: Path) -> list[str]:
    """What calls left on the disk."""
    return [path.name for path in scratch.glob("*") if path.name.startswith(("edoc-", "spool-"))]


async def take(client: EdocClient, item: Incoming) -> Package:
    """Fetch one item."""
    async with client.fetch(item) as pieces:
        return read(b"".join([piece async for piece in pieces]))


@pytest.mark.parametrize("version", Version)
async def test_documents_and_statuses_go_both_ways(city: SoapCity, tmp_path: Path, version: Version) -> None:
    yte, xd = (client_for(city, who, tmp_path, version=version) for who in (YTE, XD))
    sent = a_document("H24.15", files=(a_file(), a_file(b"\x00" * 5000, "phụ lục.bin")))
    ref = await push(yte, sent)
    [item] = await xd.poll()
    assert item == Incoming(ref=ref, kind=DOCUMENT)
    got = await take(xd, item)
    assert isinstance(got, DocumentPackage)
    assert got.header == sent.header
    assert [(f.name, f.content, f.content_type) for f in got.attachments] == [
        (f.name, f.content, f.content_type) for f in sent.attachments
    ]
    await xd.confirm(item, ok=True)
    assert await xd.poll() == ()

    reported = a_status(sent, "03", "H24.15")
    assert await push(xd, reported) == ""
    first, second = await yte.poll()
    assert (first.kind, second.kind) == (STATUS, STATUS)
    statuses = [await take(yte, one) for one in (first, second)]
    assert [one.header.status_code for one in statuses if isinstance(one, StatusPackage)] == ["01", "03"]
    assert statuses[1].header == reported.header
    assert left_in(tmp_path) == []
    for client in (yte, xd):
        await client.close()


async def test_a_trace_is_listed_until_it_is_taken_and_then_never_again(city: SoapCity, tmp_path: Path) -> None:
    yte, xd = client_for(city, YTE, tmp_path), client_for(city, XD, tmp_path)
    sent = a_document("H24.15")
    await push(yte, sent)
    await push(xd, a_status(sent, "01", "H24.15"))
    [item] = await yte.poll()
    assert await yte.poll() == (item,), "not taken yet"
    await yte.confirm(item, ok=True)
    for _ in range(3):
        city.node.clock.advance(minutes=7)
        assert await yte.poll() == ()
    await push(xd, a_status(sent, "03", "H24.15"))
    [later] = await yte.poll()
    assert later != item
    for client in (yte, xd):
        await client.close()


async def test_what_cannot_be_taken_is_left_alone_for_a_while(city: SoapCity, tmp_path: Path) -> None:
    yte, xd = client_for(city, YTE, tmp_path), client_for(city, XD, tmp_path)
    await push(yte, a_document("H24.15"))
    [item] = await xd.poll()
    await xd.confirm(item, ok=False)
    assert await xd.poll() == ()
    city.node.clock.advance(minutes=61)
    assert await xd.poll() == (item,)
    for client in (yte, xd):
        await client.close()


async def test_health_says_whether_we_are_let_in(city: SoapCity, tmp_path: Path) -> None:
    good, bad = client_for(city, YTE, tmp_path), client_for(city, YTE, tmp_path, token="wrong")
    await good.health()
    with pytest.raises(PeerRefused) as caught:
        await bad.health()
    assert (caught.value.peer_code, caught.value.retry) == ("CheckPermission", "later")
    for client in (good, bad):
        await client.close()


async def test_a_refusal_of_a_package_is_for_good(city: SoapCity, tmp_path: Path) -> None:
    yte = client_for(city, YTE, tmp_path)
    with pytest.raises(PeerRefused) as caught:
        await push(yte, a_document("H24.999"))
    assert (caught.value.peer_code, caught.value.retry) == ("M.OrganId", "never")
    await push(yte, a_document("H24.15"))
    conflicting = a_document("H24.15", files=(a_file(b"other"),))
    with pytest.raises(PeerRefused, match="document_conflict"):
        await push(yte, conflicting)
    lenient = client_for(city, YTE, tmp_path, exists_is_sent=True)
    assert await push(lenient, conflicting) == ""
    for client in (yte, lenient):
        await client.close()


async def test_the_registry_is_listed(city: SoapCity, tmp_path: Path) -> None:
    yte = client_for(city, YTE, tmp_path)
    assert isinstance(yte, RegistrySource)
    listed = {one.code: one.parent_code for one in (await yte.organs()).organs}
    assert listed["H24.11.3"] == "H24.11"
    assert listed["H24"] == ""
    await yte.close()


# ── Other partners ──────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def answering(response: web.Response | None, scratch: Path, **options: Any) -> AsyncIterator[EdocClient]:
    """A client of a partner that gives one answer, whatever it is asked; None: it hangs up."""

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        if response is None:
            assert request.transport is not None
            request.transport.abort()
            raise ConnectionResetError
        return web.Response(body=response.body, status=response.status, headers=response.headers)

    app = web.Application(client_max_size=1 << 20)
    app.router.add_route("*", "/edoc", handle)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    chosen = EdocClientOptions(
        endpoint=f"http://{host}:{port}/edoc", organ_id="H24", token="t", scratch=scratch, timeout_s=5.0, **options
    )
    client = EdocClient(chosen, None, HeldClock())
    try:
        yield client
    finally:
        await client.close()
        with suppress(Exception):
            await runner.cleanup()


def said(body: str, status: int = 200, content_type: str = "text/xml") -> web.Response:
    """An answer of one envelope."""
    return web.Response(body=envelope(body), status=status, content_type=content_type)


FAULT = "<SOAP-ENV:Fault><faultcode>SOAP-ENV:{}</faultcode><faultstring>không được</faultstring></SOAP-ENV:Fault>"
REPORT = (
    "<CheckPermissionResponse><Report><IsSuccess>false</IsSuccess><ErrorList><Error><Code>{}</Code>"
    "<Description>lỗi</Description></Error></ErrorList></Report></CheckPermissionResponse>"
)


@pytest.mark.parametrize(
    "response",
    [
        None,
        web.Response(body=b"<html>", content_type="text/html", status=502),
        web.Response(body=b"", content_type="text/xml"),
        web.Response(body=b"<a", content_type="text/xml"),
        web.Response(body=b"not xml at all", content_type="text/xml"),
        web.Response(body=b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', content_type="text/xml"),
        web.Response(body=b"{}", content_type="application/json"),
        web.Response(body=b"--x\r\n", headers={"Content-Type": 'multipart/related; boundary="x"'}),
        said("<Other/>"),
        said("", status=503),
        said(FAULT.format("Server"), status=500),
    ],
)
async def test_what_is_no_answer_is_tried_again(response: web.Response | None, tmp_path: Path) -> None:
    async with answering(response, tmp_path) as client:
        with pytest.raises(PeerUnreachable):
            await client.health()
    assert left_in(tmp_path) == []


async def test_a_redirect_is_not_followed_since_the_token_would_go_along(tmp_path: Path) -> None:
    good = REPORT.format("x").replace("false", "true")
    answer = web.Response(body=envelope(good), status=307, content_type="text/xml", headers={"Location": "/other"})
    led: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        led.append(request.path)
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", handle)
    async with TestServer(app) as server:
        options = EdocClientOptions(endpoint=str(server.make_url("/edoc")), organ_id="H24", token="t", scratch=tmp_path)
        client = EdocClient(options, None, HeldClock())
        with pytest.raises(PeerUnreachable, match="HTTP 307"):
            await client.health()
        await client.close()
    assert led == ["/edoc"]


async def test_an_answer_without_end_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_ENVELOPE_BYTES", 1_000)
    limits = Limits(package_bytes=1_000)
    async with answering(said("<x>" + "y" * 3_000 + "</x>"), tmp_path, limits=limits) as client:
        for call in (client.health, client.poll):
            with pytest.raises(PeerUnreachable, match="more than 2000 bytes"):
                await call()
        with pytest.raises(Malformed) as caught:  # one document is too large, which is about that document
            async with client.fetch(Incoming(ref="D1", kind=DOCUMENT)):
                pytest.fail("there is nothing to read")
    assert caught.value.code is Code.TOO_LARGE
    assert left_in(tmp_path) == []


async def test_a_stored_package_that_is_not_what_was_recorded_goes_to_nobody(city: SoapCity, tmp_path: Path) -> None:
    client = client_for(city, YTE, tmp_path)
    said_of, raw = outgoing(a_document("H24.15"))

    async def content() -> AsyncIterator[bytes]:
        yield raw.replace(b"101", b"102")

    with pytest.raises(Internal):
        await client.send(said_of, content)
    other = client_for(city, XD, tmp_path)
    assert await other.pending_ids() == ()
    for one in (client, other):
        await one.close()


@pytest.mark.parametrize("kind", ["text/html", "text/xml", "application/json"])
async def test_a_busy_partner_says_when_to_come_again_in_whatever_form(kind: str, tmp_path: Path) -> None:
    for body in (b"", b"<html>busy</html>"):
        response = web.Response(body=body, status=503, content_type=kind, headers={"Retry-After": "120"})
        async with answering(response, tmp_path) as client:
            with pytest.raises(PeerUnreachable, match="HTTP 503, retry after 120 s") as caught:
                await client.health()
        assert caught.value.retry_after_s == 120.0


@pytest.mark.parametrize(
    ("ahead", "margin"),
    [
        (timedelta(minutes=-3), timedelta(minutes=3, seconds=60)),
        (timedelta(minutes=5), timedelta(minutes=-5, seconds=60)),
        (timedelta(days=-40), timedelta(minutes=10)),  # not the clock that counts
        (None, timedelta(minutes=10)),
    ],
)
async def test_traces_are_confirmed_by_a_moment_of_the_partners_clock(
    ahead: timedelta | None, margin: timedelta, tmp_path: Path
) -> None:
    named: list[str] = []
    asked: list[datetime] = []
    clock = HeldClock()
    traces = f'<e:GetTracesResponse xmlns:e="{V1_NAMESPACE}"><Traces/></e:GetTracesResponse>'

    async def handle(request: web.Request) -> web.StreamResponse:
        named.extend(re.findall(r"<TimeStamp>(.*)</TimeStamp>", (await request.text())))
        dated = "" if ahead is None else format_datetime(clock.at + ahead, usegmt=True)
        return web.Response(body=envelope(traces), content_type="text/xml", headers={"Date": dated})

    app = web.Application()
    app.router.add_post("/edoc", handle)
    async with TestServer(app) as server:
        options = EdocClientOptions(endpoint=str(server.make_url("/edoc")), organ_id="H24", token="t", scratch=tmp_path)
        client = EdocClient(options, None, clock)
        for _ in range(2):
            asked.append(clock.now())
            await client._read_traces(asked[-1])
            clock.advance(hours=1)
        await client.close()
    [moment] = map(read_timestamp, named)
    assert moment is not None
    assert abs(asked[0] - margin - moment) <= timedelta(seconds=2)  # moments are said in whole seconds


@pytest.mark.parametrize(
    ("body", "status", "code", "retry"),
    [
        (FAULT.format("Client"), 500, "Client", "never"),
        (REPORT.format("M.SendDocument"), 200, "M.SendDocument", "never"),
        (REPORT.format("Permission"), 200, "Permission", "later"),
    ],
)
async def test_a_no_is_a_no(body: str, status: int, code: str, retry: str, tmp_path: Path) -> None:
    async with answering(said(body, status), tmp_path) as client:
        with pytest.raises(PeerRefused) as caught:
            await client.health()
    assert (caught.value.peer_code, caught.value.retry) == (code, retry)


async def test_traces_without_a_namespace_are_read_and_unreadable_ones_passed_over(tmp_path: Path) -> None:
    good = (
        "<Status><From><OrganId>H24.15</OrganId></From><ResponseFor><OrganId>H24.11</OrganId>"
        "<DocumentId>D</DocumentId></ResponseFor><StatusCode>3</StatusCode></Status>"
    )
    body = f'<e:GetTracesResponse xmlns:e="{V1_NAMESPACE}"><Traces><Status/>{good}</Traces></e:GetTracesResponse>'
    async with answering(said(body), tmp_path) as client:
        assert len(await client.traces()) == 2
        await client._read_traces(HeldClock().now())
        [raw] = client._traces.values()
    package = read(raw)
    assert isinstance(package, StatusPackage)
    assert package.header.status_code == "3"


async def test_a_yes_without_a_document_is_no_answer(tmp_path: Path) -> None:
    answer = "<GetDocumentResponse><Report><IsSuccess>true</IsSuccess></Report></GetDocumentResponse>"
    async with answering(said(answer), tmp_path) as client:
        with pytest.raises(PeerUnreachable, match="neither a document nor a refusal"):
            async with client.fetch(Incoming(ref="D1", kind=DOCUMENT)):
                pytest.fail("there is nothing to read")


async def test_ids_that_could_not_be_handed_back_are_passed_over(tmp_path: Path) -> None:
    ids = "".join(f"<DocumentId>{one}</DocumentId>" for one in ("D1", "", "x" * 301, "D&#10;2", "D1", "D3"))
    pending = f"<GetPendingDocumentIdsResponse><DocumentIds>{ids}</DocumentIds></GetPendingDocumentIdsResponse>"
    traces = "<GetTracesResponse><Traces/></GetTracesResponse>"
    async with answering(said(pending + traces), tmp_path) as client:
        assert [item.ref for item in await client.poll()] == ["D1", "D3"]


async def test_traces_that_were_not_taken_are_not_confirmed(tmp_path: Path) -> None:
    named: list[list[str]] = []
    clock = HeldClock()
    status = (
        "<Status><From><OrganId>H24.15</OrganId></From><ResponseFor><OrganId>H24.11</OrganId>"
        "<DocumentId>D</DocumentId></ResponseFor><StatusCode>3</StatusCode></Status>"
    )

    async def handle(request: web.Request) -> web.StreamResponse:
        asked = await request.text()
        named.append(re.findall(r"<TimeStamp>(.*)</TimeStamp>", asked))
        pending = "<GetPendingDocumentIdsResponse><DocumentIds/></GetPendingDocumentIdsResponse>"
        traces = f"<GetTracesResponse><Traces>{status}</Traces></GetTracesResponse>"
        return web.Response(body=envelope(traces if "GetTraces" in asked else pending), content_type="text/xml")

    app = web.Application()
    app.router.add_post("/edoc", handle)
    async with TestServer(app) as server:
        options = EdocClientOptions(endpoint=str(server.make_url("/edoc")), organ_id="H24", token="t", scratch=tmp_path)
        client = EdocClient(options, None, clock)
        for _ in range(2):  # what came is not durable here yet
            [item] = await client.poll()
            clock.advance(hours=1)
        await client.confirm(item, ok=True)
        assert await client.poll() == ()
        await client.close()
    assert [bool(moments) for moments in named[1::2]] == [False, False, True]


async def test_a_document_that_is_none_is_malformed(tmp_path: Path) -> None:
    async with answering(said("<edXML:Manifest/>"), tmp_path) as client:
        with pytest.raises(Malformed) as caught:
            async with client.fetch(Incoming(ref="D1", kind=DOCUMENT)):
                pytest.fail("there is nothing to read")
    assert caught.value.code is Code.WRONG_ROOT


async def test_options_are_checked() -> None:
    def peer(options: dict[str, str], secrets: dict[str, str]) -> None:
        make_peer(
            Partner(partner_id="p", adapter="edoc", options=options, secrets=secrets), PeerParts(clock=HeldClock())
        )

    good = {"endpoint": "https://truc.invalid/edoc", "system_id": "H24"}
    peer(good, {"secret": "t"})
    for options, secrets in (
        ({**good, "soap": "1.3"}, {"secret": "t"}),
        ({**good, "endpoint": "ftp://x"}, {"secret": "t"}),
        ({**good, "fetch": "getEdoc"}, {"secret": "t"}),
        (good, {}),
        ({**good, "secret": "t"}, {}),
    ):
        with pytest.raises(Malformed) as caught:
            peer(options, secrets)
        assert caught.value.code is Code.BAD_SETTINGS
