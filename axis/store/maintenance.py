"""The switch of maintenance: one row while the node only reads. `exchange.rest` looks at it."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert

from axis.errors import Code, WrongState
from axis.store import schema
from axis.store.configuration import record
from axis.store.records import Leaf, Maintenance
from axis.store.rows import Query, values_of

_row = Query(Maintenance)


def current(conn: Connection) -> Maintenance | None:
    """The maintenance that goes on; None: none does."""
    return _row.one(conn)


def begin(conn: Connection, row: Maintenance, leaf: Leaf) -> None:
    """From now on the node only reads. A write unit. Raises WrongState(STATE_CHANGED) when it does so already."""
    on = current(conn)
    if on is not None:
        raise WrongState(Code.STATE_CHANGED, f"on since {on.since:%Y-%m-%d %H:%M}Z, by {on.actor}: {on.reason}")
    conn.execute(insert(schema.maintenance).values(values_of(row)))
    conn.execute(insert(schema.leaf).values(values_of(leaf)))
    fields = {"reason": row.reason, "until": row.until.isoformat() if row.until else None}
    record(conn, row.since, row.actor, "maintenance_begun", fields)


def end(conn: Connection, was: Maintenance, at: datetime, actor: str, leaf: Leaf) -> None:
    """The node works again. A write unit. Raises WrongState(STATE_CHANGED) when that maintenance has ended already."""
    t = schema.maintenance.c
    if not conn.execute(delete(schema.maintenance).where(t.id == was.id, t.since == was.since)).rowcount:
        raise WrongState(Code.STATE_CHANGED, "that maintenance has ended")
    conn.execute(insert(schema.leaf).values(values_of(leaf)))
    fields = {"since": was.since.isoformat(), "by": was.actor, "reason": was.reason}
    record(conn, at, actor, "maintenance_ended", fields)
