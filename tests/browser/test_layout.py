"""Nothing moves under the reader's eyes: not while a page opens, nor when it updates by itself."""

import json
from datetime import timedelta

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import insert

from axis.store import partners, schema, systems
from axis.store.records import PartnerState
from axis.store.systems import Pushing
from axis.terms import Role
from tests.browser.clerks import a_clerk
from tests.browser.conftest import Site, Visit
from tests.console.archive import To
from tests.nodes import CLOCK

MOST = 0.01
_WATCH = """
window.moved = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.moved.push(
    [one.value, one.sources.map((source) => source.node?.id || source.node?.className || source.node?.nodeName)]);
}).observe({ type: "layout-shift", buffered: true });
"""
PAGES = [
    (Role.CLERK, ("/", "/inbox", "/outbox", "/compose")),
    (Role.OPERATOR, ("/operator", "/operator/queue", "/operator/routes", "/operator/settings", "/kpi", "/documents")),
    (Role.AUDITOR, ("/", "/findings", "/kpi")),
]


async def moved(page: Page) -> list[list[object]]:
    """What has moved, once two more frames were painted."""
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    found: list[list[object]] = await page.evaluate("window.moved")
    return found


async def tell(site: Site, **fields: str) -> None:
    """Something has happened: open pages look again."""
    data = json.dumps({"fields": {"to": "H24.15", **fields}}).encode()
    leaf = {"kind": "status_recorded", "at": CLOCK.now(), "data": data}
    await site.store.write(lambda conn: conn.execute(insert(schema.leaf).values(leaf | {"leaf_hash": b"x"})))


async def ready(page: Page) -> None:
    """The page listens; from now on what moves counts."""
    await page.locator("#live-note").wait_for(state="attached")
    await moved(page)
    await page.evaluate("window.moved = []")


def total(found: list[list[object]]) -> float:
    return sum(float(str(value)) for value, _sources in found)


@pytest.mark.parametrize(("role", "paths"), PAGES)
async def test_no_page_moves_while_it_opens(visit: Visit, site: Site, role: Role, paths: tuple[str, ...]) -> None:
    await site.archive.document([To("H24.15", statuses=("01",))], code="1/L")
    account = await a_clerk(site, "H24.15") if role is Role.CLERK else await site.account(role)
    page = await visit(account=account)
    await page.add_init_script(_WATCH)
    for path in paths:
        await page.goto(site.url + path)
        found = await moved(page)
        assert total(found) < MOST, (path, found)


async def test_an_inbox_and_a_document_update_without_moving(visit: Visit, site: Site) -> None:
    for number in range(4):
        site.archive.clock.later(seconds=1)
        document = await site.archive.document([To("H24.15", statuses=("01",))], code=f"{number}/M")
    account = await a_clerk(site, "H24.15")
    inbox, paper = await visit(account=account), await visit(account=account)
    for page, path in ((inbox, "/inbox"), (paper, f"/documents/{document.document_uid}")):
        await page.add_init_script(_WATCH)
        await page.goto(site.url + path)
        await ready(page)
    delivery = await site.archive.delivery_of(document, "H24.15")
    await site.archive.status(document, delivery.delivery_id, "03")
    site.archive.clock.later(seconds=1)
    await site.archive.document([To("H24.15")], code="new/M")
    await tell(site, document_uid=document.document_uid)
    await inbox.get_by_text("new/M").wait_for()
    for page in (inbox, paper):
        await expect(page.locator("#live-note")).not_to_be_empty()
        found = await moved(page)
        assert total(found) < MOST, (page.url, found)


async def test_the_operators_home_updates_without_moving(visit: Visit, site: Site) -> None:
    pushing = Pushing(adapter="webhook", options='{"url": "https://yte.invalid/axis"}', secrets_encrypted=None)
    await site.store.write(lambda c: systems.set_pushing(c, "dms-yte", pushing, CLOCK.now(), "test"))
    page = await visit(Role.OPERATOR)
    await page.add_init_script(_WATCH)
    await page.goto(f"{site.url}/operator")
    await ready(page)
    down = PartnerState(
        partner_id="dms-yte", state="down", since=CLOCK.now() - timedelta(hours=3), last_error="x" * 300
    )
    await site.store.write(lambda c: partners.tell(c, down, ()))
    await tell(site)
    await expect(page.locator("#alerts li")).to_have_count(1)
    found = await moved(page)
    assert total(found) < MOST, found
    up = PartnerState(partner_id="dms-yte", state="up", since=CLOCK.now(), last_error=None)
    await site.store.write(lambda c: partners.tell(c, up, ()))
    await site.store.write(lambda c: systems.set_pushing(c, "dms-yte", None, CLOCK.now(), "test"))
