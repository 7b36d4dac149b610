"""The console on a store of each kind, with the shell around it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient
from argon2 import PasswordHasher
from cryptography.fernet import Fernet

from axis.delivery.directory import DirectoryCache
from axis.delivery.router import Router
from axis.edxml.model import Limits as PackageLimits
from axis.exchange.context import Context
from axis.exchange.desk import Desk
from axis.exchange.judges import Judges
from axis.exchange.service import Exchange
from axis.ids import new_id
from axis.keys import NodeKey
from axis.ops.disk import DiskWatch, Space, Watermark
from axis.settings import Console, Limits
from axis.store import accounts, sessions
from axis.store.records import Account, Audit, Session
from axis.store.store import Store
from axis.terms import Role
from axis.trust.policy import Policy as Rules
from axis.web.app import WebParts, build_app
from axis.web.console.language import DEFAULT, speak
from axis.web.console.parts import ConsoleParts
from axis.web.console.sessions import digest, new_token
from tests.console.archive import Archive, Clock
from tests.served import Served

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # the checking side reads the cost from the hash
PASSWORD = "mật-khẩu đúng"
KEY = NodeKey(Fernet.generate_key())
RULES = Console(failures_until_pause=3, pause_s=60, session_hours=8, idle_minutes=30, page_rows=5, totp_required_for=())

Client = TestClient[Any, Any]
MakeClient = Callable[..., Awaitable[Client]]


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an unknown account's password is checked against is made as quickly as the accounts' own hashes."""
    monkeypatch.setattr("axis.web.console.passwords.PasswordHasher", lambda: QUICK)


@pytest.fixture(autouse=True)
def vietnamese() -> Iterator[None]:
    """What a test says without a request is said in the language of the house, whatever ran before."""
    speak(DEFAULT)
    yield
    speak(DEFAULT)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def archive(store: Store, clock: Clock) -> Archive:
    return Archive(store, clock)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


async def the_works(store: Store, clock: Clock, folder: Path) -> tuple[Context, Exchange]:
    """The use cases on what the store holds now."""
    directory = await DirectoryCache.load(store, KEY, clock)
    context = Context(store=store, clock=clock, directory=directory, router=Router(("H24",), ()))
    judges = Judges(store, directory, folder / "trust", Rules())
    await judges.refresh()
    return context, Exchange(context, judges, check_intake=lambda: None)


MakeParts = Callable[..., Awaitable[ConsoleParts]]


@pytest.fixture
def make_parts(store: Store, clock: Clock, scratch: Path) -> MakeParts:
    """Makes what a console is built from."""

    async def make(**more: Any) -> ConsoleParts:
        context, exchange = await the_works(store, clock, scratch)
        given: dict[str, Any] = {"rules": RULES, "tls": False, "refusal_s": 0} | more
        return ConsoleParts(
            store=store,
            exchange=exchange,
            desk=Desk(context, exchange),
            clock=clock,
            limits=PackageLimits(),
            scratch=scratch,
            key=KEY,
            node_name="Hải Bình",
            **given,
        )

    return make


@pytest.fixture
async def make_client(make_parts: MakeParts) -> AsyncIterator[MakeClient]:
    """Makes browsers on a running console; each has its own cookies."""
    clients: list[Client] = []

    async def make(**more: Any) -> Client:
        mark = Watermark(min_free_bytes=1, min_free_percent=0, check_interval_s=5, retry_after_s=10)
        disk = DiskWatch(lambda: Space(free_bytes=9, total_bytes=9), mark)
        console = await make_parts(**more)
        app = build_app(WebParts(console=console, disk=disk, node_name="Thành phố Hải Bình", limits=Limits()))
        client: Client = TestClient(Served(app, access_log=None), cookie_jar=CookieJar(unsafe=True))
        await client.start_server()
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()


@pytest.fixture
async def client(make_client: MakeClient) -> Client:
    """A browser that nobody has logged in with."""
    return await make_client()


AddAccount = Callable[..., Awaitable[Account]]


@pytest.fixture
def add_account(store: Store, clock: Clock) -> AddAccount:
    """Adds accounts, with a hash that is quick to check."""

    async def add(username: str = "minh", *roles: Role, enabled: bool = True, organs: Sequence[str] = ()) -> Account:
        account = Account(
            account_id=new_id(clock.now()),
            username=username,
            password_hash=QUICK.hash(PASSWORD),
            roles=" ".join(roles or (Role.OPERATOR,)),
            enabled=enabled,
            created_at=clock.now(),
        )
        await store.write(lambda conn: accounts.add_account(conn, account, organs))
        return account

    return add


LogIn = Callable[..., Awaitable[Client]]


@pytest.fixture
def log_in(store: Store, clock: Clock, make_client: MakeClient, add_account: AddAccount) -> LogIn:
    """Makes a browser that somebody with these roles has logged in with."""

    async def log(*roles: Role, organs: Sequence[str] = ()) -> Client:
        client = await make_client()
        account = await add_account(f"u{new_id(clock.now())}", *roles, organs=organs)
        token, now = new_token(), clock.now()
        session = Session(
            token_sha256=digest(token),
            account_id=account.account_id,
            csrf_token="csrf-of-the-session",
            session_id=new_id(now),
            used_at=now,
            created_at=now,
            expires_at=now.replace(year=now.year + 1),
        )
        line = Audit(audit_id=new_id(now), at=now, kind="login", actor=account.username, fields="{}")
        await store.write(lambda conn: sessions.open_session(conn, session, line))
        client.session.cookie_jar.update_cookies({"axis": token}, client.make_url("/"))
        return client

    return log


@pytest.fixture
async def operator(log_in: LogIn) -> Client:
    """A browser of an operator, who sees all documents."""
    return await log_in(Role.OPERATOR)
