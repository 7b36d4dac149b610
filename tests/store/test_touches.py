"""Every write that changes what follows from documents and deliveries leaves a mark, in its own transaction."""

from datetime import timedelta

import pytest

from axis.store import queries
from axis.store.hot import (
    Change,
    DeliveryMoved,
    DeliveryStatus,
    DocumentFlagged,
    DocumentJudged,
    DocumentRevised,
    Hot,
    OrphanMatched,
    Stale,
)
from axis.store.store import Store
from axis.store.touches import touch, touches
from axis.terms import DeliveryState, DocumentState
from tests.store import made


def test_a_document_with_many_receivers_is_marked_once() -> None:
    accepted = made.accepted("H24.15", "H24.88", "H24.11.3")
    assert [(t.document_uid, t.delivery_id) for t in touches(accepted.hot)] == [(accepted.document.document_uid, None)]


@pytest.mark.parametrize(
    ("change", "mark"),
    [
        (DeliveryStatus(delivery_id="d", version=0, status_code="03", status_at=made.NOW), (None, "d")),
        (OrphanMatched(event_id="e", document_uid="u", delivery_id="d", effect="applied"), (None, "d")),
        (DocumentJudged(document_uid="u", verdict="valid"), ("u", None)),
        (DocumentRevised.of(made.document("p", document_uid="u"), DocumentState.OPEN), ("u", None)),
        (
            DeliveryMoved(
                delivery_id="d", was=DeliveryState.OPEN, becomes=DeliveryState.RECALLED, act_id="a", at=made.NOW
            ),
            (None, "d"),
        ),
    ],
)
def test_a_change_marks_what_it_changes(change: Change, mark: tuple[str | None, str | None]) -> None:
    assert [(t.document_uid, t.delivery_id) for t in touches(Hot(changes=(change, change)))] == [mark]


def test_a_status_marks_its_delivery_and_an_orphan_marks_nothing() -> None:
    of_delivery = made.event("p", delivery_id="d")
    assert [t.delivery_id for t in touches(Hot(inserts=(of_delivery, made.event("q"))))] == ["d"]


def test_what_nothing_follows_from_leaves_no_mark() -> None:
    flagged = DocumentFlagged(document_uid="u", was="", flags="x")
    assert touches(Hot(inserts=(made.audit(), made.leaf()), changes=(flagged,))) == ()


async def test_the_mark_is_written_with_the_rows_or_not_at_all(store: Store) -> None:
    first = made.accepted("H24.15")
    await store.submit(first.hot)
    marks = await store.read(lambda c: queries.touched(c, 9))
    assert [mark.document_uid for mark in marks] == [first.document.document_uid]
    with pytest.raises(Stale):
        await store.submit(first.hot)
    assert await store.read(lambda c: queries.touched(c, 9)) == marks
    await store.write(lambda c: queries.forget_touched(c, [mark.touch_id for mark in marks]))
    assert not await store.read(queries.has_touched)


async def test_a_write_unit_leaves_marks_by_hand(store: Store) -> None:
    await store.write(lambda c: touch(c, document_uids=["u"], delivery_ids=["d"]))
    marks = await store.read(lambda c: queries.touched(c, 9))
    assert [(mark.document_uid, mark.delivery_id) for mark in marks] == [("u", None), (None, "d")]


async def test_a_job_has_one_holder_and_a_lost_one_may_not_record(store: Store) -> None:
    lease = timedelta(minutes=2)
    now = made.NOW
    assert await store.read(lambda c: queries.job_row(c, "j")) is None
    assert await store.write(lambda c: queries.claim_job(c, "j", 1, now, lease)) == 1
    assert await store.write(lambda c: queries.claim_job(c, "j", 2, now + lease / 2, lease)) is None
    assert await store.write(lambda c: queries.claim_job(c, "j", 2, now + lease, lease)) == 2
    with pytest.raises(Stale):
        await store.write(lambda c: queries.hold_job(c, "j", 1, now + lease))
    with pytest.raises(Stale):
        await store.write(lambda c: queries.end_job(c, "j", 1, now))
    await store.write(lambda c: queries.hold_job(c, "j", 2, now + 2 * lease))
    await store.write(lambda c: queries.end_job(c, "j", 2, now))
    with pytest.raises(Stale):
        await store.write(lambda c: queries.hold_job(c, "j", 2, now + lease))
    assert await store.write(lambda c: queries.claim_job(c, "j", 2, now, lease)) is None  # this slot is done
    assert await store.write(lambda c: queries.claim_job(c, "j", 3, now, lease)) == 3


async def test_a_node_whose_clock_is_a_little_behind_takes_nothing_away(store: Store) -> None:
    lease = timedelta(minutes=2)
    await store.write(lambda c: queries.claim_job(c, "j", None, made.NOW, lease))
    for behind in (timedelta(milliseconds=1), timedelta(minutes=1)):
        assert await store.write(lambda c, b=behind: queries.claim_job(c, "j", None, made.NOW - b, lease)) is None


async def test_a_slot_that_failed_may_be_claimed_again_and_so_may_one_of_a_clock_that_was_put_back(
    store: Store,
) -> None:
    lease = timedelta(minutes=2)
    now = made.NOW
    await store.write(lambda c: queries.claim_job(c, "j", 1, now, lease))
    await store.write(lambda c: queries.end_job(c, "j", 1, now, "broken"))
    assert await store.write(lambda c: queries.claim_job(c, "j", 1, now, lease)) == 2
    put_back = now - timedelta(days=1)
    assert await store.write(lambda c: queries.claim_job(c, "j", 0, put_back, lease)) == 3
