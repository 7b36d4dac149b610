"""What happened in a demo, as the agencies' systems saw it: who got which document, and which statuses came back.

Kept apart from the nodes on purpose: the demo says "arrived" only of what an agency's own system has in its hands.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from axis.terms import StatusCode

_MOST_TROUBLES = 20  # more of them say no more
_MOST_ENTRIES = 10_000  # of a city that is kept open the latest; a play has about a hundred


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A document, or an act on one, in an agency's hands for the first time."""

    system_id: str
    package_id: str
    document_id: str
    business_type: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusArrival:
    """A status in the hands of the agency that it is for."""

    system_id: str
    organ: str  # whose status it is
    document_id: str
    status: StatusCode
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Expected:
    """A status that has to come back for the demo to succeed."""

    document_id: str
    organ: str
    status: StatusCode


@dataclass(slots=True, kw_only=True)
class Ledger:
    """The record of one demo; every agency writes into it."""

    arrivals: deque[Arrival] = field(default_factory=lambda: deque(maxlen=_MOST_ENTRIES))
    statuses: deque[StatusArrival] = field(default_factory=lambda: deque(maxlen=_MOST_ENTRIES))
    troubles: list[str] = field(default_factory=list)  # what no agency should have met
    on_status: Callable[[StatusArrival], None] = lambda _: None
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def add_arrival(self, arrival: Arrival) -> None:
        """An agency has a document."""
        self.arrivals.append(arrival)
        await self._tell()

    async def add_status(self, status: StatusArrival) -> None:
        """An agency has a status of what it sent."""
        self.statuses.append(status)
        self.on_status(status)
        await self._tell()

    def add_trouble(self, trouble: str) -> None:
        """An agency met what it should not."""
        if len(self.troubles) < _MOST_TROUBLES:
            self.troubles.append(trouble)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def wait_for(self, expected: Iterable[Expected]) -> None:
        """Wait until all these statuses have come back; the caller bounds the time."""
        wanted = set(expected)
        async with self._changed:
            await self._changed.wait_for(lambda: not (wanted - self.came_back()))

    async def wait_for_arrivals(self, document_id: str, business_type: int, systems: Iterable[str]) -> None:
        """Wait until all these systems have an act or document."""
        wanted = set(systems)
        async with self._changed:
            await self._changed.wait_for(
                lambda: (
                    wanted
                    <= {
                        one.system_id
                        for one in self.arrivals
                        if one.document_id == document_id and one.business_type == business_type
                    }
                )
            )

    def came_back(self) -> set[Expected]:
        """The statuses that came back."""
        return {Expected(document_id=one.document_id, organ=one.organ, status=one.status) for one in self.statuses}

    def doubled(self) -> list[str]:
        """What came more than once to the same system: nothing should."""
        documents = Counter((one.system_id, one.document_id, one.business_type) for one in self.arrivals)
        statuses = Counter((one.system_id, one.organ, one.document_id, one.status) for one in self.statuses)
        return [" ".join(map(str, key)) for counter in (documents, statuses) for key, n in counter.items() if n > 1]
