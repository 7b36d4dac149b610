"""When and for whom a file is verified: the values that every verifier takes beside the file and the Judge."""

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from axis import __version__
from axis.trust.certs import Purpose
from axis.trust.model import Check, FileKind, Need, SignatureVerdict, Verdict, overall_of
from axis.trust.paths import Judge

_ENGINES = ("cryptography", "lxml", "pyhanko", "pyhanko-certvalidator", "rfc3161-client")
ENGINES: tuple[tuple[str, str], ...] = (("axis", __version__), *((name, version(name)) for name in _ENGINES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """One check of one file.

    at: when it was received, aware; certificates are judged at this moment unless a timestamp proves an earlier one.
    name: the file's name, for people. senders: codes of the organisations whose certificates may sign here, empty when
    any may. superiors: codes of those above the sender, whose certificate on an envelope is a reservation and no
    fault: their software and their axis speak for units without a certificate. purpose: AGENCY for what agencies and
    persons sign, SYSTEM for what nodes sign; a package's envelope may have been signed by software in any case.
    appendix: a separate appendix of a document, which only the agency signs (NĐ 30/2020, Annex I). issuers: SHA-256 of
    the authorities that count here, empty for all in the trust store. tokens: timestamps over the whole file that are
    kept beside it.
    """

    at: datetime
    name: str = ""
    senders: frozenset[str] = frozenset()
    superiors: frozenset[str] = frozenset()
    purpose: Purpose = Purpose.AGENCY
    appendix: bool = False
    issuers: frozenset[str] = frozenset()
    tokens: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a verifier found, before it becomes a verdict."""

    kind: FileKind
    sha256: str = ""
    signatures: tuple[SignatureVerdict, ...] = ()
    checks: tuple[Check, ...] = ()
    needs: tuple[Need, ...] = ()
    parts: tuple[Verdict, ...] = ()


def conclude(found: Found, judge: Judge, occasion: Occasion) -> Verdict:
    """The verdict on one file."""
    everything = [*found.checks, *(check for signature in found.signatures for check in signature.checks)]
    return Verdict(
        kind=found.kind,
        name=occasion.name,
        sha256=found.sha256,
        at=occasion.at,
        overall=overall_of(everything, signed=bool(found.signatures)),
        signatures=found.signatures,
        checks=found.checks,
        needs=tuple(dict.fromkeys(found.needs)),
        engines=ENGINES,
        trust_store=judge.trust_fingerprint,
        policy=judge.fingerprint_with(occasion.issuers),
        parts=found.parts,
    )
