"""Log-ins by single sign-on: browsers on their way, and whose accounts they open."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from axis.errors import Busy, Code, WrongState
from axis.store import schema as s
from axis.store.accounts import end_all, hold_account
from axis.store.configuration import record
from axis.store.records import Account, SsoLogin
from axis.store.rows import columns_of, record_reader, values_of

_AT_ONCE = 10_000  # browsers on their way
_RETRY_AFTER_S = 60

_ACCOUNT, _read_account = columns_of(Account), record_reader(Account)
_LOGIN, _read_login = columns_of(SsoLogin), record_reader(SsoLogin)


def begin(conn: Connection, login: SsoLogin, now: datetime) -> None:
    """A browser leaves for the provider. Raises Busy(OVERLOADED) when very many are on their way."""
    conn.execute(delete(s.sso_login).where(s.sso_login.c.expires_at <= now))
    if conn.execute(select(func.count()).select_from(s.sso_login)).scalar_one() >= _AT_ONCE:
        raise Busy(Code.OVERLOADED, "too many log-ins by single sign-on at once", retry_after_s=_RETRY_AFTER_S)
    conn.execute(insert(s.sso_login).values(values_of(login)))


def take(conn: Connection, state_sha256: str, browser_sha256: str, now: datetime) -> SsoLogin | None:
    """The browser that left with this state is back: once, in time, and the same one; None for anything else."""
    t = s.sso_login.c
    mine = (t.state_sha256 == state_sha256, t.browser_sha256 == browser_sha256, t.expires_at > now)
    row = conn.execute(select(*_LOGIN).where(*mine).with_for_update()).one_or_none()
    if row is None or conn.execute(delete(s.sso_login).where(t.state_sha256 == state_sha256)).rowcount != 1:
        return None
    return _read_login(row)


def find_linked(conn: Connection, issuer: str, subject: str) -> Account | None:
    """The account of this person at this provider, enabled or not."""
    a = s.account.c
    wanted = select(*_ACCOUNT).where(a.sso_issuer == issuer, a.sso_subject == subject)
    row = conn.execute(wanted).one_or_none()
    return None if row is None else _read_account(row)


def link(conn: Connection, username: str, identity: tuple[str, str], at: datetime, actor: str) -> None:
    """From now on this person at this provider opens the account. Raises NotFound, WrongState(ACCOUNT_LINKED)."""
    account = hold_account(conn, username)
    issuer, subject = identity
    other = find_linked(conn, issuer, subject)
    if other is not None and other.account_id != account.account_id:
        raise WrongState(Code.ACCOUNT_LINKED, other.username)
    _set(conn, account, issuer, subject)
    record(conn, at, actor, "sso_linked", {"account": account.username, "issuer": issuer})


def unlink(conn: Connection, username: str, at: datetime, actor: str) -> None:
    """Nobody at any provider opens the account any more; its sessions end. Raises NotFound."""
    account = hold_account(conn, username)
    _set(conn, account, None, None)
    end_all(conn, account.account_id)
    record(conn, at, actor, "sso_unlinked", {"account": account.username})


def known_organs(conn: Connection, codes: Collection[str]) -> frozenset[str]:
    """Those of some codes that are active organisations; others are passed over."""
    o = s.organ.c
    wanted = select(o.organ_id).where(o.organ_id.in_(sorted(codes)), o.status == "active")
    return frozenset(conn.execute(wanted).scalars())


def _set(conn: Connection, account: Account, issuer: str | None, subject: str | None) -> None:
    conn.execute(
        update(s.account)
        .where(s.account.c.account_id == account.account_id)
        .values(sso_issuer=issuer, sso_subject=subject)
    )
