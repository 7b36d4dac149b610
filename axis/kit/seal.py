"""Badly signed packages: signed by a key of the moment, and changed afterwards."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from axis.errors import Internal
from axis.trust.sealing import sign_envelope
from axis.trust.signers import KeySigner, load_signer

SIGNED, CHANGED = "nguyen ven", "da bi doi!"
"""A word of a package before and after: nothing but the signature tells."""

_A_DAY = timedelta(days=1)


def new_signer(name: str, now: datetime) -> KeySigner:
    """A key with a certificate that it signed itself. now: aware."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _A_DAY)
        .not_valid_after(now + 365 * _A_DAY)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return load_signer(pem, certificate.public_bytes(serialization.Encoding.PEM))


def sign_badly(raw: bytes, signer: KeySigner) -> bytes:
    """The package signed, and changed after that. It says SIGNED somewhere in its text."""
    signed = sign_envelope(raw, signer)
    if SIGNED.encode() not in signed:
        raise Internal("the package has no word to be changed")
    return signed.replace(SIGNED.encode(), CHANGED.encode(), 1)
