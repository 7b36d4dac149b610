"""Feeds of events: nothing is missed by going on from the last place, whoever commits when."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from axis.errors import AxisError
from axis.ids import new_id
from axis.store import queries
from axis.store.engine import StoreOptions
from axis.store.hot import Hot
from axis.store.queries import PlacedEvent
from axis.store.records import SystemEvent
from axis.store.schema import to_micros
from axis.store.store import Store
from axis.terms import EventKind
from tests.store import made
from tests.store.made import NOW
from tests.store.plans import analyze, plans_of


def an_event(system_id: str = "yte", *, event_id: str | None = None, minutes: float = 0) -> SystemEvent:
    at = NOW + timedelta(minutes=minutes)
    return SystemEvent(
        event_id=event_id or new_id(at),
        system_id=system_id,
        kind=EventKind.DELIVERY_DELAYED,
        at=at,
        document_uid=None,
        package_id=None,
        organ_id="H24.15",
        fields='{"attempts": 7}',
    )


async def read_feed(store: Store, after: int = 0, system_id: str = "yte") -> tuple[PlacedEvent, ...]:
    await store.write(lambda c: queries.place_events(c, system_id, NOW, 100))
    return await store.read(lambda c: queries.events_after(c, system_id, after, 100))


@pytest.fixture
async def city(store: Store) -> Store:
    await made.make_city(store)
    return store


async def test_a_system_reads_its_own_events_in_order_from_any_place(city: Store) -> None:
    first, second, other = an_event(minutes=1), an_event(minutes=2), an_event("xd")
    await city.submit(Hot(inserts=(second, other, first)))
    feed = await read_feed(city)
    assert [placed.event for placed in feed] == [first, second]
    assert feed[0].place == to_micros(NOW)
    assert [placed.event for placed in await read_feed(city, after=feed[0].place)] == [second]
    assert await read_feed(city, after=feed[1].place) == ()
    assert [placed.event for placed in await read_feed(city, system_id="xd")] == [other]


async def test_an_event_with_a_smaller_id_that_commits_later_comes_later_in_the_feed(city: Store) -> None:
    early, late = an_event(minutes=-5), an_event(minutes=5)
    await city.submit(Hot(inserts=(late,)))
    seen = (await read_feed(city))[-1].place
    await city.submit(Hot(inserts=(early,)))
    assert early.event_id < late.event_id
    assert [placed.event for placed in await read_feed(city, after=seen)] == [early]


async def test_places_go_on_rising_when_everything_before_was_forgotten(city: Store) -> None:
    await city.submit(Hot(inserts=tuple(an_event() for _ in range(3))))
    seen = (await read_feed(city))[-1].place
    while await city.write(lambda c: queries.forget_events(c, NOW + timedelta(hours=1), 2)):
        pass
    assert await read_feed(city) == ()
    await city.submit(Hot(inserts=(an_event(),)))
    later = NOW + timedelta(seconds=1)
    await city.write(lambda c: queries.place_events(c, "yte", later, 100))
    assert len(await city.read(lambda c: queries.events_after(c, "yte", seen, 100))) == 1


async def test_only_events_older_than_the_limit_are_forgotten(city: Store) -> None:
    old, young = an_event(minutes=-1), an_event()
    await city.submit(Hot(inserts=(old, young)))
    assert await city.write(lambda c: queries.forget_events(c, NOW, 10)) == 1
    assert [placed.event for placed in await read_feed(city)] == [young]


async def test_two_processes_that_write_and_place_at_once_lose_nothing(
    city: Store, store_options: StoreOptions
) -> None:
    other = Store.open(store_options)
    written: list[str] = []
    seen: list[PlacedEvent] = []

    async def write(store: Store) -> None:
        for number in range(40):
            event = an_event(minutes=-number)  # falling ids: the worst case for a reader by ids
            await store.submit(Hot(inserts=(event,)))
            written.append(event.event_id)

    async def read(store: Store, into: list[PlacedEvent]) -> None:
        while len(into) < 80:
            await store.write(lambda c: queries.place_events(c, "yte", NOW, 7))
            after = into[-1].place if into else 0
            into += await store.read(lambda c, after=after: queries.events_after(c, "yte", after, 5))

    elsewhere: list[PlacedEvent] = []
    async with asyncio.timeout(60):
        await asyncio.gather(write(city), write(other), read(city, seen), read(other, elsewhere))
    await other.close()
    assert {placed.event.event_id for placed in seen} == set(written)
    assert all(one.place < next_.place for one, next_ in pairwise(seen))
    assert seen == elsewhere


async def test_an_event_for_nobody_is_refused(city: Store) -> None:
    with pytest.raises(AxisError):
        await city.submit(Hot(inserts=(an_event("nobody"),)))


async def test_the_feed_is_read_by_an_index(city: Store) -> None:
    await city.submit(Hot(inserts=tuple(an_event() for _ in range(400))))
    await city.write(lambda c: queries.place_events(c, "yte", NOW, 400))
    await analyze(city)
    for query in (
        lambda c: queries.events_after(c, "yte", to_micros(NOW) + 390, 5),
        lambda c: queries.has_unplaced_events(c, "yte"),
    ):
        plan = "\n".join(await plans_of(city, query))
        assert "Scan using uq_system_event_system_id_place" in plan or "USING INDEX sqlite_autoindex" in plan
