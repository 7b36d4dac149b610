"""The queue of pushes to an uplink."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from axis.store import queries
from axis.store.engine import StoreOptions
from axis.store.hot import Hot, QueueDone, QueueMoved
from axis.store.queries import Backlog
from axis.store.records import QueueRow
from axis.store.schema import to_micros
from axis.store.store import Store
from axis.terms import PackageKind, Urgency
from tests.store import made
from tests.store.made import NOW, Made
from tests.store.plans import analyze, plans

LEASE = timedelta(minutes=2)


async def enqueue(store: Store, *, about: Made | None = None, **of_row: object) -> QueueRow:
    """A package waits to be pushed: a document of its own, or a status about one."""
    if about is None:
        new = made.accepted("G22")
        row = made.queue_row(new.package.package_id, **of_row)
        await store.submit(Hot(inserts=(*new.hot.inserts, row)))
        return row
    carried = made.blob(made.fresh_id().encode())
    status = made.package(
        carried.sha256_hex, kind=PackageKind.STATUS, business_type=None, document_uid=about.document.document_uid
    )
    row = made.queue_row(status.package_id, **of_row)
    await store.submit(Hot(inserts=(carried, status, row)))
    return row


async def enqueue_document(store: Store, **of_row: object) -> tuple[Made, QueueRow]:
    new = made.accepted("G22")
    row = made.queue_row(new.package.package_id, **of_row)
    await store.submit(Hot(inserts=(*new.hot.inserts, row)))
    return new, row


async def claim(
    store: Store, at: datetime = NOW, limit: int = 100, task: str = "send", uplink: str = "national"
) -> tuple[QueueRow, ...]:
    return await store.write(lambda c: queries.claim(c, uplink, task, at, at + LEASE, limit))


def ids(rows: Sequence[QueueRow]) -> list[str]:
    return [row.queue_id for row in rows]


async def next_due(store: Store) -> datetime | None:
    return await store.read(lambda c: queries.next_due(c, "national"))


async def has_due(store: Store, at: datetime, task: str = "send") -> bool:
    return await store.read(lambda c: queries.has_due(c, "national", task, at))


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
    assert len(await claim(store, uplink="another")) == 1


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


async def test_the_next_moment_counts_leases_and_what_waits_for_its_document(store: Store) -> None:
    assert await next_due(store) is None
    document, first = await enqueue_document(store, due_at=NOW + timedelta(minutes=10))
    status = await enqueue(store, about=document, due_at=NOW)  # due, but behind its document
    assert await next_due(store) == NOW + timedelta(minutes=10)
    at = NOW + timedelta(minutes=10)
    (claimed,) = await claim(store, at)
    assert claimed.queue_id == first.queue_id
    assert await next_due(store) == at + LEASE
    question = await enqueue(store, task="ask", due_at=NOW + timedelta(minutes=11))
    assert await next_due(store) == question.due_at
    assert await has_due(store, question.due_at, "ask")
    assert not await has_due(store, question.due_at - timedelta(seconds=1), "ask")
    await done(store, claimed)
    assert await next_due(store) == status.due_at
    assert await has_due(store, NOW)


async def test_a_lease_that_ended_before_the_row_is_due_is_no_moment(store: Store) -> None:
    row = await enqueue(store)
    (claimed,) = await claim(store)
    later = NOW + timedelta(hours=1)
    await store.write(
        lambda c: (
            c.execute(
                text("UPDATE queue SET due_at = due_at + 3600000000 WHERE queue_id = :id"), {"id": claimed.queue_id}
            ).rowcount
        )
    )
    assert claimed.queue_id == row.queue_id
    assert await next_due(store) == later


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


@pytest.mark.parametrize("due", [True, False])
async def test_a_claim_among_many_thousand_reads_its_index_in_order(store: Store, *, due: bool) -> None:
    new, _ = await enqueue_document(store)
    digits = "substr('00000000000000000000000000' || i, -26)"
    if await store.read(lambda c: c.dialect.name) == "postgresql":
        digits = "lpad(CAST(i AS text), 26, '0')"
    numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < 10000) "
    packages = (
        f"INSERT INTO package {numbers} SELECT {digits}, sha256_hex, 1, kind, 0, NULL, CAST(i AS text), '', '', NULL,"
        " NULL, 0, origin, source_system, received_at, '[]' FROM package p, n WHERE p.package_id = :like"
    )
    queue = (
        f"INSERT INTO queue {numbers} SELECT {digits}, {digits}, 'national', 'send', NULL, i % 3, :at, :at, 0, NULL, 0"
        " FROM n"
    )
    at = NOW if due else NOW + timedelta(hours=1)
    await store.write(lambda c: c.execute(text(packages), {"like": new.package.package_id}).rowcount)
    await store.write(lambda c: c.execute(text(queue), {"at": to_micros(at)}).rowcount)
    await analyze(store)
    plan, *_ = await store.write(
        lambda c: plans(c, lambda c: queries.claim(c, "national", "send", NOW, NOW + LEASE, 16))
    )
    assert "ix_queue_order" in plan or (not due and "ix_queue_due" in plan)
    assert "SCAN queue" not in plan
    assert "TEMP B-TREE" not in plan
    assert "Seq Scan on queue" not in plan
    assert len(await claim(store, NOW + LEASE, limit=16)) == (16 if due else 1)
