"""What is known when a package comes in: documents, deliveries, acts, statuses."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, func, literal_column, select

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
from axis.store.rows import Finder

ORPHAN: ColumnElement[str] = literal_column("'orphan'")  # in the text of the statement, for the partial index

_documents = Finder(Document)
_packages = Finder(Package)
_attachments = Finder(Attachment)
_deliveries = Finder(Delivery)
_consignments = Finder(Consignment)
_acts = Finder(Act)
_act_receivers = Finder(ActReceiver)
_events = Finder(StatusEvent)


def package(conn: Connection, package_id: str) -> Package | None:
    """A package by our id."""
    return _packages.one(conn, schema.package.c.package_id == package_id)


def package_by_bytes(conn: Connection, from_organ: str, sha256_hex: str) -> Package | None:
    """The package of this sender that had these very bytes."""
    t = schema.package.c
    return _packages.one(conn, t.from_organ == from_organ, t.sha256_hex == sha256_hex)


def attachments(conn: Connection, package_id: str) -> tuple[Attachment, ...]:
    """The files of a package, in their order there."""
    t = schema.attachment.c
    return _attachments.all(conn, t.package_id == package_id, order=(t.position,))


def document(conn: Connection, document_uid: str) -> Document | None:
    """A document by our id."""
    return _documents.one(conn, schema.document.c.document_uid == document_uid)


def documents_by_key(conn: Connection, from_organ: str, document_key: str) -> tuple[Document, ...]:
    """All editions of a sender's document, by its DocumentId in comparison form, oldest first."""
    t = schema.document.c
    return _documents.all(conn, t.from_organ == from_organ, t.document_key == document_key, order=(t.edition,))


def documents_by_code(
    conn: Connection, from_organ: str, code_key: str, promulgation_date: str | None
) -> tuple[Document, ...]:
    """A sender's documents of one number, notation and date, in the order in which they came."""
    t = schema.document.c
    same = _same_code(from_organ, code_key, promulgation_date)
    return _documents.all(conn, *same, order=(t.received_at, t.document_uid))


def documents_by_document_id(conn: Connection, document_key: str) -> tuple[Document, ...]:
    """Documents of any sender by their DocumentId in comparison form, in the order in which they came."""
    t = schema.document.c
    return _documents.all(conn, t.document_key == document_key, order=(t.received_at, t.document_uid))


def next_same_code_no(conn: Connection, from_organ: str, code_key: str, promulgation_date: str | None) -> int:
    """The number of a further document of this number, notation and date: 0 for the first."""
    t = schema.document.c
    highest = select(func.max(t.same_code_no)).where(*_same_code(from_organ, code_key, promulgation_date))
    found: int | None = conn.scalar(highest)
    return 0 if found is None else found + 1


def deliveries(conn: Connection, document_uid: str) -> tuple[Delivery, ...]:
    """A document's deliveries, in the order in which they were made."""
    t = schema.delivery.c
    return _deliveries.all(conn, t.document_uid == document_uid, order=(t.delivery_id,))


def delivery(conn: Connection, document_uid: str, receiver_organ: str) -> Delivery | None:
    """One receiver's delivery of a document."""
    t = schema.delivery.c
    return _deliveries.one(conn, t.document_uid == document_uid, t.receiver_organ == receiver_organ)


def consignments(conn: Connection, package_id: str) -> tuple[Consignment, ...]:
    """A package's consignments, in the order in which they were made."""
    t = schema.consignment.c
    return _consignments.all(conn, t.package_id == package_id, order=(t.consignment_id,))


def consignments_of_document(conn: Connection, document_uid: str) -> tuple[Consignment, ...]:
    """The consignments of every package that carries or acts on a document (its statuses' too)."""
    t = schema.consignment.c
    packages = select(schema.package.c.package_id).where(schema.package.c.document_uid == document_uid)
    return _consignments.all(conn, t.package_id.in_(packages), order=(t.consignment_id,))


def act_by_identity(conn: Connection, identity: str) -> Act | None:
    """The act that a package with this identity repeats."""
    return _acts.one(conn, schema.act.c.identity == identity)


def act_of_package(conn: Connection, package_id: str) -> Act | None:
    """The act that a package carries."""
    return _acts.one(conn, schema.act.c.package_id == package_id)


def acts_on(conn: Connection, document_uid: str) -> tuple[Act, ...]:
    """The acts on a document, in the order in which they came."""
    t = schema.act.c
    return _acts.all(conn, t.document_uid == document_uid, order=(t.received_at, t.act_id))


def act_receivers(conn: Connection, act_id: str) -> tuple[ActReceiver, ...]:
    """Who has to answer an act, by code."""
    t = schema.act_receiver.c
    return _act_receivers.all(conn, t.act_id == act_id, order=(t.receiver_organ,))


def oldest_open_act(conn: Connection, document_uid: str, receiver_organ: str) -> Act | None:
    """The act on a document that this receiver has not answered for the longest time."""
    t, r = schema.act.c, schema.act_receiver.c
    open_here = (
        select(r.act_id).where(r.act_id == t.act_id, r.receiver_organ == receiver_organ, r.answer.is_(None)).exists()
    )
    found = _acts.all(conn, t.document_uid == document_uid, open_here, order=(t.received_at, t.act_id), limit=1)
    return found[0] if found else None


def targets_of_acts(conn: Connection, from_organ: str, document_id: str) -> tuple[Document, ...]:
    """The documents on which this sender's acts under a DocumentId (as it came) act, latest act first."""
    t, a, p = schema.document.c, schema.act.c, schema.package.c
    statement = (
        _documents.select()
        .join(schema.act, a.document_uid == t.document_uid)
        .join(schema.package, p.package_id == a.package_id)
        .where(a.from_organ == from_organ, p.document_id == document_id)
        .order_by(a.received_at.desc(), a.act_id.desc())
    )
    return tuple(dict.fromkeys(_documents.run(conn, statement)))


def status_events(conn: Connection, document_uid: str) -> tuple[StatusEvent, ...]:
    """A document's status events, in the order in which they came."""
    t = schema.status_event.c
    return _events.all(conn, t.document_uid == document_uid, order=(t.event_id,))


def orphans(conn: Connection, to_organ: str) -> tuple[StatusEvent, ...]:
    """Statuses for documents of this sender that have not come yet, oldest first."""
    t = schema.status_event.c
    return _events.all(conn, t.to_organ == to_organ, t.effect == ORPHAN, order=(t.event_id,))


def event_of_package(conn: Connection, package_id: str) -> StatusEvent | None:
    """The status event that a package carries."""
    return _events.one(conn, schema.status_event.c.package_id == package_id)


def _same_code(
    from_organ: str, code_key: str, promulgation_date: str | None
) -> tuple[ColumnElement[bool], ColumnElement[bool], ColumnElement[bool]]:
    t = schema.document.c
    date: Any = t.promulgation_date.is_(None) if promulgation_date is None else t.promulgation_date == promulgation_date
    return t.from_organ == from_organ, t.code_key == code_key, date
