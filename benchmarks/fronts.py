"""The ways in side by side: the same packages handed to one node by each front, and what that costs the node.

Each front's own client sends, in this process: what it costs is not counted. Packages a second therefore depend on the
clients too; the node's own CPU and memory do not.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from adapters.edoc.calls import EdocClientOptions
from adapters.edoc.client import EdocClient
from adapters.vxp.calls import VxpClientOptions
from adapters.vxp.client import VxpClient
from axis.clock import SystemClock
from axis.delivery.peer import Outgoing
from axis.ids import new_id
from axis.keys import new_token, token_digest
from axis.ops.access import Connecting, open_access
from axis.settings import read_settings
from axis.store.api import add_token
from axis.store.records import ApiToken
from axis.terms import PackageKind, Scope
from benchmarks.packages import numbered, template
from benchmarks.running import Running
from tests.nodes import secret_of

CONNECTIONS = 8
SETTINGS = {"api__requests_per_minute": 1_000_000, "api__requests_at_once": 100_000}
"""What a node that is measured needs."""

_SOAP_SYSTEM, _SOAP_ORGAN = "dms-soap", "H24.77"
_SENDER = "dms-yte"
Send = Callable[[bytes], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one front cost the node."""

    front: str
    size_mb: float
    packages: int
    per_s: float
    cpu_ms: float  # of the node, for one package
    growth_mb: float  # of its resident memory, at its peak


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One front with its client."""

    front: str
    sender: str  # organisation
    send: Send


def measure(node: Running, large_bytes: int, count: int) -> list[Cost]:
    """Send `count` packages of 20 KB and some large ones by every front, one front after the other."""
    return asyncio.run(_measure(node, large_bytes, count))


async def _measure(node: Running, large_bytes: int, count: int) -> list[Cost]:
    soap_secret, token = await _connect(node)
    found: list[Cost] = []
    clock = SystemClock()
    with TemporaryDirectory(prefix="axis-bench-") as scratch:
        vxp_options = VxpClientOptions(
            endpoint=f"{node.url}/vxp", system_id=_SENDER, secret=secret_of(_SENDER), timeout_s=600
        )
        soap_options = EdocClientOptions(
            endpoint=f"{node.url}/edoc", organ_id=_SOAP_ORGAN, token=soap_secret, scratch=Path(scratch), timeout_s=600
        )
        vxp, soap = VxpClient(vxp_options, None, clock), EdocClient(soap_options, None, clock)
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            ways = (
                _Way(front="vxp", sender="H24.11", send=vxp.send_edoc),
                _Way(front="edoc", sender=_SOAP_ORGAN, send=lambda package: _send_soap(soap, package)),
                _Way(front="api", sender="H24.11", send=lambda package: _send_rest(session, node.url, package)),
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

    begun, cpu = time.perf_counter(), node.cpu_s()
    with node.peak() as peak:
        await asyncio.gather(*(work() for _ in range(min(CONNECTIONS, len(packages)))))
    took, cpu = time.perf_counter() - begun, node.cpu_s() - cpu
    return Cost(
        front=way.front,
        size_mb=round(len(packages[0]) / 1e6, 2),
        packages=len(packages),
        per_s=round(len(packages) / took, 1),
        cpu_ms=round(cpu / len(packages) * 1000, 2),
        growth_mb=peak["growth_mb"],
    )


def _packages(sender: str, size_bytes: int, first: int, count: int) -> list[bytes]:
    parts = template(size_bytes)
    if sender != "H24.11":
        parts = tuple(part.replace(b"H24.11", sender.encode()) for part in parts)
    return [numbered(parts, first + number) for number in range(count)]


async def _connect(node: Running) -> tuple[str, str]:
    """A system that calls by SOAP, and a token for REST; a running node knows both within a second."""
    now, token = SystemClock().now(), new_token()
    row = ApiToken(
        token_id=new_id(now),
        system_id=_SENDER,
        name="bench",
        token_sha256=token_digest(token),
        scopes=Scope.SEND.value,
        created_at=now,
        expires_at=None,
    )
    async with open_access(read_settings(node.folder / "axis.toml")) as access:
        wish = Connecting(system_id=_SOAP_SYSTEM, name="", serves=(_SOAP_ORGAN,), front="edoc")
        secret = await access.connect(wish, now, "bench")
        await access.store.write(lambda c: add_token(c, row, "bench"))
    await asyncio.sleep(2)
    return secret, token


async def _send_soap(client: EdocClient, package: bytes) -> None:
    outgoing = Outgoing(
        package_id="bench",
        kind=PackageKind.DOCUMENT,
        size_bytes=len(package),
        sha256_hex=hashlib.sha256(package).hexdigest(),
        from_organ=_SOAP_ORGAN,
        request_id="bench",
    )

    async def content() -> AsyncIterator[bytes]:
        yield package

    await client.send(outgoing, content)


async def _send_rest(session: aiohttp.ClientSession, url: str, package: bytes) -> None:
    async with session.post(f"{url}/api/v1/packages", data=package) as answer:
        if not answer.ok:
            raise RuntimeError(await answer.text())
        await answer.read()
