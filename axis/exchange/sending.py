"""One package goes to one partner, and what comes of it is recorded; later the partner is asked about its receivers.

The row was claimed before; recording needs its fence. What was sent counts as handed over even when the row has been
taken from us meanwhile: the partner has it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from axis.delivery.backoff import Backoff
from axis.delivery.peer import Outgoing, ReceiverState, Recipient, Sent
from axis.errors import AxisError, PeerRefused, PeerUnreachable
from axis.evidence.leaf import LeafKind, make_leaf
from axis.exchange.context import Context, EventAbout
from axis.exchange.held import UNSENT, excused_time, hold_on
from axis.exchange.partners import Line
from axis.organ.codes import canonical_form
from axis.store import queries
from axis.store.hot import Change, ConsignmentFailed, ConsignmentMoved, Hot, QueueDone, QueueHeld, QueueMoved
from axis.store.records import Consignment, Hold, Package, QueueRow, Row, SystemEvent
from axis.terms import EventKind, Origin, TransportState, Urgency

log = structlog.get_logger(__name__)

_ASK = "ask"
_NOT_TAKEN = "the receiver's software says that it could not take the package"
_WORDS = 500  # characters of an error that are kept
_TOLD_RECEIVERS = 100  # that one event names
_MOST_WAIT = timedelta(hours=1)  # that a partner can ask for: none keeps its packages from being tried for days


class Reach(Enum):
    """What a try showed of the partner."""

    REACHED = "reached"  # it answered in its own words
    UNREACHED = "unreached"
    NOT_ASKED = "not asked"  # there was nothing to send, or this node stumbled


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """Why a try failed."""

    words: str
    is_final: bool = False
    asked_wait: timedelta = timedelta()  # how long the partner asks not to be called with this again


class Tried(NamedTuple):
    """How a try went, for the partner's circuit."""

    reach: Reach
    words: str = ""  # why it failed; "": it did not


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingPolicy:
    """When a package is tried and asked after again."""

    held_look_s: float = 600.0  # between looks at what is held back; when its hold is removed, it is looked at at once
    backoff: Backoff = field(default_factory=Backoff)
    ask: Backoff = field(  # how often the partner is asked whether the receivers have a package
        default_factory=lambda: Backoff(delays_s=(5, 30, 120, 600, 3600, 14400), give_up_s=5 * 86_400)
    )


class Sending:
    """Sends, asks and records."""

    def __init__(self, context: Context, policy: SendingPolicy) -> None:
        self._context = context
        self._policy = policy

    # ── pushing ────────────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, line: Line, row: QueueRow) -> Tried:
        """Push the package of a claimed row and record what came of it."""
        push, hold = await self._context.store.read(partial(self._look, row))
        if push is None:
            raise LookupError(row.package_id)  # a foreign key forbids it
        waiting = [c for c in push.consignments if c.state in UNSENT]
        if hold is not None:
            await self._context.settle(partial(self._held, row, hold))
            return Tried(Reach.NOT_ASKED)
        if not waiting:
            await self._context.settle(partial(self._nothing_to_send, row, push.consignments))
            return Tried(Reach.NOT_ASKED)
        outgoing = await self._context.work_out(len(waiting), partial(self._outgoing, row, push, waiting))
        content = partial(self._context.store.blobs.chunks, outgoing.sha256_hex)
        with structlog.contextvars.bound_contextvars(request_id=outgoing.request_id):
            try:
                sent = await line.peer.send(outgoing, content)
            except AxisError as e:
                await self._record_failure(row, e)
                return _tried(e)
            ids = {c.consignment_id for c in waiting}
            await self._context.settle(partial(self._sent, line, row, sent, ids))
            log.info("package_handed_over", partner=line.partner_id, package_id=row.package_id, peer_ref=sent.ref)
            return Tried(Reach.REACHED)

    def _look(self, row: QueueRow, conn: Connection) -> tuple[queries.PushContent | None, Hold | None]:
        push = queries.push(conn, row.package_id, row.partner_id)
        return push, None if push is None else hold_on(conn, push, row.partner_id, self._context.clock.now())

    async def _held(self, row: QueueRow, hold: Hold) -> tuple[Hot | None, None]:
        """It waits where it is in its document's order, and loses no try; looked at again when the hold ends."""
        if not await self._is_ours(row):
            return None, None
        look_at = self._context.clock.now() + timedelta(seconds=self._policy.held_look_s)
        due_at = look_at if hold.ends_at is None else min(look_at, hold.ends_at)
        change = QueueHeld(queue_id=row.queue_id, fence=row.fence, held_by=hold.hold_id, due_at=due_at)
        return Hot(changes=(change,)), None

    async def put_off(self, row: QueueRow, words: str) -> None:
        """A row on which this node itself stumbles is tried again later, like any other that failed."""
        await self._context.settle(partial(self._failed, row, _Failure(words=words)))

    def _outgoing(self, row: QueueRow, push: queries.PushContent, waiting: Sequence[Consignment]) -> Outgoing:
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
        failure = _failure(error)
        words, final = failure.words, failure.is_final
        log.warning("push_failed", partner=row.partner_id, package_id=row.package_id, error=words, final=final)
        await self._context.settle(partial(self._failed, row, failure))

    async def _failed(self, row: QueueRow, failure: _Failure) -> tuple[Hot | None, None]:
        if not await self._is_ours(row):
            return None, None
        now = self._context.clock.now()
        push, kept = await self._context.store.read(partial(_with_excuse, row, now))
        due_at = None
        if not failure.is_final:
            due_at = self._policy.backoff.next_try(now, row.attempts + 1, row.queued_at + kept)
        if due_at is not None:
            due_at = max(due_at, now + failure.asked_wait)
        waiting = [c for c in push.consignments if c.state in UNSENT] if push else []
        if push is None or (row.task == _ASK and due_at is not None):
            return Hot(changes=(_later(row, due_at or now, row.attempts + 1),)), None
        write = partial(self._write_failed, row, failure.words, due_at, push.package, waiting)
        return await self._context.work_out(len(waiting), write), None

    def _write_failed(
        self, row: QueueRow, words: str, due_at: datetime | None, package: Package, waiting: Sequence[Consignment]
    ) -> Hot:
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
            receivers = [c.receiver_organ for c in waiting]
            fields = {"package_id": row.package_id, "receivers": receivers, "error": words}
            audit = self._context.audit("consignment_dead", row.partner_id, fields)
            told = sender_events(self._context, EventKind.DELIVERY_DEAD, package, receivers, words)
            done = QueueDone(queue_id=row.queue_id, fence=row.fence)
            return Hot(inserts=(audit, *told), changes=(*failures, done))
        return Hot(changes=(*failures, _later(row, due_at, row.attempts + 1)))

    # ── asking ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def ask(self, line: Line, row: QueueRow) -> Tried:
        """Ask how far the receivers of a pushed package are, and record it."""
        states: Sequence[ReceiverState] = ()
        tried = Tried(Reach.NOT_ASKED)
        try:
            if line.peer.tells_receivers:
                states = await line.peer.receivers(row.peer_ref or "")
                tried = Tried(Reach.REACHED)
        except (PeerRefused, PeerUnreachable) as e:
            tried = _tried(e)
            log.info("ask_failed", partner=line.partner_id, package_id=row.package_id, error=str(e)[:_WORDS])
        await self._context.settle(partial(self._asked, row, states))
        return tried

    async def _asked(self, row: QueueRow, states: Sequence[ReceiverState]) -> tuple[Hot | None, None]:
        if not await self._is_ours(row):
            return None, None
        push = await self._context.store.read(lambda c: queries.push(c, row.package_id, row.partner_id))
        if push is None:
            raise LookupError(row.package_id)  # a foreign key forbids it
        write = partial(self._write_asked, row, states, push)
        return await self._context.work_out(len(push.consignments), write), None

    def _write_asked(self, row: QueueRow, states: Sequence[ReceiverState], push: queries.PushContent) -> Hot:
        ours = push.consignments
        now = self._context.clock.now()
        handed_over = [c for c in ours if c.state is TransportState.HANDED_OVER]
        told = self._told(states)
        confirmed = [c for c in handed_over if c.receiver_organ in told and told[c.receiver_organ].acknowledged]
        failed = [c for c in handed_over if c.receiver_organ in told and told[c.receiver_organ].failed]
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
        given_up, told_of = self._write_not_taken(row, push.package, [(c, told[c.receiver_organ]) for c in failed])
        done = {c.consignment_id for c in (*confirmed, *failed)}
        open_ones = [c for c in handed_over if c.consignment_id not in done]
        end, audit = self._after_ask(row, now, [c.receiver_organ for c in open_ones])
        return Hot(inserts=(*leaves, *told_of, *audit), changes=(*moves, *given_up, end))

    def _told(self, states: Sequence[ReceiverState]) -> dict[str, ReceiverState]:
        """What the partner says, by receiver; of several words for one, that it has the package counts."""
        registry = self._context.directory.current.registry
        told: dict[str, ReceiverState] = {}
        for state in sorted(states, key=lambda one: one.acknowledged):
            told[registry.canonical(state.organ_code)] = told[canonical_form(state.organ_code)] = state
        return told

    def _write_not_taken(
        self, row: QueueRow, package: Package, failed: Sequence[tuple[Consignment, ReceiverState]]
    ) -> tuple[tuple[Change, ...], tuple[Row, ...]]:
        """Receivers whose software says that it could not take the package: dead, and its sender is told why."""
        changes: list[Change] = []
        rows: list[Row] = []
        for consignment, state in failed:
            words = f"{_NOT_TAKEN}: {state.words}"[:_WORDS] if state.words else _NOT_TAKEN
            changes.append(
                ConsignmentFailed(
                    consignment_id=consignment.consignment_id,
                    was=consignment.state,
                    becomes=TransportState.DEAD,
                    visible_at=None,
                    last_error=words,
                )
            )
            receivers = [consignment.receiver_organ]
            fields = {"package_id": row.package_id, "receivers": receivers, "error": words}
            rows.append(self._context.audit("consignment_dead", row.partner_id, fields))
            rows += sender_events(self._context, EventKind.DELIVERY_DEAD, package, receivers, words)
        return tuple(changes), tuple(rows)

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


def _with_excuse(row: QueueRow, now: datetime, conn: Connection) -> tuple[queries.PushContent | None, timedelta]:
    """What a row is about, and how much of its time does not count: it was held back, or its partner not called."""
    push = queries.push(conn, row.package_id, row.partner_id)
    return push, timedelta() if push is None else excused_time(conn, push, row, now)


def sender_events(
    context: Context, kind: EventKind, package: Package, receivers: Sequence[str], words: str
) -> tuple[SystemEvent, ...]:
    """The system of a package's sender is told about its receivers; nobody, when the sender is not served here."""
    system_id = context.directory.current.route(package.from_organ)
    if package.origin is Origin.UPLINK or system_id is None:
        return ()
    about = EventAbout(
        document_uid=package.document_uid,
        package_id=package.package_id,
        organ_id=receivers[0] if len(receivers) == 1 else None,
    )
    fields = {"receivers": list(receivers[:_TOLD_RECEIVERS]), "count": len(receivers), "error": words}
    return (context.event(system_id, kind, about, fields),)


def _failure(error: AxisError) -> _Failure:
    asked_s = error.retry_after_s if isinstance(error, PeerRefused | PeerUnreachable) else None
    return _Failure(
        words=str(error)[:_WORDS],
        is_final=isinstance(error, PeerRefused) and error.retry == "never",
        asked_wait=min(timedelta(seconds=asked_s or 0), _MOST_WAIT),
    )


def _tried(error: AxisError) -> Tried:
    """Only what is no answer of the partner's protocol speaks against it."""
    if isinstance(error, PeerUnreachable):
        return Tried(Reach.UNREACHED, str(error)[:_WORDS])
    if isinstance(error, PeerRefused):
        return Tried(Reach.REACHED, str(error)[:_WORDS])
    return Tried(Reach.NOT_ASKED)


def _has_got(consignment: Consignment, partner_id: str, sent_for: Collection[str]) -> bool:
    """Whether the partner has a package for this receiver too, now that it was sent for some.

    Also for one that was withdrawn meanwhile; and an uplink, which gets the package as a whole, for all of them.
    """
    if consignment.state is TransportState.CANCELLED:
        return consignment.consignment_id in sent_for or consignment.uplink_id == partner_id
    return consignment.consignment_id in sent_for and consignment.state in UNSENT


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
