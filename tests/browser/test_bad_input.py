"""What strangers write and try, in a real browser: nothing of it runs, nothing of it opens a door."""

import re

import pytest_asyncio
from playwright.async_api import Dialog

from axis.messages import Language
from axis.store import accounts
from axis.store.accounts import Rights
from axis.store.records import Document
from axis.terms import Role, TransportState
from tests.browser.conftest import CLOCK, PASSWORD, Site, Visit
from tests.console.archive import To, file
from tests.packages import document_bytes

EVIL = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>\'"onmouseover=window.owned=1 x'
LOG_OUT = {"vi": "Đăng xuất", "en": "Log out"}
PAGES = ("", "/report", "/signatures", "/history", "/views", "/answer", "/forward", "/recall")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hostile(site: Site) -> Document:
    """A document of which every text is an attempt."""
    archive = site.archive
    texts = {"subject": EVIL, "code": EVIL, "sender_name": EVIL, "type_name": EVIL, "from_organ": "H24.11"}
    more = {"failures": 2, "last_error": f"peer_unreachable: {EVIL}"}
    to = [To("H24.15", statuses=("01",), name=EVIL), To("H24.88", TransportState.DEAD, name=EVIL, more=more)]
    document = await archive.real(document_bytes(files={f"{EVIL}.pdf": b"%PDF-1.7\n%%EOF\n"}), to=to, **texts)
    delivery = await archive.delivery_of(document, "H24.15")
    said = {"staff": EVIL, "department": EVIL, "description": EVIL, "reported_at": EVIL}
    await archive.status(document, delivery.delivery_id, "02", **said)
    await archive.act(
        document, "update", {"H24.15": "declined"}, reason=EVIL, files=[file(EVIL, media_type="text/plain")]
    )
    return document


async def test_nothing_that_a_stranger_wrote_runs_on_any_page(site: Site, hostile: Document, visit: Visit) -> None:
    account = await site.account(*Role)
    rights = Rights(organs=frozenset({"H24.11", "H24.15"}))
    await site.store.write(lambda conn: accounts.grant(conn, account.username, rights, CLOCK.now(), "test"))
    await site.store.write(lambda conn: accounts.set_full_name(conn, account.username, EVIL, CLOCK.now(), "test"))
    page = await visit(account=account)
    asked: list[str] = []

    async def note(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await dialog.dismiss()

    page.on("dialog", note)
    paths = [f"/documents/{hostile.document_uid}{path}" for path in PAGES]
    paths += ["/", "/inbox", "/outbox", "/documents", "/findings", "/views", "/journal", "/past?partner=-", "/kpi"]
    paths += ["/admin/accounts", "/operator", "/operator/queue"]
    seen = 0
    for path in paths:
        answer = await page.request.get(site.url + path)
        if answer.status == 404:
            continue  # not a page of this document or node; what is there is tested over HTTP, route by route
        await page.goto(site.url + path)
        for line in await page.locator("summary").all():
            if await line.is_visible():
                await line.click()
        for place in await page.locator("main :text('onerror')").all():
            await place.hover(force=True, timeout=1000) if await place.is_visible() else None
            seen += 1
        assert await page.evaluate("window.owned") is None, path
        assert await page.locator("main img").count() == 0, path
    assert not asked
    assert seen > 20


async def test_a_session_that_was_ended_opens_nothing_again(site: Site, visit: Visit, language: Language) -> None:
    account = await site.account(Role.AUDITOR)
    page = await visit()
    await page.goto(f"{site.url}/login")
    await page.fill("#username", account.username)
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{site.url}/")
    kept = [one for one in await page.context.cookies() if one["name"] == "axis"]
    await page.get_by_role("button", name=LOG_OUT[language]).click()
    await page.wait_for_url("**/login")
    await page.context.add_cookies(kept)  # type: ignore[arg-type]
    await page.goto(f"{site.url}/documents")
    assert re.search(r"/login\?next=", page.url)
    await page.go_back()
    assert await page.locator("header .who").count() == 0
