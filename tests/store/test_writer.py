"""The grouped writer, on both databases."""

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Insert, func, insert, select, text, update

from axis.errors import Busy, Code, Internal, WrongState
from axis.store import queries, schema
from axis.store.engine import StoreOptions
from axis.store.hot import (
    ActAnswered,
    ConsignmentFailed,
    ConsignmentMoved,
    DeliveryStatus,
    DocumentFlagged,
    Hot,
    OrphanMatched,
    QueueDone,
    QueueMoved,
    Stale,
)
from axis.store.store import Store
from axis.terms import Answer, TransportState
from tests.store import made
from tests.store.made import NOW
from tests.store.together import Held, together, until


async def count(store: Store, table: str) -> int:
    statement = select(func.count()).select_from(schema.metadata.tables[table])
    return await store.read(lambda c: c.execute(statement).scalar_one())


async def test_units_that_wait_together_share_one_commit(store: Store) -> None:
    before = store.commits
    await together(store, *(store.submit(made.accepted("H24.15").hot) for _ in range(20)))
    assert store.commits - before == 2  # the one that held the writer, and the group
    assert await count(store, "package") == 20


async def test_hot_writes_and_functions_share_a_commit_and_functions_see_the_hot_rows(store: Store) -> None:
    before = store.commits
    new = made.accepted("H24.15")
    results = await together(
        store,
        store.write(lambda c: queries.document(c, new.document.document_uid)),
        store.submit(new.hot),
    )
    assert results == [new.document, None]
    assert store.commits - before == 2


async def test_a_group_is_never_larger_than_configured(store_options: StoreOptions) -> None:
    small = StoreOptions(url=store_options.url, data_dir=store_options.data_dir, group_size=4)
    store = Store.open(small)
    before = store.commits
    await together(store, *(store.submit(made.accepted("H24.15").hot) for _ in range(10)))
    assert store.commits - before == 1 + 3
    await store.close()


async def test_one_bad_unit_fails_alone(store: Store) -> None:
    first = made.accepted("H24.15")
    await store.submit(first.hot)
    good = [made.accepted("H24.15") for _ in range(5)]
    results = await together(
        store,
        *(store.submit(unit.hot) for unit in good[:3]),
        store.submit(first.hot),  # its rows are there already
        *(store.submit(unit.hot) for unit in good[3:]),
    )
    assert [type(result) for result in results] == [type(None)] * 3 + [Stale] + [type(None)] * 2
    assert await count(store, "package") == 6
    assert await count(store, "leaf") == 6  # nothing of the bad one stayed


async def test_two_units_of_one_group_that_exclude_each_other_are_judged_in_their_order(store: Store) -> None:
    one, other = made.accepted("H24.15"), made.accepted("H24.15")
    other_too = made.accepted("H24.15", document_key=one.document.document_key)
    results = await together(store, store.submit(one.hot), store.submit(other_too.hot), store.submit(other.hot))
    assert [type(result) for result in results] == [type(None), Stale, type(None)]
    assert await store.read(lambda c: queries.document(c, one.document.document_uid)) is not None
    assert await store.read(lambda c: queries.document(c, other_too.document.document_uid)) is None


async def test_a_change_that_does_not_find_what_was_read_is_stale_and_undoes_its_unit(store: Store) -> None:
    new = made.accepted("H24.15")
    await store.submit(new.hot)
    status = DeliveryStatus(delivery_id=new.deliveries[0].delivery_id, version=0, status_code="03", status_at=NOW)
    one, two = made.audit("one"), made.audit("two")
    results = await together(
        store,
        store.submit(Hot(inserts=(one,), changes=(status,))),
        store.submit(Hot(inserts=(two,), changes=(status,))),
    )
    assert [type(result) for result in results] == [type(None), Stale]
    kinds = await store.read(lambda c: c.scalars(select(schema.audit.c.kind)).all())
    assert kinds == ["one"]
    stored = await store.read(lambda c: queries.deliveries(c, new.document.document_uid))
    assert (stored[0].version, stored[0].status_code, stored[0].status_at) == (1, "03", NOW)


async def test_the_same_bytes_of_two_senders_are_one_blob(store: Store) -> None:
    one = made.accepted("H24.15", content=b"same")
    other = made.accepted("H24.15", content=b"same", from_organ="H24.88")
    await together(store, store.submit(one.hot), store.submit(other.hot))
    assert await count(store, "blob") == 1
    assert await count(store, "package") == 2


def _alias(code: str) -> Insert:
    return insert(schema.organ_alias).values(alias=code, organ_id="H24", valid_from="", valid_until="")


async def test_a_function_that_raises_is_undone_and_the_others_of_its_group_stand(store: Store) -> None:
    def refuse(c: Connection) -> None:
        c.execute(_alias("a"))
        raise WrongState(Code.ORGAN_IN_USE, "no")

    def fail(c: Connection) -> None:
        c.execute(_alias("b"))
        raise ZeroDivisionError

    def succeed(c: Connection) -> str:
        c.execute(_alias("c"))
        return "done"

    await made.make_city(store)
    before = store.commits
    results = await together(
        store,
        store.write(refuse),
        store.submit(made.accepted("H24.15").hot),
        store.write(fail),
        store.write(succeed),
    )
    assert isinstance(results[0], WrongState)
    assert results[1] is None
    assert isinstance(results[2], Internal)
    assert results[3] == "done"
    assert store.commits - before == 2
    assert await store.read(lambda c: c.scalars(select(schema.organ_alias.c.alias)).all()) == ["c"]


async def test_a_function_that_finds_its_row_there_already_is_stale(store: Store) -> None:
    await made.make_city(store)
    row = {"route_set": 1, "organ_id": "H24.11", "system_id": "xd", "via_organ": "H24.11"}
    with pytest.raises(Stale):
        await store.write(lambda c: c.execute(insert(schema.route_row).values(row)).rowcount)


async def test_a_mistake_in_a_function_is_internal_and_leaves_the_writer_at_work(store: Store) -> None:
    good = made.accepted("H24.15")
    results = await together(
        store, store.write(lambda c: c.execute(text("SELECT nothing FROM nowhere")).all()), store.submit(good.hot)
    )
    assert isinstance(results[0], Internal)
    assert results[1] is None


async def test_a_row_that_refers_to_nothing_is_internal_and_alone(store: Store) -> None:
    good, bad = made.accepted("H24.15"), made.accepted("H24.15")
    results = await together(store, store.submit(Hot(inserts=(bad.package,))), store.submit(good.hot))
    assert isinstance(results[0], Internal)
    assert results[1] is None
    assert await count(store, "package") == 1


async def test_a_cancelled_caller_neither_loses_nor_doubles_its_write_nor_anybody_elses(store: Store) -> None:
    new, other = made.accepted("H24.15"), made.accepted("H24.15")
    async with Held(store):
        task = asyncio.create_task(store.submit(new.hot))
        await until(lambda: store._writer._queue.qsize() == 1)
        waiting = asyncio.create_task(store.submit(other.hot))
        await until(lambda: store._writer._queue.qsize() == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await asyncio.wait_for(waiting, 30)
    assert await store.read(lambda c: queries.document(c, new.document.document_uid)) == new.document
    assert await count(store, "package") == 2


async def test_closing_commits_what_waits_and_refuses_what_comes_after(store_options: StoreOptions) -> None:
    store = Store.open(store_options)
    waiting = [made.accepted("H24.15") for _ in range(100)]
    async with Held(store):
        tasks = [asyncio.create_task(store.submit(unit.hot)) for unit in waiting]
        await until(lambda: store._writer._queue.qsize() == len(tasks))
        closing = asyncio.create_task(store.close())
        await until(lambda: store._writer._closing)
        with pytest.raises(Busy):
            await store.submit(made.accepted("H24.15").hot)
    await closing
    assert await asyncio.gather(*tasks) == [None] * 100
    again = Store.open(store_options)
    assert await count(again, "package") == 100
    await again.close()


async def test_more_waiting_units_than_configured_are_told_to_come_later(store_options: StoreOptions) -> None:
    store = Store.open(StoreOptions(url=store_options.url, data_dir=store_options.data_dir, waiting_units=3))
    async with Held(store):
        tasks = [asyncio.create_task(store.submit(made.accepted("H24.15").hot)) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(Busy) as refused:
            await tasks[3]
        assert refused.value.code is Code.OVERLOADED
    assert await asyncio.gather(*tasks[:3]) == [None] * 3
    await store.close()


async def test_a_package_for_a_thousand_receivers_is_one_unit_made_ready_in_a_thread(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare, threads = store._writer.sql.prepare, []

    def noted(hot: Hot) -> Any:
        threads.append(threading.get_ident())
        return prepare(hot)

    monkeypatch.setattr(store._writer.sql, "prepare", noted)
    many = made.accepted(*(f"H24.{number}" for number in range(1_000)))
    before = store.commits
    await store.submit(many.hot)
    assert store.commits - before == 1
    assert await count(store, "consignment") == 1_000
    assert threads[0] != threading.get_ident()


async def test_answers_come_only_after_the_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    committing, go_on = threading.Event(), threading.Event()
    commit = store._writer._commit

    def slow(*arguments: Any) -> None:
        committing.set()
        assert go_on.wait(30)
        commit(*arguments)

    monkeypatch.setattr(store._writer, "_commit", slow)
    task = asyncio.create_task(store.submit(made.accepted("H24.15").hot))
    await asyncio.to_thread(committing.wait)
    await asyncio.sleep(0.05)
    assert not task.done()
    go_on.set()
    await task


# ── what each change does ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_consignment_remembers_when_it_was_first_handed_over_and_acknowledged(store: Store) -> None:
    new = made.accepted("H24.15")
    await store.submit(new.hot)
    states = TransportState
    way = [
        (states.QUEUED, states.HANDED_OVER),
        (states.HANDED_OVER, states.HANDED_OVER),
        (states.HANDED_OVER, states.ACKNOWLEDGED),
        (states.ACKNOWLEDGED, states.QUEUED),
        (states.QUEUED, states.HANDED_OVER),
        (states.HANDED_OVER, states.ACKNOWLEDGED),
    ]
    for step, (was, becomes) in enumerate(way, start=1):
        move = ConsignmentMoved(
            consignment_id=new.consignments[0].consignment_id,
            was=was,
            becomes=becomes,
            at=NOW + timedelta(minutes=step),
        )
        await store.submit(Hot(changes=(move,)))
    (stored,) = await store.read(lambda c: queries.consignments(c, new.package.package_id))
    assert stored.state is states.ACKNOWLEDGED
    assert stored.fetched == 3
    assert stored.handed_over_at == NOW + timedelta(minutes=1)
    assert stored.acknowledged_at == NOW + timedelta(minutes=3)
    with pytest.raises(Stale):
        await store.submit(Hot(changes=(move,)))


async def test_a_failed_consignment_counts_and_begins_anew_when_queued_again(store: Store) -> None:
    new = made.accepted("H24.15")
    await store.submit(new.hot)
    consignment_id = new.consignments[0].consignment_id
    later = NOW + timedelta(hours=1)
    failed = [
        ConsignmentFailed(
            consignment_id=consignment_id,
            was=was,
            becomes=TransportState.RETRYING,
            visible_at=later,
            last_error="unusable",
        )
        for was in (TransportState.QUEUED, TransportState.RETRYING)
    ]
    for change in failed:
        await store.submit(Hot(changes=(change,)))
    (stored,) = await store.read(lambda c: queries.consignments(c, new.package.package_id))
    assert (stored.state, stored.failures, stored.visible_at) == (TransportState.RETRYING, 2, later)
    assert stored.last_error == "unusable"
    with pytest.raises(Stale):
        await store.submit(Hot(changes=failed[:1]))
    again = ConsignmentMoved(
        consignment_id=consignment_id, was=TransportState.RETRYING, becomes=TransportState.QUEUED, at=later
    )
    await store.submit(Hot(changes=(again,)))
    (stored,) = await store.read(lambda c: queries.consignments(c, new.package.package_id))
    assert (stored.state, stored.failures, stored.visible_at) == (TransportState.QUEUED, 0, None)


async def test_an_act_is_answered_once(store: Store) -> None:
    new, carrying = made.accepted("H24.15"), made.accepted("H24.15")
    act = made.act(carrying.package.package_id)
    rows = (*carrying.hot.inserts, act, *(made.act_receiver(act.act_id, "H24.15", position) for position in (0, 1)))
    await store.submit(new.hot)
    await store.submit(Hot(inserts=rows))
    answer = ActAnswered(act_id=act.act_id, position=1, receiver_organ="H24.15", answer=Answer.AGREED, at=NOW)
    await store.submit(Hot(changes=(answer,)))
    first, second = await store.read(lambda c: queries.act_receivers(c, act.act_id))
    assert (first.answer, second.answer, second.answered_at) == (None, "agreed", NOW)
    with pytest.raises(Stale):
        await store.submit(Hot(changes=(answer,)))


async def test_an_orphan_is_matched_once(store: Store) -> None:
    new, status = made.accepted("H24.15"), made.accepted("H24.11")
    orphan = made.event(status.package.package_id, effect="orphan")
    await store.submit(new.hot)
    await store.submit(Hot(inserts=(*status.hot.inserts, orphan)))
    match = OrphanMatched(
        event_id=orphan.event_id,
        document_uid=new.document.document_uid,
        delivery_id=new.deliveries[0].delivery_id,
        effect="applied",
    )
    await store.submit(Hot(changes=(match,)))
    (stored,) = await store.read(lambda c: queries.status_events(c, new.document.document_uid))
    assert (stored.delivery_id, stored.effect) == (new.deliveries[0].delivery_id, "applied")
    with pytest.raises(Stale):
        await store.submit(Hot(changes=(match,)))


async def test_flags_are_changed_from_what_was_read(store: Store) -> None:
    new = made.accepted("H24.15")
    await store.submit(new.hot)
    flag = DocumentFlagged(document_uid=new.document.document_uid, was="", flags="same_code")
    await store.submit(Hot(changes=(flag,)))
    stored = await store.read(lambda c: queries.document(c, new.document.document_uid))
    assert stored is not None
    assert stored.flags == "same_code"
    with pytest.raises(Stale):
        await store.submit(Hot(changes=(flag,)))


async def test_only_the_last_claimer_moves_or_removes_a_queue_row(store: Store) -> None:
    new = made.accepted("H24.15")
    row = made.queue_row(new.package.package_id)
    await store.submit(Hot(inserts=(*new.hot.inserts, row)))
    lease = NOW + timedelta(minutes=2)
    (first,) = await store.write(lambda c: queries.claim(c, [row.queue_id], NOW, lease))
    (second,) = await store.write(lambda c: queries.claim(c, [row.queue_id], lease, lease))
    assert (first.fence, second.fence) == (1, 2)

    def moved(fence: int) -> Hot:
        later = NOW + timedelta(hours=1)
        change = QueueMoved(queue_id=row.queue_id, fence=fence, task="ask", peer_ref="P-1", due_at=later, attempts=4)
        return Hot(changes=(change,))

    with pytest.raises(Stale):
        await store.submit(moved(first.fence))
    await store.submit(moved(second.fence))
    at = NOW + timedelta(hours=1)
    (asked,) = await store.write(lambda c: queries.claim(c, [row.queue_id], at, at))
    assert (asked.task, asked.peer_ref, asked.attempts, asked.due_at) == ("ask", "P-1", 4, at)
    with pytest.raises(Stale):
        await store.submit(Hot(changes=(QueueDone(queue_id=row.queue_id, fence=second.fence),)))
    await store.submit(Hot(changes=(QueueDone(queue_id=row.queue_id, fence=asked.fence),)))
    assert await count(store, "queue") == 0


async def test_a_hot_row_may_hold_any_text_that_a_package_can(store: Store) -> None:
    subject = "Đề nghị “rà soát” %s ? :name {x} \\ \u200b 𠀋 Đ\u0300"
    new = made.accepted("H24.15", subject=subject)
    await store.submit(new.hot)
    stored = await store.read(lambda c: queries.document(c, new.document.document_uid))
    assert stored == new.document
    await store.write(lambda c: c.execute(update(schema.document).values(flags="x")).rowcount)
