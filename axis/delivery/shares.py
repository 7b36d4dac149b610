"""Who gets the free places when not everybody can: the most urgent first, then whoever has the fewest.

Pure: shared by the delivery loop and the simulation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T")

FEW = 2  # places that a partner gets even out of the reserve
RESERVE = 0.25  # share of all places that is kept for partners that have few


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish(Generic[T]):
    """What one partner could take up now, most urgent first; `urgencies` tells how urgent each is."""

    partner_id: str
    work: Sequence[T]
    urgencies: Sequence[int]
    running: int  # places that it has already


def share(wishes: Sequence[Wish[T]], places: int, free: int) -> Mapping[str, Sequence[T]]:
    """Give out `free` of `places`: by urgency, then to whoever has the fewest, then by id.

    The last places (RESERVE) go only to partners that have FEW at most: partners that hang never hold all of them.
    """
    given: dict[str, list[T]] = {wish.partner_id: [] for wish in wishes}
    by_id = {wish.partner_id: wish for wish in wishes}
    reserve = int(places * RESERVE)
    line = [_rank(wish, 0) for wish in wishes if wish.work]
    heapify(line)
    while free > 0 and line:
        _, running, partner_id = heappop(line)
        if free <= reserve and running >= FEW:
            continue
        wish, got = by_id[partner_id], given[partner_id]
        got.append(wish.work[len(got)])
        free -= 1
        if len(got) < len(wish.work):
            heappush(line, _rank(wish, len(got)))
    return given


def _rank(wish: Wish[T], got: int) -> tuple[int, int, str]:
    return -wish.urgencies[got], wish.running + got, wish.partner_id
