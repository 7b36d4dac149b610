"""Who exists: organisations in the database, and the whole configuration as one value.

Every change raises the configuration's version in its transaction (`configuration`), works out the routes anew
(`routes`) and leaves an audit row. All functions that change something are write units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from axis.errors import Code, NotFound, WrongState
from axis.organ.model import Alias, FormerName, Organ
from axis.organ.plan import Occasion, OldCode, OrganRow, Plan
from axis.store.configuration import lock, record, version
from axis.store.organs import known, list_aliases, list_names, list_organs, write_changes
from axis.store.queries import trust as trust_queries
from axis.store.records import Credential, RouteRule, Service, SignaturePolicy, System
from axis.store.route_rules import list_rules
from axis.store.routes import Route, list_routes, routes_at, routes_in_memory
from axis.store.services import list_services
from axis.store.systems import list_credentials, list_systems

__all__ = [
    "ImportResult",
    "OrganRow",
    "RegistrySnapshot",
    "add_alias",
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
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySnapshot:
    """The whole configuration as of one version."""

    version: int
    organs: tuple[Organ, ...]
    aliases: tuple[Alias, ...]  # of every day
    names: tuple[FormerName, ...]  # each organisation's oldest first
    routes: Mapping[str, Route]  # organisation → the system that acts for it, its own or an ancestor's
    routes_at: datetime | None  # the moment for which they were worked out; None: never yet
    services: tuple[Service, ...]  # of every time
    rules: tuple[RouteRule, ...]  # of every time
    systems: tuple[System, ...]
    credentials: tuple[Credential, ...]

    def as_of(self, at: datetime) -> "RegistrySnapshot":
        """The same organisations and systems, with the routes and rules of another moment."""
        parents = {organ.organ_id: organ.parent_id for organ in self.organs}
        return replace(self, routes=routes_in_memory(parents, self.services, at), routes_at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What a list of organisations changed."""

    added: int
    changed: int
    unchanged: int


def snapshot(conn: Connection) -> RegistrySnapshot:
    """The whole configuration."""
    return RegistrySnapshot(
        version=version(conn),
        organs=list_organs(conn),
        aliases=list_aliases(conn),
        names=list_names(conn),
        routes=list_routes(conn),
        routes_at=routes_at(conn),
        services=list_services(conn),
        rules=list_rules(conn),
        systems=list_systems(conn),
        credentials=list_credentials(conn),
    )


def import_organs(conn: Connection, rows: Sequence[OrganRow], at: datetime, actor: str) -> ImportResult:
    """Register and change organisations; parents and successors may stand anywhere in the list, or be known already.

    All rows or none. Raises what `axis.organ.plan.Plan` says.
    """
    plan = _begin(conn, at, actor)
    for row in rows:
        plan.take(row)
    changes = plan.changes()
    write_changes(conn, changes, at)
    result = ImportResult(added=len(changes.added), changed=len(changes.changed), unchanged=changes.unchanged)
    if changes:
        record(conn, at, actor, "organs_imported", {"added": result.added, "changed": result.changed})
    return result


def register_organ(conn: Connection, row: OrganRow, at: datetime, actor: str) -> None:
    """Register one organisation; the same again changes nothing.

    Raises WrongState(ORGAN_EXISTS) when the code means an organisation that differs, and as `import_organs`.
    """
    plan = _begin(conn, at, actor)
    plan.take(row)
    changes = plan.changes()
    if changes.changed:
        raise WrongState(Code.ORGAN_EXISTS, row.code, at="code")
    write_changes(conn, changes, at)
    if changes:
        record(conn, at, actor, "organ_registered", {"organ": row.code, "parent": row.parent})


def close_organ(conn: Connection, code: str, successor: str | None, at: datetime, actor: str) -> None:
    """Close an organisation, never erase it; closed again with the same successor, nothing changes.

    Raises NotFound, WrongState(ORGAN_IN_USE) while it has active organisations below it, UnknownOrgan for
    the successor, WrongState(ORGAN_CYCLE).
    """
    plan = _begin(conn, at, actor)
    plan.take(OrganRow(code=code, name=_named(plan, code), status="closed", successor=successor))
    if _carry_out(conn, plan, at):
        record(conn, at, actor, "organ_closed", {"organ": code, "successor": successor})


def reopen_organ(conn: Connection, code: str, at: datetime, actor: str) -> bool:
    """Let a closed organisation take documents itself again. Returns whether it was closed.

    Raises NotFound, WrongState(PARENT_CLOSED).
    """
    plan = _begin(conn, at, actor)
    known = plan.organs.get(code)
    plan.take(OrganRow(code=code, name=_named(plan, code), status="active"))
    changed = _carry_out(conn, plan, at)
    if known is not None and changed:
        closed_at = known.closed_at.isoformat() if known.closed_at else None
        was = {"organ": code, "closed_at": closed_at, "successor": known.successor_id}
        record(conn, at, actor, "organ_reopened", was)
    return changed


def add_alias(conn: Connection, code: str, old: OldCode, at: datetime, actor: str) -> bool:
    """Let another code mean an organisation. Returns whether that is news.

    A code that meant it until some day means it again from today on, if nothing else is said.
    Raises NotFound, Malformed(BAD_REQUEST), WrongState(ORGAN_EXISTS) when it means another one.
    """
    plan = _begin(conn, at, actor)
    today = Occasion(at=at, actor=actor, version=0).day
    ended = [one for one in plan.aliases_of(code, old.code) if one.valid_until and one.valid_until <= today]
    if ended and old.valid_from is None:
        old = replace(old, valid_from=today)
    plan.take(OrganRow(code=code, name=_named(plan, code), old_codes=(old,)))
    changed = _carry_out(conn, plan, at)
    if changed:
        fields = {"organ": code, "alias": old.code, "valid_from": old.valid_from, "valid_until": old.valid_until}
        record(conn, at, actor, "organ_alias_added", fields)
    return changed


def remove_alias(conn: Connection, code: str, alias: str, at: datetime, actor: str) -> None:
    """From today on another code no longer means an organisation. Raises NotFound when it does not."""
    plan = _begin(conn, at, actor)
    _named(plan, code)
    if not plan.end_alias(alias, code):
        raise NotFound(Code.NOT_FOUND, f"{alias} is no other code of {code}")
    _carry_out(conn, plan, at)
    record(conn, at, actor, "organ_alias_removed", {"organ": code, "alias": alias})


def _begin(conn: Connection, at: datetime, actor: str) -> Plan:
    lock(conn)
    present = known(conn)
    return Plan(present, Occasion(at=at, actor=actor, version=present.version))


def _named(plan: Plan, code: str) -> str:
    found = plan.organs.get(code)
    if found is None:
        raise NotFound(Code.NOT_FOUND, code)
    return found.name


def _carry_out(conn: Connection, plan: Plan, at: datetime) -> bool:
    changes = plan.changes()
    write_changes(conn, changes, at)
    return bool(changes)


def set_signature_policy(conn: Connection, policy: SignaturePolicy, at: datetime, actor: str) -> None:
    """Put a sender's signature policy in place of what it was; nodes see it within a second. A write unit."""
    trust_queries.set_signature_policy(conn, policy)
    record(conn, at, actor, "signature_policy_set", asdict(policy))
