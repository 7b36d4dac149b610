"""The demo's certificates form a hierarchy of two generations, made once, that the trust room takes as it is."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from axis.demo.pki import Holder, Pki, Seal, load_pair, make_pki
from axis.errors import Code, Malformed
from axis.trust.certs import (
    Certificate,
    Organisation,
    Organisations,
    Purpose,
    RevocationData,
    TrustStore,
    load_trust_store,
    read_certificates,
    signatory,
)
from axis.trust.model import Outcome, SignerKind
from axis.trust.paths import Judge, Use
from axis.trust.policy import Policy
from axis.trust.signers import load_signer

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
HOLDERS = (Holder(code="H24.3", name="Sở Xây dựng"), Holder(code="G17", name="Bộ Xây dựng"))
ORGANISATIONS = Organisations.of(Organisation(code=one.code, names=(one.name,)) for one in HOLDERS)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"), HOLDERS, NOW)


def leaf(path: Path) -> Certificate:
    return read_certificates(path.read_bytes())[0]


def test_the_trust_folder_holds_two_roots_their_authorities_and_no_key(pki: Pki) -> None:
    store = load_trust_store(pki.trust)
    assert sorted(c.name for c in store.anchors_for(Purpose.AGENCY)) == ["Axis Demo Root CA", "Axis Demo Root CA G2"]
    assert len(store.intermediates_for(Purpose.TSA)) == 2
    assert len(store.revocation.crls) == 4
    assert not [path for path in pki.trust.rglob("*") if b"PRIVATE KEY" in path.read_bytes()]


@pytest.mark.parametrize("seal", list(Seal))
def test_every_seal_of_every_agency_is_good_with_revocation_data_demanded(pki: Pki, seal: Seal) -> None:
    judge = Judge(load_trust_store(pki.trust), Policy(), ORGANISATIONS)
    for holder in HOLDERS:
        certificate = leaf(pki.certificate(holder.code, seal))
        finding = judge.judge(Use(leaf=certificate, at=NOW + timedelta(days=365)))
        assert finding.trusted
        assert [check for check in finding.checks if check.outcome is not Outcome.PASSED] == []
        assert len(finding.chain) == 3


def test_who_signs_is_told_by_the_subject(pki: Pki) -> None:
    told = {seal: signatory(leaf(pki.certificate("H24.3", seal)), ORGANISATIONS) for seal in Seal}
    assert {one.organ_code for one in told.values()} == {"H24.3"}
    assert {one.organisation for one in told.values()} == {"Sở Xây dựng"}
    assert told[Seal.AGENCY].kind is SignerKind.AGENCY
    assert told[Seal.PERSON].kind is SignerKind.PERSON
    assert told[Seal.PERSON].name == "Nguyễn Văn Mẫu"
    assert told[Seal.SYSTEM].kind is SignerKind.AGENCY


def test_an_ocsp_answer_does_without_the_crl(pki: Pki) -> None:
    whole = load_trust_store(pki.trust)
    roots = tuple(pki.authority(name).with_suffix(".crl").read_bytes() for name in ("root-g1", "root-g2"))
    answer = pki.certificate("G17").with_suffix(".ocsp").read_bytes()
    store = TrustStore(anchors=whole.anchors, intermediates=whole.intermediates)
    use = Use(leaf=leaf(pki.certificate("G17")), at=NOW)
    without = Judge(store, Policy(), ORGANISATIONS, RevocationData(crls=roots)).judge(use)
    assert Outcome.UNKNOWN in {check.outcome for check in without.checks}
    answered = Judge(store, Policy(), ORGANISATIONS, RevocationData(crls=roots, ocsps=(answer,))).judge(use)
    assert {check.outcome for check in answered.checks} == {Outcome.PASSED}


def test_the_timestamping_authority_stamps_and_signs_nothing_else(pki: Pki) -> None:
    judge = Judge(load_trust_store(pki.trust), Policy())
    tsa = leaf(pki.tsa)
    stamps = judge.judge(Use(leaf=tsa, purpose=Purpose.TSA, at=NOW))
    assert {check.outcome for check in stamps.checks} == {Outcome.PASSED}
    signs = judge.judge(Use(leaf=tsa, purpose=Purpose.AGENCY, at=NOW))
    assert Outcome.FAILED in {check.outcome for check in signs.checks}


def test_each_key_fits_its_certificate_and_is_its_owners_only(pki: Pki) -> None:
    keys = sorted(pki.folder.rglob("*.key"))
    assert len(keys) == 4 + 2 * 3 + 1
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
    for holder in HOLDERS:
        for seal in Seal:
            content = pki.key(holder.code, seal).read_bytes()
            signer = load_signer(content, pki.certificate(holder.code, seal).read_bytes())
            assert len(signer.chain) == 2
    pair = load_pair(pki.authority("ca-g1"), pki.authority_key("ca-g1"))
    assert pair.key.public_key() == pair.certificate.public_key()


def test_a_second_call_keeps_what_is_there_and_adds_what_is_missing(pki: Pki) -> None:
    before = {path: path.read_bytes() for path in pki.folder.rglob("*") if path.is_file()}
    make_pki(pki.folder, (*HOLDERS, Holder(code="H24.42", name="Phường Lê Chân")), NOW)
    assert {path: path.read_bytes() for path in before} == before
    added = x509.load_pem_x509_certificate(pki.certificate("H24.42").read_bytes())
    added.verify_directly_issued_by(load_pair(pki.authority("ca-g1"), pki.authority_key("ca-g1")).certificate)


def test_a_key_of_another_kind_is_refused(tmp_path: Path, pki: Pki) -> None:
    key = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "other.key").write_bytes(key)
    with pytest.raises(Malformed) as refused:
        load_pair(pki.authority("ca-g1"), tmp_path / "other.key")
    assert refused.value.code is Code.BAD_FILE
