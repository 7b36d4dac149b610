"""Keeps the figures of each day and month (`kpi`) in step with what they are made from.

`ops.following` marks the days that anything has happened to. Here a marked day of an organisation is made anew from its
documents, deliveries and statuses, by index, and its month from its days; the mark goes in the same transaction unless
it was made again meanwhile. A day is always made from the whole present state, so nothing is ever counted twice or
left out, however late a status comes. One node at a time does it.

Working time is counted by the calendar in force when a day is made; after a change of the calendar `axis report
recount` makes every day anew.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import structlog
from sqlalchemy import Connection

from axis.calendar.working import Calendar
from axis.clock import Clock
from axis.kpi.figures import NOTHING, Cell, Counts, Figures, total
from axis.kpi.received import received
from axis.ops.following import cells_of
from axis.ops.schedule import Turn
from axis.store import queries
from axis.store.hot import Stale
from axis.store.queries import DirtyCell
from axis.store.store import Store
from axis.terms import Side

log = structlog.get_logger(__name__)

TURN = "figures"
_LOOK_S = 15.0  # a day that changes all the time is made anew so often
_CELLS = 100  # made in one round


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Stored figures that are not what they are made from."""

    cell: Cell
    stored: Counts
    counted: Counts
    times_differ: bool


class FiguresKeeper:
    """The loop that makes figures."""

    def __init__(self, store: Store, clock: Clock, calendar: Calendar) -> None:
        self._store = store
        self._clock = clock
        self._calendar = calendar

    async def run(self) -> None:
        """Make what is marked, for ever."""
        while True:
            try:
                await self.work()
            except Stale:
                log.warning("turn_lost", job=TURN)
            except Exception:
                log.exception("figures_failed")
            await asyncio.sleep(_LOOK_S)

    async def work(self) -> bool:
        """Make everything that is marked. Returns False when another node is at it."""
        if not await self._store.read(partial(queries.dirty_cells, limit=1)):
            return True
        turn = Turn(self._store, self._clock, TURN)
        if not await turn.take():
            return False
        while await self._round(turn) == _CELLS:
            pass
        await turn.end()
        return True

    async def recount(self) -> int:
        """Have every day made anew from everything there is, then make it. Returns how many there are."""
        cells = await self._store.read(_all_days)
        for start in range(0, len(cells), _CELLS):
            await self._store.write(partial(queries.mark_dirty, cells=cells[start : start + _CELLS]))
        while not await self.work():  # noqa: ASYNC110 - another process ends the wait
            await asyncio.sleep(1)  # a running node is at it
        return len(cells)

    async def check(self) -> list[Difference]:
        """Compare what is stored with a count of everything. Days that are marked are not compared: they are due."""
        return await self._store.read(self._differences)

    async def _round(self, turn: Turn) -> int:
        marked, figures = await self._store.read(self._made)
        for start in range(0, len(figures), _CELLS):
            portion = dict(list(figures.items())[start : start + _CELLS])
            last = start + _CELLS >= len(figures)
            await self._store.write(partial(_record, turn, portion, marked if last else ()))
        return len(marked)

    def _made(self, conn: Connection) -> tuple[tuple[DirtyCell, ...], dict[Cell, Figures]]:
        """On a reader's thread: the marked days, and what they and their months are."""
        marked = queries.dirty_cells(conn, _CELLS)
        days = self._count(conn, [one.cell for one in marked])
        return marked, days | _months(conn, days)

    def _count(self, conn: Connection, cells: Sequence[Cell]) -> dict[Cell, Figures]:
        """What days are, from what there is."""
        found = {
            cell: received(
                queries.received_facts(conn, cell.organ_id, date.fromisoformat(cell.span)), self._calendar.worked
            )
            for cell in cells
            if cell.side is Side.RECEIVED
        }
        senders: dict[str, list[str]] = {}
        for cell in cells:
            if cell.side is Side.SENT:
                senders.setdefault(cell.span, []).append(cell.organ_id)
        for span, organ_ids in senders.items():
            counts = queries.sent_counts(conn, organ_ids, date.fromisoformat(span))
            for organ_id in organ_ids:
                cell = Cell(span=span, organ_id=organ_id, side=Side.SENT)
                found[cell] = Figures(counts=counts[organ_id]) if organ_id in counts else NOTHING
        return found

    def _differences(self, conn: Connection) -> list[Difference]:
        due = {one.cell for one in queries.dirty_cells(conn, None)} | set(cells_touched(conn))
        due_months = {cell.month for cell in due}
        days = [cell for cell in _all_days(conn) if cell not in due]
        found: list[Difference] = []
        months: dict[Cell, Figures] = {}
        for start in range(0, len(days), _CELLS):
            counted = self._count(conn, days[start : start + _CELLS])
            for cell, figures in counted.items():
                months[cell.month] = months.get(cell.month, NOTHING) + figures
            found += _compare(conn, counted)
        found += _compare(conn, {cell: figures for cell, figures in months.items() if cell not in due_months})
        return found


def cells_touched(conn: Connection) -> Iterable[Cell]:
    """What has changed, and is not marked yet."""
    marks = queries.touched(conn, None)
    documents = [mark.document_uid for mark in marks if mark.document_uid]
    deliveries = [mark.delivery_id for mark in marks if mark.delivery_id]
    for one in (*queries.tracked_of_documents(conn, documents), *queries.tracked(conn, deliveries)):
        yield from cells_of(one)


def _all_days(conn: Connection) -> list[Cell]:
    """Every day that has something to count, or has stored figures; of a month that has, its first one."""
    stored = (
        cell if cell.month != cell else replace(cell, span=f"{cell.span}-01") for cell in queries.stored_cells(conn)
    )
    return sorted({*queries.every_cell(conn), *stored})


def _months(conn: Connection, days: Mapping[Cell, Figures]) -> dict[Cell, Figures]:
    """The months of days that were made anew: from these, and from their other days as stored."""
    months = sorted({cell.month for cell in days})
    parts: dict[Cell, list[Figures]] = {month: [] for month in months}
    for cell, figures in {**queries.days_of_months(conn, months), **days}.items():
        parts[cell.month].append(figures)
    return {month: total(figures) for month, figures in parts.items()}


def _compare(conn: Connection, counted: Mapping[Cell, Figures]) -> Iterable[Difference]:
    stored = queries.figures_of(conn, counted)
    for cell, figures in counted.items():
        known = stored.get(cell, NOTHING)
        if known != figures:
            yield Difference(
                cell=cell, stored=known.counts, counted=figures.counts, times_differ=known.times != figures.times
            )


def _record(turn: Turn, figures: Mapping[Cell, Figures], marked: Sequence[DirtyCell], conn: Connection) -> None:
    turn.keep(conn)
    queries.write_figures(conn, figures)
    queries.forget_dirty(conn, marked)
