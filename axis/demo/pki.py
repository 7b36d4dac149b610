"""The demo's certificates: root → issuing authority → one certificate for each agency.

Made once per data directory from config/demo-pki.toml; a second call keeps what is there and adds what is missing.
The private keys lie beside the certificates, readable by their owner only: nobody outside the demo trusts them.
"""

import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from axis.errors import Code, Malformed
from axis.resources import resource

_YEAR = timedelta(days=365)
_RSA_EXPONENT = 65537

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """An agency that gets a certificate."""

    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: PrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Pki:
    """Where the demo's certificates lie. A pair is NAME.pem and NAME.key."""

    folder: Path

    @property
    def root(self) -> Path:
        """The root's certificate: the demo's only trust anchor."""
        return self.folder / "root.pem"

    @property
    def issuing(self) -> Path:
        """The issuing authority's certificate."""
        return self.folder / "issuing.pem"

    def certificate(self, code: str) -> Path:
        """An agency's certificate."""
        return self.folder / "agencies" / f"{code}.pem"

    def key(self, code: str) -> Path:
        """An agency's private key, PKCS #8 without a password."""
        return self.certificate(code).with_suffix(".key")


def make_pki(folder: Path, holders: Iterable[Holder], now: datetime) -> Pki:
    """Make the demo's certificates in `folder`, or complete them.

    holders: the agencies; their codes are the demo's own and fit for file names. now: aware.
    """
    plan = tomllib.loads(resource("config/demo-pki.toml").read_text(encoding="utf-8"))
    pki = Pki(folder=folder)
    (folder / "agencies").mkdir(parents=True, exist_ok=True, mode=0o700)
    root = _authority(pki.root, plan["root"], None, now)
    issuing = _authority(pki.issuing, plan["issuing"], root, now)
    for holder in holders:
        _agency(pki.certificate(holder.code), holder, plan["agency"], issuing, now)
    return pki


def load_pair(path: Path) -> Authority:
    """The certificate in `path` and its key beside it."""
    key = serialization.load_pem_private_key(path.with_suffix(".key").read_bytes(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Malformed(Code.BAD_FILE, "neither an RSA nor an EC key", at=str(path.with_suffix(".key")))
    return Authority(certificate=x509.load_pem_x509_certificate(path.read_bytes()), key=key)


def _authority(path: Path, plan: dict[str, Any], issuer: Authority | None, now: datetime) -> Authority:
    if path.exists():
        return load_pair(path)
    key = _new_key(plan["key"])
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, plan["organization"]),
            x509.NameAttribute(NameOID.COMMON_NAME, plan["name"]),
        ]
    )
    path_length = 1 if issuer is None else 0
    usage = _usage(key_cert_sign=True, crl_sign=True)
    builder = (
        _builder(name, key, issuer, now, plan["years"])
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(usage, critical=True)
    )
    return _issue(path, builder, key, issuer)


def _agency(path: Path, holder: Holder, plan: dict[str, Any], issuer: Authority, now: datetime) -> None:
    if path.exists():
        return
    key = _new_key(plan["key"])
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.LOCALITY_NAME, plan["locality"]),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, holder.name),
            x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, holder.code),
            x509.NameAttribute(NameOID.COMMON_NAME, holder.name),
        ]
    )
    builder = (
        _builder(name, key, issuer, now, plan["years"])
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True, content_commitment=True), critical=True)
    )
    _issue(path, builder, key, issuer)


def _builder(
    subject: x509.Name, key: PrivateKey, issuer: Authority | None, now: datetime, years: int
) -> x509.CertificateBuilder:
    """Names, keys, serial number and period, which every certificate has."""
    issuer_key = issuer.key if issuer else key
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks of the demo's machines may differ
        .not_valid_after(now + years * _YEAR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _issue(path: Path, builder: x509.CertificateBuilder, key: PrivateKey, issuer: Authority | None) -> Authority:
    """Sign, and write the key first: a certificate never stands without its key."""
    certificate = builder.sign((issuer.key if issuer else key), hashes.SHA256())
    _write_private(
        path.with_suffix(".key"),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Authority(certificate=certificate, key=key)


def _usage(**uses: bool) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: uses.get(name, False) for name in names})


def _new_key(kind: str) -> PrivateKey:
    if kind == "ec-p256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(_RSA_EXPONENT, int(kind.removeprefix("rsa-")))


def _write_private(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
