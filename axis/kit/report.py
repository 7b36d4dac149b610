"""The report of a run: a score, each case with its evidence, as JSON for programs and as one HTML file for people."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from axis import __version__
from axis.errors import Code
from axis.kit import told
from axis.kit.case import Case, Failed, Finding, NotApplicable, NotSeen, Passed
from axis.kit.proxy import NotedCall
from axis.kit.session import Standing
from axis.kit.words import Words
from axis.messages import sentence
from axis.store.records import Audit

JSON_NAME, HTML_NAME = "conformance.json", "conformance.html"
_MOST_REFUSALS: Final = 50
_MOST_EVIDENCE: Final = 30  # of one case

OUTCOMES: Final[dict[type[Finding], tuple[str, Words]]] = {
    Passed: ("passed", Words("đạt", "passed")),
    Failed: ("failed", Words("chưa đạt", "failed")),
    NotSeen: ("not_seen", Words("chưa thấy", "not seen")),
    NotApplicable: ("not_applicable", Words("không áp dụng", "not applicable")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Points of cases: the weight of those that passed, of all."""

    passed: int
    of: int
    cases_passed: int
    cases: int


def score(findings: Iterable[tuple[Case, Finding]], *, required: bool) -> Score:
    """The points of the required cases, or of the others."""
    chosen = [
        (case, finding)
        for case, finding in findings
        if case.required is required and not isinstance(finding, NotApplicable)
    ]
    passed = [case for case, finding in chosen if isinstance(finding, Passed)]
    return Score(
        passed=sum(case.weight for case in passed),
        of=sum(case.weight for case, _ in chosen),
        cases_passed=len(passed),
        cases=len(chosen),
    )


def has_passed(standing: Standing) -> bool:
    """Whether all required cases that apply have passed."""
    return all(isinstance(finding, Passed | NotApplicable) for case, finding in standing.findings if case.required)


def report_of(standing: Standing, ended_at: datetime) -> dict[str, Any]:
    """The report as plain values: what the JSON file holds."""
    facts = standing.facts
    return {
        "kit": f"axis {__version__}",
        "front": standing.front.id,
        "system_id": facts.system_id,
        "organ_id": facts.vendor,
        "started_at": standing.started_at.isoformat(timespec="seconds"),
        "ended_at": ended_at.isoformat(timespec="seconds"),
        "passed": has_passed(standing),
        "required": _score(score(standing.findings, required=True)),
        "optional": _score(score(standing.findings, required=False)),
        "cases": [_case(case, finding) for case, finding in standing.findings],
        "refusals": [_refusal(one) for one in facts.traffic.refusals if one.actor == facts.system_id][-_MOST_REFUSALS:],
        "calls": _calls(facts.calls),
    }


def _score(one: Score) -> dict[str, int]:
    return {"points": one.passed, "of_points": one.of, "passed": one.cases_passed, "of": one.cases}


def _both(words: Words) -> dict[str, str]:
    return {"vi": words.vi, "en": words.en}


def _case(case: Case, finding: Finding) -> dict[str, Any]:
    word, shown = OUTCOMES[type(finding)]
    return {
        "id": case.id,
        "title": _both(case.title),
        "task": _both(case.task),
        "required": case.required,
        "weight": case.weight,
        "outcome": word,
        "outcome_words": _both(shown),
        "evidence": [_both(words) for words in finding.evidence[:_MOST_EVIDENCE]],
        "advice": _both(finding.advice) if isinstance(finding, Failed) else None,
    }


def _refusal(one: Audit) -> dict[str, Any]:
    """A package that the node did not take, and the answer that its sender had."""
    fields = json.loads(one.fields)
    code = Code(fields["code"])
    return {
        "at": one.at.isoformat(timespec="seconds"),
        "shown_at": told.moment(one.at),
        "code": code.value,
        "where": fields["at"] or "",
        "detail": fields["detail"] or "",
        "vi": sentence(code, "vi"),
        "en": sentence(code, "en"),
    }


def _calls(calls: Iterable[NotedCall]) -> list[dict[str, Any]]:
    """What was called how often, and how it went."""
    grouped: dict[str, list[NotedCall]] = defaultdict(list)
    for one in calls:
        grouped[f"{one.method} {one.operation}" if " " not in one.operation else one.operation].append(one)
    return [
        {
            "operation": operation,
            "calls": len(several),
            "not_2xx": sum(1 for one in several if one.status is None or one.status >= 300),  # noqa: PLR2004 - HTTP's
            "request_bytes": sum(one.request_bytes for one in several),
            "answer_bytes": sum(one.answer_bytes for one in several),
            "slowest_s": round(max(one.seconds for one in several), 3),
        }
        for operation, several in sorted(grouped.items())
    ]


def as_html(report: dict[str, Any]) -> str:
    """The report as one HTML file that needs nothing else."""
    environment = Environment(
        loader=PackageLoader("axis.kit"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    order = {"failed": 0, "not_seen": 1, "passed": 2, "not_applicable": 3}
    told_first = sorted(report["cases"], key=lambda case: (order[case["outcome"]], not case["required"]))
    moments = [told.moment(datetime.fromisoformat(report[key])) for key in ("started_at", "ended_at")]
    return environment.get_template("report.html").render(report=report, cases=told_first, moments=moments)


async def write_report(report: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """Write both files; returns their paths. Raises OSError."""
    return await asyncio.to_thread(_write, report, folder)


def _write(report: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / JSON_NAME, folder / HTML_NAME
    texts = json.dumps(report, ensure_ascii=False, indent=2) + "\n", as_html(report)
    for path, text in zip(paths, texts, strict=True):
        draft = path.with_name(f".{path.name}.new")
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
        draft.replace(path)
    return paths
