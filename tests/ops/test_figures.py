"""Figures come out of deliveries and statuses, and equal a full count after any history."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from axis.calendar.working import Calendar
from axis.edxml.model import DocumentPackage
from axis.exchange.values import Accepted, Acknowledgement
from axis.kpi.figures import Cell, Counts, Figures, spans
from axis.ops.figures import TURN, FiguresKeeper
from axis.ops.following import Following
from axis.ops.schedule import Turn
from axis.store import queries
from axis.store.hot import Stale
from axis.store.registry import OrganRow, import_organs
from axis.store.store import Store
from axis.terms import Side
from tests.exchange.harness import Node, a_document, a_status, an_act, make_node

FRIDAY = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)  # 10:00
CALENDAR = Calendar()


@pytest.fixture
async def node(store: Store, tmp_path: Path) -> Node:
    """A city's exchange, on a Friday morning."""
    made = await make_node(store, tmp_path)
    made.clock.at = FRIDAY
    return made


def keeper(node: Node) -> FiguresKeeper:
    return FiguresKeeper(node.store, node.clock, CALENDAR)


async def follow(node: Node) -> None:
    """Everything that the node's loops do unasked."""
    await Following(node.store, node.clock, node.context.policy.deadlines).work()
    assert await keeper(node).work()


async def figures(node: Node, organ: str, side: Side, first: str, last: str = "") -> Figures:
    """The stored figures of a period."""
    within = spans(date.fromisoformat(first), date.fromisoformat(last or first))
    found = await node.store.read(lambda c: queries.totals(c, within))
    return found.get((organ, side), Figures())


def numbers(figures: Figures) -> dict[str, int]:
    return {name: value for name in Counts.__dataclass_fields__ if (value := getattr(figures.counts, name))}


async def test_a_document_counts_for_its_sender_and_each_receiver(node: Node) -> None:
    await node.send("dms-yte", a_document("H24.15", "H24.88", "G12.5"))
    await follow(node)
    assert numbers(await figures(node, "H24.11", Side.SENT, "2026-11-20")) == {
        "documents": 1, "deliveries": 3, "inside": 2, "outside": 1, "unsigned": 1,
    }  # fmt: skip
    for receiver in ("H24.15", "H24.88"):
        assert numbers(await figures(node, receiver, Side.RECEIVED, "2026-11-20")) == {
            "deliveries": 1, "inside": 1, "unsigned": 1,
        }  # fmt: skip
    assert await figures(node, "G12.5", Side.RECEIVED, "2026-11-20") == Figures()  # none of ours


async def test_statuses_count_on_the_day_of_the_delivery_with_the_time_that_they_took(node: Node) -> None:
    document = a_document("H24.15", due_date="2026/11/23")
    await node.send("dms-yte", document)
    node.clock.advance(hours=1)
    await node.send("dms-xd", a_status(document, "03", "H24.15"))
    await follow(node)
    node.clock.at = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)  # after a weekend, a working Monday and a holiday
    await node.send("dms-xd", a_status(document, "06", "H24.15"))
    await follow(node)
    received = await figures(node, "H24.15", Side.RECEIVED, "2026-11-20")
    assert numbers(received) == {
        "deliveries": 1, "inside": 1, "unsigned": 1, "answered": 1, "said_03": 1, "said_06": 1, "online": 1,
        "receipt_on_time": 1, "acceptance_on_time": 1, "completion_late": 1,
    }  # fmt: skip
    hours = {
        name: getattr(received.times, name).quantiles(0.5)[0] / timedelta(hours=1)
        for name in ("to_03", "to_03_worked", "to_06", "to_06_worked")
    }
    assert hours == pytest.approx({"to_03": 1, "to_03_worked": 1, "to_06": 120, "to_06_worked": 16}, rel=0.02)
    assert await figures(node, "H24.15", Side.RECEIVED, "2026-11-21", "2026-11-25") == Figures()
    sent = numbers(await figures(node, "H24.11", Side.SENT, "2026-11-20"))
    assert (sent["answered"], sent["said_03"], sent["said_06"], sent["online"]) == (1, 1, 1, 1)
    assert await figures(node, "H24.15", Side.RECEIVED, "2026-11-01", "2026-11-30") == received


async def test_a_refusal_after_an_acceptance_is_both(node: Node) -> None:
    document = a_document("H24.15")
    await node.send("dms-yte", document)
    for code in ("03", "02"):
        await node.send("dms-xd", a_status(document, code, "H24.15"))
    await follow(node)
    found = numbers(await figures(node, "H24.15", Side.RECEIVED, "2026-11-20"))
    assert (found["refused"], found["said_02"], found["said_03"]) == (1, 1, 1)
    await node.send("dms-xd", a_status(document, "04", "H24.15"))
    await follow(node)
    found = numbers(await figures(node, "H24.15", Side.RECEIVED, "2026-11-20"))
    assert "refused" not in found
    assert found["said_02"] == 1


async def test_what_was_taken_back_is_counted_on_both_sides_unless_the_receiver_keeps_it(node: Node) -> None:
    document = a_document("H24.15", "H24.88")
    await node.send("dms-yte", document)
    await node.take("dms-xd")
    await node.take("dms-phuong")
    recall = an_act(document, "1")
    await node.send("dms-yte", recall)
    await follow(node)
    sent = await figures(node, "H24.11", Side.SENT, "2026-11-20")
    assert (sent.counts.withdrawn, sent.counts.documents) == (2, 1)
    await node.send("dms-xd", a_status(document, "16", "H24.15"))
    await follow(node)
    withdrawn = [
        (await figures(node, organ, Side.RECEIVED, "2026-11-20")).counts.withdrawn for organ in ("H24.15", "H24.88")
    ]
    assert withdrawn == [0, 1]
    assert (await figures(node, "H24.11", Side.SENT, "2026-11-20")).counts.withdrawn == 1


async def test_late_sending_is_counted(node: Node) -> None:
    dated = a_document("H24.15")
    promulgation = replace(dated.header.promulgation, promulgation_date="2026/11/18")
    await node.send("dms-yte", replace(dated, header=replace(dated.header, promulgation=promulgation)))
    promulgation = replace(promulgation, promulgation_date="2026/11/19")
    in_time = a_document("H24.15", number="102")
    await node.send("dms-yte", replace(in_time, header=replace(in_time.header, promulgation=promulgation)))
    await follow(node)
    found = numbers(await figures(node, "H24.11", Side.SENT, "2026-11-20"))
    assert (found["sent_late"], found["sent_on_time"]) == (1, 1)


async def test_what_comes_down_from_another_axis_counts_for_its_receivers_only(node: Node) -> None:
    await node.come_down(a_document("H24.15", "H31.2", sender="G12"))
    await follow(node)
    assert numbers(await figures(node, "H24.15", Side.RECEIVED, "2026-11-20")) == {
        "deliveries": 1, "outside": 1, "unsigned": 1,
    }  # fmt: skip
    assert await figures(node, "G12", Side.SENT, "2026-11-20") == Figures()
    assert await figures(node, "H31.2", Side.RECEIVED, "2026-11-20") == Figures()


async def test_a_day_is_vietnamese(node: Node) -> None:
    node.clock.at = datetime(2026, 11, 20, 16, 59, 50, tzinfo=UTC)
    await node.send("dms-yte", a_document("H24.15"))
    node.clock.at = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    await node.send("dms-yte", a_document("H24.15", number="102"))
    await follow(node)
    for day in ("2026-11-20", "2026-11-21"):
        assert (await figures(node, "H24.15", Side.RECEIVED, day)).counts.deliveries == 1


async def test_a_mark_that_comes_while_its_day_is_made_is_not_lost(node: Node) -> None:
    cell = Cell(span="2026-11-20", organ_id="H24.15", side=Side.RECEIVED)
    await node.store.write(lambda c: queries.mark_dirty(c, [cell]))
    read = await node.store.read(lambda c: queries.dirty_cells(c, 9))
    await node.store.write(lambda c: queries.mark_dirty(c, [cell]))
    await node.store.write(lambda c: queries.forget_dirty(c, read))
    (left,) = await node.store.read(lambda c: queries.dirty_cells(c, 9))
    assert left.version == 2
    await node.store.write(lambda c: queries.forget_dirty(c, [left]))
    assert await node.store.read(lambda c: queries.dirty_cells(c, 9)) == ()


async def test_a_node_that_lost_its_turn_writes_no_figures(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell(span="2026-11-20", organ_id="H24.15", side=Side.RECEIVED)
    await node.send("dms-yte", a_document("H24.15"))
    await Following(node.store, node.clock, node.context.policy.deadlines).work()
    read = node.store.read
    turns = iter([Turn(node.store, node.clock, TURN)])

    async def reads_and_sleeps(query: Callable[[Connection], Any]) -> Any:
        found = await read(query)
        if getattr(query, "__name__", "") == "_made" and (turn := next(turns, None)):
            node.clock.advance(minutes=10)
            assert await turn.take()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(node.store, "read", reads_and_sleeps)
        with pytest.raises(Stale):
            await keeper(node).work()
    assert cell in {one.cell for one in await node.store.read(lambda c: queries.dirty_cells(c, 9))}
    assert await figures(node, "H24.15", Side.RECEIVED, "2026-11-20") == Figures()


async def test_a_recount_finds_what_was_tampered_with_and_mends_it(node: Node) -> None:
    await node.send("dms-yte", a_document("H24.15"))
    await follow(node)
    assert await keeper(node).check() == []
    tampered = "UPDATE kpi SET deliveries = 7 WHERE organ_id = 'H24.15' AND span = '2026-11-20'"
    await node.store.write(lambda c: c.execute(text(tampered)).rowcount)
    added = "INSERT INTO kpi SELECT '2026-11-19', organ_id, side, " + ", ".join(
        [*Counts.__dataclass_fields__, "to_03", "to_06", "to_03_worked", "to_06_worked"]
    )
    added += " FROM kpi WHERE organ_id = 'H24.88' OR (organ_id = 'H24.15' AND span = '2026-11')"
    await node.store.write(lambda c: c.execute(text(added)).rowcount)
    month = "UPDATE kpi SET deliveries = 9 WHERE organ_id = 'H24.11' AND span = '2026-11'"
    await node.store.write(lambda c: c.execute(text(month)).rowcount)
    different = await keeper(node).check()
    assert [(one.cell.span, one.stored.deliveries, one.counted.deliveries) for one in different] == [
        ("2026-11-19", 1, 0),
        ("2026-11-20", 7, 1),
        ("2026-11", 9, 1),
    ]
    assert await keeper(node).recount() >= 2
    assert await keeper(node).check() == []


# ── Any history ────────────────────────────────────────────────────────────────────────────────────────────────


class History:
    """Random traffic of some weeks, and a plain count of what it came to."""

    def __init__(self, node: Node, seed: int) -> None:
        self.node = node
        self.random = random.Random(seed)
        self.documents: list[tuple[DocumentPackage, Accepted]] = []

    async def step(self) -> None:
        """One thing that happens."""
        node, chance = self.node, self.random.random()
        node.clock.advance(hours=self.random.choice([0.01, 0.5, 7, 30]))
        if chance < 0.3 or not self.documents:
            to = self.random.sample(["H24.15", "H24.88", "H24.11.3", "G12.5", "H24.30"], self.random.randint(1, 4))
            due = self.random.choice([None, f"2026/12/{self.random.randint(1, 28):02}"])
            number = str(len(self.documents) + 1)
            document = a_document(*to, number=number, due_date=due)
            if self.random.random() < 0.2:
                await node.come_down(a_status(document, "03", "G12.5", to="H24.11"))  # before its document
            self.documents.append((document, await node.send("dms-yte", document)))
        elif chance < 0.85:
            await self.say()
        elif chance < 0.88:
            document, _ = self.random.choice(self.documents)
            await node.send("dms-yte", document)  # again
        elif chance < 0.9:
            document, _ = self.random.choice(self.documents)
            await node.send("dms-yte", an_act(document, "1"))  # taken back
        elif chance < 0.95:
            await self.fetch()
        else:
            await follow(node)

    async def say(self) -> None:
        """A receiver says something, whatever it said before."""
        document, accepted = self.random.choice(self.documents)
        receiver = self.random.choice(sorted(await self.node.deliveries(accepted)))
        code = self.random.choice(["01", "02", "03", "04", "05", "06", "06"])
        system = {"H24.15": "dms-xd", "H24.88": "dms-phuong", "H24.11.3": "dms-yte"}.get(receiver)
        if system is None:
            await self.node.come_down(a_status(document, code, receiver, to="H24.11"))
        else:
            await self.node.send(system, a_status(document, code, receiver))

    async def fetch(self) -> None:
        """A system takes something."""
        for package_id in (await self.node.listed("dms-xd"))[:2]:
            await self.node.exchange.record_hand_over("dms-xd", package_id)
            await self.node.exchange.acknowledge("dms-xd", package_id, Acknowledgement.DONE)

    async def counted(self) -> dict[tuple[str, str], Counter[str]]:
        """What every receiver has got and said, counted row by row from the whole tables, by organisation and day."""
        rows = await self.node.store.read(
            lambda c: c.execute(
                text(
                    "SELECT d.delivery_id, d.receiver_organ, d.created_at, d.status_code, e.status_code"
                    " FROM delivery d LEFT JOIN status_event e ON e.delivery_id = d.delivery_id"
                    " AND e.effect <> 'after_close'"
                    " WHERE d.place = 'local'"
                )
            ).all()
        )
        found: dict[tuple[str, str], Counter[str]] = {}
        seen: set[tuple[str, str]] = set()
        for delivery_id, organ, created_at, status, said in rows:
            day = (datetime.fromtimestamp(created_at / 1e6, UTC) + timedelta(hours=7)).date().isoformat()
            counter = found.setdefault((organ, day), Counter())
            for name in ("deliveries", "refused" if status == "02" else "", f"said_{said}" if said else ""):
                if name and (delivery_id, name) not in seen:
                    seen.add((delivery_id, name))
                    counter[name] += 1
        return found


@pytest.mark.parametrize("seed", range(3))
async def test_figures_equal_a_full_count_after_any_history(node: Node, seed: int) -> None:
    history = History(node, seed)
    for _ in range(60):
        await history.step()
    moved = (OrganRow(code="H24.11.3", name="Chi cục Dân số", parent="H24.15"),)
    await node.store.write(lambda c: import_organs(c, moved, node.clock.now(), "test"))
    for _ in range(10):
        await history.step()
    await asyncio.gather(*(Following(node.store, node.clock, node.context.policy.deadlines).work() for _ in range(3)))
    await asyncio.gather(*(keeper(node).work() for _ in range(3)))
    await follow(node)
    assert await keeper(node).check() == []
    counted = await history.counted()
    assert len(counted) > 10
    for (organ, day), counter in counted.items():
        stored = numbers(await figures(node, organ, Side.RECEIVED, day))
        assert {name: stored.get(name, 0) for name in counter} == dict(counter), (organ, day)
    before = await node.store.read(lambda c: queries.figures_of(c, queries.stored_cells(c)))
    await node.store.write(lambda c: c.execute(text("DELETE FROM kpi")).rowcount)
    await keeper(node).recount()
    assert await node.store.read(lambda c: queries.figures_of(c, queries.stored_cells(c))) == before
