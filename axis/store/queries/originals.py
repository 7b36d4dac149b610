"""What packages were made from, and the statuses that a system's organisations were told."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from axis.ids import first_id
from axis.store import schema as s
from axis.store.records import Original
from axis.store.rows import Query

_o, _e, _r = s.original.c, s.status_event.c, s.route.c
_original = Query(Original, _o.package_id == bindparam("package_id"))
_told = (
    select(_e.package_id)
    .join_from(s.status_event, s.route, _r.organ_id == _e.to_organ)
    .where(_r.system_id == bindparam("system_id"), _e.event_id >= bindparam("first"))
    .order_by(_e.event_id)
    .limit(bindparam("limit"))
)


def original(conn: Connection, package_id: str) -> Original | None:
    """What a package was made from; None: it came as it is."""
    return _original.one(conn, package_id=package_id)


def told_since(conn: Connection, system_id: str, since: datetime, limit: int) -> tuple[str, ...]:
    """Status packages for those whom the system serves now that came since, oldest first."""
    asked = {"system_id": system_id, "first": first_id(since), "limit": limit}
    return tuple(conn.scalars(_told, asked))
