"""Two nodes on one database go into maintenance while systems send: what was confirmed is there, all else waits."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp
import pytest

from adapters.vxp.client import VxpClient
from axis.edxml.writer import to_bytes
from axis.errors import PeerUnreachable
from axis.ops.maintenance import MaintenanceWish, begin_maintenance, end_maintenance
from axis.serve import Node
from tests.databases import Database
from tests.exchange.harness import a_document
from tests.nodes import CLOCK, Blueprint, client_of, lay_out, running

WISH = MaintenanceWish(reason="chuyển máy chủ <b>đêm nay</b>", until=None, actor="lan")
REFUSED = "peer_unreachable: HTTP 503, retry after 60 s"


class Sender:
    """An agency's software that sends one document after the other, and tries again what it may try again."""

    def __init__(self, client: VxpClient, prefix: str) -> None:
        self.confirmed: dict[str, str] = {}  # number → package id
        self.refused: set[str] = set()
        self._client = client
        self._prefix = prefix

    async def run(self, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            name = f"{self._prefix}{number}"
            try:
                self.confirmed[name] = await self._client.send_edoc(to_bytes(a_document("H24.15", number=name)))
            except PeerUnreachable as e:
                self.refused.add(str(e))
                await asyncio.sleep(0.05)
                continue  # the same one again
            number += 1
            await asyncio.sleep(0.2)  # lists hold 200


async def ready(node: Node) -> dict[str, object]:
    async with aiohttp.ClientSession() as session, session.get(f"{node.url}/health/ready") as answer:
        return {"status": answer.status, **await answer.json()}


async def until(holds: Callable[[], bool], sending: Sequence[asyncio.Task[None]]) -> None:
    while not holds():
        await asyncio.sleep(0.02)
        for one in sending:
            assert not one.done() or one.result()


async def test_systems_send_on_when_it_is_over_and_nothing_that_was_confirmed_is_lost(
    new_database: Callable[[str], Database], tmp_path: Path
) -> None:
    database = new_database("whole")
    url = None if database.kind == "sqlite" else database.url
    settings = await lay_out(tmp_path / "node", Blueprint(database_url=url))
    async with running(settings) as one, running(settings) as other:
        clients = [client_of(node.url, "dms-yte") for node in (one, other)]
        reader = client_of(other.url, "dms-xd")
        senders = [Sender(client, prefix) for client, prefix in zip(clients, "AB", strict=True)]
        stop = asyncio.Event()
        sending = [asyncio.create_task(sender.run(stop)) for sender in senders]
        try:
            await until(lambda: all(len(sender.confirmed) > 5 for sender in senders), sending)
            begun = await begin_maintenance(one.store, WISH, CLOCK.now())
            await until(lambda: all(sender.refused for sender in senders), sending)
            told = await ready(other)
            assert (told["status"], told["maintenance"]) == (
                200,
                {"since": begun.since.isoformat(), "until": None, "reason": WISH.reason},
            )
            confirmed = {number for sender in senders for number in sender.confirmed}
            leaves = await count(one, "leaf")
            listed = await reader.poll()  # what waits can be seen, and is not given out
            assert len(listed) == len(confirmed)
            for refusal in (reader.update_status(listed[0].ref, "done"), read(reader, listed[0].ref)):
                with pytest.raises(PeerUnreachable, match="HTTP 503, retry after 60"):
                    await refusal
            assert await count(one, "leaf") == leaves
            await end_maintenance(other.store, begun.since, CLOCK.now(), "minh")
            was = {sender: len(sender.confirmed) for sender in senders}
            await until(lambda: all(len(sender.confirmed) > was[sender] + 3 for sender in senders), sending)
        finally:
            stop.set()
            await asyncio.gather(*sending)
        assert {words for sender in senders for words in sender.refused} == {REFUSED}
        items = await reader.poll()
        for item in items:
            await read(reader, item.ref)
            await reader.update_status(item.ref, "done")
        assert len({item.ref for item in items}) == sum(len(sender.confirmed) for sender in senders)
        assert await reader.poll() == ()
        for client in (*clients, reader):
            await client.close()


async def test_it_holds_after_a_restart(tmp_path: Path) -> None:
    settings = await lay_out(tmp_path / "node", Blueprint())
    async with running(settings) as node:
        await begin_maintenance(node.store, WISH, CLOCK.now())
    async with running(settings) as node:
        assert (await ready(node))["maintenance"] is not None
        client = client_of(node.url, "dms-yte")
        with pytest.raises(PeerUnreachable, match="HTTP 503"):
            await client.send_edoc(to_bytes(a_document("H24.15")))
        await client.close()
        assert await count(node, "package") == 0


async def read(client: VxpClient, doc_id: str) -> int:
    return await client.get_edoc(doc_id, lambda _: None)


async def count(node: Node, table: str) -> int:
    return await node.store.read(lambda c: c.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())
