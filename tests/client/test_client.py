"""The client talks to a real node over HTTP: each operation, errors with their codes, repeats, broken lines."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from axis.client import BlockingClient, ClientOptions, File, NodeClient
from axis.client import node as client_node
from axis.client import uploading as client_uploading
from axis.client.node import OPERATIONS as METHODS
from axis.client.uploading import Uploading
from axis.edxml.writer import to_bytes
from axis.errors import AxisError, Busy, Code, NotFound, PeerRefused, PeerUnreachable, Unauthenticated
from axis.settings.sections import Webhook as WebhookSettings
from axis.store.hot import Hot
from axis.store.store import Store
from axis.terms import EventKind, PackageKind, Scope, StatusCode
from axis.web.api.table import OPERATIONS
from tests.api.city import XD, YTE, ApiCity, serving, settings
from tests.exchange.harness import a_document, a_file, make_node

DOCUMENT = {
    "sender": {"organ_id": "H24.11"},
    "receivers": [{"organ_id": "H24.15"}],
    "number": "9",
    "notation": "SYT",
    "promulgation_date": "2026-11-24",
    "subject": "V/v họp",
}


@pytest.fixture
async def city(store: Store, tmp_path: Path) -> AsyncIterator[ApiCity]:
    folder = tmp_path / "node"
    folder.mkdir()
    chosen = settings().model_copy(update={"webhook": WebhookSettings(private_addresses=True)})
    async with serving(await make_node(store, folder), chosen) as city:
        yield city


async def options(city: ApiCity, system_id: str, **more: Any) -> ClientOptions:
    return ClientOptions(url=city.url, token=await city.token(system_id), first_wait_s=0.01, **more)


@pytest.fixture
async def yte(city: ApiCity) -> AsyncIterator[NodeClient]:
    async with NodeClient(await options(city, YTE)) as client:
        yield client


@pytest.fixture
async def xd(city: ApiCity) -> AsyncIterator[NodeClient]:
    async with NodeClient(await options(city, XD)) as client:
        yield client


def names(folder: Path, pattern: str = "*") -> list[str]:
    return sorted(path.name for path in folder.glob(pattern))


def test_every_operation_has_its_method() -> None:
    assert set(METHODS) == {operation.name for operation in OPERATIONS}
    for method in METHODS.values():
        assert callable(getattr(NodeClient, method))


async def test_a_document_goes_out_comes_in_and_its_status_comes_back(
    city: ApiCity, yte: NodeClient, xd: NodeClient, tmp_path: Path
) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(b"%PDF-1.7 " + bytes(100_000))
    sent = await yte.send_document(
        DOCUMENT, (File(name="Tờ trình.pdf", content=b"%PDF-1.7"), File(name="b.pdf", content=large))
    )
    assert (sent.outcome, sent.document_id, sent.receivers[0].receiver_organ) == (
        "accepted",
        "H24.11,2026/11/24,9/SYT",
        "H24.15",
    )
    waiting = [item async for item in xd.pending(PackageKind.DOCUMENT)]
    assert [item.package_id for item in waiting] == [sent.package_id]
    await xd.download(sent.package_id, tmp_path / "got.edxml")
    assert (tmp_path / "got.edxml").read_bytes() == await xd.package(sent.package_id)
    assert names(tmp_path, "*.edxml*") == ["got.edxml"]
    await xd.acknowledge(sent.package_id)
    assert [item async for item in xd.pending()] == []
    assert sent.document_uid is not None
    said = await xd.send_status(sent.document_uid, "H24.15", "03", "đã vào sổ", said_at=city.node.clock.now())
    assert said.kind is PackageKind.STATUS
    detail = await yte.document(sent.document_uid)
    assert [file.name for file in detail.files] == ["Tờ trình.pdf", "b.pdf"]
    assert detail.deliveries.items[0].status_code is StatusCode.ACCEPTED
    assert [one.document_uid async for one in yte.documents(text="họp")] == [sent.document_uid]
    assert [one.receiver_organ async for one in yte.deliveries(document_uid=sent.document_uid)] == ["H24.15"]
    assert (await yte.organ("000.00.11.H24")).name == "Sở Y tế"
    assert "H24.15" in [organ.organ_id async for organ in yte.organs("xây dựng")]
    assert (await yte.limits())["receivers"] == 5_000
    route = await yte.route("H24.11", "H24.15")
    assert (route.place, route.system_id, route.leads_somewhere, bool(route.steps)) == ("local", XD, True, True)
    with pytest.raises(AxisError) as outside:
        await xd.forward(sent.document_uid, "H24.15", "H24.88", "để xử lý")
    assert outside.value.code is Code.FORWARD_OUTSIDE
    returned = await xd.send_back(sent.document_uid, "H24.15", "gửi nhầm nơi nhận")
    assert returned.kind is PackageKind.STATUS
    day = await yte.exchange_day(city.node.clock.now().date())
    assert {one.direction: one.count for one in day.lists}["up"] >= 1
    items = [item async for item in yte.exchange_items(day.day, "up")]
    assert [found.known for found in await yte.find_exchanged(items)] == ["same"]


async def test_lists_turn_their_pages_themselves(store: Store, tmp_path: Path) -> None:
    async with serving(await make_node(store, tmp_path), settings(page_items=2)) as city:
        for number in range(5):
            await city.send("H24.15", number=str(number), subject=f"V/v {number}")
        async with NodeClient(await options(city, XD)) as xd:
            assert len([item async for item in xd.pending()]) == 5


async def test_a_large_package_and_a_large_file_go_in_pieces(
    city: ApiCity, yte: NodeClient, xd: NodeClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(client_node, "_UPLOAD_BYTES", 1_000)
    raw = to_bytes(a_document("H24.15", files=(a_file(b"%PDF-1.7 " + bytes(50_000)),)))
    path = tmp_path / "package.edxml"
    path.write_bytes(raw)
    for content in (raw, path):
        accepted = await yte.send_package(content)
        assert await xd.package(accepted.package_id) == raw
    sent = await yte.send_document(DOCUMENT, [File(name="a.pdf", content=b"%PDF" + bytes(5_000))])
    assert sent.outcome == "accepted"
    assert await city.node.store.uploads.names() == ()
    assert (await yte.upload_support())["Tus-Version"] == "1.0.0"


async def test_an_upload_goes_on_where_it_broke(
    city: ApiCity, yte: NodeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploading = Uploading(yte._transport, piece_bytes=1_000)
    content = bytes(range(256)) * 20
    upload_id = await uploading.begin(len(content), "a.bin")
    once, count = yte._transport.once, 0

    async def breaking(request: Any) -> Any:
        nonlocal count
        count += 1
        response = await once(request)
        if count == 2:  # taken, but the answer is lost
            response.close()
            raise PeerUnreachable("broken")
        if count == 3:
            response.close()
        return response

    monkeypatch.setattr(yte._transport, "once", breaking)
    seen: list[int] = []
    await uploading.put(upload_id, content, seen.append)
    assert seen[-1] == len(content) == await yte.upload_offset(upload_id)
    stored = b"".join([chunk async for chunk in city.node.store.uploads.chunks(upload_id, len(content))])
    assert stored == content
    await yte.resume_upload(upload_id, content)
    await yte.delete_upload(upload_id)
    with pytest.raises(NotFound):
        await yte.upload_offset(upload_id)


async def test_problems_are_errors_with_their_code(city: ApiCity, yte: NodeClient) -> None:
    for call, code in (
        (yte.document("01ARZ3NDEKTSV4RRFFQ69G5FAV"), Code.NOT_FOUND),
        (yte.organ("../../etc"), Code.NOT_FOUND),
        (yte.send_package(b"not xml"), Code.XML_BROKEN),
        (yte.send_document({**DOCUMENT, "receivers": []}), Code.BAD_REQUEST),
        (yte.send_document({**DOCUMENT, "sender": {"organ_id": "H24.15"}}), Code.FOREIGN_SENDER),
        (yte.send_document({**DOCUMENT, "receivers": [{"organ_id": "H24.999"}]}), Code.UNKNOWN_RECEIVER),
        (yte.add_webhook("ftp://x.invalid/"), Code.BAD_REQUEST),
    ):
        with pytest.raises(AxisError) as refused:
            await call
        assert refused.value.code is code
        assert refused.value.retry == "never"
    async with NodeClient(ClientOptions(url=city.url, token="axt_wrong", tries=1)) as stranger:
        with pytest.raises(Unauthenticated):
            await stranger.webhooks()
    token = await city.token(YTE, (Scope.READ,))
    async with NodeClient(ClientOptions(url=city.url, token=token)) as reader:
        with pytest.raises(AxisError) as forbidden:
            await reader.send_package(to_bytes(a_document("H24.15")))
        assert forbidden.value.code is Code.MISSING_SCOPE


async def test_events_are_followed_from_a_place(city: ApiCity, xd: NodeClient) -> None:
    async def happen(number: int) -> None:
        event = city.node.context.event(XD, EventKind.PACKAGE_PENDING, fields={"n": number})
        await city.node.store.submit(Hot(inserts=(event,)))

    await happen(1)
    await happen(2)
    events = [event async for event in xd.events(follow=False)]
    assert [event.fields["n"] for event in events] == [1, 2]
    following = xd.events(events[-1].place)
    waiting = asyncio.ensure_future(anext(following))
    await happen(3)
    async with asyncio.timeout(30):
        assert (await waiting).fields["n"] == 3
    await following.aclose()  # type: ignore[attr-defined]


async def test_webhooks_are_kept_by_the_client(xd: NodeClient) -> None:
    made = await xd.add_webhook("http://127.0.0.1:9/axis", ["status_changed"], "DMS")
    assert made.secret.startswith("whsec_")
    assert [one.webhook_id for one in await xd.webhooks()] == [made.webhook_id]
    assert (await xd.webhook(made.webhook_id)).kinds == ("status_changed",)
    assert (await xd.rotate_webhook_secret(made.webhook_id)).secret != made.secret
    assert (await xd.enable_webhook(made.webhook_id)).enabled
    told = await xd.test_webhook(made.webhook_id)
    assert (told.taken, told.status) == (False, None)
    await xd.delete_webhook(made.webhook_id)
    assert await xd.webhooks() == ()


class Moody:
    """A server that answers as it is told, one answer a call."""

    def __init__(self, *answers: web.Response | str) -> None:
        self.answers = list(answers)
        self.keys: list[str | None] = []
        self.bodies: list[bytes] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.keys.append(request.headers.get("Idempotency-Key"))
        self.bodies.append(await request.read())
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            assert request.transport is not None
            request.transport.close()
            raise ConnectionResetError(answer)
        return answer


async def moody(server: Moody, **more: Any) -> tuple[NodeClient, web.AppRunner]:
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return NodeClient(ClientOptions(url=url, token="t", first_wait_s=0.01, most_wait_s=0.05, **more)), runner


def problem(status: int, code: str, **headers: str) -> web.Response:
    return web.json_response(
        {"code": code, "title_en": "t"}, status=status, content_type="application/problem+json", headers=headers
    )


ACCEPTED = {"outcome": "accepted", "kind": "document", "package_id": "p", "document_uid": None, "new_field": 1}


async def test_a_call_is_made_again_under_the_same_key_with_the_same_body(tmp_path: Path) -> None:
    path = tmp_path / "p.edxml"
    path.write_bytes(b"<edXML/>")
    for content in (b"<edXML/>", path):
        server = Moody("gone", problem(503, "disk_full", **{"Retry-After": "1"}), web.json_response(ACCEPTED))
        client, runner = await moody(server)
        accepted = await client.send_package(content)
        assert accepted.package_id == "p"
        assert len(set(server.keys)) == 1
        assert server.keys[0]
        assert server.bodies == [b"<edXML/>"] * 3
        await client.close()
        await runner.cleanup()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client chose to wait; it does not."""
    chosen: list[float] = []
    sleep = asyncio.sleep

    async def note(delay_s: float) -> None:
        if delay_s:
            chosen.append(delay_s)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", note)
    return chosen


@pytest.mark.parametrize(("status", "code"), [(409, "call_running"), (400, "truncated_upload"), (429, "overloaded")])
async def test_what_may_pass_is_called_again_under_the_callers_key(status: int, code: str, waits: list[float]) -> None:
    server = Moody(problem(status, code), web.json_response(ACCEPTED))
    client, runner = await moody(server)
    assert (await client.send_package(b"<edXML/>", key="mine")).package_id == "p"
    assert server.keys == ["mine", "mine"]
    assert len(waits) == 1
    await client.close()
    await runner.cleanup()


async def test_a_key_that_nobody_chose_is_the_same_for_one_call_only(
    waits: list[float],
) -> None:
    answers = [one for _ in range(2) for one in (problem(503, "disk_full"), web.json_response(ACCEPTED))]
    server = Moody(*answers)
    client, runner = await moody(server)
    for _ in range(2):
        await client.send_status("D", "H24.15", "03")
    first, again, second, second_again = server.keys
    assert first == again
    assert second == second_again
    assert first != second
    assert len(waits) == 2
    await client.close()
    await runner.cleanup()


async def test_waits_grow_and_are_as_long_as_the_node_asks_up_to_the_most(waits: list[float]) -> None:
    server = Moody(
        *(problem(503, "disk_full", **{"Retry-After": after}) for after in ("0", "0", "0", "20", "3600", "0"))
    )
    client, runner = await moody(server, tries=6)
    client._transport._options = replace(client._transport._options, first_wait_s=1.0, most_wait_s=60.0)
    with pytest.raises(Busy):
        await client.send_package(b"<edXML/>")
    assert [0.8 * 2**n <= wait <= 1.2 * 2**n for n, wait in enumerate(waits[:3])] == [True] * 3
    assert waits[3:] == [20.0, 60.0]
    await client.close()
    await runner.cleanup()


def at_offset(offset: int) -> web.Response:
    """What HEAD says of an upload."""
    return web.Response(status=200, headers={"Upload-Offset": str(offset)})


async def test_an_upload_without_progress_is_given_up(waits: list[float]) -> None:
    answers = [at_offset(0), *(one for _ in range(9) for one in (problem(503, "disk_full"), at_offset(0)))]
    server = Moody(*answers)
    client, runner = await moody(server)
    with pytest.raises(PeerUnreachable):
        await client.resume_upload("u", b"x" * 10)
    assert len(server.keys) == 18  # the first look, nine tries, and a look after each but the last
    assert len(waits) == 8
    await client.close()
    await runner.cleanup()


@pytest.mark.parametrize(("status", "code"), [(409, "upload_incomplete"), (413, "too_large")])
async def test_an_upload_that_is_refused_is_not_tried_again(status: int, code: str, waits: list[float]) -> None:
    server = Moody(at_offset(0), problem(status, code), at_offset(0))
    client, runner = await moody(server)
    with pytest.raises(AxisError) as caught:
        await client.resume_upload("u", b"x" * 10)
    assert (caught.value.code, len(server.keys), waits) == (Code(code), 2, [])
    await client.close()
    await runner.cleanup()


async def test_a_piece_that_was_damaged_on_its_way_goes_again(
    city: ApiCity, yte: NodeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[bytes] = []

    def damaged(piece: bytes) -> io.BytesIO:
        bodies.append(piece)
        return io.BytesIO(b"?" * len(piece) if len(bodies) == 1 else piece)

    monkeypatch.setattr(client_uploading, "piece_body", damaged)
    upload_id = await yte.upload(b"%PDF-1.7", "a.pdf")
    stored = b"".join([chunk async for chunk in city.node.store.uploads.chunks(upload_id, 8)])
    assert (stored, len(bodies)) == (b"%PDF-1.7", 2)
    await yte.resume_upload(upload_id, b"%PDF-1.7")
    assert len(bodies) == 2  # all of it is there


@pytest.mark.parametrize(
    ("answers", "error", "code", "calls"),
    [
        ([problem(503, "disk_full") for _ in range(3)], Busy, Code.DISK_FULL, 3),
        (["gone"] * 3, PeerUnreachable, Code.PEER_UNREACHABLE, 3),
        ([problem(422, "unknown_receiver")], AxisError, Code.UNKNOWN_RECEIVER, 1),
        ([problem(418, "word_of_the_future")], PeerRefused, Code.PEER_REFUSED, 1),
        ([web.Response(status=404, text="<html>")], PeerUnreachable, Code.PEER_UNREACHABLE, 1),
        (
            [web.Response(status=302, headers={"Location": "http://x.invalid"})],
            PeerUnreachable,
            Code.PEER_UNREACHABLE,
            1,
        ),
        ([web.json_response([1])], PeerUnreachable, Code.PEER_UNREACHABLE, 1),
        ([problem(500, "internal")], AxisError, Code.INTERNAL, 1),
    ],
)
async def test_what_answers_mean(
    answers: list[web.Response | str], error: type[AxisError], code: Code, calls: int
) -> None:
    server = Moody(*answers)
    client, runner = await moody(server, tries=3)
    with pytest.raises(error) as caught:
        await client.send_package(b"<edXML/>")
    assert caught.value.code is code
    assert len(server.keys) == calls
    await client.close()
    await runner.cleanup()


async def test_a_download_that_is_not_what_was_sent_leaves_no_file(tmp_path: Path) -> None:
    wrong = web.Response(body=b"other", headers={"Content-Digest": "sha-256=:AAAA:"})
    client, runner = await moody(Moody(wrong))
    with pytest.raises(AxisError) as caught:
        await client.download("p", tmp_path / "p.edxml")
    assert caught.value.code is Code.HASH_MISMATCH
    assert names(tmp_path) == []
    await client.close()
    await runner.cleanup()


async def test_programs_without_a_loop_use_the_same_client(city: ApiCity) -> None:
    chosen = await options(city, YTE)

    def work() -> tuple[str, list[str]]:
        with BlockingClient(chosen) as node:
            sent = node.run(lambda client: client.send_document(DOCUMENT))
            found = [one.document_id for one in node.each(lambda client: client.documents())]
            with pytest.raises(NotFound):
                node.run(lambda client: client.document("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
        return sent.document_id, found

    document_id, found = await asyncio.to_thread(work)
    assert found == [document_id]
