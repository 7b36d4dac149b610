"""The city's node is killed in the middle of its traffic, again and again: nothing acknowledged is lost or doubled.

A kill counts only if the process died of it (exit code -9) and calls were waiting for their answers that they never
got: a trial that kills an idle node proves nothing.
"""

import asyncio
import random
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from axis.demo.processes import HOST, NodeProcess
from axis.ops.access import open_access
from axis.settings import Settings
from axis.store.registry import OrganRow
from tests.databases import Database
from tests.faults.autopsy import examine, rows_of
from tests.faults.world import ORGAN_OF, Ledger, World
from tests.nodes import Above, Blueprint, client_of, kill, lay_out

NATIONAL_ORGANS = (
    OrganRow(code="G01", name="Bộ Y tế"),
    OrganRow(code="H24", name="UBND thành phố"),
    *(OrganRow(code=code, name=code, parent="H24") for code in ("H24.11", "H24.15", "H24.88")),
)
QUICK = {
    "exchange.lease_s": 1.5,
    "exchange.retry_delays_s": [1],
    "exchange.poll_interval_s": 0.1,
    "exchange.ask_first_s": 0.1,
    "exchange.ask_per_minute": 6_000,
    "log.format": "json",
}
"""Short waits: what a dead process had claimed is soon due again."""
SETTLES_S = 90
VAIN = 10  # kills that hit nothing, at most


@dataclass
class Nodes:
    """A city's and a national node, as processes."""

    city: NodeProcess
    national: NodeProcess
    settings: dict[str, Settings]

    def url_of(self, system_id: str) -> str:
        """The node that a system is connected to."""
        return self.national.url if system_id == "bo" else self.city.url


def free_port(rng: random.Random) -> int:
    """A free port that no outgoing connection takes while the node is down."""
    while True:
        port = rng.randrange(12_000, 30_000)
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) != 0:
                return port


@pytest.fixture
async def nodes(database: Database, tmp_path: Path) -> AsyncIterator[Nodes]:
    """Both nodes, running: the city's on SQLite and on PostgreSQL in turn."""
    rng = random.Random()
    ports = {"city": free_port(rng), "national": free_port(rng)}
    national = Blueprint(
        code="A00",
        role="national",
        port=ports["national"],
        organs=NATIONAL_ORGANS,
        systems={"bo": ("G01",), "city": ("H24",)},
        more=QUICK,
    )
    city = Blueprint(
        port=ports["city"],
        database_url=None if database.kind == "sqlite" else database.url,
        above=Above(endpoint=f"http://{HOST}:{ports['national']}/vxp", system_id="city"),
        more=QUICK,
    )
    settings = {
        "city": await lay_out(tmp_path / "city", city),
        "national": await lay_out(tmp_path / "national", national),
    }
    made = Nodes(
        city=NodeProcess(tmp_path / "city" / "axis.toml", ports["city"]),
        national=NodeProcess(tmp_path / "national" / "axis.toml", ports["national"]),
        settings=settings,
    )
    await asyncio.gather(made.city.start(), made.national.start())
    yield made
    await asyncio.gather(made.city.stop(), made.national.stop())


async def _kill_in_flight(victim: NodeProcess, world: World, rng: random.Random) -> bool:
    """Kill a node at a random moment of its work, and start it again. False: no work was cut off by it."""
    await asyncio.sleep(rng.uniform(0.0, 0.8))
    async with asyncio.timeout(30):
        while not (under_way := world.line.at_work()):  # noqa: ASYNC110 - looks at what others do
            await asyncio.sleep(0.001)
    assert await kill(victim) == -signal.SIGKILL
    async with asyncio.timeout(30):
        while under_way & world.line.running.keys():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    hit = bool(under_way & world.line.unanswered)
    await victim.start()
    return hit


async def _survive(nodes: Nodes, kills: int, victims: tuple[str, ...]) -> World:
    """Let everybody work while nodes are killed so often, then let the work come to its end."""
    seed = str(random.randrange(1 << 32))
    print(f"seed {seed}")  # noqa: T201 - to repeat the traffic of a failure
    rng = random.Random(seed)
    world = World({system_id: client_of(nodes.url_of(system_id), system_id) for system_id in ORGAN_OF}, seed)
    world.begin()
    try:
        hits = tries = 0
        while hits < kills:
            victim: NodeProcess = getattr(nodes, rng.choice(victims))
            hits += await _kill_in_flight(victim, world, rng)
            tries += 1
            assert tries - hits <= VAIN, "kills that hit nothing"
        await world.finish(SETTLES_S)
        await _until_settled(nodes.settings["city"])
    finally:
        await world.close()
    await asyncio.gather(nodes.city.stop(), nodes.national.stop())
    world.ledger.check()
    assert world.ledger.problems == []
    return world


async def _until_settled(settings: Settings) -> None:
    """Wait until the city has heard from the national node who has what. What never settles, the autopsy names."""
    async with open_access(settings) as access:
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLES_S):
                while await rows_of(access.store, "queue"):  # noqa: ASYNC110 - the other process empties it
                    await asyncio.sleep(0.1)


async def _check_city(settings: Settings, ledger: Ledger) -> None:
    """The city's tables say exactly what its systems were told."""
    async with open_access(settings) as access:
        documents = {row["document_id"]: row for row in await rows_of(access.store, "document")}
        packages = {row["package_id"]: row for row in await rows_of(access.store, "package")}
        deliveries = await rows_of(access.store, "delivery")
        consignments = await rows_of(access.store, "consignment")
        events = await rows_of(access.store, "status_event")
    came = {key for key, sent in ledger.documents.items() if sent.system_id != "bo" or sent.receivers & _CITY}
    assert documents.keys() == came
    assert sum(row["kind"] == "document" for row in packages.values()) == len(documents)
    for document_id, row in documents.items():
        sent = ledger.documents[document_id]
        package = packages[row["package_id"]]
        assert package["sha256_hex"] in sent.digests
        if sent.system_id != "bo":
            assert {row["package_id"]} == sent.answers
        to = [one["receiver_organ"] for one in deliveries if one["document_uid"] == row["document_uid"]]
        assert Counter(to) == Counter(sent.receivers)
        reached = [one["receiver_organ"] for one in consignments if one["package_id"] == row["package_id"]]
        assert Counter(reached) == Counter(sent.receivers & _CITY if sent.system_id == "bo" else sent.receivers)
    ids = {row["document_uid"]: document_id for document_id, row in documents.items()}
    stored = Counter((ids[row["document_uid"]], row["from_organ"], row["status_code"]) for row in events)
    assert stored == Counter(key for key in ledger.statuses if key[0] in came and _passes_city(ledger, key))
    assert {row["status_code"] for row in deliveries if row["receiver_organ"] in _passing(ledger, ids, row)} == {"03"}


_CITY = {"H24.11", "H24.15", "H24.88"}


def _passes_city(ledger: Ledger, status: tuple[str, str, str]) -> bool:
    """Whether a status comes by the city's node: not one by the ministry on the ministry's own document."""
    document_id, organ, _ = status
    return organ in _CITY or ledger.documents[document_id].system_id != "bo"


def _passing(ledger: Ledger, ids: dict[str, str], delivery: object) -> set[str]:
    """Receivers whose statuses come by the city's node, of the document of a delivery."""
    sent = ledger.documents[ids[delivery["document_uid"]]]  # type: ignore[index]
    return sent.receivers & _CITY if sent.system_id == "bo" else sent.receivers


async def _trial(nodes: Nodes, kills: int, victims: tuple[str, ...] = ("city",)) -> None:
    world = await _survive(nodes, kills, victims)
    await _check_city(nodes.settings["city"], world.ledger)
    for settings in nodes.settings.values():
        assert await examine(settings) == []
    print(f"{kills} kills, {len(world.ledger.documents)} documents, {len(world.ledger.statuses)} statuses,")  # noqa: T201
    print(f"{world.line.answered} calls answered, {len(world.line.unanswered)} not")  # noqa: T201


@pytest.mark.timeout(300)
async def test_a_node_killed_in_the_middle_of_its_traffic_loses_and_doubles_nothing(
    nodes: Nodes, database: Database
) -> None:
    await _trial(nodes, 20 if database.kind == "sqlite" else 8)


@pytest.mark.long
@pytest.mark.timeout(3_000)
async def test_two_hundred_kills_of_either_node_lose_and_double_nothing(nodes: Nodes) -> None:
    await _trial(nodes, 200, ("city", "city", "national"))
