"""Keys, and pages that update by themselves."""

import json

from sqlalchemy import insert

from axis.messages import Language
from axis.store import accounts, schema
from axis.store.accounts import Rights
from axis.terms import Role
from tests.browser.conftest import CLOCK, Look, Site, Visit
from tests.console.archive import To


async def test_a_list_is_walked_and_opened_by_keys_and_updates_by_itself(
    site: Site, visit: Visit, look: Look, language: Language
) -> None:
    for number in range(2):
        site.archive.clock.later(seconds=1)
        await site.archive.document([To("H24.15")], code=f"{number}/P-{language}")
    account = await site.account(Role.CLERK)
    rights = Rights(organs=frozenset({"H24.15"}))
    await site.store.write(lambda conn: accounts.grant(conn, account.username, rights, CLOCK.now(), "test"))
    page = await visit(account=account)
    await page.goto(site.url)
    await page.keyboard.press("g")
    await page.keyboard.press("i")
    await page.wait_for_url("**/inbox")
    await page.keyboard.press("?")
    await page.locator("#keys[open]").wait_for()
    await look(page, "keys")
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    assert f"0/P-{language}" in await page.evaluate("document.activeElement.textContent")
    await page.keyboard.press("k")
    assert f"1/P-{language}" in await page.evaluate("document.activeElement.textContent")

    site.archive.clock.later(seconds=1)
    await site.archive.document([To("H24.15")], code=f"new/P-{language}")
    leaf = {"kind": "status_recorded", "at": CLOCK.now(), "data": json.dumps({"fields": {"to": "H24.15"}}).encode()}
    await site.store.write(lambda conn: conn.execute(insert(schema.leaf).values(leaf | {"leaf_hash": b"x"})))
    await page.get_by_text(f"new/P-{language}").wait_for()
    assert f"1/P-{language}" in await page.evaluate("document.activeElement.textContent")  # the focus stays

    await page.keyboard.press("Enter")
    await page.wait_for_url("**/documents/*")
    await page.keyboard.press("/")
