"""The own account: password, and where one is logged in."""

import re
from typing import Any

from sqlalchemy import select

from axis.ops.accounts import Accounts
from axis.store import schema
from axis.store.store import Store
from axis.terms import Role
from tests.console.archive import Clock
from tests.console.conftest import PASSWORD, AddAccount, Client, MakeClient
from tests.console.test_login import HTML, is_in, try_login
from tests.console.test_second_factor import field, post

NEW = "một câu dài dễ nhớ"


async def change(client: Client, **form: str) -> Any:
    return await post(client, "/me/password", **({"old": PASSWORD, "new": NEW, "again": NEW} | form))


async def test_the_password_is_changed_with_the_old_one_and_other_sessions_end(
    client: Client, make_client: MakeClient, add_account: AddAccount, store: Store
) -> None:
    await add_account()
    other = await make_client()
    for one in (client, other):
        await try_login(one)
    for wrong, words in (
        ({"old": "wrong"}, "Mật khẩu hiện tại không đúng"),
        ({"new": "ngắn", "again": "ngắn"}, "từ 12 đến 256"),
        ({"again": "khác"}, "không giống nhau"),
        ({"new": PASSWORD, "again": PASSWORD}, "phải khác"),
    ):
        refused = await change(client, **wrong)
        assert refused.status == 403
        assert words in await refused.text()
    assert await is_in(other)
    done = await change(client)
    assert (done.status, done.headers["Location"]) == (303, "/me?done=password")
    assert await is_in(client)
    assert not await is_in(other)
    assert (await try_login(other)).status == 403
    assert (await try_login(other, password=NEW)).status == 303
    audit = await store.read(lambda conn: conn.execute(select(schema.audit)).all())
    assert ("password_set", "minh") in [(row.kind, row.actor) for row in audit]
    assert not any(NEW in row.fields for row in audit)


async def test_guesses_of_the_old_password_are_counted_like_log_ins(client: Client, add_account: AddAccount) -> None:
    await add_account()
    await try_login(client)
    for _ in range(3):
        await change(client, old="wrong")
    assert (await change(client)).status == 403


async def test_a_password_for_one_log_in_has_to_be_changed_first(
    client: Client, add_account: AddAccount, store: Store, clock: Clock
) -> None:
    await add_account()
    given = await Accounts(store, clock, "lan").give_password("minh")
    assert (await try_login(client)).status == 403
    await try_login(client, password=given)
    for path in ("/", "/me", "/me/totp"):
        answer = await client.get(path, allow_redirects=False)
        assert answer.headers["Location"] == "/me/password"
    assert (await change(client, old=given)).status == 303
    assert await is_in(client)


async def test_a_password_for_one_log_in_opens_nothing_after_three_days(
    client: Client, add_account: AddAccount, store: Store, clock: Clock
) -> None:
    await add_account()
    given = await Accounts(store, clock, "lan").give_password("minh")
    clock.later(days=3)
    assert (await try_login(client, password=given)).status == 403


async def test_sessions_are_listed_and_ended_one_or_all_but_this(
    client: Client, make_client: MakeClient, add_account: AddAccount
) -> None:
    await add_account()
    await add_account("lan")
    others = [await make_client() for _ in range(3)]
    stranger = await make_client()
    client.session.headers["User-Agent"] = "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0 <script>"
    for one in (client, *others):
        await try_login(one)
    await try_login(stranger, "lan")
    page = await (await client.get("/me")).text()
    assert "Firefox trên Windows" in page
    assert "<script>" not in page.split("</head>")[1]
    assert "127.0.0.1" in page
    assert page.count("Phiên này") == 1
    ids = re.findall(r'name="session" value="([0-9A-Z]{26})"', page)
    assert len(ids) == 3
    assert (await post(client, "/me", session="x")).status == 405
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    assert csrf

    async def end(by: Client, session: str, token: str = csrf[1]) -> int:
        form = {"csrf": token, "session": session}
        return (await by.post("/me/sessions", data=form, allow_redirects=False, headers=HTML)).status

    assert await end(client, ids[0], "forged") == 403
    assert await end(client, ids[0]) == 303
    assert sorted([await is_in(one) for one in others]) == [False, True, True]
    theirs = re.search(r'name="csrf" value="([^"]+)"', await (await stranger.get("/me")).text())
    assert theirs
    assert await end(stranger, ids[1], theirs[1]) == 303  # not of that account: nothing ends
    assert sorted([await is_in(one) for one in others]) == [False, True, True]
    assert await end(client, "others") == 303
    assert [await is_in(one) for one in others] == [False, False, False]
    assert await is_in(client)
    assert await is_in(stranger)


async def test_the_page_says_that_a_clerk_has_no_organisation_yet(log_in: Any) -> None:
    assert "chưa gắn với cơ quan nào" in await (await (await log_in(Role.CLERK)).get("/me")).text()


async def test_a_form_of_a_session_that_has_ended_says_so_and_leads_back_to_its_page(
    client: Client, add_account: AddAccount, clock: Clock
) -> None:
    await add_account()
    await try_login(client)
    clock.later(hours=9)
    page = str(client.make_url("/me/password?from=x"))
    form = {"csrf": "x", "old": PASSWORD, "new": NEW, "again": NEW}
    lost = await client.post("/me/password", data=form, allow_redirects=False, headers={"Referer": page})
    assert lost.headers["Location"] == "/login?lost=1&next=/me/password?from%3Dx"
    assert "thao tác vừa rồi chưa được thực hiện" in await (await client.get(lost.headers["Location"])).text()
    for referer in ("http://evil.invalid/me", "//[", "", "javascript:alert(1)"):
        lost = await client.post("/me/password", data=form, allow_redirects=False, headers={"Referer": referer})
        assert lost.headers["Location"] == "/login?lost=1", referer


async def test_with_another_password_the_session_goes_on_under_another_token(
    client: Client, make_client: MakeClient, add_account: AddAccount
) -> None:
    await add_account()
    await try_login(client)
    page = await (await client.get("/me/password")).text()
    old_csrf = field(page, "csrf")
    thief = await make_client()
    stolen = client.session.cookie_jar.filter_cookies(client.make_url("/"))["axis"].value
    thief.session.cookie_jar.update_cookies({"axis": stolen}, thief.make_url("/"))
    assert await is_in(thief)
    assert (await change(client)).status == 303
    assert await is_in(client)
    assert not await is_in(thief)
    form = {"csrf": old_csrf, "session": "others"}
    assert (await client.post("/me/sessions", data=form, allow_redirects=False, headers=HTML)).status == 403


async def test_another_role_begins_with_another_log_in(
    client: Client, add_account: AddAccount, store: Store, clock: Clock
) -> None:
    await add_account("minh", Role.CLERK)
    ops = Accounts(store, clock, "lan")
    await try_login(client)
    await ops.grant("minh", (Role.CLERK,), ())  # it has that one
    assert await is_in(client)
    await ops.grant("minh", (Role.AUDITOR,), ())
    assert not await is_in(client)
    await try_login(client)
    await ops.revoke("minh", (Role.AUDITOR,), ())
    assert not await is_in(client)


async def test_the_language_that_somebody_chose_is_spoken_in_every_browser(
    client: Client, make_client: MakeClient, add_account: AddAccount
) -> None:
    await add_account()
    await add_account("lan")
    other, stranger = await make_client(), await make_client()
    await try_login(client)
    await try_login(other)
    await try_login(stranger, "lan")
    assert (await post(client, "/", lang="en")).status == 405
    page = await (await client.get("/me", headers=HTML)).text()
    forged = {"csrf": "forged", "lang": "en", "next": "/me"}
    assert (await client.post("/language", data=forged, allow_redirects=False, headers=HTML)).status == 403
    assert "Đăng xuất" in await (await other.get("/me", headers=HTML)).text()
    chosen = {"csrf": field(page, "csrf"), "lang": "en", "next": "/me"}
    answer = await client.post("/language", data=chosen, allow_redirects=False, headers=HTML)
    assert (answer.status, answer.headers["Location"]) == (303, "/me")
    for one in (client, other):
        assert "Log out" in await (await one.get("/me", headers=HTML)).text()
    assert "Đăng xuất" in await (await stranger.get("/me", headers=HTML)).text()
    third = await make_client()
    assert "Đăng nhập" in await (await third.get("/login", headers=HTML)).text()
    await try_login(third)
    assert "Log out" in await (await third.get("/me", headers=HTML)).text()
    assert "Not found" in await (await third.get("/nowhere", headers=HTML)).text()  # where nobody asked who it is
