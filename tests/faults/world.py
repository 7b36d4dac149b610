"""A city and a nation of document-management systems at work, and a ledger of everything that they were told.

The systems do what the vendor's client does: try again until they are answered, sometimes with the package built anew.
What they saw is written down as they saw it; `Ledger.problems` names what must never happen, `Ledger.missing` what has
not happened yet.
"""

import asyncio
import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from adapters.vxp.client import VxpClient
from adapters.vxp.wire import Operation
from axis.edxml.model import DocumentPackage, TraceHeader
from axis.edxml.writer import to_bytes
from axis.errors import PeerRefused, PeerUnreachable
from axis.terms import PackageKind
from tests.exchange.harness import a_document, a_file, a_status

ORGAN_OF = {"dms-yte": "H24.11", "dms-xd": "H24.15", "dms-phuong": "H24.88", "bo": "G01"}
"""Who acts for which organisation; `bo` sits at the national node."""
STATUSES = ("01", "03")
SIZES = (5_000, 5_000, 20_000, 20_000, 20_000, 60_000, 200_000, 1_500_000)
"""Of files: what lies in a row, in a file, and what is spooled on its way in."""
ON_THEIR_WAY = 6
TRY_AGAIN_S = 0.05
_DOCUMENT_ID = re.compile(rb"<edXML:DocumentId>([^<]+)</edXML:DocumentId>")
_STATUS_CODE = re.compile(rb"<edXML:StatusCode>([^<]+)</edXML:StatusCode>")
_FROM = re.compile(rb"<edXML:From>\s*<edXML:OrganId>([^<]+)</edXML:OrganId>")

T = TypeVar("T")


@dataclass
class Sent:
    """A document that a system hands in."""

    system_id: str
    package: DocumentPackage
    digests: set[str] = field(default_factory=set)  # of every form in which it went out
    answers: set[str] = field(default_factory=set)  # ids that it was answered with

    @property
    def receivers(self) -> set[str]:
        """Organisations that it is for."""
        return {to.organ_id for to in self.package.header.receivers}


@dataclass
class Ledger:
    """What was sent, answered, seen."""

    documents: dict[str, Sent] = field(default_factory=dict)  # by DocumentId
    statuses: dict[tuple[str, str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """(DocumentId, who, code) → ids that it was answered with"""
    taken: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """(system, DocumentId) → items of its list that carried it"""
    heard: dict[tuple[str, str, str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """(system, DocumentId, who, code) → items of its list that carried it"""
    confirmed: set[tuple[str, str]] = field(default_factory=set)  # (system, item) whose `done` was answered
    problems: list[str] = field(default_factory=list)

    def missing(self) -> list[str]:
        """What was sent and has not come to where it belongs."""
        return [gap for document_id in self.documents for gap in self.gaps(document_id)]

    def gaps(self, document_id: str) -> list[str]:
        """What has not happened yet of one document."""
        sent = self.documents[document_id]
        found = [] if sent.answers else [f"{document_id} not answered"]
        for organ in sent.receivers:
            system_id = _system_of(organ)
            if not self.taken.get((system_id, document_id)):
                found.append(f"{document_id} not at {system_id}")
            found += [
                f"{code} by {organ} on {document_id} not at {sent.system_id}"
                for code in STATUSES
                if not self.heard.get((sent.system_id, document_id, organ, code))
            ]
        return found

    def check(self) -> None:
        """Add to the problems whatever came twice, or was answered in two ways."""
        for document_id, sent in self.documents.items():
            if len(sent.answers) > 1:
                self.problems.append(f"{document_id} has two ids: {sent.answers}")
        for of, answers in self.statuses.items():
            if len(answers) > 1:
                self.problems.append(f"status {of} has two ids: {answers}")
        for where, items in (*self.taken.items(), *self.heard.items()):
            if len(items) > 1:
                self.problems.append(f"{where} came twice: {items}")


def _system_of(organ: str) -> str:
    return next(system_id for system_id, code in ORGAN_OF.items() if code == organ)


class Line:
    """Calls on a node that may die: each is tried until it is answered, and what is under way is known."""

    def __init__(self) -> None:
        self.running: dict[int, str] = {}  # calls that wait for their answer now
        self.unanswered: set[int] = set()  # calls that never got one
        self.answered = 0
        self._number = 0

    def at_work(self) -> set[int]:
        """Calls under way that change something, or carry a package."""
        return {number for number, what in self.running.items() if what != "list"}

    async def ask(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """The answer. Raises PeerRefused."""
        while True:
            self._number += 1
            number = self._number
            self.running[number] = what
            try:
                answer = await call()
            except PeerUnreachable:
                self.unanswered.add(number)
            else:
                self.answered += 1
                return answer
            finally:
                del self.running[number]
            await asyncio.sleep(TRY_AGAIN_S)


class Office:
    """One organisation's system."""

    def __init__(self, system_id: str, client: VxpClient, line: Line, ledger: Ledger, seed: str) -> None:
        self._system_id = system_id
        self._organ = ORGAN_OF[system_id]
        self._client = client
        self._line = line
        self._ledger = ledger
        self._random = random.Random(seed)
        self._number = 0
        self._answers: set[asyncio.Task[None]] = set()

    # ── Out ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def write(self, stop: asyncio.Event) -> None:
        """Send documents until told to stop; no new one while too many are on their way, so that there is an end."""
        own: set[str] = set()
        while not stop.is_set():
            own = {document_id for document_id in own if self._ledger.gaps(document_id)}
            if len(own) < ON_THEIR_WAY:
                package = self._draft()
                own.add(package.header.document_id)
                try:
                    await self._send(package)
                except PeerRefused as e:
                    self._ledger.problems.append(f"{self._system_id} was refused: {e}")
            await asyncio.sleep(self._random.uniform(0, 0.1))

    def _draft(self) -> DocumentPackage:
        self._number += 1
        others = [organ for organ in ORGAN_OF.values() if organ != self._organ]
        to = self._random.sample(others, self._random.randint(1, len(others)))
        content = b"%PDF-1.7" + self._random.randbytes(self._random.choice(SIZES))
        number = f"{self._random.getrandbits(40)}{self._number:05}"
        return a_document(*to, sender=self._organ, number=number, files=(a_file(content),))

    async def _send(self, package: DocumentPackage) -> None:
        sent = Sent(self._system_id, package)
        self._ledger.documents[package.header.document_id] = sent
        rebuilds = self._random.random() < 0.3
        raw = to_bytes(package)
        tries = 0

        async def hand_in() -> str:
            nonlocal raw, tries
            tries += 1
            if tries > 1 and rebuilds:
                trace = TraceHeader(organ_id=self._organ, timestamp=f"2026/11/24 10:00:{tries % 60:02}")
                raw = to_bytes(replace(package, header=replace(package.header, traces=(trace,))))
            sent.digests.add(hashlib.sha256(raw).hexdigest())
            return await self._client.send_edoc(raw)

        sent.answers.add(await self._line.ask("send", hand_in))
        if self._random.random() < 0.1:
            sent.answers.add(await self._line.ask("repeat", hand_in))

    # ── In ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def read(self) -> None:
        """Take what is in the list, for ever."""
        while True:
            for kind in PackageKind:
                for item in await self._line.ask("list", lambda kind=kind: self._client.received_list(kind)):  # type: ignore[misc]
                    await self._take(item.doc_id, kind)
            await asyncio.sleep(0.05)

    async def _take(self, item: str, kind: PackageKind) -> None:
        if (self._system_id, item) in self._ledger.confirmed:
            self._ledger.problems.append(f"{item} is listed again after its acknowledgement")
        by = self._random.choice((Operation.GET_EDOC, Operation.DOWNLOAD_EDOC))

        async def fetch() -> bytes:
            async with self._client.open_package(item, by) as pieces:
                return b"".join([piece async for piece in pieces])

        content = await self._line.ask("fetch", fetch)
        if kind is PackageKind.DOCUMENT:
            self._take_document(item, content)
        else:
            self._take_status(item, content)
        await self._line.ask("acknowledge", lambda: self._client.update_status(item, "done"))
        self._ledger.confirmed.add((self._system_id, item))

    def _take_document(self, item: str, content: bytes) -> None:
        document_id = _found(_DOCUMENT_ID, content)
        sent = self._ledger.documents.get(document_id)
        if sent is None or hashlib.sha256(content).hexdigest() not in sent.digests:
            self._ledger.problems.append(f"{self._system_id} got {document_id} with bytes that nobody sent")
            return
        seen = self._ledger.taken[self._system_id, document_id]
        if not seen:
            task = asyncio.create_task(self._answer(sent.package))
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)
        seen.add(item)

    async def _answer(self, package: DocumentPackage) -> None:
        for code in STATUSES:
            raw = to_bytes(a_status(package, code, self._organ))
            answered = self._ledger.statuses[package.header.document_id, self._organ, code]
            try:
                answered.add(
                    await self._line.ask("status", lambda raw=raw: self._client.send_edoc(raw, PackageKind.STATUS))  # type: ignore[misc]
                )
            except PeerRefused as e:
                self._ledger.problems.append(f"{self._system_id} could not answer: {e}")

    def _take_status(self, item: str, content: bytes) -> None:
        key = (self._system_id, _found(_DOCUMENT_ID, content), _found(_FROM, content), _found(_STATUS_CODE, content))
        self._ledger.heard[key].add(item)


def _found(pattern: "re.Pattern[bytes]", content: bytes) -> str:
    match = pattern.search(content)
    assert match, content[:500]
    return match[1].decode()


@dataclass
class World:
    """All systems at work."""

    clients: Mapping[str, VxpClient]
    seed: str
    ledger: Ledger = field(default_factory=Ledger)
    line: Line = field(default_factory=Line)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: list[asyncio.Task[None]] = field(default_factory=list)
    _readers: list[asyncio.Task[None]] = field(default_factory=list)

    def begin(self) -> None:
        """Everybody starts to work."""
        for system_id, client in self.clients.items():
            office = Office(system_id, client, self.line, self.ledger, f"{self.seed}/{system_id}")
            self._writers += [asyncio.create_task(office.write(self._stop)) for _ in range(2)]
            self._readers.append(asyncio.create_task(office.read()))

    async def finish(self, within_s: float) -> None:
        """No new documents; wait until everything that was acknowledged has come through."""
        self._stop.set()
        await asyncio.gather(*self._writers)
        try:
            async with asyncio.timeout(within_s):
                while self.ledger.missing():
                    self._raise_failed()
                    await asyncio.sleep(0.1)
        except TimeoutError:
            missing = self.ledger.missing()
            raise AssertionError(f"{len(missing)} things did not come through: {missing[:10]}") from None
        await asyncio.sleep(1)  # whatever is to come twice gets its chance

    def _raise_failed(self) -> None:
        for task in self._readers:
            if task.done():
                task.result()

    async def close(self) -> None:
        """Everybody goes home."""
        for task in (*self._writers, *self._readers):
            task.cancel()
        await asyncio.gather(*self._writers, *self._readers, return_exceptions=True)
        for client in self.clients.values():
            await client.close()
