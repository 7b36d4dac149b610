"""What one verdict says otherwise than the one before, and what had changed meanwhile: the evidence, the rules, us.

Both are read leniently, from their JSON as it was stored, by names that a stranger chose.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from axis.trust.model import Outcome
from axis.web.console import words
from axis.web.console.language import N_, _, grouped, n_
from axis.web.console.signatures import check_line
from axis.web.console.words import Look

_SHOWN: Final = 20  # differences of one verdict
_EVIDENCE: Final = {
    "crl": N_("danh sách thu hồi"),
    "ocsp": N_("trả lời OCSP"),
    "timestamp": N_("dấu thời gian"),
    "certificate": N_("chứng thư"),
}

_Key = tuple[str, str, str, str]  # part, signature, check, reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is otherwise."""

    look: Look  # of what it is now; of what it was, when that is gone
    where: str  # the file and signature, as their names are
    sentence: str
    gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A verdict beside the one before."""

    changes: tuple[Change, ...]
    more: int  # differences that are not shown
    reasons: tuple[str, ...]  # why


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Comparison:
    """What is otherwise, the worst first."""
    was, now = _weighty(before), _weighty(after)
    added = [_change(key, check, gone=False) for key, check in now.items() if key not in was]
    gone = [_change(key, check, gone=True) for key, check in was.items() if key not in now]
    changes = (*_words(before, after), *added, *gone)
    return Comparison(
        changes=changes[:_SHOWN], more=max(0, len(changes) - _SHOWN), reasons=tuple(_reasons(before, after))
    )


def _weighty(verdict: Mapping[str, Any]) -> dict[_Key, Mapping[str, Any]]:
    """Every check that keeps something from being plainly valid."""
    found: dict[_Key, Mapping[str, Any]] = {}
    for part, name in _parts(verdict):
        for signature, checks in (("", part.get("checks", [])), *_signatures(part)):
            for check in checks:
                if check.get("outcome") in (Outcome.FAILED, Outcome.UNKNOWN, Outcome.WARNING):
                    key = (name, signature, str(check.get("name", "")), str(check.get("reason", "")))
                    found.setdefault(key, check)
    return found


def _parts(verdict: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    yield verdict, ""
    for part in verdict.get("parts", []):
        yield part, str(part.get("name", ""))


def _signatures(part: Mapping[str, Any]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    return [(str(one.get("name", "")), one.get("checks", [])) for one in part.get("signatures", [])]


def _change(key: _Key, check: Mapping[str, Any], *, gone: bool) -> Change:
    line = check_line(check)
    part, signature = key[:2]
    where = ", ".join(filter(None, (part or _("Gói tin"), signature)))
    return Change(look=line.look, where=where, sentence=f"{line.name}: {line.sentence or line.input}", gone=gone)


def _words(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Files whose word is another one, or that have signatures that they had not."""
    was = {name: part for part, name in _parts(before) if name}
    for part, name in _parts(after):
        look, earlier = words.verdict(part.get("overall")), was.get(name)
        if not name or look is None:
            continue
        if earlier is None:
            yield Change(look=look, where=name, sentence=_("Chữ ký trong tệp được kiểm tra lần đầu."), gone=False)
        elif earlier.get("overall") != part.get("overall"):
            known = words.verdict(earlier.get("overall"))
            sentence = _("Trước đó: {verdict}", verdict=known.word if known else "?")
            yield Change(look=look, where=name, sentence=sentence, gone=False)


def _reasons(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    had, has = _evidence(before), _evidence(after)
    new = Counter(kind for digest, kind in has.items() if digest not in had)
    if new:
        kinds = ", ".join(
            f"{grouped(count)} {_(_EVIDENCE[kind]) if kind in _EVIDENCE else kind}"
            for kind, count in sorted(new.items())
        )
        yield _("Có thêm chứng cứ: {kinds}.", kinds=kinds)
    if before.get("trust_store") != after.get("trust_store"):
        yield _("Kho chứng thư tin cậy đã thay đổi.")
    if before.get("policy") != after.get("policy"):
        yield _("Quy tắc kiểm tra đã thay đổi.")
    if before.get("engines") != after.get("engines"):
        yield _("Phần mềm kiểm tra đã được nâng cấp.")
    missing = len(before.get("needs", [])) - len(after.get("needs", []))
    if missing > 0:
        yield n_("Không còn thiếu {n} dữ liệu đã chờ trước đó.", missing)


def _evidence(verdict: Mapping[str, Any]) -> dict[str, str]:
    return {
        str(item.get("sha256", "")): str(item.get("kind", ""))
        for part, _name in _parts(verdict)
        for one in part.get("signatures", [])
        for item in one.get("evidence", [])
    }
