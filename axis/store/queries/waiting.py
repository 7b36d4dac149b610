"""What waits within the node, and for how long: pushes, marks, figures, checks, evidence, reminders, numbers.

Each is counted up to a bound, from an index; where there is more, the oldest is the oldest of those that were counted.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, bindparam, exists, func, literal_column, or_, select

from axis.store import schema as s
from axis.store.queries.standing import MOST_COUNTED

_NOW: Any = bindparam("now", type_=s.UtcMicros())


class WaitingKind(StrEnum):
    """What waits."""

    PUSH = "push"  # packages to be sent to a partner
    MARK = "mark"  # documents and deliveries whose deadlines and figures are to be followed up
    FIGURE = "figure"  # days whose figures are to be made anew
    CHECK = "check"  # packages whose signatures are due to be looked at
    EVIDENCE = "evidence"  # what CRL, OCSP and timestamp services were asked for and have not given
    REMINDER = "reminder"  # deadlines that are due to be told
    EVENT = "event"  # events without their number in the feed of a system that is told of them
    BULK = "bulk"  # what an operator has begun to do to many, and is not done
    LEAF = "leaf"  # leaves of the evidence without their number in the log


_ROUNDS: Final = {"following": WaitingKind.MARK, "figures": WaitingKind.FIGURE}  # the jobs that work at them


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How much of one kind waits."""

    kind: WaitingKind
    count: int  # at most MOST_COUNTED + 1
    oldest_at: datetime | None = None  # None: nothing waits, or it bears no time
    worked_at: datetime | None = None  # of what bears no time: when it was last worked at
    begun: bool = True  # False: nobody has ever worked at this kind here


def waiting(conn: Connection, now: datetime) -> tuple[Waiting, ...]:
    """What waits, in the order of WaitingKind."""
    rounds = _last_rounds(conn)
    found = []
    for kind, statement in _STATEMENTS.items():
        count, oldest = conn.execute(statement, {"now": now} if kind in _TIMED else {}).one()
        begun = kind is not WaitingKind.LEAF or conn.scalar(_numbered) is not None
        one = Waiting(kind=kind, count=count, oldest_at=oldest, worked_at=rounds.get(kind), begun=begun)
        found.append(one)
    return tuple(found)


def _last_rounds(conn: Connection) -> dict[WaitingKind, datetime]:
    job = s.job.c
    rows = conn.execute(select(job.name, job.started_at, job.ended_at).where(job.name.in_(_ROUNDS)))
    return {_ROUNDS[name]: ended or started for name, started, ended in rows if ended or started}


def _bounded(column: Any, *where: Any) -> Any:  # noqa: ANN401 - a column, conditions
    """How many, up to the bound, and the oldest of these."""
    some = select(column.label("at")).where(*where).limit(MOST_COUNTED + 1).subquery()
    return select(func.count(), func.min(some.c.at, type_=s.UtcMicros())).select_from(some)


def _unaged(column: Any) -> Any:  # noqa: ANN401 - a column
    some = select(column).limit(MOST_COUNTED + 1).subquery()
    return select(func.count(), literal_column("NULL")).select_from(some)


_queue, _check, _deadline, _event = s.queue.c, s.check_due.c, s.deadline.c, s.system_event.c
_told = or_(
    exists().where(s.webhook.c.system_id == s.system.c.system_id, s.webhook.c.enabled),
    exists().where(s.mail_notice.c.system_id == s.system.c.system_id),
)
_listeners = select(s.system.c.system_id).where(_told)
_numbered = select(func.max(s.leaf.c.seq))
_STATEMENTS: Final = {
    WaitingKind.PUSH: _bounded(_queue.queued_at, _queue.task == "send"),
    WaitingKind.MARK: _unaged(s.touched.c.touch_id),
    WaitingKind.FIGURE: _unaged(s.kpi_dirty.c.span),
    WaitingKind.CHECK: _bounded(_check.due_at, _check.due_at <= _NOW),
    WaitingKind.EVIDENCE: _bounded(s.need.c.first_at),
    WaitingKind.REMINDER: _bounded(_deadline.next_at, _deadline.next_at <= _NOW),
    WaitingKind.EVENT: _bounded(_event.at, _event.system_id.in_(_listeners), _event.place.is_(None)),
    WaitingKind.BULK: _bounded(s.bulk_act.c.at, s.bulk_act.c.ended_at.is_(None)),
    WaitingKind.LEAF: _bounded(s.leaf.c.at, s.leaf.c.seq.is_(None)),
}
_TIMED: Final = frozenset({WaitingKind.CHECK, WaitingKind.REMINDER})
