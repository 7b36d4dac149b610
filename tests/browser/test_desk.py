"""A clerk answers at the document's page."""

import re

from axis.messages import Language
from tests.browser.clerks import a_clerk, received
from tests.browser.conftest import Look, Site, Visit, Watched

WORDS = {
    "vi": {
        "accept": "Tiếp nhận",
        "refuse": "Từ chối",
        "done": "Đã ghi nhận",
        "agree": "Đồng ý",
        "why": "Hãy nêu lý do",
    },
    "en": {"accept": "Accept", "refuse": "Refuse", "done": "Recorded", "agree": "Agree", "why": "Please give a reason"},
}


async def test_a_clerk_accepts_a_document(site: Site, visit: Visit, look: Look, language: Language) -> None:
    say, path = WORDS[language], await received(site)
    page = await visit(account=await a_clerk(site))
    await page.goto(site.url + path)
    await look(page, "desk")
    await page.get_by_role("button", name=say["accept"], exact=True).click()
    await page.wait_for_url("**told=said*")
    assert say["done"] in await page.inner_text("#desk")
    await look(page, "desk-accepted")


async def test_a_refusal_asks_for_its_reason_without_script_too(
    site: Site, visit: Visit, language: Language, watched: Watched
) -> None:
    watched.expected.append("422")
    say, path = WORDS[language], await received(site)
    page = await visit(account=await a_clerk(site), script=False)
    await page.goto(site.url + path)
    await page.get_by_role("button", name=say["refuse"], exact=True).click()
    assert say["why"] in await page.get_by_role("alert").inner_text()
    await page.locator("textarea[name=reason]").fill("Khong thuoc tham quyen")
    await page.get_by_role("button", name=say["refuse"], exact=True).click()
    await page.wait_for_url("**told=said*")


async def test_a_recall_is_answered(site: Site, visit: Visit, look: Look, language: Language) -> None:
    path = await received(site, recalled=True)
    page = await visit(account=await a_clerk(site))
    await page.goto(site.url + path)
    await look(page, "desk-recalled")
    await page.get_by_role("button", name=WORDS[language]["agree"], exact=True).click()
    await page.wait_for_url("**told=said*")


async def test_a_document_of_others_is_not_there(site: Site, visit: Visit, watched: Watched) -> None:
    watched.expected.append("404")
    path = await received(site)
    page = await visit(account=await a_clerk(site, "H24.88"))
    answer = await page.goto(f"{site.url}{path}")
    assert answer is not None
    assert answer.status == 404
    answer = await page.goto(f"{site.url}{path}/answer?organ=H24.77")
    assert answer is not None
    assert answer.status == 404


async def test_a_document_is_passed_on_or_given_back(site: Site, visit: Visit, look: Look) -> None:
    path = await received(site)
    page = await visit(account=await a_clerk(site))
    await page.goto(site.url + path)
    await page.locator("#desk .further a").first.click()
    await page.wait_for_url(re.compile("/forward"))
    await look(page, "desk-forward")
    await page.goto(site.url + path)
    await page.locator("#desk .further a").nth(1).click()
    await page.wait_for_url(re.compile("/return"))
    await look(page, "desk-return")
    await page.fill("#reason", "Gui nham")
    await page.locator("button.main").click()
    await page.wait_for_url("**told=returned*")
