"""What waits for a system, and how the receivers of a package fare."""

import re
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from axis.store import queries
from axis.store.engine import StoreOptions
from axis.store.hot import ConsignmentFailed, ConsignmentMoved, DeliveryStatus, Hot
from axis.store.queries import PendingItem
from axis.store.registry import OrganRow, import_organs
from axis.store.store import Store
from axis.store.systems import add_system, set_serves
from axis.terms import BusinessType, PackageKind, Place, TransportState, Urgency
from tests.store import made
from tests.store.made import NOW, Made, a_system, fill, make_city
from tests.store.plans import analyze, plans_of, vacuum

OFTEN = 5


async def pending(store: Store, system: str, limit: int = 200, minutes: int = 0) -> tuple[PendingItem, ...]:
    at = NOW + timedelta(minutes=minutes)
    return await store.read(lambda c: queries.pending(c, system, at, limit, OFTEN))


async def send(store: Store, *receivers: str, **of_document: object) -> Made:
    new = made.accepted(*receivers, **of_document)  # type: ignore[arg-type]
    await store.submit(new.hot)
    return new


async def move(store: Store, new: Made, *states: TransportState, receiver: int = 0) -> None:
    was = TransportState.QUEUED
    for becomes in states:
        consignment_id = new.consignments[receiver].consignment_id
        await store.submit(
            Hot(changes=(ConsignmentMoved(consignment_id=consignment_id, was=was, becomes=becomes, at=NOW),))
        )
        was = becomes


def ids(news: Sequence[Made]) -> list[str]:
    return [new.package.package_id for new in news]


async def test_a_package_for_several_receivers_of_a_system_is_one_item(store: Store) -> None:
    await make_city(store)
    new = await send(store, "H24.11", "H24.11.3", "H24.15", from_organ="H24.88", urgency=Urgency.URGENT)
    (item,) = await pending(store, "yte")
    assert item == PendingItem(
        package_id=new.package.package_id,
        kind=PackageKind.DOCUMENT,
        urgency=Urgency.URGENT,
        from_organ="H24.88",
        receivers=("H24.11", "H24.11.3"),
        document_id=new.package.document_id,
        code=None,
        subject=None,
        size_bytes=new.package.size_bytes,
        received_at=NOW,
        state=TransportState.QUEUED,
        updated_at=NOW,
    )
    assert [item.receivers for item in await pending(store, "xd")] == [("H24.15",)]
    assert await pending(store, "phuong") == ()
    assert await pending(store, "nobody") == ()


async def test_items_come_by_urgency_and_age_over_all_receivers(store: Store) -> None:
    await make_city(store)
    urgencies = [0, 2, 0, 4, 2]
    sent = [
        await send(store, ("H24.11", "H24.11.3")[number % 2], urgency=urgency)
        for number, urgency in enumerate(urgencies)
    ]
    wanted = [sent[number] for number in (3, 1, 4, 0, 2)]
    assert [item.package_id for item in await pending(store, "yte")] == ids(wanted)
    assert [item.package_id for item in await pending(store, "yte", limit=3)] == ids(wanted[:3])
    assert [item.package_id for item in await pending(store, "yte", limit=1)] == ids(wanted[:1])


async def test_the_limit_counts_packages_not_receivers(store: Store) -> None:
    await make_city(store)
    sent = [await send(store, "H24.11.3", "H24.11") for _ in range(4)]
    items = await pending(store, "yte", limit=3)
    assert [item.package_id for item in items] == ids(sent[:3])
    assert {item.receivers for item in items} == {("H24.11", "H24.11.3")}


async def test_what_was_fetched_often_and_never_acknowledged_comes_last(store: Store) -> None:
    await make_city(store)
    poison = await send(store, "H24.11", urgency=Urgency.EXPRESS)
    await move(store, poison, *[TransportState.HANDED_OVER] * OFTEN)
    once = await send(store, "H24.11")
    await move(store, once, TransportState.HANDED_OVER)
    fresh = [await send(store, "H24.11") for _ in range(2)]
    wanted = [once, *fresh, poison]
    assert [item.package_id for item in await pending(store, "yte")] == ids(wanted)
    assert [item.package_id for item in await pending(store, "yte", limit=2)] == ids(wanted[:2])
    assert [item.package_id for item in await pending(store, "yte", limit=4)] == ids(wanted)


async def test_many_that_were_fetched_often_never_hide_the_others(store: Store) -> None:
    await make_city(store)
    for _ in range(10):
        await move(store, await send(store, "H24.11"), *[TransportState.HANDED_OVER] * OFTEN)
    fresh = await send(store, "H24.11")
    first = (await pending(store, "yte", limit=3))[0]
    assert first.package_id == fresh.package.package_id


@pytest.mark.parametrize(
    ("states", "listed"),
    [
        ((TransportState.HANDED_OVER,), True),
        ((TransportState.RETRYING,), True),
        ((TransportState.ACKNOWLEDGED,), False),
        ((TransportState.DEAD,), False),
        ((TransportState.CANCELLED,), False),
        ((TransportState.HANDED_OVER, TransportState.QUEUED), True),
    ],
)
async def test_only_what_was_not_acknowledged_or_given_up_is_listed(
    store: Store, states: tuple[TransportState, ...], *, listed: bool
) -> None:
    await make_city(store)
    new = await send(store, "H24.11")
    await move(store, new, *states)
    assert [item.state for item in await pending(store, "yte")] == [states[-1]] * listed
    counted = await store.read(lambda c: queries.count_pending(c, "yte", PackageKind.DOCUMENT, NOW))
    assert counted == int(listed)


async def test_an_item_stays_while_one_of_its_receivers_waits(store: Store) -> None:
    await make_city(store)
    new = await send(store, "H24.11", "H24.11.3")
    await move(store, new, TransportState.ACKNOWLEDGED)
    (item,) = await pending(store, "yte")
    assert item.receivers == ("H24.11.3",)
    await move(store, new, TransportState.ACKNOWLEDGED, receiver=1)
    assert await pending(store, "yte") == ()


async def test_what_failed_is_listed_again_when_its_time_has_come(store: Store) -> None:
    await make_city(store)
    new = await send(store, "H24.11")
    failed = ConsignmentFailed(
        consignment_id=new.consignments[0].consignment_id,
        was=TransportState.QUEUED,
        becomes=TransportState.RETRYING,
        visible_at=NOW + timedelta(minutes=5),
        last_error="fail",
    )
    await store.submit(Hot(changes=(failed,)))
    assert await pending(store, "yte", minutes=4) == ()
    assert [item.state for item in await pending(store, "yte", minutes=5)] == [TransportState.RETRYING]


async def test_what_is_not_to_be_listed_yet_takes_nobodys_place(store: Store) -> None:
    await make_city(store)
    for _ in range(3):
        new = await send(store, "H24.11", urgency=Urgency.EXPRESS)
        failed = ConsignmentFailed(
            consignment_id=new.consignments[0].consignment_id,
            was=TransportState.QUEUED,
            becomes=TransportState.RETRYING,
            visible_at=NOW + timedelta(minutes=5),
            last_error="fail",
        )
        await store.submit(Hot(changes=(failed,)))
    fresh = await send(store, "H24.11")
    assert [item.package_id for item in await pending(store, "yte", limit=2)] == ids([fresh])


async def test_what_waits_moves_with_a_change_of_system(store: Store) -> None:
    await make_city(store)
    new = await send(store, "H24.15", "H24.88")
    package_id = new.package.package_id

    async def mine(system: str) -> tuple[str, ...]:
        found = await store.read(lambda c: queries.consignments_for_system(c, package_id, system, NOW))
        return tuple(consignment.receiver_organ for consignment in found)

    assert (await mine("xd"), await mine("phuong")) == (("H24.15",), ("H24.88",))
    await store.write(lambda c: set_serves(c, "xd", (), NOW, "test"))
    await store.write(lambda c: set_serves(c, "phuong", ("H24.15", "H24.88"), NOW, "test"))
    assert await pending(store, "xd") == ()
    assert [item.receivers for item in await pending(store, "phuong")] == [("H24.15", "H24.88")]
    assert (await mine("xd"), await mine("phuong")) == ((), ("H24.15", "H24.88"))


async def test_what_goes_up_is_no_item_of_a_system_here(store: Store) -> None:
    await make_city(store)
    new = made.accepted("H24.15")
    up = made.consignment(new.package.package_id, "H24.88", place=Place.UPLINK, uplink_id="national")
    await store.submit(Hot(inserts=(*new.hot.inserts, up)))
    assert await pending(store, "phuong") == ()
    assert await store.read(lambda c: queries.consignments_for_system(c, new.package.package_id, "phuong", NOW)) == ()


async def test_documents_and_statuses_are_counted_apart(store: Store) -> None:
    await make_city(store)
    await send(store, "H24.11", "H24.11.3")
    for number in range(2):
        carried = made.blob(f"status {number}".encode())
        status = made.package(carried.sha256_hex, kind=PackageKind.STATUS, business_type=None)
        sent = made.consignment(status.package_id, "H24.11", kind=PackageKind.STATUS)
        await store.submit(Hot(inserts=(carried, status, sent)))
    counts = [
        await store.read(lambda c, k=kind: queries.count_pending(c, "yte", k, NOW))
        for kind in (PackageKind.DOCUMENT, PackageKind.STATUS)
    ]
    assert counts == [1, 2]
    assert [item.kind for item in await pending(store, "yte")].count(PackageKind.STATUS) == 2


async def test_statuses_that_nobody_fetches_hide_no_document_from_a_list_of_documents(store: Store) -> None:
    await make_city(store)
    statuses = []
    for number in range(4):
        carried = made.blob(f"status {number}".encode())
        status = made.package(carried.sha256_hex, kind=PackageKind.STATUS, business_type=None)
        sent = made.consignment(status.package_id, "H24.11", urgency=Urgency.EXPRESS, kind=PackageKind.STATUS)
        await store.submit(Hot(inserts=(carried, status, sent)))
        statuses.append(status.package_id)
    document = await send(store, "H24.11")

    async def listed(kind: PackageKind | None) -> list[str]:
        items = await store.read(lambda c: queries.pending(c, "yte", NOW, 2, OFTEN, kind))
        return [item.package_id for item in items]

    assert await listed(PackageKind.DOCUMENT) == ids([document])
    assert await listed(PackageKind.STATUS) == statuses[:2]
    assert await listed(None) == statuses[:2]


async def test_a_list_of_many_thousand_looks_only_at_the_first_of_each_receiver(store: Store) -> None:
    await make_city(store)
    organs = [OrganRow(code=f"H24.11.{number}", name="Đơn vị", parent="H24.11") for number in range(50, 90)]
    await store.write(lambda c: import_organs(c, organs, NOW, "test"))
    receivers = ["H24.11", *(row.code for row in organs), "H24.15"]
    new = await send(store, "H24.88")
    await store.write(lambda c: fill(c, new, receivers, 20_000))
    await analyze(store)
    asked = NOW + timedelta(hours=1)
    items = await store.read(lambda c: queries.pending(c, "yte", asked, 200, OFTEN))
    assert len(items) == 200
    numbers = [int(item.package_id) for item in items]
    of_system = [n for n in range(20_000) if receivers[n % len(receivers)] != "H24.15"]
    assert numbers == sorted(of_system, key=lambda n: (-(n % 3), n))[:200]
    rules, documents, statuses, *_ = await plans_of(store, lambda c: queries.pending(c, "yte", asked, 200, OFTEN))
    assert re.search(r"\bhold\b", rules)  # a few rows: whether anything is held back
    for plan in (documents, statuses):
        assert "ix_consignment_pending" in plan
        assert "SCAN consignment" not in plan
        assert "Seq Scan on consignment" not in plan


async def test_many_thousand_are_counted_from_the_index_alone(store: Store, store_options: StoreOptions) -> None:
    await make_city(store)
    new = await send(store, "H24.88")
    await store.write(lambda c: fill(c, new, ["H24.11", "H24.11.3", "H24.15"], 9_000))
    await send(store, "H24.11", "H24.11.3")
    await analyze(store)
    vacuum(store_options)
    asked = NOW + timedelta(hours=1)

    def count(c: Connection) -> int:
        return queries.count_pending(c, "yte", PackageKind.DOCUMENT, asked)

    assert await store.read(count) == 6_001
    rules, *counts = await plans_of(store, count)
    assert re.search(r"\bhold\b", rules)  # a few rows: whether anything is held back
    assert counts
    for plan in counts:
        assert re.search("(COVERING INDEX|Index Only Scan using) ix_consignment_pending", plan), plan
        assert "package" not in plan.replace("package_id", "")


# ── what became of what was sent ───────────────────────────────────────────────────────────────────────────────


async def test_a_document_shows_one_row_a_receiver_whichever_package_reached_it(store: Store) -> None:
    new = await send(store, "H24.15", "H24.88")
    uid = new.document.document_uid
    await move(store, new, TransportState.HANDED_OVER, TransportState.ACKNOWLEDGED)
    status = DeliveryStatus(
        delivery_id=new.deliveries[0].delivery_id, version=0, status_code="03", status_at=NOW + timedelta(hours=1)
    )
    again = made.blob(b"rebuilt by the client")
    repeat = made.package(again.sha256_hex, document_uid=uid)
    late = made.delivery(uid, "H24.11.3", addressed_as="H24.30")
    elsewhere = made.delivery(uid, "G22.1", place=Place.ELSEWHERE)
    sent = made.consignment(
        repeat.package_id, "H24.11.3", delivery_id=late.delivery_id, queued_at=NOW + timedelta(minutes=1)
    )
    await store.submit(Hot(inserts=(again, repeat, late, elsewhere, sent), changes=(status,)))
    for package_id in (new.package.package_id, repeat.package_id):
        rows = await store.read(lambda c, p=package_id: queries.sent_rows(c, p))
        assert {row.package_id for row in rows} == {package_id}
        assert [(row.receiver_organ, row.state, row.status_code) for row in rows] == [
            ("H24.15", TransportState.ACKNOWLEDGED, "03"),
            ("H24.88", TransportState.QUEUED, None),
            ("H24.11.3", TransportState.QUEUED, None),
            ("G22.1", None, None),
        ]
        assert (rows[0].handed_over_at, rows[0].acknowledged_at, rows[0].sent_at) == (NOW, NOW, NOW)
        assert rows[0].status_at == NOW + timedelta(hours=1)
        assert (rows[2].addressed_as, rows[2].sent_at) == ("H24.30", NOW + timedelta(minutes=1))
        assert rows[3].place is Place.ELSEWHERE


async def test_a_delivery_shows_the_consignment_that_brought_its_document(store: Store) -> None:
    new = await send(store, "H24.15")
    await move(store, new, TransportState.DEAD)
    again = made.blob(b"update")
    update = made.package(again.sha256_hex, document_uid=new.document.document_uid)
    sent = made.consignment(update.package_id, "H24.15", delivery_id=new.deliveries[0].delivery_id)
    await store.submit(Hot(inserts=(again, update, sent)))
    (row,) = await store.read(lambda c: queries.sent_rows(c, new.package.package_id))
    assert row.state is TransportState.DEAD


@pytest.mark.parametrize("kind", [PackageKind.DOCUMENT, PackageKind.STATUS])
async def test_an_act_or_a_status_shows_its_own_consignments(store: Store, kind: PackageKind) -> None:
    await make_city(store)
    new = await send(store, "H24.15")
    carried = made.blob(b"act or status")
    package = made.package(
        carried.sha256_hex,
        kind=kind,
        business_type=BusinessType.RECALL if kind is PackageKind.DOCUMENT else None,
        document_uid=new.document.document_uid,
    )
    sent = [made.consignment(package.package_id, organ) for organ in ("H24.15", "H24.77")]
    await store.submit(Hot(inserts=(carried, package, *sent)))
    rows = await store.read(lambda c: queries.sent_rows(c, package.package_id))
    assert [(row.receiver_organ, row.receiver_name, row.status_code) for row in rows] == [
        ("H24.15", "Sở Xây dựng", None),
        ("H24.77", None, None),
    ]
    assert await store.read(lambda c: queries.sent_rows(c, "nothing")) == ()


async def test_a_system_added_later_finds_what_waited(store: Store) -> None:
    await make_city(store)
    await store.write(lambda c: import_organs(c, [OrganRow(code="H24.77", name="Xã")], NOW, "test"))
    new = await send(store, "H24.77")
    await store.write(lambda c: add_system(c, a_system("xa", "H24.77"), NOW, "test"))
    assert [item.package_id for item in await pending(store, "xa")] == ids([new])
