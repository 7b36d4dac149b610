"""One CMS signature (in a PDF, in a timestamp): who, over which digest, does the value hold.

The bare check of attributes and value is pyHanko's; what may be in the structure is ours.

Norm: RFC 5652, RFC 5035 (signing certificate), ETSI EN 319 122-1 (CAdES).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import cms as asn1_cms  # type: ignore[import-untyped] # it ships no types
from asn1crypto import core
from pyhanko.sign.general import find_cms_attribute_iter, find_unique_cms_attribute
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import extract_certs_for_validation, validate_sig_integrity

from axis.trust.certs import Certificate, RevocationData, parse_certificate
from axis.trust.policy import Bounds
from axis.trust.reasons import Reason
from axis.trust.xmldsig import Flaw

_DIGESTS = frozenset({"sha1", "sha256", "sha384", "sha512"})
_VERSIONS = frozenset({"v1", "v3", "v4", "v5"})  # writers follow the rule for it loosely, and nothing rests on it
_EVIDENCE_ITEMS = 16  # of each kind, from one attribute
_PSS = "rsassa_pss"


@dataclass(frozen=True, slots=True, kw_only=True)
class CmsSignature:
    """One signature, read."""

    signer_info: Any  # asn1crypto.cms.SignerInfo, which has no types
    content_type: str  # data | tst_info
    content: bytes | None  # what is enclosed; None when detached
    hash_name: str
    algorithm: str
    leaf: Certificate
    others: tuple[Certificate, ...]
    claimed_at: datetime | None
    tokens: tuple[bytes, ...]  # signature timestamps
    revocation: RevocationData
    value: bytes

    def holds(self, digest: bytes) -> tuple[bool, bool]:
        """(the digest is the signed one, the value is the key's). Raises Flaw for attributes that contradict."""
        try:
            intact, valid = validate_sig_integrity(self.signer_info, self.leaf.asn1, self.content_type, digest)
        except SignatureValidationError as e:
            raise Flaw(Reason.CERTIFICATE_MISMATCH, str(e.failure_message)) from e
        except Exception as e:
            raise Flaw(Reason.SIGNATURE_FORMAT, _word(e)) from e
        return intact, valid


def read_cms(der: bytes, bounds: Bounds) -> CmsSignature:
    """Read a ContentInfo with one signer. Raises Flaw."""
    try:
        return _read(der, bounds)
    except Flaw:
        raise
    except Exception as e:
        raise Flaw(Reason.SIGNATURE_FORMAT, _word(e)) from e


def _read(der: bytes, bounds: Bounds) -> CmsSignature:
    info = asn1_cms.ContentInfo.load(der, strict=True)
    if info["content_type"].native != "signed_data":
        raise Flaw(Reason.SIGNATURE_FORMAT, "not SignedData")
    signed = info["content"]
    signers = signed["signer_infos"]
    if len(signers) != 1:
        raise Flaw(Reason.SIGNATURE_FORMAT, f"{len(signers)} signers")
    signer = signers[0]
    hash_name = signer["digest_algorithm"]["algorithm"].native
    _check_headers(signed, signer, hash_name)
    leaf, others = _certificates(signed, bounds)
    enclosed = signed["encap_content_info"]
    content = enclosed["content"]
    attributes = signer["signed_attrs"]
    return CmsSignature(
        signer_info=signer,
        content_type=enclosed["content_type"].native,
        content=None if isinstance(content, core.Void) or content.native is None else bytes(content),
        hash_name=hash_name,
        algorithm=_algorithm(signer, hash_name),
        leaf=leaf,
        others=others,
        claimed_at=_signing_time(attributes),
        tokens=tuple(_tokens(signer, bounds)),
        revocation=_revocation(signed, attributes),
        value=signer["signature"].native,
    )


def _check_headers(signed: Any, signer: Any, hash_name: str) -> None:  # noqa: ANN401 - asn1crypto has no types
    """Fields that stand outside of what is signed must agree with what is."""
    if hash_name not in _DIGESTS:
        raise Flaw(Reason.ALGORITHM_UNKNOWN, str(hash_name))
    listed = {row["algorithm"].native for row in signed["digest_algorithms"]}
    if hash_name not in listed:
        raise Flaw(Reason.SIGNATURE_FORMAT, "digestAlgorithms")
    by_serial = signer["sid"].name == "issuer_and_serial_number"
    if signer["version"].native != ("v1" if by_serial else "v3") or signed["version"].native not in _VERSIONS:
        raise Flaw(Reason.SIGNATURE_FORMAT, "version")
    if isinstance(signer["signed_attrs"], core.Void) or not len(signer["signed_attrs"]):
        raise Flaw(Reason.SIGNATURE_FORMAT, "no signed attributes")


def _algorithm(signer: Any, hash_name: str) -> str:  # noqa: ANN401 - asn1crypto has no types
    algorithm = signer["signature_algorithm"]
    native = str(algorithm["algorithm"].native)
    if native == _PSS:
        return f"rsa-pss-{hash_name}"
    family = algorithm.signature_algo
    if native != family and algorithm.hash_algo != hash_name:
        raise Flaw(Reason.SIGNATURE_FORMAT, "digest of the signature algorithm")
    return f"{'rsa' if family.startswith('rsa') else family}-{hash_name}"


def _certificates(signed: Any, bounds: Bounds) -> tuple[Certificate, tuple[Certificate, ...]]:  # noqa: ANN401 - as above
    if isinstance(signed["certificates"], core.Void) or not len(signed["certificates"]):
        raise Flaw(Reason.CERTIFICATE_ABSENT, "CMS")
    if len(signed["certificates"]) > bounds.certificates:
        raise Flaw(Reason.SIGNATURE_FORMAT, f"{len(signed['certificates'])} certificates")
    try:
        found = extract_certs_for_validation(signed)
    except SignatureValidationError as e:
        raise Flaw(Reason.CERTIFICATE_ABSENT, str(e.failure_message)) from e
    try:
        leaf = parse_certificate(found.signer_cert.dump())
    except ValueError as e:
        raise Flaw(Reason.CERTIFICATE_UNREADABLE, str(e)) from e
    others = []
    for other in found.other_certs:
        try:
            others.append(parse_certificate(other.dump()))
        except ValueError:
            continue  # a spare certificate that nothing rests on
    return leaf, tuple(others)


def _signing_time(attributes: Any) -> datetime | None:  # noqa: ANN401 - as above
    try:
        moment = find_unique_cms_attribute(attributes, "signing_time").native
    except Exception:  # noqa: BLE001 - absent, twice, or broken: there is no usable claim
        return None
    return moment if isinstance(moment, datetime) and moment.tzinfo else None


def _tokens(signer: Any, bounds: Bounds) -> Iterator[bytes]:  # noqa: ANN401 - as above
    attributes = signer["unsigned_attrs"]
    if isinstance(attributes, core.Void):
        return
    found = [
        token for row in attributes if row["type"].native == "signature_time_stamp_token" for token in row["values"]
    ]
    if len(found) > bounds.timestamps:
        raise Flaw(Reason.SIGNATURE_FORMAT, f"{len(found)} timestamps")
    for token in found:
        yield token.dump()


def _revocation(signed: Any, attributes: Any) -> RevocationData:  # noqa: ANN401 - as above
    """CRLs and OCSP answers inside the signature: Adobe's signed attribute, and the CMS field."""
    data = RevocationData()
    if not isinstance(signed["crls"], core.Void):
        listed = [row.chosen.dump() for row in signed["crls"] if row.name == "certificate_list"]
        data += RevocationData(crls=tuple(listed[:_EVIDENCE_ITEMS]))
    for archive in find_cms_attribute_iter(attributes, "adobe_revocation_info_archival"):
        data += RevocationData(
            crls=tuple(row.dump() for row in list(archive["crl"] or ())[:_EVIDENCE_ITEMS]),
            ocsps=tuple(row.dump() for row in list(archive["ocsp"] or ())[:_EVIDENCE_ITEMS]),
        )
    return data


def _word(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:120]
