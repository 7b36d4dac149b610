"""Who exists and who is connected, in memory, as of one version of the configuration.

The database is the truth: the cache compares its version with the database's at least once a second, so what the
CLI changes beside a running node holds within a second. At midnight in Vietnam it reads again, since other codes of
organisations begin and end with a day.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import structlog

from axis.clock import Clock, today
from axis.collector import collection_put_off
from axis.delivery.partner import Partner
from axis.keys import NodeKey
from axis.organ.model import FormerName, Organ
from axis.organ.registry import Registry
from axis.store import configuration
from axis.store import registry as stored
from axis.store.records import Credential, RouteRule, Service, System, holds
from axis.store.store import Store

log = structlog.get_logger(__name__)

REFRESH_S = 0.4


class Directory:
    """One version of the configuration, as it stands on one day. Immutable."""

    def __init__(self, snapshot: stored.RegistrySnapshot, key: NodeKey, day: str) -> None:
        """day: ISO date in Vietnam."""
        self.version = snapshot.version
        self.day = day
        self.registry = Registry.on(day, snapshot.organs, snapshot.aliases)
        self._former_names: dict[str, list[FormerName]] = {}
        for name in snapshot.names:
            self._former_names.setdefault(name.organ_id, []).append(name)
        self._systems: Mapping[str, System] = {system.system_id: system for system in snapshot.systems}
        self._routes = snapshot.routes
        self.routes_due = snapshot.routes_due  # very many are about to change, all at one moment
        self._services, self.next_change = _in_force(snapshot)
        self._rules = {rule.prefix: rule for rule in snapshot.rules if holds(rule, snapshot.routes_at)}
        self._secrets: dict[str, list[tuple[Credential, bytes]]] = {}
        for credential in snapshot.credentials:
            secret = key.decrypt(credential.secret_encrypted)
            self._secrets.setdefault(credential.system_id, []).append((credential, secret))
        self._partners = {
            system.system_id: read_partner(system, key) for system in snapshot.systems if system.adapter is not None
        }

    def system(self, system_id: str) -> System | None:
        """A connected system, enabled or not."""
        return self._systems.get(system_id)

    def systems(self) -> tuple[System, ...]:
        """All connected systems, disabled ones too, by id."""
        return tuple(self._systems[system_id] for system_id in sorted(self._systems))

    def secrets(self, system_id: str, now: datetime) -> tuple[bytes, ...]:
        """The system's HMAC secrets that are valid now; several while one is being rotated."""
        return tuple(
            secret
            for credential, secret in self._secrets.get(system_id, ())
            if credential.expires_at is None or now < credential.expires_at
        )

    def organs(self) -> tuple[Organ, ...]:
        """All organisations, closed ones included."""
        return tuple(self.registry)

    def aliases_of(self, organ_id: str) -> tuple[str, ...]:
        """The other codes of an organisation."""
        return self.registry.aliases_of(organ_id)

    def former_names(self, organ_id: str) -> tuple[FormerName, ...]:
        """The names that an organisation bore before the present one, oldest first."""
        return tuple(self._former_names.get(organ_id, ()))

    def route(self, organ_id: str) -> str | None:
        """The system that acts for an organisation, itself or by its nearest ancestor."""
        found = self._routes.get(organ_id)
        return found.system_id if found else None

    def via(self, organ_id: str) -> str | None:
        """Whose service reaches an organisation: its own, or its nearest ancestor's that has one."""
        found = self._routes.get(organ_id)
        return found.via_organ if found else None

    def services(self, organ_id: str) -> tuple[Service, ...]:
        """The services of the organisation itself that are in force, the primary first."""
        return self._services.get(organ_id, ())

    def pushed_by(self, organ_id: str) -> str | None:
        """The partner to which we push what is for an organisation; None when its system fetches, or it has none."""
        system_id = self.route(organ_id)
        return system_id if system_id in self._partners else None

    def partners(self) -> tuple[Partner, ...]:
        """The systems that we push to, but for disabled ones: what waits for those stays."""
        return tuple(partner for system_id, partner in self._partners.items() if self._systems[system_id].enabled)

    def enabled_systems(self) -> tuple[str, ...]:
        """The systems that are let in, by id."""
        return tuple(system_id for system_id, system in self._systems.items() if system.enabled)

    def serves(self, system_id: str, organ_id: str) -> bool:
        """Whether a system may act for an organisation: as its primary, or beside it for a time."""
        found = self._routes.get(organ_id)
        if found is None:
            return False
        return found.system_id == system_id or any(
            service.system_id == system_id for service in self.services(found.via_organ)
        )

    def rule(self, prefix: str) -> RouteRule | None:
        """The rule in force for a prefix of codes outside our tree."""
        return self._rules.get(prefix)


def _in_force(snapshot: stored.RegistrySnapshot) -> tuple[Mapping[str, tuple[Service, ...]], datetime | None]:
    """The services that hold, by organisation, the primary first; and when a service or rule begins or ends next."""
    at = snapshot.routes_at
    in_force: dict[str, tuple[Service, ...]] = {}
    for service in sorted(snapshot.services, key=lambda one: one.priority):
        if holds(service, at):
            in_force[service.organ_id] = (*in_force.get(service.organ_id, ()), service)
    timed: tuple[Service | RouteRule, ...] = (*snapshot.services, *snapshot.rules)
    moments = (moment for one in timed for moment in (one.valid_from, one.valid_until) if moment is not None)
    return in_force, min((moment for moment in moments if at is None or moment > at), default=None)


def read_partner(system: System, key: NodeKey) -> Partner:
    """The system as a partner that we call. Raises Internal when another node key encrypted its secrets."""
    secrets = {} if system.secrets_encrypted is None else json.loads(key.decrypt(system.secrets_encrypted))
    return Partner(
        partner_id=system.system_id, adapter=system.adapter or "", options=json.loads(system.options), secrets=secrets
    )


class CurrentDirectory(Protocol):
    """Gives the directory in force."""

    @property
    def current(self) -> Directory:
        """The newest version known to this process."""
        ...


class DirectoryCache:
    """Keeps the newest directory, refreshed by version."""

    def __init__(self, store: Store, key: NodeKey, clock: Clock, first: Directory) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        self._current = first

    @classmethod
    async def load(cls, store: Store, key: NodeKey, clock: Clock) -> "DirectoryCache":
        """Read the configuration for the first time."""
        return cls(store, key, clock, await _read(store, key, today(clock)))

    @property
    def current(self) -> Directory:
        """The newest version known to this process."""
        return self._current

    async def refresh(self) -> bool:
        """Read again if the database's version is another, or the day is. Returns whether it was."""
        day, current = today(self._clock), self._current
        if (await self._store.read(configuration.version), day) == (current.version, current.day):
            return False
        self._current = await _read(self._store, self._key, day)
        log.info("configuration_reloaded", version=self._current.version)
        return True

    async def keep_fresh(self) -> None:
        """Refresh for ever; a failure is logged and tried again, the old directory stays in force meanwhile."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.refresh()
            except Exception:
                log.exception("configuration_reload_failed")


async def _read(store: Store, key: NodeKey, day: str) -> Directory:
    """The configuration; put together in a thread, since a national registry takes a while."""
    with collection_put_off():
        snapshot = await store.read(stored.snapshot)
        return await asyncio.to_thread(Directory, snapshot, key, day)
