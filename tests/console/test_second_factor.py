"""Codes of a telephone: set up, asked for, counted, each taken once."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pyotp
import pytest
from sqlalchemy import select

from axis.ops.accounts import Accounts
from axis.ops.second_factor import SecondFactor, matching_step
from axis.store import accounts, schema
from axis.store.store import Store
from axis.terms import Role
from tests.console.archive import Clock
from tests.console.conftest import KEY, PASSWORD, RULES, AddAccount, Client, MakeClient
from tests.console.test_login import HTML, is_in, try_login

REQUIRED = RULES.model_copy(update={"totp_required_for": (Role.ADMINISTRATOR,)})


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, page
    return unescape(found[1])


def code_at(secret: str, clock: Clock, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(clock.now(), counter_offset=steps)


async def post(client: Client, path: str, **form: str) -> Any:
    page = await (await client.get(path, headers=HTML)).text()
    return await client.post(path, data={"csrf": field(page, "csrf")} | form, allow_redirects=False, headers=HTML)


async def set_up(client: Client, clock: Clock) -> tuple[str, list[str]]:
    """Set up the second factor as its owner does. Returns the secret and the recovery codes."""
    page = await (await client.get("/me/totp")).text()
    secret = re.search(r"<code data-copy>(\w+)</code>", page)
    assert secret
    form = {"do": "set", "sealed": field(page, "sealed"), "csrf": field(page, "csrf"), "password": PASSWORD}
    answer = await client.post("/me/totp", data=form | {"code": code_at(secret[1], clock)}, headers=HTML)
    shown = await answer.text()
    assert answer.status == 200, shown
    codes = re.findall(r"<li><code>([a-z0-9-]+)</code></li>", shown)
    assert len(set(codes)) == 10
    clock.later(minutes=1)
    return secret[1], codes


@pytest.fixture
async def protected(client: Client, add_account: AddAccount, clock: Clock) -> tuple[str, list[str]]:
    """The account minh with a second factor; nobody is logged in."""
    await add_account()
    await try_login(client)
    found = await set_up(client, clock)
    client.session.cookie_jar.clear()
    return found


async def test_the_code_is_asked_for_after_the_password_and_opens_the_session(
    client: Client, protected: tuple[str, list[str]], clock: Clock
) -> None:
    secret, _ = protected
    answer = await try_login(client, next="/documents/x")
    assert (answer.status, answer.headers["Location"]) == (303, "/login/code")
    assert "axis" not in answer.cookies
    assert not await is_in(client)
    done = await post(client, "/login/code", code=" " + code_at(secret, clock) + " ")
    assert (done.status, done.headers["Location"]) == (303, "/documents/x")
    assert await is_in(client)


@pytest.mark.usefixtures("protected")
async def test_a_wrong_password_never_leads_to_the_code(client: Client) -> None:
    answer = await try_login(client, password="wrong")
    assert answer.status == 403
    assert "axis-step" not in answer.cookies
    assert (await client.get("/login/code", allow_redirects=False)).headers["Location"] == "/login?ended=1"


async def test_the_same_code_is_not_taken_twice(
    client: Client, protected: tuple[str, list[str]], clock: Clock, make_client: MakeClient
) -> None:
    secret, _ = protected
    code = code_at(secret, clock)
    await try_login(client)
    other = await make_client()
    await try_login(other)
    assert (await post(client, "/login/code", code=code)).status == 303
    assert (await post(other, "/login/code", code=code)).status == 403
    assert (await post(other, "/login/code", code=code_at(secret, clock, -1))).status == 403  # an earlier one neither
    clock.later(seconds=30)
    assert (await post(other, "/login/code", code=code_at(secret, clock))).status == 303


async def test_the_code_that_set_it_up_does_not_log_in(client: Client, add_account: AddAccount, clock: Clock) -> None:
    await add_account()
    await try_login(client)
    begun = clock.now()
    secret, _ = await set_up(client, clock)
    clock.at = begun
    client.session.cookie_jar.clear()
    await try_login(client)
    assert (await post(client, "/login/code", code=code_at(secret, clock))).status == 403


@pytest.mark.parametrize("code", ["", "000000", "12345", "１２３４５６", "abcde-fghjk", "0" * 10_000, "'; --"])
@pytest.mark.usefixtures("protected")
async def test_a_wrong_code_opens_nothing(client: Client, code: str) -> None:
    await try_login(client)
    answer = await post(client, "/login/code", code=code)
    assert answer.status in (303, 403)
    assert "axis" not in answer.cookies
    assert not await is_in(client)


async def test_a_recovery_code_is_taken_once(
    client: Client, protected: tuple[str, list[str]], make_client: MakeClient, store: Store
) -> None:
    _, codes = protected
    await try_login(client)
    assert (await post(client, "/login/code", code=codes[3].upper())).status == 303
    other = await make_client()
    await try_login(other)
    assert (await post(other, "/login/code", code=codes[3])).status == 403
    assert (await post(other, "/login/code", code=codes[4].replace("-", ""))).status == 303
    audit = await store.read(lambda conn: conn.execute(select(schema.audit.c.kind)).scalars().all())
    assert list(audit).count("recovery_code_used") == 2


async def test_a_log_in_ends_after_a_few_wrong_codes_or_minutes(
    client: Client, protected: tuple[str, list[str]], clock: Clock
) -> None:
    secret, _ = protected
    await try_login(client)
    for _ in range(4):
        assert (await post(client, "/login/code", code="000000")).status == 403
    ended = await post(client, "/login/code", code="000000")
    assert ended.headers["Location"] == "/login?ended=1"
    answer = await client.get("/login/code", allow_redirects=False)
    assert answer.status == 303
    assert "quá vài phút" in await (await client.get("/login?ended=1")).text()
    clock.later(hours=1)
    await try_login(client)
    clock.later(minutes=5)
    late = await client.post("/login/code", data={"code": code_at(secret, clock)}, allow_redirects=False)
    assert late.headers["Location"] == "/login?ended=1"


async def test_many_log_ins_do_not_outrun_the_pause_after_wrong_codes(
    client: Client, protected: tuple[str, list[str]], clock: Clock
) -> None:
    secret, _ = protected
    for _ in range(3):  # each a log-in of its own, with the right password
        await try_login(client)
        await post(client, "/login/code", code="000000")
    await try_login(client)
    assert (await post(client, "/login/code", code=code_at(secret, clock))).status == 403
    clock.later(seconds=60)
    await try_login(client)
    assert (await post(client, "/login/code", code=code_at(secret, clock))).status == 303


async def test_the_form_of_the_code_is_our_own(client: Client, protected: tuple[str, list[str]], clock: Clock) -> None:
    secret, _ = protected
    await try_login(client)
    form = {"csrf": "made elsewhere", "code": code_at(secret, clock)}
    assert (await client.post("/login/code", data=form, allow_redirects=False, headers=HTML)).status == 403
    assert not await is_in(client)


async def test_the_database_has_neither_the_secret_nor_a_recovery_code(
    protected: tuple[str, list[str]], store: Store
) -> None:
    secret, codes = protected
    row = await store.read(lambda conn: conn.execute(select(schema.account)).one())
    kept = await store.read(lambda conn: conn.execute(select(schema.recovery_code)).all())
    text = repr((tuple(row), [tuple(one) for one in kept]))
    assert secret not in text
    assert not any(code in text or code.replace("-", "") in text for code in codes)


async def test_who_has_to_have_a_second_factor_sees_nothing_before_it_is_set_up(
    make_client: MakeClient, add_account: AddAccount, clock: Clock
) -> None:
    await add_account("minh", Role.ADMINISTRATOR)
    await add_account("lan", Role.AUDITOR)
    client = await make_client(rules=REQUIRED)
    await try_login(client)
    for path in ("/", "/me", "/me/password", "/documents/01ARZ3NDEKTSV4RRFFQ69G5FAV/views"):
        answer = await client.get(path, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/me/totp"), path
    await set_up(client, clock)
    assert await is_in(client)
    other = await make_client(rules=REQUIRED)
    await try_login(other, "lan")
    assert await is_in(other)


async def test_setting_it_up_needs_the_password_and_an_offer_of_ours(
    client: Client, add_account: AddAccount, clock: Clock, store: Store
) -> None:
    await add_account()
    await add_account("lan")
    await try_login(client)
    page = await (await client.get("/me/totp")).text()
    shown = re.search(r"<code data-copy>(\w+)</code>", page)
    assert shown
    good = {"do": "set", "sealed": field(page, "sealed"), "csrf": field(page, "csrf"), "password": PASSWORD}
    good["code"] = code_at(shown[1], clock)
    lan = await store.read(lambda conn: accounts.the_account(conn, "lan"))
    foreign = SecondFactor(KEY, "x").offer(lan, clock.now(), shown[1])
    old = SecondFactor(KEY, "x").offer(
        await store.read(lambda conn: accounts.the_account(conn, "minh")), clock.now() - timedelta(hours=1), shown[1]
    )
    for wrong in (
        {"password": "wrong"},
        {"code": "000000"},
        {"sealed": "made up"},
        {"sealed": foreign.sealed},
        {"sealed": old.sealed},
        {"csrf": "forged"},
        {"do": "else"},
    ):
        answer = await client.post("/me/totp", data=good | wrong, headers=HTML)
        assert answer.status in (400, 403), wrong
        row = await store.read(lambda conn: accounts.the_account(conn, "minh"))
        assert row.totp_encrypted is None, wrong
    assert (await client.post("/me/totp", data=good, headers=HTML)).status == 200


async def test_it_is_turned_off_and_its_codes_renewed_only_with_password_and_code(
    client: Client, add_account: AddAccount, clock: Clock
) -> None:
    await add_account()
    await try_login(client)
    secret, old = await set_up(client, clock)
    for form in ({"password": PASSWORD, "code": "000000"}, {"password": "wrong", "code": code_at(secret, clock)}):
        assert (await post(client, "/me/totp", do="off", **form)).status == 403
    renewed = await post(client, "/me/totp", do="codes", password=PASSWORD, code=code_at(secret, clock))
    fresh = re.findall(r"<li><code>([a-z0-9-]+)</code></li>", await renewed.text())
    assert not set(fresh) & set(old)
    assert (await post(client, "/me/totp", do="off", password=PASSWORD, code=old[0])).status == 403
    off = await post(client, "/me/totp", do="off", password=PASSWORD, code=fresh[0])
    assert off.status == 303
    client.session.cookie_jar.clear()
    assert (await try_login(client)).headers["Location"] == "/"


async def test_setting_it_up_ends_the_other_sessions(
    client: Client, make_client: MakeClient, add_account: AddAccount, clock: Clock
) -> None:
    await add_account()
    other = await make_client()
    for one in (client, other):
        await try_login(one)
    await set_up(client, clock)
    assert await is_in(client)
    assert not await is_in(other)


@pytest.mark.usefixtures("protected")
async def test_an_administrator_resets_it_and_that_is_told(client: Client, store: Store, clock: Clock) -> None:
    await Accounts(store, clock, "quản trị").reset_factor("minh")
    assert (await try_login(client)).headers["Location"] == "/"
    told = await store.read(
        lambda conn: conn.execute(select(schema.audit).where(schema.audit.c.kind == "totp_reset")).one()
    )
    assert told.actor == "quản trị"


def test_codes_are_those_of_rfc_6238(clock: Clock) -> None:
    secret = pyotp.random_base32()
    now = clock.now()
    present = int(now.timestamp()) // 30
    for beside, fits in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        code = pyotp.TOTP(secret).at(now, counter_offset=beside)
        assert matching_step(secret, code, now) == (present + beside if fits else None)
    assert (
        matching_step("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "081804", now.fromtimestamp(1111111109, now.tzinfo))
        == 37037036
    )


async def test_a_stranger_cannot_lock_out_a_browser_that_has_logged_in_before(
    client: Client, make_client: MakeClient, add_account: AddAccount
) -> None:
    await add_account()
    await try_login(client)
    mark = client.session.cookie_jar.filter_cookies(client.make_url("/"))["axis-known"].value  # type: ignore[arg-type]
    stranger = await make_client()
    for _ in range(4):
        await try_login(stranger, password="wrong")
    assert (await try_login(stranger)).status == 403
    client.session.cookie_jar.clear()
    assert (await try_login(client)).status == 403  # without its mark it is a stranger, too
    client.session.cookie_jar.update_cookies({"axis-known": mark}, client.make_url("/"))
    assert (await try_login(client)).status == 303


async def test_a_known_browser_is_counted_by_itself_and_a_forged_mark_is_none(
    client: Client, add_account: AddAccount, store: Store
) -> None:
    await add_account()
    await add_account("lan")
    await try_login(client)
    mark = client.session.cookie_jar.filter_cookies(client.make_url("/"))["axis-known"].value  # type: ignore[arg-type]
    refused = 0
    for name, cookie in (("minh", mark), ("lan", mark), ("minh", mark[:-2] + "xx"), ("minh", "9999999999.x.y")):
        client.session.cookie_jar.clear()
        client.session.cookie_jar.update_cookies({"axis-known": cookie}, client.make_url("/"))
        for _ in range(8):
            await try_login(client, name, password="wrong")
        row = await store.read(lambda conn, name=name: accounts.the_account(conn, name))
        refused += row.failures
        assert row.locked_until is not None, cookie  # its own tries used up, it is counted like anybody
    assert refused


async def test_too_much_that_is_wrong_from_one_address_has_to_wait(
    make_client: MakeClient, add_account: AddAccount, clock: Clock
) -> None:
    await add_account()
    client = await make_client(rules=RULES.model_copy(update={"failures_per_minute": 4}))
    for number in range(4):
        assert (await try_login(client, f"nobody{number}")).status == 403
    refused = await try_login(client)
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 0
    clock.later(seconds=16)
    assert (await try_login(client)).status == 303
