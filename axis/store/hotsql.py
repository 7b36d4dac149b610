"""The statements of hot writes, compiled once from the tables, to be run on the driver's own cursor.

SQLAlchemy's execution costs more than the database does when thousands of rows a second are inserted; its compiler
does not, since it runs once. Inserts run in the order of the foreign keys, then changes, each kind with one
`executemany`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, Protocol

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Delete,
    Dialect,
    Insert,
    Integer,
    Update,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    null,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from axis.store import hot, records, schema
from axis.store.hot import Change, ConsignmentMoved, Hot, Stale
from axis.store.records import Row
from axis.store.rows import TABLES, Values, columns_of, converter, row_writer
from axis.store.touches import touches
from axis.terms import TransportState

INSERT_ORDER: tuple[type, ...] = (
    records.Blob,
    records.Document,
    records.Package,
    records.Attachment,
    records.Original,
    records.Act,
    records.ActTarget,
    records.ActReceiver,
    records.DocumentChange,
    records.Delivery,
    records.Consignment,
    records.StatusEvent,
    records.Verdict,
    records.VerdictEvidence,
    records.Finding,
    records.Signer,
    records.Signed,
    records.CertificateRow,
    records.CheckDue,
    records.NeedRow,
    records.QueueRow,
    records.Touch,
    records.Audit,
    records.SystemEvent,
    records.CourierBundle,
    records.BounceRow,
    records.Viewing,
    records.Leaf,
)
"""Every class that a hot write may insert, referred-to tables first."""


# Many writes may bring the same one: the first stays.
_SHARED = (records.Blob, records.CertificateRow, records.NeedRow, records.Signer, records.Signed)
_ANY_NUMBER = frozenset({hot.FindingsGone})  # changes that may find no row, or several
_Insert = sqlite.Insert | postgresql.Insert


class Cursor(Protocol):
    """What is used of sqlite3's and psycopg's cursors."""

    @property
    def rowcount(self) -> int:
        """Rows that the last statement touched; of executemany, all of them together."""
        ...

    def executemany(self, sql: str, rows: Sequence[Values], /) -> object:
        """Run one statement for every row."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One statement of a hot write."""

    sql: str
    values: Callable[[Any], Values]  # of one row or change
    guarded: bool  # each execution has to touch exactly one row


_ONE: ColumnElement[int] = literal_column("1", Integer)  # in the text, not a parameter of its own

Prepared = dict[int, list[Values]]
"""A hot write as values by step number."""


class HotSql:
    """Every statement of hot writes for one database."""

    def __init__(self, dialect_name: str) -> None:
        self._steps: list[Step] = []
        self._number: dict[type, int] = {}
        dialect: Dialect
        if dialect_name == "sqlite":
            dialect = sqlite.dialect(paramstyle="qmark")
            shared: dict[type, Insert] = {
                record: sqlite.insert(TABLES[record]).on_conflict_do_nothing() for record in _SHARED
            }
            shared[records.QueueRow] = _afresh(sqlite.insert(schema.queue))
        else:
            dialect = postgresql.psycopg.dialect(paramstyle="format")  # type: ignore[no-untyped-call] # of SQLAlchemy
            shared = {record: postgresql.insert(TABLES[record]).on_conflict_do_nothing() for record in _SHARED}
            shared[records.QueueRow] = _afresh(postgresql.insert(schema.queue))
        for record in INSERT_ORDER:
            columns = columns_of(record)
            statement = shared[record] if record in shared else insert(columns[0].table).inline()
            sql, order = _compile(statement, dialect, [column.name for column in columns])
            if order != [column.name for column in columns]:
                raise TypeError(f"fields of {record.__name__} are not in its table's order")
            self._add(record, Step(sql=sql, values=row_writer(record), guarded=False))
        for change, (statement_of_change, sources) in _changes().items():
            sql, order = _compile(statement_of_change, dialect, None)
            self._add(change, Step(sql=sql, values=_change_writer(order, sources), guarded=change not in _ANY_NUMBER))

    def _add(self, of: type, step: Step) -> None:
        self._number[of] = len(self._steps)
        self._steps.append(step)

    def prepare(self, unit: Hot) -> Prepared:
        """The unit as values, with the marks of what it touches.

        Raises Malformed(FIELD_INVALID) for what a column cannot hold.
        """
        prepared: Prepared = {}
        parts: tuple[Row | Change, ...] = (*unit.inserts, *unit.changes, *touches(unit))
        for part in parts:
            number = self._number[type(part)]
            values = self._steps[number].values(part)
            prepared.setdefault(number, []).append(values)
        return prepared

    def run(self, cursor: Cursor, group: Sequence[Prepared]) -> None:
        """Run the units together. Raises Stale when a change did not find its row as it was read."""
        for number, step in enumerate(self._steps):
            rows = [row for prepared in group for row in prepared.get(number, ())]
            if not rows:
                continue
            cursor.executemany(step.sql, rows)
            if step.guarded and cursor.rowcount != len(rows):
                raise Stale


@cache
def hot_sql(dialect_name: str) -> HotSql:
    """The statements for one kind of database, for every store that this process opens."""
    return HotSql(dialect_name)


def _afresh(statement: _Insert) -> Insert:
    """A push that stands in the queue already, or asks for its receivers, is due from its beginning again.

    The fence rises, so that whoever is at it records nothing over the new one.
    """
    t, new = schema.queue.c, statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[t.package_id, t.partner_id],
        set_={
            "task": new.task,
            "urgency": new.urgency,
            "queued_at": new.queued_at,
            "due_at": new.due_at,
            "attempts": new.attempts,
            "lease_until": null(),
            "delayed_at": null(),
            "held_by": null(),
            "fence": t.fence + _ONE,
        },
    )


def _compile(statement: Insert | Update | Delete, dialect: Dialect, keys: list[str] | None) -> tuple[str, list[str]]:
    """The statement's text, and the names of its parameters in their order."""
    compiled = statement.compile(dialect=dialect, column_keys=keys)
    return str(compiled), list(compiled.positiontup or ())


_Sources = dict[str, tuple[Column[Any], Callable[[Any], Any]]]


def _change_writer(order: list[str], sources: _Sources) -> Callable[[Any], Values]:
    """Values of a change in the order in which the compiled statement wants them."""
    makers = [(get, converter(column)) for column, get in (sources[name] for name in order)]

    def write(change: Any) -> Values:  # noqa: ANN401 - any change class
        return tuple(None if (value := get(change)) is None else convert(value) for get, convert in makers)

    return write


class _Parameters:
    """Gives a statement its parameters, and remembers what each takes from the change."""

    def __init__(self) -> None:
        self.sources: _Sources = {}

    def __call__(self, column: Column[Any], source: str | Callable[[Any], Any]) -> BindParameter[Any]:
        """A parameter of `column`'s type; its value is the attribute or function of the change."""
        name = f"p{len(self.sources)}"
        self.sources[name] = (column, attrgetter(source) if isinstance(source, str) else source)
        return bindparam(name, type_=column.type)


def _changes() -> dict[type, tuple[Update | Delete, _Sources]]:
    """The statement of each kind of change."""
    statements: dict[type, Callable[[_Parameters], Update | Delete]] = {
        hot.DeliveryStatus: _delivery_status,
        hot.DeliveryReturned: _delivery_returned,
        hot.ConsignmentMoved: _consignment_moved,
        hot.ConsignmentFailed: _consignment_failed,
        hot.ConsignmentExpired: _consignment_expired,
        hot.ConsignmentRerouted: _consignment_rerouted,
        hot.ConsignmentRaised: _consignment_raised,
        hot.QueueRaised: _queue_raised,
        hot.DeliveryMoved: _delivery_moved,
        hot.DocumentRevised: _document_revised,
        hot.ActAnswered: _act_answered,
        hot.ActTargetFound: _act_target_found,
        hot.OrphanMatched: _orphan_matched,
        hot.DocumentFlagged: _document_flagged,
        hot.DocumentJudged: _document_judged,
        hot.FindingsGone: _findings_gone,
        hot.CheckMoved: _check_moved,
        hot.CheckDone: _check_done,
        hot.QueueMoved: _queue_moved,
        hot.QueueHeld: _queue_held,
        hot.QueueDelayed: _queue_delayed,
        hot.QueueDone: _queue_done,
    }
    changes = {}
    for change, statement in statements.items():
        parameters = _Parameters()
        changes[change] = (statement(parameters), parameters.sources)
    return changes


def _delivery_status(p: _Parameters) -> Update:
    t = schema.delivery.c
    return (
        update(schema.delivery)
        .where(t.delivery_id == p(t.delivery_id, "delivery_id"), t.version == p(t.version, "version"))
        .values(
            version=t.version + _ONE,
            status_code=p(t.status_code, "status_code"),
            status_at=p(t.status_at, "status_at"),
        )
    )


def _delivery_moved(p: _Parameters) -> Update:
    t = schema.delivery.c
    return (
        update(schema.delivery)
        .where(t.delivery_id == p(t.delivery_id, "delivery_id"), t.state == p(t.state, "was"))
        .values(
            version=t.version + _ONE,
            state=p(t.state, "becomes"),
            state_at=p(t.state_at, "at"),
            act_id=p(t.act_id, "act_id"),
        )
    )


def _document_revised(p: _Parameters) -> Update:
    t = schema.document.c
    return (
        update(schema.document)
        .where(t.document_uid == p(t.document_uid, "document_uid"), t.version == p(t.version, "version"))
        .values(
            version=t.version + _ONE,
            state=p(t.state, "state"),
            subject=p(t.subject, "subject"),
            type_name=p(t.type_name, "type_name"),
            urgency=p(t.urgency, "urgency"),
            due_date=p(t.due_date, "due_date"),
            particulars=p(t.particulars, "particulars"),
            folded=p(t.folded, "folded"),
        )
    )


def _delivery_returned(p: _Parameters) -> Update:
    t = schema.delivery.c
    return (
        update(schema.delivery)
        .where(t.delivery_id == p(t.delivery_id, "delivery_id"))
        .values(returned_at=p(t.returned_at, "returned_at"), return_reason=p(t.return_reason, "reason"))
    )


def _at_if(state: TransportState) -> Callable[[ConsignmentMoved], datetime | None]:
    return lambda change: change.at if change.becomes == state else None


def _consignment_moved(p: _Parameters) -> Update:
    t = schema.consignment.c
    # 1 when it is listed or pushed from the start again: nothing of the earlier tries may hold it back.
    afresh = p(t.failures, lambda change: int(change.becomes == TransportState.QUEUED))
    handed_over = p(t.fetched, lambda change: int(change.becomes == TransportState.HANDED_OVER))
    return (
        update(schema.consignment)
        .where(t.consignment_id == p(t.consignment_id, "consignment_id"), t.state == p(t.state, "was"))
        .values(
            state=p(t.state, "becomes"),
            handed_over_at=func.coalesce(t.handed_over_at, p(t.handed_over_at, _at_if(TransportState.HANDED_OVER))),
            acknowledged_at=func.coalesce(t.acknowledged_at, p(t.acknowledged_at, _at_if(TransportState.ACKNOWLEDGED))),
            fetched=t.fetched + handed_over,
            failures=t.failures * (_ONE - afresh),
            visible_at=null(),
            handed_to=func.coalesce(t.handed_to, p(t.handed_to, "handed_to")),
        )
    )


def _consignment_failed(p: _Parameters) -> Update:
    t = schema.consignment.c
    return (
        update(schema.consignment)
        .where(t.consignment_id == p(t.consignment_id, "consignment_id"), t.state == p(t.state, "was"))
        .values(
            state=p(t.state, "becomes"),
            failures=t.failures + _ONE,
            visible_at=p(t.visible_at, "visible_at"),
            last_error=p(t.last_error, "last_error"),
        )
    )


def _consignment_expired(p: _Parameters) -> Update:
    t = schema.consignment.c
    return (
        update(schema.consignment)
        .where(
            t.consignment_id == p(t.consignment_id, "consignment_id"),
            t.state == p(t.state, "was"),
            t.expired_at.is_(None),
        )
        .values(
            state=literal_column("'dead'"),
            visible_at=null(),
            last_error=p(t.last_error, "last_error"),
            expired_at=p(t.expired_at, "at"),
        )
    )


def _consignment_rerouted(p: _Parameters) -> Update:
    t = schema.consignment.c
    return (
        update(schema.consignment)
        .where(
            t.consignment_id == p(t.consignment_id, "consignment_id"),
            t.state == p(t.state, "was"),
            t.place == p(t.place, "was_place"),
        )
        .values(
            state=literal_column("'queued'"),
            place=p(t.place, "place"),
            uplink_id=p(t.uplink_id, "uplink_id"),
            failures=literal_column("0", Integer),
            visible_at=null(),
        )
    )


def _consignment_raised(p: _Parameters) -> Update:
    t = schema.consignment.c
    return (
        update(schema.consignment)
        .where(t.consignment_id == p(t.consignment_id, "consignment_id"), t.state == p(t.state, "was"))
        .values(urgency=p(t.urgency, "urgency"))
    )


def _queue_raised(p: _Parameters) -> Update:
    t = schema.queue.c
    return (
        update(schema.queue)
        .where(t.queue_id == p(t.queue_id, "queue_id"), t.fence == p(t.fence, "fence"))
        .values(urgency=p(t.urgency, "urgency"))
    )


def _act_answered(p: _Parameters) -> Update:
    t = schema.act_receiver.c
    return (
        update(schema.act_receiver)
        .where(
            t.act_id == p(t.act_id, "act_id"),
            t.position == p(t.position, "position"),
            t.receiver_organ == p(t.receiver_organ, "receiver_organ"),
            t.answer.is_(None),
        )
        .values(answer=p(t.answer, "answer"), answered_at=p(t.answered_at, "at"))
    )


def _act_target_found(p: _Parameters) -> Update:
    t = schema.act_target.c
    return (
        update(schema.act_target)
        .where(t.act_id == p(t.act_id, "act_id"), t.position == p(t.position, "position"), t.document_uid.is_(None))
        .values(document_uid=p(t.document_uid, "document_uid"), effect=p(t.effect, "effect"))
    )


def _orphan_matched(p: _Parameters) -> Update:
    t = schema.status_event.c
    return (
        update(schema.status_event)
        .where(t.event_id == p(t.event_id, "event_id"), t.effect == literal_column("'orphan'"))
        .values(
            document_uid=p(t.document_uid, "document_uid"),
            delivery_id=p(t.delivery_id, "delivery_id"),
            effect=p(t.effect, "effect"),
        )
    )


def _document_flagged(p: _Parameters) -> Update:
    t = schema.document.c
    return (
        update(schema.document)
        .where(t.document_uid == p(t.document_uid, "document_uid"), t.flags == p(t.flags, "was"))
        .values(flags=p(t.flags, "flags"))
    )


def _document_judged(p: _Parameters) -> Update:
    t = schema.document.c
    return (
        update(schema.document)
        .where(t.document_uid == p(t.document_uid, "document_uid"))
        .values(
            verdict=p(t.verdict, "verdict"),
            sent_due_at=func.coalesce(p(t.sent_due_at, "sent_due_at"), t.sent_due_at),
        )
    )


def _findings_gone(p: _Parameters) -> Update:
    t = schema.finding.c
    return (
        update(schema.finding)
        .where(
            t.document_uid == p(t.document_uid, "document_uid"),
            t.verdict_id != p(t.verdict_id, "verdict_id"),
            t.gone_at.is_(None),
        )
        .values(gone_at=p(t.gone_at, "at"))
    )


def _check_moved(p: _Parameters) -> Update:
    t = schema.check_due.c
    return (
        update(schema.check_due)
        .where(t.package_id == p(t.package_id, "package_id"), t.fence == p(t.fence, "fence"))
        .values(
            cause=p(t.cause, "cause"),
            due_at=p(t.due_at, "due_at"),
            attempts=p(t.attempts, "attempts"),
            lease_until=null(),
        )
    )


def _check_done(p: _Parameters) -> Delete:
    t = schema.check_due.c
    return delete(schema.check_due).where(t.package_id == p(t.package_id, "package_id"), t.fence == p(t.fence, "fence"))


def _queue_moved(p: _Parameters) -> Update:
    t = schema.queue.c
    return (
        update(schema.queue)
        .where(t.queue_id == p(t.queue_id, "queue_id"), t.fence == p(t.fence, "fence"))
        .values(
            task=p(t.task, "task"),
            peer_ref=p(t.peer_ref, "peer_ref"),
            due_at=p(t.due_at, "due_at"),
            attempts=p(t.attempts, "attempts"),
            lease_until=null(),
            held_by=null(),
        )
    )


def _queue_held(p: _Parameters) -> Update:
    t = schema.queue.c
    return (
        update(schema.queue)
        .where(t.queue_id == p(t.queue_id, "queue_id"), t.fence == p(t.fence, "fence"))
        .values(due_at=p(t.due_at, "due_at"), held_by=p(t.held_by, "held_by"), lease_until=null())
    )


def _queue_delayed(p: _Parameters) -> Update:
    t = schema.queue.c
    return (
        update(schema.queue)
        .where(t.queue_id == p(t.queue_id, "queue_id"), t.delayed_at.is_(None))
        .values(delayed_at=p(t.delayed_at, "at"))
    )


def _queue_done(p: _Parameters) -> Delete:
    t = schema.queue.c
    return delete(schema.queue).where(t.queue_id == p(t.queue_id, "queue_id"), t.fence == p(t.fence, "fence"))
