"""An operator looks a setting up: what it is, what it means, where it comes from."""

import pytest
from playwright.async_api import expect

from axis.messages import Language
from axis.terms import Role
from tests.browser.conftest import Look, Site, Visit, Watched


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_a_setting_is_looked_up(visit: Visit, look: Look, site: Site, language: Language, script: bool) -> None:
    page = await visit(Role.OPERATOR, script=script)
    await page.goto(f"{site.url}/operator")
    await page.locator('.tabs a[href="/operator/settings"]').click()
    if script:
        await look(page, "settings")
    await page.locator("#q").fill("trich yeu" if language == "vi" else "state secrets")
    await page.locator("form.search button").click()
    await expect(page.locator("#exchange")).to_contain_text("exchange.secret_phrases")
    await expect(page.locator("main section")).to_have_count(1)
    await page.locator(".chip a").click()
    await page.locator(".tabs a", has_text="(").last.click()  # what somebody has set
    await expect(page.locator("#node")).to_contain_text("node.code")
    await expect(page.locator("#deadlines")).to_have_count(0)
    if script:
        await look(page, "settings-set")
        await page.goto(f"{site.url}/operator/settings?q=nobody+sets+this")
        await look(page, "settings-none")


async def test_others_do_not_find_the_settings(visit: Visit, site: Site, watched: Watched) -> None:
    watched.expected.append("404")
    for role in (Role.CLERK, Role.AUDITOR):
        answer = await (await visit(role)).goto(f"{site.url}/operator/settings")
        assert answer is not None
        assert answer.status == 404
