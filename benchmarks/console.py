"""How long the console's pages take over an archive of years, for clerks of organisations of every size.

`python -m benchmarks.console` fills SQLite with 100,000 documents and PostgreSQL with 1,000,000, which takes a
while; it is no part of `make bench`. With `--stay` the nodes go on when they were measured, to be looked into, and
`--at FOLDER URL` measures again what runs there.

A page's time is from the request to the last byte of the answer, one at a time; and again while another clerk exports
all that the busiest organisation received.
"""

import argparse
import asyncio
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import Connection, func, select

from axis.clock import SystemClock
from axis.ids import new_id
from axis.ops.access import Access, open_access
from axis.settings import read_settings
from axis.store import accounts, registry, sessions
from axis.store import schema as s
from axis.store.records import Account, Audit, Session
from axis.store.registry import OrganRow
from axis.terms import Role
from axis.web.console.sessions import digest, new_token
from benchmarks import archive
from benchmarks.running import node, postgres

BOUND_MS = 100
_EACH, _EACH_QUICK = 200, 10
_CLERKS = (0, 1, 2, 5, 12, 30, 80, 150, 250, 369)  # places among the organisations, the busiest first
_WORDS = (
    "phong chay chua chay",
    "chuyển đổi số",
    "Kế hoạch đầu tư công",
    "giay moi tuyen sinh",
    "quy hoạch sử dụng đất",
    "bão lụt phường",
)
_CLOCK = SystemClock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """How long one kind of page took, in milliseconds."""

    page: str
    asked: int
    p50: float
    p95: float
    most: float
    p95_beside_export: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Clerk:
    """Somebody who asks, and what there is to ask for."""

    cookie: str
    uids: tuple[str, ...]
    codes: tuple[str, ...]


def main() -> int:
    """Measure on both databases; 1 when a page's 95th percentile is over the bound."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test: few documents")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="one database only")
    parser.add_argument("--stay", action="store_true", help="leave each node running until Enter is pressed")
    parser.add_argument("--at", nargs=2, metavar=("FOLDER", "URL"), help="a node that was filled before")
    chosen = parser.parse_args()
    if chosen.at:
        found = [asyncio.run(look(chosen.at[1], Path(chosen.at[0]), _EACH))]
        print(json.dumps(found, indent=2))
        return int(found[0]["over_bound"])
    after = _wait if chosen.stay else _go_on
    each = _EACH_QUICK if chosen.quick else _EACH
    found = []
    with tempfile.TemporaryDirectory(prefix="axis-bench-") as folder:
        if chosen.only != "postgresql":
            found.append(measure(Path(folder) / "sqlite", None, _size("sqlite", quick=chosen.quick), each, after))
        if chosen.only != "sqlite":
            with postgres() as url:
                found.append(
                    measure(Path(folder) / "postgresql", url, _size("postgresql", quick=chosen.quick), each, after)
                )
    print(json.dumps(found, indent=2))
    return max(int(one["over_bound"]) for one in found)


def _size(kind: str, *, quick: bool) -> archive.Size:
    if quick:
        return archive.QUICK
    return archive.FULL_SQLITE if kind == "sqlite" else archive.FULL_POSTGRESQL


def _go_on(_found: dict[str, Any], _place: str) -> None:
    return


def _wait(found: dict[str, Any], place: str) -> None:
    print(json.dumps(found, indent=2), flush=True)
    input(f"--at {place}; Enter ends it\n")


def measure(
    folder: Path,
    database_url: str | None,
    size: archive.Size,
    each: int,
    after: Callable[[dict[str, Any], str], None] = _go_on,
) -> dict[str, Any]:
    """Fill a new node's database, and ask for every kind of page `each` times; then call `after`."""
    with node(folder, database_url=database_url) as running:
        asyncio.run(_register(folder))
        begun = time.perf_counter()
        archive.fill(database_url or "sqlite:///axis.db", folder, size)
        filled_s = round(time.perf_counter() - begun)
        found = {
            "database": (database_url or "sqlite").partition(":")[0],
            "filled_s": filled_s,
            **asyncio.run(look(running.url, folder, each)),
        }
        after(found, f"{folder} {running.url}")
        return found


async def _register(folder: Path) -> None:
    rows = [
        OrganRow(code=code, name=f"Cơ quan {number}", parent="H24", level=2)
        for number, code in enumerate(archive.codes(), 1)
    ]
    async with open_access(read_settings(folder / "axis.toml")) as access:
        await access.store.write(lambda c: registry.import_organs(c, rows, _CLOCK.now(), "benchmark"))


async def look(url: str, folder: Path, each: int) -> dict[str, Any]:
    """Ask a node that listens at `url` and has an archive."""
    async with open_access(read_settings(folder / "axis.toml")) as access:
        clerks = [await _clerk(access, place) for place in _CLERKS]
        documents = await access.store.read(lambda c: c.execute(select(func.count()).select_from(s.document)).scalar())
    async with aiohttp.ClientSession(base_url=url) as http:
        took = [await _took(http, clerks, page, each) for page in _PAGES]
        first = await _first_visit(http, clerks[0])
    return {
        "documents": documents,
        "pages": [asdict(one) for one in took],
        "first_visit_kb": first,
        "over_bound": any(one.p95 > BOUND_MS for one in took),
    }


async def _clerk(access: Access, place: int) -> Clerk:
    code, now, token = archive.codes()[place], _CLOCK.now(), new_token()
    account = Account(
        account_id=new_id(now),
        username=f"clerk-{place}-{new_id(now)[-4:]}",
        password_hash="",
        roles=Role.CLERK,
        enabled=True,
        created_at=now,
    )
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
    await access.store.write(lambda c: accounts.add_account(c, account, (code,)))
    await access.store.write(lambda c: sessions.open_session(c, session, line))
    uids, codes = await access.store.read(lambda c: _received(c, code))
    return Clerk(cookie=token, uids=uids, codes=codes)


def _received(conn: Connection, organ: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Some of what an organisation received, new and old."""
    d, v = s.document.c, s.delivery.c
    rows = conn.execute(
        select(d.document_uid, d.code)
        .join_from(s.delivery, s.document, v.document_uid == d.document_uid)
        .where(v.receiver_organ == organ)
        .order_by(v.document_uid)
        .limit(2_000)
    ).all()
    return tuple(row[0] for row in rows), tuple(row[1] for row in rows)


Ask = Callable[[Clerk, random.Random], str]
_PAGES: dict[str, Ask] = {
    "home": lambda _clerk, _chance: "/",
    "inbox": lambda _clerk, _chance: "/inbox",
    "inbox, one status": lambda _clerk, chance: f"/inbox?status={chance.choice(('todo', 'overdue', '03', '05'))}",
    "outbox": lambda _clerk, _chance: "/outbox",
    "search by code": lambda clerk, chance: f"/inbox?q={chance.choice(clerk.codes)}",
    "search by words": lambda _clerk, chance: f"/inbox?q={chance.choice(_WORDS)}",
    "document": lambda clerk, chance: f"/documents/{chance.choice(clerk.uids)}",
}


async def _took(http: aiohttp.ClientSession, clerks: Sequence[Clerk], page: str, each: int) -> Took:
    chance = random.Random(page)
    ask = _PAGES[page]
    alone = sorted([await _one(http, clerk := chance.choice(clerks), ask(clerk, chance)) for _ in range(each)])
    async with _export(http, clerks[0]):
        beside = sorted([await _one(http, clerk := chance.choice(clerks), ask(clerk, chance)) for _ in range(each)])
    return Took(
        page=page,
        asked=each,
        p50=round(statistics.median(alone), 1),
        p95=round(alone[int(0.95 * (each - 1))], 1),
        most=round(alone[-1], 1),
        p95_beside_export=round(beside[int(0.95 * (each - 1))], 1),
    )


async def _one(http: aiohttp.ClientSession, clerk: Clerk, path: str) -> float:
    """Milliseconds for one page."""
    begun = time.perf_counter()
    async with http.get(path, cookies={"axis": clerk.cookie}, allow_redirects=False) as answer:
        text = await answer.text()
        if answer.status != HTTPStatus.OK:
            raise RuntimeError(f"{path}: {answer.status} {text[:200]}")
    return (time.perf_counter() - begun) * 1_000


@asynccontextmanager
async def _export(http: aiohttp.ClientSession, clerk: Clerk) -> AsyncIterator[None]:
    """All of a large inbox as a spreadsheet, over and over while this lasts."""

    async def again() -> None:
        while True:
            async with http.get("/inbox/export.xlsx", cookies={"axis": clerk.cookie}) as answer:
                answer.raise_for_status()
                await answer.read()

    exporting = asyncio.create_task(again())
    try:
        yield
    finally:
        exporting.cancel()
        with suppress(asyncio.CancelledError):
            await exporting


async def _first_visit(http: aiohttp.ClientSession, clerk: Clerk) -> float:
    """Kilobytes that a browser with an empty cache takes for the first page, compressed as it asks for."""
    page, size = await _transferred(http, clerk, "/")
    for path in sorted(set(re.findall(r'"(/static/[^"]+)"', page))):
        size += (await _transferred(http, clerk, path))[1]
    return round(size / 1_024, 1)


async def _transferred(http: aiohttp.ClientSession, clerk: Clerk, path: str) -> tuple[str, int]:
    async with http.get(path, cookies={"axis": clerk.cookie}) as answer:
        answer.raise_for_status()
        text = await answer.text()
        return text, int(answer.headers.get("Content-Length", len(text.encode())))


if __name__ == "__main__":
    sys.exit(main())
