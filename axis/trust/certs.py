"""Certificates, the trust store, and which organisation a certificate belongs to.

A trust store is a folder of PEM or DER files: self-signed certificates are anchors, others intermediates, `*.crl` and
`*.ocsp` revocation data. Sub-folders `agency`, `system`, `tsa` and `tls` hold what counts for one purpose only; files
beside them count for every purpose. Two generations of roots simply lie side by side.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import Path

from asn1crypto import crl as asn1_crl  # type: ignore[import-untyped] # it ships no types
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from cryptography import x509

from axis.errors import Code, Malformed
from axis.text import comparison_form
from axis.trust.model import CertificateLine, Signatory, SignerKind

MAX_FILE_BYTES = 64 << 20  # a State authority's CRL has a few megabytes
CERTIFICATE_SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der"})


class Purpose(StrEnum):
    """What a certificate is trusted for."""

    AGENCY = "agency"  # agencies and persons: documents
    SYSTEM = "system"  # nodes and document-management systems
    TSA = "tsa"  # timestamps
    TLS = "tls"  # connections


class Certificate:
    """An X.509 certificate, parsed once. Equal when the bytes are equal."""

    def __init__(self, der: bytes) -> None:
        """Raises ValueError for what is no certificate."""
        self.der = der
        self.sha256 = hashlib.sha256(der).hexdigest()
        try:
            self._parse(der)
        except ValueError:
            raise
        except Exception as e:
            raise ValueError(str(e)) from e

    def _parse(self, der: bytes) -> None:
        """Parse with both libraries, completely: they are lazy, and would raise anything, anywhere, later."""
        self.crypto = x509.load_der_x509_certificate(der)
        self.public_key: object = self.crypto.public_key()
        _ = self.crypto.issuer, self.crypto.subject, self.crypto.extensions, self.crypto.signature_hash_algorithm
        _ = self.not_before, self.not_after
        self.asn1 = asn1_x509.Certificate.load(der, strict=True)
        _ = self.asn1.native, self.asn1.ca, self.asn1.key_identifier

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and other.sha256 == self.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    @cached_property
    def not_before(self) -> datetime:
        """Start of its period."""
        return self.crypto.not_valid_before_utc

    @cached_property
    def not_after(self) -> datetime:
        """End of its period."""
        return self.crypto.not_valid_after_utc

    @cached_property
    def self_signed(self) -> bool:
        """Issued and signed by itself."""
        if self.crypto.issuer != self.crypto.subject:
            return False
        try:
            self.crypto.verify_directly_issued_by(self.crypto)
        except Exception:  # noqa: BLE001 - whatever is wrong, it is no anchor
            return False
        return True

    @cached_property
    def is_authority(self) -> bool:
        """A CA certificate."""
        return bool(self.asn1.ca)

    @cached_property
    def subject(self) -> tuple[tuple[str, str], ...]:
        """The subject's attributes as (dotted OID, text)."""
        return tuple((a.oid.dotted_string, str(a.value)) for a in self.crypto.subject)

    @cached_property
    def name(self) -> str:
        """What people call it: CN, else O, else the whole subject."""
        for oid in (_CN, _O):
            if texts := self.attribute(oid):
                return texts[0]
        return self.crypto.subject.rfc4514_string()

    def attribute(self, oid: str) -> tuple[str, ...]:
        """All values of one subject attribute."""
        return tuple(text for known, text in self.subject if known == oid)

    @cached_property
    def line(self) -> CertificateLine:
        """As a line of a chain."""
        return CertificateLine(
            subject=self.crypto.subject.rfc4514_string(),
            issuer=self.crypto.issuer.rfc4514_string(),
            serial_hex=f"{self.crypto.serial_number:x}",
            sha256=self.sha256,
            not_before=self.not_before,
            not_after=self.not_after,
        )


_CN, _O, _OU, _ORGANISATION_ID = "2.5.4.3", "2.5.4.10", "2.5.4.11", "2.5.4.97"
_PERSON_OIDS = frozenset({"2.5.4.4", "2.5.4.42"})  # surname, givenName


@lru_cache(maxsize=2048)
def parse_certificate(der: bytes) -> Certificate:
    """A certificate, from a bounded cache: the same few hundred sign everything. Raises ValueError."""
    return Certificate(der)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationData:
    """CRLs and OCSP answers as they came, in DER. Values: the store's rows, a folder's files, what a PDF carries."""

    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()

    def __add__(self, other: "RevocationData") -> "RevocationData":
        return RevocationData(
            crls=tuple(dict.fromkeys(self.crls + other.crls)), ocsps=tuple(dict.fromkeys(self.ocsps + other.ocsps))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustStore:
    """Who is trusted, for what. Frozen: a changed folder is another store with another fingerprint."""

    anchors: tuple[tuple[Purpose, Certificate], ...] = ()
    intermediates: tuple[tuple[Purpose, Certificate], ...] = ()
    revocation: RevocationData = field(default_factory=RevocationData)

    def anchors_for(self, purpose: Purpose) -> tuple[Certificate, ...]:
        """The anchors that count for a purpose."""
        return tuple(certificate for known, certificate in self.anchors if known is purpose)

    def intermediates_for(self, purpose: Purpose) -> tuple[Certificate, ...]:
        """Certificates that help to build paths for a purpose."""
        return tuple(certificate for known, certificate in self.intermediates if known is purpose)

    def certificates(self) -> tuple[Certificate, ...]:
        """Each certificate once."""
        return tuple(dict.fromkeys(certificate for _, certificate in self.anchors + self.intermediates))

    def fingerprint(self) -> str:
        """A short word that changes with the certificates."""
        listed = sorted(f"{kind}{p}{c.sha256}" for kind, rows in _rows(self) for p, c in rows)
        return hashlib.sha256("".join(listed).encode()).hexdigest()[:16]


def _rows(store: TrustStore) -> tuple[tuple[str, tuple[tuple[Purpose, Certificate], ...]], ...]:
    return ("a", store.anchors), ("i", store.intermediates)


def trust_store_of(certificates: Iterable[Certificate], purposes: Iterable[Purpose] = Purpose) -> TrustStore:
    """A trust store of some certificates, self-signed ones as anchors, for all or some purposes."""
    listed, wanted = tuple(dict.fromkeys(certificates)), tuple(purposes)
    return TrustStore(
        anchors=tuple((p, c) for p in wanted for c in listed if c.self_signed),
        intermediates=tuple((p, c) for p in wanted for c in listed if not c.self_signed),
    )


def load_trust_store(folder: Path) -> TrustStore:
    """The trust store in a folder.

    Raises Malformed(BAD_FILE) for a folder that is missing or a file in it that is not what its suffix says.
    """
    store, data = trusted_certificates(folder), RevocationData()
    for place, _ in _places(folder):
        for path in sorted(place.iterdir()):
            data += _revocation(path)
    return replace(store, revocation=data)


def trusted_certificates(folder: Path) -> TrustStore:
    """The certificates in a folder, without the revocation data. Raises as `load_trust_store`."""
    if not folder.is_dir():
        raise Malformed(Code.BAD_FILE, "no such folder of certificates", at=str(folder))
    anchors: list[tuple[Purpose, Certificate]] = []
    intermediates: list[tuple[Purpose, Certificate]] = []
    for place, purposes in _places(folder):
        for path in sorted(place.iterdir()):
            if path.suffix.lower() in CERTIFICATE_SUFFIXES:
                for certificate in read_certificates(_content(path), at=str(path)):
                    rows = anchors if certificate.self_signed else intermediates
                    rows.extend((purpose, certificate) for purpose in purposes)
    return TrustStore(anchors=tuple(anchors), intermediates=tuple(intermediates))


def _places(folder: Path) -> list[tuple[Path, tuple[Purpose, ...]]]:
    """The folders in which files lie, and what these count for."""
    return [
        (folder, tuple(Purpose)),
        *((folder / purpose, (purpose,)) for purpose in Purpose if (folder / purpose).is_dir()),
    ]


def read_certificates(content: bytes, *, at: str = "") -> tuple[Certificate, ...]:
    """The certificates of a PEM or DER file; keys in it are passed over. Raises Malformed(BAD_FILE)."""
    try:
        if not pem.detect(content):
            return (parse_certificate(content),)
        blocks = [(kind, der) for kind, _, der in pem.unarmor(content, multiple=True)]
        return tuple(parse_certificate(der) for kind, der in blocks if kind == "CERTIFICATE")
    except (ValueError, TypeError) as e:
        raise Malformed(Code.BAD_FILE, f"not a certificate: {e}", at=at) from e


def _revocation(path: Path) -> RevocationData:
    suffix = path.suffix.lower()
    if suffix not in (".crl", ".ocsp"):
        return RevocationData()
    content = _content(path)
    try:
        der = pem.unarmor(content)[2] if pem.detect(content) else content
        if suffix == ".crl":
            asn1_crl.CertificateList.load(der, strict=True)["tbs_cert_list"]["issuer"].native  # noqa: B018 - parses
            return RevocationData(crls=(der,))
        asn1_ocsp.OCSPResponse.load(der, strict=True)["response_status"].native  # noqa: B018 - parses
        return RevocationData(ocsps=(der,))
    except (ValueError, TypeError) as e:
        raise Malformed(Code.BAD_FILE, f"no revocation data: {e}", at=str(path)) from e


def _content(path: Path) -> bytes:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise Malformed(Code.BAD_FILE, "too large for a trust store", at=str(path))
    return path.read_bytes()


# --- whose certificate ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """An organisation whose certificates should be recognised."""

    code: str
    names: tuple[str, ...] = ()  # as they stand in certificates, and what it was called before
    codes: tuple[str, ...] = ()  # other codes for it: old form, predecessors


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisations:
    """Which subject belongs to which organisation."""

    by_name: dict[str, str] = field(default_factory=dict)
    by_code: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, organisations: Iterable[Organisation]) -> "Organisations":
        """From a list; a name that two organisations carry means neither."""
        by_name: dict[str, str] = {}
        by_code: dict[str, str] = {}
        for organisation in organisations:
            for name in organisation.names:
                folded = fold_name(name)
                by_name[folded] = (
                    organisation.code if by_name.get(folded, organisation.code) == organisation.code else ""
                )
            for code in (organisation.code, *organisation.codes):
                by_code[code.upper()] = organisation.code
        return cls(by_name={k: v for k, v in by_name.items() if v}, by_code=by_code)

    def code_of(self, certificate: Certificate) -> str:
        """The organisation's code, "" when nothing in the subject is known.

        The identifier attribute counts before names, a unit before the body that it belongs to.
        """
        for text in certificate.attribute(_ORGANISATION_ID):
            if code := self.by_code.get(text.strip().upper()):
                return code
        for oid in (_CN, _OU, _O):
            for text in certificate.attribute(oid):
                if code := self.by_name.get(fold_name(text)):
                    return code
        return ""


_CODE = re.compile(r"[A-Z][0-9]{2}(\.[0-9]{1,3}){0,3}")  # Norm: QĐ 20/2020/QĐ-TTg Art. 4 (form of codes)
_SPACES = re.compile(r"\s+")


def fold_name(name: str) -> str:
    """A name as it is compared: NFC, one space between words, capitals ignored."""
    return _SPACES.sub(" ", comparison_form(name)).casefold()


def stated_codes(certificate: Certificate) -> tuple[str, ...]:
    """The organisation codes that a certificate states by itself, whether we know the organisation or not."""
    identifiers = (text.strip().upper() for text in certificate.attribute(_ORGANISATION_ID))
    return tuple(text for text in identifiers if _CODE.fullmatch(text))


def signatory(certificate: Certificate, organisations: Organisations) -> Signatory:
    """Who a certificate says signed."""
    organisation = next(iter(certificate.attribute(_O)), "")
    return Signatory(
        name=certificate.name,
        kind=_kind(certificate, organisations),
        organisation=organisation,
        organ_code=organisations.code_of(certificate) or next(iter(stated_codes(certificate)), ""),
        certificate_sha256=certificate.sha256,
    )


def _kind(certificate: Certificate, organisations: Organisations) -> SignerKind:
    """An agency's certificate bears the agency's name as CN, a person's the person's.

    Peer: certificates of the specialised authority carry the agency in O and OU, the holder in CN.
    """
    common = certificate.attribute(_CN)
    if not common:
        return SignerKind.UNKNOWN
    if any(oid in _PERSON_OIDS for oid, _ in certificate.subject):
        return SignerKind.PERSON
    bodies = {fold_name(text) for oid in (_O, _OU) for text in certificate.attribute(oid)}
    folded = fold_name(common[0])
    if folded in bodies or folded in organisations.by_name:
        return SignerKind.AGENCY
    return SignerKind.PERSON if bodies else SignerKind.UNKNOWN


def days_left(certificate: Certificate, now: datetime) -> int:
    """Whole days until it expires; negative when it has."""
    return (certificate.not_after - now.astimezone(UTC)).days
