"""An administrator and the connected systems: connected, rotated, kept out, tried out; in both languages."""

import json

import pytest
import pytest_asyncio
from playwright.async_api import expect

from axis.keys import NodeKey
from axis.messages import Language
from axis.store import organs, systems
from axis.store.records import System
from axis.store.services import list_services
from axis.store.systems import NewSystem, Pushing
from axis.terms import Role
from tests.browser.conftest import Look, Site, Visit, Watched
from tests.nodes import CLOCK

PUSHED = "dms-thu-muc"


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def pushed(site: Site) -> None:
    """A system that is pushed to by a folder that is not there."""
    now, key = CLOCK.now(), NodeKey.load(site.node.settings.store.key_file)
    system = System(
        system_id=PUSHED, name="<b>Thư mục</b>", front="vxp", enabled=True, may_register=False, created_at=now
    )
    new = NewSystem(system=system, secret_encrypted=key.encrypt("x"), serves=())
    options = json.dumps({"path": "/nowhere/at/all"})
    pushing = Pushing(adapter="folder", options=options, secrets_encrypted=None)
    await site.store.write(lambda c: systems.add_system(c, new, now, "test"))
    await site.store.write(lambda c: systems.set_pushing(c, PUSHED, pushing, now, "test"))


async def test_one_is_connected_and_kept_out_without_script(
    visit: Visit, site: Site, language: Language, watched: Watched
) -> None:
    watched.expected.append("409")
    page = await visit(Role.ADMINISTRATOR, script=False)
    known = await site.store.read(organs.known)
    served = {one.organ_id for one in await site.store.read(list_services)}
    code = next(code for code in sorted(one.organ_id for one in known.organs) if code not in served)
    await page.goto(f"{site.url}/admin/systems")
    await page.locator(".toolbar > .button").click()
    await page.locator("#serves").fill("KHÔNG.CÓ")
    await page.locator("#scope-send").check()
    await page.locator("#system_id").fill(f"dms-{language}")
    await page.locator("button.main").click()
    await expect(page.locator("#wrong-serves")).to_be_visible()
    await page.locator("#serves").fill(code)
    await page.locator("button.main").click()
    first = await page.locator("#secret").inner_text()
    assert await page.locator("#token").inner_text()
    await page.locator(".actions a").click()
    assert first not in await page.content()
    await page.locator('form:has(input[value="rotate"]) button').click()
    second = await page.locator("#secret").inner_text()
    assert second != first
    await page.locator(".actions a").click()
    await page.locator("#close summary").click()
    await page.locator("#close button").click()
    await expect(page.locator(".done")).to_be_visible()
    await expect(page.locator(".marks .pill.tone-red")).to_be_visible()


async def test_each_page_is_fit_for_everybody(visit: Visit, look: Look, site: Site, watched: Watched) -> None:
    watched.expected.append("409")
    page = await visit(Role.ADMINISTRATOR)
    for name, path in (
        ("systems", "systems"),
        ("systems-none", "systems?q=zzz"),
        ("system", f"systems/{PUSHED}"),
        ("system-form", "connect"),
    ):
        await page.goto(f"{site.url}/admin/{path}")
        await look(page, name)
    await page.locator("#serves").fill("KHONG.CO")
    await page.locator("#system_id").fill("neu")
    await page.locator("button.main").click()
    await expect(page.locator("#problem")).to_be_visible()
    await look(page, "system-form-wrong")
    await page.goto(f"{site.url}/admin/systems/{PUSHED}")
    await page.locator('form:has(input[value="test"]) button').click()
    await expect(page.locator("#tried .told.bad")).to_be_visible()
    await look(page, "system-tried")
    await page.locator('form:has(input[value="rotate"]) button').click()
    await expect(page.locator("#secret")).to_be_visible()
    await look(page, "system-secret")


@pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR])
async def test_others_do_not_find_these_pages(visit: Visit, site: Site, role: Role, watched: Watched) -> None:
    watched.expected.append("404")
    page = await visit(role)
    for path in ("systems", f"systems/{PUSHED}", "connect"):
        answer = await page.goto(f"{site.url}/admin/{path}")
        assert answer is not None
        assert answer.status == 404
