"""Keeps our registry of organisations in step with another axis's.

Compared in a thread, on what was read; written in parts of a few organisations, each only if the configuration is still
the one that was compared: else it is compared again. So it can be broken off at any moment, and run again.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from axis.clock import Clock
from axis.collector import collection_put_off
from axis.delivery.peer import RegistrySource
from axis.errors import Busy, Code
from axis.organ.plan import Occasion
from axis.organ.sync import Bounds, Difference, OrganList, closed_there, compare, in_parts
from axis.store import organs, registry_sync
from axis.store.hot import Stale
from axis.store.records import RegistrySync
from axis.store.registry_sync import Part
from axis.store.store import Store

log = structlog.get_logger(__name__)

_PART = 100  # organisations written at once: well under 50 ms
_TRIES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncWish:
    """What is to be followed."""

    uplink_id: str
    level: int | None = None  # only down to this level
    ours: bool = False  # what it says of our own tree counts too
    full: bool = False  # look at all of its registry, not only at what changed since the last time
    dry_run: bool = False


class RegistryFollower:
    """Follows the registries of other axes."""

    def __init__(self, store: Store, clock: Clock, prefixes: tuple[str, ...]) -> None:
        """prefixes: of our own tree, in canonical form."""
        self._store = store
        self._clock = clock
        self._prefixes = prefixes

    async def follow(self, wish: SyncWish, source: RegistrySource) -> Difference:
        """Take over what differs, and say what did, also what is left for a person.

        Raises PeerRefused, PeerUnreachable, Busy(OVERLOADED) when our own registry changes all the time.
        """
        since = 0 if wish.full or wish.ours else await self._since(wish)
        listed = await source.organs(since=since, level=wish.level)
        for _ in range(_TRIES):
            with collection_put_off():
                difference, seen, at = await self._compare(wish, listed)
            if wish.dry_run:
                return difference
            try:
                await self._write(wish, difference, seen, at)
            except Stale:
                continue
            await self._remember(wish, listed, difference)
            log.info("registry_followed", uplink=wish.uplink_id, items=len(difference.items), same=difference.same)
            return difference
        raise Busy(Code.OVERLOADED, "the registry of organisations changes all the time", retry_after_s=60)

    async def keep_up(self, wish: SyncWish, source: RegistrySource) -> None:
        """As `follow`, for the schedule; what is left for a person goes to the log."""
        for item in (await self.follow(wish, source)).items:
            if item.verdict.is_for_a_person:
                log.warning("registry_differs", uplink=wish.uplink_id, what=item.verdict, organ=item.code)

    async def _since(self, wish: SyncWish) -> int:
        done = await self._store.read(lambda c: registry_sync.progress(c, wish.uplink_id, wish.level or 0))
        return 0 if done is None else done.version

    async def _compare(self, wish: SyncWish, listed: OrganList) -> tuple[Difference, int, datetime]:
        at = self._clock.now()
        known = await self._store.read(organs.known)
        occasion = Occasion(at=at, actor=f"sync:{wish.uplink_id}", version=known.version + 1)
        closing = await asyncio.to_thread(closed_there, known, listed, occasion.day)
        needed = await self._store.read(lambda c: registry_sync.in_use(c, closing, at))
        bounds = Bounds(prefixes=self._prefixes, ours=wish.ours, level=wish.level, in_use=needed)
        return await asyncio.to_thread(compare, known, listed, bounds, occasion), known.version, at

    async def _write(self, wish: SyncWish, difference: Difference, seen: int, at: datetime) -> None:
        for changes in await asyncio.to_thread(lambda: list(in_parts(difference.changes, _PART))):
            part = Part(uplink_id=wish.uplink_id, changes=changes, seen=seen)
            seen = await self._store.write(partial(registry_sync.write_part, part=part, at=at))

    async def _remember(self, wish: SyncWish, listed: OrganList, difference: Difference) -> None:
        """Where something was left for a person, it is looked at again the next time: the version stays."""
        before = await self._since(wish)
        if any(item.verdict.is_for_a_person for item in difference.items):
            version = before
        else:
            version = max(before, listed.version)
        done = RegistrySync(
            uplink_id=wish.uplink_id, level=wish.level or 0, version=version, synced_at=self._clock.now()
        )
        await self._store.write(lambda c: registry_sync.remember(c, done))
