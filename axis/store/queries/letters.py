"""Consignments that did not come through, for operators: dead letters, those still tried, those held back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from axis.store import schema
from axis.store.holds import matches
from axis.store.queries.lists import IS_PENDING
from axis.terms import PackageKind, Place, TransportState

FAILED = (TransportState.DEAD, TransportState.RETRYING)

_c, _p, _r, _h = schema.consignment.c, schema.package.c, schema.route.c, schema.hold.c
# Word for word the condition of ix_consignment_failed, or the index does not serve.
_HAS_FAILED: ColumnElement[bool] = literal_column("(consignment.state IN ('dead', 'retrying'))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One consignment that failed."""

    consignment_id: str
    package_id: str
    document_uid: str | None
    kind: PackageKind
    from_organ: str
    receiver_organ: str
    code: str | None
    subject: str | None
    urgency: int
    place: Place
    partner_id: str | None  # the uplink, or the system that acts for the receiver now
    state: TransportState
    failures: int
    queued_at: datetime
    visible_at: datetime | None
    last_error: str | None
    hold_id: str | None  # the rule that holds it back now, and its reason
    hold_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LettersAsked:
    """Which of them; what is None does not matter."""

    state: TransportState = TransportState.DEAD
    partner_id: str | None = None
    reason: str | None = None  # part of the error, in any case of its ASCII letters
    organ: str | None = None  # sender or receiver, by canonical code
    queued_before: datetime | None = None
    held: bool = False  # those that are held back, whatever their state
    after: str | None = None  # only those behind this one, by id
    until: str | None = None  # and none behind this one
    ids: tuple[str, ...] | None = None  # only these


def letters(conn: Connection, asked: LettersAsked, now: datetime, limit: int) -> tuple[Letter, ...]:
    """The consignments, oldest first. now: what is held back then counts as held."""
    statement = _matching(asked).order_by(_c.consignment_id).limit(limit)
    return tuple(map(_letter, conn.execute(statement, {"now": now})))


def count_letters(conn: Connection, asked: LettersAsked, now: datetime, most: int) -> tuple[int, str]:
    """How many there are, counted up to `most`, and the id of the last of these."""
    some = _matching(asked).with_only_columns(_c.consignment_id).order_by(_c.consignment_id).limit(most).subquery()
    found = conn.execute(select(func.count(), func.max(some.c.consignment_id)), {"now": now}).one()
    return found[0], found[1] or ""


def _matching(asked: LettersAsked) -> Select[Any]:
    if asked.held:
        statement = _select().where(_c.consignment_id.in_(_waiting()), _held(_h.hold_id).is_not(None))
    else:
        statement = _select().where(_HAS_FAILED, _c.state == asked.state.value)
    if asked.partner_id is not None:
        statement = statement.where(_partner() == asked.partner_id)
    if asked.reason is not None:
        statement = statement.where(_c.last_error.icontains(asked.reason, autoescape=True))
    if asked.organ is not None:
        statement = statement.where(or_(_c.receiver_organ == asked.organ, _p.from_organ == asked.organ))
    if asked.queued_before is not None:
        statement = statement.where(_c.queued_at <= asked.queued_before)
    if asked.after is not None:
        statement = statement.where(_c.consignment_id > asked.after)
    if asked.until is not None:
        statement = statement.where(_c.consignment_id <= asked.until)
    if asked.ids is not None:
        statement = statement.where(_c.consignment_id.in_(asked.ids))
    return statement


def letter(conn: Connection, consignment_id: str, now: datetime) -> Letter | None:
    """One consignment, in whatever state."""
    row = conn.execute(_select().where(_c.consignment_id == consignment_id), {"now": now}).one_or_none()
    return None if row is None else _letter(row)


def letters_beside(conn: Connection, one: Letter, now: datetime) -> tuple[Letter, ...]:
    """What else waits of the same document for the same receiver, by age."""
    if one.document_uid is None:
        return ()
    same = (_p.document_uid == one.document_uid, _c.receiver_organ == one.receiver_organ, _is_unsent())
    statement = _select().where(*same, _c.consignment_id != one.consignment_id).order_by(_c.consignment_id)
    return tuple(map(_letter, conn.execute(statement, {"now": now})))


def _is_unsent() -> ColumnElement[bool]:
    return _c.state.in_([state.value for state in (TransportState.QUEUED, TransportState.RETRYING)])


def _partner() -> ColumnElement[str]:
    return func.coalesce(_c.uplink_id, _r.system_id)


def _waiting() -> CompoundSelect[Any]:
    """What has not been handed over: what systems fetch, and what is pushed."""
    unsent = _is_unsent()
    pushed = schema.queue.join(schema.consignment, _c.package_id == schema.queue.c.package_id)
    return union_all(
        select(_c.consignment_id).where(IS_PENDING, unsent).correlate(None),
        select(_c.consignment_id).select_from(pushed).where(schema.queue.c.task == "send", unsent).correlate(None),
    )


def _held(column: Column[Any]) -> ColumnElement[Any]:
    """Of the first hold that keeps a consignment back."""
    return (
        select(column)
        .where(
            matches(_h, _p.from_organ, _c.receiver_organ, _partner()),
            _is_unsent(),
        )
        .order_by(_h.starts_at, _h.hold_id)
        .limit(1)
        .correlate(schema.package, schema.consignment, schema.route)
        .scalar_subquery()
    )


def _select() -> Select[Any]:
    return (
        select(
            _c.consignment_id,
            _c.package_id,
            _p.document_uid,
            _p.kind,
            _p.from_organ,
            _c.receiver_organ,
            _p.code,
            _p.subject,
            _c.urgency,
            _c.place,
            _partner().label("partner_id"),
            _c.state,
            _c.failures,
            _c.queued_at,
            _c.visible_at,
            _c.last_error,
            _held(_h.hold_id).label("hold_id"),
            _held(_h.reason).label("hold_reason"),
        )
        .select_from(schema.consignment)
        .join(schema.package, _p.package_id == _c.package_id)
        .outerjoin(schema.route, _r.organ_id == _c.receiver_organ)
    )


def _letter(row: Any) -> Letter:  # noqa: ANN401 - a row of _select
    values = row._asdict()
    values |= {
        "kind": PackageKind(row.kind),
        "place": Place(row.place),
        "state": TransportState(row.state),
    }
    return Letter(**values)
