"""A receiver's system says that it has a document, in a dialect that knows one word for that and for status 01.

The acknowledgement takes the package off the list; then 01 (đã đến) is composed for each receiver that has said nothing
yet. Both follow from what is stored, so that the same confirmation again, or two at once, have one effect.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from axis.errors import AxisError, Busy
from axis.exchange.composing import ReportWish
from axis.exchange.context import Context
from axis.exchange.handover import HandOver
from axis.exchange.values import Accepted, Acknowledgement
from axis.ids import DocumentUid, SystemId
from axis.store import queries
from axis.store.records import Consignment
from axis.terms import BusinessType, PackageKind, StatusCode, TransportState

log = structlog.get_logger(__name__)

_READ_AT_ONCE = 1_000  # statuses that one call acknowledges


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptWish:
    """A system says that it has a package."""

    system_id: SystemId
    package_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrival:
    """A receiver that has the document now and has said nothing of it."""

    document_uid: str
    consignment: Consignment


class Receipts:
    """Takes receipts."""

    def __init__(
        self, context: Context, hand_over: HandOver, report: Callable[[ReportWish], Awaitable[Accepted]]
    ) -> None:
        self._context = context
        self._hand_over = hand_over
        self._report = report

    async def confirm(self, wish: ReceiptWish) -> None:
        """Acknowledge a package, and say 01 of the document in it. Raises NotFound, Busy."""
        await self._hand_over.acknowledge(wish.system_id, wish.package_id, Acknowledgement.DONE)
        now = self._context.clock.now()
        for arrival in await self._context.store.read(lambda c: _arrivals(c, wish, now)):
            consignment = arrival.consignment
            report = ReportWish(
                document_uid=DocumentUid(arrival.document_uid),
                receiver_organ=consignment.receiver_organ,
                code=StatusCode.ARRIVED,
                actor=wish.system_id,
                at=consignment.acknowledged_at or now,
                system_id=wish.system_id,
            )
            try:
                await self._report(report)
            except Busy:
                raise
            except AxisError as e:  # what it has, it has: that nobody is told is for the log
                log.warning("arrival_unreported", package_id=wish.package_id, code=e.code)

    async def acknowledge_read(self, system_id: str, since: datetime | None, read_before: datetime) -> None:
        """A system reads on: what it was handed, and that is older than what it asks for, it has.

        since: the moment that it names; None: it names none, and what it was handed before `read_before` counts.
        """
        waiting = await self._hand_over.pending(system_id, _READ_AT_ONCE, PackageKind.STATUS)
        for item in waiting:
            moment, limit = (item.updated_at, read_before) if since is None else (item.received_at, since)
            if item.state is TransportState.HANDED_OVER and moment < limit:
                await self._hand_over.acknowledge(system_id, item.package_id, Acknowledgement.DONE)

    async def document_id_of(self, system_id: str, package_id: str) -> str | None:
        """The DocumentId in a package that the system may see; None: there is no such package for it."""
        now = self._context.clock.now()

        def look(conn: Connection) -> str | None:
            package = queries.package(conn, package_id)
            if package is None or not queries.consignments_for_system(conn, package_id, system_id, now):
                return None
            return package.document_id

        return await self._context.store.read(look)


def _arrivals(conn: Connection, wish: ReceiptWish, now: datetime) -> tuple[_Arrival, ...]:
    package = queries.package(conn, wish.package_id)
    if package is None or package.document_uid is None or package.business_type is None:
        return ()
    if not BusinessType(package.business_type).makes_document:
        return ()
    found = []
    for consignment in queries.consignments_for_system(conn, wish.package_id, wish.system_id, now):
        delivery = queries.delivery(conn, package.document_uid, consignment.receiver_organ)
        if delivery is not None and delivery.status_code is None and not delivery.state.is_frozen:
            found.append(_Arrival(document_uid=package.document_uid, consignment=consignment))
    return tuple(found)
