"""Plays all partners: sends the letters, takes what the vendor sends, and answers by the magic code.

It talks to the node as any system does. What it still has to say is in memory: a run that ends is over.
"""

import asyncio
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import structlog

from adapters.vxp.client import VxpClient
from axis.clock import Clock
from axis.edxml.dates import write_timestamp
from axis.edxml.model import DocumentPackage, ResponseFor, StatusHeader, StatusPackage
from axis.edxml.reader import read
from axis.edxml.rules import business_type, status_code
from axis.edxml.writer import to_bytes
from axis.errors import AxisError, Malformed, PeerRefused
from axis.exchange.service import Exchange
from axis.exchange.values import Acknowledgement
from axis.kit.codes import Partner
from axis.kit.facts import Facts
from axis.kit.letters import LETTERS, Desk, Follow, Letter, LetterId, party
from axis.kit.seal import SIGNED
from axis.organ.codes import canonical_form
from axis.terms import BusinessType, PackageKind, StatusCode, TransportState

log = structlog.get_logger(__name__)

_ALL = (
    StatusCode.ARRIVED,
    StatusCode.ACCEPTED,
    StatusCode.ASSIGNED,
    StatusCode.IN_PROGRESS,
    StatusCode.COMPLETED,
)
_SAID_AT_ONCE, _TAKEN_AT_ONCE = 50, 20  # then the cases are looked at again
_SHORT = (StatusCode.ARRIVED, StatusCode.ACCEPTED)
_ANSWERS: Mapping[Partner, tuple[StatusCode, ...]] = {
    Partner.OK: _ALL,
    Partner.REFUSE: (StatusCode.ARRIVED, StatusCode.REFUSED),
    Partner.SILENT: (),
}
_WORDS = {
    StatusCode.ARRIVED: "Đã đến phần mềm của đơn vị thử nghiệm",
    StatusCode.REFUSED: "Từ chối: văn bản không thuộc thẩm quyền (thử nghiệm)",
    StatusCode.ACCEPTED: "Văn thư đã tiếp nhận, vào sổ",
    StatusCode.ASSIGNED: "Lãnh đạo đã phân công",
    StatusCode.IN_PROGRESS: "Đang xử lý",
    StatusCode.COMPLETED: "Đã hoàn thành",
    StatusCode.AGREED: "Đồng ý",
    StatusCode.DECLINED: "Không đồng ý",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast the partners are, in seconds."""

    look_s: float = 0.5  # between two looks
    step_s: float = 2.0  # between two statuses of a document
    away_s: float = 60.0  # how long DOWN is down after a document has come, and SLOW says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the robot works with."""

    partners: VxpClient  # the system of all partners but DOWN
    down: VxpClient
    exchange: Exchange
    desk: Desk
    folder: Path  # where letters are written
    pace: Pace
    clock: Clock
    vendor_system: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class _Due:
    """Something that is to be said at a moment."""

    at: datetime
    number: int
    sender: Partner = field(compare=False)
    subject: ResponseFor = field(compare=False)
    code: StatusCode = field(compare=False)
    note: str = field(compare=False, default="")


class Robot:
    """All partners."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._due: list[_Due] = []
        self._numbers = count()
        self._down_since: datetime | None = None
        self._unsent = list(LETTERS.values())
        self._taken: set[str] = set()
        self.letters: dict[LetterId, str] = {}
        self.follows: dict[LetterId, str] = {}
        self.relisted: dict[LetterId, datetime] = {}
        self.retaken: dict[LetterId, datetime] = {}

    async def step(self) -> None:
        """Do what there is to do now. What fails is done at the next step."""
        works: tuple[Callable[[], object], ...] = (self._send_letter, self._look, self._look_down, self._say_due)
        for work in works:
            try:
                await work()  # type: ignore[misc] # each is a coroutine function
            except AxisError as e:
                log.warning("partner_failed", step=work.__name__, code=e.code, detail=e.detail[:200])

    async def follow(self, facts: Facts) -> None:
        """Send what comes after letters that the vendor has acknowledged."""
        for letter in LETTERS.values():
            one = facts.letter(letter.id)
            is_taken = one is not None and one.state is TransportState.ACKNOWLEDGED
            if not is_taken or letter.id in self.follows:
                continue
            try:
                await self._follow(letter)
            except AxisError as e:
                log.warning("partner_failed", step="follow", code=e.code, detail=e.detail[:200])

    async def _follow(self, letter: Letter) -> None:
        if letter.id in self.relisted:
            self.retaken.setdefault(letter.id, self._parts.clock.now())
        elif letter.follow is Follow.AGAIN:
            await self._parts.exchange.acknowledge(
                self._parts.vendor_system, self.letters[letter.id], Acknowledgement.INITIAL
            )
            self.relisted[letter.id] = self._parts.clock.now()
        elif letter.follow is not Follow.NOTHING:
            path = await asyncio.to_thread(self._parts.desk.write_follow, letter, self._parts.folder)
            self.follows[letter.id] = await self._parts.partners.send_edoc(path)

    async def _send_letter(self) -> None:
        """One at a time: the large one takes a moment."""
        if self._unsent:
            letter = self._unsent[0]
            path = await asyncio.to_thread(self._parts.desk.write_letter, letter, self._parts.folder)
            self.letters[letter.id] = await self._parts.partners.send_edoc(path)
            self._unsent.pop(0)

    # ── What comes in ──────────────────────────────────────────────────────────────────────────────────────────

    async def _look(self) -> None:
        await self._take(self._parts.partners, tuple(one for one in Partner if one is not Partner.DOWN))

    async def _look_down(self) -> None:
        """DOWN does not look for a while after something has come for it."""
        client, now = self._parts.down, self._parts.clock.now()
        if self._down_since is None:
            if await client.count_received(PackageKind.DOCUMENT):
                self._down_since = now
        elif now - self._down_since > timedelta(seconds=self._parts.pace.away_s):
            await self._take(client, (Partner.DOWN,))

    async def _take(self, client: VxpClient, organs: tuple[Partner, ...]) -> None:
        for kind in PackageKind:
            for item in (await client.received_list(kind))[:_TAKEN_AT_ONCE]:
                try:
                    await self._take_one(client, item.doc_id, organs)
                except PeerRefused as e:  # taken back by its sender meanwhile
                    log.info("item_gone", package_id=item.doc_id, code=e.peer_code)

    async def _take_one(self, client: VxpClient, package_id: str, organs: tuple[Partner, ...]) -> None:
        if package_id not in self._taken:
            content = bytearray()
            await client.get_edoc(package_id, content.extend)
            try:
                self._answer(await asyncio.to_thread(read, bytes(content)), organs)
            except Malformed as e:  # the node is more lenient than what reads here: nothing to say to that
                log.warning("package_not_understood", package_id=package_id, code=e.code)
            self._taken.add(package_id)
        await client.update_status(package_id, Acknowledgement.DONE)

    def _answer(self, package: DocumentPackage | StatusPackage, organs: Iterable[Partner]) -> None:
        if isinstance(package, StatusPackage):
            self._answer_status(package)
            return
        addressed = {canonical_form(to.organ_id) for to in package.header.receivers}
        for partner in organs:
            if partner in addressed:
                for subject, codes in _responses(package, partner):
                    self._plan(partner, subject, codes)

    def _answer_status(self, package: StatusPackage) -> None:
        header = package.header
        if status_code(header.status_code) is not StatusCode.RECALL_REQUESTED:
            return
        code = canonical_form(header.response_for.organ_id or "")
        asked = Partner(code) if code in frozenset(Partner) else Partner.OK
        subject = ResponseFor(
            organ_id=header.sender.organ_id,
            document_id=header.response_for.document_id,
            code=header.response_for.code,
            promulgation_date=header.response_for.promulgation_date,
        )
        self._plan(asked, subject, (_to_acts(asked),))

    # ── What goes out ──────────────────────────────────────────────────────────────────────────────────────────

    def _plan(self, sender: Partner, subject: ResponseFor, codes: Iterable[StatusCode]) -> None:
        pace = self._parts.pace
        at = self._parts.clock.now() + timedelta(seconds=pace.away_s if sender is Partner.SLOW else 0)
        for code in codes:
            notes = ("lần 1", "lần 2") if sender is Partner.DUP else ("",)
            for note in notes:
                at += timedelta(seconds=pace.step_s)
                due = _Due(at=at, number=next(self._numbers), sender=sender, subject=subject, code=code, note=note)
                heapq.heappush(self._due, due)

    async def _say_due(self) -> None:
        for _ in range(_SAID_AT_ONCE):
            if not self._due or self._due[0].at > self._parts.clock.now():
                return
            await self._say(heapq.heappop(self._due))

    async def _say(self, due: _Due) -> None:
        words = " ".join(filter(None, (_WORDS[due.code], due.note)))
        if due.sender is Partner.BADSIG:
            words = f"{words} ({SIGNED})"
        header = StatusHeader(
            sender=party(due.sender),
            response_for=due.subject,
            status_code=due.code.value,
            description=words,
            timestamp=write_timestamp(due.at),
        )
        raw = to_bytes(StatusPackage(header=header))
        if due.sender is Partner.BADSIG:
            raw = await asyncio.to_thread(self._parts.desk.sign_badly, raw)
        client = self._parts.down if due.sender is Partner.DOWN else self._parts.partners
        await client.send_edoc(raw, PackageKind.STATUS)


def _responses(package: DocumentPackage, partner: Partner) -> Iterator[tuple[ResponseFor, tuple[StatusCode, ...]]]:
    """What a partner says about which documents."""
    kind = business_type(package.header)
    subject = _subject(package)
    if kind.makes_document:
        yield subject, _ANSWERS.get(partner, _SHORT)
    elif partner is not Partner.SILENT:
        for document_id in _targets(package, kind):
            named = (
                subject
                if document_id == subject.document_id
                else ResponseFor(organ_id=subject.organ_id, document_id=document_id)
            )
            yield named, (_to_acts(partner),)


def _to_acts(partner: Partner) -> StatusCode:
    return StatusCode.DECLINED if partner is Partner.KEEP else StatusCode.AGREED


def _subject(package: DocumentPackage) -> ResponseFor:
    header = package.header
    return ResponseFor(
        organ_id=header.sender.organ_id,
        document_id=header.document_id,
        code=header.code.text,
        promulgation_date=header.promulgation.promulgation_date,
    )


def _targets(package: DocumentPackage, kind: BusinessType) -> tuple[str, ...]:
    """The DocumentIds that a recall or an update is about."""
    header = package.header
    if kind is BusinessType.RECALL:
        named = tuple(dict.fromkeys(one.document_id for one in header.response_for if one.document_id))
        if named:
            return named
    if header.business and header.business.document_id:
        return (header.business.document_id,)
    return (header.document_id,)
