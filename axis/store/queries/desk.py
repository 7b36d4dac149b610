"""What a clerk at the console has of one document: its deliveries to some organisations, and what waits for them."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from axis.store import schema
from axis.store.records import Delivery
from axis.store.rows import columns_of, read_all, record_reader
from axis.terms import PackageKind, Place, TransportState

_DELIVERY, _read_delivery = columns_of(Delivery), record_reader(Delivery)
_UNTAKEN = (TransportState.QUEUED, TransportState.HANDED_OVER, TransportState.RETRYING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Untaken:
    """A package about a document that waits for an organisation."""

    package_id: str
    receiver_organ: str


def deliveries_here(
    conn: Connection, document_uid: str, organs: Collection[str], limit: int
) -> tuple[tuple[Delivery, ...], bool]:
    """The deliveries of a document to some organisations that this node reaches, by code; whether there are more."""
    v = schema.delivery.c
    rows = conn.execute(
        select(*_DELIVERY)
        .where(v.document_uid == document_uid, v.place == Place.LOCAL, v.receiver_organ.in_(sorted(organs)))
        .order_by(v.receiver_organ)
        .limit(limit + 1)
    ).all()
    return read_all(_read_delivery, rows[:limit]), len(rows) > limit


def untaken(conn: Connection, document_uid: str, organs: Collection[str], limit: int) -> tuple[Untaken, ...]:
    """What waits for some organisations of all that is about a document, at most `limit`: documents before statuses."""
    c, p = schema.consignment.c, schema.package.c
    rows = conn.execute(
        select(c.package_id, c.receiver_organ)
        .join_from(schema.package, schema.consignment, c.package_id == p.package_id)
        .where(
            p.document_uid == document_uid,
            c.place == Place.LOCAL,
            c.state.in_([state.value for state in _UNTAKEN]),
            c.receiver_organ.in_(sorted(organs)),
        )
        .order_by(p.kind != PackageKind.DOCUMENT, c.consignment_id)
        .limit(limit)
    )
    return tuple(Untaken(package_id=row.package_id, receiver_organ=row.receiver_organ) for row in rows)
