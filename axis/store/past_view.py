"""What waited at a moment that has passed, for whom, and what kept it back, by what is kept with its moment.

Routes of the past are not kept: who was to fetch a package is told by the routes of today. Only what was queued in the
days before the moment is looked at, so that a page reads what came in these days and no more.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select, text

from axis.ids import first_id
from axis.store import schema as s
from axis.store.organs import names_then
from axis.store.records import Downtime, Hold
from axis.store.rows import columns_of, read_all, record_reader
from axis.store.schema import OF_PARTNERS, UtcMicros
from axis.terms import EventKind, Place, TransportState

LOOKED_BACK: Final = timedelta(days=30)
TOLD_BACK: Final = timedelta(days=90)  # for so long it is kept when a partner went down and came back
_SHOWN_RULES = 50
_HOLD, _read_hold = columns_of(Hold), record_reader(Hold)
_DOWNTIME, _read_downtime = columns_of(Downtime), record_reader(Downtime)
_c, _p, _r = s.consignment.c, s.package.c, s.route.c
_PARTNER: ColumnElement[Any] = func.coalesce(_c.uplink_id, _r.system_id, "")
_TOLD = (EventKind.PARTNER_DOWN.value, EventKind.PARTNER_UP.value)
_OF_PARTNERS = text(OF_PARTNERS)  # as the index says
_UNTIMED = (TransportState.DEAD, TransportState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingThen:
    """What waited for one partner."""

    partner_id: str  # an uplink, or a system; "": nobody served the receiver
    waiting: int
    unclear: int  # given up or withdrawn since, nobody knows when
    oldest: datetime | None
    handed_over: int  # in the day before the moment
    down: bool | None  # whether it had been told that it cannot be reached; None: nothing was told
    down_since: datetime | None
    downtime: Downtime | None  # planned, and running then


@dataclass(frozen=True, slots=True, kw_only=True)
class PastQueue:
    """The queue at a moment."""

    partners: tuple[WaitingThen, ...]
    holds: tuple[Hold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingItem:
    """A package that waited for a receiver."""

    consignment_id: str
    document_uid: str | None
    code: str | None
    subject: str | None
    receiver_organ: str
    receiver_name: str | None
    queued_at: datetime
    urgency: int
    unclear: bool


def past_queue(conn: Connection, at: datetime) -> PastQueue:
    """What waited at a moment, for each partner."""
    waiting = {row.partner_id: row for row in conn.execute(_waiting(at))}
    day = and_(_c.handed_over_at > at - timedelta(days=1), _c.handed_over_at <= at)
    count: Select[Any] = select(_PARTNER.label("partner_id"), func.count())
    handed: dict[str, int] = dict(conn.execute(_from_partners(count, at).where(day).group_by(_PARTNER)).all())
    told = _told(conn, at)
    planned = _running(conn, at)
    partners = sorted({*waiting, *handed, *told, *planned})
    h = s.hold.c
    holds = conn.execute(
        select(*_HOLD)
        .where(h.starts_at <= at, or_(h.ends_at.is_(None), h.ends_at > at))
        .order_by(h.starts_at)
        .limit(_SHOWN_RULES)
    )
    return PastQueue(
        partners=tuple(
            WaitingThen(
                partner_id=partner,
                waiting=waiting[partner].waiting if partner in waiting else 0,
                unclear=waiting[partner].unclear if partner in waiting else 0,
                oldest=waiting[partner].oldest if partner in waiting else None,
                handed_over=handed.get(partner, 0),
                down=told[partner][0] if partner in told else None,
                down_since=told[partner][1] if partner in told else None,
                downtime=planned.get(partner),
            )
            for partner in partners
        ),
        holds=read_all(_read_hold, holds.all()),
    )


def _from_partners(statement: Select[Any], at: datetime) -> Select[Any]:
    """Consignments that were queued in the days before the moment, with their partner of today."""
    return (
        statement.select_from(s.consignment)
        .outerjoin(s.route, _r.organ_id == _c.receiver_organ)
        .where(
            _c.consignment_id >= first_id(at - LOOKED_BACK),
            _c.consignment_id < first_id(at + timedelta(milliseconds=1)),
            _c.queued_at <= at,
            _c.place != Place.ELSEWHERE,
        )
    )


def _still(at: datetime) -> ColumnElement[bool]:
    """Neither handed over, nor acknowledged, nor expired by the moment."""
    return and_(
        *(or_(column.is_(None), column > at) for column in (_c.handed_over_at, _c.acknowledged_at, _c.expired_at))
    )


def _unclear() -> ColumnElement[bool]:
    return and_(_c.state.in_(_UNTIMED), _c.expired_at.is_(None))


def _waiting(at: datetime) -> Select[Any]:
    return (
        _from_partners(
            select(
                _PARTNER.label("partner_id"),
                func.sum(case((_unclear(), 0), else_=1)).label("waiting"),
                func.sum(case((_unclear(), 1), else_=0)).label("unclear"),
                func.min(_c.queued_at, type_=UtcMicros()).label("oldest"),
            ),
            at,
        )
        .where(_still(at))
        .group_by(_PARTNER)
    )


def _told(conn: Connection, at: datetime) -> dict[str, tuple[bool, datetime]]:
    """What had last been noted of each partner by the moment."""
    a = s.audit.c
    rows = conn.execute(
        select(a.kind, a.at, a.fields)
        .where(_OF_PARTNERS, a.kind.in_(_TOLD), a.at > at - TOLD_BACK, a.at <= at)
        .order_by(a.at, a.audit_id)
    )
    found: dict[str, tuple[bool, datetime]] = {}
    for kind, told_at, fields in rows:
        partner = json.loads(fields).get("partner")
        if partner and (partner not in found or found[partner][0] != (kind == EventKind.PARTNER_DOWN)):
            found[partner] = (kind == EventKind.PARTNER_DOWN, told_at)
    return found


def _running(conn: Connection, at: datetime) -> dict[str, Downtime]:
    """Planned downtime that ran at the moment."""
    d = s.downtime.c
    rows = conn.execute(
        select(*_DOWNTIME).where(d.starts_at <= at, d.ends_at > at).order_by(d.starts_at).limit(_SHOWN_RULES)
    )
    return {one.partner_id: one for one in read_all(_read_downtime, rows.all())}


def waiting_then(
    conn: Connection, at: datetime, partner_id: str, *, after: str | None, rows: int
) -> tuple[tuple[WaitingItem, ...], bool]:
    """What waited for one partner at a moment, oldest first; and whether there is more."""
    statement = (
        _from_partners(
            select(
                _c.consignment_id,
                _c.receiver_organ,
                _c.queued_at,
                _c.urgency,
                _unclear().label("unclear"),
                _p.document_uid,
                _p.code,
                _p.subject,
                s.organ.c.name.label("organ_name"),
            ),
            at,
        )
        .join(s.package, _p.package_id == _c.package_id)
        .outerjoin(s.organ, s.organ.c.organ_id == _c.receiver_organ)
        .where(_still(at), _PARTNER.in_((partner_id,)))
        .order_by(_c.consignment_id)
        .limit(rows + 1)
    )
    if after is not None:
        statement = statement.where(_c.consignment_id > after)
    found: Sequence[Any] = conn.execute(statement).all()
    shown = found[:rows]
    names = names_then(conn, [(row.receiver_organ, at, row.organ_name) for row in shown])
    items = tuple(
        WaitingItem(
            consignment_id=row.consignment_id,
            document_uid=row.document_uid,
            code=row.code,
            subject=row.subject,
            receiver_organ=row.receiver_organ,
            receiver_name=name,
            queued_at=row.queued_at,
            urgency=row.urgency,
            unclear=bool(row.unclear),
        )
        for row, name in zip(shown, names, strict=True)
    )
    return items, len(found) > rows
