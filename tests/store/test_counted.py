"""What a figure counts and what its list shows are the same, for every figure, after any history, on both databases."""

import random
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, update

from axis.kpi.figures import Spans, bounds, day_of, spans
from axis.status.order import Effect
from axis.store import queries, schema
from axis.store.boxes import Key
from axis.store.counted import CountedQuery, of_side, read_counted
from axis.store.store import Store
from axis.terms import Side
from tests.exchange.harness import Node, a_document, a_status

# The history that the figures themselves are held to.
from tests.ops.test_figures import History, follow, keeper, node  # noqa: F401


async def listed(store: Store, query: CountedQuery) -> list[str]:
    """The keys of all rows, page by page, forwards."""
    found: list[str] = []
    while True:
        asked = query
        page = await store.read(lambda c, q=asked: read_counted(c, q))
        found += [line.place.id for line in page.lines]
        if not page.has_after:
            return found
        query = replace(query, place=Key(at=None, id=found[-1]))


async def told(store: Store, within: Spans) -> dict[tuple[str, Side], dict[str, int]]:
    """The kept figures, by organisation and side."""
    counts = await store.read(lambda c: queries.counts_by_organ(c, within))
    return {
        (organ, side): {
            name: getattr(one, name)
            if hasattr(one, name)
            else getattr(one, f"{name}_on_time") + getattr(one, f"{name}_late")
            for name in of_side(side)
        }
        for (organ, side), one in counts.items()
    }


@pytest.mark.parametrize("seed", [1])
async def test_a_list_holds_exactly_what_its_figure_counts(node: Node, store: Store, seed: int) -> None:  # noqa: F811
    history = History(node, seed)
    began = day_of(node.clock.now())
    for _ in range(70):
        await history.step()
    chance, document = random.Random(seed), schema.document.c
    for _document, accepted in history.documents:
        verdict = chance.choice(["valid", "valid-with-warnings", "invalid", "unsigned", "indeterminate", None])
        late = node.clock.now() - timedelta(days=chance.choice([0, 0, 40]))
        values = {"verdict": verdict, "sent_due_at": chance.choice([None, late])}
        changed = update(schema.document).where(document.document_uid == accepted.document_uid).values(values)
        await store.write(lambda c, changed=changed: c.execute(changed))
    for organ, level in (("H24.11", 2), ("H24.15", 2), ("H24.11.3", 3), ("H24.88", 4)):  # H24.30 has none
        placed = update(schema.organ).where(schema.organ.c.organ_id == organ).values(level=level)
        await store.write(lambda c, placed=placed: c.execute(placed))
    await follow(node)
    await keeper(node).recount()
    ended = day_of(node.clock.now())
    counted = await told(store, spans(began, ended))
    seen: Counter[tuple[Side, str]] = Counter()
    for (organ, side), figures in counted.items():
        for name, number in figures.items():
            query = CountedQuery(side=side, name=name, first=began, last=ended, organ_id=organ, rows=9)
            rows = await listed(store, query)
            assert (len(rows), len(set(rows))) == (number, number), (organ, side, name)
            assert rows == sorted(rows, reverse=True)
            seen[side, name] += number
    by_level: dict[Side, list[int]] = {}
    for (side, name), number in seen.items():  # of all together, and of each level
        query = CountedQuery(side=side, name=name, first=began, last=ended, rows=7)
        assert len(await listed(store, query)) == number, (side, name)
        levels = [len(await listed(store, replace(query, level=level))) for level in (0, 1, 2, 3, 4)]
        assert sum(levels) == number, (side, name, levels)
        by_level[side] = [one + more for one, more in zip(by_level.get(side, [0] * 5), levels, strict=True)]
    assert sum(1 for number in by_level[Side.RECEIVED] if number) > 2
    assert sum(1 for number in seen.values() if number) > 20


@pytest.mark.parametrize("side", Side)
async def test_each_day_has_its_own_and_they_add_up(node: Node, store: Store, side: Side) -> None:  # noqa: F811
    history = History(node, 7)
    began = day_of(node.clock.now())
    for _ in range(40):
        await history.step()
    await follow(node)
    ended = day_of(node.clock.now())
    name = "documents" if side is Side.SENT else "deliveries"
    days = [began + timedelta(days=number) for number in range((ended - began).days + 1)]
    total = 0
    for day in days:
        counted = sum(one[name] for (_, of), one in (await told(store, spans(day, day))).items() if of is side)
        rows = await listed(store, CountedQuery(side=side, name=name, first=day, last=day))
        assert len(rows) == counted, day
        total += counted
    whole = await listed(store, CountedQuery(side=side, name=name, first=began, last=ended))
    assert (len(whole), total > 10, len(days) > 3) == (total, True, True)


async def test_a_list_is_walked_backwards_too(node: Node, store: Store) -> None:  # noqa: F811
    for number in range(7):
        await node.send("dms-yte", a_document("H24.15", number=str(number)))
    today = day_of(node.clock.now())
    query = CountedQuery(side=Side.RECEIVED, name="deliveries", first=today, last=today, rows=3)
    every = await listed(store, query)
    back = replace(query, place=Key(at=None, id=every[-1]), backwards=True)
    page = await store.read(lambda c: read_counted(c, back))
    assert [line.place.id for line in page.lines] == every[3:6]
    assert (page.has_before, page.has_after) == (True, True)
    first = replace(query, place=Key(at=None, id=every[3]), backwards=True)
    page = await store.read(lambda c: read_counted(c, first))
    assert [line.place.id for line in page.lines] == every[:3]
    assert (page.has_before, page.has_after) == (False, True)


async def test_figures_that_are_to_be_made_anew_are_known(node: Node, store: Store) -> None:  # noqa: F811
    today = day_of(node.clock.now())

    async def unsettled(first: date, last: date) -> bool:
        return await store.read(lambda c: queries.is_unsettled(c, first, last))

    assert not await unsettled(today, today)
    await node.send("dms-yte", a_document("H24.15"))
    assert await unsettled(today, today)
    await follow(node)
    assert not await unsettled(today, today)
    cells = await store.read(queries.every_cell)
    await store.write(lambda c: queries.mark_dirty(c, cells))
    assert await unsettled(today, today)
    assert not await unsettled(today + timedelta(days=1), today + timedelta(days=9))


async def test_what_had_no_effect_is_not_counted_and_the_last_moment_is_in_time(
    node: Node,  # noqa: F811
    store: Store,
) -> None:
    history = History(node, 5)
    began = day_of(node.clock.now())
    for _ in range(40):
        await history.step()
    event, delivery = schema.status_event.c, schema.delivery.c
    ineffective = update(schema.status_event).where(event.status_code == "04").values(effect=Effect.AFTER_CLOSE.value)
    first = (
        select(func.min(event.received_at))
        .where(event.delivery_id == delivery.delivery_id, event.status_code.in_(("02", "03", "05", "06")))
        .scalar_subquery()
    )
    just_in_time = update(schema.delivery).values(acceptance_due_at=first)
    for statement in (ineffective, just_in_time):
        await store.write(lambda c, statement=statement: c.execute(statement))
    await follow(node)
    await keeper(node).recount()
    ended = day_of(node.clock.now())
    counted = [one for (_, side), one in (await told(store, spans(began, ended))).items() if side is Side.RECEIVED]
    for name, some in (("said_04", False), ("acceptance_on_time", True), ("acceptance_late", False)):
        rows = await listed(store, CountedQuery(side=Side.RECEIVED, name=name, first=began, last=ended))
        assert len(rows) == sum(one[name] for one in counted), name
        assert bool(rows) is some, name


async def test_a_status_without_effect_keeps_no_deadline(node: Node, store: Store) -> None:  # noqa: F811
    document = a_document("H24.15")
    await node.send("dms-yte", document)
    event, today = schema.status_event.c, day_of(node.clock.now())
    for code in ("04", "06"):
        node.clock.advance(hours=0.5)
        await node.send("dms-xd", a_status(document, code, "H24.15"))
    came = select(event.received_at).where(event.status_code == "04").scalar_subquery()
    for statement in (
        update(schema.delivery).values(acceptance_due_at=came),
        update(schema.status_event).where(event.status_code == "04").values(effect=Effect.AFTER_CLOSE.value),
    ):
        await store.write(lambda c, statement=statement: c.execute(statement))
    for name, rows in (("acceptance_on_time", 0), ("acceptance_late", 1)):
        query = CountedQuery(side=Side.RECEIVED, name=name, first=today, last=today)
        assert len(await listed(store, query)) == rows, name


async def test_what_was_written_some_hours_after_its_id_is_found_on_its_day(
    node: Node,  # noqa: F811
    store: Store,
) -> None:
    await node.send("dms-yte", a_document("H24.15"))
    tomorrow = day_of(node.clock.now()) + timedelta(days=1)
    moved = update(schema.delivery).values(created_at=bounds(tomorrow)[0])
    await store.write(lambda c: c.execute(moved))
    query = CountedQuery(side=Side.RECEIVED, name="deliveries", first=tomorrow, last=tomorrow)
    assert len(await listed(store, query)) == 1
    today = tomorrow - timedelta(days=1)  # its last moment is over when the next day's first begins
    assert await listed(store, replace(query, first=today, last=today)) == []


async def test_what_comes_from_another_axis_is_received_from_outside_and_sent_by_nobody_here(
    node: Node,  # noqa: F811
    store: Store,
) -> None:
    await node.send("dms-yte", a_document("H24.15"))
    await node.come_down(a_document("H24.15", sender="G22", number="7"))
    today = day_of(node.clock.now())
    for side, name, number in (
        (Side.SENT, "documents", 1),
        (Side.RECEIVED, "inside", 1),
        (Side.RECEIVED, "outside", 1),
        (Side.RECEIVED, "deliveries", 2),
    ):
        assert len(await listed(store, CountedQuery(side=side, name=name, first=today, last=today))) == number, name


async def test_what_is_sent_in_the_last_moment_is_sent_on_time(node: Node, store: Store) -> None:  # noqa: F811
    await node.send("dms-yte", a_document("H24.15"))
    document, today = schema.document, day_of(node.clock.now())
    await store.write(lambda c: c.execute(update(document).values(sent_due_at=document.c.received_at)))
    for name, number in (("sent", 1), ("sent_on_time", 1), ("sent_late", 0)):
        query = CountedQuery(side=Side.SENT, name=name, first=today, last=today)
        assert len(await listed(store, query)) == number, name
