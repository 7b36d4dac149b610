"""A DMS that exchanges files, as a partner's other end."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path

from adapters.base import PeerParts
from adapters.filing.collecting import Collector
from adapters.filing.options import FilingOptions
from adapters.filing.place import ERRORS, SENT, TAKEN, WORK, Place
from adapters.filing.publishing import Publisher
from axis.delivery.peer import Bytes, Incoming, Outgoing, ReceiverState, Sent
from axis.edxml.model import Limits
from axis.errors import AxisError

_CLEARED_EVERY = timedelta(hours=1)


class FilingPeer:
    """Implements `Peer` and `PutsAside` of `axis.delivery.peer`, whatever the place."""

    tells_receivers = True

    def __init__(self, place: Place, options: FilingOptions, parts: PeerParts) -> None:
        self.place = place
        self.folders = (options.to_dms, options.from_dms, TAKEN, ERRORS, WORK, SENT)
        self._options = options
        self._clock = parts.clock
        scratch = parts.node.scratch if parts.node else Path(tempfile.gettempdir())
        limits = Limits(**parts.node.settings.limits.model_dump()) if parts.node else Limits()
        self._publisher = Publisher(place, options, parts.clock, scratch, limits)
        self._collector = Collector(place, options, parts.clock, scratch, limits)
        self._prepared = False
        self._preparing = asyncio.Lock()
        self._cleared_at: datetime | None = None

    @property
    def polls(self) -> bool:
        """Whether the DMS writes something for us."""
        return self._options.poll

    async def send(self, outgoing: Outgoing, content: Bytes) -> Sent:
        """Lay a package out for the DMS."""
        await self._prepare()
        if not self.polls:  # nothing else comes by to do it
            await self._clear_if_due()
        return await self._publisher.send(outgoing, content)

    async def poll(self) -> tuple[Incoming, ...]:
        """What is complete, at most a batch."""
        await self._prepare()
        await self._clear_if_due()
        return await self._collector.poll()

    def fetch(self, item: Incoming) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """One item's package."""
        return self._collector.fetch(item)

    async def confirm(self, item: Incoming, *, ok: bool) -> None:
        """The item is durable here; what could not be taken comes to `put_aside`."""
        if not ok:
            return
        if (package_id := self._collector.receipt_of(item)) is not None:
            await self._publisher.taken(package_id)  # first: once the item is put away nobody knows of it
        await self._collector.confirm(item)

    async def put_aside(self, item: Incoming, error: AxisError) -> None:
        """The item is laid among the errors, with the reason in both languages beside it."""
        await self._collector.put_aside(item, error)

    async def receivers(self, ref: str) -> tuple[ReceiverState, ...]:
        """For whom the DMS has taken a package."""
        await self._prepare()
        return await self._publisher.receivers(ref)

    async def health(self) -> None:
        """Look into the folders of both sides."""
        await self._prepare()
        for folder in self.folders[:2]:
            await self.place.make(folder)

    async def close(self) -> None:
        """Let go of connections."""
        await self.place.close()

    async def _clear_if_due(self) -> None:
        now = self._clock.now()
        if self._cleared_at is None or now - self._cleared_at >= _CLEARED_EVERY:
            self._cleared_at = now
            await self._collector.clear()
            await self._publisher.forget()

    async def _prepare(self) -> None:
        """The folders are made once; the place itself never is."""
        async with self._preparing:
            if not self._prepared:
                for folder in self.folders:
                    await self.place.make(folder)
                self._prepared = True
