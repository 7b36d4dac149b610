"""What people sign and how it is judged: the good cases, the vendors' files, the large ones."""

import base64
import io
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from axis.errors import Malformed
from axis.trust.c14n import CanonicalStream, Form, Method, StreamBounds
from axis.trust.certs import Purpose
from axis.trust.envelope import verify_envelope
from axis.trust.model import Coverage, FileKind, Indication, Overall, SignerKind
from axis.trust.occasion import Occasion
from axis.trust.policy import Bounds
from axis.trust.sealing import Xades, attach_timestamp, sign_envelope, timestamp_content
from axis.trust.timestamps import build_request, check_reply
from tests.trust import pki
from tests.trust.samples import envelope

JUDGE_ARGUMENTS = (pki.SOFT,)


def judge() -> object:
    return pki.judge(pki.SOFT, pki.crls())


def reasons(verdict: object) -> list[str]:
    return [check.reason for check in verdict.all_checks() if check.reason]  # type: ignore[attr-defined]


@pytest.mark.parametrize("label", ["agency", "agency-ec", "agency-384", "agency2"])
def test_what_we_sign_is_valid_under_either_root(label: str) -> None:
    verdict = verify_envelope(sign_envelope(envelope(), pki.signer(label)), judge(), pki.AT)
    assert verdict.overall is Overall.VALID
    (signature,) = verdict.signatures
    assert signature.indication is Indication.TOTAL_PASSED
    assert signature.coverage is Coverage.WHOLE_FILE
    assert signature.signatory is not None
    assert (signature.signatory.kind, signature.signatory.organ_code) == (SignerKind.AGENCY, "H24.11")
    assert len(signature.chain) == 3
    assert {item.kind for item in verdict.evidence()} == {"certificate", "crl"}


def test_pss_is_valid() -> None:
    verdict = verify_envelope(sign_envelope(envelope(), pki.signer("agency", pss=True)), judge(), pki.AT)
    assert verdict.overall is Overall.VALID
    assert verdict.signatures[0].algorithm == "rsa-pss-sha256"


def test_signing_changes_no_other_byte() -> None:
    raw = envelope()
    signed = sign_envelope(raw, pki.signer("agency"))
    assert re.sub(rb"<Signature xmlns=.*</Signature>", b"", signed, flags=re.DOTALL) == raw
    parent = next(etree.fromstring(signed).iter("{http://www.w3.org/2000/09/xmldsig#}Signature")).getparent()
    assert parent is not None
    assert parent.tag.endswith("}edXMLHeader")


def test_white_space_before_the_file_does_not_matter() -> None:
    signed = b"\r\n \n" + sign_envelope(envelope(), pki.signer("agency"))
    assert verify_envelope(signed, judge(), pki.AT).overall is Overall.VALID
    again = sign_envelope(b"\n" + envelope(), pki.signer("agency"))
    assert verify_envelope(again, judge(), pki.AT).overall is Overall.VALID


def test_a_missing_intermediate_comes_from_the_trust_store() -> None:
    signed = sign_envelope(envelope(), pki.signer("agency", with_chain=False))
    assert verify_envelope(signed, judge(), pki.AT).overall is Overall.VALID
    bare = pki.judge(pki.SOFT, pki.crls(), pki.trust_store(intermediates=()))
    assert verify_envelope(signed, bare, pki.AT).overall is Overall.INDETERMINATE


def test_a_purpose_has_its_own_anchors() -> None:
    store = pki.trust_store(roots=("root",))
    signed = sign_envelope(envelope(), pki.signer("agency"))
    for purpose in Purpose:
        only = replace(store, anchors=tuple(row for row in store.anchors if row[0] is purpose))
        # Of a package: signed by an agency or its software. Of any other XML file: as the occasion says.
        package = verify_envelope(signed, pki.judge(pki.SOFT, pki.crls(), only), pki.AT)
        good = purpose in (Purpose.AGENCY, Purpose.SYSTEM)
        assert package.overall is (Overall.VALID if good else Overall.INDETERMINATE)


def test_an_organisation_above_signs_with_a_reservation_and_no_other_one_signs() -> None:
    signed = sign_envelope(envelope(), pki.signer("agency"))  # of H24.11
    unit = Occasion(at=pki.NOW, senders=frozenset({"H24.11.3"}), superiors=frozenset({"H24", "H24.11"}))
    verdict = verify_envelope(signed, judge(), unit)
    assert (verdict.overall, reasons(verdict)[-1]) == (Overall.VALID_WITH_WARNINGS, "superior_signed")
    for sender, above in (("H24.15.1", {"H24", "H24.15"}), ("H24", set())):  # neither beside nor below
        occasion = Occasion(at=pki.NOW, senders=frozenset({sender}), superiors=frozenset(above))
        verdict = verify_envelope(signed, judge(), occasion)
        assert (verdict.overall, reasons(verdict)[-1]) == (Overall.INVALID, "other_organisation")


def test_without_revocation_data_soft_warns_and_hard_waits() -> None:
    signed = sign_envelope(envelope(), pki.signer("agency"))
    soft = verify_envelope(signed, pki.judge(pki.SOFT), pki.AT)
    assert soft.overall is Overall.VALID_WITH_WARNINGS
    assert "revocation_not_checked" in reasons(soft)
    hard = verify_envelope(signed, pki.judge(pki.HARD), pki.AT)
    assert hard.overall is Overall.INDETERMINATE
    assert hard.waits_for_evidence


def test_a_timestamp_gives_the_proven_time() -> None:
    signed = sign_envelope(envelope(), pki.signer("agency"), Xades(signing_time=pki.NOW))
    request = build_request(timestamp_content(signed))
    token, finding = check_reply(pki.timestamp(request.der), request, judge(), pki.NOW)
    assert finding.proven_at == pki.NOW
    later = replace(pki.AT, at=pki.NOW + timedelta(days=5))
    verdict = verify_envelope(attach_timestamp(signed, token), judge(), later)
    assert verdict.overall is Overall.VALID
    assert verdict.signatures[0].proven_at == pki.NOW == verdict.signatures[0].judged_at
    with pytest.raises(Malformed):
        attach_timestamp(attach_timestamp(signed, token), token)


def test_a_reply_to_another_request_is_refused() -> None:
    mine, other = build_request(b"mine"), build_request(b"mine")
    token, finding = check_reply(pki.timestamp(other.der), mine, judge(), pki.NOW)
    assert (token, finding.proven_at) == (b"", None)
    token, finding = check_reply(b"<html>502</html>", mine, judge(), pki.NOW)
    assert (token, finding.proven_at) == (b"", None)


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        (timedelta(), None),
        (timedelta(hours=7), "time_seven_hours"),
        (timedelta(hours=9), "time_in_future"),
        (timedelta(hours=-30), None),
    ],
)
def test_local_time_written_as_utc_is_recognised(ahead: timedelta, expected: str | None) -> None:
    signed = sign_envelope(envelope(), pki.signer("agency"), Xades(signing_time=pki.NOW + ahead))
    found = reasons(verify_envelope(signed, judge(), pki.AT))
    assert [word for word in found if word != "time_unproven"] == ([expected] if expected else [])


DUMMY = (
    "<Signature><SignedInfo/><SignatureValue>dummy</SignatureValue></Signature>",
    '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>',
    '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo/><ds:SignatureValue/></ds:Signature>',
    "<edXML:Signature>x</edXML:Signature>",
)


@pytest.mark.parametrize("dummy", DUMMY)
def test_a_vendors_dummy_signature_counts_as_none(dummy: str) -> None:
    verdict = verify_envelope(envelope(signature=dummy), judge(), pki.AT)
    assert verdict.overall is Overall.UNSIGNED
    assert reasons(verdict) == ["signature_unusable"]


def test_a_file_without_signature_is_unsigned() -> None:
    verdict = verify_envelope(envelope(), judge(), pki.AT)
    assert (verdict.overall, verdict.kind, reasons(verdict)) == (Overall.UNSIGNED, FileKind.EDXML, [])


def test_a_dummy_is_signed_over_like_any_content() -> None:
    signed = sign_envelope(envelope(signature=DUMMY[0]), pki.signer("agency"))
    assert verify_envelope(signed, judge(), pki.AT).overall is Overall.VALID


@pytest.mark.parametrize(
    "raw",
    [
        b"no xml",
        b"<a/>",
        envelope().replace(b"<edXML:To>", b"<!--x--><edXML:To>"),
        b"junk" + envelope(),
        envelope().replace(b"<edXML xmlns", b"<!DOCTYPE e><edXML xmlns", 1),
        envelope().decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    ],
    ids=["no-xml", "no-header", "comment", "junk", "dtd", "utf-16"],
)
def test_what_no_signature_could_cover_is_not_signed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        sign_envelope(raw, pki.signer("agency"))


def test_a_signed_file_is_not_signed_again() -> None:
    with pytest.raises(Malformed):
        sign_envelope(sign_envelope(envelope(), pki.signer("agency")), pki.signer("agency"))


# --- large files ------------------------------------------------------------------------------------------------------

STREAMED = replace(pki.SOFT, bounds=Bounds(tree_bytes=0))


@pytest.mark.parametrize("change", [b"", b"H24.15", b"VGjhu60g", b"</edXML>"])
def test_a_streamed_file_is_judged_like_a_small_one(change: bytes) -> None:
    signed = sign_envelope(envelope(), pki.signer("agency"), Xades(signing_time=pki.NOW))
    raw = signed.replace(change, change[:-1] + b" " + change[-1:]) if change else signed
    small = verify_envelope(raw, pki.judge(pki.SOFT, pki.crls()), pki.AT)
    streamed = verify_envelope(raw, pki.judge(STREAMED, pki.crls()), pki.AT)
    assert replace(small, policy="") == replace(streamed, policy="")


def test_a_long_attachment_is_covered_to_its_last_byte(tmp_path: Path) -> None:
    content = base64.b64encode(bytes(6 << 20)).decode()
    signed = sign_envelope(envelope(content=content), pki.signer("agency"))
    path = tmp_path / "large.edxml"
    path.write_bytes(signed)
    assert verify_envelope(path, judge(), pki.AT).overall is Overall.VALID
    at = signed.rindex(b"AAAA</edXML:ContentTransferEncoded>")
    path.write_bytes(signed[:at] + b"AAAB" + signed[at + 4 :])
    verdict = verify_envelope(path, judge(), pki.AT)
    assert reasons(verdict) == ["digest_mismatch"]


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        (Bounds(xml_bytes=100), "too_large"),
        (Bounds(tree_bytes=0, skeleton_bytes=100), "too_large"),
        (Bounds(depth=3), "too_large"),
        (Bounds(tree_bytes=0, depth=3), "too_large"),
    ],
)
def test_a_file_beyond_a_bound_is_refused_by_name(bounds: Bounds, reason: str) -> None:
    verdict = verify_envelope(envelope(), pki.judge(replace(pki.SOFT, bounds=bounds)), pki.AT)
    assert (verdict.overall, reasons(verdict)) == (Overall.INDETERMINATE, [reason])


# --- canonical forms --------------------------------------------------------------------------------------------------

_NAMES = st.sampled_from(["a", "p:b", "q:c", "d"])
_URIS = st.sampled_from(["urn:1", "urn:2"])
_TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n &<>\"'"), max_size=8
)


@st.composite
def elements(draw: st.DrawFn, depth: int = 0) -> str:
    """A random element; the prefixes p and q are bound above."""
    name = draw(_NAMES)
    spaces = {
        "xmlns": draw(st.none() | _URIS | st.just("")),
        "xmlns:p": draw(st.none() | _URIS),
        "xmlns:r": draw(st.none() | _URIS),
    }
    attributes = {key: draw(st.none() | _TEXTS) for key in ("z", "p:y", "xml:lang", "b")}
    written = "".join(
        f" {key}={quoteattr(value, {chr(10): '&#10;', chr(9): '&#9;', chr(13): '&#13;'})}"
        for key, value in {**spaces, **attributes}.items()
        if value is not None
    )
    inner = [escape(draw(_TEXTS))]
    if depth < 3:
        for _ in range(draw(st.integers(0, 3))):
            inner += [draw(elements(depth + 1)), escape(draw(_TEXTS))]
    return f"<{name}{written}>{''.join(inner)}</{name}>"


@settings(max_examples=150, deadline=None)
@given(elements(), st.sampled_from(list(Method)))
def test_the_stream_gives_the_canonical_form_of_libxml2(element: str, method: Method) -> None:
    raw = f'<root xmlns:p="urn:p" xmlns:q="urn:q">{element}</root>'.encode()
    out: list[bytes] = []
    bounds = StreamBounds(skeleton_chars=1 << 20, depth=20)
    skeleton = CanonicalStream(Form(method=method), 0, out.append, bounds).run(io.BytesIO(raw))
    tree = etree.fromstring(raw).getroottree()
    assert b"".join(out) == etree.tostring(tree, method="c14n", exclusive=method.exclusive, with_comments=False)
    again = etree.fromstring(skeleton).getroottree()
    assert etree.tostring(again, method="c14n") == etree.tostring(tree, method="c14n")
