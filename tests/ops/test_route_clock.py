"""Routes change when their moment comes, in every process, without anybody's doing."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from axis.delivery.directory import DirectoryCache
from axis.ids import new_id
from axis.keys import NodeKey
from axis.ops.route_clock import RouteClock
from axis.store import route_rules, services
from axis.store.engine import StoreOptions
from axis.store.records import RouteRule
from axis.store.services import Move
from axis.store.store import Store
from tests.exchange.harness import Node, make_node

LATER = datetime(2026, 12, 1, tzinfo=UTC)


async def planned(store: Store, folder: Path) -> Node:
    """A node with a move and a rule that begin some days later."""
    node = await make_node(store, folder)
    now = node.clock.now()
    wish = Move(organ_id="H24.11", system_id="dms-xd", at=LATER)
    await store.write(lambda c: services.move(c, wish, now, "test"))
    rule = RouteRule(
        rule_id=new_id(now), prefix="G17", uplink_id="bo", valid_from=LATER, valid_until=LATER + timedelta(hours=1)
    )
    await store.write(lambda c: route_rules.add_rule(c, rule, now, "test"))
    await node.directory.refresh()
    return node


async def test_a_move_and_a_rule_begin_and_end_at_their_moments(store: Store, tmp_path: Path) -> None:
    node = await planned(store, tmp_path)
    cache, clock = node.directory, node.clock
    watch = RouteClock(store, clock, cache)
    assert not await watch.work()
    assert (cache.current.route("H24.11.3"), cache.current.rule("G17")) == ("dms-yte", None)
    clock.at = LATER
    assert await watch.work()
    assert cache.current.route("H24.11.3") == "dms-xd"
    assert cache.current.rule("G17") is not None
    assert not await watch.work()
    clock.at = LATER + timedelta(hours=1)
    assert await watch.work()
    assert (cache.current.route("H24.11.3"), cache.current.rule("G17")) == ("dms-xd", None)
    assert cache.current.next_change is None


async def test_of_several_processes_one_does_it_and_all_follow(
    store: Store, store_options: StoreOptions, tmp_path: Path
) -> None:
    node = await planned(store, tmp_path)
    key = NodeKey.load(tmp_path / "node.key")
    stores = [store, Store.open(store_options), Store.open(store_options)]
    caches = [await DirectoryCache.load(one, key, node.clock) for one in stores]
    node.clock.at = LATER
    done = await asyncio.gather(*(RouteClock(s, node.clock, c).work() for s, c in zip(stores, caches, strict=True)))
    assert sum(done) == 1
    assert [cache.current.route("H24.11") for cache in caches] == ["dms-xd"] * 3
    for opened in stores[1:]:
        await opened.close()


async def test_the_loop_survives_a_failure_and_acts_by_itself(store: Store, tmp_path: Path) -> None:
    node = await planned(store, tmp_path)
    watch = RouteClock(store, node.clock, node.directory)
    works, failed, done = watch.work, asyncio.Event(), asyncio.Event()

    async def fail_once() -> bool:
        if not failed.is_set():
            failed.set()
            raise OSError("made up")
        if changed := await works():
            done.set()
        return changed

    watch.work = fail_once  # type: ignore[method-assign]
    loop = asyncio.create_task(watch.run())
    await failed.wait()
    node.clock.at = LATER
    async with asyncio.timeout(30):
        await done.wait()
    assert node.directory.current.route("H24.11") == "dms-xd"
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
