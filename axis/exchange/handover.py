"""Packages go out to the systems that fetch them: listed, handed over, acknowledged.

One item is package × receiving system: acknowledging it acknowledges every receiver of the package that the system
serves at that moment. A package moves with its receiver when the receiver changes its system. The former system, while
it stands beside the new one, may fetch again and acknowledge what it was handed; nothing else, and its list is empty.

A receiver whose consignment was cancelled is no longer listed. When its system gets the bytes all the same, for another
of its receivers or because it had begun to fetch them, that is what is recorded.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from axis.delivery.patience import excused
from axis.errors import Code, Internal, NotFound
from axis.evidence.leaf import LeafKind, make_leaf
from axis.exchange.context import Context
from axis.exchange.sending import sender_events
from axis.exchange.values import Acknowledgement, PackageContent
from axis.ids import PackageId
from axis.store import queries
from axis.store.holds import concerns, holds_since
from axis.store.hot import Change, ConsignmentFailed, ConsignmentMoved, DeliveryStatus, Hot
from axis.store.records import Consignment, Delivery, Hold, Package, Row
from axis.terms import PENDING, EventKind, PackageKind, TransportState

_FAILED = "the receiving system answered fail"
_TAKEN = (TransportState.HANDED_OVER, TransportState.ACKNOWLEDGED, TransportState.RETRYING)
_BEFORE_HAND_OVER = (TransportState.QUEUED, TransportState.RETRYING, TransportState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a system says of a package."""

    system_id: str
    word: Acknowledgement
    package: Package
    holds: tuple[Hold, ...]  # since it was fetched first

    def patience_begins(self, c: Consignment, now: datetime) -> datetime:
        """When the time began after which it is given up; what it was held back for does not count."""
        since = _tried_since(c)
        mine = (h for h in self.holds if concerns(h, self.package.from_organ, (c.receiver_organ,), self.system_id))
        return since + excused(((hold.starts_at, hold.ends_at) for hold in mine), since, now)


def _tried_since(consignment: Consignment) -> datetime:
    return consignment.handed_over_at or consignment.queued_at


class HandOver:
    """Gives packages to receiving systems and records that it did."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def pending(self, system_id: str, limit: int, kind: PackageKind | None) -> tuple[queries.PendingItem, ...]:
        """What waits for a system, by urgency and age."""
        now, often = self._context.clock.now(), self._context.policy.fetched_often
        return await self._context.store.read(lambda c: queries.pending(c, system_id, now, limit, often, kind))

    async def count_pending(self, system_id: str, kind: PackageKind) -> int:
        """How many packages of a kind wait for a system."""
        now = self._context.clock.now()
        return await self._context.store.read(lambda c: queries.count_pending(c, system_id, kind, now))

    async def open_package(self, system_id: str, package_id: str) -> PackageContent:
        """The package for a system that serves a receiver of it now. Raises NotFound otherwise."""
        store, now = self._context.store, self._context.clock.now()

        def look(conn: Connection) -> tuple[tuple[Consignment, ...], Package | None, bool]:
            found = queries.consignments_for_system(conn, package_id, system_id, now)
            return found, queries.package(conn, package_id), queries.is_held_for(conn, package_id, system_id, now)

        consignments, package, held = await store.read(look)
        if package is None or held or all(c.state is TransportState.CANCELLED for c in consignments):
            raise NotFound(Code.NOT_FOUND, package_id)

        def chunks() -> AsyncIterator[bytes]:
            return store.blobs.chunks(package.sha256_hex)

        return PackageContent(
            package_id=PackageId(package_id),
            kind=package.kind,
            size_bytes=package.size_bytes,
            sha256_hex=package.sha256_hex,
            chunks=chunks,
        )

    async def record_hand_over(self, system_id: str, package_id: str, ref: str | None = None) -> None:
        """The last byte was written to the system. ref: by what it went, where that has a name."""
        await self._context.settle(partial(self._decide_hand_over, system_id, package_id, ref))

    async def acknowledge(self, system_id: str, package_id: str, word: Acknowledgement) -> None:
        """The system says how it fares with a package. Raises NotFound if it serves no receiver of it now."""
        await self._context.settle(partial(self._decide_acknowledgement, system_id, package_id, word))

    async def _consignments(self, system_id: str, package_id: str) -> tuple[Consignment, ...]:
        now = self._context.clock.now()
        found = await self._context.store.read(lambda c: queries.consignments_for_system(c, package_id, system_id, now))
        if not found:
            raise NotFound(Code.NOT_FOUND, package_id)
        return found

    async def _decide_hand_over(self, system_id: str, package_id: str, ref: str | None) -> tuple[Hot | None, None]:
        to_hand_over = (*PENDING, TransportState.CANCELLED)
        consignments = [c for c in await self._consignments(system_id, package_id) if c.state in to_hand_over]
        write = partial(self._handed_over, system_id, package_id, ref, consignments)
        return await self._context.work_out(len(consignments), write), None

    def _handed_over(
        self, system_id: str, package_id: str, ref: str | None, consignments: Sequence[Consignment]
    ) -> Hot | None:
        first = [c for c in consignments if c.state in _BEFORE_HAND_OVER]
        changes = self._moves(consignments, TransportState.HANDED_OVER, system_id)
        leaf = (
            make_leaf(
                LeafKind.HANDED_OVER,
                self._context.clock.now(),
                {
                    "package_id": package_id,
                    "receivers": [c.receiver_organ for c in first],
                    "system": system_id,
                    "peer_ref": ref,
                },
            )
            if first
            else None
        )
        return Hot(inserts=(leaf,) if leaf else (), changes=changes) if changes else None

    async def _decide_acknowledgement(
        self, system_id: str, package_id: str, word: Acknowledgement
    ) -> tuple[Hot | None, None]:
        consignments = await self._consignments(system_id, package_id)
        if word is Acknowledgement.PROCESSING:
            return None, None
        if word is Acknowledgement.DONE:
            write = partial(self._done, system_id, package_id, consignments)
            return await self._context.work_out(len(consignments), write), None
        listed = PENDING if word is Acknowledgement.FAIL else _TAKEN
        again = tuple(c for c in consignments if c.state in listed)
        ids = [c.delivery_id for c in again if c.delivery_id]

        since = min((_tried_since(c) for c in again), default=self._context.clock.now())

        def look(conn: Connection) -> tuple[Package | None, Mapping[str, Delivery], tuple[Hold, ...]]:
            brought = queries.brought_deliveries(conn, package_id, ids)
            return queries.package(conn, package_id), brought, holds_since(conn, since)

        package, brought, holds = await self._context.store.read(look)
        if package is None:
            raise LookupError(package_id)  # a foreign key forbids it
        said = _Said(system_id=system_id, word=word, package=package, holds=holds)
        return await self._context.work_out(len(again), partial(self._again, said, again, brought)), None

    def _again(self, said: "_Said", consignments: Sequence[Consignment], brought: Mapping[str, Delivery]) -> Hot | None:
        """List it again, at once or later; but not what the sender has taken back meanwhile.

        brought: the deliveries that the package brings. Each that goes on is looked at once more in the write.
        """
        closed = {c.delivery_id for c in consignments if _was_closed(c, brought.get(c.delivery_id or ""))}
        going_on = [c for c in consignments if c.delivery_id not in closed]
        taken_back = [c for c in consignments if c.delivery_id in closed and c.state is not TransportState.ACKNOWLEDGED]
        if said.word is Acknowledgement.FAIL:
            audit, changes = self._failed(said, going_on)
        else:
            audit, changes = (), self._moves(going_on, TransportState.QUEUED)
        looked = (DeliveryStatus.untouched(d) for d in brought.values() if d.delivery_id not in closed)
        changes += (*self._moves(taken_back, TransportState.CANCELLED), *looked)
        return Hot(inserts=audit, changes=changes) if changes else None

    def _done(self, system_id: str, package_id: str, consignments: Sequence[Consignment]) -> Hot | None:
        waiting = [c for c in consignments if c.state is not TransportState.ACKNOWLEDGED]
        if not waiting:
            return None
        leaf = make_leaf(
            LeafKind.ACKNOWLEDGED,
            self._context.clock.now(),
            {"package_id": package_id, "receivers": [c.receiver_organ for c in waiting], "system": system_id},
        )
        return Hot(inserts=(leaf,), changes=self._moves(waiting, TransportState.ACKNOWLEDGED))

    def _failed(self, said: "_Said", consignments: Sequence[Consignment]) -> tuple[tuple[Row, ...], tuple[Change, ...]]:
        """Listed again later; dead after the configured number of failures, of which its sender is told."""
        now, policy = self._context.clock.now(), self._context.policy
        changes: list[Change] = []
        dead: list[str] = []
        for c in consignments:
            failures = c.failures + 1
            visible_at = policy.receiver_backoff.next_try(now, failures, said.patience_begins(c, now))
            gives_up = failures >= policy.failures_until_dead or visible_at is None
            changes.append(
                ConsignmentFailed(
                    consignment_id=c.consignment_id,
                    was=c.state,
                    becomes=TransportState.DEAD if gives_up else TransportState.RETRYING,
                    visible_at=None if gives_up else visible_at,
                    last_error=_FAILED,
                )
            )
            if gives_up:
                dead.append(c.receiver_organ)
        audit: tuple[Row, ...] = ()
        if dead:
            fields = {"package_id": consignments[0].package_id, "receivers": dead}
            told = sender_events(self._context, EventKind.DELIVERY_DEAD, said.package, dead, _FAILED)
            audit = (self._context.audit("consignment_dead", said.system_id, fields), *told)
        return audit, tuple(changes)

    def _moves(
        self, consignments: Iterable[Consignment], becomes: TransportState, handed_to: str | None = None
    ) -> tuple[Change, ...]:
        now = self._context.clock.now()
        return tuple(
            ConsignmentMoved(consignment_id=c.consignment_id, was=c.state, becomes=becomes, at=now, handed_to=handed_to)
            for c in consignments
        )


def _was_closed(consignment: Consignment, delivery: Delivery | None) -> bool:
    """Whether what the consignment brings was taken back since; the act that did so is delivered, and later ones."""
    if delivery is None or not delivery.state.is_frozen or delivery.state_at is None:
        return False
    return consignment.queued_at < delivery.state_at


async def checked_chunks(content: PackageContent) -> AsyncGenerator[bytes]:
    """The bytes of a package, the last ones only when the whole is what came in: a damaged file never goes out whole.

    Raises Internal.
    """
    digest, size_bytes, held = hashlib.sha256(), 0, b""
    async for chunk in content.chunks():
        digest.update(chunk)
        size_bytes += len(chunk)
        if held:
            yield held
        held = chunk
    if size_bytes != content.size_bytes or digest.hexdigest() != content.sha256_hex:
        raise Internal(f"package {content.package_id} is damaged in the store")
    yield held
