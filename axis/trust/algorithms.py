"""Signature and digest algorithms: their names, what counts as weak, and the bare operations.

Norm: RFC 9231 (identifiers for XML), RFC 8017 (PKCS #1, PSS), TT 15/2025/TT-BKHCN (strength).
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from axis.trust.model import Check, CheckName
from axis.trust.policy import Algorithms
from axis.trust.reasons import Reason, check, passed

_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"

HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - known, so that it can be reported as weak
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}

XML_DIGESTS = {
    "http://www.w3.org/2000/09/xmldsig#sha1": "sha1",
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    f"{_MORE}sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """A signature algorithm: family (rsa, rsa-pss, ecdsa) and digest."""

    family: str
    hash_name: str

    def __str__(self) -> str:
        return f"{self.family}-{self.hash_name}"


XML_SIGNATURES = {
    "http://www.w3.org/2000/09/xmldsig#rsa-sha1": Scheme(family="rsa", hash_name="sha1"),
    f"{_MORE}ecdsa-sha1": Scheme(family="ecdsa", hash_name="sha1"),
    **{f"{_MORE}rsa-sha{n}": Scheme(family="rsa", hash_name=f"sha{n}") for n in (256, 384, 512)},
    **{f"{_MORE}ecdsa-sha{n}": Scheme(family="ecdsa", hash_name=f"sha{n}") for n in (256, 384, 512)},
    **{f"{_MORE_2007}sha{n}-rsa-MGF1": Scheme(family="rsa-pss", hash_name=f"sha{n}") for n in (256, 384, 512)},
}

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def xml_signature_uri(scheme: Scheme) -> str:
    """The identifier of a scheme in XML."""
    return next(uri for uri, known in XML_SIGNATURES.items() if known == scheme)


def verify_raw(key: object, scheme: Scheme, signature: bytes, signed: bytes) -> bool:
    """Whether an XML signature value holds: ECDSA as r and s of fixed length, PSS with a salt as long as the digest."""
    hashed = HASHES[scheme.hash_name]
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and scheme.family == "ecdsa":
            width = (key.curve.key_size + 7) // 8
            if len(signature) != 2 * width:
                return False
            r, s = int.from_bytes(signature[:width]), int.from_bytes(signature[width:])
            key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(hashed))
            return True
        if isinstance(key, rsa.RSAPublicKey) and scheme.family in ("rsa", "rsa-pss"):
            key.verify(signature, signed, _rsa_padding(scheme), hashed)
            return True
    except (InvalidSignature, ValueError):
        return False
    return False


def sign_raw(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, scheme: Scheme, data: bytes) -> bytes:
    """An XML signature value."""
    hashed = HASHES[scheme.hash_name]
    if isinstance(key, ec.EllipticCurvePrivateKey):
        width = (key.curve.key_size + 7) // 8
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashed)))
        return r.to_bytes(width) + s.to_bytes(width)
    return key.sign(data, _rsa_padding(scheme), hashed)


def check_strength(key: object, hash_names: tuple[str, ...], rules: Algorithms, signed_at: datetime) -> list[Check]:
    """Whether key and digests are strong enough for a signature that was made, as far as is proven, at `signed_at`."""
    weak = [f"{name.upper()}" for name in sorted(set(hash_names)) if name == "sha1"]
    bits, least, described = _size(key, rules)
    if not described:
        return [check(CheckName.ALGORITHM, "key", Reason.ALGORITHM_UNKNOWN, type(key).__name__)]
    if bits < least:
        weak.append(described)
    if not weak:
        return [passed(CheckName.ALGORITHM, f"{described}, {', '.join(sorted(set(hash_names)))}")]
    hopeless = isinstance(key, rsa.RSAPublicKey) and bits < rules.weak_rsa_bits
    tolerated = rules.weak_until is not None and signed_at <= rules.weak_until and not hopeless
    reason = Reason.ALGORITHM_WEAK_TOLERATED if tolerated else Reason.ALGORITHM_WEAK
    return [check(CheckName.ALGORITHM, described, reason, ", ".join(weak))]


def _size(key: object, rules: Algorithms) -> tuple[int, int, str]:
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size, rules.rsa_bits, f"RSA {key.key_size} bit"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.key_size, rules.ec_bits, f"ECDSA {key.curve.name}"
    return 0, 0, ""


def _rsa_padding(scheme: Scheme) -> padding.AsymmetricPadding:
    if scheme.family == "rsa":
        return padding.PKCS1v15()
    hashed = HASHES[scheme.hash_name]
    return padding.PSS(mgf=padding.MGF1(hashed), salt_length=hashed.digest_size)
