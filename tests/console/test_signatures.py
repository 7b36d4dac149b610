"""What the pages tell of signatures."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from axis.ids import new_id
from axis.store.hot import Hot
from axis.store.records import CheckDue, Document
from axis.store.records import Verdict as VerdictRow
from axis.trust.model import (
    CertificateLine,
    Check,
    CheckName,
    Coverage,
    Evidence,
    FileKind,
    Indication,
    Outcome,
    Overall,
    Signatory,
    SignatureVerdict,
    SignerKind,
    Verdict,
)
from tests.console.archive import NOON, Archive, file
from tests.console.conftest import Client
from tests.console.test_list import page_of, words_of

EVIL = "<script>alert('x')</script>\"onmouseover=\"x"

LINE = CertificateLine(
    subject="CN=Nguyễn Văn An,O=Sở Y tế,C=VN",
    issuer="CN=CA chuyên dùng",
    serial_hex="0abc",
    sha256="c" * 64,
    not_before=NOON - timedelta(days=30),
    not_after=NOON + timedelta(days=30),
)
SIGNATURE = SignatureVerdict(
    name="NguoiKy",
    indication=Indication.TOTAL_PASSED,
    signatory=Signatory(name="Nguyễn Văn An", kind=SignerKind.PERSON, organisation="Sở Y tế", organ_code="H24.11"),
    algorithm="ecdsa-sha256",
    claimed_at=NOON - timedelta(hours=2),
    proven_at=NOON - timedelta(hours=1),
    coverage=Coverage.WHOLE_REVISION,
    chain=(LINE, replace(LINE, subject="CN=CA chuyên dùng,C=VN"), replace(LINE, subject="CN=CA gốc,C=VN")),
    checks=(
        Check(name=CheckName.INTEGRITY, input="NguoiKy", outcome=Outcome.PASSED),
        Check(name=CheckName.REVOCATION, input="crl", outcome=Outcome.WARNING, reason_vi="Danh sách thu hồi đã cũ."),
    ),
    evidence=(Evidence(kind="crl", sha256="e" * 64),),
)


def paper(*signatures: SignatureVerdict, overall: Overall = Overall.VALID, name: str = "cv.pdf") -> Verdict:
    return Verdict(kind=FileKind.PDF, name=name, at=NOON, overall=overall, signatures=signatures)


def parcel(*parts: Verdict, overall: Overall = Overall.VALID, checks: Iterable[Check] = ()) -> Verdict:
    return Verdict(
        kind=FileKind.EDXML,
        at=NOON,
        overall=overall,
        checks=tuple(checks),
        parts=parts,
        engines=(("axis", "0.1"), ("pyhanko", "1.2")),
    )


async def judge(archive: Archive, document: Document, verdict: Verdict, cause: str = "files") -> None:
    content = verdict.to_json()
    row = VerdictRow(
        verdict_id=new_id(archive.clock.at),
        package_id=document.package_id,
        at=archive.clock.at,
        cause=cause,
        overall=verdict.overall,
        content=content.decode(),
        sha256_hex=hashlib.sha256(content).hexdigest(),
    )
    await archive.store.submit(Hot(inserts=(row,)))


async def section_of(client: Client, document: Document) -> str:
    page = await page_of(client, f"/documents/{document.document_uid}")
    return page.split('id="signatures"')[1].split('id="files"')[0]


async def test_the_list_tells_what_was_found_and_nothing_where_nobody_looked(
    operator: Client, archive: Archive
) -> None:
    await archive.document(verdict=None)
    assert "Chữ ký số:" not in await page_of(operator, "/documents")
    for word, said in (
        ("valid", "Chữ ký hợp lệ"),
        ("valid-with-warnings", "Hợp lệ, có lưu ý"),
        ("invalid", "Không hợp lệ"),
        ("unsigned", "Chưa ký số – chỉ để biết, tham khảo"),
        ("indeterminate", "Chưa kết luận được"),
    ):
        await archive.document(verdict=word)
        assert f'title="Chữ ký số: {said}"' in await page_of(operator, "/documents")


async def test_a_card_tells_who_when_what_and_why(operator: Client, archive: Archive) -> None:
    document = await archive.document(verdict="valid", files=[file("cv.pdf")])
    await judge(archive, document, parcel(paper(SIGNATURE)))
    words = words_of(await section_of(operator, document))
    for expected in (
        "Nguyễn Văn An",
        "cá nhân",
        "Sở Y tế H24.11",
        "Người ký nêu 10:00 hôm nay",
        "Dấu thời gian 11:00 hôm nay",
        "toàn bộ phiên bản tại lúc ký",
        "CA chuyên dùng",
        "CA gốc",
        "28/10/2025 – 27/12/2025",
        "Cần lưu ý: Thu hồi Danh sách thu hồi đã cũ.",
        "Đạt, có lưu ý",
        "ecdsa-sha256",
        "e" * 64,
        "axis 0.1, pyhanko 1.2",
    ):
        assert expected in words, expected


async def test_signatures_stand_in_the_order_of_time(operator: Client, archive: Archive) -> None:
    later = replace(SIGNATURE, signatory=Signatory(name="Văn thư", kind=SignerKind.AGENCY), proven_at=NOON)
    document = await archive.document(verdict="valid")
    await judge(archive, document, parcel(paper(later, SIGNATURE)))
    words = words_of(await section_of(operator, document))
    assert words.index("Nguyễn Văn An") < words.index("Văn thư")


async def test_each_file_shows_its_own_word(operator: Client, archive: Archive) -> None:
    document = await archive.document(verdict="invalid", files=[file("cv.pdf"), file("phu-luc.pdf")])
    broken = paper(overall=Overall.INVALID, name="phu-luc.pdf")
    await judge(archive, document, parcel(paper(SIGNATURE), broken, overall=Overall.INVALID))
    page = await page_of(operator, f"/documents/{document.document_uid}")
    first, second = page.split('id="files"')[1].split('<ul class="files">')[1].split("</ul>")[0].split("</li>")[:2]
    assert "Chữ ký hợp lệ" in words_of(first)
    assert "Không hợp lệ" in words_of(second)


async def test_the_envelope_has_its_own_word_beside_the_packages(operator: Client, archive: Archive) -> None:
    document = await archive.document(verdict="invalid")
    await judge(archive, document, parcel(paper(overall=Overall.INVALID), overall=Overall.INVALID))
    section = await section_of(operator, document)
    envelope = section.split('id="signed-0"')[1].split('id="signed-1"')[0]
    assert "Chưa ký số" in words_of(envelope)
    assert "Không hợp lệ" not in words_of(envelope)


async def test_the_latest_verdict_counts_and_the_history_stays(operator: Client, archive: Archive) -> None:
    document = await archive.document(verdict="valid")
    await judge(archive, document, parcel(overall=Overall.INDETERMINATE), cause="intake")
    archive.clock.later(minutes=5)
    await judge(archive, document, parcel(paper(SIGNATURE)), cause="evidence")
    section = await section_of(operator, document)
    assert "Chữ ký hợp lệ" in words_of(section.split("</h2>")[0])
    history = words_of(section.split('id="verdict-history"')[1])
    newer = history.index("12:05 hôm nay Kiểm tra lại khi có thêm chứng cứ")
    assert newer < history.index("12:00 hôm nay Kiểm tra khi tiếp nhận")


async def test_what_is_owed_is_said(operator: Client, archive: Archive) -> None:
    document = await archive.document()
    assert "Chưa kiểm tra chữ ký của văn bản này" in words_of(await section_of(operator, document))
    due = CheckDue(package_id=document.package_id, cause="files", due_at=NOON, queued_at=NOON)
    await archive.store.submit(Hot(inserts=(due,)))
    assert "đang chờ kiểm tra" in words_of(await section_of(operator, document))
    body = await (await operator.get("/health/ready")).json()
    assert body["signature_checks_owed"] == {"files": 1}
    assert body["ready"] is True


async def test_no_text_of_a_verdict_becomes_markup(operator: Client, archive: Archive) -> None:
    who = Signatory(name=EVIL, kind=SignerKind.UNKNOWN, organisation=EVIL, organ_code=EVIL)
    check = Check(name=CheckName.FORM, input=EVIL, outcome=Outcome.FAILED, reason_vi=EVIL)
    hostile = replace(
        SIGNATURE,
        name=EVIL,
        algorithm=EVIL,
        signatory=who,
        chain=(replace(LINE, subject=f"CN={EVIL}", serial_hex=EVIL, sha256=EVIL),),
        checks=(check, replace(check, reason_vi="")),
        evidence=(Evidence(kind=EVIL, sha256=EVIL),),
    )
    document = await archive.document(verdict="invalid")
    verdict = parcel(paper(hostile, name=EVIL), checks=(check,), overall=Overall.INVALID)
    await judge(archive, document, replace(verdict, trust_store=EVIL, policy=EVIL, engines=((EVIL, EVIL),)))
    answer = await operator.get(f"/documents/{document.document_uid}", headers={"Accept": "text/html"})
    section = (await answer.text()).split('id="signatures"')[1]
    assert section.count("&lt;script&gt;") > 10
    assert "<script" not in section
    assert '"onmouseover' not in section
