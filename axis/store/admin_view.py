"""What the pages of organisations show beside the configuration: their last traffic."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BindParameter, Connection, bindparam, select

from axis.store import schema as s

_ORGAN: BindParameter[str] = bindparam("organ_id")
_sent = (
    select(s.document.c.received_at)
    .where(s.document.c.from_organ == _ORGAN)
    .order_by(s.document.c.document_uid.desc())
    .limit(1)
)
_received = (
    select(s.delivery.c.created_at)
    .where(s.delivery.c.receiver_organ == _ORGAN)
    .order_by(s.delivery.c.created_at.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTraffic:
    """When an organisation last sent, and was last sent, a document."""

    sent: datetime | None
    received: datetime | None


def last_traffic(conn: Connection, organ_id: str) -> LastTraffic:
    """When it last sent, and was last sent, a document; each from the end of one index."""
    given = {"organ_id": organ_id}
    return LastTraffic(sent=conn.scalar(_sent, given), received=conn.scalar(_received, given))
