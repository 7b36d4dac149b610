"""A clerk's inbox and outbox: their pages, their counts, what has to be done.

A list is walked from an index in its own order, organisation by organisation where they are few, and each count stops
at `MOST`: nothing here grows with the archive.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, lru_cache
from itertools import islice, product
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    type_coerce,
    union_all,
)

from axis.ids import first_id
from axis.store import schema as s
from axis.store.records import Delivery
from axis.store.rows import columns_of, read_all, record_reader
from axis.store.search import ANYTHING, Wanted, candidates, conditions, in_order, listed
from axis.store.values import among
from axis.store.views import DocumentLine, document_lines
from axis.terms import ActKind, StatusCode

MOST = 1_000
"""A count goes no further; pages say "1.000+"."""

_APART = 48  # organisations × statuses that are walked one by one; more are walked together
_FEW_ORGANS, _PART, _MANY_HITS, _SHORT = 8, 2_000, 4, 8_000
_d, _v, _t, _r = s.document.c, s.delivery.c, s.deadline.c, s.act_receiver.c
_HERE = _v.place != literal_column("'elsewhere'")  # as the index says it
_NOW = bindparam("now", type_=s.UtcMicros())
_ANY_TIME = datetime.min.replace(tzinfo=UTC)
_KEPT = 256  # statements of first pages
_ASKS = (ActKind.RECALL, ActKind.RECALL_REQUEST)
_DELIVERY, _read_delivery = columns_of(Delivery), record_reader(Delivery)


class Box(StrEnum):
    """Which way, seen from the organisations that somebody acts for."""

    INBOX = "inbox"  # deliveries to them
    OUTBOX = "outbox"  # documents of theirs


class Situation(StrEnum):
    """What a list is narrowed to, besides a status."""

    TODO = "todo"  # of an inbox: arrived, and neither accepted nor refused
    WAITING = "waiting"  # without any status
    OVERDUE = "overdue"  # something is owed by a receiver, and its time is over
    RECALL = "recall"  # of an inbox: the sender wants it back and waits for an answer


class Order(StrEnum):
    """In which order."""

    NEWEST = "newest"
    OLDEST = "oldest"
    DUE = "due"  # of an inbox: what is owed first


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A place in a list: what it is ordered by, and the id that tells two of one moment apart."""

    at: datetime | None  # None: ordered by the id alone
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxQuery:
    """One page of a box."""

    box: Box
    organs: frozenset[str]  # canonical codes, with those below
    now: datetime
    narrowed: str = ""  # a Situation, a status code, or "" for all
    wanted: Wanted = ANYTHING
    order: Order = Order.NEWEST
    place: Key | None = None  # go on from there …
    backwards: bool = False  # … towards the beginning
    end: Key | None = None  # newest first: no further than this, itself included
    rows: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxLine:
    """A row: a document, and in an inbox the delivery to one of ours."""

    line: DocumentLine
    delivery: Delivery | None
    owed_at: datetime | None  # by when its receiver, or the first of them, owes the next thing
    place: Key


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxPage:
    """A page, and whether there is more on either side."""

    lines: tuple[BoxLine, ...]
    has_before: bool
    has_after: bool


def read_box(conn: Connection, query: BoxQuery) -> BoxPage:
    """One page."""
    return read_boxes(conn, (query,))[0]


def read_boxes(conn: Connection, queries: Sequence[BoxQuery]) -> tuple[BoxPage, ...]:
    """A page of each; what its lines say is read at once for all pages of a box."""
    found = [_find(conn, query) if query.organs else () for query in queries]
    cut = [(query, rows[: query.rows], len(rows) > query.rows) for query, rows in zip(queries, found, strict=True)]
    lines = {
        box: iter(
            box_lines(conn, [row for query, rows, _more in cut if query.box is box for row in _in_order(query, rows)])
        )
        for box in Box
    }
    return tuple(
        BoxPage(
            lines=tuple(islice(lines[query.box], len(rows))),
            has_before=more if query.backwards else bool(query.organs and query.place),
            has_after=bool(query.organs and query.backwards) or more,
        )
        for query, rows, more in cut
    )


def _in_order(query: BoxQuery, rows: Sequence[Any]) -> Sequence[Any]:
    return rows[::-1] if query.backwards else rows


def _counted(box: Box) -> dict[str, Select[Any]]:
    """What is counted of a box, by situation and status."""
    own: BindParameter[Any] = bindparam("own", expanding=True)
    party = (_v.receiver_organ.in_(own),) if box is Box.INBOX else (_v.from_organ.in_(own), _HERE)
    each = select(literal(1)) if box is Box.INBOX else select(_v.document_uid).distinct()
    counted = {code.value: each.where(*party, _v.status_code == code.value) for code in StatusCode}
    counted[Situation.WAITING] = each.where(*party, _v.status_code.is_(None))
    if box is Box.INBOX:
        late = select(_t.delivery_id).where(_t.receiver_organ.in_(own), _t.due_at < _NOW)
        counted[Situation.RECALL] = _asked(own)
    else:
        late = select(_t.document_uid).where(_t.from_organ.in_(own), _t.due_at < _NOW)
    counted[Situation.OVERDUE] = late.distinct()
    return {str(name): one for name, one in counted.items()}


def count_box(conn: Connection, box: Box, organs: frozenset[str], now: datetime) -> dict[str, int]:
    """How much there is of each situation and status that a box can be narrowed to; at most `MOST` of each.

    Counted is what the list then shows: of an inbox deliveries; of an outbox documents, each once however many of its
    receivers stand so.
    """
    if not organs:
        return {}
    names, statement = _counts(box)
    row = conn.execute(statement, {"own": sorted(organs), "now": now}).one()
    found = dict(zip(names, row, strict=True))
    if box is Box.INBOX:
        silent, arrived = found[Situation.WAITING], found[StatusCode.ARRIVED]
        found[Situation.TODO] = min(MOST + 1, silent + arrived)
    return {name: number for name, number in found.items() if number}


def came_since(conn: Connection, box: Box, organs: frozenset[str], since: datetime) -> int:
    """How much a box was given since a moment; at most `MOST` and one."""
    if not organs:
        return 0
    return int(conn.execute(_came(box), {"own": sorted(organs), "since": since, "first": first_id(since)}).scalar_one())


@cache
def _came(box: Box) -> Select[Any]:
    own: BindParameter[Any] = bindparam("own", expanding=True)
    if box is Box.INBOX:
        since: BindParameter[datetime] = bindparam("since", type_=s.UtcMicros())
        came = (_v.receiver_organ.in_(own), _v.created_at >= since)
    else:
        came = (_d.from_organ.in_(own), _d.document_uid >= bindparam("first"))
    return select(_bounded(select(literal(1)).where(*came)))


def _bounded(inner: Select[Any]) -> ColumnElement[int]:
    return select(func.count()).select_from(inner.limit(MOST + 1).subquery()).scalar_subquery()


@cache
def _counts(box: Box) -> tuple[tuple[str, ...], Select[Any]]:
    counted = _counted(box)
    columns: list[ColumnElement[Any]] = [
        _bounded(one).label(f"n{number}") for number, one in enumerate(counted.values())
    ]
    return tuple(counted), select(*columns)


def _find(conn: Connection, query: BoxQuery) -> Sequence[Any]:
    """The rows of a page, and one more if there is one.

    What is looked for by words is most often new, or of many: the newest part of the list is looked through first. Its
    hits, and how long it is, tell whether it is quicker to go on like that, or to ask the index of words, which takes
    long for common ones. A number is rare, so that the index is asked at once.
    """
    wanted, now = query.wanted, {"now": query.now}
    if not wanted.phrases:
        plain = not wanted and query.place is None
        statement = _first_page(replace(query, now=_ANY_TIME)) if plain else _statement(query, None)
        return conn.execute(statement, now).all()
    in_order(conn)
    if not _is_walked(query):
        return conn.execute(_statement(query, _some(conn, wanted)), now).all()
    end = _newest_part(conn, query)
    newest = conn.execute(_statement(replace(query, end=end), None), now).all()
    if end is None or len(newest) > query.rows:
        return newest
    rest = replace(query, place=end, rows=query.rows - len(newest))
    some = None if len(newest) >= _MANY_HITS or _is_short(conn, query) else _some(conn, wanted)
    return [*newest, *conn.execute(_statement(rest, some), now).all()]


@lru_cache(_KEPT)
def _first_page(query: BoxQuery) -> Select[Any]:
    """The statement of what is asked most; making it takes longer than asking."""
    return _statement(query, None)


def _is_walked(query: BoxQuery) -> bool:
    """Whether the newest part of a list is looked through before the index of words is asked."""
    by_time = query.order is Order.NEWEST and query.narrowed != Situation.OVERDUE
    return by_time and query.place is None and len(query.organs) <= _FEW_ORGANS and not query.wanted.has_number


def _some(conn: Connection, wanted: Wanted) -> Select[Any] | None:
    """What the index of words gives, unless it is too much."""
    uids = candidates(conn, wanted.phrases)
    return None if uids is None else listed(conn, uids)


def _newest_part(conn: Connection, query: BoxQuery) -> Key | None:
    """Where the newest `_PART` of each organisation's list end; None when there are no more."""
    if query.box is Box.INBOX:
        party, walk = _v.receiver_organ, select(_v.created_at, _v.delivery_id)
        walk = walk.order_by(_v.created_at.desc(), _v.delivery_id.desc())
    else:
        party, walk = _d.from_organ, select(literal(None), _d.document_uid).order_by(_d.document_uid.desc())
    ends = [
        Key(at=row[0], id=row[1])
        for organ in sorted(query.organs)
        for row in conn.execute(walk.where(party == organ).offset(_PART).limit(1))
    ]
    return max(ends, key=lambda end: (end.at or query.now, end.id), default=None)


def _is_short(conn: Connection, query: BoxQuery) -> bool:
    """Whether all of the lists together are soon looked through."""
    party = _v.receiver_organ if query.box is Box.INBOX else _d.from_organ
    some = select(literal(1)).where(party.in_(sorted(query.organs))).limit(_SHORT + 1).subquery()
    return int(conn.execute(select(func.count()).select_from(some)).scalar_one()) <= _SHORT


def _statement(query: BoxQuery, some: Select[Any] | None) -> Select[Any]:
    """Takes the moment as a parameter."""
    return _inbox(query, some) if query.box is Box.INBOX else _outbox(query, some)


def _inbox(query: BoxQuery, some: Select[Any] | None) -> Select[Any]:
    """Ids of deliveries with their place, one more than the page holds."""
    own = sorted(query.organs)
    if query.order is Order.DUE or query.narrowed == Situation.OVERDUE:
        return _by_deadline(query, own, some)
    if query.narrowed == Situation.RECALL:
        inner = _walk(query, some, _v.receiver_organ.in_(own)).where(_v.delivery_id.in_(_asked(own)))
        return _limited(query, inner)
    statuses: Sequence[str | None] = (query.narrowed,) if query.narrowed in set(StatusCode) else ()
    if query.narrowed == Situation.TODO:
        statuses = (None, StatusCode.ARRIVED)
    if query.narrowed == Situation.WAITING:
        statuses = (None,)
    pairs = list(product(own, statuses or ("",)))
    if some is not None or len(pairs) > _APART:
        status = () if not statuses else (or_(*(_v.status_code == one for one in statuses)),)
        return _limited(query, _walk(query, some, _v.receiver_organ.in_(own), *status))
    parts = [
        _limited(query, _walk(query, None, _v.receiver_organ == organ, *([] if one == "" else [_v.status_code == one])))
        for organ, one in pairs
    ]
    return _joined(query, parts)


def _walk(query: BoxQuery, some: Select[Any] | None, *where: ColumnElement[bool]) -> Select[Any]:
    """Deliveries in the order of their coming."""
    wanted = query.wanted
    statement = select(_v.delivery_id, _v.document_uid, _v.created_at.label("at"), _v.delivery_id.label("id")).where(
        *where
    )
    if wanted.since is not None:
        statement = statement.where(_v.created_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(_v.created_at < wanted.until)
    if some is not None:
        statement = statement.where(_v.document_uid.in_(some))
    of_document = list(conditions(_without_days(wanted)))
    if wanted.organs:
        of_document.append(_d.from_organ.in_(sorted(wanted.organs)))
    if of_document:
        statement = statement.join(s.document, _d.document_uid == _v.document_uid).where(*of_document)
    return statement


def _without_days(wanted: Wanted) -> Wanted:
    return Wanted(phrases=wanted.phrases, document_uid=wanted.document_uid)


def _by_deadline(query: BoxQuery, own: Sequence[str], some: Select[Any] | None) -> Select[Any]:
    """Deliveries by what they owe first."""
    owed = select(_t.delivery_id, func.min(_t.due_at, type_=s.UtcMicros()).label("at")).where(
        _t.receiver_organ.in_(own)
    )
    if query.narrowed == Situation.OVERDUE:
        owed = owed.where(_t.due_at < _NOW)
    first = owed.group_by(_t.delivery_id).subquery()
    inner = _walk(query, some, first.c.delivery_id == _v.delivery_id).with_only_columns(
        _v.delivery_id, _v.document_uid, first.c.at, _v.delivery_id.label("id"), maintain_column_froms=True
    )
    if query.narrowed in set(StatusCode):
        inner = inner.where(_v.status_code == query.narrowed)
    if query.narrowed in (Situation.TODO, Situation.WAITING):
        early = _v.status_code.is_(None)
        inner = inner.where(early if query.narrowed == Situation.WAITING else or_(early, _v.status_code == "01"))
    return _limited(query, inner, at=first.c.at)


def _asked(own: Sequence[str] | BindParameter[Any]) -> Select[Any]:
    """Deliveries that their sender wants back."""
    target, act = s.act_target.c, s.act.c
    return (
        select(_v.delivery_id)
        .select_from(s.act_receiver)
        .join(s.act, and_(act.act_id == _r.act_id, act.kind.in_(_ASKS)))
        .join(s.act_target, and_(target.act_id == _r.act_id, target.position == _r.position))
        .join(s.delivery, and_(_v.document_uid == target.document_uid, _v.receiver_organ == _r.receiver_organ))
        .where(_r.receiver_organ.in_(own), _r.answer.is_(None))
    )


def _outbox(query: BoxQuery, some: Select[Any] | None) -> Select[Any]:
    """Ids of documents, one more than the page holds."""
    own = sorted(query.organs)
    if some is not None or len(own) > _APART:
        return _limited(query, _sent(query, some, own))
    return _joined(query, [_limited(query, _sent(query, None, [organ])) for organ in own])


def _sent(query: BoxQuery, some: Select[Any] | None, own: Sequence[str]) -> Select[Any]:
    wanted = query.wanted
    of_document = list(conditions(wanted))
    late = query.narrowed == Situation.OVERDUE
    narrowed = late or query.narrowed in set(StatusCode) or query.narrowed == Situation.WAITING
    uid = _t.document_uid if late else _v.document_uid if narrowed else _d.document_uid
    statement = select(literal(None).label("delivery_id"), uid, literal(None).label("at"), uid.label("id"))
    if narrowed:
        status = None if query.narrowed == Situation.WAITING else query.narrowed
        said = (_v.from_organ.in_(own), _v.status_code == status, _HERE)
        statement = statement.where(*((_t.from_organ.in_(own), _t.due_at < _NOW) if late else said)).distinct()
        if of_document or wanted.organs:
            statement = statement.join(s.document, _d.document_uid == uid)
    else:
        statement = statement.where(_d.from_organ.in_(own))
    if wanted.since is not None:
        statement = statement.where(uid >= first_id(wanted.since))
    if some is not None:
        statement = statement.where(uid.in_(some))
    if wanted.organs:
        other = s.delivery.alias("other")
        reached = select(other.c.document_uid).where(other.c.receiver_organ.in_(sorted(wanted.organs)))
        statement = statement.where(reached.where(other.c.document_uid == uid).exists())
    return statement.where(*of_document)


def _limited(query: BoxQuery, statement: Select[Any], at: ColumnElement[Any] | None = None) -> Select[Any]:
    """The part of a walk that follows the place, in order."""
    inbox = query.box is Box.INBOX
    at = _v.created_at if at is None else at
    key = _v.delivery_id if inbox else statement.selected_columns[1]
    downwards = (query.order is Order.NEWEST) != query.backwards
    if (place := query.place) is not None:
        beyond = key < place.id if downwards else key > place.id
        if inbox and place.at is not None:
            # The first condition is for the index, the second for those of one microsecond.
            bound = at <= place.at if downwards else at >= place.at
            further = at < place.at if downwards else at > place.at
            statement = statement.where(bound, or_(further, beyond))
        else:
            statement = statement.where(beyond)
    if (end := query.end) is not None:
        statement = statement.where(key >= end.id) if end.at is None else _no_further(statement, at, key, end)
    order = (at, key) if inbox else (key,)
    return statement.order_by(*(one.desc() if downwards else one for one in order)).limit(query.rows + 1)


def _no_further(statement: Select[Any], at: ColumnElement[Any], key: ColumnElement[Any], end: Key) -> Select[Any]:
    return statement.where(at >= end.at, or_(at > end.at, key >= end.id))


def _joined(query: BoxQuery, parts: Sequence[Select[Any]]) -> Select[Any]:
    """Several walks as one."""
    if len(parts) == 1:
        return parts[0]
    every = union_all(*(select(part.subquery()) for part in parts)).subquery()
    order = (every.c.at, every.c.id) if query.box is Box.INBOX else (every.c.id,)
    downwards = (query.order is Order.NEWEST) != query.backwards
    return select(every).order_by(*(one.desc() if downwards else one for one in order)).limit(query.rows + 1)


_FIRST_DUE = func.min(_t.due_at, type_=s.UtcMicros())
_DELIVERIES = select(*_DELIVERY).where(among(_v.delivery_id, "ids"))
_OWED_BY_DELIVERY = select(_t.delivery_id, _FIRST_DUE).where(among(_t.delivery_id, "ids")).group_by(_t.delivery_id)
_OWED_ON_DOCUMENT = select(
    _d.document_uid,
    type_coerce(
        select(func.min(_t.due_at)).where(_t.document_uid == _d.document_uid).scalar_subquery(), s.UtcMicros()
    ).label("due_at"),
).where(among(_d.document_uid, "ids"))


def box_lines(conn: Connection, found: Sequence[Any]) -> tuple[BoxLine, ...]:
    """The rows of a page. found: of each its delivery (none: its document counts), document, moment and key."""
    if not found:
        return ()
    delivery_ids = [row[0] for row in found if row[0] is not None]
    of_id: dict[str, Delivery] = {}
    if delivery_ids:
        rows = conn.execute(_DELIVERIES, {"ids": delivery_ids}).all()
        of_id = {one.delivery_id: one for one in read_all(_read_delivery, rows)}
        due = conn.execute(_OWED_BY_DELIVERY, {"ids": delivery_ids})
    else:
        due = conn.execute(_OWED_ON_DOCUMENT, {"ids": [row[1] for row in found]})
    owed: dict[str, datetime] = {row[0]: row[1] for row in due}
    of_uid = {
        line.document.document_uid: line
        for line in document_lines(conn, [row[1] for row in found], delivery_ids or None)
    }
    return tuple(
        BoxLine(
            line=of_uid[uid],
            delivery=of_id.get(delivery_id),
            owed_at=owed.get(delivery_id or uid),
            place=Key(at=at, id=key),
        )
        for delivery_id, uid, at, key in found
    )
