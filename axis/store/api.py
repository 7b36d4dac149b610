"""Tokens of the REST API, and the answers to its calls that bore an Idempotency-Key.

A token is found by its digest only, so that a copy of the database opens no door. The writing
functions are write units.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from axis.errors import Code, NotFound
from axis.store import schema as s
from axis.store.configuration import record
from axis.store.records import ApiAnswer, ApiToken
from axis.store.rows import Query, values_of

_t, _a = s.api_token.c, s.api_answer.c
_by_digest = Query(ApiToken, _t.token_sha256 == bindparam("token_sha256"))
_all = Query(ApiToken, order=(_t.system_id, _t.token_id))
_of_call = (_a.system_id == bindparam("of_system"), _a.idempotency_key == bindparam("of_key"))
_answer = Query(ApiAnswer, *_of_call)


def add_token(conn: Connection, token: ApiToken, actor: str) -> None:
    """Record a new token. Raises NotFound when there is no such system."""
    if conn.scalar(select(s.system.c.system_id).where(s.system.c.system_id == token.system_id)) is None:
        raise NotFound(Code.NOT_FOUND, token.system_id)
    conn.execute(insert(s.api_token).values(values_of(token)))
    fields = {"token": token.token_id, "system": token.system_id, "scopes": token.scopes.split()}
    record(conn, token.created_at, actor, "token_added", fields)


def revoke_token(conn: Connection, token_id: str, at: datetime, actor: str) -> None:
    """A token is good no more; revoked again, nothing changes. Raises NotFound."""
    if conn.scalar(select(_t.token_id).where(_t.token_id == token_id)) is None:
        raise NotFound(Code.NOT_FOUND, token_id)
    open_one = (_t.token_id == token_id, _t.revoked_at.is_(None))
    if conn.execute(update(s.api_token).where(*open_one).values(revoked_at=at)).rowcount:
        record(conn, at, actor, "token_revoked", {"token": token_id})


def list_tokens(conn: Connection) -> tuple[ApiToken, ...]:
    """All tokens, revoked ones too, by system."""
    return _all.all(conn)


def find_token(conn: Connection, token_sha256: str) -> ApiToken | None:
    """The token of this digest, good or not."""
    return _by_digest.one(conn, token_sha256=token_sha256)


def note_use(conn: Connection, token_id: str, at: datetime) -> None:
    """A token was used."""
    later = or_(_t.last_used_at.is_(None), _t.last_used_at < at)
    conn.execute(update(s.api_token).where(_t.token_id == token_id, later).values(last_used_at=at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What became of beginning a call with an Idempotency-Key."""

    fresh: bool  # the caller has the key and does the work
    answer: ApiAnswer  # what is recorded under it


def begin_answer(conn: Connection, begun: ApiAnswer, abandoned_before: datetime) -> Begun:
    """Take a key for a call, or find who has it.

    A call that began before `abandoned_before` and never ended has died with its process: its key is taken over by the
    same call.
    """
    key = {"of_system": begun.system_id, "of_key": begun.idempotency_key}
    known = _answer.one(conn, **key)
    if known is not None and known.status is None and known.created_at < abandoned_before:
        conn.execute(delete(s.api_answer).where(*_of_call), key)
        known = None
    if known is not None:
        return Begun(fresh=False, answer=known)
    conn.execute(insert(s.api_answer).values(values_of(begun)))
    return Begun(fresh=True, answer=begun)


def end_answer(conn: Connection, answer: ApiAnswer) -> None:
    """Record the answer of a call that was begun."""
    key = {"of_system": answer.system_id, "of_key": answer.idempotency_key}
    conn.execute(update(s.api_answer).where(*_of_call).values(status=answer.status, body=answer.body), key)


def drop_answer(conn: Connection, system_id: str, idempotency_key: str) -> None:
    """A call that was begun failed: the key is free again."""
    conn.execute(delete(s.api_answer).where(*_of_call), {"of_system": system_id, "of_key": idempotency_key})


def forget_answers(conn: Connection, before: datetime, limit: int) -> int:
    """Remove answers older than `before`, at most `limit`. Returns how many there were."""
    old = select(_a.system_id, _a.idempotency_key).where(_a.created_at < before).limit(limit)
    gone = [{"of_system": system_id, "of_key": key} for system_id, key in conn.execute(old)]
    if gone:
        conn.execute(delete(s.api_answer).where(*_of_call), gone)
    return len(gone)
