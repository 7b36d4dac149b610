"""Statuses come in: matched, ordered, kept, sent on."""

import asyncio
from dataclasses import replace

import pytest

from axis.edxml.model import ResponseFor
from axis.errors import AxisError, Code, NotAllowed, WrongState
from axis.exchange.values import Outcome
from axis.store import queries
from tests.exchange.harness import Node, a_document, a_status, an_act


async def effects(node: Node) -> list[tuple[str, str]]:
    """Code and effect of every status event, in order."""
    rows = await node.store.read(
        lambda c: c.exec_driver_sql("SELECT status_code, effect FROM status_event ORDER BY event_id").all()
    )
    return [(row[0], row[1]) for row in rows]


async def test_the_five_statuses_travel_back_to_the_sender_one_by_one(node: Node) -> None:
    package = a_document("H24.15")
    accepted = await node.send("dms-yte", package)
    for code in ("01", "03", "04", "05", "06"):
        answer = await node.send("dms-xd", a_status(package, code, "H24.15"))
        assert answer.outcome is Outcome.ACCEPTED
        assert await node.statuses(accepted) == {"H24.15": code}
        assert await node.listed("dms-yte") == [answer.package_id]
        await node.take("dms-yte")


async def test_each_receiver_has_its_own_status(node: Node) -> None:
    package = a_document("H24.15", "H24.88")
    accepted = await node.send("dms-yte", package)
    await node.send("dms-xd", a_status(package, "03", "H24.15"))
    await node.send("dms-phuong", a_status(package, "02", "H24.88"))
    assert await node.statuses(accepted) == {"H24.15": "03", "H24.88": "02"}


async def test_a_skip_is_legal_and_an_earlier_one_is_kept_forwarded_and_changes_nothing(node: Node) -> None:
    package = a_document("H24.15")
    accepted = await node.send("dms-yte", package)
    for code in ("06", "03"):
        await node.send("dms-xd", a_status(package, code, "H24.15"))
    assert await node.statuses(accepted) == {"H24.15": "06"}
    assert await effects(node) == [("06", "applied"), ("03", "unchanged")]
    assert len(await node.listed("dms-yte")) == 2


async def test_refusal_after_acceptance_wins_and_is_flagged_and_so_the_other_way_round(node: Node) -> None:
    package = a_document("H24.15")
    accepted = await node.send("dms-yte", package)
    for code in ("03", "02", "04"):
        await node.send("dms-xd", a_status(package, code, "H24.15"))
    assert await effects(node) == [("03", "applied"), ("02", "flagged"), ("04", "flagged")]
    assert await node.statuses(accepted) == {"H24.15": "04"}


async def test_only_byte_identical_repeats_are_not_forwarded(node: Node) -> None:
    package = a_document("H24.15")
    await node.send("dms-yte", package)
    status = a_status(package, "03", "H24.15")
    first = await node.send("dms-xd", status)
    again = await node.send("dms-xd", status)
    later = await node.send("dms-xd", replace(status, header=replace(status.header, timestamp="2026/11/24 09:00:01")))
    assert (again.outcome, again.package_id) == (Outcome.REPEATED, first.package_id)
    assert later.outcome is Outcome.ACCEPTED
    assert await node.listed("dms-yte") == [first.package_id, later.package_id]


async def test_their_timestamps_never_decide(node: Node) -> None:
    package = a_document("H24.15")
    accepted = await node.send("dms-yte", package)
    await node.send("dms-xd", a_status(package, "05", "H24.15", timestamp="2015/01/01 00:00:00"))
    assert await node.statuses(accepted) == {"H24.15": "05"}


async def test_a_code_without_its_zero_and_a_raw_text_are_kept(node: Node) -> None:
    package = a_document("H24.15")
    await node.send("dms-yte", package)
    answer = await node.send("dms-xd", a_status(package, "3", "H24.15", description="đã vào sổ"))
    event = await node.store.read(lambda c: queries.event_of_package(c, answer.package_id))
    assert event is not None
    assert (event.status_code, event.raw_code, event.description) == ("03", "3", "đã vào sổ")


async def test_a_status_matches_without_a_date_and_with_another_date(node: Node) -> None:
    package = a_document("H24.15")
    accepted = await node.send("dms-yte", package)
    status = a_status(package, "03", "H24.15")
    other_date = replace(status.header.response_for, promulgation_date="1999/01/01")
    await node.send("dms-xd", replace(status, header=replace(status.header, response_for=other_date)))
    assert await node.statuses(accepted) == {"H24.15": "03"}


async def test_a_status_without_document_id_matches_by_code_and_date(node: Node) -> None:
    package = a_document("H24.15")
    accepted = await node.send("dms-yte", package)
    by_code = ResponseFor(organ_id="H24.11", code="101/SYT-VP", promulgation_date="24/11/2026")
    status = a_status(package, "03", "H24.15")
    await node.send("dms-xd", replace(status, header=replace(status.header, response_for=by_code)))
    assert await node.statuses(accepted) == {"H24.15": "03"}


async def test_a_status_from_a_unit_below_counts_for_the_addressed_one(node: Node) -> None:
    package = a_document("H24.11", sender="H24.15")
    accepted = await node.send("dms-xd", package)
    await node.send("dms-yte", a_status(package, "03", "H24.11.3"))
    assert await node.statuses(accepted) == {"H24.11": "03"}


async def test_a_status_for_the_closed_code_counts_for_its_successor(node: Node) -> None:
    package = a_document("H24.30")
    accepted = await node.send("dms-yte", package)
    await node.send("dms-phuong", a_status(package, "03", "H24.88"))
    assert await node.statuses(accepted) == {"H24.88": "03"}


async def test_a_local_status_that_fits_no_document_is_refused(node: Node) -> None:
    package = a_document("H24.15")
    await node.send("dms-yte", package)
    strangers = [
        a_status(package, "03", "H24.88"),  # not addressed
        a_status(a_document("H24.15", number="999"), "03", "H24.15"),  # no such document
    ]
    for status, system in zip(strangers, ("dms-phuong", "dms-xd"), strict=True):
        with pytest.raises(WrongState) as refused:
            await node.send(system, status)
        assert refused.value.code is Code.STATUS_UNMATCHED
    assert await node.count("status_event") == 0
    assert await node.count("package") == 1


async def test_a_system_may_not_report_for_an_organisation_that_it_does_not_serve(node: Node) -> None:
    package = a_document("H24.15")
    await node.send("dms-yte", package)
    with pytest.raises(NotAllowed) as refused:
        await node.send("dms-phuong", a_status(package, "06", "H24.15"))
    assert refused.value.code is Code.FOREIGN_SENDER


async def test_a_status_on_a_document_that_came_down_goes_up(node: Node) -> None:
    package = a_document("H24.15", sender="G22")
    accepted = await node.come_down(package)
    await node.send("dms-xd", a_status(package, "03", "H24.15"))
    assert await node.statuses(accepted) == {"H24.15": "03"}
    assert await node.count("queue") == 1


async def test_a_status_from_above_reaches_the_sender_here(node: Node) -> None:
    package = a_document("G22")
    accepted = await node.send("dms-yte", package)
    answer = await node.come_down(a_status(package, "01", "000.00.00.G22"))
    assert await node.statuses(accepted) == {"G22": "01"}
    assert await node.listed("dms-yte") == [answer.package_id]


async def test_a_status_from_above_for_somebody_else_is_refused(node: Node) -> None:
    with pytest.raises(AxisError) as refused:
        await node.come_down(a_status(a_document("G22", sender="H17"), "01", "G22"))
    assert refused.value.code is Code.UNKNOWN_RECEIVER


async def test_a_status_that_came_before_its_document_waits_and_is_matched(node: Node) -> None:
    package = a_document("G22")
    answer = await node.come_down(a_status(package, "03", "G22"))
    assert answer.document_uid is None
    assert await effects(node) == [("03", "orphan")]
    accepted = await node.send("dms-yte", package)
    assert await node.statuses(accepted) == {"G22": "03"}
    assert await effects(node) == [("03", "applied")]


async def test_concurrent_statuses_end_at_the_furthest(node: Node) -> None:
    package = a_document("H24.15")
    accepted = await node.send("dms-yte", package)
    codes = ["01", "03", "04", "05", "06"]
    await asyncio.gather(*(node.send("dms-xd", a_status(package, code, "H24.15")) for code in codes))
    assert await node.statuses(accepted) == {"H24.15": "06"}
    assert sorted(code for code, _ in await effects(node)) == codes


async def test_a_recall_is_delivered_and_answered(node: Node) -> None:
    package = a_document("H24.15", "H24.88")
    accepted = await node.send("dms-yte", package)
    await node.take("dms-xd")
    recall = an_act(package, "1")
    answer = await node.send("dms-yte", recall)
    assert answer.document_uid == accepted.document_uid
    assert answer.package_id in await node.listed("dms-xd")
    acts = await node.store.read(lambda c: queries.acts_on(c, accepted.document_uid or ""))
    assert [act.kind for act in acts] == ["recall"]
    await node.send("dms-xd", a_status(package, "15", "H24.15"))
    await node.send("dms-phuong", a_status(package, "16", "H24.88"))
    receivers = await node.store.read(lambda c: queries.act_receivers(c, acts[0].act_id))
    assert {r.receiver_organ: r.answer for r in receivers} == {"H24.15": "agreed", "H24.88": "declined"}
    assert await node.statuses(accepted) == {"H24.15": None, "H24.88": None}
    again = await node.send("dms-yte", recall)
    assert (again.outcome, again.package_id) == (Outcome.REPEATED, answer.package_id)


async def test_an_act_on_a_document_nobody_knows_is_delivered_all_the_same(node: Node) -> None:
    answer = await node.send("dms-yte", an_act(a_document("H24.15"), "1"))
    assert answer.document_uid is None
    assert await node.listed("dms-xd") == [answer.package_id]


async def test_an_update_brings_the_document_to_a_new_receiver_whose_statuses_count(node: Node) -> None:
    package = a_document("H24.15")
    accepted = await node.send("dms-yte", package)
    await node.send("dms-yte", an_act(package, "2", "H24.15", "H24.88"))
    await node.send("dms-phuong", a_status(package, "03", "H24.88"))
    assert await node.statuses(accepted) == {"H24.15": None, "H24.88": "03"}


async def test_a_replacement_under_the_same_id_is_a_new_edition_with_statuses_of_its_own(node: Node) -> None:
    package = a_document("H24.15")
    first = await node.send("dms-yte", package)
    await node.send("dms-xd", a_status(package, "06", "H24.15"))
    second = await node.send("dms-yte", an_act(package, "3"))
    assert second.document_uid != first.document_uid
    assert (await node.document(second)).edition == 2
    await node.send("dms-xd", a_status(package, "01", "H24.15"))
    assert await node.statuses(second) == {"H24.15": "01"}
    assert await node.statuses(first) == {"H24.15": "06"}


async def test_the_sender_asks_one_receiver_to_give_a_document_back(node: Node) -> None:
    package = a_document("H24.15", "H24.88")
    accepted = await node.send("dms-yte", package)
    request = await node.send("dms-yte", a_status(package, "13", "H24.11", to="H24.15"))
    assert await node.listed("dms-xd") == [accepted.package_id, request.package_id]
    await node.send("dms-xd", a_status(package, "15", "H24.15"))
    acts = await node.store.read(lambda c: queries.acts_on(c, accepted.document_uid or ""))
    receivers = await node.store.read(lambda c: queries.act_receivers(c, acts[0].act_id))
    assert [(r.receiver_organ, r.answer) for r in receivers] == [("H24.15", "agreed")]


async def test_a_stranger_may_not_ask_for_a_document_back(node: Node) -> None:
    package = a_document("H24.15")
    await node.send("dms-yte", package)
    with pytest.raises(WrongState):
        await node.send("dms-phuong", a_status(package, "13", "H24.88", to="H24.15"))


async def test_an_orphan_is_matched_by_its_document_id_alone_and_not_by_another_ones_number(node: Node) -> None:
    package = a_document("G22")
    by_id = replace(a_status(package, "03", "G22").header.response_for, code="999/KHAC", promulgation_date=None)
    status = a_status(package, "03", "G22")
    await node.come_down(replace(status, header=replace(status.header, response_for=by_id)))
    other = await node.send("dms-yte", a_document("G22", number="999", document_id="another"))
    accepted = await node.send("dms-yte", package)
    assert await node.statuses(other) == {"G22": None}
    assert await node.statuses(accepted) == {"G22": "03"}


async def test_an_act_is_about_the_latest_edition(node: Node) -> None:
    package = a_document("H24.15")
    await node.send("dms-yte", package)
    second = await node.send("dms-yte", an_act(package, "3"))
    answer = await node.send("dms-yte", an_act(package, "1"))
    assert answer.document_uid == second.document_uid
