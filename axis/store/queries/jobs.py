"""Work that runs on one node at a time: the row of each job, who has claimed it, when it ran last.

A claim is a lease: when its holder dies, the next one may claim. Each claim raises the fence, and whoever records must
hold the last one, so that a holder who was only slow cannot record over the next.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, or_, update
from sqlalchemy.dialects import postgresql, sqlite

from axis.store import schema
from axis.store.hot import Stale
from axis.store.records import JobRow
from axis.store.rows import Query

_t = schema.job.c
_row = Query(JobRow, _t.name == bindparam("job"))


def job_row(conn: Connection, name: str) -> JobRow | None:
    """A job's row; None when it never ran."""
    return _row.one(conn, job=name)


def claim_job(conn: Connection, name: str, slot: int | None, now: datetime, lease: timedelta) -> int | None:
    """Take a job that nobody has, with its new fence; None when it cannot be had now. A write unit.

    slot: the period to run for, which is refused when it came to a good end already; None for work that goes by no
    periods. A lease that ends far later than a claim made now would is one of a clock that was put back: it counts as
    over. The clocks of several nodes may differ by as much as the lease.
    """
    dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
    fresh = {"name": name, "slot": -1, "fence": 0}
    conn.execute(dialect.insert(schema.job).values(fresh).on_conflict_do_nothing())
    free = or_(_t.lease_until.is_(None), _t.lease_until <= now, _t.lease_until > now + 2 * lease)
    taken = {"fence": _t.fence + 1, "lease_until": now + lease, "started_at": now, "ended_at": None, "error": None}
    if slot is not None:
        taken["slot"] = slot
    wanted = update(schema.job).where(_t.name == name, free)
    if slot is not None:
        # Of another slot than the last one, or of the last one when it came to no good end.
        wanted = wanted.where(or_(_t.slot != slot, _t.ended_at.is_(None), _t.error.is_not(None)))
    if conn.execute(wanted.values(**taken)).rowcount != 1:
        return None
    row = job_row(conn, name)
    return row.fence if row else None


def hold_job(conn: Connection, name: str, fence: int, until: datetime) -> None:
    """The holder goes on. Raises Stale when another one has claimed the job. Part of a write unit."""
    held = update(schema.job).where(_t.name == name, _t.fence == fence, _t.lease_until.is_not(None))
    if conn.execute(held.values(lease_until=until)).rowcount != 1:
        raise Stale


def end_job(conn: Connection, name: str, fence: int, now: datetime, error: str | None = None) -> None:
    """The holder is done. Raises Stale when another one has claimed the job. A write unit."""
    held = update(schema.job).where(_t.name == name, _t.fence == fence, _t.lease_until.is_not(None))
    if conn.execute(held.values(lease_until=None, ended_at=now, error=error)).rowcount != 1:
        raise Stale
