"""The port to a partner with whom a day is compared: beside `Peer`, for those whose dialect can.

Errors as of `Peer`.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Protocol, runtime_checkable

from axis.delivery.ledger import DayDigest, Direction, Found, Item


@runtime_checkable
class Reconciler(Protocol):
    """A partner that we call, seen as the other side of a comparison."""

    async def day_digests(self, day: date) -> tuple[DayDigest, ...] | None:
        """The partner's lists of a day in short; None: it does not offer that."""
        ...

    def day_items(self, day: date, direction: Direction) -> AsyncIterator[Item]:
        """The partner's list of a day in one direction."""
        ...

    async def find_items(self, items: Sequence[Item]) -> tuple[Found, ...]:
        """What the partner knows of these items, in their order."""
        ...

    async def list_again(self, ref: str) -> None:
        """Ask the partner to put a package into our list again. ref: its id for it."""
        ...
