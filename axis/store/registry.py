"""Who exists: organisations in the database, and the whole configuration as one value.

Every change raises the configuration's version in its transaction (`configuration`), works out the routes anew
(`routes`) and leaves an audit row. All functions that change something are write units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from axis.organ import decisions
from axis.organ.decisions import Decide, Decision, ImportResult
from axis.organ.model import Alias, FormerName, Organ
from axis.organ.plan import Occasion, OldCode, OrganRow, Plan
from axis.store.configuration import lock, record, version
from axis.store.hot import Stale
from axis.store.organs import known, list_aliases, list_names, list_organs, write_changes
from axis.store.queries import trust as trust_queries
from axis.store.records import Credential, RouteRule, Service, SignaturePolicy, System
from axis.store.route_rules import list_rules
from axis.store.routes import Route, is_due, list_routes, routes_at, routes_in_memory
from axis.store.services import list_services
from axis.store.systems import list_credentials, list_systems

__all__ = [
    "ImportResult",
    "OrganRow",
    "RegistrySnapshot",
    "add_alias",
    "change",
    "close_organ",
    "import_organs",
    "list_credentials",
    "list_organs",
    "list_systems",
    "register_organ",
    "remove_alias",
    "reopen_organ",
    "set_signature_policy",
    "snapshot",
    "version",
    "write_decision",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySnapshot:
    """The whole configuration as of one version."""

    version: int
    organs: tuple[Organ, ...]
    aliases: tuple[Alias, ...]  # of every day
    names: tuple[FormerName, ...]  # each organisation's oldest first
    routes: Mapping[str, Route]  # organisation → the system that acts for it, its own or an ancestor's
    routes_at: datetime | None  # the moment for which they were worked out; None: never yet
    routes_due: bool  # very many are about to change, all at one moment
    services: tuple[Service, ...]  # of every time
    rules: tuple[RouteRule, ...]  # of every time
    systems: tuple[System, ...]
    credentials: tuple[Credential, ...]

    def as_of(self, at: datetime) -> "RegistrySnapshot":
        """The same organisations and systems, with the routes and rules of another moment."""
        parents = {organ.organ_id: organ.parent_id for organ in self.organs}
        return replace(self, routes=routes_in_memory(parents, self.services, at), routes_at=at)


def snapshot(conn: Connection) -> RegistrySnapshot:
    """The whole configuration."""
    return RegistrySnapshot(
        version=version(conn),
        organs=list_organs(conn),
        aliases=list_aliases(conn),
        names=list_names(conn),
        routes=list_routes(conn),
        routes_at=routes_at(conn),
        routes_due=is_due(conn),
        services=list_services(conn),
        rules=list_rules(conn),
        systems=list_systems(conn),
        credentials=list_credentials(conn),
    )


def change(conn: Connection, decide: Decide[T], at: datetime, actor: str) -> T:
    """Decide something on the registry as it is, and write it. A write unit, in which everybody else waits meanwhile.

    Where organisations are many, `axis.exchange.registering` decides outside of it. Raises what `decide` does.
    """
    lock(conn)
    present = known(conn)
    decision = decide(Plan(present, Occasion(at=at, actor=actor, version=present.version)))
    _write(conn, decision, at, actor)
    return decision.answer


def write_decision(conn: Connection, decision: Decision[T], occasion: Occasion) -> None:
    """Write what was decided for an occasion. A write unit.

    Raises Stale when the configuration has changed since, so that it is another version that this would make.
    """
    lock(conn)
    if version(conn) != occasion.version:
        raise Stale
    _write(conn, decision, occasion.at, occasion.actor)


def import_organs(conn: Connection, rows: Sequence[OrganRow], at: datetime, actor: str) -> ImportResult:
    """As `axis.organ.decisions.importing`. A write unit."""
    return change(conn, lambda plan: decisions.importing(plan, rows), at, actor)


def register_organ(conn: Connection, row: OrganRow, at: datetime, actor: str) -> None:
    """As `axis.organ.decisions.registering`. A write unit."""
    change(conn, lambda plan: decisions.registering(plan, row), at, actor)


def close_organ(conn: Connection, code: str, successor: str | None, at: datetime, actor: str) -> None:
    """As `axis.organ.decisions.closing`. A write unit."""
    change(conn, lambda plan: decisions.closing(plan, code, successor), at, actor)


def reopen_organ(conn: Connection, code: str, at: datetime, actor: str) -> bool:
    """As `axis.organ.decisions.reopening`. A write unit."""
    return change(conn, lambda plan: decisions.reopening(plan, code), at, actor)


def add_alias(conn: Connection, code: str, old: OldCode, at: datetime, actor: str) -> bool:
    """As `axis.organ.decisions.adding_alias`. A write unit."""
    return change(conn, lambda plan: decisions.adding_alias(plan, code, old), at, actor)


def remove_alias(conn: Connection, code: str, alias: str, at: datetime, actor: str) -> None:
    """As `axis.organ.decisions.removing_alias`. A write unit."""
    change(conn, lambda plan: decisions.removing_alias(plan, code, alias), at, actor)


def _write(conn: Connection, decision: Decision[T], at: datetime, actor: str) -> None:
    if decision.changes:
        write_changes(conn, decision.changes, at)
        record(conn, at, actor, decision.kind, decision.fields)


def set_signature_policy(conn: Connection, policy: SignaturePolicy, at: datetime, actor: str) -> None:
    """Put a sender's signature policy in place of what it was; nodes see it within a second. A write unit."""
    trust_queries.set_signature_policy(conn, policy)
    record(conn, at, actor, "signature_policy_set", asdict(policy))
