"""How packages go out: one document to many receivers, and many partners of which some hang, or most are down.

The exchange, its outbox and the partners run in this process; the partners are real HTTP servers on loopback.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from axis.exchange.outbox import OutboxPolicy
from axis.ops.logs import silenced
from axis.store.engine import StoreOptions
from axis.store.migrate import migrate
from axis.store.registry import OrganRow
from axis.store.store import Store
from tests.exchange.harness import Plan, a_document, a_file, make_node
from tests.exchange.pushing import City
from tests.post_office import post_office

_SENDER = OrganRow(code="H24.11", name="Sở Y tế", parent="H24")
_CITY = OrganRow(code="H24", name="UBND thành phố")
_FILE_BYTES = 400_000
_OF_ONE_SYSTEM = 50  # receivers
_LATENCY_S = 0.05
_TICK_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is sent."""

    receivers: tuple[int, ...]
    partners: int
    ill: tuple["Ill", ...]
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ill:
    """Some of the partners do not answer."""

    mood: str  # of `tests.post_office`: "hang", they answer never; "down", there is no connection
    partners: int
    documents: int  # to each partner


FULL = Size(
    receivers=(1, 100, 1_000),
    partners=50,
    ill=(Ill(mood="hang", partners=5, documents=20), Ill(mood="down", partners=45, documents=100)),
    rounds=3,
)
QUICK = Size(
    receivers=(1, 100),
    partners=6,
    ill=(Ill(mood="hang", partners=1, documents=3), Ill(mood="down", partners=5, documents=3)),
    rounds=1,
)


def measure_fan_out(folder: Path, url: str, size: Size) -> list[dict[str, object]]:
    """One document to each number of receivers, on a database of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    options = StoreOptions(url=url, data_dir=folder)
    migrate(options)
    with silenced():
        return asyncio.run(_fan_out(options, folder, size.receivers))


async def _fan_out(options: StoreOptions, folder: Path, numbers: Sequence[int]) -> list[dict[str, object]]:
    codes = [f"H24.{1_000 + number}" for number in range(max(numbers))]
    systems = {
        f"dms-{first}": tuple(codes[first : first + _OF_ONE_SYSTEM]) for first in range(0, len(codes), _OF_ONE_SYSTEM)
    }
    organs = (_CITY, _SENDER, *(OrganRow(code=code, name=f"Cơ quan {code}", parent="H24") for code in codes))
    store = Store.open(options)
    try:
        node = await make_node(store, folder, Plan(organs=organs, systems={"dms-yte": ("H24.11",), **systems}))
        found = []
        await node.send(
            "dms-yte", a_document(codes[0], number="0")
        )  # what a process loads once is not what is measured
        for number in numbers:
            last = f"dms-{(number - 1) // _OF_ONE_SYSTEM * _OF_ONE_SYSTEM}"
            before = await _stored_bytes(store)
            file = a_file(number.to_bytes(2, "big") * (_FILE_BYTES // 2))
            document = a_document(*codes[:number], number=str(number), files=(file,))
            begun = time.perf_counter()
            sent = await node.send("dms-yte", document)
            accepted = time.perf_counter()
            assert sent.package_id in await node.listed(last)
            listed = time.perf_counter()
            found.append(
                {
                    "database": options.url.split(":", 1)[0],
                    "receivers": number,
                    "accepted_ms": round((accepted - begun) * 1000, 1),
                    "listed_for_the_last_ms": round((listed - accepted) * 1000, 1),
                    "stored_kb": (await _stored_bytes(store) - before) // 1000,
                }
            )
        return found
    finally:
        await store.close()


async def _stored_bytes(store: Store) -> int:
    query = "SELECT coalesce(sum(size_bytes), 0) FROM blob"
    return int(await store.read(lambda c: c.exec_driver_sql(query).scalar_one()))


def measure_partners(folder: Path, size: Size) -> list[dict[str, object]]:
    """Deliveries to the partners that answer: without, and beside, those that do not; in pairs, one after the other.

    What is lost is the middle of the pairs, by the second and by the second of CPU: on a busy machine only the latter
    can be compared.
    """
    return [_compared(folder / ill.mood, size, ill) for ill in size.ill]


def _compared(folder: Path, size: Size, ill: Ill) -> dict[str, object]:
    pairs = [
        [_run(folder / f"{turn}-{beside}", size, ill, beside=beside) for beside in (False, True)]
        for turn in range(size.rounds)
    ]
    (alone, alone_cpu), (beside, beside_cpu) = (map(max, zip(*runs, strict=True)) for runs in zip(*pairs, strict=True))
    lost, lost_cpu = (100 * (1 - median(ill_run[by] / well_run[by] for well_run, ill_run in pairs)) for by in range(2))
    return {
        "partners": size.partners,
        "ill": f"{ill.partners} {ill.mood}",
        "deliveries": ill.documents * (size.partners - ill.partners),
        "alone_per_s": round(alone, 1),
        "beside_per_s": round(beside, 1),
        "lost_percent": round(lost, 1),
        "alone_per_cpu_s": round(alone_cpu, 1),
        "beside_per_cpu_s": round(beside_cpu, 1),
        "lost_cpu_percent": round(lost_cpu, 1),
    }


def _run(folder: Path, size: Size, ill: Ill, *, beside: bool) -> tuple[float, float]:
    folder.mkdir(parents=True)
    options = StoreOptions(url="sqlite:///axis.db", data_dir=folder)
    migrate(options)
    with silenced():
        return asyncio.run(_partners(options, folder, size, ill, beside=beside))


async def _partners(options: StoreOptions, folder: Path, size: Size, ill: Ill, *, beside: bool) -> tuple[float, float]:
    """Deliveries a second, and a second of CPU. beside: whether those that are ill are pushed to; else they fetch."""
    codes = [f"H24.{1_000 + number}" for number in range(size.partners)]
    organs = (_CITY, _SENDER, *(OrganRow(code=code, name=f"Cơ quan {code}", parent="H24") for code in codes))
    systems = {"dms-yte": ("H24.11",), **{f"dms-{code}": (code,) for code in codes}}
    store = Store.open(options)
    async with post_office() as office, post_office() as bad:
        office.latency_s, bad.mood = _LATENCY_S, ill.mood
        city = City(await make_node(store, folder, Plan(organs=organs, systems=systems)), office)
        city.policy = replace(OutboxPolicy(), look_s=0.2)
        try:
            for code in codes[ill.partners :]:
                await city.push_to(f"dms-{code}", office)
            for code in codes[: ill.partners] if beside else ():
                await city.push_to(f"dms-{code}", bad)
            well = size.partners - ill.partners
            await _rate(city, codes, ("w", 1), well)  # connections are made
            return await _rate(city, codes, ("d", ill.documents), well)
        finally:
            await city.partners.close()
            await store.close()


async def _rate(city: City, codes: Sequence[str], turn: tuple[str, int], well: int) -> tuple[float, float]:
    """Some documents to all partners, by a loop of its own, until those that are well have them."""
    name, documents = turn
    for number in range(documents):
        await city.node.send("dms-yte", a_document(*codes, number=f"{name}{number}"))
    first = len(city.office.parcels)
    deliveries = documents * well
    running = asyncio.gather(city.another().run(), _let_time_pass(city))
    begun, worked = time.perf_counter(), time.process_time()
    while len(city.office.parcels) < first + deliveries:  # noqa: ASYNC110 - the office knows nothing of benchmarks
        await asyncio.sleep(0.005)
    took, cpu = time.perf_counter() - begun, time.process_time() - worked
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return deliveries / took, deliveries / cpu


async def _let_time_pass(city: City) -> None:
    while True:
        await asyncio.sleep(_TICK_S)
        city.node.clock.advance(seconds=_TICK_S)
