"""Tells systems of their events at addresses of theirs: in the feed's order, at least once, each subscription alone.

A subscription goes on from the last event that its address has taken. What it does not take is tried again, with
growing waits; what comes behind waits. An address that says that it is gone (410), or has failed for days, is told no
more until its system says so again; the system's feed and the audit trail tell of that.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from axis.clock import Clock
from axis.ids import new_id
from axis.keys import NodeKey
from axis.ops import cloud_events
from axis.ops.cloud_events import Message
from axis.ops.outward import FAILURES, Answered, Outward, failure_words
from axis.store import queries
from axis.store import webhooks as stored
from axis.store.queries import PlacedEvent
from axis.store.records import Webhook
from axis.store.store import Store

log = structlog.get_logger(__name__)

DELAYS_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
_LOOK_S: Final = 1.0
_PLACES: Final = 20  # subscriptions that are told at once
_AT_ONCE: Final = 50  # events read at once
_LEASE: Final = timedelta(minutes=1)  # renewed with each event; one try takes seconds
_MOST_WAIT_S: Final = 86_400
_GONE: Final = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one try."""

    taken: bool
    status: int | None  # None: no answer
    words: str = ""
    retry_after_s: int | None = None

    @property
    def gone(self) -> bool:
        """The address wants no more."""
        return self.status == _GONE


class Teller:
    """Tells one address one thing."""

    def __init__(self, clock: Clock, key: NodeKey, outward: Outward, source: str) -> None:
        self._clock = clock
        self._key = key
        self._outward = outward
        self._source = source

    async def tell(self, row: Webhook, message: Message) -> Told:
        """Post a message, once. Raises nothing that an address could cause."""
        now = self._clock.now()
        body = message.body()
        headers = cloud_events.signed_headers(self._keys(row, now), message.message_id, now, body)
        try:
            answered = await self._outward.post(row.url, body, headers)
        except FAILURES as e:
            return Told(taken=False, status=None, words=failure_words(e))
        return _told(answered)

    async def test(self, row: Webhook) -> Told:
        """Say something that means nothing."""
        now = self._clock.now()
        data = {"webhook_id": row.webhook_id}
        return await self.tell(row, self.message(new_id(now), "test", now, data))

    def message(self, message_id: str, kind: str, at: datetime, data: Mapping[str, Any]) -> Message:
        """Something to be told."""
        subject = data.get("document_uid") or data.get("package_id")
        return Message(message_id=message_id, kind=kind, source=self._source, at=at, subject=subject, data=data)

    def _keys(self, row: Webhook, now: datetime) -> list[bytes]:
        keys = [row.secret_encrypted]
        if row.old_secret_encrypted is not None and row.old_until is not None and now < row.old_until:
            keys.append(row.old_secret_encrypted)
        return [cloud_events.read_secret(self._key.decrypt(one).decode()) for one in keys]


class Webhooks:
    """The loop that tells all subscriptions."""

    def __init__(self, store: Store, clock: Clock, teller: Teller, give_up: timedelta = timedelta(days=5)) -> None:
        """give_up: an address that fails for so long is told no more."""
        self._store = store
        self._clock = clock
        self._teller = teller
        self._give_up = give_up

    async def run(self) -> None:
        """Tell for ever; a slow address delays no other."""
        running: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                running = {name: task for name, task in running.items() if not task.done()}
                try:
                    for row in await self._claim(_PLACES - len(running), frozenset(running)):
                        running[row.webhook_id] = asyncio.create_task(self._safely(row))
                except Exception:
                    log.exception("webhooks_failed")
                await asyncio.sleep(_LOOK_S)
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def work(self) -> int:
        """One round, to its end. Returns how many subscriptions had something to be told."""
        rows = await self._claim(_PLACES, frozenset())
        await asyncio.gather(*(self._deliver(row) for row in rows))
        return len(rows)

    async def _claim(self, places: int, running: frozenset[str]) -> list[Webhook]:
        if places <= 0:
            return []
        now = self._clock.now()
        due = await self._store.read(lambda c: stored.due_webhooks(c, now, places + len(running)))
        claimed: list[Webhook] = []
        for row in due:
            if row.webhook_id in running or len(claimed) == places:
                continue
            mine = await self._advance(row, due_at=now + _LEASE)
            if mine is not None:
                claimed.append(mine)
        return claimed

    async def _safely(self, row: Webhook) -> None:
        try:
            await self._deliver(row)
        except Exception:
            log.exception("webhook_failed", webhook=row.webhook_id)

    async def _deliver(self, row: Webhook) -> None:
        """Tell what there is, until it is told, or not taken, or the subscription is another one now."""
        current: Webhook | None = row
        while current is not None:
            found = await self._read(current)
            if not found:
                await self._advance(current, due_at=self._clock.now())
                return
            current = await self._tell_all(current, found)

    async def _tell_all(self, row: Webhook, found: tuple[PlacedEvent, ...]) -> Webhook | None:
        """Tell some events. None: no more now."""
        wanted = frozenset(row.kinds.split())
        current: Webhook | None = row
        for placed in found:
            if wanted and placed.event.kind.value not in wanted:
                continue
            if current is None:
                return None
            told = await self._teller.tell(current, self._message(placed))
            if not told.taken:
                await self._put_off(current, placed.place - 1, told)
                return None
            current = await self._advance(
                current,
                place=placed.place,
                due_at=self._clock.now() + _LEASE,
                attempts=0,
                failing_since=None,
                last_status=told.status,
                last_words="",
                last_at=self._clock.now(),
            )
        if current is not None and current.place < found[-1].place:
            current = await self._advance(current, place=found[-1].place, due_at=self._clock.now() + _LEASE)
        return current

    async def _put_off(self, row: Webhook, place: int, told: Told) -> None:
        now = self._clock.now()
        since = row.failing_since or now
        note = {"attempts": row.attempts + 1, "failing_since": since, "last_status": told.status, "last_at": now}
        if told.gone or now - since >= self._give_up:
            words = "gone (410)" if told.gone else f"failing since {since:%Y-%m-%d %H:%M}Z: {told.words}"
            await self._store.write(lambda c: stored.disable(c, row, words, now, **note))
            log.error("webhook_disabled", webhook=row.webhook_id, system_id=row.system_id, words=words)
            return
        delay_s = DELAYS_S[min(row.attempts, len(DELAYS_S) - 1)]
        delay_s = max(delay_s, min(told.retry_after_s or 0, _MOST_WAIT_S))
        due_at = now + timedelta(seconds=delay_s)
        words = told.words
        await self._advance(row, place=max(row.place, place), due_at=due_at, last_words=words, **note)
        log.warning("webhook_put_off", webhook=row.webhook_id, status=told.status, attempts=row.attempts + 1)

    async def _advance(self, row: Webhook, **values: Any) -> Webhook | None:  # noqa: ANN401 - columns
        return await self._store.write(lambda c: stored.advance(c, row, **values))

    async def _read(self, row: Webhook) -> tuple[PlacedEvent, ...]:
        system_id = row.system_id
        if await self._store.read(lambda c: queries.has_unplaced_events(c, system_id)):
            now = self._clock.now()
            await self._store.write(lambda c: queries.place_events(c, system_id, now, _AT_ONCE))
        return await self._store.read(lambda c: queries.events_after(c, system_id, row.place, _AT_ONCE))

    def _message(self, placed: PlacedEvent) -> Message:
        event = placed.event
        data = {
            "place": placed.place,
            "event_id": event.event_id,
            "kind": event.kind.value,
            "document_uid": event.document_uid,
            "package_id": event.package_id,
            "organ_id": event.organ_id,
            "fields": json.loads(event.fields),
        }
        return self._teller.message(event.event_id, event.kind.value, event.at, data)


def _told(answered: Answered) -> Told:
    taken = 200 <= answered.status < 300  # noqa: PLR2004 - good answers; a redirect is none
    words = "" if taken else f"HTTP {answered.status}"
    return Told(taken=taken, status=answered.status, words=words, retry_after_s=answered.retry_after_s)
