"""Whom the command line trusts, and one file judged: by all that a node knows, or by a folder alone."""

import tempfile
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from axis.clock import SystemClock
from axis.delivery.directory import DirectoryCache
from axis.edxml.model import DocumentPackage, Limits, Package
from axis.edxml.reader import read
from axis.errors import Malformed
from axis.exchange.files import verify_files
from axis.exchange.judges import Judges
from axis.ops.access import open_access, signature_rules, trust_folder
from axis.ops.fetching import FetchBounds, ask_once
from axis.organ.codes import codes_above
from axis.settings import Settings
from axis.trust.certs import (
    Certificate,
    Organisation,
    Organisations,
    TrustStore,
    load_trust_store,
    parse_certificate,
    trust_store_of,
)
from axis.trust.model import FileKind, Overall, Verdict
from axis.trust.occasion import Occasion
from axis.trust.paths import Judge
from axis.trust.policy import Policy, Revocation
from axis.trust.verify import combine, kind_of, verify_file

_HEAD_BYTES = 4096
_ROUNDS = 3  # an issuer that was fetched has an issuer, and revocation data of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked about a file."""

    file: Path
    at: datetime
    sender: str = ""  # whose signature is expected; "": the one that the package names


def judge_of_folder(folder: Path, *, hard: bool) -> Judge:
    """A judge that knows a trust folder and nothing else. Raises Malformed(BAD_FILE)."""
    return Judge(load_trust_store(folder), Policy(revocation=Revocation(hard=hard)))


async def judge_of_node(settings: Settings, *, hard: bool) -> Judge:
    """A judge with all that a node knows: its trust folder, its organisations, what it has fetched.

    The rules are the node's but for the revocation data that is demanded.
    """
    rules = signature_rules(settings)
    rules = replace(rules, revocation=replace(rules.revocation, hard=hard))
    async with open_access(settings) as access:
        directory = await DirectoryCache.load(access.store, access.key, SystemClock())
        judges = Judges(access.store, directory, trust_folder(settings), rules, settings.node.code)
        await judges.refresh()
        return judges.current


def verify(question: Question, judge: Judge) -> Verdict:
    """The verdict on a file; on a package, with its files. Raises OSError, and Malformed for a senseless package."""
    broken: Malformed | None = None
    with question.file.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if kind_of(head) is FileKind.XML:
        try:
            return _verify_package(read(question.file), question, judge)
        except Malformed as error:
            broken = error
    senders = frozenset({question.sender} - {""})
    judge = _knowing(judge, Organisation(code=question.sender)) if question.sender else judge
    verdict = verify_file(question.file, judge, Occasion(at=question.at, senders=senders))
    if broken is not None and verdict.kind is FileKind.EDXML and verdict.overall is not Overall.INVALID:
        raise broken  # a signature that is invalid says more than what the reader stumbled over
    return verdict


def _verify_package(package: Package, question: Question, judge: Judge) -> Verdict:
    sender = package.header.sender
    if question.sender:
        judge = _knowing(judge, Organisation(code=question.sender))
    elif not judge.organisations.by_code:
        judge = _knowing(judge, Organisation(code=sender.organ_id, names=(sender.organ_name or "",)))
    code = question.sender or judge.organisations.by_code.get(sender.organ_id.strip().upper(), sender.organ_id)
    occasion = Occasion(at=question.at, senders=frozenset({code}), superiors=frozenset(codes_above(code)))
    envelope = verify_file(question.file, judge, occasion)
    if not isinstance(package, DocumentPackage):
        return envelope
    with tempfile.TemporaryDirectory(prefix="axis-verify-") as scratch:
        return combine(envelope, verify_files(question.file, judge, occasion, Limits(), Path(scratch)))


def _knowing(judge: Judge, organisation: Organisation) -> Judge:
    """The judge, who also knows one more organisation where he does not yet."""
    known = judge.organisations
    if organisation.code.upper() in known.by_code:
        return judge
    more = Organisations.of((replace(organisation, names=tuple(name for name in organisation.names if name)),))
    together = Organisations(by_name=more.by_name | known.by_name, by_code=more.by_code | known.by_code)
    return Judge(judge.trust, judge.policy, together, judge.revocation)


async def verify_asking(question: Question, judge: Judge, bounds: FetchBounds) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict after asking, once, for the evidence that is missing; and what could not be had."""
    failures: tuple[str, ...] = ()
    asked: set[object] = set()
    for _ in range(_ROUNDS):
        verdict = verify(question, judge)
        wanted = [need for need in verdict.needs if need not in asked]
        if not wanted:
            break
        asked.update(wanted)
        answers = await ask_once(wanted, _met(verdict, judge), bounds)
        failures += answers.failures
        helpers = trust_store_of(answers.issuers)
        trust = TrustStore(
            anchors=judge.trust.anchors,
            intermediates=judge.trust.intermediates + helpers.intermediates,
            revocation=judge.trust.revocation,
        )
        judge = Judge(trust, judge.policy, judge.organisations, judge.revocation + answers.revocation)
    return verify(question, judge), failures


def _met(verdict: Verdict, judge: Judge) -> tuple[Certificate, ...]:
    """The certificates of the chains, and all in the trust store."""
    carried = (item.content for item in verdict.evidence() if item.kind == "certificate" and item.content)
    return (*judge.trust.certificates(), *map(parse_certificate, carried))
