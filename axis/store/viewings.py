"""Who has looked at which document, and what was taken along.

What is read here is paged by key, newest first; an id sorts by its time, so that a period is a range of ids. Rows are
written as hot writes, and removed a few at a time when they are old.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, select

from axis.ids import first_id
from axis.store import schema as s
from axis.store.records import Viewing
from axis.store.rows import columns_of, record_reader
from axis.terms import ViewKind

_VIEWING, _read_viewing = columns_of(Viewing), record_reader(Viewing)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewingQuery:
    """Which views are asked for; what is left out does not matter."""

    document_uid: str | None = None
    username: str | None = None
    kinds: tuple[ViewKind, ...] = ()
    since: datetime | None = None
    until: datetime | None = None  # the first moment that is not asked for any more
    older_than: str | None = None  # viewing_id of the last one shown before
    rows: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewingLine:
    """A view, who it was, and what it was of."""

    viewing: Viewing
    username: str
    full_name: str
    file_name: str | None  # of the file that was taken
    code: str | None  # of the document
    subject: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewingList:
    """A page of views, newest first, and whether there are older ones."""

    lines: tuple[ViewingLine, ...]
    has_older: bool


def list_viewings(conn: Connection, query: ViewingQuery) -> ViewingList:
    """The views that are asked for, newest first."""
    v, a, f, d = s.viewing.c, s.account.c, s.attachment.c, s.document.c
    rows = conn.execute(
        select(*_VIEWING, a.username, a.full_name, f.name.label("file_name"), d.code, d.subject)
        .join_from(s.viewing, s.account, a.account_id == v.account_id)
        .outerjoin(s.attachment, and_(f.package_id == v.package_id, f.position == v.position))
        .outerjoin(s.document, d.document_uid == v.document_uid)
        .where(*_wanted(query))
        .order_by(v.viewing_id.desc())
        .limit(query.rows + 1)
    ).all()
    lines = tuple(
        ViewingLine(
            viewing=_read_viewing(row[: len(_VIEWING)]),
            username=row.username,
            full_name=row.full_name,
            file_name=row.file_name,
            code=row.code,
            subject=row.subject,
        )
        for row in rows[: query.rows]
    )
    return ViewingList(lines=lines, has_older=len(rows) > query.rows)


def _wanted(query: ViewingQuery) -> Iterable[ColumnElement[bool]]:
    v, a = s.viewing.c, s.account.c
    if query.document_uid is not None:
        yield v.document_uid == query.document_uid
    if query.username is not None:
        yield v.account_id == select(a.account_id).where(a.username == query.username).scalar_subquery()
    if query.kinds:
        yield v.kind.in_(query.kinds)
    if query.since is not None:
        yield v.viewing_id >= first_id(query.since)
    if query.until is not None:
        yield v.viewing_id < first_id(query.until)
    if query.older_than is not None:
        yield v.viewing_id < query.older_than


def forget_viewings(conn: Connection, before: datetime, limit: int) -> int:
    """Remove views older than `before`, at most `limit`. Returns how many there were. A write unit."""
    v = s.viewing.c
    old = select(v.viewing_id).where(v.viewing_id < first_id(before)).order_by(v.viewing_id).limit(limit)
    return conn.execute(delete(s.viewing).where(v.viewing_id.in_(old))).rowcount
