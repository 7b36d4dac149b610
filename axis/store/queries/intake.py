"""What is known when a package comes in: documents, deliveries, acts, statuses."""

from sqlalchemy import Column, ColumnElement, Connection, bindparam, func, literal_column, select

from axis.store import schema
from axis.store.records import (
    Act,
    ActReceiver,
    Attachment,
    Consignment,
    Delivery,
    Document,
    Package,
    StatusEvent,
)
from axis.store.rows import Query

_document, _package, _delivery = schema.document.c, schema.package.c, schema.delivery.c
_consignment, _attachment, _event = schema.consignment.c, schema.attachment.c, schema.status_event.c
_act, _answer = schema.act.c, schema.act_receiver.c


def _is(column: Column[str]) -> ColumnElement[bool]:
    """The column equals the parameter of its name."""
    return column == bindparam(column.name)


_SAME_CODE = (
    _is(_document.from_organ),
    _is(_document.code_key),
    _document.promulgation_date.is_not_distinct_from(bindparam("promulgation_date")),
)
_ORDER_OF_DOCUMENTS = (_document.received_at, _document.document_uid)

_packages = Query(Package, _is(_package.package_id))
_packages_by_bytes = Query(Package, _is(_package.from_organ), _is(_package.sha256_hex))
_attachments = Query(Attachment, _is(_attachment.package_id), order=(_attachment.position,))
_documents = Query(Document, _is(_document.document_uid))
_documents_by_key = Query(Document, _is(_document.from_organ), _is(_document.document_key), order=(_document.edition,))
_documents_by_code = Query(Document, *_SAME_CODE, order=_ORDER_OF_DOCUMENTS)
_documents_of_any = Query(Document, _is(_document.document_key), order=_ORDER_OF_DOCUMENTS)
_highest_same_code_no = select(func.max(_document.same_code_no)).where(*_SAME_CODE)
_deliveries = Query(Delivery, _is(_delivery.document_uid), order=(_delivery.delivery_id,))
_delivery_to = Query(Delivery, _is(_delivery.document_uid), _is(_delivery.receiver_organ))
_consignments = Query(Consignment, _is(_consignment.package_id), order=(_consignment.consignment_id,))
_consignments_of_document = Query(
    Consignment,
    _consignment.package_id.in_(select(_package.package_id).where(_is(_package.document_uid))),
    order=(_consignment.consignment_id,),
)
_acts_by_identity = Query(Act, _is(_act.identity))
_acts_of_package = Query(Act, _is(_act.package_id))
_acts_on = Query(Act, _is(_act.document_uid), order=(_act.received_at, _act.act_id))
_act_receivers = Query(ActReceiver, _is(_answer.act_id), order=(_answer.receiver_organ,))
_oldest_open_act = Query(
    Act,
    _is(_act.document_uid),
    _is(_answer.receiver_organ),
    _answer.answer.is_(None),
    order=(_act.received_at, _act.act_id),
    limit=1,
    joined=schema.act.join(schema.act_receiver, _answer.act_id == _act.act_id),
)
_targets_of_acts = Query(
    Document,
    _act.from_organ == bindparam("from_organ"),
    _package.document_id == bindparam("document_id"),
    order=(_act.received_at.desc(), _act.act_id.desc()),
    joined=schema.document.join(schema.act, _act.document_uid == _document.document_uid).join(
        schema.package, _package.package_id == _act.package_id
    ),
)
_events = Query(StatusEvent, _is(_event.document_uid), order=(_event.event_id,))
_last_event_of_delivery = Query(
    StatusEvent, _is(_event.document_uid), _is(_event.delivery_id), order=(_event.event_id.desc(),), limit=1
)
_orphans = Query(
    StatusEvent,
    _is(_event.to_organ),
    _event.effect == literal_column("'orphan'"),  # in the text, so that the partial index serves
    order=(_event.event_id,),
)
_events_of_package = Query(StatusEvent, _is(_event.package_id))


def package(conn: Connection, package_id: str) -> Package | None:
    """A package by our id."""
    return _packages.one(conn, package_id=package_id)


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


def deliveries(conn: Connection, document_uid: str) -> tuple[Delivery, ...]:
    """A document's deliveries, in the order in which they were made."""
    return _deliveries.all(conn, document_uid=document_uid)


def delivery(conn: Connection, document_uid: str, receiver_organ: str) -> Delivery | None:
    """One receiver's delivery of a document."""
    return _delivery_to.one(conn, document_uid=document_uid, receiver_organ=receiver_organ)


def consignments(conn: Connection, package_id: str) -> tuple[Consignment, ...]:
    """A package's consignments, in the order in which they were made."""
    return _consignments.all(conn, package_id=package_id)


def consignments_of_document(conn: Connection, document_uid: str) -> tuple[Consignment, ...]:
    """The consignments of every package that carries or acts on a document (its statuses' too)."""
    return _consignments_of_document.all(conn, document_uid=document_uid)


def act_by_identity(conn: Connection, identity: str) -> Act | None:
    """The act that a package with this identity repeats."""
    return _acts_by_identity.one(conn, identity=identity)


def act_of_package(conn: Connection, package_id: str) -> Act | None:
    """The act that a package carries."""
    return _acts_of_package.one(conn, package_id=package_id)


def acts_on(conn: Connection, document_uid: str) -> tuple[Act, ...]:
    """The acts on a document, in the order in which they came."""
    return _acts_on.all(conn, document_uid=document_uid)


def act_receivers(conn: Connection, act_id: str) -> tuple[ActReceiver, ...]:
    """Who has to answer an act, by code."""
    return _act_receivers.all(conn, act_id=act_id)


def oldest_open_act(conn: Connection, document_uid: str, receiver_organ: str) -> Act | None:
    """The act on a document that this receiver has not answered for the longest time."""
    return _oldest_open_act.one(conn, document_uid=document_uid, receiver_organ=receiver_organ)


def targets_of_acts(conn: Connection, from_organ: str, document_id: str) -> tuple[Document, ...]:
    """The documents on which this sender's acts under a DocumentId (as it came) act, latest act first."""
    return tuple(dict.fromkeys(_targets_of_acts.all(conn, from_organ=from_organ, document_id=document_id)))


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
