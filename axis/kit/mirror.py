"""Mirror mode: what this node would have done with the traffic of the axis that it is to take over from.

A copy of that axis's traffic, a folder (docs/mirror.md), is handed to the use cases of a node that has data of its own
and neither listens nor calls anybody: nothing leaves it. What it would have answered and delivered is compared with
what the older axis did. The same traffic handed in again changes nothing, so a copy that grows is compared repeatedly.
"""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from axis.clock import SystemClock, local_day
from axis.edxml.identity import package_identity
from axis.edxml.model import DocumentPackage, Limits, Package
from axis.edxml.reader import read
from axis.errors import AxisError, Busy, Code, Malformed, WrongState
from axis.exchange.values import Accepted, Outcome, Source
from axis.ids import SystemId
from axis.organ.codes import canonical_form
from axis.organ.registry import Registry
from axis.pieces import file_pieces
from axis.serve import MIRROR_JOB, Works, working
from axis.settings import Settings
from axis.status.order import Effect
from axis.store import queries
from axis.terms import Origin, PackageKind, Place

TRAFFIC = "traffic.jsonl"
_LINE_BYTES = 64 << 10
_CHUNK_BYTES = 1 << 20
_LEASE = timedelta(days=36_500)  # the mark stays
_ODD_EFFECTS = frozenset({Effect.FLAGGED, Effect.ORPHAN, Effect.AFTER_CLOSE})


class Event(StrEnum):
    """What the older axis was seen doing."""

    SENT = "sent"  # somebody handed it a package, and it answered
    DELIVERED = "delivered"  # it handed a package to the system of a receiver


class What(StrEnum):
    """What would have differed."""

    WE_REFUSE = "we_refuse"  # it took a package that we would refuse
    WE_ACCEPT = "we_accept"  # it refused a package that we would take
    ONLY_HERE = "only_here"  # we would have delivered to this receiver; it did not
    ONLY_THERE = "only_there"  # it delivered to this receiver; we would not have
    BYTES_CHANGED = "bytes_changed"  # what it delivered is not, byte for byte, what it was handed
    STATUS_ODD = "status_odd"  # a status that we would keep, but that fits no document or no order
    NOT_SENT = "not_sent"  # it delivered what nobody was seen handing in


WORDS: Mapping[What, tuple[str, str]] = {
    What.WE_REFUSE: ("trục này sẽ từ chối, trục cũ đã nhận", "we would refuse what the older axis took"),
    What.WE_ACCEPT: ("trục này sẽ nhận, trục cũ đã từ chối", "we would take what the older axis refused"),
    What.ONLY_HERE: ("chỉ trục này sẽ chuyển tới nơi nhận", "only we would have delivered to the receiver"),
    What.ONLY_THERE: ("chỉ trục cũ đã chuyển tới nơi nhận", "only the older axis delivered to the receiver"),
    What.BYTES_CHANGED: ("trục cũ chuyển đi khác với bản đã nhận", "the older axis delivered other bytes"),
    What.STATUS_ODD: ("trạng thái không khớp văn bản hoặc thứ tự", "a status that fits no document or no order"),
    What.NOT_SENT: ("trục cũ chuyển gói không rõ ai gửi", "the older axis delivered what nobody handed in"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One line of the traffic."""

    line: int
    at: datetime
    event: Event
    file: Path
    party: str  # of a sent one the system or uplink, of a delivered one the receiver's code
    accepted: bool  # how a sent one was answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that would have differed."""

    what: What
    line: int
    file: str
    party: str  # who handed it in, or the receiver
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """The outcome."""

    sent: int
    delivered: int
    differences: tuple[Difference, ...]

    @property
    def counts(self) -> Mapping[What, int]:
        """How many of each kind."""
        return Counter(difference.what for difference in self.differences)

    @property
    def percent(self) -> float:
        """Lines of the traffic without a difference, in percent, rounded down to a tenth: 100 means all."""
        lines = self.sent + self.delivered
        agreeing = lines - len({difference.line for difference in self.differences})
        return (1000 * agreeing // lines) / 10 if lines else 100.0


@dataclass(slots=True)
class _Sent:
    """A package that was handed in, and where it went."""

    seen: Seen
    sha256_hex: str
    taken: bool = False  # by us
    ours: dict[str, str] = field(default_factory=dict)  # receivers to whom we would deliver, as addressed
    theirs: set[str] = field(default_factory=set)  # receivers to whom it was delivered


class _MirrorClock:
    """Shows the time at which a line of the traffic happened."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """The moment of the present line."""
        return self.at


def read_traffic(folder: Path) -> Iterator[Seen]:
    """The lines of a copied traffic. Raises Malformed(BAD_FILE, at=the line)."""
    path = folder / TRAFFIC
    if not path.is_file():
        raise Malformed(Code.BAD_FILE, f"there is no {TRAFFIC} in the folder", at=str(folder))
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(_LINE_BYTES + 1):
            number += 1
            if len(raw) > _LINE_BYTES:
                raise Malformed(Code.BAD_FILE, f"longer than {_LINE_BYTES} bytes", at=f"line {number}")
            if raw.strip():
                yield _seen(folder, number, raw)


async def compare(settings: Settings, folder: Path) -> Parity:
    """Hand a copied traffic in, and say what would have differed.

    settings: of a node for this purpose only. Raises WrongState(MIRROR_LIVE) when its data is a real node's,
    Malformed(BAD_FILE) for traffic that cannot be read, and what opening a node raises.
    """
    first = await asyncio.to_thread(next, read_traffic(folder), None)
    clock = _MirrorClock(first.at if first else SystemClock().now())
    async with working(settings, clock) as works:
        await _mark(works, settings)
        return await Mirror(works, clock, {uplink.id for uplink in settings.uplink}).run(folder)


class Mirror:
    """Compares one traffic."""

    def __init__(self, works: Works, clock: _MirrorClock, uplinks: Iterable[str]) -> None:
        self._works = works
        self._clock = clock
        self._uplinks = frozenset(uplinks)
        self._sent: dict[str, _Sent] = {}
        self._differences: list[Difference] = []
        self._counts: Counter[Event] = Counter()

    async def run(self, folder: Path) -> Parity:
        """Line after line, then what is left over."""
        async for seen in _lines(folder):
            self._counts[seen.event] += 1
            await self._advance(seen.at)
            if seen.event is Event.SENT:
                await self._hand_in(seen)
            else:
                await self._delivered(seen)
        for sent in self._sent.values():
            if sent.taken and sent.seen.accepted:
                self._compare_receivers(sent)
        differences = tuple(sorted(self._differences, key=lambda one: (one.line, one.what, one.party)))
        return Parity(sent=self._counts[Event.SENT], delivered=self._counts[Event.DELIVERED], differences=differences)

    async def _advance(self, at: datetime) -> None:
        day, self._clock.at = local_day(self._clock.at), max(self._clock.at, at)
        if local_day(self._clock.at) != day:
            await self._works.directory.refresh()  # codes that begin or end with a day

    async def _hand_in(self, seen: Seen) -> None:
        try:
            accepted = await self._accept(seen)
        except AxisError as e:
            if isinstance(e, Busy) and e.code is not Code.EVIDENCE_MISSING:
                raise  # no disk, say: it says nothing of the package
            if seen.accepted:
                self._tell(What.WE_REFUSE, seen, f"{e.code}: {e.detail}" if e.detail else str(e.code))
            return
        if not seen.accepted:
            self._tell(What.WE_ACCEPT, seen)
        identity, digest = await self._identity(seen)
        sent = self._sent.setdefault(identity, _Sent(seen=seen, sha256_hex=digest))
        if accepted.outcome is Outcome.ECHO:
            return
        sent.taken = True
        sent.ours |= await self._works.store.read(partial(_receivers, accepted))
        effect = await self._works.store.read(partial(_effect, accepted))
        if effect in _ODD_EFFECTS:
            self._tell(What.STATUS_ODD, seen, str(effect))

    async def _accept(self, seen: Seen) -> Accepted:
        origin = Origin.UPLINK if seen.party in self._uplinks else Origin.LOCAL
        source = Source(system_id=SystemId(seen.party), origin=origin)
        async with self._works.store.spool(limit_bytes=self._works.context.policy.limits.package_bytes) as spool:
            async for chunk in file_pieces(seen.file, _CHUNK_BYTES):
                await spool.write(chunk)
            return await self._works.exchange.accept(source, await spool.finish())

    async def _delivered(self, seen: Seen) -> None:
        try:
            identity, digest = await self._identity(seen)
        except Malformed as e:
            self._tell(What.NOT_SENT, seen, str(e.code))
            return
        sent = self._sent.get(identity)
        if sent is None:
            self._tell(What.NOT_SENT, seen)
            return
        receiver = self._canonical(seen.party)
        sent.theirs.add(receiver)
        if sent.taken and receiver not in sent.ours:
            self._tell(What.ONLY_THERE, seen)
        if digest != sent.sha256_hex:
            self._tell(What.BYTES_CHANGED, seen)

    def _compare_receivers(self, sent: _Sent) -> None:
        for receiver in sorted(sent.ours.keys() - sent.theirs):
            self._differences.append(
                Difference(what=What.ONLY_HERE, line=sent.seen.line, file=sent.seen.file.name, party=receiver)
            )

    async def _identity(self, seen: Seen) -> tuple[str, str]:
        """What a package says, however it is written, and the digest of its bytes. Raises Malformed."""
        limits = self._works.context.policy.limits
        package, digest = await asyncio.to_thread(_read, seen.file, limits)
        return _identity(package, self._works.directory.current.registry), digest

    def _canonical(self, code: str) -> str:
        return _canonical(code, self._works.directory.current.registry)

    def _tell(self, what: What, seen: Seen, detail: str = "") -> None:
        self._differences.append(
            Difference(what=what, line=seen.line, file=seen.file.name, party=seen.party, detail=detail)
        )


async def _mark(works: Works, settings: Settings) -> None:
    """Mark the data as a mirror's: no node ever serves it. Raises WrongState(MIRROR_LIVE) for what is a node's."""

    def mark(conn: Connection) -> bool:
        if queries.job_row(conn, MIRROR_JOB) is not None:
            return True
        if queries.has_packages(conn):
            return False
        queries.claim_job(conn, MIRROR_JOB, None, SystemClock().now(), _LEASE)
        return True

    if not await works.store.write(mark):
        raise WrongState(Code.MIRROR_LIVE, str(settings.store.data_dir))


async def _lines(folder: Path) -> AsyncIterator[Seen]:
    lines = read_traffic(folder)
    while (seen := await asyncio.to_thread(next, lines, None)) is not None:
        yield seen


def _seen(folder: Path, number: int, raw: bytes) -> Seen:
    at = f"line {number}"
    try:
        said: dict[str, Any] = json.loads(raw)
        event = Event(said["event"])
        moment = datetime.fromisoformat(said["at"])
        name, accepted = said["file"], said.get("accepted", True)
        party = said["by"] if event is Event.SENT else said["to"]
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        detail = "at, event (sent, delivered), file, and by or to are needed"
        raise Malformed(Code.BAD_FILE, detail, at=at) from e
    if not (isinstance(name, str) and isinstance(party, str) and isinstance(accepted, bool) and moment.tzinfo):
        raise Malformed(Code.BAD_FILE, "texts, a moment with its time zone, true or false", at=at)
    path = folder / name
    if Path(name).name != name or path.is_symlink() or not path.is_file():
        raise Malformed(Code.BAD_FILE, "no such file in the folder", at=f"{at}, file")
    return Seen(line=number, at=moment.astimezone(UTC), event=event, file=path, party=party, accepted=accepted)


def _read(path: Path, limits: Limits) -> tuple[Package, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return read(path, limits=limits), digest


def _canonical(code: str, registry: Registry) -> str:
    organ = registry.find(code)
    return organ.organ_id if organ else canonical_form(code)


def _identity(package: Package, registry: Registry) -> str:
    """Equal for two packages that say the same, in whatever way each is written."""
    sender = _canonical(package.header.sender.organ_id, registry)
    if isinstance(package, DocumentPackage):
        return package_identity(sender, package)
    header = package.header
    about = header.response_for
    said = (sender, about.organ_id, about.document_id, about.code, header.status_code.lstrip("0"), header.timestamp)
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _receivers(accepted: Accepted, conn: Connection) -> dict[str, str]:
    """To whom we would deliver: what another axis serves, and has its own copy for, is not ours to deliver."""
    found = queries.consignments(conn, accepted.package_id)
    return {one.receiver_organ: one.package_id for one in found if one.place is not Place.ELSEWHERE}


def _effect(accepted: Accepted, conn: Connection) -> str | None:
    if accepted.kind is not PackageKind.STATUS:
        return None
    event = queries.event_of_package(conn, accepted.package_id)
    return event.effect if event else None
