"""The rules of docs/protocols/business.md once more, as plainly as can be: what the exchange is compared with.

One sender, its documents by number, their editions; who has them and how far the bytes have come; the acts on them and
the answers. Nothing here is shared with the code under test. Time is the number of the step.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

WAITING = ("queued", "retrying")
FROZEN = ("recalled", "recall_agreed", "removed", "replaced")
RANKS = {"01": 1, "03": 3, "04": 4, "05": 5, "06": 6}
ELSEWHERE_THAN_HERE = ("G22",)  # reached through another axis
FAILURES_UNTIL_DEAD = 2


class Refused(Exception):
    """The rules refuse it; the code is the argument."""


@dataclass(eq=False)
class Group:
    """One package; what it is, so that it can be told from another one that was made in the same moment."""

    label: str
    package_id: str | None = None  # as the node calls it


@dataclass(eq=False)
class Way:
    """A package on its way to one receiver."""

    group: Group
    organ: str
    queued: int
    brings: "Receipt | None" = None  # the delivery that the package brings or updates; none: a recall, a status
    carries: bool = False  # the package carries the document itself
    state: str = "queued"
    failures: int = 0
    was_there: bool = False

    def move(self, state: str) -> None:
        """It has come further, or is queued again."""
        self.state = state
        self.was_there |= state in ("handed_over", "acknowledged")
        if state == "queued":
            self.failures = 0


@dataclass(eq=False)
class Receipt:
    """A document at one receiver."""

    organ: str
    state: str = "open"
    since: int = -1
    status: str | None = None
    late: list[str] = field(default_factory=list)  # what it reported while frozen
    first: Way | None = None
    refusal: Way | None = None  # the last 02, on its way to the sender

    @property
    def frozen(self) -> bool:
        """The sender has taken the document back, or away."""
        return self.state in FROZEN

    def turn(self, state: str, step: int) -> None:
        """The sender, or the receiver's answer, makes it something else."""
        self.state, self.since, self.late = state, step, []


@dataclass(eq=False)
class Paper:
    """One edition of a document."""

    number: int
    edition: int
    identity: object
    subject: str
    receipts: dict[str, Receipt] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """What it is, all receivers taken together."""
        states = {receipt.state for receipt in self.receipts.values()}
        if not states or "open" in states:
            return "open"
        if states & {"recalled", "recall_agreed", "recall_declined"}:
            return "recalled"
        return "replaced" if "replaced" in states else "withdrawn"


@dataclass(eq=False)
class Target:
    """A document that an act names."""

    number: int
    paper: Paper | None
    organs: frozenset[str] | None = None
    effect: str = "unknown"
    answers: dict[str, str | None] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)  # organ → the package that brought the act


@dataclass(eq=False)
class Deed:
    """An act."""

    kind: str
    identity: object
    step: int
    targets: list[Target]
    number: int | None = None  # of the document that a replacement brings
    group: Group | None = None  # the first package
    subject: str | None = None
    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()


def judge(current: str | None, said: str) -> bool:
    """Whether a status changes what the receiver has said so far."""
    if current is None:
        return True
    if said == "02":
        return current != "02"
    if current == "02":
        return said != "01"
    return RANKS[said] > RANKS[current]


class Model:
    """Everything that the exchange should know."""

    def __init__(self) -> None:
        self.step = 0
        self.papers: dict[int, list[Paper]] = {}
        self.deeds: list[Deed] = []
        self.ways: list[Way] = []

    # ── looking things up ──────────────────────────────────────────────────────────────────────────────────────

    def editions(self, number: int) -> list[Paper]:
        """All editions under a number, oldest first."""
        return self.papers.get(number, [])

    def deed(self, identity: object) -> Deed | None:
        """The act that a package repeats."""
        return next((deed for deed in self.deeds if deed.identity == identity), None)

    def matched(self, number: int, organ: str) -> Paper | None:
        """What a status of this receiver is about: the latest edition that it was handed, else the latest."""
        having = [paper for paper in reversed(self.editions(number)) if organ in paper.receipts]
        there = (paper for paper in having if (first := paper.receipts[organ].first) and first.was_there)
        return next(there, having[0] if having else None) if len(having) > 1 else having[0] if having else None

    def _named(self, number: int, organs: frozenset[str] | None = None) -> Target:
        editions = self.editions(number)
        return Target(number=number, paper=editions[-1] if editions else None, organs=organs)

    # ── documents ──────────────────────────────────────────────────────────────────────────────────────────────

    def send(self, number: int, to: frozenset[str]) -> str:
        """A new document, or its repeat."""
        identity = ("new", number)
        for paper in self.editions(number):
            if paper.identity == identity:
                self._repeat(paper, to, Group("document"))
                return "repeated"
        if self.editions(number):
            raise Refused("document_conflict")
        self._issue(number, identity, to, Group("document"))
        return "accepted"

    def _issue(self, number: int, identity: object, to: frozenset[str], group: Group) -> Paper:
        editions = self.papers.setdefault(number, [])
        paper = Paper(number=number, edition=len(editions) + 1, identity=identity, subject="s0")
        editions.append(paper)
        self._give(paper, to, group)
        return paper

    def _give(self, paper: Paper, to: Iterable[str], group: Group) -> None:
        for organ in to:
            receipt = paper.receipts.setdefault(organ, Receipt(organ=organ))
            receipt.first = self._ship(group, organ, brings=receipt, carries=True)

    def _ship(self, group: Group, organ: str, *, brings: Receipt | None = None, carries: bool = False) -> Way:
        way = Way(group=group, organ=organ, queued=self.step, brings=brings, carries=carries)
        self.ways.append(way)
        return way

    def _repeat(self, paper: Paper, to: frozenset[str], group: Group) -> None:
        fresh = to - paper.receipts.keys()
        if fresh and paper.state in ("recalled", "replaced"):
            raise Refused("document_closed")
        for way in self.ways:
            receipt = paper.receipts.get(way.organ)
            if not way.carries or receipt is None or way.brings is not receipt or way.organ not in to or receipt.frozen:
                continue
            read = receipt.status == "02" and receipt.refusal is not None and receipt.refusal.state == "acknowledged"
            if way.state == "dead" or (read and way.state in ("handed_over", "acknowledged")):
                way.move("queued")
        self._give(paper, fresh, group)

    # ── acts ───────────────────────────────────────────────────────────────────────────────────────────────────

    def recall(self, numbers: tuple[int, ...], to: frozenset[str], variant: int) -> str:
        """Documents are taken back."""
        identity = ("recall", frozenset(numbers), variant)
        return self._act(Deed("recall", identity, self.step, [self._named(n) for n in numbers]), to)

    def update(self, number: int, to: frozenset[str], added: frozenset[str], removed: frozenset[str], text: str) -> str:
        """A document says something else, or goes to others."""
        identity = ("update", number, added, removed, text)
        deed = Deed("update", identity, self.step, [self._named(number)])
        deed.subject, deed.added, deed.removed = text, added - removed, removed
        return self._act(deed, to | added | removed)

    def replace(self, number: int, olds: tuple[tuple[int, frozenset[str]], ...], to: frozenset[str]) -> str:
        """A document takes the place of others."""
        identity = ("replace", number, olds)
        group = Group("replace")
        for paper in self.editions(number):
            if paper.identity == identity:
                self._repeat(paper, to, group)
                before = self.deed(identity)
                if before is not None:
                    self._undone(before, to, group)
                return "repeated"
        targets = [self._named(old, organs or None) for old, organs in olds]
        deed = Deed("replace", identity, self.step, targets, number, group)
        self.deeds.append(deed)
        for target in targets:
            self._apply(deed, target, to, to, group, first=True)
        self._issue(number, identity, to, group)
        return "accepted"

    def _act(self, deed: Deed, to: frozenset[str]) -> str:
        before, group = self.deed(deed.identity), Group(deed.kind)
        if before is None:
            self.deeds.append(deed)
            deed.group = group
            for target in deed.targets:
                self._apply(deed, target, to, to, group, first=True)
            self._ship_act(deed, to, group)
            return "accepted"
        known = {organ for target in before.targets for organ in target.answers}
        groups = {group for target in before.targets for group in target.groups.values()}
        dead = [way for way in self.ways if way.group in groups and way.organ in to and way.state == "dead"]
        self._undone(before, to, group)
        self._ship_act(before, to - known, group)
        for way in dead:
            way.move("queued")
        return "repeated"

    def _undone(self, deed: Deed, to: frozenset[str], group: Group) -> None:
        """What the first package left undone: receivers that it did not have, documents that came since."""
        known = frozenset(organ for target in deed.targets for organ in target.answers)
        fresh = to - known
        for target in deed.targets:
            editions = self.editions(target.number) if target.number != deed.number else []
            found = target.paper is None and bool(editions)
            organs = fresh | known if found else fresh
            if not (organs if target.organs is None else organs & target.organs):
                continue
            if found:
                target.paper = editions[-1]
            self._apply(deed, target, organs, fresh, group, first=found)

    def _ship_act(self, deed: Deed, to: Iterable[str], group: Group) -> None:
        for organ in to:
            papers = (target.paper for target in deed.targets if target.paper is not None)
            receipt = next((paper.receipts[organ] for paper in papers if organ in paper.receipts), None)
            way = self._ship(group, organ, brings=receipt if deed.kind == "update" else None)
            if receipt is not None and receipt.first is None:
                receipt.first = way

    def _apply(
        self, deed: Deed, target: Target, organs: frozenset[str], fresh: frozenset[str], group: Group, *, first: bool
    ) -> None:
        concerned = organs if target.organs is None else organs & target.organs
        paper = target.paper
        if paper is not None:
            changed = getattr(self, f"_{deed.kind}_of")(deed, paper, concerned, first)
            if first:
                target.effect = "applied" if changed else "nothing"
        for organ in concerned & fresh:
            target.answers[organ] = None
            target.groups[organ] = group

    def _recall_of(self, _: Deed, paper: Paper, concerned: frozenset[str], __: bool) -> bool:
        return self._turn(paper, concerned, ("open", "recall_declined", "removed", "replaced"), "recalled")

    def _replace_of(self, _: Deed, paper: Paper, concerned: frozenset[str], __: bool) -> bool:
        return self._turn(paper, concerned, ("open", "recall_declined"), "replaced")

    def _update_of(self, deed: Deed, paper: Paper, concerned: frozenset[str], first: bool) -> bool:
        whole = paper.state
        born = {"recalled": "recalled", "replaced": "replaced"}.get(whole, "open")
        changed = self._turn(paper, concerned & deed.removed, ("open", "recall_declined"), "removed")
        changed |= self._turn(paper, concerned & deed.added, ("removed",), "open")
        for organ in concerned - deed.removed - paper.receipts.keys():
            paper.receipts[organ] = Receipt(organ=organ, state=born, since=self.step)
            changed = True
        if first and whole not in ("recalled", "replaced") and deed.subject and deed.subject != paper.subject:
            paper.subject = deed.subject
            changed = True
        return changed

    def _turn(self, paper: Paper, organs: Iterable[str], before: tuple[str, ...], after: str) -> bool:
        changed = False
        for organ in organs:
            receipt = paper.receipts.get(organ)
            if receipt is not None and receipt.state in before:
                receipt.turn(after, self.step)
                changed = True
                if receipt.frozen:
                    self._withdraw(receipt)
        return changed

    def _withdraw(self, receipt: Receipt) -> None:
        """What waits for it is taken back, and nobody has to answer what was."""
        for way in self.ways:
            if way.brings is receipt and way.state in (*WAITING, "dead"):
                way.state = "cancelled"
                for deed in self.deeds:
                    for target in deed.targets:
                        if target.groups.get(way.organ) is way.group and target.answers[way.organ] is None:
                            target.answers[way.organ] = "withdrawn"

    def forbidden(self, _: int, what: str) -> str:
        """An act on a known document by somebody who did not send it, or one that would make it another one."""
        raise Refused({"ask": "status_unmatched", "code": "code_changed"}.get(what, "foreign_document"))

    # ── what receivers say ─────────────────────────────────────────────────────────────────────────────────────

    def status(self, number: int, organ: str, code: str) -> None:
        """A receiver reports how far it is."""
        paper = self.matched(number, organ)
        if paper is None:
            raise Refused("status_unmatched")
        receipt = paper.receipts[organ]
        way = self._ship(Group(code), "H24.11")
        if code == "02":
            receipt.refusal = way
        if receipt.frozen:
            receipt.late.append(code)
        elif judge(receipt.status, code):
            receipt.status = code

    def ask(self, number: int, organ: str) -> None:
        """The sender asks one receiver to give the document back."""
        paper = self.matched(number, organ)
        if paper is None:
            raise Refused("status_unmatched")
        group = Group("13")
        target = Target(number=number, paper=paper, effect="nothing", answers={organ: None}, groups={organ: group})
        self.deeds.append(Deed("recall_request", object(), self.step, [target], group=group))
        self._ship(group, organ)

    def answer(self, number: int, organ: str, *, agreed: bool) -> None:
        """A receiver answers what is open."""
        matched = self.matched(number, organ)
        papers = dict.fromkeys([*([matched] if matched else []), *reversed(self.editions(number))])
        for paper in papers:
            found = min(self._open(paper, organ), key=_asking, default=None)
            if found is not None:
                self._answered(*found, organ, paper.receipts.get(organ), agreed=agreed)
                break
        else:
            unnamed = (pair for pair in self.all_open(organ) if pair[1].paper is None and pair[1].number == number)
            found = min(unnamed, key=_asking, default=None)
            if found is not None:
                self._answered(*found, organ, None, agreed=agreed)
            elif matched is None:
                raise Refused("status_unmatched")
        self._ship(Group("15" if agreed else "16"), "H24.11")

    def all_open(self, organ: str) -> Iterator[tuple[Deed, Target]]:
        for deed in self.deeds:
            for target in deed.targets:
                if organ in target.answers and target.answers[organ] is None:
                    yield deed, target

    def _open(self, paper: Paper, organ: str) -> Iterator[tuple[Deed, Target]]:
        for deed, target in self.all_open(organ):
            late = target.paper is None and target.number == paper.number and paper.edition == 1
            late &= deed.number != target.number  # a replacement is not its own predecessor
            if target.paper is paper or late:
                yield deed, target

    def _answered(self, deed: Deed, target: Target, organ: str, receipt: Receipt | None, *, agreed: bool) -> None:
        target.answers[organ] = "agreed" if agreed else "declined"
        if receipt is None or deed.kind not in ("recall", "recall_request"):
            return
        if agreed and receipt.state != "recall_agreed":
            was_recalled = receipt.state == "recalled"
            receipt.turn("recall_agreed", self.step)
            if not was_recalled:
                self._withdraw(receipt)
        elif not agreed and receipt.state == "recalled":
            for code in receipt.late:
                if judge(receipt.status, code):
                    receipt.status = code
            receipt.turn("recall_declined", self.step)

    # ── transport ──────────────────────────────────────────────────────────────────────────────────────────────

    def hand_over(self, ways: Iterable[Way]) -> None:
        """A system has got the bytes, for all of these receivers."""
        for way in ways:
            if way.state not in ("acknowledged", "dead"):
                way.move("handed_over")

    def acknowledge(self, ways: Iterable[Way], word: str) -> None:
        """A system says how it fares with a package."""
        for way in ways:
            if word == "done":
                way.move("acknowledged")
                continue
            may = (*WAITING, "handed_over") if word == "fail" else ("handed_over", "acknowledged", "retrying")
            if way.state not in may:
                continue
            taken_back = way.brings is not None and way.brings.frozen and way.queued < way.brings.since
            if taken_back:
                way.state = "cancelled" if way.state != "acknowledged" else way.state
            elif word == "initial":
                way.move("queued")
            else:
                way.failures += 1
                way.state = "dead" if way.failures >= FAILURES_UNTIL_DEAD else "retrying"


def _asking(pair: tuple[Deed, Target]) -> tuple[bool, int]:
    deed, _ = pair
    return deed.kind == "replace", deed.step
