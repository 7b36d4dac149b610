"""A very large package through a node: sent, stored, fetched again both ways. Memory must not grow with it."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from adapters.vxp.calls import VxpClientOptions
from adapters.vxp.client import VxpClient
from axis.clock import SystemClock
from benchmarks.packages import write_large
from benchmarks.running import Running
from tests.nodes import secret_of

BOUND_MB = 100
T = TypeVar("T")
_SENDER, _RECEIVER = "dms-yte", "dms-xd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What one way of passing a package cost the node."""

    way: str
    size_mb: float
    seconds: float
    growth_mb: float  # of the node's resident memory, at its peak

    @property
    def within_bound(self) -> bool:
        """Whether memory stayed flat."""
        return self.growth_mb < BOUND_MB


def measure(node: Running, folder: Path, size_bytes: int) -> list[Passed]:
    """Send one package, then fetch it by getEdoc and by downloadEdoc."""
    return asyncio.run(_measure(node, folder, size_bytes))


async def _measure(node: Running, folder: Path, size_bytes: int) -> list[Passed]:
    path = folder / "large.edxml"
    size_mb = round(write_large(path, size_bytes, 900_000) / 1e6, 1)
    sender, receiver = _client(node, _SENDER), _client(node, _RECEIVER)
    found = []

    async def timed(way: str, work: Awaitable[T]) -> T:
        begun = time.perf_counter()
        with node.peak() as peak:
            answer = await work
        took = time.perf_counter() - begun
        found.append(Passed(way=way, size_mb=size_mb, seconds=round(took, 2), growth_mb=peak["growth_mb"]))
        return answer

    try:
        item = f"{await timed('sendEdoc', sender.send_edoc(path))}.{_RECEIVER}"
        sizes = {
            await timed("getEdoc", receiver.get_edoc(item, lambda _: None)),
            await timed("downloadEdoc", receiver.download_edoc(item, lambda _: None)),
        }
        if sizes != {path.stat().st_size}:
            raise RuntimeError(f"fetched {sizes} bytes of {path.stat().st_size}")
        await receiver.update_status(item, "done")
    finally:
        await sender.close()
        await receiver.close()
        path.unlink()
    return found


def _client(node: Running, system_id: str) -> VxpClient:
    options = VxpClientOptions(
        endpoint=f"{node.url}/vxp", system_id=system_id, secret=secret_of(system_id), timeout_s=600
    )
    return VxpClient(options, None, SystemClock())
