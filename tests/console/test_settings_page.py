"""The page of the settings: grouped, filtered, in both languages, and no secret on it."""

import html
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from axis.settings import Settings, Source, describe_settings, read_settings
from axis.store.store import Store
from axis.terms import Role
from axis.web.console.language import speak
from axis.web.console.setting_words import SECTIONS, SOURCES, meaning, vietnamese
from axis.web.console.settings_page import Asked, settings_page
from tests.console.conftest import Client, LogIn, MakeClient
from tests.console.control_room import Room, browsers, open_room
from tests.exchange.harness import HeldClock

CANARY = "canary-4711"
TOML = f"""
[node]
code = "H24"
name = "<script>alert('x')</script>"
[server]
port = 8080
[store]
url_file = "{CANARY}"
[signing]
key_file = "key"
password_file = "{CANARY}"
[mail]
smtp_password_file = "{CANARY}"
imap_password_file = "{CANARY}"
[sso]
client_secret_file = "{CANARY}"
[[uplink]]
id = "national"
endpoint = "https://lan:{CANARY}@national.invalid/vxp?key={CANARY}"
system_id = "h24"
secret_file = "{CANARY}"
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / CANARY).write_text(f"postgresql://lan:{CANARY}@db.invalid/axis", encoding="utf-8")
    (tmp_path / "axis.toml").write_text(TOML, encoding="utf-8")
    monkeypatch.setenv("AXIS_SECRET_SMTP", CANARY)
    monkeypatch.setenv("AXIS_DISK__RETRY_AFTER_S", "77")
    return read_settings(tmp_path / "axis.toml")


@pytest.fixture
async def room(store: Store, tmp_path: Path, settings: Settings) -> Room:
    return await open_room(store, tmp_path, settings)


@pytest.fixture
def clock(room: Room) -> HeldClock:
    return room.node.clock


@pytest.fixture
async def make_client(room: Room) -> AsyncIterator[MakeClient]:
    async with browsers(room) as make:
        yield make


async def shown(client: Client, query: str = "", status: int = 200, **headers: str) -> str:
    async with client.get(f"/operator/settings{query}", headers=headers) as answer:
        body = await answer.text()
        assert answer.status == status, body
        return re.sub(r"\s+", " ", body)


@pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR])
async def test_others_find_nothing_there(log_in: LogIn, role: Role) -> None:
    await shown(await log_in(role), status=404)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMINISTRATOR])
async def test_no_secret_stands_on_the_page(log_in: LogIn, role: Role) -> None:
    client = await log_in(role)
    for query in ("", "?from=set", "?q=url", "?q=uplink", "?q=secret", "?q=AXIS_SECRET_SMTP"):
        page = await shown(client, query)
        assert CANARY not in page
        assert "db.invalid" not in page
    page = await shown(client)
    assert page.count("đã đặt, không hiển thị") == 7
    assert page.count("chưa đặt") == 1  # the token's PIN
    assert "Không mục nào khớp" in await shown(client, f"?q={CANARY[:6]}")  # it is not looked through either
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


async def test_each_value_stands_beside_its_default_and_where_it_comes_from(log_in: LogIn) -> None:
    client = await log_in(Role.OPERATOR)
    page = await shown(client, "?q=disk.retry_after_s")
    assert re.search(
        r"<code>77</code>.*Biến môi trường.*AXIS_DISK__RETRY_AFTER_S.*<code class=\"meta\">120</code>", page
    )
    assert "axis.toml</span>" in await shown(client, "?q=server.port")
    assert "Mặc định</span>" in await shown(client, "?q=server.host")
    keys = set(re.findall(r"<code>(\w+(?:\.\w+)+)</code>", await shown(client, "?from=set")))
    assert "server.port" in keys
    assert "server.host" not in keys


async def test_it_is_searched_by_what_it_means_in_either_language(log_in: LogIn) -> None:
    client = await log_in(Role.OPERATOR)
    page = await shown(client, "?q=trich yeu")
    assert "exchange.secret_phrases" in page
    english = await shown(client, "?q=state+secrets", Cookie=f"{_cookie(client)}; lang=en")
    assert "exchange.secret_phrases" in english
    assert "Markings of state secrets" in html.unescape(english)
    assert "Không mục nào khớp" in await shown(client, "?q=khong-co-dau")
    await shown(client, "?from=else", 400)


def test_every_setting_is_on_the_page_in_its_section(settings: Settings) -> None:
    page = settings_page(settings, Asked())
    assert [group.title for group in page.groups] == list(SECTIONS.values())
    assert sum(len(group.lines) for group in page.groups) == len(describe_settings())
    assert list(SECTIONS) == list(Settings.model_fields)
    assert set(SOURCES) == set(Source)


def test_every_meaning_is_said_in_vietnamese_and_none_is_left_over() -> None:
    meanings = {one.meaning for one in describe_settings()}
    assert set(vietnamese()) == meanings, "say it in axis/web/console/locale/vi/settings.po"
    assert all(text != said for text, said in vietnamese().items())
    assert meaning("Its port.") == "Cổng của máy đó."
    speak("en")
    assert meaning("Its port.") == "Its port."


def _cookie(client: Client) -> str:
    cookies = client.session.cookie_jar.filter_cookies(client.make_url("/"))
    return "; ".join(f"{name}={one.value}" for name, one in cookies.items())


def test_what_a_page_asks_for_is_in_its_address() -> None:
    ask: Callable[..., str] = Asked(text="a b", tab="set").href
    assert ask() == "/operator/settings?q=a+b&from=set"
    assert ask(q="") == "/operator/settings?from=set"
    assert Asked().href() == "/operator/settings"
