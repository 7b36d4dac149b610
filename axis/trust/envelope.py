"""Signatures on edXML envelopes and other XML files: verified.

A signature is valid only when it covers the whole file: one Reference to the document, nothing dropped by a transform,
no comment or instruction that the canonical form leaves out, no Id twice, the signature itself where it belongs. Why
something is not valid is always said. A vendor's dummy Signature counts as none.

What it does not do: read the envelope. Whoever acts on a verified package parses the very bytes whose SHA-256 the
verdict names.

Norm: W3C XML Signature 1.1, QCVN 102:2016/BTTTT (Signature in edXMLHeader).
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from lxml import etree

from axis.trust.algorithms import check_strength, verify_raw
from axis.trust.c14n import XMLDSIG, Uncanonical, canonical_subtree
from axis.trust.certs import Purpose, RevocationData, signatory
from axis.trust.model import (
    Check,
    CheckName,
    Coverage,
    FileKind,
    Outcome,
    SignatureVerdict,
    Verdict,
    indication_of,
)
from axis.trust.occasion import Found, Occasion, conclude
from axis.trust.paths import Judge, PathFinding, Use, check_organisation
from axis.trust.reasons import Reason, check, passed
from axis.trust.timestamps import TimestampFinding, check_times, verify_token
from axis.trust.xmldsig import Flaw, XmlSignature, ds, is_usable, read_signature
from axis.trust.xmltree import SignedXml

_UNCANONICAL = {
    "xml_broken": Reason.UNREADABLE,
    "unsupported": Reason.UNREADABLE,
    "dtd": Reason.DTD_PRESENT,
    "too_deep": Reason.TOO_LARGE,
    "too_large": Reason.TOO_LARGE,
}
_COMMENTS = etree.XPath("boolean(//comment())")
_INSTRUCTIONS = etree.XPath("boolean(//processing-instruction())")
_INNER_COMMENTS = etree.XPath("boolean(/*//comment())")
_IDS = etree.XPath("//@Id | //@ID | //@id | //@xml:id")


def verify_envelope(source: bytes | Path, judge: Judge, occasion: Occasion) -> Verdict:
    """Judge the signatures of an XML file.

    source: the exact bytes, or the file that holds them. Raises OSError when it cannot be read, and nothing for a bad
    file.
    """
    try:
        document = SignedXml(source, judge.policy.bounds)
        return _verify(document, judge, occasion)
    except Uncanonical as e:
        reason = _UNCANONICAL[e.word]
        kind = FileKind.UNREADABLE if reason is Reason.UNREADABLE else FileKind.XML
        return conclude(
            Found(kind=kind, sha256=_sha256(source), checks=(check(CheckName.FORM, "XML", reason, e.detail),)),
            judge,
            occasion,
        )


def _sha256(source: bytes | Path) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify(document: SignedXml, judge: Judge, occasion: Occasion) -> Verdict:
    root = document.tree
    kind = FileKind.EDXML if etree.QName(root).localname == "edXML" else FileKind.XML
    usable = [element for element in document.signatures if is_usable(element)]
    if not usable:
        checks = _unusable(root, document)
        return conclude(Found(kind=kind, sha256=document.source_sha256, checks=checks), judge, occasion)
    if len(document.signatures) > judge.policy.bounds.signatures:
        many = check(CheckName.FORM, "Signature", Reason.SIGNATURE_FORMAT, f"{len(document.signatures)} signatures")
        return conclude(Found(kind=kind, sha256=document.source_sha256, checks=(many,)), judge, occasion)
    about_file = tuple(_document_checks(document))
    case = _Case(document=document, judge=judge, occasion=occasion)
    rows = [_judge_signature(element, case) for element in document.signatures]
    found = Found(
        kind=kind,
        sha256=document.source_sha256,
        signatures=tuple(_with(verdict, about_file) for verdict, _ in rows),
        needs=tuple(need for _, finding in rows for need in finding.needs),
    )
    return conclude(found, judge, occasion)


def _with(verdict: SignatureVerdict, checks: tuple[Check, ...]) -> SignatureVerdict:
    """What is wrong with the whole file is wrong with each of its signatures."""
    together = (*checks, *verdict.checks)
    indication, sub_indication = indication_of(together)
    failed = any(c.name is CheckName.COVERAGE and c.outcome is Outcome.FAILED for c in together)
    return replace(
        verdict,
        checks=together,
        indication=indication,
        sub_indication=sub_indication,
        coverage=Coverage.PARTIAL if failed else verdict.coverage,
        covered="" if failed else verdict.covered,
    )


def _unusable(root: etree._Element, document: SignedXml) -> tuple[Check, ...]:
    """The finding for Signature elements that are no signatures. Peer: vendor packages carry a dummy one."""
    for element in root.iter("{*}Signature"):
        name = etree.QName(element)
        detail = "not in xmldsig's namespace" if name.namespace != XMLDSIG else "no SignedInfo or no value"
        return (check(CheckName.FORM, _where(element, document), Reason.SIGNATURE_UNUSABLE, detail),)
    return ()


def _document_checks(document: SignedXml) -> list[Check]:
    """What no signature over the canonical form covers, wherever it stands."""
    root, found = document.tree, []
    if _COMMENTS(root.getroottree()):
        if _INNER_COMMENTS(root.getroottree()):
            found.append(check(CheckName.COVERAGE, "comments", Reason.COMMENTS_UNCOVERED, "<!-- -->"))
        else:
            found.append(check(CheckName.COVERAGE, "comments", Reason.BYTES_OUTSIDE, "<!-- -->"))
    if _INSTRUCTIONS(root.getroottree()):
        found.append(check(CheckName.COVERAGE, "instructions", Reason.INSTRUCTION_PRESENT, "<? ?>"))
    if document.prefix:
        detail = f"{len(document.prefix)} byte trước <?xml"
        found.append(check(CheckName.COVERAGE, "prefix", Reason.BYTES_OUTSIDE, detail))
    values = _IDS(root)
    identifiers = [str(value) for value in values] if isinstance(values, list) else []
    if len(set(identifiers)) != len(identifiers):
        twice = next(value for value in identifiers if identifiers.count(value) > 1)
        found.append(check(CheckName.FORM, "Id", Reason.DUPLICATE_ID, twice))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What one check is about."""

    document: SignedXml
    judge: Judge
    occasion: Occasion


def _judge_signature(element: etree._Element, case: _Case) -> tuple[SignatureVerdict, PathFinding]:
    document, judge = case.document, case.judge
    name = _where(element, document)
    checks = _place_checks(element, document)
    nothing = PathFinding(checks=(), chain=())
    try:
        signature = read_signature(element, judge.policy.bounds)
        broken = _cryptography(signature, document, checks)
    except Flaw as e:
        coverage = Coverage.PARTIAL if e.reason is Reason.PARTIAL_COVERAGE else Coverage.UNKNOWN
        checks.append(check(_name_of(e.reason), name, e.reason, e.detail))
        return _finished(SignatureVerdict(name=name, indication=_ANY, coverage=coverage), checks), nothing
    except Uncanonical as e:
        checks.append(check(CheckName.FORM, name, Reason.NOT_CHECKED, e.detail))
        return _finished(SignatureVerdict(name=name, indication=_ANY), checks), nothing
    leaf = signature.certificates[0]
    verdict = SignatureVerdict(
        name=name,
        indication=_ANY,
        signatory=signatory(leaf, judge.organisations),
        algorithm=str(signature.scheme),
        coverage=Coverage.WHOLE_FILE,
        covered=_COVERED,
    )
    if broken:  # nothing is gained by asking whose certificate it is
        return _finished(replace(verdict, coverage=Coverage.UNKNOWN, covered=""), checks), nothing
    return _judge_signer(signature, verdict, checks, case)


_ANY = indication_of(())[0]
_COVERED = "toàn bộ tệp, trừ chính phần tử Signature"
_COVERAGE_REASONS = frozenset(
    {Reason.PARTIAL_COVERAGE, Reason.EXTERNAL_REFERENCE, Reason.TRANSFORM_REFUSED, Reason.COMMENTS_UNCOVERED}
)


def _name_of(reason: Reason) -> CheckName:
    if reason in _COVERAGE_REASONS:
        return CheckName.COVERAGE
    return CheckName.ALGORITHM if reason is Reason.ALGORITHM_UNKNOWN else CheckName.FORM


def _cryptography(signature: XmlSignature, document: SignedXml, checks: list[Check]) -> bool:
    """Digests, value, named certificate. Returns whether something is broken."""
    whole = signature.whole
    actual = document.digest_without(signature.element, whole.hash_name, whole.form)
    tests: list[tuple[CheckName, str, bool, Reason]] = [
        (CheckName.INTEGRITY, 'Reference URI=""', hmac.compare_digest(actual, whole.digest), Reason.DIGEST_MISMATCH),
        (CheckName.INTEGRITY, "SignedProperties", signature.properties_intact(), Reason.DIGEST_MISMATCH),
        (CheckName.SIGNATURE, str(signature.scheme), _value_holds(signature), Reason.SIGNATURE_WRONG),
        (CheckName.CERTIFICATE, "SigningCertificate", _named(signature), Reason.CERTIFICATE_MISMATCH),
    ]
    broken = False
    for name, subject, holds, reason in tests:
        if not holds:
            checks.append(check(name, subject, reason))
            broken = True
        elif not (subject in ("SignedProperties", "SigningCertificate") and signature.properties is None):
            checks.append(passed(name, subject))
    return broken


def _value_holds(signature: XmlSignature) -> bool:
    key = signature.certificates[0].public_key
    return verify_raw(key, signature.scheme, signature.value, signature.signed_bytes())


def _named(signature: XmlSignature) -> bool:
    """Whether the certificate is the one that the signed properties name."""
    if signature.properties is None or not signature.properties.certificate_digests:
        return True
    der = signature.certificates[0].der
    hash_name, digest = signature.properties.certificate_digests[0]
    return hmac.compare_digest(hashlib.new(hash_name, der).digest(), digest)


def _judge_signer(
    signature: XmlSignature, verdict: SignatureVerdict, checks: list[Check], case: _Case
) -> tuple[SignatureVerdict, PathFinding]:
    judge, occasion = case.judge, case.occasion
    leaf, others = signature.certificates[0], signature.certificates[1:]
    stamps = _timestamps(signature, case)
    proven = min((s.proven_at for s in stamps if s.proven_at), default=None)
    stated = signature.properties.signing_time if signature.properties else None
    claimed, about_time = check_times(stated, proven, occasion.at, judge.policy.time_tolerance)
    use = Use(leaf=leaf, others=others, at=occasion.at, claimed_at=claimed, proven_at=proven, issuers=occasion.issuers)
    finding = judge.judge_any(use, _purposes(signature.element, occasion))
    if signature.unverified:
        checks.append(check(CheckName.FORM, "KeyInfo", Reason.KEYINFO_UNVERIFIED, ", ".join(signature.unverified)))
    hashes = (signature.scheme.hash_name, signature.whole.hash_name)
    checks += check_strength(leaf.public_key, hashes, judge.policy.algorithms, proven or occasion.at)
    checks += [c for stamp in stamps for c in stamp.checks]
    checks += [*about_time, *finding.checks]
    checks += check_organisation(leaf, judge.organisations, occasion.senders, occasion.superiors)
    verdict = replace(
        verdict,
        claimed_at=stated,
        proven_at=proven,
        judged_at=proven or occasion.at,
        chain=finding.chain,
        evidence=(*finding.evidence, *(item for stamp in stamps for item in stamp.evidence)),
    )
    needs = (*finding.needs, *(need for stamp in stamps for need in stamp.needs))
    return _finished(verdict, checks), replace(finding, needs=needs)


def _purposes(element: etree._Element, occasion: Occasion) -> tuple[Purpose, ...]:
    """What the certificate may be for: a package is signed by an agency or by its software."""
    is_package = etree.QName(element.getroottree().getroot()).localname == "edXML"
    return tuple(dict.fromkeys((occasion.purpose, *((Purpose.SYSTEM,) if is_package else ()))))


def _timestamps(signature: XmlSignature, case: _Case) -> list[TimestampFinding]:
    """What is proven by the timestamps in the signature, and by those that are kept beside the file."""
    rows = [(token, _known_digest(case.document.source_sha256)) for token in case.occasion.tokens]
    value = signature.element.find(ds("SignatureValue"))
    if signature.properties is not None and value is not None:
        rows += [(t, _digester(canonical_subtree(value, form))) for form, t in signature.properties.timestamps]
    return [verify_token(t, imprint, case.judge, case.occasion.at, RevocationData()) for t, imprint in rows]


def _known_digest(sha256_hex: str) -> Callable[[str], bytes]:
    """For a timestamp over a whole file, of which the one digest is known that the node asks with."""
    return lambda hash_name: bytes.fromhex(sha256_hex) if hash_name == "sha256" else b""


def _digester(content: bytes) -> Callable[[str], bytes]:
    return lambda hash_name: hashlib.new(hash_name, content).digest()


def _finished(verdict: SignatureVerdict, checks: list[Check]) -> SignatureVerdict:
    indication, sub_indication = indication_of(checks)
    return replace(verdict, checks=tuple(checks), indication=indication, sub_indication=sub_indication)


# --- place ------------------------------------------------------------------------------------------------------------


def _place_checks(element: etree._Element, document: SignedXml) -> list[Check]:
    """Where the signature stands. In an edXML file that is the end of edXMLHeader; in others a child of the root."""
    root, parent = document.tree, element.getparent()
    where = _where(element, document)
    if parent is None:
        return [check(CheckName.FORM, where, Reason.SIGNATURE_MISPLACED, where)]
    is_last = element.getnext() is None
    if etree.QName(root).localname != "edXML":
        return [] if parent is root else [check(CheckName.FORM, where, Reason.SIGNATURE_MISPLACED, where)]
    if _path(parent) == ("edXML", "edXMLEnvelope", "edXMLHeader") and is_last:
        return [passed(CheckName.FORM, where)]
    if parent is root and is_last:
        return [check(CheckName.FORM, where, Reason.SIGNATURE_ELSEWHERE)]
    return [check(CheckName.FORM, where, Reason.SIGNATURE_MISPLACED, where)]


def _path(element: etree._Element) -> tuple[str, ...]:
    names = [etree.QName(element).localname, *(etree.QName(a).localname for a in element.iterancestors())]
    return tuple(reversed(names))


def _where(element: etree._Element, document: SignedXml) -> str:
    path = "/".join(_path(element))
    if len(document.signatures) < 2:  # noqa: PLR2004 - one needs no number
        return path
    return f"{path}[{document.signatures.index(element) + 1}]" if element in document.signatures else path
