"""A city's exchange behind the console, with clerks who sit at it."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import CookieJar
from aiohttp.test_utils import TestClient

from axis.edxml.model import Limits as PackageLimits
from axis.exchange.composing import Composer
from axis.exchange.desk import Desk
from axis.exchange.service import Exchange
from axis.ids import new_id
from axis.keys import NodeKey
from axis.ops.disk import DiskWatch, Space, Watermark
from axis.settings import Console, Limits
from axis.store import accounts, sessions, systems
from axis.store.records import Account, Audit, Session, System
from axis.store.registry import OrganRow
from axis.store.store import Store
from axis.store.systems import NewSystem
from axis.terms import Role
from axis.web.app import WebParts, build_app
from axis.web.console.parts import ConsoleParts
from axis.web.console.sessions import digest, new_token
from tests.console.conftest import KEY
from tests.exchange.harness import ORGANS, Node, Plan, make_node
from tests.served import Served

COMMUNE, STATION, OFFICE = "H24.90", "H24.90.1", "H24.90.3"
CSRF = "csrf-of-the-session"
HTML = {"Accept": "text/html"}
_INBOX = (
    OrganRow(code=COMMUNE, name="UBND xã Đông Hải", parent="H24"),
    OrganRow(code=STATION, name="Trạm Y tế xã Đông Hải", parent=COMMUNE),
    OrganRow(code=OFFICE, name="Phòng Kinh tế xã Đông Hải", parent=COMMUNE),
)


@dataclass
class Desktop:
    """One clerk's browser."""

    client: TestClient[Any, Any]
    account: Account

    async def page(self, path: str, status: int = 200) -> str:
        """A page, read by a person."""
        answer = await self.client.get(path, headers=HTML)
        text = await answer.text()
        assert answer.status == status, text[:2_000]
        return text

    async def post(self, path: str, **fields: str) -> tuple[int, str]:
        """Send a form; its status, and the page or where it leads."""
        answer = await self.client.post(path, data={"csrf": CSRF} | fields, headers=HTML, allow_redirects=False)
        return answer.status, answer.headers.get("Location") or await answer.text()


def fields_of(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the first form that goes there, as a browser would send them."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page, re.DOTALL)
    assert form, f"no form for {action}"
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[0])
    return {name: html.unescape(value) for name, value in found}


@dataclass
class Office:
    """The exchange, its console, and whoever has logged in."""

    node: Node
    exchange: Exchange
    desk: Desk
    scratch: Path
    rules: Console = field(default_factory=lambda: Console(page_rows=20))
    limits: PackageLimits = field(default_factory=PackageLimits)
    clients: list[TestClient[Any, Any]] = field(default_factory=list)

    async def clerk(self, *organs: str, name: str = "Lê Văn C", roles: Sequence[Role] = (Role.CLERK,)) -> Desktop:
        """A browser of a new account."""
        now, store = self.node.clock.now(), self.node.store
        account = Account(
            account_id=new_id(now),
            username=f"u{new_id(now).lower()}",
            password_hash="-",
            roles=" ".join(roles),
            enabled=True,
            created_at=now,
            full_name=name,
        )
        await store.write(lambda conn: accounts.add_account(conn, account, organs))
        return await self.browser(account)

    async def browser(self, account: Account) -> Desktop:
        """Another browser of an account."""
        now, store, token = self.node.clock.now(), self.node.store, new_token()
        session = Session(
            token_sha256=digest(token),
            account_id=account.account_id,
            csrf_token=CSRF,
            session_id=new_id(now),
            used_at=now,
            created_at=now,
            expires_at=now.replace(year=now.year + 1),
        )
        line = Audit(audit_id=new_id(now), at=now, kind="login", actor=account.username, fields="{}")
        await store.write(lambda conn: sessions.open_session(conn, session, line))
        client = await self._serve()
        client.session.cookie_jar.update_cookies({"axis": token}, client.make_url("/"))
        return Desktop(client, account)

    async def _serve(self) -> TestClient[Any, Any]:
        mark = Watermark(min_free_bytes=1, min_free_percent=0, check_interval_s=5, retry_after_s=10)
        disk = DiskWatch(lambda: Space(free_bytes=9, total_bytes=9), mark)
        console = ConsoleParts(
            store=self.node.store,
            exchange=self.exchange,
            desk=self.desk,
            clock=self.node.clock,
            rules=self.rules,
            limits=self.limits,
            scratch=self.scratch,
            key=KEY,
            node_name="Hải Bình",
            tls=False,
        )
        app = build_app(WebParts(console=console, disk=disk, node_name="Thành phố Hải Bình", limits=Limits()))
        client: TestClient[Any, Any] = TestClient(Served(app, access_log=None), cookie_jar=CookieJar(unsafe=True))
        await client.start_server()
        self.clients.append(client)
        return client

    async def close(self) -> None:
        """Close all browsers."""
        for client in self.clients:
            await client.close()


async def open_office(store: Store, folder: Path, composer: Composer | None = None) -> Office:
    """An office on an empty store: one commune, and what stands below it, works at the console."""
    made = await make_node(store, folder, Plan(organs=ORGANS + _INBOX))
    system = System(
        system_id="inbox", name="inbox", front="console", enabled=True, may_register=False, created_at=made.clock.now()
    )
    key = NodeKey.load(folder / "node.key")
    new = NewSystem(system=system, secret_encrypted=key.encrypt("unused"), serves=(COMMUNE,))
    await store.write(lambda conn: systems.add_system(conn, new, made.clock.now(), "test"))
    await made.directory.refresh()
    made.exchange = Exchange(made.context, made.judges, lambda: None, composer)
    scratch = folder / "scratch"
    scratch.mkdir()
    return Office(made, made.exchange, Desk(made.context, made.exchange), scratch)
