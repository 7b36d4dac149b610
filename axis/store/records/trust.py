"""Who signed, and what that rests on."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One check of one package; never changed, never replaced."""

    verdict_id: str
    package_id: str
    at: datetime
    cause: str
    overall: str
    content: str
    sha256_hex: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictEvidence:
    """Bytes that a verdict rests on."""

    verdict_id: str
    sha256_hex: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a verdict found amiss of a document."""

    document_uid: str
    reason: str
    verdict_id: str
    received_at: datetime
    found_at: datetime
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Whom signatures name."""

    signer_id: str
    name: str
    organisation: str
    organ_code: str
    kind: str
    folded: str
    first_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signer of a document."""

    signer_id: str
    document_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDue:
    """A package whose signatures have to be looked at (again)."""

    package_id: str
    cause: str
    due_at: datetime
    queued_at: datetime
    attempts: int = 0
    lease_until: datetime | None = None
    fence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedRow:
    """Evidence that has to be fetched."""

    need_id: str
    kind: str
    url: str
    certificate_sha256: str
    issuer_sha256: str
    first_at: datetime
    due_at: datetime
    attempts: int = 0
    lease_until: datetime | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """A CRL, an OCSP answer or an issuer's certificate that was fetched."""

    sha256_hex: str
    kind: str
    url: str
    certificate_sha256: str
    issuer_sha256: str
    this_update: datetime | None
    next_update: datetime | None
    fetched_at: datetime
    superseded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRow:
    """A certificate that the node has met."""

    sha256_hex: str
    content: bytes
    subject: str
    issuer: str
    serial_hex: str
    organ_code: str
    kind: str
    not_before: datetime
    not_after: datetime
    first_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeProof:
    """A timestamp over stored bytes."""

    sha256_hex: str
    token_sha256: str
    authority: str
    proven_at: datetime
    fetched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignaturePolicy:
    """How much the signatures of one sender matter ("*": of every other)."""

    organ_id: str
    envelope: str
    files: str
    fail_closed: bool
    issuers: str | None = None
