"""Comparing a day with a partner: silent loss shows, and what is missing is sent again.

Where the partner offers its lists (our extension of the dialect), digests first, then items, then single questions.
Where it does not, it is asked, package by package, for what it never confirmed: so far, and no further, its own dialect
reaches; what we lack cannot be found then. Nothing here has a second effect when it is repeated: what is sent again is
found as a repeat by whoever has it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import structlog

from axis.delivery.ledger import DayDigest, Difference, Direction, Item, What, compare, judge_here, judge_there
from axis.delivery.peer import Peer
from axis.delivery.reconciler import Reconciler
from axis.errors import AxisError, Code, NotFound, PeerRefused
from axis.exchange import parcel as rows
from axis.exchange.context import Context, EventAbout
from axis.exchange.ledger import Ledger, Side, merge
from axis.exchange.partners import Line, Partners
from axis.store import queries
from axis.store.hot import Hot
from axis.store.queries import Push
from axis.store.records import Reconciliation, Row
from axis.terms import EventKind, PackageKind, Urgency

log = structlog.get_logger(__name__)

AGREED, DIFFERS, PARTLY, FAILED = "agreed", "differs", "partly", "failed"
KEPT_FINDINGS = 200  # of a day
_ASKED_ITEMS = 50  # in one question
_ASKED_RECEIVERS = 2_000
_WORDS = 300
_PUSHED_AGAIN = (What.MISSING_THERE, What.RECEIVERS_THERE, What.STATE_DIFFERS)
_LISTED_AGAIN = (What.MISSING_HERE, What.RECEIVERS_HERE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilePolicy:
    """How partners that offer no lists are asked."""

    asks_per_minute: int = 30
    most_asks: int = 1_000  # about one day


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What comparing a day has come to. partly: only what the partner's dialect lets us ask was compared."""

    partner_id: str
    day: date
    ours: tuple[DayDigest, ...]
    theirs: tuple[DayDigest, ...] | None  # None: the partner offers no lists
    differences: tuple[Difference, ...] = ()
    sent_again: int = 0  # packages that were put into the queue again
    asked_again: int = 0  # packages that the partner was asked to list again

    @property
    def state(self) -> str:
        """In one word."""
        if self.differences:
            return DIFFERS
        return PARTLY if self.theirs is None else AGREED


@dataclass(slots=True)
class _Again:
    """What was done about differences."""

    sent: int = 0
    asked: int = 0
    done: set[str] = field(default_factory=set)


class Reconciling:
    """Compares days with uplinks."""

    def __init__(self, context: Context, partners: Partners, policy: ReconcilePolicy) -> None:
        self._context = context
        self._partners = partners
        self._policy = policy
        self._ledger = Ledger(context)

    def uplinks(self) -> tuple[str, ...]:
        """The partners that days are compared with."""
        return tuple(line.partner_id for line in self._partners.lines() if line.is_uplink)

    async def compare(self, partner_id: str, day: date, *, again: bool = False) -> Compared:
        """Compare a day and record what came of it. again: also send again, and ask for, what is missing.

        Raises NotFound for whom we do not call, PeerRefused and PeerUnreachable.
        """
        line = self._partners.line(partner_id)
        if line is None or not line.is_uplink:
            raise NotFound(Code.NOT_FOUND, f"{partner_id} is no uplink: it compares by itself", at="partner")
        side = Side(partner_id=partner_id, we_call=True)
        try:
            with line.use() as peer:
                compared = await self._compare(peer, side, day)
                done = await self._again(line, side, compared) if again else _Again()
        except AxisError as e:
            await self._record_failure(partner_id, day, e)
            raise
        compared = Compared(
            partner_id=partner_id,
            day=day,
            ours=compared.ours,
            theirs=compared.theirs,
            differences=compared.differences,
            sent_again=done.sent,
            asked_again=done.asked,
        )
        await self._record(compared)
        return compared

    async def _compare(self, peer: Peer, side: Side, day: date) -> Compared:
        ours = await self._ledger.digests(side, day)
        theirs = await peer.day_digests(day) if isinstance(peer, Reconciler) else None
        differences: list[Difference] = []
        if theirs is None or not isinstance(peer, Reconciler):
            differences = [one async for one in self._ask_each(peer, side, day)] if peer.tells_receivers else []
            return Compared(partner_id=side.partner_id, day=day, ours=ours, theirs=None, differences=tuple(differences))
        of_partner = {digest.direction: digest for digest in theirs}
        for digest in ours:
            if of_partner.get(digest.direction) != digest:
                differences += await self._compare_items(peer, side, day, digest.direction)
        return Compared(partner_id=side.partner_id, day=day, ours=ours, theirs=theirs, differences=tuple(differences))

    async def _compare_items(self, peer: Reconciler, side: Side, day: date, direction: Direction) -> list[Difference]:
        mine = await self._ledger.items(side, day, direction)
        their_list: dict[tuple[Direction, str], Item] = {}
        async for item in peer.day_items(day, direction):
            merge(their_list, (item,))
        doubts = await asyncio.to_thread(compare, mine.values(), their_list.values())
        found: list[Difference | None] = []
        for some in _portions(doubts.ask_there):
            found += map(judge_there, some, await peer.find_items(some))
        for some in _portions(doubts.ask_here):
            found += map(judge_here, some, await self._ledger.find(side, some))
        return [difference for difference in found if difference is not None]

    async def _ask_each(self, peer: Peer, side: Side, day: date) -> AsyncIterator[Difference]:
        """Ask for what was pushed and never confirmed, at the pace that the partner is asked at anyway."""
        asked = 0
        async for item, ref in self._ledger.unacknowledged(side, day):
            if asked >= self._policy.most_asks:
                log.warning("reconciliation_cut_short", partner=side.partner_id, day=day.isoformat(), asked=asked)
                return
            asked += 1
            try:
                known = bool(await peer.receivers(ref))
            except PeerRefused:
                known = False
            if not known:
                yield Difference(what=What.MISSING_THERE, item=item)
            await asyncio.sleep(60 / self._policy.asks_per_minute)

    # ── What is done about it ──────────────────────────────────────────────────────────────────────────────────

    async def _again(self, line: Line, side: Side, compared: Compared) -> _Again:
        done = _Again()
        for difference in compared.differences:
            item = difference.item
            if difference.what in _PUSHED_AGAIN and item.direction is Direction.UP:
                await self._push_again(side, difference, done)
            elif _can_be_listed_again(difference, done) and isinstance(line.peer, Reconciler):
                await line.peer.list_again(item.ref)
                done.done.add(item.ref)
                done.asked += 1
        if done.sent:
            self._context.wake.ring(self._context.clock.now())
        return done

    async def _push_again(self, side: Side, difference: Difference, done: _Again) -> None:
        package_id = difference.item.ref
        if difference.what is What.STATE_DIFFERS:  # the item is the partner's: its id there is not ours
            (found,) = await self._ledger.find(side, (difference.item,))
            package_id = found.ref
        if not package_id or package_id in done.done:
            return
        done.done.add(package_id)
        package = await self._context.store.read(lambda c: queries.package(c, package_id))
        if package is None:
            return
        at = self._context.clock.now()
        push = Push(
            package_id=package_id,
            partner_id=side.partner_id,
            urgency=Urgency(package.urgency),
            document_uid=package.document_uid,
            lane=package.from_organ if package.kind is PackageKind.STATUS else "",
            queued_at=at,
        )
        row = rows.push_row(self._context, push)
        if await self._context.store.write(lambda c: queries.push_again(c, row, at)):
            done.sent += 1

    # ── What is recorded ───────────────────────────────────────────────────────────────────────────────────────

    async def _record(self, compared: Compared) -> None:
        row = self._row(compared)
        before = await self._context.store.read(lambda c: queries.reconciliation(c, row.partner_id, row.day))
        await self._context.store.write(lambda c: queries.keep_reconciliation(c, row))
        log.info("day_compared", partner=row.partner_id, day=row.day, state=row.state, differing=row.differing)
        if row.differing and (before is None or before.findings != row.findings):  # told once, not each night
            told = await self._context.work_out(len(compared.differences), partial(self._told, compared))
            await self._context.store.submit(Hot(inserts=told))

    def _told(self, compared: Compared) -> tuple[Row, ...]:
        """An audit line, and an event for each system whose package the partner does not have."""
        fields = {
            "partner": compared.partner_id,
            "day": compared.day.isoformat(),
            "differing": len(compared.differences),
        }
        told: list[Row] = [self._context.audit("reconciliation_differs", "node", fields)]
        directory = self._context.directory.current
        for difference in compared.differences[:KEPT_FINDINGS]:
            item = difference.item
            system_id = directory.route(directory.registry.canonical(item.from_code))
            if difference.what is not What.MISSING_THERE or item.direction is not Direction.UP or system_id is None:
                continue
            about = EventAbout(package_id=item.ref or None)
            told.append(self._context.event(system_id, EventKind.RECONCILIATION_DIFFERS, about, fields))
        return tuple(told)

    async def _record_failure(self, partner_id: str, day: date, error: AxisError) -> None:
        """A comparison that failed never hides what an earlier one found."""
        before = await self._context.store.read(lambda c: queries.reconciliation(c, partner_id, day.isoformat()))
        if before is not None and before.state != FAILED:
            return
        compared = Compared(partner_id=partner_id, day=day, ours=(), theirs=None)
        row = self._row(compared, error=str(error)[:_WORDS])
        await self._context.store.write(lambda c: queries.keep_reconciliation(c, row))

    def _row(self, compared: Compared, error: str | None = None) -> Reconciliation:
        ours = {digest.direction: digest.count for digest in compared.ours}
        theirs = {digest.direction: digest.count for digest in compared.theirs or ()}
        findings = [describe(difference) for difference in compared.differences[:KEPT_FINDINGS]]
        return Reconciliation(
            partner_id=compared.partner_id,
            day=compared.day.isoformat(),
            at=self._context.clock.now(),
            state=FAILED if error else compared.state,
            ours_up=ours.get(Direction.UP),
            theirs_up=theirs.get(Direction.UP),
            ours_down=ours.get(Direction.DOWN),
            theirs_down=theirs.get(Direction.DOWN),
            differing=len(compared.differences),
            findings=json.dumps(findings, ensure_ascii=False, sort_keys=True),
            error=error,
        )


def describe(difference: Difference) -> dict[str, object]:
    """A difference for people and programs: what it is about, without content."""
    item = difference.item
    return {
        "what": difference.what.value,
        "direction": item.direction.value,
        "kind": item.kind.value,
        "business_type": item.business_type,
        "from": item.from_code,
        "document_id": item.document_id,
        "sha256": item.sha256_hex,
        "ref": item.ref,
        "receivers": list(difference.receivers or item.receivers)[:20],
    }


def _can_be_listed_again(difference: Difference, done: _Again) -> bool:
    item = difference.item
    wanted = difference.what in _LISTED_AGAIN and item.direction is Direction.DOWN
    return wanted and bool(item.ref) and item.ref not in done.done


def _portions(items: Sequence[Item]) -> list[tuple[Item, ...]]:
    """Items in portions that make one question each."""
    portions: list[tuple[Item, ...]] = []
    waiting: list[Item] = []
    receivers = 0
    for item in items:
        if waiting and (len(waiting) == _ASKED_ITEMS or receivers + len(item.receivers) > _ASKED_RECEIVERS):
            portions.append(tuple(waiting))
            waiting, receivers = [], 0
        waiting.append(item)
        receivers += len(item.receivers)
    return [*portions, tuple(waiting)] if waiting else portions
