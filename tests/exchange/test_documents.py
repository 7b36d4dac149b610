"""Documents come in: new, repeated, in conflict, for all kinds of receivers."""

import asyncio
from dataclasses import replace

import pytest

from axis.edxml.model import Business, DocumentType, OtherInfo, StaffInfo, TraceHeader
from axis.edxml.writer import to_bytes
from axis.errors import AxisError, Code, NotAllowed, Rejected, UnknownOrgan, WrongState
from axis.exchange.values import Acknowledgement, Outcome
from axis.terms import Place
from tests.exchange.harness import Node, a_document, a_file, a_status


async def test_a_document_is_listed_fetched_and_acknowledged_and_nothing_is_shown_as_arrived(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("H24.15"))
    assert accepted.outcome is Outcome.ACCEPTED
    assert await node.listed("dms-xd") == [accepted.package_id]
    assert await node.listed("dms-phuong") == []
    content = await node.exchange.open_package("dms-xd", accepted.package_id)
    raw = b"".join([chunk async for chunk in content.chunks()])
    assert len(raw) == content.size_bytes
    assert await node.states(accepted) == {"H24.15": "queued"}
    await node.exchange.record_hand_over("dms-xd", accepted.package_id)
    assert await node.states(accepted) == {"H24.15": "handed_over"}
    assert await node.listed("dms-xd") == [accepted.package_id]
    await node.exchange.acknowledge("dms-xd", accepted.package_id, Acknowledgement.DONE)
    assert await node.states(accepted) == {"H24.15": "acknowledged"}
    assert await node.listed("dms-xd") == []
    assert await node.statuses(accepted) == {"H24.15": None}


async def test_the_receiver_gets_the_very_bytes_that_were_sent(node: Node) -> None:
    raw = b"\r\n  " + to_bytes(a_document("H24.15")) + b"\r\n\r\n"
    await node.send("dms-yte", raw)
    assert await node.take("dms-xd") == [raw]


async def test_the_same_bytes_again_get_the_first_answer_and_nothing_happens_twice(node: Node) -> None:
    package = a_document("H24.15")
    first = await node.send("dms-yte", package)
    leaves = await node.count("leaf")
    second = await node.send("dms-yte", package)
    assert (second.outcome, second.package_id) == (Outcome.REPEATED, first.package_id)
    assert await node.count("package") == await node.count("consignment") == await node.count("verdict") == 1
    assert await node.count("leaf") == leaves


async def test_a_package_that_the_client_rebuilt_on_its_retry_is_a_repeat(node: Node) -> None:
    package = a_document("H24.15")
    first = await node.send("dms-yte", package)
    rebuilt = replace(
        package,
        header=replace(
            package.header,
            traces=(TraceHeader(organ_id="H24.11", timestamp="2026/11/24 10:00:00"),),
            business=Business(business_doc_type="0", staff=StaffInfo(staff="Người khác")),
        ),
        attachments=(replace(a_file(), content_id="cid:other"),),
    )
    plain = replace(rebuilt, header=replace(rebuilt.header, business=None))
    again = await node.send("dms-yte", plain)
    assert (again.outcome, again.package_id) == (Outcome.REPEATED, first.package_id)


async def test_other_files_or_another_code_under_the_same_id_are_a_conflict(node: Node) -> None:
    package = a_document("H24.15")
    await node.send("dms-yte", package)
    other_file = replace(package, attachments=(a_file(b"%PDF-1.7 khac"),))
    other_code = a_document("H24.15", number="102", document_id=package.header.document_id)
    for conflicting in (other_file, other_code):
        with pytest.raises(WrongState) as refused:
            await node.send("dms-yte", conflicting)
        assert refused.value.code is Code.DOCUMENT_CONFLICT
    assert await node.count("document") == 1
    assert await node.count("blob") == 1
    assert await node.audit_kinds() == ["package_refused"] * 2


async def test_other_header_text_is_a_repeat_that_is_flagged(node: Node) -> None:
    package = a_document("H24.15")
    first = await node.send("dms-yte", package)
    again = await node.send("dms-yte", replace(package, header=replace(package.header, subject="Trích yếu khác")))
    assert (again.outcome, again.package_id) == (Outcome.REPEATED, first.package_id)
    assert (await node.document(first)).flags == "header_differs"
    await node.send("dms-yte", replace(package, header=replace(package.header, due_date="2026/12/01")))
    assert (await node.document(first)).flags == "header_differs"


async def test_another_id_with_the_same_number_symbol_and_date_is_accepted_and_flagged(node: Node) -> None:
    first = await node.send("dms-yte", a_document("H24.15"))
    second = await node.send("dms-yte", a_document("H24.15", document_id="3f0c6e1e-uuid"))
    assert second.outcome is Outcome.ACCEPTED
    assert (await node.document(first)).flags == ""
    assert (await node.document(second)).flags == "same_code"


async def test_a_repeat_with_a_receiver_not_seen_before_reaches_only_that_one_with_its_own_bytes(node: Node) -> None:
    package = a_document("H24.15")
    first = await node.send("dms-yte", package)
    await node.take("dms-xd")
    wider = a_document("H24.15", "H24.88")
    again = await node.send("dms-yte", wider)
    assert (again.outcome, again.package_id) == (Outcome.REPEATED, first.package_id)
    assert await node.listed("dms-xd") == []
    assert await node.take("dms-phuong") == [to_bytes(wider)]
    assert set(await node.statuses(first)) == {"H24.15", "H24.88"}
    assert await node.count("document") == 1


async def test_concurrent_repeats_leave_one_document_and_one_answer(node: Node) -> None:
    package = a_document("H24.15", "H24.88")
    answers = await asyncio.gather(*(node.send("dms-yte", package) for _ in range(12)))
    assert len({answer.package_id for answer in answers}) == 1
    assert sorted(answer.outcome for answer in answers) == [Outcome.ACCEPTED] + [Outcome.REPEATED] * 11
    assert await node.count("document") == await node.count("package") == await node.count("blob") == 1
    assert await node.count("consignment") == 2


async def test_an_organisation_below_is_served_by_its_nearest_ancestors_system(node: Node) -> None:
    accepted = await node.send("dms-xd", a_document("H24.11.3", sender="H24.15"))
    assert await node.listed("dms-yte") == [accepted.package_id]


async def test_one_item_stands_for_all_receivers_that_a_system_serves(node: Node) -> None:
    accepted = await node.send("dms-xd", a_document("H24.11", "H24.11.3", sender="H24.15"))
    assert await node.listed("dms-yte") == [accepted.package_id]
    await node.exchange.acknowledge("dms-yte", accepted.package_id, Acknowledgement.DONE)
    assert await node.states(accepted) == {"H24.11": "acknowledged", "H24.11.3": "acknowledged"}


async def test_a_document_for_a_closed_organisation_goes_to_its_successor_and_says_so(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("H24.30"))
    deliveries = await node.deliveries(accepted)
    assert deliveries["H24.88"].addressed_as == "H24.30"
    assert await node.listed("dms-phuong") == [accepted.package_id]


async def test_two_codes_of_one_organisation_are_one_receiver(node: Node) -> None:
    accepted = await node.send("dms-xd", a_document("H24.11", "000.00.11.H24", sender="H24.15"))
    assert list(await node.deliveries(accepted)) == ["H24.11"]


async def test_the_old_code_of_the_sender_is_the_sender(node: Node) -> None:
    first = await node.send("dms-yte", a_document("H24.15", document_id="x"))
    again = await node.send("dms-yte", a_document("H24.15", sender="000.00.11.H24", document_id="x"))
    assert (again.outcome, again.package_id) == (Outcome.REPEATED, first.package_id)


async def test_receivers_outside_our_tree_share_one_push_and_are_not_arrived(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("G22", "000.00.00.G17", "H24.15"))
    deliveries = await node.deliveries(accepted)
    assert {organ: row.place for organ, row in deliveries.items()} == {
        "G22": Place.UPLINK,
        "G17": Place.UPLINK,
        "H24.15": Place.LOCAL,
    }
    assert await node.count("queue") == 1
    assert set((await node.statuses(accepted)).values()) == {None}


async def test_unregistered_receivers_inside_our_tree_refuse_the_whole_package_and_are_all_named(node: Node) -> None:
    for bad in ("H24.999", "000.00.99.H24"):
        with pytest.raises(UnknownOrgan) as refused:
            await node.send("dms-yte", a_document("H24.15", bad, "H24.998"))
        assert refused.value.code is Code.UNKNOWN_RECEIVER
        assert refused.value.detail == f"{bad}, H24.998"
    assert await node.count("package") == await node.count("blob") == 0


async def test_a_closed_receiver_without_successor_is_refused_with_the_reason(node: Node) -> None:
    with pytest.raises(Rejected) as refused:
        await node.send("dms-yte", a_document("H24.40", "H24.15"))
    assert (refused.value.code, refused.value.detail) == (Code.RECEIVER_CLOSED, "H24.40")


async def test_a_registered_receiver_without_a_system_waits_and_gets_it_when_connected(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("H24.77"))
    assert await node.states(accepted) == {"H24.77": "queued"}


async def test_a_system_may_not_send_for_an_organisation_that_it_does_not_serve(node: Node) -> None:
    with pytest.raises(NotAllowed) as refused:
        await node.send("dms-xd", a_document("H24.88"))
    assert refused.value.code is Code.FOREIGN_SENDER
    with pytest.raises(UnknownOrgan) as unknown:
        await node.send("dms-xd", a_document("H24.88", sender="Z99"))
    assert unknown.value.code is Code.UNKNOWN_SENDER
    assert await node.count("package") == await node.count("blob") == 0


@pytest.mark.parametrize(
    "header",
    [
        {"subject": "(MẬT) Kế hoạch diễn tập"},
        {"other": OtherInfo(sphere_of_promulgation="Tuyệt mật")},
        {"document_type": DocumentType(type_name="Tối mật")},
    ],
)
async def test_a_secret_marking_is_refused_and_only_the_refusal_is_kept(node: Node, header: dict[str, object]) -> None:
    with pytest.raises(Rejected) as refused:
        await node.send("dms-yte", a_document("H24.15", **header))
    assert refused.value.code is Code.SECRET_MARKING
    assert await node.count("package") == await node.count("blob") == await node.count("document") == 0
    fields = await node.store.read(
        lambda c: c.exec_driver_sql("SELECT fields FROM audit WHERE kind = 'package_refused'").scalar_one()
    )
    assert "diễn tập" not in fields
    assert "H24" not in fields


async def test_a_document_that_came_down_reaches_only_those_served_here_and_never_goes_up(node: Node) -> None:
    accepted = await node.come_down(a_document("H24.15", "G17", sender="G22"))
    deliveries = await node.deliveries(accepted)
    assert {organ: row.place for organ, row in deliveries.items()} == {"H24.15": Place.LOCAL, "G17": Place.ELSEWHERE}
    assert await node.states(accepted) == {"H24.15": "queued"}
    assert await node.count("queue") == 0


async def test_a_document_that_came_down_for_nobody_here_is_refused(node: Node) -> None:
    for code in ("G17", "H24.999", "H24.40"):
        with pytest.raises(AxisError) as refused:
            await node.come_down(a_document(code, sender="G22"))
        assert refused.value.code is Code.UNKNOWN_RECEIVER
    assert await node.count("package") == 0


async def test_our_own_document_coming_back_is_an_echo_even_with_other_bytes(node: Node) -> None:
    package = a_document("G22", "H24.15")
    await node.send("dms-yte", package)
    for echoed in (package, replace(package, attachments=(a_file(b"%PDF other"),))):
        accepted = await node.come_down(echoed)
        assert accepted.outcome is Outcome.ECHO
    assert await node.count("package") == await node.count("document") == 1
    assert await node.audit_kinds() == ["echo_acknowledged"] * 2


async def test_arriving_locally_and_through_the_axis_is_one_delivery(node: Node) -> None:
    package = a_document("H24.15", sender="G22")
    first = await node.come_down(package)
    again = await node.come_down(package)
    assert (again.outcome, again.package_id) == (Outcome.REPEATED, first.package_id)
    assert await node.count("delivery") == 1


async def test_a_refused_document_is_opened_again_by_a_repeat_once_the_refusal_was_read(node: Node) -> None:
    package = a_document("H24.15")
    accepted = await node.send("dms-yte", package)
    await node.take("dms-xd")
    await node.send("dms-xd", a_status(package, "02", "H24.15"))
    await node.send("dms-yte", package)
    assert await node.listed("dms-xd") == []
    await node.take("dms-yte")
    await node.send("dms-yte", package)
    assert await node.listed("dms-xd") == [accepted.package_id]


async def test_a_dead_consignment_is_opened_again_by_a_repeat(node: Node) -> None:
    package = a_document("H24.15")
    accepted = await node.send("dms-yte", package)
    for _ in range(10):
        await node.exchange.acknowledge("dms-xd", accepted.package_id, Acknowledgement.FAIL)
        node.clock.advance(hours=4)
    assert await node.states(accepted) == {"H24.15": "dead"}
    assert "consignment_dead" in await node.audit_kinds()
    assert await node.listed("dms-xd") == []
    await node.send("dms-yte", package)
    assert await node.listed("dms-xd") == [accepted.package_id]


async def test_a_failed_item_is_listed_again_only_after_the_back_off(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("H24.15"))
    await node.exchange.acknowledge("dms-xd", accepted.package_id, Acknowledgement.FAIL)
    assert await node.listed("dms-xd") == []
    node.clock.advance(seconds=60)
    assert await node.listed("dms-xd") == [accepted.package_id]


async def test_urgent_ones_come_first_then_older_ones(node: Node) -> None:
    ids = []
    for number, priority in enumerate(["0", "3", "0", "4", "1"]):
        package = a_document("H24.15", number=str(number), other=OtherInfo(priority=priority))
        ids.append((await node.send("dms-yte", package)).package_id)
    assert await node.listed("dms-xd") == [ids[3], ids[1], ids[4], ids[0], ids[2]]


async def test_what_is_fetched_often_and_never_acknowledged_moves_behind(node: Node) -> None:
    first = await node.send("dms-yte", a_document("H24.15", number="1"))
    second = await node.send("dms-yte", a_document("H24.15", number="2"))
    for _ in range(5):
        await node.exchange.record_hand_over("dms-xd", first.package_id)
    assert await node.listed("dms-xd") == [second.package_id, first.package_id]


async def test_nobody_sees_what_is_not_theirs(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("H24.15"))
    for call in (
        node.exchange.open_package("dms-phuong", accepted.package_id),
        node.exchange.acknowledge("dms-phuong", accepted.package_id, Acknowledgement.DONE),
        node.exchange.sent("dms-xd", accepted.package_id),
        node.exchange.open_package("dms-xd", "01J00000000000000000000000"),
    ):
        with pytest.raises(AxisError) as refused:
            await call
        assert refused.value.code is Code.NOT_FOUND
    assert await node.states(accepted) == {"H24.15": "queued"}
