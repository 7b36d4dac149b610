"""Callers who come slowly, break off, come at the same time, or come when there is no room: on a whole node."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from axis.edxml.writer import to_bytes
from axis.settings import Settings, read_settings
from tests.databases import Database
from tests.exchange.harness import a_document, a_file
from tests.hostile.door import PACKAGE, Door
from tests.nodes import Blueprint, lay_out, running
from tests.vxp.city import RawCall, read_response, until

LARGE = to_bytes(a_document("H24.15", number="102", files=(a_file(os.urandom(2 << 20)),)))
"""Over 1 MB: its upload lies in a temporary file."""
WAIT_S = 60
"""Bounds a wait for what must happen; how long it takes is not what is tested."""


@asynccontextmanager
async def _connected(door: Door) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.node.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _half(door: Door, call: RawCall) -> None:
    """Send half of a call, then break the connection off. The node has begun with it: it said to go on."""
    head, body = replace(call, more=(("Expect", "100-continue"),)).to_bytes().split(b"\r\n\r\n", 1)
    async with _connected(door) as (reader, writer):
        writer.write(head + b"\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body[: len(body) // 2])
        await writer.drain()
        writer.transport.abort()


def _served(door: Door) -> int:
    """Connections that the node holds."""
    return sum(
        connection.laddr.port == door.node.port and connection.status != psutil.CONN_LISTEN
        for connection in psutil.Process().net_connections("tcp")
    )


async def test_a_thousand_uploads_that_break_off_leave_nothing(door: Door) -> None:
    small, large = door.sending(PACKAGE), door.sending(LARGE)
    assert (await door.call(small)).json["status"] == "OK"  # whatever is opened once is open now
    before = await door.left()
    for _ in range(50):
        await asyncio.gather(_half(door, large), *(_half(door, small) for _ in range(19)))

    async def is_quiet() -> bool:
        left = await door.left()
        return len(left.audit) == len(before.audit) + 1_000 and left.files == before.files

    await until(is_quiet)
    after = await door.left()
    assert after.rows == before.rows
    assert all('"truncated_upload"' in fields for _, _, fields in after.audit[len(before.audit) :])

    async def is_closed() -> bool:
        return _served(door) == 0

    await until(is_closed)
    assert (await door.call(large)).json["status"] == "OK"


async def test_headers_that_never_end_are_cut_off(door: Door) -> None:
    async with _connected(door) as (reader, writer), asyncio.timeout(WAIT_S):
        drip = asyncio.create_task(_drip(writer, b"POST /vxp/sendEdoc HTTP/1.1\r\nHost: a\r\nX-A: " + b"b" * 10_000))
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        drip.cancel()
        await asyncio.gather(drip, return_exceptions=True)


async def test_a_connection_that_says_nothing_is_closed(door: Door) -> None:
    async with _connected(door) as (reader, _), asyncio.timeout(WAIT_S):
        assert await reader.read() == b""


async def _drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    for byte in data:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_a_body_that_falls_silent_is_refused_and_forgotten(door: Door) -> None:
    for call in (door.sending(PACKAGE), door.sending(LARGE)):
        before = await door.left()
        async with _connected(door) as (reader, writer), asyncio.timeout(WAIT_S):
            writer.write(call.to_bytes()[:-100])
            answer = read_response(await reader.readuntil(b']"' + b',"DocId":""}'))
        assert (answer.json["ErrorCode"], answer.code) == ("10", "truncated_upload")
        after = await door.left()
        assert (after.rows, after.files) == (before.rows, before.files)
        assert len(after.audit) == len(before.audit) + 1


async def test_a_body_that_drips_for_ever_is_refused(settings: Settings) -> None:
    server = settings.server.model_copy(update={"request_timeout_s": 1.0, "idle_timeout_s": 50.0})
    async with running(settings.model_copy(update={"server": server})) as node:
        door = Door(node, settings.store.data_dir)
        head, body = door.sending(PACKAGE).to_bytes().split(b"\r\n\r\n", 1)
        async with _connected(door) as (reader, writer), asyncio.timeout(WAIT_S):
            writer.write(head + b"\r\n\r\n")
            drip = asyncio.create_task(_drip(writer, body))
            answer = read_response(await reader.readuntil(b',"DocId":""}'))
            drip.cancel()
            await asyncio.gather(drip, return_exceptions=True)
        assert answer.code == "truncated_upload"
        assert set((await door.left()).rows.values()) == {0}


async def test_a_reader_that_never_reads_is_let_go(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = settings.limits.model_copy(update={"package_bytes": 64 << 20})
    settings = settings.model_copy(update={"limits": limits})
    async with running(settings) as node:  # with all the time that the upload needs
        door = Door(node, settings.store.data_dir)
        package = to_bytes(a_document("H24.15", files=(a_file(os.urandom(24 << 20)),)))
        sent = await door.call(door.sending(package))
    monkeypatch.setattr("axis.serve._AFTER_THE_BODY_S", 0.0)
    server = settings.server.model_copy(update={"request_timeout_s": 3.0})
    async with running(settings.model_copy(update={"server": server})) as node:
        door = Door(node, settings.store.data_dir)
        fetching = door.asking("downloadEdoc", "dms-xd", docId=str(sent.json["DocId"]))
        async with _connected(door) as (reader, writer), asyncio.timeout(WAIT_S):
            writer.write(fetching.to_bytes())
            await reader.readexactly(1)
            reader._transport.pause_reading()  # type: ignore[attr-defined]

            assert _served(door) == 1

            async def is_let_go() -> bool:
                return _served(door) == 0

            await until(is_let_go)
        states = await node.store.read(lambda c: c.exec_driver_sql("SELECT state FROM consignment").scalars().all())
        assert states == ["queued"], "what was not read to its end was not handed over"


async def test_an_upload_waits_for_nobody_and_holds_nobody(door: Door) -> None:
    """A hundred half-sent uploads beside a whole one."""
    half = door.sending(PACKAGE).to_bytes()[:-200]
    writers = [(await asyncio.open_connection("127.0.0.1", door.node.port))[1] for _ in range(100)]
    for writer in writers:
        writer.write(half)
    assert (await door.call(door.sending(PACKAGE))).json["status"] == "OK"
    for writer in writers:
        writer.transport.abort()


@pytest.fixture
async def any_door(database: Database, tmp_path: Path) -> AsyncIterator[Door]:
    """A node on SQLite and on PostgreSQL."""
    url = None if database.kind == "sqlite" else database.url
    settings = await lay_out(tmp_path / "node", Blueprint(database_url=url, signatures="off"))
    async with running(settings) as node:
        yield Door(node, settings.store.data_dir)


async def test_of_contents_that_race_for_one_id_exactly_one_wins(any_door: Door) -> None:
    door = any_door
    rivals = [to_bytes(a_document("H24.15", files=(a_file(b"%%PDF %d" % number),))) for number in range(12)]
    replies = await asyncio.gather(*(door.call(door.sending(package)) for package in rivals))
    won = [package for package, reply in zip(rivals, replies, strict=True) if reply.json["status"] == "OK"]
    assert len(won) == 1
    assert {reply.code for reply in replies if reply.json["status"] == "FAIL"} == {"document_conflict"}
    left = await door.left()
    assert [left.rows[table] for table in ("document", "package", "delivery", "consignment", "blob", "leaf")] == [1] * 6
    assert len(left.audit) == 11


async def test_copies_that_race_get_one_answer(any_door: Door) -> None:
    door = any_door
    replies = await asyncio.gather(*(door.call(door.sending(PACKAGE)) for _ in range(16)))
    assert len({str(reply.json["DocId"]) for reply in replies}) == 1
    assert {reply.json["status"] for reply in replies} == {"OK"}
    left = await door.left()
    assert [left.rows[table] for table in ("document", "package", "delivery", "consignment", "blob", "leaf")] == [1] * 6


async def test_a_repeat_during_the_commit_of_the_first_waits_for_it(any_door: Door) -> None:
    door, go = any_door, threading.Event()
    held = asyncio.create_task(door.node.store.write(lambda _: go.wait(WAIT_S)))
    first = asyncio.create_task(door.call(door.sending(PACKAGE)))
    await asyncio.sleep(0.2)
    again = asyncio.create_task(door.call(door.sending(PACKAGE)))
    await asyncio.sleep(0.2)
    assert not first.done(), "nothing is answered before its commit"
    assert not again.done(), "a repeat is no excuse"
    go.set()
    await held
    answers = [(await task).json for task in (first, again)]
    assert answers[0]["status"] == answers[1]["status"] == "OK"
    assert answers[0]["DocId"] == answers[1]["DocId"]
    assert (await door.left()).rows["package"] == 1


async def test_a_caller_who_leaves_during_the_commit_finds_his_package_later(any_door: Door) -> None:
    door, go = any_door, threading.Event()
    held = asyncio.create_task(door.node.store.write(lambda _: go.wait(WAIT_S)))
    async with _connected(door) as (_, writer):
        writer.write(door.sending(PACKAGE).to_bytes())
        await asyncio.sleep(0.2)
        writer.transport.abort()
    go.set()
    await held

    async def is_there() -> bool:
        return (await door.left()).rows["package"] == 1

    await until(is_there)
    listed = (await door.call(door.asking("getReceivedEdocList", "dms-xd"))).json["data"]
    reply = await door.call(door.sending(PACKAGE))
    assert [item["docId"] for item in listed] == [f"{reply.json['DocId']}.dms-xd"]  # type: ignore[attr-defined]
    assert (await door.left()).rows["package"] == 1


async def test_a_full_disk_stops_intake_and_nothing_else(settings: Settings) -> None:
    async with running(settings) as node:
        door = Door(node, settings.store.data_dir)
        sent = await door.call(door.sending(PACKAGE))
    folder = settings.store.data_dir
    full = read_settings(folder / "axis.toml")
    full = full.model_copy(update={"disk": full.disk.model_copy(update={"min_free_bytes": 1 << 60})})
    async with running(full) as node:
        door = Door(node, folder)
        before = await door.left()
        refused = await door.call(door.sending(to_bytes(a_document("H24.88"))))
        assert (refused.status, refused.json["ErrorCode"], refused.code) == (503, "20", "disk_full")
        assert int(refused.headers["retry-after"]) == full.disk.retry_after_s
        assert await door.left() == before
        item = f"{sent.json['DocId']}.dms-xd"
        fetched = await door.call(door.asking("downloadEdoc", "dms-xd", docId=item))
        assert fetched.body == PACKAGE
        done = await door.call(door.asking("updateStatus", "dms-xd", docId=item, status="done"))
        assert done.json["status"] == "OK"
        states = await node.store.read(lambda c: c.exec_driver_sql("SELECT state FROM consignment").scalars().all())
        assert states == ["acknowledged"]


async def test_a_header_may_name_hundreds_of_receivers(door: Door) -> None:
    call = door.sending(PACKAGE)
    to = ",".join(f"H24.{number}" for number in range(2_000))
    assert len(to) > 8_190
    reply = await door.call(replace(call, values=call.values | {"to": to}))
    assert reply.json["status"] == "OK"
