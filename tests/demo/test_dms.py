"""An agency's system takes each package once, answers step by step, and remembers what it still has to say."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from axis.client import NodeClient
from axis.client.values import Accepted, Pending
from axis.clock import SystemClock
from axis.demo import cast as people
from axis.demo.cast import Agency, agency_of
from axis.demo.dms import Dms, Office, Pace
from axis.demo.documents import Desk, Draft, about, recall, update
from axis.demo.ledger import Expected, Ledger
from axis.demo.prepare import organ_names
from axis.edxml.model import DocumentPackage, StatusPackage
from axis.edxml.reader import read
from axis.edxml.writer import to_bytes
from axis.errors import Busy, Code, PeerUnreachable, WrongState
from axis.terms import StatusCode, TransportState

CLOCK = SystemClock()
NAMES = organ_names()


def desk() -> Desk:
    return Desk(NAMES, CLOCK.now())


def letter(*receivers: str, subject: str = "V/v kiểm tra") -> DocumentPackage:
    return desk().letter(
        Draft(sender=people.CONSTRUCTION, receivers=receivers, notation="SXD", subject=subject, body=("Nội dung.",))
    )


class FakeNode:
    """A node's list for one system, with the failures that a line can have."""

    def __init__(self, *packages: bytes) -> None:
        self.waiting = {f"item-{n}": content for n, content in enumerate(packages)}
        self.sent: list[StatusPackage] = []
        self.fetched: list[str] = []
        self.lost_acknowledgements = 0
        self.refusals = 0
        self.unreachable = 0
        self.busy = 0

    async def pending(self) -> AsyncIterator[Pending]:
        if self.unreachable:
            self.unreachable -= 1
            raise PeerUnreachable("no line")
        for package_id, content in list(self.waiting.items()):
            yield Pending(
                package_id=package_id,
                kind=read(content).kind,
                urgency=0,
                from_organ="",
                receivers=(),
                document_id="",
                code=None,
                subject=None,
                size_bytes=len(content),
                received_at=CLOCK.now(),
                state=TransportState.QUEUED,
            )

    async def package(self, package_id: str) -> bytes:
        self.fetched.append(package_id)
        return self.waiting[package_id]

    async def acknowledge(self, package_id: str) -> None:
        if self.lost_acknowledgements:
            self.lost_acknowledgements -= 1
            raise PeerUnreachable("the answer got lost")
        del self.waiting[package_id]

    async def send_package(self, package: bytes) -> Accepted:
        status = read(package)
        assert isinstance(status, StatusPackage)
        if self.busy:
            self.busy -= 1
            raise Busy(Code.OVERLOADED)
        if self.refusals:
            self.refusals -= 1
            raise WrongState(Code.STATUS_UNMATCHED)
        self.sent.append(status)
        return Accepted(outcome="accepted", kind=status.kind, package_id=f"sent-{len(self.sent)}", document_uid=None)

    def said(self) -> list[tuple[str, str, str | None]]:
        return [
            (one.header.sender.organ_id, one.header.status_code, one.header.response_for.document_id)
            for one in self.sent
        ]


def system(agency: Agency, node: FakeNode, journal: Path | None = None, step_s: float = 0.001) -> tuple[Dms, Ledger]:
    ledger = Ledger()
    office = Office(
        agency=agency,
        client=cast(NodeClient, node),
        desk=desk,
        ledger=ledger,
        clock=CLOCK,
        pace=Pace(poll_s=0.001, step_s=step_s),
        journal=journal,
    )
    return Dms(office), ledger


async def works_until(dms: Dms, done: Callable[[], Any]) -> None:
    """Let the system work until something holds, and a little longer: it must not do more than it should."""
    task = asyncio.create_task(dms.run())
    try:
        async with asyncio.timeout(20):
            while not done():  # noqa: ASYNC110 - what is awaited is in the fake
                await asyncio.sleep(0.002)
        await asyncio.sleep(0.05)
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


FIVE = ["01", "03", "04", "05", "06"]


async def test_a_document_is_answered_step_by_step() -> None:
    package = letter(people.LE_CHAN, people.OFFICE)
    node = FakeNode(to_bytes(package))
    dms, ledger = system(agency_of(people.LE_CHAN), node)
    await works_until(dms, lambda: len(node.sent) == 5)
    assert node.said() == [(people.LE_CHAN, code, package.header.document_id) for code in FIVE]
    assert {one.header.response_for.organ_id for one in node.sent} == {people.CONSTRUCTION}
    assert (node.waiting, len(ledger.arrivals), ledger.troubles) == ({}, 1, [])


async def test_a_package_that_is_listed_again_is_taken_once() -> None:
    node = FakeNode(to_bytes(letter(people.LE_CHAN)))
    node.lost_acknowledgements, node.unreachable = 1, 1
    dms, ledger = system(agency_of(people.LE_CHAN), node)
    await works_until(dms, lambda: len(node.sent) == 5 and not node.waiting)
    assert node.fetched == ["item-0"]
    assert (len(node.sent), len(ledger.arrivals), ledger.doubled()) == (5, 1, [])


async def test_a_package_that_is_handed_over_twice_is_told() -> None:
    content = to_bytes(letter(people.LE_CHAN))
    dms, ledger = system(agency_of(people.LE_CHAN), FakeNode(content, content))
    await works_until(dms, lambda: len(ledger.arrivals) == 2)
    assert len(ledger.doubled()) == 1


async def test_one_system_answers_for_each_of_its_organisations_that_is_addressed() -> None:
    node = FakeNode(to_bytes(letter("H24", people.OFFICE)))
    dms, _ = system(agency_of(people.OFFICE), node)
    await works_until(dms, lambda: len(node.sent) == 10)
    assert sorted((organ, code) for organ, code, _ in node.said()) == sorted(
        (organ, code) for organ in ("H24", people.OFFICE) for code in FIVE
    )


async def test_a_document_for_a_closed_district_is_answered_by_who_took_over() -> None:
    node = FakeNode(to_bytes(letter(people.CLOSED_DISTRICT)))
    dms, _ = system(agency_of(people.LE_CHAN), node)
    await works_until(dms, lambda: len(node.sent) == 5)
    assert {organ for organ, _, _ in node.said()} == {people.LE_CHAN}


async def test_what_is_not_its_business_is_refused() -> None:
    agency = agency_of(people.HONG_BANG)
    node = FakeNode(to_bytes(letter(people.HONG_BANG, subject=f"V/v nạo vét {agency.refuses}")))
    dms, _ = system(agency, node)
    await works_until(dms, lambda: len(node.sent) == 2)
    assert [code for _, code, _ in node.said()] == ["01", "02"]


async def test_a_receiver_that_an_update_adds_handles_the_document() -> None:
    target = about(letter(people.LE_CHAN))
    sample = desk().sample("update", people.GOVERNMENT_OFFICE, [people.LE_CHAN])
    node = FakeNode(to_bytes(update(sample, target, added=people.CONSTRUCTION)))
    dms, _ = system(agency_of(people.CONSTRUCTION), node)
    await works_until(dms, lambda: len(node.sent) == 5)
    assert node.said() == [(people.CONSTRUCTION, code, target.document_id) for code in FIVE]


async def test_acts_are_agreed_to_on_the_document_that_they_are_about() -> None:
    target = about(letter(people.LE_CHAN))
    samples = {name: desk().sample(name, people.GOVERNMENT_OFFICE, [people.LE_CHAN]) for name in ("update", "recall")}
    node = FakeNode(
        to_bytes(update(samples["update"], target, added=people.CONSTRUCTION)),
        to_bytes(recall(samples["recall"], target, [people.LE_CHAN])),
    )
    dms, _ = system(agency_of(people.LE_CHAN), node)
    await works_until(dms, lambda: len(node.sent) == 2)
    assert node.said() == [(people.LE_CHAN, "15", target.document_id)] * 2


@pytest.mark.parametrize(("handled", "answer"), [(True, StatusCode.DECLINED), (False, StatusCode.AGREED)])
async def test_a_document_is_given_back_unless_it_was_handled(handled: bool, answer: StatusCode) -> None:
    package = letter(people.WORKS_UNIT)
    subject = about(package)
    request = desk().status(people.CONSTRUCTION, subject, StatusCode.ARRIVED)
    header = replace(
        request.header,
        status_code="13",
        response_for=replace(request.header.response_for, organ_id=people.WORKS_UNIT),
    )
    node = FakeNode(*([to_bytes(package)] if handled else []))
    dms, ledger = system(agency_of(people.WORKS_UNIT), node)

    def ask_back() -> bool:
        if len(node.sent) == (5 if handled else 0) and not ledger.statuses:
            node.waiting["request"] = to_bytes(replace(request, header=header))
        return any(code == answer for _, code, _ in node.said())

    await works_until(dms, ask_back)
    assert node.said()[-1] == (people.WORKS_UNIT, str(answer), subject.document_id)


async def test_what_is_still_to_be_said_survives_a_restart(tmp_path: Path) -> None:
    journal = tmp_path / "answers.json"
    package = letter(people.LE_CHAN)
    node = FakeNode(to_bytes(package))
    dms, _ = system(agency_of(people.LE_CHAN), node, journal, step_s=0.2)
    await works_until(dms, lambda: len(node.sent) == 2)
    said = len(node.sent)
    assert said < 5
    again, ledger = system(agency_of(people.LE_CHAN), node, journal)
    await works_until(again, lambda: len(node.sent) == 5)
    assert [code for _, code, _ in node.said()] == FIVE
    assert (journal.read_text(), list(ledger.arrivals)) == ("[]", [])


async def test_a_status_that_is_refused_is_told_and_the_next_one_follows() -> None:
    node = FakeNode(to_bytes(letter(people.LE_CHAN)))
    node.refusals = 1
    dms, ledger = system(agency_of(people.LE_CHAN), node)
    await works_until(dms, lambda: len(node.sent) == 4)
    assert [code for _, code, _ in node.said()] == FIVE[1:]
    assert len(ledger.troubles) == 1


async def test_a_node_that_is_busy_is_told_again() -> None:
    node = FakeNode(to_bytes(letter(people.LE_CHAN)))
    node.busy = 1
    dms, ledger = system(agency_of(people.LE_CHAN), node)
    await works_until(dms, lambda: len(node.sent) == 5)
    assert [code for _, code, _ in node.said()] == FIVE
    assert ledger.troubles == []


async def test_the_ledger_says_what_has_not_come_back_yet() -> None:
    package = letter(people.LE_CHAN)
    status = desk().status(people.LE_CHAN, about(package), StatusCode.ARRIVED)
    dms, ledger = system(agency_of(people.CONSTRUCTION), FakeNode(to_bytes(status)))
    wanted = Expected(document_id=package.header.document_id, organ=people.LE_CHAN, status=StatusCode.ARRIVED)
    waiting = asyncio.create_task(ledger.wait_for([wanted]))
    await asyncio.sleep(0)
    assert not waiting.done()
    await works_until(dms, waiting.done)
    assert ledger.came_back() == {wanted}
