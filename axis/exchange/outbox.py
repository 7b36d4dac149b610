"""The delivery loop: packages go out to all partners, by one dispatcher.

A partner is an uplink, or a system that we push to. Stored first, forwarded after. Each step commits by itself: claim
(lease, fence) → Peer.send → record. A crash between the last two sends the package again; the partner finds the repeat.
"Handed over" says that the partner has it, never that a receiver has.

How much a partner is asked at once, and whether it is left alone for a while, `delivery.circuit` says; who gets the
places when not everybody can, `delivery.shares`. Both live in memory only: the rows and their times are the truth. A
row of a partner that is left alone is not claimed, so that it loses no try.

Accepting a package puts its pushes into the queue by the configuration as it was known then. Whenever the configuration
changes, and now and then, what waits for a partner without a push gets one; a push that nothing waits for ends when
it is claimed. So a receiver that changes its system takes along what is pending.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection

from axis.delivery.circuit import Circuit, CircuitPolicy
from axis.delivery.recording import Recording, recording
from axis.delivery.shares import Wish, share
from axis.errors import AxisError
from axis.exchange import parcel as rows
from axis.exchange.call_counts import CallCounts
from axis.exchange.context import Context
from axis.exchange.held import UNSENT
from axis.exchange.partners import Line, Partners
from axis.exchange.sending import Reach, Sending, SendingPolicy, Tried, sender_events
from axis.store import partners as stored
from axis.store import queries
from axis.store.hot import Hot, QueueDelayed, Stale
from axis.store.records import Downtime, PartnerState, QueueRow, Row
from axis.store.schema import EPOCH
from axis.terms import EventKind

log = structlog.get_logger(__name__)

_MINUTE_S = 60
_PLANNED_AT_ONCE = 200  # pushes that are made in one write
_RENEWALS = 3  # in the time of one lease
_LATE_LOOK = timedelta(seconds=10)
_MARGIN = timedelta(minutes=5)
"""How much later than it is due a row may be seen first: other nodes' clocks differ, transactions take their time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxPolicy:
    """How partners are pushed to."""

    sending: SendingPolicy = field(default_factory=SendingPolicy)
    circuit: CircuitPolicy = field(default_factory=CircuitPolicy)
    places: int = 200  # pushes at once, to all partners together
    lease_s: float = 120.0  # renewed while the row is worked on: how soon a dead process's rows are taken up
    look_s: float = 1.0  # between looks at the queue when nothing rings
    plan_s: float = 60.0  # between looks for what waits without a push, when no configuration changes
    delayed_after_s: float = 7_200.0  # a sender is told that its package still waits
    asks_per_minute: int = 120  # to one partner


@dataclass(slots=True, eq=False)
class Traffic:
    """What goes on with one partner in this process."""

    circuit: Circuit
    running: dict[str, QueueRow] = field(default_factory=dict)  # by queue_id
    asks: list[float] = field(default_factory=list)  # when it was asked, in the last minute
    probing: bool = False
    last_error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the database says at one moment."""

    due: Mapping[str, datetime]  # partners with due rows, and since when the oldest is
    paused: Mapping[str, Downtime]
    down: frozenset[str]  # partners that are told to be down


class Outbox:
    """The delivery loop of all partners."""

    def __init__(self, context: Context, partners: Partners, policy: OutboxPolicy) -> None:
        self._context = context
        self._partners = partners
        self._policy = policy
        self._sending = Sending(context, policy.sending)
        self._traffic: dict[str, Traffic] = {}
        self._counts = CallCounts()
        self._tasks: set[asyncio.Task[None]] = set()
        self._look = Look(due={}, paused={}, down=frozenset())
        self._since: dict[str, datetime] = {}  # by partner: none of its rows is due since before
        self._late_at: datetime | None = None  # when it was last looked for what is late
        self._planned_version: int | None = None
        self._planned_at_s = 0.0
        self._renewed_at_s = 0.0

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
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def work(self) -> bool:
        """One round, to its end: what is due now. Returns whether there was anything."""
        tasks = await self._start()
        await asyncio.gather(*tasks)
        return bool(tasks)

    def told(self) -> dict[str, dict[str, object]]:
        """Every partner for people, as this process sees it."""
        return {line.partner_id: self._told(line) for line in self._partners.lines()}

    def may_call(self, partner_id: str) -> bool:
        """Whether it is neither the partner's planned downtime nor our maintenance."""
        return partner_id not in self._look.paused and not self._context.rest.is_on

    def _told(self, line: Line) -> dict[str, object]:
        traffic, paused = self._of(line.partner_id), self._look.paused.get(line.partner_id)
        until = traffic.circuit.open_until
        return {
            "state": "paused" if paused else "open" if traffic.circuit.is_open else "closed",
            "until": paused.ends_at.isoformat() if paused else until.isoformat() if until else None,
            "problem": paused.reason if paused else traffic.last_error,
            "running": len(traffic.running),
            "places": traffic.circuit.places,
            "failures": traffic.circuit.failures,
        }

    def _of(self, partner_id: str) -> Traffic:
        return self._traffic.setdefault(partner_id, Traffic(Circuit.begin(self._policy.circuit)))

    # ── choosing ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _start(self) -> list[asyncio.Task[None]]:
        """Claim as much due work as there are places, and begin it."""
        try:
            await self._partners.refresh()
            await self._renew_if_due()
            await self._counts.add(self._context.store, self._context.clock.now())
            if self._context.rest.is_on:  # what is under way comes to its end
                return []
            await self._plan_if_due()
            now = self._context.clock.now()
            await self._look_around(now)
            started = self._probe(now)
            await self._tell_late(now)
            return started + await self._begin(now)
        except Exception:
            log.exception("outbox_failed")
            self._since = {}  # what was rung for may not have been seen
            return []

    async def _look_around(self, now: datetime) -> None:
        """What is due, and of whom.

        Everything is looked at whenever something may have been left without a push (`_plan_if_due`); in between, what
        is due since the oldest row that was seen, or since what was rung for.
        """
        rung = self._context.wake.take()
        since = {line.partner_id: self._since.get(line.partner_id, EPOCH) for line in self._partners.lines()}
        if rung is not None:
            since = {partner_id: min(at, rung) for partner_id, at in since.items()}
        self._look = await self._context.store.read(lambda c: _look(c, since, now))
        oldest = {partner_id: self._look.due.get(partner_id, now) for partner_id in since}
        self._since = {partner_id: min(at, now - _MARGIN) for partner_id, at in oldest.items()}

    async def _begin(self, now: datetime) -> list[asyncio.Task[None]]:
        wanting = {line: self._places(line) for line in self._partners.lines() if line.partner_id in self._look.due}
        wanting = {line: places for line, places in wanting.items() if places > 0}
        if not wanting:
            return []
        asked = [
            _Asked(
                due=queries.DueOf(partner_id=line.partner_id, since=self._look.due[line.partner_id], now=now),
                places=places,
                asks=self._allowed_asks(line),
                running=len(self._of(line.partner_id).running),
            )
            for line, places in wanting.items()
        ]
        wishes = await self._context.store.read(lambda c: [_wish(c, one) for one in asked])
        running = sum(len(traffic.running) for traffic in self._traffic.values())
        shares = share(wishes, self._policy.places, self._policy.places - running)
        chosen = [row.queue_id for of_partner in shares.values() for row in of_partner]
        if not chosen:
            return []
        until = now + timedelta(seconds=self._policy.lease_s)
        claimed = await self._context.store.write(lambda c: queries.claim(c, chosen, now, until))
        return [self._run(line, row) for row in claimed if (line := self._partners.line(row.partner_id)) is not None]

    def _places(self, line: Line) -> int:
        """How many more rows of a partner may be begun now."""
        traffic = self._of(line.partner_id)
        if line.partner_id in self._look.paused or traffic.circuit.is_open:
            return 0
        return traffic.circuit.places - len(traffic.running)

    def _allowed_asks(self, line: Line) -> int:
        now_s, traffic = asyncio.get_running_loop().time(), self._of(line.partner_id)
        traffic.asks = [at for at in traffic.asks if now_s - at < _MINUTE_S]
        return max(self._policy.asks_per_minute - len(traffic.asks), 0)

    # ── doing ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _run(self, line: Line, row: QueueRow) -> asyncio.Task[None]:
        traffic = self._of(line.partner_id)
        traffic.running[row.queue_id] = row
        if row.task == "ask":
            traffic.asks.append(asyncio.get_running_loop().time())
        return self._spawn(self._run_row(line, row, traffic))

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run_row(self, line: Line, row: QueueRow, traffic: Traffic) -> None:
        try:
            begun = asyncio.get_running_loop().time()
            with line.use(), recording() as said:
                act = self._sending.send if row.task == "send" else self._sending.ask
                tried = await act(line, row)
            self._count(row, tried, asyncio.get_running_loop().time() - begun, said)
            await self._note(line, tried.reach, tried.words)
        except Exception as e:
            log.exception("outbox_row_failed", partner=line.partner_id, package_id=row.package_id)
            await self._put_off(row, f"internal: {type(e).__name__}")
        finally:
            del traffic.running[row.queue_id]

    def _count(self, row: QueueRow, tried: Tried, took_s: float, said: Recording) -> None:
        """For operators. A package that the partner refuses has failed, though the partner was reached."""
        now = self._context.clock.now()
        if tried.reach is Reach.UNREACHED or (tried.reach is Reach.REACHED and tried.words):
            self._counts.failed(row, now, took_s, (tried.words, said.request, said.reply))
        elif tried.reach is Reach.REACHED:
            self._counts.came_through(row, now, took_s)

    async def _put_off(self, row: QueueRow, words: str) -> None:
        try:
            await self._sending.put_off(row, words)
        except Exception:  # then its lease ends, and it is tried again all the same
            log.exception("outbox_row_stuck", partner=row.partner_id, package_id=row.package_id)

    # ── partners that cannot be reached ────────────────────────────────────────────────────────────────────────

    async def _note(self, line: Line, reach: Reach, error: str) -> None:
        """What a try showed goes into the circuit; when it opens or closes, that is told once."""
        traffic, now = self._of(line.partner_id), self._context.clock.now()
        if reach is Reach.UNREACHED:
            before = traffic.circuit
            traffic.circuit = before.failed(self._policy.circuit, now)
            traffic.last_error = error or "it could not be reached"
            if traffic.circuit.is_open and not before.is_open:
                log.warning("partner_left_alone", partner=line.partner_id, until=str(traffic.circuit.open_until))
                await self._tell(line, stored.DOWN, now, traffic.last_error)
        elif reach is Reach.REACHED:
            traffic.circuit = traffic.circuit.succeeded(self._policy.circuit)
            traffic.last_error = ""
            if line.partner_id in self._look.down:
                await self._tell(line, stored.UP, now, None)

    def _probe(self, now: datetime) -> list[asyncio.Task[None]]:
        """Ask those that were left alone for long enough whether they are back; no package pays for it."""
        return [
            self._spawn(self._ask_health(line, self._of(line.partner_id)))
            for line in self._partners.lines()
            if line.partner_id not in self._look.paused
            and self._of(line.partner_id).circuit.may_probe(now)
            and not self._of(line.partner_id).probing
        ]

    async def _ask_health(self, line: Line, traffic: Traffic) -> None:
        traffic.probing = True
        try:
            with line.use() as peer:
                await peer.health()
        except Exception as e:  # noqa: BLE001 - whatever it is, it is not back
            await self._note(line, Reach.UNREACHED, str(e) if isinstance(e, AxisError) else type(e).__name__)
        else:
            traffic.circuit = traffic.circuit.seems_back(self._policy.circuit)
            if line.partner_id not in self._look.due:  # no package will show it
                await self._note(line, Reach.REACHED, "")
        finally:
            traffic.probing = False

    async def _tell(self, line: Line, word: str, at: datetime, error: str | None) -> None:
        """Say it once, whichever of several processes notices first: in the audit trail, the log, and to systems."""
        state = PartnerState(partner_id=line.partner_id, state=word, since=at, last_error=error)
        kind = EventKind.PARTNER_DOWN if word == stored.DOWN else EventKind.PARTNER_UP
        fields = {"partner": line.partner_id, "error": error}
        systems = self._context.directory.current.enabled_systems() if line.is_uplink else (line.partner_id,)
        events = tuple(self._context.event(system_id, kind, None, fields) for system_id in systems)
        if await self._context.store.write(lambda c: stored.tell(c, state, events)):
            log.warning(kind.value, partner=line.partner_id, error=error)

    # ── what is late ───────────────────────────────────────────────────────────────────────────────────────────

    async def _tell_late(self, now: datetime) -> None:
        """Senders learn, once, that a package still waits; it is tried on all the same."""
        if self._late_at is not None and timedelta() <= now - self._late_at < _LATE_LOOK:
            return
        self._late_at = now
        before = now - timedelta(seconds=self._policy.delayed_after_s)
        for row in await self._context.store.read(lambda c: queries.late(c, before)):
            push = await self._context.store.read(partial(_push_of, row))
            told: tuple[Row, ...] = ()
            if push is not None:
                waiting = [c for c in push.consignments if c.state in UNSENT]
                words = next((c.last_error for c in waiting if c.last_error), "")
                receivers = [c.receiver_organ for c in waiting]
                told = sender_events(self._context, EventKind.DELIVERY_DELAYED, push.package, receivers, words)
            try:
                await self._context.store.submit(
                    Hot(inserts=told, changes=(QueueDelayed(queue_id=row.queue_id, at=now),))
                )
            except Stale:
                continue  # another process told it, or the row is gone

    # ── planning and leases ────────────────────────────────────────────────────────────────────────────────────

    async def _plan_if_due(self) -> None:
        """Give what waits for a partner its push. The lines' version: what was decided under an older one is here."""
        now_s = asyncio.get_running_loop().time()
        if self._planned_version == self._partners.version and now_s - self._planned_at_s < self._policy.plan_s:
            return
        self._planned_version, self._planned_at_s = self._partners.version, now_s
        self._since = {}  # what gets its push now may be due since long ago
        while missing := await self._context.store.read(lambda c: queries.missing_pushes(c, _PLANNED_AT_ONCE)):
            pushes = tuple(rows.push_row(self._context, push) for push in missing)
            await self._context.store.submit(Hot(inserts=pushes))
            log.info("pushes_planned", pushes=len(pushes))

    async def _renew_if_due(self) -> None:
        """Whoever is still at work keeps the rows: long uploads outlive a lease, dead processes do not."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._renewed_at_s < self._policy.lease_s / _RENEWALS:
            return
        self._renewed_at_s = now_s
        held = [row for traffic in self._traffic.values() for row in traffic.running.values()]
        if held:
            until = self._context.clock.now() + timedelta(seconds=self._policy.lease_s)
            await self._context.store.write(lambda c: queries.renew(c, held, until))


def _look(conn: Connection, since: Mapping[str, datetime], now: datetime) -> Look:
    down = frozenset(one.partner_id for one in stored.states(conn) if one.state == stored.DOWN)
    return Look(due=queries.due_partners(conn, since, now), paused=stored.paused(conn, now), down=down)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """How much of a partner's work may be begun now."""

    due: queries.DueOf
    places: int
    asks: int  # how many of them may be questions
    running: int


def _wish(conn: Connection, asked: _Asked) -> Wish[QueueRow]:
    """Pushes before questions."""
    work: Sequence[QueueRow] = queries.heads(conn, asked.due, "send", asked.places)
    if (left := min(asked.places - len(work), asked.asks)) > 0:
        work = (*work, *queries.heads(conn, asked.due, "ask", left))
    urgencies = [row.urgency if row.task == "send" else -1 for row in work]
    return Wish(partner_id=asked.due.partner_id, work=work, urgencies=urgencies, running=asked.running)


def _push_of(row: QueueRow, conn: Connection) -> queries.PushContent | None:
    return queries.push(conn, row.package_id, row.partner_id)


async def _wait(bell: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await bell.wait()
    except TimeoutError:
        pass
