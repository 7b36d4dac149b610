"""The demo's certificates: two generations of roots, a specialised authority below each, and what agencies sign with.

Made once per folder from config/demo-pki.toml; a second call keeps what is there and adds what is missing. The folder:

    trust/                   a trust folder for `axis verify --trust` and for nodes: roots, authorities, their CRLs
    authorities/             the authorities' private keys
    agencies/CODE/           agency, person and system: NAME.pem with its chain, NAME.key, NAME.ocsp
    tsa/                     the timestamping authority: tsa.pem, tsa.key

Private keys are readable by their owner only, and without a password: nobody outside the demo trusts them.
"""

import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from axis.errors import Code, Malformed
from axis.resources import resource

_YEAR = timedelta(days=365)
_EARLIER = timedelta(hours=1)  # clocks of the demo's machines may differ
_RSA_EXPONENT = 65537
_PEM = serialization.Encoding.PEM

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Seal(StrEnum):
    """What an agency's certificate is for; also the name of its files."""

    AGENCY = "agency"  # the agency's own, on documents and envelopes
    PERSON = "person"  # of its head, on documents
    SYSTEM = "system"  # of its software, on what that makes by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """An agency that gets certificates."""

    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: PrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Pki:
    """Where the demo's certificates lie."""

    folder: Path

    @property
    def trust(self) -> Path:
        """The trust folder: anchors, authorities and CRLs, no keys."""
        return self.folder / "trust"

    def authority(self, name: str) -> Path:
        """A root's or authority's certificate."""
        return self.trust / f"{name}.pem"

    def authority_key(self, name: str) -> Path:
        """Its private key."""
        return self.folder / "authorities" / f"{name}.key"

    def certificate(self, code: str, seal: Seal = Seal.AGENCY) -> Path:
        """An agency's certificate, followed by the authority that issued it."""
        return self.folder / "agencies" / code / f"{seal}.pem"

    def key(self, code: str, seal: Seal = Seal.AGENCY) -> Path:
        """Its private key, PKCS #8 without a password."""
        return self.certificate(code, seal).with_suffix(".key")

    @property
    def tsa(self) -> Path:
        """The timestamping authority's certificate; its key is beside it."""
        return self.folder / "tsa" / "tsa.pem"


def make_pki(folder: Path, holders: Iterable[Holder], now: datetime) -> Pki:
    """Make the demo's certificates in `folder`, or complete them.

    holders: the agencies; their codes are the demo's own and fit for file names. now: aware.
    """
    pki = Pki(folder=folder)
    office = _Office(pki, tomllib.loads(resource("config/demo-pki.toml").read_text(encoding="utf-8")), now)
    for name in office.plan["authorities"]:
        office.open_authority(name)
    for holder in holders:
        for seal in Seal:
            office.issue_holder(holder, seal)
    office.issue_tsa()
    return pki


def load_pair(certificate: Path, key: Path | None = None) -> Authority:
    """The first certificate in a file, and its key: beside it when not named. Raises Malformed(BAD_FILE)."""
    path = key or certificate.with_suffix(".key")
    loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(loaded, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Malformed(Code.BAD_FILE, "neither an RSA nor an EC key", at=str(path))
    return Authority(certificate=x509.load_pem_x509_certificate(certificate.read_bytes()), key=loaded)


class _Office:
    """Issues what is missing. An authority's key is loaded once, and only when something is to be signed with it."""

    def __init__(self, pki: Pki, plan: dict[str, Any], now: datetime) -> None:
        self.pki = pki
        self.plan = plan
        self.now = now
        self._authorities: dict[str, Authority] = {}
        self._validity: dict[str, Any] = plan["validity"]

    def open_authority(self, name: str) -> None:
        """Make a root or an authority with its CRL; issuers stand before those they issue for in the plan."""
        certificate, key = self.pki.authority(name), self.pki.authority_key(name)
        if not certificate.exists():
            self._make_authority(name, certificate, key)
        crl = certificate.with_suffix(".crl")
        if not crl.exists():
            crl.write_bytes(self._crl(self._authority(name)))

    def _make_authority(self, name: str, certificate: Path, key: Path) -> None:
        plan = self.plan["authorities"][name]
        issuer = self._authority(plan["issuer"]) if "issuer" in plan else None
        own = _new_key(plan["key"])
        since = self.now - plan["age"] * _YEAR - _EARLIER
        builder = (
            _builder(_subject(plan["organization"], plan["name"]), own, issuer)
            .not_valid_before(since)
            .not_valid_after(since + plan["years"] * _YEAR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=1 if issuer is None else 0), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True, digital_signature=True), critical=True)
        )
        made = _issue(builder, own, issuer)
        _write_pair(certificate, key, made)
        self._authorities[name] = made

    def _authority(self, name: str) -> Authority:
        if name not in self._authorities:
            self._authorities[name] = load_pair(self.pki.authority(name), self.pki.authority_key(name))
        return self._authorities[name]

    def _until(self) -> datetime:
        return self.now + int(self._validity["revocation_years"]) * _YEAR

    def _crl(self, authority: Authority) -> bytes:
        """A CRL on which nobody stands."""
        key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(authority.certificate.subject)
            .last_update(self.now - _EARLIER)
            .next_update(self._until())
            .add_extension(key_id, critical=False)
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def issue_holder(self, holder: Holder, seal: Seal) -> None:
        """A certificate of an agency, and what an OCSP responder says of it."""
        path = self.pki.certificate(holder.code, seal)
        if path.exists():
            return
        plan = self.plan["holders"][seal]

        def filled(text: str) -> str:
            return text.format(agency=holder.name, code=holder.code)

        more = [
            (NameOID.LOCALITY_NAME, self._validity["locality"]),
            (NameOID.ORGANIZATION_IDENTIFIER, holder.code),
            *((NameOID.ORGANIZATIONAL_UNIT_NAME, filled(plan[key])) for key in ("unit",) if key in plan),
            *((NameOID.TITLE, plan[key]) for key in ("title",) if key in plan),
        ]
        subject = _subject(holder.name, filled(plan["name"]), more)
        usage = _usage(digital_signature=True, content_commitment=True)
        issuer = self._authority(plan["issuer"])
        made = self._issue_leaf(path, plan, subject, (x509.Extension(usage.oid, critical=True, value=usage),))
        path.with_suffix(".ocsp").write_bytes(self._ocsp(made, issuer))

    def issue_tsa(self) -> None:
        """The timestamping authority's certificate."""
        if self.pki.tsa.exists():
            return
        plan = self.plan["timestamping"]
        usage = _usage(digital_signature=True)
        stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        extensions = (
            x509.Extension(usage.oid, critical=True, value=usage),
            x509.Extension(stamping.oid, critical=True, value=stamping),
        )
        self._issue_leaf(self.pki.tsa, plan, _subject(plan["organization"], plan["name"]), extensions)

    def _issue_leaf(
        self, path: Path, plan: dict[str, Any], subject: x509.Name, extensions: Iterable[x509.Extension[Any]]
    ) -> Authority:
        issuer = self._authority(plan["issuer"])
        own = _new_key(plan["key"])
        builder = (
            _builder(subject, own, issuer)
            .not_valid_before(self.now - _EARLIER)
            .not_valid_after(self.now + self._validity["years"] * _YEAR)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        for extension in extensions:
            builder = builder.add_extension(extension.value, critical=extension.critical)
        made = _issue(builder, own, issuer)
        _write_pair(path, path.with_suffix(".key"), made, issuer.certificate)
        return made

    def _ocsp(self, holder: Authority, issuer: Authority) -> bytes:
        """What the authority's own responder says: good."""
        response = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=holder.certificate,
                issuer=issuer.certificate,
                algorithm=hashes.SHA1(),  # noqa: S303 - names the certificate, as responders do; it protects nothing
                cert_status=ocsp.OCSPCertStatus.GOOD,
                this_update=self.now - _EARLIER,
                next_update=self._until(),
                revocation_time=None,
                revocation_reason=None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, issuer.certificate)
        )
        return response.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _subject(organisation: str, name: str, more: Iterable[tuple[x509.ObjectIdentifier, str]] = ()) -> x509.Name:
    rows = [(NameOID.COUNTRY_NAME, "VN"), (NameOID.ORGANIZATION_NAME, organisation), *more, (NameOID.COMMON_NAME, name)]
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in rows])


def _builder(subject: x509.Name, key: PrivateKey, issuer: Authority | None) -> x509.CertificateBuilder:
    """Names, keys and serial number, which every certificate has."""
    issuer_key = issuer.key if issuer else key
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _issue(builder: x509.CertificateBuilder, key: PrivateKey, issuer: Authority | None) -> Authority:
    return Authority(certificate=builder.sign((issuer.key if issuer else key), hashes.SHA256()), key=key)


def _write_pair(path: Path, key: Path, made: Authority, *chain: x509.Certificate) -> None:
    """The key first: a certificate never stands without its key."""
    for folder in (path.parent, key.parent):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    content = made.key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    path.write_bytes(b"".join(certificate.public_bytes(_PEM) for certificate in (made.certificate, *chain)))


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
