"""What the demo's agencies sign is valid, and says whose it is, also to a node that does not know the agency."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from axis.demo.documents import Desk, Draft
from axis.demo.pki import Holder, Seal, make_pki
from axis.demo.seals import Seals
from axis.edxml.model import Limits
from axis.edxml.writer import to_bytes
from axis.exchange.files import verify_files
from axis.trust.certs import Organisation, Organisations, load_trust_store
from axis.trust.envelope import verify_envelope
from axis.trust.model import Outcome, Overall, SignerKind, Verdict
from axis.trust.occasion import Occasion
from axis.trust.paths import Judge
from axis.trust.policy import Policy
from axis.trust.verify import combine

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
NAMES = {"H24.3": "Sở Xây dựng", "G17": "Bộ Xây dựng"}
ORGANISATIONS = Organisations.of(Organisation(code=code, names=(name,)) for code, name in NAMES.items())
NOBODY = Organisations()


@pytest.fixture(scope="module")
def seals(tmp_path_factory: pytest.TempPathFactory) -> Seals:
    holders = [Holder(code=code, name=name) for code, name in NAMES.items()]
    return Seals(make_pki(tmp_path_factory.mktemp("pki"), holders, NOW))


def letter(seals: Seals | None, enclosure: str = "") -> bytes:
    draft = Draft(
        sender="H24.3", receivers=("G17",), notation="SXD", subject="V/v kiểm tra", body=("Nội dung.",),
        enclosure=enclosure,
    )  # fmt: skip
    raw = to_bytes(Desk(NAMES, NOW, seals).letter(draft))
    return seals.sign_package(raw, "H24.3", Seal.AGENCY) if seals else raw


def judged(raw: bytes, seals: Seals, scratch: Path, organisations: Organisations = ORGANISATIONS) -> Verdict:
    judge = Judge(load_trust_store(seals._pki.trust), Policy(), organisations)
    occasion = Occasion(at=NOW, senders=frozenset({"H24.3"}))
    return combine(verify_envelope(raw, judge, occasion), verify_files(raw, judge, occasion, Limits(), scratch))


@pytest.mark.parametrize("organisations", [ORGANISATIONS, NOBODY], ids=["known", "unknown"])
def test_a_letter_is_signed_by_its_head_and_twice_by_its_agency(
    seals: Seals, tmp_path: Path, organisations: Organisations
) -> None:
    found = judged(letter(seals), seals, tmp_path, organisations)
    assert found.overall is Overall.VALID
    (paper,) = found.parts
    assert {one.signatory.kind for one in paper.signatures if one.signatory} == {SignerKind.PERSON, SignerKind.AGENCY}
    assert {one.signatory.organ_code for one in (*found.signatures, *paper.signatures) if one.signatory} == {"H24.3"}
    assert {check.outcome for check in found.all_checks()} <= {Outcome.PASSED, Outcome.NOTE}


def test_a_separate_appendix_needs_the_agency_only(seals: Seals, tmp_path: Path) -> None:
    found = judged(letter(seals, enclosure="Phụ lục"), seals, tmp_path)
    assert [len(part.signatures) for part in found.parts] == [2, 1]
    assert found.overall is Overall.VALID


def test_what_is_not_signed_is_unsigned(seals: Seals, tmp_path: Path) -> None:
    found = judged(letter(None, enclosure="Phụ lục"), seals, tmp_path)
    assert (found.overall, [part.overall for part in found.parts]) == (Overall.UNSIGNED, [Overall.UNSIGNED] * 2)


def test_another_agencys_seal_is_not_taken_for_the_senders(seals: Seals, tmp_path: Path) -> None:
    raw = seals.sign_package(letter(None), "G17", Seal.AGENCY)
    assert judged(raw, seals, tmp_path).overall is Overall.INVALID
    # Not known here, so nobody can say whether it has become another name of the sender.
    reasons = {check.reason for check in judged(raw, seals, tmp_path, NOBODY).all_checks()}
    assert "organisation_unknown" in reasons


def test_the_same_package_signed_again_is_the_same_bytes(seals: Seals) -> None:
    raw = letter(None)
    assert seals.sign_package(raw, "H24.3", Seal.AGENCY) == seals.sign_package(raw, "H24.3", Seal.AGENCY)


def test_each_key_is_loaded_once(seals: Seals) -> None:
    assert seals.signer("G17", Seal.SYSTEM) is seals.signer("G17", Seal.SYSTEM)
