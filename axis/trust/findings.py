"""What of a verdict is looked for later: what kept it from being plainly valid, and who signed.

Findings are stable words: the reasons of checks that did not pass, and the overall word where no check has one.
"""

from collections.abc import Iterator

from axis.trust.model import Outcome, Overall, Signatory, SignatureVerdict, SignerKind, Verdict

_WEIGHTY = frozenset({Outcome.WARNING, Outcome.UNKNOWN, Outcome.FAILED})


def findings_of(verdict: Verdict) -> tuple[str, ...]:
    """Each finding once, in the order of words; none for a verdict that is valid."""
    if verdict.overall is Overall.VALID:
        return ()
    reasons = {check.reason for check in verdict.all_checks() if check.reason and check.outcome in _WEIGHTY}
    if verdict.overall is Overall.UNSIGNED or not reasons:
        reasons.add(verdict.overall.value)
    return tuple(sorted(reasons))


def signatories_of(verdict: Verdict) -> tuple[Signatory, ...]:
    """Who signed the file or one of its parts, each once, whatever the signature is worth; timestamps are nobody."""
    people = (one.signatory for one in _signatures(verdict))
    return tuple(dict.fromkeys(who for who in people if who is not None and who.kind is not SignerKind.TIMESTAMP))


def _signatures(verdict: Verdict) -> Iterator[SignatureVerdict]:
    yield from verdict.signatures
    for part in verdict.parts:
        yield from _signatures(part)
