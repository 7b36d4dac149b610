"""Log-in, sessions, log-out."""

import asyncio
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import FormData
from sqlalchemy import func, select

from axis.errors import Busy
from axis.store import schema
from axis.store.store import Store
from axis.terms import Role
from axis.web.console import login as login_module
from axis.web.console.addresses import local_path
from axis.web.console.login import Login
from axis.web.console.passwords import Passwords
from tests.console.archive import Clock
from tests.console.conftest import PASSWORD, QUICK, RULES, AddAccount, Client, LogIn, MakeClient, MakeParts

HTML = {"Accept": "text/html"}


async def token_of(client: Client) -> str:
    page = await (await client.get("/login")).text()
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


async def try_login(client: Client, username: str = "minh", password: str = PASSWORD, **form: str) -> Any:
    form = {"csrf": await token_of(client), "username": username, "password": password, **form}
    answer = await client.post("/login", data=form, allow_redirects=False, headers=HTML)
    await answer.read()
    return answer


async def is_in(client: Client, path: str = "/") -> bool:
    return (await client.get(path, allow_redirects=False, headers=HTML)).status == 200


async def test_the_right_password_opens_a_session(client: Client, add_account: AddAccount) -> None:
    await add_account()
    assert not await is_in(client)
    answer = await try_login(client)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    cookie = answer.cookies["axis"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert not cookie["secure"]
    assert await is_in(client)
    assert "minh" in await (await client.get("/")).text()


async def test_over_https_the_cookie_stays_on_https_and_on_this_host(
    make_client: MakeClient, add_account: AddAccount
) -> None:
    await add_account()
    client = await make_client(tls=True)
    page = await client.get("/login")
    token = page.cookies["__Host-axis-login"]
    assert token["secure"]
    found = re.search(r'name="csrf" value="([^"]+)"', await page.text())
    assert found
    answer = await client.post(
        "/login",
        data={"csrf": found[1], "username": "minh", "password": PASSWORD},
        headers={"Cookie": f"__Host-axis-login={token.value}"},
        allow_redirects=False,
    )
    cookie = answer.cookies["__Host-axis"]
    assert cookie["secure"]
    assert cookie["path"] == "/"
    assert "Strict-Transport-Security" in answer.headers


async def test_the_database_holds_no_token_that_opens_a_session(
    client: Client, add_account: AddAccount, store: Store
) -> None:
    await add_account()
    answer = await try_login(client)
    token = answer.cookies["axis"].value
    row = await store.read(lambda conn: conn.execute(select(schema.session)).one())
    assert token not in repr(tuple(row))
    assert row.csrf_token != token


async def test_the_name_is_the_same_however_it_is_typed(client: Client, add_account: AddAccount) -> None:
    await add_account("bình")
    assert (await try_login(client, "  BI\u0300NH ")).status == 303


@pytest.mark.parametrize(
    ("username", "password"),
    [("nobody", PASSWORD), ("minh", "wrong"), ("minh", ""), ("", PASSWORD), ("khoa", PASSWORD)],
)
async def test_whatever_is_wrong_gets_the_same_words(
    client: Client, add_account: AddAccount, username: str, password: str
) -> None:
    await add_account("minh")
    await add_account("khoa", enabled=False)
    answer = await try_login(client, username, password)
    page = await answer.text()
    assert answer.status == 403
    assert "axis" not in answer.cookies
    assert "Tên đăng nhập hoặc mật khẩu không đúng, hoặc tài khoản đang tạm khóa" in page
    assert not await is_in(client)


async def test_an_unknown_name_costs_a_password_check_too(
    make_parts: MakeParts, add_account: AddAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_account("minh")
    checked: list[str | None] = []
    real = Passwords._verify

    def spy(self: Passwords, password_hash: str, password: str) -> bool:
        checked.append(password_hash)
        return real(self, password_hash, password)

    monkeypatch.setattr(Passwords, "_verify", spy)
    login = Login(await make_parts())
    for name in ("minh", "nobody"):
        assert await login.check(name, "wrong") is None
    assert len(checked) == 2
    assert all(one and one.startswith("$argon2id$") for one in checked)


async def test_every_refusal_is_held_back_for_the_same_time(
    make_parts: MakeParts, add_account: AddAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_account("minh")
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(login_module.asyncio, "sleep", sleep)
    login = Login(await make_parts(refusal_s=1_000))
    for name in ("minh", "nobody"):
        await login.check(name, "wrong")
    assert len(slept) == 2
    assert all(900 < seconds <= 1_000 for seconds in slept)


async def test_after_several_wrong_passwords_even_the_right_one_has_to_wait(
    client: Client, add_account: AddAccount, clock: Clock
) -> None:
    await add_account()
    for _ in range(3):
        await try_login(client, password="wrong")
    refused = await try_login(client)
    assert refused.status == 403
    clock.later(seconds=59)
    assert (await try_login(client)).status == 403
    clock.later(seconds=1)
    assert (await try_login(client)).status == 303


async def test_the_wait_doubles_with_each_further_wrong_password(
    client: Client, add_account: AddAccount, clock: Clock, store: Store
) -> None:
    await add_account()
    waits = []
    for _ in range(9):
        await try_login(client, password="wrong")
        until = (await store.read(lambda conn: conn.execute(select(schema.account)).one())).locked_until
        waits.append((until - clock.now()).total_seconds() if until else 0)
        clock.at = max(clock.now(), until or clock.now())
    assert waits == [0, 0, 60, 120, 240, 480, 960, 960, 960]


async def test_a_right_password_forgets_the_wrong_ones(client: Client, add_account: AddAccount) -> None:
    await add_account()
    for _ in range(3):
        await try_login(client, password="wrong")
        await try_login(client, password="wrong")
        assert (await try_login(client)).status == 303
        client.session.cookie_jar.clear()


async def test_many_guesses_at_once_do_not_outrun_the_pause(
    make_parts: MakeParts, add_account: AddAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_account()
    login = Login(await make_parts())
    checked: list[str | None] = []

    async def check(password_hash: str | None, _password: str) -> bool:
        checked.append(password_hash)
        return False

    monkeypatch.setattr(login.passwords, "check", check)
    await asyncio.gather(*(login.check("minh", f"guess {number}") for number in range(20)))
    assert sum(one is not None for one in checked) == RULES.failures_until_pause


async def test_a_flood_of_log_ins_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(QUICK)
    gate = asyncio.Event()

    async def held(*_: object) -> bool:
        await gate.wait()
        return False

    monkeypatch.setattr("axis.web.console.passwords.asyncio.to_thread", held)
    waiting = [asyncio.create_task(passwords.check(None, "x")) for _ in range(16)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await passwords.check(None, "x")
    gate.set()
    await asyncio.gather(*waiting)
    assert await passwords.check(None, "x") is False


async def test_no_password_opens_an_account_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Passwords, "_verify", lambda *_: True)
    passwords = Passwords(QUICK)
    assert await passwords.check("hash", "x") is True
    assert await passwords.check(None, "x") is False


async def test_a_form_that_another_site_made_is_refused(client: Client, add_account: AddAccount) -> None:
    await add_account()
    forged = await try_login(client, csrf="made-elsewhere")
    missing = await try_login(client, csrf="")
    assert (forged.status, missing.status) == (403, 403)
    token = await token_of(client)
    form = {"csrf": token, "username": "minh", "password": PASSWORD}
    cross = await client.post("/login", data=form, headers={"Sec-Fetch-Site": "cross-site"}, allow_redirects=False)
    assert cross.status == 403
    client.session.cookie_jar.clear()  # the token without its cookie
    assert (await client.post("/login", data=form, allow_redirects=False)).status == 403
    assert not await is_in(client)


async def test_an_upload_is_no_log_in(client: Client) -> None:
    token = await token_of(client)
    multipart = await client.post("/login", data=FormData({"csrf": token, "password": io.BytesIO(b"x")}), headers=HTML)
    assert multipart.status == 415
    answer = await client.post("/login", json={"csrf": token})
    assert answer.status == 415
    large = await client.post("/login", data={"csrf": token, "username": "x" * 100_000})
    assert large.status == 413


async def test_log_out_ends_the_session_for_good(client: Client, add_account: AddAccount, store: Store) -> None:
    await add_account()
    token = (await try_login(client)).cookies["axis"].value
    page = await (await client.get("/")).text()
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    assert csrf
    refused = await client.post("/logout", data={"csrf": "guess"}, allow_redirects=False)
    assert refused.status == 403
    assert await is_in(client)
    answer = await client.post("/logout", data={"csrf": csrf[1]}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/login")
    client.session.cookie_jar.update_cookies({"axis": token}, client.make_url("/"))  # replayed
    assert not await is_in(client)
    assert await store.read(lambda conn: conn.execute(select(func.count()).select_from(schema.session)).scalar()) == 0


async def test_a_session_ends_when_the_account_is_disabled(
    client: Client, add_account: AddAccount, store: Store
) -> None:
    await add_account()
    await try_login(client)
    assert await is_in(client)
    await store.write(lambda conn: conn.execute(schema.account.update().values(enabled=False)))
    assert not await is_in(client)


async def test_a_session_ends_when_it_is_not_used(client: Client, add_account: AddAccount, clock: Clock) -> None:
    await add_account()
    await try_login(client)
    for _ in range(5):
        clock.later(minutes=29)
        assert await is_in(client)
    clock.later(minutes=30)
    assert not await is_in(client)


async def test_a_page_that_refreshes_itself_does_not_keep_a_session_alive(
    client: Client, add_account: AddAccount, clock: Clock
) -> None:
    await add_account()
    await try_login(client)
    clock.later(minutes=20)
    assert (await client.get("/", headers={"X-Live": "1"}, allow_redirects=False)).status == 200
    clock.later(minutes=10)
    assert not await is_in(client)


async def test_a_session_ends_after_its_longest_time_however_it_is_used(
    client: Client, add_account: AddAccount, clock: Clock
) -> None:
    await add_account()
    await try_login(client)
    begun = clock.now()
    while clock.now() - begun < timedelta(hours=7, minutes=50):
        clock.later(minutes=10)
        assert await is_in(client)
    clock.later(minutes=10)
    assert not await is_in(client)


async def test_a_made_up_cookie_opens_nothing(client: Client) -> None:
    for value in ("x", "", "a" * 5000):
        client.session.cookie_jar.update_cookies({"axis": value}, client.make_url("/"))
        assert not await is_in(client)


async def test_who_is_not_logged_in_is_led_to_the_log_in_and_back(client: Client, add_account: AddAccount) -> None:
    await add_account()
    answer = await client.get("/?q=báo cáo&direction=sent", allow_redirects=False)
    assert answer.status == 303
    page = await (await client.get(answer.headers["Location"])).text()
    back = re.search(r'name="next" value="([^"]+)"', page)
    assert back
    done = await try_login(client, next=back[1].replace("&amp;", "&"))
    assert done.headers["Location"].startswith("/?q=b%C3%A1o")
    assert "direction=sent" in done.headers["Location"]


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "javascript:x", "", "/\n/evil", "x"],
)
def test_a_log_in_never_leads_to_another_site(path: str) -> None:
    assert local_path(path) == "/"


async def test_a_document_page_asks_for_a_log_in_before_it_tells_whether_there_is_one(client: Client) -> None:
    paths = ("/documents/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/documents/01ARZ3NDEKTSV4RRFFQ69G5FAV/packages/" + "0" * 26)
    for path in (*paths, paths[1] + "/files/0"):
        answer = await client.get(path, allow_redirects=False)
        assert answer.status == 303
        assert answer.headers["Location"].startswith("/login?next=")


async def test_a_successful_log_in_is_on_the_audit_trail(client: Client, add_account: AddAccount, store: Store) -> None:
    await add_account()
    await try_login(client)
    log_ins = select(schema.audit).where(schema.audit.c.kind == "login")
    line = await store.read(lambda conn: conn.execute(log_ins).one())
    assert line.actor == "minh"


async def test_the_name_of_the_account_and_its_roles_stand_in_the_head(log_in: LogIn) -> None:
    page = await (await (await log_in(Role.AUDITOR, Role.CLERK)).get("/")).text()
    assert 'title="Kiểm tra, Văn thư"' in page


async def test_a_log_in_gives_a_new_session_and_ends_the_one_that_the_browser_came_with(
    client: Client, add_account: AddAccount, store: Store
) -> None:
    await add_account()
    await add_account("lan")
    form = {"csrf": await token_of(client), "password": PASSWORD}
    planted, again = [
        (await client.post("/login", data=form | {"username": name}, allow_redirects=False)).cookies["axis"].value
        for name in ("minh", "lan")
    ]
    assert again != planted
    assert await is_in(client)
    client.session.cookie_jar.update_cookies({"axis": planted}, client.make_url("/"))
    assert not await is_in(client)
    rows = await store.read(lambda conn: conn.execute(select(schema.session)).all())
    assert [(row.address, row.way) for row in rows] == [("127.0.0.1", "password")]


async def test_a_made_up_cookie_never_becomes_a_session(client: Client, add_account: AddAccount) -> None:
    await add_account()
    client.session.cookie_jar.update_cookies({"axis": "chosen-by-a-stranger"}, client.make_url("/"))
    assert (await try_login(client)).cookies["axis"].value != "chosen-by-a-stranger"
    client.session.cookie_jar.update_cookies({"axis": "chosen-by-a-stranger"}, client.make_url("/"))
    assert not await is_in(client)
