"""Pages of what a system may see: each thing once, in order, and nothing of others."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from axis.store import queries
from axis.store.engine import StoreOptions
from axis.store.hot import Hot
from axis.store.queries import DeliveriesAsked, DeliveryKey, DocumentsAsked, PendingKey, Way
from axis.store.store import Store
from axis.terms import PackageKind, TransportState, Urgency
from tests.store import made
from tests.store.made import NOW, Made
from tests.store.plans import analyze, plans_of

ORGANS = ("H24", "H24.11", "H24.11.3", "H24.15", "H24.88")
YTE = {"H24.11", "H24.11.3"}


@pytest.fixture
async def city(store: Store) -> Store:
    await made.make_city(store)
    return store


async def pending_ids(store: Store, system_id: str, limit: int, kind: PackageKind | None = None) -> list[str]:
    found: list[str] = []
    key: PendingKey | None = None
    for _ in range(100):
        page = await store.read(lambda c, key=key: queries.pending_page(c, system_id, kind, NOW, (key, limit)))
        found += [item.package_id for item in page.items]
        if page.next is None:
            return found
        key = page.next
    raise AssertionError("pages without end")


async def document_ids(store: Store, system_id: str, way: Way, limit: int, text: str = "") -> list[str]:
    found: list[str] = []
    while True:
        asked = DocumentsAsked(
            system_id=system_id, way=way, text=text, before=found[-1] if found else None, limit=limit
        )
        page = await store.read(lambda c, asked=asked: queries.documents_page(c, asked))
        if not page:
            return found
        found += [document.document_uid for document in page]


async def delivery_keys(store: Store, system_id: str, way: Way, limit: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    while True:
        after = DeliveryKey(document_uid=found[-1][0], receiver_organ=found[-1][1]) if found else None
        asked = DeliveriesAsked(system_id=system_id, way=way, after=after, limit=limit)
        page = await store.read(lambda c, asked=asked: queries.deliveries_page(c, asked))
        if not page:
            return found
        found += [(line.delivery.document_uid, line.delivery.receiver_organ) for line in page]


async def fill(store: Store, seed: int) -> list[Made]:
    """Packages among random organisations, in random states, with ids that do not tell their order."""
    chance = random.Random(seed)
    rows = []
    for _ in range(40):
        receivers = chance.sample(ORGANS, chance.randint(1, 4))
        one = made.accepted(*receivers, urgency=chance.choice(list(Urgency)), from_organ=chance.choice(ORGANS))
        changed = tuple(
            replace(
                consignment,
                consignment_id=f"{chance.randrange(10**9):026}",
                state=chance.choice(list(TransportState)),
                visible_at=chance.choice((None, NOW, NOW + timedelta(hours=1))),
            )
            for consignment in one.consignments
        )
        rows.append(replace(one, consignments=changed))
    chance.shuffle(rows)
    for one in rows:
        await store.submit(one.hot)
    return rows


def waits(one: Made) -> list[str]:
    """Consignments that wait for yte now."""
    states = (TransportState.QUEUED, TransportState.HANDED_OVER, TransportState.RETRYING)
    return [
        c.consignment_id
        for c in one.consignments
        if c.receiver_organ in YTE and c.state in states and (c.visible_at is None or c.visible_at <= NOW)
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_pages_of_every_size_show_each_waiting_package_once_and_in_order(city: Store, seed: int) -> None:
    rows = [one for one in await fill(city, seed) if waits(one)]
    rows.sort(key=lambda one: (-one.package.urgency, min(waits(one))))
    wanted = [one.package.package_id for one in rows]
    assert len(wanted) > 8
    for limit in (1, 3, 100):
        assert await pending_ids(city, "yte", limit) == wanted
    assert await pending_ids(city, "yte", 3, PackageKind.DOCUMENT) == wanted
    assert await pending_ids(city, "yte", 3, PackageKind.STATUS) == []
    assert await pending_ids(city, "nobody", 3) == []


@pytest.mark.parametrize("seed", range(2))
async def test_pages_of_documents_and_deliveries_hold_all_of_a_system_and_nothing_else(city: Store, seed: int) -> None:
    rows = sorted(await fill(city, seed), key=lambda one: one.document.document_uid, reverse=True)
    sent = [one for one in rows if one.document.from_organ in YTE]
    received = [one for one in rows if YTE & {d.receiver_organ for d in one.deliveries}]
    assert sent
    assert received
    for limit in (1, 7, 100):
        assert await document_ids(city, "yte", Way.SENT, limit) == [one.document.document_uid for one in sent]
        assert await document_ids(city, "yte", Way.RECEIVED, limit) == [one.document.document_uid for one in received]
        assert await delivery_keys(city, "yte", Way.SENT, limit) == [
            (one.document.document_uid, receiver)
            for one in sent
            for receiver in sorted(d.receiver_organ for d in one.deliveries)
        ]
        assert await delivery_keys(city, "yte", Way.RECEIVED, limit) == [
            (one.document.document_uid, receiver)
            for one in received
            for receiver in sorted(YTE & {d.receiver_organ for d in one.deliveries})
        ]


async def test_a_search_finds_words_among_what_is_the_systems_own(city: Store) -> None:
    mine = made.accepted("H24.15", from_organ="H24.11", subject="Kế hoạch phòng chống dịch")
    to_me = made.accepted("H24.11", from_organ="H24.15", subject="Kế hoạch xây dựng")
    foreign = made.accepted("H24.15", from_organ="H24.88", subject="Kế hoạch mật độ dân số")
    for one in (mine, to_me, foreign):
        await city.submit(one.hot)
    assert await document_ids(city, "yte", Way.SENT, 5, "kế hoạch") == [mine.document.document_uid]
    assert await document_ids(city, "yte", Way.RECEIVED, 5, "KẾ HOẠCH") == [to_me.document.document_uid]
    assert await document_ids(city, "yte", Way.SENT, 5, "xây dựng hoạch") == [mine.document.document_uid]  # to Sở XD
    assert await document_ids(city, "yte", Way.RECEIVED, 5, "dịch") == []


async def test_deliveries_are_narrowed_by_document_and_by_status(city: Store) -> None:
    one, other = made.accepted("H24.15", "H24.88"), made.accepted("H24.15")
    answered = replace(one.deliveries[0], status_code="03", status_at=NOW)
    await city.submit(replace(one, deliveries=(answered, one.deliveries[1])).hot)
    await city.submit(other.hot)

    async def found(**narrowed: object) -> set[tuple[str, str]]:
        asked = DeliveriesAsked(system_id="yte", way=Way.SENT, **narrowed)  # type: ignore[arg-type]
        lines = await city.read(lambda c: queries.deliveries_page(c, asked))
        assert all(line.consignment is not None for line in lines)
        return {(line.delivery.document_uid, line.delivery.receiver_organ) for line in lines}

    uid = one.document.document_uid
    assert await found(document_uid=uid) == {(uid, "H24.15"), (uid, "H24.88")}
    assert await found(status_code="03") == {(uid, "H24.15")}
    assert await found(status_code="06") == set()


async def test_a_receiver_sees_of_a_document_only_what_concerns_it(city: Store) -> None:
    one = made.accepted("H24.15", "H24.88")
    await city.submit(one.hot)
    act_package = made.package(one.blob.sha256_hex, from_organ="H24.15", document_uid=one.document.document_uid)
    act = made.act(act_package.package_id)
    target = made.act_target(act.act_id, one.document.document_uid)
    carried = made.consignment(act_package.package_id, "H24.88")
    answers = (made.act_receiver(act.act_id, "H24.15"), made.act_receiver(act.act_id, "H24.88"))
    await city.submit(Hot(inserts=(act_package, act, target, *answers, carried)))
    uid = one.document.document_uid

    sender = await city.read(lambda c: queries.document_seen(c, "yte", uid))
    assert sender is not None
    assert (sender.sent, sender.received) == (True, False)
    assert {package.package_id for package in sender.packages} == {one.package.package_id, act_package.package_id}
    assert len(sender.acts[0].answers) == 2
    ward = await city.read(lambda c: queries.document_seen(c, "phuong", uid))
    assert ward is not None
    assert (ward.sent, ward.received) == (False, True)
    assert [answer.receiver_organ for answer in ward.acts[0].answers] == ["H24.88"]
    building = await city.read(lambda c: queries.document_seen(c, "xd", uid))  # the act did not come to it
    assert building is not None
    assert building.acts == ()
    assert [package.package_id for package in building.packages] == [one.package.package_id]
    assert await city.read(lambda c: queries.document_seen(c, "nobody", uid)) is None
    assert await city.read(lambda c: queries.document_seen(c, "yte", "0" * 26)) is None


async def test_pages_are_read_by_indexes(city: Store, store_options: StoreOptions) -> None:
    for _ in range(30):
        await city.submit(made.accepted("H24.11", "H24.15").hot)
    await analyze(city)
    key = PendingKey(urgency=0, consignment_id="0" * 26)
    for query, index in (
        (lambda c: queries.pending_page(c, "yte", None, NOW, (key, 5)), "ix_consignment_pending"),
        (
            lambda c: queries.documents_page(c, DocumentsAsked(system_id="yte", way=Way.SENT, limit=5)),
            "ix_document_from_organ",
        ),
        (
            lambda c: queries.documents_page(c, DocumentsAsked(system_id="yte", way=Way.RECEIVED, limit=5)),
            "ix_delivery_receiver",
        ),
    ):
        plan = "\n".join(await plans_of(city, query))
        # PostgreSQL reads a table of thirty rows whole, whatever indexes there are.
        assert index in plan or store_options.url.startswith("postgresql")
