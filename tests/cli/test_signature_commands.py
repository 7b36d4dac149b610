"""Files are signed and judged at a terminal; what is not right is never called valid, and the exit code says so."""

import base64
import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from axis.clock import SystemClock
from axis.demo.documents import Desk, Draft
from axis.demo.paper import Letter, make_pdf
from axis.demo.pki import Seal, load_pair
from axis.edxml.writer import to_bytes
from tests.cli.conftest import SAMPLES, Home, Ran, run_inside
from tests.cli.sealed import Sealed, sealed, serving
from tests.trust.live import Live, live_authority


@pytest.fixture
def city() -> Sealed:
    return sealed()


def verify(file: Path, *more: object) -> Ran:
    return run_inside("verify", file, "--trust", sealed().pki.trust, "--offline", *more)


def written(folder: Path, content: bytes, name: str = "van-ban.edxml") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def paper() -> bytes:
    now = SystemClock().now()
    return make_pdf(
        Letter(
            issuer="Sở Xây dựng", place="Hải Phòng", number="1/SXD", day=now.date(), subject="V/v", receivers=("Sở",),
            paragraphs=("Nội dung.",), position="Giám đốc", signer="Nguyễn Văn Mẫu",
        )
    )  # fmt: skip


def reasons(ran: Ran) -> set[str]:
    """Every reason that a verdict gives, its files' included."""

    def walk(verdict: dict[str, object]) -> set[str]:
        found = {str(check.get("reason", "")) for check in verdict.get("checks", [])}  # type: ignore[attr-defined]
        for inner in (*verdict.get("signatures", []), *verdict.get("parts", [])):  # type: ignore[misc]
            found |= walk(inner)
        return found - {""}

    return walk(json.loads(ran.out))


# --- verify -----------------------------------------------------------------------------------------------------------


def test_a_package_with_its_pdf_is_judged_for_programs_and_for_people(city: Sealed, tmp_path: Path) -> None:
    file = written(tmp_path, city.letter())
    ran = verify(file, "--json", "--hard")
    assert ran.code == 0, ran.out
    found = ran.json
    assert (found["kind"], found["overall"], found["name"]) == ("edxml", "valid", "van-ban.edxml")
    (part,) = found["parts"]
    assert (part["kind"], part["overall"], len(part["signatures"])) == ("pdf", "valid", 2)
    assert {one["signatory"]["kind"] for one in part["signatures"]} == {"person", "agency"}
    # RFC 8785: sorted keys, no space.
    assert ran.out.strip() == json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    told = verify(file, "--hard")
    assert told.code == 0
    for words in ("Chữ ký hợp lệ", "Nguyễn Văn Mẫu", "cá nhân", "Sở Xây dựng", "H24.3", "toàn bộ tệp", "✓ Toàn vẹn"):
        assert words in told.out
    assert "✗" not in told.out
    assert "Signature valid" in verify(file, "--hard", "--lang", "en").out


def test_what_is_not_signed_is_for_information_only(tmp_path: Path) -> None:
    ran = verify(SAMPLES / "new.edxml")
    assert ran.code == 1
    assert "Chưa ký số – chỉ để biết, tham khảo" in ran.out
    assert "signature_unusable" in reasons(verify(SAMPLES / "new.edxml", "--json"))
    pdf = verify(written(tmp_path, paper(), "a.pdf"), "--json")
    assert (pdf.code, pdf.json["overall"]) == (1, "unsigned")


def test_a_changed_subject_makes_it_invalid_and_says_why(city: Sealed, tmp_path: Path) -> None:
    raw = city.letter()
    ran = verify(written(tmp_path, raw.replace("kiểm tra chữ ký".encode(), "kiểm tra chữ kỷ".encode(), 1)))
    assert ran.code == 1
    assert "Không hợp lệ" in ran.out
    assert "✗ Toàn vẹn" in ran.out


def test_a_file_changed_inside_a_package_is_found_by_both_signatures(city: Sealed, tmp_path: Path) -> None:
    raw = city.letter()
    start = raw.index(b"JVBERi0")
    changed = bytearray(base64.b64decode(raw[start : raw.index(b"<", start)]))
    changed[200] ^= 1
    end = raw.index(b"<", start)
    ran = verify(written(tmp_path, raw[:start] + base64.b64encode(changed) + raw[end:]), "--json")
    assert (ran.code, ran.json["overall"], ran.json["parts"][0]["overall"]) == (1, "invalid", "invalid")


@pytest.mark.parametrize("content", [b"\x00\x01\x02" * 500, b"", b"<edXML><broken", b"%PDF-1.7\nnothing of one"])
def test_what_cannot_be_read_ends_with_two(tmp_path: Path, content: bytes) -> None:
    assert verify(written(tmp_path, content, "a.bin")).code == 2


def test_a_package_without_sense_is_unreadable_unless_its_signature_is_broken(city: Sealed, tmp_path: Path) -> None:
    raw = city.letter(signed=False)
    senseless = raw.replace(b"</edXML:MessageHeader>", b"</edXML:MessageHeader><edXML:MessageHeader/>", 1)
    assert senseless != raw
    assert verify(written(tmp_path, senseless)).code == 2
    signed = city.seals.sign_package(raw, "H24.3", Seal.AGENCY)
    broken = signed.replace(b"</edXML:MessageHeader>", b"</edXML:MessageHeader><edXML:MessageHeader/>", 1)
    ran = verify(written(tmp_path, broken), "--json")
    assert (ran.code, ran.json["overall"]) == (1, "invalid")


def test_without_revocation_data_it_is_a_remark_or_with_hard_unknown(city: Sealed, tmp_path: Path) -> None:
    file = written(tmp_path, city.letter())
    trust = city.trust_without_crls(tmp_path / "trust")
    soft = run_inside("verify", file, "--trust", trust, "--offline", "--json")
    assert (soft.code, soft.json["overall"]) == (0, "valid-with-warnings")
    assert "revocation_not_checked" in reasons(soft)
    hard = run_inside("verify", file, "--trust", trust, "--offline", "--json", "--hard")
    assert (hard.code, hard.json["overall"]) == (1, "indeterminate")


def test_nobody_is_trusted_whose_root_is_missing(city: Sealed, tmp_path: Path) -> None:
    (tmp_path / "trust").mkdir()
    shutil.copy(city.pki.authority("root-g2"), tmp_path / "trust")
    ran = run_inside("verify", written(tmp_path, city.letter()), "--trust", tmp_path / "trust", "--offline", "--json")
    assert (ran.code, ran.json["overall"]) == (1, "indeterminate")
    assert "chain_unknown" in reasons(ran)


def test_the_moment_can_be_chosen(city: Sealed, tmp_path: Path) -> None:
    file = written(tmp_path, city.letter())
    now = SystemClock().now()
    early = verify(file, "--at", (now - timedelta(days=400)).isoformat(), "--json")
    assert (early.code, "not_yet_valid" in reasons(early)) == (1, True)
    late = verify(file, "--at", "2099-01-01T00:00:00Z", "--json")
    assert (late.code, late.json["overall"]) == (1, "indeterminate")
    local = verify(file, "--at", "2099-01-01T07:00:00", "--json")  # Vietnamese time, when nothing else is said
    assert local.json["at"] == late.json["at"] == "2099-01-01T00:00:00Z"
    assert verify(file, "--at", "tomorrow").code == 2


def test_another_senders_signature_is_found(city: Sealed, tmp_path: Path) -> None:
    foreign = city.seals.sign_package(city.letter(signed=False), "H24.42", Seal.AGENCY)
    ran = verify(written(tmp_path, foreign), "--json")
    assert (ran.code, reasons(ran) & {"organisation_unknown", "other_organisation"} != set()) == (0, True)
    file = written(tmp_path, city.letter())
    assert verify(file, "--sender", "H24.3").code == 0
    stranger = verify(file, "--sender", "H24.5", "--json")
    assert "organisation_unknown" in reasons(stranger)


def test_a_node_judges_by_its_own_folder_and_knows_its_organisations(city: Sealed, home: Home, tmp_path: Path) -> None:
    file = written(tmp_path, city.letter())
    assert home.axis("verify", file, "--offline").code == 1  # it trusts nobody yet
    shutil.copytree(city.pki.trust, home.path / "trust")
    ran = home.axis("verify", file, "--offline", "--hard", "--json")
    assert (ran.code, ran.json["overall"]) == (0, "valid")
    foreign = city.seals.sign_package(city.letter(signed=False), "H24.42", Seal.AGENCY)
    ran = home.axis("verify", written(tmp_path, foreign, "b.edxml"), "--offline", "--json")
    assert (ran.code, ran.json["overall"]) == (1, "invalid")
    assert "other_organisation" in reasons(ran)


def test_a_node_without_revocation_data_is_asked_softly_unless_hard_is_said(
    city: Sealed, home: Home, tmp_path: Path
) -> None:
    file = written(tmp_path, city.letter())
    city.trust_without_crls(home.path / "trust")
    soft = home.axis("verify", file, "--offline", "--json")
    assert (soft.code, soft.json["overall"]) == (0, "valid-with-warnings")
    hard = home.axis("verify", file, "--offline", "--json", "--hard")
    assert (hard.code, hard.json["overall"]) == (1, "indeterminate")


def test_somebody_has_to_be_trusted(city: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AXIS_CONFIG", raising=False)
    file = written(tmp_path, city.letter())
    assert run_inside("verify", file, "--offline").code == 2
    assert run_inside("verify", file, "--offline", "--trust", tmp_path / "none").code == 2
    assert verify(tmp_path / "none.edxml").code == 2


def test_a_missing_crl_is_fetched_once(city: Sealed, tmp_path: Path) -> None:
    trust = city.trust_without_crls(tmp_path / "trust")
    for root in ("root-g1", "root-g2"):
        shutil.copy(city.pki.authority(root).with_suffix(".crl"), trust)
    crl = city.pki.authority("ca-g1").with_suffix(".crl").read_bytes()
    with serving(crl) as (url, asked):
        key, certificate = city.pair_with_crl_address(tmp_path, f"{url}/ca-g1.crl")
        plain = written(tmp_path, city.plain_letter())
        signed = tmp_path / "signed.edxml"
        assert run_inside("sign", plain, "--key", key, "--cert", certificate, "--out", signed).code == 0

        def judged(*more: object) -> dict[str, object]:
            ran = run_inside("verify", signed, "--trust", trust, "--hard", "--json", *more)
            return {"code": ran.code, "revocation": "revocation_owed" in reasons(ran)}

        assert judged("--offline") == {"code": 1, "revocation": True}
        assert judged() == {"code": 1, "revocation": True}  # a private address that a certificate names is not asked
        assert asked == []
        assert judged("--private") == {"code": 0, "revocation": False}
        assert asked == ["/ca-g1.crl"]


# --- sign -------------------------------------------------------------------------------------------------------------


def sign(city: Sealed, file: Path, *more: object) -> Ran:
    pki = city.pki
    return run_inside("sign", file, "--key", pki.key("H24.3"), "--cert", pki.certificate("H24.3"), *more)


def test_a_signed_envelope_is_valid_and_nothing_is_overwritten(city: Sealed, tmp_path: Path) -> None:
    file = written(tmp_path, city.letter(signed=False))
    assert sign(city, file, "--xades").code == 0
    signed = tmp_path / "van-ban.signed.edxml"
    ran = verify(signed, "--json", "--hard")
    assert (ran.code, ran.json["overall"]) == (0, "valid")
    assert ran.json["signatures"][0]["claimed_at"]
    before = signed.read_bytes()
    again = sign(city, file)
    assert (again.code, "nothing was overwritten" in again.err) == (2, True)
    assert sign(city, signed, "--out", tmp_path / "twice.edxml").code == 2  # signed already
    assert (signed.read_bytes(), (tmp_path / "twice.edxml").exists()) == (before, False)


def test_a_pdf_is_signed_by_a_person_and_stamped_by_the_agency(city: Sealed, tmp_path: Path) -> None:
    file = written(tmp_path, paper(), "a.pdf")
    key, certificate = city.pki.key("H24.3", Seal.PERSON), city.pki.certificate("H24.3", Seal.PERSON)
    assert run_inside("sign", file, "--key", key, "--cert", certificate, "--out", tmp_path / "b.pdf").code == 0
    stamp = ("--stamp", "Sở Xây dựng", "--stamp", "Số 1/SXD", "--stamp-at", "72,90", "--stamp-page", "-1")
    assert sign(city, tmp_path / "b.pdf", "--reason", "Phát hành", *stamp, "--out", tmp_path / "c.pdf").code == 0
    ran = verify(tmp_path / "c.pdf", "--json", "--hard", "--sender", "H24.3")
    assert (ran.code, ran.json["overall"], len(ran.json["signatures"])) == (0, "valid", 2)
    once = verify(tmp_path / "b.pdf", "--json", "--hard")
    assert (once.code, once.json["overall"]) == (0, "valid-with-warnings")
    assert "agency_missing" in reasons(once)


def test_a_pkcs12_file_with_its_password_signs(city: Sealed, tmp_path: Path) -> None:
    pair = load_pair(city.pki.certificate("H24.3"))
    content = pkcs12.serialize_key_and_certificates(
        b"so-xd", pair.key, pair.certificate, None, serialization.BestAvailableEncryption(b"mat-khau")
    )
    p12 = written(tmp_path, content, "so-xd.p12")
    password = written(tmp_path, b"mat-khau\n", "password")
    file = written(tmp_path, city.letter(signed=False))
    assert run_inside("sign", file, "--p12", p12, "--password-file", password).code == 0
    assert verify(tmp_path / "van-ban.signed.edxml").code == 0
    assert run_inside("sign", file, "--p12", p12, "--out", tmp_path / "b.edxml").code == 2
    assert not (tmp_path / "b.edxml").exists()


# --- timestamps: a live authority -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> Iterator[Live]:
    with live_authority() as made:
        yield made


@pytest.mark.parametrize("name", ["van-ban.edxml", "van-ban.pdf"])
def test_a_timestamp_goes_into_the_signature(city: Sealed, authority: Live, tmp_path: Path, name: str) -> None:
    content = paper() if name.endswith("pdf") else city.plain_letter()
    file, trust = written(tmp_path, content, name), authority.trust(tmp_path / "trust")
    key, certificate = authority.pair(tmp_path, "agency")
    signing = ("sign", file, "--key", key, "--cert", certificate, "--tsa", authority.tsa(), "--trust", trust)
    ran = run_inside(*signing)
    assert ran.code == 0, ran.err
    signed = file.with_name(f"van-ban.signed{file.suffix}")
    judged = run_inside("verify", signed, "--trust", trust, "--private", "--hard", "--json", "--sender", "H24.11")
    (signature,) = judged.json["signatures"]
    assert signature["indication"] == "TOTAL-PASSED", judged.out
    assert signature["proven_at"] == authority.at.strftime("%Y-%m-%dT%H:%M:%SZ") == signature["judged_at"]
    assert "time_unproven" not in reasons(judged)


@pytest.mark.parametrize("name", ["van-ban.edxml", "van-ban.pdf"])
def test_without_its_timestamp_nothing_is_signed(city: Sealed, authority: Live, tmp_path: Path, name: str) -> None:
    content = paper() if name.endswith("pdf") else city.plain_letter()
    file, trust = written(tmp_path, content, name), authority.trust(tmp_path / "trust")
    key, certificate = authority.pair(tmp_path, "agency")
    before = {path.name for path in tmp_path.iterdir()}

    def signs(url: str, *more: object) -> Ran:
        return run_inside("sign", file, "--key", key, "--cert", certificate, "--tsa", url, *more)

    authority.down = True
    down = signs(authority.tsa(), "--trust", trust)
    authority.down = False
    assert (down.code, "HTTP 503" in down.err) == (1, True), down.err
    foreign = signs(authority.tsa("tsa-foreign"), "--trust", trust)  # nobody here trusts it
    assert (foreign.code, "not trusted" in foreign.err) == (1, True), foreign.err
    nobody = signs("http://127.0.0.1:9/", "--trust", trust)
    assert (nobody.code, "127.0.0.1:9" in nobody.err) == (1, True), nobody.err
    assert signs("ftp://127.0.0.1/", "--trust", trust).code == 1
    assert signs(authority.tsa()).code == 2  # somebody has to be trusted
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "more",
    [
        ("--stamp", "Sở Xây dựng"),
        ("--p12", "whatever.p12"),
        ("--pkcs11-module", "whatever.so", "--pin-file", "van-ban.edxml"),
        ("--out", "van-ban.edxml"),
    ],
)
def test_what_makes_no_sense_is_refused_and_writes_nothing(
    city: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, city.letter(signed=False))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert sign(city, Path("van-ban.edxml"), *more).code == 2
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("more", [("--stamp-at", "left"), ("--stamp-page", "0")])
def test_a_stamp_needs_a_place(city: Sealed, tmp_path: Path, more: tuple[str, ...]) -> None:
    file = written(tmp_path, paper(), "a.pdf")
    assert sign(city, file, "--stamp", "Sở Xây dựng", *more).code == 2


def test_a_key_without_its_certificate_signs_nothing(city: Sealed, tmp_path: Path) -> None:
    file = written(tmp_path, city.letter(signed=False))
    other = city.pki.certificate("H24.42")
    assert run_inside("sign", file, "--key", city.pki.key("H24.3"), "--cert", other).code == 2
    assert run_inside("sign", file, "--key", city.pki.key("H24.3")).code == 2
    assert run_inside("sign", file).code == 2
    assert run_inside("sign", file, "--pkcs11-module", tmp_path / "none.so").code == 2  # without a PIN
    assert run_inside("sign", file, "--pkcs11-module", tmp_path / "none.so", "--pin-file", other).code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["van-ban.edxml"]


# --- pki --------------------------------------------------------------------------------------------------------------


def test_the_demo_hierarchy_signs_and_is_verified_by_the_commands_that_it_prints(tmp_path: Path) -> None:
    ran = run_inside("pki", "demo", tmp_path / "pki", "--json")
    assert (ran.code, "H24.3" in ran.json["agencies"]) == (0, True)
    trust, agency = Path(ran.json["trust"]), tmp_path / "pki" / "agencies" / "H24.3"
    before = (agency / "agency.pem").read_bytes()
    told = run_inside("pki", "demo", tmp_path / "pki")
    assert (agency / "agency.pem").read_bytes() == before
    assert f"--trust {trust} --offline --hard" in told.out
    draft = Draft(sender="H24.3", receivers=("H24.42",), notation="SXD", subject="V/v", body=("Nội dung.",))
    names = {"H24.3": "Sở Xây dựng", "H24.42": "Phường Lê Chân"}
    file = written(tmp_path, to_bytes(Desk(names, SystemClock().now()).letter(draft)))
    key, certificate = agency / "agency.key", agency / "agency.pem"
    assert run_inside("sign", file, "--key", key, "--cert", certificate).code == 0
    ran = run_inside("verify", tmp_path / "van-ban.signed.edxml", "--trust", trust, "--offline", "--hard", "--json")
    assert (ran.code, ran.json["overall"]) == (0, "valid-with-warnings")  # the PDF in it is not signed
    assert ran.json["signatures"][0]["indication"] == "TOTAL-PASSED"
