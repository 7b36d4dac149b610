"""An operator's act on many consignments: counted, begun, and done in small portions by one node at a time.

A portion's progress is written after it; a node that dies between repeats that portion, whose consignments are in
another state by then and count as missed. Each consignment is guarded and recorded by `ops.letters.intervene`.
"""

import asyncio
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy import Connection

from axis.clock import Clock
from axis.errors import AxisError, Code, Malformed, NotFound
from axis.ids import new_id
from axis.ops.access import Access
from axis.ops.letters import Intervention, intervene
from axis.ops.schedule import Turn
from axis.store import bulk as stored
from axis.store.hot import Stale
from axis.store.queries import LettersAsked, count_letters, letters
from axis.store.records import BulkAct
from axis.terms import TransportState

log = structlog.get_logger(__name__)

ACTS = {
    "retry": TransportState.QUEUED,
    "reroute": TransportState.QUEUED,
    "cancel": TransportState.CANCELLED,
}
MOST = 100_000  # that one act changes
MOST_NAMED = 500  # that are chosen one by one
_TURN = "bulk"
_PORTION = 25
_LOOK_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkWish:
    """What is to be done to which, why, and by whom."""

    act: str
    target: str | None
    reason: str
    actor: str


async def begin_bulk(access: Access, asked: LettersAsked, wish: BulkWish, now: datetime) -> BulkAct:
    """Note that it is to be done to all that match now. Raises Malformed(BAD_REQUEST), NotFound."""
    if wish.act not in ACTS or (wish.act == "reroute") != (wish.target is not None):
        raise Malformed(Code.BAD_REQUEST, "retry, cancel, or reroute and where to", at="act")
    if wish.target is not None:
        uplinks = {uplink.id for uplink in access.settings.uplink}
        if wish.target not in uplinks and (await access.directory()).system(wish.target) is None:
            raise NotFound(Code.NOT_FOUND, wish.target)
    total, last = await access.store.read(lambda c: count_letters(c, asked, now, MOST))
    if not total:
        raise NotFound(Code.NOT_FOUND, "nothing matches any more")
    row = BulkAct(
        bulk_id=new_id(now),
        at=now,
        actor=wish.actor,
        act=wish.act,
        target=wish.target,
        reason=wish.reason,
        asked=_written(replace(asked, after=None, until=last)),
        total=total,
    )
    await access.store.write(lambda c: stored.begin_bulk(c, row))
    return row


class BulkActs:
    """The loop that does them."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._clock = clock

    async def run(self) -> None:
        """Do what is begun, for ever."""
        while True:
            try:
                await self.work()
            except Stale:
                log.warning("turn_lost", job=_TURN)
            except Exception:
                log.exception("bulk_failed")
            await asyncio.sleep(_LOOK_S)

    async def work(self) -> None:
        """Everything that is begun, to its end; nothing when another node is at it."""
        if await self._access.store.read(stored.open_bulk) is None:
            return
        turn = Turn(self._access.store, self._clock, _TURN)
        if not await turn.take():
            return
        while (row := await self._access.store.read(stored.open_bulk)) is not None:
            await self._portion(row, turn)
        await turn.end()

    async def _portion(self, row: BulkAct, turn: Turn) -> None:
        now, asked = self._clock.now(), read_asked(row.asked)
        found = await self._access.store.read(lambda c: letters(c, replace(asked, after=row.place), now, _PORTION))
        ended, error, changed, missed = len(found) < _PORTION, None, 0, 0
        if found:
            try:
                done, others = await intervene(self._access, found, _intervention(row), now)
                changed, missed = len(done), len(others)
            except AxisError as e:  # a reroute to where somebody is not served
                ended, error = True, str(e)
        place = found[-1].consignment_id if found else row.place

        def write(conn: Connection) -> None:
            turn.keep(conn)
            stored.go_on(conn, row.bulk_id, place, changed, missed)
            if ended:
                stored.end_bulk(conn, row.bulk_id, self._clock.now(), error)

        await self._access.store.write(write)
        if ended:
            log.info("bulk_ended", bulk=row.bulk_id, act=row.act, error=error)


def _intervention(row: BulkAct) -> Intervention:
    return Intervention(becomes=ACTS[row.act], reason=row.reason, actor=row.actor, to=row.target)


def _written(asked: LettersAsked) -> str:
    plain = asdict(asked)
    plain["state"] = asked.state.value
    plain["queued_before"] = asked.queued_before.isoformat() if asked.queued_before else None
    return json.dumps(plain, ensure_ascii=False, sort_keys=True)


def read_asked(text: str) -> LettersAsked:
    """Which consignments a row says."""
    plain = json.loads(text)
    plain["state"] = TransportState(plain["state"])
    plain["queued_before"] = datetime.fromisoformat(plain["queued_before"]) if plain["queued_before"] else None
    plain["ids"] = tuple(plain["ids"]) if plain["ids"] is not None else None
    return LettersAsked(**plain)
