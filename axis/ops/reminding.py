"""Finds what is soon due and what is overdue, and tells both sides, once.

Only deadlines whose next step has come are looked at, by index; each is locked, compared with what its receiver has
said meanwhile, and moved on in the same transaction that writes the events. So with any number of nodes, and whatever
crashes, a deadline is reminded of once and told once.

Norm: QĐ 28/2018/QĐ-TTg Art. 6: the status is followed automatically.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog
from sqlalchemy import Connection, insert

from axis.clock import Clock
from axis.ids import new_id
from axis.ops.following import owed_kinds
from axis.store import queries, schema
from axis.store.queries import DeadlineChanges, Tracked
from axis.store.records import Deadline, Document, SystemEvent
from axis.store.rows import values_of
from axis.store.store import Store
from axis.terms import DeadlineStage, EventKind

log = structlog.get_logger(__name__)

_LOOK_S = 1.0
_AT_ONCE = 50  # deadlines told in one unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that both sides of a delivery are told."""

    kind: EventKind  # deadline_near | delivery_overdue
    deadline: Deadline
    document: Document


class Reminder(Protocol):
    """Another way to tell, besides the events: mail to organisations that have a mailbox."""

    async def remind(self, notices: Sequence[Notice]) -> None:
        """Tell the receiver and the sender of each. Called after the events are durable, once."""
        ...


class Reminding:
    """The loop that reminds and tells."""

    def __init__(self, store: Store, clock: Clock, reminders: Sequence[Reminder] = ()) -> None:
        self._store = store
        self._clock = clock
        self._reminders = reminders

    async def run(self) -> None:
        """Remind for ever."""
        while True:
            try:
                while await self.work():
                    pass
            except Exception:
                log.exception("reminding_failed")
            await asyncio.sleep(_LOOK_S)

    async def work(self) -> bool:
        """One portion of what is to be told now. Returns whether there was anything."""
        now = self._clock.now()
        if not await self._store.read(partial(queries.has_deadline_to_tell, now=now)):
            return False
        looked, notices = await self._store.write(partial(_tell, now))
        for notice in notices:
            log.info(str(notice.kind), delivery_id=notice.deadline.delivery_id, owed=str(notice.deadline.kind))
        if notices:
            for reminder in self._reminders:
                try:
                    await reminder.remind(notices)
                except Exception:  # the events stand; another way to tell must not stop this one
                    log.exception("reminder_failed")
        return looked > 0


def _tell(now: datetime, conn: Connection) -> tuple[int, list[Notice]]:
    """A write unit. How many deadlines were looked at, and what is told."""
    claimed = queries.claim_deadlines(conn, now, _AT_ONCE)
    ids = sorted({deadline.delivery_id for deadline in claimed})
    each = {one.delivery.delivery_id: one for one in queries.tracked(conn, ids)}
    moved, ended, notices = [], [], []
    for deadline in claimed:
        tracked = each[deadline.delivery_id]
        if deadline.kind not in owed_kinds(tracked):
            ended.append(deadline)  # answered, and not followed up yet
            continue
        over = deadline.due_at <= now
        told = replace(
            deadline,
            stage=DeadlineStage.OVERDUE if over else DeadlineStage.NEAR,
            next_at=None if over else deadline.due_at,
        )
        moved.append(told)
        kind = EventKind.DELIVERY_OVERDUE if over else EventKind.DEADLINE_NEAR
        notices.append(Notice(kind=kind, deadline=told, document=tracked.document))
    queries.change_deadlines(conn, DeadlineChanges(moved=tuple(moved), ended=tuple(ended)))
    _write_events(conn, notices, each, now)
    return len(claimed), notices


def _write_events(conn: Connection, notices: Sequence[Notice], each: dict[str, Tracked], now: datetime) -> None:
    """An event for the systems of both sides, one where both have the same."""
    sides = {organ for n in notices for organ in (n.deadline.receiver_organ, n.deadline.from_organ)}
    routes = queries.routes_of(conn, sides)
    events = [
        _event(notice, system_id, each[notice.deadline.delivery_id], now)
        for notice in notices
        for system_id in dict.fromkeys(
            routes[organ] for organ in (notice.deadline.receiver_organ, notice.deadline.from_organ) if organ in routes
        )
    ]
    if events:
        conn.execute(insert(schema.system_event), [values_of(event) for event in events])


def _event(notice: Notice, system_id: str, tracked: Tracked, now: datetime) -> SystemEvent:
    deadline, document = notice.deadline, notice.document
    fields = {
        "owed": deadline.kind,
        "due_at": deadline.due_at.isoformat(),
        "came_at": deadline.came_at.isoformat(),
        "from": deadline.from_organ,
        "to": deadline.receiver_organ,
        "document_id": document.document_id,
        "code": document.code,
        "urgency": document.urgency,
        "status": tracked.delivery.status_code,
    }
    return SystemEvent(
        event_id=new_id(now),
        system_id=system_id,
        kind=notice.kind,
        at=now,
        document_uid=document.document_uid,
        package_id=document.package_id,
        organ_id=deadline.receiver_organ,
        fields=json.dumps(fields, ensure_ascii=False, sort_keys=True),
    )
