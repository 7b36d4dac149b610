"""Some texts as one parameter."""

import pytest
from sqlalchemy import literal, select

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
