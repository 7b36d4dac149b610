"""How long a report takes over a year of roll-ups: those of 5 million deliveries to some 370 organisations.

The rows are generated, the way that they are added up to months and read is the node's own. Tests show that
such rows come out of real deliveries (tests/ops/test_figures.py).
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from axis.calendar.working import Calendar
from axis.delivery.directory import Directory
from axis.keys import NodeKey
from axis.kpi.figures import Cell, Counts, Figures, Times, total
from axis.kpi.histogram import Histogram
from axis.ops.kpi_report import Period, Report, Targets, make_report, read_raw, values
from axis.store import queries, registry
from axis.store.engine import StoreOptions
from axis.store.migrate import migrate
from axis.store.registry import OrganRow
from axis.store.store import Store
from axis.terms import Side

YEAR = 2025
TARGETS = Targets(ministry=80, province=60, district=30, connected=100)
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_POOL = 200  # different days of one organisation


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is generated."""

    organs: int
    days: int
    deliveries: int


FULL = Size(organs=370, days=365, deliveries=5_000_000)
QUICK = Size(organs=20, days=70, deliveries=20_000)


def measure(folder: Path, url: str, size: Size) -> list[dict[str, object]]:
    """Fill a new database, and read reports of whole months and of the most awkward period."""
    folder.mkdir(parents=True, exist_ok=True)
    options = StoreOptions(url=url, data_dir=folder)
    migrate(options)
    return asyncio.run(_measure(options, folder, size))


async def _measure(options: StoreOptions, folder: Path, size: Size) -> list[dict[str, object]]:
    store = Store.open(options)
    try:
        codes = await _register(store, size.organs)
        filled = await _fill(store, codes, size)
        key = NodeKey.create(folder / "node.key")
        directory = Directory(await store.read(registry.snapshot), key, "2026-01-01")
        last = date(YEAR, 1, 1) + timedelta(days=size.days - 1)
        periods = (
            ("the whole time", Period(first=date(YEAR, 1, 1), last=last)),
            ("half months at both ends", Period(first=date(YEAR, 1, 16), last=last - timedelta(days=15))),
        )
        found = []
        for name, period in periods:
            took, worked = [], []
            for _ in range(3):
                begun, cpu = time.perf_counter(), time.process_time()
                report = await _report(store, period, directory)
                took.append(time.perf_counter() - begun)
                worked.append(time.process_time() - cpu)
            found.append(
                {
                    "database": options.url.split(":", 1)[0],
                    "period": name,
                    "rows": filled,
                    "deliveries": report.total.received.counts.deliveries,
                    "organs": len(report.organs),
                    "best_s": round(min(took), 3),
                    "worst_s": round(max(took), 3),
                    "cpu_s": round(min(worked), 3),  # on a busy machine this is the report's own
                }
            )
        return found
    finally:
        await store.close()


async def _report(store: Store, period: Period, directory: Directory) -> Report:
    """What `axis report kpi` does, its quantiles included."""
    raw = await store.read(lambda c: read_raw(c, period))
    report = make_report(raw, period, directory.organs(), directory, TARGETS)
    for line in (*report.organs, *report.levels, report.total):
        values(line)
    return report


async def _register(store: Store, organs: int) -> list[str]:
    rows = [OrganRow(code="H24", name="Thành phố", level=1)]
    rows += [
        OrganRow(code=f"H24.{number}", name=f"Cơ quan {number}", parent="H24", level=2 + number % 3)
        for number in range(1, organs)
    ]
    await store.write(lambda c: registry.import_organs(c, rows, _NOW, "benchmark"))
    return [row.code for row in rows]


async def _fill(store: Store, codes: Sequence[str], size: Size) -> int:
    chance = random.Random(YEAR)
    calendar = Calendar()
    days = [date(YEAR, 1, 1) + timedelta(days=number) for number in range(size.days)]
    working = [day for day in days if calendar.is_working_day(day)]
    each = size.deliveries / (len(working) * len(codes))
    pool = [_a_day(chance, each) for _ in range(_POOL)]
    written = 0
    for code in codes:
        cells = {
            Cell(span=day.isoformat(), organ_id=code, side=side): chance.choice(pool)[side]
            for day in working
            for side in Side
        }
        months: dict[Cell, list[Figures]] = {}
        for cell, figures in cells.items():
            months.setdefault(cell.month, []).append(figures)
        rows = cells | {month: total(parts) for month, parts in months.items()}
        await store.write(lambda c, rows=rows: queries.write_figures(c, rows))
        written += len(rows)
    return written


def _a_day(chance: random.Random, deliveries: float) -> dict[Side, Figures]:
    """One organisation's day: what it received and sent."""
    number = max(1, round(chance.gauss(deliveries, deliveries / 4)))
    hours = [timedelta(hours=chance.lognormvariate(1, 1.2)) for _ in range(number)]
    done = [timedelta(hours=chance.lognormvariate(4, 1)) for _ in range(number // 2)]
    received = Counts(deliveries=number, inside=number, answered=number, said_03=number, said_06=number // 2)
    times = Times(
        to_03=Histogram.of(hours),
        to_06=Histogram.of(done),
        to_03_worked=Histogram.of(took / 3 for took in hours),
        to_06_worked=Histogram.of(took / 3 for took in done),
    )
    sent = Counts(documents=max(1, number // 5), deliveries=number, inside=number, said_03=number)
    return {Side.RECEIVED: Figures(counts=received, times=times), Side.SENT: Figures(counts=sent)}
