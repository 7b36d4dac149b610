"""A whole node's front door, and a look at everything that a call may have left behind it."""

import gzip
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.vxp.wire import write_timestamp
from axis.edxml.writer import to_bytes
from axis.serve import Node
from tests.exchange.harness import a_document
from tests.nodes import CLOCK
from tests.vxp.city import RawCall, RawReply, exchange_bytes, file_hash, read_response

LIMIT_BYTES = 4 << 20
PACKAGE = to_bytes(a_document("H24.15"))
PACKAGE_TEXT = PACKAGE.decode()
TABLES = (
    "document", "package", "attachment", "delivery", "consignment", "act", "act_receiver", "status_event",
    "queue", "leaf", "blob", "verdict", "check_due", "need",
)  # fmt: skip


@dataclass(frozen=True)
class Left:
    """What there is: rows by table, files by name within the data directory, audit lines of intake."""

    rows: dict[str, int]
    files: frozenset[str]
    audit: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Door:
    """Calls on a node, and what they leave."""

    node: Node
    data_dir: Path

    @property
    def endpoint(self) -> str:
        """Where the front answers."""
        return f"{self.node.url}/vxp"

    def values(self, package: bytes | None = None, system_id: str = "dms-yte") -> dict[str, str]:
        """What a call signs; of a package, if it is for one."""
        values = {"systemid": system_id, "timestamp": write_timestamp(CLOCK.now())}
        if package is not None:
            values |= {"servicetype": "eDoc", "messagetype": "edoc", "from": system_id, "hash-file": file_hash(package)}
        return values

    def sending(self, package: bytes, system_id: str = "dms-yte") -> RawCall:
        """A call of sendEdoc with nothing wrong about it."""
        return RawCall(
            "sendEdoc", self.values(package, system_id), body=package + b"\r\n", secret=f"secret-{system_id}"
        )

    def signing(self, package: bytes, **values: str) -> RawCall:
        """A call of sendEdoc that signs other values."""
        call = self.sending(package)
        return replace(call, values=call.values | values)

    def chunked(self, body: bytes) -> RawCall:
        """A body that comes without its length."""
        parts = [body[start : start + 65_536] for start in range(0, len(body), 65_536)]
        wire = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        return replace(self.sending(body), body=wire, chunked=True)

    def gzipped(self, package: bytes) -> RawCall:
        """A body that says it has to be unpacked."""
        return replace(self.sending(package), body=gzip.compress(package), more=(("Content-Encoding", "gzip"),))

    def asking(self, operation: str, system_id: str = "dms-yte", **values: str) -> RawCall:
        """A call of another operation."""
        return RawCall(operation, self.values(None, system_id) | values, secret=f"secret-{system_id}")

    async def call(self, raw: RawCall) -> RawReply:
        """Make a call."""
        return read_response(await exchange_bytes(self.endpoint, raw.to_bytes()))

    async def refresh(self) -> None:
        """Let the node see a change of its configuration now."""
        await self.node.exchange.directory.refresh()  # type: ignore[attr-defined]

    async def left(self) -> Left:
        """What there is now."""
        rows = {
            table: await self.node.store.read(
                lambda c, table=table: c.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            )
            for table in TABLES
        }
        audit = await self.node.store.read(
            lambda c: c.exec_driver_sql(
                "SELECT kind, actor, fields FROM audit WHERE actor <> 'test' ORDER BY audit_id"
            ).all()
        )
        files = (path for path in self.data_dir.rglob("*") if path.is_file() and not path.name.startswith("axis.db"))
        return Left(
            rows=rows,
            files=frozenset(str(path.relative_to(self.data_dir)) for path in files),
            audit=tuple((kind, actor, fields) for kind, actor, fields in audit),
        )
