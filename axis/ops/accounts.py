"""Accounts of the console, as the command line and the console's own pages change them.

Both go through here: what is checked, hashed and recorded is the same.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher

from axis.clock import Clock, today
from axis.errors import Code, Malformed
from axis.ids import new_id
from axis.keys import typeable
from axis.store import accounts, second_factors, sessions, sso
from axis.store.accounts import AccountView, NewPassword, Rights
from axis.store.records import Account, Session
from axis.store.store import Store
from axis.terms import Role
from axis.text import one_line

_PASSWORD_GROUPS = 4  # 99 bits in all
_NAME_CHARACTERS, _FULL_NAME_CHARACTERS = 64, 100
_PASSWORD_CHARACTERS = range(12, 257)
_ONCE_GOOD = timedelta(days=3)
_SUBJECT_CHARACTERS = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """An account that is to be added."""

    username: str
    roles: tuple[Role, ...]
    organs: tuple[str, ...] = ()  # by any of their codes
    full_name: str = ""
    once: bool = False  # whether its password is for one log-in only, within three days


class Accounts:
    """Changes accounts.

    actor: who does it, as the audit trail tells.
    """

    def __init__(self, store: Store, clock: Clock, actor: str) -> None:
        self._store = store
        self._clock = clock
        self._actor = actor

    async def add(self, wish: NewAccount, password: str | None) -> str:
        """Add an account; returns its password, a new one when none is given.

        Raises Malformed(BAD_REQUEST), WrongState(ACCOUNT_EXISTS or ORGAN_CLOSED), UnknownOrgan.
        """
        check_username(wish.username)
        check_password(password)
        chosen, now = password or new_password(), self._clock.now()
        account = await asyncio.to_thread(new_account, wish, chosen, now)
        organs = await self.organs(wish.organs)
        await self._store.write(lambda conn: accounts.add_account(conn, account, organs, actor=self._actor))
        return chosen

    async def view(self, username: str) -> AccountView:
        """One account, and whom it acts for. Raises NotFound."""
        return await self._store.read(lambda conn: accounts.view_account(conn, username))

    async def grant(self, username: str, roles: Collection[Role], codes: Collection[str]) -> AccountView:
        """Give further rights. Raises NotFound, UnknownOrgan, WrongState(ORGAN_CLOSED)."""
        rights = Rights(roles=frozenset(roles), organs=await self.organs(codes))
        await self._store.write(lambda conn: accounts.grant(conn, username, rights, self._clock.now(), self._actor))
        return await self.view(username)

    async def revoke(self, username: str, roles: Collection[Role], codes: Collection[str]) -> AccountView:
        """Take rights away. Raises NotFound, UnknownOrgan, WrongState(LAST_ADMINISTRATOR)."""
        rights = Rights(roles=frozenset(roles), organs=await self.organs(codes))
        await self._store.write(lambda conn: accounts.revoke(conn, username, rights, self._clock.now(), self._actor))
        return await self.view(username)

    async def give_password(self, username: str, password: str | None = None) -> str:
        """Give an account another password, which has to be changed at the next log-in; its sessions end.

        Returns the password, a new one when none is given. It opens nothing after three days. Raises NotFound,
        Malformed(BAD_REQUEST).
        """
        check_password(password)
        chosen, now = password or new_password(), self._clock.now()
        new = NewPassword(
            password_hash=await asyncio.to_thread(hash_password, chosen), once=True, until=now + _ONCE_GOOD
        )
        await self._store.write(lambda conn: accounts.set_password(conn, username, new, now, self._actor))
        return chosen

    async def unlock(self, username: str) -> None:
        """Forget wrong passwords and codes. Raises NotFound."""
        now = self._clock.now()
        await self._store.write(lambda conn: accounts.unlock(conn, username, now, self._actor))

    async def reset_factor(self, username: str) -> None:
        """Take the second factor away, and end the sessions: the owner sets another one up. Raises NotFound."""
        now = self._clock.now()

        await self._store.write(lambda conn: second_factors.reset_factor(conn, username, now, self._actor))

    async def sessions(self, username: str) -> tuple[Session, ...]:
        """Where an account is logged in. Raises NotFound."""
        now = self._clock.now()
        await self.view(username)
        return await self._store.read(lambda conn: sessions.sessions_of(conn, username, now))

    async def end_session(self, username: str, session_id: str) -> None:
        """End one session. Raises NotFound."""
        now = self._clock.now()
        await self._store.write(lambda conn: sessions.end_session(conn, username, session_id, now, self._actor))

    async def end_sessions(self, username: str) -> int:
        """End all sessions. Returns how many there were. Raises NotFound."""
        now = self._clock.now()
        return await self._store.write(lambda conn: sessions.end_sessions(conn, username, now, self._actor))

    async def link(self, username: str, issuer: str, subject: str) -> None:
        """Let somebody in by single sign-on. Raises NotFound, WrongState(ACCOUNT_LINKED), Malformed(BAD_REQUEST)."""
        if not issuer or not 0 < len(subject) <= _SUBJECT_CHARACTERS or not subject.isprintable():
            raise Malformed(Code.BAD_REQUEST, "a provider, and the subject by which it knows the person", at="subject")
        now = self._clock.now()
        await self._store.write(lambda conn: sso.link(conn, username, (issuer, subject), now, self._actor))

    async def unlink(self, username: str) -> None:
        """Let nobody in by single sign-on any more; the sessions end. Raises NotFound."""
        now = self._clock.now()
        await self._store.write(lambda conn: sso.unlink(conn, username, now, self._actor))

    async def set_roles(self, username: str, roles: Collection[Role]) -> None:
        """Give an account exactly these roles. Raises NotFound, WrongState(LAST_ADMINISTRATOR)."""
        now, wanted = self._clock.now(), frozenset(roles)
        await self._store.write(lambda conn: accounts.set_roles(conn, username, wanted, now, self._actor))

    async def rename(self, username: str, full_name: str) -> None:
        """Change the person's name. Raises NotFound."""
        name = one_line(full_name, _FULL_NAME_CHARACTERS)
        now = self._clock.now()
        await self._store.write(lambda conn: accounts.set_full_name(conn, username, name, now, self._actor))

    async def set_enabled(self, username: str, *, enabled: bool) -> None:
        """Let an account in, or keep it out. Raises NotFound, WrongState(LAST_ADMINISTRATOR)."""
        now = self._clock.now()
        await self._store.write(lambda conn: accounts.set_enabled(conn, username, now, self._actor, enabled=enabled))

    async def organs(self, codes: Collection[str]) -> frozenset[str]:
        """The organisations that some codes mean today. Raises UnknownOrgan."""
        if not codes:
            return frozenset()
        return await self._store.read(lambda conn: accounts.canonical_organs(conn, codes, today(self._clock)))


def new_account(wish: NewAccount, password: str, now: datetime) -> Account:
    """An account for the console, its password hashed. Takes about 0.1 s."""
    return Account(
        account_id=new_id(now),
        username=wish.username,
        password_hash=hash_password(password),
        roles=accounts.roles_text(wish.roles),
        enabled=True,
        created_at=now,
        full_name=one_line(wish.full_name, _FULL_NAME_CHARACTERS),
        password_once=wish.once,
        password_until=now + _ONCE_GOOD if wish.once else None,
    )


def hash_password(password: str) -> str:
    """A password as it is stored. Takes about 0.1 s."""
    return PasswordHasher().hash(password)


def new_password() -> str:
    """A random password that can be typed from paper."""
    return typeable(_PASSWORD_GROUPS)


def check_username(name: str) -> None:
    """Raise Malformed(BAD_REQUEST) unless it can be a username."""
    if not name.strip() or len(name) > _NAME_CHARACTERS or not name.isprintable():
        raise Malformed(Code.BAD_REQUEST, f"a name has 1 to {_NAME_CHARACTERS} characters", at="NAME")


def check_password(password: str | None) -> None:
    """Raise Malformed(BAD_REQUEST) for a password that is too short or too long; None: one is made."""
    if password is not None and len(password) not in _PASSWORD_CHARACTERS:
        raise Malformed(Code.BAD_REQUEST, "a password has 12 to 256 characters", at="password")
