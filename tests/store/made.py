"""Made-up rows: what accepting a package writes."""

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, text

from axis.ids import new_id
from axis.store import schema
from axis.store.hot import Hot
from axis.store.records import (
    Act,
    ActReceiver,
    ActTarget,
    Attachment,
    Audit,
    Blob,
    Consignment,
    Delivery,
    Document,
    Leaf,
    Package,
    QueueRow,
    StatusEvent,
    System,
)
from axis.store.registry import OrganRow, import_organs
from axis.store.store import Store
from axis.store.systems import NewSystem, add_system
from axis.terms import ActEffect, ActKind, BusinessType, Origin, PackageKind, Place, TransportState, Urgency

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
_ticks = itertools.count(1)


def fresh_id() -> str:
    """An id later than every one before it."""
    return new_id(NOW + timedelta(milliseconds=next(_ticks)))


def blob(content: bytes, *, at: datetime = NOW) -> Blob:
    return Blob(sha256_hex=hashlib.sha256(content).hexdigest(), size_bytes=len(content), content=content, created_at=at)


def leaf(data: bytes = b"{}") -> Leaf:
    return Leaf(kind="test", at=NOW, data=data, leaf_hash=hashlib.sha256(b"\0" + data).digest())


def audit(kind: str = "test") -> Audit:
    return Audit(audit_id=fresh_id(), at=NOW, kind=kind, actor="test", fields="{}")


def document(package_id: str, **changed: object) -> Document:
    uid = fresh_id()
    row = {
        "document_uid": uid,
        "from_organ": "H24.11",
        "document_key": uid,
        "edition": 1,
        "document_id": uid,
        "identity": "0" * 64,
        "header_digest": "0" * 64,
        "package_id": package_id,
        "business_type": BusinessType.NEW,
        "code_key": None,
        "code": None,
        "promulgation_date": None,
        "same_code_no": 0,
        "subject": "V/v rà soát",
        "type_name": "Công văn",
        "sender_name": "Sở Y tế",
        "urgency": Urgency.NORMAL,
        "due_date": None,
        "origin": Origin.LOCAL,
        "source_system": "dms-yte",
        "received_at": NOW,
        "flags": "",
    }
    return Document(**(row | changed))  # type: ignore[arg-type]


def package(sha256_hex: str, **changed: object) -> Package:
    row = {
        "package_id": fresh_id(),
        "sha256_hex": sha256_hex,
        "size_bytes": 5,
        "kind": PackageKind.DOCUMENT,
        "business_type": BusinessType.NEW,
        "document_uid": None,
        "from_organ": "H24.11",
        "from_raw": "H24.11",
        "document_id": "doc",
        "code": None,
        "subject": None,
        "urgency": Urgency.NORMAL,
        "origin": Origin.LOCAL,
        "source_system": "dms-yte",
        "received_at": NOW,
        "findings": "[]",
    }
    return Package(**(row | changed))  # type: ignore[arg-type]


def delivery(document_uid: str, receiver: str, **changed: object) -> Delivery:
    row = {
        "delivery_id": fresh_id(),
        "document_uid": document_uid,
        "receiver_organ": receiver,
        "addressed_as": receiver,
        "receiver_name": f"Cơ quan {receiver}",
        "place": Place.LOCAL,
        "created_at": NOW,
    }
    return Delivery(**(row | changed))  # type: ignore[arg-type]


def consignment(package_id: str, receiver: str, **changed: object) -> Consignment:
    row = {
        "consignment_id": fresh_id(),
        "package_id": package_id,
        "receiver_organ": receiver,
        "delivery_id": None,
        "place": Place.LOCAL,
        "uplink_id": None,
        "state": TransportState.QUEUED,
        "urgency": Urgency.NORMAL,
        "queued_at": NOW,
        "kind": PackageKind.DOCUMENT,
    }
    return Consignment(**(row | changed))  # type: ignore[arg-type]


def queue_row(package_id: str, **changed: object) -> QueueRow:
    row = {
        "queue_id": fresh_id(),
        "package_id": package_id,
        "partner_id": "national",
        "task": "send",
        "peer_ref": None,
        "urgency": Urgency.NORMAL,
        "queued_at": NOW,
        "due_at": NOW,
    }
    return QueueRow(**(row | changed))  # type: ignore[arg-type]


def event(package_id: str, **changed: object) -> StatusEvent:
    row = {
        "event_id": fresh_id(),
        "package_id": package_id,
        "document_uid": None,
        "delivery_id": None,
        "act_id": None,
        "from_organ": "H24.15",
        "to_organ": "H24.11",
        "status_code": "03",
        "raw_code": "03",
        "description": None,
        "department": None,
        "staff": None,
        "reported_at": None,
        "received_at": NOW,
        "effect": "applied",
    }
    return StatusEvent(**(row | changed))  # type: ignore[arg-type]


def act(package_id: str, **changed: object) -> Act:
    row = {
        "act_id": fresh_id(),
        "package_id": package_id,
        "identity": package_id,
        "kind": ActKind.RECALL,
        "from_organ": "H24.11",
        "reason": None,
        "received_at": NOW,
    }
    return Act(**(row | changed))  # type: ignore[arg-type]


def act_target(act_id: str, document_uid: str | None, **changed: object) -> ActTarget:
    row = {
        "act_id": act_id,
        "position": 0,
        "document_key": document_uid or "a document",
        "document_uid": document_uid,
        "effect": ActEffect.APPLIED if document_uid else ActEffect.UNKNOWN,
    }
    return ActTarget(**(row | changed))  # type: ignore[arg-type]


def act_receiver(act_id: str, receiver: str, position: int = 0) -> ActReceiver:
    return ActReceiver(act_id=act_id, position=position, receiver_organ=receiver)


def attachment(package_id: str, position: int, **changed: object) -> Attachment:
    row = {
        "package_id": package_id,
        "position": position,
        "name": f"tệp-{position}.pdf",
        "media_type": "application/pdf",
        "size_bytes": 3,
        "sha256_hex": "0" * 64,
        "zipped_by_client": False,
    }
    return Attachment(**(row | changed))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An accepted document package."""

    blob: Blob
    document: Document
    package: Package
    deliveries: tuple[Delivery, ...]
    consignments: tuple[Consignment, ...]

    @property
    def hot(self) -> Hot:
        """What accepting it writes."""
        rows = (self.blob, self.document, self.package, *self.deliveries, *self.consignments, leaf())
        return Hot(inserts=rows)


def accepted(*receivers: str, content: bytes | None = None, **of_document: object) -> Made:
    """A document package, for receivers that are reached here."""
    stored = blob(content if content is not None else fresh_id().encode())
    package_id = fresh_id()
    made = document(package_id, **of_document)
    carried = package(
        stored.sha256_hex,
        package_id=package_id,
        document_uid=made.document_uid,
        document_id=made.document_id,
        from_organ=made.from_organ,
        urgency=made.urgency,
        business_type=made.business_type,
        received_at=made.received_at,
    )
    deliveries = tuple(delivery(made.document_uid, receiver) for receiver in receivers or ("H24.15",))
    consignments = tuple(
        consignment(package_id, d.receiver_organ, delivery_id=d.delivery_id, urgency=made.urgency) for d in deliveries
    )
    return Made(blob=stored, document=made, package=carried, deliveries=deliveries, consignments=consignments)


def a_system(system_id: str, *serves: str) -> NewSystem:
    """A system to be connected, with the secret `secret`."""
    system = System(system_id=system_id, name=system_id, front="vxp", enabled=True, may_register=False, created_at=NOW)
    return NewSystem(system=system, secret_encrypted=b"secret", serves=serves)


async def make_city(store: Store) -> None:
    """A city with two departments, a unit and a ward, and three systems."""
    organs = (
        OrganRow(code="H24", name="Thành phố"),
        OrganRow(code="H24.11", name="Sở Y tế", parent="H24"),
        OrganRow(code="H24.11.3", name="Chi cục Dân số", parent="H24.11"),
        OrganRow(code="H24.15", name="Sở Xây dựng", parent="H24"),
        OrganRow(code="H24.88", name="Phường Gia Viên", parent="H24"),
    )
    await store.write(lambda c: import_organs(c, organs, NOW, "test"))
    for system in (a_system("yte", "H24.11"), a_system("xd", "H24.15"), a_system("phuong", "H24.88")):
        await store.write(lambda c, system=system: add_system(c, system, NOW, "test"))  # type: ignore[misc]


def fill(c: Connection, like: Made, receivers: Sequence[str], count: int) -> None:
    """Many packages, like one that is there, each for one of the receivers in turn; urgencies 0, 1, 2 in turn."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count) "
    digits = "substr('00000000000000000000000000' || i, -26)"
    if c.dialect.name == "postgresql":
        digits = "lpad(CAST(i AS text), 26, '0')"
    c.execute(text("CREATE TEMPORARY TABLE receiver (number INTEGER PRIMARY KEY, organ TEXT)"))
    rows = [{"number": number, "organ": organ} for number, organ in enumerate(receivers)]
    c.execute(text("INSERT INTO receiver VALUES (:number, :organ)"), rows)
    changed = {"package_id": digits, "from_organ": "CAST(i AS text)"}
    columns = ", ".join(changed.get(column.name, f"p.{column.name}") for column in schema.package.c)
    source = f"SELECT {columns} FROM package p, n WHERE p.package_id = :like"
    c.execute(text(f"INSERT INTO package {numbers} {source}"), {"count": count, "like": like.package.package_id})
    changed = {
        "consignment_id": digits,
        "package_id": digits,
        "delivery_id": "NULL",
        "urgency": "i % 3",
        "receiver_organ": "r.organ",
    }
    columns = ", ".join(changed.get(column.name, f"t.{column.name}") for column in schema.consignment.c)
    source = (
        f"SELECT {columns} FROM consignment t, n, receiver r WHERE r.number = i % :receivers AND t.package_id = :like"
    )
    parameters = {"count": count, "like": like.package.package_id, "receivers": len(receivers)}
    c.execute(text(f"INSERT INTO consignment {numbers} {source}"), parameters)


def temporary_files(data_dir: Path) -> list[Path]:
    """Every file that waits for its end."""
    return [path for path in (data_dir / "tmp").rglob("*") if path.is_file()]


def kept_files(data_dir: Path) -> list[Path]:
    """Every file of a package's bytes."""
    return [path for path in (data_dir / "blobs").rglob("*") if path.is_file()]
