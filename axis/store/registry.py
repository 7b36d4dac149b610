"""Who exists and who is connected: the configuration that lives in the database.

Every write here raises the configuration's version in its transaction, works out the routes anew and leaves an audit
row; running nodes compare the version and read again. The version's row is the lock: two changes never mix. All
functions that change something are write units.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, bindparam, delete, insert, select, update

from axis.errors import Code, NotFound, UnknownOrgan, WrongState
from axis.ids import new_id
from axis.organ.model import Organ
from axis.store import schema
from axis.store.queries import trust as trust_queries
from axis.store.records import Audit, Credential, SignaturePolicy, System
from axis.store.rows import Query, values_of

_NAMED = 10  # codes that an error names at most

_organs = Query(Organ, order=(schema.organ.c.organ_id,))
_systems = Query(System, order=(schema.system.c.system_id,))
_credentials = Query(Credential, order=(schema.credential.c.credential_id,))
_version = select(schema.config_version.c.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySnapshot:
    """The whole configuration as of one version."""

    version: int
    organs: tuple[Organ, ...]
    aliases: Mapping[str, str]  # other code → canonical code
    routes: Mapping[str, str]  # organisation → the system that acts for it, its own or an ancestor's
    system_organs: Mapping[str, str]  # organisation → its own system
    systems: tuple[System, ...]
    credentials: tuple[Credential, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSystem:
    """A system to be connected."""

    system: System
    secret_encrypted: bytes
    serves: tuple[str, ...]  # organisations, by canonical code


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """A system's next secret, and how long the old ones stay good."""

    secret_encrypted: bytes
    grace: timedelta


def version(conn: Connection) -> int:
    """Which configuration is in force."""
    found: int = conn.execute(_version).scalar_one()
    return found


def snapshot(conn: Connection) -> RegistrySnapshot:
    """The whole configuration."""
    return RegistrySnapshot(
        version=version(conn),
        organs=list_organs(conn),
        aliases=_mapping(conn, schema.organ_alias.c.alias, schema.organ_alias.c.organ_id),
        routes=_mapping(conn, schema.route.c.organ_id, schema.route.c.system_id),
        system_organs=_mapping(conn, schema.system_organ.c.organ_id, schema.system_organ.c.system_id),
        systems=list_systems(conn),
        credentials=list_credentials(conn),
    )


def list_organs(conn: Connection) -> tuple[Organ, ...]:
    """All organisations, closed ones too, by code."""
    return _organs.all(conn)


def list_systems(conn: Connection) -> tuple[System, ...]:
    """All systems, disabled ones too, by id."""
    return _systems.all(conn)


def list_credentials(conn: Connection) -> tuple[Credential, ...]:
    """All credentials, oldest first."""
    return _credentials.all(conn)


def import_organs(conn: Connection, rows: Sequence[OrganRow], at: datetime, actor: str) -> ImportResult:
    """Register and change organisations; parents and successors may stand anywhere in the list, or be known already.

    All rows or none. Raises UnknownOrgan for a parent or successor that nobody knows, WrongState(ORGAN_CYCLE) for a
    loop of parents or successors, WrongState(ORGAN_EXISTS) for a code that means another organisation already.
    """
    _lock(conn)
    plan = _Plan(conn, at)
    for row in rows:
        plan.take(row)
    result = plan.carry_out(conn)
    if result.added or result.changed:
        _record(conn, at, actor, "organs_imported", {"added": result.added, "changed": result.changed})
    return result


def register_organ(conn: Connection, row: OrganRow, at: datetime, actor: str) -> None:
    """Register one organisation; the same again changes nothing.

    Raises WrongState(ORGAN_EXISTS) when the code means an organisation that differs, and as `import_organs`.
    """
    _lock(conn)
    plan = _Plan(conn, at)
    known = row.code in plan.organs
    plan.take(row)
    if known and plan.changed:
        raise WrongState(Code.ORGAN_EXISTS, row.code, at="code")
    if plan.carry_out(conn).added:
        _record(conn, at, actor, "organ_registered", {"organ": row.code, "parent": row.parent})


def close_organ(conn: Connection, code: str, successor: str | None, at: datetime, actor: str) -> None:
    """Close an organisation, never erase it; closed again with the same successor, nothing changes.

    Raises NotFound, WrongState(ORGAN_IN_USE) while it has active organisations below it, UnknownOrgan for
    the successor, WrongState(ORGAN_CYCLE).
    """
    _lock(conn)
    plan = _Plan(conn, at)
    found = plan.organs.get(code)
    if found is None:
        raise NotFound(Code.NOT_FOUND, code)
    below = sorted(o.organ_id for o in plan.organs.values() if o.parent_id == code and not o.is_closed)
    if below and not found.is_closed:
        raise WrongState(Code.ORGAN_IN_USE, f"active below {code}: {_some(below)}")
    plan.take(OrganRow(code=code, name=found.name, status="closed", successor=successor))
    if plan.carry_out(conn).changed:
        _record(conn, at, actor, "organ_closed", {"organ": code, "successor": successor})


def add_system(conn: Connection, new: NewSystem, at: datetime, actor: str) -> None:
    """Connect a system.

    Raises WrongState(SYSTEM_EXISTS), UnknownOrgan, WrongState(ORGAN_IN_USE) when another system serves one already.
    """
    _lock(conn)
    system_id = new.system.system_id
    if system_id in {system.system_id for system in list_systems(conn)}:
        raise WrongState(Code.SYSTEM_EXISTS, system_id)
    conn.execute(insert(schema.system).values(values_of(new.system)))
    _add_credential(conn, system_id, new.secret_encrypted, at)
    _serve(conn, system_id, new.serves)
    _compute_routes(conn)
    _record(conn, at, actor, "system_added", {"system": system_id, "serves": sorted(new.serves)})


def set_serves(conn: Connection, system_id: str, serves: Sequence[str], at: datetime, actor: str) -> None:
    """From now on the system serves these organisations and no others. Raises as `add_system`, NotFound."""
    _lock(conn)
    _check_system(conn, system_id)
    conn.execute(delete(schema.system_organ).where(schema.system_organ.c.system_id == system_id))
    _serve(conn, system_id, serves)
    _compute_routes(conn)
    _record(conn, at, actor, "system_serves", {"system": system_id, "serves": sorted(serves)})


def set_enabled(conn: Connection, system_id: str, at: datetime, actor: str, *, enabled: bool) -> None:
    """Let a system in, or keep it out. Raises NotFound."""
    _lock(conn)
    _check_system(conn, system_id)
    conn.execute(update(schema.system).where(schema.system.c.system_id == system_id).values(enabled=enabled))
    _record(conn, at, actor, "system_enabled" if enabled else "system_disabled", {"system": system_id})


def rotate(conn: Connection, system_id: str, new: NewSecret, at: datetime, actor: str) -> None:
    """Give a system a new secret; the old ones stay good for the grace at most. Raises NotFound."""
    _lock(conn)
    _check_system(conn, system_id)
    t = schema.credential.c
    ends = at + new.grace
    conn.execute(
        update(schema.credential)
        .where(t.system_id == system_id, t.expires_at.is_(None) | (t.expires_at > ends))
        .values(expires_at=ends)
    )
    _add_credential(conn, system_id, new.secret_encrypted, at)
    _record(conn, at, actor, "system_rotated", {"system": system_id, "grace_s": int(new.grace.total_seconds())})


class _Plan:
    """What the organisations are to become. Checked as a whole before anything is written."""

    def __init__(self, conn: Connection, at: datetime) -> None:
        self.organs = {organ.organ_id: organ for organ in list_organs(conn)}
        self.changed: set[str] = set()  # known ones that differ now
        self._aliases = dict(_mapping(conn, schema.organ_alias.c.alias, schema.organ_alias.c.organ_id))
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
            _compute_routes(conn)
        added = len(self._added)
        return ImportResult(
            added=added, changed=len(self.changed), unchanged=len(self._taken) - added - len(self.changed)
        )

    def _check(self) -> None:
        both = sorted(set(self._new_aliases) & set(self.organs))
        if both:
            raise WrongState(Code.ORGAN_EXISTS, f"registered, and old codes of others: {_some(both)}", at="old_code")
        for column in ("parent_id", "successor_id"):
            links = {organ.organ_id: getattr(organ, column) for organ in self.organs.values()}
            unknown = sorted({to for to in links.values() if to is not None} - set(self.organs))
            if unknown:
                raise UnknownOrgan(Code.NOT_FOUND, _some(unknown), at=column.removesuffix("_id"))
            looped = _looped(links)
            if looped:
                raise WrongState(Code.ORGAN_CYCLE, _some(looped), at=column.removesuffix("_id"))

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


def _lock(conn: Connection) -> None:
    """Raise the version. The row is locked from now on, so that changes of the configuration come one after another."""
    t = schema.config_version.c
    conn.execute(update(schema.config_version).where(t.id == 1).values(version=t.version + 1))


def set_signature_policy(conn: Connection, policy: SignaturePolicy, at: datetime, actor: str) -> None:
    """Put a sender's signature policy in place of what it was; nodes see it within a second. A write unit."""
    trust_queries.set_signature_policy(conn, policy)
    _record(conn, at, actor, "signature_policy_set", asdict(policy))


def _record(conn: Connection, at: datetime, actor: str, kind: str, fields: Mapping[str, Any]) -> None:
    text = json.dumps(fields, ensure_ascii=False, sort_keys=True)
    conn.execute(
        insert(schema.audit).values(values_of(Audit(audit_id=new_id(at), at=at, kind=kind, actor=actor, fields=text)))
    )


def _check_system(conn: Connection, system_id: str) -> None:
    if system_id not in {system.system_id for system in list_systems(conn)}:
        raise NotFound(Code.NOT_FOUND, system_id)


def _add_credential(conn: Connection, system_id: str, secret_encrypted: bytes, at: datetime) -> None:
    credential = Credential(
        credential_id=new_id(at), system_id=system_id, secret_encrypted=secret_encrypted, created_at=at
    )
    conn.execute(insert(schema.credential).values(values_of(credential)))


def _serve(conn: Connection, system_id: str, serves: Sequence[str]) -> None:
    """Write down whom a system serves. An organisation is served by one system."""
    wanted = sorted(set(serves))
    known = set(_mapping(conn, schema.organ.c.organ_id, schema.organ.c.organ_id))
    unknown = [code for code in wanted if code not in known]
    if unknown:
        raise UnknownOrgan(Code.NOT_FOUND, _some(unknown), at="serves")
    taken = _mapping(conn, schema.system_organ.c.organ_id, schema.system_organ.c.system_id)
    others = [f"{code} by {taken[code]}" for code in wanted if code in taken]
    if others:
        raise WrongState(Code.ORGAN_IN_USE, f"served already: {_some(others)}", at="serves")
    if wanted:
        conn.execute(insert(schema.system_organ), [{"organ_id": code, "system_id": system_id} for code in wanted])


def _compute_routes(conn: Connection) -> None:
    """Make `route` what organisations and systems say: an organisation's own system, else its nearest ancestor's."""
    own = _mapping(conn, schema.system_organ.c.organ_id, schema.system_organ.c.system_id)
    parents = _mapping(conn, schema.organ.c.organ_id, schema.organ.c.parent_id)
    wanted: dict[str, str] = {}
    for organ_id in parents:
        at: str | None = organ_id
        while at is not None and at not in own:
            at = parents[at]
        if at is not None:
            wanted[organ_id] = own[at]
    present = _mapping(conn, schema.route.c.organ_id, schema.route.c.system_id)
    gone = [{"gone": organ_id} for organ_id, system_id in present.items() if wanted.get(organ_id) != system_id]
    made = [
        {"organ_id": organ_id, "system_id": system_id}
        for organ_id, system_id in wanted.items()
        if present.get(organ_id) != system_id
    ]
    if gone:
        conn.execute(delete(schema.route).where(schema.route.c.organ_id == bindparam("gone")), gone)
    if made:
        conn.execute(insert(schema.route), made)


def _mapping(conn: Connection, key: Column[Any], value: Column[Any]) -> dict[str, Any]:
    return {row[0]: row[1] for row in conn.execute(select(key, value))}


def _some(codes: Sequence[str]) -> str:
    """Some of the codes, for an error."""
    more = len(codes) - _NAMED
    return ", ".join(codes[:_NAMED]) + (f" and {more} more" if more > 0 else "")
