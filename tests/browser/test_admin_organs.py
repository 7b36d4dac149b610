"""An administrator and the tree of organisations: found, added, closed; without script, in both languages."""

import pytest
from playwright.async_api import expect

from axis.messages import Language
from axis.terms import Role
from tests.browser.conftest import Look, Site, Visit, Watched


async def test_an_organisation_is_added_below_another_and_closed_again(
    visit: Visit, site: Site, language: Language, watched: Watched
) -> None:
    watched.expected.append("409")
    page = await visit(Role.ADMINISTRATOR, script=False)
    await page.goto(f"{site.url}/admin/organs")
    await page.locator(".table .figure a").first.click()
    await expect(page.locator(".trail-of b")).to_have_count(1)
    await page.locator(".toolbar > .button").click()
    code = f"H24.990.{language}"
    await page.locator("#code").fill(code)
    await page.locator("#name").fill("Trung tâm <b>Phép thử</b>")
    await page.locator("button.main").click()
    await expect(page.locator("main")).to_contain_text("<b>Phép thử</b>")
    await page.locator("button.main").click()
    await expect(page.locator(".done")).to_be_visible()
    await page.locator(".actions-of a").first.click()
    await page.locator("#closed").check()
    await page.locator("#successor").fill("zzz không có")
    await page.locator("button.main").click()
    await expect(page.locator("#wrong-successor")).to_be_visible()
    await page.locator("#successor").fill("")
    await page.locator("button.main").click()
    await page.locator("button.main").click()
    await expect(page.locator(".marks .pill.tone-grey")).to_be_visible()


async def test_each_page_is_fit_for_everybody(visit: Visit, look: Look, site: Site, watched: Watched) -> None:
    watched.expected.append("409")
    page = await visit(Role.ADMINISTRATOR)
    for name, path in (("organs", ""), ("organs-level", "?under=H24"), ("organs-none", "?q=zzz"), ("organ", "/H24")):
        await page.goto(f"{site.url}/admin/organs{path}")
        await look(page, name)
    await page.goto(f"{site.url}/admin/organs/H24/change")
    await look(page, "organ-form")
    await page.locator("#closed").check()
    await page.locator("button.main").click()
    await expect(page.locator("#problem")).to_be_visible()
    await look(page, "organ-form-wrong")
    await page.locator("#active").check()
    await page.locator("#name").fill("Thành phố Hải Bình mới")
    await page.locator("button.main").click()
    await look(page, "organ-preview")


@pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR])
async def test_others_do_not_find_these_pages(visit: Visit, site: Site, role: Role, watched: Watched) -> None:
    watched.expected.append("404")
    page = await visit(role)
    answer = await page.goto(f"{site.url}/admin/organs")
    assert answer is not None
    assert answer.status == 404
