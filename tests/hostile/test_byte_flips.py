"""One changed byte, anywhere in what a signature covers or a verdict rests on, changes the verdict.

Two thousand random positions of each kind. A file that still counts as valid must be one of the named exceptions:
bytes that say the same in XML or hexadecimal, and spare copies of certificates that the trust store has itself.
"""

import base64
import hashlib
import random
import re
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from asn1crypto import cms as asn1_cms
from lxml import etree

from axis.errors import Malformed
from axis.trust.certs import RevocationData, read_certificates, trust_store_of
from axis.trust.model import Overall, Verdict
from axis.trust.paths import Judge
from axis.trust.policy import Policy
from axis.trust.sealing import Xades, attach_timestamp, sign_envelope, timestamp_content
from axis.trust.verify import verify_bytes
from tests.trust import papers, pki
from tests.trust.samples import envelope

FLIPS = 2000
SHARES = 4  # the work of one kind, in so many tests, so that several workers share it
STRICT = Policy(both_signatures=False)
DS = "{http://www.w3.org/2000/09/xmldsig#}"


@cache
def sample(kind: str) -> bytes:
    """A signed file of a kind."""
    if kind == "pdf":
        return papers.signed("agency")
    if kind == "pdf-twice":
        return papers.signed_twice()
    if kind == "xades-t":
        raw = sign_envelope(envelope(), pki.signer("agency"), Xades(signing_time=pki.NOW))
        return attach_timestamp(raw, pki.token(hashlib.sha256(timestamp_content(raw)).digest()))
    label = {"rsa": "agency", "pss": "agency", "ecdsa": "agency-ec"}[kind]
    return sign_envelope(envelope(), pki.signer(label, pss=kind == "pss"))


def verdict(raw: bytes, judge: Judge) -> Verdict:
    return verify_bytes(raw, judge, pki.AT)


def flipped(raw: bytes, seed: str) -> Iterator[tuple[int, bytes]]:
    """Copies with one byte changed to another, at random positions."""
    chance = random.Random(seed)
    for _ in range(FLIPS // SHARES):
        at = chance.randrange(len(raw))
        new = chance.choice([raw[at] ^ (1 << chance.randrange(8)), chance.randrange(256)])
        if new != raw[at]:
            yield at, raw[:at] + bytes([new]) + raw[at + 1 :]


def exempt_in_xml(original: bytes, changed: bytes) -> str:
    """Why a changed XML file may still be valid, "" when it may not."""
    before, after = etree.fromstring(original), etree.fromstring(changed)
    if etree.tostring(before, method="c14n") == etree.tostring(after, method="c14n"):
        return "the same XML: white space in a tag, a line end, a quote"
    for tree in (before, after):
        for element in tree.iter(f"{DS}SignatureValue", f"{DS}DigestValue", f"{DS}X509Certificate"):
            element.text = "".join((element.text or "").split())
    if etree.tostring(before, method="c14n") == etree.tostring(after, method="c14n"):
        return "the same base64: white space in it"
    for tree in (before, after):
        for spare in list(tree.iter(f"{DS}X509Certificate"))[1:]:
            spare.text = ""
    if etree.tostring(before, method="c14n") == etree.tostring(after, method="c14n"):
        return "a spare copy of an intermediate certificate, which the trust store has"
    return exempt_token(before, after)


def exempt_token(before: etree._Element, after: etree._Element) -> str:
    tag = "{http://uri.etsi.org/01903/v1.3.2#}EncapsulatedTimeStamp"
    tokens = [base64.b64decode(next(tree.iter(tag)).text or "") for tree in (before, after)]
    for tree in (before, after):
        next(tree.iter(tag)).text = ""
    same = etree.tostring(before, method="c14n") == etree.tostring(after, method="c14n")
    return exempt_in_cms(*tokens) if same else ""


def exempt_in_cms(before: bytes, after: bytes) -> str:
    """Spare certificates in a CMS structure; in these samples the signer's is the longest."""
    essence = []
    for der in (before, after):
        content = asn1_cms.ContentInfo.load(der)["content"]
        kept = max((c.dump() for c in content["certificates"]), key=len)
        essence.append((content["encap_content_info"].dump(), content["signer_infos"].dump(), kept))
    return "a spare certificate, or the version of SignedData" if essence[0] == essence[1] else ""


_CONTENTS = re.compile(rb"/Contents ?<([0-9a-fA-F]*)>")


def exempt_in_pdf(original: bytes, changed: bytes) -> str:
    """Why a changed PDF file may still be valid."""
    before, after = list(_CONTENTS.finditer(original)), list(_CONTENTS.finditer(changed))
    if len(before) != len(after):
        return ""
    if original[: before[0].start()] != changed[: after[0].start()]:
        return ""
    ders = [[bytes.fromhex(m.group(1).decode()) for m in found] for found in (before, after)]
    if ders[0] == ders[1]:
        return "the same hexadecimal: a capital letter"
    for one, other in zip(*ders, strict=True):
        if one != other and not exempt_in_cms(one, other):
            return ""
    return "a spare certificate"


KINDS: dict[str, Callable[[bytes, bytes], str]] = {
    "rsa": exempt_in_xml,
    "pss": exempt_in_xml,
    "ecdsa": exempt_in_xml,
    "xades-t": exempt_in_xml,
    "pdf": exempt_in_pdf,
    "pdf-twice": exempt_in_pdf,
}


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize(
    "kind", [*(k for k in KINDS if k != "pdf-twice"), pytest.param("pdf-twice", marks=pytest.mark.long)]
)
def test_a_flipped_byte_in_a_file_is_never_valid(kind: str, share: int) -> None:
    judge, raw = pki.judge(STRICT, pki.crls()), sample(kind)
    assert verdict(raw, judge).overall is Overall.VALID
    for at, changed in flipped(raw, f"{kind}{share}"):
        if verdict(changed, judge).overall is Overall.VALID:
            assert KINDS[kind](raw, changed), (at, raw[at - 60 : at], raw[at], changed[at])


def evidence(kind: str) -> tuple[bytes, Callable[[bytes], RevocationData]]:
    if kind == "crl":
        return pki.crl("interm"), lambda der: RevocationData(crls=(pki.crl("root"), der))
    return pki.ocsp("agency"), lambda der: RevocationData(crls=(pki.crl("root"),), ocsps=(der,))


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("kind", ["crl", "ocsp"])
def test_a_flipped_byte_in_revocation_data_is_never_valid(kind: str, share: int) -> None:
    raw = sample("rsa")
    good, data = evidence(kind)
    assert verdict(raw, Judge(pki.trust_store(), STRICT, pki.ORGANISATIONS, data(good))).overall is Overall.VALID
    for at, changed in flipped(good, f"{kind}{share}"):
        judge = Judge(pki.trust_store(), STRICT, pki.ORGANISATIONS, data(changed))
        assert verdict(raw, judge).overall is not Overall.VALID, (at, good[at], changed[at], good.hex())


@pytest.mark.parametrize("share", range(SHARES))
def test_a_flipped_byte_in_the_anchor_is_never_valid(share: int) -> None:
    raw, good = sample("rsa"), pki.certificate("root").der
    for at, changed in flipped(good, f"anchor{share}"):
        try:
            (root,) = read_certificates(changed)
        except Malformed:  # most flips end here, and rightly
            continue
        judge = Judge(trust_store_of([root]), STRICT, pki.ORGANISATIONS, pki.crls())
        assert verdict(raw, judge).overall is not Overall.VALID, at
