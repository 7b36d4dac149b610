"""What is owed by a time limit follows from every change, and what is near or over is told once, to both sides."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from axis.calendar.deadlines import Deadlines
from axis.calendar.working import Calendar
from axis.clock import to_local
from axis.edxml.model import OtherInfo
from axis.exchange.values import Accepted
from axis.ops.following import TURN, Following
from axis.ops.reminding import Notice, Reminding
from axis.ops.schedule import Turn
from axis.store import queries, schema
from axis.store.hot import Stale
from axis.store.records import Deadline, SystemEvent
from axis.store.rows import Query
from axis.store.store import Store
from axis.store.touches import touch
from axis.terms import DeadlineKind, DeadlineStage
from tests.exchange.harness import Node, a_document, a_status, an_act, make_node

FRIDAY = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)  # 10:00
ALL = {"receipt": "2026-11-21 00:00", "acceptance": "2026-11-23 12:00"}


@pytest.fixture
async def node(store: Store, tmp_path: Path) -> Node:
    """A city's exchange, on a Friday morning."""
    made = await make_node(store, tmp_path)
    made.clock.at = FRIDAY
    return made


def following(node: Node, rules: Deadlines | None = None) -> Following:
    return Following(node.store, node.clock, rules or node.context.policy.deadlines)


async def open_deadlines(node: Node, accepted: Accepted, organ: str = "H24.15") -> dict[str, Deadline]:
    """What one receiver owes, after everything was followed up."""
    assert await following(node).work()
    delivery = (await node.deliveries(accepted))[organ]
    found = await node.store.read(lambda c: queries.deadlines_of(c, [delivery.delivery_id]))
    return {deadline.kind.value: deadline for deadline in found}


async def owed(node: Node, accepted: Accepted, organ: str = "H24.15") -> dict[str, str]:
    found = await open_deadlines(node, accepted, organ)
    return {kind: f"{to_local(deadline.due_at):%Y-%m-%d %H:%M}" for kind, deadline in found.items()}


_EVENTS = Query(SystemEvent, order=(schema.system_event.c.event_id,))


async def events(node: Node) -> list[tuple[str, str, str]]:
    """Events: system, kind, receiver."""
    rows = await node.store.read(_EVENTS.all)
    return [(row.system_id, row.kind.value, row.organ_id or "") for row in rows]


async def tell(node: Node, *, at: str) -> None:
    """Let time come to a moment in Vietnam, and remind and tell all there is."""
    node.clock.at = datetime.fromisoformat(f"{at}+07:00").astimezone(UTC)
    reminding = Reminding(node.store, node.clock)
    while await reminding.work():
        pass


# ── What is owed ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_document_makes_its_receivers_owe_an_answer(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("H24.15", "H24.88", due_date="2026/11/27"))
    assert await owed(node, accepted) == ALL | {"completion": "2026-11-28 00:00"}
    assert await owed(node, accepted, "H24.88") == ALL | {"completion": "2026-11-28 00:00"}
    assert not await node.store.read(queries.has_touched)


async def test_an_express_document_is_owed_an_answer_within_hours(node: Node) -> None:
    express = a_document("H24.15", other=OtherInfo(priority="3"))
    assert await owed(node, await node.send("dms-yte", express)) == {
        "receipt": "2026-11-20 12:00",
        "acceptance": "2026-11-20 14:00",
    }


async def test_what_was_taken_back_owes_nothing_until_the_receiver_keeps_it(node: Node) -> None:
    document = a_document("H24.15", "H24.88", due_date="2026/11/27")
    accepted = await node.send("dms-yte", document)
    await node.send("dms-yte", an_act(document, "1", "H24.15"))
    assert await owed(node, accepted) == {}
    assert len(await owed(node, accepted, "H24.88")) == 3
    await node.send("dms-xd", a_status(document, "16", "H24.15"))
    assert set(await owed(node, accepted)) == {"receipt", "acceptance", "completion"}


async def test_an_update_of_the_due_date_moves_what_is_owed(node: Node) -> None:
    document = a_document("H24.15", due_date="2026/11/27")
    accepted = await node.send("dms-yte", document)
    later = an_act(document, "2")
    await node.send("dms-yte", replace(later, header=replace(later.header, due_date="2026/12/04")))
    assert (await owed(node, accepted))["completion"] == "2026-12-05 00:00"


@pytest.mark.parametrize(
    ("codes", "left"),
    [
        (["01"], {"acceptance", "completion"}),
        (["03"], {"completion"}),
        (["01", "04"], {"completion"}),
        (["05", "06"], set()),
        (["02"], set()),
        (["02", "03"], {"completion"}),  # refused by mistake: owed again
    ],
)
async def test_each_status_ends_what_it_answers(node: Node, codes: list[str], left: set[str]) -> None:
    document = a_document("H24.15", "H24.88", due_date="2026/11/27")
    accepted = await node.send("dms-yte", document)
    assert len(await owed(node, accepted)) == 3
    for code in codes:
        await node.send("dms-xd", a_status(document, code, "H24.15"))
    assert set(await owed(node, accepted)) == left
    assert len(await owed(node, accepted, "H24.88")) == 3


async def test_what_was_answered_before_it_came_is_not_owed(node: Node) -> None:
    """A status may overtake its document on the way down from another axis."""
    document = a_document("G12.5", sender="H24.11")
    await node.come_down(a_status(document, "03", "G12.5", to="H24.11"))
    accepted = await node.send("dms-yte", document)
    assert await owed(node, accepted, "G12.5") == {}


async def test_receivers_that_another_axis_serves_owe_us_nothing(node: Node) -> None:
    accepted = await node.come_down(a_document("H24.15", "H31.2", sender="G12"))
    assert set(await owed(node, accepted)) == set(ALL)
    assert await owed(node, accepted, "H31.2") == {}


async def test_following_up_twice_changes_nothing(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("H24.15"))
    first = await open_deadlines(node, accepted)
    document = await node.document(accepted)
    await node.store.write(lambda c: touch(c, document_uids=[document.document_uid]))
    assert await open_deadlines(node, accepted) == first


async def test_two_nodes_follow_up_everything_once(node: Node) -> None:
    accepted = [await node.send("dms-yte", a_document("H24.15", number=str(number))) for number in range(5)]
    await asyncio.gather(*(following(node).work() for _ in range(4)))
    assert [len(await owed(node, one)) for one in accepted] == [2] * 5


async def test_a_node_that_lost_its_turn_writes_nothing_of_what_it_read(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = await node.send("dms-yte", a_document("H24.15"))
    read = node.store.read
    turns = iter([Turn(node.store, node.clock, TURN)])

    async def reads_and_sleeps(query: Callable[[Connection], Any]) -> Any:
        found = await read(query)
        if getattr(query, "__name__", "") == "_look" and (turn := next(turns, None)):
            node.clock.advance(minutes=10)
            assert await turn.take()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(node.store, "read", reads_and_sleeps)
        with pytest.raises(Stale):
            await following(node).work()
    assert await node.store.read(queries.has_touched)
    node.clock.advance(minutes=10)
    assert set(await owed(node, accepted)) == set(ALL)


async def test_marks_stay_until_all_that_follows_from_them_is_written(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = await node.send("dms-yte", a_document("H24.15", "H24.88"))
    monkeypatch.setattr("axis.ops.following._ROWS", 3)  # several units
    write, applied = node.store.write, 0

    async def fails_at_the_second(unit: Callable[[Connection], Any]) -> Any:
        nonlocal applied
        if getattr(getattr(unit, "func", None), "__name__", "") == "_apply":
            applied += 1
            if applied == 2:
                raise RuntimeError("the process ends here")
        return await write(unit)

    with monkeypatch.context() as patched:
        patched.setattr(node.store, "write", fails_at_the_second)
        with pytest.raises(RuntimeError):
            await following(node).work()
    assert applied == 2
    node.clock.advance(minutes=10)
    assert set(await owed(node, accepted)) == set(await owed(node, accepted, "H24.88")) == set(ALL)


# ── What is told ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_both_sides_are_reminded_once_and_told_once(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("H24.15"))
    await open_deadlines(node, accepted)
    await tell(node, at="2026-11-20 16:59")
    assert await events(node) == []
    await tell(node, at="2026-11-20 17:30")
    near = [("dms-xd", "deadline_near", "H24.15"), ("dms-yte", "deadline_near", "H24.15")]
    assert sorted(await events(node)) == near
    await tell(node, at="2026-11-20 23:59")
    assert sorted(await events(node)) == near
    await tell(node, at="2026-11-21 00:01")
    await tell(node, at="2026-11-22 00:01")
    over = [("dms-xd", "delivery_overdue", "H24.15"), ("dms-yte", "delivery_overdue", "H24.15")]
    assert sorted(await events(node)) == sorted(near + over)
    found = await open_deadlines(node, accepted)
    assert (found["receipt"].stage, found["acceptance"].stage) == (DeadlineStage.OVERDUE, DeadlineStage.WAITING)
    assert await node.store.read(queries.count_overdue) == {DeadlineKind.RECEIPT: 1}


async def test_an_event_says_what_is_owed_by_whom(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("H24.15"))
    await open_deadlines(node, accepted)
    await tell(node, at="2026-11-23 12:00")
    found = await node.store.read(_EVENTS.all)
    assert len(found) == 4
    event: SystemEvent = found[0]
    document = await node.document(accepted)
    assert (event.document_uid, event.package_id) == (document.document_uid, document.package_id)
    for word in ('"owed": "receipt"', '"from": "H24.11"', '"to": "H24.15"', document.document_id, "2026-11-20T17:00"):
        assert word in event.fields


async def test_a_system_that_serves_both_sides_is_told_once(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("H24.11.3"))
    await open_deadlines(node, accepted, "H24.11.3")
    await tell(node, at="2026-11-21 00:01")
    assert await events(node) == [("dms-yte", "delivery_overdue", "H24.11.3")]


async def test_of_a_receiver_outside_only_the_sender_is_told(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("G12.5"))
    await open_deadlines(node, accepted, "G12.5")
    await tell(node, at="2026-11-21 00:01")
    assert await events(node) == [("dms-yte", "delivery_overdue", "G12.5")]


async def test_what_was_answered_in_time_and_not_followed_up_yet_is_not_told(node: Node) -> None:
    document = a_document("H24.15")
    accepted = await node.send("dms-yte", document)
    await open_deadlines(node, accepted)
    await node.send("dms-xd", a_status(document, "03", "H24.15"))
    await tell(node, at="2026-11-24 00:01")
    assert await events(node) == []
    assert await node.count("deadline") == 0


async def test_many_nodes_tell_each_thing_once(node: Node) -> None:
    for number in range(40):
        await node.send("dms-yte", a_document("H24.15", "H24.88", number=str(number)))
    await following(node).work()
    node.clock.at = FRIDAY + timedelta(days=1)

    async def all_of_it() -> None:
        reminding = Reminding(node.store, node.clock)
        while await reminding.work():
            pass

    await asyncio.gather(*(all_of_it() for _ in range(4)))
    assert len(await events(node)) == 40 * 2 * 2


async def test_a_node_that_slept_tells_what_is_over_and_does_not_remind_of_it(node: Node) -> None:
    await node.send("dms-yte", a_document("H24.15"))
    node.clock.at = FRIDAY + timedelta(days=9)
    await following(node).work()
    reminding = Reminding(node.store, node.clock)
    assert await reminding.work()
    assert not await reminding.work()
    assert {kind for _, kind, _ in await events(node)} == {"delivery_overdue"}


async def test_a_clock_that_is_put_back_tells_nothing_again(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("H24.15"))
    await open_deadlines(node, accepted)
    await tell(node, at="2026-11-21 00:01")
    before = await events(node)
    await tell(node, at="2026-11-19 00:01")
    await following(node).work()
    await tell(node, at="2026-11-21 00:01")
    assert await events(node) == before


async def test_other_ways_to_tell_are_used_after_the_events_and_cannot_stop_them(node: Node) -> None:
    told: list[tuple[str, str]] = []

    class Letters:
        async def remind(self, notices: Sequence[Notice]) -> None:
            assert len(await events(node)) == 2
            told.extend((notice.kind.value, notice.deadline.receiver_organ) for notice in notices)
            raise RuntimeError("no mail server")

    await node.send("dms-yte", a_document("H24.15"))
    await following(node).work()
    node.clock.at = FRIDAY + timedelta(hours=14)
    assert await Reminding(node.store, node.clock, [Letters()]).work()
    assert told == [("delivery_overdue", "H24.15")]


# ── Rules that change ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_day_off_that_is_announced_moves_what_is_open_and_leaves_what_is_answered(node: Node) -> None:
    document = a_document("H24.15", "H24.88", due_date="2026/12/04")  # so that both go on owing something
    accepted = await node.send("dms-yte", document)
    await node.send("dms-xd", a_status(document, "03", "H24.15"))
    await following(node).work()
    off = frozenset(datetime(2026, 11, day, tzinfo=UTC).date() for day in (20, 23))
    assert await following(node, Deadlines(calendar=Calendar(days_off=off))).renew()
    assert await owed_by(node, accepted, "H24.88") == {
        "receipt": "2026-11-26 00:00",
        "acceptance": "2026-11-26 12:00",
        "completion": "2026-12-05 00:00",
    }
    deliveries = await node.deliveries(accepted)
    assert deliveries["H24.88"].receipt_due_at == datetime(2026, 11, 25, 17, tzinfo=UTC)
    assert deliveries["H24.88"].acceptance_due_at == datetime(2026, 11, 26, 5, tzinfo=UTC)
    assert deliveries["H24.15"].receipt_due_at == datetime(2026, 11, 20, 17, tzinfo=UTC)
    assert deliveries["H24.15"].acceptance_due_at == datetime(2026, 11, 23, 5, tzinfo=UTC)


async def owed_by(node: Node, accepted: Accepted, organ: str) -> dict[str, str]:
    delivery = (await node.deliveries(accepted))[organ]
    found = await node.store.read(lambda c: queries.deadlines_of(c, [delivery.delivery_id]))
    return {deadline.kind.value: f"{to_local(deadline.due_at):%Y-%m-%d %H:%M}" for deadline in found}


async def test_what_was_overdue_and_gets_more_time_is_reminded_and_told_again(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("H24.15"))
    await open_deadlines(node, accepted)
    await tell(node, at="2026-11-23 12:01")
    assert len(await events(node)) == 4
    off = frozenset(datetime(2026, 11, day, tzinfo=UTC).date() for day in (20, 23))
    await following(node, Deadlines(calendar=Calendar(days_off=off))).renew()
    assert await node.store.read(queries.count_overdue) == {}
    await tell(node, at="2026-11-27 12:01")
    assert [kind for _, kind, _ in await events(node)].count("delivery_overdue") == 8


async def test_what_was_told_and_is_still_over_after_a_change_is_not_told_again(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("H24.15"))
    before = await owed(node, accepted)
    await tell(node, at="2026-11-30 08:00")
    told = await events(node)
    assert [kind for _, kind, _ in told] == ["delivery_overdue"] * 4
    off = frozenset({datetime(2026, 11, 20, tzinfo=UTC).date()})
    assert await following(node, Deadlines(calendar=Calendar(days_off=off))).renew()
    assert await owed_by(node, accepted, "H24.15") != before
    await tell(node, at="2026-11-30 09:00")
    assert await events(node) == told


async def test_another_due_date_counts_from_then_on(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("H24.15", due_date="2026/11/27"))
    assert (await owed(node, accepted))["completion"] == "2026-11-28 00:00"
    await _set_due_date(node, accepted, "2026-12-04")
    assert (await owed(node, accepted))["completion"] == "2026-12-05 00:00"
    assert (await node.deliveries(accepted))["H24.15"].completion_due_at == datetime(2026, 12, 4, 17, tzinfo=UTC)
    await _set_due_date(node, accepted, None)
    assert set(await owed(node, accepted)) == set(ALL)


async def _set_due_date(node: Node, accepted: Accepted, due_date: str | None) -> None:
    values = {"due": due_date, "uid": accepted.document_uid}
    uid = str(accepted.document_uid)

    def change(conn: Connection) -> None:
        conn.execute(text("UPDATE document SET due_date = :due WHERE document_uid = :uid"), values)
        touch(conn, document_uids=[uid])

    await node.store.write(change)


# ── Sent in time ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_when_a_document_had_to_be_sent_is_kept_with_it(node: Node) -> None:
    """Norm: QĐ 28/2018/QĐ-TTg Art. 6."""
    dated = a_document("H24.15")
    promulgation = replace(dated.header.promulgation, promulgation_date="2026/11/18")
    late = replace(dated, header=replace(dated.header, promulgation=promulgation))
    document = await node.document(await node.send("dms-yte", late))
    assert document.sent_due_at == datetime(2026, 11, 19, 5, tzinfo=UTC)
    assert document.received_at > document.sent_due_at
    future = await node.document(await node.send("dms-yte", a_document("H24.15", number="102")))
    assert future.sent_due_at is None  # it bears the 24th


async def test_of_what_another_axis_sends_nobody_knows_when_it_was_sent(node: Node) -> None:
    node.clock.at = datetime(2026, 11, 26, 3, tzinfo=UTC)
    assert (await node.document(await node.come_down(a_document("H24.15", sender="G12")))).sent_due_at is None
    assert (await node.document(await node.send("dms-yte", a_document("H24.15")))).sent_due_at is not None
