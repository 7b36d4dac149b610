"""The way in for whoever works beside a node, running or not: its store and its key, by its settings.

What is changed here holds in a running node within a second, since it compares the configuration's version.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from axis.calendar.deadlines import Deadlines
from axis.calendar.rules import Rule
from axis.calendar.working import Calendar, Span
from axis.clock import SystemClock, local_day, today
from axis.delivery.directory import Directory
from axis.delivery.explain import Calls, Explanation, explain
from axis.delivery.partner import Partner
from axis.delivery.router import Router, UplinkPrefixes
from axis.errors import Code, Malformed, NotFound, WrongState
from axis.ids import new_id
from axis.keys import NodeKey, new_secret, new_token, token_digest
from axis.ops.route_making import RouteMaker
from axis.settings import Settings
from axis.store import api, holds, partners, registry, systems
from axis.store.engine import StoreOptions
from axis.store.records import ApiToken, System
from axis.store.store import Store
from axis.store.systems import NewSecret, NewSystem, Pushing
from axis.terms import Scope
from axis.trust.policy import Algorithms, Policy, Revocation

_ID_CHARACTERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting:
    """A system that is to be connected."""

    system_id: str
    name: str
    serves: tuple[str, ...]  # organisations, by canonical code
    front: str = "vxp"
    may_register: bool = False
    pushed: Partner | None = None  # how we push to it; None: it fetches


@dataclass(frozen=True, slots=True, kw_only=True)
class Granting:
    """A token of the REST API that is to be made."""

    system_id: str
    scopes: tuple[Scope, ...]
    name: str = ""  # what it is for, as people read it
    lifetime: timedelta | None = None  # None: it does not end


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """From whom to whom a package would go; at: at another moment than now."""

    sender: str
    receiver: str
    at: datetime | None = None


def check_system_id(system_id: str, at: str) -> None:
    """An id stands in headers, and behind a dot in the ids of list items. Raises Malformed(BAD_REQUEST)."""
    if len(system_id) not in range(1, _ID_CHARACTERS + 1) or not all(
        c.isascii() and (c.isalnum() or c in "-_") for c in system_id
    ):
        raise Malformed(Code.BAD_REQUEST, f"1 to {_ID_CHARACTERS} letters, digits, - and _", at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A node's data."""

    settings: Settings
    store: Store
    key: NodeKey

    async def directory(self, at: datetime | None = None) -> Directory:
        """Who exists and who is connected, now; at: with the routes, rules and other codes of another moment."""
        snapshot = await self.store.read(registry.snapshot)
        return await asyncio.to_thread(self._directory, snapshot, at)  # of a large city it takes a while

    def _directory(self, snapshot: registry.RegistrySnapshot, at: datetime | None) -> Directory:
        if at is None:
            return Directory(snapshot, self.key, today(SystemClock()))
        return Directory(snapshot.as_of(at), self.key, local_day(at))

    async def explain(self, way: "Way", directory: Directory, now: datetime) -> Explanation:
        """How a package goes, which rule decides and why. directory: of the same moment."""
        calls = await self.calls(way.at, now)
        return explain(router_of(self.settings), directory, way.sender, way.receiver, calls)

    async def calls(self, at: datetime | None, now: datetime) -> Calls:
        """Which partners are not called, or do not answer, now; at: what is planned for another moment."""
        moment = at or now
        planned = await self.store.read(lambda conn: partners.downtimes(conn, moment))
        told = await self.store.read(partners.states) if at is None else ()
        down = {one.partner_id: one for one in told if one.state == partners.DOWN}
        held = await self.store.read(lambda conn: holds.active_holds(conn, moment))
        return Calls(at=moment, downtimes=planned, down=down, holds=held)

    async def connect(self, wish: "Connecting", now: datetime, actor: str) -> str:
        """Connect a system. Returns its secret, which is stored encrypted only. Raises as `connect_with`."""
        return (await self.connect_with(wish, None, now, actor))[0]

    async def connect_with(
        self, wish: "Connecting", granting: "Granting | None", now: datetime, actor: str
    ) -> tuple[str, str | None]:
        """Connect a system, and make a token of its own in the same transaction. Returns its secret and that token.

        Raises WrongState(SYSTEM_EXISTS or ORGAN_IN_USE), UnknownOrgan.
        """
        if wish.system_id in {uplink.id for uplink in self.settings.uplink}:
            raise WrongState(Code.SYSTEM_EXISTS, f"{wish.system_id} is an uplink's id")
        secret = new_secret()
        system = System(
            system_id=wish.system_id,
            name=wish.name,
            front=wish.front,
            enabled=True,
            may_register=wish.may_register,
            created_at=now,
        )
        if wish.pushed is not None:
            pushing = self._pushing(wish.pushed)
            system = replace(
                system,
                adapter=pushing.adapter,
                options=pushing.options,
                secrets_encrypted=pushing.secrets_encrypted,
            )
        token, text = (None, None) if granting is None else _new_token(granting, now)
        new = NewSystem(system=system, secret_encrypted=self.key.encrypt(secret), serves=wish.serves, token=token)
        await self.store.write(lambda conn: systems.add_system(conn, new, now, actor))
        return secret, text

    async def add_token(self, wish: "Granting", now: datetime, actor: str) -> tuple[ApiToken, str]:
        """Make a token. Returns its record, and its text, which is stored nowhere. Raises NotFound."""
        token, text = _new_token(wish, now)
        await self.store.write(lambda conn: api.add_token(conn, token, actor))
        return token, text

    async def set_pushing(self, system_id: str, pushed: Partner | None, now: datetime, actor: str) -> None:
        """Push to a system so from now on; None: it fetches. Raises NotFound."""
        pushing = None if pushed is None else self._pushing(pushed)
        await self.store.write(lambda conn: systems.set_pushing(conn, system_id, pushing, now, actor))

    def _pushing(self, partner: Partner) -> Pushing:
        secrets_encrypted = self.key.encrypt(json.dumps(dict(partner.secrets))) if partner.secrets else None
        options = json.dumps(dict(partner.options), ensure_ascii=False, sort_keys=True)
        return Pushing(adapter=partner.adapter, options=options, secrets_encrypted=secrets_encrypted)

    async def rotate(
        self, system_id: str, grace: timedelta, now: datetime, actor: str, follows: str | None = None
    ) -> str:
        """Give a system a new secret and return it; the old ones stay good for the grace.

        follows: the credential that has to be its newest so far. Raises NotFound, WrongState(STATE_CHANGED).
        """
        secret = new_secret()
        new = NewSecret(secret_encrypted=self.key.encrypt(secret), grace=grace, follows=follows)
        await self.store.write(lambda conn: systems.rotate(conn, system_id, new, now, actor))
        return secret

    async def secret_of(self, system_id: str, now: datetime) -> str:
        """The newest secret of a connected system. Raises NotFound when there is no such system, or it has none now."""
        secret = (await self.directory()).secrets(system_id, now)
        if not secret:
            raise NotFound(Code.UNKNOWN_SYSTEM, system_id)
        return secret[-1].decode()


def _new_token(wish: Granting, now: datetime) -> tuple[ApiToken, str]:
    text = new_token()
    token = ApiToken(
        token_id=new_id(now),
        system_id=wish.system_id,
        name=wish.name,
        token_sha256=token_digest(text),
        scopes=" ".join(dict.fromkeys(wish.scopes)),
        created_at=now,
        expires_at=now + wish.lifetime if wish.lifetime else None,
    )
    return token, text


@asynccontextmanager
async def open_access(settings: Settings) -> AsyncIterator[Access]:
    """Open a node's data.

    Raises Busy(DATABASE_OLD) when `axis migrate` is needed, Malformed(BAD_FILE) without a node key.
    """
    key = NodeKey.load(settings.store.key_file)
    store = await asyncio.to_thread(Store.open, store_options(settings))
    try:
        yield Access(settings=settings, store=store, key=key)
        await RouteMaker(store, SystemClock()).settle()  # if something was done that touched very many
    finally:
        await store.close()


def store_options(settings: Settings) -> StoreOptions:
    """How the settings say that the store is opened."""
    store = settings.store
    return StoreOptions(
        url=store.url,
        data_dir=store.data_dir,
        inline_blob_bytes=store.inline_blob_bytes,
        group_size=store.group_size,
        readers=store.read_pool,
    )


def router_of(settings: Settings) -> Router:
    """The rules of the settings by which receivers are reached."""
    uplinks = [UplinkPrefixes(uplink_id=uplink.id, prefixes=uplink.prefixes) for uplink in settings.uplink]
    return Router(settings.node.prefixes, uplinks, settings.node.neighbours)


def trust_folder(settings: Settings) -> Path:
    """Where the certificates lie that this node trusts."""
    return settings.trust.folder or settings.store.data_dir / "trust"


def signature_rules(settings: Settings) -> Policy:
    """How the settings say that signatures are judged."""
    trust = settings.trust
    max_age = timedelta(hours=trust.revocation_max_age_hours) if trust.revocation_max_age_hours else None
    return Policy(
        algorithms=Algorithms(weak_until=trust.weak_until),
        revocation=Revocation(hard=trust.hard_revocation, max_age=max_age),
        both_signatures=trust.both_signatures,
    )


def working_calendar(settings: Settings) -> Calendar:
    """Which days and hours the settings say that people work."""
    chosen = settings.calendar
    return Calendar(
        hours=tuple(map(_span, chosen.hours)),
        weekdays=frozenset(chosen.working_weekdays),
        public_holidays=chosen.public_holidays,
        days_off=frozenset(chosen.days_off),
        make_up_days=frozenset(chosen.make_up_days),
    )


def deadline_rules(settings: Settings) -> Deadlines:
    """How soon the settings say that things are due. Takes a moment: the days of the years so far are counted."""
    chosen = settings.deadlines
    return Deadlines(
        calendar=working_calendar(settings).warm(datetime.now(UTC).year + 1),
        sent=Rule.read(chosen.sent),
        receipt=tuple(map(Rule.read, chosen.receipt)),
        acceptance=tuple(map(Rule.read, chosen.acceptance)),
        remind_before=timedelta(hours=chosen.remind_working_hours),
    )


def _span(text: str) -> Span:
    start, end = text.split("-")
    return Span(start=time.fromisoformat(start), end=time.fromisoformat(end.replace("24:", "00:")))
