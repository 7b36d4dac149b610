"""What one system may see of the exchange, a page at a time: what waits for it, its documents, its deliveries.

Each page goes on from a key, so that no page grows with the data, and none is skipped when rows come and go. Whatever
the system serves no more, or never did, is not there for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    String,
    Table,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    true,
    tuple_,
)

from axis.store import schema as s
from axis.store.queries.acts import about, named
from axis.store.queries.lists import WAITS, PendingItem, held_for, pending_items
from axis.store.records import Act, ActReceiver, Attachment, Consignment, Delivery, Document, Package
from axis.store.rows import columns_of, read_all, record_reader
from axis.store.schema import UtcMicros
from axis.store.search import matches
from axis.terms import PENDING, PackageKind, Place

_r, _c, _d, _v, _p = s.route.c, s.consignment.c, s.document.c, s.delivery.c, s.package.c
_of_system = _r.system_id == bindparam("system_id")
_SHOWN_ACTS, _SHOWN_PACKAGES = 50, 50

_DOCUMENT, _read_document = columns_of(Document), record_reader(Document)
_DELIVERY, _read_delivery = columns_of(Delivery), record_reader(Delivery)
_CONSIGNMENT, _read_consignment = columns_of(Consignment), record_reader(Consignment)
_PACKAGE, _read_package = columns_of(Package), record_reader(Package)
_ATTACHMENT, _read_attachment = columns_of(Attachment), record_reader(Attachment)
_ACT, _read_act = columns_of(Act), record_reader(Act)
_ANSWER, _read_answer = columns_of(ActReceiver), record_reader(ActReceiver)


class Way(StrEnum):
    """Which way a document went, seen from the system."""

    SENT = "sent"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingKey:
    """A place in the list of what waits: by urgency, then by age."""

    urgency: int
    consignment_id: str  # the first of the package that waits for the system


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingPage:
    """A page of what waits for a system. next: where the following one begins; None: there is none."""

    items: tuple[PendingItem, ...]
    next: PendingKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentsAsked:
    """Which documents to list, newest first."""

    system_id: str
    way: Way
    text: str = ""  # every word must occur, as in the console's search
    before: str | None = None  # document_uid of the last one seen
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryKey:
    """A place in the list of deliveries: documents newest first, receivers by code."""

    document_uid: str
    receiver_organ: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveriesAsked:
    """Which deliveries to list."""

    system_id: str
    way: Way
    document_uid: str | None = None
    status_code: str | None = None
    after: DeliveryKey | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLine:
    """A delivery, the document's words, and the latest consignment that carried anything for it."""

    delivery: Delivery
    document: Document
    consignment: Consignment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActLine:
    """An act on a document, with the answers that the system may see."""

    act: Act
    answers: tuple[ActReceiver, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSeen:
    """A document as one system may see it: its sender everything, a receiver only what concerns it."""

    document: Document
    sent: bool  # the system acts for the sender
    received: bool  # the system acts for a receiver
    packages: tuple[Package, ...]
    files: tuple[Attachment, ...]  # of the document's own package
    acts: tuple[ActLine, ...]


def pending_page(
    conn: Connection, system_id: str, kind: PackageKind | None, now: datetime, page: tuple[PendingKey | None, int]
) -> PendingPage:
    """What waits for a system, after a key, by urgency and age; at most so many. page: key and limit."""
    key, limit = page
    held = held_for(conn, system_id, now)
    if held.all:
        return PendingPage(items=(), next=None)
    asked = {"system_id": system_id, "now": now, "limit": limit + 1, **held.parameters}
    if key is not None:
        asked |= {"urgency": key.urgency, "consignment_id": key.consignment_id}
    statement = _pending(conn.dialect.name, after=key is not None, holding=held.some)
    kinds = tuple(PackageKind) if kind is None else (kind,)
    rows = [row for one in kinds for row in conn.execute(statement, {**asked, "kind": one.value})]
    found = sorted(rows, key=lambda row: (-row.urgency, row.first))[: limit + 1]
    shown = found[:limit]
    items = pending_items(conn, system_id, [row.package_id for row in shown], now)
    last = PendingKey(urgency=shown[-1].urgency, consignment_id=shown[-1].first) if len(found) > limit else None
    return PendingPage(items=items, next=last)


def _pending(dialect: str, *, after: bool, holding: bool) -> Select[Any]:
    """Packages of a kind with what places them: their urgency, and the first of theirs that waits for the system."""
    wanted: list[ColumnElement[bool]] = [_c.receiver_organ == _r.organ_id, _c.kind == bindparam("kind")]
    wanted += WAITS[holding]
    if after:
        urgency: ColumnElement[Any] = bindparam("urgency", type_=Integer())
        key: ColumnElement[Any] = bindparam("consignment_id", type_=String())
        wanted += [_c.urgency <= urgency, or_(_c.urgency < urgency, _c.consignment_id > key), ~_was_shown(urgency, key)]
    of_organ = (
        select(_c.consignment_id)
        .where(*wanted)
        .order_by(_c.urgency.desc(), _c.consignment_id)
        .limit(bindparam("limit"))
        .correlate(s.route)
    )
    ids = _of_each_organ(dialect, s.consignment, _c.consignment_id, of_organ)
    first = func.min(_c.consignment_id).label("first")
    return (
        select(_c.package_id, func.max(_c.urgency).label("urgency"), first)
        .where(_c.consignment_id.in_(ids))
        .group_by(_c.package_id)
        .order_by(func.max(_c.urgency).desc(), first)
        .limit(bindparam("limit"))
    )


def _was_shown(urgency: ColumnElement[Any], key: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the package has a consignment at or before the key: it stood on an earlier page."""
    other, route = s.consignment.alias("other"), s.route.alias("other_route")
    o = other.c
    visible = or_(o.visible_at.is_(None), o.visible_at <= bindparam("now", type_=UtcMicros()))
    waits = and_(o.place == Place.LOCAL.value, o.state.in_([state.value for state in PENDING]), visible)
    return (
        exists()
        .select_from(other.join(route, route.c.organ_id == o.receiver_organ))
        .where(
            o.package_id == _c.package_id,
            route.c.system_id == bindparam("system_id"),
            waits,
            o.urgency == urgency,
            o.consignment_id <= key,
        )
        .correlate(s.consignment)
    )


def documents_page(conn: Connection, asked: DocumentsAsked) -> tuple[Document, ...]:
    """Documents that those whom the system serves sent, or received, newest first."""
    dialect, wanted = conn.dialect.name, list(matches(asked.text))
    if asked.way is Way.SENT:
        key, before = _d.document_uid, _d.document_uid
        inner = select(key).where(_d.from_organ == _r.organ_id, *wanted)
        table = s.document
    else:
        key, before = _v.delivery_id, _v.document_uid
        inner = select(key).where(_v.receiver_organ == _r.organ_id)
        if wanted:
            found = select(_d.document_uid).where(_d.document_uid == _v.document_uid, *wanted).correlate(s.delivery)
            inner = inner.where(found.exists())
        table = s.delivery
    if asked.before is not None:
        inner = inner.where(before < asked.before)
    inner = inner.order_by(before.desc()).limit(asked.limit).correlate(s.route)
    ids: Any = _of_each_organ(dialect, table, key, inner)
    if asked.way is Way.RECEIVED:
        ids = select(_v.document_uid).where(_v.delivery_id.in_(ids))
    statement = select(*_DOCUMENT).where(_d.document_uid.in_(ids)).order_by(_d.document_uid.desc()).limit(asked.limit)
    return read_all(_read_document, conn.execute(statement, {"system_id": asked.system_id}).all())


def deliveries_page(conn: Connection, asked: DeliveriesAsked) -> tuple[DeliveryLine, ...]:
    """Deliveries of documents that those whom the system serves sent, or to those whom it serves."""
    inner = select(_v.delivery_id)
    if asked.way is Way.SENT:
        inner = inner.join(s.document, _d.document_uid == _v.document_uid).where(_d.from_organ == _r.organ_id)
    else:
        inner = inner.where(_v.receiver_organ == _r.organ_id)
    if asked.document_uid is not None:
        inner = inner.where(_v.document_uid == asked.document_uid)
    if asked.status_code is not None:
        inner = inner.where(_v.status_code == (asked.status_code or None))
    if (key := asked.after) is not None:
        later = or_(_v.document_uid < key.document_uid, _v.receiver_organ > key.receiver_organ)
        inner = inner.where(_v.document_uid <= key.document_uid, later)
    order = (_v.document_uid.desc(), _v.receiver_organ)
    inner = inner.order_by(*order).limit(asked.limit).correlate(s.route)
    ids = _of_each_organ(conn.dialect.name, s.delivery, _v.delivery_id, inner)
    rows = conn.execute(
        select(*_DELIVERY, *_DOCUMENT)
        .join_from(s.delivery, s.document, _d.document_uid == _v.document_uid)
        .where(_v.delivery_id.in_(ids))
        .order_by(*order)
        .limit(asked.limit),
        {"system_id": asked.system_id},
    ).all()
    found = [(_read_delivery(row[: len(_DELIVERY)]), _read_document(row[len(_DELIVERY) :])) for row in rows]
    latest = _first_consignments(conn, [delivery.delivery_id for delivery, _ in found])
    return tuple(
        DeliveryLine(delivery=delivery, document=document, consignment=latest.get(delivery.delivery_id))
        for delivery, document in found
    )


def document_seen(conn: Connection, system_id: str, document_uid: str) -> DocumentSeen | None:
    """A document as the system may see it; None when it has nothing to do with it."""
    row = conn.execute(select(*_DOCUMENT).where(_d.document_uid == document_uid)).one_or_none()
    if row is None:
        return None
    document = _read_document(row)
    served = {"system_id": system_id}
    sent = conn.execute(select(_r.organ_id).where(_of_system, _r.organ_id == document.from_organ), served).first()
    mine = select(_r.organ_id).where(_of_system)
    receives = select(_v.delivery_id).where(_v.document_uid == document_uid, _v.receiver_organ.in_(mine)).limit(1)
    received = conn.execute(receives, served).first()
    if sent is None and received is None:
        return None
    packages = _packages(conn, system_id, document, everything=sent is not None)
    return DocumentSeen(
        document=document,
        sent=sent is not None,
        received=received is not None,
        packages=packages,
        files=_files(conn, document.package_id),
        acts=_acts(conn, system_id, document, everything=sent is not None),
    )


def _of_each_organ(dialect: str, table: Table, key: ColumnElement[Any], of_organ: Select[Any]) -> Select[Any]:
    """The keys that `of_organ` finds for each organisation that the system serves.

    However much an organisation has, only the first rows of each are looked at.
    """
    if dialect == "postgresql":
        lateral = of_organ.lateral("of_organ")
        return select(lateral.c[key.name]).select_from(s.route).join(lateral, true()).where(_of_system)
    rows = table.alias("rows_of_organ")  # SQLite has no LATERAL; a correlated IN does the same there
    return select(rows.c[key.name]).select_from(s.route).join(rows, rows.c[key.name].in_(of_organ)).where(_of_system)


def _first_consignments(conn: Connection, delivery_ids: Sequence[str]) -> dict[str, Consignment]:
    """Those that brought the document; later ones carry acts on it."""
    own = s.consignment.alias("own").c
    first = select(func.min(own.consignment_id)).where(own.delivery_id.in_(delivery_ids)).group_by(own.delivery_id)
    rows = conn.execute(select(*_CONSIGNMENT).where(_c.consignment_id.in_(first))).all()
    return {one.delivery_id: one for one in read_all(_read_consignment, rows) if one.delivery_id is not None}


def _packages(conn: Connection, system_id: str, document: Document, *, everything: bool) -> tuple[Package, ...]:
    """Packages that carry the document or act on it; for a receiver those that came to it."""
    statement = select(*_PACKAGE).where(about(document.document_uid))
    if not everything:
        statement = statement.where(_came_to(system_id, _p.package_id))
    statement = statement.order_by(_p.package_id).limit(_SHOWN_PACKAGES)
    return read_all(_read_package, conn.execute(statement).all())


def _came_to(system_id: str, package_id: ColumnElement[Any]) -> ColumnElement[bool]:
    mine = select(_r.organ_id).where(_r.system_id == system_id)
    return exists().where(_c.package_id == package_id, _c.receiver_organ.in_(mine))


def _files(conn: Connection, package_id: str) -> tuple[Attachment, ...]:
    a = s.attachment.c
    statement = select(*_ATTACHMENT).where(a.package_id == package_id).order_by(a.position)
    return read_all(_read_attachment, conn.execute(statement).all())


def _acts(conn: Connection, system_id: str, document: Document, *, everything: bool) -> tuple[ActLine, ...]:
    a, r = s.act.c, s.act_receiver.c
    mine = select(named.c.act_id, named.c.position).where(named.c.document_uid == document.document_uid)
    statement = select(*_ACT).where(a.act_id.in_(mine.with_only_columns(named.c.act_id)))
    answers = select(*_ANSWER).where(tuple_(r.act_id, r.position).in_(mine)).order_by(r.act_id, r.receiver_organ)
    if not everything:
        statement = statement.where(_came_to(system_id, a.package_id))
        answers = answers.where(r.receiver_organ.in_(select(_r.organ_id).where(_r.system_id == system_id)))
    acts = read_all(_read_act, conn.execute(statement.order_by(a.act_id).limit(_SHOWN_ACTS)).all())
    found = read_all(_read_answer, conn.execute(answers.where(r.act_id.in_([act.act_id for act in acts]))).all())
    return tuple(
        ActLine(act=act, answers=tuple(answer for answer in found if answer.act_id == act.act_id)) for act in acts
    )
