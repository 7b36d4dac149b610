"""Who is connected: systems and their secrets. Whom they serve, and when, is for `services`.

All functions that change something are write units, and change the configuration (see `configuration`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, select, update

from axis.errors import Code, NotFound, WrongState
from axis.ids import new_id
from axis.store import api, schema, services
from axis.store.configuration import lock, record
from axis.store.records import ApiToken, Credential, System
from axis.store.routes import compute_routes
from axis.store.rows import Query, values_of

_systems = Query(System, order=(schema.system.c.system_id,))
_credentials = Query(Credential, order=(schema.credential.c.credential_id,))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSystem:
    """A system to be connected."""

    system: System
    secret_encrypted: bytes
    serves: tuple[str, ...]  # organisations, by canonical code
    token: ApiToken | None = None  # its first one, if it has any


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushing:
    """How a system is pushed to."""

    adapter: str
    options: str  # JSON object
    secrets_encrypted: bytes | None  # a JSON object, with the node's key


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """A system's next secret, and how long the old ones stay good."""

    secret_encrypted: bytes
    grace: timedelta
    follows: str | None = None  # the credential that has to be the newest so far; None: whichever is


def list_systems(conn: Connection) -> tuple[System, ...]:
    """All systems, disabled ones too, by id."""
    return _systems.all(conn)


def list_credentials(conn: Connection) -> tuple[Credential, ...]:
    """All credentials, oldest first."""
    return _credentials.all(conn)


def add_system(conn: Connection, new: NewSystem, at: datetime, actor: str) -> None:
    """Connect a system.

    Raises WrongState(SYSTEM_EXISTS), UnknownOrgan, WrongState(ORGAN_IN_USE) when another system serves one already.
    """
    lock(conn)
    system_id = new.system.system_id
    if system_id in {system.system_id for system in list_systems(conn)}:
        raise WrongState(Code.SYSTEM_EXISTS, system_id)
    conn.execute(insert(schema.system).values(values_of(new.system)))
    _add_credential(conn, system_id, new.secret_encrypted, at)
    services.serve(conn, system_id, new.serves, at)
    compute_routes(conn, at, new.serves)
    record(conn, at, actor, "system_added", {"system": system_id, "serves": sorted(new.serves)})
    if new.token is not None:
        api.add_token(conn, new.token, actor)


def set_serves(conn: Connection, system_id: str, serves: Sequence[str], at: datetime, actor: str) -> None:
    """From now on the system serves these organisations and no others. Raises as `add_system`, NotFound."""
    lock(conn)
    _check_system(conn, system_id)
    before = services.stop(conn, system_id, at)
    services.serve(conn, system_id, serves, at)
    compute_routes(conn, at, (*before, *serves))
    record(conn, at, actor, "system_serves", {"system": system_id, "serves": sorted(serves)})


def set_enabled(conn: Connection, system_id: str, at: datetime, actor: str, *, enabled: bool) -> None:
    """Let a system in, or keep it out; where it stands so already, nothing changes. Raises NotFound."""
    lock(conn)
    _check_system(conn, system_id)
    other = (schema.system.c.system_id == system_id, schema.system.c.enabled.is_(not enabled))
    if conn.execute(update(schema.system).where(*other).values(enabled=enabled)).rowcount == 0:
        return
    record(conn, at, actor, "system_enabled" if enabled else "system_disabled", {"system": system_id})


def set_pushing(conn: Connection, system_id: str, pushing: Pushing | None, at: datetime, actor: str) -> None:
    """From now on the system is pushed to so; None: it fetches its packages itself. Raises NotFound."""
    lock(conn)
    _check_system(conn, system_id)
    t = schema.system.c
    values = (
        {t.adapter: None, t.options: "{}", t.secrets_encrypted: None}
        if pushing is None
        else {
            t.adapter: pushing.adapter,
            t.options: pushing.options,
            t.secrets_encrypted: pushing.secrets_encrypted,
        }
    )
    conn.execute(update(schema.system).where(t.system_id == system_id).values(values))
    fields = {"system": system_id, "adapter": pushing.adapter if pushing else None}
    record(conn, at, actor, "system_adapter_set", fields)


def rotate(conn: Connection, system_id: str, new: NewSecret, at: datetime, actor: str) -> None:
    """Give a system a new secret; the old ones stay good for the grace at most.

    Raises NotFound, WrongState(STATE_CHANGED) when it got another one since.
    """
    lock(conn)
    _check_system(conn, system_id)
    t = schema.credential.c
    newest = conn.scalar(select(func.max(t.credential_id)).where(t.system_id == system_id))
    if new.follows is not None and new.follows != newest:
        raise WrongState(Code.STATE_CHANGED, f"{system_id} has got another secret")
    ends = at + new.grace
    conn.execute(
        update(schema.credential)
        .where(t.system_id == system_id, t.expires_at.is_(None) | (t.expires_at > ends))
        .values(expires_at=ends)
    )
    _add_credential(conn, system_id, new.secret_encrypted, at)
    record(conn, at, actor, "system_rotated", {"system": system_id, "grace_s": int(new.grace.total_seconds())})


def _check_system(conn: Connection, system_id: str) -> None:
    if system_id not in {system.system_id for system in list_systems(conn)}:
        raise NotFound(Code.NOT_FOUND, system_id)


def _add_credential(conn: Connection, system_id: str, secret_encrypted: bytes, at: datetime) -> None:
    credential = Credential(
        credential_id=new_id(at), system_id=system_id, secret_encrypted=secret_encrypted, created_at=at
    )
    conn.execute(insert(schema.credential).values(values_of(credential)))
