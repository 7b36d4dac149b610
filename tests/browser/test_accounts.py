"""Accounts in a real browser: the own one with its second factor, and those that an administrator changes."""

import pyotp
import pytest

from axis.messages import Language
from axis.store import accounts
from axis.terms import Role
from tests.browser.conftest import PASSWORD, Look, Site, Visit
from tests.nodes import CLOCK

WORDS = {
    "vi": {"on": "Bật xác thực hai lớp", "go": "Tôi đã cất mã, tiếp tục", "in": "Đăng nhập", "next": "Tiếp tục"},
    "en": {
        "on": "Turn on two-step verification",
        "go": "I have kept the codes, continue",
        "in": "Log in",
        "next": "Continue",
    },
}


async def test_somebody_sets_up_a_second_factor_and_logs_in_with_it(
    site: Site, visit: Visit, look: Look, language: Language
) -> None:
    say, account = WORDS[language], await site.account(Role.AUDITOR)
    page = await visit(account=account)
    await page.goto(f"{site.url}/me")
    await look(page, "me")
    await page.get_by_role("link", name=say["on"]).click()
    await look(page, "me-totp")
    secret = await page.locator("p.meta code").inner_text()
    await page.get_by_label(WORDS_PASSWORD[language]).fill(PASSWORD)
    await page.fill("#code", pyotp.TOTP(secret).at(CLOCK.now()))
    await page.get_by_role("button", name=say["on"]).click()
    codes = await page.locator("ul.codes code").all_inner_texts()
    assert len(codes) == 10
    await look(page, "me-codes")
    other = await visit()
    await other.goto(f"{site.url}/login")
    await other.fill("#username", account.username)
    await other.fill("#password", PASSWORD)
    await other.get_by_role("button", name=say["in"], exact=True).click()
    await other.wait_for_url("**/login/code")
    await look(other, "login-code")
    await other.fill("#code", codes[0])
    await other.get_by_role("button", name=say["next"]).click()
    await other.wait_for_url(f"{site.url}/")
    await page.goto(f"{site.url}/me/password")
    await look(page, "me-password")


WORDS_PASSWORD = {"vi": "Mật khẩu hiện tại", "en": "Present password"}


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
async def test_an_administrator_adds_an_account_and_gives_it_an_organisation(
    site: Site, visit: Visit, look: Look, language: Language, script: bool
) -> None:
    page = await visit(Role.ADMINISTRATOR, script=script)
    name = f"moi-{language}-{'s' if script else 'p'}"
    await page.goto(f"{site.url}/admin/accounts/new")
    if script:
        await look(page, "person-new")
    await page.fill("#username", name)
    await page.check("#role-clerk")
    await page.locator("button.main").click()
    if script:
        await look(page, "person-password")
    await page.locator("main a.button").click()
    await page.fill("#organ", "so xay")
    await page.press("#organ", "Enter")
    await page.locator("button[name=add]").first.click()
    await page.wait_for_url("**done=organ")
    if script:
        await look(page, "person")
    view = await site.store.read(lambda conn: accounts.view_account(conn, name))
    assert (view.roles, len(view.organs)) == ((Role.CLERK,), 1)
    await page.goto(f"{site.url}/admin/accounts?q={name}")
    if script:
        await look(page, "people")
    assert name in await page.locator("table").inner_text()


async def test_who_has_looked_at_a_document_is_seen_by_an_auditor(site: Site, visit: Visit, look: Look) -> None:
    document = await site.archive.document(subject="V/v kiểm tra", code="7/KH")
    page = await visit(Role.AUDITOR)
    await page.goto(f"{site.url}/documents/{document.document_uid}")
    await page.locator("a.aside[href$='/views']").click()
    await page.wait_for_url("**/views")
    await look(page, "views")
    assert "127.0.0.1" in await page.locator("table").inner_text()
