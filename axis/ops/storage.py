"""Counts how much content there is, in parts, so that nobody who looks at the node waits for it."""

from functools import partial

from axis.clock import Clock
from axis.store import storage
from axis.store.storage import parts, totalled
from axis.store.store import Store

JOB = "storage"


class StorageCount:
    """The job; a run that is cut off is begun anew, and nothing is kept of it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Count everything once, and keep what came out."""
        at = self._clock.now()
        counted = [await self._store.read(partial(storage.count_part, part=part)) for part in parts()]
        await self._store.write(partial(storage.keep_content, content=totalled(counted, at)))
