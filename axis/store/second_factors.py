"""Codes of telephones and recovery codes: counted before they are checked, each taken once.

The functions that change something are write units, or part of one. What was typed comes as an `Attempt`, worked out
before: here it is only compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sqlalchemy import Connection, delete, func, insert, select, update

from axis.errors import Code, WrongState
from axis.store import schema as s
from axis.store.accounts import Pause, end_all, hold_account
from axis.store.configuration import record
from axis.store.records import Account, LoginStep, RecoveryCode
from axis.store.rows import columns_of, record_reader, values_of

TRIES = 5  # of one log-in

_STEP, _read_step = columns_of(LoginStep), record_reader(LoginStep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What was typed: the time step whose code it is, or a recovery code's HMAC; neither: it is certainly wrong."""

    step: int | None = None
    code_mac: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFactor:
    """A second factor to be set."""

    encrypted: bytes
    step: int  # of the code that proved it
    code_macs: tuple[str, ...]
    stays: str | None = None  # the digest of the one session that does not end


class Taken(Enum):
    """What became of a try."""

    RIGHT = "right"
    WRONG = "wrong"
    ENDED = "ended"  # the log-in is over: too old, too many tries, or never begun


def open_step(conn: Connection, step: LoginStep, now: datetime) -> None:
    """The password was right, the code is still to come: forget the wrong passwords, drop log-ins that are over."""
    conn.execute(
        update(s.account).where(s.account.c.account_id == step.account_id).values(failures=0, locked_until=None)
    )
    conn.execute(delete(s.login_step).where(s.login_step.c.expires_at <= now))
    conn.execute(insert(s.login_step).values(values_of(step)))


def find_step(conn: Connection, token_sha256: str, now: datetime) -> LoginStep | None:
    """The log-in that waits for its code; None when it is over."""
    t = s.login_step.c
    row = conn.execute(select(*_STEP).where(t.token_sha256 == token_sha256, t.expires_at > now)).one_or_none()
    return None if row is None else _read_step(row)


def username_of(conn: Connection, account_id: str) -> str | None:
    """The name of an enabled account."""
    a = s.account.c
    return conn.execute(select(a.username).where(a.account_id == account_id, a.enabled)).scalar_one_or_none()


def take_step(
    conn: Connection, token_sha256: str, attempt: Attempt, pause: Pause | None, now: datetime
) -> tuple[Taken, LoginStep | None]:
    """Try the code of a log-in. pause: None where this browser is known and counted by itself."""
    t = s.login_step.c
    held = select(*_STEP).where(t.token_sha256 == token_sha256, t.expires_at > now).with_for_update()
    row = conn.execute(held).one_or_none()
    step = None if row is None else _read_step(row)
    username = None if step is None else username_of(conn, step.account_id)
    if step is None or username is None:
        return Taken.ENDED, None
    taken = try_code(conn, username, attempt, pause, now)
    if taken is Taken.RIGHT or step.tries + 1 >= TRIES:
        conn.execute(delete(s.login_step).where(t.token_sha256 == token_sha256))
        return (taken, step) if taken is Taken.RIGHT else (Taken.ENDED, None)
    conn.execute(update(s.login_step).where(t.token_sha256 == token_sha256).values(tries=step.tries + 1))
    return taken, step


def try_code(conn: Connection, username: str, attempt: Attempt, pause: Pause | None, now: datetime) -> Taken:
    """Try a code of an account: each is taken once, and whoever is wrong too often has to wait. Raises NotFound."""
    account = hold_account(conn, username)
    if pause and account.totp_locked_until is not None and now < account.totp_locked_until:
        return Taken.WRONG
    if _accepts(conn, account, attempt, now):
        _change(conn, account, totp_failures=0, totp_locked_until=None)
        return Taken.RIGHT
    if pause:
        failures = account.totp_failures + 1
        wait = pause.after(failures)
        _change(conn, account, totp_failures=failures, totp_locked_until=None if wait is None else now + wait)
    return Taken.WRONG


def set_factor(conn: Connection, username: str, new: NewFactor, at: datetime, actor: str) -> None:
    """From now on the account needs a code; its other sessions end.

    Raises NotFound, WrongState(FACTOR_SET) when it needs one already.
    """
    account = hold_account(conn, username)
    if account.totp_encrypted is not None:
        raise WrongState(Code.FACTOR_SET, account.username)
    _change(conn, account, totp_encrypted=new.encrypted, totp_step=new.step, totp_failures=0, totp_locked_until=None)
    _set_codes(conn, account, new.code_macs)
    end_all(conn, account.account_id, but=new.stays)
    record(conn, at, actor, "totp_set", {"account": account.username})


def clear_factor(conn: Connection, username: str, at: datetime, actor: str) -> None:
    """The account needs no code any more, until its owner sets one anew. Raises NotFound."""
    account = hold_account(conn, username)
    _change(conn, account, totp_encrypted=None, totp_step=None, totp_failures=0, totp_locked_until=None)
    _set_codes(conn, account, ())
    record(conn, at, actor, "totp_reset", {"account": account.username})


def reset_factor(conn: Connection, username: str, at: datetime, actor: str) -> None:
    """An administrator takes the second factor away: whoever is logged in is out. Raises NotFound."""
    clear_factor(conn, username, at, actor)
    end_all(conn, hold_account(conn, username).account_id)


def renew_codes(conn: Connection, username: str, code_macs: Sequence[str], at: datetime) -> None:
    """Other recovery codes in place of those that are left. Raises NotFound."""
    account = hold_account(conn, username)
    _set_codes(conn, account, code_macs)
    record(conn, at, account.username, "recovery_codes_made", {"account": account.username})


def codes_left(conn: Connection, account_id: str) -> int:
    """How many recovery codes were not used yet."""
    t = s.recovery_code.c
    left = select(func.count()).select_from(s.recovery_code).where(t.account_id == account_id, t.used_at.is_(None))
    return conn.execute(left).scalar_one()


def forget_ended(conn: Connection, now: datetime) -> int:
    """Remove log-ins that came to nothing. Returns how many there were. A write unit."""
    steps = conn.execute(delete(s.login_step).where(s.login_step.c.expires_at <= now)).rowcount
    return steps + conn.execute(delete(s.sso_login).where(s.sso_login.c.expires_at <= now)).rowcount


def _accepts(conn: Connection, account: Account, attempt: Attempt, now: datetime) -> bool:
    if account.totp_encrypted is None:
        return False
    if attempt.step is not None:
        if account.totp_step is not None and attempt.step <= account.totp_step:
            return False  # that code, or a later one, was used
        _change(conn, account, totp_step=attempt.step)
        return True
    if attempt.code_mac is None:
        return False
    t = s.recovery_code.c
    used = (
        update(s.recovery_code)
        .where(t.account_id == account.account_id, t.code_mac == attempt.code_mac, t.used_at.is_(None))
        .values(used_at=now)
    )
    if conn.execute(used).rowcount != 1:
        return False
    record(conn, now, account.username, "recovery_code_used", {"account": account.username})
    return True


def _set_codes(conn: Connection, account: Account, code_macs: Sequence[str]) -> None:
    conn.execute(delete(s.recovery_code).where(s.recovery_code.c.account_id == account.account_id))
    rows = [values_of(RecoveryCode(account_id=account.account_id, code_mac=mac)) for mac in code_macs]
    if rows:
        conn.execute(insert(s.recovery_code), rows)


def _change(conn: Connection, account: Account, **values: object) -> None:
    conn.execute(update(s.account).where(s.account.c.account_id == account.account_id).values(values))
