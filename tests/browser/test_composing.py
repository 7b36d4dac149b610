"""A clerk writes a document, loses the session in the middle, and sends it."""

import re
from pathlib import Path

from playwright.async_api import Page

from axis.messages import Language
from axis.store import accounts, sessions
from axis.store.records import Account
from axis.web.console.sessions import digest
from tests.browser.clerks import LETTER, a_clerk
from tests.browser.conftest import Look, Site, Visit, Watched

WORDS = {
    "vi": {"new": "Soạn văn bản mới", "find": "Tìm", "send": "Gửi văn bản", "sent": "Đã gửi", "no": "Chưa gửi được"},
    "en": {
        "new": "New document",
        "find": "Search",
        "send": "Send the document",
        "sent": "sent",
        "no": "cannot be sent",
    },
}


async def begin(page: Page, site: Site, language: Language) -> str:
    """A new draft: its address."""
    await page.goto(f"{site.url}/compose")
    await page.get_by_role("button", name=WORDS[language]["new"]).click()
    await page.wait_for_url(re.compile("/compose/"))
    return page.url.partition("#")[0].partition("?")[0]


async def saved(page: Page) -> None:
    """Wait until the script has saved what was typed."""
    async with page.expect_response(lambda answer: "/compose/" in answer.url and answer.request.method == "GET"):
        pass


async def test_a_document_is_written_and_sent(
    site: Site, visit: Visit, look: Look, language: Language, tmp_path: Path
) -> None:
    say = WORDS[language]
    letter, appendix = tmp_path / "cong van.pdf", tmp_path / "phu luc.txt"
    letter.write_bytes(LETTER)
    appendix.write_text("danh sach")
    page = await visit(account=await a_clerk(site))
    await page.goto(f"{site.url}/compose")
    await look(page, "drafts-empty")
    await begin(page, site, language)
    await look(page, "compose-empty")
    await page.fill("#q", "so y te")
    await page.locator("button[name=find]").click()
    await page.locator("input[name=pick][value='H24.11']").check()
    await page.locator("button[name=add]").click()
    await page.locator("button[name=drop][value='H24.11']").wait_for()
    await page.fill("#number", "77")
    await page.fill("#notation", f"UBND-{language}")
    await page.fill("#promulgation_date", "2026-11-24")
    await page.fill("#subject", "V/v phòng, chống bão số 9")
    await page.set_input_files("#upload", [letter, appendix])
    await page.locator("#files .files li").nth(1).wait_for()
    await page.locator("#checks .good").first.wait_for()
    assert await page.input_value("#subject") == "V/v phòng, chống bão số 9"
    await look(page, "compose-filled")
    await page.get_by_role("button", name=say["send"]).click()
    await page.wait_for_url(re.compile(r"/documents/\w{26}\?told=sent"))
    assert say["sent"] in await page.inner_text("#desk")
    await look(page, "compose-sent")


async def test_a_document_is_written_without_script(
    site: Site, visit: Visit, language: Language, watched: Watched, tmp_path: Path
) -> None:
    watched.expected.append("422")
    fake, letter = tmp_path / "gia.pdf", tmp_path / "that.pdf"
    fake.write_bytes(b"not a pdf")
    letter.write_bytes(LETTER)
    page = await visit(account=await a_clerk(site), script=False)
    await begin(page, site, language)
    await page.fill("#subject", "Khong script")
    await page.set_input_files("#upload", fake)
    await page.locator("button[name=upload]").click()
    assert "gia.pdf" in await page.get_by_role("alert").inner_text()
    assert await page.input_value("#subject") == "Khong script"
    await page.locator("button[name=send]").click()
    assert WORDS[language]["no"] in await page.get_by_role("alert").first.inner_text()
    await page.locator(".more-ways summary").click()
    await page.fill("#code", "H24.15")
    await page.locator("button[name=type]").click()
    await page.set_input_files("#upload", letter)
    await page.locator("button[name=upload]").click()
    await page.locator("button[name=send]").click()
    await page.wait_for_url(re.compile(r"/documents/\w{26}"))


async def end_sessions(site: Site, page: Page, account: Account) -> None:
    """The account's sessions end on the server."""
    (cookie,) = [one for one in await page.context.cookies() if one["name"] == "axis"]
    await site.store.write(lambda conn: sessions.close_session(conn, digest(cookie["value"])))
    assert await site.store.read(lambda conn: accounts.find_account(conn, account.username)) is not None


async def test_a_draft_survives_a_session_that_ends(site: Site, visit: Visit, look: Look, language: Language) -> None:
    account = await a_clerk(site)
    page = await visit(account=account)
    path = await begin(page, site, language)
    await page.fill("#subject", "Truoc khi het phien")
    await saved(page)
    await end_sessions(site, page, account)
    await page.fill("#number", "99")
    link = page.locator("#lines a")
    await link.wait_for()
    await look(page, "compose-ended")
    await page.context.add_cookies([{"name": "axis", "value": await site.token(account), "url": site.url}])
    await page.goto(path)
    assert await page.input_value("#subject") == "Truoc khi het phien"
    assert await page.input_value("#number") == "99", "what was typed since is filled in again"
    await saved(page)
    other = await visit(account=account)
    await other.goto(path)
    assert await other.input_value("#number") == "99"


async def test_a_file_whose_upload_was_cut_off_is_sent_again_when_the_network_is_back(
    site: Site, visit: Visit, watched: Watched, tmp_path: Path, language: Language
) -> None:
    watched.expected.append("ERR_INTERNET_DISCONNECTED")
    letter = tmp_path / "cong van.pdf"
    letter.write_bytes(LETTER)
    page = await visit(account=await a_clerk(site))
    await begin(page, site, language)
    await page.context.set_offline(True)
    await page.set_input_files("#upload", letter)
    await page.locator("#lines .bad").wait_for()
    await page.context.set_offline(False)
    await page.fill("#subject", "Mang da co lai")
    await page.locator("#files .files li").first.wait_for()
    assert await page.locator("#files .files li").count() == 1
    assert await page.locator("#lines .bad").count() == 0
    assert await page.input_value("#subject") == "Mang da co lai"


async def test_two_browsers_at_one_draft(
    site: Site, visit: Visit, look: Look, language: Language, watched: Watched
) -> None:
    watched.expected.append("409")
    account = await a_clerk(site)
    page, other = await visit(account=account), await visit(account=account)
    path = await begin(page, site, language)
    await other.goto(path)
    await page.fill("#subject", "Ban thu nhat")
    await saved(page)
    await other.fill("#subject", "Ban thu hai")
    await other.locator("[data-conflict]").wait_for()
    assert await other.input_value("#subject") == "Ban thu hai"
    await look(other, "compose-conflict")
    await other.locator("#send button[name=save]").click()
    await other.wait_for_load_state()
    await page.goto(path)
    assert await page.input_value("#subject") == "Ban thu hai"


async def test_a_draft_of_somebody_else_is_not_there(
    site: Site, visit: Visit, language: Language, watched: Watched
) -> None:
    watched.expected.append("404")
    page = await visit(account=await a_clerk(site))
    path = await begin(page, site, language)
    colleague = await visit(account=await a_clerk(site))
    answer = await colleague.goto(path)
    assert answer is not None
    assert answer.status == 404
