"""Our client towards partners that answer in every way but the right one."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web

from adapters.base import PeerParts, make_peer
from adapters.vxp.calls import VxpClientOptions
from adapters.vxp.client import VxpClient
from adapters.vxp.wire import Operation, read_call
from axis.delivery.partner import Partner as Called
from axis.delivery.peer import Incoming, Outgoing, Peer, ReceiverState, Sent
from axis.errors import AxisError, Code, Malformed, PeerRefused, PeerUnreachable
from axis.terms import PackageKind
from tests.vxp.city import serving

OK = {"status": "OK", "ErrorCode": "0", "ErrorDesc": "", "DocId": ""}
ITEM = Incoming(ref="D1", kind=PackageKind.DOCUMENT)


class StillClock:
    def now(self) -> datetime:
        return datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


class Partner:
    """A partner that answers as a test says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: Callable[[web.Request], Awaitable[web.StreamResponse]] = self._plain
        self.reply: object = OK
        self.requests: list[web.BaseRequest] = []
        self.bodies: list[bytes] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self.answer(request)

    async def _plain(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        if isinstance(self.reply, web.Response):
            return self.reply
        return web.json_response(self.reply)


@pytest.fixture
async def partner() -> AsyncIterator[tuple[Partner, VxpClient]]:
    one = Partner()
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/vxp/{operation}", one.handle)
    async with serving(app) as endpoint:
        client = VxpClient(_options(endpoint), None, StillClock())
        yield one, client
        await client.close()


def _options(endpoint: str, **changes: object) -> VxpClientOptions:
    values = {
        "endpoint": endpoint,
        "system_id": "H24",
        "secret": "s",
        "timeout_s": 5.0,
        "connect_timeout_s": 2.0,
        **changes,
    }
    return VxpClientOptions(**values)  # type: ignore[arg-type]


async def _fetch(client: VxpClient, item: Incoming = ITEM) -> bytes:
    async with client.fetch(item) as chunks:
        return b"".join([chunk async for chunk in chunks])


def _calls(client: VxpClient) -> list[Awaitable[object]]:
    """One call of every kind."""
    return [
        client.send_edoc(b"x"),
        client.poll(),
        client.sent_list("D1"),
        client.receivers("D1"),
        client.update_status("D1", "done"),
        client.confirm(ITEM, ok=True),
        client.count_received(PackageKind.STATUS),
        client.health(),
        client.agencies(),
        client.units(),
        client.delete_agency("H24.1"),
        client.get_edoc("D1", lambda _: None),
        client.download_edoc("D1", lambda _: None),
        _fetch(client),
    ]


def test_the_client_is_a_peer_and_hides_its_secret() -> None:
    options = _options("http://truc.example/vxp", secret="bi-mat")
    peer: Peer = VxpClient(options, None, StillClock())
    assert peer is not None
    assert "bi-mat" not in repr(options)


async def test_a_call_looks_as_the_vendors(partner: tuple[Partner, VxpClient]) -> None:
    one, client = partner
    await client.send_edoc(b"<edXML/>", PackageKind.STATUS)
    (request,) = one.requests
    assert (request.method, request.path) == ("POST", "/vxp/sendEdoc")
    assert one.bodies == [b"<edXML/>\r\n"]
    assert request.headers["Content-Length"] == "10"
    assert request.headers["Content-Type"] == "application/octet-stream"
    assert request.headers["User-Agent"] == "JAVASDKAgent/1.0.0 XRoad/VPCP"
    assert request.headers["XroadVnpt-version"] == "3.0.201608"
    assert request.headers["XroadVnpt-timestamp"] == "24112026T090000+0000"
    assert request.headers["XroadVnpt-hash-file"] == "8d55f6c7bf7cd534cf27a10e1bb5731c68279c3cb991cf4844774c685b3758"
    assert request.headers["X-Request-Id"]
    call = read_call(request.raw_headers)
    call.check_agreement()
    assert call.is_signed_by([b"s"])
    assert {name: call.get(name) for name in ("systemid", "from", "servicetype", "messagetype")} == {
        "systemid": "H24", "from": "H24", "servicetype": "eDoc", "messagetype": "status",
    }  # fmt: skip


async def test_every_operation_goes_out_with_its_method(partner: tuple[Partner, VxpClient]) -> None:
    one, client = partner
    one.reply = OK | {"data": "", "count": 0}
    for attempt in _calls(client):
        with suppress(PeerUnreachable):  # JSON in the place of a file
            await attempt
    seen = {(request.method, request.path.rpartition("/")[2]) for request in one.requests}
    assert ("GET", "downloadEdoc") in seen
    assert all(method == "POST" for method, operation in seen if operation != "downloadEdoc")
    assert all("Accept-Encoding" in request.headers for request in one.requests)
    assert {request.headers["Accept-Encoding"] for request in one.requests} == {"identity"}


# ── Refusals ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_refusal_carries_the_partners_code_in_every_call(partner: tuple[Partner, VxpClient]) -> None:
    one, client = partner
    one.reply = {"status": "FAIL", "ErrorCode": "18", "ErrorDesc": "không có", "DocId": ""}
    for attempt in _calls(client):
        with pytest.raises(PeerRefused) as caught:
            await attempt
        assert (caught.value.peer_code, caught.value.detail) == ("18", "không có")


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/octet-stream"])
async def test_a_refusal_in_the_place_of_a_file_is_one(partner: tuple[Partner, VxpClient], content_type: str) -> None:
    one, client = partner
    one.reply = web.Response(body=b' {"status":"FAIL","ErrorCode":18}', content_type=content_type)
    with pytest.raises(PeerRefused) as caught:
        await client.download_edoc("D1", lambda _: None)
    assert caught.value.peer_code == "18"


@pytest.mark.parametrize("file", [b"", b"<edXML/>", b"{ junk before it ?> <edXML/>", b'{"a":1}', b"{" * 100_000])
async def test_a_file_is_a_file_whatever_it_begins_with(partner: tuple[Partner, VxpClient], file: bytes) -> None:
    one, client = partner
    one.reply = web.Response(body=file, content_type="application/octet-stream")
    buffer = io.BytesIO()
    assert await client.download_edoc("D1", buffer.write) == len(file)
    assert buffer.getvalue() == file


# ── No answers ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "reply",
    [
        web.Response,  # an empty body
        lambda: web.Response(text="<html><body>502 Bad Gateway</body></html>", content_type="text/html"),
        lambda: web.Response(text="không phải JSON"),
        lambda: web.Response(text='{"status":"OK"', content_type="application/json"),
        lambda: web.json_response({"hello": "world"}),
        lambda: web.json_response(OK, status=500),
        lambda: web.json_response(OK, status=404),
        lambda: web.json_response(OK, status=201),
        lambda: web.json_response(OK, status=302, headers={"Location": "/vxp/elsewhere"}),
        lambda: web.json_response({"status": "FAIL", "ErrorCode": "20"}, status=503, headers={"Retry-After": "30"}),
    ],
)
async def test_what_is_no_answer_is_unreachable(
    partner: tuple[Partner, VxpClient], reply: Callable[[], web.Response]
) -> None:
    one, client = partner

    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        return reply()

    one.answer = answer
    made = reply()
    file_like = made.status == 200 and made.content_type in ("text/plain", "application/octet-stream")
    for attempt in _calls(client):
        if file_like and getattr(attempt, "__name__", "") == "download_edoc":
            await attempt  # any bytes can be a file
            continue
        with pytest.raises(PeerUnreachable):
            await attempt


async def test_a_redirection_is_not_followed(partner: tuple[Partner, VxpClient]) -> None:
    one, client = partner

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("elsewhere"):
            return web.json_response(OK)
        return web.Response(status=307, headers={"Location": "/vxp/elsewhere"})

    one.answer = answer
    with pytest.raises(PeerUnreachable, match="HTTP 307"):
        await client.health()
    assert len(one.requests) == 1


async def test_a_busy_partner_says_when_to_come_again(partner: tuple[Partner, VxpClient]) -> None:
    one, client = partner
    one.reply = web.json_response({"status": "FAIL", "ErrorCode": "20"}, status=503, headers={"Retry-After": "30"})
    with pytest.raises(PeerUnreachable, match="HTTP 503, retry after 30 s") as caught:
        await client.send_edoc(b"x")
    assert caught.value.retry_after_s == 30.0


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        ("Tue, 24 Nov 2026 02:02:00 GMT", 120.0),
        ("Tue, 24 Nov 2026 01:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("99999999999999999999", None),
        ("²", None),
        ("", None),
    ],
)
async def test_when_to_come_again_may_be_a_moment_or_nothing_that_can_be_read(
    partner: tuple[Partner, VxpClient], said: str, wait_s: float | None
) -> None:
    one, client = partner
    headers = {"Retry-After": said, "Date": "Tue, 24 Nov 2026 02:00:00 GMT"}
    one.reply = web.Response(status=503, headers=headers)
    with pytest.raises(PeerUnreachable, match="HTTP 503") as caught:
        await client.send_edoc(b"x")
    assert caught.value.retry_after_s == wait_s


async def test_nobody_there_is_unreachable(unused_tcp_port: int) -> None:
    client = VxpClient(_options(f"http://127.0.0.1:{unused_tcp_port}/vxp"), None, StillClock())
    for attempt in _calls(client):
        with pytest.raises(PeerUnreachable):
            await attempt
    await client.close()


async def test_a_value_that_cannot_stand_in_a_header_is_never_sent(partner: tuple[Partner, VxpClient]) -> None:
    one, client = partner
    with pytest.raises(PeerUnreachable):
        await client.update_status("D1\r\nX-Evil: 1", "done")
    assert one.requests == []


@asynccontextmanager
async def _raw_partner(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    serving: set[asyncio.Task[None]] = set()  # held: nobody else refers to one that waits for ever

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            await handle(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    async with server:
        yield f"http://{host}:{port}/vxp"
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n" + json.dumps(OK).encode(),
        b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"status":"OK","data":"QUJD',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<edXM",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_an_answer_that_breaks_off_is_unreachable(answer: bytes) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    async with _raw_partner(handle) as endpoint:
        client = VxpClient(_options(endpoint), None, StillClock())
        for attempt in _calls(client):
            with pytest.raises(PeerUnreachable):
                await attempt
        await client.close()


@pytest.mark.parametrize("head", [b"", b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"status":"OK","data":"QUJD'])
async def test_a_partner_that_falls_silent_is_unreachable(head: bytes) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        await reader.read()

    async with _raw_partner(handle) as endpoint:
        client = VxpClient(_options(endpoint, timeout_s=0.1), None, StillClock())
        for attempt in (client.health(), _fetch(client), client.send_edoc(b"x")):
            with pytest.raises(PeerUnreachable):
                await attempt
        await client.close()


async def test_a_partner_that_dribbles_is_given_up() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with _raw_partner(handle) as endpoint:
        client = VxpClient(_options(endpoint, timeout_s=0.1), None, StillClock())
        for attempt in (client.health(), client.send(_outgoing(3), _three_bytes)):
            with pytest.raises(PeerUnreachable, match="took too long"):
                await attempt
        await client.close()


async def _three_bytes() -> AsyncIterator[bytes]:
    yield b"abc"


async def test_a_partner_that_takes_nothing_is_given_up() -> None:
    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async def content() -> AsyncIterator[bytes]:
        for _ in range(400):
            yield bytes(64 << 10)

    async with _raw_partner(handle) as endpoint:
        client = VxpClient(_options(endpoint, timeout_s=0.2), None, StillClock())
        with pytest.raises(PeerUnreachable):
            await client.send(_outgoing(400 * (64 << 10)), content)
        await client.close()


@pytest.mark.parametrize("operation", ["received_list", "poll", "agencies"])
async def test_a_list_without_end_is_given_up(partner: tuple[Partner, VxpClient], operation: str) -> None:
    one, client = partner

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"status":"OK","data":[')
        while True:
            await response.write(b'{"docId":"' + b"a" * 60_000 + b'"},')

    one.answer = answer
    with pytest.raises(PeerUnreachable, match="more than"):
        await getattr(client, operation)()


# ── Our own faults ──────────────────────────────────────────────────────────────────────────────────────────────


def _outgoing(size_bytes: int) -> Outgoing:
    return Outgoing(
        package_id="01OURS",
        kind=PackageKind.DOCUMENT,
        size_bytes=size_bytes,
        sha256_hex="00" * 32,
        from_organ="H24",
        request_id="01REQUEST",
    )


async def test_what_reading_our_own_package_fails_with_is_not_the_partners_fault(
    partner: tuple[Partner, VxpClient],
) -> None:
    _, client = partner

    async def broken() -> AsyncIterator[bytes]:
        yield b"abc"
        raise OSError("disk")

    async def short() -> AsyncIterator[bytes]:
        yield b"abc"

    with pytest.raises(OSError, match="disk"):
        await client.send(_outgoing(100), broken)
    with pytest.raises(AxisError) as caught:
        await client.send(_outgoing(100), short)
    assert caught.value.code is Code.INTERNAL


async def test_a_sent_package_carries_its_request_id(partner: tuple[Partner, VxpClient]) -> None:
    one, client = partner
    one.reply = OK | {"DocId": "THEIRS"}
    assert await client.send(_outgoing(3), _three_bytes) == Sent(ref="THEIRS")
    assert one.requests[0].headers["X-Request-Id"] == "01REQUEST"
    assert one.bodies == [b"abc\r\n"]


# ── Lenient reading ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_list_of_others_is_polled_without_what_cannot_be_fetched(partner: tuple[Partner, VxpClient]) -> None:
    one, client = partner
    rows = [{"docId": 12}, {"docId": "12"}, {"docId": ""}, {}, {"docId": "a\nb"}, {"docId": "x" * 400}, {"docId": "Đ1"}]
    one.reply = {"ErrorCode": 0, "data": rows}
    assert [item.ref for item in await client.poll() if item.kind is PackageKind.DOCUMENT] == ["12", "Đ1"]


async def test_the_kind_that_a_row_says_counts(partner: tuple[Partner, VxpClient]) -> None:
    one, client = partner
    one.reply = OK | {"data": [{"docId": "1", "messageType": "STATUS"}, {"docId": "2", "messageType": "edoc"}]}
    assert await client.poll() == (
        Incoming(ref="1", kind=PackageKind.STATUS),
        Incoming(ref="2", kind=PackageKind.DOCUMENT),
    )


async def test_a_receiver_is_acknowledged_only_when_the_partner_says_done(partner: tuple[Partner, VxpClient]) -> None:
    one, client = partner
    rows = [
        {"toCode": "G01", "receiveStatus": "done", "receiveStatusDesc": "đã nhận"},
        {"toCode": "G02", "receiveStatus": "processing", "sendStatus": "done"},
        {"receiveStatus": "done"},
    ]
    one.reply = OK | {"data": rows}
    assert await client.receivers("D1") == (
        ReceiverState(organ_code="G01", acknowledged=True, words="đã nhận"),
        ReceiverState(organ_code="G02", acknowledged=False, words="processing"),
    )


async def test_a_refusal_is_known_before_the_first_byte_is_read(partner: tuple[Partner, VxpClient]) -> None:
    one, client = partner
    one.reply = {"status": "FAIL", "ErrorCode": "18"}
    entered = False
    with pytest.raises(PeerRefused):
        async with client.fetch(ITEM):
            entered = True
    assert not entered


async def test_a_reader_that_stops_early_leaves_the_client_usable(partner: tuple[Partner, VxpClient]) -> None:
    one, client = partner
    one.reply = OK | {"data": base64.b64encode(bytes(3 << 20)).decode()}
    async with client.fetch(ITEM) as chunks:
        assert await anext(aiter(chunks))
    assert await _fetch(client) == bytes(3 << 20)


async def test_a_failing_writer_is_told_as_it_is(partner: tuple[Partner, VxpClient]) -> None:
    one, client = partner
    one.reply = OK | {"data": "QUJD"}

    def full(_: bytes) -> None:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        await client.get_edoc("D1", full)


async def test_a_shared_session_stays_open(partner: tuple[Partner, VxpClient]) -> None:
    one, client = partner
    async with aiohttp.ClientSession() as session:
        other = VxpClient(_options(client._options.endpoint), session, StillClock())
        await other.health()
        await other.close()
        assert not session.closed
    assert len(one.requests) == 1


# ── The entry point ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_partner_is_made_from_its_options_and_its_secret() -> None:
    options = {"endpoint": "https://truc.example/vxp", "system_id": "H24", "fetch": "downloadEdoc", "timeout_s": "5"}
    partner = Called(partner_id="national", adapter="vxp", options=options)
    with pytest.raises(Malformed) as caught:
        make_peer(partner, PeerParts(clock=StillClock()))
    assert (caught.value.code, caught.value.at) == (Code.BAD_SETTINGS, "national: secret secret")
    partner = replace(partner, secrets={"secret": "bi-mat"})
    assert "bi-mat" not in repr(partner)
    peer = make_peer(partner, PeerParts(clock=StillClock()))
    assert isinstance(peer, VxpClient)
    assert peer._options.secret == "bi-mat"
    assert peer._options.fetch_by is Operation.DOWNLOAD_EDOC
    assert peer._options.timeout_s == 5.0
    assert peer.polls
    assert peer.tells_receivers


@pytest.mark.parametrize(
    ("wrong", "at"),
    [
        ({"endpoint": "ftp://truc.example"}, "endpoint"),
        ({"endpoint": None}, "endpoint"),
        ({"system_id": ""}, "system_id"),
        ({"timeout_s": "soon"}, "timeout_s"),
        ({"timeout_s": "0"}, "timeout_s"),
        ({"fetch": "everything"}, "fetch"),
        ({"secret": "in the wrong place"}, "secret"),
    ],
)
def test_options_that_are_wrong_are_named_and_never_shown(wrong: dict[str, str | None], at: str) -> None:
    options = {"endpoint": "https://truc.example/vxp", "system_id": "H24"} | wrong
    partner = Called(partner_id="national", adapter="vxp", options=options, secrets={"secret": "s"})
    with pytest.raises(Malformed) as caught:
        make_peer(partner, PeerParts(clock=StillClock()))
    assert caught.value.at == f"national: option {at}"
    assert "in the wrong place" not in str(caught.value)
