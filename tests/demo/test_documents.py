"""The demo's packages pass the strict reader, and no two bear the same number."""

import pytest

from axis.clock import SystemClock
from axis.demo import cast as people
from axis.demo.documents import Desk, Draft, about, act_targets, recall, replacement, update
from axis.demo.prepare import organ_names
from axis.edxml.model import DocumentPackage
from axis.edxml.reader import read
from axis.edxml.rules import business_type
from axis.edxml.writer import to_bytes
from axis.terms import BusinessType, StatusCode


@pytest.fixture
def desk() -> Desk:
    return Desk(organ_names(), SystemClock().now())


DRAFT = Draft(
    sender=people.CONSTRUCTION,
    receivers=(people.LE_CHAN, people.MINISTRY),
    notation="SXD",
    subject="V/v kiểm tra",
    body=("Nội dung.",),
    enclosure="Phụ lục",
)


def test_a_letter_passes_the_strict_reader_with_its_files(desk: Desk) -> None:
    package = read(to_bytes(desk.letter(DRAFT)), mode="strict")
    assert isinstance(package, DocumentPackage)
    assert [file.media_type for file in package.attachments] == ["application/pdf"] * 2
    assert [party.organ_id for party in package.header.receivers] == [people.LE_CHAN, people.MINISTRY]
    assert package.findings == ()


def test_each_document_has_a_number_of_its_own(desk: Desk) -> None:
    letters = [desk.letter(DRAFT) for _ in range(3)]
    letters.append(desk.renumbered(letters[0]))
    assert len({one.header.document_id for one in letters}) == 4
    assert len({one.header.code.text for one in letters}) == 4
    again = read(to_bytes(letters[-1]))
    assert isinstance(again, DocumentPackage)
    assert again.header.code.code_notation == "SXD"
    assert again.header.document_id.endswith(again.header.code.text)


@pytest.mark.parametrize("name", ["new", "update", "replace", "recall"])
def test_a_sample_goes_to_the_demos_organisations_with_its_file(desk: Desk, name: str) -> None:
    package = read(to_bytes(desk.sample(name, people.GOVERNMENT_OFFICE, [people.OFFICE])))
    assert isinstance(package, DocumentPackage)
    assert (package.header.sender.organ_id, package.header.receivers[0].organ_id) == ("G22", people.OFFICE)
    assert package.attachments[0].size_bytes > 200_000
    assert "7816" not in package.header.document_id


def test_acts_are_aimed_at_the_document_that_they_mean(desk: Desk) -> None:
    receivers = [people.OFFICE, people.LE_CHAN]
    target = about(desk.letter(DRAFT))

    def sample(name: str) -> DocumentPackage:
        return desk.sample(name, people.GOVERNMENT_OFFICE, receivers)

    for act, kind in (
        (update(sample("update"), target, added=people.CONSTRUCTION), BusinessType.UPDATE),
        (recall(sample("recall"), target, receivers), BusinessType.RECALL),
    ):
        package = read(to_bytes(act))
        assert isinstance(package, DocumentPackage)
        assert business_type(package.header) is kind
        assert act_targets(package, kind) == (target.document_id,)
    new = replacement(sample("replace"), target, receivers)
    package = read(to_bytes(new))
    assert isinstance(package, DocumentPackage)
    assert business_type(package.header) is BusinessType.REPLACE
    assert package.header.business is not None
    assert [one.document_id for one in package.header.business.replacements] == [target.document_id]
    assert package.header.document_id != target.document_id


def test_a_status_passes_the_strict_reader(desk: Desk) -> None:
    status = desk.status(people.LE_CHAN, about(desk.letter(DRAFT)), StatusCode.ACCEPTED)
    assert read(to_bytes(status), mode="strict").findings == ()
