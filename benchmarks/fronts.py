"""The fronts side by side: the same packages handed to one node by each, and what that costs the node.

Each front's own client sends, in this process: what it costs is not counted. Packages a second therefore depend on the
clients too; the node's own CPU and memory do not.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.edoc.calls import EdocClientOptions
from adapters.edoc.client import EdocClient
from adapters.vxp.calls import VxpClientOptions
from adapters.vxp.client import VxpClient
from axis.clock import SystemClock
from axis.delivery.peer import Outgoing
from axis.ops.access import Connecting, open_access
from axis.settings import read_settings
from axis.terms import PackageKind
from benchmarks.packages import numbered, template
from benchmarks.running import Running, Used, watched
from tests.nodes import secret_of

CONNECTIONS = 8
SOAP_SYSTEM, SOAP_ORGAN = "dms-soap", "H24.77"
_SENDER, _SENDING_ORGAN = "dms-yte", "H24.11"
Send = Callable[[bytes], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one way of passing packages cost."""

    way: str
    size_mb: float
    packages: int
    per_s: float
    cpu_ms: float  # of the node, for one package
    growth_mb: float  # of its resident memory, at its peak

    @classmethod
    def of(cls, way: str, sizes: Sequence[int], used: Used) -> "Cost":
        """sizes: of the packages that were passed."""
        return cls(
            way=way,
            size_mb=round(sizes[0] / 1e6, 2),
            packages=len(sizes),
            per_s=round(len(sizes) / used.seconds, 1),
            cpu_ms=round(used.cpu_s / len(sizes) * 1000, 2),
            growth_mb=used.growth_mb,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One front with its client."""

    name: str
    sender: str  # organisation
    send: Send


def measure(node: Running, large_bytes: int, count: int) -> list[Cost]:
    """Send `count` packages of 20 KB and some large ones by every front, one front after the other."""
    return asyncio.run(_measure(node, large_bytes, count))


async def _measure(node: Running, large_bytes: int, count: int) -> list[Cost]:
    soap_secret = await connect_soap(node)
    found: list[Cost] = []
    clock = SystemClock()
    with TemporaryDirectory(prefix="axis-bench-") as scratch:
        vxp_options = VxpClientOptions(
            endpoint=f"{node.url}/vxp", system_id=_SENDER, secret=secret_of(_SENDER), timeout_s=600
        )
        soap_options = EdocClientOptions(
            endpoint=f"{node.url}/edoc", organ_id=SOAP_ORGAN, token=soap_secret, scratch=Path(scratch), timeout_s=600
        )
        vxp, soap = VxpClient(vxp_options, None, clock), EdocClient(soap_options, None, clock)
        async with await node.client(_SENDER) as rest:
            ways = (
                _Way(name="vxp front, in", sender=_SENDING_ORGAN, send=vxp.send_edoc),
                _Way(name="edoc front, in", sender=SOAP_ORGAN, send=lambda package: _send_soap(soap, package)),
                _Way(name="api front, in", sender=_SENDING_ORGAN, send=rest.send_package),
            )
            for position, way in enumerate(ways):
                for size_bytes, number in ((20_000, count), (large_bytes, 2)):
                    first = (position + 1) * 1_000_000 + size_bytes
                    found.append(await _cost(node, way, _packages(way.sender, size_bytes, first, number)))
        await vxp.close()
        await soap.close()
    return found


async def _cost(node: Running, way: _Way, packages: Sequence[bytes]) -> Cost:
    waiting = list(packages)

    async def work() -> None:
        while waiting:
            await way.send(waiting.pop())

    with watched(node.process.pid) as used:
        await asyncio.gather(*(work() for _ in range(min(CONNECTIONS, len(packages)))))
    return Cost.of(way.name, [len(package) for package in packages], used)


def _packages(sender: str, size_bytes: int, first: int, count: int) -> list[bytes]:
    parts = template(size_bytes, sender=sender)
    return [numbered(parts, first + number) for number in range(count)]


async def connect_soap(node: Running) -> str:
    """The secret of a new system that calls by SOAP; a running node knows it within a second."""
    async with open_access(read_settings(node.folder / "axis.toml")) as access:
        wish = Connecting(system_id=SOAP_SYSTEM, name="", serves=(SOAP_ORGAN,), front="edoc")
        secret = await access.connect(wish, SystemClock().now(), "bench")
    await asyncio.sleep(2)
    return secret


async def _send_soap(client: EdocClient, package: bytes) -> None:
    outgoing = Outgoing(
        package_id="bench",
        kind=PackageKind.DOCUMENT,
        size_bytes=len(package),
        sha256_hex=hashlib.sha256(package).hexdigest(),
        from_organ=SOAP_ORGAN,
        request_id="bench",
    )

    async def content() -> AsyncIterator[bytes]:
        yield package

    await client.send(outgoing, content)
