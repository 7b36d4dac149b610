"""What waits for a system that fetches, and how the receivers of a package fare."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    func,
    literal_column,
    or_,
    select,
    true,
)

from axis.store import schema
from axis.store.queries.intake import consignments, package
from axis.store.records import Consignment, Package
from axis.store.rows import Finder
from axis.terms import BusinessType, PackageKind, Place, TransportState

_consignments = Finder(Consignment)
# Word for word the condition of ix_consignment_pending, or the index does not serve.
_IS_PENDING: ColumnElement[bool] = literal_column(
    "(consignment.place = 'local' AND consignment.state IN ('queued', 'handed_over', 'retrying'))"
)
_LEAST_ADVANCED = (TransportState.RETRYING, TransportState.QUEUED, TransportState.HANDED_OVER)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingItem:
    """One package that waits for one system, whatever the number of its receivers there."""

    package_id: str
    kind: PackageKind
    urgency: int
    from_organ: str
    receivers: tuple[str, ...]  # those that the system serves now and that still wait, by code
    document_id: str
    code: str | None
    subject: str | None
    size_bytes: int
    received_at: datetime
    state: TransportState  # of its consignments there: that of the one least advanced
    updated_at: datetime  # when the bytes were first handed out, else when it was queued


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRow:
    """How one receiver of a package fares."""

    package_id: str
    kind: PackageKind
    from_organ: str
    document_id: str
    code: str | None
    subject: str | None
    receiver_organ: str
    receiver_name: str | None
    addressed_as: str  # the code in the package, where the receiver succeeds a closed one
    place: Place
    state: TransportState | None  # None: another axis carries it, we only recorded the address
    sent_at: datetime
    handed_over_at: datetime | None
    acknowledged_at: datetime | None
    last_error: str | None
    status_code: str | None  # None: no status yet; an act or a status has none
    status_at: datetime | None


def pending(  # noqa: PLR0913, PLR0917 - plain words of one question
    conn: Connection, system_id: str, now: datetime, limit: int, fetched_often: int, kind: PackageKind | None = None
) -> tuple[PendingItem, ...]:
    """What waits for a system, at most `limit` packages of one kind (None: of any), by urgency and age.

    Packages that were fetched `fetched_often` times and never acknowledged come behind the others, so that they do not
    hide them. However much waits, only the first `limit` of each organisation are looked at: a package among
    the first of all is among the first of the receiver that it was queued for first.
    """
    t = schema.consignment.c
    wanted = _visible(now) & _is_of(kind)
    found = _first(conn, system_id, wanted & (t.fetched < fetched_often), limit)
    if len(found) < limit:
        behind = _first(conn, system_id, wanted & (t.fetched >= fetched_often), limit)
        found = list(dict.fromkeys((*found, *behind)))[:limit]
    return _items(conn, system_id, now, found)


def count_pending(conn: Connection, system_id: str, kind: PackageKind, now: datetime) -> int:
    """How many packages of a kind wait for a system."""
    t, r, p = schema.consignment.c, schema.route.c, schema.package.c
    statement = (
        select(func.count(t.package_id.distinct()))
        .select_from(schema.route)
        .join(schema.consignment, t.receiver_organ == r.organ_id)
        .join(schema.package, p.package_id == t.package_id)
        .where(r.system_id == system_id, _IS_PENDING, _visible(now), p.kind == kind.value)
    )
    return conn.execute(statement).scalar_one()


def consignments_for_system(conn: Connection, package_id: str, system_id: str) -> tuple[Consignment, ...]:
    """The package's consignments to receivers that the system serves now."""
    t, r = schema.consignment.c, schema.route.c
    served = select(r.organ_id).where(r.system_id == system_id)
    return _consignments.all(
        conn,
        t.package_id == package_id,
        t.place == Place.LOCAL.value,
        t.receiver_organ.in_(served),
        order=(t.consignment_id,),
    )


def sent_rows(conn: Connection, package_id: str) -> tuple[SentRow, ...]:
    """How the receivers of a package fare.

    Of a package that carries a document: every delivery of the document, by its latest consignment. Of an act or a
    status: every consignment of the package itself.
    """
    found = package(conn, package_id)
    if found is None:
        return ()
    if found.business_type is not None and BusinessType(found.business_type).makes_document:
        return _sent_of_document(conn, found)
    return _sent_of_package(conn, found)


def _visible(now: datetime) -> ColumnElement[bool]:
    t = schema.consignment.c
    return or_(t.visible_at.is_(None), t.visible_at <= now)


def _is_of(kind: PackageKind | None) -> ColumnElement[bool]:
    """Whether a consignment's package is of a kind."""
    if kind is None:
        return true()
    p = schema.package.c
    found = select(p.package_id).where(p.package_id == schema.consignment.c.package_id, p.kind == kind.value)
    return found.correlate(schema.consignment).exists()


def _first(conn: Connection, system_id: str, where: ColumnElement[bool], limit: int) -> list[str]:
    """The first packages that wait for a system, in order."""
    t, r = schema.consignment.c, schema.route.c
    first_of_organ = (
        select(t.consignment_id, t.package_id, t.urgency)
        .where(t.receiver_organ == r.organ_id, _IS_PENDING, where)
        .order_by(t.urgency.desc(), t.consignment_id)
        .limit(limit)
        .correlate(schema.route)
    )
    rows = _of_each_organ(conn, first_of_organ, system_id).subquery()
    ordered = (
        select(rows.c.package_id)
        .group_by(rows.c.package_id)
        .order_by(func.max(rows.c.urgency).desc(), func.min(rows.c.consignment_id))
        .limit(limit)
    )
    return list(conn.scalars(ordered))


def _of_each_organ(conn: Connection, first_of_organ: Select[Any], system_id: str) -> Select[Any]:
    """The rows of a query that is correlated with `route`, for every organisation of a system."""
    if conn.dialect.name == "postgresql":
        rows = first_of_organ.lateral("rows")
        return select(rows).select_from(schema.route).join(rows, true()).where(schema.route.c.system_id == system_id)
    # SQLite has no LATERAL; a correlated IN does the same there (and would be slow on PostgreSQL).
    all_rows = schema.consignment.alias("rows")
    ids = first_of_organ.with_only_columns(schema.consignment.c.consignment_id)
    return (
        select(all_rows.c.consignment_id, all_rows.c.package_id, all_rows.c.urgency)
        .select_from(schema.route)
        .join(all_rows, all_rows.c.consignment_id.in_(ids))
        .where(schema.route.c.system_id == system_id)
    )


def _items(conn: Connection, system_id: str, now: datetime, package_ids: Sequence[str]) -> tuple[PendingItem, ...]:
    t, r, p = schema.consignment.c, schema.route.c, schema.package.c
    statement = (
        select(schema.package, t.receiver_organ, t.state, t.handed_over_at, t.queued_at)
        .select_from(schema.package)
        .join(schema.consignment, t.package_id == p.package_id)
        .join(schema.route, r.organ_id == t.receiver_organ)
        .where(p.package_id.in_(package_ids), r.system_id == system_id, _IS_PENDING, _visible(now))
        .order_by(t.receiver_organ)
    )
    rows: dict[str, list[Row[Any]]] = {package_id: [] for package_id in package_ids}
    for row in conn.execute(statement):
        rows[row.package_id].append(row)
    return tuple(_item(of_package) for of_package in rows.values() if of_package)


def _item(rows: Sequence[Row[Any]]) -> PendingItem:
    first = rows[0]
    states = {TransportState(row.state) for row in rows}
    return PendingItem(
        package_id=first.package_id,
        kind=PackageKind(first.kind),
        urgency=first.urgency,
        from_organ=first.from_organ,
        receivers=tuple(row.receiver_organ for row in rows),
        document_id=first.document_id,
        code=first.code,
        subject=first.subject,
        size_bytes=first.size_bytes,
        received_at=first.received_at,
        state=next(state for state in _LEAST_ADVANCED if state in states),
        updated_at=max(row.handed_over_at or row.queued_at for row in rows),
    )


def _sent_of_document(conn: Connection, found: Package) -> tuple[SentRow, ...]:
    d, t = schema.delivery.c, schema.consignment.c
    own = schema.consignment.alias("own").c
    latest = select(func.max(own.consignment_id)).where(own.delivery_id == d.delivery_id).scalar_subquery()
    statement = (
        select(schema.delivery, t.state, t.queued_at, t.handed_over_at, t.acknowledged_at, t.last_error)
        .select_from(schema.delivery)
        .outerjoin(schema.consignment, t.consignment_id == latest)
        .where(d.document_uid == found.document_uid)
        .order_by(d.delivery_id)
    )
    return tuple(
        SentRow(
            **_of_package(found),
            receiver_organ=row.receiver_organ,
            receiver_name=row.receiver_name,
            addressed_as=row.addressed_as,
            place=Place(row.place),
            state=TransportState(row.state) if row.state else None,
            sent_at=row.queued_at or row.created_at,
            handed_over_at=row.handed_over_at,
            acknowledged_at=row.acknowledged_at,
            last_error=row.last_error,
            status_code=row.status_code,
            status_at=row.status_at,
        )
        for row in conn.execute(statement)
    )


def _sent_of_package(conn: Connection, found: Package) -> tuple[SentRow, ...]:
    own = consignments(conn, found.package_id)
    names = _names(conn, (consignment.receiver_organ for consignment in own))
    return tuple(
        SentRow(
            **_of_package(found),
            receiver_organ=consignment.receiver_organ,
            receiver_name=names.get(consignment.receiver_organ),
            addressed_as=consignment.receiver_organ,
            place=consignment.place,
            state=consignment.state,
            sent_at=consignment.queued_at,
            handed_over_at=consignment.handed_over_at,
            acknowledged_at=consignment.acknowledged_at,
            last_error=consignment.last_error,
            status_code=None,
            status_at=None,
        )
        for consignment in own
    )


def _of_package(found: Package) -> dict[str, Any]:
    """What all rows of a package have in common."""
    return {
        "package_id": found.package_id,
        "kind": found.kind,
        "from_organ": found.from_organ,
        "document_id": found.document_id,
        "code": found.code,
        "subject": found.subject,
    }


def _names(conn: Connection, organ_ids: Iterable[str]) -> dict[str, str]:
    o = schema.organ.c
    statement = select(o.organ_id, o.name).where(o.organ_id.in_(list(organ_ids)))
    return {row.organ_id: row.name for row in conn.execute(statement)}
