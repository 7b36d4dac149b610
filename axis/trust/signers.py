"""Signers: a private key with its certificates. Loaded once: loading an RSA key costs more than a hundred signatures.

A key may live elsewhere (a PKCS #11 token): whatever has the members of `Signer` can sign.
"""

from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from axis.errors import Code, Malformed
from axis.trust.algorithms import Scheme, sign_raw
from axis.trust.certs import Certificate, parse_certificate, read_certificates


class Signer(Protocol):
    """Something that signs."""

    @property
    def chain(self) -> tuple[Certificate, ...]:
        """The certificate, then those that lead from it towards the root."""

    @property
    def scheme(self) -> Scheme:
        """What it signs with."""

    def sign(self, data: bytes) -> bytes:
        """An XML signature value over data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySigner:
    """A signer whose key is in memory. Never printed: repr leaves the key out."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    chain: tuple[Certificate, ...]
    scheme: Scheme

    def __repr__(self) -> str:
        return f"KeySigner({self.chain[0].name!r}, {self.scheme})"

    def sign(self, data: bytes) -> bytes:
        """An XML signature value over data."""
        return sign_raw(self.key, self.scheme, data)


def load_signer(
    content: bytes, certificates: bytes = b"", *, password: bytes | None = None, pss: bool = False
) -> KeySigner:
    """A signer from files' contents: PKCS #12, or a PEM key with its certificates in PEM or DER.

    password: of the key, None when it has none. pss: sign RSA with PSS padding. Raises Malformed(BAD_FILE).
    """
    if content.lstrip().startswith(b"-----BEGIN"):
        key, chain = _load_pem(content, certificates or content, password)
    else:
        key, chain = _load_pkcs12(content, password)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Malformed(Code.BAD_FILE, "neither an RSA nor an EC key")
    own = key.public_key().public_bytes(Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    leaf = next((c for c in chain if _key_of(c) == own), None)
    if leaf is None:
        raise Malformed(Code.BAD_FILE, "no certificate for this key")
    return KeySigner(key=key, chain=in_order(leaf, chain), scheme=_scheme(key, pss=pss))


def _load_pem(content: bytes, certificates: bytes, password: bytes | None) -> tuple[object, tuple[Certificate, ...]]:
    try:
        key = serialization.load_pem_private_key(content, password)
    except (ValueError, TypeError) as e:
        raise Malformed(Code.BAD_FILE, f"private key: {e}") from e
    return key, read_certificates(certificates)


def _load_pkcs12(content: bytes, password: bytes | None) -> tuple[object, tuple[Certificate, ...]]:
    try:
        loaded = pkcs12.load_pkcs12(content, password)
    except (ValueError, TypeError) as e:
        raise Malformed(Code.BAD_FILE, f"PKCS #12: {e}") from e
    found = [loaded.cert, *loaded.additional_certs]
    return loaded.key, tuple(parse_certificate(c.certificate.public_bytes(Encoding.DER)) for c in found if c)


def _key_of(certificate: Certificate) -> bytes:
    return certificate.crypto.public_key().public_bytes(Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def in_order(leaf: Certificate, certificates: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
    """Leaf, its issuer, and so on; the anchor is left out, since the verifier has its own."""
    chain = [leaf]
    by_subject = {c.crypto.subject: c for c in certificates if c is not leaf}
    while (issuer := by_subject.pop(chain[-1].crypto.issuer, None)) is not None and not issuer.self_signed:
        chain.append(issuer)
    return tuple(chain)


def _scheme(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *, pss: bool) -> Scheme:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        strong = key.curve.key_size > 256  # noqa: PLR2004 - P-384 and above go with SHA-384
        return Scheme(family="ecdsa", hash_name="sha384" if strong else "sha256")
    return Scheme(family="rsa-pss" if pss else "rsa", hash_name="sha256")
