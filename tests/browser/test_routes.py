"""An operator asks which way a document goes, reads why, and looks through the routes that are set."""

from datetime import timedelta

import pytest
import pytest_asyncio
from playwright.async_api import expect

from axis.ids import new_id
from axis.messages import Language
from axis.store import services
from axis.store.services import Move
from axis.terms import Role
from tests.browser.conftest import Look, Site, Visit, Watched
from tests.nodes import CLOCK

SAID = {
    "vi": {"own": "Nơi nhận có hệ thống riêng.", "not": "Không áp dụng", "several": "Hãy chọn một"},
    "en": {"own": "The receiver has a system of its own.", "not": "Does not apply", "several": "Choose one"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def moved(site: Site) -> None:
    """A unit is being moved from one system to another."""
    now = CLOCK.now()
    move = Move(organ_id="H24.88", system_id="dms-xd", at=now, parallel_until=now + timedelta(days=30))
    await site.store.write(lambda c: services.move(c, move, now, f"lan-{new_id(now)[-4:].lower()}"))


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_an_operator_asks_which_way_a_document_goes(
    visit: Visit,
    look: Look,
    site: Site,
    language: Language,
    script: bool,
) -> None:
    said = SAID[language]
    page = await visit(Role.OPERATOR, script=script)
    await page.goto(f"{site.url}/operator")
    await page.locator('.tabs a[href="/operator/routes"]').click()
    if script:
        await look(page, "routes")
    await page.locator("#from").fill("so y te")
    await page.locator("#to").fill("ubnd")
    await page.locator("#ask button").click()
    await expect(page.locator("#to-said")).to_contain_text(said["several"])
    if script:
        await look(page, "routes-several")
    await page.locator("#ask li a").filter(has_text="H24.88").click()
    await expect(page.locator("#answer")).to_contain_text(said["own"])
    await expect(page.locator("#hop")).to_contain_text("dms-xd")
    await expect(page.locator("#if-down li")).not_to_have_count(0)
    assert "from=so+y+te&to=H24.88" in page.url
    if script:
        await look(page, "routes-answer")


async def test_what_was_looked_at_and_does_not_apply_is_said(
    visit: Visit, look: Look, site: Site, language: Language
) -> None:
    page = await visit(Role.ADMINISTRATOR)
    await page.goto(f"{site.url}/operator/routes?from=H24.15&to=H24.11.3")
    await expect(page.locator("#steps")).to_contain_text(SAID[language]["not"])
    await page.locator("#ask a.button").click()  # the way back
    assert "from=H24.11.3&to=H24.15" in page.url
    await page.goto(f"{site.url}/operator/routes?from=H24.15&to=H24.13")
    await expect(page.locator("#steps")).to_contain_text("unknown_receiver")
    await look(page, "routes-refused")
    await page.goto(f"{site.url}/operator/routes?list=outside&q=nobody")
    await look(page, "routes-empty")


@pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR])
async def test_others_do_not_find_the_page(visit: Visit, site: Site, role: Role, watched: Watched) -> None:
    watched.expected.append("404")
    page = await visit(role)
    answer = await page.goto(f"{site.url}/operator/routes")
    assert answer is not None
    assert answer.status == 404
