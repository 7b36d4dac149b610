"""Every organisation's codes and names, for the search box: read now and then, kept in between."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from axis.clock import Clock
from axis.store.search import organ_names
from axis.store.store import Store
from axis.web.console.asked import Names

_KEPT: Final = timedelta(seconds=30)


class Directory:
    """The names as they were at most half a minute ago."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._names = Names.of(())
        self._read_at: datetime | None = None
        self._turn = asyncio.Lock()

    async def names(self) -> Names:
        """The names; one reads them for all that ask meanwhile."""
        async with self._turn:
            now = self._clock.now()
            if self._read_at is None or abs(now - self._read_at) >= _KEPT:
                self._names = Names.of(await self._store.read(organ_names))
                self._read_at = now
            return self._names
