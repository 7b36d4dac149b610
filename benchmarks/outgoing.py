"""How packages go out: one document to many receivers, and many partners of which some hang.

The exchange, its outbox and the partners run in this process; the partners are real HTTP servers on loopback.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

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
    hanging: int  # of them
    documents: int  # to each partner
    rounds: int


FULL = Size(receivers=(1, 100, 1_000), partners=50, hanging=5, documents=20, rounds=2)
QUICK = Size(receivers=(1, 100), partners=6, hanging=1, documents=3, rounds=1)


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


def measure_partners(folder: Path, size: Size) -> dict[str, object]:
    """Deliveries to the partners that answer: without, and beside, some that hang; in turn, the best of each.

    By the second, and by the second of CPU: on a busy machine only the latter can be compared.
    """
    rates: dict[int, list[tuple[float, float]]] = {0: [], size.hanging: []}
    for turn in range(size.rounds):
        for hanging, found in rates.items():
            own = folder / f"{turn}-{hanging}"
            own.mkdir(parents=True)
            options = StoreOptions(url="sqlite:///axis.db", data_dir=own)
            migrate(options)
            with silenced():
                found.append(asyncio.run(_partners(options, own, size, hanging)))
    (alone, alone_cpu), (beside, beside_cpu) = (map(max, zip(*found, strict=True)) for found in rates.values())
    return {
        "partners": size.partners,
        "hanging": size.hanging,
        "deliveries": size.documents * (size.partners - size.hanging),
        "alone_per_s": round(alone, 1),
        "beside_hanging_per_s": round(beside, 1),
        "lost_percent": round(100 * (1 - beside / alone), 1),
        "alone_per_cpu_s": round(alone_cpu, 1),
        "beside_hanging_per_cpu_s": round(beside_cpu, 1),
        "lost_cpu_percent": round(100 * (1 - beside_cpu / alone_cpu), 1),
    }


async def _partners(options: StoreOptions, folder: Path, size: Size, hanging: int) -> tuple[float, float]:
    """Deliveries a second, and a second of CPU. hanging: how many of the others are pushed to; else they fetch."""
    codes = [f"H24.{1_000 + number}" for number in range(size.partners)]
    organs = (_CITY, _SENDER, *(OrganRow(code=code, name=f"Cơ quan {code}", parent="H24") for code in codes))
    systems = {"dms-yte": ("H24.11",), **{f"dms-{code}": (code,) for code in codes}}
    store = Store.open(options)
    async with post_office() as office, post_office() as bad:
        office.latency_s, bad.mood = _LATENCY_S, "hang"
        city = City(await make_node(store, folder, Plan(organs=organs, systems=systems)), office)
        city.policy = replace(OutboxPolicy(), look_s=0.2)
        try:
            for code in codes[size.hanging :]:
                await city.push_to(f"dms-{code}", office)
            for code in codes[:hanging]:
                await city.push_to(f"dms-{code}", bad)
            await _rate(city, codes, "w", 1, size)  # connections are made
            return await _rate(city, codes, "d", size.documents, size)
        finally:
            await city.partners.close()
            await store.close()


async def _rate(city: City, codes: Sequence[str], turn: str, documents: int, size: Size) -> tuple[float, float]:
    """Some documents to all partners, by a loop of its own, until those that answer have them."""
    for number in range(documents):
        await city.node.send("dms-yte", a_document(*codes, number=f"{turn}{number}"))
    first = len(city.office.parcels)
    deliveries = documents * (size.partners - size.hanging)
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
