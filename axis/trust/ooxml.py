"""Signed Office files: what can be told with the XML signature engine. Never "valid": only the Office software says so.

Checked: the value under its certificate, the digests of the objects in the signature, the digests of the parts that
are hashed as they are. Not checked: relationship parts, which are transformed before hashing, and what Office
itself adds to the rules. A part that does not fit makes the file invalid; all fitting leaves it indeterminate.

Norm: ECMA-376 part 2 (Open Packaging Conventions), digital signatures.
"""

import hashlib
import hmac
import io
import zipfile
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from lxml import etree

from axis.trust.algorithms import XML_DIGESTS, XML_SIGNATURES, check_strength, verify_raw
from axis.trust.c14n import Form, Method, Uncanonical, canonical_subtree
from axis.trust.certs import Certificate, signatory
from axis.trust.model import (
    Check,
    CheckName,
    Coverage,
    FileKind,
    Indication,
    Need,
    SignatureVerdict,
    Verdict,
    indication_of,
)
from axis.trust.occasion import Found, Occasion, conclude
from axis.trust.paths import Judge, Use
from axis.trust.reasons import Reason, check, passed
from axis.trust.xmldsig import Flaw, decode, ds, read_form, read_key_info

_SIGNATURES = "_xmlsignatures/"
_ENTRIES = 5000
_SIGNATURE_BYTES = 4 << 20
_READ_BYTES = 1 << 20


@dataclass(slots=True)
class _Parts:
    """The package's parts, read within a bound."""

    archive: zipfile.ZipFile
    left: int
    names: set[str] = field(default_factory=set)

    def digest(self, name: str, hash_name: str) -> bytes:
        """The digest of a part's bytes. Raises Flaw for a part that is missing or too large."""
        digest = hashlib.new(hash_name)
        try:
            with self.archive.open(name) as part:
                while chunk := part.read(min(_READ_BYTES, self.left + 1)):
                    self.left -= len(chunk)
                    if self.left < 0:
                        raise Flaw(Reason.TOO_LARGE, name)
                    digest.update(chunk)
        except (KeyError, zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as e:
            raise Flaw(Reason.DIGEST_MISMATCH, f"{name}: {e}") from e
        return digest.digest()


def verify_ooxml(source: bytes | Path, judge: Judge, occasion: Occasion) -> Verdict:
    """Tell what can be told of an Office file's signatures. Raises OSError when the file cannot be read."""
    sha256 = _sha256(source)
    try:
        with zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as archive:
            found = _verify(archive, judge, occasion)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as e:
        unread = check(CheckName.FORM, "ZIP", Reason.UNREADABLE, str(e))
        found = Found(kind=FileKind.UNREADABLE, checks=(unread,))
    except Flaw as e:
        found = Found(kind=FileKind.OOXML, checks=(check(CheckName.FORM, "ZIP", e.reason, e.detail),))
    return conclude(replace(found, sha256=sha256), judge, occasion)


def _sha256(source: bytes | Path) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify(archive: zipfile.ZipFile, judge: Judge, occasion: Occasion) -> Found:
    names = [info.filename for info in archive.infolist()]
    if len(names) > _ENTRIES:
        raise Flaw(Reason.TOO_LARGE, f"{len(names)} parts")
    if len(set(names)) != len(names):
        raise Flaw(Reason.DUPLICATE_ID, "part twice")
    listed = [n for n in names if n.startswith(_SIGNATURES) and n.endswith(".xml")]
    if len(listed) > judge.policy.bounds.signatures:
        raise Flaw(Reason.NOT_CHECKED, f"{len(listed)} signatures")
    parts = _Parts(archive=archive, left=judge.policy.bounds.office_bytes, names=set(names))
    rows = [_judge(name, parts, judge, occasion) for name in listed]
    return Found(
        kind=FileKind.OOXML,
        signatures=tuple(verdict for verdict, _ in rows),
        needs=tuple(need for _, needs in rows for need in needs),
    )


def _judge(name: str, parts: _Parts, judge: Judge, occasion: Occasion) -> tuple[SignatureVerdict, tuple[Need, ...]]:
    checks: list[Check] = []
    needs: tuple[Need, ...] = ()
    verdict = SignatureVerdict(name=name, indication=Indication.INDETERMINATE, coverage=Coverage.UNKNOWN)
    try:
        root = _parse(parts, name)
        leaf, others, algorithm = _value(root, judge, occasion.at, checks)
        verdict = replace(verdict, signatory=signatory(leaf, judge.organisations), algorithm=algorithm)
        covered, skipped = _references(root, parts, checks)
        detail = f"{covered} parts fit, {skipped} not checked"
        checks.append(check(CheckName.COVERAGE, name, Reason.PARTS_NOT_CHECKED, detail))
        finding = judge.judge(
            Use(leaf=leaf, others=others, purpose=occasion.purpose, at=occasion.at, issuers=occasion.issuers)
        )
        checks += finding.checks
        needs = finding.needs
        verdict = replace(verdict, chain=finding.chain, evidence=finding.evidence, judged_at=occasion.at)
    except Flaw as e:
        checks.append(check(CheckName.FORM, name, e.reason, e.detail))
    except Uncanonical as e:
        checks.append(check(CheckName.FORM, name, Reason.NOT_CHECKED, e.detail))
    indication, sub_indication = indication_of(checks)
    return replace(verdict, checks=tuple(checks), indication=indication, sub_indication=sub_indication), needs


def _parse(parts: _Parts, name: str) -> etree._Element:
    with parts.archive.open(name) as part:
        raw = part.read(_SIGNATURE_BYTES + 1)
    if len(raw) > _SIGNATURE_BYTES:
        raise Flaw(Reason.TOO_LARGE, name)
    try:
        root = etree.fromstring(raw, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except (etree.XMLSyntaxError, ValueError) as e:
        raise Flaw(Reason.SIGNATURE_FORMAT, str(e)) from e
    dtd: object = root.getroottree().docinfo.internalDTD  # the stubs say that there always is one
    if dtd is not None or root.tag != ds("Signature"):
        raise Flaw(Reason.SIGNATURE_FORMAT, str(root.tag))
    return root


def _value(
    root: etree._Element, judge: Judge, at: datetime, checks: list[Check]
) -> tuple[Certificate, tuple[Certificate, ...], str]:
    """The signature's value under its certificate."""
    signed_info, value, key_info = (root.find(ds(n)) for n in ("SignedInfo", "SignatureValue", "KeyInfo"))
    if signed_info is None or value is None or key_info is None:
        raise Flaw(Reason.SIGNATURE_FORMAT, "SignedInfo, SignatureValue or KeyInfo is missing")
    certificates, _ = read_key_info(key_info, judge.policy.bounds)
    method, canonical = signed_info.find(ds("SignatureMethod")), signed_info.find(ds("CanonicalizationMethod"))
    scheme = XML_SIGNATURES.get(method.get("Algorithm", "")) if method is not None else None
    if scheme is None or canonical is None:
        raise Flaw(Reason.ALGORITHM_UNKNOWN, method.get("Algorithm", "") if method is not None else "")
    content = canonical_subtree(signed_info, read_form(canonical, "CanonicalizationMethod"))
    leaf = certificates[0]
    holds = verify_raw(leaf.public_key, scheme, decode(value, "SignatureValue"), content)
    name = CheckName.SIGNATURE
    checks.append(passed(name, str(scheme)) if holds else check(name, str(scheme), Reason.SIGNATURE_WRONG))
    checks += check_strength(leaf.public_key, (scheme.hash_name,), judge.policy.algorithms, at)
    return leaf, certificates[1:], str(scheme)


def _references(root: etree._Element, parts: _Parts, checks: list[Check]) -> tuple[int, int]:
    """Objects in the signature, and the parts that the signed manifests name. Returns (fitting, not checked)."""
    identifiers = [e.get("Id") for e in root.iter("*") if e.get("Id")]
    if len(set(identifiers)) != len(identifiers):
        raise Flaw(Reason.DUPLICATE_ID, "Id")
    covered = skipped = 0
    for reference in root.iterfind(f"{ds('SignedInfo')}/{ds('Reference')}"):
        target = _target(root, reference.get("URI", ""))
        forms = [read_form(t, "Transform") for t in reference.iterfind(f"{ds('Transforms')}/{ds('Transform')}")]
        if len(forms) > 1:
            raise Flaw(Reason.TRANSFORM_REFUSED, f"{len(forms)} transforms")
        hash_name, digest = _digest_of(reference)
        content = canonical_subtree(target, forms[0] if forms else Form(method=Method.INCLUSIVE_10))
        _compare(hashlib.new(hash_name, content).digest(), digest, reference.get("URI", ""), checks)
        for part in target.iterfind(f"{ds('Manifest')}/{ds('Reference')}"):
            if part.find(ds("Transforms")) is not None:
                skipped += 1
                continue
            hash_name, digest = _digest_of(part)
            name = part.get("URI", "").partition("?")[0].lstrip("/")
            _compare(parts.digest(name, hash_name), digest, name, checks)
            covered += 1
    if not covered:
        raise Flaw(Reason.PARTIAL_COVERAGE, "no part is signed")
    return covered, skipped


def _target(root: etree._Element, uri: str) -> etree._Element:
    for element in root.iter("*"):
        if uri == f"#{element.get('Id')}":
            return element
    raise Flaw(Reason.EXTERNAL_REFERENCE, uri)


def _digest_of(reference: etree._Element) -> tuple[str, bytes]:
    method, value = reference.find(ds("DigestMethod")), reference.find(ds("DigestValue"))
    hash_name = XML_DIGESTS.get(method.get("Algorithm", "")) if method is not None else None
    if hash_name is None or value is None:
        raise Flaw(Reason.ALGORITHM_UNKNOWN, "DigestMethod")
    return hash_name, decode(value, "DigestValue")


def _compare(actual: bytes, expected: bytes, name: str, checks: list[Check]) -> None:
    if not hmac.compare_digest(actual, expected):
        checks.append(check(CheckName.INTEGRITY, name, Reason.DIGEST_MISMATCH, name))
