"""Measures the node and prints a table: `python -m benchmarks [--quick] [--json FILE]`.

Figures mean something only beside each other and beside the fsync/s of the same run: machines are shared and noisy.
Exits with 1 when a bound is broken: memory that grows with a package, or an event loop held for more than 20 ms of CPU.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import adapters, facts, fronts, kpi, large, load, outgoing, parsing, pending, shapes, signatures
from benchmarks.children import result
from benchmarks.running import UNBOUNDED, Running, node, postgres

LOOP_BOUND_MS = 20
_SIZES = (20_000, 400_000, 50_000_000, 500_000_000)
_QUICK_SIZES = (20_000, 400_000)
_CONNECTIONS = 16


def main() -> int:
    """Measure everything that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test: small sizes, short times")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="axis-bench-") as folder:
        figures = _measure(Path(folder), quick=chosen.quick)
    _print(figures)
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    return 1 if figures["broken"] else 0


def _measure(folder: Path, *, quick: bool) -> dict[str, object]:
    seconds = 0.4 if quick else 8.0
    figures: dict[str, object] = {"machine": facts.machine(), "fsync_per_s": facts.fsync_per_s(folder, 1.0)}
    figures["parsing"] = [
        asdict(parsing.measure(folder, size, seconds / 4)) for size in (_QUICK_SIZES if quick else _SIZES)
    ]
    with node(folder / "plain") as running:
        time.sleep(1)
        figures["start"] = {"ready_s": round(running.ready_s, 2), "idle_rss_mb": round(running.rss_bytes() / 2**20, 1)}
        figures["intake_sqlite"] = _load(running, "intake", 20_000, _CONNECTIONS, seconds, 1)
        figures["listed_sqlite"] = _load(running, "listed", 20_000, 20 if quick else 400, 5_000_000)
    with postgres() as url, node(folder / "postgres", database_url=url, forked=quick) as running:
        figures["intake_postgresql"] = _load(running, "intake", 20_000, _CONNECTIONS, seconds, 1)
        figures["listed_postgresql"] = _load(running, "listed", 20_000, 20 if quick else 400, 5_000_000)
    figures["ways"] = ways(folder, quick=quick)
    figures |= _signatures(folder, seconds, quick=quick)
    size = kpi.QUICK if quick else kpi.FULL
    figures["kpi"] = kpi.measure(folder / "kpi", "sqlite:///axis.db", size)
    with postgres() as url:
        figures["kpi"] += kpi.measure(folder / "kpi-postgres", url, size)
    waiting = pending.QUICK if quick else pending.FULL
    figures["pending"] = pending.measure(folder / "pending", "sqlite:///axis.db", waiting)
    with postgres() as url:
        figures["pending"] += pending.measure(folder / "pending-postgres", url, waiting)
    going = outgoing.QUICK if quick else outgoing.FULL
    figures["fan_out"] = outgoing.measure_fan_out(folder / "fan-out", "sqlite:///axis.db", going)
    with postgres() as url:
        figures["fan_out"] += outgoing.measure_fan_out(folder / "fan-out-postgres", url, going)
    figures["partners"] = outgoing.measure_partners(folder / "partners", going)
    size_bytes = 5_000_000 if quick else 500_000_000
    times = 1 if quick else 3
    watched = _watched(folder / "watched", seconds, size_bytes, times)
    if watched["broken"] and not quick:
        # A machine that was busy elsewhere looks like a node that was held; what is the node's own comes back.
        figures["broken_once"] = watched["broken"]
        watched = _watched(folder / "watched-again", seconds, size_bytes, times)
    figures |= watched
    figures["fsync_per_s_after"] = facts.fsync_per_s(folder, 1.0)
    figures["load_average"] = facts.load()
    return figures


def ways(folder: Path, *, quick: bool) -> list[dict[str, object]]:
    """Every way to connect, side by side."""
    loads = adapters.QUICK if quick else adapters.FULL
    with node(folder / "fronts", forked=quick, **UNBOUNDED) as running:
        found = fronts.measure(running, loads[1].size_bytes, 20 if quick else 1_000)
    with node(folder / "adapters", forked=quick, **UNBOUNDED) as running:
        found += adapters.measure(running, folder / "packages", loads)
    return [asdict(cost) for cost in found]


def _signatures(folder: Path, seconds: float, *, quick: bool) -> dict[str, object]:
    """Verdicts on one core; and signed packages taken in by nodes that do not look, and that require signatures."""
    figures: dict[str, object] = {"signatures": [asdict(one) for one in signatures.measure(seconds)]}
    pki = signatures.make_signing_pki(folder / "pki")
    for level in ("off", "require"):
        chosen = {"signatures": level, "trust__folder": str(pki.trust)}
        with node(folder / f"signed-{level}", forked=quick, **chosen) as running:
            if not quick:
                _load(running, "signed", str(pki.folder), _CONNECTIONS, 0.2, 1)  # chains and pages are loaded once
            figures[f"signed_intake_{level}"] = _load(
                running, "signed", str(pki.folder), _CONNECTIONS, seconds, 100_000
            )
    return figures


def _watched(folder: Path, seconds: float, size_bytes: int, times: int) -> dict[str, object]:
    """Load, packages of awkward shapes and a very large one on a node whose event loop is watched."""
    with node(folder, watched=True) as running:
        _load(running, "intake", 20_000, _CONNECTIONS, 1.0, 1)  # what a process loads once is not what is measured
        running.forget_holds()
        _load(running, "intake", 20_000, _CONNECTIONS, seconds / 2, 100_000)
        shapes.send(running, times)
        passed = large.measure(running, folder, size_bytes)
        held = running.stop()
    broken = [f"{one.way} grew by {one.growth_mb} MB" for one in passed if not one.within_bound]
    if held["most_cpu_ms"] > LOOP_BOUND_MS:
        broken.append(f"the event loop was held for {held['most_cpu_ms']} ms of CPU")
    loop = {key: held[key] for key in ("callbacks", "most_wall_ms", "most_cpu_ms", "most_gc_ms")}
    culprits = [one for one in held["held"] if one["cpu_ms"] > LOOP_BOUND_MS]
    return {"large": [asdict(one) for one in passed], "loop": loop, "culprits": culprits, "broken": broken}


def _load(running: Running, *words: object) -> dict[str, object]:
    """Run the load generator in a process of its own."""
    what, *numbers = words
    return dict(result(load.measure, what, running.port, *numbers))


def _print(figures: dict[str, object]) -> None:
    console = Console()
    for name, value in figures.items():
        if name == "machine" and isinstance(value, dict):
            console.print("\n".join(f"{fact}: {of}" for fact, of in value.items()))
            continue
        if name == "culprits" and isinstance(value, list):
            for one in value:
                console.print(f"held for {one['cpu_ms']} ms of CPU: {one['what']}\n  " + "\n  ".join(one["stack"]))
            continue
        rows = value if isinstance(value, list) else [value]
        if not rows or not isinstance(rows[0], dict):
            console.print(f"{name}: {value}")
            continue
        table = Table(title=name, title_justify="left")
        for column in rows[0]:
            table.add_column(str(column), justify="right")
        for row in rows:
            table.add_row(*(str(cell) for cell in row.values()))
        console.print(table)


if __name__ == "__main__":
    sys.exit(main())
