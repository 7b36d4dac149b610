"""Nothing moves under the reader's eyes: not while a page opens, nor when it updates by itself.

The browser itself tells what has moved. What a page replaces does not count for it, so that the line somebody reads is
looked at by its place too. In Vietnamese on a laptop, in English on a telephone.
"""

import json
import re
from datetime import timedelta

import pytest
from playwright.async_api import Page, ViewportSize, expect
from sqlalchemy import insert

from axis.messages import Language
from axis.store import partners, schema, systems
from axis.store.records import Account, PartnerState
from axis.store.systems import Pushing
from axis.terms import Role
from tests.browser.clerks import a_clerk
from tests.browser.conftest import DESK, PHONE, Site, Visit
from tests.console.archive import To
from tests.nodes import CLOCK

MOST = 0.01
WEBHOOK = Pushing(adapter="webhook", options='{"url": "https://yte.invalid/axis"}', secrets_encrypted=None)
_WATCH = """
window.moved = [];
window.keep = (entries) => {
  for (const one of entries) if (!one.hadRecentInput) window.moved.push(
    [one.value, one.sources.map((source) => source.node?.id || source.node?.className || source.node?.nodeName)]);
};
window.watching = new PerformanceObserver((list) => window.keep(list.getEntries()));
window.watching.observe({ type: "layout-shift", buffered: true });
"""
_MOVED = """async () => {
  await new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 150));
  window.keep(window.watching.takeRecords());
  return window.moved;
}"""
PAGES = [
    (Role.CLERK, ("/", "/inbox", "/outbox", "/compose")),
    (
        Role.OPERATOR,
        (
            "/operator",
            "/operator/queue",
            "/operator/routes?from=H24.15&to=H24.11",
            "/operator/policies",
            "/operator/settings",
            "/operator/partners/dms-yte",
            "/kpi",
            "/documents",
            "/admin/systems",
            "/admin/organs",
        ),
    ),
    (Role.AUDITOR, ("/", "/findings", "/views", "/kpi")),
]


@pytest.fixture
def width(language: Language) -> ViewportSize:
    """A laptop in one language, a telephone in the other."""
    return DESK if language == "vi" else PHONE  # type: ignore[return-value]


async def moved(page: Page) -> list[list[object]]:
    """What has moved, a moment later: what comes late moves most."""
    found: list[list[object]] = await page.evaluate(_MOVED)
    return found


def total(found: list[list[object]]) -> float:
    return sum(float(str(value)) for value, _sources in found)


async def tell(site: Site, **fields: str) -> None:
    """Something has happened: open pages look again."""
    data = json.dumps({"fields": {"to": "H24.15", **fields}}).encode()
    leaf = {"kind": "status_recorded", "at": CLOCK.now(), "data": data}
    await site.store.write(lambda conn: conn.execute(insert(schema.leaf).values(leaf | {"leaf_hash": b"x"})))


async def watched_page(visit: Visit, width: ViewportSize, account: Account) -> Page:
    page: Page = await visit(account=account)
    await page.set_viewport_size(width)
    await page.add_init_script(_WATCH)
    return page


async def listening(page: Page, address: str) -> None:
    """The page is open and listens; from now on what moves counts."""
    async with page.expect_response(re.compile(r"/live\b")):
        await page.goto(address)
    await page.locator("#live-note").wait_for(state="attached")
    await moved(page)
    await page.evaluate("window.moved = []")


async def push_to_yte(site: Site, pushing: Pushing | None) -> None:
    await site.store.write(lambda c: systems.set_pushing(c, "dms-yte", pushing, CLOCK.now(), "test"))


@pytest.mark.parametrize(("role", "paths"), PAGES, ids=[role.value for role, _paths in PAGES])
async def test_no_page_moves_while_it_opens(
    visit: Visit, site: Site, width: ViewportSize, role: Role, paths: tuple[str, ...]
) -> None:
    await push_to_yte(site, WEBHOOK)
    document = await site.archive.document([To("H24.15", statuses=("01",))], code="1/L")
    account = await a_clerk(site, "H24.15") if role is Role.CLERK else await site.account(role)
    page = await watched_page(visit, width, account)
    for path in (*paths, f"/documents/{document.document_uid}"):
        answer = await page.goto(site.url + path)
        assert answer is not None, path
        assert answer.status == 200, path
        found = await moved(page)
        assert total(found) < MOST, (path, found)


async def test_a_clerks_pages_update_without_moving(visit: Visit, site: Site, width: ViewportSize) -> None:
    for number in range(4):
        site.archive.clock.later(seconds=1)
        document = await site.archive.document([To("H24.15", statuses=("01",))], code=f"{number}/M")
        await site.archive.document([To("H24.11.3", statuses=("01",))], code=f"{number}/N", from_organ="H24.15")
    account = await a_clerk(site, "H24.15")
    pages = []
    for path in ("/", "/inbox", "/outbox", f"/documents/{document.document_uid}"):
        pages.append(await watched_page(visit, width, account))
        await listening(pages[-1], site.url + path)
    delivery = await site.archive.delivery_of(document, "H24.15")
    await site.archive.status(document, delivery.delivery_id, "03")
    site.archive.clock.later(seconds=1)
    await site.archive.document([To("H24.15")], code="new/M")
    await site.archive.document([To("H24.11.3")], code="new/N", from_organ="H24.15")
    await tell(site, document_uid=document.document_uid)
    for page in pages:
        await expect(page.locator("#live-note"), page.url).not_to_be_empty()
        found = await moved(page)
        assert total(found) < MOST, (page.url, found)


async def test_the_line_that_is_read_stays_when_others_come_above_it(
    visit: Visit, site: Site, width: ViewportSize
) -> None:
    for number in range(25):
        site.archive.clock.later(seconds=1)
        await site.archive.document([To("H24.77")], code=f"{number}/R")
    page = await watched_page(visit, width, await a_clerk(site, "H24.77"))
    await listening(page, f"{site.url}/inbox")
    line = page.locator(".row", has_text="5/R").last
    await line.evaluate("(row) => scrollBy(0, row.getBoundingClientRect().top - 200)")
    before = await line.evaluate("(row) => row.getBoundingClientRect().top")
    site.archive.clock.later(seconds=1)
    await site.archive.document([To("H24.77")], code="new/R")
    await tell(site, to="H24.77")
    await page.get_by_text("new/R").wait_for(state="attached")
    await moved(page)
    assert abs(await line.evaluate("(row) => row.getBoundingClientRect().top") - before) <= 1


async def test_the_operators_pages_update_without_moving(visit: Visit, site: Site, width: ViewportSize) -> None:
    await push_to_yte(site, WEBHOOK)
    up = PartnerState(partner_id="dms-yte", state="up", since=CLOCK.now(), last_error=None)
    await site.store.write(lambda c: partners.tell(c, up, ()))
    account = await site.account(Role.OPERATOR)
    home, partner = [await watched_page(visit, width, account) for _page in range(2)]
    await listening(home, f"{site.url}/operator")
    await listening(partner, f"{site.url}/operator/partners/dms-yte")
    since = CLOCK.now() - timedelta(hours=3)
    down = PartnerState(partner_id="dms-yte", state="down", since=since, last_error="x" * 300)
    await site.store.write(lambda c: partners.tell(c, down, ()))
    await tell(site)
    await expect(home.locator("#alerts li")).to_have_count(1)
    await expect(partner.locator("#live-note")).not_to_be_empty()
    for page in (home, partner):
        found = await moved(page)
        assert total(found) < MOST, (page.url, found)
    await push_to_yte(site, None)
