"""The queue of pushes to partners: what is due, who has claimed it, what a push is about, and what lacks one.

A claim is a lease: when its holder dies, the row is due again after it. Each claim raises the row's fence, and
recording needs the fence, so that a claimer who was only slow cannot record over the next one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)

from axis.store import schema
from axis.store.records import Consignment, Delivery, Package, QueueRow
from axis.store.rows import Query
from axis.store.schema import UtcMicros
from axis.terms import Place, TransportState, Urgency

_SEND, _ASK = "send", "ask"
_t = schema.queue.c
_CLAIM_ORDER = (_t.urgency.desc(), _t.queue_id)


_c, _r, _s = schema.consignment.c, schema.route.c, schema.system.c
_UNSENT = (TransportState.QUEUED.value, TransportState.RETRYING.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What a queue row is about."""

    package: Package
    consignments: tuple[Consignment, ...]  # all of the package's that the partner reaches now
    deliveries: tuple[Delivery, ...]  # of those consignments that bring a document
    status_code: str | None  # of a status
    sender_name: str | None  # as the document has it


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingPush:
    """A package that waits for a system that we push to, and no push of it stands in the queue."""

    package_id: str
    partner_id: str
    urgency: Urgency
    queued_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits for a partner."""

    to_send: int
    to_ask: int
    oldest_unsent_at: datetime | None  # since when the oldest unsent package waits


def _in_order(task: str) -> ColumnElement[bool]:
    """No older package of the same document still waits to be sent: a status never overtakes its document."""
    if task != _SEND:
        return true()
    mine, other = schema.package.alias("mine"), schema.package.alias("other")
    older = schema.queue.alias("older")
    of_document = mine.join(other, other.c.document_uid == mine.c.document_uid).join(
        older, and_(older.c.package_id == other.c.package_id, older.c.partner_id == _t.partner_id)
    )
    return ~(
        select(literal_column("1"))
        .select_from(of_document)
        .where(mine.c.package_id == _t.package_id, older.c.task == _SEND, older.c.queue_id < _t.queue_id)
        .correlate(schema.queue)
        .exists()
    )


def _of_task(task: str) -> tuple[ColumnElement[bool], ...]:
    return _t.partner_id == bindparam("partner_id"), _t.task == task, _in_order(task)


def _due(task: str) -> Select[Any]:
    """Ids of rows that may be claimed."""
    now = bindparam("now", type_=UtcMicros())
    return select(_t.queue_id).where(
        *_of_task(task), _t.due_at <= now, or_(_t.lease_until.is_(None), _t.lease_until <= now)
    )


def _to_claim(task: str) -> Select[Any]:
    due = _due(task).order_by(*_CLAIM_ORDER).limit(bindparam("limit"))
    return due.with_for_update(skip_locked=True, of=schema.queue)


def _next(task: str) -> tuple[Select[Any], Select[Any]]:
    """The moment at which a row can be claimed next: of those that nobody holds, of those that somebody does."""
    later = case((_t.lease_until > _t.due_at, _t.lease_until), else_=_t.due_at)
    free = select(_t.due_at).where(*_of_task(task), _t.lease_until.is_(None)).order_by(_t.due_at).limit(1)
    held = select(func.min(later, type_=UtcMicros())).where(*_of_task(task), _t.lease_until.is_not(None))
    return free, held


_claims = {task: _to_claim(task) for task in (_SEND, _ASK)}
_any_due = {task: _due(task).limit(1) for task in (_SEND, _ASK)}
_next_moments = (*_next(_SEND), *_next(_ASK))
_by_id = Query(QueueRow, _t.queue_id == bindparam("queue_id"))
_packages = Query(Package, schema.package.c.package_id == bindparam("package_id"))
_of_partner = Query(
    Consignment,
    _c.package_id == bindparam("package_id"),
    or_(
        and_(_c.place == Place.UPLINK.value, _c.uplink_id == bindparam("partner_id")),
        and_(
            _c.place == Place.LOCAL.value,
            select(_r.organ_id)
            .where(_r.organ_id == _c.receiver_organ, _r.system_id == bindparam("partner_id"))
            .correlate(schema.consignment)
            .exists(),
        ),
    ),
    order=(_c.consignment_id,),
)
_deliveries_of = Query(
    Delivery,
    schema.delivery.c.delivery_id.in_(bindparam("ids", expanding=True)),
    order=(schema.delivery.c.delivery_id,),
)
_status_of = select(schema.status_event.c.status_code).where(
    schema.status_event.c.package_id == bindparam("package_id")
)
_sender_of = select(schema.document.c.sender_name).where(schema.document.c.document_uid == bindparam("document_uid"))
_missing = (
    select(
        _c.package_id,
        _r.system_id,
        func.max(_c.urgency).label("urgency"),
        func.min(_c.queued_at, type_=UtcMicros()).label("queued_at"),
    )
    .select_from(schema.system)
    .join(schema.route, _r.system_id == _s.system_id)
    .join(schema.consignment, _c.receiver_organ == _r.organ_id)
    .where(
        _s.adapter.is_not(None),
        # Word for word the condition of ix_consignment_pending, or the index does not serve.
        literal_column(
            "(consignment.place = 'local' AND consignment.state IN ('queued', 'handed_over', 'retrying'))", Boolean
        ),
        _c.state.in_(_UNSENT),
        ~select(_t.queue_id)
        .where(_t.package_id == _c.package_id, _t.partner_id == _r.system_id, _t.task == _SEND)
        .correlate(schema.consignment, schema.route)
        .exists(),
    )
    .group_by(_c.package_id, _r.system_id)
    .order_by(func.min(_c.consignment_id))
    .limit(bindparam("limit"))
)
_claimed = Query(QueueRow, _t.queue_id.in_(bindparam("ids", expanding=True)), order=_CLAIM_ORDER)
_counts = (
    select(_t.task, func.count(), func.min(_t.queued_at, type_=UtcMicros()))
    .where(_t.partner_id == bindparam("partner_id"))
    .group_by(_t.task)
)


def claim(  # noqa: PLR0913, PLR0917 - plain words of one sentence
    conn: Connection, partner_id: str, task: str, now: datetime, lease_until: datetime, limit: int
) -> tuple[QueueRow, ...]:
    """Take due rows that nobody holds, by urgency and age, with their new fence. A write unit."""
    ids = conn.scalars(_claims[task], {"partner_id": partner_id, "now": now, "limit": limit}).all()
    if not ids:
        return ()
    conn.execute(update(schema.queue).where(_t.queue_id.in_(ids)).values(lease_until=lease_until, fence=_t.fence + 1))
    return _claimed.all(conn, ids=ids)


def has_due(conn: Connection, partner_id: str, task: str, now: datetime) -> bool:
    """Whether `claim` would find anything now."""
    return conn.execute(_any_due[task], {"partner_id": partner_id, "now": now}).first() is not None


def next_due(conn: Connection, partner_id: str) -> datetime | None:
    """When `claim` finds the next row at the earliest (past: now), leases of others taken into account."""
    moments = [conn.scalar(statement, {"partner_id": partner_id}) for statement in _next_moments]
    return min((moment for moment in moments if moment is not None), default=None)


def queue_row(conn: Connection, queue_id: str) -> QueueRow | None:
    """One row as it stands now; None when it is gone."""
    return _by_id.one(conn, queue_id=queue_id)


def push(conn: Connection, package_id: str, partner_id: str) -> Push | None:
    """What a queue row is about; None when there is no such package."""
    package = _packages.one(conn, package_id=package_id)
    if package is None:
        return None
    consignments = _of_partner.all(conn, package_id=package_id, partner_id=partner_id)
    ids = [c.delivery_id for c in consignments if c.delivery_id is not None]
    return Push(
        package=package,
        consignments=consignments,
        deliveries=_deliveries_of.all(conn, ids=ids) if ids else (),
        status_code=conn.scalar(_status_of, {"package_id": package_id}),
        sender_name=conn.scalar(_sender_of, {"document_uid": package.document_uid}) if package.document_uid else None,
    )


def missing_pushes(conn: Connection, limit: int) -> tuple[MissingPush, ...]:
    """Packages that wait for a system that we push to without a push in the queue, oldest first.

    After a change of routes there are many; otherwise only what was decided while the configuration changed.
    """
    return tuple(
        MissingPush(
            package_id=row.package_id,
            partner_id=row.system_id,
            urgency=Urgency(row.urgency),
            queued_at=row.queued_at,
        )
        for row in conn.execute(_missing, {"limit": limit})
    )


def backlog(conn: Connection, partner_id: str) -> Backlog:
    """How much waits for a partner."""
    found = {task: (count, oldest) for task, count, oldest in conn.execute(_counts, {"partner_id": partner_id})}
    to_send, oldest = found.get(_SEND, (0, None))
    return Backlog(to_send=to_send, to_ask=found.get(_ASK, (0, None))[0], oldest_unsent_at=oldest)
