"""The rules by which signatures are judged, and what a verdict means for accepting a package.

Defaults are strict; every tolerance is a field, most with a date after which it ends by itself.

Norm: TT 15/2025/TT-BKHCN (RSA ≥ 2048, ECDSA ≥ 256, SHA-256 or better).
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from axis.trust.model import Overall, Verdict

MEBIBYTE = 1 << 20


class Level(StrEnum):
    """How much a sender's signatures matter, for envelope and files separately."""

    OFF = "off"  # not looked at
    REPORT = "report"  # verified and shown to auditors
    WARN = "warn"  # also shown to the receiver
    REQUIRE = "require"  # what is not signed well is refused


class Decision(StrEnum):
    """What intake does."""

    ACCEPT = "accept"
    ACCEPT_WARNED = "accept-warned"
    REFUSE = "refuse"
    WAIT = "wait"  # answered 503 while evidence is fetched


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithms:
    """Which cryptography counts."""

    rsa_bits: int = 2048  # a smaller key is weak
    ec_bits: int = 256
    weak_until: datetime | None = None  # SHA-1 and small keys in signatures up to then are tolerated, with a warning
    weak_rsa_bits: int = 1024  # below this nothing is tolerated


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """What is asked of revocation data."""

    hard: bool = True  # without data: indeterminate (hard), or valid with a warning (soft)
    max_age: timedelta | None = None  # data older than this is stale, whatever it says itself
    grace: timedelta = timedelta(hours=1)  # data is usable so long after its nextUpdate: publishing takes time


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Limits on what a stranger's file may cost."""

    tree_bytes: int = 4 * MEBIBYTE  # a larger XML file is canonicalised as a stream
    xml_bytes: int = 1024 * MEBIBYTE
    skeleton_bytes: int = 8 * MEBIBYTE  # an XML file without its long texts
    pdf_bytes: int = 256 * MEBIBYTE
    office_bytes: int = 256 * MEBIBYTE  # unpacked
    depth: int = 64
    signatures: int = 32
    certificates: int = 32
    timestamps: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules for one check."""

    algorithms: Algorithms = field(default_factory=Algorithms)
    revocation: Revocation = field(default_factory=Revocation)
    bounds: Bounds = field(default_factory=Bounds)
    time_tolerance: timedelta = timedelta(minutes=5)
    both_signatures: bool = True  # a PDF needs the person's and the agency's signature (a warning when one is missing)

    def fingerprint(self) -> str:
        """A short word that changes when a rule changes."""
        rules = (self.algorithms, self.revocation, self.bounds, self.time_tolerance, self.both_signatures)
        return hashlib.sha256(repr(rules).encode()).hexdigest()[:16]


def decide(verdict: Verdict, level: Level, *, fail_closed: bool = False) -> Decision:
    """What a verdict means at intake under one level.

    fail_closed: what is indeterminate only for lack of evidence waits, rather than being accepted and checked again.
    """
    if level is Level.OFF or verdict.overall is Overall.VALID:
        return Decision.ACCEPT
    if level is Level.REPORT:
        return Decision.ACCEPT
    if level is Level.WARN or verdict.overall is Overall.VALID_WITH_WARNINGS:
        return Decision.ACCEPT_WARNED
    if verdict.waits_for_evidence:
        return Decision.WAIT if fail_closed else Decision.ACCEPT_WARNED
    return Decision.REFUSE
