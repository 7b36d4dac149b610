"""How the database would answer a query: which indexes it uses, what it reads whole."""

from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import Connection, event, text

from axis.store.engine import StoreOptions
from axis.store.store import Store


async def plans_of(store: Store, query: Callable[[Connection], Any]) -> list[str]:
    """The plan of each statement that the query runs."""
    return await store.read(lambda c: plans(c, query))


def plans(c: Connection, query: Callable[[Connection], Any]) -> list[str]:
    """As `plans_of`, on a connection; the query runs."""
    statements = _statements(c, query)
    explain = "EXPLAIN QUERY PLAN " if c.dialect.name == "sqlite" else "EXPLAIN (COSTS OFF) "
    return [
        "\n".join(str(row[-1]) for row in c.exec_driver_sql(explain + statement, parameters))
        for statement, parameters in statements
    ]


def _statements(c: Connection, query: Callable[[Connection], Any]) -> list[tuple[str, Any]]:
    """The statements that the query runs, with what they are given."""
    statements: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(c, "before_cursor_execute", note)
    query(c)
    event.remove(c, "before_cursor_execute", note)
    return statements


async def pages_of(store: Store, query: Callable[[Connection], Any]) -> int:
    """How many pages PostgreSQL looks at to answer the query's statements."""

    def count(c: Connection) -> int:
        statements = _statements(c, query)
        explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
        found = [c.exec_driver_sql(explain + one, given).scalar_one()[0]["Plan"] for one, given in statements]
        return sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in found)

    return await store.read(count)


async def analyze(store: Store) -> None:
    """Let the database count what there is, as it does by itself in time."""
    await store.write(lambda c: c.execute(text("ANALYZE")).rowcount)


def vacuum(options: StoreOptions) -> None:
    """Let PostgreSQL note which pages everybody sees, as it does by itself in time: an index alone answers then."""
    if options.url.startswith("postgresql:"):
        with psycopg.connect(options.url, autocommit=True) as connection:
            connection.execute("VACUUM")
