"""A very large package through a node: sent and fetched by VXP and by REST. Memory must not grow with it."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.packages import write_large
from benchmarks.running import Running, watched
from tests.nodes import client_of

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
    """Send a package by either front, then fetch it: by VXP as base64 in JSON and as it is, by REST as a file."""
    return asyncio.run(_measure(node, folder, size_bytes))


async def _measure(node: Running, folder: Path, size_bytes: int) -> list[Passed]:
    path = folder / "large.edxml"
    size_mb = round(write_large(path, size_bytes, 900_000) / 1e6, 1)
    sender, receiver = (client_of(node.url, system, timeout_s=600) for system in (_SENDER, _RECEIVER))
    found: list[Passed] = []

    async def timed(way: str, work: Awaitable[T]) -> T:
        with watched(node.process.pid) as used:
            answer = await work
        found.append(Passed(way=way, size_mb=size_mb, seconds=round(used.seconds, 2), growth_mb=used.growth_mb))
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
        write_large(path, size_bytes, 900_001)
        async with await node.client(_SENDER) as sending, await node.client(_RECEIVER) as receiving:
            accepted = await timed("REST upload", sending.send_package(path))
            await timed("REST download", receiving.download(accepted.package_id, path))
    finally:
        await sender.close()
        await receiver.close()
        path.unlink()
    return found
