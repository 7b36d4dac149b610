"""The node is killed while it brings packages to a partner, at chosen bytes of the talk: all arrive, and none twice.

A line stands between node and partner; it counts what passes in both directions, and the node dies (SIGKILL) at the
byte that it was told. Where a partner cannot be asked what it has (mail, webhook) a package may come again, under its
name.
"""

import asyncio
import base64
import json
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from axis.delivery.partner import Partner
from axis.demo.processes import HOST, NodeProcess
from axis.edxml.writer import to_bytes
from axis.ops.access import open_access
from axis.settings import Settings
from axis.store import queries
from axis.terms import PackageKind, TransportState
from tests.databases import Database
from tests.exchange.harness import a_document, a_file
from tests.faults.test_kill import QUICK, _free_port
from tests.filing.places import PASSWORD, USER, sftp_server, webdav_server
from tests.mail.servers import post_office
from tests.nodes import CLOCK, Blueprint, client_of, lay_out

SECRET = "whsec_" + base64.b64encode(b"a secret of this test, 32 bytes!!").decode()
PLACES_OF_DEATH = (0.05, 0.4, 0.8, 0.97)  # of what passes for one package
MAIL = {"smtp_host": HOST, "smtp_security": "none", "from_address": "truc@truc.invalid", "attach_bytes": 4 << 20}
ARRIVED = {TransportState.HANDED_OVER, TransportState.ACKNOWLEDGED}


@dataclass
class Line:
    """Passes bytes on to a partner."""

    kill: Callable[[], None]
    port: int = 0
    partner_port: int = 0
    passed: int = 0
    kill_at: int | None = None
    open: asyncio.Event = field(default_factory=asyncio.Event)  # nothing passes while it is not set
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        to_reader, to_writer = await asyncio.open_connection(HOST, self.partner_port)
        try:
            await asyncio.gather(self._pass(reader, to_writer), self._pass(to_reader, writer))
        finally:
            for one in (writer, to_writer):
                one.close()
            self.tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(512):
                await self.open.wait()
                self.passed += len(data)
                if self.kill_at is not None and self.passed >= self.kill_at:
                    self.kill_at = None
                    self.kill()
                writer.write(data)
                await writer.drain()
        with suppress(ConnectionError):
            writer.write_eof()


@asynccontextmanager
async def line_of(kill: Callable[[], None]) -> AsyncIterator[Line]:
    line = Line(kill)
    server = await asyncio.start_server(line.handle, HOST, 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        for task in line.tasks:
            task.cancel()
        await asyncio.gather(*line.tasks, return_exceptions=True)


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A partner: how it is reached, and what came there, by the names under which it came."""

    options: Mapping[str, str]
    secrets: Mapping[str, str]
    came: Callable[[], Awaitable[list[str]]]
    more: Mapping[str, object] = field(default_factory=dict)  # settings of the node


def dms_with(root: Path) -> Callable[[], Awaitable[list[str]]]:
    """A DMS that takes away at once what lies there whole."""
    seen: list[str] = []

    async def came() -> list[str]:
        for path in sorted((root / "to-dms").glob("*.json")):
            told = json.loads(path.read_bytes())
            assert (path.parent / told["package"]).stat().st_size == told["size_bytes"]
            seen.append(told["package_id"])
            for part in sorted(path.parent.glob(f"{path.stem}*"), key=lambda one: one.suffix == ".json"):
                part.unlink()
        return seen

    return came


@asynccontextmanager
async def by_sftp(root: Path, line: Line) -> AsyncIterator[Reached]:
    async with sftp_server(root) as server:
        line.partner_port = server.port
        options = {"host": HOST, "port": str(line.port), "user": USER, "path": "/"}
        options |= {"host_key": server.host_key.get_fingerprint()}
        yield Reached(options=options, secrets={"password": PASSWORD}, came=dms_with(root))


@asynccontextmanager
async def by_webdav(root: Path, line: Line) -> AsyncIterator[Reached]:
    async with webdav_server(root) as server:
        line.partner_port = int(server.url.rpartition(":")[2])
        options = {"url": f"http://{HOST}:{line.port}", "user": USER, "plain_http": "true"}
        yield Reached(options=options, secrets={"password": PASSWORD}, came=dms_with(root))


@asynccontextmanager
async def by_mail(_: Path, line: Line) -> AsyncIterator[Reached]:
    async with post_office() as (office, port):
        line.partner_port = port

        async def came() -> list[str]:
            mails = [office.read(number) for number in range(len(office.mails))]
            return [str(mail["Message-ID"]).strip("<>").partition("@")[0].upper() for mail in mails]

        more = {f"mail.{key}": value for key, value in {**MAIL, "smtp_port": line.port}.items()}
        yield Reached(options={"address": "vanthu@so-xd.invalid"}, secrets={}, came=came, more=more)


@asynccontextmanager
async def by_webhook(_: Path, line: Line) -> AsyncIterator[Reached]:
    events: list[tuple[str, str]] = []

    async def take(request: web.Request) -> web.Response:
        event = json.loads(await request.read())
        if event["type"] == "vn.axis.package":
            events.append((event["subject"], request.headers["webhook-id"]))
        return web.Response(status=204)

    async def came() -> list[str]:
        assert len({name for _, name in events}) == len({subject for subject, _ in events})  # its name
        return [subject for subject, _ in events]

    app = web.Application()
    app.router.add_post("/axis", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    line.partner_port = runner.addresses[0][1]
    more = {"webhook.public_url": "http://truc.invalid", "webhook.private_addresses": True}
    try:
        yield Reached(
            options={"url": f"http://{HOST}:{line.port}/axis"}, secrets={"secret": SECRET}, came=came, more=more
        )
    finally:
        await runner.cleanup()


WAYS = {"sftp": by_sftp, "webdav": by_webdav, "mail": by_mail, "webhook": by_webhook}
TWICE_UNDER_ONE_NAME = {"mail", "webhook"}


async def _states(settings: Settings, package_ids: list[str]) -> set[TransportState]:
    async with open_access(settings) as access:
        rows = [await access.store.read(lambda c, one=one: queries.consignments(c, one)) for one in package_ids]
    return {row.state for found in rows for row in found}


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("adapter", "kind"), [*((adapter, "sqlite") for adapter in WAYS), ("sftp", "postgresql"), ("mail", "postgresql")]
)
async def test_each_package_arrives_though_the_node_is_killed_while_it_is_brought(
    adapter: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    database: Database | None = request.getfixturevalue("postgres_database") if kind == "postgresql" else None
    root = tmp_path / "share"
    root.mkdir()
    node = NodeProcess(tmp_path / "node" / "axis.toml", port := _free_port(random.Random()))

    def kill() -> None:
        assert node.pid is not None
        os.kill(node.pid, signal.SIGKILL)

    async with AsyncExitStack() as stack:
        line = await stack.enter_async_context(line_of(kill))
        partner = await stack.enter_async_context(WAYS[adapter](root, line))
        plan = Blueprint(
            port=port,
            database_url=database.url if database else None,
            signatures="off",
            more={
                **QUICK,
                **partner.more,
                "exchange.lease_s": 4.0,
                "exchange.poll_interval_s": 60.0,
                "exchange.ask_first_s": 2.0,
            },
        )
        settings = await lay_out(tmp_path / "node", plan)
        async with open_access(settings) as access:
            who = Partner(partner_id="dms-xd", adapter=adapter, options=partner.options, secrets=partner.secrets)
            await access.set_pushing("dms-xd", who, CLOCK.now(), "test")
        line.open.set()
        await node.start()
        stack.push_async_callback(node.stop)
        client = client_of(node.url, "dms-yte")
        stack.push_async_callback(client.close)
        sent = [await client.send_edoc(_letter(0), PackageKind.DOCUMENT)]
        await _until(partner, settings, sent)
        whole = line.passed
        for number, share in enumerate(PLACES_OF_DEATH, 1):
            line.open.clear()  # the node says that it has the package before it dies of it
            sent.append(await client.send_edoc(_letter(number), PackageKind.DOCUMENT))
            line.passed, line.kill_at = 0, max(1, int(whole * share))
            line.open.set()
            async with asyncio.timeout(60):
                assert await node.wait() == -signal.SIGKILL
            assert not await _states(settings, sent[-1:]) & ARRIVED, f"killed after the delivery, at {share}"
            await node.start()
            await _until(partner, settings, sent)
        came = Counter(await partner.came())
    assert set(came) == set(sent)
    most = 2 if adapter in TWICE_UNDER_ONE_NAME else 1
    assert max(came.values()) <= most, came


def _letter(number: int) -> bytes:
    return to_bytes(a_document("H24.15", number=str(number + 1), files=(a_file(random.randbytes(300_000)),)))


async def _until(partner: Reached, settings: Settings, sent: list[str]) -> None:
    """All have come, and the node knows it."""
    async with asyncio.timeout(90):
        while not (set(sent) <= set(await partner.came()) and await _states(settings, sent) <= ARRIVED):  # noqa: ASYNC110
            await asyncio.sleep(0.2)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_each_file_of_a_dms_is_taken_once_though_the_node_is_killed_while_it_takes_them(tmp_path: Path) -> None:
    root = tmp_path / "share"
    root.mkdir()
    port = _free_port(random.Random())
    settings = await lay_out(tmp_path / "node", Blueprint(port=port, signatures="off", more=QUICK))
    async with open_access(settings) as access:
        who = Partner(partner_id="dms-xd", adapter="folder", options={"path": str(root), "settle_s": "0.1"}, secrets={})
        await access.set_pushing("dms-xd", who, CLOCK.now(), "test")
    node = NodeProcess(tmp_path / "node" / "axis.toml", port)
    await node.start()
    taken, count = root / "taken", 40
    try:
        async with asyncio.timeout(120):
            while not (root / "from-dms").exists():  # noqa: ASYNC110 - the node makes it
                await asyncio.sleep(0.01)
            for number in range(count):
                raw = to_bytes(a_document("H24.11", sender="H24.15", number=str(number + 1)))
                draft = root / "from-dms" / f"{number}.tmp"
                draft.write_bytes(raw)
                draft.rename(draft.with_suffix(".edxml"))
            for least in (1, 12, 25):
                while len(list(taken.glob("*"))) < least:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.001)
                assert node.pid is not None
                os.kill(node.pid, signal.SIGKILL)
                assert await node.wait() == -signal.SIGKILL
                await node.start()
            while len(list(taken.glob("*"))) < count:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)
    finally:
        await node.stop()
    query = "SELECT count(*) FROM package WHERE source_system = 'dms-xd'"
    async with open_access(settings) as access:
        assert await access.store.read(lambda c: c.exec_driver_sql(query).scalar()) == count
    assert list((root / "from-dms").iterdir()) == list((root / "errors").iterdir()) == []
    names = Counter(path.name.rpartition(".item.")[2] for path in taken.iterdir())
    assert set(names.values()) == {1}
