"""Files that are carried by hand: for whom they can be made, which there were."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, update

from axis.errors import Code, NotFound
from axis.store import schema
from axis.store.configuration import record
from axis.store.records import CourierBundle, CourierParty
from axis.store.rows import Query, values_of

_p, _b = schema.courier_party.c, schema.courier_bundle.c

_parties = Query(CourierParty, order=(_p.system_id,))
_party = Query(CourierParty, _p.system_id == bindparam("system_id"))
_bundle = Query(CourierBundle, _b.manifest_sha256 == bindparam("manifest_sha256"))
_bundles = Query(CourierBundle, _b.system_id == bindparam("system_id"), order=(_b.recorded_at, _b.manifest_sha256))
_last_packed = select(func.max(_b.sequence)).where(
    _b.system_id == bindparam("system_id"), _b.direction == bindparam("direction")
)


def courier_parties(conn: Connection) -> tuple[CourierParty, ...]:
    """All systems that have keys, by id."""
    return _parties.all(conn)


def courier_party(conn: Connection, system_id: str) -> CourierParty | None:
    """A system's keys."""
    return _party.one(conn, system_id=system_id)


def courier_bundle(conn: Connection, manifest_sha256: str) -> CourierBundle | None:
    """A file that was packed or taken."""
    return _bundle.one(conn, manifest_sha256=manifest_sha256)


def courier_bundles(conn: Connection, system_id: str) -> tuple[CourierBundle, ...]:
    """All files to and from a system, in the order in which they were recorded."""
    return _bundles.all(conn, system_id=system_id)


def last_packed(conn: Connection, system_id: str) -> int:
    """The number of the last file that was packed for a system; 0 when there was none."""
    found: int | None = conn.scalar(_last_packed, {"system_id": system_id, "direction": "out"})
    return found or 0


def set_courier_keys(conn: Connection, system_id: str, keys: tuple[bytes, bytes], at: datetime, actor: str) -> None:
    """From now on files for a system are made for these keys (encryption, signing), its numbers go on. A write unit.

    Raises NotFound when there is no such system.
    """
    if conn.execute(select(schema.system.c.system_id).where(schema.system.c.system_id == system_id)).first() is None:
        raise NotFound(Code.NOT_FOUND, system_id)
    encryption, signing = keys
    if courier_party(conn, system_id) is None:
        party = CourierParty(
            system_id=system_id, encryption_key=encryption, signing_key=signing, last_sequence=0, created_at=at
        )
        conn.execute(insert(schema.courier_party).values(values_of(party)))
    else:
        values = {"encryption_key": encryption, "signing_key": signing, "created_at": at}
        conn.execute(update(schema.courier_party).where(_p.system_id == system_id).values(values))
    record(conn, at, actor, "courier_keys_set", {"system": system_id})


def next_courier_sequence(conn: Connection, system_id: str) -> int:
    """Give out the next number of a file for a system. A write unit. Raises NoResultFound without keys."""
    statement = update(schema.courier_party).where(_p.system_id == system_id).values(last_sequence=_p.last_sequence + 1)
    given: int = conn.execute(statement.returning(_p.last_sequence)).scalar_one()
    return given
