"""What was exchanged with one partner: handed in by it, handed to it, known of it; and days that were compared.

What was handed to somebody is read from the evidence leaves, since they say to whom, and never change: routes do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, LargeBinary, Select, bindparam, delete, func, insert, literal_column, select, update

from axis.store import schema as s
from axis.store.records import Package, QueueRow, Reconciliation
from axis.store.rows import Query, columns_of, read_all, record_reader, values_of
from axis.terms import TransportState

_p, _c, _v, _l, _q, _n = s.package.c, s.consignment.c, s.delivery.c, s.leaf.c, s.queue.c, s.reconciliation.c
_PACKAGE, _read_package = columns_of(Package), record_reader(Package)
_OVER = (TransportState.HANDED_OVER.value, TransportState.ACKNOWLEDGED.value)

_days = Query(Reconciliation, _n.day >= bindparam("since"), order=(_n.partner_id, _n.day))
_received = (
    select(*_PACKAGE)
    .where(
        _p.source_system == bindparam("source_system"),
        _p.received_at >= bindparam("begins", type_=s.UtcMicros()),
        _p.received_at < bindparam("ends", type_=s.UtcMicros()),
        _p.package_id > bindparam("after"),
    )
    .order_by(_p.package_id)
    .limit(bindparam("limit"))
)
_of_packages = (
    select(_c.package_id, _c.receiver_organ, _c.uplink_id, _c.state, _v.addressed_as)
    .outerjoin(s.delivery, _v.delivery_id == _c.delivery_id)
    .where(_c.package_id.in_(bindparam("package_ids", expanding=True)))
    .order_by(_c.package_id, _c.receiver_organ)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """One consignment of a package, as far as a comparison needs it."""

    receiver_organ: str
    addressed_as: str | None  # of a document: the code in the package
    uplink_id: str | None
    state: TransportState


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """A package and its consignments."""

    package: Package
    carried: tuple[Carried, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedLeaf:
    """A leaf that tells of packages handed to somebody."""

    leaf_id: int
    at: datetime
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPage:
    """A part of a day. after: the key of the last row seen; None: from the start."""

    begins: datetime
    ends: datetime
    after: str | int | None = None
    limit: int = 1_000


def received_from(conn: Connection, source_system: str, page: LedgerPage) -> tuple[Exchanged, ...]:
    """Packages that somebody handed in, by id."""
    asked = {
        "source_system": source_system,
        "begins": page.begins,
        "ends": page.ends,
        "after": page.after or "",
        "limit": page.limit,
    }
    return _with_consignments(conn, read_all(_read_package, conn.execute(_received, asked).all()))


def handed_leaves(conn: Connection, kind: str, system_id: str, page: LedgerPage) -> tuple[HandedLeaf, ...]:
    """Leaves of a kind (handed_over or acknowledged) that seem to name the system, in the order of writing.

    The text is only looked through: whoever reads them looks again.
    """
    rows = conn.execute(
        _leaves(conn.dialect.name, kind),
        {
            "begins": page.begins,
            "ends": page.ends,
            "after": page.after or 0,
            "limit": page.limit,
            "holds": _pattern(conn.dialect.name, system_id),
        },
    )
    return tuple(HandedLeaf(leaf_id=row.leaf_id, at=row.at, data=bytes(row.data)) for row in rows)


def exchanged(conn: Connection, package_ids: Sequence[str]) -> Mapping[str, Exchanged]:
    """Packages with their consignments, by id."""
    rows = conn.execute(select(*_PACKAGE).where(_p.package_id.in_(package_ids))).all()
    return {one.package.package_id: one for one in _with_consignments(conn, read_all(_read_package, rows))}


def exchanged_by_bytes(conn: Connection, digests: Sequence[str]) -> tuple[Exchanged, ...]:
    """Packages with these bytes, whoever sent them."""
    rows = conn.execute(select(*_PACKAGE).where(_p.sha256_hex.in_(digests)).order_by(_p.package_id)).all()
    return _with_consignments(conn, read_all(_read_package, rows))


def addressed_codes(conn: Connection, document_uid: str) -> tuple[str, ...]:
    """The codes in packages for whom a document is known here."""
    return tuple(conn.scalars(select(_v.addressed_as).where(_v.document_uid == document_uid)).all())


def peer_refs(conn: Connection, partner_id: str, package_ids: Sequence[str]) -> Mapping[str, str]:
    """The partner's present ids for packages that it is still asked about."""
    wanted = (_q.partner_id == partner_id, _q.package_id.in_(package_ids), _q.peer_ref.is_not(None))
    return {row.package_id: row.peer_ref for row in conn.execute(select(_q.package_id, _q.peer_ref).where(*wanted))}


def push_again(conn: Connection, again: QueueRow, at: datetime) -> int:
    """Open the consignments of a package to an uplink again, and push it now. A write unit.

    again: the push, if none stands in the queue. Returns how many consignments there are.
    """
    ours = (_c.package_id == again.package_id, _c.uplink_id == again.partner_id)
    opened = {"state": TransportState.QUEUED.value, "failures": 0, "visible_at": None, "queued_at": at}
    count = conn.execute(update(s.consignment).where(*ours).values(**opened)).rowcount
    if not count:
        return 0
    of_push = (_q.package_id == again.package_id, _q.partner_id == again.partner_id)
    # A higher fence: whoever has claimed the row for the question that it was cannot record over the new push.
    afresh = {
        "task": "send",
        "due_at": at,
        "queued_at": at,
        "attempts": 0,
        "lease_until": None,
        "fence": _q.fence + 1,
        "delayed_at": None,
    }
    if not conn.execute(update(s.queue).where(*of_push).values(**afresh)).rowcount:
        conn.execute(insert(s.queue).values(values_of(again)))
    return count


def keep_reconciliation(conn: Connection, row: Reconciliation) -> None:
    """Record what a comparison has come to, in place of the one before. A write unit."""
    conn.execute(delete(s.reconciliation).where(_n.partner_id == row.partner_id, _n.day == row.day))
    conn.execute(insert(s.reconciliation).values(values_of(row)))


def reconciliations(conn: Connection, since: str) -> tuple[Reconciliation, ...]:
    """Days compared from a day on, by partner."""
    return _days.all(conn, since=since)


def reconciliation(conn: Connection, partner_id: str, day: str) -> Reconciliation | None:
    """What comparing a day has come to; None: it was not compared yet."""
    row = conn.execute(select(*columns_of(Reconciliation)).where(_n.partner_id == partner_id, _n.day == day)).first()
    return None if row is None else record_reader(Reconciliation)(row)


def is_over(carried: Carried) -> bool:
    """Whether a consignment is believed to have gone over."""
    return carried.state.value in _OVER


def _leaves(dialect: str, kind: str) -> Select[Any]:
    holds = bindparam("holds", type_=LargeBinary())
    named = func.instr(_l.data, holds) > 0 if dialect == "sqlite" else _l.data.op("LIKE", is_comparison=True)(holds)
    return (
        select(_l.leaf_id, _l.at, _l.data)
        .where(
            literal_column(f"leaf.kind = '{kind}'"),  # word for word the condition of the index
            _l.at >= bindparam("begins", type_=s.UtcMicros()),
            _l.at < bindparam("ends", type_=s.UtcMicros()),
            _l.leaf_id > bindparam("after"),
            named,
        )
        .order_by(_l.leaf_id)
        .limit(bindparam("limit"))
    )


def _pattern(dialect: str, system_id: str) -> bytes:
    named = f'"system":"{system_id}"'.encode()
    return named if dialect == "sqlite" else b"%" + named + b"%"


def _with_consignments(conn: Connection, packages: Sequence[Package]) -> tuple[Exchanged, ...]:
    carried: dict[str, list[Carried]] = {package.package_id: [] for package in packages}
    for row in conn.execute(_of_packages, {"package_ids": list(carried)}):
        carried[row.package_id].append(
            Carried(
                receiver_organ=row.receiver_organ,
                addressed_as=row.addressed_as,
                uplink_id=row.uplink_id,
                state=TransportState(row.state),
            )
        )
    return tuple(Exchanged(package=package, carried=tuple(carried[package.package_id])) for package in packages)
