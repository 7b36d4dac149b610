"""Acts: which there are on a document, who has still to answer, and what an act may still take back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, and_, bindparam, case, select, union, union_all

from axis.store import schema
from axis.store.queries.intake import is_given
from axis.store.records import Act, ActReceiver, ActTarget, Consignment, Delivery, Document, DocumentChange, QueueRow
from axis.store.rows import Query, columns_of, record_reader
from axis.terms import ActEffect, ActKind, BusinessType, PackageKind, TransportState

_act, _target, _receiver = schema.act.c, schema.act_target.c, schema.act_receiver.c
_document, _delivery = schema.document.c, schema.delivery.c
_consignment, _package, _queue = schema.consignment.c, schema.package.c, schema.queue.c

NOT_HANDED_OVER = (TransportState.QUEUED, TransportState.RETRYING, TransportState.DEAD)
"""Transport states of a consignment that can still be withdrawn."""

named = union_all(
    select(_target.act_id, _target.position, _target.document_uid),
    # A document that came after the act which names it: the first of its name, since none was known before.
    select(_target.act_id, _target.position, _document.document_uid)
    .select_from(schema.act_target)
    .join(schema.act, _act.act_id == _target.act_id)
    .join(
        schema.document,
        and_(
            _document.from_organ == _act.from_organ,
            _document.document_key == _target.document_key,
            _document.edition == 1,
        ),
    )
    .join(schema.package, _package.package_id == _act.package_id)
    .where(
        _target.document_uid.is_(None),
        _target.effect == ActEffect.UNKNOWN.value,
        _package.document_uid.is_distinct_from(_document.document_uid),  # a replacement is not its own predecessor
    ),
).subquery("named")
"""Which documents each act names: those that were known when it came, and those that came later."""


def about(document_uid: str | BindParameter[str]) -> ColumnElement[bool]:
    """Packages that carry the document, and those of acts on it (a replacement carries another document).

    As one set of ids, each part from its index: told as alternatives PostgreSQL reads every package there is.
    """
    acts = select(named.c.act_id).where(named.c.document_uid == document_uid)
    ids: Any = union(
        select(_package.package_id).where(_package.document_uid == document_uid),
        select(_act.package_id).where(_act.act_id.in_(acts)),
    )
    return and_(_package.kind == PackageKind.DOCUMENT, _package.package_id.in_(ids))


_acts_by_identity = Query(Act, is_given(_act.identity))
_acts_of_package = Query(Act, is_given(_act.package_id))
_acts_on = Query(
    Act,
    _act.act_id.in_(select(named.c.act_id).where(named.c.document_uid == bindparam("document_uid"))),
    order=(_act.received_at, _act.act_id),
)
_targets = Query(ActTarget, is_given(_target.act_id), order=(_target.position,))
_receivers = Query(ActReceiver, is_given(_receiver.act_id), order=(_receiver.position, _receiver.receiver_organ))
_changes = Query(DocumentChange, is_given(schema.document_change.c.act_id), order=(schema.document_change.c.field,))

# A replacement is answered by the statuses of the document that it brings: it takes a 15 or 16 only when nothing asks.
_OLDEST_ASKING = (case((_act.kind == ActKind.REPLACE.value, 1), else_=0), _act.received_at, _act.act_id)
_ACT, _read_act = columns_of(Act), record_reader(Act)
_open = (
    select(*_ACT, _receiver.position)
    .select_from(schema.act)
    .join(schema.act_receiver, _receiver.act_id == _act.act_id)
    .where(is_given(_receiver.receiver_organ), _receiver.answer.is_(None))
    .order_by(*_OLDEST_ASKING)
    .limit(1)
)
_open_on = _open.join(named, and_(named.c.act_id == _receiver.act_id, named.c.position == _receiver.position)).where(
    named.c.document_uid == bindparam("document_uid")
)
_open_by_name = _open.join(
    schema.act_target, and_(_target.act_id == _receiver.act_id, _target.position == _receiver.position)
).where(_target.document_uid.is_(None), is_given(_target.document_key), is_given(_act.from_organ))

_targets_of_acts = Query(
    Document,
    _act.from_organ == bindparam("from_organ"),
    _act.kind != ActKind.REPLACE.value,  # its DocumentId is that of a document of its own
    _package.document_id == bindparam("document_id"),
    order=(_act.received_at.desc(), _act.act_id.desc(), named.c.position),
    joined=schema.package.join(schema.act, _act.package_id == _package.package_id)
    .join(named, named.c.act_id == _act.act_id)
    .join(schema.document, _document.document_uid == named.c.document_uid),
)
# Packages that bring the document or what has become of it; never a recall, nor a status.
_BRINGS = (BusinessType.NEW.value, BusinessType.UPDATE.value, BusinessType.REPLACE.value)
_withdrawable = Query(
    Consignment,
    is_given(_delivery.document_uid),
    _consignment.state.in_([state.value for state in NOT_HANDED_OVER]),
    _package.kind == PackageKind.DOCUMENT.value,
    _package.business_type.in_(_BRINGS),
    order=(_consignment.consignment_id,),
    joined=schema.delivery.join(schema.consignment, _consignment.delivery_id == _delivery.delivery_id).join(
        schema.package, _package.package_id == _consignment.package_id
    ),
)
_brought = Query(
    Delivery,
    _delivery.delivery_id.in_(bindparam("delivery_ids", expanding=True)),
    select(_package.package_id).where(is_given(_package.package_id), _package.business_type.in_(_BRINGS)).exists(),
    order=(_delivery.delivery_id,),
)
_consignments_of = Query(
    Consignment,
    _consignment.package_id.in_(bindparam("package_ids", expanding=True)),
    order=(_consignment.consignment_id,),
)
_open_answers_of = Query(
    ActReceiver,
    _receiver.package_id.in_(bindparam("package_ids", expanding=True)),
    _receiver.answer.is_(None),
    order=(_receiver.act_id, _receiver.position, _receiver.receiver_organ),
)
_pushes_of = Query(
    QueueRow,
    _queue.package_id.in_(bindparam("package_ids", expanding=True)),
    _queue.task == "send",
    order=(_queue.queue_id,),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAct:
    """An act that a receiver has not answered, for one of the documents that it names."""

    act: Act
    position: int


def act_by_identity(conn: Connection, identity: str) -> Act | None:
    """The act that a package with this identity repeats."""
    return _acts_by_identity.one(conn, identity=identity)


def act_of_package(conn: Connection, package_id: str) -> Act | None:
    """The act that a package carries."""
    return _acts_of_package.one(conn, package_id=package_id)


def acts_on(conn: Connection, document_uid: str) -> tuple[Act, ...]:
    """The acts on a document, in the order in which they came."""
    return _acts_on.all(conn, document_uid=document_uid)


def act_targets(conn: Connection, act_id: str) -> tuple[ActTarget, ...]:
    """The documents that an act names, in its order."""
    return _targets.all(conn, act_id=act_id)


def act_receivers(conn: Connection, act_id: str) -> tuple[ActReceiver, ...]:
    """Who is concerned by an act, for each document that it names, by code."""
    return _receivers.all(conn, act_id=act_id)


def document_changes(conn: Connection, act_id: str) -> tuple[DocumentChange, ...]:
    """What an update changed in the header, by field."""
    return _changes.all(conn, act_id=act_id)


def oldest_open_act(conn: Connection, document_uid: str, receiver_organ: str) -> OpenAct | None:
    """The act on a document that this receiver has not answered for the longest time; a replacement comes last."""
    return _read_open(conn, _open_on, document_uid=document_uid, receiver_organ=receiver_organ)


def oldest_open_act_by_name(
    conn: Connection, from_organ: str, document_key: str, receiver_organ: str
) -> OpenAct | None:
    """The same for a document that is not known here: by the sender and the DocumentId that the act names."""
    return _read_open(
        conn, _open_by_name, from_organ=from_organ, document_key=document_key, receiver_organ=receiver_organ
    )


def targets_of_acts(conn: Connection, from_organ: str, document_id: str) -> tuple[Document, ...]:
    """The documents on which this sender's acts under a DocumentId (as it came) act, latest act first."""
    return tuple(dict.fromkeys(_targets_of_acts.all(conn, from_organ=from_organ, document_id=document_id)))


def brought_deliveries(conn: Connection, package_id: str, delivery_ids: Sequence[str]) -> dict[str, Delivery]:
    """Of these deliveries those that the package brings, itself or as it is by now; a recall brings none."""
    if not delivery_ids:
        return {}
    found = _brought.all(conn, package_id=package_id, delivery_ids=list(delivery_ids))
    return {one.delivery_id: one for one in found}


def withdrawable(conn: Connection, document_uid: str) -> tuple[Consignment, ...]:
    """Consignments that bring a document or an update of it and have not been handed over."""
    return _withdrawable.all(conn, document_uid=document_uid)


def consignments_of(conn: Connection, package_ids: Sequence[str]) -> tuple[Consignment, ...]:
    """The consignments of several packages."""
    return _consignments_of.all(conn, package_ids=list(package_ids)) if package_ids else ()


def pushes_of(conn: Connection, package_ids: Sequence[str]) -> tuple[QueueRow, ...]:
    """The pushes of several packages that are due, or under way."""
    return _pushes_of.all(conn, package_ids=list(package_ids)) if package_ids else ()


def open_answers_of(conn: Connection, package_ids: Sequence[str]) -> tuple[ActReceiver, ...]:
    """The answers that the acts brought by several packages still wait for."""
    return _open_answers_of.all(conn, package_ids=list(package_ids)) if package_ids else ()


def _read_open(conn: Connection, statement: object, **parameters: str) -> OpenAct | None:
    row = conn.execute(statement, parameters).one_or_none()  # type: ignore[call-overload]
    if row is None:
        return None
    return OpenAct(act=_read_act(row[: len(_ACT)]), position=row.position)
