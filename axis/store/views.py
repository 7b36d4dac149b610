"""The console's list of documents, read in one go per page.

Each function takes a Connection and runs in one read (`store.read(lambda conn: list_documents(conn, query))`). Lists
are paged by key and every inner list is capped, so that no page grows with the data. This room decides nothing about
rights, but keeps to the `Scope` that it is given.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
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
from axis.terms import Origin, Place, TransportState

NAMED_RECEIVERS = 3  # of a document, in the list
_SEARCH_WORDS = 8
_SEARCH_CHARACTERS = 200

_DOCUMENT = columns_of(Document)
_read_document = record_reader(Document)


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
    text: str = ""  # every word must occur in code, subject, DocumentId, or a party's code or name
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
    found = conn.execute(_page(query)).all()
    more, found = len(found) > query.rows, found[: query.rows]
    return DocumentList(
        lines=_lines(conn, found[::-1] if backwards else found),
        has_newer=more if backwards else query.older_than is not None,
        has_older=backwards or more,
    )


def next_try() -> ColumnElement[Any]:
    """When a consignment is tried again: a pulled one is listed again, a pushed one is due again (needs `queue`)."""
    return func.coalesce(s.consignment.c.visible_at, s.queue.c.due_at, type_=s.UtcMicros())


def tallies_of(conn: Connection, document_uids: Sequence[str]) -> dict[str, tuple[Tally, ...]]:
    """How many receivers of each document are in which situation.

    A delivery's first consignment brought the document; later ones carry acts on it.
    """
    v, c, q = s.delivery.c, s.consignment.c, s.queue.c
    earlier = s.consignment.alias("earlier")
    first = not_(exists().where(earlier.c.delivery_id == v.delivery_id, earlier.c.consignment_id < c.consignment_id))
    situation = (v.document_uid, v.place, v.status_code, c.state)
    rows = conn.execute(
        select(
            *situation,
            func.count().label("receivers"),
            func.max(func.coalesce(c.failures, 0)).label("failures"),
            func.min(next_try(), type_=s.UtcMicros()).label("next_at"),
        )
        .select_from(s.delivery)
        .outerjoin(s.consignment, and_(c.delivery_id == v.delivery_id, first))
        .outerjoin(s.queue, and_(q.package_id == c.package_id, q.partner_id == c.uplink_id))
        .where(v.document_uid.in_(document_uids))
        .group_by(*situation)
    )
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


def _page(query: ListQuery) -> Select[Any]:
    d = s.document.c
    statement = (
        select(*_DOCUMENT, s.organ.c.name.label("organ_name"))
        .outerjoin(s.organ, s.organ.c.organ_id == d.from_organ)
        .where(in_scope(query.scope), _goes(query.direction), *matches(query.text))
        .limit(query.rows + 1)
    )
    # Of each pair the first condition is for the index, the second for those received in the same microsecond.
    if (key := query.newer_than) is not None:
        later = or_(d.received_at > key.received_at, d.document_uid > key.document_uid)
        return statement.where(d.received_at >= key.received_at, later).order_by(d.received_at, d.document_uid)
    if (key := query.older_than) is not None:
        earlier = or_(d.received_at < key.received_at, d.document_uid < key.document_uid)
        statement = statement.where(d.received_at <= key.received_at, earlier)
    return statement.order_by(d.received_at.desc(), d.document_uid.desc())


def _goes(direction: Direction) -> ColumnElement[bool]:
    if direction is Direction.SENT:
        return s.document.c.origin != Origin.UPLINK
    if direction is Direction.RECEIVED:
        return exists().where(s.delivery.c.document_uid == s.document.c.document_uid, s.delivery.c.place == Place.LOCAL)
    return true()


def matches(text: str) -> Iterable[ColumnElement[bool]]:
    """One condition per word of the search."""
    d, v = s.document.c, s.delivery.c
    for word in text[:_SEARCH_CHARACTERS].split()[:_SEARCH_WORDS]:
        named = union_all(
            select(s.organ.c.organ_id).where(_contains(word, s.organ.c.name)),
            select(s.organ_name.c.organ_id).where(_contains(word, s.organ_name.c.name)),
        )
        receiver = or_(_contains(word, v.receiver_organ, v.addressed_as, v.receiver_name), v.receiver_organ.in_(named))
        yield or_(
            d.document_uid == word.upper(),
            _contains(word, d.code, d.code_key, d.subject, d.document_id, d.from_organ, d.sender_name),
            d.from_organ.in_(named),
            exists().where(v.document_uid == d.document_uid, receiver),
        )


def _contains(word: str, *columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether any column holds the word.

    SQLite folds the case of ASCII letters only, so Vietnamese ones are looked for as typed, small, capital and
    capitalised, each in both Unicode forms that DMSs write.
    """
    spellings = {
        unicodedata.normalize(form, cased)
        for form in ("NFC", "NFD")
        for cased in (word, word.lower(), word.upper(), word.capitalize())
    }
    distinct = sorted({"".join(c.lower() if c.isascii() else c for c in spelling) for spelling in spellings})
    return or_(*(column.icontains(spelling, autoescape=True) for column in columns for spelling in distinct))


def _lines(conn: Connection, found: Sequence[Row[Any]]) -> tuple[DocumentLine, ...]:
    """The rows of the list, with what belongs to them from the other tables: four queries, however many rows."""
    documents = [_read_document(row[: len(_DOCUMENT)]) for row in found]
    uids = [document.document_uid for document in documents]
    tallies = tallies_of(conn, uids)
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


def _receiver_names(conn: Connection, received_at: Mapping[str, datetime]) -> dict[str, list[str]]:
    """Of each document; received_at: of the documents."""
    v, o = s.delivery.c, s.organ.c
    ours_first = (v.place == Place.ELSEWHERE, v.receiver_organ)
    number = func.row_number().over(partition_by=v.document_uid, order_by=ours_first).label("number")
    every = (
        select(v.document_uid, v.receiver_organ, v.receiver_name, number)
        .where(v.document_uid.in_(received_at))
        .subquery()
    ).c
    rows = conn.execute(
        select(every.document_uid, every.receiver_organ, o.name, every.receiver_name)
        .outerjoin(s.organ, o.organ_id == every.receiver_organ)
        .where(every.number <= NAMED_RECEIVERS)
        .order_by(every.document_uid, every.number)
    ).all()
    called = names_then(conn, [(organ_id, received_at[uid], name) for uid, organ_id, name, _ in rows])
    names: dict[str, list[str]] = {}
    for (document_uid, organ_id, _, written), name in zip(rows, called, strict=True):
        names.setdefault(document_uid, []).append(name or written or organ_id)
    return names


def _file_counts(conn: Connection, package_ids: Sequence[str]) -> dict[str, int]:
    a = s.attachment.c
    rows = conn.execute(select(a.package_id, func.count()).where(a.package_id.in_(package_ids)).group_by(a.package_id))
    return dict(rows.all())


def _act_kinds(conn: Connection, document_uids: Sequence[str]) -> dict[str, list[str]]:
    a = s.act.c
    rows = conn.execute(
        select(named.c.document_uid, a.kind)
        .join_from(named, s.act, a.act_id == named.c.act_id)
        .where(named.c.document_uid.in_(document_uids))
        .distinct()
        .order_by(a.kind)
    )
    kinds: dict[str, list[str]] = {}
    for document_uid, kind in rows:
        kinds.setdefault(document_uid, []).append(kind)
    return kinds
