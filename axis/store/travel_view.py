"""How packages travelled to receivers, for the pages that tell of it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, and_, select

from axis.store import schema as s
from axis.store.holds import concerns, holds
from axis.store.records import Consignment, Hold
from axis.store.rows import columns_of, record_reader
from axis.store.values import among
from axis.store.views import next_try
from axis.terms import TransportState

_CONSIGNMENT, _read_consignment = columns_of(Consignment), record_reader(Consignment)
KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Travel:
    """A consignment, when it is tried again, and what the package does."""

    consignment: Consignment
    next_at: datetime | None
    business_type: int | None  # terms.BusinessType of the package; None: a status package
    holds: tuple[Hold, ...] = ()  # that keep it back, each in its time

    def held_at(self, now: datetime) -> Hold | None:
        """What keeps it back now; None where it is gone, or nothing does."""
        if self.consignment.state not in (TransportState.QUEUED, TransportState.RETRYING):
            return None
        return next((hold for hold in self.holds if hold.holds_at(now)), None)


def _travelled(wanted: ColumnElement[bool]) -> Select[Any]:
    c, q, p, r = s.consignment.c, s.queue.c, s.package.c, s.route.c
    return (
        select(*_CONSIGNMENT, next_try().label("next_at"), p.business_type, p.from_organ, r.system_id)
        .join(s.package, p.package_id == c.package_id)
        .outerjoin(s.queue, and_(q.package_id == c.package_id, q.partner_id == c.uplink_id))
        .outerjoin(s.route, r.organ_id == c.receiver_organ)
        .where(wanted)
        .order_by(c.consignment_id)
    )


_OF_DELIVERIES = _travelled(among(s.consignment.c.delivery_id, "ids"))
_OF_PACKAGES = _travelled(among(s.consignment.c.package_id, "ids"))
_OF_PACKAGES_TO = _travelled(
    and_(among(s.consignment.c.package_id, "ids"), among(s.consignment.c.receiver_organ, "receivers"))
)


def travels_of_deliveries(conn: Connection, delivery_ids: Collection[str]) -> list[Travel]:
    """The consignments that brought these deliveries, and acts on them; oldest first."""
    return _travels(conn, _OF_DELIVERIES, {"ids": delivery_ids})


def travels_of_packages(
    conn: Connection, package_ids: Collection[str], receivers: Collection[str] | None = None
) -> list[Travel]:
    """The consignments of these packages, oldest first. receivers: to these only."""
    if receivers is None:
        return _travels(conn, _OF_PACKAGES, {"ids": package_ids})
    return _travels(conn, _OF_PACKAGES_TO, {"ids": package_ids, "receivers": receivers})


def _travels(conn: Connection, statement: Select[Any], wanted: Mapping[str, Collection[str]]) -> list[Travel]:
    if not all(wanted.values()):
        return []
    rows = conn.execute(statement, {name: list(values) for name, values in wanted.items()}).all()
    holding = holds(conn)
    return [
        Travel(
            consignment=_read_consignment(row[: len(_CONSIGNMENT)]),
            next_at=row.next_at,
            business_type=row.business_type,
            holds=tuple(
                hold
                for hold in holding
                if concerns(hold, row.from_organ, (row.receiver_organ,), row.uplink_id or row.system_id)
            ),
        )
        for row in rows
    ]


def grouped(pairs: Iterable[tuple[KeyT, ValueT]]) -> dict[KeyT, tuple[ValueT, ...]]:
    """The values of each key, in their order."""
    groups: dict[KeyT, list[ValueT]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return {key: tuple(values) for key, values in groups.items()}
