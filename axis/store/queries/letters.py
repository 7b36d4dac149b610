"""Consignments that did not come through, for operators: dead letters, and those that are still tried."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal_column, or_, select

from axis.store import schema
from axis.terms import PackageKind, Place, TransportState

FAILED = (TransportState.DEAD, TransportState.RETRYING)

_c, _p, _r = schema.consignment.c, schema.package.c, schema.route.c
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LettersAsked:
    """Which of them; what is None does not matter."""

    state: TransportState = TransportState.DEAD
    partner_id: str | None = None
    reason: str | None = None  # part of the error, in any case of its ASCII letters
    organ: str | None = None  # sender or receiver, by canonical code
    queued_before: datetime | None = None


def letters(conn: Connection, asked: LettersAsked, limit: int) -> tuple[Letter, ...]:
    """The consignments, oldest first."""
    statement = _select().where(_HAS_FAILED, _c.state == asked.state.value)
    if asked.partner_id is not None:
        statement = statement.where(_partner() == asked.partner_id)
    if asked.reason is not None:
        statement = statement.where(_c.last_error.icontains(asked.reason, autoescape=True))
    if asked.organ is not None:
        statement = statement.where(or_(_c.receiver_organ == asked.organ, _p.from_organ == asked.organ))
    if asked.queued_before is not None:
        statement = statement.where(_c.queued_at <= asked.queued_before)
    return tuple(map(_letter, conn.execute(statement.order_by(_c.consignment_id).limit(limit))))


def letter(conn: Connection, consignment_id: str) -> Letter | None:
    """One consignment, in whatever state."""
    row = conn.execute(_select().where(_c.consignment_id == consignment_id)).one_or_none()
    return None if row is None else _letter(row)


def _partner() -> ColumnElement[str]:
    return func.coalesce(_c.uplink_id, _r.system_id)


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
