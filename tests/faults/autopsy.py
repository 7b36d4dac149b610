"""Looks into a node's data after the node has ended, and says what is wrong with it."""

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from axis.evidence.leaf import LeafKind, leaf_hash
from axis.ops.access import open_access
from axis.settings import SQLITE_PREFIX, Settings
from axis.store.store import Store
from axis.terms import PackageKind

Rows = list[Mapping[str, Any]]


async def examine(settings: Settings) -> list[str]:
    """Everything that is wrong with a node's data, whatever was done with it."""
    problems = list(_sqlite_problems(settings))
    problems += [f"left behind: {path}" for path in (settings.store.data_dir / "tmp").rglob("*") if path.is_file()]
    async with open_access(settings) as access:
        packages = await rows_of(access.store, "package")
        problems += await _lost_bytes(access.store, packages)
        problems += _evidence_problems(
            packages, await rows_of(access.store, "leaf"), await rows_of(access.store, "consignment")
        )
        waiting = await rows_of(access.store, "queue")
        problems += [f"stuck in the queue: {dict(row)}" for row in waiting]
        problems += [
            f"stuck: {dict(row)}"
            for row in await rows_of(access.store, "consignment")
            if row["state"] != "acknowledged"
        ]
    return problems


async def rows_of(store: Store, table: str) -> Rows:
    """A whole table."""
    return list(await store.read(lambda c: c.exec_driver_sql(f"SELECT * FROM {table}").mappings().all()))


def _sqlite_problems(settings: Settings) -> Iterator[str]:
    if not settings.store.url.startswith(SQLITE_PREFIX):
        return
    connection = sqlite3.connect(settings.store.url.removeprefix(SQLITE_PREFIX))
    try:
        integrity = connection.execute("PRAGMA integrity_check").fetchall()
        if integrity != [("ok",)]:
            yield f"integrity_check: {integrity}"
        if broken := connection.execute("PRAGMA foreign_key_check").fetchall():
            yield f"foreign_key_check: {broken}"
    finally:
        connection.close()


async def _lost_bytes(store: Store, packages: Rows) -> list[str]:
    problems = []
    for package in packages:
        content = await store.blobs.read_bytes(package["sha256_hex"])
        if hashlib.sha256(content).hexdigest() != package["sha256_hex"] or len(content) != package["size_bytes"]:
            problems.append(f"package {package['package_id']} has other bytes than it came with")
    return problems


def _evidence_problems(packages: Rows, leaves: Rows, consignments: Rows) -> Iterator[str]:
    """One leaf for each package that was accepted; one for each receiver that acknowledged."""
    accepted: dict[str, Counter[str]] = {kind: Counter() for kind in LeafKind}
    acknowledged: Counter[tuple[str, str]] = Counter()
    for leaf in leaves:
        if leaf_hash(bytes(leaf["data"])) != bytes(leaf["leaf_hash"]):
            yield f"leaf {leaf['leaf_id']} is not what was hashed"
        fields = json.loads(bytes(leaf["data"]))["fields"]
        accepted[leaf["kind"]][fields["package_id"]] += 1
        if leaf["kind"] == LeafKind.ACKNOWLEDGED:
            acknowledged.update((fields["package_id"], organ) for organ in fields["receivers"])
    for kind, leaf_kind in (
        (PackageKind.DOCUMENT, LeafKind.PACKAGE_ACCEPTED),
        (PackageKind.STATUS, LeafKind.STATUS_RECORDED),
    ):
        expected = Counter({package["package_id"]: 1 for package in packages if package["kind"] == kind})
        if accepted[leaf_kind] != expected:
            few, many = expected - accepted[leaf_kind], accepted[leaf_kind] - expected
            yield f"leaves {leaf_kind}: {many} too many, {few} too few"
    due = Counter((row["package_id"], row["receiver_organ"]) for row in consignments if row["state"] == "acknowledged")
    if acknowledged != due:
        yield f"leaves of acknowledgement: {acknowledged - due} too many, {due - acknowledged} too few"
