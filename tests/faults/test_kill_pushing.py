"""The node is killed while it brings packages to a partner, at chosen bytes of the talk: all arrive, whole.

The partner gets what was said before the death, and nothing of what came after it. Where it can be asked what it has
(SFTP, WebDAV) each package appears once; where it cannot (mail, webhook) it may come again, under its name.
A kill counts only if the node died of it before it knew that the partner has the package.
"""

import base64
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from axis.demo.processes import HOST
from tests.databases import Database
from tests.faults.cutting import Killed, Line, Way, a_line, node_with
from tests.filing.places import PASSWORD, USER, sftp_server, webdav_server
from tests.mail.servers import post_office

SECRET = "whsec_" + base64.b64encode(b"a secret of this test, 32 bytes!!").decode()
MAIL = {"smtp_host": HOST, "smtp_security": "none", "from_address": "truc@truc.invalid", "attach_bytes": 4 << 20}
SIZE_BYTES = 200_000
VAIN = 5  # kills at one place that came too late, at most


@dataclass(frozen=True, kw_only=True)
class Came:
    """What came to the partner, whole."""

    package_id: str
    name: str  # under which it came
    sha256_hex: str


@dataclass
class Reached:
    """A partner: how it is reached, and what has come there since it was last asked."""

    way: Way
    look: Callable[[], list[Came]]
    came: list[Came] = field(default_factory=list)

    def names(self) -> set[str]:
        """Packages that have come."""
        self.came += self.look()
        return {one.package_id for one in self.came}


MakeReached = Callable[[Path, Line], AbstractAsyncContextManager[Reached]]


def dms_with(root: Path) -> Callable[[], list[Came]]:
    """A DMS that takes away at once what lies there whole."""

    def look() -> list[Came]:
        found = []
        for path in sorted((root / "to-dms").glob("*.json")):
            told = json.loads(path.read_bytes())
            digest = hashlib.sha256((path.parent / told["package"]).read_bytes()).hexdigest()
            found.append(Came(package_id=told["package_id"], name=path.stem, sha256_hex=digest))
            assert told["files"]
            for one in told["files"]:
                assert (path.parent / one["file"]).stat().st_size == one["size_bytes"]
            for part in sorted(path.parent.glob(f"{path.stem}*"), key=lambda one: one.suffix == ".json"):
                part.unlink()
        return found

    return look


@asynccontextmanager
async def by_sftp(root: Path, line: Line) -> AsyncIterator[Reached]:
    async with sftp_server(root) as server:
        line.partner_port = server.port
        options = {"host": HOST, "port": str(line.port), "user": USER, "path": "/", "poll": "false"}
        options |= {"host_key": server.host_key.get_fingerprint()}
        yield Reached(Way(adapter="sftp", options=options, secrets={"password": PASSWORD}), dms_with(root))


@asynccontextmanager
async def by_webdav(root: Path, line: Line) -> AsyncIterator[Reached]:
    async with webdav_server(root) as server:
        line.partner_port = int(server.url.rpartition(":")[2])
        options = {"url": f"http://{HOST}:{line.port}", "user": USER, "plain_http": "true", "poll": "false"}
        yield Reached(Way(adapter="webdav", options=options, secrets={"password": PASSWORD}), dms_with(root))


@asynccontextmanager
async def by_mail(_: Path, line: Line) -> AsyncIterator[Reached]:
    async with post_office() as (office, port):
        line.partner_port = port
        seen = 0

        def look() -> list[Came]:
            nonlocal seen
            found = []
            for seen in range(seen + 1, len(office.mails) + 1):  # noqa: B020 - goes on where it was
                mail = office.read(seen - 1)
                package_id = mail["X-Axis-Package"]
                packages = [
                    one for one in mail.iter_attachments() if one.get_filename() == f"goi-tin-{package_id}.edxml"
                ]
                digest = hashlib.sha256(packages[0].get_content()).hexdigest()
                found.append(Came(package_id=package_id, name=mail["Message-ID"], sha256_hex=digest))
            return found

        settings = {f"mail.{key}": value for key, value in {**MAIL, "smtp_port": line.port}.items()}
        yield Reached(Way(adapter="mail", options={"address": "vanthu@so-xd.invalid"}, settings=settings), look)


@asynccontextmanager
async def by_webhook(_: Path, line: Line) -> AsyncIterator[Reached]:
    calls: list[Came] = []

    async def take(request: web.Request) -> web.Response:
        data = json.loads(await request.read())["data"]
        digest = hashlib.sha256(base64.b64decode(data["package_base64"])).hexdigest()
        calls.append(Came(package_id=data["package_id"], name=request.headers["webhook-id"], sha256_hex=digest))
        return web.Response(status=204)

    def look() -> list[Came]:
        found = list(calls)
        calls.clear()
        return found

    app = web.Application(client_max_size=4 << 20)
    app.router.add_post("/axis", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    line.partner_port = runner.addresses[0][1]
    options = {"url": f"http://{HOST}:{line.port}/axis", "package": "body", "body_bytes": str(4 << 20)}
    settings = {"webhook.public_url": "http://truc.invalid", "webhook.private_addresses": True}
    try:
        yield Reached(Way(adapter="webhook", options=options, secrets={"secret": SECRET}, settings=settings), look)
    finally:
        await runner.cleanup()


WAYS: dict[str, MakeReached] = {"sftp": by_sftp, "webdav": by_webdav, "mail": by_mail, "webhook": by_webhook}
CUTS: dict[str, tuple[float, ...]] = {  # a share of the bytes of one package, or so many before their end
    "sftp": (0.2, 0.7, -2_500, -1_200, -60),
    "webdav": (0.2, 0.7, -6_000, -1_500, -60),
    "mail": (0.2, 0.7, -200, -1),
    "webhook": (0.2, 0.7, -400, -1),
}
TWICE_UNDER_ONE_NAME = {"mail", "webhook"}


@dataclass
class Trial:
    """A node, its partner, and the line between them."""

    node: Killed
    partner: Reached
    line: Line
    whole: int = 0  # bytes that passed for the last package that came through undisturbed

    async def undisturbed(self) -> None:
        """A package goes out."""
        self.line.passed = 0
        await self.node.until_arrived(await self.node.send(SIZE_BYTES))
        self.whole = self.line.passed

    async def cut(self, at: float) -> bool:
        """A package goes out, and the node dies at that byte. False: it knew already that the package is there."""
        self.line.open.clear()  # the node says that it has the package before it dies of it
        package_id = await self.node.send(SIZE_BYTES)
        self.line.passed = 0
        self.line.kill_at = int(self.whole * at) if at > 0 else self.whole + int(at)
        self.line.open.set()
        while self.line.kill_at is not None:
            if await self.node.has_arrived(package_id):
                self.line.kill_at = None
                self.whole = self.line.passed
                return False
        await self.node.died()
        hit = not await self.node.has_arrived(package_id)
        self.partner.names()  # a DMS that takes away at once what it sees
        await self.node.process.start()
        await self.node.until_arrived(package_id)
        return hit


async def _trial(adapter: str, cuts: tuple[float, ...], folder: Path, database: Database | None) -> None:
    root = folder / "share"
    root.mkdir()
    async with AsyncExitStack() as stack:
        line = await stack.enter_async_context(a_line())
        partner = await stack.enter_async_context(WAYS[adapter](root, line))
        node = await stack.enter_async_context(node_with(partner.way, folder / "node", database))
        line.kill = node.kill
        trial = Trial(node, partner, line)
        for _ in range(2):  # the first one connects, and makes folders
            await trial.undisturbed()
        for at in cuts:
            tries = 1
            while not await trial.cut(at):
                tries += 1
                assert tries <= VAIN, f"kills at {at} come too late"
        assert partner.names() == node.sent.keys()
    check(partner.came, node, 2 if adapter in TWICE_UNDER_ONE_NAME else 1)


def check(came: list[Came], node: Killed, most: int) -> None:
    """Everything came whole, each package under one name of its own, and one of them so often."""
    names = defaultdict(set)
    for one in came:
        assert one.sha256_hex == node.sent[one.package_id]
        names[one.package_id].add(one.name)
    assert {len(of_one) for of_one in names.values()} == {1}
    assert len(set.union(*names.values())) == len(node.sent)
    assert max(Counter(one.package_id for one in came).values()) == most  # the last cut leaves only the answer out


@pytest.mark.timeout(120)
async def test_a_package_appears_once_though_the_node_is_killed_while_it_is_laid_out(tmp_path: Path) -> None:
    await _trial("webdav", (-1_500,), tmp_path, None)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("adapter", WAYS)
async def test_each_package_arrives_though_the_node_is_killed_while_it_is_brought(adapter: str, tmp_path: Path) -> None:
    await _trial(adapter, CUTS[adapter], tmp_path, None)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("adapter", ["sftp", "mail"])
async def test_each_package_arrives_though_the_node_is_killed_beside_postgresql(
    adapter: str, tmp_path: Path, postgres_database: Database
) -> None:
    await _trial(adapter, CUTS[adapter], tmp_path, postgres_database)
