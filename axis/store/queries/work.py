"""The queue of pushes to partners: what is due, who has claimed it, what a push is about, and what lacks one.

A claim is a lease: when its holder dies, the row is due again after it. Each claim raises the row's fence, and
recording needs the fence, so that a claimer who was only slow cannot record over the next one.

Looking for work (`due_partners`, `heads`) only reads; `claim` takes what was chosen, if it still can be. Rows are found
by urgency and the time at which they are due, so that neither those that wait for another try nor those that somebody
holds are gone through. Nor are those that are gone: while somebody reads for hours, PostgreSQL keeps every row that was
pushed meanwhile, and each look would go through them; so a look begins at the moment before which nothing is due.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    CompoundSelect,
    Connection,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
    union_all,
    update,
)

from axis.store import schema
from axis.store.records import Consignment, Delivery, Package, QueueRow
from axis.store.rows import Query, columns_of, record_reader
from axis.store.schema import UtcMicros, from_micros, to_micros
from axis.terms import PackageKind, Place, TransportState, Urgency

_SEND, _ASK = "send", "ask"
_t = schema.queue.c
_LATE_AT_ONCE = 100


_c, _r, _s = schema.consignment.c, schema.route.c, schema.system.c
_UNSENT = (TransportState.QUEUED.value, TransportState.RETRYING.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushContent:
    """What a queue row is about."""

    package: Package
    consignments: tuple[Consignment, ...]  # all of the package's that the partner reaches now
    deliveries: tuple[Delivery, ...]  # of those consignments that bring a document
    status_code: str | None  # of a status
    sender_name: str | None  # as the document has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A package that is to be pushed to a partner."""

    package_id: str
    partner_id: str
    urgency: Urgency
    document_uid: str | None
    lane: str
    queued_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DueOf:
    """Whose due rows are looked for."""

    partner_id: str
    since: datetime  # none is due since before
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfetched:
    """What waits for a system that fetches, or for nobody yet."""

    consignment: Consignment
    package: Package
    system: str | None  # that serves the receiver now


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits for a partner."""

    to_send: int
    to_ask: int
    oldest_unsent_at: datetime | None  # since when the oldest unsent package waits


def _blocked_by(
    lane: Callable[[Any], ColumnElement[bool]], document: Callable[[Any], ColumnElement[bool]] | None = None
) -> ColumnElement[bool]:
    """Whether an older row of a lane is still to be sent: of the same document, or of what `document` says.

    Only the document leads to an index: where the queue is nearly empty, as it should be, PostgreSQL takes any other
    one for as good, and goes through all rows of a partner or a task, those that are gone among them.
    """
    older = schema.queue.alias("older").c
    return (
        select(literal_column("1"))
        .where(
            older.partner_id.concat("") == _t.partner_id,
            older.document_uid == _t.document_uid if document is None else document(older),
            lane(older),
            older.queue_id.concat("") < _t.queue_id,
            older.task != _ASK,
        )
        .correlate(schema.queue)
        .exists()
    )


def _in_order() -> ColumnElement[bool]:
    """A status never overtakes its document, nor an act an original, nor a status an older one of the same sender.

    Older: of the same document, for the same partner, and still to be sent. The row of an act has one of its documents:
    a recall can name several, and a replacement names others than the one that it brings.
    """
    target, receiver = schema.act_target.c, schema.act_receiver.c
    act_id = select(receiver.act_id).where(receiver.package_id == _t.package_id).correlate(schema.queue).limit(1)
    named = select(target.document_uid).where(target.act_id == act_id.scalar_subquery())
    return ~or_(
        _blocked_by(lambda older: older.lane == ""),
        _blocked_by(lambda older: older.lane == _t.lane),
        _blocked_by(lambda older: older.lane == "", lambda older: older.document_uid.in_(named)),
    )


def _heads(task: str) -> CompoundSelect[Any]:
    """The first rows of each urgency that can be claimed."""
    since, now = bindparam("since", type_=UtcMicros()), bindparam("now", type_=UtcMicros())
    of_urgency = (
        select(*columns_of(QueueRow))
        .where(
            _t.partner_id == bindparam("partner_id"),
            _t.task == task,
            _t.urgency == urgency.value,
            _t.due_at >= since,
            _t.due_at <= now,
            *((_in_order(),) if task == _SEND else ()),
        )
        .order_by(_t.due_at, _t.queue_id)
        .limit(bindparam("limit"))
        .subquery(f"of_{urgency.value}")
        for urgency in Urgency
    )
    return union_all(*(select(rows) for rows in of_urgency))


_heads_of = {task: _heads(task) for task in (_SEND, _ASK)}
_read_row = record_reader(QueueRow)
_claimable = (
    select(_t.queue_id)
    .where(_t.queue_id.in_(bindparam("ids", expanding=True)), _t.due_at <= bindparam("now", type_=UtcMicros()))
    .with_for_update(skip_locked=True, of=schema.queue)
)
# One look at the index for each partner. The list goes in as JSON: to both databases it is one parameter of any length.
_due_partners = {
    "sqlite": text(
        """
        SELECT p.id, (SELECT q.due_at FROM queue q
                      WHERE q.partner_id = p.id AND q.due_at >= p.since AND q.due_at <= :now
                      ORDER BY q.due_at LIMIT 1)
        FROM (SELECT json_extract(value, '$.id') AS id, json_extract(value, '$.since') AS since
              FROM json_each(:asked)) AS p
        """
    ),
    "postgresql": text(
        """
        SELECT p.id, (SELECT q.due_at FROM queue q
                      WHERE q.partner_id = p.id AND q.due_at >= p.since AND q.due_at <= :now
                      ORDER BY q.due_at LIMIT 1)
        FROM json_to_recordset(CAST(:asked AS json)) AS p(id text, since bigint)
        """
    ),
}
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
        func.max(schema.package.c.document_uid).label("document_uid"),
        func.max(schema.package.c.kind).label("kind"),
        func.max(schema.package.c.from_organ).label("from_organ"),
        func.min(_c.queued_at, type_=UtcMicros()).label("queued_at"),
    )
    .select_from(schema.system)
    .join(schema.route, _r.system_id == _s.system_id)
    .join(schema.consignment, _c.receiver_organ == _r.organ_id)
    .join(schema.package, schema.package.c.package_id == _c.package_id)
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
_CONSIGNMENT, _read_consignment = columns_of(Consignment), record_reader(Consignment)
_PACKAGE, _read_package = columns_of(Package), record_reader(Package)
_unfetched = (
    select(*_CONSIGNMENT, *_PACKAGE, _r.system_id)
    .select_from(schema.consignment)
    .join(schema.package, schema.package.c.package_id == _c.package_id)
    .outerjoin(schema.route, _r.organ_id == _c.receiver_organ)
    .outerjoin(schema.system, _s.system_id == _r.system_id)
    .where(
        # Word for word the condition of ix_consignment_pending, or the index does not serve.
        literal_column(
            "(consignment.place = 'local' AND consignment.state IN ('queued', 'handed_over', 'retrying'))", Boolean
        ),
        _c.state.in_(_UNSENT),
        _c.queued_at <= bindparam("before", type_=UtcMicros()),
        _c.expired_at.is_(None),
        _s.adapter.is_(None),
        _c.consignment_id > bindparam("after"),
    )
    .order_by(_c.consignment_id)
    .limit(bindparam("limit"))
)
_claimed = Query(QueueRow, _t.queue_id.in_(bindparam("ids", expanding=True)), order=(_t.queue_id,))
_late = Query(
    QueueRow,
    _t.task == _SEND,
    _t.delayed_at.is_(None),
    _t.queued_at <= bindparam("before", type_=UtcMicros()),
    order=(_t.queued_at,),
    limit=_LATE_AT_ONCE,
)
_counts = (
    select(_t.task, func.count(), func.min(_t.queued_at, type_=UtcMicros()))
    .where(_t.partner_id == bindparam("partner_id"))
    .group_by(_t.task)
)


def due_partners(conn: Connection, since: Mapping[str, datetime], now: datetime) -> dict[str, datetime]:
    """Of these partners those with a row that is due, and since when the oldest is.

    since: by partner, the moment before which none of its rows is due.
    """
    asked = json.dumps([{"id": partner_id, "since": to_micros(at)} for partner_id, at in since.items()])
    rows = conn.execute(_due_partners[conn.dialect.name], {"asked": asked, "now": to_micros(now)})
    return {row[0]: from_micros(row[1]) for row in rows if row[1] is not None}


def heads(conn: Connection, of: DueOf, task: str, limit: int) -> tuple[QueueRow, ...]:
    """What could be claimed of a partner's work, by urgency and age, at most `limit` rows."""
    asked = {"partner_id": of.partner_id, "since": of.since, "now": of.now, "limit": limit}
    rows = map(_read_row, conn.execute(_heads_of[task], asked))
    return tuple(sorted(rows, key=lambda row: (-row.urgency, row.due_at, row.queue_id))[:limit])


def claim(conn: Connection, ids: Sequence[str], now: datetime, until: datetime) -> tuple[QueueRow, ...]:
    """Take those of the rows that nobody else has taken meanwhile, with their new fence. A write unit."""
    free = conn.scalars(_claimable, {"ids": list(ids), "now": now}).all()
    if not free:
        return ()
    values = {"due_at": until, "lease_until": until, "fence": _t.fence + 1}
    conn.execute(update(schema.queue).where(_t.queue_id.in_(free)).values(values))
    return _claimed.all(conn, ids=free)


def renew(conn: Connection, held: Iterable[QueueRow], until: datetime) -> None:
    """Extend the leases of rows that are still worked on; those that others have taken stay theirs. A write unit."""
    t = schema.queue.c
    extended = (
        update(schema.queue)
        .where(t.queue_id == bindparam("id"), t.fence == bindparam("held_fence"))
        .values(due_at=bindparam("until", type_=UtcMicros()), lease_until=bindparam("until", type_=UtcMicros()))
    )
    rows = [{"id": row.queue_id, "held_fence": row.fence, "until": until} for row in held]
    if rows:
        conn.execute(extended, rows)


def late(conn: Connection, before: datetime) -> tuple[QueueRow, ...]:
    """Pushes that wait since `before` or longer, and whose senders do not know it, oldest first; some of them."""
    return _late.all(conn, before=before)


def queue_row(conn: Connection, queue_id: str) -> QueueRow | None:
    """One row as it stands now; None when it is gone."""
    return _by_id.one(conn, queue_id=queue_id)


def push(conn: Connection, package_id: str, partner_id: str) -> PushContent | None:
    """What a queue row is about; None when there is no such package."""
    package = _packages.one(conn, package_id=package_id)
    if package is None:
        return None
    consignments = _of_partner.all(conn, package_id=package_id, partner_id=partner_id)
    ids = [c.delivery_id for c in consignments if c.delivery_id is not None]
    return PushContent(
        package=package,
        consignments=consignments,
        deliveries=_deliveries_of.all(conn, ids=ids) if ids else (),
        status_code=conn.scalar(_status_of, {"package_id": package_id}),
        sender_name=conn.scalar(_sender_of, {"document_uid": package.document_uid}) if package.document_uid else None,
    )


def missing_pushes(conn: Connection, limit: int) -> tuple[Push, ...]:
    """Packages that wait for a system that we push to without a push in the queue, oldest first.

    After a change of routes there are many; otherwise only what was decided while the configuration changed.
    """
    return tuple(
        Push(
            package_id=row.package_id,
            partner_id=row.system_id,
            urgency=Urgency(row.urgency),
            document_uid=row.document_uid,
            lane=row.from_organ if row.kind == PackageKind.STATUS else "",
            queued_at=row.queued_at,
        )
        for row in conn.execute(_missing, {"limit": limit})
    )


def unfetched(conn: Connection, before: datetime, after: str, limit: int) -> tuple[Unfetched, ...]:
    """What has been queued since `before` or longer, was not handed over, and has not expired yet; by id."""
    rows = conn.execute(_unfetched, {"before": before, "after": after, "limit": limit})
    own, last = len(_CONSIGNMENT), len(_CONSIGNMENT) + len(_PACKAGE)
    return tuple(
        Unfetched(consignment=_read_consignment(row[:own]), package=_read_package(row[own:last]), system=row[last])
        for row in rows
    )


def backlog(conn: Connection, partner_id: str) -> Backlog:
    """How much waits for a partner."""
    found = {task: (count, oldest) for task, count, oldest in conn.execute(_counts, {"partner_id": partner_id})}
    to_send, oldest = found.get(_SEND, (0, None))
    return Backlog(to_send=to_send, to_ask=found.get(_ASK, (0, None))[0], oldest_unsent_at=oldest)
