"""What a system should have fetched and did not, for very long, is given up, and its sender told; once.

Whoever opens it again, a person or the sender's repeat, has decided: from then on it waits as long as it takes.
Neither what is pushed (the outbox gives that up) nor what is held back now expires, and the time of holds counts not.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

import structlog
from sqlalchemy import Connection

from axis.delivery.patience import excused
from axis.exchange.context import Context
from axis.exchange.sending import sender_events
from axis.store import queries
from axis.store.holds import concerns, holds_since
from axis.store.hot import ConsignmentExpired, Hot, Stale
from axis.store.queries import Unfetched
from axis.store.records import Hold, Package
from axis.terms import EventKind

log = structlog.get_logger(__name__)

_AT_ONCE = 200


class Expiring:
    """Finds what has waited too long to be fetched."""

    def __init__(self, context: Context, patience: timedelta) -> None:
        self._context = context
        self._patience = patience

    async def run(self) -> None:
        """Go through all that waits, once."""
        now, after, told = self._context.clock.now(), "", 0
        while True:
            found = await self._context.store.read(
                lambda c, after=after: _look(c, now - self._patience, after)  # type: ignore[misc]
            )
            if not found:
                break
            after = found[-1].consignment.consignment_id
            holds = await self._context.store.read(lambda c, first=found: _holds(c, first))  # type: ignore[misc]
            due = [one for one in found if self._is_due(one, holds, now)]
            for _, of_package in groupby(due, key=lambda one: one.package.package_id):
                told += await self._expire(list(of_package), now)
        if told:
            log.warning("consignments_expired", consignments=told)

    def _is_due(self, one: Unfetched, holds: Sequence[Hold], now: datetime) -> bool:
        mine = [h for h in holds if concerns(h, one.package.from_organ, (one.consignment.receiver_organ,), one.system)]
        if any(hold.holds_at(now) for hold in mine):
            return False
        since = one.consignment.queued_at
        kept = excused(((hold.starts_at, hold.ends_at) for hold in mine), since, now)
        return now - since - kept >= self._patience

    async def _expire(self, found: Sequence[Unfetched], now: datetime) -> int:
        package: Package = found[0].package
        words = f"expired: not fetched for {self._patience.days} days"
        receivers = [one.consignment.receiver_organ for one in found]
        fields = {"package_id": package.package_id, "receivers": receivers}
        told = sender_events(self._context, EventKind.DELIVERY_EXPIRED, package, receivers, words)
        changes = tuple(
            ConsignmentExpired(
                consignment_id=one.consignment.consignment_id, was=one.consignment.state, at=now, last_error=words
            )
            for one in found
        )
        try:
            await self._context.store.submit(
                Hot(inserts=(self._context.audit("consignment_expired", "node", fields), *told), changes=changes)
            )
        except Stale:  # fetched, withdrawn or expired meanwhile: the next time shows
            return 0
        return len(found)


def _look(conn: Connection, before: datetime, after: str) -> tuple[Unfetched, ...]:
    return queries.unfetched(conn, before, after, _AT_ONCE)


def _holds(conn: Connection, found: Sequence[Unfetched]) -> tuple[Hold, ...]:
    return holds_since(conn, min(one.consignment.queued_at for one in found))
