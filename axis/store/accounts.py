"""Accounts of the console and their sessions.

Each function takes a Connection: the reading ones run in `store.read`, the others in `store.write`. Passwords are
hashed and checked elsewhere, outside any transaction. A session is found by the digest of its token only, so that a
copy of the database opens no door.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from axis.errors import Code, WrongState
from axis.store import schema as s
from axis.store.records import Account, Audit, Session
from axis.store.rows import columns_of, record_reader, values_of
from axis.text import comparison_form

_MAX_DOUBLINGS = 4  # the longest pause is sixteen times the first

_ACCOUNT, _read_account = columns_of(Account), record_reader(Account)
_SESSION, _read_session = columns_of(Session), record_reader(Session)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """When an account has to wait: after `failures` wrong passwords in a row, and longer after each further one."""

    failures: int
    seconds: int

    def after(self, failures: int) -> timedelta | None:
        """How long to wait after so many failures; None: not at all."""
        beyond = failures - self.failures
        return timedelta(seconds=self.seconds * 2 ** min(beyond, _MAX_DOUBLINGS)) if beyond >= 0 else None


def username_form(text: str) -> str:
    """The form in which usernames are kept and compared."""
    return comparison_form(text).lower()


def add_account(conn: Connection, account: Account) -> None:
    """Record a new account. Raises WrongState(ACCOUNT_EXISTS) when the username is taken."""
    values = values_of(account) | {"username": username_form(account.username)}
    if find_account(conn, account.username) is not None:
        raise WrongState(Code.ACCOUNT_EXISTS, values["username"])
    conn.execute(insert(s.account).values(values))


def find_account(conn: Connection, username: str) -> Account | None:
    """The account of this name, enabled or not."""
    row = conn.execute(select(*_ACCOUNT).where(s.account.c.username == username_form(username))).one_or_none()
    return None if row is None else _read_account(row)


def begin_login(conn: Connection, username: str, pause: Pause, now: datetime) -> Account | None:
    """Count an attempt as failed before its password is checked, so that many at once cannot outrun the pause.

    Returns the account as it was when its password may be checked; None when there is none, it is disabled, or it
    has to wait.
    """
    account = find_account(conn, username)
    if account is None or not account.enabled:
        return None
    if account.locked_until is not None and now < account.locked_until:
        return None
    failures = account.failures + 1
    wait = pause.after(failures)
    conn.execute(
        update(s.account)
        .where(s.account.c.account_id == account.account_id)
        .values(failures=failures, locked_until=None if wait is None else now + wait)
    )
    return account


def open_session(conn: Connection, session: Session, line: Audit) -> None:
    """The password was right: forget the failures, record the session, and drop those that have ended."""
    conn.execute(
        update(s.account).where(s.account.c.account_id == session.account_id).values(failures=0, locked_until=None)
    )
    conn.execute(delete(s.session).where(s.session.c.expires_at <= session.created_at))
    conn.execute(insert(s.session).values(values_of(session)))
    conn.execute(insert(s.audit).values(values_of(line)))


def find_session(conn: Connection, token_sha256: str, now: datetime) -> tuple[Session, Account] | None:
    """The session of this token and its account; None when it has ended or the account is disabled."""
    row = conn.execute(
        select(*_SESSION, *_ACCOUNT)
        .join_from(s.session, s.account, s.account.c.account_id == s.session.c.account_id)
        .where(s.session.c.token_sha256 == token_sha256, s.session.c.expires_at > now, s.account.c.enabled)
    ).one_or_none()
    if row is None:
        return None
    return _read_session(row[: len(_SESSION)]), _read_account(row[len(_SESSION) :])


def extend_session(conn: Connection, token_sha256: str, expires_at: datetime) -> None:
    """The session is in use: it ends later."""
    conn.execute(update(s.session).where(s.session.c.token_sha256 == token_sha256).values(expires_at=expires_at))


def close_session(conn: Connection, token_sha256: str) -> None:
    """End a session; ending one twice is no error."""
    conn.execute(delete(s.session).where(s.session.c.token_sha256 == token_sha256))


def forget_ended_sessions(conn: Connection, now: datetime) -> int:
    """Remove sessions that have ended. Returns how many there were. A write unit."""
    t = s.session.c
    return conn.execute(delete(s.session).where(t.expires_at <= now)).rowcount
