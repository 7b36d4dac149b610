"""What two sides believe they exchanged in a day, and how the two beliefs are compared. Pure.

Each side lists the day's packages in each direction; the lists have the same digest when they hold the same, whatever
the order. Only where digests differ are the items compared.

A package sent at 23:59:59 may be received a day later, and a sender that crashed records its hand-over only when it
tries again. So an item that one list lacks is not missing yet: the other side is asked for it by itself, whatever the
day. Only what is not known there at all is missing. A package that was taken as the repeat of a known one (other bytes,
same document) is known.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from axis.clock import VIETNAM
from axis.terms import PackageKind


class Direction(StrEnum):
    """Which way a package went, the same word on both sides: one calls, the other one is called."""

    UP = "up"  # from the one that calls (a system, a lower axis) to the axis that it calls
    DOWN = "down"  # from the axis that is called to the one that calls it


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One package in one direction, as one side lists it."""

    direction: Direction
    sha256_hex: str
    kind: PackageKind
    business_type: int | None  # of a document package
    from_code: str  # as it stands in the package
    document_id: str
    receivers: tuple[str, ...] = ()  # of a document: the codes in the package that this hand-over is for
    ref: str = ""  # the lister's id for it
    at: datetime | None = None  # when the lister recorded it

    @property
    def key(self) -> tuple[Direction, str]:
        """What makes two items the same."""
        return self.direction, self.sha256_hex

    def line(self) -> bytes:
        """What both sides must write alike."""
        words = [self.direction, self.sha256_hex, self.kind, self.business_type, self.from_code, self.document_id]
        return json.dumps([*words, sorted(set(self.receivers))], ensure_ascii=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class DayDigest:
    """A day's list in one direction, in short."""

    direction: Direction
    count: int
    sha256_hex: str


class Known(StrEnum):
    """Whether a side knows an item that was asked for."""

    SAME = "same"  # these very bytes
    OTHER = "other"  # as a repeat: another package of the same document or act
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The answer about one item.

    missing: of the receivers that were asked about, those for whom the document is not known, whatever package brought
    it.
    """

    sha256_hex: str
    known: Known
    missing: tuple[str, ...] = ()
    open: bool = False  # the side has it, and does not believe that it went over
    ref: str = ""  # the side's id for it


class What(StrEnum):
    """What is wrong with an item."""

    MISSING_THERE = "missing_there"  # the partner does not know it
    MISSING_HERE = "missing_here"  # we do not know it
    RECEIVERS_THERE = "receivers_there"  # the partner has it, but not for all receivers
    RECEIVERS_HERE = "receivers_here"  # we have it, but not for all receivers
    STATE_DIFFERS = "state_differs"  # the partner has it, and we believe that it did not go over


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that the two sides do not agree about."""

    what: What
    item: Item
    receivers: tuple[str, ...] = ()  # those that are missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """What is to be asked for by itself before it counts as different."""

    ask_there: tuple[Item, ...] = ()  # on our list only, or for more receivers on ours
    ask_here: tuple[Item, ...] = ()  # on theirs only, or for more receivers on theirs


def period_of(day: date) -> tuple[datetime, datetime]:
    """A day in Vietnam: its first moment, and the first of the next."""
    begins = datetime.combine(day, time(), VIETNAM)
    return begins, datetime.combine(day + timedelta(days=1), time(), VIETNAM)


class DayList:
    """Makes a day's digest of one direction; the order in which items are added means nothing."""

    def __init__(self, direction: Direction) -> None:
        self._direction = direction
        self._digests: set[bytes] = set()  # 32 bytes an item, however large the day

    def add(self, items: Iterable[Item]) -> None:
        """Count items in; one that comes twice counts once."""
        for item in items:
            self._digests.add(hashlib.sha256(item.line()).digest())

    def digest(self) -> DayDigest:
        """The list in short."""
        whole = hashlib.sha256(b"".join(sorted(self._digests)))
        return DayDigest(direction=self._direction, count=len(self._digests), sha256_hex=whole.hexdigest())


def compare(ours: Iterable[Item], theirs: Iterable[Item]) -> Doubts:
    """What stands on one list only, or for different receivers."""
    here, there = {item.key: item for item in ours}, {item.key: item for item in theirs}
    ask_there = tuple(item for key, item in here.items() if key not in there or _lacking(item, there[key]))
    ask_here = tuple(item for key, item in there.items() if key not in here or _lacking(item, here[key]))
    return Doubts(ask_there=ask_there, ask_here=ask_here)


def judge_there(item: Item, found: Found) -> Difference | None:
    """An item of ours, by what the partner knows of it; None: all is well.

    Whoever received may know more receivers than were handed over; the sender is not asked about receivers.
    """
    if found.known is Known.NO:
        return Difference(what=What.MISSING_THERE, item=item)
    if item.direction is Direction.UP and found.missing:
        return Difference(what=What.RECEIVERS_THERE, item=item, receivers=found.missing)
    return None


def judge_here(item: Item, found: Found) -> Difference | None:
    """An item of theirs, by what we know of it; None: all is well."""
    if found.known is Known.NO:
        return Difference(what=What.MISSING_HERE, item=item)
    if item.direction is Direction.UP:
        return Difference(what=What.STATE_DIFFERS, item=item) if found.open else None
    if not found.missing:
        return None
    return Difference(what=What.RECEIVERS_HERE, item=item, receivers=found.missing)


def _lacking(item: Item, other: Item) -> bool:
    return bool(set(item.receivers) - set(other.receivers))
