"""Each partner behaves as its magic code says, and the letters are what they are said to be."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from axis.clock import SystemClock
from axis.edxml.model import DocumentPackage, Party, ResponseFor, StatusHeader, StatusPackage
from axis.edxml.reader import read
from axis.edxml.writer import to_bytes
from axis.kit.codes import Partner
from axis.kit.facts import Facts
from axis.kit.letters import LETTERS, Desk, LetterId
from axis.kit.proxy import Fault
from axis.kit.session import Session, Wish, opened
from axis.terms import PackageKind
from axis.trust.model import Overall
from tests.kit.conftest import VENDOR
from tests.kit.dms import DAY, Dms, Manners, VxpLine, recalling

SAID = {
    Partner.OK: ["01", "03", "04", "05", "06", "15"],
    Partner.KEEP: ["01", "03", "16"],
    Partner.REFUSE: ["01", "02", "15"],
    Partner.SILENT: [],
    Partner.DOWN: ["01", "03", "15"],
    Partner.SLOW: ["01", "03", "15"],
    Partner.DUP: ["01", "01", "03", "03", "15", "15"],
    Partner.BADSIG: ["01", "03", "15"],
    Partner.BUSY: ["01", "03", "15"],
    Partner.LOST: ["01", "03", "15"],
    Partner.LATE: ["01", "03", "15"],
}


async def test_every_partner_answers_as_its_code_says(wish_of: Callable[..., Wish]) -> None:
    wish = wish_of("vxp")
    # Longer than anything takes here by itself: who is away for that long is so on purpose.
    wish = replace(wish, plan=replace(wish.plan, busy_s=0.0, late_s=0.0), pace=replace(wish.pace, away_s=6.0))
    async with opened(wish) as session:
        line = VxpLine(session, 30.0)
        dms = Dms(line, VENDOR.organ_id, Manners(waits_s=0.1))
        documents = {partner: dms.document((partner,)) for partner in Partner}
        try:
            for package in documents.values():
                await dms.send(package)
            first = await until(session, lambda facts: every(facts, lambda partner: before_acts(SAID[partner])))
            for partner, package in documents.items():
                if partner is Partner.OK:
                    await line.send(to_bytes(asking_back(package, partner)), PackageKind.STATUS)
                else:
                    await dms.send(recalling(package))
            last = await until(session, lambda facts: every(facts, lambda partner: SAID[partner]))
        finally:
            await line.close()
    for partner in Partner:
        assert sorted(said(last, partner)) == SAID[partner], partner
    faults = [one.fault for one in last.calls]
    assert (faults.count(Fault.CUT), faults.count(Fault.LATE)) == (1, 1)  # the documents' answers, not the recalls'
    for partner in (Partner.SLOW, Partner.DOWN):
        assert silence_s(first, partner) >= wish.pace.away_s
    bad = {one.package_id for one in last.traffic.events if one.from_organ == Partner.BADSIG}
    found = {one.package_id: one.overall for one in last.traffic.verdicts if one.package_id in bad}
    assert set(found.values()) == {Overall.INVALID}


def before_acts(all_said: list[str]) -> list[str]:
    return [code for code in all_said if code not in ("15", "16")]


def every(facts: Facts, expected: Callable[[Partner], list[str]]) -> bool:
    return all(len(said(facts, partner)) >= len(expected(partner)) for partner in Partner)


def said(facts: Facts, partner: Partner) -> list[str]:
    return [one.status_code for one in facts.traffic.events if one.from_organ == partner]


def silence_s(facts: Facts, partner: Partner) -> float:
    """From a document's arrival to the partner's first word."""
    document = facts.sent_to(partner)[0]
    return (facts.answers(document, partner)[0].received_at - document.received_at).total_seconds()


def asking_back(package: DocumentPackage, partner: Partner) -> StatusPackage:
    header = package.header
    subject = ResponseFor(
        organ_id=partner, document_id=header.document_id, code=header.code.text, promulgation_date=DAY
    )
    said = StatusHeader(
        sender=Party(organ_id=VENDOR.organ_id),
        response_for=subject,
        status_code="13",
        description="xin lấy lại",
        timestamp=f"{DAY} 09:00:00",
    )
    return StatusPackage(header=said)


async def until(session: Session, is_done: Callable[[Facts], bool]) -> Facts:
    async with asyncio.timeout(60):
        while True:
            standing = await session.look()
            if is_done(standing.facts):
                return standing.facts
            await asyncio.sleep(0.1)


@pytest.fixture
def desk() -> Desk:
    return Desk(VENDOR.organ_id, SystemClock().now(), 3_000_000)


def test_letters_are_what_they_are_said_to_be(desk: Desk, tmp_path: Path) -> None:
    packages = {}
    for letter in LETTERS.values():
        raw = desk.write_letter(letter, tmp_path).read_bytes()
        packages[letter.id] = package = read(raw)
        assert isinstance(package, DocumentPackage)
        assert package.header.subject is not None
        assert package.header.subject.startswith(f"KIT {letter.id}")
        assert [file.name for file in package.attachments] == list(letter.files)
        assert {file.media_type for file in package.attachments} == {"application/pdf"}
        assert bool(package.findings) == (letter.id is LetterId.ODD), letter.id
    assert sum(file.size_bytes for file in packages[LetterId.LARGE].attachments) == 3_000_000
    assert len(packages[LetterId.SEVERAL].attachments) == 3
    composed, decomposed = (file.name for file in packages[LetterId.NAMES].attachments)
    assert len(composed.encode()) < len(decomposed.encode())
    assert packages[LetterId.BADSIG].has_signature
    assert len({package.header.document_id for package in packages.values()}) == len(packages)  # type: ignore[union-attr]


def test_another_run_has_other_numbers(desk: Desk) -> None:
    later = Desk(VENDOR.organ_id, SystemClock().now().replace(year=2030), 10)
    letter = LETTERS[LetterId.PLAIN]
    assert desk.numbered(letter).document_id != later.numbered(letter).document_id
