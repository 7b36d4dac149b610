"""Signatures at intake: what they are found to be from cached evidence, and what follows for the package.

Nothing is fetched here: no CRL, OCSP or timestamp call inside a sender's call. What is missing is noted as a need; a
job fetches it, and the package is checked again (`checks`).
"""

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog

from axis.edxml.model import DocumentPackage, Package
from axis.errors import Busy, Code, Rejected
from axis.evidence.leaf import LeafKind, make_leaf
from axis.exchange.context import Context
from axis.exchange.files import verify_files
from axis.exchange.judges import Judges
from axis.ids import new_id
from axis.store import queries
from axis.store.hot import Hot
from axis.store.records import (
    Blob,
    CertificateRow,
    CheckDue,
    NeedRow,
    Row,
    SignaturePolicy,
    Signed,
    Signer,
    VerdictEvidence,
)
from axis.store.records import Finding as FindingRow
from axis.store.records import Verdict as VerdictRow
from axis.store.spool import Spooled
from axis.text import search_form
from axis.trust.certs import parse_certificate
from axis.trust.envelope import verify_envelope
from axis.trust.findings import findings_of, signatories_of
from axis.trust.model import Evidence, Need, Overall, Signatory, Verdict
from axis.trust.occasion import Occasion
from axis.trust.policy import Decision, Level, decide
from axis.trust.verify import combine

log = structlog.get_logger(__name__)

_FILES_S = 20.0  # how long a sender that must sign its files waits for their check
_FETCH_RETRY_S = 60
_NAME_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What is known of a package's signatures when it is accepted."""

    verdict: Verdict | None  # None: the sender's policy does not look
    due: str | None  # why it has to be looked at again: files, evidence
    content: bytes = b""  # the verdict's canonical form

    @property
    def word(self) -> str | None:
        """The overall word, for lists."""
        return None if self.verdict is None else self.verdict.overall.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Whose package came, and when."""

    from_organ: str  # canonical
    at: datetime
    ours: bool = False  # the node made it: judged and recorded, never refused


class SignatureCheck:
    """Looks at signatures at intake."""

    def __init__(self, context: Context, judges: Judges) -> None:
        self._context = context
        self._judges = judges

    async def at_intake(self, spooled: Spooled, package: Package, arrival: Arrival) -> Checked:
        """Verify by the sender's policy.

        Raises Rejected(SIGNATURE_MISSING, SIGNATURE_INVALID) where the policy requires what is not there,
        Busy(EVIDENCE_MISSING) where it waits for evidence.
        """
        policy = self._judges.policy_for(arrival.from_organ)
        has_files = isinstance(package, DocumentPackage) and bool(package.attachments)
        if policy.envelope == Level.OFF and (policy.files == Level.OFF or not has_files):
            return Checked(verdict=None, due=None)
        occasion = self._judges.occasion(arrival.from_organ, arrival.at, ours=arrival.ours)
        verdict = await self._envelope(spooled, occasion)
        if not arrival.ours:
            await self._obey(verdict, Level(policy.envelope), policy)
        content = verdict.to_json()
        due = "files" if has_files and policy.files != Level.OFF else None
        if due and policy.files == Level.REQUIRE:
            parts = await self._files(spooled, occasion)
            if parts is not None:
                for part in parts:
                    await self._obey(part, Level.REQUIRE, policy)
                verdict, due = combine(verdict, parts), None
                content = await asyncio.to_thread(verdict.to_json)  # hundreds of files: tens of milliseconds
        if due is None and verdict.needs:
            due = "evidence"
        return Checked(verdict=verdict, due=due, content=content)

    async def note_needs(self, verdict: Verdict | None) -> None:
        """Ask for the evidence that a verdict lacks."""
        needs = verdict.needs if verdict else ()
        if needs:
            now = self._context.clock.now()
            await self._context.store.write(lambda c: queries.note_needs(c, [need_row(need, now) for need in needs]))

    async def _envelope(self, spooled: Spooled, occasion: Occasion) -> Verdict:
        judge = self._judges.current
        if self._context.policy.is_light(spooled.content):
            return verify_envelope(spooled.content, judge, occasion)
        return await asyncio.to_thread(verify_envelope, spooled.content, judge, occasion)

    async def _files(self, spooled: Spooled, occasion: Occasion) -> tuple[Verdict, ...] | None:
        """The files' verdicts; None when they take too long: then they are checked after acceptance."""
        store = self._context.store
        work = asyncio.to_thread(
            verify_files, spooled.content, self._judges.current, occasion, self._context.policy.limits, store.temporary
        )
        try:
            async with asyncio.timeout(_FILES_S):
                return await asyncio.shield(asyncio.ensure_future(work))
        except TimeoutError:
            log.warning("files_check_put_off", size_bytes=spooled.size_bytes)
            return None

    async def _obey(self, verdict: Verdict, level: Level, policy: SignaturePolicy) -> None:
        decision = decide(verdict, level, fail_closed=policy.fail_closed)
        if decision is Decision.REFUSE:
            missing = verdict.overall is Overall.UNSIGNED
            code = Code.SIGNATURE_MISSING if missing else Code.SIGNATURE_INVALID
            raise Rejected(code, first_reason(verdict), at=verdict.name or "edXMLHeader/Signature")
        if decision is Decision.WAIT:
            # The package is not kept, but its certificates are: a question to an OCSP responder is about them.
            met = _met(verdict.evidence(), self._context.clock.now())
            await self._context.store.submit(Hot(inserts=met))
            await self.note_needs(verdict)
            raise Busy(Code.EVIDENCE_MISSING, first_reason(verdict), retry_after_s=_FETCH_RETRY_S)


def first_reason(verdict: Verdict) -> str:
    """The first thing that kept a verdict from being valid, by its stable word."""
    words = (check.reason for check in verdict.all_checks() if check.reason and check.sub_indication)
    return next(words, verdict.overall.value)


def need_id(kind: str, url: str, certificate_sha256: str) -> str:
    """The same need has the same id."""
    return hashlib.sha256(f"{kind}\n{url}\n{certificate_sha256}".encode()).hexdigest()


def need_row(need: Need, now: datetime) -> NeedRow:
    """A need as the store keeps it: the same one asked for twice is one."""
    return NeedRow(
        need_id=need_id(need.kind, need.url, need.certificate_sha256),
        kind=need.kind,
        url=need.url,
        certificate_sha256=need.certificate_sha256,
        issuer_sha256=need.issuer_sha256,
        first_at=now,
        due_at=now,
    )


def checked_rows(checked: Checked, package_id: str, at: datetime) -> tuple[Row, ...]:
    """The verdict of intake, what it rests on, and the check that is due."""
    rows: tuple[Row, ...] = ()
    if checked.verdict is not None:
        rows = verdict_rows(checked.verdict, checked.content, package_id, "intake", at)
    if checked.due is not None:
        rows += (CheckDue(package_id=package_id, cause=checked.due, due_at=at, queued_at=at),)
    return rows


def verdict_rows(verdict: Verdict, content: bytes, package_id: str, cause: str, at: datetime) -> tuple[Row, ...]:
    """One verdict with its evidence, the certificates met, and the leaf. content: its canonical form."""
    digest = hashlib.sha256(content).hexdigest()
    row = VerdictRow(
        verdict_id=new_id(at),
        package_id=package_id,
        at=at,
        cause=cause,
        overall=verdict.overall.value,
        content=content.decode(),
        sha256_hex=digest,
    )
    evidence = [item for item in verdict.evidence() if item.content]
    leaf = make_leaf(
        LeafKind.VERDICT_RECORDED,
        at,
        {
            "verdict_id": row.verdict_id,
            "package_id": package_id,
            "sha256": digest,
            "overall": row.overall,
            "cause": cause,
        },
    )
    return (
        row,
        *(
            Blob(sha256_hex=item.sha256, size_bytes=len(item.content), content=item.content, created_at=at)
            for item in evidence
        ),
        *(VerdictEvidence(verdict_id=row.verdict_id, sha256_hex=item.sha256, kind=item.kind) for item in evidence),
        *_met(evidence, at),
        leaf,
    )


def own_verdict(rows: Iterable[Row]) -> VerdictRow:
    """The verdict among what is written of it."""
    return next(row for row in rows if isinstance(row, VerdictRow))


def noted_rows(verdict: Verdict, rows: Iterable[Row], document_uid: str, received_at: datetime) -> tuple[Row, ...]:
    """What a verdict on a document's own package is searched by. rows: among which the verdict's own is."""
    row = own_verdict(rows)
    findings = tuple(
        FindingRow(
            document_uid=document_uid,
            reason=reason,
            verdict_id=row.verdict_id,
            received_at=received_at,
            found_at=row.at,
        )
        for reason in findings_of(verdict)
    )
    signers = {signer.signer_id: signer for signer in (_signer_row(who, row.at) for who in signatories_of(verdict))}
    signed = (Signed(signer_id=signer_id, document_uid=document_uid) for signer_id in signers)
    return (*findings, *signers.values(), *signed)


def _signer_row(who: Signatory, at: datetime) -> Signer:
    said = f"{who.name}\n{who.organisation}\n{who.organ_code}"
    return Signer(
        signer_id=who.certificate_sha256 or hashlib.sha256(said.encode()).hexdigest(),
        name=who.name[:_NAME_CHARACTERS],
        organisation=who.organisation[:_NAME_CHARACTERS],
        organ_code=who.organ_code[:_NAME_CHARACTERS],
        kind=who.kind.value,
        folded=search_form(said)[:_NAME_CHARACTERS],
        first_seen_at=at,
    )


def _met(evidence: Iterable[Evidence], at: datetime) -> tuple[CertificateRow, ...]:
    """The certificates that a verdict rests on."""
    return tuple(_certificate_row(item.content, at) for item in evidence if item.kind == "certificate" and item.content)


def _certificate_row(der: bytes, at: datetime) -> CertificateRow:
    certificate = parse_certificate(der)
    line = certificate.line
    return CertificateRow(
        sha256_hex=line.sha256,
        content=der,
        subject=line.subject,
        issuer=line.issuer,
        serial_hex=line.serial_hex[:64],
        organ_code="",
        kind="unknown",
        not_before=line.not_before,
        not_after=line.not_after,
        first_seen_at=at,
    )
