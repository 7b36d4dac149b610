"""Time limits: what was touched, what is owed, what has to be told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, and_, bindparam, delete, func, insert, literal_column, or_, select, update

from axis.store import schema
from axis.store.records import Deadline, Delivery, Document
from axis.store.rows import Query, columns_of, record_reader, values_of

_touched, _deadline = schema.touched.c, schema.deadline.c
_delivery, _document = schema.delivery.c, schema.document.c

_marks = select(_touched.touch_id, _touched.document_uid, _touched.delivery_id).order_by(_touched.touch_id)
_DELIVERY, _DOCUMENT = columns_of(Delivery), columns_of(Document)
_read_delivery, _read_document = record_reader(Delivery), record_reader(Document)
_tracked = select(*_DELIVERY, *_DOCUMENT).join(schema.document, _document.document_uid == _delivery.document_uid)
_of_documents = _tracked.where(_delivery.document_uid.in_(bindparam("of", expanding=True)))
_of_deliveries = _tracked.where(_delivery.delivery_id.in_(bindparam("of", expanding=True)))
_known = Query(Deadline, _deadline.delivery_id.in_(bindparam("of", expanding=True)))
_key = and_(_deadline.delivery_id == bindparam("of_delivery"), _deadline.kind == bindparam("of_kind"))
_walk = (
    select(_deadline.delivery_id)
    .where(_deadline.delivery_id > bindparam("after"))
    .distinct()
    .order_by(_deadline.delivery_id)
    .limit(bindparam("limit"))
)
_AT_ONCE = 500  # ids in one statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something has happened to a document and all its deliveries, or to one delivery."""

    touch_id: int
    document_uid: str | None
    delivery_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """A delivery with its document."""

    delivery: Delivery
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDates:
    """When a delivery is due from now on."""

    delivery_id: str
    receipt_due_at: datetime | None
    acceptance_due_at: datetime | None
    completion_due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineChanges:
    """What becomes of deadlines."""

    made: tuple[Deadline, ...] = ()
    moved: tuple[Deadline, ...] = ()  # as they are from now on
    ended: tuple[Deadline, ...] = ()
    due_dates: tuple[DueDates, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedLine:
    """One open deadline, for a list."""

    deadline: Deadline
    document: Document
    status_code: str | None
    receiver_name: str | None


def has_touched(conn: Connection) -> bool:
    """Whether anything was touched that nobody has followed up."""
    return conn.execute(select(_touched.touch_id).limit(1)).first() is not None


def touched(conn: Connection, limit: int | None) -> tuple[Mark, ...]:
    """The oldest marks."""
    rows = conn.execute(_marks.limit(limit))
    return tuple(Mark(touch_id=row[0], document_uid=row[1], delivery_id=row[2]) for row in rows)


def forget_touched(conn: Connection, touch_ids: Sequence[int]) -> None:
    """Remove marks that were followed up. Part of a write unit."""
    conn.execute(delete(schema.touched).where(_touched.touch_id == bindparam("of")), [{"of": one} for one in touch_ids])


def tracked_of_documents(conn: Connection, document_uids: Sequence[str]) -> tuple[Tracked, ...]:
    """All deliveries of documents."""
    return _all_tracked(conn, _of_documents, document_uids)


def tracked(conn: Connection, delivery_ids: Sequence[str]) -> tuple[Tracked, ...]:
    """Deliveries by id."""
    return _all_tracked(conn, _of_deliveries, delivery_ids)


def deadlines_of(conn: Connection, delivery_ids: Sequence[str]) -> tuple[Deadline, ...]:
    """The open deadlines of deliveries."""
    return tuple(d for ids in _portions(delivery_ids) for d in _known.all(conn, of=ids))


def owing(conn: Connection, after: str, limit: int) -> tuple[str, ...]:
    """Deliveries of which something is owed, by id, from after one on."""
    return tuple(conn.scalars(_walk, {"after": after, "limit": limit}))


def change_deadlines(conn: Connection, changes: DeadlineChanges) -> None:
    """Part of a write unit."""
    if changes.made:
        conn.execute(insert(schema.deadline), [values_of(one) for one in changes.made])
    if changes.moved:
        changed = update(schema.deadline).where(_key)
        changed = changed.values({name: bindparam(f"new_{name}") for name in ("due_at", "stage", "next_at")})
        rows = [
            {"new_due_at": one.due_at, "new_stage": one.stage.value, "new_next_at": one.next_at, **_key_of(one)}
            for one in changes.moved
        ]
        conn.execute(changed, rows)
    if changes.ended:
        conn.execute(delete(schema.deadline).where(_key), [_key_of(one) for one in changes.ended])
    if changes.due_dates:
        names = ("receipt_due_at", "acceptance_due_at", "completion_due_at")
        dated = update(schema.delivery).where(_delivery.delivery_id == bindparam("of"))
        dated = dated.values({name: bindparam(f"new_{name}") for name in names})
        rows = [
            {"of": one.delivery_id, **{f"new_{name}": getattr(one, name) for name in names}}
            for one in changes.due_dates
        ]
        conn.execute(dated, rows)


def has_deadline_to_tell(conn: Connection, now: datetime) -> bool:
    """Whether `claim_deadlines` would find anything."""
    return conn.execute(select(_deadline.kind).where(_deadline.next_at <= now).limit(1)).first() is not None


def claim_deadlines(conn: Connection, now: datetime, limit: int) -> tuple[Deadline, ...]:
    """Deadlines to remind of or to tell, locked until the end of the transaction. Part of a write unit."""
    columns, read = columns_of(Deadline), record_reader(Deadline)
    due = select(*columns).where(_deadline.next_at <= now).order_by(_deadline.next_at, _deadline.delivery_id)
    return tuple(map(read, conn.execute(due.limit(limit).with_for_update(skip_locked=True))))


def routes_of(conn: Connection, organs: Iterable[str]) -> dict[str, str]:
    """The system that acts for each of these organisations, where there is one."""
    route = schema.route.c
    rows = conn.execute(select(route.organ_id, route.system_id).where(route.organ_id.in_(sorted(set(organs)))))
    return {row[0]: row[1] for row in rows}


def owed_lines(conn: Connection, organs: Sequence[str] | None, *, overdue: bool, limit: int) -> tuple[OwedLine, ...]:
    """Open deadlines, the most urgent first; organs: only those owed by or to one of these."""
    columns = columns_of(Deadline)
    statement = (
        select(*columns, *_DOCUMENT, _delivery.status_code, func.coalesce(schema.organ.c.name, _delivery.receiver_name))
        .join(schema.delivery, _delivery.delivery_id == _deadline.delivery_id)
        .join(schema.document, _document.document_uid == _deadline.document_uid)
        .outerjoin(schema.organ, schema.organ.c.organ_id == _deadline.receiver_organ)
        .order_by(_deadline.due_at, _deadline.delivery_id, _deadline.kind)
        .limit(limit)
    )
    if organs is not None:
        statement = statement.where(or_(_deadline.receiver_organ.in_(organs), _deadline.from_organ.in_(organs)))
    if overdue:
        statement = statement.where(_deadline.stage == literal_column("'overdue'"))
    read_deadline = record_reader(Deadline)
    split = len(columns) + len(_DOCUMENT)
    return tuple(
        OwedLine(
            deadline=read_deadline(row[: len(columns)]),
            document=_read_document(row[len(columns) : split]),
            status_code=row[split],
            receiver_name=row[split + 1],
        )
        for row in conn.execute(statement)
    )


def count_overdue(conn: Connection) -> dict[str, int]:
    """How much is overdue, by kind (terms.DeadlineKind)."""
    # The stage in the text, so that the partial index serves.
    overdue = _deadline.stage == literal_column("'overdue'")
    rows = conn.execute(select(_deadline.kind, func.count()).where(overdue).group_by(_deadline.kind))
    return {row[0]: row[1] for row in rows}


def _all_tracked(conn: Connection, statement: "Select[tuple[object, ...]]", ids: Sequence[str]) -> tuple[Tracked, ...]:
    return tuple(
        Tracked(
            delivery=_read_delivery(row[: len(_DELIVERY)]),
            document=_read_document(row[len(_DELIVERY) :]),
        )
        for portion in _portions(ids)
        for row in conn.execute(statement, {"of": portion})
    )


def _portions(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))


def _key_of(deadline: Deadline) -> dict[str, str]:
    return {"of_delivery": deadline.delivery_id, "of_kind": deadline.kind.value}
