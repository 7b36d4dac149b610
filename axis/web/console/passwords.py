"""Passwords: argon2id, in a thread, a few at a time.

A check takes about 0.1 s of one core and 64 MB on purpose, so a flood of log-ins must not be let in all at once.
"""

import asyncio
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from axis.errors import Busy, Code

_AT_ONCE = 2
_WAITING = 16  # more are told to come back
_RETRY_AFTER_S = 10
_MAX_CHARACTERS = 256


@cache
def _nobody() -> str:
    return PasswordHasher().hash(secrets.token_urlsafe())


class Passwords:
    """Checks passwords."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        # What the password of an unknown account is checked against, so that it takes as long as any other.
        self._nobody = self._hasher.hash(secrets.token_urlsafe()) if hasher else _nobody()
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def check(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the password; None (no such account) takes as long and is False.

        Raises Busy(OVERLOADED) when too many wait already.
        """
        if self._waiting >= _WAITING:
            raise Busy(Code.OVERLOADED, "too many log-ins at once", retry_after_s=_RETRY_AFTER_S)
        self._waiting += 1
        try:
            async with self._turn:
                right = await asyncio.to_thread(self._verify, password_hash or self._nobody, password)
        finally:
            self._waiting -= 1
        return right and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password[:_MAX_CHARACTERS])
        except (Argon2Error, InvalidHashError):
            return False
