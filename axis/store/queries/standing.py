"""How the node stands, for operators: what failed, jobs, webhooks that are told no more, sizes. Counts are bounded."""

import json
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from sqlalchemy import ColumnElement, Connection, bindparam, func, literal_column, or_, select, text

from axis.store import schema
from axis.store.records import Audit, JobRow, Webhook
from axis.store.rows import Query
from axis.store.schema import OF_PARTNERS, UtcMicros

MOST_COUNTED: Final = 10_000
"""More than this is told as "more than"."""

_LOOKED_AT = 2_000  # lines of all partners

_c, _w = schema.consignment.c, schema.webhook.c
_jobs = Query(JobRow, order=(schema.job.c.name,))
_silent = Query(Webhook, or_(_w.enabled.is_(False), _w.failing_since.is_not(None)), order=(_w.system_id, _w.webhook_id))
# Word for word the condition of ix_consignment_failed, or the index does not serve.
_FAILED: ColumnElement[bool] = literal_column("(consignment.state IN ('dead', 'retrying'))")
_failed_of_state = select(func.count()).select_from(
    select(_c.consignment_id).where(_FAILED, _c.state == bindparam("state")).limit(MOST_COUNTED + 1).subquery()
)
# Word for word the condition of ix_audit_partner.
_OF_PARTNERS: ColumnElement[bool] = literal_column(f"({OF_PARTNERS})")
_incidents = Query(Audit, _OF_PARTNERS, order=(schema.audit.c.at.desc(),), limit=_LOOKED_AT)
_overdue = select(func.count()).select_from(
    select(schema.queue.c.queue_id)
    .where(schema.queue.c.task == "send", schema.queue.c.queued_at < bindparam("before", type_=UtcMicros()))
    .limit(MOST_COUNTED + 1)
    .subquery()
)


def incidents(conn: Connection, partner_id: str, most: int) -> tuple[Audit, ...]:
    """What was noted last of a partner: down, up, paused, called again; newest first."""
    found = (line for line in _incidents.all(conn) if json.loads(line.fields).get("partner") == partner_id)
    return tuple(islice(found, most))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What deserves an operator's look."""

    dead: int
    retrying: int
    late: int  # pushes that wait since before the moment that was asked about
    jobs: tuple[JobRow, ...]
    webhooks: tuple[Webhook, ...]  # that are switched off, or fail
    database_bytes: int
    revision: str  # of the tables


def standing(conn: Connection, late_before: datetime) -> Standing:
    """How the node stands."""
    return Standing(
        dead=conn.execute(_failed_of_state, {"state": "dead"}).scalar_one(),
        retrying=conn.execute(_failed_of_state, {"state": "retrying"}).scalar_one(),
        late=conn.execute(_overdue, {"before": late_before}).scalar_one(),
        jobs=_jobs.all(conn),
        webhooks=_silent.all(conn),
        database_bytes=_database_bytes(conn),
        revision=conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one(),
    )


def _database_bytes(conn: Connection) -> int:
    if conn.dialect.name == "sqlite":
        pages: int = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
        size: int = conn.exec_driver_sql("PRAGMA page_size").scalar_one()
        return pages * size
    found: int = conn.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    return found
