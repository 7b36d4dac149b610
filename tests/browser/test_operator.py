"""An operator at night: is anything wrong, what does a partner say, and the switch of maintenance."""

from datetime import timedelta

import pytest
import pytest_asyncio
from playwright.async_api import expect
from sqlalchemy import delete, insert

from axis.keys import NodeKey
from axis.messages import Language
from axis.ops.access import trust_folder
from axis.store import partner_calls, partners, schema, systems
from axis.store.records import PartnerFailure, PartnerMinute, PartnerState, System
from axis.store.rows import values_of
from axis.store.systems import NewSystem, Pushing
from axis.terms import Role
from tests.browser.conftest import Look, Site, Visit, Watched
from tests.certificates import certificate, met, pem
from tests.exchange.harness import SYSTEMS
from tests.nodes import CLOCK

HOSTILE = "<script>alert('x')</script>\u202ekhông trả lời"


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def city(site: Site) -> None:
    """Two partners: one that fares well, one that is down."""
    now, store = CLOCK.now(), site.store
    key = NodeKey.load(site.node.settings.store.key_file)
    for name in ("so-tttt", "so-yte"):
        system = System(system_id=name, name="", front="rest", enabled=True, may_register=False, created_at=now)
        new = NewSystem(system=system, secret_encrypted=key.encrypt("x"), serves=())
        pushing = Pushing(adapter="webhook", options='{"url": "https://dms.invalid/axis"}', secrets_encrypted=None)
        await store.write(lambda c, new=new: systems.add_system(c, new, now, "test"))
        await store.write(lambda c, name=name, p=pushing: systems.set_pushing(c, name, p, now, "test"))
    minutes = [
        PartnerMinute(
            partner_id=name,
            minute=now - timedelta(minutes=number),
            calls=4,
            failures=2 if name == "so-yte" and number < 20 else 0,
            total_ms=400 + number % 50 * 31,
            most_ms=900,
            success_at=now - timedelta(minutes=number),
        )
        for name in ("so-tttt", "so-yte")
        for number in range(2, 170, 3)
    ]
    failure = PartnerFailure(
        failure_id="01M885S4RDQ9ST3ATFDXKJCW6Z",
        partner_id="so-yte",
        at=now,
        task="send",
        package_id="01M885S4RDQ9ST3ATFDXKJCW6Z",
        took_ms=5003,
        words=HOSTILE,
        request="POST https://dms.invalid/axis\nWebhook-Signature: •••",
        reply=f"HTTP 502\nServer: nginx\n\n{HOSTILE}",
    )
    await store.write(lambda c: partner_calls.add_calls(c, minutes, [failure], now))
    down = PartnerState(partner_id="so-yte", state="down", since=now - timedelta(hours=3), last_error=HOSTILE)
    await store.write(lambda c: partners.tell(c, down, ()))


async def test_the_home_says_what_is_wrong_and_leads_there(visit: Visit, look: Look, site: Site) -> None:
    page = await visit(Role.OPERATOR)
    await page.goto(f"{site.url}/operator")
    await look(page, "operator")
    await expect(page.locator("#alerts li")).to_have_count(1)
    assert not await page.locator("script:not([src])").count()
    await page.locator("#alerts a").click()
    assert page.url.endswith("/operator/partners/so-yte")
    await page.locator("#failures summary").first.click()
    await expect(page.locator("#failures pre").last).to_contain_text("<script>")
    await look(page, "partner")


async def test_certificates_that_end_lead_to_the_partner_and_say_what_to_do(
    visit: Visit, look: Look, site: Site, language: Language
) -> None:
    now = CLOCK.now()
    folder = trust_folder(site.node.settings)
    folder.mkdir(exist_ok=True)
    root = folder / "g1.pem"
    root.write_bytes(pem(certificate("Root G1", now + timedelta(days=9, hours=1), authority=True)))
    store, ends = site.store, now + timedelta(days=30, hours=1)
    await store.write(lambda c: c.execute(delete(schema.certificate)))
    row = values_of(met(certificate(HOSTILE, ends), organ=SYSTEMS["dms-yte"][0]))
    await store.write(lambda c: c.execute(insert(schema.certificate), [row]))
    pushing = Pushing(adapter="webhook", options='{"url": "https://yte.invalid/axis"}', secrets_encrypted=None)
    await store.write(lambda c: systems.set_pushing(c, "dms-yte", pushing, now, "test"))
    page = await visit(Role.OPERATOR)
    await page.goto(f"{site.url}/operator")
    await expect(page.locator("#certificates tbody tr")).to_have_count(2)
    await expect(page.locator("#certificates tbody tr").first).to_contain_text(
        "Còn 9 ngày" if language == "vi" else "9 days left"
    )
    await look(page, "operator-certificates")
    await page.locator("#alerts a[href='#certificates']").first.click()
    assert page.url.endswith("#certificates")
    await page.locator("#certificates a").click()
    assert page.url.endswith("/operator/partners/dms-yte")
    await expect(page.locator("#certificates tbody tr")).to_have_count(1)
    await expect(page.locator("#certificates")).to_contain_text("<script>")
    await look(page, "partner-certificates")
    plain = await visit(Role.OPERATOR, script=False)
    await plain.goto(f"{site.url}/operator")
    await expect(plain.locator("#certificates tbody tr")).to_have_count(2)
    root.unlink()
    await store.write(lambda c: systems.set_pushing(c, "dms-yte", None, now, "test"))


async def test_a_partner_is_paused_and_called_again(visit: Visit, look: Look, site: Site) -> None:
    page = await visit(Role.OPERATOR)
    await page.goto(f"{site.url}/operator/partners/so-tttt")
    await page.locator("#pause-reason").fill("nâng cấp <b>máy chủ</b>")
    await page.locator("#pause-hours").select_option("4")
    await page.locator(".form button").click()
    await expect(page.locator(".act-box")).to_contain_text("nâng cấp <b>máy chủ</b>")
    await look(page, "partner-paused")
    await page.locator(".act-box button").click()
    await expect(page.locator("#pause-reason")).to_be_visible()


async def test_maintenance_is_switched_on_and_everybody_sees_it(
    visit: Visit, look: Look, site: Site, language: Language, watched: Watched
) -> None:
    watched.expected.append("409")
    page, clerk, second = await visit(Role.ADMINISTRATOR), await visit(Role.AUDITOR), await visit(Role.OPERATOR)
    await page.goto(f"{site.url}/operator")
    await second.goto(f"{site.url}/operator")
    for window in (page, second):
        await window.locator("#rest-more summary").click()
        await window.locator("#rest-reason").fill("chuyển máy chủ")
    await page.locator("#rest-more button").click()
    await expect(page.locator(".rest")).to_contain_text("chuyển máy chủ")
    await look(page, "maintenance")
    await clerk.goto(site.url)
    await expect(clerk.locator(".rest")).to_contain_text("bảo trì" if language == "vi" else "maintenance")
    await second.locator("#rest-more button").click()  # the second is told
    await expect(second.locator("code").first).to_contain_text("state_changed")
    await page.locator(".act-box button").click()
    await expect(page.locator("#rest-more")).to_be_visible()
    await expect(page.locator(".rest")).to_have_count(0)


@pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR])
async def test_others_do_not_find_these_pages(visit: Visit, site: Site, role: Role, watched: Watched) -> None:
    watched.expected.append("404")
    page = await visit(role)
    answer = await page.goto(f"{site.url}/operator")
    assert answer is not None
    assert answer.status == 404
