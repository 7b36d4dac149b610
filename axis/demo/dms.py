"""A document-management system of one agency, as far as an exchange node sees it: a plain client of its REST API.

It looks into its list, fetches, acknowledges, and answers each document step by step, as a clerk, a leader and an
official would. It knows nothing of the node's inside. What it still has to answer survives a restart in a small file; a
package that it is handed twice it takes once.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from axis.client import NodeClient
from axis.clock import Clock
from axis.demo.cast import Agency
from axis.demo.documents import About, Desk, about, act_targets, is_added
from axis.demo.ledger import Arrival, Ledger, StatusArrival
from axis.demo.pki import Seal
from axis.demo.seals import Seals
from axis.edxml.model import DocumentPackage, StatusPackage
from axis.edxml.reader import read
from axis.edxml.rules import business_type, status_code
from axis.edxml.writer import to_bytes
from axis.errors import AxisError, Malformed
from axis.terms import BusinessType, StatusCode

_TRY_AGAIN_S = 0.5
_REMEMBERED = 1_000
_STEPS = (
    StatusCode.ARRIVED,
    StatusCode.ACCEPTED,
    StatusCode.ASSIGNED,
    StatusCode.IN_PROGRESS,
    StatusCode.COMPLETED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast an agency works."""

    poll_s: float = 0.25  # between two looks into the list
    step_s: float = 0.25  # between two statuses of a document


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the agency still has to say about a document: these statuses, one step after the other."""

    organ: str
    subject: About
    statuses: tuple[StatusCode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What a DMS works with."""

    agency: Agency
    client: NodeClient
    desk: Callable[[], Desk]  # as of now
    ledger: Ledger
    clock: Clock
    pace: Pace
    seals: Seals | None = None  # what it signs its packages with; None: it does not sign
    journal: Path | None = None  # where open answers are kept; None: they end with the process


class Dms:
    """One agency's system."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._taken: set[str] = set()  # listed packages that were taken, and wait for acknowledgement
        self._completed: deque[tuple[str, str]] = deque(maxlen=_REMEMBERED)  # (organisation, DocumentId), finished
        self._open: dict[int, Answer] = {}
        self._next_number = 0
        self._tasks = asyncio.TaskGroup()

    @property
    def agency(self) -> Agency:
        """Whose system this is."""
        return self._office.agency

    async def send(self, package: DocumentPackage | StatusPackage, *, signed: bool = True) -> str:
        """Hand a package in, trying until the node takes or refuses it. Returns the node's id for it.

        signed: whether its envelope is signed: a document's by the agency, a status by the software.
        Raises AxisError: the node's refusal.
        """
        content = await asyncio.to_thread(self._pack, package, signed=signed)
        while True:
            try:
                return (await self._office.client.send_package(content)).package_id
            except AxisError as error:
                if error.retry == "never":
                    raise
                # The same bytes again: if the node has them, it answers as the first time.
                await asyncio.sleep(_TRY_AGAIN_S)

    def _pack(self, package: DocumentPackage | StatusPackage, *, signed: bool) -> bytes:
        content = to_bytes(package)
        seals = self._office.seals
        if seals is None or not signed:
            return content
        seal = Seal.SYSTEM if isinstance(package, StatusPackage) else Seal.AGENCY
        return seals.sign_package(content, package.header.sender.organ_id, seal)

    async def run(self) -> None:
        """Work until cancelled."""
        async with self._tasks:
            for answer in self._read_journal():
                self._begin(answer)
            while True:
                try:
                    await self._look()
                except AxisError as error:
                    if error.retry == "never":
                        self._office.ledger.add_trouble(f"{self.agency.system_id}: {error}")
                    await asyncio.sleep(_TRY_AGAIN_S)
                await asyncio.sleep(self._office.pace.poll_s)

    async def _look(self) -> None:
        client = self._office.client
        listed = [waiting.package_id async for waiting in client.pending()]
        self._taken.intersection_update(listed)
        for package_id in listed:
            if package_id not in self._taken:
                # Taken before it is acknowledged: should the acknowledgement get lost, it is not taken twice.
                await self._take(package_id, await client.package(package_id))
                self._taken.add(package_id)
            await client.acknowledge(package_id)

    async def _take(self, package_id: str, content: bytes) -> None:
        try:
            package = await asyncio.to_thread(read, content)
            if isinstance(package, StatusPackage):
                await self._take_status(package)
            else:
                await self._take_document(package_id, package)
        except Malformed as broken:
            self._office.ledger.add_trouble(f"{self.agency.system_id}: {package_id} is unreadable: {broken}")

    async def _take_document(self, package_id: str, package: DocumentPackage) -> None:
        header = package.header
        kind = business_type(header)
        await self._office.ledger.add_arrival(
            Arrival(
                system_id=self.agency.system_id,
                package_id=package_id,
                document_id=header.document_id,
                business_type=kind,
                at=self._office.clock.now(),
            )
        )
        for organ in self._addressed(party.organ_id for party in header.receivers):
            for subject, statuses in self._response(package, kind, organ):
                self._begin(Answer(organ=organ, subject=subject, statuses=statuses))

    def _addressed(self, codes: Iterable[str]) -> tuple[str, ...]:
        """Which of the agency's organisations a package is for; its first one for those that it succeeds."""
        named = set(codes)
        return tuple(code for code in self.agency.serves if code in named) or self.agency.serves[:1]

    def _response(
        self, package: DocumentPackage, kind: BusinessType, organ: str
    ) -> Iterator[tuple[About, tuple[StatusCode, ...]]]:
        """What one organisation says about which documents."""
        subject = about(package)
        if not kind.makes_document and not is_added(package, organ):
            for document_id in act_targets(package, kind):
                yield subject.of(document_id), (StatusCode.AGREED,)
        elif self.agency.refuses and self.agency.refuses in (package.header.subject or ""):
            yield subject, (StatusCode.ARRIVED, StatusCode.REFUSED)
        else:
            yield subject, _STEPS  # a receiver that an update adds has the document for the first time

    async def _take_status(self, package: StatusPackage) -> None:
        header = package.header
        status = status_code(header.status_code)
        document_id = header.response_for.document_id or ""
        await self._office.ledger.add_status(
            StatusArrival(
                system_id=self.agency.system_id,
                organ=header.sender.organ_id,
                document_id=document_id,
                status=status,
                at=self._office.clock.now(),
            )
        )
        if status is StatusCode.RECALL_REQUESTED:
            organ = header.response_for.organ_id or self.agency.serves[0]
            answer = StatusCode.DECLINED if (organ, document_id) in self._completed else StatusCode.AGREED
            subject = About(
                organ_id=header.sender.organ_id,
                document_id=document_id,
                code=header.response_for.code or "",
                promulgation_date=header.response_for.promulgation_date or "",
            )
            self._begin(Answer(organ=organ, subject=subject, statuses=(answer,)))

    def _begin(self, answer: Answer) -> None:
        number, self._next_number = self._next_number, self._next_number + 1
        self._open[number] = answer
        self._write_journal()
        self._tasks.create_task(self._work(number))

    async def _work(self, number: int) -> None:
        """Say what there is to say, a step at a time."""
        while (answer := self._open[number]).statuses:
            first, *rest = answer.statuses
            await asyncio.sleep(self._office.pace.step_s)
            try:
                await self.send(self._office.desk().status(answer.organ, answer.subject, first))
            except AxisError as refusal:
                said = f"{answer.organ} {first} on {answer.subject.document_id}"
                self._office.ledger.add_trouble(f"{said} was refused: {refusal}")
            if first is StatusCode.COMPLETED:
                self._completed.append((answer.organ, answer.subject.document_id))
            self._open[number] = Answer(organ=answer.organ, subject=answer.subject, statuses=tuple(rest))
            self._write_journal()
        del self._open[number]
        self._write_journal()

    def _write_journal(self) -> None:
        """Replace the file of open answers; a few KB at most, so it may be written here and now."""
        journal = self._office.journal
        if journal is not None:
            draft = journal.with_suffix(".new")
            draft.write_text(json.dumps([asdict(answer) for answer in self._open.values()]), encoding="utf-8")
            draft.replace(journal)

    def _read_journal(self) -> list[Answer]:
        journal = self._office.journal
        if journal is None or not journal.exists():
            return []
        return [
            Answer(
                organ=item["organ"],
                subject=About(**item["subject"]),
                statuses=tuple(map(StatusCode, item["statuses"])),
            )
            for item in json.loads(journal.read_text(encoding="utf-8"))
        ]
