"""Was a certificate revoked: judged from CRLs and OCSP answers at hand, each of them by itself.

An item counts for a moment when its own period covers it (with the policy's grace and maximum age), or when it was
issued later: a later list still says whether, and when, the certificate was revoked. It does not count when it was
issued after the certificate expired, since authorities drop expired ones.

Plain CRLs, signed by the certificate's own issuer, are read by `cryptography`, which is fast on lists of megabytes; any
other list, and every OCSP answer, goes through pyhanko-certvalidator.

Norm: RFC 5280 section 6.3, RFC 6960.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from asn1crypto import crl as asn1_crl  # type: ignore[import-untyped] # it ships no types
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import RevokedError, ValidationError
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, FreshnessReqType, RevocationCheckingPolicy
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer
from pyhanko_certvalidator.revinfo.validate_crl import verify_crl
from pyhanko_certvalidator.revinfo.validate_ocsp import verify_ocsp_response

from axis.trust.certs import Certificate, RevocationData
from axis.trust.model import Evidence
from axis.trust.policy import Policy
from axis.trust.running import run_to_end

_WITHOUT_NEXT_UPDATE = timedelta(days=1)  # how long an item counts that names no end
_AGES = timedelta(days=36500)  # certvalidator shall not judge freshness: that is done here, item by item


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationState:
    """What is known about one certificate's revocation."""

    known: bool = False
    revoked_at: datetime | None = None
    until: datetime | None = None  # the moment up to which the answer counts
    evidence: tuple[Evidence, ...] = ()
    unusable: tuple[str, ...] = ()  # items that were looked at and could not be used, and why

    def usable_at(self, moment: datetime) -> bool:
        """Whether this answer still counts for a moment."""
        return self.until is not None and moment <= self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """One CRL, or one answer of an OCSP response."""

    kind: str
    der: bytes
    this_update: datetime
    next_update: datetime | None
    source: str
    parsed: x509.CertificateRevocationList | OCSPContainer

    @property
    def label(self) -> str:
        return f"{self.kind.upper()} {self.this_update:%Y-%m-%d %H:%M}"


class RevocationPool:
    """Revocation data, parsed once and findable by certificate."""

    def __init__(self, data: RevocationData, policy: Policy, source: str = "store") -> None:
        self._policy = policy
        self._data = data
        self._crls: dict[bytes, list[_Item]] = {}
        self._ocsps: dict[int, list[_Item]] = {}
        for der in data.crls:
            self._add_crl(der, source)
        for der in data.ocsps:
            self._add_ocsp(der, source)
        digest = hashlib.sha256()
        for der in (*data.crls, *data.ocsps):
            digest.update(hashlib.sha256(der).digest())
        self.fingerprint = digest.hexdigest()

    def extended(self, data: RevocationData) -> "RevocationPool":
        """This pool and what a file brought along."""
        if not data.crls and not data.ocsps:
            return self
        extra = RevocationPool(data, self._policy, source="file")
        extra.fingerprint = hashlib.sha256((self.fingerprint + extra.fingerprint).encode()).hexdigest()
        for name, items in self._crls.items():
            extra._crls.setdefault(name, []).extend(items)
        for serial, items in self._ocsps.items():
            extra._ocsps.setdefault(serial, []).extend(items)
        return extra

    def state(
        self, certificate: Certificate, issuer: Certificate, path: ValidationPath, moment: datetime
    ) -> RevocationState:
        """What the freshest usable item says. Bad items are passed over and named."""
        unusable: list[str] = []
        for item in self._about(certificate):
            why = self._unusable(item, certificate, moment)
            if not why:
                why, revoked_at = self._read(item, certificate, issuer, path, moment)
                if not why:
                    return RevocationState(
                        known=True, revoked_at=revoked_at, until=self._until(item), evidence=(_evidence(item),)
                    )
            unusable.append(f"{item.label}: {why}")
        return RevocationState(unusable=tuple(unusable))

    def _add_crl(self, der: bytes, source: str) -> None:
        try:
            parsed = x509.load_der_x509_crl(der)
            name = parsed.issuer.public_bytes()
            item = _Item(
                kind="crl", der=der, source=source, parsed=parsed,
                this_update=parsed.last_update_utc, next_update=parsed.next_update_utc,
            )  # fmt: skip
        except Exception:  # noqa: BLE001 - the catch point for cryptography, which has errors outside of ValueError
            return  # a stranger's file may carry anything; what cannot be read is no evidence
        self._crls.setdefault(name, []).append(item)

    def _add_ocsp(self, der: bytes, source: str) -> None:
        try:
            answer = asn1_ocsp.OCSPResponse.load(der, strict=True)
            _check_octets(answer)
            containers = OCSPContainer.load_multi(answer)
            for container in containers:
                single = container.extract_single_response()
                if single is None:
                    continue
                item = _Item(
                    kind="ocsp", der=der, source=source, parsed=container,
                    this_update=single["this_update"].native, next_update=single["next_update"].native,
                )  # fmt: skip
                self._ocsps.setdefault(single["cert_id"]["serial_number"].native, []).append(item)
        except Exception:  # noqa: BLE001 - the same for asn1crypto
            return

    def _about(self, certificate: Certificate) -> Iterator[_Item]:
        items = [
            *self._ocsps.get(certificate.crypto.serial_number, ()),
            *self._crls.get(certificate.crypto.issuer.public_bytes(), ()),
        ]
        yield from sorted(items, key=lambda item: item.this_update, reverse=True)

    def _until(self, item: _Item) -> datetime:
        rules = self._policy.revocation
        end = item.next_update or item.this_update + _WITHOUT_NEXT_UPDATE
        end += rules.grace
        return end if rules.max_age is None else min(end, item.this_update + rules.max_age)

    def _unusable(self, item: _Item, certificate: Certificate, moment: datetime) -> str:
        """Why an item does not count for a moment, "" when it does."""
        if moment > self._until(item):
            return "stale"
        if item.this_update > max(certificate.not_after, moment):
            return "issued after the certificate expired"
        return ""

    def _read(
        self, item: _Item, certificate: Certificate, issuer: Certificate, path: ValidationPath, moment: datetime
    ) -> tuple[str, datetime | None]:
        """(why it cannot be used, when it was revoked)."""
        if isinstance(item.parsed, x509.CertificateRevocationList):
            if _signed_by(item.parsed, issuer):
                return _read_plain(item.parsed, certificate)
            container: CRLContainer | OCSPContainer = CRLContainer(asn1_crl.CertificateList.load(item.der))
        else:
            container = item.parsed
        try:
            context = self._context(container, path, max(moment, item.this_update))
            if isinstance(container, CRLContainer):
                run_to_end(verify_crl(certificate.asn1, path, context))
            else:
                run_to_end(verify_ocsp_response(certificate.asn1, path, context))
        except RevokedError as e:
            return "", e.revocation_dt.astimezone(UTC)
        except ValidationError as e:
            return e.failure_msg, None
        except Exception as e:  # noqa: BLE001 - certvalidator's other errors share no base; ASN.1 is parsed lazily
            return str(e) or type(e).__name__, None
        return "", None

    def _context(
        self, container: CRLContainer | OCSPContainer, path: ValidationPath, at: datetime
    ) -> ValidationContext:
        """Where one item is verified: its signer must lead to the anchor of the path, and not be known as revoked."""
        crls = [item.der for items in self._crls.values() for item in items]
        return ValidationContext(
            trust_roots=[path.first],
            other_certs=list(path.iter_certs(include_root=False)),
            moment=at,
            allow_fetching=False,
            crls=[container] if isinstance(container, CRLContainer) else crls,
            ocsps=[container] if isinstance(container, OCSPContainer) else [],
            revinfo_policy=CertRevTrustPolicy(
                RevocationCheckingPolicy.from_legacy("soft-fail"),
                freshness=_AGES,
                freshness_req_type=FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION,
            ),
        )


def _check_octets(answer: asn1_ocsp.OCSPResponse) -> None:
    """Signatures are whole octets. asn1crypto passes over a BIT STRING that says otherwise; DER does not allow it.

    Raises ValueError.
    """
    basic = answer["response_bytes"]["response"].parsed
    certificates = basic["certs"] if basic["certs"].native else ()
    signatures = [basic["signature"], *(certificate["signature_value"] for certificate in certificates)]
    if any(signature.contents[:1] != b"\0" for signature in signatures):
        raise ValueError("a signature that is not made of whole octets")


def _evidence(item: _Item) -> Evidence:
    return Evidence(
        kind=item.kind,
        sha256=hashlib.sha256(item.der).hexdigest(),
        source=item.source,
        this_update=item.this_update,
        next_update=item.next_update,
        content=item.der,
    )


_WEAK_HASHES = frozenset({"md5", "sha1"})
_KNOWN_CRITICAL = frozenset({x509.IssuingDistributionPoint.oid})


def _signed_by(crl: x509.CertificateRevocationList, issuer: Certificate) -> bool:
    """A list by the certificate's own issuer, whose key may sign lists. Others go to certvalidator."""
    key = issuer.public_key
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    try:
        usage = issuer.crypto.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.crl_sign:
            return False
    except x509.ExtensionNotFound:
        pass
    try:
        return crl.is_signature_valid(key)
    except (ValueError, TypeError):
        return False


def _read_plain(crl: x509.CertificateRevocationList, certificate: Certificate) -> tuple[str, datetime | None]:
    """One certificate's line in a list whose signature holds."""
    algorithm = crl.signature_hash_algorithm
    if algorithm is not None and algorithm.name in _WEAK_HASHES:
        return f"signed with {algorithm.name}", None
    try:
        for extension in crl.extensions:
            if extension.critical and extension.oid not in _KNOWN_CRITICAL:
                return f"critical extension {extension.oid.dotted_string}", None
            if isinstance(extension.value, x509.IssuingDistributionPoint) and not _in_scope(
                extension.value, certificate
            ):
                return "the list is not about this kind of certificate", None
        entry = crl.get_revoked_certificate_by_serial_number(certificate.crypto.serial_number)
    except Exception as e:  # noqa: BLE001 - the catch point for cryptography, as above
        return str(e), None
    return "", None if entry is None else entry.revocation_date_utc


def _in_scope(point: x509.IssuingDistributionPoint, certificate: Certificate) -> bool:
    partial = point.only_some_reasons or point.indirect_crl or point.only_contains_attribute_certs
    if partial or ((point.full_name or point.relative_name) and not _same_point(point, certificate)):
        return False
    return not (point.only_contains_ca_certs if not certificate.is_authority else point.only_contains_user_certs)


def _same_point(point: x509.IssuingDistributionPoint, certificate: Certificate) -> bool:
    """A list that names its distribution point is about the certificates that name the same one."""
    try:
        points = certificate.crypto.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return False
    named = {name for known in points for name in known.full_name or ()}
    return bool(named & set(point.full_name or ()))
