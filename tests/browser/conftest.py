"""A real browser on a real node: what a page shows, says and does, in both languages.

All tests of this folder share one event loop, one browser per worker and one node per module. A module adds what its
pages show through `site.archive`; whoever it needs logs in through `visit`.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from axis.ids import new_id
from axis.messages import Language
from axis.serve import Node
from axis.store import accounts, sessions
from axis.store.records import Account, Audit, Session
from axis.store.store import Store
from axis.terms import Role
from axis.web.console.language import DEFAULT
from axis.web.console.sessions import digest, new_token
from tests.browser import chromium
from tests.console.archive import Archive, Clock
from tests.nodes import CLOCK, Blueprint, lay_out, running

HERE = Path(__file__).parent
SCREENSHOTS = HERE.parent.parent / "screenshots"  # for people who set AXIS_SCREENSHOTS; never committed
PASSWORD = "mật khẩu của phép thử"
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 800}
SETTINGS = {"node.name": "Hai Binh", "console.totp_required_for": []}  # no test has a telephone
_OF_THE_BROWSER = ("blob", "data", "chrome", "chrome-extension")  # the last two: its own viewer of PDF files
_QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One loop for all of this folder: a browser and a node live longer than a test."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.timeout(180))


@pytest.fixture(params=["vi", "en"])
def language(request: pytest.FixtureRequest) -> Language:
    """Each language of the pages in turn."""
    return request.param  # type: ignore[no-any-return]


@dataclass(frozen=True, kw_only=True)
class Site:
    """A node that listens, and the means to fill it."""

    node: Node
    archive: Archive

    @property
    def store(self) -> Store:
        return self.node.store

    @property
    def url(self) -> str:
        return self.node.url

    async def account(self, *roles: Role, username: str | None = None) -> Account:
        """A new account with these roles; its password is PASSWORD."""
        now = CLOCK.now()
        account = Account(
            account_id=new_id(now),
            username=username or f"lan-{new_id(now)[-6:].lower()}",
            password_hash=_QUICK.hash(PASSWORD),
            roles=" ".join(roles),
            enabled=True,
            created_at=now,
        )
        await self.store.write(lambda conn: accounts.add_account(conn, account))
        return account

    async def token(self, account: Account) -> str:
        """The cookie of a new session."""
        token, now = new_token(), CLOCK.now()
        session = Session(
            token_sha256=digest(token),
            account_id=account.account_id,
            csrf_token=new_token(),
            session_id=new_id(now),
            used_at=now,
            created_at=now,
            expires_at=now.replace(year=now.year + 1),
        )
        line = Audit(audit_id=new_id(now), at=now, kind="login", actor=account.username, fields="{}")
        await self.store.write(lambda conn: sessions.open_session(conn, session, line))
        return token


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A node of the module's own, on SQLite, with the demo city's organisations."""
    folder = tmp_path_factory.mktemp("node")
    settings = await lay_out(folder / "data", Blueprint(signatures="off", more=SETTINGS))
    async with running(settings) as node:
        yield Site(node=node, archive=Archive(node.store, Clock(at=CLOCK.now())))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The one browser of this process."""
    program = chromium.find()
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=program, args=chromium.arguments())
        yield opened
        await opened.close()


class Watched:
    """What a page did that it must not: other hosts, errors, whatever the content policy stopped."""

    def __init__(self, host: str) -> None:
        self._host = host
        self.faults: list[str] = []
        self.expected: list[str] = []  # patterns of what a test provokes itself

    def watch(self, page: Page) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", lambda request: self._asked(request.url))

    def found(self) -> list[str]:
        return [fault for fault in self.faults if not any(re.search(one, fault) for one in self.expected)]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.type}: {message.text}")

    def _asked(self, url: str) -> None:
        if urlsplit(url).netloc != self._host and urlsplit(url).scheme not in _OF_THE_BROWSER:
            self.faults.append(f"another host: {url}")


@pytest.fixture
def watched(site: Site) -> Watched:
    """What the test's pages did; a test that provokes an error says so in `expected`."""
    return Watched(urlsplit(site.url).netloc)


Visit = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="session")
async def visit(site: Site, browser: Browser, language: Language, watched: Watched) -> AsyncIterator[Visit]:
    """Opens a browser window in the test's language: `await visit(Role.CLERK)`, without roles for a stranger.

    account: somebody who is there already. script: whether the pages' script runs. At the end nothing may have come
    from another host, and no error may have been reported.
    """
    contexts: list[BrowserContext] = []

    async def open_window(*roles: Role, account: Account | None = None, script: bool = True) -> Page:
        context = await browser.new_context(
            viewport=DESK,
            locale="de",
            timezone_id="Asia/Ho_Chi_Minh",
            java_script_enabled=script,
            accept_downloads=True,
        )
        contexts.append(context)
        cookies = [{"name": "lang", "value": language, "url": site.url}]
        if roles or account:
            who = account or await site.account(*roles)
            cookies.append({"name": "axis", "value": await site.token(who), "url": site.url})
        await context.add_cookies(cookies)  # type: ignore[arg-type]
        page = await context.new_page()
        watched.watch(page)
        return page

    yield open_window
    for context in contexts:
        await context.close()
    assert not watched.found()


Look = Callable[..., Awaitable[None]]


@pytest.fixture
def look(language: Language) -> Look:
    """Examines a page as it stands: `await look(page, "inbox")`.

    No violation of WCAG 2.2 AA, a title, nothing that moves a phone's page sideways; and, where asked for, a picture of
    each width.
    """

    async def examine(page: Page, name: str) -> None:
        assert await page.title()
        assert await page.evaluate("document.documentElement.lang") == language
        for size, viewport in (("phone", PHONE), ("desk", DESK)):
            await page.set_viewport_size(viewport)  # type: ignore[arg-type]
            wide, seen = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            await _picture(page, f"{name}-{language}-{size}.png")
            assert wide <= seen, f"{name} is wider than a {size}"
            # A page has the same colours in every language: once, in that of the house, is enough.
            assert not await violations(page, colours=language == DEFAULT), f"{name} on a {size}"

    return examine


async def violations(page: Page, *, colours: bool = True) -> list[dict[str, Any]]:
    """What axe finds, short: rule, help, and where. colours: the contrast too, which takes longer than all the rest."""
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    options: dict[str, Any] = {"runOnly": rules, "resultTypes": ["violations"]}  # what is right is not described
    if not colours:
        options["rules"] = {"color-contrast": {"enabled": False}}
    found = await Axe().run(page, options=options)
    return [
        {"rule": one["id"], "help": one["help"], "where": [node["html"][:200] for node in one["nodes"][:5]]}
        for one in found.response["violations"]
    ]


async def _picture(page: Page, name: str) -> None:
    if not os.environ.get("AXIS_SCREENSHOTS"):
        return
    await asyncio.to_thread(SCREENSHOTS.mkdir, exist_ok=True)
    await page.screenshot(path=SCREENSHOTS / name, full_page=True, animations="disabled")
