"""The report says what was found, escapes what strangers wrote, and needs nothing else."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from axis.kit.case import Failed, Finding, NotApplicable, NotSeen, Passed
from axis.kit.cases import CASES
from axis.kit.facts import Facts
from axis.kit.fronts import FRONTS, Front
from axis.kit.report import as_html, has_passed, report_of, score, write_report
from axis.kit.screen import Screen
from axis.kit.session import Standing, judge
from axis.kit.words import Words
from axis.store.queries import Traffic
from axis.store.records import Audit

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
EVIL = '<script>alert("1")</script>\x1b[31m'
NOTHING = Traffic(
    packages=(), documents=(), deliveries=(), consignments=(), events=(), files=(), acts=(), targets=(),
    answers=(), verdicts=(), refusals=(),
)  # fmt: skip
EVIDENCE = (Words(f"thấy {EVIL}", f"saw {EVIL}"),)
FAILED = Failed(evidence=EVIDENCE, advice=Words("sửa", "mend"))


def standing(*others: Finding) -> Standing:
    """All cases passed, but the first ones as given."""
    refusal = Audit(
        audit_id="1",
        at=NOW,
        kind="package_refused",
        actor="dms",
        fields=json.dumps({"code": "unknown_sender", "at": "To/OrganId", "detail": EVIL}),
    )
    facts = Facts(now=NOW, vendor="K99.1", system_id="dms", traffic=replace(NOTHING, refusals=(refusal,)))
    passed = Passed(evidence=EVIDENCE)
    findings = [(case, others[number] if number < len(others) else passed) for number, case in enumerate(CASES)]
    return Standing(front=FRONTS["vxp"], started_at=NOW - timedelta(hours=1), facts=facts, findings=tuple(findings))


class Page(HTMLParser):
    """What stands in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [
            value or "" for name, value in attrs if name in ("src", "href", "style") or name.startswith("on")
        ]


def test_a_run_passes_only_when_all_required_cases_have_passed() -> None:
    assert has_passed(standing())
    assert CASES[0].required
    assert not has_passed(standing(FAILED))
    assert not has_passed(standing(NotSeen()))
    optional = [Passed(evidence=()) if case.required else FAILED for case in CASES]
    assert has_passed(standing(*optional))


def test_points_are_the_weights_of_what_passed() -> None:
    found = standing(FAILED)
    first = CASES[0]
    required = [case for case in CASES if case.required]
    points = score(found.findings, required=True)
    assert (points.of, points.passed) == (
        sum(c.weight for c in required),
        sum(c.weight for c in required) - first.weight,
    )
    assert (points.cases, points.cases_passed) == (len(required), len(required) - 1)


async def test_both_files_say_what_was_found(tmp_path: Path) -> None:
    report = report_of(standing(FAILED, NotSeen()), NOW)
    written, page = await write_report(report, tmp_path / "new" / "folder")
    told = json.loads(written.read_text(encoding="utf-8"))
    assert told == report
    assert [case["outcome"] for case in told["cases"][:3]] == ["failed", "not_seen", "passed"]
    assert told["cases"][0]["advice"] == {"vi": "sửa", "en": "mend"}
    assert told["refusals"][0]["code"] == "unknown_sender"
    assert told["refusals"][0]["vi"]
    text = page.read_text(encoding="utf-8")
    for case in CASES:
        assert case.title.vi in text
    assert text.index(CASES[0].title.vi) < text.index(CASES[2].title.vi)  # what failed stands first
    assert "sửa" in text
    assert "Phần mềm chưa đạt" in text


def test_the_page_escapes_what_strangers_wrote_and_needs_nothing_else() -> None:
    text = as_html(report_of(standing(FAILED), NOW))
    page = Page(text)
    assert "&lt;script&gt;" in text
    assert not {"script", "img", "link", "iframe", "a", "object"} & set(page.tags)
    assert not page.links
    assert "default-src 'none'" in text
    assert "http://" not in text
    assert "https://" not in text


def test_a_list_of_evidence_has_an_end() -> None:
    many = Failed(evidence=EVIDENCE * 10_000, advice=Words("sửa", "mend"))
    assert len(report_of(standing(many), NOW)["cases"][0]["evidence"]) == 30


@pytest.mark.parametrize("front", FRONTS.values(), ids=list(FRONTS))
def test_a_front_is_judged_by_what_it_can_carry_and_the_report_says_why_not_by_the_rest(front: Front) -> None:
    nothing = judge(replace(standing().facts, now=NOW), front, NOW)
    told = {one["id"]: one for one in report_of(nothing, NOW)["cases"]}
    assert set(told) == {case.id for case in CASES} >= set(front.without)
    for case, one in told.items():
        assert (one["outcome"] == "not_applicable") is (case in front.without)
        if case in front.without:
            assert [words["vi"] for words in one["evidence"]] == [front.without[case].vi]
    assert not nothing.is_decided


def test_what_does_not_apply_is_no_failure_and_no_point() -> None:
    never = NotApplicable(evidence=EVIDENCE)
    found = standing(never)
    assert CASES[0].required
    assert has_passed(found)
    assert found.is_decided
    assert score(found.findings, required=True).of == sum(one.weight for one in CASES[1:] if one.required)
    assert "không áp dụng" in as_html(report_of(found, NOW))


def test_off_a_terminal_each_change_is_a_line() -> None:
    out = StringIO()
    with Screen(Console(file=out, width=40)) as screen:
        for others in ((FAILED, NotSeen()), (FAILED, NotSeen()), (FAILED, Passed(evidence=()))):
            screen.show(standing(*others))
    lines = out.getvalue().splitlines()
    assert len(lines) == len(CASES)
    assert lines[0] == f"✗ {CASES[0].id}: chưa đạt – {CASES[0].title.vi}. sửa"
    assert lines[-1] == f"✓ {CASES[1].id}: đạt – {CASES[1].title.vi}"


def test_on_a_terminal_the_checklist_stands() -> None:
    out = StringIO()
    with Screen(Console(file=out, width=120, force_terminal=True)) as screen:
        screen.show(standing(FAILED, NotSeen()))
    text = out.getvalue()
    assert all(case.title.vi in text for case in CASES)
    assert "sửa" in text
    assert CASES[1].task.vi[:20] in text


def test_ids_are_unique_and_each_case_has_words() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
    for case in CASES:
        for words in (case.title, case.task):
            assert words.vi, case.id
            assert words.en, case.id
            assert words.vi != words.en or case.id == "api"
