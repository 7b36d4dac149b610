"""Certificates that end when a test says so."""

from datetime import datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from axis.store.records import CertificateRow


@cache
def key() -> ec.EllipticCurvePrivateKey:
    """One key for all: nothing here is about keys."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem() -> bytes:
    """The key, as a server reads it."""
    return key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate(name: str, ends: datetime, *, organ: str = "", authority: bool = False) -> x509.Certificate:
    """A self-signed certificate of somebody. organ: the organisation's code that it states."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organ:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, organ))
    subject = x509.Name(attributes)
    ends = ends.replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key().public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=400))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    return builder.sign(key(), hashes.SHA256())


def pem(*certificates: x509.Certificate) -> bytes:
    """As a file holds them."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def met(one: x509.Certificate, kind: str = "agency", organ: str = "") -> CertificateRow:
    """The same, as the node keeps what came in a package."""
    return CertificateRow(
        sha256_hex=one.fingerprint(hashes.SHA256()).hex(),
        content=one.public_bytes(Encoding.DER),
        subject=one.subject.rfc4514_string(),
        issuer=one.issuer.rfc4514_string(),
        serial_hex=f"{one.serial_number:x}",
        organ_code=organ,
        kind=kind,
        not_before=one.not_valid_before_utc,
        not_after=one.not_valid_after_utc,
        first_seen_at=one.not_valid_before_utc,
    )
