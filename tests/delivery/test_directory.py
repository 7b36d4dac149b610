"""The configuration in memory follows the database, and the day."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from axis.delivery.directory import DirectoryCache
from axis.keys import NodeKey
from axis.organ.plan import OldCode
from axis.store.registry import OrganRow, add_alias, import_organs
from axis.store.store import Store
from tests.exchange.harness import HeldClock

EVENING = datetime(2026, 11, 24, 16, 59, tzinfo=UTC)  # a minute before midnight in Vietnam


async def test_a_code_begins_at_midnight_in_vietnam_without_any_change(store: Store, tmp_path: Path) -> None:
    clock = HeldClock()
    clock.advance(seconds=(EVENING - clock.now()).total_seconds())
    rows = (OrganRow(code="H24", name="Thành phố"), OrganRow(code="H24.1", name="Sở", parent="H24"))
    await store.write(lambda c: import_organs(c, rows, EVENING, "test"))
    old = OldCode(code="SO", valid_from="2026-11-25", valid_until="2026-11-26")
    await store.write(lambda c: add_alias(c, "H24.1", old, EVENING, "test"))
    cache = await DirectoryCache.load(store, NodeKey.create(tmp_path / "node.key"), clock)
    found = []
    for _ in range(3):
        organ = cache.current.registry.find("SO")
        found.append(organ and organ.organ_id)
        assert not await cache.refresh()
        clock.advance(seconds=timedelta(days=1).total_seconds())
        assert await cache.refresh()
    assert found == [None, "H24.1", None]


async def test_former_names_are_at_hand(store: Store, tmp_path: Path) -> None:
    clock = HeldClock()
    for name in ("Sở Một", "Sở Hai"):
        row = OrganRow(code="H24.1", name=name)
        await store.write(lambda c, row=row: import_organs(c, [row], clock.now(), "test"))
    current = (await DirectoryCache.load(store, NodeKey.create(tmp_path / "node.key"), clock)).current
    assert [name.name for name in current.former_names("H24.1")] == ["Sở Một"]
    assert current.former_names("H24.2") == ()
