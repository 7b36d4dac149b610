"""Accounts as an administrator changes them."""

import re
from typing import Any

import pytest
from sqlalchemy import select

from axis.store import accounts, schema
from axis.store.store import Store
from axis.terms import Role
from tests.console.archive import Archive
from tests.console.conftest import PASSWORD, AddAccount, Client, LogIn, MakeClient
from tests.console.test_list import page_of
from tests.console.test_login import HTML, is_in, try_login

HOME = "/admin/accounts"


@pytest.fixture
async def admin(log_in: LogIn) -> Client:
    return await log_in(Role.ADMINISTRATOR)


async def submit(client: Client, path: str, **form: str) -> Any:
    answer = await client.post(path, data={"csrf": "csrf-of-the-session"} | form, allow_redirects=False, headers=HTML)
    await answer.read()
    return answer


async def account_page(store: Store, name: str) -> str:
    account = await store.read(lambda conn: accounts.the_account(conn, name))
    return f"{HOME}/{account.account_id}"


async def rights(store: Store, name: str) -> tuple[list[str], list[str]]:
    view = await store.read(lambda conn: accounts.view_account(conn, name))
    return [str(role) for role in view.roles], [one.organ_id for one in view.organs]


async def test_an_account_is_added_with_a_password_for_one_log_in(
    admin: Client, make_client: MakeClient, store: Store
) -> None:
    assert "Thêm tài khoản" in await page_of(admin, f"{HOME}/new")
    form = {"username": "Lan", "full_name": "Trần <b>Lan</b>", "role_clerk": "1"}
    made = await submit(admin, f"{HOME}/new", **form)
    page = await made.text()
    password = re.findall(r"<code data-copy>([a-z0-9-]{23})</code>", page)[0]
    assert (made.status, await rights(store, "lan")) == (200, (["clerk"], []))
    client = await make_client()
    await try_login(client, "lan", password)
    assert (await client.get("/", allow_redirects=False)).headers["Location"] == "/me/password"
    listed = await (await admin.get(HOME)).text()
    assert "<b>Lan</b>" not in listed
    assert "Trần &lt;b&gt;Lan" in listed
    assert "Chưa gắn với cơ quan nào" in listed
    for wrong in ({"username": "lan"}, {"username": " "}, {"username": "x" * 65}, {"role_clerk": ""}):
        refused = await submit(admin, f"{HOME}/new", **(form | {"username": "hoa"} | wrong))
        assert refused.status == 409, wrong
    assert await store.read(lambda conn: accounts.find_account(conn, "hoa")) is None


async def test_organisations_are_picked_by_a_search_without_accents(
    admin: Client, add_account: AddAccount, archive: Archive, store: Store
) -> None:
    await archive.organ("H24.3", "Sở Xây dựng")
    await archive.organ("H24.4", "Sở Xây lắp", status="closed")
    await add_account("lan", Role.CLERK)
    path = await account_page(store, "lan")
    page = await page_of(admin, f"{path}?organ=so xay")
    assert "Sở Xây dựng" in page
    assert "Sở Xây lắp" not in page
    assert (await submit(admin, path, do="organ", add="H24.3")).status == 303
    assert await rights(store, "lan") == (["clerk"], ["H24.3"])
    for code in ("H24.4", "H24.none"):
        assert (await submit(admin, path, do="organ", add=code)).status == 409
    assert (await submit(admin, path, do="organ", remove="H24.3")).status == 303
    assert await rights(store, "lan") == (["clerk"], [])
    assert "Không có cơ quan đang hoạt động nào khớp" in await page_of(admin, f"{path}?organ=zzz")


async def test_roles_name_and_state_are_changed_and_told_with_the_administrators_name(
    admin: Client, add_account: AddAccount, store: Store, make_client: MakeClient
) -> None:
    await add_account("lan", Role.CLERK)
    path = await account_page(store, "lan")
    client = await make_client()
    await try_login(client, "lan")
    assert (await submit(admin, path, do="roles", role_auditor="1", role_operator="1")).status == 303
    assert (await rights(store, "lan"))[0] == ["auditor", "operator"]
    assert not await is_in(client)  # other roles begin with another log-in
    await try_login(client, "lan")
    assert (await submit(admin, path, do="roles")).status == 409
    assert (await submit(admin, path, do="name", full_name="Trần Thị Lan")).status == 303
    assert await is_in(client)
    assert (await submit(admin, path, do="disable")).status == 303
    assert not await is_in(client)
    assert (await submit(admin, path, do="enable")).status == 303
    await try_login(client, "lan")
    assert await is_in(client)
    given = await submit(admin, path, do="password")
    assert "chỉ hiện một lần" in await given.text()
    assert not await is_in(client)
    for what in ("unlock", "totp"):
        assert (await submit(admin, path, do=what)).status == 303
    assert (await submit(admin, path, do="rm -rf")).status == 400
    rows = await store.read(lambda conn: conn.execute(select(schema.audit)).all())
    kinds = {row.kind for row in rows if row.actor.startswith("u")}
    assert kinds >= {"account_granted", "account_revoked", "account_renamed", "account_disabled", "password_set"}


async def test_sessions_of_others_are_seen_and_ended(
    admin: Client, add_account: AddAccount, store: Store, make_client: MakeClient
) -> None:
    await add_account("lan", Role.CLERK)
    client = await make_client()
    await try_login(client, "lan")
    path = await account_page(store, "lan")
    page = await page_of(admin, path)
    found = re.search(r'name="session" value="([0-9A-Z]{26})"', page)
    assert found
    assert (await submit(admin, path, do="sessions", session="0" * 26)).status == 409
    assert (await submit(admin, path, do="sessions", session=found[1])).status == 303
    assert not await is_in(client)
    await try_login(client, "lan")
    assert (await submit(admin, path, do="roles", role_clerk="1")).status == 303  # as it is
    assert await is_in(client)
    assert (await submit(admin, path, do="roles", role_clerk="1", role_auditor="1")).status == 303
    assert not await is_in(client)


async def test_the_last_administrator_stays_one(admin: Client, store: Store) -> None:
    name = await store.read(lambda conn: accounts.list_accounts(conn)[0].account.username)
    path = await account_page(store, name)
    for form in ({"do": "disable"}, {"do": "roles", "role_clerk": "1"}):
        refused = await submit(admin, path, **form)
        assert refused.status == 409
        assert "quản trị cuối cùng" in await refused.text()
    assert (await rights(store, name))[0] == ["administrator"]


@pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR, Role.OPERATOR])
async def test_for_others_there_are_no_such_pages(
    log_in: LogIn, add_account: AddAccount, store: Store, role: Role
) -> None:
    await add_account("lan", Role.CLERK)
    client, path = await log_in(role), await account_page(store, "lan")
    for one in (HOME, f"{HOME}/new", path):
        assert (await client.get(one)).status == 404
    for one in (f"{HOME}/new", path):
        assert (await submit(client, one, do="roles", role_administrator="1", username="x")).status == 404
    assert await rights(store, "lan") == (["clerk"], [])


async def test_a_forged_form_changes_nothing(admin: Client, add_account: AddAccount, store: Store) -> None:
    await add_account("lan", Role.CLERK)
    path = await account_page(store, "lan")
    for form in ({"csrf": "forged"}, {"csrf": ""}):
        answer = await submit(admin, path, do="roles", role_administrator="1", **form)
        assert answer.status == 403
    cross = await admin.post(
        path,
        data={"csrf": "csrf-of-the-session", "do": "disable"},
        headers=HTML | {"Sec-Fetch-Site": "cross-site"},
    )
    assert cross.status == 403
    assert await rights(store, "lan") == (["clerk"], [])
    assert (await admin.get(f"{HOME}/{'0' * 26}")).status == 404


async def test_the_list_is_searched_and_paged_by_key(admin: Client, add_account: AddAccount) -> None:
    for number in range(7):
        await add_account(f"lan{number}", Role.CLERK)
    first = await page_of(admin, f"{HOME}?q=lan")
    assert re.findall(r"<b>(lan\d)</b>", first) == [f"lan{number}" for number in range(5)]
    onward = re.search(rf'href="({HOME}\?q=lan&after=[^"]+)"', first)
    assert onward
    assert re.findall(r"<b>(lan\d)</b>", await page_of(admin, onward[1])) == ["lan5", "lan6"]
    assert "Không có tài khoản nào khớp" in await page_of(admin, f"{HOME}?q=%25%00zzz")
    assert PASSWORD not in first
