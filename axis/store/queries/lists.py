"""What waits for a system that fetches, and how the receivers of a package fare."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    true,
)

from axis.store import schema
from axis.store.holds import active_holds, is_held
from axis.store.queries.acts import act_of_package, act_receivers
from axis.store.queries.intake import consignments, package
from axis.store.records import Consignment, Package
from axis.store.rows import Query
from axis.store.schema import UtcMicros
from axis.terms import PENDING, Answer, BusinessType, DeliveryState, PackageKind, Place, TransportState

_t, _r, _p, _d = schema.consignment.c, schema.route.c, schema.package.c, schema.delivery.c
_LEAST_AGREEABLE = (Answer.DECLINED, Answer.AGREED, Answer.WITHDRAWN)
_LEAST_ADVANCED = (TransportState.RETRYING, TransportState.QUEUED, TransportState.HANDED_OVER)

# Word for word the condition of ix_consignment_pending, or the index does not serve.
IS_PENDING: ColumnElement[bool] = literal_column(
    "(consignment.place = 'local' AND consignment.state IN ('queued', 'handed_over', 'retrying'))"
)
IS_VISIBLE = or_(_t.visible_at.is_(None), _t.visible_at <= bindparam("now", type_=UtcMicros()))
_OF_SYSTEM = _r.system_id == bindparam("system_id")
_earlier = schema.consignment.alias("earlier")
_o = _earlier.c


def _is_next(*hidden: ColumnElement[bool]) -> ColumnElement[bool]:
    """An act is not listed before what it is about: not while that is hidden, or would stand further down."""
    before = (
        select(literal_column("1"))
        .where(
            _o.delivery_id == _t.behind,
            _o.consignment_id < _t.consignment_id,
            _o.state.in_([state.value for state in (TransportState.QUEUED, TransportState.RETRYING)]),
            or_(_o.urgency < _t.urgency, _o.visible_at > bindparam("now", type_=UtcMicros()), *hidden),
        )
        .correlate(schema.consignment)
        .exists()
    )
    return or_(_t.behind.is_(None), ~before)


WAITS: Mapping[bool, tuple[ColumnElement[bool], ...]] = {
    False: (IS_PENDING, IS_VISIBLE, _is_next()),
    True: (
        IS_PENDING,
        IS_VISIBLE,
        _is_next(is_held(_earlier, bindparam("system_id"))),
        ~is_held(schema.consignment, bindparam("system_id")),
        _t.receiver_organ.not_in(bindparam("held_receivers", expanding=True)),
    ),
}
"""What a consignment must fulfil to be listed; True: where something is held back (`held_for` has the parameters)."""


def _first(dialect_name: str, fetched: ColumnElement[bool], *, holding: bool) -> Select[Any]:
    """The first packages of a kind that wait for a system, in order."""
    of_organ = (
        select(_t.consignment_id, _t.package_id, _t.urgency)
        .where(
            _t.receiver_organ == _r.organ_id,
            _t.kind == bindparam("kind"),
            *WAITS[holding],
            fetched,
        )
        .order_by(_t.urgency.desc(), _t.consignment_id)
        .limit(bindparam("limit"))
        .correlate(schema.route)
    )
    if dialect_name == "postgresql":
        lateral = of_organ.lateral("of_organ")
        all_of_them = select(lateral).select_from(schema.route).join(lateral, true()).where(_OF_SYSTEM)
    else:
        # SQLite has no LATERAL; a correlated IN does the same there (and would be slow on PostgreSQL).
        rows = schema.consignment.alias("rows")
        wanted = rows.c.consignment_id.in_(of_organ.with_only_columns(_t.consignment_id))
        columns = (rows.c.consignment_id, rows.c.package_id, rows.c.urgency)
        all_of_them = select(*columns).select_from(schema.route).join(rows, wanted).where(_OF_SYSTEM)
    found = all_of_them.subquery("found")
    urgency, first = func.max(found.c.urgency).label("urgency"), func.min(found.c.consignment_id).label("first")
    return (
        select(found.c.package_id, urgency, first)
        .group_by(found.c.package_id)
        .order_by(urgency.desc(), first)
        .limit(bindparam("limit"))
    )


_OFTEN = bindparam("fetched_often", type_=Integer())
_FIRST = {
    (name, holding): tuple(
        _first(name, fetched, holding=holding) for fetched in (_t.fetched < _OFTEN, _t.fetched >= _OFTEN)
    )
    for name in ("sqlite", "postgresql")
    for holding in (False, True)
}
# What waits among them is picked out afterwards: with the condition of ix_consignment_pending in the statement,
# PostgreSQL may read that whole index rather than look a few packages up.
_OF_PACKAGES = (
    select(
        schema.package,
        _t.receiver_organ,
        _t.place,
        _t.state,
        _t.handed_over_at,
        _t.queued_at,
        _t.visible_at,
        _t.delivery_id,
        _t.behind,
    )
    .select_from(schema.package)
    .join(schema.consignment, _t.package_id == _p.package_id)
    .join(schema.route, _r.organ_id == _t.receiver_organ)
    .where(_p.package_id.in_(bindparam("package_ids", expanding=True)), _OF_SYSTEM)
    .order_by(_t.receiver_organ)
)


def _counts(*, holding: bool) -> tuple[Select[Any], Select[Any]]:
    """How many wait for each organisation of a system; and how many packages those are, of several organisations."""
    waits = (*WAITS[holding], _t.kind == bindparam("kind"))
    of_organ = select(func.count()).where(_t.receiver_organ == _r.organ_id, *waits).scalar_subquery()
    # Of an expression: of the bare column SQLite would go through every consignment in the order of another index.
    packages = (
        select(_t.package_id.concat(literal_column("''")))
        .where(_t.receiver_organ.in_(bindparam("organ_ids", expanding=True)), *waits)
        .distinct()
    )
    return select(_r.organ_id, of_organ).where(_OF_SYSTEM), select(func.count()).select_from(packages.subquery())


_COUNTS = {holding: _counts(holding=holding) for holding in (False, True)}
_HELD: Select[Any] = select(literal_column("1")).where(
    _t.package_id == bindparam("package_id"), is_held(schema.consignment, bindparam("system_id"))
)
_s = schema.system_organ.c
# Organisations that the system may act for now, whether or not it is the one that takes what comes in.
_BESIDE = (
    select(_r.organ_id)
    .join(schema.system_organ, _s.organ_id == _r.via_organ)
    .where(
        _s.system_id == bindparam("system_id"),
        _s.valid_from <= bindparam("now", type_=UtcMicros()),
        or_(_s.valid_until.is_(None), _s.valid_until > bindparam("now", type_=UtcMicros())),
    )
)
_CONSIGNMENTS_FOR_SYSTEM = Query(
    Consignment,
    _t.package_id == bindparam("package_id"),
    _t.place == Place.LOCAL.value,
    or_(
        _t.receiver_organ.in_(select(_r.organ_id).where(_OF_SYSTEM)),
        and_(_t.handed_to == bindparam("system_id"), _t.receiver_organ.in_(_BESIDE)),
    ),
    order=(_t.consignment_id,),
)
_own = schema.consignment.alias("own").c
# A delivery's first consignment brought the document; later ones carry acts on it.
_FIRST_OF_DELIVERY = select(func.min(_own.consignment_id)).where(_own.delivery_id == _d.delivery_id).scalar_subquery()
_before = schema.delivery.alias("before").c
_FORWARDED_BY = select(_before.receiver_organ).where(_before.delivery_id == _d.forwarded_from).scalar_subquery()
_DELIVERIES_SENT = (
    select(
        schema.delivery,
        _FORWARDED_BY.label("forwarded_by"),
        _t.state.label("transport"),
        _t.queued_at,
        _t.handed_over_at,
        _t.acknowledged_at,
        _t.last_error,
    )
    .select_from(schema.delivery)
    .outerjoin(schema.consignment, _t.consignment_id == _FIRST_OF_DELIVERY)
    .where(_d.document_uid == bindparam("document_uid"))
    .order_by(_d.delivery_id)
)
_NAMES = select(schema.organ.c.organ_id, schema.organ.c.name).where(
    schema.organ.c.organ_id.in_(bindparam("organ_ids", expanding=True))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingItem:
    """One package that waits for one system, whatever the number of its receivers there."""

    package_id: str
    kind: PackageKind
    urgency: int
    from_organ: str
    receivers: tuple[str, ...]  # those that the system serves now and that still wait, by code
    document_id: str
    code: str | None
    subject: str | None
    size_bytes: int
    received_at: datetime
    state: TransportState  # of its consignments there: that of the one least advanced
    updated_at: datetime  # when the bytes were first handed out, else when it was queued


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRow:
    """How one receiver of a package fares."""

    package_id: str
    kind: PackageKind
    from_organ: str
    document_id: str
    code: str | None
    subject: str | None
    receiver_organ: str
    receiver_name: str | None
    addressed_as: str  # the code in the package, where the receiver succeeds a closed one
    place: Place
    state: TransportState | None  # None: another axis carries it, we only recorded the address
    sent_at: datetime
    handed_over_at: datetime | None
    acknowledged_at: datetime | None
    last_error: str | None
    status_code: str | None  # None: no status yet; an act or a status has none
    status_at: datetime | None
    delivery: DeliveryState | None = None  # of a document: what the sender has done since; None: an act or a status
    answer: Answer | None = None  # to an act; of several documents the least agreeable. None: open, or nothing asks
    forwarded_by: str | None = None  # the receiver that passed the document on to this one


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is held back of what waits for a system, as far as that spares looking at packages."""

    some: bool  # something may be
    all: bool  # nothing goes there
    parameters: Mapping[str, object]  # of WAITS


def held_for(conn: Connection, system_id: str, now: datetime) -> Held:
    """What the holds that are in force say of a system."""
    found = [one for one in active_holds(conn, now) if one.partner_id in (None, system_id)]
    plain = [one for one in found if one.sender is None]
    return Held(
        some=bool(found),
        all=any(one.receiver is None for one in plain),
        parameters={"held_receivers": [one.receiver for one in plain]} if found else {},
    )


def pending(  # noqa: PLR0913, PLR0917 - plain words of one question
    conn: Connection, system_id: str, now: datetime, limit: int, fetched_often: int, kind: PackageKind | None = None
) -> tuple[PendingItem, ...]:
    """What waits for a system, at most `limit` packages of one kind (None: of any), by urgency and age.

    Packages that were fetched `fetched_often` times and never acknowledged come behind the others, so that they do not
    hide them. However much waits, only the first `limit` of each organisation are looked at: a package among
    the first of all is among the first of the receiver that it was queued for first.
    """
    held = held_for(conn, system_id, now)
    if held.all:
        return ()
    seldom, often = _FIRST[conn.dialect.name, held.some]
    asked = {"system_id": system_id, "now": now, "limit": limit, "fetched_often": fetched_often, **held.parameters}
    found = _first_of_kinds(conn, seldom, asked, kind)[:limit]
    if len(found) < limit:
        found = list(dict.fromkeys((*found, *_first_of_kinds(conn, often, asked, kind))))[:limit]
    return pending_items(conn, system_id, found, now)


def _first_of_kinds(
    conn: Connection, statement: Select[Any], asked: Mapping[str, object], kind: PackageKind | None
) -> list[str]:
    """Each kind has its own place in the index: of several, the first of each are put in order."""
    kinds = tuple(PackageKind) if kind is None else (kind,)
    rows = [row for one in kinds for row in conn.execute(statement, {**asked, "kind": one.value})]
    return [row.package_id for row in sorted(rows, key=lambda row: (-row.urgency, row.first))]


def pending_items(
    conn: Connection, system_id: str, package_ids: Sequence[str], now: datetime
) -> tuple[PendingItem, ...]:
    """What these packages look like in the system's list, in the given order; those that wait no more are left out."""
    rows: dict[str, list[Row[Any]]] = {package_id: [] for package_id in package_ids}
    for row in conn.execute(_OF_PACKAGES, {"package_ids": package_ids, "system_id": system_id}):
        if row.place == Place.LOCAL and row.state in PENDING and (row.visible_at is None or row.visible_at <= now):
            rows[row.package_id].append(row)
    return tuple(
        _item(of_package) for of_package in _in_order([of_package for of_package in rows.values() if of_package])
    )


def _in_order(packages: list[list[Row[Any]]]) -> Iterator[list[Row[Any]]]:
    """As given, but for acts that stand before what they are about: those come right after it."""
    place = {row.delivery_id: n for n, of in enumerate(packages) for row in of if row.delivery_id and not row.behind}
    after = [max(n, *(place.get(row.behind, n) for row in of)) for n, of in enumerate(packages)]
    yield from (packages[n] for n in sorted(range(len(packages)), key=lambda n: (after[n], after[n] != n, n)))


def count_pending(conn: Connection, system_id: str, kind: PackageKind, now: datetime) -> int:
    """How many packages of a kind wait for a system.

    A package for several organisations of the system is one; where all is for one, no package has to be looked at.
    """
    held = held_for(conn, system_id, now)
    if held.all:
        return 0
    of_organs, packages = _COUNTS[held.some]
    asked = {"now": now, "kind": kind.value, "system_id": system_id, **held.parameters}
    waiting = {organ: count for organ, count in conn.execute(of_organs, asked) if count}
    if len(waiting) <= 1:
        return sum(waiting.values())
    found: int = conn.execute(packages, {**asked, "organ_ids": list(waiting)}).scalar_one()
    return found


def is_held_for(conn: Connection, package_id: str, system_id: str, now: datetime) -> bool:
    """Whether a package that still waits for a system is held back."""
    asked = {"package_id": package_id, "system_id": system_id, "now": now}
    return held_for(conn, system_id, now).some and conn.execute(_HELD, asked).first() is not None


def consignments_for_system(
    conn: Connection, package_id: str, system_id: str, now: datetime
) -> tuple[Consignment, ...]:
    """The package's consignments to receivers that the system serves now; beside another one: those it was handed."""
    return _CONSIGNMENTS_FOR_SYSTEM.all(conn, package_id=package_id, system_id=system_id, now=now)


def sent_rows(conn: Connection, package_id: str) -> tuple[SentRow, ...]:
    """How the receivers of a package fare.

    Of a package that carries a document: every delivery of the document, by the consignment that brought it. Of an act
    or a status: every consignment of the package itself, and the answer to the act.
    """
    found = package(conn, package_id)
    if found is None:
        return ()
    if found.business_type is not None and BusinessType(found.business_type).makes_document:
        return _sent_of_document(conn, found)
    return _sent_of_package(conn, found)


def _item(rows: Sequence[Row[Any]]) -> PendingItem:
    first = rows[0]
    states = {TransportState(row.state) for row in rows}
    return PendingItem(
        package_id=first.package_id,
        kind=PackageKind(first.kind),
        urgency=first.urgency,
        from_organ=first.from_organ,
        receivers=tuple(row.receiver_organ for row in rows),
        document_id=first.document_id,
        code=first.code,
        subject=first.subject,
        size_bytes=first.size_bytes,
        received_at=first.received_at,
        state=next(state for state in _LEAST_ADVANCED if state in states),
        updated_at=max(row.handed_over_at or row.queued_at for row in rows),
    )


def _sent_of_document(conn: Connection, found: Package) -> tuple[SentRow, ...]:
    return tuple(
        SentRow(
            **_of_package(found),
            receiver_organ=row.receiver_organ,
            receiver_name=row.receiver_name,
            addressed_as=row.addressed_as,
            place=Place(row.place),
            state=TransportState(row.transport) if row.transport else None,
            sent_at=row.queued_at or row.created_at,
            handed_over_at=row.handed_over_at,
            acknowledged_at=row.acknowledged_at,
            last_error=row.last_error,
            status_code=row.status_code,
            status_at=row.status_at,
            delivery=DeliveryState(row.state),
            forwarded_by=row.forwarded_by,
        )
        for row in conn.execute(_DELIVERIES_SENT, {"document_uid": found.document_uid})
    )


def _sent_of_package(conn: Connection, found: Package) -> tuple[SentRow, ...]:
    own = consignments(conn, found.package_id)
    names = _names(conn, (consignment.receiver_organ for consignment in own))
    answers = _answers(conn, found.package_id)
    return tuple(
        SentRow(
            **_of_package(found),
            receiver_organ=consignment.receiver_organ,
            receiver_name=names.get(consignment.receiver_organ),
            addressed_as=consignment.receiver_organ,
            place=consignment.place,
            state=consignment.state,
            sent_at=consignment.queued_at,
            handed_over_at=consignment.handed_over_at,
            acknowledged_at=consignment.acknowledged_at,
            last_error=consignment.last_error,
            status_code=None,
            status_at=None,
            answer=answers.get(consignment.receiver_organ),
        )
        for consignment in own
    )


def _of_package(found: Package) -> dict[str, Any]:
    """What all rows of a package have in common."""
    return {
        "package_id": found.package_id,
        "kind": found.kind,
        "from_organ": found.from_organ,
        "document_id": found.document_id,
        "code": found.code,
        "subject": found.subject,
    }


def _answers(conn: Connection, package_id: str) -> dict[str, Answer]:
    """How each receiver has answered the act of a package for all the documents that it names."""
    act = act_of_package(conn, package_id)
    if act is None:
        return {}
    given: dict[str, set[Answer | None]] = {}
    for one in act_receivers(conn, act.act_id):
        given.setdefault(one.receiver_organ, set()).add(one.answer)
    return {
        organ: next(answer for answer in _LEAST_AGREEABLE if answer in said)
        for organ, said in given.items()
        if None not in said
    }


def _names(conn: Connection, organ_ids: Iterable[str]) -> dict[str, str]:
    return {row.organ_id: row.name for row in conn.execute(_NAMES, {"organ_ids": list(organ_ids)})}
