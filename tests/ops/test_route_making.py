"""Very many routes change at one moment, however long it takes to work them out and write them."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from sqlalchemy import Connection, func, select

from axis.delivery.directory import DirectoryCache
from axis.errors import Busy
from axis.ids import SystemId
from axis.keys import NodeKey
from axis.ops import route_making
from axis.ops.route_clock import RouteClock
from axis.ops.route_making import RouteMaker
from axis.store import queries, registry, route_sets, routes, schema, services
from axis.store.engine import StoreOptions
from axis.store.hot import Stale
from axis.store.registry import OrganRow
from axis.store.services import Move
from axis.store.store import Store
from tests.exchange.harness import HeldClock, Node, a_document, make_node

T = TypeVar("T")
LATER = datetime(2026, 12, 1, tzinfo=UTC)
UNITS = tuple(OrganRow(code=f"H24.15.{number}", name=f"Đội {number}", parent="H24.15") for number in range(1, 31))


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "_MANY", 10)
    monkeypatch.setattr(route_making, "_PART", 4)


@pytest.fixture
async def node(store: Store, tmp_path: Path) -> Node:
    made = await make_node(store, tmp_path)
    for start in range(0, len(UNITS), 8):
        some = UNITS[start : start + 8]
        await store.write(partial(registry.import_organs, rows=some, at=made.clock.now(), actor="test"))
    await made.directory.refresh()
    return made


async def move(node: Node, to: str, at: datetime | None = None) -> None:
    now = node.clock.now()
    wish = Move(organ_id="H24.15", system_id=to, at=at or now, other_protocol=True)
    await node.store.write(lambda c: services.move(c, wish, now, "test"))


async def served_by(store: Store) -> set[str]:
    """The systems that act for the organisation and its units."""
    found = await store.read(routes.list_routes)
    return {found[code].system_id for code in ("H24.15", *(unit.code for unit in UNITS))}


async def sets(store: Store) -> dict[int, int]:
    """How many rows each set of routes has."""
    t = schema.route_row.c.route_set
    rows = await store.read(lambda c: c.execute(select(t, func.count()).group_by(t)).all())
    return {row[0]: row[1] for row in rows}


class Watched:
    """A store, and something that is done before each of its writes."""

    def __init__(self, store: Store, before: Callable[[], Any]) -> None:
        self._store = store
        self._before = before
        self.read = store.read
        self.writes = 0

    async def write(self, unit: Callable[[Connection], T]) -> T:
        await self._before()
        self.writes += 1
        return await self._store.write(unit)


async def test_nobody_ever_sees_some_changed_and_others_not(node: Node) -> None:
    for code in ("H24.15", "H24.15.7"):
        await node.send("dms-yte", a_document(code, number=code))
    seen: list[tuple[set[str], int, int]] = []

    async def look() -> None:
        now = node.clock.now()
        old = await node.store.read(lambda c: queries.pending(c, "dms-xd", now, 10, 5))
        new = await node.store.read(lambda c: queries.pending(c, "dms-phuong", now, 10, 5))
        seen.append((await served_by(node.store), len(old), len(new)))

    await move(node, "dms-phuong")
    watched = Watched(node.store, look)
    assert await RouteMaker(cast(Store, watched), node.clock).settle() == 1 + len(UNITS)
    await look()
    assert watched.writes > 15
    before, after = ({"dms-xd"}, 2, 0), ({"dms-phuong"}, 0, 2)
    switched = seen.index(after)
    assert (seen[:switched], seen[switched:]) == ([before] * switched, [after] * (len(seen) - switched))
    assert len(await sets(node.store)) == 1
    assert not await node.store.read(routes.is_due)


async def test_a_change_that_comes_meanwhile_is_in_it(node: Node) -> None:
    told = iter(range(100))

    async def disturb() -> None:
        if next(told) == 4:
            row = OrganRow(code="H24.15.99", name="Đội mới", parent="H24.15")
            await node.store.write(lambda c: registry.register_organ(c, row, node.clock.now(), "test"))

    await move(node, "dms-phuong")
    await RouteMaker(cast(Store, Watched(node.store, disturb)), node.clock).settle()
    found = await node.store.read(routes.list_routes)
    assert found["H24.15.99"].system_id == "dms-phuong"
    assert await served_by(node.store) == {"dms-phuong"}
    assert len(await sets(node.store)) == 1


async def test_a_configuration_that_never_stands_still_is_left_for_later(node: Node) -> None:
    numbers = iter(range(100, 200))

    async def disturb() -> None:
        row = OrganRow(code=f"H24.15.{next(numbers)}", name="x", parent="H24.15")
        await node.store.write(lambda c: registry.register_organ(c, row, node.clock.now(), "test"))

    await move(node, "dms-phuong")
    maker = RouteMaker(cast(Store, Watched(node.store, disturb)), node.clock)
    with pytest.raises(Busy):
        await maker.settle()
    assert await served_by(node.store) == {"dms-xd"}
    assert await node.store.read(routes.is_due)
    maker._store = node.store
    assert await maker.settle()
    assert await served_by(node.store) == {"dms-phuong"}


async def test_what_one_process_left_half_done_another_takes_up(node: Node) -> None:
    class Died(Exception):
        pass

    told = iter(range(100))

    async def die() -> None:
        if next(told) == 5:
            raise Died

    await move(node, "dms-phuong")
    with pytest.raises(Died):
        await RouteMaker(cast(Store, Watched(node.store, die)), node.clock).settle()
    assert len(await sets(node.store)) == 2
    assert await served_by(node.store) == {"dms-xd"}
    other = RouteMaker(node.store, node.clock)
    assert await other.settle() is None  # it may be at it still
    node.clock.advance(seconds=31)
    assert await other.settle() == 1 + len(UNITS)
    assert await served_by(node.store) == {"dms-phuong"}
    assert len(await sets(node.store)) == 1


async def test_one_that_was_taken_for_dead_does_no_harm(node: Node) -> None:
    told = iter(range(100))

    async def overtake() -> None:
        if next(told) == 5:
            node.clock.advance(seconds=31)
            assert await RouteMaker(node.store, node.clock).settle() == 1 + len(UNITS)

    await move(node, "dms-phuong")
    assert await RouteMaker(cast(Store, Watched(node.store, overtake)), node.clock).settle() is None
    assert await served_by(node.store) == {"dms-phuong"}
    assert len(await sets(node.store)) == 1


async def test_a_set_that_another_has_swept_is_not_switched_to(node: Node) -> None:
    await move(node, "dms-phuong")
    now = node.clock.now()
    first = await node.store.write(lambda c: route_sets.begin(c, now, None))
    wanted = await node.store.read(lambda c: route_sets.plan(c, now))
    await node.store.write(lambda c: route_sets.add(c, wanted, first, tuple(wanted.routes)))
    node.clock.advance(seconds=31)
    await node.store.write(lambda c: route_sets.begin(c, node.clock.now(), None))
    while await node.store.write(lambda c: route_sets.sweep(c, 10)):
        pass
    with pytest.raises(Stale):
        await node.store.write(lambda c: route_sets.switch(c, wanted, first))
    assert await served_by(node.store) == {"dms-xd"}


async def test_what_is_being_made_is_not_swept(node: Node) -> None:
    await move(node, "dms-phuong")
    now = node.clock.now()
    made = await node.store.write(lambda c: route_sets.begin(c, now, None))
    wanted = await node.store.read(lambda c: route_sets.plan(c, now))
    await node.store.write(lambda c: route_sets.add(c, wanted, made, tuple(wanted.routes)))
    assert await node.store.write(lambda c: route_sets.sweep(c, 10)) == 0
    await node.store.write(lambda c: route_sets.switch(c, wanted, made))
    assert await served_by(node.store) == {"dms-phuong"}


async def test_where_nothing_differs_the_set_stays(node: Node) -> None:
    before = await sets(node.store)
    codes = [unit.code for unit in UNITS]
    await node.store.write(lambda c: routes.compute_routes(c, node.clock.now(), codes))
    assert await node.store.read(routes.is_due)
    assert await RouteMaker(node.store, node.clock).settle() == 0
    assert not await node.store.read(routes.is_due)
    assert await sets(node.store) == before
    assert await RouteMaker(node.store, node.clock).settle() is None


async def test_a_moment_that_has_passed_is_noted_once(node: Node) -> None:
    await move(node, "dms-phuong", LATER)
    assert await RouteMaker(node.store, node.clock).settle() == 0  # it has not begun
    assert await node.store.write(lambda c: routes.catch_up(c, LATER)) == ()
    assert await node.store.read(routes.is_due)
    with pytest.raises(Stale):  # or whoever makes the routes would find another configuration each time
        await node.store.write(lambda c: routes.catch_up(c, LATER))


async def test_of_several_nodes_one_does_it_at_its_moment_and_all_follow(
    node: Node, store_options: StoreOptions, tmp_path: Path
) -> None:
    await move(node, "dms-phuong", LATER)
    await RouteMaker(node.store, node.clock).settle()
    key = NodeKey.load(tmp_path / "node.key")
    stores = [node.store, Store.open(store_options), Store.open(store_options)]
    caches = [await DirectoryCache.load(one, key, node.clock) for one in stores]
    clocks = [RouteClock(one, node.clock, cache) for one, cache in zip(stores, caches, strict=True)]
    assert await served_by(node.store) == {"dms-xd"}
    node.clock.at = LATER
    done = await asyncio.gather(*(clock.work() for clock in clocks))
    assert sum(done) >= 1
    assert await served_by(node.store) == {"dms-phuong"}
    assert not await node.store.read(routes.is_due)
    for cache, one in zip(caches, stores, strict=True):
        await cache.refresh()
        assert (cache.current.route("H24.15.7"), cache.current.routes_due) == ("dms-phuong", False)
        if one is not node.store:
            await one.close()


async def test_an_act_for_a_unit_is_allowed_to_one_system_at_each_moment(node: Node) -> None:
    sent = await node.send("dms-yte", a_document("H24.15.7"))
    allowed: list[tuple[int, int]] = []

    async def look() -> None:
        counts = []
        for name in ("dms-xd", "dms-phuong"):
            found = await node.store.read(
                partial(
                    queries.consignments_for_system,
                    package_id=sent.package_id,
                    system_id=SystemId(name),
                    now=node.clock.now(),
                )
            )
            counts.append(len(found))
        allowed.append((counts[0], counts[1]))

    await move(node, "dms-phuong")
    await RouteMaker(cast(Store, Watched(node.store, look)), node.clock).settle()
    assert set(allowed) == {(1, 0), (0, 1)}


async def test_sets_are_what_memory_works_out_for_any_tree(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "_MANY", 3)
    node = await make_node(store, tmp_path)
    chance, clock = random.Random(11), HeldClock()
    codes = [f"O{number:02}" for number in range(40)]
    for number, code in enumerate(codes):
        row = OrganRow(code=code, name=code, parent=chance.choice(codes[:number][-6:]) if number else None)
        await store.write(partial(registry.register_organ, row=row, at=clock.now(), actor="test"))
    maker, made = RouteMaker(store, node.clock), 0
    for _ in range(25):
        node.clock.advance(minutes=1)
        wish = Move(
            organ_id=chance.choice(codes),
            system_id=chance.choice(("dms-yte", "dms-xd", "dms-phuong")),
            at=node.clock.now(),
            parallel_until=chance.choice((None, node.clock.at + timedelta(seconds=30))),
        )
        await store.write(partial(services.move, wish=wish, now=node.clock.now(), actor="test"))
        made += bool(await maker.settle())
        snapshot = await store.read(registry.snapshot)
        assert snapshot.routes_at is not None
        assert snapshot.routes == snapshot.as_of(snapshot.routes_at).routes
    assert made > 3
