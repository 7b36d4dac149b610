"""What is known when a package comes in."""

from datetime import timedelta

from axis.store import queries
from axis.store.hot import ActAnswered, Hot
from axis.store.queries import OpenAct
from axis.store.store import Store
from axis.terms import Answer, BusinessType, PackageKind
from tests.store import made
from tests.store.made import NOW


async def test_a_package_is_found_by_its_sender_and_bytes(store: Store) -> None:
    new = made.accepted("H24.15", content=b"bytes")
    files = (made.attachment(new.package.package_id, 2), made.attachment(new.package.package_id, 1))
    await store.submit(Hot(inserts=(*new.hot.inserts, *files)))
    digest, package_id = new.blob.sha256_hex, new.package.package_id
    assert await store.read(lambda c: queries.package_by_bytes(c, "H24.11", digest)) == new.package
    assert await store.read(lambda c: queries.package_by_bytes(c, "H24.88", digest)) is None
    assert await store.read(lambda c: queries.package(c, package_id)) == new.package
    assert await store.read(lambda c: queries.package(c, "nothing")) is None
    assert await store.read(lambda c: queries.attachments(c, package_id)) == (files[1], files[0])


async def test_editions_of_a_document_come_oldest_first(store: Store) -> None:
    second = made.accepted("H24.15", document_key="k", edition=2)
    first = made.accepted("H24.15", document_key="k", edition=1)
    other = made.accepted("H24.15", document_key="k", from_organ="H24.88", received_at=NOW - timedelta(hours=1))
    for new in (second, first, other):
        await store.submit(new.hot)
    found = await store.read(lambda c: queries.documents_by_key(c, "H24.11", "k"))
    assert found == (first.document, second.document)
    assert await store.read(lambda c: queries.documents_by_key(c, "H24.11", "K")) == ()
    of_any = await store.read(lambda c: queries.documents_by_document_id(c, "k"))
    assert of_any == (other.document, second.document, first.document)
    uid = second.document.document_uid
    assert await store.read(lambda c: queries.document(c, uid)) == second.document


async def test_documents_of_one_number_are_numbered_with_and_without_a_date(store: Store) -> None:
    for date in ("2026-11-20", None):
        for number in range(3):
            next_no = await store.read(lambda c, d=date: queries.next_same_code_no(c, "H24.11", "12/SYT", d))
            assert next_no == number
            new = made.accepted("H24.15", code_key="12/SYT", promulgation_date=date, same_code_no=number)
            await store.submit(new.hot)
        found = await store.read(lambda c, d=date: queries.documents_by_code(c, "H24.11", "12/SYT", d))
        assert [document.same_code_no for document in found] == [0, 1, 2]
    assert await store.read(lambda c: queries.next_same_code_no(c, "H24.11", "12/SYT", "2026-11-21")) == 0
    assert await store.read(lambda c: queries.next_same_code_no(c, "H24.88", "12/SYT", None)) == 0


async def test_deliveries_and_consignments_of_a_document_over_all_its_packages(store: Store) -> None:
    new = made.accepted("H24.15", "H24.88")
    uid = new.document.document_uid
    again = made.blob(b"rebuilt by the client")
    repeat = made.package(again.sha256_hex, document_uid=uid)
    late = made.delivery(uid, "H24.11.3")
    sent = made.consignment(repeat.package_id, "H24.11.3", delivery_id=late.delivery_id)
    await store.submit(new.hot)
    recall = made.blob(b"a recall of it")
    act = made.package(recall.sha256_hex, document_uid=uid, business_type=BusinessType.RECALL)
    of_act = made.consignment(act.package_id, "H24.88", delivery_id=new.deliveries[1].delivery_id)
    await store.submit(Hot(inserts=(again, repeat, late, sent, recall, act, of_act)))
    await store.submit(made.accepted("H24.15").hot)
    assert await store.read(lambda c: queries.deliveries(c, uid)) == (*new.deliveries, late)
    assert await store.read(lambda c: queries.delivery(c, uid, "H24.88")) == new.deliveries[1]
    assert await store.read(lambda c: queries.delivery(c, uid, "H24.11")) is None
    assert await store.read(lambda c: queries.consignments(c, repeat.package_id)) == (sent,)
    assert await store.read(lambda c: queries.carrying_consignments(c, uid)) == (*new.consignments, sent)


async def test_acts_are_found_by_identity_package_and_target_and_answered_oldest_first(store: Store) -> None:
    target = made.accepted("H24.15")
    uid = target.document.document_uid
    await store.submit(target.hot)
    acts = []
    for number in range(3):
        carrying = made.accepted("H24.15", document_id=f"act-{number}")
        at = NOW + timedelta(minutes=number)
        act = made.act(carrying.package.package_id, identity=f"identity-{number}", received_at=at)
        receivers = [made.act_receiver(act.act_id, organ) for organ in ("H24.88", "H24.15")]
        rows = (act, made.act_target(act.act_id, uid), *receivers[number == 0 :])
        await store.submit(Hot(inserts=(*carrying.hot.inserts, *rows)))
        acts.append((act, carrying))
    (first, carrying), (second, _), (third, _) = acts
    assert await store.read(lambda c: queries.act_by_identity(c, "identity-1")) == second
    assert await store.read(lambda c: queries.act_by_identity(c, "another")) is None
    assert await store.read(lambda c: queries.act_of_package(c, carrying.package.package_id)) == first
    assert await store.read(lambda c: queries.acts_on(c, uid)) == (first, second, third)
    receivers = await store.read(lambda c: queries.act_receivers(c, second.act_id))
    assert [receiver.receiver_organ for receiver in receivers] == ["H24.15", "H24.88"]
    assert await store.read(lambda c: queries.oldest_open_act(c, uid, "H24.15")) == OpenAct(act=first, position=0)
    assert await store.read(lambda c: queries.oldest_open_act(c, uid, "H24.88")) == OpenAct(act=second, position=0)
    assert await store.read(lambda c: queries.oldest_open_act(c, uid, "H24.11")) is None
    answer = ActAnswered(act_id=first.act_id, position=0, receiver_organ="H24.15", answer=Answer.AGREED, at=NOW)
    await store.submit(Hot(changes=(answer,)))
    assert await store.read(lambda c: queries.oldest_open_act(c, uid, "H24.15")) == OpenAct(act=second, position=0)


async def test_an_act_leads_to_its_targets_latest_act_first_each_once(store: Store) -> None:
    one, two = made.accepted("H24.15"), made.accepted("H24.15")
    for new in (one, two):
        await store.submit(new.hot)
    for number, target in enumerate((one, two, one)):
        carrying = made.accepted("H24.15", document_id="the-act")
        at = NOW + timedelta(minutes=number)
        act = made.act(carrying.package.package_id, received_at=at)
        rows = (act, made.act_target(act.act_id, target.document.document_uid))
        await store.submit(Hot(inserts=(*carrying.hot.inserts, *rows)))
    found = await store.read(lambda c: queries.targets_of_acts(c, "H24.11", "the-act"))
    assert found == (one.document, two.document)
    assert await store.read(lambda c: queries.targets_of_acts(c, "H24.88", "the-act")) == ()
    assert await store.read(lambda c: queries.targets_of_acts(c, "H24.11", "another")) == ()


async def test_status_events_come_in_order_and_orphans_by_the_sender_they_wait_for(store: Store) -> None:
    new = made.accepted("H24.15")
    await store.submit(new.hot)
    uid = new.document.document_uid
    events = []
    for code, effect, document_uid in (("03", "applied", uid), ("06", "applied", uid), ("03", "orphan", None)):
        carried = made.blob(f"{code}{effect}".encode())
        package = made.package(carried.sha256_hex, kind=PackageKind.STATUS, business_type=None, from_organ="H24.15")
        event = made.event(package.package_id, document_uid=document_uid, status_code=code, effect=effect)
        await store.submit(Hot(inserts=(carried, package, event)))
        events.append(event)
    assert await store.read(lambda c: queries.status_events(c, uid)) == tuple(events[:2])
    assert await store.read(lambda c: queries.orphans(c, "H24.11")) == (events[2],)
    assert await store.read(lambda c: queries.orphans(c, "H24.15")) == ()
    assert await store.read(lambda c: queries.event_of_package(c, events[1].package_id)) == events[1]
    assert await store.read(lambda c: queries.event_of_package(c, new.package.package_id)) is None
