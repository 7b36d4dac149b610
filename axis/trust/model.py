"""What a check of signatures found, as frozen values: a Verdict is what an auditor reads ten years later.

A verdict is never changed. Checking again, with more evidence or at another moment, makes another verdict.
`Verdict.to_json` is its canonical form (RFC 8785): the same findings give the same bytes. The evidence itself (CRLs,
OCSP answers, timestamps, certificates) travels beside it as bytes, named there by SHA-256.

Norm: ETSI EN 319 102-1 (indications and sub-indications).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import rfc8785

VERDICT_VERSION = 1


class Overall(StrEnum):
    """The one word for a whole file."""

    VALID = "valid"
    VALID_WITH_WARNINGS = "valid-with-warnings"
    INVALID = "invalid"
    UNSIGNED = "unsigned"
    INDETERMINATE = "indeterminate"


class Indication(StrEnum):
    """Norm: ETSI EN 319 102-1, main status."""

    TOTAL_PASSED = "TOTAL-PASSED"
    INDETERMINATE = "INDETERMINATE"
    TOTAL_FAILED = "TOTAL-FAILED"


class SubIndication(StrEnum):
    """Norm: ETSI EN 319 102-1, sub-indications; the ones that occur here."""

    FORMAT_FAILURE = "FORMAT_FAILURE"
    HASH_FAILURE = "HASH_FAILURE"
    SIG_CRYPTO_FAILURE = "SIG_CRYPTO_FAILURE"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    SIG_CONSTRAINTS_FAILURE = "SIG_CONSTRAINTS_FAILURE"
    CHAIN_CONSTRAINTS_FAILURE = "CHAIN_CONSTRAINTS_FAILURE"
    CERTIFICATE_CHAIN_GENERAL_FAILURE = "CERTIFICATE_CHAIN_GENERAL_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE = "CRYPTO_CONSTRAINTS_FAILURE"
    TIMESTAMP_ORDER_FAILURE = "TIMESTAMP_ORDER_FAILURE"
    NO_SIGNING_CERTIFICATE_FOUND = "NO_SIGNING_CERTIFICATE_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND = "NO_CERTIFICATE_CHAIN_FOUND"
    REVOKED_NO_POE = "REVOKED_NO_POE"
    OUT_OF_BOUNDS_NO_POE = "OUT_OF_BOUNDS_NO_POE"
    SIGNED_DATA_NOT_FOUND = "SIGNED_DATA_NOT_FOUND"
    TRY_LATER = "TRY_LATER"
    GENERIC = "GENERIC"


class Outcome(StrEnum):
    """How one check ended."""

    PASSED = "passed"
    NOTE = "note"  # passed, and there is something to say
    WARNING = "warning"  # the signature stands, with a reservation that people should see
    UNKNOWN = "unknown"  # cannot be told, now or with what we understand
    FAILED = "failed"


class CheckName(StrEnum):
    """What was looked at. The order is the order of checking."""

    FORM = "form"  # the file and the signature's own structure
    COVERAGE = "coverage"  # what the signature is over
    INTEGRITY = "integrity"  # digest of what is signed
    SIGNATURE = "signature"  # the value, under the certificate's key
    ALGORITHM = "algorithm"
    CERTIFICATE = "certificate"  # path, period, usage
    REVOCATION = "revocation"
    TIME = "time"
    ORGANISATION = "organisation"
    CHANGES = "changes"  # what was done to the file after signing
    COMPLETENESS = "completeness"  # are all signatures there that the norm asks for


class Coverage(StrEnum):
    """How much of the file a signature covers."""

    WHOLE_FILE = "whole-file"
    WHOLE_REVISION = "whole-revision"  # of a PDF: everything up to this signature; what came later is under `changes`
    PARTIAL = "partial"
    UNKNOWN = "unknown"


class SignerKind(StrEnum):
    """Whose certificate it is."""

    PERSON = "person"
    AGENCY = "agency"
    TIMESTAMP = "timestamp"
    UNKNOWN = "unknown"


class FileKind(StrEnum):
    """What was verified."""

    EDXML = "edxml"
    XML = "xml"
    PDF = "pdf"
    OOXML = "ooxml"
    OTHER = "other"
    UNREADABLE = "unreadable"


class NeedKind(StrEnum):
    """Evidence that somebody has to fetch."""

    CRL = "crl"
    OCSP = "ocsp"
    ISSUER = "issuer"
    TSA = "tsa"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Evidence that is missing, and where the certificate says it can be had."""

    kind: NeedKind
    url: str  # as the certificate gives it: a stranger's word, so the caller decides whether to go there
    certificate_sha256: str = ""  # the certificate that it is about
    issuer_sha256: str = ""  # for OCSP: the issuer's certificate, which the request names


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: CheckName
    input: str  # what was looked at, in short: a field, a name, an algorithm
    outcome: Outcome
    reason: str = ""  # stable word of `axis.trust.reasons`, "" when there is nothing to say
    reason_vi: str = ""  # what happened and what to do, as it was said then
    reason_en: str = ""
    sub_indication: SubIndication | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLine:
    """One certificate of a chain, as people read it."""

    subject: str
    issuer: str
    serial_hex: str
    sha256: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Something that a verdict rests on besides the file. The bytes are kept as a blob."""

    kind: str  # crl | ocsp | timestamp | certificate
    sha256: str
    source: str = "store"  # store | file: who brought it
    this_update: datetime | None = None
    next_update: datetime | None = None
    content: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatory:
    """Who signed, as the certificate says it."""

    name: str
    kind: SignerKind
    organisation: str = ""  # the O of the subject, as it stands there
    organ_code: str = ""  # the organisation code that the subject maps to, "" when it maps to none
    certificate_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureVerdict:
    """What is known of one signature."""

    name: str  # field name, element path or part name
    indication: Indication
    sub_indication: SubIndication | None = None
    signatory: Signatory | None = None
    algorithm: str = ""
    claimed_at: datetime | None = None  # what the signer says
    proven_at: datetime | None = None  # what a trusted timestamp proves: signed at or before
    judged_at: datetime | None = None  # the moment at which the certificate was judged
    coverage: Coverage = Coverage.UNKNOWN
    covered: str = ""  # coverage in words
    changed_after_signing: bool = False
    certification: str = (
        ""  # of a PDF, what its author allows afterwards: none | signing | annotations; "" when nothing
    )
    chain: tuple[CertificateLine, ...] = ()  # leaf first
    checks: tuple[Check, ...] = ()
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is known of one file, at one moment, from the evidence at hand."""

    kind: FileKind
    name: str = ""  # the file's or attachment's name
    sha256: str = ""  # of the exact bytes
    at: datetime  # the moment for which it was judged: of receipt
    overall: Overall
    signatures: tuple[SignatureVerdict, ...] = ()
    checks: tuple[Check, ...] = ()  # about the file as a whole
    needs: tuple[Need, ...] = ()
    engines: tuple[tuple[str, str], ...] = ()  # (name, version) of what computed it
    trust_store: str = ""  # fingerprint of the trust store
    policy: str = ""  # fingerprint of the rules
    parts: tuple["Verdict", ...] = ()  # the files of a package

    def all_checks(self) -> Iterator[Check]:
        """Every check: of the file, of its signatures, of its parts."""
        yield from self.checks
        for signature in self.signatures:
            yield from signature.checks
        for part in self.parts:
            yield from part.all_checks()

    def evidence(self) -> tuple[Evidence, ...]:
        """Everything that it rests on, each once."""
        found = {item.sha256: item for signature in self.signatures for item in signature.evidence}
        for part in self.parts:
            found.update((item.sha256, item) for item in part.evidence())
        return tuple(found.values())

    @property
    def waits_for_evidence(self) -> bool:
        """Indeterminate, and only because evidence that can be fetched is missing: worth accepting and asking again.

        A chain that leads to no anchor does not count, although its issuer might be fetched: a stranger writes that
        address himself.
        """
        if self.overall is not Overall.INDETERMINATE or not self.needs:
            return False
        unknown = [check for check in self.all_checks() if check.outcome is Outcome.UNKNOWN]
        return all(check.sub_indication is SubIndication.TRY_LATER for check in unknown)

    def to_json(self) -> bytes:
        """The canonical form (RFC 8785)."""
        return rfc8785.dumps({"v": VERDICT_VERSION, **_plain(self)})


def overall_of(checks: Iterable[Check], *, signed: bool) -> Overall:
    """The one word that follows from all checks: the worst of them decides."""
    outcomes = {check.outcome for check in checks}
    if Outcome.FAILED in outcomes:
        return Overall.INVALID
    if Outcome.UNKNOWN in outcomes:
        return Overall.INDETERMINATE
    if not signed:
        return Overall.UNSIGNED
    return Overall.VALID_WITH_WARNINGS if Outcome.WARNING in outcomes else Overall.VALID


def indication_of(checks: Iterable[Check]) -> tuple[Indication, SubIndication | None]:
    """A signature's indication: the first failure, else the first thing that could not be told."""
    listed = tuple(checks)
    for outcome, indication in (
        (Outcome.FAILED, Indication.TOTAL_FAILED),
        (Outcome.UNKNOWN, Indication.INDETERMINATE),
    ):
        for check in listed:
            if check.outcome is outcome:
                return indication, check.sub_indication
    return Indication.TOTAL_PASSED, None


def moment_text(moment: datetime) -> str:
    """A moment in a verdict: UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(value: Any) -> Any:  # noqa: ANN401 - walks values of every kind
    """A frozen value as JSON data; evidence without its bytes, absent things left out."""
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        fields = ((name, getattr(value, name)) for name in value.__dataclass_fields__ if name != "content")
        return {name: _plain(item) for name, item in fields if item not in (None, "", ())}
    return value
