"""Is this certificate good for this signature: path, period, usage, revocation, organisation.

Path building and RFC 5280 validation are pyhanko-certvalidator's. Revocation is ours to organise: each certificate of
the path is checked by itself against the data at hand, so that the verdict can name the item it rests on and what is
missing. Nothing is fetched. certvalidator's coroutines never wait when they may not fetch, so they are driven to their
end in this very call: no event loop is needed, and one that runs is not disturbed.

Norm: RFC 5280, RFC 6960; NĐ 68/2024 Art. 31–32 (valid at signing time, the whole path).
"""

import hashlib
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from threading import Lock
from typing import Generic, TypeVar

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    DisallowedAlgorithmError,
    ExpiredError,
    NotYetValidError,
    PathBuildingError,
    ValidationError,
)
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    NO_REVOCATION,
    CertRevTrustPolicy,
    DisallowWeakAlgorithmsPolicy,
)

from axis.trust.certs import (
    Certificate,
    Organisations,
    Purpose,
    RevocationData,
    TrustStore,
    parse_certificate,
    stated_codes,
)
from axis.trust.model import CertificateLine, Check, CheckName, Evidence, Need, NeedKind, moment_text
from axis.trust.policy import Policy
from axis.trust.reasons import Reason, check, passed, span
from axis.trust.revocation import RevocationPool, RevocationState
from axis.trust.running import run_to_end

_CACHE_ENTRIES = 4096
_OF_ONE_NAME = 2
_FROM_STRANGERS = 4
_TOLERANCE = timedelta(seconds=1)
_DOCUMENT_EKUS = frozenset(
    {
        ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string,
        ExtendedKeyUsageOID.EMAIL_PROTECTION.dotted_string,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string,
        "1.3.6.1.5.5.7.3.36",  # id-kp-documentSigning, RFC 9336
        "1.3.6.1.4.1.311.10.3.12",  # Microsoft document signing
        "1.2.840.113583.1.1.5",  # Adobe authentic documents trust
        "1.3.6.1.4.1.311.20.2.2",  # smart-card logon, on many persons' tokens
    }
)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of a certificate, to be judged.

    at: when the file was received, or the moment that is asked about. claimed_at: when the signer says he signed.
    proven_at: when a trusted timestamp proves it at the latest. issuers: SHA-256 of the authorities of which one has to
    stand in the path; empty for any.
    """

    leaf: Certificate
    others: tuple[Certificate, ...] = ()  # that came with the signature
    purpose: Purpose = Purpose.AGENCY
    at: datetime
    claimed_at: datetime | None = None
    proven_at: datetime | None = None
    revocation: RevocationData = field(default_factory=RevocationData)  # that came with the signature
    issuers: frozenset[str] = frozenset()

    @property
    def judged_at(self) -> datetime:
        """The moment at which the certificate has to be good."""
        return self.proven_at or self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFinding:
    """What was found of one use."""

    checks: tuple[Check, ...]
    chain: tuple[CertificateLine, ...]
    evidence: tuple[Evidence, ...] = ()
    needs: tuple[Need, ...] = ()
    trusted: bool = False  # the path leads to an anchor and every period holds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Path:
    """A valid path, leaf first, and the time in which all its certificates are valid."""

    built: ValidationPath
    certificates: tuple[Certificate, ...]
    begins: datetime
    ends: datetime


def _path_of(built: ValidationPath) -> _Path:
    certificates = tuple(parse_certificate(c.dump()) for c in reversed(list(built.iter_certs(include_root=True))))
    return _Path(
        built=built,
        certificates=certificates,
        begins=max(c.not_before for c in certificates),
        ends=min(c.not_after for c in certificates),
    )


class Judge:
    """Judges certificates under one trust store, one set of rules, one set of revocation data.

    Values in, findings out; paths and revocation states are remembered, bounded, safe for threads. When trust store,
    rules or revocation data change, make another one.
    """

    def __init__(
        self,
        trust: TrustStore,
        policy: Policy,
        organisations: Organisations | None = None,
        revocation: RevocationData | None = None,
    ) -> None:
        self.trust = trust
        self.policy = policy
        self.organisations = organisations or Organisations()
        self.trust_fingerprint = trust.fingerprint()
        self.policy_fingerprint = policy.fingerprint()
        self.revocation = trust.revocation + (revocation or RevocationData())
        self._pool = RevocationPool(self.revocation, policy)
        self._paths: _Remembered[_Path] = _Remembered()
        self._states: _Remembered[RevocationState] = _Remembered()

    def fingerprint_with(self, issuers: frozenset[str]) -> str:
        """A short word for the rules of a check for which only some authorities count."""
        if not issuers:
            return self.policy_fingerprint
        return hashlib.sha256("".join((self.policy_fingerprint, *sorted(issuers))).encode()).hexdigest()[:16]

    def judge(self, use: Use) -> PathFinding:
        """Everything about one use of a certificate. Never raises for a bad certificate."""
        usage = _usage_checks(use.leaf, use.purpose)
        path, failure = self._path(use)
        if path is None:
            chain = tuple(c.line for c in (use.leaf, *use.others))
            needs = _issuer_needs(use.leaf) if failure and failure.reason == Reason.CHAIN_UNKNOWN else ()
            return PathFinding(checks=(*usage, *((failure,) if failure else ())), chain=chain, needs=needs)
        certificates = path.certificates
        checks = [*usage, passed(CheckName.CERTIFICATE, f"{use.leaf.name} ← {certificates[-1].name}")]
        checks += _issuer_allowed(certificates, use.issuers) + self._weak_links(certificates, use.judged_at)
        revocation = self._revocation(path, use)
        return PathFinding(
            checks=(*checks, *revocation.checks),
            chain=tuple(c.line for c in certificates),
            evidence=(*(_as_evidence(c) for c in certificates), *revocation.evidence),
            needs=revocation.needs,
            trusted=True,
        )

    def judge_any(self, use: Use, purposes: Sequence[Purpose]) -> PathFinding:
        """The same for the first purpose under which the path leads to an anchor, else for the first one."""
        findings = (self.judge(replace(use, purpose=purpose)) for purpose in purposes)
        first = next(findings)
        return first if first.trusted else next((found for found in findings if found.trusted), first)

    # --- path

    def _path(self, use: Use) -> "tuple[_Path | None, Check | None]":
        key = (use.leaf.sha256, use.purpose, tuple(c.sha256 for c in use.others))
        known = self._paths.get(key)
        if known is not None and known.begins <= use.judged_at <= known.ends:
            return known, None
        try:
            path = _path_of(run_to_end(self._validator(use).async_validate_path()))
        except ExpiredError as e:
            return None, _expired(use, e.expired_dt)
        except NotYetValidError as e:
            facts = span(use.judged_at, e.valid_from)
            return None, check(CheckName.CERTIFICATE, use.leaf.name, Reason.NOT_YET_VALID, use.leaf.name, **facts)
        except DisallowedAlgorithmError as e:
            return None, check(CheckName.ALGORITHM, use.leaf.name, Reason.ALGORITHM_WEAK, str(e))
        except PathBuildingError:
            issuer = use.leaf.crypto.issuer.rfc4514_string()
            return None, check(CheckName.CERTIFICATE, use.leaf.name, Reason.CHAIN_UNKNOWN, issuer)
        except ValidationError as e:
            if use.leaf.self_signed:
                return None, check(CheckName.CERTIFICATE, use.leaf.name, Reason.CHAIN_UNKNOWN, use.leaf.name)
            return None, check(CheckName.CERTIFICATE, use.leaf.name, Reason.CHAIN_WRONG, str(e))
        except Exception as e:  # noqa: BLE001 - the catch point for a library that parses strangers' ASN.1 lazily
            return None, check(CheckName.CERTIFICATE, use.leaf.name, Reason.CERTIFICATE_UNREADABLE, str(e))
        self._paths.put(key, path)
        return path, None

    def _validator(self, use: Use) -> CertificateValidator:
        stored = self.trust.intermediates_for(use.purpose)
        helpers = (*stored, *helpful(use.leaf, use.others, frozenset(stored)))
        context = ValidationContext(
            trust_roots=[c.asn1 for c in self.trust.anchors_for(use.purpose)],
            other_certs=[c.asn1 for c in helpers],
            moment=use.judged_at,
            allow_fetching=False,
            revinfo_policy=CertRevTrustPolicy(NO_REVOCATION),
            algorithm_usage_policy=weak_policy(self.policy, use.judged_at),
            time_tolerance=_TOLERANCE,
        )
        return CertificateValidator(use.leaf.asn1, validation_context=context)

    def _weak_links(self, certificates: Sequence[Certificate], moment: datetime) -> list[Check]:
        """SHA-1 in a chain gets this far only while it is tolerated; that is said."""
        weak = [c.name for c in certificates[:-1] if _hash_name(c) == "sha1"]
        if not weak or not _tolerated(self.policy, moment):
            return []
        return [check(CheckName.ALGORITHM, "chain", Reason.ALGORITHM_WEAK_TOLERATED, f"SHA-1: {', '.join(weak)}")]

    # --- revocation

    def _revocation(self, path: "_Path", use: Use) -> PathFinding:
        checks: list[Check] = []
        evidence: list[Evidence] = []
        needs: list[Need] = []
        pool = self._pool.extended(use.revocation)
        for certificate, issuer in pairwise(path.certificates):
            state = self._state(certificate, issuer, path.built, pool, use)
            checks += self._revocation_checks(certificate, state, use)
            evidence += state.evidence
            if not state.known:
                needs += _revocation_needs(certificate, issuer)
        return PathFinding(checks=tuple(checks), chain=(), evidence=tuple(evidence), needs=tuple(needs))

    def _state(
        self, certificate: Certificate, issuer: Certificate, path: ValidationPath, pool: RevocationPool, use: Use
    ) -> RevocationState:
        key = (certificate.sha256, issuer.sha256, pool.fingerprint)
        known = self._states.get(key)
        if known is not None and known.known and known.usable_at(use.judged_at):
            return known
        state = pool.state(certificate, issuer, path, use.judged_at)
        self._states.put(key, state)
        return state

    def _revocation_checks(self, certificate: Certificate, state: RevocationState, use: Use) -> list[Check]:
        name = CheckName.REVOCATION
        found = [check(name, certificate.name, Reason.REVOCATION_STALE, why) for why in state.unusable]
        if not state.known:
            reason = Reason.REVOCATION_OWED if self.policy.revocation.hard else Reason.REVOCATION_NOT_CHECKED
            return [*found, check(name, certificate.name, reason, certificate.name)]
        if state.revoked_at is None:
            return [passed(name, certificate.name)]
        when = moment_text(state.revoked_at)
        if state.revoked_at > use.judged_at:
            reason = Reason.REVOKED_LATER
        elif use.proven_at is None and use.claimed_at is not None and use.claimed_at < state.revoked_at:
            reason = Reason.REVOKED_UNPROVEN
        else:
            reason = Reason.REVOKED
        return [check(name, certificate.name, reason, certificate.name, when=when)]


def _issuer_allowed(certificates: Sequence[Certificate], issuers: frozenset[str]) -> list[Check]:
    if not issuers or issuers & {c.sha256 for c in certificates[1:]}:
        return []
    name = certificates[min(1, len(certificates) - 1)].name
    return [check(CheckName.CERTIFICATE, "issuer", Reason.ISSUER_REFUSED, name)]


def _as_evidence(certificate: Certificate) -> Evidence:
    """A certificate of the path, kept with the verdict: in ten years the trust store is another one."""
    return Evidence(kind="certificate", sha256=certificate.sha256, content=certificate.der)


def helpful(
    leaf: Certificate, others: Sequence[Certificate], stored: frozenset[Certificate]
) -> tuple[Certificate, ...]:
    """Those of a stranger's certificates that path building gets to see.

    It tries all orders: eight certificates of one name take half a minute, ten an hour. So self-issued ones, which only
    the trust store can vouch for, are left out, and of the rest few are taken, two of one name at most.
    """
    found: list[Certificate] = []
    wanted = [leaf.crypto.issuer]
    for name in wanted:  # grows while walked, by one for each certificate that is taken
        same = [c for c in others if c.crypto.subject == name != c.crypto.issuer and c not in stored and c not in found]
        for certificate in same[: min(_OF_ONE_NAME, _FROM_STRANGERS - len(found))]:
            found.append(certificate)
            if certificate.crypto.issuer not in wanted:
                wanted.append(certificate.crypto.issuer)
    return tuple(found)


def check_organisation(
    leaf: Certificate, organisations: Organisations, senders: frozenset[str], superiors: frozenset[str] = frozenset()
) -> list[Check]:
    """Whether the certificate belongs to one of the organisations that may sign here; nothing when none is expected."""
    if not senders:
        return []
    code = organisations.code_of(leaf) or next((c for c in stated_codes(leaf) if c in senders | superiors), "")
    if not code:
        stated = " ".join((leaf.name, *(f"({code})" for code in stated_codes(leaf))))
        return [check(CheckName.ORGANISATION, leaf.name, Reason.ORGANISATION_UNKNOWN, stated)]
    if code in superiors - senders:
        return [check(CheckName.ORGANISATION, leaf.name, Reason.SUPERIOR_SIGNED, f"{leaf.name} ({code})")]
    if code not in senders:
        detail = f"{leaf.name} ({code})"
        return [check(CheckName.ORGANISATION, leaf.name, Reason.OTHER_ORGANISATION, detail)]
    return [passed(CheckName.ORGANISATION, f"{leaf.name} = {code}")]


def weak_policy(policy: Policy, moment: datetime) -> DisallowWeakAlgorithmsPolicy:
    """Certvalidator's algorithm policy for signatures made at a moment."""
    if _tolerated(policy, moment):
        return DisallowWeakAlgorithmsPolicy(  # type: ignore[no-untyped-call] # the constructor has no types
            frozenset({"md2", "md5"}), rsa_key_size_threshold=policy.algorithms.weak_rsa_bits
        )
    return DisallowWeakAlgorithmsPolicy(  # type: ignore[no-untyped-call] # as above
        rsa_key_size_threshold=policy.algorithms.rsa_bits
    )


def _tolerated(policy: Policy, moment: datetime) -> bool:
    return policy.algorithms.weak_until is not None and moment <= policy.algorithms.weak_until


def _hash_name(certificate: Certificate) -> str:
    algorithm = certificate.crypto.signature_hash_algorithm
    return algorithm.name if algorithm is not None else ""


def _expired(use: Use, expired_at: datetime) -> Check:
    """Expired at the judged moment: certain when that moment is proven or the signer himself says so."""
    signed_at = use.proven_at or use.claimed_at
    if signed_at is not None and signed_at > expired_at:
        facts = span(expired_at, signed_at)
        return check(CheckName.CERTIFICATE, use.leaf.name, Reason.EXPIRED, use.leaf.name, **facts)
    facts = span(expired_at, use.at)
    return check(CheckName.CERTIFICATE, use.leaf.name, Reason.EXPIRED_UNPROVEN, use.leaf.name, **facts)


def _usage_checks(leaf: Certificate, purpose: Purpose) -> list[Check]:
    name = CheckName.CERTIFICATE
    if leaf.is_authority:
        return [check(name, leaf.name, Reason.AUTHORITY_SIGNS, leaf.name)]
    try:
        usage = _extension(leaf, x509.KeyUsage)
        extended = _extension(leaf, x509.ExtendedKeyUsage)
    except ValueError as e:
        return [check(name, leaf.name, Reason.CERTIFICATE_UNREADABLE, str(e))]
    if usage is not None and not (usage.value.digital_signature or usage.value.content_commitment):
        return [check(name, leaf.name, Reason.USAGE_WRONG, "keyUsage")]
    listed = {oid.dotted_string for oid in extended.value} if extended is not None else set()
    if purpose is Purpose.TSA:
        only_stamping = listed == {ExtendedKeyUsageOID.TIME_STAMPING.dotted_string}
        if extended is None or not extended.critical or not only_stamping:
            return [check(name, leaf.name, Reason.USAGE_WRONG, "extendedKeyUsage: timeStamping")]
    elif listed and not listed & _DOCUMENT_EKUS:
        return [check(name, leaf.name, Reason.USAGE_WRONG, "extendedKeyUsage")]
    return []


ExtensionValue = TypeVar("ExtensionValue", bound=x509.ExtensionType)


def _extension(certificate: Certificate, kind: type[ExtensionValue]) -> x509.Extension[ExtensionValue] | None:
    """One extension, None when it is absent. Raises ValueError when the extensions cannot be read."""
    try:
        return certificate.crypto.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as e:
        raise ValueError(str(e)) from e


def _issuer_needs(leaf: Certificate) -> tuple[Need, ...]:
    urls = _access(leaf, AuthorityInformationAccessOID.CA_ISSUERS)
    return tuple(Need(kind=NeedKind.ISSUER, url=url, certificate_sha256=leaf.sha256) for url in urls)


def _revocation_needs(certificate: Certificate, issuer: Certificate) -> list[Need]:
    about = {"certificate_sha256": certificate.sha256, "issuer_sha256": issuer.sha256}
    urls = _access(certificate, AuthorityInformationAccessOID.OCSP)
    needs = [Need(kind=NeedKind.OCSP, url=url, **about) for url in urls]
    return needs + [Need(kind=NeedKind.CRL, url=url, **about) for url in _crl_urls(certificate)]


def _access(certificate: Certificate, method: x509.ObjectIdentifier) -> list[str]:
    try:
        extension = _extension(certificate, x509.AuthorityInformationAccess)
    except ValueError:
        return []
    if extension is None:
        return []
    rows = extension.value
    return _http([row.access_location for row in rows if row.access_method == method])


def _crl_urls(certificate: Certificate) -> list[str]:
    try:
        extension = _extension(certificate, x509.CRLDistributionPoints)
    except ValueError:
        return []
    if extension is None:
        return []
    return _http([name for point in extension.value for name in point.full_name or ()])


def _http(names: Sequence[x509.GeneralName]) -> list[str]:
    texts = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
    return [text for text in texts if text.lower().startswith(("http://", "https://"))]


class _Remembered(Generic[Value]):
    """The last few thousand results; safe for threads."""

    def __init__(self) -> None:
        self._rows: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Value | None:
        with self._lock:
            if key in self._rows:
                self._rows.move_to_end(key)
            return self._rows.get(key)

    def put(self, key: Hashable, value: Value) -> None:
        with self._lock:
            self._rows[key] = value
            self._rows.move_to_end(key)
            if len(self._rows) > _CACHE_ENTRIES:
                self._rows.popitem(last=False)
