"""The package is the file: what one client sends is what another fetches, to the byte, and only whole."""

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from axis.edxml.writer import to_bytes
from axis.errors import PeerRefused, PeerUnreachable
from axis.exchange.values import Acknowledgement
from tests.exchange.harness import Node, a_document
from tests.vxp.city import (
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
from tests.vxp.standin import AnyBytes

ENDINGS = ["", "\r", "\n", "\r\n", "\r\n\r\n", "\n\r\n", "\r\r\n", "\r\n\r", "\r\n\n"]


@pytest.fixture
async def any_bytes(node: Node) -> AsyncIterator[tuple[AnyBytes, City]]:
    """A front before an exchange that takes anything."""
    standin = AnyBytes(node.directory)
    async with serving(front_of(standin.as_exchange(), node)) as endpoint:
        city = City(node, endpoint, node.store.blobs._directory.parent)
        yield standin, city
        for client in city.clients:
            await client.close()


@given(start=st.binary(max_size=40), ending=st.sampled_from(ENDINGS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_file_comes_out_as_it_went_in(any_bytes: tuple[AnyBytes, City], start: bytes, ending: str) -> None:
    _, city = any_bytes
    file = start + ending.encode() or b"x"
    client = city.clients[0] if city.clients else city.client()
    ref = await client.send_edoc(file)
    for fetch in (client.get_edoc, client.download_edoc):
        buffer = io.BytesIO()
        await fetch(ref, buffer.write)
        assert buffer.getvalue() == file


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_package_with_any_ending_goes_through_the_city(city: City, ending: str) -> None:
    package = to_bytes(a_document("H24.15")).rstrip() + ending.encode()
    ref = await city.client().send_edoc(package)
    buffer = io.BytesIO()
    await city.client(XD).get_edoc(f"{ref}.{XD}", buffer.write)
    assert buffer.getvalue() == package


@pytest.mark.parametrize(
    ("body", "declared", "kept"),
    [
        (b"a\r\n", file_hash(b"a"), b"a"),
        (b"a\r\n", hashlib.sha256(b"a").hexdigest().upper(), b"a"),
        (b"a\r\n", file_hash(b"a\r\n"), b"a\r\n"),
        (b"a\r\n\r\n", file_hash(b"a\r\n"), b"a\r\n"),
        (b"a", file_hash(b"a"), b"a"),
        (b"a\r\n", "", b"a"),
        (b"a\r\n\r\n", "", b"a\r\n"),
        (b"a", "", b"a"),
        (b"a\n", "", b"a\n"),
    ],
)
@pytest.mark.parametrize("name", ["hash_file", "plain"])
async def test_the_crlf_of_the_wire_goes_and_that_of_the_file_stays(
    any_bytes: tuple[AnyBytes, City], body: bytes, declared: str, kept: bytes, name: str
) -> None:
    standin, city = any_bytes
    raw = RawCall("sendEdoc", signed(city, messagetype="edoc"), body=body)
    if declared and name == "plain":  # a client that does not prefix it
        prefixed = {f"XroadVnpt-{name}": value for name, value in raw.values.items()}
        raw.signed_text = json.dumps({"hash-file": declared, **prefixed})
        raw.more = [("hash-file", declared)]
    elif declared:
        raw.values["hash-file"] = declared
    assert (await call(city, raw)).json["DocId"] == "P0"
    assert b"".join([chunk async for chunk in standin.packages["P0"].chunks()]) == kept


# ── Handed over means the last byte ─────────────────────────────────────────────────────────────────────────────

SIZE = 6 << 20


def _add(standin: AnyBytes, package_id: str, *, missing: int = 0, damaged: bool = False, fails: bool = False) -> None:
    block = bytes(64 << 10)

    async def chunks() -> AsyncIterator[bytes]:
        left = SIZE - missing
        while left:
            if fails and left < SIZE // 2:
                raise OSError("disk")
            yield block[: min(left, len(block))]
            left -= min(left, len(block))

    digest = hashlib.sha256(bytes(SIZE) + (b"x" if damaged else b"")).hexdigest()
    standin.add(package_id, chunks, SIZE, digest)


@pytest.mark.parametrize("operation", ["getEdoc", "downloadEdoc"])
async def test_a_whole_package_is_recorded_as_handed_over(any_bytes: tuple[AnyBytes, City], operation: str) -> None:
    standin, city = any_bytes
    _add(standin, "P")
    reply = await call(city, RawCall(operation, signed(city, docId=f"P.{YTE}"), body=b"{}"))
    assert int(reply.headers["content-length"]) == len(reply.body)

    async def is_recorded() -> bool:
        return standin.handed_over == ["P"]

    await until(is_recorded)


@pytest.mark.parametrize("operation", ["getEdoc", "downloadEdoc"])
async def test_a_caller_that_hangs_up_has_not_got_the_package(any_bytes: tuple[AnyBytes, City], operation: str) -> None:
    standin, city = any_bytes
    _add(standin, "P")
    raw = RawCall(operation, signed(city, docId="P"), body=b"{}").to_bytes()
    host, port = city.endpoint.removeprefix("http://").removesuffix("/vxp").split(":")
    with capture_logs() as lines:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(raw)
        await reader.readexactly(100_000)
        writer.transport.abort()

        async def is_noticed() -> bool:
            return any(line["event"] == "hand_over_broken_off" for line in lines)

        await until(is_noticed)
    assert standin.handed_over == []


@pytest.mark.parametrize("operation", ["getEdoc", "downloadEdoc"])
@pytest.mark.parametrize("damage", [{"missing": 1}, {"missing": 100_000}, {"damaged": True}, {"fails": True}])
async def test_a_damaged_package_never_looks_whole(
    any_bytes: tuple[AnyBytes, City], operation: str, damage: dict
) -> None:
    standin, city = any_bytes
    _add(standin, "P", **damage)
    answer = await exchange_bytes(city.endpoint, RawCall(operation, signed(city, docId="P"), body=b"{}").to_bytes())
    reply = read_response(answer)
    assert len(reply.body) < int(reply.headers["content-length"])
    assert standin.handed_over == []
    client = city.client()
    with pytest.raises(PeerUnreachable):
        await (client.get_edoc if operation == "getEdoc" else client.download_edoc)("P", lambda _: None)


@pytest.mark.parametrize("operation", ["getEdoc", "downloadEdoc"])
async def test_a_package_that_is_lost_is_a_system_error(any_bytes: tuple[AnyBytes, City], operation: str) -> None:
    standin, city = any_bytes

    async def chunks() -> AsyncIterator[bytes]:
        raise OSError("no such file /srv/axis/blob")
        yield b""

    standin.add("P", chunks, 5, "00")
    reply = await call(city, RawCall(operation, signed(city, docId="P"), body=b"{}"))
    assert reply.json["ErrorCode"] == "20"
    assert b"srv" not in reply.body
    with pytest.raises(PeerRefused):
        await city.client().download_edoc("P", lambda _: None)
    assert standin.handed_over == []


async def test_a_hand_over_that_cannot_be_recorded_is_one_all_the_same(
    any_bytes: tuple[AnyBytes, City], monkeypatch: pytest.MonkeyPatch
) -> None:
    standin, city = any_bytes

    async def fails(*_: object) -> None:
        raise OSError("database")

    monkeypatch.setattr(standin, "record_hand_over", fails)
    client = city.client()
    ref = await client.send_edoc(b"file")
    buffer = io.BytesIO()
    await client.get_edoc(ref, buffer.write)
    assert buffer.getvalue() == b"file"
    await client.update_status(ref, "done")
    assert standin.acknowledged == [(ref, Acknowledgement.DONE)]


async def test_an_acknowledgement_waits_until_the_hand_over_is_recorded(
    any_bytes: tuple[AnyBytes, City], monkeypatch: pytest.MonkeyPatch
) -> None:
    standin, city = any_bytes
    order: list[str] = []
    free = asyncio.Event()

    async def record(*_: object) -> None:
        await free.wait()
        order.append("handed over")

    async def acknowledge(*_: object) -> None:
        order.append("acknowledged")

    monkeypatch.setattr(standin, "record_hand_over", record)
    monkeypatch.setattr(standin, "acknowledge", acknowledge)
    fetching, acknowledging, other = city.client(), city.client(), city.client()  # a connection each
    ref = await fetching.send_edoc(b"file")
    await fetching.get_edoc(ref, lambda _: None)
    done = asyncio.create_task(acknowledging.update_status(ref, "done"))
    await other.update_status("P9", "done")  # another item does not wait
    assert order == ["acknowledged"]
    free.set()
    await done
    assert order == ["acknowledged", "handed over", "acknowledged"]
