"""What if a partner could not be reached for some hours: recorded traffic against the real queue, on its own clock.

The queue is the node's own code, outbox and all (`exchange.outbox`, its circuit, shares, back-off and order), on a
database that is made for the simulation and thrown away; nothing of the node is written. Only the partner is made up:
it cannot be reached during the outage, and takes a package in a given time before and after it. What waited before,
planned downtime and holds are left out.
"""

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from axis.delivery.directory import DirectoryCache
from axis.delivery.partner import Partner
from axis.delivery.peer import Bytes, Outgoing, Sent
from axis.delivery.router import Router
from axis.errors import Code, Malformed, PeerUnreachable
from axis.exchange.context import Context
from axis.exchange.outbox import Outbox, OutboxPolicy
from axis.exchange.partners import Partners
from axis.keys import NodeKey
from axis.store import queries
from axis.store.engine import StoreOptions
from axis.store.hot import Hot
from axis.store.queries import Recorded
from axis.store.records import Blob, Consignment, Package, QueueRow, Row
from axis.store.store import Store
from axis.terms import Origin, PackageKind, Place, TransportState

MOST = 100_000  # packages that are looked at
_TICK = timedelta(milliseconds=1)
_PATIENCE = timedelta(days=14)  # after the outage: then the partner is too slow for its traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What is assumed."""

    partner_id: str
    hours: float
    begins_at: datetime | None = None  # None: where the most comes
    takes_s: float = 0.5  # for the partner to take one package
    seed: int = 1  # of the jitter


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What would happen."""

    partner_id: str
    begins_at: datetime
    ends_at: datetime
    came: int  # packages during the outage
    peak_backlog: int
    peak_bytes: int
    peak_at: datetime
    tries_in_vain: int  # pushes; questions whether it is back are not counted
    told_delayed: int  # packages of which senders would be told
    given_up: int
    drained_at: datetime | None  # None: not within two weeks, or not with what was recorded
    drain_s: float | None  # since the partner was back
    deadlines_missed: int  # packages that would come after their receivers owed a word
    missed: tuple[str, ...]  # the first of them


@dataclass(slots=True, eq=False)
class _Clock:
    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass(slots=True, eq=False)
class _Partner:
    """The other end, as it is assumed."""

    clock: _Clock
    window: tuple[datetime, datetime]
    handed_over: dict[str, datetime] = field(default_factory=dict)
    taken_bytes: int = 0
    in_vain: int = 0

    polls = False
    tells_receivers = False

    async def send(self, outgoing: Outgoing, content: Bytes) -> Sent:  # noqa: ARG002 - of the port
        if self._is_away():
            self.in_vain += 1
            raise PeerUnreachable("simulated")
        self.handed_over[outgoing.package_id] = self.clock.at
        self.taken_bytes += outgoing.size_bytes
        return Sent(ref="", acknowledged=True)

    def _is_away(self) -> bool:
        begin, end = self.window
        return begin <= self.clock.at < end

    async def health(self) -> None:
        if self._is_away():
            raise PeerUnreachable("simulated")

    async def close(self) -> None:
        return

    async def poll(self) -> Any:  # noqa: ANN401 - never called
        raise NotImplementedError

    fetch: Any = poll
    confirm: Any = poll
    receivers: Any = poll


def busiest(traffic: Sequence[Recorded], length: timedelta) -> datetime:
    """When an outage of this length meets the most packages. Raises Malformed where nothing was recorded."""
    if not traffic:
        raise Malformed(Code.BAD_REQUEST, "nothing was recorded for this partner in that time", at="--from")
    end, best, most = 0, traffic[0].queued_at, 0
    for begin, one in enumerate(traffic):
        while end < len(traffic) and traffic[end].queued_at < one.queued_at + length:
            end += 1
        if end - begin > most:
            best, most = one.queued_at, end - begin
    return best


async def simulate(traffic: Sequence[Recorded], outage: Outage, policy: OutboxPolicy) -> Outcome:
    """Play the outage. traffic: by age."""
    length = timedelta(hours=outage.hours)
    begins_at = outage.begins_at or busiest(traffic, length)
    coming = [one for one in traffic if one.queued_at >= begins_at]
    chance = random.Random(outage.seed)  # noqa: S311 - spreads load, guards nothing
    backoff = replace(policy.sending.backoff, spread=chance.uniform)
    policy = replace(policy, sending=replace(policy.sending, backoff=backoff))
    with tempfile.TemporaryDirectory(prefix="axis-simulate-") as folder:
        store = Store.open(StoreOptions(url="sqlite:///axis.db", data_dir=Path(folder)))
        try:
            clock = _Clock(begins_at)
            partner = _Partner(clock, (begins_at, begins_at + length))
            key = NodeKey.create(Path(folder) / "node.key")
            directory = await DirectoryCache.load(store, key, clock)
            context = Context(store=store, clock=clock, directory=directory, router=Router((), ()))
            partners = Partners(directory, [Partner(partner_id=outage.partner_id, adapter="")], lambda _: partner)
            outbox = Outbox(context, partners, policy)
            return await _Play(store, partner, outbox, coming, outage).run(policy.delayed_after_s)
        finally:
            await store.close()


class _Play:
    """One run of the simulation."""

    def __init__(
        self,
        store: Store,
        partner: _Partner,
        outbox: Outbox,
        coming: Sequence[Recorded],
        outage: Outage,
    ) -> None:
        self._store, self._clock, self._partner, self._outbox = store, partner.clock, partner, outbox
        self._coming, self._outage = coming, outage
        self._came = self._came_bytes = 0
        self._peak = (0, 0, partner.clock.at)

    async def run(self, delayed_after_s: float) -> Outcome:
        """To the end: when the partner is back, and nothing waits for it."""
        begins_at, ends_at = self._partner.window
        drained_at = None
        while self._clock.at < ends_at + _PATIENCE:
            await self._take_in()
            if await self._outbox.work():
                self._clock.at += timedelta(seconds=self._outage.takes_s)
            elif self._clock.at >= ends_at and not await self._waiting():
                drained_at = self._clock.at
                break
            elif (then := await self._next()) is None:
                break
            else:
                self._clock.at = max(then, self._clock.at + _TICK)
        patience = timedelta(seconds=delayed_after_s)
        came = self._coming[: self._came]
        missed = [one.package_id for one in came if self._is_missed(one)]
        backlog, size_bytes, peak_at = self._peak
        return Outcome(
            partner_id=self._outage.partner_id,
            begins_at=begins_at,
            ends_at=ends_at,
            came=sum(one.queued_at < ends_at for one in self._coming),
            peak_backlog=backlog,
            peak_bytes=size_bytes,
            peak_at=peak_at,
            tries_in_vain=self._partner.in_vain,
            told_delayed=sum(self._waited(one) > patience for one in came),
            given_up=await self._store.read(queries.count_dead),
            drained_at=drained_at,
            drain_s=None if drained_at is None else (drained_at - ends_at).total_seconds(),
            deadlines_missed=len(missed),
            missed=tuple(missed[:20]),
        )

    async def _take_in(self) -> None:
        """Whatever has come by now waits; how much that is together is the backlog."""
        first = self._came
        while self._came < len(self._coming) and self._coming[self._came].queued_at <= self._clock.at:
            self._came_bytes += self._coming[self._came].size_bytes
            self._came += 1
        rows = tuple(row for one in self._coming[first : self._came] for row in self._rows(one))
        if rows:
            await self._store.submit(Hot(inserts=rows))
        waiting = self._came - len(self._partner.handed_over)
        if waiting > self._peak[0]:
            self._peak = (waiting, self._came_bytes - self._partner.taken_bytes, self._clock.at)

    def _rows(self, one: Recorded) -> tuple[Row, ...]:
        partner_id = self._outage.partner_id
        package = Package(
            package_id=one.package_id,
            sha256_hex=one.sha256_hex,
            size_bytes=one.size_bytes,
            kind=one.kind,
            business_type=None,
            document_uid=None,
            from_organ=one.from_organ,
            from_raw=one.from_organ,
            document_id="",
            code=None,
            subject=None,
            urgency=one.urgency,
            origin=Origin.LOCAL,
            source_system="",
            received_at=one.queued_at,
            findings="[]",
        )
        consignment = Consignment(
            consignment_id=one.consignment_id,
            package_id=one.package_id,
            receiver_organ=partner_id,
            delivery_id=None,
            place=Place.UPLINK,
            uplink_id=partner_id,
            state=TransportState.QUEUED,
            urgency=one.urgency,
            queued_at=one.queued_at,
            kind=one.kind,
        )
        push = QueueRow(
            queue_id=one.consignment_id,
            package_id=one.package_id,
            partner_id=partner_id,
            task="send",
            peer_ref=None,
            urgency=one.urgency,
            document_uid=one.document_uid,
            lane=one.from_organ if one.kind is PackageKind.STATUS else "",
            queued_at=one.queued_at,
            due_at=one.queued_at,
        )
        content = Blob(sha256_hex=one.sha256_hex, size_bytes=one.size_bytes, content=b"", created_at=one.queued_at)
        return content, package, consignment, push

    async def _waiting(self) -> int:
        backlog = await self._store.read(lambda c: queries.backlog(c, self._outage.partner_id))
        return backlog.to_send

    async def _next(self) -> datetime | None:
        """When something can happen again."""
        after = self._clock.at
        moments = [one.queued_at for one in self._coming[self._came : self._came + 1]]
        told = self._outbox.told()[self._outage.partner_id]
        if told["until"] is not None:
            return min([*moments, max(datetime.fromisoformat(str(told["until"])), after)])
        due = await self._store.read(lambda c: queries.next_due(c, self._outage.partner_id, after))
        return min([*moments, *([due] if due else [])], default=None)

    def _waited(self, one: Recorded) -> timedelta:
        return self._partner.handed_over.get(one.package_id, self._clock.at) - one.queued_at

    def _is_missed(self, one: Recorded) -> bool:
        """Whether it comes too late, which it was not yet when it was sent."""
        if one.due_at is None or one.due_at < one.queued_at:
            return False
        came_at = self._partner.handed_over.get(one.package_id)
        return came_at is None or came_at > one.due_at
