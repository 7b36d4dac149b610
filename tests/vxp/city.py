"""A city's exchange behind its VXP front, over real HTTP; and calls made byte by byte, as others write them."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from adapters.vxp.calls import VxpClientOptions
from adapters.vxp.client import VxpClient
from adapters.vxp.server import VxpFront, VxpOptions, routes_of
from adapters.vxp.wire import MAX_FIELD_BYTES, write_timestamp
from axis.exchange.service import Exchange
from tests.exchange.harness import Node

PACKAGE_BYTES = 4 << 20
YTE, XD, PHUONG = "dms-yte", "dms-xd", "dms-phuong"  # Sở Y tế, Sở Xây dựng, UBND phường


def options(**changes: object) -> VxpOptions:
    """The front's options in tests."""
    values: dict[str, object] = {
        "timestamp_window": timedelta(hours=24),
        "pending_items": 200,
        "package_bytes": PACKAGE_BYTES,
        "body_idle_s": 20.0,
        **changes,
    }
    return VxpOptions(**values)  # type: ignore[arg-type]


@asynccontextmanager
async def serving(front: VxpFront | web.Application) -> AsyncIterator[str]:
    """The address of a front, or of another application, on loopback."""
    if isinstance(front, web.Application):
        app = front
    else:
        app = web.Application()
        app.add_routes(routes_of(front))
    runner = web.AppRunner(app, access_log=None, max_field_size=MAX_FIELD_BYTES, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}/vxp"
    finally:
        await runner.cleanup()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what becomes true soon after an answer; the test's time limit ends it otherwise."""
    while not await holds():  # noqa: ASYNC110 - what becomes true is another task's, in a database
        await asyncio.sleep(0.01)


@dataclass
class City:
    """A node behind its front."""

    node: Node
    endpoint: str
    data_dir: Path
    clients: list[VxpClient] = field(default_factory=list)

    def client(self, system_id: str = YTE, **changes: object) -> VxpClient:
        """A client of one system; closed with the city."""
        return self.track(client_of(self.endpoint, self.node, system_id, **changes))

    def track(self, client: VxpClient) -> VxpClient:
        """Close a client with the city."""
        self.clients.append(client)
        return client

    def temporary_files(self) -> list[Path]:
        """Bodies that are, or were left, on the disk."""
        return [path for path in self.data_dir.rglob("run-*/*") if path.is_file()]

    async def is_untouched(self) -> bool:
        """Whether no package, no blob and no temporary file is there."""
        blobs = [path for path in (self.data_dir / "blobs").rglob("*") if path.is_file()]
        rows = [await self.node.count(table) for table in ("package", "document", "blob", "leaf")]
        return not any(rows) and not blobs and not self.temporary_files()


def client_of(endpoint: str, node: Node, system_id: str, **changes: object) -> VxpClient:
    """A client of one system of a node."""
    values: dict[str, object] = {
        "endpoint": endpoint,
        "system_id": system_id,
        "secret": f"secret-{system_id}",
        **changes,
    }
    return VxpClient(VxpClientOptions(**values), None, node.clock)  # type: ignore[arg-type]


def front_of(exchange: Exchange, node: Node, **changes: object) -> VxpFront:
    """A front before a node's exchange, or before a stand-in for it."""
    return VxpFront(exchange, node.store.spool, node.clock, options(**changes))


# ── Calls byte by byte ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class RawCall:
    """A call as its bytes. Signed as the vendor client does, unless a test says otherwise."""

    operation: str
    values: dict[str, str]  # bare name → value: signed, and sent prefixed
    body: bytes = b""
    method: str = "POST"
    secret: str = f"secret-{YTE}"
    signed_text: str | None = None  # in place of the JSON of `values`
    mac: str | None = None  # in place of the right one
    real: dict[str, str] = field(default_factory=dict)  # real headers that differ, or come besides; "" leaves one out
    more: Iterable[tuple[str, str]] = ()  # further header lines
    content_length: int | None = None
    chunked: bool = False

    def to_bytes(self) -> bytes:
        """The request."""
        prefixed = {f"XroadVnpt-{name}": value for name, value in self.values.items()}
        text = json.dumps(prefixed, separators=(",", ":")) if self.signed_text is None else self.signed_text
        mac = (
            hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest() if self.mac is None else self.mac
        )
        headers = prefixed | {f"XroadVnpt-{name}": value for name, value in self.real.items()}
        lines = [
            f"{self.method} /vxp/{self.operation} HTTP/1.1",
            "Content-Type: application/octet-stream",
            *(f"{name}: {value}" for name, value in headers.items() if value),
            f"XroadVnpt-sign-header-key: {';'.join(self.values)}",
            f"XroadVnpt-sign-header: {text}",
            f"XroadVnpt-hash-header: {mac}",
            "User-Agent: JAVASDKAgent/1.0.0 XRoad/VPCP",
            "XroadVnpt-version: 3.0.201608",
            "Host: truc.example:80",
            "Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
            "Connection: keep-alive",
            *(f"{name}: {value}" for name, value in self.more),
            "Transfer-Encoding: chunked"
            if self.chunked
            else f"Content-Length: {len(self.body) if self.content_length is None else self.content_length}",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass(frozen=True)
class RawReply:
    """A response, taken apart."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        """The body as JSON."""
        value = json.loads(self.body.decode("ascii"))
        assert isinstance(value, dict)
        return value

    @property
    def code(self) -> str:
        """Our own code in ErrorDesc, once the four keys are found in order."""
        assert list(self.json)[:4] == ["status", "ErrorCode", "ErrorDesc", "DocId"]
        assert self.json["status"] == "FAIL"
        return str(self.json["ErrorDesc"]).partition(":")[0]


async def exchange_bytes(endpoint: str, request: bytes, *, half_close: bool = False) -> bytes:
    """Send bytes, read until the other side closes or one response is whole."""
    host, _, port = endpoint.removeprefix("http://").removesuffix("/vxp").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        await writer.drain()
        if half_close:
            writer.write_eof()
        answer = b""
        while not _is_whole(answer):
            more = await reader.read(65_536)
            if not more:
                break
            answer += more
        return answer
    finally:
        writer.close()


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return len(body) >= int(length.partition(b":")[2])


def read_response(answer: bytes) -> RawReply:
    """A response from its bytes."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return RawReply(status=int(first.split()[1]), headers=headers, body=body)


async def call(city: City, raw: RawCall) -> RawReply:
    """Make a call byte by byte."""
    return read_response(await exchange_bytes(city.endpoint, raw.to_bytes()))


def signed(city: City, system_id: str = YTE, **values: str) -> dict[str, str]:
    """The values that every call signs, and more; `_` in a name stands for `-`."""
    more = {name.replace("_", "-"): value for name, value in values.items()}
    return {"systemid": system_id, "timestamp": write_timestamp(city.node.clock.now()), **more}


def file_hash(package: bytes) -> str:
    """SHA-256 as the vendor client prints it."""
    return "".join(f"{byte:x}" for byte in hashlib.sha256(package).digest())
