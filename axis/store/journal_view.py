"""The audit trail, a page at a time, newest first: who did what to the node, its configuration and its signatures."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select

from axis.ids import first_id
from axis.store import schema as s
from axis.store.records import Audit
from axis.store.rows import columns_of, read_all, record_reader

_AUDIT, _read_audit = columns_of(Audit), record_reader(Audit)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalQuery:
    """Which lines are asked for; what is left out does not matter."""

    since: datetime
    until: datetime | None = None  # the first moment that is not asked for any more
    actor: str = ""
    kind: str = ""
    text: str = ""  # in what the line says
    older_than: str | None = None  # audit_id of the last one shown before
    rows: int = 50


def list_journal(conn: Connection, query: JournalQuery) -> tuple[tuple[Audit, ...], bool]:
    """The lines that are asked for, and whether there are older ones."""
    rows = conn.execute(
        select(*_AUDIT).where(*_wanted(query)).order_by(s.audit.c.audit_id.desc()).limit(query.rows + 1)
    ).all()
    return read_all(_read_audit, rows[: query.rows]), len(rows) > query.rows


def _wanted(query: JournalQuery) -> Iterable[ColumnElement[bool]]:
    a = s.audit.c
    yield a.audit_id >= first_id(query.since)
    if query.until is not None:
        yield a.audit_id < first_id(query.until)
    if query.older_than is not None:
        yield a.audit_id < query.older_than
    if query.actor:
        yield a.actor == query.actor
    if query.kind:
        yield a.kind == query.kind
    if query.text:
        yield a.fields.contains(query.text, autoescape=True)
