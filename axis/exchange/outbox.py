"""Packages go out to partners: claimed, pushed, recorded, and asked after until the receivers have them.

A partner is an uplink, or a system that we push to. Stored first, forwarded after. Each step commits by itself: claim
(with a lease and a fence) → Peer.send → record. A crash between the last two sends the package again; the partner finds
the repeat. "Handed over" says that the partner has it, never that a receiver has.

Accepting a package puts its pushes into the queue by the configuration as it was known then. Whenever the configuration
changes, and now and then, what waits for a partner without a push gets one; a push that nothing waits for ends when
it is claimed. So a receiver that changes its system takes along what is pending.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from axis.delivery.backoff import Backoff
from axis.delivery.peer import Outgoing, ReceiverState, Recipient, Sent
from axis.errors import AxisError, PeerRefused, PeerUnreachable
from axis.evidence.leaf import LeafKind, make_leaf
from axis.exchange import parcel as rows
from axis.exchange.context import Context
from axis.exchange.partners import Line, Partners
from axis.organ.codes import canonical_form
from axis.store import queries
from axis.store.hot import Change, ConsignmentFailed, ConsignmentMoved, Hot, QueueDone, QueueMoved
from axis.store.records import Consignment, QueueRow, Row
from axis.terms import TransportState, Urgency

log = structlog.get_logger(__name__)

_MINUTE_S = 60
_UNSENT = (TransportState.QUEUED, TransportState.RETRYING)
_PLANNED_AT_ONCE = 200  # pushes that are made in one write


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxPolicy:
    """How partners are pushed to."""

    backoff: Backoff = field(default_factory=Backoff)
    lease_s: float = 120  # longer than any single call to the partner may take
    look_s: float = 1.0  # between looks at the queue when nothing rings
    plan_s: float = 60.0  # between looks for what waits without a push, when no configuration changes
    concurrency: int = 4  # pushes to one partner at once
    ask: Backoff = field(  # how often the partner is asked whether the receivers have a package
        default_factory=lambda: Backoff(delays_s=(5, 30, 120, 600, 3600, 14400), give_up_s=5 * 86_400)
    )
    asks_per_minute: int = 120  # to one partner


class Outbox:
    """The delivery loop of all partners."""

    def __init__(self, context: Context, partners: Partners, policy: OutboxPolicy) -> None:
        self._context = context
        self._partners = partners
        self._policy = policy
        self._running: dict[str, set[asyncio.Task[None]]] = {}  # by partner
        self._asks: dict[str, list[float]] = {}
        self._planned_version: int | None = None
        self._planned_at_s = 0.0

    async def run(self) -> None:
        """Push and ask for ever. A failure of one row never stops the others; one of the loop is logged and survived.

        A long push holds one of its partner's places and delays nothing else.
        """
        bell = self._context.wake.bell
        try:
            while True:
                bell.clear()
                for task in await self._start():
                    task.add_done_callback(lambda _: bell.set())
                await _wait(bell, self._policy.look_s)
        finally:
            running = [task for tasks in self._running.values() for task in tasks]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def work(self) -> bool:
        """One round, to its end: what is due now. Returns whether there was anything."""
        tasks = await self._start()
        await asyncio.gather(*tasks)
        return bool(tasks)

    async def _start(self) -> list[asyncio.Task[None]]:
        """Claim as much due work as there are places, pushes before questions, and begin it."""
        started: list[asyncio.Task[None]] = []
        try:
            await self._partners.refresh()
            await self._plan_if_due()
            for line in self._partners.lines():
                for row in await self._claim_for(line):
                    task = asyncio.create_task(self._run_row(line, row))
                    self._running.setdefault(line.partner_id, set()).add(task)
                    task.add_done_callback(self._running[line.partner_id].discard)
                    started.append(task)
        except Exception:
            log.exception("outbox_failed")
        return started

    async def _claim_for(self, line: Line) -> tuple[QueueRow, ...]:
        places = self._policy.concurrency - len(self._running.get(line.partner_id, ()))
        found = await self._claim(line.partner_id, "send", places)
        return found + await self._claim(line.partner_id, "ask", min(places - len(found), self._allowed_asks(line)))

    def _allowed_asks(self, line: Line) -> int:
        now = asyncio.get_running_loop().time()
        recent = [at for at in self._asks.get(line.partner_id, ()) if now - at < _MINUTE_S]
        self._asks[line.partner_id] = recent
        return self._policy.asks_per_minute - len(recent)

    async def _claim(self, partner_id: str, task: str, limit: int) -> tuple[QueueRow, ...]:
        if limit <= 0:
            return ()
        now = self._context.clock.now()
        if not await self._context.store.read(lambda c: queries.has_due(c, partner_id, task, now)):
            return ()
        until = now + timedelta(seconds=self._policy.lease_s)
        return await self._context.store.write(lambda c: queries.claim(c, partner_id, task, now, until, limit))

    async def _run_row(self, line: Line, row: QueueRow) -> None:
        try:
            with line.use():
                await (self._send(line, row) if row.task == "send" else self._ask(line, row))
        except Exception:
            log.exception("outbox_row_failed", partner=line.partner_id, package_id=row.package_id)

    # ── planning ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _plan_if_due(self) -> None:
        """Give what waits for a partner its push. The lines' version: what was decided under an older one is here."""
        now_s = asyncio.get_running_loop().time()
        if self._planned_version == self._partners.version and now_s - self._planned_at_s < self._policy.plan_s:
            return
        self._planned_version, self._planned_at_s = self._partners.version, now_s
        while missing := await self._context.store.read(lambda c: queries.missing_pushes(c, _PLANNED_AT_ONCE)):
            pushes = tuple(
                rows.push_row(self._context, push.package_id, push.partner_id, push.urgency, push.queued_at)
                for push in missing
            )
            await self._context.store.submit(Hot(inserts=pushes))
            log.info("pushes_planned", pushes=len(pushes))

    # ── pushing ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _send(self, line: Line, row: QueueRow) -> None:
        push = await self._context.store.read(lambda c: queries.push(c, row.package_id, row.partner_id))
        if push is None:
            raise LookupError(row.package_id)  # a foreign key forbids it
        waiting = [c for c in push.consignments if c.state in _UNSENT]
        if not waiting:
            await self._context.settle(partial(self._nothing_to_send, row, push.consignments))
            return
        outgoing = await self._context.work_out(len(waiting), partial(self._outgoing, row, push, waiting))
        content = partial(self._context.store.blobs.chunks, outgoing.sha256_hex)
        with structlog.contextvars.bound_contextvars(request_id=outgoing.request_id):
            try:
                sent = await line.peer.send(outgoing, content)
            except AxisError as e:
                await self._record_failure(row, e)
                return
            ids = {c.consignment_id for c in waiting}
            await self._context.settle(partial(self._sent, line, row, sent, ids))
            log.info("package_handed_over", partner=line.partner_id, package_id=row.package_id, peer_ref=sent.ref)

    def _outgoing(self, row: QueueRow, push: queries.Push, waiting: Sequence[Consignment]) -> Outgoing:
        package, registry = push.package, self._context.directory.current.registry
        addressed = {delivery.delivery_id: delivery for delivery in push.deliveries}
        recipients = []
        for consignment in waiting:
            delivery = addressed.get(consignment.delivery_id or "")
            organ = registry.find(consignment.receiver_organ)
            recipients.append(
                Recipient(
                    organ_id=consignment.receiver_organ,
                    name=organ.name if organ else delivery.receiver_name if delivery else None,
                    email=organ.email if organ else None,
                    addressed_as=delivery.addressed_as if delivery else consignment.receiver_organ,
                )
            )
        sender = registry.find(package.from_organ)
        return Outgoing(
            package_id=package.package_id,
            kind=package.kind,
            size_bytes=package.size_bytes,
            sha256_hex=package.sha256_hex,
            from_organ=package.from_raw,
            request_id=row.queue_id,
            receivers=tuple(recipients),
            document_id=package.document_id,
            code=package.code,
            subject=package.subject,
            urgency=Urgency(package.urgency),
            status_code=push.status_code,
            from_name=sender.name if sender else push.sender_name,
        )

    async def _nothing_to_send(self, row: QueueRow, consignments: Sequence[Consignment]) -> tuple[Hot | None, None]:
        """Cancelled, moved elsewhere, or sent by another claimer: the row asks on where it did, else it ends."""
        if not await self._is_ours(row):
            return None, None
        if row.peer_ref and any(c.state is TransportState.HANDED_OVER for c in consignments):
            return Hot(changes=(_asking(row, row.peer_ref, self._first_ask()),)), None
        return Hot(changes=(QueueDone(queue_id=row.queue_id, fence=row.fence),)), None

    async def _is_ours(self, row: QueueRow) -> bool:
        """Whether nobody has claimed, renewed or removed the row since we claimed it."""
        now = await self._context.store.read(lambda c: queries.queue_row(c, row.queue_id))
        if now is None or now.fence != row.fence:
            log.warning("lease_lost", partner=row.partner_id, package_id=row.package_id)
            return False
        return True

    def _first_ask(self) -> datetime:
        now = self._context.clock.now()
        return self._policy.ask.next_try(now, 1, now) or now

    async def _sent(self, line: Line, row: QueueRow, sent: Sent, ids: set[str]) -> tuple[Hot | None, None]:
        """What was sent counts as handed over, even if the row was taken from us meanwhile: the partner has it."""
        ours = await self._is_ours(row)
        consignments = await self._context.store.read(lambda c: queries.consignments(c, row.package_id))
        waiting = [c for c in consignments if _has_got(c, row.partner_id, ids)]
        end: tuple[Change, ...] = ()
        if ours and line.peer.tells_receivers and sent.ref and not sent.acknowledged:
            end = (_asking(row, sent.ref, self._first_ask()),)
        elif ours:
            end = (QueueDone(queue_id=row.queue_id, fence=row.fence),)
        write = partial(self._write_sent, row, sent, waiting, end)
        return await self._context.work_out(len(waiting), write), None

    def _write_sent(
        self, row: QueueRow, sent: Sent, waiting: Sequence[Consignment], end: tuple[Change, ...]
    ) -> Hot | None:
        if not (waiting or end):
            return None
        now = self._context.clock.now()
        receivers = [c.receiver_organ for c in waiting]
        moves: list[Change] = []
        leaves: list[Row] = []
        if waiting:
            fields = {"package_id": row.package_id, "receivers": receivers, "system": row.partner_id}
            leaves.append(make_leaf(LeafKind.HANDED_OVER, now, {**fields, "peer_ref": sent.ref or None}))
            moves += [_moved(c, c.state, TransportState.HANDED_OVER, now) for c in waiting]
            if sent.acknowledged:
                leaves.append(make_leaf(LeafKind.ACKNOWLEDGED, now, fields))
                moves += [_moved(c, TransportState.HANDED_OVER, TransportState.ACKNOWLEDGED, now) for c in waiting]
        return Hot(inserts=tuple(leaves), changes=(*moves, *end))

    async def _record_failure(self, row: QueueRow, error: AxisError) -> None:
        words = str(error)[:500]
        final = isinstance(error, PeerRefused) and error.retry == "never"
        log.warning("push_failed", partner=row.partner_id, package_id=row.package_id, error=words, final=final)
        await self._context.settle(partial(self._failed, row, words, final=final))

    async def _failed(self, row: QueueRow, words: str, *, final: bool) -> tuple[Hot | None, None]:
        if not await self._is_ours(row):
            return None, None
        now = self._context.clock.now()
        due_at = None if final else self._policy.backoff.next_try(now, row.attempts + 1, row.queued_at)
        push = await self._context.store.read(lambda c: queries.push(c, row.package_id, row.partner_id))
        waiting = [c for c in push.consignments if c.state in _UNSENT] if push else []
        return await self._context.work_out(
            len(waiting), partial(self._write_failed, row, words, due_at, waiting)
        ), None

    def _write_failed(self, row: QueueRow, words: str, due_at: datetime | None, waiting: Sequence[Consignment]) -> Hot:
        failures: tuple[Change, ...] = tuple(
            ConsignmentFailed(
                consignment_id=c.consignment_id,
                was=c.state,
                becomes=TransportState.RETRYING if due_at else TransportState.DEAD,
                visible_at=due_at,
                last_error=words,
            )
            for c in waiting
        )
        if not waiting:  # withdrawn while the push was under way
            return Hot(changes=(QueueDone(queue_id=row.queue_id, fence=row.fence),))
        if due_at is None:
            fields = {"package_id": row.package_id, "receivers": [c.receiver_organ for c in waiting], "error": words}
            audit: tuple[Row, ...] = (self._context.audit("consignment_dead", row.partner_id, fields),)
            done = QueueDone(queue_id=row.queue_id, fence=row.fence)
            return Hot(inserts=audit, changes=(*failures, done))
        return Hot(changes=(*failures, _later(row, due_at, row.attempts + 1)))

    # ── asking ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _ask(self, line: Line, row: QueueRow) -> None:
        states: Sequence[ReceiverState] = ()
        self._asks.setdefault(line.partner_id, []).append(asyncio.get_running_loop().time())
        try:
            if line.peer.tells_receivers:
                states = await line.peer.receivers(row.peer_ref or "")
        except (PeerRefused, PeerUnreachable) as e:
            log.info("ask_failed", partner=line.partner_id, package_id=row.package_id, error=str(e)[:500])
        await self._context.settle(partial(self._asked, row, states))

    async def _asked(self, row: QueueRow, states: Sequence[ReceiverState]) -> tuple[Hot | None, None]:
        if not await self._is_ours(row):
            return None, None
        push = await self._context.store.read(lambda c: queries.push(c, row.package_id, row.partner_id))
        ours = push.consignments if push else ()
        return await self._context.work_out(len(ours), partial(self._write_asked, row, states, ours)), None

    def _write_asked(self, row: QueueRow, states: Sequence[ReceiverState], ours: Sequence[Consignment]) -> Hot:
        now = self._context.clock.now()
        confirmed = self._confirmed(ours, states)
        moves: tuple[Change, ...] = tuple(
            ConsignmentMoved(consignment_id=c.consignment_id, was=c.state, becomes=TransportState.ACKNOWLEDGED, at=now)
            for c in confirmed
        )
        leaves: tuple[Row, ...] = ()
        if confirmed:
            fields = {
                "package_id": row.package_id,
                "receivers": [c.receiver_organ for c in confirmed],
                "system": row.partner_id,
            }
            leaves = (make_leaf(LeafKind.ACKNOWLEDGED, now, fields),)
        done = {c.consignment_id for c in confirmed}
        open_ones = [c for c in ours if c.state is TransportState.HANDED_OVER and c.consignment_id not in done]
        end, audit = self._after_ask(row, now, [c.receiver_organ for c in open_ones])
        return Hot(inserts=(*leaves, *audit), changes=(*moves, end))

    def _confirmed(self, ours: Sequence[Consignment], states: Sequence[ReceiverState]) -> list[Consignment]:
        registry = self._context.directory.current.registry
        done = {registry.canonical(state.organ_code) for state in states if state.acknowledged}
        done |= {canonical_form(state.organ_code) for state in states if state.acknowledged}
        return [c for c in ours if c.state is TransportState.HANDED_OVER and c.receiver_organ in done]

    def _after_ask(self, row: QueueRow, now: datetime, open_ones: list[str]) -> tuple[Change, tuple[Row, ...]]:
        """Ask again later; stop when everybody has it, or when it has been too long, which somebody should look at."""
        done = QueueDone(queue_id=row.queue_id, fence=row.fence)
        if not open_ones:
            return done, ()
        due_at = self._policy.ask.next_try(now, row.attempts + 2, row.queued_at)
        if due_at is None:
            fields = {"package_id": row.package_id, "receivers": open_ones}
            return done, (self._context.audit("never_acknowledged", row.partner_id, fields),)
        return _later(row, due_at, row.attempts + 1), ()


def _has_got(consignment: Consignment, partner_id: str, sent_for: Collection[str]) -> bool:
    """Whether the partner has a package for this receiver too, now that it was sent for some.

    Also for one that was withdrawn meanwhile; and an uplink, which gets the package as a whole, for all of them.
    """
    if consignment.state is TransportState.CANCELLED:
        return consignment.consignment_id in sent_for or consignment.uplink_id == partner_id
    return consignment.consignment_id in sent_for and consignment.state in _UNSENT


def _moved(consignment: Consignment, was: TransportState, becomes: TransportState, at: datetime) -> Change:
    return ConsignmentMoved(consignment_id=consignment.consignment_id, was=was, becomes=becomes, at=at)


def _asking(row: QueueRow, peer_ref: str, due_at: datetime) -> QueueMoved:
    return QueueMoved(queue_id=row.queue_id, fence=row.fence, task="ask", peer_ref=peer_ref, due_at=due_at, attempts=0)


def _later(row: QueueRow, due_at: datetime, attempts: int) -> QueueMoved:
    return QueueMoved(
        queue_id=row.queue_id,
        fence=row.fence,
        task=row.task,
        peer_ref=row.peer_ref,
        due_at=due_at,
        attempts=attempts,
    )


async def _wait(bell: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await bell.wait()
    except TimeoutError:
        pass
