"""How soon a system learns what waits for it when very much does: the first page, and the count.

The rows are generated; the queries are those of `exchange.handover` and of the REST API.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from axis.store import queries
from axis.store.engine import StoreOptions
from axis.store.migrate import migrate
from axis.store.store import Store
from axis.terms import PackageKind
from tests.store import made
from tests.store.plans import analyze, vacuum

FULL, QUICK = 100_000, 3_000
_PAGE = 50
_OFTEN = 5
_TIMES = 5


def measure(folder: Path, url: str, waiting: int) -> list[dict[str, object]]:
    """Fill a new database with documents that wait for one organisation, or for two of one system, and ask."""
    folder.mkdir(parents=True, exist_ok=True)
    options = StoreOptions(url=url, data_dir=folder)
    migrate(options)
    return asyncio.run(_measure(options, waiting))


async def _measure(options: StoreOptions, waiting: int) -> list[dict[str, object]]:
    store = Store.open(options)
    try:
        await made.make_city(store)
        like = made.accepted("H24.88")
        await store.submit(like.hot)
        await store.write(lambda c: made.fill(c, like, ["H24.15", "H24.15", "H24.11", "H24.11.3"], 2 * waiting))
        await analyze(store)
        vacuum(options)
        return [await _asked(store, options, (name, system)) for name, system in (("one", "xd"), ("two", "yte"))]
    finally:
        await store.close()


async def _asked(store: Store, options: StoreOptions, of: tuple[str, str]) -> dict[str, object]:
    organs, system = of
    now, kind = made.NOW + timedelta(hours=1), PackageKind.DOCUMENT
    return {
        "database": options.url.split(":", 1)[0],
        "organisations": organs,
        "waiting": await store.read(lambda c: queries.count_pending(c, system, kind, now)),
        "count_ms": await _best_ms(store, lambda c: queries.count_pending(c, system, kind, now)),
        "first_page_ms": await _best_ms(store, lambda c: queries.pending(c, system, now, _PAGE, _OFTEN, kind)),
        "rest_page_ms": await _best_ms(store, lambda c: queries.pending_page(c, system, None, now, (None, _PAGE))),
    }


async def _best_ms(store: Store, query: Callable[[Connection], Any]) -> float:
    took = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        await store.read(query)
        took.append(time.perf_counter() - begun)
    return round(min(took) * 1000, 1)
