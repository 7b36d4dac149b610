"""Drafts of documents, their files, and saved lists of receivers: each its account's alone.

The reading functions run in `store.read`, the others are write units. A draft of another account is not there:
NotFound. The texts are guarded by a version, so that two browsers do not write over each other; receivers and files are
added and taken away one by one, which never loses the other's.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from axis.errors import Code, Malformed, NotFound
from axis.store import schema as s
from axis.store.records import Draft, DraftFile, ReceiverList
from axis.store.rows import Query, columns_of, record_reader, values_of

_d, _f, _l = s.draft.c, s.draft_file.c, s.receiver_list.c
_DRAFT, _read_draft = columns_of(Draft), record_reader(Draft)
_files = Query(DraftFile, _f.draft_id == bindparam("of_draft"), order=(_f.file_id,))
_lists = Query(ReceiverList, _l.account_id == bindparam("of_account"), order=(_l.name, _l.list_id))
_open = Query(
    Draft,
    _d.account_id == bindparam("of_account"),
    _d.sent_at.is_(None),
    order=(_d.updated_at.desc(), _d.draft_id.desc()),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftView:
    """A draft with its files."""

    draft: Draft
    files: tuple[DraftFile, ...]

    @property
    def receivers(self) -> tuple[str, ...]:
        """The codes to which it goes."""
        return tuple(json.loads(self.draft.receivers))

    @property
    def texts(self) -> dict[str, str]:
        """What was typed, by field."""
        return dict(json.loads(self.draft.texts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What a browser says that the texts are; version: of the draft that it showed."""

    sender: str
    texts: dict[str, str]
    version: int


def add_draft(conn: Connection, row: Draft, most: int) -> None:
    """Begin a draft. Raises Malformed(TOO_MANY) when the account has too many open ones."""
    held = select(func.count()).select_from(s.draft).where(_d.account_id == row.account_id, _d.sent_at.is_(None))
    if conn.execute(held).scalar_one() >= most:
        raise Malformed(Code.TOO_MANY, f"at most {most} drafts")
    conn.execute(insert(s.draft).values(values_of(row)))


def open_drafts(conn: Connection, account_id: str) -> tuple[Draft, ...]:
    """The account's drafts that were not sent, the latest changed first."""
    return _open.all(conn, of_account=account_id)


def find_draft(conn: Connection, account_id: str, draft_id: str) -> DraftView:
    """A draft of an account, sent or not. Raises NotFound."""
    return DraftView(draft=_mine(conn, account_id, draft_id), files=_files.all(conn, of_draft=draft_id))


def save_texts(conn: Connection, account_id: str, draft_id: str, typed: Typed, at: datetime) -> bool:
    """Save what was typed. False: another browser has saved since, and nothing is written. Raises NotFound."""
    draft = _hold(conn, account_id, draft_id)
    texts = json.dumps(typed.texts, ensure_ascii=False, sort_keys=True)
    if (draft.sender, draft.texts) == (typed.sender, texts):
        return True
    if draft.version != typed.version:
        return False
    _change(conn, draft_id, sender=typed.sender, texts=texts, version=draft.version + 1, updated_at=at)
    return True


def change_receivers(
    conn: Connection, account_id: str, draft_id: str, change: Callable[[Sequence[str]], Sequence[str]], at: datetime
) -> None:
    """Change to whom a draft goes; the same codes are kept once, in their order. Raises NotFound."""
    draft = _hold(conn, account_id, draft_id)
    receivers = list(dict.fromkeys(change(json.loads(draft.receivers))))
    _change(conn, draft_id, receivers=json.dumps(receivers), updated_at=at)


def add_file(conn: Connection, account_id: str, file: DraftFile, most: int, at: datetime) -> None:
    """A file was uploaded; its blob is there. The same content twice is one file. Raises NotFound, Malformed."""
    _hold(conn, account_id, file.draft_id)
    files = _files.all(conn, of_draft=file.draft_id)
    if any((one.sha256_hex, one.name) == (file.sha256_hex, file.name) for one in files):
        return
    if len(files) >= most:
        raise Malformed(Code.TOO_MANY, f"at most {most} files")
    conn.execute(insert(s.draft_file).values(values_of(file)))
    _change(conn, file.draft_id, updated_at=at)


def drop_file(conn: Connection, account_id: str, draft_id: str, file_id: str, at: datetime) -> None:
    """Take a file off a draft; again, nothing happens. Raises NotFound."""
    _hold(conn, account_id, draft_id)
    conn.execute(delete(s.draft_file).where(_f.draft_id == draft_id, _f.file_id == file_id))
    _change(conn, draft_id, updated_at=at)


def drop_draft(conn: Connection, account_id: str, draft_id: str) -> None:
    """Throw a draft away; one that was sent stays, as what leads to its document. Raises NotFound."""
    if _hold(conn, account_id, draft_id).sent_at is None:
        _remove(conn, [draft_id])


def mark_sent(conn: Connection, account_id: str, draft_id: str, document_uid: str, at: datetime) -> None:
    """The draft has become a document: it cannot be changed any more, and its files are the package's. NotFound."""
    if _mine(conn, account_id, draft_id).sent_at is None:
        conn.execute(delete(s.draft_file).where(_f.draft_id == draft_id))
        _change(conn, draft_id, sent_at=at, sent_uid=document_uid)


def forget_drafts(conn: Connection, before: datetime, limit: int) -> int:
    """Remove drafts that nobody has touched since, at most `limit`. Returns how many there were."""
    gone = conn.scalars(select(_d.draft_id).where(_d.updated_at < before).limit(limit)).all()
    _remove(conn, gone)
    return len(gone)


def receiver_lists(conn: Connection, account_id: str) -> tuple[ReceiverList, ...]:
    """The account's lists, by name."""
    return _lists.all(conn, of_account=account_id)


def keep_list(conn: Connection, row: ReceiverList, most: int) -> None:
    """Keep a list; one of this name gets the new receivers. Raises Malformed(TOO_MANY)."""
    known = _lists.all(conn, of_account=row.account_id)
    same = next((one for one in known if one.name == row.name), None)
    if same is not None:
        changed = {"receivers": row.receivers, "updated_at": row.updated_at}
        conn.execute(update(s.receiver_list).where(_l.list_id == same.list_id).values(changed))
        return
    if len(known) >= most:
        raise Malformed(Code.TOO_MANY, f"at most {most} lists")
    conn.execute(insert(s.receiver_list).values(values_of(row)))


def drop_list(conn: Connection, account_id: str, list_id: str) -> None:
    """Forget a list; again, nothing happens."""
    conn.execute(delete(s.receiver_list).where(_l.account_id == account_id, _l.list_id == list_id))


def _mine(conn: Connection, account_id: str, draft_id: str, *, held: bool = False) -> Draft:
    wanted = select(*_DRAFT).where(_d.account_id == account_id, _d.draft_id == draft_id)
    row = conn.execute(wanted.with_for_update() if held else wanted).one_or_none()
    if row is None:
        raise NotFound(Code.NOT_FOUND, "no such draft of yours")
    return _read_draft(row)


def _hold(conn: Connection, account_id: str, draft_id: str) -> Draft:
    """A draft that can still be changed, and that nobody else changes until this transaction ends."""
    draft = _mine(conn, account_id, draft_id, held=True)
    if draft.sent_at is not None:
        raise NotFound(Code.NOT_FOUND, "the draft has been sent")
    return draft


def _change(conn: Connection, draft_id: str, **values: Any) -> None:  # noqa: ANN401 - of any column
    conn.execute(update(s.draft).where(_d.draft_id == draft_id).values(values))


def _remove(conn: Connection, draft_ids: Sequence[str]) -> None:
    if draft_ids:
        conn.execute(delete(s.draft_file).where(_f.draft_id.in_(draft_ids)))
        conn.execute(delete(s.draft).where(_d.draft_id.in_(draft_ids)))
