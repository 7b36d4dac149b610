"""Accounts and sessions of the console.

Passwords arrive here hashed and session tokens digested: who reads the database can neither log in nor take a
session over. What is tried too often is locked; the rule is the caller's, the counting ours.
"""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from axis.errors import Code, NotFound
from axis.store import schema
from axis.store.hot import Stale
from axis.store.records import Account, Session
from axis.store.rows import Finder, values_of

_accounts = Finder(Account)
_sessions = Finder(Session)


def create_account(conn: Connection, account: Account) -> None:
    """Add an account. Raises Stale when the username is taken. A write unit."""
    taken = select(schema.account.c.account_id).where(schema.account.c.username == account.username)
    if conn.execute(taken).first() is not None:
        raise Stale
    conn.execute(insert(schema.account).values(values_of(account)))


def account(conn: Connection, account_id: str) -> Account | None:
    """An account by our id."""
    return _accounts.one(conn, schema.account.c.account_id == account_id)


def account_by_username(conn: Connection, username: str) -> Account | None:
    """An account by the name that is typed in."""
    return _accounts.one(conn, schema.account.c.username == username)


def list_accounts(conn: Connection) -> tuple[Account, ...]:
    """All accounts, by name."""
    return _accounts.all(conn, order=(schema.account.c.username,))


def note_failure(conn: Connection, account_id: str, limit: int, locked_until: datetime) -> Account:
    """Count a wrong password; from `limit` of them on the account is locked until then. A write unit.

    Counted in the database, so that parallel tries count each. Raises NotFound.
    """
    t = schema.account.c
    conn.execute(update(schema.account).where(t.account_id == account_id).values(failures=t.failures + 1))
    conn.execute(
        update(schema.account).where(t.account_id == account_id, t.failures >= limit).values(locked_until=locked_until)
    )
    found = account(conn, account_id)
    if found is None:
        raise NotFound(Code.NOT_FOUND, account_id)
    return found


def note_success(conn: Connection, account_id: str) -> None:
    """A right password: the count begins anew. A write unit."""
    _set(conn, account_id, failures=0, locked_until=None)


def set_password(conn: Connection, account_id: str, password_hash: str) -> None:
    """Another password; every session of the account ends. A write unit. Raises NotFound."""
    _set(conn, account_id, password_hash=password_hash, failures=0, locked_until=None)
    conn.execute(delete(schema.session).where(schema.session.c.account_id == account_id))


def set_account_enabled(conn: Connection, account_id: str, *, enabled: bool) -> None:
    """Let an account in or keep it out; kept out, its sessions end. A write unit. Raises NotFound."""
    _set(conn, account_id, enabled=enabled)
    if not enabled:
        conn.execute(delete(schema.session).where(schema.session.c.account_id == account_id))


def create_session(conn: Connection, session: Session) -> None:
    """Begin a session. A write unit."""
    conn.execute(insert(schema.session).values(values_of(session)))


def find_session(conn: Connection, token_sha256: str, now: datetime) -> tuple[Session, Account] | None:
    """The session of a token and its account; None when it has ended or the account is kept out."""
    session = _sessions.one(conn, schema.session.c.token_sha256 == token_sha256, schema.session.c.expires_at > now)
    if session is None:
        return None
    holder = account(conn, session.account_id)
    return (session, holder) if holder is not None and holder.enabled else None


def delete_session(conn: Connection, token_sha256: str) -> None:
    """End a session. A write unit."""
    conn.execute(delete(schema.session).where(schema.session.c.token_sha256 == token_sha256))


def delete_expired_sessions(conn: Connection, now: datetime) -> int:
    """Forget sessions that have ended. A write unit."""
    return conn.execute(delete(schema.session).where(schema.session.c.expires_at <= now)).rowcount


def _set(conn: Connection, account_id: str, **values: object) -> None:
    changed = conn.execute(update(schema.account).where(schema.account.c.account_id == account_id).values(values))
    if changed.rowcount != 1:
        raise NotFound(Code.NOT_FOUND, account_id)
