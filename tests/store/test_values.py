"""Some texts as one parameter."""

import pytest
from sqlalchemy import Connection, literal, select, text

from axis.store.schema import delivery
from axis.store.store import Store
from axis.store.values import among

ODD = ("", "'", '"', "\\", 'a"],["b', "{H24.2}", "H24.2,H24.3", "NULL", "%s", "Đ\N{COMBINING DOT BELOW}")


@pytest.mark.parametrize("value", ["H24.2", *ODD], ids=["code", *map(str, range(len(ODD)))])
async def test_a_value_is_one_of_those_that_are_it(store: Store, value: str) -> None:
    async def is_one_of(values: tuple[str, ...]) -> bool:
        query = select(among(literal(value), "values"))
        return bool(await store.read(lambda conn: conn.execute(query, {"values": values}).scalar()))

    others = tuple(one for one in ("H24.2", "H24.3", *ODD) if one != value)
    assert await is_one_of((*others, value))
    assert not await is_one_of(others)
    assert not await is_one_of(())


async def test_texts_as_a_condition_are_asked_of_an_index(store: Store) -> None:
    asked = select(delivery.c.delivery_id).where(among(delivery.c.delivery_id, "ids"))

    def plan(conn: Connection) -> str:
        if conn.dialect.name == "postgresql":  # for its few rows it may read them all
            conn.execute(text("SET LOCAL enable_seqscan = off"))
        statement = asked.compile(dialect=conn.dialect)
        explain = "EXPLAIN" if conn.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        one = {"postgresql": {"ids": []}, "sqlite": ("[]",)}[conn.dialect.name]
        return str(conn.exec_driver_sql(f"{explain} {statement}", one).all())

    found = await store.read(plan)
    assert "SEARCH delivery USING" in found or "Index" in found
    assert "SCAN delivery" not in found
    assert "Seq Scan" not in found
