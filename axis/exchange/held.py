"""What keeps a push back, and the time that counts for nobody's patience: holds, and a partner's planned downtime."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from axis.delivery.patience import excused
from axis.store import partners as stored
from axis.store.holds import active_holds, concerns, find_hold, holds_since
from axis.store.queries import PushContent
from axis.store.records import Hold, QueueRow
from axis.terms import TransportState

UNSENT = (TransportState.QUEUED, TransportState.RETRYING)


def hold_on(conn: Connection, push: PushContent, partner_id: str, now: datetime) -> Hold | None:
    """The hold that keeps a package from a partner. It goes there as one: held for one receiver, held for all."""
    found = active_holds(conn, now)
    return find_hold(found, push.package.from_organ, _receivers(push), partner_id) if found else None


def excused_time(conn: Connection, push: PushContent, row: QueueRow, now: datetime) -> timedelta:
    """How long since it was queued nobody would have sent it, or called the partner."""
    holds = [
        (hold.starts_at, hold.ends_at)
        for hold in holds_since(conn, row.queued_at)
        if concerns(hold, push.package.from_organ, _receivers(push), row.partner_id)
    ]
    downtimes = [(one.starts_at, one.ends_at) for one in stored.downtimes_since(conn, row.partner_id, row.queued_at)]
    return excused((*holds, *downtimes), row.queued_at, now)


def _receivers(push: PushContent) -> set[str]:
    return {one.receiver_organ for one in push.consignments if one.state in UNSENT}
