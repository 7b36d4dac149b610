"""What a package was made from is kept beside it: the bytes as received, which conversion, by whom, what it found.

For fronts whose dialect carries documents in another form than edXML of QCVN 102. The package is the record; the
original is there for whoever doubts the conversion, and goes to nobody.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from axis.edxml.model import Finding
from axis.exchange.context import Context
from axis.ids import SystemId
from axis.store import queries
from axis.store.hot import Hot
from axis.store.records import Original, Package
from axis.store.spool import Spooled


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request that became a package."""

    spooled: Spooled  # secrets blanked
    form: str  # what it was
    converted_by: str  # what made a package of it
    system_id: SystemId
    findings: tuple[Finding, ...]  # what had no place in the package, what was odd


class Originals:
    """Keeps them."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def keep(self, received: Received, from_code: str, package_sha256: str) -> None:
        """Keep what the package of these bytes was made from, if it is stored and nothing is kept for it yet.

        from_code: the sender, as the package has it. Called again after a crash, it makes up for what is missing.
        """
        sender = self._context.directory.current.registry.canonical(from_code)

        def look(conn: Connection) -> Package | None:
            package = queries.package_by_bytes(conn, sender, package_sha256)
            return None if package is None or queries.original(conn, package.package_id) is not None else package

        async def decide() -> tuple[Hot | None, None]:
            package = await self._context.store.read(look)
            return (None if package is None else await self._rows(received, package)), None

        await self._context.settle(decide)

    async def _rows(self, received: Received, package: Package) -> Hot:
        at = self._context.clock.now()
        blob = await self._context.store.blobs.record(received.spooled, at)
        original = Original(
            package_id=package.package_id,
            sha256_hex=received.spooled.sha256_hex,
            size_bytes=received.spooled.size_bytes,
            form=received.form,
            converted_by=received.converted_by,
            source_system=received.system_id,
            received_at=at,
            findings=_json(received.findings),
        )
        fields = {"package_id": package.package_id, "form": received.form, "sha256": original.sha256_hex}
        audit = self._context.audit("package_converted", received.system_id, fields)
        return Hot(inserts=(blob, original, audit))


def _json(findings: Iterable[Finding]) -> str:
    return json.dumps([{"code": f.code, "at": f.at, "message": f.message} for f in findings], ensure_ascii=False)
