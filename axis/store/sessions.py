"""Log-ins and sessions of the console.

Each function takes a Connection: the reading ones run in `store.read`, the others in `store.write`. A session is found
by the digest of its token only, so that a copy of the database opens no door.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select, update

from axis.errors import Code, NotFound
from axis.store import configuration
from axis.store import schema as s
from axis.store.accounts import Pause, end_all, hold_account, organs_of, username_form
from axis.store.configuration import record
from axis.store.records import Account, Audit, Session
from axis.store.rows import columns_of, read_all, record_reader, values_of

_ACCOUNT, _read_account = columns_of(Account), record_reader(Account)
_SESSION, _read_session = columns_of(Session), record_reader(Session)
_now = bindparam("now", type_=s.UtcMicros())
_BY_TOKEN = (
    select(*_SESSION, *_ACCOUNT)
    .join_from(s.session, s.account, s.account.c.account_id == s.session.c.account_id)
    .where(s.session.c.token_sha256 == bindparam("token"), s.session.c.expires_at > _now, s.account.c.enabled)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A session, whose it is, and for whom that account acts."""

    session: Session
    account: Account
    organs: frozenset[str]  # as they were given
    version: int  # of the configuration: who stands below them is the same while it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """The tokens under which a session goes on."""

    token_sha256: str
    csrf_token: str


def begin_login(conn: Connection, username: str, pause: Pause | None, now: datetime) -> Account | None:
    """Count an attempt as failed before its password is checked, so that many at once cannot outrun the pause.

    pause: None for a browser that the account knows: it is counted by itself, and others cannot lock it out.
    Returns the account as it was when its password may be checked; None when there is none, it is disabled, or it
    has to wait.
    """
    try:
        account = hold_account(conn, username)
    except NotFound:
        return None
    if not account.enabled or (account.password_until is not None and account.password_until <= now):
        return None
    if pause is None:
        return account
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


def forget_failures(conn: Connection, account_id: str) -> None:
    """The password was right: the wrong ones before it count no more."""
    conn.execute(update(s.account).where(s.account.c.account_id == account_id).values(failures=0, locked_until=None))


def sessions_of(conn: Connection, username: str, now: datetime) -> tuple[Session, ...]:
    """The sessions of an account, the one that was used last first."""
    t, a = s.session.c, s.account.c
    owner = select(a.account_id).where(a.username == username_form(username)).scalar_subquery()
    rows = conn.execute(
        select(*_SESSION).where(t.account_id == owner, t.expires_at > now).order_by(t.used_at.desc(), t.session_id)
    )
    return read_all(_read_session, rows.all())


def end_session(conn: Connection, username: str, session_id: str, at: datetime, actor: str) -> None:
    """End one session of an account. Raises NotFound."""
    account = hold_account(conn, username)
    t = s.session.c
    mine = and_(t.session_id == session_id, t.account_id == account.account_id)
    if conn.execute(delete(s.session).where(mine)).rowcount != 1:
        raise NotFound(Code.NOT_FOUND, session_id, at="session")
    record(conn, at, actor, "session_ended", {"account": account.username, "session": session_id})


def end_sessions(conn: Connection, username: str, at: datetime, actor: str, *, but: str | None = None) -> int:
    """End the sessions of an account, all but one (by its token's digest). Returns how many. Raises NotFound."""
    account = hold_account(conn, username)
    ended = end_all(conn, account.account_id, but=but)
    record(conn, at, actor, "sessions_ended", {"account": account.username, "number": ended})
    return ended


def open_session(conn: Connection, session: Session, line: Audit, *, replaces: str | None = None) -> None:
    """The log-in was right: forget the failures, record the session, and drop those that have ended.

    replaces: digest of the token that the browser came with; that session ends, whoever's it was.
    """
    conn.execute(
        update(s.account)
        .where(s.account.c.account_id == session.account_id)
        .values(failures=0, locked_until=None, last_login_at=session.created_at)
    )
    ended = s.session.c.expires_at <= session.created_at
    conn.execute(delete(s.session).where(or_(ended, s.session.c.token_sha256 == replaces) if replaces else ended))
    conn.execute(insert(s.session).values(values_of(session)))
    conn.execute(insert(s.audit).values(values_of(line)))


def find_session(conn: Connection, token_sha256: str, now: datetime) -> Found | None:
    """The session of this token; None when it has ended or the account is disabled."""
    row = conn.execute(_BY_TOKEN, {"token": token_sha256, "now": now}).one_or_none()
    if row is None:
        return None
    account = _read_account(row[len(_SESSION) :])
    return Found(
        session=_read_session(row[: len(_SESSION)]),
        account=account,
        organs=organs_of(conn, account.account_id),
        version=configuration.version(conn),
    )


def extend_session(conn: Connection, token_sha256: str, used_at: datetime, expires_at: datetime) -> None:
    """The session is in use: it ends later."""
    conn.execute(
        update(s.session).where(s.session.c.token_sha256 == token_sha256).values(used_at=used_at, expires_at=expires_at)
    )


def renew_session(conn: Connection, token_sha256: str, renewed: Renewed) -> None:
    """The session goes on under other tokens: whoever knew the old ones has nothing."""
    conn.execute(
        update(s.session)
        .where(s.session.c.token_sha256 == token_sha256)
        .values(token_sha256=renewed.token_sha256, csrf_token=renewed.csrf_token)
    )


def close_session(conn: Connection, token_sha256: str) -> None:
    """End a session; ending one twice is no error."""
    conn.execute(delete(s.session).where(s.session.c.token_sha256 == token_sha256))


def forget_ended_sessions(conn: Connection, now: datetime) -> int:
    """Remove sessions that have ended. Returns how many there were. A write unit."""
    t = s.session.c
    return conn.execute(delete(s.session).where(t.expires_at <= now)).rowcount
