"""What the front refuses: each with its own code, over HTTP, byte by byte, and nothing left behind."""

import asyncio
import gzip
import json
from datetime import timedelta

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from adapters.vxp.server import routes_of
from adapters.vxp.wire import MAX_FIELD_BYTES, write_timestamp
from axis.edxml.writer import to_bytes
from axis.errors import Busy, Code
from axis.exchange.service import Exchange
from axis.keys import NodeKey
from axis.store import systems
from axis.store.records import System
from axis.web.middleware import identify
from tests.exchange.harness import Node, a_document, a_file
from tests.vxp.city import (
    PACKAGE_BYTES,
    XD,
    YTE,
    City,
    RawCall,
    call,
    exchange_bytes,
    file_hash,
    front_of,
    read_response,
    serving,
    signed,
    until,
)

PACKAGE = to_bytes(a_document("H24.15"))


def sending(city: City, body: bytes = PACKAGE + b"\r\n", **values: str) -> RawCall:
    """A good sendEdoc, for tests to spoil."""
    more = {"servicetype": "eDoc", "messagetype": "edoc", "hash_file": file_hash(PACKAGE), **values}
    return RawCall("sendEdoc", signed(city, **more), body=body)


async def refused(city: City, raw: RawCall, code: Code, vxp_code: str) -> str:
    """Make a call, see it refused so, and nothing left behind. Returns ErrorDesc."""
    reply = await call(city, raw)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.code == code
    assert reply.json["ErrorCode"] == vxp_code
    assert await city.is_untouched()
    return str(reply.json["ErrorDesc"])


async def test_the_good_call_is_good(city: City) -> None:
    reply = await call(city, sending(city))
    assert reply.json["status"] == "OK"
    assert not await city.is_untouched()


# ── Who calls ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_unknown_system_is_refused(city: City) -> None:
    await refused(city, sending(city, systemid="ai-do"), Code.UNKNOWN_SYSTEM, "15")


async def test_a_disabled_system_is_refused_and_let_in_again(city: City) -> None:
    node = city.node
    for enabled in (False, True):
        await node.store.write(lambda c, on=enabled: systems.set_enabled(c, YTE, node.clock.now(), "test", enabled=on))
        await node.directory.refresh()
        if not enabled:
            await refused(city, sending(city), Code.SYSTEM_DISABLED, "15")
    assert (await call(city, sending(city))).json["status"] == "OK"


async def test_a_system_of_another_front_is_unknown_here(city: City) -> None:
    node, key = city.node, NodeKey.load(city.data_dir.parent / "node.key")
    system = System(
        system_id="thu-muc",
        name="Thư mục",
        front="folder",
        enabled=True,
        may_register=False,
        created_at=node.clock.now(),
    )
    new = systems.NewSystem(system=system, secret_encrypted=key.encrypt("secret-thu-muc"), serves=())
    await node.store.write(lambda c: systems.add_system(c, new, node.clock.now(), "test"))
    await node.directory.refresh()
    raw = sending(city, systemid="thu-muc")
    raw.secret = "secret-thu-muc"
    await refused(city, raw, Code.UNKNOWN_SYSTEM, "15")


@pytest.mark.parametrize("mac", ["0" * 64, "", "không", "a" * 63])
async def test_a_wrong_hmac_is_refused(city: City, mac: str) -> None:
    raw = sending(city)
    raw.mac = mac
    await refused(city, raw, Code.BAD_CREDENTIALS, "15")


async def test_the_secret_of_another_system_is_wrong(city: City) -> None:
    raw = sending(city)
    raw.secret = f"secret-{XD}"
    await refused(city, raw, Code.BAD_CREDENTIALS, "15")


async def test_both_secrets_are_good_while_one_is_rotated(city: City) -> None:
    node, key = city.node, NodeKey.load(city.data_dir.parent / "node.key")
    new = systems.NewSecret(secret_encrypted=key.encrypt("moi"), grace=timedelta(hours=1))
    await node.store.write(lambda c: systems.rotate(c, YTE, new, node.clock.now(), "test"))
    await node.directory.refresh()
    for secret in ("moi", f"secret-{YTE}"):
        raw = RawCall("countReceiveEdoc", signed(city), secret=secret)
        assert (await call(city, raw)).json["status"] == "OK"
    node.clock.advance(hours=2)
    raw = RawCall("countReceiveEdoc", signed(city))
    assert (await call(city, raw)).code == Code.BAD_CREDENTIALS


@pytest.mark.parametrize("hours", [-25, 25, -24 * 400])
async def test_a_timestamp_outside_the_window_is_refused(city: City, hours: int) -> None:
    at = write_timestamp(city.node.clock.now() + timedelta(hours=hours))
    await refused(city, sending(city, timestamp=at), Code.TIMESTAMP_OUTSIDE_WINDOW, "15")


@pytest.mark.parametrize("hours", [-23, 23])
async def test_a_timestamp_that_has_been_used_for_hours_is_good(city: City, hours: int) -> None:
    raw = sending(city, timestamp=write_timestamp(city.node.clock.now() + timedelta(hours=hours)))
    assert (await call(city, raw)).json["status"] == "OK"


async def test_a_timestamp_of_another_form_is_refused(city: City) -> None:
    await refused(city, sending(city, timestamp="2026-11-24T09:00:00+07:00"), Code.BAD_REQUEST, "21")


@pytest.mark.parametrize("name", ["systemid", "timestamp", "hash-file", "messagetype"])
async def test_a_real_header_that_differs_from_the_signed_one_is_refused(city: City, name: str) -> None:
    raw = sending(city)
    raw.real = {name: "khac"}
    await refused(city, raw, Code.HEADER_MISMATCH, "15")


@pytest.mark.parametrize("name", ["systemid", "timestamp", "hash-file", "messagetype"])
async def test_a_header_that_is_used_but_not_signed_is_refused(city: City, name: str) -> None:
    raw = sending(city)
    raw.real = {name: raw.values.pop(name)}
    await refused(city, raw, Code.HEADER_UNSIGNED, "15")


@pytest.mark.parametrize("name", ["systemid", "timestamp"])
async def test_a_name_that_every_call_signs_may_not_be_missing(city: City, name: str) -> None:
    raw = sending(city)
    del raw.values[name]
    await refused(city, raw, Code.HEADER_UNSIGNED, "15")


async def test_a_signed_name_without_its_real_header_is_a_stray(city: City) -> None:
    raw = sending(city, docId="01X.dms-yte", status="done", filePath="d:/van ban", to='["H24.15"]')
    raw.real = dict.fromkeys(("docId", "filePath", "systemid", "timestamp"), "")
    assert (await call(city, raw)).json["status"] == "OK"


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"XroadVnpt-systemid":"dms-yte","XroadVnpt-systemid":"dms-xd"}',
        '{"XroadVnpt-systemid":"dms-yte","xroadvnpt-SYSTEMID":"dms-yte"}',
        '{"a":' * 2_000,
        '{"XroadVnpt-systemid":{"x":"dms-yte"}}',
    ],
)
async def test_signed_text_that_is_no_plain_object_is_refused(city: City, text: str) -> None:
    raw = sending(city)
    raw.signed_text = text
    await refused(city, raw, Code.BAD_REQUEST, "21")


@pytest.mark.parametrize("name", ["XroadVnpt-systemid", "xroadvnpt-messagetype", "XroadVnpt-hash-header"])
async def test_a_header_that_comes_twice_is_refused(city: City, name: str) -> None:
    raw = sending(city)
    raw.more = [(name, "mot"), (name, "hai")]
    await refused(city, raw, Code.BAD_REQUEST, "21")


async def test_too_many_headers_are_refused(city: City) -> None:
    raw = sending(city)
    raw.more = [(f"X-{number}", "a") for number in range(90)]
    await refused(city, raw, Code.TOO_MANY, "21")


@pytest.mark.parametrize("count", [10_000, 100_000])
async def test_ten_thousand_headers_do_no_harm(city: City, count: int) -> None:
    raw = sending(city)
    raw.more = [(f"X-{number}", "a") for number in range(count)]
    answer = await exchange_bytes(city.endpoint, raw.to_bytes())
    assert answer.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
    assert b"Traceback" not in answer
    assert await city.is_untouched()
    assert (await call(city, sending(city))).json["status"] == "OK"


async def test_a_huge_sign_header_does_no_harm(city: City) -> None:
    for size in (MAX_FIELD_BYTES - 2_000, MAX_FIELD_BYTES * 4):
        raw = sending(city, to="H24.15,")
        raw.signed_text = json.dumps({"XroadVnpt-systemid": YTE, "x": "a" * size})
        answer = await exchange_bytes(city.endpoint, raw.to_bytes())
        if size > MAX_FIELD_BYTES:
            assert b" 400 " in answer[:20]
        else:
            assert read_response(answer).code == Code.HEADER_UNSIGNED  # the timestamp: it was read to its end
        assert await city.is_untouched()


# ── The body ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("body", [b"", b"\r\n"])
@pytest.mark.parametrize("hashed", [True, False])
async def test_an_empty_body_is_refused(city: City, body: bytes, hashed: bool) -> None:
    raw = sending(city, body=body, hash_file=file_hash(b"") if hashed else "")
    await refused(city, raw, Code.EMPTY_BODY, "10")


async def test_a_body_that_did_not_come_is_empty_whatever_its_hash(city: City) -> None:
    await refused(city, sending(city, body=b""), Code.EMPTY_BODY, "10")


@pytest.mark.parametrize("body", [PACKAGE[:-1] + b"\r\n", PACKAGE + b"\n", PACKAGE + b"\r\n\r\n", b"x", b" " + PACKAGE])
async def test_a_body_that_is_not_the_hashed_file_is_refused(city: City, body: bytes) -> None:
    await refused(city, sending(city, body=body), Code.HASH_MISMATCH, "10")


async def test_a_body_that_is_too_large_is_refused_before_it_is_sent(city: City) -> None:
    raw = sending(city, body=b"")
    raw.content_length = PACKAGE_BYTES + 3
    await refused(city, raw, Code.TOO_LARGE, "21")


async def test_a_body_that_grows_too_large_is_refused(city: City) -> None:
    body = b"<" * (PACKAGE_BYTES + 3)
    pieces = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part) for part in (body[i : i + 65536] for i in range(0, len(body), 65536))
    )
    raw = sending(city, body=pieces + b"0\r\n\r\n")
    raw.chunked = True
    await refused(city, raw, Code.TOO_LARGE, "21")


async def test_a_file_of_the_largest_size_fits_with_the_crlf_of_the_wire(city: City) -> None:
    largest = _of_size(PACKAGE_BYTES)
    reply = await call(city, sending(city, body=largest + b"\r\n", hash_file=file_hash(largest)))
    assert reply.json["status"] == "OK"


def _of_size(size_bytes: int) -> bytes:
    """A good package of so many bytes."""
    package = to_bytes(a_document("H24.15", files=(a_file(bytes(size_bytes // 4 * 3 - 9_000)),)))
    return package + b" " * (size_bytes - len(package))


@pytest.mark.parametrize("over", [1, 2])
async def test_a_file_is_measured_without_the_crlf_of_the_wire(city: City, over: int) -> None:
    larger = _of_size(PACKAGE_BYTES + over)
    await refused(city, sending(city, body=larger, hash_file=file_hash(larger)), Code.TOO_LARGE, "21")


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_broken_off_upload_leaves_nothing(city: City, large: bool, chunked: bool) -> None:
    part = PACKAGE if not large else PACKAGE + b" " * (PACKAGE_BYTES // 2)  # large: some of it is on the disk already
    raw = sending(city, body=(b"%x\r\n%s" % (len(part) + 10, part)) if chunked else part)
    raw.chunked, raw.content_length = chunked, len(part) + 2
    with capture_logs() as lines:
        await exchange_bytes(city.endpoint, raw.to_bytes(), half_close=True)
        await until(lambda: _is_told(lines))
    (line,) = [line for line in lines if line["event"] == "call_refused"]
    assert line["code"] == Code.TRUNCATED_UPLOAD
    await until(city.is_untouched)


async def _is_told(lines: list) -> bool:
    return any(line["event"] == "call_refused" for line in lines)


@pytest.mark.parametrize("limit", ["body_idle_s", "body_s"])
async def test_an_upload_that_falls_silent_is_refused(node: Node, city: City, limit: str) -> None:
    async with serving(front_of(node.exchange, node, **{limit: 0.05})) as endpoint:
        silent = City(node, endpoint, city.data_dir)
        raw = sending(silent)
        raw.content_length = len(raw.body) + 1
        desc = await refused(silent, raw, Code.TRUNCATED_UPLOAD, "10")
        assert "gửi lại" in desc


async def test_a_packed_body_is_refused(city: City) -> None:
    packed = gzip.compress(PACKAGE)
    raw = sending(city, body=packed)
    raw.more = [("Content-Encoding", "gzip")]
    await refused(city, raw, Code.BAD_REQUEST, "21")


async def test_what_the_exchange_refuses_is_told_in_the_dialect(city: City) -> None:
    cases = [
        (to_bytes(a_document("H24.15", sender="H24.88")), Code.FOREIGN_SENDER, "19"),
        (to_bytes(a_document("H24.15", sender="G99")), Code.UNKNOWN_SENDER, "19"),
        (to_bytes(a_document("H24.15", "H24.999")), Code.UNKNOWN_RECEIVER, "18"),
        (to_bytes(a_document("H24.40")), Code.RECEIVER_CLOSED, "23"),
        (PACKAGE[:-30], Code.XML_BROKEN, "22"),
        (b"<a/>", Code.WRONG_ROOT, "22"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]>' + PACKAGE, Code.DTD_FORBIDDEN, "22"),
        (PACKAGE.replace(b"H24.15</", b"</"), Code.MISSING_TO, "22"),
    ]
    for package, code, vxp_code in cases:
        raw = sending(city, body=package + b"\r\n", hash_file=file_hash(package))
        desc = await refused(city, raw, code, vxp_code)
        if code is Code.UNKNOWN_RECEIVER:
            assert "H24.999" in desc
            assert "To/OrganId" in desc


async def test_a_conflict_is_refused_and_leaves_the_first(city: City) -> None:
    await call(city, sending(city))
    other = to_bytes(a_document("H24.15", files=()))
    reply = await call(city, sending(city, body=other + b"\r\n", hash_file=file_hash(other)))
    assert reply.code == Code.DOCUMENT_CONFLICT
    assert [await city.node.count(table) for table in ("package", "document", "blob")] == [1, 1, 1]
    assert city.temporary_files() == []


# ── The call ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_unknown_operation_is_not_found_in_the_dialect(city: City) -> None:
    reply = await call(city, RawCall("dropEdoc", signed(city)))
    assert reply.status == 404
    assert reply.code == Code.UNKNOWN_OPERATION


@pytest.mark.parametrize("operation", ["getReceivedEdocList", "countReceiveEdoc", "getAgenciesList"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_reading_works_by_either_method(city: City, operation: str, method: str) -> None:
    reply = await call(city, RawCall(operation, signed(city, messagetype="edoc"), method=method, body=b"{}"))
    assert reply.json["status"] == "OK"


@pytest.mark.parametrize(
    ("method", "operation"),
    [("GET", "sendEdoc"), ("GET", "updateStatus"), ("GET", "deleteAgency"), ("PUT", "sendEdoc"), ("DELETE", "getEdoc")],
)
async def test_another_method_is_refused(city: City, method: str, operation: str) -> None:
    await refused(
        city, RawCall(operation, signed(city, docId="x", status="done"), method=method), Code.BAD_REQUEST, "21"
    )


@pytest.mark.parametrize(
    ("operation", "missing"),
    [("getEdoc", "docId"), ("downloadEdoc", "docId"), ("getSentEdocList", "docId"), ("updateStatus", "docId"),
     ("updateStatus", "status"), ("deleteAgency", "AgencyCode")],
)  # fmt: skip
async def test_a_value_that_the_operation_needs_has_to_be_signed(city: City, operation: str, missing: str) -> None:
    values = signed(city, docId="01X", status="done", AgencyCode="H24.11.3")
    del values[missing]
    for real in ({}, {missing: "01X"}):
        desc = await refused(city, RawCall(operation, values, real=real), Code.HEADER_UNSIGNED, "15")
        assert missing in desc


@pytest.mark.parametrize("word", ["pdf", "edoc;status"])
async def test_an_unknown_kind_is_refused(city: City, word: str) -> None:
    await refused(city, RawCall("getReceivedEdocList", signed(city, messagetype=word)), Code.BAD_REQUEST, "21")


@pytest.mark.parametrize("level", ["-1", "x", "10", "²"])
async def test_an_unknown_level_is_refused(city: City, level: str) -> None:
    raw = RawCall("getAgenciesListQD20", signed(city, level=level))
    raw.real = {"level": ""}
    await refused(city, raw, Code.BAD_REQUEST, "21")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", Code.EMPTY_BODY),
        (b"{", Code.BAD_REQUEST),
        (b"[]", Code.BAD_REQUEST),
        (b"[" * 60_000, Code.BAD_REQUEST),
        (b'{"code":"H24.11.9","name":"A"}', Code.BAD_REQUEST),
        (b'{"code":"H24.11.9","name":["A"],"pcode":"H24.11"}', Code.BAD_REQUEST),
        (b'{"code":"H24.11.9","name":"' + b"A" * 600 + b'","pcode":"H24.11"}', Code.BAD_REQUEST),
        (b'"' + b"a" * 70_000 + b'"', Code.TOO_LARGE),
        (b'{"code":"H24.11.9","name":"A","pcode":"H24.11"}', Code.NOT_ALLOWED),
    ],
)
async def test_a_registration_that_is_none_is_refused(city: City, body: bytes, code: Code) -> None:
    reply = await call(city, RawCall("registerAgency", signed(city), body=body))
    assert reply.code == code
    assert await city.is_untouched()


# ── Not now, and not our best day ───────────────────────────────────────────────────────────────────────────────


async def test_a_busy_node_says_when_to_come_again(city: City) -> None:
    def full() -> None:
        raise Busy(Code.DISK_FULL, retry_after_s=120)

    busy = Exchange(city.node.context, city.node.judges, check_intake=full)
    async with serving(front_of(busy, city.node)) as endpoint:
        raw = sending(city, body=b"")
        raw.content_length = 1_000  # told before the body is sent
        reply = await call(City(city.node, endpoint, city.data_dir), raw)
        assert reply.status == 503
        assert reply.headers["retry-after"] == "120"
        assert reply.code == Code.DISK_FULL
        assert reply.json["ErrorCode"] == "20"
        listing = await call(City(city.node, endpoint, city.data_dir), RawCall("getReceivedEdocList", signed(city)))
        assert listing.json["status"] == "OK"  # deliveries go on
    assert await city.is_untouched()


async def test_an_accident_shows_a_request_id_and_nothing_else(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> int:
        raise RuntimeError("secret-of-ours at /srv/axis")

    monkeypatch.setattr(city.node.exchange, "count_pending", fails)
    with capture_logs() as lines:
        reply = await call(city, RawCall("countReceiveEdoc", signed(city)))
    assert reply.code == Code.INTERNAL
    assert reply.json["ErrorCode"] == "20"
    assert str(reply.json["ErrorDesc"]).endswith("[-]")
    assert b"srv" not in reply.body
    assert [line["log_level"] for line in lines if line["event"] == "call_failed"] == ["error"]


async def test_the_request_id_stands_in_every_refusal(city: City) -> None:
    app = web.Application(middlewares=[identify(city.node.clock)])
    app.add_routes(routes_of(front_of(city.node.exchange, city.node)))
    async with serving(app) as endpoint:
        raw = RawCall("dropEdoc", signed(city), more=[("X-Request-Id", "tu-phia-goi")])
        reply = await call(City(city.node, endpoint, city.data_dir), raw)
    assert str(reply.json["ErrorDesc"]).endswith("[tu-phia-goi]")


async def test_many_bad_calls_at_once_leave_nothing(city: City) -> None:
    raws = [sending(city, body=PACKAGE + b"\r\n" + bytes([65 + n]) * (1_200_000 if n % 2 else 1)) for n in range(10)]
    replies = await asyncio.gather(*(call(city, raw) for raw in raws))
    assert {reply.code for reply in replies} == {Code.HASH_MISMATCH}
    assert await city.is_untouched()
