"""What is known when a package comes in: documents, deliveries, statuses. Acts: `queries.acts`."""

from sqlalchemy import Column, ColumnElement, Connection, bindparam, func, literal_column, select

from axis.store import schema
from axis.store.records import (
    Attachment,
    Consignment,
    Delivery,
    Document,
    Package,
    StatusEvent,
)
from axis.store.rows import Query
from axis.terms import BusinessType

_document, _package, _delivery = schema.document.c, schema.package.c, schema.delivery.c
_consignment, _attachment, _event = schema.consignment.c, schema.attachment.c, schema.status_event.c


def is_given(column: Column[str]) -> ColumnElement[bool]:
    """The column equals the parameter of its name."""
    return column == bindparam(column.name)


_SAME_CODE = (
    is_given(_document.from_organ),
    is_given(_document.code_key),
    _document.promulgation_date.is_not_distinct_from(bindparam("promulgation_date")),
)
_ORDER_OF_DOCUMENTS = (_document.received_at, _document.document_uid)

_packages = Query(Package, is_given(_package.package_id))
_packages_by_bytes = Query(Package, is_given(_package.from_organ), is_given(_package.sha256_hex))
_attachments = Query(Attachment, is_given(_attachment.package_id), order=(_attachment.position,))
_documents = Query(Document, is_given(_document.document_uid))
_documents_by_key = Query(
    Document, is_given(_document.from_organ), is_given(_document.document_key), order=(_document.edition,)
)
_documents_by_code = Query(Document, *_SAME_CODE, order=_ORDER_OF_DOCUMENTS)
_documents_of_any = Query(Document, is_given(_document.document_key), order=_ORDER_OF_DOCUMENTS)
_highest_same_code_no = select(func.max(_document.same_code_no)).where(*_SAME_CODE)
_deliveries = Query(Delivery, is_given(_delivery.document_uid), order=(_delivery.delivery_id,))
_delivery_to = Query(Delivery, is_given(_delivery.document_uid), is_given(_delivery.receiver_organ))
_consignments = Query(Consignment, is_given(_consignment.package_id), order=(_consignment.consignment_id,))
_first_consignment = (
    select(_consignment.handed_over_at, _consignment.acknowledged_at)
    .where(is_given(_consignment.delivery_id))
    .order_by(_consignment.consignment_id)
    .limit(1)
)
_carrying_consignments = Query(
    Consignment,
    _consignment.package_id.in_(
        select(_package.package_id).where(
            is_given(_package.document_uid),
            _package.business_type.in_([BusinessType.NEW.value, BusinessType.REPLACE.value]),
        )
    ),
    order=(_consignment.consignment_id,),
)
_consignments_of_document = Query(
    Consignment,
    _consignment.package_id.in_(select(_package.package_id).where(is_given(_package.document_uid))),
    order=(_consignment.consignment_id,),
)
_events = Query(StatusEvent, is_given(_event.document_uid), order=(_event.event_id,))
_last_event_of_delivery = Query(
    StatusEvent,
    is_given(_event.document_uid),
    is_given(_event.delivery_id),
    order=(_event.event_id.desc(),),
    limit=1,
)
_orphans = Query(
    StatusEvent,
    is_given(_event.to_organ),
    _event.effect == literal_column("'orphan'"),  # in the text, so that the partial index serves
    order=(_event.event_id,),
)
_events_of_package = Query(StatusEvent, is_given(_event.package_id))


def package(conn: Connection, package_id: str) -> Package | None:
    """A package by our id."""
    return _packages.one(conn, package_id=package_id)


def has_packages(conn: Connection) -> bool:
    """Whether any package was ever taken."""
    return conn.execute(select(_package.package_id).limit(1)).first() is not None


def package_by_bytes(conn: Connection, from_organ: str, sha256_hex: str) -> Package | None:
    """The package of this sender that had these very bytes."""
    return _packages_by_bytes.one(conn, from_organ=from_organ, sha256_hex=sha256_hex)


def attachments(conn: Connection, package_id: str) -> tuple[Attachment, ...]:
    """The files of a package, in their order there."""
    return _attachments.all(conn, package_id=package_id)


def document(conn: Connection, document_uid: str) -> Document | None:
    """A document by our id."""
    return _documents.one(conn, document_uid=document_uid)


def documents_by_key(conn: Connection, from_organ: str, document_key: str) -> tuple[Document, ...]:
    """All editions of a sender's document, by its DocumentId in comparison form, oldest first."""
    return _documents_by_key.all(conn, from_organ=from_organ, document_key=document_key)


def documents_by_code(
    conn: Connection, from_organ: str, code_key: str, promulgation_date: str | None
) -> tuple[Document, ...]:
    """A sender's documents of one number, notation and date, in the order in which they came."""
    return _documents_by_code.all(conn, from_organ=from_organ, code_key=code_key, promulgation_date=promulgation_date)


def documents_by_document_id(conn: Connection, document_key: str) -> tuple[Document, ...]:
    """Documents of any sender by their DocumentId in comparison form, in the order in which they came."""
    return _documents_of_any.all(conn, document_key=document_key)


def next_same_code_no(conn: Connection, from_organ: str, code_key: str, promulgation_date: str | None) -> int:
    """The number of a further document of this number, notation and date: 0 for the first."""
    parameters = {"from_organ": from_organ, "code_key": code_key, "promulgation_date": promulgation_date}
    found: int | None = conn.scalar(_highest_same_code_no, parameters)
    return 0 if found is None else found + 1


def was_handed_over(conn: Connection, delivery_id: str) -> bool:
    """Whether the package that made a delivery has come to the receiver's system; later ones carry acts."""
    first = conn.execute(_first_consignment, {"delivery_id": delivery_id}).first()
    return first is not None and (first.handed_over_at is not None or first.acknowledged_at is not None)


def deliveries(conn: Connection, document_uid: str) -> tuple[Delivery, ...]:
    """A document's deliveries, in the order in which they were made."""
    return _deliveries.all(conn, document_uid=document_uid)


def delivery(conn: Connection, document_uid: str, receiver_organ: str) -> Delivery | None:
    """One receiver's delivery of a document."""
    return _delivery_to.one(conn, document_uid=document_uid, receiver_organ=receiver_organ)


def consignments(conn: Connection, package_id: str) -> tuple[Consignment, ...]:
    """A package's consignments, in the order in which they were made."""
    return _consignments.all(conn, package_id=package_id)


def carrying_consignments(conn: Connection, document_uid: str) -> tuple[Consignment, ...]:
    """The consignments of every package that carries a document itself; acts on it and statuses are others."""
    return _carrying_consignments.all(conn, document_uid=document_uid)


def consignments_of_document(conn: Connection, document_uid: str) -> tuple[Consignment, ...]:
    """The consignments of every package that carries or acts on a document (its statuses' too)."""
    return _consignments_of_document.all(conn, document_uid=document_uid)


def status_events(conn: Connection, document_uid: str) -> tuple[StatusEvent, ...]:
    """A document's status events, in the order in which they came."""
    return _events.all(conn, document_uid=document_uid)


def last_event_of_delivery(conn: Connection, document_uid: str, delivery_id: str) -> StatusEvent | None:
    """What was said last of one receiver's delivery of a document."""
    return _last_event_of_delivery.one(conn, document_uid=document_uid, delivery_id=delivery_id)


def orphans(conn: Connection, to_organ: str) -> tuple[StatusEvent, ...]:
    """Statuses for documents of this sender that have not come yet, oldest first."""
    return _orphans.all(conn, to_organ=to_organ)


def event_of_package(conn: Connection, package_id: str) -> StatusEvent | None:
    """The status event that a package carries."""
    return _events_of_package.one(conn, package_id=package_id)
