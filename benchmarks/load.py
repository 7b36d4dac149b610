"""The load generator: a process of its own that sends requests which were built and signed before.

What it costs must not be counted with the node: it writes ready bytes to a few connections and looks at the answers.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection as PipeEnd
from pathlib import Path
from typing import Any

from adapters.vxp.wire import SERVICE_TYPE, Operation, write_file_hash, write_headers, write_timestamp
from axis.clock import SystemClock
from benchmarks.packages import numbered, template
from benchmarks.running import HOST
from tests.nodes import secret_of

_OK = b'"status":"OK"'
_SIGNED_PER_S = 200  # more than a node takes in; each is signed beforehand
_SENDER, _RECEIVER, _RECEIVING_ORGAN = "dms-yte", "dms-phuong", "H24.88"
"""Who looks into his list is not who gets the load: a list shows two hundred items, and the oldest first."""


def request(operation: Operation, system_id: str, body: bytes = b"{}", **values: str) -> bytes:
    """A call as its bytes, signed."""
    signed = {"systemid": system_id, "timestamp": write_timestamp(SystemClock().now()), **values}
    headers = write_headers({**signed, "Content-Type": "application/octet-stream"}, secret_of(system_id).encode())
    lines = [f"POST /vxp/{operation} HTTP/1.1", "Host: bench", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n" + body


def sending(package: bytes) -> bytes:
    """A sendEdoc call as its bytes."""
    import hashlib  # noqa: PLC0415 - of this function only

    digest = write_file_hash(hashlib.sha256(package).hexdigest())
    values = {"servicetype": SERVICE_TYPE, "messagetype": "edoc", "from": _SENDER, "hash-file": digest}
    return request(Operation.SEND_EDOC, _SENDER, package + b"\r\n", **values)


class Connection(asyncio.Protocol):
    """One connection that asks one thing at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer = bytearray()
        self._waiting: asyncio.Future[bytes] | None = None

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """A connection to the node."""
        _, protocol = await asyncio.get_running_loop().create_connection(cls, HOST, port)
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to ask."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Whoever waits is told."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error or ConnectionResetError("closed"))

    def data_received(self, data: bytes) -> None:
        """A piece of an answer."""
        self._answer += data
        head = self._answer.find(b"\r\n\r\n")
        if head < 0 or self._waiting is None:
            return
        at = self._answer.lower().find(b"content-length: ") + 16
        length = int(self._answer[at : self._answer.index(b"\r", at)])
        if len(self._answer) >= head + 4 + length:
            self._waiting.set_result(bytes(self._answer[head + 4 :]))
            self._answer.clear()

    async def ask(self, raw: bytes) -> bytes:
        """The body of the answer. Raises RuntimeError when it does not say OK."""
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(raw)
        body = await self._waiting
        if _OK not in body:
            raise RuntimeError(body[:500].decode())
        return body

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What a node took in."""

    packages: int
    per_s: float
    p50_ms: float
    p99_ms: float
    own_cpu_share: float  # of a core, used by this process: near 1 the generator is what was measured


async def intake(port: int, size_bytes: int, connections: int, seconds: float, first: int) -> Rate:
    """Send packages for some time over so many connections; every answer came after the package was durable."""
    parts = template(size_bytes)
    budget = min(int(seconds * 4_000), 400_000_000 // size_bytes)  # what may lie ready in memory
    ready = deque(sending(numbered(parts, first + number)) for number in range(budget))
    return await _send_all(port, ready, connections, seconds)


async def signed(port: int, folder: str, connections: int, seconds: float, first: int) -> Rate:
    """The same with packages whose envelope and PDF are signed, from the authorities' folder."""
    from benchmarks.signatures import signed_packages  # noqa: PLC0415 - of this function only

    count = int(seconds * _SIGNED_PER_S)
    # In a thread: signing a PDF runs a loop of its own.
    ready = await asyncio.to_thread(lambda: deque(map(sending, signed_packages(Path(folder), count, first))))
    return await _send_all(port, ready, connections, seconds)


async def _send_all(port: int, ready: deque[bytes], connections: int, seconds: float) -> Rate:
    opened = [await Connection.open(port) for _ in range(connections)]
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def work(connection: Connection) -> None:
        while ready and time.perf_counter() < end:
            raw = ready.popleft()
            begun = time.perf_counter()
            await connection.ask(raw)
            times.append(time.perf_counter() - begun)

    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work(connection) for connection in opened))
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    for connection in opened:
        connection.close()
    ordered = sorted(times)
    return Rate(
        packages=len(times),
        per_s=round(len(times) / took, 1),
        p50_ms=_ms(ordered, 0.5),
        p99_ms=_ms(ordered, 0.99),
        own_cpu_share=round(cpu / took, 2),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """From the answer to the sender until the receiver's list showed the package."""

    packages: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


async def listed(port: int, size_bytes: int, packages: int, first: int) -> Listed:
    """Send, and look into the receiver's list at once, again and again until it is there."""
    parts = template(size_bytes, _RECEIVING_ORGAN)
    sender, receiver = await Connection.open(port), await Connection.open(port)
    look = request(Operation.RECEIVED_LIST, _RECEIVER, b"", messagetype="edoc")
    times = []
    for number in range(packages):
        package_id = json.loads(await sender.ask(sending(numbered(parts, first + number))))["DocId"]
        item = f"{package_id}.{_RECEIVER}"
        begun = time.perf_counter()
        while item.encode() not in await receiver.ask(look):
            pass
        times.append(time.perf_counter() - begun)
        await receiver.ask(request(Operation.UPDATE_STATUS, _RECEIVER, docId=item, status="done"))
    sender.close()
    receiver.close()
    ordered = sorted(times)
    return Listed(packages=packages, p50_ms=_ms(ordered, 0.5), p95_ms=_ms(ordered, 0.95), p99_ms=_ms(ordered, 0.99))


def _ms(ordered: Sequence[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 2)


_LOADS: Mapping[str, Callable[..., Coroutine[Any, Any, Rate | Listed]]] = {
    "intake": intake,
    "signed": signed,
    "listed": listed,
}


def measure(pipe: PipeEnd, what: str, *numbers: object) -> None:
    """Make a load, and say how the node bore it."""
    pipe.send(asdict(asyncio.run(_LOADS[what](*numbers))))
