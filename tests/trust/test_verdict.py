"""Verdicts: their words and form, what they mean for intake; trust stores; every kind of file by one door."""

import base64
import hashlib
import io
import json
import string
import zipfile
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from lxml import etree

from axis.errors import Malformed
from axis.trust.certs import (
    Certificate,
    Organisation,
    Organisations,
    Purpose,
    RevocationData,
    days_left,
    load_trust_store,
    parse_certificate,
)
from axis.trust.cms import read_cms
from axis.trust.model import (
    Check,
    CheckName,
    FileKind,
    Outcome,
    Overall,
    SubIndication,
    Verdict,
    indication_of,
    overall_of,
)
from axis.trust.paths import Judge, Use, helpful
from axis.trust.policy import Bounds, Decision, Level, decide
from axis.trust.reasons import MEANINGS, Reason, check, span
from axis.trust.sealing import sign_envelope
from axis.trust.signers import load_signer
from axis.trust.verify import combine, verify_bytes, verify_file
from axis.trust.xmldsig import Flaw
from tests.trust import papers, pki
from tests.trust.samples import envelope


def judge() -> Judge:
    return pki.judge(pki.SOFT, pki.crls())


def test_every_reason_has_sentences_in_both_languages() -> None:
    assert set(MEANINGS) == set(Reason)
    for reason, meaning in MEANINGS.items():
        names = {name for text in (meaning.vi, meaning.en) for _, name, _, _ in string.Formatter().parse(text) if name}
        assert names <= {"detail", "what", "what_en", "days", "days_en", "when"}, reason
        assert (meaning.vi[-1], meaning.en[-1]) == (".", "."), reason
        if meaning.outcome in (Outcome.FAILED, Outcome.UNKNOWN):
            assert meaning.sub is not None, reason
        if meaning.outcome is Outcome.FAILED:
            assert "nghị" in meaning.vi, f"{reason} does not say what to do"


def test_a_strangers_text_in_a_sentence_is_one_bounded_line() -> None:
    said = check(CheckName.FORM, "x\ny\x00", Reason.CHAIN_UNKNOWN, "{detail} %s\r\n\x1b[31m" + "a" * 900)
    assert not {"\n", "\x1b"} & set(said.reason_vi)
    assert len(said.reason_vi) < 700
    assert said.input == "x y"


def test_spans_are_said_in_words() -> None:
    assert span(pki.NOW, pki.NOW + pki.days(3)) == {"days": "3 ngày", "days_en": "3 days"}
    assert span(pki.NOW, pki.NOW + pki.days(0.25)) == {"days": "6 giờ", "days_en": "6 hours"}
    assert span(pki.NOW, pki.NOW)["days"] == "0 phút"


def outcome(kind: Outcome, sub: SubIndication | None = None) -> Check:
    return Check(name=CheckName.FORM, input="", outcome=kind, sub_indication=sub)


def test_the_worst_check_decides() -> None:
    good, warned = outcome(Outcome.PASSED), outcome(Outcome.WARNING)
    unknown, failed = outcome(Outcome.UNKNOWN, SubIndication.TRY_LATER), outcome(Outcome.FAILED, SubIndication.REVOKED)
    assert overall_of([good], signed=True) is Overall.VALID
    assert overall_of([good, outcome(Outcome.NOTE)], signed=True) is Overall.VALID
    assert overall_of([good, warned], signed=True) is Overall.VALID_WITH_WARNINGS
    assert overall_of([warned, unknown], signed=True) is Overall.INDETERMINATE
    assert overall_of([unknown, failed], signed=True) is Overall.INVALID
    assert overall_of([], signed=False) is Overall.UNSIGNED
    assert indication_of([unknown, failed]) == ("TOTAL-FAILED", SubIndication.REVOKED)
    assert indication_of([warned, unknown]) == ("INDETERMINATE", SubIndication.TRY_LATER)


def signed(label: str = "agency") -> bytes:
    return sign_envelope(envelope(), pki.signer(label))


def test_a_verdict_is_frozen_and_its_form_is_canonical() -> None:
    verdict = verify_bytes(signed(), judge(), pki.AT)
    with pytest.raises(FrozenInstanceError):
        verdict.overall = Overall.INVALID  # type: ignore[misc]
    written = verdict.to_json()
    assert written == verify_bytes(signed(), judge(), pki.AT).to_json()
    data = json.loads(written)
    assert (data["v"], data["overall"], data["sha256"]) == (1, "valid", verdict.sha256)
    assert {row["kind"] for row in data["signatures"][0]["evidence"]} == {"certificate", "crl"}
    assert all(item.content for item in verdict.evidence())
    assert {name for name, _ in verdict.engines} >= {"axis", "lxml", "cryptography", "pyhanko-certvalidator"}


@pytest.mark.parametrize(
    ("label", "policy", "level", "closed", "decision"),
    [
        ("agency", pki.SOFT, Level.REQUIRE, False, Decision.ACCEPT_WARNED),
        ("agency", pki.HARD, Level.REQUIRE, False, Decision.ACCEPT_WARNED),
        ("agency", pki.HARD, Level.REQUIRE, True, Decision.WAIT),
        ("agency", pki.HARD, Level.OFF, True, Decision.ACCEPT),
        ("unchained", pki.HARD, Level.REQUIRE, False, Decision.REFUSE),
        ("unchained", pki.HARD, Level.WARN, False, Decision.ACCEPT_WARNED),
        ("other", pki.HARD, Level.REQUIRE, True, Decision.REFUSE),
        ("other", pki.HARD, Level.REPORT, False, Decision.ACCEPT),
        ("expired", pki.HARD, Level.REQUIRE, False, Decision.REFUSE),
    ],
)
def test_what_intake_does(label: str, policy: object, level: Level, closed: bool, decision: Decision) -> None:
    verdict = verify_bytes(signed(label), pki.judge(policy), pki.AT)  # type: ignore[arg-type]
    assert decide(verdict, level, fail_closed=closed) is decision


def test_require_refuses_what_is_unsigned_and_accepts_what_is_valid() -> None:
    assert decide(verify_bytes(envelope(), judge(), pki.AT), Level.REQUIRE) is Decision.REFUSE
    assert decide(verify_bytes(signed(), judge(), pki.AT), Level.REQUIRE) is Decision.ACCEPT


def test_a_file_is_told_by_its_bytes(tmp_path: Path) -> None:
    samples = {
        "a.txt": (papers.signed(), FileKind.PDF, Overall.VALID),
        "b.pdf": (signed(), FileKind.EDXML, Overall.VALID),
        "c.xml": (b"<a/>", FileKind.XML, Overall.UNSIGNED),
        "d.doc": (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(100), FileKind.OTHER, Overall.INDETERMINATE),
        "e": (b"", FileKind.OTHER, Overall.INDETERMINATE),
        "f.xml": (b"<a", FileKind.UNREADABLE, Overall.INDETERMINATE),
        "g.pdf": (b"%PDF-1.7 nothing", FileKind.UNREADABLE, Overall.INDETERMINATE),
        "h.docx": (b"PK\x03\x04 nothing", FileKind.UNREADABLE, Overall.INDETERMINATE),
    }
    for name, (content, kind, overall) in samples.items():
        path = tmp_path / name
        path.write_bytes(content)
        verdict = verify_file(path, judge(), pki.AT)
        assert (verdict.kind, verdict.overall, verdict.name) == (kind, overall, name)
        assert verdict.sha256 == verify_bytes(content, judge(), pki.AT).sha256 != ""


def office(change: bytes = b"", *, sign: bool = True) -> bytes:
    """A small Office file, signed as Office does: a manifest of parts in an Object."""
    ds = "http://www.w3.org/2000/09/xmldsig#"
    text, relations = b"<document>12/QD</document>", b"<Relationships/>"

    def digest(content: bytes) -> str:
        return base64.b64encode(hashlib.sha256(content).digest()).decode()

    method = '<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
    package = (
        f'<Object Id="idPackageObject"><Manifest><Reference URI="/word/document.xml?ContentType=x">{method}'
        f"<DigestValue>{digest(text)}</DigestValue></Reference>"
        '<Reference URI="/_rels/.rels?ContentType=x"><Transforms>'
        '<Transform Algorithm="urn:relationships"/></Transforms>'
        f"{method}<DigestValue>{digest(relations)}</DigestValue></Reference></Manifest></Object>"
    )
    inclusive = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
    canonical = etree.tostring(etree.fromstring(package.replace("<Object", f'<Object xmlns="{ds}"')), method="c14n")
    info = (
        f'<SignedInfo><CanonicalizationMethod Algorithm="{inclusive}"/>'
        '<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>'
        f'<Reference Type="{ds}Object" URI="#idPackageObject">{method}'
        f"<DigestValue>{digest(canonical)}</DigestValue></Reference>"
        "</SignedInfo>"
    )
    signer = pki.signer("agency")
    value = signer.sign(
        etree.tostring(etree.fromstring(info.replace("<SignedInfo", f'<SignedInfo xmlns="{ds}"')), method="c14n")
    )
    certificate = base64.b64encode(signer.chain[0].der).decode()
    xml = (
        f'<Signature xmlns="{ds}" Id="idPackageSignature">{info}<SignatureValue>{base64.b64encode(value).decode()}'
        f"</SignatureValue><KeyInfo><X509Data><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo>{package}</Signature>"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", text + change)
        archive.writestr("_rels/.rels", relations)
        if sign:
            archive.writestr("_xmlsignatures/sig1.xml", xml)
    return out.getvalue()


def test_a_signed_office_file_is_never_plainly_valid() -> None:
    verdict = verify_bytes(office(), judge(), pki.AT)
    assert (verdict.kind, verdict.overall) == (FileKind.OOXML, Overall.INDETERMINATE)
    words = [c.reason for c in verdict.all_checks() if c.outcome is Outcome.UNKNOWN]
    assert words == ["parts_not_checked"]
    assert verdict.signatures[0].signatory is not None


def test_a_changed_office_file_is_invalid_and_an_unsigned_one_unsigned() -> None:
    assert verify_bytes(office(b" "), judge(), pki.AT).overall is Overall.INVALID
    assert verify_bytes(office(sign=False), judge(), pki.AT).overall is Overall.UNSIGNED


def test_a_packages_word_is_the_worst_of_its_parts() -> None:
    good, bare = verify_bytes(signed(), judge(), pki.AT), verify_bytes(envelope(), judge(), pki.AT)
    bad, open_ = verify_bytes(signed("other"), judge(), pki.AT), verify_bytes(office(), judge(), pki.AT)
    words = {
        (Overall.VALID,): combine(good, []),
        (Overall.VALID, "all"): combine(good, [good]),
        (Overall.VALID_WITH_WARNINGS,): combine(good, [bare]),
        (Overall.UNSIGNED,): combine(bare, [bare]),
        (Overall.INDETERMINATE,): combine(good, [bare, open_]),
        (Overall.INVALID,): combine(good, [open_, bad]),
    }
    for (expected, *_), verdict in words.items():
        assert verdict.overall is expected
    assert isinstance(words[Overall.INVALID,], Verdict)
    assert len(words[Overall.INVALID,].parts) == 2
    assert json.loads(words[Overall.INVALID,].to_json())["parts"][1]["overall"] == "invalid"


# --- trust stores and signers -----------------------------------------------------------------------------------------


def pem(label: str) -> bytes:
    return pki.certificate(label).crypto.public_bytes(serialization.Encoding.PEM)


def test_a_folder_becomes_a_trust_store(tmp_path: Path) -> None:
    (tmp_path / "tsa").mkdir()
    (tmp_path / "both.pem").write_bytes(pem("root") + pem("interm"))
    (tmp_path / "second.der").write_bytes(pki.certificate("root2").der)
    (tmp_path / "tsa" / "foreign.crt").write_bytes(pem("foreign"))
    (tmp_path / "list.crl").write_bytes(pki.crl("interm"))
    (tmp_path / "answer.ocsp").write_bytes(pki.ocsp("agency"))
    (tmp_path / "README.txt").write_text("not read")
    store = load_trust_store(tmp_path)
    assert {c.name for c in store.anchors_for(Purpose.AGENCY)} == {"Root G1", "Root G2"}
    assert {c.name for c in store.anchors_for(Purpose.TSA)} == {"Root G1", "Root G2", "Foreign Root"}
    assert {c.name for c in store.intermediates_for(Purpose.TLS)} == {"Specialised CA G1"}
    assert (len(store.revocation.crls), len(store.revocation.ocsps)) == (1, 1)
    assert store.fingerprint() == load_trust_store(tmp_path).fingerprint() != pki.trust_store().fingerprint()
    verdict = verify_bytes(signed(), Judge(store, pki.SOFT, pki.ORGANISATIONS), pki.AT)
    assert verdict.overall is Overall.VALID_WITH_WARNINGS  # the root's own list is missing


@pytest.mark.parametrize(
    ("name", "content"), [("a.pem", b"x"), ("a.der", b""), ("a.crl", b"x"), ("a.ocsp", b"\x30\x00")]
)
def test_a_broken_file_in_a_trust_store_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Malformed) as caught:
        load_trust_store(tmp_path)
    assert name in str(caught.value)


def test_a_missing_trust_store_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Malformed):
        load_trust_store(tmp_path / "none")


def test_organisations_are_recognised_by_identifier_and_name() -> None:
    agency = pki.certificate("agency")
    assert pki.ORGANISATIONS.code_of(agency) == "H24.11"
    assert pki.ORGANISATIONS.code_of(pki.certificate("person")) == "H24.11"
    assert pki.ORGANISATIONS.code_of(pki.certificate("stranger")) == ""
    shared = Organisations.of(Organisation(code=code, names=("SỞ Y TẾ  thành phố Hải Phòng",)) for code in ("A", "B"))
    assert shared.code_of(agency) == ""
    assert Organisations.of([Organisation(code="A", names=("SỞ Y TẾ  thành phố Hải Phòng",))]).code_of(agency) == "A"


def test_days_left() -> None:
    assert days_left(pki.certificate("expired"), pki.NOW) == -3


def test_signers_come_from_pem_and_pkcs12() -> None:
    key, chain = pki.private_key("agency"), pem("interm") + pem("agency")
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pw")
    )
    bundle = pkcs12.serialize_key_and_certificates(
        b"agency", key, pki.certificate("agency").crypto,
        [pki.certificate("interm").crypto, pki.certificate("root").crypto],
        serialization.BestAvailableEncryption(b"pw"),
    )  # fmt: skip
    for signer in (load_signer(key_pem, chain, password=b"pw"), load_signer(bundle, password=b"pw")):
        assert [c.name for c in signer.chain] == [pki.AGENCY_NAME, "Specialised CA G1"]
        assert "key" not in repr(signer).lower().replace("keysigner", "")
        assert verify_bytes(sign_envelope(envelope(), signer), judge(), pki.AT).overall is Overall.VALID
    for wrong in ((key_pem, chain, b"no"), (key_pem, pem("interm"), b"pw"), (b"x", b"", None), (bundle, b"", b"no")):
        with pytest.raises(Malformed):
            load_signer(wrong[0], wrong[1], password=wrong[2])


def test_a_judge_remembers_and_still_sees_a_later_moment() -> None:
    shared = Judge(pki.trust_store(), pki.HARD, pki.ORGANISATIONS, pki.crls())
    assert verify_bytes(signed(), shared, pki.AT).overall is Overall.VALID
    later = replace(pki.AT, at=pki.NOW + pki.days(40))
    assert verify_bytes(signed(), shared, later).overall is Overall.INDETERMINATE
    expired = replace(pki.AT, at=pki.NOW + pki.days(2000))
    assert "expired_unproven" in [c.reason for c in verify_bytes(signed(), shared, expired).all_checks()]
    assert verify_bytes(signed(), shared, pki.AT).overall is Overall.VALID


def test_revocation_data_adds_up_without_repeats() -> None:
    one = RevocationData(crls=(b"a",), ocsps=(b"b",))
    assert one + one == one


def circle(count: int) -> tuple[Certificate, ...]:
    """Authorities' certificates of one key under two names, each issued by the other."""
    key, made = ec.generate_private_key(ec.SECP256R1()), []
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("A", "B")]
    for number in range(count):
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[number % 2])
            .issuer_name(names[1 - number % 2])
            .public_key(key.public_key())
            .serial_number(number + 1)
            .not_valid_before(pki.NOW - pki.days(1))
            .not_valid_after(pki.NOW + pki.days(1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        )
        made.append(parse_certificate(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)))
    return tuple(made)


def test_a_strangers_certificates_cannot_multiply_the_paths() -> None:
    """Path building tries all orders: ten certificates that issue each other would take it hours."""
    certificates = circle(20)
    kept = helpful(certificates[0], certificates[1:], frozenset())
    assert len(kept) == 4
    use = Use(leaf=certificates[0], others=certificates[1:], at=pki.NOW)
    assert "authority_signs" in [c.reason for c in judge().judge(use).checks]


def test_a_strangers_root_and_copies_of_ours_are_not_used() -> None:
    agency, interm, root = (pki.certificate(label) for label in ("agency", "interm", "root"))
    assert helpful(agency, [root, interm, agency], frozenset()) == (interm,)
    assert helpful(agency, [root, interm], frozenset([interm])) == ()


@pytest.mark.parametrize(
    ("label", "said"), [("tsa", []), ("tsa-no-eku", ["usage_wrong"]), ("tsa-lax-eku", ["usage_wrong"])]
)
def test_only_a_certificate_for_nothing_but_timestamps_stamps(label: str, said: list[str]) -> None:
    use = Use(leaf=pki.certificate(label), purpose=Purpose.TSA, at=pki.NOW)
    assert [c.reason for c in judge().judge(use).checks if c.reason] == said


def test_a_cms_structure_whose_unsigned_fields_contradict_is_refused() -> None:
    token = cms.ContentInfo.load(pki.token(bytes(32)))
    assert read_cms(token.dump(), Bounds()).content_type == "tst_info"
    token["content"]["digest_algorithms"] = [{"algorithm": "sha512"}]
    with pytest.raises(Flaw) as caught:
        read_cms(token.dump(), Bounds())
    assert caught.value.detail == "digestAlgorithms"
