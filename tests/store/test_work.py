"""The queue of pushes to partners."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import psycopg
import pytest
from sqlalchemy import text

from axis.store import queries
from axis.store.engine import StoreOptions
from axis.store.hot import Change, Hot, QueueDelayed, QueueDone, QueueHeld, QueueMoved, Stale
from axis.store.queries import Backlog, DueOf
from axis.store.records import QueueRow
from axis.store.schema import EPOCH, to_micros
from axis.store.store import Store
from axis.terms import PackageKind, Urgency
from tests.databases import Database
from tests.store import made
from tests.store.made import NOW, Made
from tests.store.plans import analyze, pages_of, plans_of

LEASE = timedelta(minutes=2)


def due_of(partner_id: str, now: datetime) -> DueOf:
    return DueOf(partner_id=partner_id, since=EPOCH, now=now)


async def enqueue(store: Store, *, about: Made | None = None, **of_row: object) -> QueueRow:
    """A package waits to be pushed: a document of its own, or a status about one."""
    if about is None:
        new = made.accepted("G22")
        row = made.queue_row(new.package.package_id, document_uid=new.document.document_uid, **of_row)
        await store.submit(Hot(inserts=(*new.hot.inserts, row)))
        return row
    carried = made.blob(made.fresh_id().encode())
    status = made.package(
        carried.sha256_hex, kind=PackageKind.STATUS, business_type=None, document_uid=about.document.document_uid
    )
    lane = {"document_uid": about.document.document_uid, "lane": "H24.15"} | of_row
    row = made.queue_row(status.package_id, **lane)
    await store.submit(Hot(inserts=(carried, status, row)))
    return row


async def enqueue_document(store: Store, **of_row: object) -> tuple[Made, QueueRow]:
    new = made.accepted("G22")
    row = made.queue_row(new.package.package_id, document_uid=new.document.document_uid, **of_row)
    await store.submit(Hot(inserts=(*new.hot.inserts, row)))
    return new, row


async def claim(
    store: Store, at: datetime = NOW, limit: int = 100, task: str = "send", partner: str = "national"
) -> tuple[QueueRow, ...]:
    """Look and claim, as the delivery loop does; by urgency and age."""
    found = await store.read(lambda c: queries.heads(c, due_of(partner, at), task, limit))
    taken = await store.write(lambda c: queries.claim(c, ids(found), at, at + LEASE))
    return tuple(sorted(taken, key=lambda row: ids(found).index(row.queue_id)))


def ids(rows: Sequence[QueueRow]) -> list[str]:
    return [row.queue_id for row in rows]


async def has_due(store: Store, at: datetime, task: str = "send") -> bool:
    return bool(await store.read(lambda c: queries.heads(c, due_of("national", at), task, 1)))


async def done(store: Store, row: QueueRow) -> None:
    await store.submit(Hot(changes=(QueueDone(queue_id=row.queue_id, fence=row.fence),)))


async def test_due_rows_are_claimed_by_urgency_and_age_each_once(store: Store) -> None:
    rows = [await enqueue(store, urgency=urgency) for urgency in (0, 3, 0, 3)]
    await enqueue(store, due_at=NOW + timedelta(seconds=1))
    await enqueue(store, partner_id="another")
    await enqueue(store, task="ask")
    wanted = ids([rows[1], rows[3], rows[0], rows[2]])
    first = await claim(store, limit=3)
    assert ids(first) == wanted[:3]
    assert {(row.fence, row.lease_until) for row in first} == {(1, NOW + LEASE)}
    assert ids(await claim(store)) == wanted[3:]
    assert await claim(store) == ()
    assert len(await claim(store, task="ask")) == 1
    assert len(await claim(store, partner="another")) == 1


async def test_a_claim_that_was_not_recorded_is_due_again_after_its_lease(store: Store) -> None:
    row = await enqueue(store)
    (first,) = await claim(store)
    assert await claim(store, NOW + LEASE - timedelta(seconds=1)) == ()
    (second,) = await claim(store, NOW + LEASE)
    assert (second.queue_id, first.fence, second.fence) == (row.queue_id, 1, 2)


async def test_claims_of_two_nodes_at_once_never_meet(store: Store, store_options: StoreOptions) -> None:
    rows = [await enqueue(store) for _ in range(60)]
    other = Store.open(store_options)
    claims = await asyncio.gather(*(claim(node, limit=7) for node in (store, other) * 6))
    claimed = [queue_id for rows in claims for queue_id in ids(rows)]
    assert len(claimed) == len(set(claimed))
    while more := await claim(store, limit=7):
        claimed += ids(more)
    assert sorted(claimed) == ids(rows)
    await other.close()


async def test_a_status_waits_until_its_document_has_gone(store: Store) -> None:
    document, first = await enqueue_document(store, due_at=NOW + timedelta(hours=1))
    status = await enqueue(store, about=document, urgency=Urgency.EXPRESS)
    other = await enqueue(store)
    (one,) = await claim(store)
    assert one.queue_id == other.queue_id
    assert not await has_due(store, NOW)
    later = NOW + timedelta(hours=1)
    await done(store, one)
    claimed = await claim(store, later)
    assert ids(claimed) == [first.queue_id]  # the status is behind it still
    moved = QueueMoved(
        queue_id=first.queue_id, fence=claimed[0].fence, task="ask", peer_ref="P", due_at=later, attempts=0
    )
    await store.submit(Hot(changes=(moved,)))
    assert ids(await claim(store, later)) == [status.queue_id]


async def test_statuses_of_one_document_keep_their_order_and_do_not_hold_up_others(store: Store) -> None:
    document, first = await enqueue_document(store)
    statuses = [await enqueue(store, about=document) for _ in range(3)]
    for row in (first, *statuses):
        (claimed,) = await claim(store)
        assert claimed.queue_id == row.queue_id
        assert await claim(store) == ()  # while it is being sent
        await done(store, claimed)


async def test_packages_of_no_known_document_do_not_wait_for_each_other(store: Store) -> None:
    rows = []
    for number in range(2):
        carried = made.blob(bytes([number]))
        package = made.package(carried.sha256_hex, kind=PackageKind.STATUS, business_type=None)
        row = made.queue_row(package.package_id)
        await store.submit(Hot(inserts=(carried, package, row)))
        rows.append(row)
    assert ids(await claim(store)) == ids(rows)


async def test_questions_do_not_wait_for_packages_of_their_document(store: Store) -> None:
    document, first = await enqueue_document(store)
    question = await enqueue(store, about=document, task="ask")
    assert ids(await claim(store, task="ask")) == [question.queue_id]
    assert ids(await claim(store)) == [first.queue_id]


async def test_the_backlog_counts_what_waits_and_since_when(store: Store) -> None:
    assert await store.read(lambda c: queries.backlog(c, "national")) == Backlog(
        to_send=0, to_ask=0, oldest_unsent_at=None
    )
    for minutes in (5, 3, 8):
        await enqueue(store, queued_at=NOW - timedelta(minutes=minutes))
    await enqueue(store, task="ask", queued_at=NOW - timedelta(hours=1))
    await enqueue(store, partner_id="another")
    assert await store.read(lambda c: queries.backlog(c, "national")) == Backlog(
        to_send=3, to_ask=1, oldest_unsent_at=NOW - timedelta(minutes=8)
    )


async def test_statuses_of_different_organisations_do_not_wait_for_each_other(store: Store) -> None:
    document, first = await enqueue_document(store)
    await done(store, (await claim(store))[0])
    one = [await enqueue(store, about=document, lane="H24.15") for _ in range(2)]
    other = await enqueue(store, about=document, lane="H24.88")
    assert ids(await claim(store)) == [one[0].queue_id, other.queue_id]
    assert first.queue_id not in ids(one)


async def test_an_act_waits_for_the_original_and_a_status_for_the_act(store: Store) -> None:
    document, first = await enqueue_document(store)
    act = await enqueue(store, about=document, lane="", urgency=Urgency.EXPRESS)
    status = await enqueue(store, about=document)
    for row in (first, act, status):
        (claimed,) = await claim(store)
        assert claimed.queue_id == row.queue_id
        await done(store, claimed)


async def test_only_the_holder_of_a_row_renews_its_lease(store: Store) -> None:
    await enqueue(store)
    (slow,) = await claim(store)
    (second,) = await claim(store, NOW + LEASE)
    await store.write(lambda c: queries.renew(c, [slow], NOW + 9 * LEASE))
    assert len(await claim(store, NOW + 2 * LEASE)) == 1
    await store.write(lambda c: queries.renew(c, [second], NOW + 9 * LEASE))
    held = await claim(store, NOW + 3 * LEASE)
    await store.write(lambda c: queries.renew(c, held, NOW + 9 * LEASE))
    assert await claim(store, NOW + 8 * LEASE) == ()


async def test_who_was_too_slow_records_nothing_over_the_next_one(store: Store) -> None:
    row = await enqueue(store)
    (slow,) = await claim(store)
    (second,) = await claim(store, NOW + LEASE)
    assert slow.queue_id == second.queue_id == row.queue_id
    records: tuple[Callable[[QueueRow], Change], ...] = (
        lambda held: QueueMoved(
            queue_id=held.queue_id, fence=held.fence, task="ask", peer_ref="P", due_at=NOW, attempts=0
        ),
        lambda held: QueueHeld(queue_id=held.queue_id, fence=held.fence, held_by="rule", due_at=NOW),
        lambda held: QueueDone(queue_id=held.queue_id, fence=held.fence),
    )
    for record in records:
        before = await store.read(lambda c: queries.queue_row(c, row.queue_id))
        with pytest.raises(Stale):
            await store.submit(Hot(changes=(record(slow),)))
        assert await store.read(lambda c: queries.queue_row(c, row.queue_id)) == before
        await store.submit(Hot(changes=(record(second),)))
        assert await store.read(lambda c: queries.queue_row(c, row.queue_id)) != before


async def test_partners_with_due_work_are_found_by_one_look_each(store: Store) -> None:
    for partner_id in ("a", "b", "b", "c"):
        due_at = NOW + timedelta(hours=partner_id == "b")
        await enqueue(store, partner_id=partner_id, due_at=due_at)
    later, asked = NOW + timedelta(hours=1), dict.fromkeys("abcd", EPOCH)
    assert await store.read(lambda c: queries.due_partners(c, asked, NOW)) == {"a": NOW, "c": NOW}
    assert await store.read(lambda c: queries.due_partners(c, asked, later)) == {"a": NOW, "b": later, "c": NOW}
    assert await store.read(lambda c: queries.due_partners(c, {**asked, "a": later}, later)) == {"b": later, "c": NOW}
    assert await store.read(lambda c: queries.due_partners(c, {"c": EPOCH}, later)) == {"c": NOW}
    await claim(store, partner="a")
    assert await store.read(lambda c: queries.due_partners(c, asked, NOW)) == {"c": NOW}


async def test_what_is_late_is_told_once(store: Store) -> None:
    old = await enqueue(store, queued_at=NOW - timedelta(hours=3))
    await enqueue(store)
    before = NOW - timedelta(hours=2)
    (found,) = await store.read(lambda c: queries.late(c, before))
    assert found.queue_id == old.queue_id
    told = Hot(changes=(QueueDelayed(queue_id=old.queue_id, at=NOW),))
    await store.submit(told)
    assert await store.read(lambda c: queries.late(c, before)) == ()
    with pytest.raises(Stale):
        await store.submit(told)


async def _fill(store: Store, rows: int, at: datetime) -> None:
    """Many pushes to one partner, of every urgency, each of a document of its own."""
    new, _ = await enqueue_document(store)
    digits = "substr('00000000000000000000000000' || i, -26)"
    if await store.read(lambda c: c.dialect.name) == "postgresql":
        digits = "lpad(CAST(i AS text), 26, '0')"
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {rows}) "
    packages = (
        f"INSERT INTO package {numbers} SELECT {digits}, sha256_hex, 1, kind, 0, NULL, CAST(i AS text), '', '', NULL,"
        " NULL, 0, origin, source_system, received_at, '[]' FROM package p, n WHERE p.package_id = :like"
    )
    queue = (
        f"INSERT INTO queue {numbers} SELECT {digits}, {digits}, 'national', 'send', NULL, i % 3, {digits}, '',"
        " :at, :at, 0, NULL, 0, NULL, NULL FROM n"
    )
    await store.write(lambda c: c.execute(text(packages), {"like": new.package.package_id}).rowcount)
    await store.write(lambda c: c.execute(text(queue), {"at": to_micros(at)}).rowcount)
    await analyze(store)


@pytest.mark.parametrize("due", [True, False])
async def test_a_look_among_many_thousand_goes_through_no_row_that_cannot_be_claimed(
    store: Store, *, due: bool
) -> None:
    await _fill(store, 10_000, NOW if due else NOW + timedelta(hours=1))
    look = await plans_of(store, lambda c: queries.heads(c, due_of("national", NOW), "send", 16))
    partners = await plans_of(store, lambda c: queries.due_partners(c, {"national": EPOCH}, NOW))
    late = await plans_of(store, lambda c: queries.late(c, NOW - timedelta(hours=1)))
    assert look[0].count("ix_queue_order") == len(Urgency)
    assert look[0].count("ix_queue_lane") >= len(Urgency)
    assert "ix_queue_due" in partners[0]
    assert "ix_queue_late" in late[0]
    for plan in (*look, *partners, *late):
        assert "SCAN queue" not in plan.replace("SCAN queue USING COVERING INDEX", "")
        assert "Seq Scan on queue" not in plan
    assert len(await claim(store, limit=16)) == (16 if due else 1)


async def test_what_is_gone_slows_no_look_while_somebody_reads_for_hours(postgres_database: Database) -> None:
    """PostgreSQL keeps each row that was pushed for as long as a reader may see it."""
    store = Store.open(StoreOptions(url=postgres_database.url, data_dir=postgres_database.data_dir))
    later = NOW + timedelta(hours=1)

    async def pages(since: datetime) -> int:
        asked = DueOf(partner_id="national", since=since, now=later)
        heads = await pages_of(store, lambda c: queries.heads(c, asked, "send", 16))
        return heads + await pages_of(store, lambda c: queries.due_partners(c, {"national": since}, later))

    with psycopg.connect(postgres_database.url) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        await _fill(store, 4_000, NOW)
        reader.execute("SELECT count(*) FROM queue")
        await store.write(lambda c: c.execute(text("DELETE FROM queue")).rowcount)
        await enqueue(store, due_at=later)
        await analyze(store)
        from_the_first_on, from_the_oldest_on = await pages(EPOCH), await pages(later - timedelta(minutes=5))
    await store.close()
    assert from_the_oldest_on < 60
    assert from_the_first_on > 5 * from_the_oldest_on, "then the test shows nothing"
