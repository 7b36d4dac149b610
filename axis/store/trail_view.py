"""The page of a document's signatures: every verdict on its package, as far as it was known at a moment.

As in `views`: one read per page, bounded, no decision about rights beyond the given `Scope`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from axis.store import schema as s
from axis.store.document_view import find_sent
from axis.store.records import Attachment, Document, Verdict
from axis.store.rows import columns_of, read_all, record_reader
from axis.store.scopes import Scope

SHOWN_VERDICTS = 30
_READ_CHARACTERS = 4_000_000  # of verdicts, on one page: one of hundreds of files is long

_ATTACHMENT, _read_attachment = columns_of(Attachment), record_reader(Attachment)
_VERDICT, _read_verdict = columns_of(Verdict), record_reader(Verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One verdict of the history."""

    verdict_id: str
    at: datetime
    cause: str
    overall: str
    verdict: Verdict | None  # None: there was no room to read it


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailDetail:
    """All that the page of a document's signatures shows."""

    document: Document
    sender_name: str | None  # as registered here when the document came
    files: tuple[Attachment, ...]
    history: tuple[Judged, ...]  # newest first; the latest is always read
    earlier: int  # verdicts that are not among them
    due: str | None  # why it is looked at again; None: nothing is owed


def read_trail(conn: Connection, scope: Scope, document_uid: str, as_of: datetime | None) -> TrailDetail | None:
    """The page; None when there is no such document in scope, or there was none yet at the moment."""
    a, c = s.attachment.c, s.check_due.c
    sent = find_sent(conn, scope, document_uid, as_of)
    if sent is None:
        return None
    document = sent.document
    files = conn.execute(select(*_ATTACHMENT).where(a.package_id == document.package_id).order_by(a.position))
    history, earlier = _history(conn, document.package_id, as_of)
    due = conn.scalar(select(c.cause).where(c.package_id == document.package_id))
    return TrailDetail(
        document=document,
        sender_name=sent.sender_name,
        files=read_all(_read_attachment, files.all()),
        history=history,
        earlier=earlier,
        due=due if as_of is None else None,
    )


def _history(conn: Connection, package_id: str, as_of: datetime | None) -> tuple[tuple[Judged, ...], int]:
    v = s.verdict.c
    known = [v.package_id == package_id] if as_of is None else [v.package_id == package_id, v.at <= as_of]
    rows = conn.execute(
        select(v.verdict_id, v.at, v.cause, v.overall, func.length(v.content).label("characters"))
        .where(*known)
        .order_by(v.verdict_id.desc())
        .limit(SHOWN_VERDICTS)
    ).all()
    room = _READ_CHARACTERS
    ids: list[str] = []
    for row in rows:
        room -= row.characters
        if ids and room < 0:
            break
        ids.append(row.verdict_id)
    read = _verdicts(conn, ids)
    history = tuple(
        Judged(
            verdict_id=row.verdict_id,
            at=row.at,
            cause=row.cause,
            overall=row.overall,
            verdict=read.get(row.verdict_id),
        )
        for row in rows
    )
    if len(rows) < SHOWN_VERDICTS:
        return history, 0
    count = conn.scalar(select(func.count()).select_from(s.verdict).where(*known)) or 0
    return history, count - len(rows)


def _verdicts(conn: Connection, ids: Sequence[str]) -> dict[str, Verdict]:
    rows = conn.execute(select(*_VERDICT).where(s.verdict.c.verdict_id.in_(ids))).all()
    return {verdict.verdict_id: verdict for verdict in read_all(_read_verdict, rows)}
