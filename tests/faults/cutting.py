"""A line between a node and its partner that is cut when the node is killed, and a node that begins anew after that."""

import asyncio
import hashlib
import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from axis.delivery.partner import Partner
from axis.demo.processes import HOST, NodeProcess
from axis.edxml.writer import to_bytes
from axis.ops.access import Access, open_access
from axis.store import queries
from axis.terms import PackageKind, TransportState
from tests.databases import Database
from tests.exchange.harness import a_document, a_file
from tests.faults.test_kill import QUICK, free_port
from tests.nodes import CLOCK, Blueprint, client_of, lay_out

PARTNER = "dms-xd"  # serves H24.15
ARRIVED = {TransportState.HANDED_OVER, TransportState.ACKNOWLEDGED}
_PIECE_BYTES = 4096
_BEHIND_S = 60.0
"""How long anything may take on a machine that is at its limits."""


@dataclass
class Line:
    """Passes bytes on to a partner, as many as it is told: then the node dies, and what it said beyond them is lost."""

    kill: Callable[[], None] = field(default=lambda: None)
    port: int = 0
    partner_port: int = 0
    passed: int = 0
    kill_at: int | None = None
    open: asyncio.Event = field(default_factory=asyncio.Event)  # nothing passes while it is not set
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the node."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            with suppress(asyncio.CancelledError):  # it was cut
                to_reader, to_writer = await asyncio.open_connection(HOST, self.partner_port)
                try:
                    await asyncio.gather(self._pass(reader, to_writer), self._pass(to_reader, writer))
                finally:
                    to_writer.close()
        finally:
            writer.close()
            self.tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_PIECE_BYTES):
                await self.open.wait()
                if self.kill_at is not None and self.passed + len(data) >= self.kill_at:
                    writer.write(data[: self.kill_at - self.passed])
                    self._cut()
                    return
                self.passed += len(data)
                writer.write(data)
                await writer.drain()
            writer.write_eof()

    def _cut(self) -> None:
        self.kill_at = None
        self.kill()
        for task in self.tasks:
            task.cancel()


@asynccontextmanager
async def a_line() -> AsyncIterator[Line]:
    """A line that is open; where it leads, and whom it kills, is said later."""
    line = Line()
    server = await asyncio.start_server(line.handle, HOST, 0)
    line.port = server.sockets[0].getsockname()[1]
    line.open.set()
    try:
        yield line
    finally:
        server.close()
        tasks = list(line.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a node reaches its partner."""

    adapter: str
    options: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)  # of the node


@dataclass(kw_only=True)
class Killed:
    """A node that pushes to one partner, its data, and what its senders were told that it has."""

    process: NodeProcess
    access: Access
    sent: dict[str, str] = field(default_factory=dict)  # package id → SHA-256
    kills: int = 0

    def kill(self) -> None:
        """As a power cut would."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)

    async def died(self) -> None:
        """It was killed, and did not end otherwise."""
        async with asyncio.timeout(_BEHIND_S):
            assert await self.process.wait() == -signal.SIGKILL
        self.kills += 1

    async def send(self, size_bytes: int) -> str:
        """Another agency's document is taken in. Returns its package's id."""
        return await self.hand_in(self.a_letter(size_bytes))

    def a_letter(self, size_bytes: int) -> bytes:
        """A document for the partner."""
        number = str(len(self.sent) + 1)
        return to_bytes(a_document("H24.15", number=number, files=(a_file(random.randbytes(size_bytes)),)))

    async def hand_in(self, raw: bytes) -> str:
        """It is taken in. Returns its package's id."""
        client = client_of(self.process.url, "dms-yte")
        try:
            package_id = await client.send_edoc(raw, PackageKind.DOCUMENT)
        finally:
            await client.close()
        self.sent[package_id] = hashlib.sha256(raw).hexdigest()
        return package_id

    async def has_arrived(self, package_id: str) -> bool:
        """Whether the node believes that the partner has it."""
        rows = await self.access.store.read(lambda c: queries.consignments(c, package_id))
        return {row.state for row in rows} <= ARRIVED

    async def until_arrived(self, package_id: str) -> None:
        """Wait for that."""
        async with asyncio.timeout(_BEHIND_S):
            while not await self.has_arrived(package_id):  # noqa: ASYNC110 - the other process does it
                await asyncio.sleep(0.05)


@asynccontextmanager
async def node_with(way: Way, folder: Path, database: Database | None) -> AsyncIterator[Killed]:
    """A node that runs, and pushes to its partner. database: PostgreSQL's; None: SQLite in the folder."""
    port = free_port(random.Random())
    plan = Blueprint(
        port=port,
        database_url=database.url if database else None,
        signatures="off",
        more={**QUICK, "exchange.lease_s": 2.0, "exchange.ask_first_s": 600.0, **way.settings},
    )
    settings = await lay_out(folder, plan)
    async with open_access(settings) as access:
        who = Partner(partner_id=PARTNER, adapter=way.adapter, options=way.options, secrets=way.secrets)
        await access.set_pushing(PARTNER, who, CLOCK.now(), "test")
        node = Killed(process=NodeProcess(folder / "axis.toml", port), access=access)
        await node.process.start()
        try:
            yield node
        finally:
            await node.process.stop()
