"""Maintenance is switched on and off: with a reason, in the audit trail and the evidence, by one person at a time."""

from dataclasses import dataclass
from datetime import datetime

from axis.errors import Code, Malformed, WrongState
from axis.evidence.leaf import LeafKind, make_leaf
from axis.store import maintenance as stored
from axis.store.hot import Stale
from axis.store.records import Maintenance
from axis.store.store import Store

REASON_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWish:
    """Why the node is to read only, and until when callers may expect that."""

    reason: str
    until: datetime | None
    actor: str


async def begin_maintenance(store: Store, wish: MaintenanceWish, now: datetime) -> Maintenance:
    """From now on the node only reads; every process holds to it within a second.

    Raises Malformed(BAD_REQUEST), WrongState(STATE_CHANGED) when it does so already.
    """
    reason = wish.reason.strip()
    if not reason:
        raise Malformed(Code.BAD_REQUEST, "is empty", at="reason")
    if len(reason) > REASON_CHARACTERS:
        raise Malformed(Code.BAD_REQUEST, f"more than {REASON_CHARACTERS} characters", at="reason")
    if wish.until is not None and wish.until <= now:
        raise Malformed(Code.BAD_REQUEST, "has passed", at="until")
    row = Maintenance(since=now, until=wish.until, reason=reason, actor=wish.actor)
    until = wish.until.isoformat() if wish.until else None
    leaf = make_leaf(LeafKind.MAINTENANCE_BEGUN, now, {"reason": reason, "until": until, "actor": wish.actor})
    try:
        await store.write(lambda c: stored.begin(c, row, leaf))
    except Stale as e:  # another process came between the look and the row
        raise WrongState(Code.STATE_CHANGED, "somebody else has just begun it") from e
    return row


async def end_maintenance(store: Store, since: datetime | None, now: datetime, actor: str) -> Maintenance:
    """The node works again. since: the maintenance that the caller saw; None: whichever goes on.

    Raises WrongState(STATE_CHANGED) when none goes on, or another one.
    """
    was = await store.read(stored.current)
    if was is None or (since is not None and was.since != since):
        raise WrongState(Code.STATE_CHANGED, "that maintenance has ended")
    leaf = make_leaf(LeafKind.MAINTENANCE_ENDED, now, {"since": was.since.isoformat(), "actor": actor})
    await store.write(lambda c: stored.end(c, was, now, actor, leaf))
    return was
