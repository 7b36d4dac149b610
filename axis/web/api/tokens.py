"""Who calls: bearer tokens.

A token is found by the digest of what the caller sent: what could be learnt from the time that takes is a digest, from
which no token follows. Wrong tokens are counted by address; when there are too many, that address is refused
unheard, except for tokens that were good a short while ago, so that one bad neighbour behind a proxy stops nobody.
"""

import hmac
import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from typing import Final

import structlog
from aiohttp import hdrs, web

from axis.clock import Clock
from axis.delivery.directory import CurrentDirectory
from axis.errors import AxisError, Busy, Code, NotAllowed, Unauthenticated
from axis.keys import is_token, token_digest
from axis.ops.buckets import Buckets
from axis.settings import Api
from axis.store import api as stored
from axis.store.records import ApiToken
from axis.store.store import Store
from axis.terms import Scope
from axis.web.middleware import address_of

log = structlog.get_logger(__name__)

_BEARER: Final = "bearer "
_KNOWN: Final = 10_000  # tokens that are remembered as good
_NOTED: Final = timedelta(minutes=1)  # how exactly the last use is recorded
_NETWORK_BITS: Final = 64  # of an IPv6 address: the rest is one house's to choose


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A proven caller."""

    system_id: str
    token_id: str
    scopes: frozenset[Scope]


class Tokens:
    """Proves callers, and bounds what each may ask."""

    def __init__(self, store: Store, clock: Clock, directory: CurrentDirectory, rules: Api) -> None:
        self._store = store
        self._clock = clock
        self._directory = directory
        failures = rules.failures_per_minute
        self._failures = Buckets(clock, per_minute=failures, at_once=failures)
        self._calls = Buckets(clock, per_minute=rules.requests_per_minute, at_once=rules.requests_at_once)
        self._good: OrderedDict[str, None] = OrderedDict()

    async def authenticate(self, request: web.Request) -> Caller:
        """The caller of a request.

        Raises Unauthenticated, NotAllowed(SYSTEM_DISABLED), Busy(RATE_LIMITED).
        """
        digest = _digest_of(request)
        address = _address(request)
        if digest not in self._good and (wait_s := self._failures.wait_s(address)):
            raise _too_many(wait_s)
        token = await self._find(digest)
        if token is None:
            self._failures.take(address)
            self._good.pop(digest, None)
            raise Unauthenticated(Code.BAD_CREDENTIALS, "no such token", at=hdrs.AUTHORIZATION)
        self._remember(digest)
        structlog.contextvars.bind_contextvars(system_id=token.system_id)
        if wait_s := self._calls.take(token.token_id):
            raise _too_many(wait_s)
        system = self._directory.current.system(token.system_id)
        if system is not None and not system.enabled:
            raise NotAllowed(Code.SYSTEM_DISABLED, token.system_id)
        await self._note_use(token)
        scopes = frozenset(Scope(word) for word in token.scopes.split())
        return Caller(system_id=token.system_id, token_id=token.token_id, scopes=scopes)

    async def _find(self, digest: str) -> ApiToken | None:
        """The token of this digest, if it is good now."""
        if not digest:
            return None
        token = await self._store.read(lambda c: stored.find_token(c, digest))
        if token is None or not hmac.compare_digest(token.token_sha256, digest) or token.revoked_at is not None:
            return None
        return None if token.expires_at is not None and token.expires_at <= self._clock.now() else token

    def _remember(self, digest: str) -> None:
        self._good[digest] = None
        self._good.move_to_end(digest)
        if len(self._good) > _KNOWN:
            self._good.popitem(last=False)

    async def _note_use(self, token: ApiToken) -> None:
        """Record the use, once a minute; a node that cannot write still answers."""
        now = self._clock.now()
        if token.last_used_at is not None and now - token.last_used_at < _NOTED:
            return
        try:
            await self._store.write(lambda c: stored.note_use(c, token.token_id, now))
        except AxisError as e:
            log.warning("token_use_unrecorded", code=e.code)


def check_scope(caller: Caller, needed: tuple[Scope, ...]) -> None:
    """Raises NotAllowed(MISSING_SCOPE) unless the caller has one of the scopes."""
    if not caller.scopes.intersection(needed):
        raise NotAllowed(Code.MISSING_SCOPE, " | ".join(needed))


def _digest_of(request: web.Request) -> str:
    """The digest of the token that came; "" for what has no token's form. Raises Unauthenticated without any."""
    said = request.headers.get(hdrs.AUTHORIZATION, "")
    if not said[: len(_BEARER)].lower() == _BEARER:
        raise Unauthenticated(Code.BAD_CREDENTIALS, "a bearer token is needed", at=hdrs.AUTHORIZATION)
    token = said[len(_BEARER) :].strip()
    return token_digest(token) if is_token(token) else ""


def _address(request: web.Request) -> str:
    """The caller's address; of IPv6 the network."""
    text = address_of(request)
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> _NETWORK_BITS << _NETWORK_BITS))
    return str(address)


def _too_many(wait_s: float) -> Busy:
    return Busy(Code.RATE_LIMITED, "too many requests", retry_after_s=max(1, math.ceil(wait_s)))
