"""How calls of partners went: per minute, for two days, and the last that failed, word for word.

Each process counts in memory and adds its counts now and then, so that a push costs no write. Nothing is decided by it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, case, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from axis.store import schema
from axis.store.records import PartnerFailure, PartnerMinute
from axis.store.rows import Query, values_of
from axis.store.schema import UtcMicros

KEPT = timedelta(days=2)
FAILURES_KEPT = 20  # of a partner

_m, _f = schema.partner_minute.c, schema.partner_failure.c
_minutes = Query(PartnerMinute, _m.minute >= bindparam("since", type_=UtcMicros()), order=(_m.partner_id, _m.minute))
_failures = Query(
    PartnerFailure, _f.partner_id == bindparam("partner"), order=(_f.failure_id.desc(),), limit=FAILURES_KEPT
)


def add_calls(
    conn: Connection, minutes: Iterable[PartnerMinute], failures: Sequence[PartnerFailure], now: datetime
) -> None:
    """Add what a process has counted; what is too old or too much goes. A write unit."""
    dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
    for minute in minutes:
        wanted = dialect.insert(schema.partner_minute).values(values_of(minute))
        new = wanted.excluded
        wanted = wanted.on_conflict_do_update(
            index_elements=["partner_id", "minute"],
            set_={
                "calls": _m.calls + new.calls,
                "failures": _m.failures + new.failures,
                "total_ms": _m.total_ms + new.total_ms,
                "most_ms": case((_m.most_ms > new.most_ms, _m.most_ms), else_=new.most_ms),
                "success_at": func.coalesce(new.success_at, _m.success_at),
            },
        )
        conn.execute(wanted)
    conn.execute(delete(schema.partner_minute).where(_m.minute < now - KEPT))
    if failures:
        conn.execute(insert(schema.partner_failure), [values_of(failure) for failure in failures])
    for partner_id in {failure.partner_id for failure in failures}:
        kept = (
            select(_f.failure_id)
            .where(_f.partner_id == partner_id)
            .order_by(_f.failure_id.desc())
            .limit(FAILURES_KEPT)
            .scalar_subquery()
        )
        gone = delete(schema.partner_failure).where(_f.partner_id == partner_id, _f.failure_id.not_in(kept))
        conn.execute(gone)


def minutes_since(conn: Connection, since: datetime) -> tuple[PartnerMinute, ...]:
    """The minutes in which partners were called, by partner and time."""
    return _minutes.all(conn, since=since)


def last_failures(conn: Connection, partner_id: str) -> tuple[PartnerFailure, ...]:
    """The last calls of a partner that failed, newest first."""
    return _failures.all(conn, partner=partner_id)
