"""The acts on a document, for its page: what each did, who was concerned, what they answered, which documents it links.

As in `views`: every inner list capped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    String,
    and_,
    bindparam,
    func,
    not_,
    select,
    tuple_,
)

from axis.store import schema as s
from axis.store.queries.acts import named
from axis.store.records import Act, ActReceiver, Document, DocumentChange
from axis.store.rows import columns_of, read_all, record_reader
from axis.store.travel_view import Travel, grouped, travels_of_packages
from axis.terms import ActEffect, ActKind

SHOWN_ACTS = 50
SHOWN_ANSWERS = 100  # receivers of one act
SHOWN_RELATED = 50

_ACT, _read_act = columns_of(Act), record_reader(Act)
_ANSWER, _read_answer = columns_of(ActReceiver), record_reader(ActReceiver)
_CHANGE, _read_change = columns_of(DocumentChange), record_reader(DocumentChange)
_UID = bindparam("uid", type_=String)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """One receiver's answer to an act, and how the act travelled to it."""

    answer: ActReceiver
    name: str | None
    travel: Travel | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Another document: an edition under the same DocumentId, the one replaced, or the one that replaces."""

    document_uid: str
    edition: int
    code: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ActView:
    """An act on the document."""

    act: Act
    effect: ActEffect
    came_first: bool  # the document came after the act
    agreed: int
    declined: int
    withdrawn: int
    waiting: int
    answers: tuple[AnswerView, ...]
    changes: tuple[DocumentChange, ...]  # of an update
    brings: Related | None  # of a replacement: the document that takes this one's place


def _acts() -> Select[Any]:
    """The acts on a document, and what a replacement brings."""
    a, p, d, t = s.act.c, s.package.c, s.document.c, s.act_target.c
    brought = (d.document_uid.label("brought_uid"), d.edition, d.code, d.received_at.label("brought_at"))
    return (
        select(*_ACT, t.position, t.effect, t.document_uid.label("known_uid"), *brought)
        .join_from(s.act, s.package, p.package_id == a.package_id)
        .join(named, named.c.act_id == a.act_id)
        .join(s.act_target, and_(t.act_id == named.c.act_id, t.position == named.c.position))
        .outerjoin(s.document, and_(a.kind == ActKind.REPLACE, d.document_uid == p.document_uid))
        .where(named.c.document_uid == _UID)
        .order_by(a.received_at.desc(), a.act_id.desc())
        .limit(SHOWN_ACTS)
    )


_ACTS = _acts()


def acts_of(conn: Connection, document_uid: str) -> tuple[ActView, ...]:
    """The acts on a document, newest first."""
    rows = conn.execute(_ACTS, {"uid": document_uid}).all()
    if not rows:
        return ()
    acts = [_read_act(row[: len(_ACT)]) for row in rows]
    places = [(act.act_id, row.position) for act, row in zip(acts, rows, strict=True)]
    answers, counts = _answers(conn, places), _answer_counts(conn, places)
    changes = _changes(conn, [act.act_id for act in acts])
    views = []
    for act, row, place in zip(acts, rows, places, strict=True):
        count = counts.get(place, {})
        brings = row.brought_uid and Related(
            document_uid=row.brought_uid, edition=row.edition, code=row.code, received_at=row.brought_at
        )
        views.append(
            ActView(
                act=act,
                effect=ActEffect(row.effect),
                came_first=row.known_uid is None,
                agreed=count.get("agreed", 0),
                declined=count.get("declined", 0),
                withdrawn=count.get("withdrawn", 0),
                waiting=count.get(None, 0),
                answers=answers.get(place, ()),
                changes=changes.get(act.act_id, ()),
                brings=brings or None,
            )
        )
    return tuple(views)


def _related(source: FromClause, wanted: ColumnElement[bool]) -> Select[Any]:
    d = s.document.c
    return (
        select(d.document_uid, d.edition, d.code, d.received_at)
        .select_from(source)
        .where(wanted, d.document_uid != _UID)
        .order_by(d.edition, d.document_uid)
        .limit(SHOWN_RELATED)
    )


_same_name = and_(s.document.c.from_organ == bindparam("from"), s.document.c.document_key == bindparam("key"))
_EDITIONS = _related(s.document, _same_name)
_REPLACED = _related(
    s.document.join(named, named.c.document_uid == s.document.c.document_uid).join(
        s.act, s.act.c.act_id == named.c.act_id
    ),
    and_(s.act.c.package_id == bindparam("package"), not_(_same_name)),
)


def editions_of(conn: Connection, document: Document) -> tuple[Related, ...]:
    """The other editions of a document."""
    return _read_related(conn, _EDITIONS, document)


def replaced_by(conn: Connection, document: Document) -> tuple[Related, ...]:
    """The documents under another DocumentId whose place this one takes."""
    return _read_related(conn, _REPLACED, document)


def _read_related(conn: Connection, statement: Select[Any], document: Document) -> tuple[Related, ...]:
    of = {"uid": document.document_uid, "package": document.package_id}
    name = {"from": document.from_organ, "key": document.document_key}
    return tuple(
        Related(document_uid=uid, edition=edition, code=code, received_at=at)
        for uid, edition, code, at in conn.execute(statement, of | name)
    )


def _answer_counts(conn: Connection, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], dict[str | None, int]]:
    r = s.act_receiver.c
    rows = conn.execute(
        select(r.act_id, r.position, r.answer, func.count())
        .where(tuple_(r.act_id, r.position).in_(places))
        .group_by(r.act_id, r.position, r.answer)
    )
    counts: dict[tuple[str, int], dict[str | None, int]] = {}
    for act_id, position, answer, count in rows:
        counts.setdefault((act_id, position), {})[answer] = count
    return counts


def _answers(conn: Connection, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], tuple[AnswerView, ...]]:
    r, o = s.act_receiver.c, s.organ.c
    number = func.row_number().over(partition_by=(r.act_id, r.position), order_by=r.receiver_organ).label("number")
    first = select(*_ANSWER, number).where(tuple_(r.act_id, r.position).in_(places)).subquery().c
    rows = conn.execute(
        select(*(first[column.name] for column in _ANSWER), o.name.label("organ_name"))
        .outerjoin(s.organ, o.organ_id == first.receiver_organ)
        .where(first.number <= SHOWN_ANSWERS)
        .order_by(first.act_id, first.receiver_organ)
    ).all()
    receivers = {row.receiver_organ for row in rows}
    packages = {row.package_id for row in rows}
    travels = {
        (travel.consignment.package_id, travel.consignment.receiver_organ): travel
        for travel in travels_of_packages(conn, packages, receivers)
    }
    return grouped(
        (
            (row.act_id, row.position),
            AnswerView(
                answer=_read_answer(row[: len(_ANSWER)]),
                name=row.organ_name,
                travel=travels.get((row.package_id, row.receiver_organ)),
            ),
        )
        for row in rows
    )


def _changes(conn: Connection, act_ids: Sequence[str]) -> dict[str, tuple[DocumentChange, ...]]:
    c = s.document_change.c
    rows = conn.execute(select(*_CHANGE).where(c.act_id.in_(act_ids)).order_by(c.act_id, c.field))
    return grouped((change.act_id, change) for change in read_all(_read_change, rows.all()))
