"""Marks of what a write touches.

Deadlines and figures follow from documents and deliveries, and whoever works them out must hear of every change,
whatever use case made it. So the marks are derived here from the rows and changes themselves, and go into the same
transaction: no use case can forget them, and none is lost or seen too soon. Writes that are functions call `touch`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, insert

from axis.store import hot, records, schema
from axis.store.hot import Hot
from axis.store.records import Touch

_DOCUMENT: Mapping[type, Callable[[Any], str]] = {
    records.Delivery: lambda row: row.document_uid,
    hot.DocumentJudged: lambda change: change.document_uid,
    hot.DocumentRevised: lambda change: change.document_uid,
}
"""What concerns a document and all its deliveries."""

_DELIVERY: Mapping[type, Callable[[Any], str | None]] = {
    records.StatusEvent: lambda row: row.delivery_id,
    hot.DeliveryStatus: lambda change: change.delivery_id,
    hot.DeliveryMoved: lambda change: change.delivery_id,
    hot.OrphanMatched: lambda change: change.delivery_id,
}
"""What concerns one delivery."""


def touches(unit: Hot) -> tuple[Touch, ...]:
    """The marks that a hot write leaves, each once."""
    documents: dict[str, None] = {}
    deliveries: dict[str, None] = {}
    for part in (*unit.inserts, *unit.changes):
        if (find := _DOCUMENT.get(type(part))) is not None:
            documents[find(part)] = None
        elif (find_delivery := _DELIVERY.get(type(part))) is not None:
            delivery_id = find_delivery(part)
            if delivery_id is not None:
                deliveries[delivery_id] = None
    return (
        *(Touch(document_uid=document_uid) for document_uid in documents),
        *(Touch(delivery_id=delivery_id) for delivery_id in deliveries),
    )


def touch(conn: Connection, *, document_uids: Iterable[str] = (), delivery_ids: Iterable[str] = ()) -> None:
    """Leave marks. Call it in every write unit that changes documents or deliveries outside hot writes."""
    rows = [{"document_uid": uid, "delivery_id": None} for uid in document_uids]
    rows += [{"document_uid": None, "delivery_id": uid} for uid in delivery_ids]
    if rows:
        conn.execute(insert(schema.touched), rows)
