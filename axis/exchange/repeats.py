"""A document that is known comes in again: the first answer, and whatever the first time left undone.

Receivers not seen before get a delivery and, as bytes, the repeat's own package. Dead consignments are opened again;
refused ones only when the sender's system has acknowledged the refusal, that is, when somebody can have read it. What
the sender has taken back, removed or replaced stays so. Repeats of recalls and updates: `act_intake`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from axis.errors import Code, WrongState
from axis.exchange import parcel as rows
from axis.exchange.context import Context
from axis.exchange.parcel import Parcel, Shipment
from axis.store import queries
from axis.store.hot import Change, ConsignmentMoved, DocumentFlagged, DocumentRevised, Hot
from axis.store.queries import Push
from axis.store.records import Blob, Consignment, Delivery, Document, Package, Row
from axis.terms import DocumentState, StatusCode, TransportState

HEADER_DIFFERS = "header_differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is stored of the original."""

    same_bytes: Package | None  # the very bytes of the repeat, if they came before
    receivers: frozenset[str]
    reopen: tuple[Consignment, ...]


async def repeat(context: Context, parcel: Parcel, document: Document) -> Hot | None:
    """What a repeat still has to write; None when the first one left nothing undone.

    Raises WrongState(DOCUMENT_CLOSED) when it names further receivers of a document that was taken back or replaced.
    """
    known = await context.store.read(lambda c: _look(c, parcel, document))
    fresh = tuple(to for to in parcel.destinations if to.organ not in known.receivers)
    if fresh and document.state in (DocumentState.RECALLED, DocumentState.REPLACED):
        raise WrongState(Code.DOCUMENT_CLOSED, f"{document.state}: {', '.join(to.organ for to in fresh)}", at="To")
    shipped = await _ship_to_fresh(context, parcel, document, known) if fresh else ()
    reopened_rows, changes = reopen(context, parcel, known.reopen, document.document_uid)
    changes += _flag(parcel, document)
    if fresh:
        changes += (_with_more(document),)
    if not (shipped or changes):
        return None
    touched = [to.organ for to in fresh] + [consignment.receiver_organ for consignment in known.reopen]
    leaf = rows.repeated_leaf(parcel, document.package_id, document.document_uid, touched)
    return Hot(inserts=(*shipped, *reopened_rows, leaf), changes=changes)


def _look(conn: Connection, parcel: Parcel, document: Document) -> Known:
    uid = document.document_uid
    addressed = {to.organ for to in parcel.destinations}
    deliveries = queries.deliveries(conn, uid)
    refused = {d.delivery_id for d in deliveries if _refusal_was_read(conn, d)}
    frozen = {d.delivery_id for d in deliveries if d.state.is_frozen}
    return Known(
        same_bytes=queries.package_by_bytes(conn, parcel.from_organ, parcel.spooled.sha256_hex),
        receivers=frozenset(delivery.receiver_organ for delivery in deliveries),
        reopen=tuple(
            c
            for c in queries.consignments_of_document(conn, uid)
            if c.receiver_organ in addressed
            and c.delivery_id not in frozen
            and (c.state is TransportState.DEAD or (c.delivery_id in refused and _was_delivered(c)))
        ),
    )


def _with_more(document: Document) -> DocumentRevised:
    """The same document, for further receivers: an act that has not seen them yet is decided anew."""
    return DocumentRevised.of(document, DocumentState.OPEN)


def _was_delivered(consignment: Consignment) -> bool:
    return consignment.state in (TransportState.HANDED_OVER, TransportState.ACKNOWLEDGED)


def _refusal_was_read(conn: Connection, delivery: Delivery) -> bool:
    """Whether the delivery stands refused and the refusal has reached the sender's system."""
    if delivery.status_code != StatusCode.REFUSED:
        return False
    events = queries.status_events(conn, delivery.document_uid)
    refusals = [e for e in events if e.delivery_id == delivery.delivery_id and e.status_code == StatusCode.REFUSED]
    consignments = queries.consignments(conn, refusals[-1].package_id) if refusals else ()
    return bool(consignments) and all(c.state is TransportState.ACKNOWLEDGED for c in consignments)


async def _ship_to_fresh(context: Context, parcel: Parcel, document: Document, known: Known) -> tuple[Row, ...]:
    blob = None if known.same_bytes else await context.store.blobs.record(parcel.spooled, parcel.at)
    return await context.work_out(
        len(parcel.destinations), partial(_fresh_rows, context, parcel, document, known, blob)
    )


def _fresh_rows(
    context: Context, parcel: Parcel, document: Document, known: Known, blob: Blob | None
) -> tuple[Row, ...]:
    """blob: None when these very bytes are stored already."""
    fresh = tuple(to for to in parcel.destinations if to.organ not in known.receivers)
    uid = document.document_uid
    package_id = known.same_bytes.package_id if known.same_bytes else context.new_id()
    inserts: tuple[Row, ...] = ()
    if blob is not None:
        inserts = (blob, *rows.package_rows(parcel, package_id, uid))
    deliveries = rows.delivery_rows(context, parcel, uid, fresh)
    shipment = Shipment(
        package_id=package_id,
        urgency=parcel.urgency,
        at=parcel.at,
        to=fresh,
        document_uid=uid,
        deliveries={delivery.receiver_organ: delivery.delivery_id for delivery in deliveries},
    )
    return *inserts, *deliveries, *rows.shipment_rows(context, shipment)


def reopen(
    context: Context, parcel: Parcel, consignments: Sequence[Consignment], document_uid: str | None
) -> tuple[tuple[Row, ...], tuple[Change, ...]]:
    """Queue consignments again, and push them where they are pushed."""
    changes = tuple(
        ConsignmentMoved(
            consignment_id=consignment.consignment_id,
            was=consignment.state,
            becomes=TransportState.QUEUED,
            at=parcel.at,
        )
        for consignment in consignments
    )
    pushes = {(c.package_id, rows.partner_of(context, c.receiver_organ, c.uplink_id)) for c in consignments}
    pushed = tuple(
        rows.push_row(
            context,
            Push(
                package_id=package_id,
                partner_id=partner_id,
                urgency=parcel.urgency,
                document_uid=document_uid,
                lane="",
                queued_at=parcel.at,
            ),
        )
        for package_id, partner_id in sorted((p, to) for p, to in pushes if to is not None)
    )
    return pushed, changes


def _flag(parcel: Parcel, document: Document) -> tuple[Change, ...]:
    """Other header text under the same identity is a repeat all the same; people are told."""
    if document.header_digest == parcel.header_digest or HEADER_DIFFERS in document.flags.split():
        return ()
    flags = f"{document.flags} {HEADER_DIFFERS}".strip()
    return (DocumentFlagged(document_uid=document.document_uid, was=document.flags, flags=flags),)
