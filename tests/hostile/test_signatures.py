"""Attacks on envelope signatures: each builds its file; none may come out valid.

Norm: W3C XML Signature Best Practices; the XSW numbers are those of Somorovsky and others, "On Breaking SAML".
"""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lxml import etree

from axis.trust.certs import RevocationData
from axis.trust.envelope import verify_envelope
from axis.trust.model import Coverage, Indication, Overall, Verdict
from axis.trust.occasion import Occasion
from axis.trust.policy import Policy, Revocation
from axis.trust.sealing import Xades, attach_timestamp, sign_envelope, timestamp_content
from tests.trust import pki
from tests.trust.samples import envelope

DS = "http://www.w3.org/2000/09/xmldsig#"
EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
_SIGNATURE = re.compile(rb"<Signature xmlns.*</Signature>", re.DOTALL)


def signed(**xades: datetime) -> bytes:
    """A good package, or one with XAdES properties."""
    return sign_envelope(envelope(), pki.signer("agency"), Xades(**xades) if xades else None)


def verdict(
    raw: bytes, policy: Policy = pki.SOFT, revocation: RevocationData | None = None, occasion: Occasion = pki.AT
) -> Verdict:
    """The verdict with all CRLs at hand."""
    return verify_envelope(raw, pki.judge(policy, revocation or pki.crls()), occasion)


def signature_of(raw: bytes) -> bytes:
    """The bytes of the Signature element."""
    found = _SIGNATURE.search(raw)
    assert found
    return found.group()


def without_signature(raw: bytes) -> bytes:
    """The file without its Signature."""
    return _SIGNATURE.sub(b"", raw)


def resigned(raw: bytes, change: Callable[[bytes], bytes], label: str = "agency") -> bytes:
    """A file whose SignedInfo was changed by one who holds a key: digest and value are computed anew by libxml2.

    So that a test fails for the rule that it is about, not for a digest.
    """
    signature = change(signature_of(raw))
    changed = _SIGNATURE.sub(lambda _: signature, raw)
    root = etree.fromstring(changed)
    for element in root.iter(f"{{{DS}}}SignedInfo"):
        algorithm = element.find(f"{{{DS}}}SignatureMethod").get("Algorithm")
        name = algorithm.rpartition("-")[2]
        canonical = etree.tostring(element, method="c14n", exclusive=True)
        signer = pki.signer(label)
        signer = (
            replace(signer, scheme=replace(signer.scheme, hash_name=name)) if name in ("sha1", "sha512") else signer
        )
        value = base64.b64encode(signer.sign(canonical))
        changed = re.sub(rb"(<SignatureValue>)[^<]*", lambda m: m.group(1) + value, changed)  # noqa: B023 - used at once
    return changed


def fails(raw: bytes, reason: str, **more: object) -> Verdict:
    """Assert that a file is not valid, for a given reason."""
    found = verdict(raw, **more)  # type: ignore[arg-type]
    reasons = [check.reason for check in found.all_checks()]
    assert found.overall in (Overall.INVALID, Overall.INDETERMINATE, Overall.UNSIGNED), reasons
    assert reason in reasons, reasons
    return found


def test_the_untouched_file_is_valid() -> None:
    found = verdict(signed())
    assert found.overall is Overall.VALID
    assert found.signatures[0].coverage is Coverage.WHOLE_FILE


def test_resigning_without_a_change_stays_valid() -> None:
    """The tool of the tests below makes good signatures: what they show is not its own fault."""
    assert verdict(resigned(signed(), lambda s: s)).overall is Overall.VALID


# --- content changed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"H24.15", b"H24.16"),
        (b"VGjhu60g", b"VGjhu61g"),
        (b"a&amp;b.pdf", b"a&amp;b.exe"),
        (b'version="1.0"/>', b'version="1.1"/>'),
        (b"<edXML:Subject>", b"<edXML:Subject> "),
        (b"</AttachmentEncoded>", b"<Attachment/></AttachmentEncoded>"),
        (b"<edXML:To>", b"<edXML:To xmlns:n='urn:n' n:a='1'>"),
        (b"</edXML:MessageHeader>", b"<edXML:To/></edXML:MessageHeader>"),
    ],
    ids=[
        "receiver",
        "attachment",
        "file-name",
        "attribute",
        "white-space",
        "attachment-added",
        "attribute-added",
        "receiver-added",
    ],
)
def test_changed_content_is_found(old: bytes, new: bytes) -> None:
    raw = signed()
    assert raw.count(old) >= 1
    fails(raw.replace(old, new, 1), "digest_mismatch")


def test_removed_content_is_found() -> None:
    raw = re.sub(rb"<Attachment>.*</Attachment>", b"", signed(), flags=re.DOTALL)
    fails(raw, "digest_mismatch")


# --- wrapping ---------------------------------------------------------------------------------------------------------


def partial(identifier: str, target: Callable[[bytes], bytes]) -> bytes:
    """A file whose signature is over one part with an Id, as SAML signs: the start of each wrapping attack."""
    raw = target(envelope())
    root = etree.fromstring(raw)
    part = root.xpath(f"//*[@Id='{identifier}']")[0]
    digest = hashlib.sha256(etree.tostring(part, method="c14n", exclusive=True)).digest()
    body = sign_envelope(raw, pki.signer("agency"))

    def change(signature: bytes) -> bytes:
        signature = signature.replace(b'URI=""', f'URI="#{identifier}"'.encode())
        signature = signature.replace(
            b'<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>', b""
        )
        return re.sub(rb"(<DigestValue>)[^<]*", lambda m: m.group(1) + base64.b64encode(digest), signature)

    return resigned(body, change)


def with_id(raw: bytes) -> bytes:
    return raw.replace(b"<edXML:MessageHeader>", b'<edXML:MessageHeader Id="m">')


FORGED = b"<edXML:MessageHeader%s><edXML:From><edXML:OrganId>H24.66</edXML:OrganId></edXML:From></edXML:MessageHeader>"
_HEADER = re.compile(rb"<edXML:MessageHeader.*</edXML:MessageHeader>", re.DOTALL)


def test_a_signature_over_a_part_is_partial() -> None:
    found = fails(partial("m", with_id), "partial_coverage")
    assert found.signatures[0].coverage is Coverage.PARTIAL


def wrap(position: str, forged_id: bytes) -> bytes:
    """The signed header kept somewhere, a forged one in its place."""
    raw = partial("m", with_id)
    found = _HEADER.search(raw)
    assert found
    original, forged = found.group(), FORGED % forged_id
    if position == "sibling-before":
        return raw.replace(original, forged + original)
    if position == "sibling-after":
        return raw.replace(original, original + forged)
    if position == "child":
        return raw.replace(original, forged.replace(b"</edXML:MessageHeader>", original + b"</edXML:MessageHeader>"))
    raw = raw.replace(original, forged)
    original = b'<w xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016">' + original + b"</w>"
    if position == "object":
        return raw.replace(b"</Signature>", b"<Object>" + original + b"</Object></Signature>")
    if position == "signed-info":
        return raw.replace(b"</SignedInfo>", original + b"</SignedInfo>")
    if position == "key-info":
        return raw.replace(b"</KeyInfo>", original + b"</KeyInfo>")
    if position == "end":
        return raw.replace(b"</edXML>", original + b"</edXML>")
    return raw.replace(b"<AttachmentEncoded>", b"<AttachmentEncoded>" + original)


@pytest.mark.parametrize(
    ("position", "forged_id"),
    [
        ("sibling-before", b' Id="x"'),
        ("sibling-after", b' Id="x"'),
        ("child", b' Id="x"'),
        ("child", b' Id="m"'),
        ("sibling-before", b' Id="m"'),
        ("end", b' Id="x"'),
        ("object", b' Id="x"'),
        ("attachment", b' Id="x"'),
        ("signed-info", b' Id="x"'),
        ("key-info", b' Id="x"'),
    ],
    ids=["xsw1", "xsw2", "xsw3", "xsw4", "xsw5", "xsw6", "xsw7", "xsw8", "in-signed-info", "in-key-info"],
)
def test_wrapping_never_passes(position: str, forged_id: bytes) -> None:
    raw = wrap(position, forged_id)
    assert b"H24.66" in raw
    found = verdict(raw)
    assert found.overall is Overall.INVALID
    assert found.signatures[0].indication is Indication.TOTAL_FAILED


def test_the_whole_signed_file_inside_another_is_no_signature_of_it() -> None:
    inner = signed().partition(b"?>\n")[2]
    raw = envelope().replace(b"</AttachmentEncoded>", inner + b"</AttachmentEncoded>")
    assert verdict(raw).overall is Overall.INVALID


def test_a_signature_taken_to_another_document_fails() -> None:
    signature = signature_of(signed())
    fails(envelope(subject="Khác", signature=signature.decode()), "digest_mismatch")


# --- ids --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Id", "ID", "id", "xml:id"])
def test_an_id_twice_is_refused(name: str) -> None:
    raw = (
        envelope()
        .replace(b"<edXML:From>", b'<edXML:From Id="a">')
        .replace(b"<edXML:To>", f'<edXML:To {name}="a">'.encode())
    )
    fails(sign_envelope(raw, pki.signer("agency")), "duplicate_id")


def test_two_signed_properties_with_one_id_are_refused() -> None:
    raw = signed(signing_time=pki.NOW)
    properties = re.search(rb"<xades:SignedProperties.*</xades:SignedProperties>", raw, re.DOTALL)
    assert properties
    doubled = raw.replace(properties.group(), properties.group() * 2)
    assert verdict(doubled).overall is Overall.INVALID


# --- what the canonical form leaves out -------------------------------------------------------------------------------


def test_a_comment_that_splits_a_text_is_found() -> None:
    fails(signed().replace(b"H24.15", b"H24<!-- -->.15"), "comments_uncovered")


def test_a_comment_between_elements_is_found() -> None:
    fails(signed().replace(b"<edXML:To>", b"<!--x--><edXML:To>"), "comments_uncovered")


def test_a_comment_in_the_signature_is_found() -> None:
    fails(signed().replace(b"<KeyInfo>", b"<!--x--><KeyInfo>"), "comments_uncovered")


def test_a_comment_in_the_signature_value_is_found() -> None:
    raw = re.sub(rb"(<SignatureValue>....)", rb"\1<!---->", signed())
    fails(raw, "comments_uncovered")


def test_a_comment_before_the_root_is_a_warning_not_valid() -> None:
    found = verdict(signed().replace(b"<edXML xmlns", b"<!--x--><edXML xmlns", 1))
    assert found.overall is Overall.VALID_WITH_WARNINGS


@pytest.mark.parametrize("place", [b"<edXML xmlns", b"<edXML:To>", b"<KeyInfo>"])
def test_processing_instructions_are_refused(place: bytes) -> None:
    fails(signed().replace(place, b"<?xml-stylesheet href='x'?>" + place, 1), "instruction_present")


def test_junk_before_the_file_is_a_warning_not_valid() -> None:
    found = verdict(b"HTTP/1.1 200 OK\r\n\r\n" + signed())
    assert found.overall is Overall.VALID_WITH_WARNINGS
    assert "bytes_outside" in [check.reason for check in found.all_checks()]


# --- entities and DTD -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtd",
    [
        b"<!DOCTYPE edXML>",
        b'<!DOCTYPE edXML [<!ENTITY o "H24.15">]>',
        b'<!DOCTYPE edXML SYSTEM "file:///etc/passwd">',
        b'<!DOCTYPE edXML [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        b"<!DOCTYPE edXML [<!ATTLIST Signature Id ID #IMPLIED>]>",
        b'<!DOCTYPE edXML [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;">]>',
    ],
    ids=["empty", "entity", "external-subset", "external-entity", "attlist", "laughs"],
)
def test_a_dtd_is_refused(dtd: bytes) -> None:
    fails(signed().replace(b"<edXML xmlns", dtd + b"<edXML xmlns", 1), "dtd_present")


def test_an_entity_in_place_of_a_text_is_refused() -> None:
    raw = (
        signed()
        .replace(b"H24.15", b"&o;")
        .replace(b"<edXML xmlns", b'<!DOCTYPE e [<!ENTITY o "H24.15">]><edXML xmlns', 1)
    )
    fails(raw, "dtd_present")


# --- transforms and references ----------------------------------------------------------------------------------------

_ENVELOPED = b'<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'


@pytest.mark.parametrize(
    "transform",
    [
        b'<Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><x xmlns="urn:x"/></Transform>',
        b'<Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><XPath>false()</XPath></Transform>',
        b'<Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"/>',
        b'<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#base64"/>',
        b'<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>',
        b'<Transform Algorithm="urn:unknown"/>',
        b'<Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>',
        b"<Transform/>",
    ],
    ids=["xslt", "xpath", "filter2", "base64", "enveloped-twice", "unknown", "three", "nameless"],
)
def test_other_transforms_are_refused(transform: bytes) -> None:
    raw = resigned(signed(), lambda s: s.replace(_ENVELOPED, _ENVELOPED + transform))
    fails(raw, "transform_refused")


def test_transforms_in_another_order_are_refused() -> None:
    exclusive = f'<Transform Algorithm="{EXC}"/>'.encode()
    raw = resigned(signed(), lambda s: s.replace(_ENVELOPED + exclusive, exclusive + _ENVELOPED))
    fails(raw, "transform_refused")


def test_without_the_enveloped_transform_it_is_refused() -> None:
    fails(resigned(signed(), lambda s: s.replace(_ENVELOPED, b"")), "transform_refused")


def test_parameters_inside_a_transform_are_refused() -> None:
    raw = resigned(signed(), lambda s: s.replace(_ENVELOPED, _ENVELOPED.replace(b"/>", b"><x/></Transform>")))
    fails(raw, "transform_refused")


def test_a_void_canonicalisation_is_refused() -> None:
    """An algorithm that a library may treat as "the empty string": then any two SignedInfo are equal."""
    raw = resigned(
        signed(),
        lambda s: s.replace(
            b'CanonicalizationMethod Algorithm="' + EXC.encode(), b'CanonicalizationMethod Algorithm="urn:void'
        ),
    )
    fails(raw, "transform_refused")


def test_a_relative_namespace_that_libxml2_cannot_canonicalise_does_not_pass() -> None:
    """libxml2 gives an empty canonical form for such a file: its digest would be the same for any content."""
    raw = signed().replace(b"<edXML:To>", b'<edXML:To xmlns:n="relative">')
    assert verdict(raw).overall in (Overall.INVALID, Overall.INDETERMINATE)


@pytest.mark.parametrize(
    "uri",
    ['URI="file:///etc/passwd"', 'URI="http://example.invalid/x"', 'URI="cid:1"', 'URI="#xpointer(/)"', ""],
    ids=["file", "http", "cid", "xpointer", "none"],
)
def test_references_elsewhere_are_refused(uri: str) -> None:
    raw = resigned(signed(), lambda s: s.replace(b'URI=""', uri.encode()))
    found = verdict(raw)
    assert found.overall is Overall.INVALID
    assert {"external_reference", "partial_coverage"} & {check.reason for check in found.all_checks()}


def test_a_second_reference_is_refused() -> None:
    def twice(signature: bytes) -> bytes:
        reference = re.search(rb"<Reference .*</Reference>", signature, re.DOTALL)
        assert reference
        return signature.replace(reference.group(), reference.group() * 2)

    fails(resigned(signed(), twice), "partial_coverage")


def test_no_reference_at_all_is_refused() -> None:
    raw = resigned(signed(), lambda s: re.sub(rb"<Reference .*</Reference>", b"", s, flags=re.DOTALL))
    fails(raw, "partial_coverage")


# --- the signature's own content --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"</Signature>", b"<Object>payload</Object></Signature>", "unsigned_payload"),
        (b"</Signature>", b"<Object><x/></Object></Signature>", "unsigned_payload"),
        (b"</Signature>", b"<edXML:To/></Signature>", "unsigned_payload"),
        (b"</Signature>", b"text</Signature>", "unsigned_payload"),
        (b"</KeyInfo>", b"<edXML:To/></KeyInfo>", "unsigned_payload"),
        (b"</KeyInfo>", b'<RetrievalMethod URI="http://example.invalid/"/></KeyInfo>', "unsigned_payload"),
        (b"</KeyInfo>", b"text</KeyInfo>", "unsigned_payload"),
        (b"</X509Data>", b"<X509CRL>AA==</X509CRL></X509Data>", "unsigned_payload"),
        (b"<KeyInfo>", b'<KeyInfo payload="x">', "unsigned_payload"),
        (b"<SignatureValue>", b'<SignatureValue note="x">', "unsigned_payload"),
        (b"<X509Certificate>", b"<X509Certificate>AAAA", "certificate_unreadable"),
    ],
    ids=[
        "object-text", "object-element", "foreign-child", "text", "keyinfo-element", "retrieval", "keyinfo-text",
        "crl", "keyinfo-attribute", "value-attribute", "certificate-junk",
    ],
)  # fmt: skip
def test_unsigned_content_in_the_signature_is_refused(old: bytes, new: bytes, reason: str) -> None:
    fails(signed().replace(old, new, 1), reason)


def test_a_key_name_is_a_warning_not_valid() -> None:
    found = verdict(signed().replace(b"</KeyInfo>", b"<KeyName>k</KeyName></KeyInfo>"))
    assert found.overall is Overall.VALID_WITH_WARNINGS


def test_junk_in_the_signature_value_is_refused() -> None:
    fails(re.sub(rb"(<SignatureValue>....)", rb"\1!!!!", signed()), "signature_format")


def test_spare_bits_in_base64_are_refused() -> None:
    raw = sign_envelope(envelope(), pki.signer("agency"))
    value = re.search(rb"<DigestValue>([^<]*)", raw)
    assert value
    loose = value.group(1)[:-2] + bytes([value.group(1)[-2] + 1]) + b"="
    fails(raw.replace(value.group(1), loose), "signature_format")


def test_a_signature_value_of_zeros_fails() -> None:
    raw = sign_envelope(envelope(), pki.signer("agency-ec"))
    zeros = base64.b64encode(bytes(64))
    fails(re.sub(rb"(<SignatureValue>)[^<]*", lambda m: m.group(1) + zeros, raw), "signature_wrong")


def test_a_signature_by_another_key_fails() -> None:
    stranger = signature_of(sign_envelope(envelope(), pki.signer("weak")))
    own = signature_of(signed())
    value = re.search(rb"<SignatureValue>[^<]*", stranger)
    assert value
    raw = signed().replace(re.search(rb"<SignatureValue>[^<]*", own).group(), value.group())  # type: ignore[union-attr]
    fails(raw, "signature_wrong")


def test_another_certificate_of_the_same_key_is_found_when_xades_names_it() -> None:
    raw = signed(signing_time=pki.NOW)
    mine = base64.b64encode(pki.certificate("agency").der)
    other = base64.b64encode(pki.certificate("agency2").der)
    assert mine in raw
    fails(raw.replace(mine, other), "certificate_mismatch")


def test_no_certificate_leaves_the_signer_unknown() -> None:
    fails(re.sub(rb"<KeyInfo>.*</KeyInfo>", b"", signed(), flags=re.DOTALL), "certificate_absent")


def test_hmac_with_the_public_key_is_no_signature() -> None:
    raw = resigned(
        signed(),
        lambda s: re.sub(rb'(SignatureMethod Algorithm=")[^"]*', rb"\1http://www.w3.org/2000/09/xmldsig#hmac-sha1", s),
    )
    fails(raw, "algorithm_unknown")


def test_changed_signed_properties_are_found() -> None:
    fails(signed(signing_time=pki.NOW).replace(b"2026-11-24T02", b"2025-11-24T02"), "digest_mismatch")


def test_properties_that_no_reference_signs_are_refused() -> None:
    def unreferenced(signature: bytes) -> bytes:
        return re.sub(rb"<Reference Type=.*?</Reference>", b"", signature, flags=re.DOTALL)

    fails(resigned(signed(signing_time=pki.NOW), unreferenced), "unsigned_payload")


# --- place and number -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place", [b"<edXML:MessageHeader>", b"</edXML:edXMLBody>", b"<Attachment>", b"<edXML:edXMLHeader>"]
)
def test_a_moved_signature_is_not_valid(place: bytes) -> None:
    raw = signed()
    signature = signature_of(raw)
    fails(without_signature(raw).replace(place, signature + place, 1), "signature_misplaced")


def test_a_signature_at_the_end_of_the_file_is_a_warning() -> None:
    raw = signed()
    signature = signature_of(raw)
    found = verdict(without_signature(raw).replace(b"</edXML>", signature + b"</edXML>"))
    assert found.overall is Overall.VALID_WITH_WARNINGS


def test_of_two_signatures_the_bad_one_decides() -> None:
    raw = signed()
    doubled = raw.replace(b"</Signature>", b"</Signature>" + signature_of(raw), 1)
    found = verdict(doubled)
    assert len(found.signatures) == 2
    assert found.overall is Overall.INVALID


def test_a_bad_signature_before_a_good_one_decides() -> None:
    bad = signature_of(signed()).decode()
    raw = sign_envelope(envelope(signature=bad.replace(DS, "urn:dummy")), pki.signer("agency"))
    found = verdict(raw.replace(b"urn:dummy", DS.encode()))
    assert len(found.signatures) == 2
    assert found.overall is Overall.INVALID


def test_more_signatures_than_anyone_needs_are_refused() -> None:
    raw = signed()
    fails(raw.replace(b"</Signature>", b"</Signature>" + signature_of(raw) * 40, 1), "signature_format")


# --- algorithms and certificates --------------------------------------------------------------------------------------


def sha1_signed() -> bytes:
    def weaker(signature: bytes) -> bytes:
        return signature.replace(
            b"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", b"http://www.w3.org/2000/09/xmldsig#rsa-sha1"
        )

    return resigned(signed(), weaker)


def test_sha1_is_refused() -> None:
    fails(sha1_signed(), "algorithm_weak")


def test_sha1_is_a_warning_up_to_a_date() -> None:
    tolerant = replace(pki.SOFT, algorithms=replace(pki.SOFT.algorithms, weak_until=datetime(2027, 1, 1, tzinfo=UTC)))
    assert verdict(sha1_signed(), tolerant).overall is Overall.VALID_WITH_WARNINGS
    ended = replace(pki.SOFT, algorithms=replace(pki.SOFT.algorithms, weak_until=datetime(2026, 1, 1, tzinfo=UTC)))
    assert verdict(sha1_signed(), ended).overall is Overall.INVALID


CERTIFICATES = {
    "weak": "algorithm_weak",
    "expired": "expired_unproven",
    "future": "not_yet_valid",
    "revoked": "revoked",
    "other": "other_organisation",
    "unchained": "chain_unknown",
    "below-leaf": "chain_wrong",
    "encipher": "usage_wrong",
    "tls": "usage_wrong",
    "interm": "authority_signs",
    "foreign": "authority_signs",
}


@pytest.mark.parametrize(("label", "reason"), CERTIFICATES.items())
def test_a_certificate_that_may_not_sign(label: str, reason: str) -> None:
    fails(sign_envelope(envelope(), pki.signer(label)), reason)


def test_an_expired_certificate_with_a_later_claim_is_invalid() -> None:
    found = fails(sign_envelope(envelope(), pki.signer("expired"), Xades(signing_time=pki.NOW)), "expired")
    sentence = next(check.reason_vi for check in found.all_checks() if check.reason == "expired")
    assert "hết hạn 3 ngày trước khi ký" in sentence


def test_an_issuer_outside_the_list_is_refused() -> None:
    occasion = replace(pki.AT, issuers=frozenset({pki.certificate("interm2").sha256}))
    fails(signed(), "issuer_refused", occasion=occasion)


HARD = Policy(both_signatures=False)


def test_without_revocation_data_nothing_is_certain() -> None:
    found = fails(signed(), "revocation_owed", policy=HARD, revocation=RevocationData(ocsps=(b"junk",)))
    assert found.waits_for_evidence
    assert {need.kind for need in found.needs} >= {"crl", "ocsp"}


def test_a_stale_crl_is_no_evidence() -> None:
    old = pki.crls(pki.NOW - pki.days(60))
    fails(signed(), "revocation_owed", policy=HARD, revocation=old)


def test_a_crl_older_than_the_rules_allow_is_no_evidence() -> None:
    policy = Policy(revocation=Revocation(max_age=pki.days(1)))
    fails(signed(), "revocation_owed", policy=policy)


def test_a_crl_with_a_broken_signature_is_no_evidence() -> None:
    broken = tuple(der[:-3] + bytes([der[-3] ^ 1]) + der[-2:] for der in pki.crls().crls)
    fails(signed(), "revocation_owed", policy=HARD, revocation=RevocationData(crls=broken))


def only_root(*ocsps: bytes) -> RevocationData:
    return RevocationData(crls=(pki.crl("root"),), ocsps=ocsps)


def test_an_ocsp_answer_counts() -> None:
    found = verdict(signed(), HARD, only_root(pki.ocsp("agency")))
    assert found.overall is Overall.VALID
    assert {item.kind for item in found.evidence()} == {"certificate", "ocsp", "crl"}


@pytest.mark.parametrize("responder", ["foreign", "plain"])
def test_an_ocsp_answer_by_a_foreign_responder_is_no_evidence(responder: str) -> None:
    data = only_root(pki.ocsp("agency", responder))
    found = fails(signed(), "revocation_owed", policy=HARD, revocation=data)
    assert found.overall is Overall.INDETERMINATE


def test_an_ocsp_answer_about_another_certificate_is_no_evidence() -> None:
    fails(signed(), "revocation_owed", policy=HARD, revocation=only_root(pki.ocsp("other")))


def test_an_old_ocsp_answer_is_no_evidence() -> None:
    old = only_root(pki.ocsp("agency", at=pki.NOW - pki.days(30)))
    fails(signed(), "revocation_owed", policy=HARD, revocation=old)


def test_a_changed_ocsp_answer_is_no_evidence() -> None:
    good = pki.ocsp("revoked")
    at = good.index(bytes.fromhex("a111")) if bytes.fromhex("a111") in good else len(good) // 3
    forged = good[:at] + bytes([good[at] ^ 0x21]) + good[at + 1 :]
    raw = sign_envelope(envelope(), pki.signer("revoked"))
    found = verdict(raw, HARD, only_root(forged))
    assert found.overall in (Overall.INDETERMINATE, Overall.INVALID)


def test_an_ocsp_answer_that_says_revoked_is_believed() -> None:
    raw = sign_envelope(envelope(), pki.signer("revoked"))
    fails(raw, "revoked", policy=HARD, revocation=only_root(pki.ocsp("revoked")))


# --- timestamps -------------------------------------------------------------------------------------------------------


def stamped(label: str = "agency", authority: str = "tsa", at: datetime = pki.NOW, data: bytes | None = None) -> bytes:
    raw = sign_envelope(envelope(), pki.signer(label), Xades(signing_time=at))
    content = timestamp_content(raw) if data is None else data
    return attach_timestamp(raw, pki.token(hashlib.sha256(content).digest(), authority, at))


def test_a_timestamp_proves_that_a_revoked_certificate_signed_before() -> None:
    found = verdict(stamped("revoked", at=datetime(2026, 10, 1, tzinfo=UTC)))
    assert found.overall is Overall.VALID
    assert "revoked_later" in [check.reason for check in found.all_checks()]


def test_a_timestamp_after_the_revocation_does_not_help() -> None:
    fails(stamped("revoked", at=datetime(2026, 11, 10, tzinfo=UTC)), "revoked")


def test_a_timestamp_about_other_data_is_wrong() -> None:
    fails(stamped(data=b"something else"), "timestamp_wrong")


@pytest.mark.parametrize("authority", ["tsa-no-eku", "tsa-lax-eku", "tsa-expired"])
def test_a_timestamp_by_one_who_may_not_stamp_is_wrong(authority: str) -> None:
    found = verdict(stamped(authority=authority))
    assert found.overall is not Overall.VALID
    assert found.signatures[0].proven_at is None


def test_a_timestamp_by_a_foreign_authority_proves_nothing() -> None:
    found = verdict(stamped("revoked", "tsa-foreign", at=datetime(2026, 10, 1, tzinfo=UTC)))
    assert found.overall is Overall.INDETERMINATE
    assert "revoked_unproven" in [check.reason for check in found.all_checks()]


def test_a_timestamp_from_the_future_is_wrong() -> None:
    fails(stamped(at=pki.NOW + pki.days(2)), "timestamp_wrong")


def test_a_timestamp_whose_value_is_wrong_is_not_believed_when_its_authority_is_unknown() -> None:
    """Nobody vouches for such a token, so only our own check of its value can see that it was changed."""
    raw = stamped(authority="tsa-foreign")
    found = re.search(rb"<xades:EncapsulatedTimeStamp>([^<]*)", raw)
    assert found
    der = bytearray(base64.b64decode(found.group(1)))
    at = bytes(der).rindex(b"\x02\x21") if b"\x02\x21" in der else len(der) - 40
    der[at + 12] ^= 1
    fails(raw.replace(found.group(1), base64.b64encode(bytes(der))), "timestamp_wrong")


def test_a_changed_timestamp_is_wrong() -> None:
    raw = stamped()
    token = re.search(rb"<xades:EncapsulatedTimeStamp>([^<]*)", raw)
    assert token
    der = bytearray(base64.b64decode(token.group(1)))
    der[-20] ^= 1
    fails(raw.replace(token.group(1), base64.b64encode(bytes(der))), "timestamp_wrong")


def test_an_ocsp_answer_whose_signature_is_not_made_of_whole_octets_is_no_evidence() -> None:
    answer = bytearray(pki.ocsp("agency"))
    unused_bits = len(answer) - 257  # of the BIT STRING that ends the responder's certificate: RSA-2048
    assert answer[unused_bits - 4 : unused_bits + 1].hex() == "0382010100"
    answer[unused_bits] = 2
    found = fails(signed(), "revocation_owed", policy=HARD, revocation=only_root(bytes(answer)))
    assert found.overall is Overall.INDETERMINATE
