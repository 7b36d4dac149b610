"""Keeps in step what follows from documents and deliveries: their time limits, and which figures have to be made anew.

Every change leaves a mark in its own transaction (`store.touches`). Here the marks are taken, the present state of what
they name is read, and what follows from it is worked out anew and written, with the marks removed in the same
transaction. So nothing is lost by a crash, nothing depends on the order in which transactions commit, and repeating a
round changes nothing. One node at a time follows (`schedule.Turn`), since an older reading must not be
written over a newer one.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import Connection

from axis.calendar.deadlines import NO_DUES, Deadlines, Dues, unanswered
from axis.clock import Clock
from axis.edxml.dates import read_date
from axis.kpi.figures import Cell, day_of
from axis.ops.schedule import Turn
from axis.store import queries
from axis.store.hot import Stale
from axis.store.queries import DeadlineChanges, DueDates, Mark, Tracked
from axis.store.records import Deadline
from axis.store.store import Store
from axis.terms import DeadlineKind, DeadlineStage, Origin, Place, Side, StatusCode, Urgency

log = structlog.get_logger(__name__)

TURN = "following"
_LOOK_S = 1.0
_MARKS = 200  # followed up in one round
_ROWS = 300  # written in one unit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """What one round found."""

    marks: tuple[Mark, ...]
    portions: tuple["_Portion", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Portion:
    """What is written in one unit."""

    changes: DeadlineChanges = field(default_factory=DeadlineChanges)
    cells: tuple[Cell, ...] = ()  # figures that have to be made anew


class Following:
    """The loop that follows up what was touched."""

    def __init__(self, store: Store, clock: Clock, deadlines: Deadlines) -> None:
        self._store = store
        self._clock = clock
        self._deadlines = deadlines

    async def run(self) -> None:
        """Follow for ever. First, once, what is open is brought in line with the rules in force."""
        renewed = False
        while True:
            try:
                renewed = renewed or await self.renew()
                await self.work()
            except Stale:
                log.warning("turn_lost", job=TURN)
            except Exception:
                log.exception("following_failed")
            await asyncio.sleep(_LOOK_S)

    async def work(self) -> bool:
        """Follow up every mark there is. Returns False when another node is at it."""
        if not await self._store.read(queries.has_touched):
            return True
        turn = Turn(self._store, self._clock, TURN)
        if not await turn.take():
            return False
        while await self._round(turn) == _MARKS:
            pass
        await turn.end()
        return True

    async def renew(self) -> bool:
        """Work out every open deadline by the rules in force, which may have changed. False: another node is at it."""
        turn = Turn(self._store, self._clock, TURN)
        if not await turn.take():
            return False
        after, renewed = "", 0
        while owing := await self._store.read(partial(queries.owing, after=after, limit=_ROWS)):
            after = owing[-1]
            for portion in await self._store.read(partial(self._renewed, owing)):
                renewed += len(portion.changes.moved)
                await self._store.write(partial(self._apply, turn, portion, ()))
        await turn.end()
        log.info("deadlines_renewed", changed=renewed)
        return True

    async def _round(self, turn: Turn) -> int:
        found = await self._store.read(self._look)
        *others, last = found.portions or (_Portion(),)
        for portion in others:
            await self._store.write(partial(self._apply, turn, portion, ()))
        await self._store.write(partial(self._apply, turn, last, found.marks))
        return len(found.marks)

    def _look(self, conn: Connection) -> _Round:
        """Read the marks and what they name, and work out what follows. On a reader's thread."""
        marks = queries.touched(conn, _MARKS)
        documents = sorted({mark.document_uid for mark in marks if mark.document_uid})
        deliveries = sorted({mark.delivery_id for mark in marks if mark.delivery_id})
        tracked = (*queries.tracked_of_documents(conn, documents), *queries.tracked(conn, deliveries))
        return _Round(marks=marks, portions=self._follow(conn, tracked))

    def _renewed(self, delivery_ids: Sequence[str], conn: Connection) -> tuple[_Portion, ...]:
        return self._follow(conn, queries.tracked(conn, delivery_ids))

    def _follow(self, conn: Connection, tracked: Iterable[Tracked]) -> tuple[_Portion, ...]:
        each = {one.delivery.delivery_id: one for one in tracked}
        known: dict[str, list[Deadline]] = {}
        for deadline in queries.deadlines_of(conn, list(each)):
            known.setdefault(deadline.delivery_id, []).append(deadline)
        now = self._clock.now()
        found = [follow(self._deadlines, one, known.get(delivery_id, ()), now) for delivery_id, one in each.items()]
        cells = {cell for one in each.values() for cell in cells_of(one)}
        return _portions([changes for changes in found if changes is not None], sorted(cells))

    @staticmethod
    def _apply(turn: Turn, portion: _Portion, marks: Sequence[Mark], conn: Connection) -> None:
        turn.keep(conn)
        queries.change_deadlines(conn, portion.changes)
        queries.mark_dirty(conn, portion.cells)
        if marks:
            queries.forget_touched(conn, [mark.touch_id for mark in marks])


def follow(deadlines: Deadlines, tracked: Tracked, known: Sequence[Deadline], now: datetime) -> DeadlineChanges | None:
    """What has to change so that the deadlines of a delivery are what its state says; None: nothing."""
    delivery, document = tracked.delivery, tracked.document
    dues = _dues(deadlines, tracked)
    kinds = owed_kinds(tracked)
    owed = {kind: due_at for kind, due_at in dues.by_kind().items() if kind in kinds}
    by_kind = {deadline.kind: deadline for deadline in known}
    made, moved = [], []
    for kind, due_at in owed.items():
        before = by_kind.pop(kind, None)
        if before is None:
            fresh = Deadline(
                delivery_id=delivery.delivery_id,
                kind=kind,
                document_uid=document.document_uid,
                from_organ=document.from_organ,
                receiver_organ=delivery.receiver_organ,
                came_at=delivery.created_at,
                due_at=due_at,
                stage=DeadlineStage.WAITING,
                next_at=None,
            )
            made.append(_timed(deadlines, fresh, now))
        elif before.due_at != due_at:
            moved.append(_timed(deadlines, replace(before, due_at=due_at), now))
    due_dates = _due_dates(tracked, dues)
    if not (made or moved or by_kind or due_dates):
        return None
    return DeadlineChanges(made=tuple(made), moved=tuple(moved), ended=tuple(by_kind.values()), due_dates=due_dates)


def cells_of(tracked: Tracked) -> Iterator[Cell]:
    """The figures to which a delivery adds: its sender's, if that is one of ours, and its receiver's."""
    delivery, document = tracked.delivery, tracked.document
    if document.origin is not Origin.UPLINK:
        yield Cell(span=day_of(document.received_at).isoformat(), organ_id=document.from_organ, side=Side.SENT)
    if delivery.place is Place.LOCAL:
        day = day_of(delivery.created_at).isoformat()
        yield Cell(span=day, organ_id=delivery.receiver_organ, side=Side.RECEIVED)


def owed_kinds(tracked: Tracked) -> frozenset[DeadlineKind]:
    """What the receiver owes, by what it has said; nothing of what its sender took back."""
    said = tracked.delivery.status_code
    return frozenset() if tracked.delivery.state.is_frozen else unanswered(None if said is None else StatusCode(said))


def _dues(deadlines: Deadlines, tracked: Tracked) -> Dues:
    """By when: by the rules in force where it is still owed, as it was where it is not any more."""
    delivery, document = tracked.delivery, tracked.document
    if delivery.receipt_due_at is None:
        return NO_DUES  # made before there were time limits, or not ours to watch
    owed = owed_kinds(tracked)
    wanted = deadlines.dues(Urgency(document.urgency), delivery.created_at, read_date(document.due_date or ""))
    return Dues(
        receipt_at=wanted.receipt_at if DeadlineKind.RECEIPT in owed else delivery.receipt_due_at,
        acceptance_at=wanted.acceptance_at if DeadlineKind.ACCEPTANCE in owed else delivery.acceptance_due_at,
        completion_at=wanted.completion_at if DeadlineKind.COMPLETION in owed else delivery.completion_due_at,
    )


def _due_dates(tracked: Tracked, dues: Dues) -> tuple[DueDates, ...]:
    """What the delivery itself says from now on, when that differs."""
    delivery = tracked.delivery
    if delivery.receipt_due_at is None:
        return ()
    wanted = DueDates(
        delivery_id=delivery.delivery_id,
        receipt_due_at=dues.receipt_at,
        acceptance_due_at=dues.acceptance_at,
        completion_due_at=dues.completion_at,
    )
    stored = (delivery.receipt_due_at, delivery.acceptance_due_at, delivery.completion_due_at)
    same = stored == (wanted.receipt_due_at, wanted.acceptance_due_at, wanted.completion_due_at)
    return () if same else (wanted,)


def _timed(deadlines: Deadlines, deadline: Deadline, now: datetime) -> Deadline:
    """The deadline with its next step; one that was told and is over stays told."""
    if deadline.due_at <= now:
        told = deadline.stage is DeadlineStage.OVERDUE
        return deadline if told else replace(deadline, next_at=deadline.due_at)
    remind_at = deadlines.remind_at(deadline.came_at, deadline.due_at)
    return replace(deadline, stage=DeadlineStage.WAITING, next_at=remind_at)


def _portions(changes: Sequence[DeadlineChanges], cells: Sequence[Cell]) -> tuple[_Portion, ...]:
    """The changes of many deliveries, put together into as few units as may be."""
    portions = [_Portion(cells=tuple(cells[start : start + _ROWS])) for start in range(0, len(cells), _ROWS)]
    for start in range(0, len(changes), _ROWS // 3):
        part = changes[start : start + _ROWS // 3]
        together = DeadlineChanges(
            made=tuple(one for changed in part for one in changed.made),
            moved=tuple(one for changed in part for one in changed.moved),
            ended=tuple(one for changed in part for one in changed.ended),
            due_dates=tuple(one for changed in part for one in changed.due_dates),
        )
        portions.append(_Portion(changes=together))
    return tuple(portions)
