"""Everything that is known to have happened to a document, in the order of time, and how it stood at a moment.

Each event is a row that is kept with its moment: what the tables keep without one (how often a hand-over failed, when
something was withdrawn) is no event, and of a moment that has passed it is said that it is not known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Text,
    and_,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
    type_coerce,
    union_all,
)

from axis.store import schema as s
from axis.store.document_view import find_sent
from axis.store.organs import names_then
from axis.store.queries.acts import named
from axis.store.records import Consignment, Delivery, Document
from axis.store.rows import columns_of, read_all, record_reader
from axis.store.schema import UtcMicros
from axis.store.scopes import Scope
from axis.store.travel_view import grouped
from axis.terms import ActKind, Answer, DeliveryState, Place, TransportState

_DELIVERY, _read_delivery = columns_of(Delivery), record_reader(Delivery)
_CONSIGNMENT, _read_consignment = columns_of(Consignment), record_reader(Consignment)
COUNTING = ("applied", "flagged")  # effects of statuses that a delivery took on


class EventKind(StrEnum):
    """What happened."""

    ACCEPTED = "accepted"  # the document came
    QUEUED = "queued"  # a package waits for a receiver
    HANDED_OVER = "handed_over"
    ACKNOWLEDGED = "acknowledged"
    EXPIRED = "expired"  # nobody fetched it for too long
    STATUS = "status"
    ACT = "act"
    ANSWERED = "answered"  # an act, by a receiver
    FORWARDED = "forwarded"
    RETURNED = "returned"
    VERDICT = "verdict"
    PROVEN = "proven"  # a timestamp over the package


@dataclass(frozen=True, slots=True, kw_only=True)
class EventKey:
    """A place among the events."""

    at: datetime
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEvent:
    """One thing that happened."""

    at: datetime
    kind: EventKind
    key: str  # unique among the document's events
    organ_id: str  # whom it is about
    organ_name: str | None  # as registered here then
    package_id: str | None
    code: str  # of a status, an act, an answer, a verdict; the kind of package that travels
    text: str  # a reason, a description
    who: str  # a person, a system, an account
    said_at: str  # what the other side says of the moment


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Some of them, in order."""

    events: tuple[RecordEvent, ...]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverThen:
    """How a delivery stood at a moment."""

    delivery: Delivery  # as it is now
    name: str | None
    status_code: str | None
    status_at: datetime | None
    state: DeliveryState
    transport: TransportState | None  # None: nothing was to be handed over
    uncertain: bool  # tries that failed, or a withdrawal, may have come before or after


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is kept of a delivery."""

    delivery: Delivery
    name: str | None
    consignment: Consignment | None  # the first, which brought the document
    status: tuple[str, datetime] | None  # the latest that counted by the moment
    taken: DeliveryState | None  # what acts had made of it by then


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDetail:
    """The page of a document's history."""

    document: Document
    sender_name: str | None
    verdict: str | None  # the word then
    events: EventPage
    receivers: tuple[ReceiverThen, ...]  # only of a moment that has passed
    more_receivers: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordQuery:
    """What to show."""

    document_uid: str
    as_of: datetime | None = None
    after: EventKey | None = None
    after_receiver: str | None = None
    rows: int = 50


def read_record(conn: Connection, scope: Scope, query: RecordQuery) -> RecordDetail | None:
    """The page; None when there is no such document in scope, or there was none yet at the moment."""
    sent = find_sent(conn, scope, query.document_uid, query.as_of)
    if sent is None:
        return None
    found = sent.document
    v = s.verdict.c
    known = [v.package_id == found.package_id] + ([v.at <= query.as_of] if query.as_of else [])
    verdict = conn.scalar(select(v.overall).where(*known).order_by(v.verdict_id.desc()).limit(1))
    receivers, more = ((), False) if query.as_of is None else receivers_then(conn, query, query.as_of)
    return RecordDetail(
        document=found,
        sender_name=sent.sender_name,
        verdict=verdict,
        events=read_events(conn, query),
        receivers=receivers,
        more_receivers=more,
    )


# --- events -------------------------------------------------------------------------------------------------------


def read_events(conn: Connection, query: RecordQuery) -> EventPage:
    """A page of a document's events, oldest first."""
    every = union_all(*_branches(query.document_uid)).subquery("event").c
    statement = select(*every, s.organ.c.name.label("organ_name")).outerjoin(
        s.organ, s.organ.c.organ_id == every.organ_id
    )
    if query.as_of is not None:
        statement = statement.where(every.at <= query.as_of)
    if query.after is not None:
        later = or_(every.at > query.after.at, and_(every.at == query.after.at, every.key > query.after.key))
        statement = statement.where(later)
    rows = conn.execute(statement.order_by(every.at, every.key).limit(query.rows + 1)).all()
    shown = rows[: query.rows]
    names = names_then(conn, [(row.organ_id, row.at, row.organ_name) for row in shown])
    events = tuple(
        RecordEvent(
            at=row.at,
            kind=EventKind(row.kind),
            key=row.key,
            organ_id=row.organ_id,
            organ_name=name,
            package_id=row.package_id,
            code=row.code or "",
            text=row.text or "",
            who=row.who or "",
            said_at=row.said_at or "",
        )
        for row, name in zip(shown, names, strict=True)
    )
    return EventPage(events=events, more=len(rows) > query.rows)


def _branch(kind: EventKind, source: FromClause, **columns: ColumnElement[Any]) -> Select[Any]:
    """One kind of event; what a kind does not have is NULL."""
    at, key = columns["at"], columns["key"]
    shown: list[ColumnElement[Any]] = [
        type_coerce(at, UtcMicros).label("at"),
        literal_column(f"'{kind.value}'", Text).label("kind"),
        (literal_column(f"'{kind.value}-'", Text) + cast(key, Text)).label("key"),
        cast(columns["organ"], Text).label("organ_id"),
        *(
            cast(columns.get(name, null()), Text).label(name)
            for name in ("package_id", "code", "text", "who", "said_at")
        ),
    ]
    return select(*shown).select_from(source).where(at.is_not(None))


def _branches(uid: str) -> Sequence[Select[Any]]:
    d, p, c, e, a, r, v = (
        table.c for table in (s.document, s.package, s.consignment, s.status_event, s.act, s.act_receiver, s.delivery)
    )
    j, t = s.verdict.c, s.time_proof.c
    own = s.document.join(s.package, p.package_id == d.package_id)
    shipped = s.consignment.join(s.package, p.package_id == c.package_id)
    acts = s.act.join(named, named.c.act_id == a.act_id)
    # What travels: a document package by its number (new, recall, update, replacement), a status package by its kind.
    what = func.coalesce(cast(p.business_type, Text), p.kind)
    who = func.nullif(
        func.coalesce(e.staff, "") + literal_column("' · '", Text) + func.coalesce(e.department, ""), " · "
    )
    travel = {"organ": c.receiver_organ, "package_id": c.package_id, "code": what, "key": c.consignment_id}
    handed = func.coalesce(c.uplink_id, c.handed_to)
    answered = acts.join(
        s.act_receiver, and_(r.act_id == named.c.act_id, r.position == named.c.position, r.answered_at.is_not(None))
    )
    passer = s.delivery.alias("passer")
    passed_on = s.delivery.join(passer, passer.c.delivery_id == v.forwarded_from)
    return (
        _branch(
            EventKind.ACCEPTED, own, at=d.received_at, key=d.document_uid, organ=d.from_organ, package_id=d.package_id,
            code=cast(d.business_type, Text), who=d.source_system,
        ).where(d.document_uid == uid),
        _branch(EventKind.QUEUED, shipped, at=c.queued_at, who=c.uplink_id, **travel).where(p.document_uid == uid),
        _branch(EventKind.HANDED_OVER, shipped, at=c.handed_over_at, who=handed, **travel).where(p.document_uid == uid),
        _branch(EventKind.ACKNOWLEDGED, shipped, at=c.acknowledged_at, who=handed, **travel).where(
            p.document_uid == uid
        ),
        _branch(EventKind.EXPIRED, shipped, at=c.expired_at, text=c.last_error, **travel).where(p.document_uid == uid),
        _branch(
            EventKind.STATUS, s.status_event, at=e.received_at, key=e.event_id, organ=e.from_organ,
            package_id=e.package_id, code=e.status_code, text=e.description, who=who, said_at=e.reported_at,
        ).where(e.document_uid == uid),
        _branch(
            EventKind.ACT, acts, at=a.received_at, key=a.act_id, organ=a.from_organ, package_id=a.package_id,
            code=a.kind, text=a.reason,
        ).where(named.c.document_uid == uid),
        _branch(
            EventKind.ANSWERED, answered, at=r.answered_at, organ=r.receiver_organ, package_id=r.package_id,
            code=r.answer, key=r.act_id + literal_column("'-'", Text) + r.receiver_organ,
        ).where(named.c.document_uid == uid),
        _branch(
            EventKind.FORWARDED, passed_on, at=v.created_at, key=v.delivery_id, organ=v.receiver_organ,
            who=passer.c.receiver_organ,
        ).where(v.document_uid == uid),
        _branch(
            EventKind.RETURNED, s.delivery, at=v.returned_at, key=v.delivery_id, organ=v.receiver_organ,
            text=v.return_reason,
        ).where(v.document_uid == uid),
        _branch(
            EventKind.VERDICT, own.join(s.verdict, j.package_id == d.package_id), at=j.at, key=j.verdict_id,
            organ=d.from_organ, package_id=j.package_id, code=j.overall, text=j.cause,
        ).where(d.document_uid == uid),
        _branch(
            EventKind.PROVEN, own.join(s.time_proof, t.sha256_hex == p.sha256_hex), at=t.fetched_at, key=t.token_sha256,
            organ=d.from_organ, package_id=p.package_id, who=t.authority,
        ).where(d.document_uid == uid),
    )  # fmt: skip


# --- as of --------------------------------------------------------------------------------------------------------


def receivers_then(conn: Connection, query: RecordQuery, at: datetime) -> tuple[tuple[ReceiverThen, ...], bool]:
    """Receivers by code, each as it stood at a moment; and whether there are more."""
    v, c, e = s.delivery.c, s.consignment.c, s.status_event.c
    statement = (
        select(*_DELIVERY, s.organ.c.name.label("organ_name"))
        .outerjoin(s.organ, s.organ.c.organ_id == v.receiver_organ)
        .where(v.document_uid == query.document_uid, v.created_at <= at)
        .order_by(v.receiver_organ)
        .limit(query.rows + 1)
    )
    if query.after_receiver is not None:
        statement = statement.where(v.receiver_organ > query.after_receiver)
    rows = conn.execute(statement).all()
    shown = rows[: query.rows]
    deliveries = [_read_delivery(row[: len(_DELIVERY)]) for row in shown]
    ids = [delivery.delivery_id for delivery in deliveries]
    first = conn.execute(select(*_CONSIGNMENT).where(c.delivery_id.in_(ids)).order_by(c.consignment_id))
    travels = grouped((one.delivery_id, one) for one in read_all(_read_consignment, first.all()))
    statuses = grouped(
        (row.delivery_id, (row.status_code, row.received_at))
        for row in conn.execute(
            select(e.delivery_id, e.status_code, e.received_at)
            .where(e.delivery_id.in_(ids), e.effect.in_(COUNTING), e.received_at <= at)
            .order_by(e.received_at, e.event_id)
        )
    )
    taken = _taken_back(conn, query.document_uid, at)
    names = names_then(
        conn, [(one.receiver_organ, at, row.organ_name) for one, row in zip(deliveries, shown, strict=True)]
    )
    found = tuple(
        receiver_then(
            Known(
                delivery=delivery,
                name=name,
                consignment=next(iter(travels.get(delivery.delivery_id, ())), None),
                status=next(iter(statuses.get(delivery.delivery_id, ())[::-1]), None),
                taken=taken.get(delivery.receiver_organ),
            ),
            at,
        )
        for delivery, name in zip(deliveries, names, strict=True)
    )
    return found, len(rows) > query.rows


def _taken_back(conn: Connection, uid: str, at: datetime) -> dict[str, DeliveryState]:
    """Receivers from whom the document had been taken back by a moment, and what they had answered by then."""
    a, r = s.act.c, s.act_receiver.c
    rows = conn.execute(
        select(r.receiver_organ, a.kind, r.answer, r.answered_at)
        .join_from(s.act, named, named.c.act_id == a.act_id)
        .join(s.act_receiver, and_(r.act_id == named.c.act_id, r.position == named.c.position))
        .where(named.c.document_uid == uid, a.received_at <= at, a.kind.in_((ActKind.RECALL, ActKind.REPLACE)))
        .order_by(a.received_at, a.act_id)
    )
    found = {}
    for organ, kind, answer, answered_at in rows:
        answered = answer if answered_at is not None and answered_at <= at else None
        if kind == ActKind.REPLACE:
            found[organ] = DeliveryState.REPLACED
        elif answered == Answer.AGREED:
            found[organ] = DeliveryState.RECALL_AGREED
        else:
            found[organ] = DeliveryState.RECALL_DECLINED if answered == Answer.DECLINED else DeliveryState.RECALLED
    return found


def receiver_then(known: Known, at: datetime) -> ReceiverThen:
    """How a delivery stood at a moment, by what is kept with its moment."""
    # The latest change of state counts where it had come by then; else what the acts before it made of the delivery.
    delivery, consignment, status = known.delivery, known.consignment, known.status
    settled = delivery.state_at is not None and delivery.state_at <= at
    state = delivery.state if settled else (known.taken or DeliveryState.OPEN)
    transport, uncertain = transport_then(consignment, at) if consignment else (None, False)
    return ReceiverThen(
        delivery=delivery,
        name=known.name,
        status_code=status[0] if status else None,
        status_at=status[1] if status else None,
        state=state,
        transport=None if delivery.place is Place.ELSEWHERE else transport,
        uncertain=uncertain and status is None,
    )


def transport_then(consignment: Consignment, at: datetime) -> tuple[TransportState | None, bool]:
    """How far a package had come at a moment; and whether something without a moment may have happened before."""

    def by_then(moment: datetime | None) -> bool:
        return moment is not None and moment <= at

    if consignment.queued_at > at:
        return None, False
    if by_then(consignment.acknowledged_at):
        return TransportState.ACKNOWLEDGED, False
    if by_then(consignment.handed_over_at):
        return TransportState.HANDED_OVER, False
    if by_then(consignment.expired_at):
        return TransportState.DEAD, False
    odd = consignment.state in (TransportState.DEAD, TransportState.CANCELLED, TransportState.RETRYING)
    return TransportState.QUEUED, odd or consignment.failures > 0
