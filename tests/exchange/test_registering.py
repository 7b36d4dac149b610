"""Changes of the registry beside a running exchange."""

from collections.abc import Callable
from typing import TypeVar, cast

import pytest
from sqlalchemy import Connection

from axis.errors import AxisError, Busy, Code
from axis.exchange.registering import Registering
from axis.organ.decisions import closing, importing, registering
from axis.organ.plan import OrganRow
from axis.store import configuration, organs, registry
from axis.store.store import Store
from tests.exchange.harness import HeldClock

T = TypeVar("T")
CITY = (
    OrganRow(code="H24", name="Thành phố"),
    OrganRow(code="H24.1", name="Sở", parent="H24"),
    OrganRow(code="H24.1.1", name="Phòng", parent="H24.1"),
)


@pytest.fixture
async def change(store: Store) -> Registering:
    made = Registering(store, HeldClock())
    await made.change(lambda plan: importing(plan, CITY), "tester")
    return made


async def codes(store: Store) -> list[str]:
    return [organ.organ_id for organ in await store.read(registry.list_organs) if not organ.is_closed]


async def test_what_changes_nothing_is_not_written(store: Store, change: Registering) -> None:
    before = await store.read(configuration.version)
    again = await change.change(lambda plan: importing(plan, CITY), "tester")
    assert (again.added, again.changed, again.unchanged) == (0, 0, 3)
    assert await store.read(configuration.version) == before


class Busily:
    """A store in which somebody else changes the registry whenever it was read, so often as told."""

    def __init__(self, store: Store, *rows: OrganRow) -> None:
        self._store = store
        self._rows = list(rows)
        self.write = store.write

    async def read(self, query: Callable[[Connection], T]) -> T:
        result = await self._store.read(query)
        if self._rows:
            row = self._rows.pop()
            await self._store.write(lambda c: registry.register_organ(c, row, HeldClock().now(), "someone"))
        return result


async def test_a_change_that_came_first_is_seen_by_the_one_that_comes_second(store: Store, change: Registering) -> None:
    """Closing H24.1.1 is decided; before it is written, somebody registers one below it."""
    busily = Busily(store, OrganRow(code="H24.1.1.1", name="Tổ", parent="H24.1.1"))
    change = Registering(cast(Store, busily), HeldClock())
    with pytest.raises(AxisError) as refused:
        await change.change(lambda plan: closing(plan, "H24.1.1", None), "tester")
    assert refused.value.code is Code.ORGAN_IN_USE
    assert "H24.1.1" in await codes(store)
    await change.change(lambda plan: closing(plan, "H24.1.1.1", None), "tester")
    await change.change(lambda plan: closing(plan, "H24.1.1", None), "tester")
    assert await codes(store) == ["H24", "H24.1"]


async def test_a_registry_that_never_stands_still_is_left_for_later(store: Store, change: Registering) -> None:
    busily = Busily(store, *(OrganRow(code=f"H24.8{n}", name="x", parent="H24") for n in range(10)))
    change = Registering(cast(Store, busily), HeldClock())
    with pytest.raises(Busy):
        await change.change(lambda plan: registering(plan, OrganRow(code="H24.9", name="x", parent="H24")), "tester")
    assert "H24.9" not in await codes(store)


async def test_what_is_written_bears_the_version_that_it_makes(store: Store, change: Registering) -> None:
    await change.change(lambda plan: registering(plan, OrganRow(code="H24.2", name="x", parent="H24")), "tester")
    found = {organ.organ_id: organ.version for organ in (await store.read(organs.known)).organs}
    assert found["H24.2"] == await store.read(configuration.version) > found["H24"]
