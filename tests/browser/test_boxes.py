"""A clerk's day: the first page, the inbox, a search, the outbox, in a real browser."""

from datetime import timedelta

import pytest_asyncio
from sqlalchemy import insert

from axis.messages import Language
from axis.store import accounts, schema
from axis.store.accounts import Rights
from axis.store.records import Account, Deadline
from axis.store.rows import values_of
from axis.terms import DeadlineKind, DeadlineStage, Role, TransportState
from tests.browser.conftest import CLOCK, Look, Site, Visit
from tests.console.archive import To, file
from tests.store.test_boxes import owe

WORDS = {
    "vi": {
        "inbox": "Văn bản đến",
        "search": "Tìm",
        "word": "Từ",
        "keep": "Lưu",
        "menu": "Sắp xếp, lưu, xuất",
        "late": "Quá hạn",
        "narrow": "Lọc theo trạng thái",
    },
    "en": {
        "inbox": "Received",
        "search": "Search",
        "word": "Word",
        "keep": "Keep",
        "menu": "Sort, save, export",
        "late": "Overdue",
        "narrow": "Filter by status",
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clerk(site: Site) -> Account:
    """A clerk of the health department, with something of everything to do."""
    archive, now = site.archive, CLOCK.now()
    ours, theirs = "H24.11", "H24.15"
    subjects = (
        ("Báo cáo công tác cải cách hành chính quý IV năm 2025 của các cơ quan chuyên môn", (), 0),
        ("V/v tổng kiểm tra an toàn phòng cháy, chữa cháy tại các bệnh viện trên địa bàn thành phố", ("01",), 3),
        ("Kế hoạch tiêm chủng mở rộng năm 2026", ("01", "03", "04"), 1),
        ("Thông báo lịch họp giao ban tháng", ("01", "03", "04", "05", "06"), 0),
        ("Giấy mời dự hội nghị trực tuyến", ("01", "02"), 2),
    )
    for number, (subject, statuses, urgency) in enumerate(subjects):
        archive.clock.later(seconds=1)
        document = await archive.document(
            [To(ours, TransportState.ACKNOWLEDGED, statuses=statuses, name="Sở Y tế")],
            subject=subject,
            code=f"{120 + number}/SXD-VP",
            from_organ=theirs,
            sender_name="Sở Xây dựng",
            urgency=urgency,
            verdict="valid" if number % 2 else "unsigned",
            files=[file("van-ban.pdf")],
        )
        delivery = await archive.delivery_of(document, ours)
        row = Deadline(
            delivery_id=delivery.delivery_id,
            kind=DeadlineKind.COMPLETION,
            document_uid=document.document_uid,
            from_organ=theirs,
            receiver_organ=ours,
            came_at=now,
            due_at=now.replace(year=now.year - 1) if number == 1 else now.replace(year=now.year + 1),
            stage=DeadlineStage.WAITING,
            next_at=None,
        )
        await site.store.write(lambda conn, row=row: conn.execute(insert(schema.deadline).values(values_of(row))))  # type: ignore[misc]
    recalled = await archive.document([To(ours, statuses=("01",))], subject="Công văn gửi nhầm", from_organ=theirs)
    await archive.act(recalled, "recall", {ours: None})
    many = [To(f"H24.{number}", statuses=("03",) if number % 3 else ()) for number in range(100, 140)]
    long_ago = now - timedelta(days=40)
    many[2].delivery = {"created_at": long_ago, "receipt_due_at": long_ago}  # late by the node's own reckoning, too
    guide = await archive.document(many, subject="Hướng dẫn triển khai hồ sơ sức khỏe điện tử", from_organ=ours)
    await owe(archive, guide, "H24.102", long_ago)
    await archive.document([To(theirs, statuses=("02",))], subject="Đề nghị phối hợp", from_organ=ours)
    account = await site.account(Role.CLERK)
    rights = Rights(organs=frozenset({ours}))
    await site.store.write(lambda conn: accounts.grant(conn, account.username, rights, now, "test"))
    return account


async def test_the_first_page_leads_to_what_has_to_be_done(
    site: Site, visit: Visit, look: Look, clerk: Account
) -> None:
    page = await visit(account=clerk)
    await page.goto(site.url)
    await look(page, "home")
    await page.locator(".tiles a").first.click()
    await page.wait_for_url("**/inbox?status=todo")
    assert await page.locator(".row").count() == 3


async def test_a_clerk_finds_a_document_without_accents_and_keeps_the_search(
    site: Site, visit: Visit, look: Look, language: Language, clerk: Account
) -> None:
    say = WORDS[language]
    page = await visit(account=clerk)
    await page.goto(f"{site.url}/inbox")
    await look(page, "inbox")
    words = "tiem chung" if language == "vi" else "tiem chung mo rong"
    await page.fill("#q", words)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/inbox?q={words.replace(chr(32), chr(43))}")
    assert await page.locator(".row").count() == 1
    assert say["word"] in await page.inner_text(".chips")
    await page.get_by_text(say["menu"]).click()
    await page.fill("#save", f"Y {language}")
    await page.get_by_role("button", name=say["keep"], exact=True).click()
    await page.get_by_role("link", name=f"Y {language}").wait_for()
    await look(page, "inbox-search")
    await page.locator(".row a").first.click()
    await page.wait_for_url("**/documents/*")
    await page.go_back()
    await page.wait_for_url(f"**/inbox?q={words.replace(chr(32), chr(43))}")


async def test_the_outbox_and_an_empty_list(
    site: Site, visit: Visit, look: Look, language: Language, clerk: Account
) -> None:
    page = await visit(account=clerk)
    await page.goto(f"{site.url}/outbox")
    await look(page, "outbox")
    await page.get_by_role("navigation", name=WORDS[language]["narrow"]).get_by_text(WORDS[language]["late"]).click()
    await page.wait_for_url("**/outbox?status=overdue")
    assert await page.locator(".row").count() == 1
    assert WORDS[language]["late"].lower() in (await page.inner_text(".row .stand")).lower()
    await page.goto(f"{site.url}/outbox?q=khongco")
    await look(page, "outbox-empty")


async def test_it_all_works_without_script(site: Site, visit: Visit, language: Language, clerk: Account) -> None:
    page = await visit(account=clerk, script=False)
    await page.goto(f"{site.url}/inbox")
    await page.get_by_text(WORDS[language]["menu"]).click()
    async with page.expect_download() as started:
        await page.get_by_role("link", name="CSV").click()
    download = await started.value
    assert download.suggested_filename.startswith("inbox-")
