"""The machine that plays random interleavings of all that can happen to documents, at a node and at the model.

Sends, repeats, recalls, updates, replacements, requests, statuses, answers, hand-overs, acknowledgements and pushes,
some of them at once, with commits that fail, answers that are lost, and a node that is closed and opened again. Some of
it is drawn blindly, some of it is what would probably come next (`likely`). After every step the whole database is
compared with the model.
"""

import asyncio
import copy
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from axis.delivery.backoff import Backoff
from axis.delivery.circuit import CircuitPolicy
from axis.delivery.partner import Partner
from axis.delivery.peer import Bytes, Outgoing, Sent
from axis.edxml.model import (
    Business,
    BusinessDocumentInfo,
    DocumentPackage,
    Package,
    Receiver,
    ReplacementInfo,
    ResponseFor,
)
from axis.errors import AxisError, PeerUnreachable
from axis.exchange.context import Policy
from axis.exchange.outbox import Outbox, OutboxPolicy
from axis.exchange.partners import Partners
from axis.exchange.sending import SendingPolicy
from axis.exchange.values import Accepted, Acknowledgement
from axis.keys import NodeKey
from axis.store import queries
from axis.store.engine import StoreOptions
from axis.store.registry import OrganRow
from axis.store.store import Store
from tests.exchange.harness import UPLINK, HeldClock, Node, Plan, a_document, a_file, a_status, open_node, set_up
from tests.exchange.likely import WORDS, Do, likely
from tests.exchange.model import FAILURES_UNTIL_DEAD, Model, Refused, Way
from tests.exchange.stories import NUMBERS, STORIES, Story

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own below it; nothing here needs a real disk
SENDER, SENDING = "H24.11", "dms-yte"
STRANGER = "H24.15"  # it sent none of the documents
SERVED = {SENDING: (SENDER,), "dms-xd": ("H24.15",), "dms-phuong": ("H24.88",), "dms-hai": ("H24.50", "H24.51")}
SYSTEM_OF = {organ: system_id for system_id, organs in SERVED.items() for organ in organs}
LOCAL = ("H24.15", "H24.88", "H24.50", "H24.51")
RECEIVERS = (*LOCAL, "G22")
PLAN = Plan(
    organs=(OrganRow(code="H24", name="UBND thành phố"), *(OrganRow(code=c, name=c, parent="H24") for c in SYSTEM_OF)),
    systems=SERVED,
)
POLICY = Policy(failures_until_dead=FAILURES_UNTIL_DEAD, receiver_backoff=Backoff(delays_s=(1,), jitter=0))

numbers = st.integers(0, 2)
some = st.frozensets(st.sampled_from(RECEIVERS), min_size=1, max_size=4)
few = st.frozensets(st.sampled_from(RECEIVERS), max_size=2)
said = st.sampled_from(["01", "02", "03", "05", "06"])
faults = st.sampled_from(["none"] * 8 + ["fails", "lost"])
choices = st.integers(0, 1_000)
pairs = st.permutations(LOCAL).map(lambda organs: organs[:2])
LISTED = ("queued", "retrying", "handed_over")
TRANSPORT = {
    "fetch": LISTED,
    "take": LISTED,
    "fail": LISTED,
    "done": (*LISTED, "cancelled"),
    "initial": ("handed_over",),
}
"""What a system may do with a package by itself, and in which states it is done here."""

several = st.lists(numbers, min_size=1, max_size=2, unique=True).map(tuple)
BLIND = st.one_of(
    st.tuples(st.just("send"), numbers, some),
    st.tuples(st.just("recall"), several, some, st.integers(0, 1)),
    st.tuples(st.just("update"), numbers, some, few, few, st.sampled_from(["s0", "s1", "s2"])),
    st.tuples(
        st.just("replace"),
        numbers,
        st.lists(st.tuples(numbers, few), min_size=1, max_size=2, unique_by=lambda pair: pair[0]).map(tuple),
        some,
    ),
    st.tuples(st.just("status"), numbers, st.sampled_from(RECEIVERS), said),
    st.tuples(st.just("answer"), numbers, st.sampled_from(RECEIVERS), st.booleans()),
    st.tuples(st.just("ask"), numbers, st.sampled_from(RECEIVERS)),
    st.tuples(st.just("forbidden"), numbers, st.sampled_from(["recall", "update", "ask", "code"])),
)
LIKELY = st.tuples(st.just("likely"), st.sampled_from(WORDS), st.integers(0, 1 << 20))
OPERATIONS = LIKELY | LIKELY | BLIND


# ── what is sent ───────────────────────────────────────────────────────────────────────────────────────────────


def document_id(number: int) -> str:
    return f"{SENDER},2026/11/24,{number}/SYT-VP"


def _business(kind: str, **more: Any) -> Business:
    return Business(business_doc_type=kind, business_doc_reason="lý do", **more)


def write(do: Do, told: int) -> Package:
    """The package of an operation. told: makes a status one of its own."""
    kind, number = do[0], do[1]
    if kind == "send":
        return a_document(*sorted(do[2]), sender=SENDER, number=str(number), subject="s0")
    if kind == "recall":
        names, to, variant = do[1:]
        one = len(names) == 1
        package = a_document(
            *sorted(to),
            sender=SENDER,
            number=str(names[0]) if one else "9",
            document_id=document_id(names[0]) if one else "a recall of several",
            files=(a_file(f"variant {variant}".encode()),),
            response_for=() if one else tuple(ResponseFor(document_id=document_id(name)) for name in names),
        )
        return replace(package, header=replace(package.header, business=_business("1")))
    if kind == "update":
        _, _, to, added, removed, text = do
        lines = [Receiver(organ_id=organ, receiver_type="0") for organ in sorted(added)]
        lines += [Receiver(organ_id=organ, receiver_type="1") for organ in sorted(removed)]
        info = BusinessDocumentInfo(document_info="1", document_receiver="1", receivers=tuple(lines))
        package = a_document(*sorted(to), sender=SENDER, number=str(number), subject=text)
        return replace(package, header=replace(package.header, business=_business("2", document_info=info)))
    if kind == "replace":
        _, _, olds, to = do
        infos = tuple(
            ReplacementInfo(document_id=document_id(old), organ_ids=tuple(sorted(organs))) for old, organs in olds
        )
        package = a_document(*sorted(to), sender=SENDER, number=str(number), subject="s0")
        return replace(package, header=replace(package.header, business=_business("3", replacements=infos)))
    about = a_document("H24.15", sender=SENDER, number=str(number))
    if kind == "forbidden":
        return _forbidden(about, do[2])
    if kind == "ask":
        return a_status(about, "13", SENDER, to=do[2], description=str(told))
    code = do[3] if kind == "status" else ("15" if do[3] else "16")
    return a_status(about, code, do[2], description=str(told))


def _forbidden(about: DocumentPackage, what: str) -> Package:
    """Another organisation's act on the document; or the sender's, that would make another document of it."""
    if what == "ask":
        return a_status(about, "13", STRANGER, to="H24.88")
    if what == "code":
        code = replace(about.header.code, code_number="77")
        return replace(about, header=replace(about.header, code=code, subject="s9", business=_business("2")))
    stranger = replace(about.header.sender, organ_id=STRANGER)
    business = _business("1" if what == "recall" else "2")
    return replace(about, header=replace(about.header, sender=stranger, subject="s9", business=business))


SNAPSHOT = (
    "SELECT document_id, edition, state, subject, document_uid FROM document ORDER BY document_uid",
    "SELECT document_uid, receiver_organ, state, status_code FROM delivery",
    "SELECT package_id, receiver_organ, state FROM consignment",
    """SELECT a.package_id, t.position, t.effect, t.document_uid IS NULL AS unknown
    FROM act a JOIN act_target t ON t.act_id = a.act_id""",
    """SELECT a.package_id, r.position, r.receiver_organ, r.answer
    FROM act a JOIN act_receiver r ON r.act_id = a.act_id""",
)


# ── the machine ────────────────────────────────────────────────────────────────────────────────────────────────


class FakePeer:
    """The partner above: what it does with a package is set before each push."""

    polls = False
    tells_receivers = False

    def __init__(self) -> None:
        self.begin("ok")

    def begin(self, outcome: str) -> None:
        """From now on this becomes of what is pushed."""
        self.outcome = outcome
        self.meanwhile: Callable[[str], Awaitable[None]] | None = None
        self.sent: set[str] = set()

    async def send(self, outgoing: Outgoing, content: Bytes) -> Sent:
        assert b"".join([chunk async for chunk in content()])
        self.sent.add(outgoing.package_id)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile(outgoing.package_id)
        if self.outcome == "unreachable":
            raise PeerUnreachable("no route to host")
        if self.outcome == "killed":
            raise RuntimeError("the process ends here")
        return Sent(ref="there")

    async def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Base:
    """Where the databases of the machine come from."""

    url: Callable[[Path], str]  # of a new database, for a data folder
    drop: Callable[[str], None]


class Machine(RuleBasedStateMachine):
    """One node and the model of what it should know."""

    base: Base

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="axis-model-", dir=MEMORY if MEMORY.is_dir() else None))
        self.options = StoreOptions(url=self.base.url(self.folder), data_dir=self.folder)
        self.runner = asyncio.Runner()
        self.clock = HeldClock()
        self.model = Model()
        self.told = 0
        self.done: list[Do] = []
        self.store: Store | None = None  # while it is open
        try:
            self.runner.run(self._begin())
        except BaseException:
            self.teardown()  # nobody else would: there is no machine
            raise

    async def _begin(self) -> None:
        self.store = Store.open(self.options)
        key = NodeKey.create(self.folder / "node.key")
        await set_up(self.store, key, self.clock, PLAN)
        await self._open(self.store)

    async def _open(self, store: Store) -> None:
        self.node: Node = await open_node(store, self.folder, PLAN, self.clock, POLICY)
        self.peer = FakePeer()
        partners = Partners(self.node.directory, [Partner(partner_id=UPLINK, adapter="fake")], lambda _: self.peer)  # type: ignore[arg-type,return-value]
        self.outbox = Outbox(
            self.node.context,
            partners,
            OutboxPolicy(
                sending=SendingPolicy(backoff=Backoff(delays_s=(1,), give_up_s=10**9, jitter=0)),
                circuit=CircuitPolicy(failures=10**9),
            ),
        )

    def teardown(self) -> None:
        """Let go of everything."""
        try:
            self.runner.run(self._close())
        finally:
            self.runner.close()
            self.base.drop(self.options.url)
            shutil.rmtree(self.folder, ignore_errors=True)

    # ── steps ──────────────────────────────────────────────────────────────────────────────────────────────────

    @initialize(story=st.sampled_from(STORIES), pair=pairs)
    def begin(self, story: Story, pair: Sequence[str]) -> None:
        """A story to begin with."""
        self.follow(story(0, *pair))

    @rule(do=OPERATIONS, fault=faults)
    def operate(self, do: Do, fault: str) -> None:
        """Somebody hands a package in."""
        self._step(do, fault)

    @rule(do=LIKELY)
    def go_on(self, do: Do) -> None:
        """Somebody goes on with what there is."""
        self._step(do, "none")

    @rule(story=st.sampled_from(STORIES), number=st.integers(0, NUMBERS - 1), pair=pairs)
    def tell(self, story: Story, number: int, pair: Sequence[str]) -> None:
        """A story, whatever has been before it."""
        self.follow(story(number, *pair))

    @rule(one=OPERATIONS, other=OPERATIONS)
    def together(self, one: Do, other: Do) -> None:
        """Two packages come at once: it is as if one had come first."""
        one, other = self._chosen(one), self._chosen(other)
        if label_of(one) == label_of(other):
            return  # two packages that cannot be told apart afterwards
        self._both(self._package(one), self._package(other))

    @rule(which=choices, do=OPERATIONS)
    def fetch_while(self, which: int, do: Do) -> None:
        """A system gets a package's last byte in the moment in which something else happens."""
        chosen = self._choose(which, LISTED)
        if chosen is not None:
            self._both(self._hand_over(*chosen), self._package(do))

    @rule(which=choices, fault=faults)
    def fetch(self, which: int, fault: str) -> None:
        """A system fetches a package of its list."""
        chosen = self._choose(which, LISTED)
        if chosen is not None:
            self._one(self._hand_over(*chosen), fault)

    @rule(which=choices, word=st.sampled_from(["done", "fail", "initial"]), fault=faults)
    def acknowledge(self, which: int, word: str, fault: str) -> None:
        """A system says how it fares with a package, whatever has become of it."""
        states = ("queued", "retrying", "handed_over", "acknowledged", "cancelled", "dead")
        chosen = self._choose(which, states if word == "done" else ("retrying", "handed_over", "acknowledged"))
        if chosen is not None and (word, fault) != ("fail", "lost"):
            self._one(self._acknowledge(*chosen, word), fault)

    @rule(outcome=st.sampled_from(["ok", "ok", "unreachable", "killed"]), meanwhile=st.none() | OPERATIONS)
    def push(self, outcome: str, meanwhile: Do | None) -> None:
        """What waits for the other axis is pushed; something may happen while a push is under way."""
        self._pushed(outcome, meanwhile)

    @rule(what=st.sampled_from(["it reads", "it reads", "it reads", "restart"]))
    def sender_reads(self, what: str) -> None:
        """The sender's system takes all that waits for it; now and then the node ends and begins again before."""
        if what == "restart":
            self.runner.run(self._restart())
            self._compare()
        self._transport("take", SENDER)

    # ── one step at both ───────────────────────────────────────────────────────────────────────────────────────

    def _step(self, do: Do, fault: str) -> None:
        self._one(self._package(do), fault)

    def follow(self, steps: Sequence[Do]) -> None:
        """The steps of a story."""
        for do in steps:
            if do[0] == "push":
                self._pushed(*do[1:])
            elif do[0] in TRANSPORT:
                self._transport(*do)
            else:
                self._step(do, "none")

    def _transport(self, word: str, organ: str) -> None:
        """The system of an organisation does the same with every package that this may happen to."""
        system_id = SYSTEM_OF[organ]
        for group in self._groups(system_id, TRANSPORT[word]):
            if word in ("fetch", "take"):
                self._one(self._hand_over(system_id, group), "none")
            if word != "fetch":
                self._one(self._acknowledge(system_id, group, "done" if word == "take" else word), "none")

    def _pushed(self, outcome: str, meanwhile: Do | None) -> None:
        self.clock.advance(seconds=10)  # past every back-off
        self.runner.run(self._push(outcome, meanwhile))
        self._compare()

    def _one(self, action: "Action", fault: str) -> None:
        self.model.step += 1
        self.runner.run(self._faulty(action, fault))
        self._compare()

    async def _faulty(self, action: "Action", fault: str) -> None:
        """Run it, after it failed once, or once more since its answer was lost."""
        wanted = outcome_of(action.rule, copy.deepcopy(self.model))
        if fault == "none":
            assert await outcome(action) == wanted
        else:
            with broken_commit(self.node.store, lost=fault == "lost") as happened:
                first = await outcome(action)
            if not happened:  # nothing had to be written
                assert first == wanted
            elif fault == "fails":
                assert first == "internal"
                self._assert_same(self.model, await self._snapshot())
                assert await outcome(action) == wanted
            else:
                assert first == "internal"
                await self._restart()
                assert await outcome(action) == ("repeated" if wanted == "accepted" else wanted)
        outcome_of(action.rule, self.model)
        await self._learn(self.model)

    def _both(self, one: "Action", other: "Action") -> None:
        """Run two at once; one of the two orders explains what came of it.

        Which was received first, and which was written first, are two questions: an act is as old as its receipt.
        """
        self.runner.run(self._at_once(one, other))
        self._compare()

    async def _at_once(self, one: "Action", other: "Action") -> None:
        found = await asyncio.gather(outcome(one), outcome(other))
        why: list[str] = []
        begun, actions = self.model.step, ((one, found[0]), (other, found[1]))
        for order in ((0, 1), (1, 0)):
            for steps in ((1, 2), (2, 1)):
                model = copy.deepcopy(self.model)
                try:
                    for index in order:
                        model.step = begun + steps[index]
                        assert outcome_of(actions[index][0].rule, model) == actions[index][1]
                    model.step = begun + 2
                    await self._learn(model)
                    self._assert_same(model, await self._snapshot())
                except AssertionError as e:
                    why.append(f"{order} {steps} {found}: {e}"[:2_000])
                else:
                    self.model = model
                    return
        raise AssertionError("no order explains it: " + "; ".join(why))

    def _chosen(self, do: Do) -> Do:
        """What is really done, where that depends on what there is."""
        if do[0] != "likely":
            return do
        return likely(self.model, self.done, *do[1:]) or ("send", do[2] % 3, frozenset(RECEIVERS))

    def _package(self, do: Do) -> "Action":
        do = self._chosen(do)
        self.done.append(do)
        self.told += 1
        package = write(do, self.told)
        kind = do[0]
        if kind == "forbidden" and not self.model.editions(do[1]):
            return Action(run=nothing, rule=lambda _: "done")  # an act on what nobody knows: not forbidden
        above = kind in ("status", "answer") and do[2] == "G22"
        if above and self.model.matched(do[1], "G22") is None:
            return Action(run=nothing, rule=lambda _: "done")  # an orphan: tests of its own
        system_id = SYSTEM_OF.get(do[2], SENDING) if kind in ("status", "answer") else SENDING
        if kind == "forbidden" and do[2] != "code":
            system_id = SYSTEM_OF[STRANGER]

        async def run() -> Accepted:
            return await (self.node.come_down(package) if above else self.node.send(system_id, package))

        def apply(model: Model) -> str:
            return apply_to(model, do)

        return Action(run=run, rule=apply)

    def _choose(self, which: int, states: tuple[str, ...]) -> tuple[str, str] | None:
        """A package and a system that has to do with it."""
        pairs = sorted(
            {
                (SYSTEM_OF[way.organ], way.group.package_id or "")
                for way in self.model.ways
                if way.organ in LOCAL and way.state in states
            }
        )
        return pairs[which % len(pairs)] if pairs else None

    def _groups(self, system_id: str, states: tuple[str, ...]) -> list[str]:
        ways = (way for way in self.model.ways if SYSTEM_OF.get(way.organ) == system_id and way.state in states)
        return sorted({way.group.package_id or "" for way in ways})

    def _hand_over(self, system_id: str, package_id: str) -> "Action":
        async def run() -> None:
            await self.node.exchange.record_hand_over(system_id, package_id)

        return Action(run=run, rule=lambda model: model.hand_over(ways_of(model, system_id, package_id)))

    def _acknowledge(self, system_id: str, package_id: str, word: str) -> "Action":
        async def run() -> None:
            await self.node.exchange.acknowledge(system_id, package_id, Acknowledgement(word))

        return Action(run=run, rule=lambda model: model.acknowledge(ways_of(model, system_id, package_id), word))

    async def _push(self, outcome_: str, meanwhile: Do | None) -> None:
        self.peer.begin(outcome_)
        dropped: list[str] = []
        meanwhile = meanwhile and self._chosen(meanwhile)
        if meanwhile is not None and meanwhile[0] in ("recall", "update", "replace"):
            self.model.step += 1
            action = self._package(meanwhile)

            async def happen() -> None:
                assert await outcome(action) == outcome_of(action.rule, self.model)
                await self._learn(self.model)

            async def happen_under_way(package_id: str) -> None:
                await happen()
                rows = await self.node.store.read(lambda c: queries.pushes_of(c, [package_id]))
                dropped.extend([] if rows else [package_id])

            self.peer.meanwhile = happen_under_way
        while await self.outbox.work() and outcome_ == "ok":
            pass
        if self.peer.meanwhile is not None:  # nothing was pushed: it happens all the same
            await happen()
        assert not dropped, "what comes of a push that is under way has to be recorded"
        for way in self.model.ways:
            if outcome_ == "ok" and way.organ == "G22" and way.group.package_id in self.peer.sent:
                way.move("handed_over")
        self.clock.advance(seconds=200)  # past the lease of a push that was killed

    async def _close(self) -> None:
        store, self.store = self.store, None
        if store is not None:
            await store.close()

    async def _restart(self) -> None:
        await self._close()
        self.store = Store.open(self.options)
        await self._open(self.store)

    # ── the comparison ─────────────────────────────────────────────────────────────────────────────────────────

    def _compare(self) -> None:
        self.runner.run(self._check())

    async def _check(self) -> None:
        await self._learn(self.model)
        self._assert_same(self.model, await self._snapshot())
        self.clock.advance(seconds=10)  # what is retried is listed again
        for system_id in SERVED:
            states = ("queued", "retrying", "handed_over")
            assert sorted(await self.node.listed(system_id)) == self._groups(system_id, states)
        await self._check_queue()

    async def _learn(self, model: Model) -> None:
        """Which package of the node each new one of the model is."""
        known = {way.group.package_id for way in model.ways}
        statement = """
            SELECT DISTINCT c.package_id, p.kind, p.business_type, e.status_code
            FROM consignment c JOIN package p ON p.package_id = c.package_id
            LEFT JOIN status_event e ON e.package_id = p.package_id"""
        rows = await self.node.store.read(lambda c: c.exec_driver_sql(statement).all())
        fresh = {_label(row): row.package_id for row in rows if row.package_id not in known}
        groups = {way.group.label: way.group for way in model.ways if way.group.package_id is None}
        assert fresh.keys() == groups.keys(), (fresh, set(groups))
        for label, group in groups.items():
            group.package_id = fresh[label]

    async def _snapshot(self) -> dict[str, object]:
        """What the database says, in the model's words."""
        documents, deliveries, ways, acts, answers = await self.node.store.read(
            lambda c: [c.exec_driver_sql(statement).all() for statement in SNAPSHOT]
        )
        key = {row.document_uid: (row.document_id, row.edition) for row in documents}
        return {
            "documents": {(row.document_id, row.edition): (row.state, row.subject) for row in documents},
            "receipts": {
                (*key[row.document_uid], row.receiver_organ): (row.state, row.status_code) for row in deliveries
            },
            "ways": {
                (row.package_id, row.receiver_organ): _waiting_alike(row.receiver_organ, row.state) for row in ways
            },
            "targets": {(row.package_id, row.position): (row.effect, bool(row.unknown)) for row in acts},
            "answers": {(row.package_id, row.position, row.receiver_organ): row.answer for row in answers},
        }

    def _assert_same(self, model: Model, found: dict[str, object]) -> None:
        papers = [paper for editions in model.papers.values() for paper in editions]
        deeds = [
            (deed, deed.group and deed.group.package_id, number)
            for deed in model.deeds
            for number in range(len(deed.targets))
        ]
        wanted: dict[str, object] = {
            "documents": {(document_id(p.number), p.edition): (p.state, p.subject) for p in papers},
            "receipts": {
                (document_id(p.number), p.edition, r.organ): (r.state, r.status)
                for p in papers
                for r in p.receipts.values()
            },
            "ways": {(w.group.package_id, w.organ): _waiting_alike(w.organ, w.state) for w in model.ways},
            "targets": {
                (package_id, position): (deed.targets[position].effect, deed.targets[position].paper is None)
                for deed, package_id, position in deeds
            },
            "answers": {
                (package_id, position, organ): answer
                for deed, package_id, position in deeds
                for organ, answer in deed.targets[position].answers.items()
            },
        }
        for what, expected in wanted.items():
            assert found[what] == expected, what

    async def _check_queue(self) -> None:
        """What waits for the other axis has a push; nothing else has, but one that somebody may still be at."""
        rows = await self.node.store.read(
            lambda c: c.exec_driver_sql("SELECT package_id, lease_until FROM queue WHERE task = 'send'").all()
        )
        waiting = {
            w.group.package_id for w in self.model.ways if w.organ == "G22" and w.state in ("queued", "retrying")
        }
        assert waiting <= {row.package_id for row in rows}
        assert {row.package_id for row in rows if row.lease_until is None} <= waiting


@dataclass(frozen=True, kw_only=True)
class Action:
    """One thing that happens, at the node and in the model."""

    run: Callable[[], Awaitable[Any]]
    rule: Callable[[Model], str | None]


async def nothing() -> None:
    """Nothing happens."""


async def outcome(action: Action) -> str:
    """What the node says to it."""
    try:
        answer = await action.run()
    except AxisError as e:
        return str(e.code)
    return "done" if answer is None else str(answer.outcome)


def outcome_of(apply: Callable[[Model], str | None], model: Model) -> str:
    """What the model says to it."""
    try:
        return apply(model) or "done"
    except Refused as e:
        return str(e)


def apply_to(model: Model, do: Do) -> str:
    """An operation, on the model."""
    kind, *arguments = do
    if kind == "answer":
        number, organ, agreed = arguments
        model.answer(number, organ, agreed=agreed)
        return "accepted"
    answered: str | None = getattr(model, kind)(*arguments)
    return answered or "accepted"


def label_of(do: Do) -> str:
    """What kind of package an operation brings."""
    if do[0] == "status":
        return str(do[3])
    if do[0] == "answer":
        return "15" if do[3] else "16"
    return {"send": "document", "ask": "13"}.get(do[0], str(do[0]))


def ways_of(model: Model, system_id: str, package_id: str) -> list[Way]:
    """The ways of a package to a system."""
    return [w for w in model.ways if w.group.package_id == package_id and SYSTEM_OF.get(w.organ) == system_id]


def _label(row: Any) -> str:
    if row.kind == "status":
        return str(row.status_code)
    return ("document", "recall", "update", "replace")[row.business_type or 0]


def _waiting_alike(organ: str, state: str) -> str:
    """Whether a push is tried for the first time is the outbox's affair."""
    return "waiting" if organ == "G22" and state in ("queued", "retrying") else state


@contextmanager
def broken_commit(store: Store, *, lost: bool) -> Iterator[list[bool]]:
    """The next commit fails; or it happens, and nobody hears of it."""
    writer, happened = store._writer, []
    real = writer._commit

    def commit(connection: Any, transaction: Any) -> None:
        writer._commit = real  # type: ignore[method-assign]
        happened.append(True)
        if lost:
            real(connection, transaction)
        raise RuntimeError("injected")

    writer._commit = commit  # type: ignore[method-assign]
    try:
        yield happened
    finally:
        writer._commit = real  # type: ignore[method-assign]
