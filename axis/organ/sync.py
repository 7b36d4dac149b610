"""What another axis says of organisations, laid against our registry: the difference, and the rows that close it.

Ours is the authority for our own tree: what is inside it is left alone unless it is asked for. Nobody is closed who is
in use here, and what contradicts our registry is not taken over: both are listed for a person.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from axis.errors import AxisError
from axis.organ.codes import canonical_form, is_within, sort_key
from axis.organ.model import Organ, OrganKind
from axis.organ.plan import Changes, Known, Occasion, OrganRow, Plan, is_usable_code, plain
from axis.organ.registry import Registry

_MAX_LEVEL = 4
_TRIES = 200  # contradictions that the plan finds one by one; more are somebody else's registry


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOrgan:
    """An organisation in another axis's list. None: the list does not say."""

    code: str
    name: str
    parent_code: str | None = None  # "": nobody above
    level: int | None = None
    email: str | None = None
    old_codes: tuple[str, ...] = ()
    closed: bool = False
    is_unit: bool | None = None  # a unit of an agency, no agency itself


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganList:
    """What another axis lists."""

    organs: tuple[ListedOrgan, ...]
    version: int = 0  # of its registry: what changes later has a higher one; 0: it tells none


class Verdict(StrEnum):
    """What is to become of a listed organisation here."""

    ADDED = "added"
    RENAMED = "renamed"
    MOVED = "moved"  # another parent
    CHANGED = "changed"  # level, address or another code
    CLOSED = "closed"
    REOPENED = "reopened"
    IN_USE = "in_use"  # closed there, and still needed here: for a person
    CONFLICT = "conflict"  # contradicts our registry: for a person

    @property
    def is_for_a_person(self) -> bool:
        """Nothing is done about it."""
        return self in (Verdict.IN_USE, Verdict.CONFLICT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the difference."""

    verdict: Verdict
    code: str  # ours where we have one
    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far a comparison may go."""

    prefixes: tuple[str, ...] = ()  # of our own tree, in canonical form
    ours: bool = False  # take over what it says of our own tree too
    level: int | None = None  # only down to this level
    in_use: Mapping[str, str] = field(default_factory=dict)  # who is needed here, and why


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The outcome."""

    items: tuple[Item, ...]
    changes: Changes
    own: int  # of our own tree, left alone
    same: int  # nothing to be done


def closed_there(known: Known, listed: OrganList, day: str) -> tuple[str, ...]:
    """Our active organisations that the list calls closed: whether they are in use has to be looked up."""
    registry = Registry.on(day, known.organs, known.aliases)
    found = (registry.find(one.code) for one in listed.organs if one.closed)
    return tuple(organ.organ_id for organ in found if organ is not None and not organ.is_closed)


def compare(known: Known, listed: OrganList, bounds: Bounds, occasion: Occasion) -> Difference:
    """The difference between a list and our registry, and what is to be written. Raises what `Plan` says at last."""
    comparison = _Comparison(known, bounds, occasion)
    for one in listed.organs:
        comparison.sort_in(one)
    comparison.judge()
    changes = comparison.planned(known, occasion)
    order = list(Verdict)
    items = sorted(comparison.items, key=lambda item: (order.index(item.verdict), sort_key(item.code), item.detail))
    said = {item.code for item in items}
    same = sum(code not in said for code in comparison.listed)
    return Difference(items=tuple(items), changes=changes, own=len(comparison.own), same=same)


class _Guilty(Exception):
    """One row cannot be taken over."""

    def __init__(self, code: str, error: AxisError) -> None:
        super().__init__(code, error)
        self.code = code
        self.error = error


class _Comparison:
    """Judges listed organisations one by one, parents first."""

    def __init__(self, known: Known, bounds: Bounds, occasion: Occasion) -> None:
        self.items: list[Item] = []
        self.own: set[str] = set()
        self.listed: dict[str, ListedOrgan] = {}  # by our code, or the canonical form of theirs
        self._bounds = bounds
        self._registry = Registry.on(occasion.day, known.organs, known.aliases)
        self._rows: dict[str, OrganRow] = {}
        self._levels: dict[str, int | None] = {}

    def sort_in(self, one: ListedOrgan) -> None:
        """Take note of a listed organisation, if it is of interest at all."""
        if not is_usable_code(one.code) or not plain(one.name):
            self._say(Verdict.CONFLICT, one.code[:60], one.name, "no usable code, or no name")
            return
        found = self._registry.find(one.code)
        code = canonical_form(one.code) if found is None else found.organ_id
        if self._is_own(code) and not self._bounds.ours:
            self.own.add(code)
        elif self._bounds.level is not None and (one.level is None or one.level > self._bounds.level):
            return
        elif code in self.listed:
            if self.listed[code] != one:
                self._say(Verdict.CONFLICT, code, one.name, "listed twice, differently")
        elif found is not None or not one.closed:
            self.listed[code] = one

    def judge(self) -> None:
        """Judge all of them, so that a parent is known before those below it."""
        for code in self._parents_first():
            one, found = self.listed[code], self._registry.find(code)
            if found is None:
                self._judge_new(code, one)
            elif one.closed:
                self._judge_closed(found)
            else:
                self._judge_known(found, one)

    def planned(self, known: Known, occasion: Occasion) -> Changes:
        """What is to be written; a row that the plan refuses becomes a conflict."""
        for _ in range(_TRIES):
            try:
                return self._plan(Plan(known, occasion))
            except _Guilty as e:
                self._refuse(e.code, e.error)
        return self._plan(Plan(known, occasion))

    def _plan(self, plan: Plan) -> Changes:
        """Raises _Guilty naming the row without which it would do, or what the plan says when that cannot be told."""
        for code, row in self._rows.items():
            try:
                plan.take(row)
            except AxisError as error:
                raise _Guilty(code, error) from error
        try:
            return plan.changes()
        except AxisError as error:
            guilty = next((code for code in _codes_in(error) if code in self._rows), None)
            if guilty is None:
                raise
            raise _Guilty(guilty, error) from error

    # ── One organisation ───────────────────────────────────────────────────────────────────────────────────────

    def _judge_new(self, code: str, one: ListedOrgan) -> None:
        above = self._code_of(one.parent_code) if one.parent_code else ""
        if not self._bounds.ours and (above in self.own or (above and self._is_own(above))):
            self.own.add(code)
            del self.listed[code]
            return
        parent = self._parent_of(one)
        problem = self._problem(one, parent, None)
        if problem:
            self._say(Verdict.CONFLICT, code, one.name, problem)
            return
        self._levels[code] = one.level
        kind = OrganKind.UNIT if one.is_unit else None
        self._rows[code] = OrganRow(
            code=code,
            name=one.name,
            parent=parent or None,
            level=one.level,
            email=one.email or None,
            old_codes=tuple(self._new_codes(code, one)),
            kind=kind,
        )
        self._say(Verdict.ADDED, code, one.name, f"below {parent}" if parent else "")

    def _judge_closed(self, organ: Organ) -> None:
        if organ.is_closed:
            return
        reason = self._bounds.in_use.get(organ.organ_id) or self._active_below(organ)
        if reason:
            self._say(Verdict.IN_USE, organ.organ_id, organ.name, reason)
            return
        self._rows[organ.organ_id] = OrganRow(code=organ.organ_id, name="", status="closed")
        self._say(Verdict.CLOSED, organ.organ_id, organ.name)

    def _judge_known(self, organ: Organ, one: ListedOrgan) -> None:
        if organ.is_closed and organ.successor_id is not None:
            detail = f"closed here, succeeded by {organ.successor_id}; active there"
            self._say(Verdict.CONFLICT, organ.organ_id, organ.name, detail)
            return
        parent = self._parent_of(one)
        problem = self._problem(one, parent, organ)
        if problem:
            self._say(Verdict.CONFLICT, organ.organ_id, organ.name, problem)
            return
        self._levels[organ.organ_id] = one.level or organ.level
        said = list(self._differences(organ, one, parent))
        for verdict, detail in said:
            self._say(verdict, organ.organ_id, plain(one.name), detail)
        if said:
            self._rows[organ.organ_id] = OrganRow(
                code=organ.organ_id,
                name=one.name,
                parent=parent,
                level=one.level,
                email=one.email or None,
                old_codes=tuple(self._new_codes(organ.organ_id, one)),
                status="active" if organ.is_closed else None,
            )

    def _differences(self, organ: Organ, one: ListedOrgan, parent: str | None) -> Iterator[tuple[Verdict, str]]:
        if organ.is_closed:
            yield Verdict.REOPENED, ""
        if plain(one.name) != organ.name:
            yield Verdict.RENAMED, f"was {organ.name}"
        if parent is not None and (parent or None) != organ.parent_id:
            yield Verdict.MOVED, f"from {organ.parent_id or 'the top'} to {parent or 'the top'}"
        if one.level is not None and one.level != organ.level:
            yield Verdict.CHANGED, f"level {one.level}, was {organ.level or 'unknown'}"
        if one.email and plain(one.email) != organ.email:
            yield Verdict.CHANGED, f"email {plain(one.email)}, was {organ.email or 'none'}"
        for code in self._new_codes(organ.organ_id, one):
            yield Verdict.CHANGED, f"other code {code}"

    def _problem(self, one: ListedOrgan, parent: str | None, organ: Organ | None) -> str:
        """Why what a list says of an organisation cannot be taken over; "": it can."""
        if parent is None and one.parent_code:
            return f"below {one.parent_code}, which is not known here"
        if one.level is not None and not 1 <= one.level <= _MAX_LEVEL:
            return f"level {one.level}"
        above = self._registry.find(parent) if parent else None
        if above is not None and above.is_closed and parent not in self._rows:
            return f"below {parent}, which is closed here"
        over = self._levels.get(parent, above.level if above else None) if parent else None
        level = one.level or (organ.level if organ else None)
        if level is not None and over is not None and level <= over:
            return f"level {level} below {parent} of level {over}"
        return ""

    def _new_codes(self, code: str, one: ListedOrgan) -> Iterator[str]:
        """Other codes that do not lead to the organisation yet, and to nobody else."""
        for old in dict.fromkeys((*one.old_codes, one.code)):
            if not is_usable_code(old) or canonical_form(old) == canonical_form(code):
                continue
            found = self._registry.find(old)
            if found is None:
                yield old
            elif found.organ_id != code:
                detail = f"other code {old} means {found.organ_id} here"
                if not any(item.code == code and item.detail == detail for item in self.items):
                    self._say(Verdict.CONFLICT, code, one.name, detail)

    # ── Around it ──────────────────────────────────────────────────────────────────────────────────────────────

    def _parents_first(self) -> list[str]:
        """All codes; whatever stands below something that is listed comes after it. Loops end somewhere."""
        below: defaultdict[str, list[str]] = defaultdict(list)
        tops: list[str] = []
        for code, one in self.listed.items():
            parent = self._code_of(one.parent_code) if one.parent_code else ""
            (below[parent] if parent in self.listed and parent != code else tops).append(code)
        order: dict[str, None] = {}
        waiting = tops[::-1]
        while waiting:
            code = waiting.pop()
            order[code] = None
            waiting += below[code]
        return [*order, *(code for code in self.listed if code not in order)]

    def _code_of(self, code: str) -> str:
        found = self._registry.find(code)
        return canonical_form(code) if found is None else found.organ_id

    def _parent_of(self, one: ListedOrgan) -> str | None:
        """The parent's code here, once it is known; "": nobody; None: the list does not say, or nobody knows it."""
        if not one.parent_code:
            return one.parent_code
        code = self._code_of(one.parent_code)
        return code if code in self._rows or self._registry.find(code) is not None else None

    def _active_below(self, organ: Organ) -> str:
        """Who is active below one that is to be closed, and is not to be closed as well."""
        staying = [
            child.organ_id
            for child in self._registry.children_of(organ.organ_id)
            if not child.is_closed and not self._leaves(child)
        ]
        return f"active below it: {_some(staying)}" if staying else ""

    def _leaves(self, child: Organ) -> bool:
        """Whether this list takes one away from below its parent: by another parent, or by closing it too."""
        one = self.listed.get(child.organ_id)
        if one is None:
            return False
        if not one.closed:
            return one.parent_code is not None and self._parent_of(one) not in (child.parent_id, None)
        return child.organ_id not in self._bounds.in_use and not self._active_below(child)

    def _is_own(self, code: str) -> bool:
        """Whether a code stands in our own tree: by its form, or below one that does."""
        line = (code, *self._registry.lineage(code))
        return any(is_within(one, prefix) for one in line for prefix in self._bounds.prefixes)

    def _refuse(self, code: str, error: AxisError) -> None:
        """Give up one organisation, with what was said of it."""
        name = self._rows.pop(code).name or code
        self.items = [item for item in self.items if item.code != code or item.verdict.is_for_a_person]
        self._say(Verdict.CONFLICT, code, name, f"{error.code}: {error.detail}")

    def _say(self, verdict: Verdict, code: str, name: str, detail: str = "") -> None:
        self.items.append(Item(verdict=verdict, code=code, name=plain(name), detail=detail))


def _codes_in(error: AxisError) -> list[str]:
    return error.detail.replace(":", " ").replace(",", " ").split()


def _some(codes: Sequence[str]) -> str:
    more = len(codes) - 3
    return ", ".join(codes[:3]) + (f" and {more} more" if more > 0 else "")


def in_parts(changes: Changes, size: int) -> Iterable[Changes]:
    """The same changes in parts of at most so many organisations, each of which can be written after the one before.

    Parents come before those below them; an organisation's codes and names come with it.
    """
    added = _by_depth(changes.added)
    organs = [*added, *changes.changed]
    new = {organ.organ_id for organ in added}
    for start in range(0, len(organs), size):
        part = organs[start : start + size]
        codes = {organ.organ_id for organ in part}
        yield Changes(
            added=tuple(organ for organ in part if organ.organ_id in new),
            changed=tuple(organ for organ in part if organ.organ_id not in new),
            aliases_gone=tuple(one for one in changes.aliases_gone if one.organ_id in codes),
            aliases=tuple(one for one in changes.aliases if one.organ_id in codes),
            names=tuple(one for one in changes.names if one.organ_id in codes),
            moved=changes.moved & codes,
        )


def _by_depth(organs: Sequence[Organ]) -> list[Organ]:
    """Parents before children, as far as both are among them."""
    by_code = {organ.organ_id: organ for organ in organs}
    order: dict[str, Organ] = {}
    for organ in organs:
        line = []
        at: Organ | None = organ
        while at is not None and at.organ_id not in order and at not in line:
            line.append(at)
            at = by_code.get(at.parent_id or "")
        for one in reversed(line):
            order[one.organ_id] = one
    return list(order.values())
