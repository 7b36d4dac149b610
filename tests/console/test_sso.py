"""Log-in by single sign-on, against a provider that can be made to lie."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import func, select

from axis.errors import Code, WrongState
from axis.ops.sso import BACK, SingleSignOn
from axis.settings import Sso
from axis.store import accounts, schema, sso
from axis.store.store import Store
from axis.terms import Role
from tests.console.archive import Archive, Clock
from tests.console.conftest import AddAccount, Client, MakeClient
from tests.console.provider import CLIENT_ID, CLIENT_SECRET, SUBJECT, Provider, running
from tests.console.test_login import HTML, is_in, try_login

HERE = "http://truc.invalid"


@pytest.fixture
async def provider(clock: Clock) -> AsyncIterator[Provider]:
    async with running(clock, HERE + BACK) as one:
        yield one


def rules(provider: Provider, **more: Any) -> Sso:
    given = {"issuer": provider.issuer, "client_id": CLIENT_ID, "public_url": HERE, "private_addresses": True}
    return Sso(**(given | more))


@pytest.fixture
async def city(make_client: MakeClient, provider: Provider, clock: Clock) -> Client:
    """A browser on a console with single sign-on."""
    return await make_client(sso=SingleSignOn(rules(provider), CLIENT_SECRET, clock))


@pytest.fixture
async def linked(add_account: AddAccount, provider: Provider, store: Store, clock: Clock) -> None:
    """The account minh belongs to whoever the provider knows."""
    await add_account("minh", Role.AUDITOR)
    await store.write(lambda conn: sso.link(conn, "minh", (provider.issuer, SUBJECT), clock.now(), "test"))


async def leave(client: Client, path: str = "/login/sso") -> str:
    """Go to the provider. Returns where it sends the browser back to, as path and query."""
    left = await client.get(path, allow_redirects=False)
    assert left.status == 303, await left.text()
    async with aiohttp.ClientSession() as session:
        answer = await session.get(left.headers["Location"], allow_redirects=False)
    back = answer.headers["Location"]
    assert back.startswith(HERE + BACK), back
    return back.removeprefix(HERE)


async def come_back(client: Client, back: str) -> str:
    answer = await client.get(back, allow_redirects=False, headers=HTML)
    assert answer.status == 303
    return answer.headers["Location"]


@pytest.mark.usefixtures("linked")
async def test_whoever_the_provider_knows_is_in_where_the_way_led(city: Client, store: Store) -> None:
    assert "/login/sso?next=" in await (await city.get("/login?next=/me")).text()
    back = await leave(city, "/login/sso?next=/me")
    assert await come_back(city, back) == "/me"
    assert await is_in(city)
    page = await (await city.get("/me")).text()
    assert "minh" in page
    assert "Đăng nhập một lần" in page
    row = await store.read(lambda conn: conn.execute(select(schema.session)).one())
    assert row.way == "sso"


@pytest.mark.usefixtures("linked")
async def test_what_is_asked_of_the_provider_binds_the_answer_to_this_browser(city: Client) -> None:
    left = await city.get("/login/sso", allow_redirects=False)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(left.headers["Location"]).query).items()}
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert all(len(asked[name]) >= 43 for name in ("state", "nonce", "code_challenge"))
    assert asked["redirect_uri"] == HERE + BACK
    cookie = left.cookies["axis-sso"]
    assert cookie["httponly"]
    assert cookie.value not in left.headers["Location"]


@pytest.mark.usefixtures("linked")
async def test_nobody_is_led_to_another_site(city: Client) -> None:
    back = await leave(city, "/login/sso?next=https://evil.example")
    assert await come_back(city, back) == "/"


@pytest.mark.usefixtures("linked")
async def test_the_way_back_can_be_gone_once_only_and_by_the_browser_that_left(
    city: Client, make_client: MakeClient, provider: Provider, clock: Clock
) -> None:
    provider.reuse = True  # even where the provider would take its code again
    other = await make_client(sso=SingleSignOn(rules(provider), CLIENT_SECRET, clock))
    back = await leave(city)
    assert await come_back(other, back) == "/login?sso=stale"  # a browser that never left
    await leave(other)
    assert await come_back(other, back) == "/login?sso=stale"  # one that left on a way of its own
    assert await come_back(city, back) == "/"
    city.session.cookie_jar.clear_domain(city.make_url("/").host or "")
    assert await come_back(city, back) == "/login?sso=stale"
    for made_up in ("?state=x&code=y", "", "?code=y", f"?state={'x' * 5_000}&code=y"):
        assert await come_back(city, BACK + made_up) == "/login?sso=stale"
    assert not await is_in(other)


@pytest.mark.usefixtures("linked")
async def test_a_way_that_took_too_long_is_over(city: Client, clock: Clock) -> None:
    back = await leave(city)
    clock.later(minutes=11)
    assert await come_back(city, back) == "/login?sso=stale"


@pytest.mark.usefixtures("linked")
async def test_a_code_is_taken_once(city: Client) -> None:
    first = await leave(city)
    code = parse_qs(urlsplit(first).query)["code"][0]
    assert await come_back(city, first) == "/"
    again = await leave(city, "/login/sso")
    state = parse_qs(urlsplit(again).query)["state"][0]
    city.session.cookie_jar.clear(lambda one: one.key == "axis")
    assert await come_back(city, f"{BACK}?state={state}&code={code}") == "/login?sso=refused"
    assert not await is_in(city)


@pytest.mark.usefixtures("linked")
async def test_a_code_of_another_way_is_refused_by_its_verifier(city: Client) -> None:
    first, second = await leave(city), await leave(city)
    stolen = parse_qs(urlsplit(first).query)["code"][0]
    state = parse_qs(urlsplit(second).query)["state"][0]
    assert await come_back(city, f"{BACK}?state={state}&code={stolen}") == "/login?sso=refused"


def _signed(key: Any, header: dict[str, Any], claims: dict[str, Any], **changed: Any) -> str:
    return jwt.encode(header, claims | changed, key, [header["alg"]])


def _unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (header | {"alg": "none"}, claims)
    said = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*said, ""])


OTHER = RSAKey.generate_key(2048, {"kid": "k1"})


@pytest.mark.parametrize(
    "wrong",
    [
        "another_key",
        "changed",
        "alg_none",
        "shared_secret",
        "public_key_as_secret",
        "issuer",
        "audience",
        "audiences",
        "azp",
        "nonce",
        "no_nonce",
        "expired",
        "early",
        "no_expiry",
        "no_subject",
        "empty_subject",
        "at_hash",
        "garbage",
    ],
)
@pytest.mark.usefixtures("linked")
async def test_a_token_that_cannot_be_trusted_opens_nothing(city: Client, provider: Provider, wrong: str) -> None:
    now = int(provider.clock.now().timestamp())

    def spoil(header: dict[str, Any], claims: dict[str, Any]) -> str:
        changed = {
            "issuer": {"iss": "https://evil.invalid"},
            "audience": {"aud": "somebody-else"},
            "audiences": {"aud": [CLIENT_ID, "somebody-else"]},
            "azp": {"azp": "somebody-else"},
            "nonce": {"nonce": "of another way"},
            "expired": {"exp": now - 61},
            "early": {"nbf": now + 600},
            "empty_subject": {"sub": ""},
            "at_hash": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
        }.get(wrong)
        if changed is not None:
            return _signed(provider.key, header, claims, **changed)
        if wrong in ("no_nonce", "no_expiry", "no_subject"):
            del claims[{"no_nonce": "nonce", "no_expiry": "exp", "no_subject": "sub"}[wrong]]
            return _signed(provider.key, header, claims)
        if wrong == "another_key":
            return _signed(OTHER, header, claims)
        if wrong == "changed":
            head, _, mark = _signed(provider.key, header, claims).split(".")
            body = base64.urlsafe_b64encode(json.dumps(claims | {"sub": SUBJECT, "x": 1}).encode()).decode().rstrip("=")
            return f"{head}.{body}.{mark}"
        if wrong == "alg_none":
            return _unsigned(header, claims)
        if wrong == "shared_secret":
            return _signed(OctKey.import_key(CLIENT_SECRET * 2), {"alg": "HS256", "kid": "shared"}, claims)
        if wrong == "public_key_as_secret":
            public = OctKey.import_key(base64.b64encode(provider.key.as_bytes(private=False)))
            return _signed(public, {"alg": "HS256", "kid": "k1"}, claims)
        return "a.b.c"

    provider.spoil = spoil
    back = await leave(city)
    assert await come_back(city, back) == "/login?sso=refused"
    assert not await is_in(city)
    provider.spoil = None
    assert await come_back(city, await leave(city)) == "/"  # the same with a right one


@pytest.mark.usefixtures("linked")
async def test_the_providers_new_keys_are_found_and_its_old_ones_end(
    city: Client, provider: Provider, clock: Clock
) -> None:
    assert await come_back(city, await leave(city)) == "/"
    asked = provider.asked.count("/jwks")
    await come_back(city, await leave(city))
    assert provider.asked.count("/jwks") == asked  # kept
    old = provider.key
    provider.key = RSAKey.generate_key(2048, {"kid": "k2"})
    clock.later(minutes=2)
    assert await come_back(city, await leave(city)) == "/"
    assert provider.asked.count("/jwks") == asked + 1
    provider.spoil = lambda header, claims: _signed(old, header | {"kid": "k1"}, claims)
    assert await come_back(city, await leave(city)) == "/login?sso=refused"
    assert provider.asked.count("/jwks") <= asked + 2  # nobody makes us ask for keys again and again
    clock.later(hours=2)
    provider.spoil = None
    assert await come_back(city, await leave(city)) == "/"


@pytest.mark.usefixtures("linked")
async def test_while_the_provider_is_away_it_is_told_and_passwords_go_on_working(
    city: Client, provider: Provider
) -> None:
    back = await leave(city)
    provider.down = True
    assert await come_back(city, back) == "/login?sso=down"
    assert "hiện không trả lời" in await (await city.get("/login?sso=down")).text()
    assert (await try_login(city)).status == 303
    assert await is_in(city)


async def test_a_provider_that_never_was_there_is_told_as_well(make_client: MakeClient, clock: Clock) -> None:
    nowhere = Sso(issuer="http://127.0.0.1:9", client_id="x", public_url=HERE, private_addresses=True)
    client = await make_client(sso=SingleSignOn(nowhere, "x", clock))
    assert (await client.get("/login/sso", allow_redirects=False)).headers["Location"] == "/login?sso=down"


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.invalid"},
        {"token_endpoint": None},
        {"authorization_endpoint": 7},
        {"jwks_uri": "file:///etc/passwd"},
    ],
    ids=["issuer", "token", "authorization", "keys"],
)
@pytest.mark.usefixtures("linked")
async def test_a_document_that_contradicts_itself_is_not_followed(
    city: Client, provider: Provider, document: dict[str, Any]
) -> None:
    provider.document = document
    left = await city.get("/login/sso", allow_redirects=False)
    if left.headers["Location"].startswith("/login"):
        assert left.headers["Location"] == "/login?sso=down"
    else:
        assert (await come_back(city, await leave(city))).startswith("/login?sso=")
    assert not await is_in(city)


async def test_private_networks_are_called_only_where_the_settings_say_so(
    make_client: MakeClient, provider: Provider, clock: Clock
) -> None:
    careful = SingleSignOn(rules(provider, private_addresses=False), CLIENT_SECRET, clock)
    client = await make_client(sso=careful)
    assert (await client.get("/login/sso", allow_redirects=False)).headers["Location"] == "/login?sso=down"
    assert provider.asked == []


async def test_who_has_no_account_here_is_told(city: Client) -> None:
    assert await come_back(city, await leave(city)) == "/login?sso=unknown"
    assert "chưa có tài khoản trên trục" in await (await city.get("/login?sso=unknown")).text()


@pytest.mark.usefixtures("linked")
async def test_a_disabled_account_stays_shut(city: Client, store: Store) -> None:
    await store.write(lambda conn: conn.execute(schema.account.update().values(enabled=False)).rowcount)
    assert await come_back(city, await leave(city)) == "/login?sso=unknown"


async def test_accounts_are_made_with_the_roles_and_organisations_that_the_claims_mean(
    make_client: MakeClient, provider: Provider, clock: Clock, store: Store, archive: Archive
) -> None:
    await archive.organ("H24.2", "Sở Xây dựng")
    made = rules(provider, create_accounts=True, role_map=("van-thu=clerk",), organs_claim="units")
    client = await make_client(sso=SingleSignOn(made, CLIENT_SECRET, clock))
    provider.claims = {"preferred_username": "Lan", "name": "Trần Thị Lan", "roles": ["khác"], "units": ["H24.2", "X"]}
    assert await come_back(client, await leave(client)) == "/login?sso=unknown"  # no role: no account
    provider.claims["roles"] = ["van-thu", "administrator"]  # a word that is no word of the map means nothing
    for _ in range(2):
        assert await come_back(client, await leave(client)) == "/"
    view = await store.read(lambda conn: accounts.view_account(conn, "lan"))
    assert (view.roles, view.account.full_name) == ((Role.CLERK,), "Trần Thị Lan")
    assert [one.organ_id for one in view.organs] == ["H24.2"]
    assert await store.read(lambda conn: conn.execute(select(func.count()).select_from(schema.account)).scalar()) == 1


async def test_nobody_gets_anothers_account_by_bearing_its_name(
    make_client: MakeClient, provider: Provider, clock: Clock, add_account: AddAccount
) -> None:
    await add_account("quản trị", Role.ADMINISTRATOR)
    made = rules(provider, create_accounts=True, role_map=("x=clerk",))
    client = await make_client(sso=SingleSignOn(made, CLIENT_SECRET, clock))
    provider.claims = {"preferred_username": "Quản Trị", "roles": ["x"]}
    assert await come_back(client, await leave(client)) == "/login?sso=unknown"
    assert not await is_in(client)


@pytest.mark.usefixtures("linked")
async def test_log_out_ends_the_session_here_and_leads_to_the_providers(city: Client, provider: Provider) -> None:
    await come_back(city, await leave(city))
    page = await (await city.get("/me")).text()
    csrf = page.split('name="csrf" value="')[1].split('"')[0]
    out = await city.post("/logout", data={"csrf": csrf}, allow_redirects=False)
    assert out.headers["Location"] == "/login?out=sso"
    assert not await is_in(city)
    assert "/login/sso/out" in await (await city.get("/login?out=sso")).text()
    bye = await city.get("/login/sso/out", allow_redirects=False)
    assert bye.headers["Location"].startswith(f"{provider.issuer}/bye?")
    provider.down = True


@pytest.mark.usefixtures("linked")
async def test_a_person_belongs_to_one_account(add_account: AddAccount, store: Store, provider: Provider) -> None:
    await add_account("lan")
    now = provider.clock.now()
    with pytest.raises(WrongState) as refused:
        await store.write(lambda conn: sso.link(conn, "lan", (provider.issuer, SUBJECT), now, "t"))
    assert refused.value.code is Code.ACCOUNT_LINKED
    await store.write(lambda conn: sso.unlink(conn, "minh", now, "t"))
    await store.write(lambda conn: sso.link(conn, "lan", (provider.issuer, SUBJECT), now, "t"))
    found = await store.read(lambda conn: sso.find_linked(conn, provider.issuer, SUBJECT))
    assert found is not None
    assert found.username == "lan"


async def test_without_single_sign_on_there_are_no_such_pages(client: Client) -> None:
    assert "/login/sso" not in await (await client.get("/login")).text()
    for path in ("/login/sso", BACK, "/login/sso/out"):
        assert (await client.get(path, allow_redirects=False)).status == 404
