"""The signatures of a document's package, as values ready to be shown.

What a verdict says is read leniently, from its JSON as it was stored: a page of today shows verdicts of years ago. Its
texts come from certificates and files, so all of them are a stranger's.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, Final

from axis.clock import to_local
from axis.store.document_view import Trail
from axis.trust.model import CheckName, Coverage, Outcome, SignerKind
from axis.trust.words import CHANGE_LEVELS, CHECKS, COVERAGE, PASSED, SIGNERS
from axis.web.console import words
from axis.web.console.language import N_, _
from axis.web.console.moments import Moment, moment
from axis.web.console.signers import Cover, common_name, covers, title
from axis.web.console.words import Look

_LATE: Final = datetime.max.replace(tzinfo=UTC)
_INDICATIONS: Final = {
    "TOTAL-PASSED": Look(word=N_("Đạt"), tone="green", icon="seal"),
    "TOTAL-FAILED": Look(word=N_("Không đạt"), tone="red", icon="cross"),
}
_WITH_REMARKS: Final = Look(word=N_("Đạt, có lưu ý"), tone="amber", icon="alert")
_UNCLEAR: Final = Look(word=N_("Chưa kết luận được"), tone="amber", icon="question", outline=True)
_EVIDENCE: Final = {
    "crl": N_("Danh sách thu hồi (CRL)"),
    "ocsp": N_("Trả lời OCSP"),
    "timestamp": N_("Dấu thời gian"),
    "certificate": N_("Chứng thư"),
}
_CHECK_OWED: Final = N_("Đang chờ kiểm tra.")
_LINKS: Final = 3  # of a chain: the signer's, the authority's, the root
_LEVEL: Final = re.compile(rf"\(({'|'.join(CHANGE_LEVELS)})\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """A technical value. copied: people compare it."""

    name: str
    value: str
    copied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One thing that was looked at."""

    look: Look
    name: str
    sentence: str
    input: str  # what was looked at, where that tells more than the sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One certificate of the chain."""

    name: str
    subject: str
    period: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureCard:
    """One signature."""

    anchor: str
    who: str
    position: str  # as the certificate tells it
    kind: str
    organisation: str
    organ_code: str
    look: Look
    claimed: Moment | None
    proven: Moment | None
    covers: str
    cover: Cover | None  # the same, drawn
    changed: bool
    chain: tuple[Link, ...]  # leaf first
    checks: tuple[CheckLine, ...]
    details: tuple[Detail, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPart:
    """The envelope or one file, with its signatures in the order of time."""

    anchor: str
    name: str
    icon: str
    look: Look
    checks: tuple[CheckLine, ...]
    signatures: tuple[SignatureCard, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One verdict of the history."""

    at: Moment
    cause: str
    look: Look


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureTrail:
    """The section of signatures."""

    look: Look | None  # none: nobody has looked
    due: str
    parts: tuple[SignedPart, ...]
    files: Mapping[int, Look]  # what was found of each file, by its place in the package
    history: tuple[HistoryLine, ...]
    details: tuple[Detail, ...]


def signature_trail(trail: Trail, now: datetime, sizes: Sequence[int | None] = ()) -> SignatureTrail:
    """The section for what was read. sizes: of the files, by their place in the package; None: not known."""
    verdict: dict[str, Any] = {} if trail.latest is None else json.loads(trail.latest.content)
    files = verdict.get("parts", [])
    sources = [] if trail.latest is None else [verdict, *files]
    return SignatureTrail(
        look=words.verdict(trail.latest.overall if trail.latest else None),
        due="" if trail.due is None else _(words.DUE.get(trail.due, _CHECK_OWED)),
        parts=tuple(
            _part(source, number, now, size)
            for number, (source, size) in enumerate(zip_longest(sources, (None, *sizes)[: len(sources)]))
        ),
        files={place: _word(file) for place, file in enumerate(files)},
        history=tuple(
            HistoryLine(
                at=moment(line.at, now),
                cause=words.cause(line.cause),
                look=words.verdict(line.overall) or words.said(_UNCLEAR),
            )
            for line in trail.history
        ),
        details=_engine_details(verdict, trail),
    )


def _part(source: Mapping[str, Any], number: int, now: datetime, size: int | None) -> SignedPart:
    signatures = sorted(source.get("signatures", []), key=_when)
    cards = (
        _card(one, f"signature-{number}-{place}", now, cover)
        for place, (one, cover) in enumerate(zip(signatures, covers(signatures, size), strict=True))
    )
    return SignedPart(
        anchor=f"signed-{number}",
        name=source.get("name", _("Tệp không tên")) if number else _("Gói tin"),
        icon="file" if number else "send",
        look=_word(source) if number else _own_word(source),
        checks=_checks(source.get("checks", [])),
        signatures=tuple(cards),
    )


def _word(source: Mapping[str, Any]) -> Look:
    return words.verdict(source.get("overall")) or words.said(_UNCLEAR)


def _own_word(envelope: Mapping[str, Any]) -> Look:
    """The envelope's own word: the one that stands on it is of the whole package, its files included."""
    signatures = envelope.get("signatures", [])
    own = [*envelope.get("checks", []), *(check for one in signatures for check in one.get("checks", []))]
    outcomes = {check.get("outcome") for check in own}
    for outcome, word in ((Outcome.FAILED, "invalid"), (Outcome.UNKNOWN, "indeterminate")):
        if outcome in outcomes:
            return words.verdict(word) or words.said(_UNCLEAR)
    if not signatures:
        return words.verdict("unsigned") or words.said(_UNCLEAR)
    return words.verdict("valid-with-warnings" if Outcome.WARNING in outcomes else "valid") or words.said(_UNCLEAR)


def _when(signature: Mapping[str, Any]) -> datetime:
    return _instant(signature.get("proven_at") or signature.get("claimed_at")) or _LATE


def _card(one: Mapping[str, Any], anchor: str, now: datetime, cover: Cover | None) -> SignatureCard:
    signatory, chain = one.get("signatory", {}), one.get("chain", [])
    claimed, proven = _instant(one.get("claimed_at")), _instant(one.get("proven_at"))
    name, organisation = signatory.get("name", ""), signatory.get("organisation", "")
    return SignatureCard(
        anchor=anchor,
        who=name or _("Không rõ người ký"),
        position=title(chain[0].get("subject", "")) if chain else "",
        kind=words.in_language(SIGNERS[SignerKind(signatory["kind"])])
        if signatory.get("kind") in set(SignerKind)
        else "",
        organisation=organisation,
        organ_code=signatory.get("organ_code", ""),
        look=_indication(one),
        claimed=moment(claimed, now) if claimed else None,
        proven=moment(proven, now) if proven else None,
        covers=words.in_language(
            COVERAGE[Coverage(one.get("coverage", Coverage.UNKNOWN))]
            if one.get("coverage") in set(Coverage)
            else COVERAGE[Coverage.UNKNOWN]
        ),
        cover=cover,
        changed=bool(one.get("changed_after_signing")),
        chain=tuple(_link(line) for line in chain[:_LINKS]),
        checks=_checks(one.get("checks", []), one.get("name", "")),
        details=_details(one),
    )


def _indication(one: Mapping[str, Any]) -> Look:
    look = _INDICATIONS.get(one.get("indication", ""), _UNCLEAR)
    reserved = any(check.get("outcome") == Outcome.WARNING for check in one.get("checks", []))
    return words.said(_WITH_REMARKS if reserved and one.get("indication") == "TOTAL-PASSED" else look)


def _checks(found: Sequence[Mapping[str, Any]], name: str = "") -> tuple[CheckLine, ...]:
    """The checks of something with a name, which need not be said at each."""
    lines = [check_line(check) for check in found]
    return tuple(replace(line, input="") if line.input == name else line for line in lines)


def check_line(check: Mapping[str, Any]) -> CheckLine:
    """One check in words: what was said then, else what it means that it ended so."""
    word, subject = check.get("name", ""), check.get("input", "")
    name = CheckName(word) if word in set(CheckName) else None
    said = words.in_language((check.get("reason_vi", ""), check.get("reason_en", "")))
    level = CHANGE_LEVELS.get(subject) if name is CheckName.CHANGES and not said else None
    passed = check.get("outcome") in (Outcome.PASSED, Outcome.NOTE)
    if level is not None:
        said, subject = words.in_language(level), ""
    elif not said and passed and name is not None:
        said = words.in_language(PASSED[name])
    return CheckLine(
        look=words.outcome(check.get("outcome", "")),
        name=words.in_language(CHECKS[name]) if name is not None else word,
        sentence=_LEVEL.sub(lambda found: f"({words.in_language(CHANGE_LEVELS[found[1]]).rstrip('.')})", said),
        input="" if check.get("reason") else subject,
    )


def _link(line: Mapping[str, Any]) -> Link:
    subject = line.get("subject", "")
    begin, end = (_instant(line.get(name)) for name in ("not_before", "not_after"))
    period = f"{to_local(begin):%d/%m/%Y} – {to_local(end):%d/%m/%Y}" if begin and end else ""
    return Link(name=common_name(subject), subject=subject, period=period)


def _details(one: Mapping[str, Any]) -> tuple[Detail, ...]:
    said = " ".join(filter(None, (one.get("indication"), one.get("sub_indication"))))
    facts = [
        Detail(name=_("Tên chữ ký trong tệp"), value=one.get("name", "")),
        Detail(name=_("Kết luận theo ETSI EN 319 102-1"), value=said),
        Detail(name=_("Thuật toán"), value=one.get("algorithm", "")),
        Detail(name=_("Phạm vi"), value=one.get("covered", "")),
        Detail(name=_("Xét hiệu lực tại"), value=one.get("judged_at", "")),
    ]
    for line in one.get("chain", []):
        facts.append(Detail(name=_("Chứng thư"), value=line.get("subject", "")))
        facts.append(Detail(name=_("Số sê-ri"), value=line.get("serial_hex", ""), copied=True))
        facts.append(Detail(name=_("SHA-256 của chứng thư"), value=line.get("sha256", ""), copied=True))
    facts += [
        Detail(name=_evidence(item), value=item.get("sha256", ""), copied=True)
        for item in one.get("evidence", [])
        if item.get("kind") != "certificate"
    ]
    return tuple(fact for fact in facts if fact.value)


def _evidence(item: Mapping[str, Any]) -> str:
    """What a piece of evidence is, from when until when it speaks."""
    kind = item.get("kind", "")
    name = _(_EVIDENCE[kind]) if kind in _EVIDENCE else kind
    if "next_update" in item:
        begin, end = item.get("this_update", "?"), item["next_update"]
        name = _("{evidence} (từ {begin} đến {end})", evidence=name, begin=begin, end=end)
    return f"{name}, SHA-256"


def _engine_details(verdict: Mapping[str, Any], trail: Trail) -> tuple[Detail, ...]:
    if trail.latest is None:
        return ()
    engines = ", ".join(" ".join(map(str, engine)) for engine in verdict.get("engines", []))
    facts = (
        Detail(name=_("Phần mềm đã kiểm tra"), value=engines),
        Detail(name=_("Kho tin cậy"), value=verdict.get("trust_store", ""), copied=True),
        Detail(name=_("Quy tắc"), value=verdict.get("policy", ""), copied=True),
        Detail(name=_("SHA-256 của kết luận"), value=trail.latest.sha256_hex, copied=True),
    )
    return tuple(fact for fact in facts if fact.value)


def _instant(text: str | None) -> datetime | None:
    """A moment as verdicts write it; what is none, as nothing."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return None
