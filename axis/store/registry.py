"""Who exists: organisations in the database, and the whole configuration as one value.

Every change raises the configuration's version in its transaction (`configuration`), works out the routes anew
(`routes`) and leaves an audit row. All functions that change something are write units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, update

from axis.errors import Code, NotFound, UnknownOrgan, WrongState
from axis.organ.model import Organ
from axis.store import schema
from axis.store.configuration import lock, mapping, record, some, version
from axis.store.queries import trust as trust_queries
from axis.store.records import Credential, RouteRule, Service, SignaturePolicy, System
from axis.store.route_rules import list_rules
from axis.store.routes import Route, compute_routes, list_routes, routes_at, routes_in_memory
from axis.store.rows import Query, values_of
from axis.store.services import list_services
from axis.store.systems import list_credentials, list_systems

_organs = Query(Organ, order=(schema.organ.c.organ_id,))


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySnapshot:
    """The whole configuration as of one version."""

    version: int
    organs: tuple[Organ, ...]
    aliases: Mapping[str, str]  # other code → canonical code
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
class OrganRow:
    """An organisation as somebody registers it. None: nothing is said, what is known stays; "": none."""

    code: str
    name: str
    parent: str | None = None
    level: int | None = None
    email: str | None = None
    old_codes: tuple[str, ...] = ()  # they go on meaning this organisation; known ones stay
    status: str | None = None  # active | closed
    successor: str | None = None  # of a closed one


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
        aliases=mapping(conn, schema.organ_alias.c.alias, schema.organ_alias.c.organ_id),
        routes=list_routes(conn),
        routes_at=routes_at(conn),
        services=list_services(conn),
        rules=list_rules(conn),
        systems=list_systems(conn),
        credentials=list_credentials(conn),
    )


def list_organs(conn: Connection) -> tuple[Organ, ...]:
    """All organisations, closed ones too, by code."""
    return _organs.all(conn)


def import_organs(conn: Connection, rows: Sequence[OrganRow], at: datetime, actor: str) -> ImportResult:
    """Register and change organisations; parents and successors may stand anywhere in the list, or be known already.

    All rows or none. Raises UnknownOrgan for a parent or successor that nobody knows, WrongState(ORGAN_CYCLE) for a
    loop of parents or successors, WrongState(ORGAN_EXISTS) for a code that means another organisation already.
    """
    lock(conn)
    plan = _Plan(conn, at)
    for row in rows:
        plan.take(row)
    result = plan.carry_out(conn)
    if result.added or result.changed:
        record(conn, at, actor, "organs_imported", {"added": result.added, "changed": result.changed})
    return result


def register_organ(conn: Connection, row: OrganRow, at: datetime, actor: str) -> None:
    """Register one organisation; the same again changes nothing.

    Raises WrongState(ORGAN_EXISTS) when the code means an organisation that differs, and as `import_organs`.
    """
    lock(conn)
    plan = _Plan(conn, at)
    known = row.code in plan.organs
    plan.take(row)
    if known and plan.changed:
        raise WrongState(Code.ORGAN_EXISTS, row.code, at="code")
    if plan.carry_out(conn).added:
        record(conn, at, actor, "organ_registered", {"organ": row.code, "parent": row.parent})


def close_organ(conn: Connection, code: str, successor: str | None, at: datetime, actor: str) -> None:
    """Close an organisation, never erase it; closed again with the same successor, nothing changes.

    Raises NotFound, WrongState(ORGAN_IN_USE) while it has active organisations below it, UnknownOrgan for
    the successor, WrongState(ORGAN_CYCLE).
    """
    lock(conn)
    plan = _Plan(conn, at)
    found = plan.organs.get(code)
    if found is None:
        raise NotFound(Code.NOT_FOUND, code)
    below = sorted(o.organ_id for o in plan.organs.values() if o.parent_id == code and not o.is_closed)
    if below and not found.is_closed:
        raise WrongState(Code.ORGAN_IN_USE, f"active below {code}: {some(below)}")
    plan.take(OrganRow(code=code, name=found.name, status="closed", successor=successor))
    if plan.carry_out(conn).changed:
        record(conn, at, actor, "organ_closed", {"organ": code, "successor": successor})


class _Plan:
    """What the organisations are to become. Checked as a whole before anything is written."""

    def __init__(self, conn: Connection, at: datetime) -> None:
        self.organs = {organ.organ_id: organ for organ in list_organs(conn)}
        self.changed: set[str] = set()  # known ones that differ now
        self._aliases = dict(mapping(conn, schema.organ_alias.c.alias, schema.organ_alias.c.organ_id))
        self._at = at
        self._added: list[str] = []
        self._taken: set[str] = set()
        self._new_aliases: dict[str, str] = {}

    def take(self, row: OrganRow) -> None:
        """Add one row; the later of two rows of one code counts where both say something."""
        meant = self._aliases.get(row.code)
        if meant is not None:
            raise WrongState(Code.ORGAN_EXISTS, f"{row.code} is another code of {meant}", at="code")
        self._taken.add(row.code)
        known = self.organs.get(row.code)
        if known is None:
            known = Organ(organ_id=row.code, name=row.name, created_at=self._at)
            self._added.append(row.code)
            self.organs[row.code] = known
        wanted = _changed(known, row, self._at)
        if wanted != known:
            self.organs[row.code] = wanted
            self._note_change(row.code)
        for old in row.old_codes:
            self._take_alias(old, row.code)

    def _take_alias(self, old: str, code: str) -> None:
        if old == code or self._aliases.get(old) == code:
            return
        meant = self._aliases.get(old)
        if meant is not None:
            raise WrongState(Code.ORGAN_EXISTS, f"{old} is another code of {meant} already", at="old_code")
        self._aliases[old] = self._new_aliases[old] = code
        self._note_change(code)

    def _note_change(self, code: str) -> None:
        if code not in self._added:
            self.changed.add(code)

    def carry_out(self, conn: Connection) -> ImportResult:
        """Check the whole, then write it."""
        self._check()
        self._write(conn)
        if self._added or self.changed:
            compute_routes(conn, self._at)
        added = len(self._added)
        return ImportResult(
            added=added, changed=len(self.changed), unchanged=len(self._taken) - added - len(self.changed)
        )

    def _check(self) -> None:
        both = sorted(set(self._new_aliases) & set(self.organs))
        if both:
            raise WrongState(Code.ORGAN_EXISTS, f"registered, and old codes of others: {some(both)}", at="old_code")
        for column in ("parent_id", "successor_id"):
            links = {organ.organ_id: getattr(organ, column) for organ in self.organs.values()}
            unknown = sorted({to for to in links.values() if to is not None} - set(self.organs))
            if unknown:
                raise UnknownOrgan(Code.NOT_FOUND, some(unknown), at=column.removesuffix("_id"))
            looped = _looped(links)
            if looped:
                raise WrongState(Code.ORGAN_CYCLE, some(looped), at=column.removesuffix("_id"))

    def _write(self, conn: Connection) -> None:
        added = [self.organs[code] for code in self._added]
        if added:
            # Their links come after all of them, since they may lead to each other in any order.
            bare = [replace(organ, parent_id=None, successor_id=None) for organ in added]
            conn.execute(insert(schema.organ), [values_of(organ) for organ in bare])
            o = schema.organ.c
            linked = update(schema.organ).where(o.organ_id == bindparam("of"))
            links = linked.values(parent_id=bindparam("parent"), successor_id=bindparam("successor"))
            rows = [
                {"of": organ.organ_id, "parent": organ.parent_id, "successor": organ.successor_id} for organ in added
            ]
            conn.execute(links, rows)
        for code in sorted(self.changed):
            values = values_of(self.organs[code])
            conn.execute(update(schema.organ).where(schema.organ.c.organ_id == code).values(values))
        if self._new_aliases:
            aliases = [{"alias": alias, "organ_id": organ_id} for alias, organ_id in self._new_aliases.items()]
            conn.execute(insert(schema.organ_alias), aliases)


def _changed(known: Organ, row: OrganRow, at: datetime) -> Organ:
    """The organisation as the row wants it."""
    wanted = replace(
        known,
        name=row.name or known.name,
        parent_id=known.parent_id if row.parent is None else row.parent or None,
        level=known.level if row.level is None else row.level,
        email=known.email if row.email is None else row.email or None,
        status=row.status or known.status,
        successor_id=known.successor_id if row.successor is None else row.successor or None,
    )
    if not wanted.is_closed:
        return replace(wanted, successor_id=None, closed_at=None)
    return replace(wanted, closed_at=known.closed_at or at)


def _looped(links: Mapping[str, str | None]) -> list[str]:
    """Codes whose chain of links comes back to itself."""
    safe: set[str] = set()
    for start in links:
        path: dict[str, None] = {}
        at: str | None = start
        while at is not None and at not in safe:
            if at in path:
                return sorted(path)
            path[at] = None
            at = links.get(at)
        safe.update(path)
    return []


def set_signature_policy(conn: Connection, policy: SignaturePolicy, at: datetime, actor: str) -> None:
    """Put a sender's signature policy in place of what it was; nodes see it within a second. A write unit."""
    trust_queries.set_signature_policy(conn, policy)
    record(conn, at, actor, "signature_policy_set", asdict(policy))
