"""The registry kept in step with another axis: who is in use here, one part of the changes, how far we have come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, or_, select

from axis.organ.plan import Changes
from axis.store import schema
from axis.store.configuration import lock, record, version
from axis.store.hot import Stale
from axis.store.organs import write_changes
from axis.store.records import RegistrySync
from axis.store.rows import Query, values_of
from axis.terms import TransportState

_PENDING = (TransportState.QUEUED, TransportState.HANDED_OVER, TransportState.RETRYING)
_ASKED = 500  # organisations in one question
_t = schema.registry_sync.c
_progress = Query(RegistrySync, _t.uplink_id == bindparam("uplink_id"), _t.level == bindparam("level"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some of the changes that a comparison came to."""

    uplink_id: str
    changes: Changes
    seen: int  # the configuration's version that the comparison, or the part before, was made on


def progress(conn: Connection, uplink_id: str, level: int) -> RegistrySync | None:
    """How far an axis's registry was followed down to a level; None: never."""
    return _progress.one(conn, uplink_id=uplink_id, level=level)


def in_use(conn: Connection, organ_ids: Sequence[str], at: datetime) -> Mapping[str, str]:
    """Which of these organisations are needed here, and why: served by a system, or with something on its way."""
    s, c = schema.system_organ.c, schema.consignment.c
    holds = or_(s.valid_until.is_(None), s.valid_until > at)
    reasons: dict[str, str] = {}
    for start in range(0, len(organ_ids), _ASKED):
        some = organ_ids[start : start + _ASKED]
        pending = select(c.receiver_organ).where(c.receiver_organ.in_(some), c.state.in_(_PENDING)).distinct()
        reasons |= dict.fromkeys(conn.scalars(pending), "packages for it are on their way")
        served = select(s.organ_id, s.system_id).where(s.organ_id.in_(some), holds)
        reasons |= {organ_id: f"served by {system_id}" for organ_id, system_id in conn.execute(served)}
    return reasons


def write_part(conn: Connection, part: Part, at: datetime) -> int:
    """Write a part, with its audit row, and return the configuration's version then. A write unit.

    Raises Stale when the configuration has changed since it was looked at, or somebody to be closed is in use now.
    """
    lock(conn)
    present = version(conn)
    if present != part.seen + 1:
        raise Stale
    changes = part.changes
    closing = [organ.organ_id for organ in changes.changed if organ.is_closed and organ.organ_id in changes.moved]
    if closing and in_use(conn, closing, at):
        raise Stale
    changes = replace(
        changes,
        added=tuple(replace(organ, version=present) for organ in changes.added),
        changed=tuple(replace(organ, version=present) for organ in changes.changed),
    )
    write_changes(conn, changes, at)
    fields = {
        "uplink": part.uplink_id,
        "added": [organ.organ_id for organ in changes.added],
        "changed": [organ.organ_id for organ in changes.changed if organ.organ_id not in closing],
        "closed": closing,
    }
    record(conn, at, f"sync:{part.uplink_id}", "registry_synced", fields)
    return present


def remember(conn: Connection, done: RegistrySync) -> None:
    """How far we have come. A write unit."""
    conn.execute(delete(schema.registry_sync).where(_t.uplink_id == done.uplink_id, _t.level == done.level))
    conn.execute(insert(schema.registry_sync).values(values_of(done)))
