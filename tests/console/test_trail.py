"""The page of a document's signatures."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import quote

import pytest

from axis.store import schema as s
from axis.store.records import Document
from axis.terms import Role
from axis.trust.model import Check, CheckName, Coverage, Evidence, Indication, Outcome, Overall, SignatureVerdict
from axis.trust.reasons import Reason, check, passed
from axis.trust.words import PASSED
from axis.web.console import language
from axis.web.console.signatures import check_line
from axis.web.console.signers import common_name, covers, title
from axis.web.console.verdict_changes import compare
from tests.console.archive import NOON, Archive, Clock, file
from tests.console.conftest import Client, LogIn
from tests.console.test_list import page_of, words_of
from tests.console.test_signatures import EVIL, LINE, SIGNATURE, judge, paper, parcel

Page = Callable[..., Awaitable[str]]
ENGLISH = {"Accept": "text/html", "Cookie": "lang=en"}
OWED = check(CheckName.REVOCATION, "CN=An", Reason.REVOCATION_OWED, "CRL")


@pytest.fixture
async def auditor(log_in: LogIn) -> Client:
    return await log_in(Role.AUDITOR)


async def signatures_of(client: Client, document: Document, query: str = "", **headers: str) -> str:
    answer = await client.get(f"/documents/{document.document_uid}/signatures{query}", headers=headers or None)
    assert answer.status == 200, await answer.text()
    return await answer.text()


# --- what is said of one signature -------------------------------------------------------------------------------


def test_every_check_that_passed_has_a_sentence() -> None:
    assert set(PASSED) == set(CheckName)
    for name in CheckName:
        found = {"name": name.value, "input": "x", "outcome": "passed"}
        language.speak("vi")
        vietnamese = check_line(found).sentence
        language.speak("en")
        assert vietnamese
        assert check_line(found).sentence not in ("", vietnamese)


@pytest.mark.parametrize("level", ["NONE", "LTA_UPDATES", "FORM_FILLING", "ANNOTATIONS", "OTHER"])
def test_no_word_of_the_library_reaches_people(level: str) -> None:
    for tongue in ("vi", "en"):
        language.speak(tongue)  # type: ignore[arg-type]
        plain = check_line({"name": "changes", "input": level, "outcome": "passed"})
        old = {"vi": f"Tệp đã bị thay đổi sau khi ký ({level}).", "en": f"The file was changed ({level})."}
        said = check_line(
            {
                "name": "changes",
                "input": "S",
                "outcome": "failed",
                "reason": "changed_after_signing",
                "reason_vi": old["vi"],
                "reason_en": old["en"],
            }
        )
        for line in (plain, said):
            assert line.sentence
            assert level not in f"{line.sentence} {line.input}"


@pytest.mark.parametrize(
    ("subject", "name", "position"),
    [
        ("CN=Nguyễn Văn An,T=Giám đốc,O=Sở Y tế,C=VN", "Nguyễn Văn An", "Giám đốc"),
        ("2.5.4.12=Trưởng phòng,CN=An", "An", "Trưởng phòng"),
        ("CN=UBND\\,CN=Bộ Công an\\, giả,O=x", "UBND,CN=Bộ Công an, giả", ""),
        ("O=x,CN=Nguy\\E1\\BB\\85n", "Nguyễn", ""),
        ("OU=a+CN=b", "b", ""),
        ("no name at all", "no name at all", ""),
        ("CN=" + "\\" * 3_999, "", ""),
    ],
    ids=["position", "by number", "escaped comma", "bytes", "several", "free", "only escapes"],
)
def test_a_name_is_read_as_it_was_written(subject: str, name: str, position: str) -> None:
    assert title(subject) == position
    if name:
        assert common_name(subject) == name
    else:
        assert len(common_name(subject)) <= len(subject)


def test_what_a_signature_covers_is_drawn_over_the_revisions() -> None:
    language.speak("vi")
    first = {"coverage": "whole-revision", "covered": "5000 byte"}
    changed = {"coverage": "whole-revision", "covered": "5000 byte", "changed_after_signing": True}
    last = {"coverage": "whole-file", "covered": "9000 byte"}
    a, b = covers([first, last], 10_000)
    assert a is not None
    assert b is not None
    assert a.text == "50 % của tệp: phiên bản 1 trong 2"
    assert [(span.start, span.width, span.tone) for span in a.spans] == [(0, 500, "green"), (500, 500, "slate")]
    assert a.ends == b.ends == (500,)
    assert [(span.start, span.width) for span in b.spans] == [(0, 1000)]
    (c,) = covers([changed], 20_000)
    assert c is not None
    assert [span.tone for span in c.spans] == ["green", "red"]
    assert covers([{"coverage": "unknown"}, {"coverage": "whole-revision", "covered": "x"}], None) == [None, None]


async def test_the_page_tells_everything_of_each_signature(auditor: Client, archive: Archive) -> None:
    first = replace(SIGNATURE, covered="15000 byte", chain=(replace(LINE, subject="CN=An,T=Giám đốc"), LINE))
    last = replace(SIGNATURE, name="Dau", coverage=Coverage.WHOLE_FILE, covered="20000 byte", proven_at=NOON)
    document = await archive.document(verdict="valid", files=[file("cv.pdf", size_bytes=20_100)])
    await judge(archive, document, parcel(paper(last, first)))
    page = await signatures_of(auditor, document)
    words = words_of(page)
    assert words.index("11:00 hôm nay (dấu thời gian)") < words.index("12:00 hôm nay (dấu thời gian)")
    for expected in (
        "Ai đã ký 2",
        "Giám đốc",
        "phiên bản 1 trong 2",
        "mã băm khớp",
        "Kết luận đầu tiên",
        "ecdsa-sha256",
    ):
        assert expected in words, expected
    assert "style=" not in page
    assert "data-copy" in page
    english = words_of(await signatures_of(auditor, document, **ENGLISH))
    for expected in ("Who signed 2", "revision 1 of 2", "its digest matches", "The first verdict."):
        assert expected in english, expected


async def test_the_documents_page_leads_to_it(auditor: Client, archive: Archive) -> None:
    document = await archive.document()
    assert f'href="/documents/{document.document_uid}/signatures"' in await page_of(
        auditor, f"/documents/{document.document_uid}"
    )
    assert "Chưa kiểm tra chữ ký" in words_of(await signatures_of(auditor, document))


async def test_hostile_names_are_inert(auditor: Client, archive: Archive) -> None:
    evil = f"CN={EVIL}\u202egpj.exe,T={EVIL},O={EVIL}"
    bad = replace(SIGNATURE, name=EVIL, chain=(replace(LINE, subject=evil),))
    document = await archive.document(verdict="invalid", subject=EVIL)
    await judge(archive, document, parcel(paper(SIGNATURE, name=EVIL)), cause="files")
    archive.clock.later(minutes=1)
    odd = Check(name=CheckName.FORM, input=EVIL, outcome=Outcome.FAILED, reason_vi=EVIL)
    await judge(
        archive, document, parcel(paper(bad, name=EVIL, overall=Overall.INVALID), checks=(odd,)), cause=EVIL[:8]
    )
    page = await signatures_of(auditor, document)
    body = page.split('id="main"')[1]
    assert body.count("&lt;script&gt;") > 8
    assert "<script" not in body
    assert '"onmouseover' not in body
    assert "\u202e" not in page


# --- verdicts over time -------------------------------------------------------------------------------------------


def said(before: tuple[SignatureVerdict, ...], after: tuple[SignatureVerdict, ...], **more: str) -> tuple[str, str]:
    language.speak("vi")
    one, other = parcel(paper(*before)), replace(parcel(paper(*after)), **more)  # type: ignore[arg-type]
    found = compare(json.loads(one.to_json()), json.loads(other.to_json()))
    changes = " | ".join(f"{'-' if c.gone else '+'}{c.where}: {c.sentence}" for c in found.changes)
    return changes, " ".join(found.reasons)


def test_what_differs_and_why_is_said() -> None:
    owed = replace(SIGNATURE, checks=(OWED,), evidence=())
    changes, reasons = said((owed,), (SIGNATURE,))
    assert "+cv.pdf, NguoiKy: Thu hồi: Danh sách thu hồi đã cũ." in changes
    assert "-cv.pdf, NguoiKy: Thu hồi: Chưa kết luận được" in changes
    assert reasons == "Có thêm chứng cứ: 1 danh sách thu hồi."
    assert said((SIGNATURE,), (SIGNATURE,)) == ("", "")
    _changes, reasons = said((SIGNATURE,), (SIGNATURE,), trust_store="other", policy="other")
    assert "Kho chứng thư" in reasons
    assert "Quy tắc" in reasons


def test_a_long_list_of_differences_is_cut() -> None:
    many = tuple(replace(SIGNATURE, name=f"s{n}", checks=(OWED,)) for n in range(50))
    one, other = parcel(), parcel(paper(*many))
    found = compare(json.loads(one.to_json()), json.loads(other.to_json()))
    assert len(found.changes) == 20
    assert found.more == 31


async def test_the_history_tells_what_changed(auditor: Client, archive: Archive) -> None:
    document = await archive.document(verdict="valid")
    owed = replace(SIGNATURE, checks=(OWED,), evidence=(), indication=Indication.INDETERMINATE)
    await judge(archive, document, parcel(paper(owed, overall=Overall.INDETERMINATE), overall=Overall.INDETERMINATE))
    archive.clock.later(minutes=5)
    fine = replace(
        SIGNATURE, checks=(passed(CheckName.REVOCATION, "crl"),), evidence=(Evidence(kind="crl", sha256="1"),)
    )
    await judge(archive, document, parcel(paper(fine)), cause="evidence")
    archive.clock.later(minutes=5)
    await judge(archive, document, parcel(paper(fine)), cause="manual")
    words = words_of((await signatures_of(auditor, document)).split('id="verdicts"')[1])
    again = words.index("Kiểm tra lại theo yêu cầu Không có gì khác")
    newer = words.index("Trước đó: Chưa kết luận được")
    assert again < newer < words.index("Có thêm chứng cứ: 1 danh sách thu hồi") < words.index("Kết luận đầu tiên")


async def test_a_page_of_very_long_verdicts_reads_the_latest(auditor: Client, archive: Archive) -> None:
    document = await archive.document(verdict="valid")
    long = replace(SIGNATURE, algorithm="x" * 3_000_000)
    for _round in range(3):
        await judge(archive, document, parcel(paper(long)))
        archive.clock.later(minutes=1)
    for number in range(31):
        await judge(archive, document, parcel(paper(replace(SIGNATURE, name=f"s{number}"))))
        archive.clock.later(minutes=1)
    await judge(archive, document, parcel(paper(replace(long, name="last"))))
    words = words_of(await signatures_of(auditor, document))
    assert "Các lần kết luận 35" in words
    assert "và 5 kết luận cũ hơn" in words
    assert "Kết luận đầu tiên" not in words


# --- as of --------------------------------------------------------------------------------------------------------


async def test_a_moment_shows_what_was_known_then(auditor: Client, archive: Archive, clock: Clock) -> None:
    document = await archive.document(verdict="valid")
    clock.later(minutes=10)
    await judge(archive, document, parcel(overall=Overall.UNSIGNED), cause="intake")
    clock.later(minutes=10)
    await judge(archive, document, parcel(paper(SIGNATURE)), cause="files")
    clock.later(minutes=10)
    early = words_of(await signatures_of(auditor, document, "?as_of=2025-11-27T12:05"))
    assert "Lúc đó trục chưa kiểm tra chữ ký" in early
    assert "Chữ ký hợp lệ" not in early
    then = words_of(await signatures_of(auditor, document, "?as_of=2025-11-27T12:15"))
    assert "Trạng thái tại 27/11/2025 12:15:00" in then
    assert "Chưa ký số" in then
    assert "Chữ ký hợp lệ" not in then
    assert "Kiểm tra lại ngay" not in then
    present = words_of(await signatures_of(auditor, document, "?as_of=2025-11-27T15:00"))
    assert "Chữ ký hợp lệ" in present
    assert "Trạng thái tại" not in present
    gone = await auditor.get(f"/documents/{document.document_uid}/signatures?as_of=2025-11-27T11:59")
    assert gone.status == 404


@pytest.mark.parametrize(
    "text", ["yesterday", "2025-13-01T00:00", "1999-01-01T00:00", "0001-01-01T00:00", "2025-11-27T12:00+07:00"]
)
async def test_a_moment_that_is_none_is_said(auditor: Client, archive: Archive, text: str) -> None:
    document = await archive.document()
    answer = await auditor.get(f"/documents/{document.document_uid}/signatures?as_of={quote(text)}")
    assert answer.status == 400


# --- looked at again ----------------------------------------------------------------------------------------------


async def press(client: Client, document: Document, csrf: str = "csrf-of-the-session") -> int:
    path = f"/documents/{document.document_uid}/signatures/recheck"
    answer = await client.post(path, data={"csrf": csrf}, allow_redirects=False)
    return answer.status


async def test_an_auditor_has_it_looked_at_again_and_that_is_recorded(auditor: Client, archive: Archive) -> None:
    document = await archive.document(verdict="valid")
    await judge(archive, document, parcel(paper(SIGNATURE)))
    token = re.search(r'name="csrf" value="([^"]+)"', (await signatures_of(auditor, document)).split('/recheck"')[1])
    assert token
    assert await press(auditor, document, token[1]) == 303
    assert await press(auditor, document) == 303  # twice is once
    due = await archive.store.read(lambda c: c.execute(s.check_due.select()).all())
    assert [(row.package_id, row.cause) for row in due] == [(document.package_id, "manual")]
    kind = s.audit.c.kind == "signatures_rechecked"
    lines = await archive.store.read(lambda c: c.execute(s.audit.select().where(kind)).all())
    assert len(lines) == 2
    assert document.package_id in lines[0].fields
    assert lines[0].actor.startswith("u")
    assert "Đang chờ kiểm tra lại theo yêu cầu" in words_of(await signatures_of(auditor, document))


async def test_nobody_else_has_it_looked_at(log_in: LogIn, archive: Archive, auditor: Client) -> None:
    document = await archive.document(verdict="valid")
    await archive.organ("H24.1", "Sở Nội vụ")
    clerk = await log_in(Role.CLERK, organs=("H24.1",))
    assert "Kiểm tra lại ngay" not in words_of(await signatures_of(clerk, document))  # may read it, and no more
    assert await press(clerk, document) == 404
    assert await press(auditor, document, "forged") == 403
    other = replace(document, document_uid="01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert await press(auditor, other) == 404
    assert not await archive.store.read(lambda c: c.execute(s.check_due.select()).all())


async def test_who_may_not_see_the_document_sees_no_signatures(log_in: LogIn, archive: Archive) -> None:
    document = await archive.document(verdict="valid")
    clerk = await log_in(Role.CLERK)
    assert (await clerk.get(f"/documents/{document.document_uid}/signatures")).status == 404
