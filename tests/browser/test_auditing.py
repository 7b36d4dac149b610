"""What an auditor does: reads who signed, finds what is amiss, asks for the past, takes everything along."""

import asyncio
import zipfile
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from axis.clock import VIETNAM
from axis.messages import Language
from axis.store.records import Document
from axis.terms import Role, TransportState
from axis.trust.model import CheckName, Coverage, Overall, SignerKind
from axis.trust.reasons import Reason, check, passed
from tests.browser.conftest import Look, Site, Visit
from tests.console.archive import To
from tests.console.judging import certificate, record, signatory
from tests.console.test_signatures import LINE, SIGNATURE, paper, parcel
from tests.packages import PDF, document_bytes

WORDS = {
    "vi": {
        "signatures": "Chữ ký",
        "history": "Lịch sử",
        "again": "Kiểm tra lại ngay",
        "asked": "Kiểm tra lại theo yêu cầu",
        "details": "Chi tiết kỹ thuật",
        "view": "Xem",
        "as_of": "Xem tại thời điểm",
        "past": "Trạng thái tại",
        "reason": "Tệp bị thay đổi sau khi ký",
        "search": "Tìm",
        "dossier": "Tải hồ sơ (ZIP)",
        "present": "Về hiện tại",
    },
    "en": {
        "signatures": "Signatures",
        "history": "History",
        "again": "Verify again now",
        "asked": "Check again on request",
        "details": "Technical details",
        "view": "View",
        "as_of": "View as of",
        "past": "As of",
        "reason": "File changed after signing",
        "search": "Search",
        "dossier": "Download all of it (ZIP)",
        "present": "Back to the present",
    },
}
EVIL = "<script>document.title='owned'</script>\u202egpj.exe"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def signed(site: Site) -> Document:
    """A document that two have signed, judged three times; and one that was changed after signing."""
    archive = site.archive
    archive.clock.at -= timedelta(hours=3)
    receiver = To("H24.2", TransportState.ACKNOWLEDGED, statuses=("01", "03"))
    content = document_bytes(files={"Cong van.pdf": PDF, "Phu luc.pdf": PDF + b"2"})
    document = await archive.real(content, to=[receiver], subject="Report on reforms")
    chain = (replace(LINE, subject="CN=Nguyen Van An,T=Director"), LINE, replace(LINE, subject="CN=Root"))
    first = replace(SIGNATURE, covered="15 byte", chain=chain, checks=tuple(passed(name, "S") for name in CheckName))
    owed = check(CheckName.REVOCATION, "CN=An", Reason.REVOCATION_OWED, "CRL")
    agency = replace(
        SIGNATURE,
        name="Seal",
        coverage=Coverage.WHOLE_FILE,
        covered="20 byte",
        signatory=replace(signatory("So Noi vu", "b"), kind=SignerKind.AGENCY),
        checks=(owed,),
    )
    await record(archive, document, parcel(overall=Overall.UNSIGNED), cause="intake")
    archive.clock.later(minutes=30)
    both = paper(first, agency, overall=Overall.INDETERMINATE, name="Cong van.pdf")
    await record(archive, document, parcel(both, overall=Overall.INDETERMINATE))
    archive.clock.later(minutes=30)
    fine = paper(first, replace(agency, checks=(passed(CheckName.REVOCATION, "crl"),)), name="Cong van.pdf")
    await record(archive, document, parcel(fine), cause="evidence")
    await certificate(archive, "e", subject=f"CN={EVIL}", issuer=f"CN={EVIL}", serial_hex="54ab01")
    changed = check(CheckName.CHANGES, "S", Reason.CHANGED_AFTER_SIGNING, what="x", what_en="x")
    evil = replace(SIGNATURE, signatory=signatory(EVIL, "e"), checks=(changed,), chain=(replace(LINE, subject=EVIL),))
    other = await archive.document([To("H24.2")], subject=EVIL)
    await record(archive, other, parcel(paper(evil, name=EVIL, overall=Overall.INVALID), overall=Overall.INVALID))
    archive.clock.later(hours=2)
    return document


async def test_an_auditor_reads_who_signed(
    site: Site, signed: Document, visit: Visit, look: Look, language: Language
) -> None:
    say, page = WORDS[language], await visit(Role.AUDITOR)
    await page.goto(f"{site.url}/documents/{signed.document_uid}/signatures")
    await page.get_by_text("Director").first.wait_for()
    await page.locator("details.technical > summary").first.click()
    await page.get_by_text("SHA-256").first.wait_for()
    await look(page, "signatures")
    await page.emulate_media(media="print")
    assert await page.get_by_text("Director").first.is_visible()
    assert not await page.get_by_role("button", name=say["again"]).is_visible()


@pytest.mark.usefixtures("signed")
async def test_an_auditor_finds_what_is_amiss(site: Site, visit: Visit, look: Look, language: Language) -> None:
    say, page = WORDS[language], await visit(Role.AUDITOR)
    await page.goto(f"{site.url}/findings")
    await look(page, "findings")
    await page.get_by_role("link", name=say["reason"]).first.click()
    await page.wait_for_url("**reason=changed_after_signing*")
    await page.fill("#q", "54:ab")
    await page.get_by_role("button", name=say["search"]).click()
    await page.wait_for_url("**q=54*")
    await look(page, "findings-signers")
    await page.locator(".signers a").first.click()
    await page.wait_for_url("**signer=*")
    await look(page, "findings-signer")
    await page.locator("#found .row a").first.click()
    await page.wait_for_url("**/signatures")
    await look(page, "signatures-hostile")
    assert "owned" not in await page.title()


async def test_an_auditor_asks_for_the_past_and_takes_all_along(
    site: Site, signed: Document, visit: Visit, look: Look, language: Language
) -> None:
    say, page = WORDS[language], await visit(Role.AUDITOR)
    await page.goto(f"{site.url}/documents/{signed.document_uid}/history")
    await look(page, "history")
    then = signed.received_at + timedelta(minutes=2)
    await page.get_by_label(say["as_of"]).fill(f"{then.astimezone(VIETNAM):%Y-%m-%dT%H:%M}")
    await page.get_by_role("button", name=say["view"], exact=True).click()
    await page.wait_for_url("**as_of=*")
    await page.get_by_text(say["past"]).first.wait_for()
    await look(page, "history-past")
    await page.get_by_role("link", name=say["present"]).click()
    async with page.expect_download() as download:
        await page.get_by_role("link", name=say["dossier"]).click()
    with zipfile.ZipFile(await (await download.value).path()) as archive:
        assert archive.testzip() is None
        assert "MANIFEST.sha256" in archive.namelist()


@pytest.mark.parametrize("script", [True, False])
async def test_an_auditor_has_signatures_looked_at_again(
    site: Site, visit: Visit, language: Language, script: bool
) -> None:
    document = await site.archive.real(document_bytes(files={"a.pdf": PDF + language.encode() + bytes([script])}))
    page = await visit(Role.AUDITOR, script=script)
    await page.goto(f"{site.url}/documents/{document.document_uid}/signatures")
    await page.get_by_role("button", name=WORDS[language]["again"]).click()
    done = page.get_by_text(WORDS[language]["asked"])
    async with asyncio.timeout(60):
        while not await done.count():  # the node's own loop looks at it, and adds a verdict
            await asyncio.sleep(0.5)
            await page.reload()


@pytest.mark.usefixtures("signed")
async def test_an_auditor_looks_over_the_queue_and_the_journal(site: Site, visit: Visit, look: Look) -> None:
    page = await visit(Role.AUDITOR)
    await page.goto(f"{site.url}/")
    await look(page, "home-auditor")
    await page.goto(f"{site.url}/past?partner=-")
    await look(page, "past")
    for path in ("views", "journal"):
        await page.goto(f"{site.url}/{path}")
        await look(page, path)
