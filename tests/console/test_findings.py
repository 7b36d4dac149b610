"""Findings: what verdicts found amiss, and who signed."""

import re
from dataclasses import replace
from functools import partial
from urllib.parse import quote

import pytest

from axis.store import findings_view
from axis.store import schema as s
from axis.store.findings_view import NOT_PLAINLY_VALID, FindingsQuery
from axis.store.records import Document
from axis.store.store import Store
from axis.terms import Role
from axis.trust.findings import findings_of, signatories_of
from axis.trust.model import CheckName, Indication, Overall, SignerKind, Verdict
from axis.trust.reasons import Reason, check, passed
from axis.trust.words import FINDINGS
from axis.web.console import language
from axis.web.console.findings import buckets_of, reason_look
from tests.console.archive import NOON, Archive, Clock
from tests.console.conftest import Client, LogIn
from tests.console.judging import certificate, record, signatory
from tests.console.test_list import page_of, words_of
from tests.console.test_signatures import EVIL, SIGNATURE, paper, parcel
from tests.store.plans import analyze, plans_of

WEAK = check(CheckName.ALGORITHM, "key", Reason.ALGORITHM_WEAK_TOLERATED, "SHA1")
CHANGED = check(CheckName.CHANGES, "S", Reason.CHANGED_AFTER_SIGNING, what="x", what_en="x")
ENGLISH = {"Accept": "text/html", "Cookie": "lang=en"}


def judged(*checks: object, overall: Overall, who: str = "Nguyễn Văn An", digest: str = "a") -> Verdict:
    one = replace(SIGNATURE, signatory=signatory(who, digest, organisation="Sở Y tế"), checks=tuple(checks))  # type: ignore[arg-type]
    return parcel(paper(one, overall=overall), overall=overall)


@pytest.fixture
async def auditor(log_in: LogIn) -> Client:
    return await log_in(Role.AUDITOR)


# --- what is a finding --------------------------------------------------------------------------------------------


def test_every_reason_has_a_short_word_in_both_languages() -> None:
    assert set(FINDINGS) == {*Reason, Overall.UNSIGNED}
    for reason, (vi, en) in FINDINGS.items():
        assert vi != en
        assert len(vi) <= 45
        language.speak("en")
        assert reason_look(reason).word == en
    assert reason_look("what is this").tone == "grey"


def test_findings_are_what_did_not_pass_each_once() -> None:
    note = check(CheckName.TIME, "t", Reason.TIME_SEVEN_HOURS, "x")
    verdict = judged(WEAK, WEAK, CHANGED, note, passed(CheckName.INTEGRITY, "S"), overall=Overall.INVALID)
    assert findings_of(verdict) == ("algorithm_weak_tolerated", "changed_after_signing")
    assert findings_of(judged(WEAK, overall=Overall.VALID)) == ()
    assert findings_of(parcel(overall=Overall.UNSIGNED)) == ("unsigned",)
    assert findings_of(parcel(overall=Overall.INDETERMINATE)) == ("indeterminate",)


def test_whoever_signed_counts_whatever_it_is_worth() -> None:
    stamp = replace(SIGNATURE, signatory=replace(signatory("TSA", "f"), kind=SignerKind.TIMESTAMP))
    broken = replace(SIGNATURE, signatory=signatory("Kẻ giả mạo", "b"), indication=Indication.TOTAL_FAILED)
    verdict = parcel(paper(SIGNATURE, SIGNATURE, stamp), paper(broken, replace(SIGNATURE, signatory=None)))
    assert [who.name for who in signatories_of(verdict)] == ["Nguyễn Văn An", "Kẻ giả mạo"]


# --- what is kept -------------------------------------------------------------------------------------------------


async def kept(store: Store, document: Document) -> list[tuple[str, bool]]:
    f = s.finding.c
    rows = await store.read(
        lambda c: c.execute(
            s.finding.select().where(f.document_uid == document.document_uid).order_by(f.found_at)
        ).all()
    )
    return [(row.reason, row.gone_at is None) for row in rows]


async def test_a_later_verdict_takes_the_place_of_what_was_found(archive: Archive, clock: Clock) -> None:
    document, other = await archive.document(), await archive.document()
    await record(archive, document, judged(WEAK, CHANGED, overall=Overall.INVALID))
    await record(archive, other, judged(WEAK, overall=Overall.VALID_WITH_WARNINGS))
    clock.later(minutes=1)
    await record(archive, document, judged(WEAK, overall=Overall.VALID_WITH_WARNINGS), cause="manual")
    found = await kept(archive.store, document)
    assert sorted(found) == [
        ("algorithm_weak_tolerated", False),
        ("algorithm_weak_tolerated", True),
        ("changed_after_signing", False),
    ]
    assert await kept(archive.store, other) == [("algorithm_weak_tolerated", True)]
    clock.later(minutes=1)
    await record(archive, document, judged(overall=Overall.VALID))
    assert not any(open_ for _reason, open_ in await kept(archive.store, document))


# --- the page -----------------------------------------------------------------------------------------------------


async def test_findings_are_grouped_by_reason_the_worst_first(log_in: LogIn, archive: Archive, clock: Clock) -> None:
    await record(archive, await archive.document(), judged(overall=Overall.VALID))
    for _each in range(3):
        await record(archive, await archive.document(), judged(WEAK, overall=Overall.VALID_WITH_WARNINGS))
    bad = await archive.document(subject="Văn bản bị sửa")
    await record(archive, bad, judged(CHANGED, overall=Overall.INVALID))
    await record(archive, await archive.document(), parcel(overall=Overall.UNSIGNED))
    clock.later(days=1)
    auditor = await log_in(Role.AUDITOR)
    page = await page_of(auditor, "/findings")
    reasons = words_of(page.split('id="reasons"')[1].split('id="found"')[0])
    order = [reasons.index(word) for word in ("Tệp bị thay đổi sau khi ký", "Thuật toán yếu", "Không có chữ ký số")]
    assert order == sorted(order)
    assert re.search(r"Cần xem 5\b", words_of(page))
    assert re.search(r"Chữ ký hợp lệ 1\b", words_of(page))
    assert page.count('class="row"') == 5
    only = await page_of(auditor, "/findings?reason=changed_after_signing")
    assert only.count('class="row"') == 1
    assert "Văn bản bị sửa" in only
    assert "Lý do: Tệp bị thay đổi sau khi ký" in words_of(only)
    assert (await page_of(auditor, "/findings?verdict=valid")).count('class="row"') == 1
    assert (await page_of(auditor, "/findings?verdict=any")).count('class="row"') == 5  # a page holds five
    english = words_of(await (await auditor.get("/findings", headers=ENGLISH)).text())
    assert "File changed after signing" in english


async def test_a_period_counts_what_came_in_it(log_in: LogIn, archive: Archive, clock: Clock) -> None:
    await record(archive, await archive.document(), judged(CHANGED, overall=Overall.INVALID))
    clock.later(days=10)
    await record(archive, await archive.document(), judged(CHANGED, overall=Overall.INVALID))
    auditor = await log_in(Role.AUDITOR)
    week, month = await page_of(auditor, "/findings?period=7"), await page_of(auditor, "/findings")
    assert (week.count('class="row"'), month.count('class="row"')) == (1, 2)
    assert month.count("<rect") == 2
    assert "<title>27/11: 1</title>" in month
    assert "<title>07/12: 1</title>" in month
    assert buckets_of("364", clock.now()).number == 26


async def test_the_list_goes_on_by_key_and_never_shows_one_twice(auditor: Client, archive: Archive) -> None:
    for number in range(12):
        overall = (Overall.INVALID, Overall.INDETERMINATE, Overall.UNSIGNED)[number % 3]
        await record(archive, await archive.document(), judged(CHANGED, overall=overall))
    for start in ("/findings", "/findings?reason=changed_after_signing"):
        seen: list[str] = []
        path: str | None = start
        while path:
            page = await page_of(auditor, path)
            seen += re.findall(r'id="d-([0-9A-Z]{26})"', page)
            following = re.search(r'href="([^"]+)" rel="next"', page)
            path = following[1].replace("&amp;", "&") if following else None
        assert len(seen) == len(set(seen)) == 12
        assert seen == sorted(seen, reverse=True)


async def test_signers_are_found_by_name_certificate_issuer_and_number(auditor: Client, archive: Archive) -> None:
    await certificate(archive, "a", serial_hex="54ab01cd", issuer="CN=CA Ban Cơ yếu G2,C=VN")
    good, forged = await archive.document(), await archive.document()
    await record(archive, good, judged(overall=Overall.VALID))
    broken = replace(SIGNATURE, signatory=signatory("Trần Đình Ước", "b"), chain=(), checks=(CHANGED,))
    await record(archive, forged, parcel(paper(broken, overall=Overall.INVALID), overall=Overall.INVALID))
    for sought, name in (
        ("nguyen van an", "Nguyễn Văn An"),
        ("Nguyễn  AN", "Nguyễn Văn An"),
        ("so y te", "Nguyễn Văn An"),
        ("54:AB:01", "Nguyễn Văn An"),
        ("aaaaaaaa", "Nguyễn Văn An"),
        ("yếu G2", "Nguyễn Văn An"),
        ("uoc", "Trần Đình Ước"),
    ):
        words = words_of(await page_of(auditor, f"/findings?q={quote(sought)}"))
        assert name in words, sought
        assert ("Trần" in words) == (name[0] == "T"), sought
    assert "Chưa có chữ ký nào" in words_of(await page_of(auditor, "/findings?q=nobody"))
    assert "Chưa có chữ ký nào" in words_of(await page_of(auditor, "/findings?q=%25"))
    page = await page_of(auditor, f"/findings?signer={'b' * 64}")
    assert page.count('class="row"') == 1
    assert forged.document_uid in page
    assert "không giữ được chứng thư" in page
    assert good.document_uid in await page_of(
        auditor, f"/findings?signer={'a' * 64}"
    )  # a valid one is shown of a signer
    assert "54ab01cd" in page_of.__name__ or "54ab01cd" in await page_of(auditor, f"/findings?signer={'a' * 64}")


async def test_hostile_names_are_inert_here_too(auditor: Client, archive: Archive) -> None:
    await certificate(archive, "e", subject=f"CN={EVIL}", issuer=f"CN={EVIL}\u202e", serial_hex="<b>")
    document = await archive.document(subject=EVIL, sender_name=EVIL)
    await record(archive, document, judged(CHANGED, overall=Overall.INVALID, who=EVIL + "\u202egpj", digest="e"))
    for path in ("/findings", "/findings?q=script", f"/findings?signer={'e' * 64}", f"/findings?q={quote(EVIL)}"):
        page = (await (await auditor.get(path, headers={"Accept": "text/html"})).text()).split('id="main"')[1]
        assert "&lt;script&gt;" in page, path
        assert "<script" not in page
        assert '"onmouseover' not in page
        assert "\u202e" not in page


@pytest.mark.parametrize(
    "query", ["verdict=good", "reason=none", "signer=x", "period=365", "before=1", "before=01ARZ3NDEKTSV4RRFFQ69G5FA'"]
)
async def test_what_is_no_choice_is_said(auditor: Client, query: str) -> None:
    assert (await auditor.get(f"/findings?{query}")).status == 400


async def test_findings_are_not_there_for_clerks(log_in: LogIn, auditor: Client) -> None:
    clerk = await log_in(Role.CLERK)
    assert (await clerk.get("/findings")).status == 404
    assert 'href="/findings"' not in await page_of(clerk, "/")
    assert 'href="/findings"' in await page_of(auditor, "/")
    assert (await auditor.get(f"/findings?signer={'0' * 64}")).status == 404
    assert "mọi chữ ký đã kiểm tra đều hợp lệ" in words_of(await page_of(auditor, "/findings"))


# --- a million ----------------------------------------------------------------------------------------------------


async def test_every_list_is_read_from_an_index(archive: Archive) -> None:
    for number in range(300):
        await record(
            archive, await archive.document(), judged(CHANGED, overall=Overall.INVALID, digest=f"{number:064x}"[-1])
        )
    await analyze(archive.store)
    since = buckets_of("30", NOON).since
    sqlite = await archive.store.read(lambda c: c.dialect.name == "sqlite")
    for query, index in (
        (FindingsQuery(rows=5, words=("invalid",)), "ix_document_verdict"),
        (FindingsQuery(rows=5, words=("invalid",), since=since, before="01KZ"), "ix_document_verdict"),
        (FindingsQuery(rows=5, words=NOT_PLAINLY_VALID, reason="changed_after_signing"), "ix_finding_reason"),
        (FindingsQuery(rows=5, words=(), signer_id="1" * 64), "sqlite_autoindex_signed_1"),
    ):
        plan = (await plans_of(archive.store, partial(findings_view.findings_page, query=query)))[0]
        assert index in plan or not sqlite, plan  # PostgreSQL takes what is the least for so few
        assert not re.search(r"SCAN document|Seq Scan on document|TEMP B-TREE|Sort Key", plan), plan
