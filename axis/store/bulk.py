"""What operators do to many consignments at once: begun, gone on with, ended."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, update

from axis.store import schema
from axis.store.configuration import record
from axis.store.records import BulkAct
from axis.store.rows import Query, values_of

_b = schema.bulk_act.c
_open = Query(BulkAct, _b.ended_at.is_(None), order=(_b.bulk_id,), limit=1)
_one = Query(BulkAct, _b.bulk_id == bindparam("bulk"))
_last = Query(BulkAct, order=(_b.bulk_id.desc(),), limit=10)


def begin_bulk(conn: Connection, row: BulkAct) -> None:
    """It is to be done. A write unit."""
    conn.execute(insert(schema.bulk_act).values(values_of(row)))
    fields = {"act": row.act, "target": row.target, "reason": row.reason, "asked": row.asked, "total": row.total}
    record(conn, row.at, row.actor, "bulk_begun", {"bulk": row.bulk_id, **fields})


def open_bulk(conn: Connection) -> BulkAct | None:
    """The oldest that has not ended."""
    found = _open.all(conn)
    return found[0] if found else None


def find_bulk(conn: Connection, bulk_id: str) -> BulkAct | None:
    """One of them."""
    return _one.one(conn, bulk=bulk_id)


def last_bulks(conn: Connection) -> tuple[BulkAct, ...]:
    """The newest, newest first."""
    return _last.all(conn)


def go_on(conn: Connection, bulk_id: str, place: str, changed: int, missed: int) -> None:
    """So much more is done. Part of a write unit."""
    more = {"place": place, "changed": _b.changed + changed, "missed": _b.missed + missed}
    conn.execute(update(schema.bulk_act).where(_b.bulk_id == bulk_id).values(**more))


def end_bulk(conn: Connection, bulk_id: str, at: datetime, error: str | None) -> None:
    """It has come to its end. Part of a write unit."""
    conn.execute(update(schema.bulk_act).where(_b.bulk_id == bulk_id).values(ended_at=at, error=error))
