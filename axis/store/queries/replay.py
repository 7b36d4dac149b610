"""What was once to be pushed to a partner, for the simulation: when it came, how large and how urgent it was."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, or_, select

from axis.ids import first_id
from axis.store import schema
from axis.store.schema import UtcMicros
from axis.terms import PackageKind, TransportState

_c, _p, _r, _d = schema.consignment.c, schema.package.c, schema.route.c, schema.delivery.c
_RECORDED: Select[Any] = (
    select(
        func.min(_c.consignment_id).label("first"),
        _c.package_id,
        func.max(_p.sha256_hex).label("sha256_hex"),
        func.max(_p.size_bytes).label("size_bytes"),
        func.max(_p.kind).label("kind"),
        func.max(_p.from_organ).label("from_organ"),
        func.max(_p.document_uid).label("document_uid"),
        func.max(_c.urgency).label("urgency"),
        func.min(_c.queued_at, type_=UtcMicros()).label("queued_at"),
        func.min(_d.receipt_due_at, type_=UtcMicros()).label("due_at"),
    )
    .select_from(schema.consignment)
    .join(schema.package, _p.package_id == _c.package_id)
    .outerjoin(schema.route, _r.organ_id == _c.receiver_organ)
    .outerjoin(schema.delivery, (_d.delivery_id == _c.delivery_id) & _c.behind.is_(None))
    .where(
        _c.consignment_id >= bindparam("first_id"),
        _c.consignment_id < bindparam("end_id"),
        or_(
            _c.uplink_id == bindparam("partner_id"),
            (_c.uplink_id.is_(None)) & (_r.system_id == bindparam("partner_id")),
        ),
    )
    .group_by(_c.package_id)
    .order_by(func.min(_c.consignment_id))
    .limit(bindparam("limit"))
)
_q = schema.queue.c
_NEXT_DUE = select(func.min(_q.due_at, type_=UtcMicros())).where(
    _q.partner_id == bindparam("partner_id"), _q.due_at > bindparam("after", type_=UtcMicros())
)
_DEAD = select(func.count()).select_from(schema.consignment).where(_c.state == TransportState.DEAD.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A package that was to be pushed."""

    consignment_id: str  # of its first receiver there
    package_id: str
    sha256_hex: str
    size_bytes: int
    kind: PackageKind
    from_organ: str
    document_uid: str | None
    urgency: int
    queued_at: datetime
    due_at: datetime | None  # when the first of its receivers there owed a first word


def recorded(conn: Connection, partner_id: str, window: tuple[datetime, datetime], limit: int) -> tuple[Recorded, ...]:
    """What came for a partner in a time, by age; by the routes of today."""
    since, until = window
    asked = {"partner_id": partner_id, "first_id": first_id(since), "end_id": first_id(until), "limit": limit}
    return tuple(
        Recorded(
            consignment_id=row.first,
            package_id=row.package_id,
            sha256_hex=row.sha256_hex,
            size_bytes=row.size_bytes,
            kind=PackageKind(row.kind),
            from_organ=row.from_organ,
            document_uid=row.document_uid,
            urgency=row.urgency,
            queued_at=row.queued_at,
            due_at=row.due_at,
        )
        for row in conn.execute(_RECORDED, asked)
    )


def next_due(conn: Connection, partner_id: str, after: datetime) -> datetime | None:
    """When the next row of a partner comes due after a moment."""
    found: datetime | None = conn.execute(_NEXT_DUE, {"partner_id": partner_id, "after": after}).scalar_one()
    return found


def count_dead(conn: Connection) -> int:
    """How many consignments were given up."""
    found: int = conn.execute(_DEAD).scalar_one()
    return found
