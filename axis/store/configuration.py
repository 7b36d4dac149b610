"""What every change of the configuration does: it locks it, raises its version, and leaves an audit row.

The version's row is the lock: two changes never mix. Running nodes compare the version and read again.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, insert, select, update

from axis.ids import new_id
from axis.store import schema
from axis.store.records import Audit
from axis.store.rows import values_of

_NAMED = 10  # codes that an error names at most

_version = select(schema.config_version.c.version)


def version(conn: Connection) -> int:
    """Which configuration is in force."""
    found: int = conn.execute(_version).scalar_one()
    return found


def lock(conn: Connection) -> None:
    """Raise the version. The row is locked from now on, so that changes of the configuration come one after another."""
    t = schema.config_version.c
    conn.execute(update(schema.config_version).where(t.id == 1).values(version=t.version + 1))


def record(conn: Connection, at: datetime, actor: str, kind: str, fields: Mapping[str, Any]) -> None:
    """Leave the audit row of a change."""
    text = json.dumps(fields, ensure_ascii=False, sort_keys=True)
    conn.execute(
        insert(schema.audit).values(values_of(Audit(audit_id=new_id(at), at=at, kind=kind, actor=actor, fields=text)))
    )


def mapping(conn: Connection, key: Column[Any], value: Column[Any]) -> dict[str, Any]:
    """Two columns of a table, as a mapping."""
    return {row[0]: row[1] for row in conn.execute(select(key, value))}


def some(codes: Sequence[str]) -> str:
    """Some of the codes, for an error."""
    more = len(codes) - _NAMED
    return ", ".join(codes[:_NAMED]) + (f" and {more} more" if more > 0 else "")
