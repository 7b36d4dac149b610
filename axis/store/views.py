"""The console's list of documents, read in one go per page.

Each function takes a Connection and runs in one read (`store.read(lambda conn: list_documents(conn, query))`). Lists
are paged by key and every inner list is capped, so that no page grows with the data. This room decides nothing about
rights, but keeps to the `Scope` that it is given.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    func,
    not_,
    or_,
    select,
    true,
    union_all,
)

from axis.store import schema as s
from axis.store.organs import names_then
from axis.store.queries.acts import named
from axis.store.records import Document
from axis.store.rows import columns_of, record_reader
from axis.store.scopes import Scope, in_scope
from axis.store.search import ANYTHING, Wanted, candidates, conditions, listed
from axis.store.values import among
from axis.terms import Origin, Place, TransportState

NAMED_RECEIVERS = 3  # of a document, in the list

_DOCUMENT = columns_of(Document)
_read_document = record_reader(Document)
_WITH_SENDER = select(*_DOCUMENT, s.organ.c.name.label("organ_name")).outerjoin_from(
    s.document, s.organ, s.organ.c.organ_id == s.document.c.from_organ
)
_OF_DOCUMENTS = _WITH_SENDER.where(among(s.document.c.document_uid, "ids"))


class Direction(StrEnum):
    """Which way a document goes, seen from this node's organisations; one between two of them goes both ways."""

    ALL = "all"
    SENT = "sent"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListKey:
    """A place in the list, which is ordered by time of receipt, newest first."""

    received_at: datetime
    document_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """One page of the list. older_than and newer_than exclude each other; neither: the newest."""

    scope: Scope
    direction: Direction = Direction.ALL
    wanted: Wanted = ANYTHING
    older_than: ListKey | None = None
    newer_than: ListKey | None = None
    rows: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many receivers of a document are in one situation."""

    document_uid: str
    place: Place
    status_code: str | None
    state: TransportState | None  # None: no consignment (another axis carries it)
    receivers: int
    failures: int  # the most of any of them
    next_at: datetime | None  # the soonest next try of any of them


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLine:
    """One row of the list."""

    document: Document
    sender_name: str | None  # as registered here when the document came
    receiver_names: tuple[str, ...]  # likewise; the first few that this node serves, by code
    tallies: tuple[Tally, ...]
    files: int
    acts: tuple[str, ...]  # kinds of act that were made on it


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentList:
    """A page of the list, and whether there is more on either side."""

    lines: tuple[DocumentLine, ...]
    has_newer: bool
    has_older: bool


def list_documents(conn: Connection, query: ListQuery) -> DocumentList:
    """One page of documents, newest first."""
    backwards = query.newer_than is not None
    uids = candidates(conn, query.wanted.phrases)
    found = conn.execute(_page(query, None if uids is None else listed(conn, uids))).all()
    more, found = len(found) > query.rows, found[: query.rows]
    return DocumentList(
        lines=_lines(conn, found[::-1] if backwards else found),
        has_newer=more if backwards else query.older_than is not None,
        has_older=backwards or more,
    )


def next_try() -> ColumnElement[Any]:
    """When a consignment is tried again: a pulled one is listed again, a pushed one is due again (needs `queue`)."""
    return func.coalesce(s.consignment.c.visible_at, s.queue.c.due_at, type_=s.UtcMicros())


def _tallied(counted: ColumnElement[bool]) -> Select[Any]:
    """Situations of the receivers that are counted. Of a delivery's consignments the first brought it."""
    v, c, q = s.delivery.c, s.consignment.c, s.queue.c
    earlier = s.consignment.alias("earlier")
    first = not_(exists().where(earlier.c.delivery_id == v.delivery_id, earlier.c.consignment_id < c.consignment_id))
    situation = (v.document_uid, v.place, v.status_code, c.state)
    return (
        select(
            *situation,
            func.count().label("receivers"),
            func.max(func.coalesce(c.failures, 0)).label("failures"),
            func.min(next_try(), type_=s.UtcMicros()).label("next_at"),
        )
        .select_from(s.delivery)
        .outerjoin(s.consignment, and_(c.delivery_id == v.delivery_id, first))
        .outerjoin(s.queue, and_(q.package_id == c.package_id, q.partner_id == c.uplink_id))
        .where(counted)
        .group_by(*situation)
    )


_TALLIED_OF_DOCUMENTS = _tallied(among(s.delivery.c.document_uid, "ids"))
_TALLIED_OF_DELIVERIES = _tallied(among(s.delivery.c.delivery_id, "ids"))


def tallies_of(
    conn: Connection, document_uids: Sequence[str], delivery_ids: Sequence[str] | None = None
) -> dict[str, tuple[Tally, ...]]:
    """How many receivers of each document are in which situation. delivery_ids: those that count; None: all."""
    if delivery_ids is None:
        rows = conn.execute(_TALLIED_OF_DOCUMENTS, {"ids": list(document_uids)})
    else:
        rows = conn.execute(_TALLIED_OF_DELIVERIES, {"ids": list(delivery_ids)})
    found: dict[str, list[Tally]] = {}
    for document_uid, place, status_code, state, receivers, failures, next_at in rows:
        tally = Tally(
            document_uid=document_uid,
            place=Place(place),
            status_code=status_code,
            state=None if state is None else TransportState(state),
            receivers=receivers,
            failures=failures,
            next_at=next_at,
        )
        found.setdefault(document_uid, []).append(tally)
    return {document_uid: tuple(tallies) for document_uid, tallies in found.items()}


def document_lines(
    conn: Connection, document_uids: Sequence[str], delivery_ids: Sequence[str] | None = None
) -> tuple[DocumentLine, ...]:
    """The rows for some documents, in no order. delivery_ids: what is counted of their deliveries; None: all."""
    found = conn.execute(_OF_DOCUMENTS, {"ids": list(document_uids)}).all()
    return _lines(conn, found, delivery_ids)


def _page(query: ListQuery, some: Select[Any] | None) -> Select[Any]:
    d = s.document.c
    statement = _WITH_SENDER.where(
        in_scope(query.scope), _goes(query.direction), *conditions(query.wanted), *_parties(query.wanted)
    ).limit(query.rows + 1)
    if some is not None:
        statement = statement.where(d.document_uid.in_(some))
    # Of each pair the first condition is for the index, the second for those received in the same microsecond.
    if (key := query.newer_than) is not None:
        later = or_(d.received_at > key.received_at, d.document_uid > key.document_uid)
        return statement.where(d.received_at >= key.received_at, later).order_by(d.received_at, d.document_uid)
    if (key := query.older_than) is not None:
        earlier = or_(d.received_at < key.received_at, d.document_uid < key.document_uid)
        statement = statement.where(d.received_at <= key.received_at, earlier)
    return statement.order_by(d.received_at.desc(), d.document_uid.desc())


def _parties(wanted: Wanted) -> Iterable[ColumnElement[bool]]:
    if wanted.organs:
        d, v, organs = s.document.c, s.delivery.c, sorted(wanted.organs)
        yield d.document_uid.in_(
            union_all(
                select(d.document_uid).where(d.from_organ.in_(organs)),
                select(v.document_uid).where(v.receiver_organ.in_(organs)),
            )
        )


def _goes(direction: Direction) -> ColumnElement[bool]:
    if direction is Direction.SENT:
        return s.document.c.origin != Origin.UPLINK
    if direction is Direction.RECEIVED:
        return exists().where(s.delivery.c.document_uid == s.document.c.document_uid, s.delivery.c.place == Place.LOCAL)
    return true()


def _lines(
    conn: Connection, found: Sequence[Any], delivery_ids: Sequence[str] | None = None
) -> tuple[DocumentLine, ...]:
    """The rows of the list, with what belongs to them from the other tables: four queries, however many rows."""
    documents = [_read_document(row[: len(_DOCUMENT)]) for row in found]
    uids = [document.document_uid for document in documents]
    tallies = tallies_of(conn, uids, delivery_ids)
    names = _receiver_names(conn, {document.document_uid: document.received_at for document in documents})
    senders = names_then(
        conn,
        [(one.from_organ, one.received_at, row.organ_name) for one, row in zip(documents, found, strict=True)],
    )
    files = _file_counts(conn, [document.package_id for document in documents])
    acts = _act_kinds(conn, uids)
    return tuple(
        DocumentLine(
            document=document,
            sender_name=sender,
            receiver_names=tuple(names.get(document.document_uid, ())),
            tallies=tallies.get(document.document_uid, ()),
            files=files.get(document.package_id, 0),
            acts=tuple(acts.get(document.document_uid, ())),
        )
        for document, sender in zip(documents, senders, strict=True)
    )


def _named_receivers() -> Select[Any]:
    """The first few receivers of documents, those that this node serves before others."""
    v, o = s.delivery.c, s.organ.c
    ours_first = (v.place == Place.ELSEWHERE, v.receiver_organ)
    number = func.row_number().over(partition_by=v.document_uid, order_by=ours_first).label("number")
    every = (
        select(v.document_uid, v.receiver_organ, v.receiver_name, number).where(among(v.document_uid, "ids")).subquery()
    ).c
    return (
        select(every.document_uid, every.receiver_organ, o.name, every.receiver_name)
        .outerjoin(s.organ, o.organ_id == every.receiver_organ)
        .where(every.number <= NAMED_RECEIVERS)
        .order_by(every.document_uid, every.number)
    )


_NAMED_RECEIVERS = _named_receivers()
_FILE_COUNTS = (
    select(s.attachment.c.package_id, func.count())
    .where(among(s.attachment.c.package_id, "ids"))
    .group_by(s.attachment.c.package_id)
)
_ACT_KINDS = (
    select(named.c.document_uid, s.act.c.kind)
    .join_from(named, s.act, s.act.c.act_id == named.c.act_id)
    .where(among(named.c.document_uid, "ids"))
    .distinct()
    .order_by(s.act.c.kind)
)


def _receiver_names(conn: Connection, received_at: Mapping[str, datetime]) -> dict[str, list[str]]:
    """Of each document; received_at: of the documents."""
    rows = conn.execute(_NAMED_RECEIVERS, {"ids": list(received_at)}).all()
    called = names_then(conn, [(organ_id, received_at[uid], name) for uid, organ_id, name, _ in rows])
    names: dict[str, list[str]] = {}
    for (document_uid, organ_id, _, written), name in zip(rows, called, strict=True):
        names.setdefault(document_uid, []).append(name or written or organ_id)
    return names


def _file_counts(conn: Connection, package_ids: Sequence[str]) -> dict[str, int]:
    return dict(conn.execute(_FILE_COUNTS, {"ids": list(package_ids)}).all())


def _act_kinds(conn: Connection, document_uids: Sequence[str]) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for document_uid, kind in conn.execute(_ACT_KINDS, {"ids": list(document_uids)}):
        kinds.setdefault(document_uid, []).append(kind)
    return kinds
