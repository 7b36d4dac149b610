"""Packages go up to another axis: claimed, pushed, recorded, and asked after until the receivers have them.

Stored first, forwarded after. Each step commits by itself: claim (with a lease and a fence) → Peer.send → record.
A crash between the last two sends the package again; the partner finds the repeat. "Handed over" says that the
partner has it, never that a receiver has.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from axis.delivery.backoff import Backoff
from axis.delivery.peer import Outgoing, Peer, ReceiverState
from axis.errors import AxisError, PeerRefused, PeerUnreachable
from axis.evidence.leaf import LeafKind, make_leaf
from axis.exchange.context import Context
from axis.organ.codes import canonical_form
from axis.store import queries
from axis.store.hot import Change, ConsignmentFailed, ConsignmentMoved, Hot, QueueDone, QueueMoved, Stale
from axis.store.records import Consignment, QueueRow, Row
from axis.terms import TransportState

log = structlog.get_logger(__name__)

_MINUTE_S = 60


_TO_SEND = frozenset({TransportState.QUEUED, TransportState.RETRYING})


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxPolicy:
    """How one uplink is pushed to."""

    backoff: Backoff = field(default_factory=Backoff)
    lease_s: float = 120  # longer than any single call to the partner may take
    look_s: float = 1.0  # between looks at the queue when nothing rings
    concurrency: int = 4
    ask: Backoff = field(  # how often the partner is asked whether the receivers have a package
        default_factory=lambda: Backoff(delays_s=(5, 30, 120, 600, 3600, 14400), give_up_s=5 * 86_400)
    )
    asks_per_minute: int = 120


class Outbox:
    """The delivery loop of one uplink."""

    def __init__(self, context: Context, uplink_id: str, peer: Peer, policy: OutboxPolicy) -> None:
        self._context = context
        self._uplink_id = uplink_id
        self._peer = peer
        self._policy = policy
        self._asks: list[float] = []

    async def run(self) -> None:
        """Push and ask for ever. A failure of one row never stops the others; one of the loop is logged and survived.

        A long push holds one of `concurrency` places and delays nothing else.
        """
        bell = self._context.wake.event(self._uplink_id)
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                bell.clear()
                started = await self._start(self._policy.concurrency - len(running))
                for task in started:
                    task.add_done_callback(lambda _: bell.set())
                running |= started
                await _wait(bell, self._policy.look_s)
                running = {task for task in running if not task.done()}
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def work(self) -> bool:
        """One round, to its end: what is due now. Returns whether there was anything."""
        tasks = await self._start(self._policy.concurrency)
        await asyncio.gather(*tasks)
        return bool(tasks)

    async def _start(self, places: int) -> set[asyncio.Task[None]]:
        """Claim as much due work as there are places, pushes before questions, and begin it."""
        try:
            rows = await self._claim("send", places)
            rows += await self._claim("ask", min(places - len(rows), self._allowed_asks()))
        except Exception:
            log.exception("outbox_failed", uplink=self._uplink_id)
            return set()
        return {asyncio.create_task(self._run_row(row)) for row in rows}

    def _allowed_asks(self) -> int:
        now = asyncio.get_running_loop().time()
        self._asks = [at for at in self._asks if now - at < _MINUTE_S]
        return self._policy.asks_per_minute - len(self._asks)

    async def _claim(self, task: str, limit: int) -> tuple[QueueRow, ...]:
        if limit <= 0:
            return ()
        now = self._context.clock.now()
        if not await self._context.store.read(lambda c: queries.has_due(c, self._uplink_id, task, now)):
            return ()
        until = now + timedelta(seconds=self._policy.lease_s)
        return await self._context.store.write(lambda c: queries.claim(c, self._uplink_id, task, now, until, limit))

    async def _run_row(self, row: QueueRow) -> None:
        try:
            await (self._send(row) if row.task == "send" else self._ask(row))
        except Stale:
            log.warning("outbox_lease_lost", uplink=self._uplink_id, package_id=row.package_id)
        except Exception:
            log.exception("outbox_row_failed", uplink=self._uplink_id, package_id=row.package_id)

    # ── pushing ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _send(self, row: QueueRow) -> None:
        package = await self._context.store.read(lambda c: queries.package(c, row.package_id))
        if package is None:
            raise LookupError(row.package_id)  # a foreign key forbids it
        if not await self._waiting(row.package_id):  # withdrawn since it was queued
            await self._context.store.submit(Hot(changes=(QueueDone(queue_id=row.queue_id, fence=row.fence),)))
            return
        outgoing = Outgoing(
            package_id=package.package_id,
            kind=package.kind,
            size_bytes=package.size_bytes,
            sha256_hex=package.sha256_hex,
            from_organ=package.from_raw,
            request_id=self._context.new_id(),
        )
        with structlog.contextvars.bound_contextvars(request_id=outgoing.request_id):
            try:
                ref = await self._peer.send(outgoing, partial(self._context.store.blobs.chunks, package.sha256_hex))
            except AxisError as e:
                await self._record_failure(row, e)
                return
            await self._context.settle(partial(self._sent, row, ref))
            log.info("package_handed_over", uplink=self._uplink_id, package_id=package.package_id, peer_ref=ref)

    async def _sent(self, row: QueueRow, ref: str) -> tuple[Hot | None, None]:
        # The package is there for every receiver behind the partner: also for one withdrawn meanwhile.
        gone = await self._waiting(row.package_id, _TO_SEND | {TransportState.CANCELLED})
        return await self._context.work_out(len(gone), partial(self._write_sent, row, ref, gone)), None

    def _write_sent(self, row: QueueRow, ref: str, waiting: Sequence[Consignment]) -> Hot:
        now = self._context.clock.now()
        moves: tuple[Change, ...] = tuple(
            ConsignmentMoved(consignment_id=c.consignment_id, was=c.state, becomes=TransportState.HANDED_OVER, at=now)
            for c in waiting
        )
        first_ask = self._policy.ask.next_try(now, 1, now) or now
        again = QueueMoved(
            queue_id=row.queue_id, fence=row.fence, task="ask", peer_ref=ref, due_at=first_ask, attempts=0
        )
        fields = {
            "package_id": row.package_id,
            "receivers": [c.receiver_organ for c in waiting],
            "system": self._uplink_id,
            "peer_ref": ref,
        }
        return Hot(inserts=(make_leaf(LeafKind.HANDED_OVER, now, fields),), changes=(*moves, again))

    async def _record_failure(self, row: QueueRow, error: AxisError) -> None:
        words = str(error)[:500]
        final = isinstance(error, PeerRefused) and error.retry == "never"
        log.warning("push_failed", uplink=self._uplink_id, package_id=row.package_id, error=words, final=final)
        await self._context.settle(partial(self._failed, row, words, final=final))

    async def _failed(self, row: QueueRow, words: str, *, final: bool) -> tuple[Hot | None, None]:
        now = self._context.clock.now()
        due_at = None if final else self._policy.backoff.next_try(now, row.attempts + 1, row.queued_at)
        waiting = await self._waiting(row.package_id)
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
        if not waiting:  # all of them withdrawn meanwhile
            return Hot(changes=(QueueDone(queue_id=row.queue_id, fence=row.fence),))
        if due_at is None:
            fields = {"package_id": row.package_id, "receivers": [c.receiver_organ for c in waiting], "error": words}
            audit: tuple[Row, ...] = (self._context.audit("consignment_dead", self._uplink_id, fields),)
            done = QueueDone(queue_id=row.queue_id, fence=row.fence)
            return Hot(inserts=audit, changes=(*failures, done))
        return Hot(changes=(*failures, _later(row, due_at, row.attempts + 1)))

    async def _waiting(self, package_id: str, states: Collection[TransportState] = _TO_SEND) -> tuple[Consignment, ...]:
        """The package's consignments to this uplink that have not been handed over."""
        consignments = await self._context.store.read(lambda c: queries.consignments(c, package_id))
        return tuple(c for c in consignments if c.uplink_id == self._uplink_id and c.state in states)

    # ── asking ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _ask(self, row: QueueRow) -> None:
        self._asks.append(asyncio.get_running_loop().time())
        try:
            states = await self._peer.receivers(row.peer_ref or "")
        except (PeerRefused, PeerUnreachable) as e:
            log.info("ask_failed", uplink=self._uplink_id, package_id=row.package_id, error=str(e)[:500])
            states = ()
        await self._context.settle(partial(self._asked, row, states))

    async def _asked(self, row: QueueRow, states: Sequence[ReceiverState]) -> tuple[Hot | None, None]:
        consignments = await self._context.store.read(lambda c: queries.consignments(c, row.package_id))
        ours = [c for c in consignments if c.uplink_id == self._uplink_id]
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
                "system": self._uplink_id,
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
            return done, (self._context.audit("never_acknowledged", self._uplink_id, fields),)
        return _later(row, due_at, row.attempts + 1), ()


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
