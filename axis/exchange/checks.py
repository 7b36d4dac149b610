"""Signatures after intake: files that were not looked at yet, and whatever evidence was missing for.

Each round claims due packages (lease, fence), verifies them whole in a thread, and adds a verdict; earlier ones stay.
What still lacks evidence is put off with back-off, and is due at once when any evidence comes.
"""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import structlog

from axis.delivery.backoff import Backoff
from axis.exchange.checking import need_row, noted_rows, own_verdict, verdict_rows
from axis.exchange.context import Context
from axis.exchange.files import verify_files
from axis.exchange.judges import Judges
from axis.exchange.signing_day import sent_due_at, signed_on
from axis.store import queries
from axis.store.hot import Change, CheckDone, CheckMoved, DocumentJudged, FindingsGone, Hot, Stale
from axis.store.records import CheckDue, Package
from axis.terms import BusinessType, Origin, PackageKind
from axis.trust.envelope import verify_envelope
from axis.trust.model import Verdict
from axis.trust.policy import Level
from axis.trust.verify import combine

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksPolicy:
    """How the work is done."""

    look_s: float = 1.0
    lease_s: float = 300.0
    at_a_time: int = 2
    again: Backoff = field(  # while evidence is missing; it is due at once when some comes
        default_factory=lambda: Backoff(delays_s=(60, 300, 1800, 7200, 21_600), give_up_s=30 * 86_400)
    )


class Checks:
    """The loop that looks at signatures after intake."""

    def __init__(self, context: Context, judges: Judges, policy: ChecksPolicy) -> None:
        self._context = context
        self._judges = judges
        self._policy = policy

    async def run(self) -> None:
        """Check for ever; a failure of one package never stops the others."""
        while True:
            try:
                busy = await self.work()
            except Exception:
                log.exception("checks_failed")
                busy = False
            if not busy:
                await asyncio.sleep(self._policy.look_s)

    async def work(self) -> bool:
        """One round: what is due now. Returns whether there was anything."""
        now = self._context.clock.now()
        until = now + timedelta(seconds=self._policy.lease_s)
        if not await self._context.store.read(lambda c: queries.has_check_due(c, now)):
            return False
        claimed = await self._context.store.write(lambda c: queries.claim_checks(c, now, until, self._policy.at_a_time))
        await asyncio.gather(*(self._check(due) for due in claimed))
        return bool(claimed)

    async def _check(self, due: CheckDue) -> None:
        try:
            package = await self._package(due.package_id)
            verdict = await self._verify(package)
            needs = verdict.needs
            if needs:
                rows = [need_row(need, self._context.clock.now()) for need in needs]
                await self._context.store.write(lambda c: queries.note_needs(c, rows))
            await self._context.settle(partial(self._record, due, package, verdict))
            log.info("package_checked", package_id=package.package_id, overall=verdict.overall, needs=len(needs))
        except Stale:
            log.warning("check_lease_lost", package_id=due.package_id)
        except Exception:
            log.exception("check_failed", package_id=due.package_id)

    async def _package(self, package_id: str) -> Package:
        package = await self._context.store.read(lambda c: queries.package(c, package_id))
        if package is None:
            raise LookupError(package_id)  # a foreign key forbids it
        return package

    async def _verify(self, package: Package) -> Verdict:
        store, judge = self._context.store, self._judges.current
        policy = self._judges.policy_for(package.from_organ)
        ours = package.origin is Origin.NODE
        occasion = self._judges.occasion(package.from_organ, package.received_at, ours=ours)
        if (proof := await store.read(lambda c: queries.time_proof(c, package.sha256_hex))) is not None:
            occasion = replace(occasion, tokens=(await store.blobs.read_bytes(proof.token_sha256),))
        source = await _source(self._context, package)
        envelope = await asyncio.to_thread(verify_envelope, source, judge, occasion)
        if package.kind is not PackageKind.DOCUMENT or policy.files == Level.OFF:
            return envelope
        limits = self._context.policy.limits
        files = await asyncio.to_thread(verify_files, source, judge, occasion, limits, store.temporary)
        return combine(envelope, files)

    async def _record(self, due: CheckDue, package: Package, verdict: Verdict) -> tuple[Hot | None, None]:
        now = self._context.clock.now()
        known = await self._context.store.read(lambda c: queries.verdicts(c, package.package_id))
        content = await asyncio.to_thread(verdict.to_json)  # hundreds of files: tens of milliseconds
        # Where nothing new was found the verdict stands, but whoever asks for another look gets a verdict of its day.
        same = due.cause != queries.MANUAL and known and known[-1].content == content.decode()
        found = () if same else verdict_rows(verdict, content, package.package_id, due.cause, now)
        attempts = due.attempts + 1
        again = self._policy.again.next_try(now, attempts, due.queued_at) if verdict.needs else None
        changes: list[Change] = []
        if again is None:
            changes.append(CheckDone(package_id=due.package_id, fence=due.fence))
        else:
            changes.append(
                CheckMoved(
                    package_id=due.package_id, fence=due.fence, cause="evidence", due_at=again, attempts=attempts
                )
            )
        if package.document_uid is not None and _carries_document(package):
            changes.append(self._judged(package.document_uid, package, verdict))
            if found:
                noted = noted_rows(verdict, found, package.document_uid, package.received_at)
                own = own_verdict(found).verdict_id
                changes.append(FindingsGone(document_uid=package.document_uid, verdict_id=own, at=now))
                found += noted
        return Hot(inserts=found, changes=tuple(changes)), None

    def _judged(self, document_uid: str, package: Package, verdict: Verdict) -> DocumentJudged:
        """The word for the document, and by when it had to be sent if its signatures tell their day."""
        deadlines = self._context.policy.deadlines
        due = sent_due_at(deadlines, signed_on(verdict, None), package.origin, package.received_at)
        return DocumentJudged(document_uid=document_uid, verdict=verdict.overall.value, sent_due_at=due)


def _carries_document(package: Package) -> bool:
    return package.business_type is not None and BusinessType(package.business_type).makes_document


async def _source(context: Context, package: Package) -> bytes | Path:
    """The file that holds the package's bytes, or the bytes themselves where they lie in the database."""
    path = context.store.blobs.path(package.sha256_hex)
    if await asyncio.to_thread(path.is_file):
        return path
    return await context.store.blobs.read_bytes(package.sha256_hex)
