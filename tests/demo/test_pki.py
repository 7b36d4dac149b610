"""The demo's certificates form one hierarchy, made once."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509.oid import NameOID

from axis.demo.pki import Holder, Pki, load_pair, make_pki
from axis.errors import Code, Malformed

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
HOLDERS = (Holder(code="H24.3", name="Sở Xây dựng"), Holder(code="G17", name="Bộ Xây dựng"))


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return make_pki(tmp_path / "pki", HOLDERS, NOW)


def test_an_agencys_certificate_leads_to_the_root(pki: Pki) -> None:
    root, issuing = load_pair(pki.root).certificate, load_pair(pki.issuing).certificate
    for holder in HOLDERS:
        agency = load_pair(pki.certificate(holder.code)).certificate
        agency.verify_directly_issued_by(issuing)
        assert agency.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == holder.name
        assert agency.subject.get_attributes_for_oid(NameOID.ORGANIZATION_IDENTIFIER)[0].value == holder.code
        assert not agency.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        usage = agency.extensions.get_extension_for_class(x509.KeyUsage).value
        assert (usage.digital_signature, usage.content_commitment, usage.key_cert_sign) == (True, True, False)
        assert agency.not_valid_before_utc <= NOW < NOW + timedelta(days=5 * 365) <= agency.not_valid_after_utc
    issuing.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    limits = issuing.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (limits.ca, limits.path_length) == (True, 0)


def test_each_key_fits_its_certificate_and_is_its_owners_only(pki: Pki) -> None:
    for path in (pki.root, pki.issuing, pki.certificate("H24.3"), pki.certificate("G17")):
        pair = load_pair(path)
        form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        assert pair.key.public_key().public_bytes(*form) == pair.certificate.public_key().public_bytes(*form)
        assert isinstance(pair.key, RSAPrivateKey)
        assert pair.key.key_size >= 2048
        assert stat.S_IMODE(path.with_suffix(".key").stat().st_mode) == 0o600
    assert pki.key("G17").exists()


def test_a_second_call_keeps_what_is_there_and_adds_what_is_missing(pki: Pki) -> None:
    before = {path: path.read_bytes() for path in pki.folder.rglob("*") if path.is_file()}
    make_pki(pki.folder, (*HOLDERS, Holder(code="H24.42", name="Phường Lê Chân")), NOW)
    assert {path: path.read_bytes() for path in before} == before
    added = load_pair(pki.certificate("H24.42")).certificate
    added.verify_directly_issued_by(load_pair(pki.issuing).certificate)


def test_a_key_of_another_kind_is_refused(pki: Pki) -> None:
    key = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pki.issuing.with_suffix(".key").write_bytes(key)
    with pytest.raises(Malformed) as refused:
        load_pair(pki.issuing)
    assert refused.value.code is Code.BAD_FILE
