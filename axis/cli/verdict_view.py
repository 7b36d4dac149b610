"""A verdict for people at a terminal: per signature who, when, over what, and every check with its sentence."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum

from rich.console import Console
from rich.text import Text

from axis.clock import to_local
from axis.trust.model import Check, Outcome, Overall, SignatureVerdict, Verdict
from axis.trust.words import CHECKS, COVERAGE, OVERALL, SIGNERS, SIGNS

_TONES = {
    Outcome.PASSED: "green",
    Outcome.NOTE: "green",
    Outcome.WARNING: "yellow",
    Outcome.UNKNOWN: "yellow",
    Outcome.FAILED: "red",
}
_WORD_TONES = {Overall.VALID: "green", Overall.INVALID: "red"}


class Language(StrEnum):
    """What the sentences are in."""

    VI = "vi"
    EN = "en"


def show_verdict(verdict: Verdict, language: Language) -> None:
    """Print a verdict, its signatures and its parts on standard output."""
    console = Console(soft_wrap=True)
    for line in _View(language).lines(verdict, ""):
        console.print(line)


class _View:
    def __init__(self, language: Language) -> None:
        self._position = 0 if language is Language.VI else 1

    def _say(self, vi: str, en: str) -> str:
        return (vi, en)[self._position]

    def lines(self, verdict: Verdict, indent: str) -> Iterator[Text]:
        """The verdict, indented, with everything in it."""
        word = OVERALL[verdict.overall][self._position]
        tone = _WORD_TONES.get(verdict.overall, "yellow")
        yield Text.assemble(indent, (verdict.name or verdict.kind, "bold"), "  ", (word, f"bold {tone}"))
        judged = self._say("xét tại", "judged at")
        yield Text(f"{indent}{verdict.kind}, SHA-256 {verdict.sha256}, {judged} {_moment(verdict.at)}", style="dim")
        yield from self._checks(verdict.checks, indent + "  ")
        for number, signature in enumerate(verdict.signatures, 1):
            yield from self._signature(signature, number, indent + "  ")
        for part in verdict.parts:
            yield Text("")
            yield from self.lines(part, indent + "  ")

    def _signature(self, signature: SignatureVerdict, number: int, indent: str) -> Iterator[Text]:
        said = " ".join(filter(None, (signature.indication, signature.sub_indication)))
        heading = self._say("Chữ ký", "Signature")
        yield Text.assemble(indent, (f"{heading} {number}: ", "bold"), signature.name, "  ", (said, "dim"))
        for name, value in self._facts(signature):
            yield Text.assemble(f"{indent}  ", (f"{name:<12} ", "dim"), value)
        yield from self._checks(signature.checks, indent + "  ")

    def _facts(self, signature: SignatureVerdict) -> Iterator[tuple[str, str]]:
        who = signature.signatory
        if who is not None:
            parts = (SIGNERS[who.kind][self._position], who.organisation, who.organ_code)
            distinct = dict.fromkeys(part for part in parts if part and part != who.name)
            yield self._say("Người ký", "Signer"), f"{who.name} ({', '.join(distinct)})"
        yield self._say("Ký lúc", "Signed at"), self._when(signature)
        yield self._say("Phạm vi", "Covers"), COVERAGE[signature.coverage][self._position]
        if signature.algorithm:
            yield self._say("Thuật toán", "Algorithm"), signature.algorithm
        if signature.chain:
            names = " ← ".join(_common_name(line.subject) for line in signature.chain)
            until = self._say("hết hạn", "until")
            yield self._say("Chứng thư", "Certificate"), f"{names}, {until} {_moment(signature.chain[0].not_after)}"

    def _when(self, signature: SignatureVerdict) -> str:
        told = []
        if signature.proven_at is not None:
            told.append(f"{_moment(signature.proven_at)} ({self._say('có dấu thời gian', 'proven by a timestamp')})")
        if signature.claimed_at is not None:
            told.append(f"{_moment(signature.claimed_at)} ({self._say('người ký nêu', 'as the signer says')})")
        return "; ".join(told) or self._say("không nêu", "not stated")

    def _checks(self, checks: Iterable[Check], indent: str) -> Iterator[Text]:
        for check in checks:
            sentence = (check.reason_vi, check.reason_en)[self._position]
            name = CHECKS[check.name][self._position]
            said = f"{name}: {sentence}" if sentence else f"{name}: {check.input}"
            yield Text.assemble(indent, (SIGNS[check.outcome], _TONES[check.outcome]), " ", said)


def _moment(at: datetime) -> str:
    return f"{to_local(at):%d/%m/%Y %H:%M:%S}"


def _common_name(subject: str) -> str:
    """The CN of an RFC 4514 name, else all of it."""
    return next((part[3:] for part in subject.split(",") if part.startswith("CN=")), subject)
