"""An administrator looks up which policy holds for a sender, and sets another one."""

import pytest
from playwright.async_api import expect

from axis.messages import Language
from axis.terms import Role
from tests.browser.conftest import Look, Site, Visit, Watched

SENDERS = {"vi": ("H24.11", "Chi cục Dân số"), "en": ("H24.15", "H24.15")}
SAID = {
    "vi": {"every": "theo chính sách chung", "own": "Đặt riêng cho nơi gửi này", "require": "Bắt buộc"},
    "en": {"every": "that for every other sender holds", "own": "Set for this sender", "require": "Require"},
}


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_a_policy_is_looked_up_and_set(
    visit: Visit, look: Look, site: Site, language: Language, script: bool
) -> None:
    code, below = SENDERS[language]
    page = await visit(Role.ADMINISTRATOR, script=script)
    await page.goto(f"{site.url}/operator")
    await page.locator('.tabs a[href="/operator/policies"]').click()
    if script:
        await look(page, "policies")
    await page.locator("#organ").fill(code)
    await page.locator("#effective form").first.locator("button").click()
    if script:
        await expect(page.locator("#effective")).to_contain_text(SAID[language]["every"])
    await page.locator("#set summary").click()
    await page.locator("#envelope").select_option("require")
    await page.locator("#closed").select_option("1")
    if script:
        await look(page, "policies-setting")
    await page.locator("#set button").click()
    await expect(page.locator("#effective .done")).to_be_visible()
    await expect(page.locator("#effective")).to_contain_text(SAID[language]["own"])
    await page.locator("#organ").fill(below)
    await page.locator("#effective form").first.locator("button").click()
    await expect(page.locator("#effective dl")).to_contain_text(SAID[language]["require"])
    if script:
        await look(page, "policies-set")


async def test_an_operator_reads_and_others_find_nothing(visit: Visit, site: Site, watched: Watched) -> None:
    watched.expected.append("404")
    page = await visit(Role.OPERATOR)
    await page.goto(f"{site.url}/operator/policies?organ=H24.11")
    await expect(page.locator("#effective dl")).to_be_visible()
    await expect(page.locator("#set")).to_have_count(0)
    for role in (Role.CLERK, Role.AUDITOR):
        answer = await (await visit(role)).goto(f"{site.url}/operator/policies")
        assert answer is not None
        assert answer.status == 404
