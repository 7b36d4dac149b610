"""A sender's clerk recalls and updates what was sent, and sees before whom it concerns."""

import re

from axis.edxml.writer import to_bytes
from axis.exchange.composing import SOURCE
from axis.ids import new_id
from axis.messages import Language
from tests.browser.clerks import COMMUNE, a_clerk
from tests.browser.conftest import Look, Site, Visit
from tests.exchange.harness import a_document
from tests.nodes import CLOCK

WORDS = {
    "vi": {"recall": "Thu hồi…", "look": "Xem trước", "confirm": "Xác nhận thu hồi", "update": "Cập nhật…"},
    "en": {"recall": "Recall…", "look": "Look before", "confirm": "Confirm the recall", "update": "Update…"},
}


async def sent(site: Site) -> str:
    """A document that the commune has sent: the path of its page."""
    raw = to_bytes(a_document("H24.11", "H24.15", "H24.88", sender=COMMUNE, number=new_id(CLOCK.now())[-8:]))
    async with site.store.spool(limit_bytes=1 << 20) as spool:
        await spool.write(raw)
        accepted = await site.node.exchange.accept(SOURCE, await spool.finish())
    return f"/documents/{accepted.document_uid}"


async def test_a_document_is_recalled(site: Site, visit: Visit, look: Look, language: Language) -> None:
    say, path = WORDS[language], await sent(site)
    page = await visit(account=await a_clerk(site))
    await page.goto(site.url + path)
    await look(page, "sent-desk")
    await page.get_by_role("link", name=say["recall"]).click()
    await page.wait_for_url("**/recall")
    await look(page, "recall")
    await page.fill("#reason", "Sai so")
    await page.get_by_role("button", name=say["look"]).click()
    await page.get_by_role("heading", name=say["confirm"]).wait_for()
    await look(page, "recall-confirm")
    await page.get_by_role("button", name=say["confirm"]).click()
    await page.wait_for_url("**told=acted*")
    await look(page, "recalled")


async def test_an_update_is_written_and_sent(site: Site, visit: Visit, language: Language) -> None:
    path = await sent(site)
    page = await visit(account=await a_clerk(site), script=False)
    await page.goto(site.url + path)
    await page.get_by_role("button", name=WORDS[language]["update"]).click()
    await page.wait_for_url(re.compile("/compose/"))
    await page.locator("button[name=drop][value='H24.88']").click()
    await page.fill("#reason", "Sua trich yeu")
    await page.fill("#subject", "Da sua")
    await page.locator("#send button[name=save]").click()
    assert await page.locator(".affected li").count() == 3
    await page.locator("button[name=send]").click()
    await page.wait_for_url("**told=sent*")
    assert "Da sua" in await page.inner_text("h1")


async def test_how_an_update_looks(site: Site, visit: Visit, look: Look, language: Language) -> None:
    page = await visit(account=await a_clerk(site))
    await page.goto(site.url + await sent(site))
    await page.get_by_role("button", name=WORDS[language]["update"]).click()
    await page.wait_for_url(re.compile("/compose/"))
    await look(page, "update")
    await page.goto(f"{site.url}/compose")
    await look(page, "drafts")
