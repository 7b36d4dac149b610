"""Log-in, the head, the switch of language, errors."""

from axis.messages import Language
from axis.terms import Role
from tests.browser.conftest import PASSWORD, Look, Site, Visit, Watched, violations

WORDS = {
    "vi": {"log_in": "Đăng nhập", "log_out": "Đăng xuất", "other": "English", "not_found": "Không tìm thấy"},
    "en": {"log_in": "Log in", "log_out": "Log out", "other": "Tiếng Việt", "not_found": "Not found"},
}


async def test_somebody_logs_in_and_out_by_keyboard(site: Site, visit: Visit, look: Look, language: Language) -> None:
    say, account = WORDS[language], await site.account(Role.AUDITOR)
    document = await site.archive.document()
    page = await visit()
    await page.goto(f"{site.url}/documents/{document.document_uid}")
    await look(page, "login")
    await page.keyboard.type(account.username)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/documents/*")
    await page.get_by_role("button", name=say["log_out"]).click()
    await page.wait_for_url("**/login")
    await page.get_by_role("button", name=say["log_in"]).wait_for()


async def test_a_wrong_password_is_told_where_it_is_typed(
    site: Site, visit: Visit, look: Look, language: Language, watched: Watched
) -> None:
    watched.expected.append("403")
    page = await visit()
    await page.goto(f"{site.url}/login")
    await page.fill("#username", "nobody")
    await page.fill("#password", "wrong")
    await page.get_by_role("button", name=WORDS[language]["log_in"]).click()
    await page.get_by_role("alert").wait_for()
    await look(page, "login-refused")


async def test_the_switch_of_language_comes_back_to_the_page(site: Site, visit: Visit, language: Language) -> None:
    page = await visit(Role.AUDITOR)
    await page.goto(f"{site.url}/?q=abc")
    await page.get_by_role("button", name=WORDS[language]["other"]).click()
    await page.wait_for_url("**/?q=abc")
    other = "en" if language == "vi" else "vi"
    assert await page.evaluate("document.documentElement.lang") == other


async def test_the_language_that_somebody_chose_waits_in_another_browser(
    site: Site, visit: Visit, language: Language
) -> None:
    account = await site.account(Role.AUDITOR)
    page, later = await visit(account=account), await visit(account=account)
    await page.goto(f"{site.url}/me")
    await page.get_by_role("button", name=WORDS[language]["other"]).click()
    await page.wait_for_url("**/me")
    await later.goto(f"{site.url}/me")  # its own cookie says otherwise
    for one in (page, later):
        assert await one.evaluate("document.documentElement.lang") == ("en" if language == "vi" else "vi")


async def test_an_error_says_what_to_do(
    site: Site, visit: Visit, look: Look, language: Language, watched: Watched
) -> None:
    watched.expected.append("404")
    page = await visit(Role.CLERK)
    await page.goto(f"{site.url}/nowhere")
    assert WORDS[language]["not_found"] in await page.inner_text("h1")
    await look(page, "error")


async def test_axe_would_find_something(site: Site, visit: Visit) -> None:
    page = await visit()
    await page.goto(f"{site.url}/login")
    await page.evaluate("document.querySelector('label').remove()")
    assert [one["rule"] for one in await violations(page)] == ["label"]


async def test_the_watch_would_see_other_hosts_and_errors(site: Site, visit: Visit, watched: Watched) -> None:
    page = await visit()
    await page.goto(f"{site.url}/login")
    await page.evaluate("document.body.append(Object.assign(new Image(), {src: 'http://elsewhere.invalid/x.png'}))")
    await page.wait_for_timeout(200)
    assert any("Content Security Policy" in fault for fault in watched.found())
    watched.faults.clear()
