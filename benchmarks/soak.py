"""Mixed traffic for some minutes on one node, whose memory and descriptors must stay flat: `python -m benchmarks.soak`.

Exits with 1 when resident memory or open descriptors grew between the second and the last quarter of the time.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from axis.edxml.model import DocumentPackage
from axis.edxml.reader import read
from axis.edxml.writer import to_bytes
from axis.terms import PackageKind
from benchmarks.running import UNBOUNDED, Running, node
from tests.exchange.harness import a_document, a_file, a_status

_MOST_GROWTH_MB = 10.0
_MOST_MORE_DESCRIPTORS = 10
_SIZES = (2_000,) * 30 + (50_000,) * 10 + (2_000_000,)  # most are small, some are not
_SAMPLE_S = 1.0


@dataclass
class Seen:
    """What was done, and what it cost."""

    documents: int = 0
    statuses: int = 0
    rss_mb: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def growth(self) -> tuple[float, float]:
        """MB and descriptors by which the last quarter lies above the second."""
        quarter = max(1, len(self.rss_mb) // 4)
        memory = statistics.median(self.rss_mb[-quarter:]) - statistics.median(self.rss_mb[quarter : 2 * quarter])
        files = statistics.median(self.descriptors[-quarter:]) - statistics.median(
            self.descriptors[quarter : 2 * quarter]
        )
        return memory, files


def main() -> int:
    """Run, say what was seen, and whether it stayed flat."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="axis-soak-") as folder,
        node(Path(folder) / "node", **UNBOUNDED) as running,
    ):
        seen = asyncio.run(_soak(running, chosen.minutes * 60))
    memory, files = seen.growth()
    print(f"{seen.documents} documents, {seen.statuses} statuses in {chosen.minutes:g} minutes")
    print(f"resident memory {seen.rss_mb[0]:.0f} MB at first, {seen.rss_mb[-1]:.0f} at last, grew by {memory:.1f} MB")
    print(f"descriptors {seen.descriptors[0]} at first, {seen.descriptors[-1]} at last")
    return 1 if memory > _MOST_GROWTH_MB or files > _MOST_MORE_DESCRIPTORS else 0


async def _soak(running: Running, seconds: float) -> Seen:
    seen, end = Seen(), time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        group.create_task(_send(running, seen, end))
        group.create_task(_receive(running, seen, end))
        group.create_task(_sample(running, seen, end))
    return seen


async def _send(running: Running, seen: Seen, end: float) -> None:
    """The sender: documents of all sizes, one after the other; takes its statuses off its list."""
    client = await running.client("dms-yte")
    number = 0
    while time.monotonic() < end:
        content = b"%PDF-1.7" + bytes(_SIZES[number % len(_SIZES)])
        package = a_document("H24.15", number=str(number), files=(a_file(content + str(number).encode()),))
        await client.send_package(to_bytes(package))
        seen.documents += 1
        number += 1
        async for waiting in client.pending(PackageKind.STATUS):
            await client.package(waiting.package_id)
            await client.acknowledge(waiting.package_id)
    await client.close()


async def _receive(running: Running, seen: Seen, end: float) -> None:
    """The receiver: fetches, acknowledges, and answers 01 and 03."""
    client = await running.client("dms-xd")
    while time.monotonic() < end:
        async for waiting in client.pending(PackageKind.DOCUMENT):
            package = read(await client.package(waiting.package_id))
            await client.acknowledge(waiting.package_id)
            assert isinstance(package, DocumentPackage)
            for code in ("01", "03"):
                await client.send_package(to_bytes(a_status(package, code, "H24.15")))
                seen.statuses += 1
        await asyncio.sleep(0.05)
    await client.close()


async def _sample(running: Running, seen: Seen, end: float) -> None:
    while time.monotonic() < end:
        await asyncio.sleep(_SAMPLE_S)
        seen.rss_mb.append(running.rss_bytes() / 2**20)
        seen.descriptors.append(running.descriptors())


if __name__ == "__main__":
    sys.exit(main())
