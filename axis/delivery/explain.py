"""Why a receiver is reached as it is: every step of the router's decision, as facts that can be said to people.

The outcome is the router's own (`Router.route`, `Router.route_inward`); the steps say how it comes about. Sentences
stand in `route_words`. Nothing here changes anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from axis.clock import VIETNAM
from axis.delivery.directory import Directory
from axis.delivery.router import ChosenBy, Destination, Router, UplinkChoice
from axis.errors import AxisError, Code
from axis.organ.codes import canonical_form
from axis.organ.model import Organ
from axis.store.holds import find_hold
from axis.store.records import Downtime, Hold, PartnerState
from axis.terms import Place


class DecidedBy(StrEnum):
    """The rule that decides where a receiver is reached."""

    OWN_SYSTEM = "own_system"  # a system serves the organisation itself
    ANCESTOR_SYSTEM = "ancestor_system"  # a system serves the nearest organisation above it that has one
    WAITS = "waits"  # registered, and nobody serves it yet
    RULE = ChosenBy.RULE.value  # a prefix in the database
    SETTING = ChosenBy.SETTING.value  # a prefix in the settings
    DEFAULT_RULE = ChosenBy.DEFAULT_RULE.value  # the database's rule for every other code
    DEFAULT = ChosenBy.DEFAULT.value  # the uplink without prefixes
    ELSEWHERE = "elsewhere"  # came from another axis for a receiver that is not ours: recorded only
    SENDER_UNKNOWN = "sender_unknown"  # refused: within our tree and not registered
    CLOSED = "closed"  # refused: nobody succeeds it
    UNKNOWN_IN_TREE = "unknown_in_tree"  # refused: within our tree and not registered
    NO_UPLINK = "no_uplink"  # refused: outside our tree, and no axis is for it


class Said(StrEnum):
    """What a step of an explanation says."""

    SENDER_OURS = "sender_ours"
    SENDER_UNSERVED = "sender_unserved"
    SENDER_FOREIGN = "sender_foreign"
    SENDER_UNKNOWN = "sender_unknown"
    GIVEN = "given"
    CANONICAL = "canonical"
    ALIAS = "alias"
    OLD_FORM = "old_form"
    UNREGISTERED = "unregistered"
    SUCCEEDED = "succeeded"
    CLOSED = "closed"
    OPEN = "open"
    OWN_SYSTEM = "own_system"
    NO_OWN_SYSTEM = "no_own_system"
    BESIDE = "beside"
    ABOVE_WITHOUT = "above_without"
    ABOVE_SYSTEM = "above_system"
    NO_SYSTEM_ABOVE = "no_system_above"
    INSIDE_TREE = "inside_tree"
    OUTSIDE_TREE = "outside_tree"
    RULE_FITS = "rule_fits"
    RULE_PASSED_OVER = "rule_passed_over"
    SETTING_FITS = "setting_fits"
    DEFAULT_RULE = "default_rule"
    DEFAULT = "default"
    NO_UPLINK = "no_uplink"
    SYSTEM_DISABLED = "system_disabled"
    HELD = "held"
    PAUSED = "paused"
    PAUSE_PLANNED = "pause_planned"
    DOWN = "down"
    TO_SYSTEM = "to_system"
    TO_UPLINK = "to_uplink"
    WAITS = "waits"
    ELSEWHERE = "elsewhere"
    BETWEEN_AXES = "between_axes"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What is known of hand-overs to partners: it decides nothing about routes, but what goes there waits."""

    at: datetime | None = None  # of which moment this is
    downtimes: tuple[Downtime, ...] = ()  # planned ones that have not ended
    down: Mapping[str, PartnerState] = field(default_factory=dict)  # partners that do not answer, by id
    holds: tuple[Hold, ...] = ()  # in force


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: what was looked at, and what was found."""

    said: Said
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How a package from one organisation to another goes."""

    sender: str
    receiver: str
    steps: tuple[Step, ...]
    decided_by: DecidedBy
    destination: Destination | None  # None: refused
    system_id: str | None  # the system that takes it, where it is reached here
    error: Code | None  # why it is refused

    @property
    def leads_somewhere(self) -> bool:
        """Whether a system or another axis takes it. What waits until somebody is connected leads nowhere yet."""
        return self.destination is not None and self.decided_by not in (DecidedBy.WAITS, DecidedBy.ELSEWHERE)


def explain(router: Router, directory: Directory, sender: str, receiver: str, calls: Calls = Calls()) -> Explanation:
    """Explain the way of a package from one code to another, with the directory's routes and rules.

    calls: whether the partner there is called now.
    """
    inward = not router.is_ours(directory, sender)
    sender_step = _sender(directory, sender, inward=inward)
    destination, error = _decide(router, directory, receiver, inward=inward)
    trace = _Trace(router, directory, receiver, inward=inward)
    steps = [sender_step, *trace.steps()]
    decided_by = trace.decided_by
    if sender_step.said is Said.SENDER_UNKNOWN:
        destination, error, decided_by = None, Code.UNKNOWN_SENDER, DecidedBy.SENDER_UNKNOWN
    system_id = directory.route(destination.organ) if destination and destination.place is Place.LOCAL else None
    if destination is not None:
        partner_id = destination.uplink_id or system_id
        steps += _held(calls, directory.registry.canonical(sender), destination.organ, partner_id)
        steps += _waiting(calls, partner_id)
    steps += _end(directory, destination, system_id, error)
    return Explanation(
        sender=sender,
        receiver=receiver,
        steps=tuple(steps),
        decided_by=decided_by,
        destination=destination,
        system_id=system_id,
        error=error,
    )


def _decide(router: Router, directory: Directory, code: str, *, inward: bool) -> tuple[Destination | None, Code | None]:
    """The router's own answer."""
    try:
        return (router.route_inward if inward else router.route)(directory, code), None
    except AxisError as e:
        return None, e.code


def _sender(directory: Directory, code: str, *, inward: bool) -> Step:
    found = directory.registry.resolve(code)
    if inward:
        return Step(said=Said.SENDER_FOREIGN, facts={"code": code})
    if found is None:
        return Step(said=Said.SENDER_UNKNOWN, facts={"code": code})
    organ = found.organ
    facts = {"code": code, "organ": organ.organ_id, "name": organ.name}
    via = directory.via(organ.organ_id)
    if via is None:
        return Step(said=Said.SENDER_UNSERVED, facts=facts)
    systems = dict.fromkeys(service.system_id for service in directory.services(via))
    return Step(said=Said.SENDER_OURS, facts={**facts, "systems": ", ".join(systems)})


class _Trace:
    """Goes the router's way step by step, and notes which rule it ends with."""

    def __init__(self, router: Router, directory: Directory, code: str, *, inward: bool) -> None:
        self.decided_by = DecidedBy.NO_UPLINK
        self._router = router
        self._directory = directory
        self._code = code
        self._inward = inward

    def steps(self) -> Iterator[Step]:
        """All of them, in order. Afterwards `decided_by` holds."""
        found = self._directory.registry.find(self._code)
        yield Step(said=Said.GIVEN, facts={"code": self._code})
        yield self._form(found)
        organ = found
        if found is not None:
            yield from self._succession(found)
            resolved = self._directory.registry.resolve(self._code)
            organ = resolved.organ if resolved else found
            if organ.is_closed:
                self.decided_by = DecidedBy.CLOSED
                return
        if organ is not None:
            yield from self._systems(organ)
            system_id = self._directory.route(organ.organ_id)
            if system_id is not None and self._inward and self._router.is_neighbour(system_id):
                self.decided_by = DecidedBy.ELSEWHERE
                yield Step(said=Said.BETWEEN_AXES, facts={"system": system_id})
            if system_id is not None:
                return
        yield from self._tree(organ)

    def _form(self, found: Organ | None) -> Step:
        if found is None:
            return Step(said=Said.UNREGISTERED, facts={"code": self._code, "canonical": canonical_form(self._code)})
        facts = {"code": self._code, "organ": found.organ_id, "name": found.name}
        if self._code == found.organ_id:
            return Step(said=Said.CANONICAL, facts=facts)
        if canonical_form(self._code) == canonical_form(found.organ_id):
            return Step(said=Said.OLD_FORM, facts=facts)
        return Step(said=Said.ALIAS, facts=facts)

    def _succession(self, found: Organ) -> Iterator[Step]:
        registry, organ, seen = self._directory.registry, found, {found.organ_id}
        while organ.is_closed:
            facts = {"organ": organ.organ_id, "name": organ.name}
            successor = registry.find(organ.successor_id) if organ.successor_id else None
            if successor is None or successor.organ_id in seen:
                yield Step(said=Said.CLOSED, facts=facts)
                return
            seen.add(successor.organ_id)
            yield Step(
                said=Said.SUCCEEDED,
                facts={**facts, "successor": successor.organ_id, "successor_name": successor.name},
            )
            organ = successor
        if organ is found:
            yield Step(said=Said.OPEN, facts={"organ": organ.organ_id})

    def _systems(self, organ: Organ) -> Iterator[Step]:
        directory = self._directory
        via = directory.via(organ.organ_id)
        if via == organ.organ_id:
            self.decided_by = DecidedBy.OWN_SYSTEM
            yield from self._service(via, Said.OWN_SYSTEM)
            return
        yield Step(said=Said.NO_OWN_SYSTEM, facts={"organ": organ.organ_id})
        for above in list(directory.registry.lineage(organ.organ_id))[1:]:
            if above == via:
                self.decided_by = DecidedBy.ANCESTOR_SYSTEM
                yield from self._service(above, Said.ABOVE_SYSTEM)
                return
            yield Step(said=Said.ABOVE_WITHOUT, facts={"organ": above})
        yield Step(said=Said.NO_SYSTEM_ABOVE, facts={"organ": organ.organ_id})

    def _service(self, via: str, said: Said) -> Iterator[Step]:
        primary, *beside = self._directory.services(via)
        yield Step(said=said, facts={"organ": via, "system": primary.system_id})
        if beside:
            yield Step(said=Said.BESIDE, facts={"systems": ", ".join(service.system_id for service in beside)})

    def _tree(self, organ: Organ | None) -> Iterator[Step]:
        canonical = organ.organ_id if organ else canonical_form(self._code)
        tree = self._router.tree_of(canonical)
        if tree is not None:
            self.decided_by = DecidedBy.WAITS if organ else DecidedBy.UNKNOWN_IN_TREE
            if organ is None and self._inward:
                self.decided_by = DecidedBy.ELSEWHERE
            yield Step(said=Said.INSIDE_TREE, facts={"prefix": tree})
            return
        yield Step(said=Said.OUTSIDE_TREE, facts={"organ": canonical})
        if self._inward:
            self.decided_by = DecidedBy.ELSEWHERE
            return
        decided = False
        for choice in self._router.choices(self._directory, canonical):
            yield _choice(choice, "yes" if choice.usable and not decided else "no")
            if choice.usable and not decided:
                decided = True
                self.decided_by = DecidedBy(choice.by.value)
        if not decided:
            self.decided_by = DecidedBy.WAITS if organ else DecidedBy.NO_UPLINK
            yield Step(said=Said.NO_UPLINK, facts={"organ": canonical})


_CHOICES = {
    ChosenBy.RULE: Said.RULE_FITS,
    ChosenBy.SETTING: Said.SETTING_FITS,
    ChosenBy.DEFAULT_RULE: Said.DEFAULT_RULE,
    ChosenBy.DEFAULT: Said.DEFAULT,
}


def _choice(choice: UplinkChoice, decides: str) -> Step:
    said = _CHOICES[choice.by] if choice.usable else Said.RULE_PASSED_OVER
    facts = {
        "uplink": choice.uplink_id,
        "prefix": choice.prefix or "",
        "rule": choice.rule_id or "",
        "decides": decides,
    }
    return Step(said=said, facts=facts)


def _held(calls: Calls, sender: str, receiver: str, partner_id: str | None) -> Iterator[Step]:
    """What is held back on its way, by whom it is from, for, or goes to."""
    hold = find_hold(calls.holds, sender, (receiver,), partner_id)
    if hold is not None:
        until = _moment(hold.ends_at) if hold.ends_at else "-"
        yield Step(said=Said.HELD, facts={"hold": hold.hold_id, "until": until, "reason": hold.reason})


def _waiting(calls: Calls, partner_id: str | None) -> Iterator[Step]:
    """Why what goes to a partner that we call waits before it is sent."""
    for one in calls.downtimes:
        if one.partner_id == partner_id:
            began = calls.at is None or one.starts_at <= calls.at
            times = {"since": _moment(one.starts_at), "until": _moment(one.ends_at)}
            said = Said.PAUSED if began else Said.PAUSE_PLANNED
            yield Step(said=said, facts={"partner": one.partner_id, **times, "reason": one.reason})
    if partner_id is not None and partner_id in calls.down:
        state = calls.down[partner_id]
        facts = {"partner": partner_id, "since": _moment(state.since), "error": state.last_error or "-"}
        yield Step(said=Said.DOWN, facts=facts)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(VIETNAM):%H:%M %d/%m/%Y}"


def _end(
    directory: Directory, destination: Destination | None, system_id: str | None, error: Code | None
) -> Iterator[Step]:
    """Where it goes, and what stands in the way there."""
    if destination is None:
        yield Step(said=Said.REFUSED, facts={"code": error.value if error else ""})
        return
    facts = {"organ": destination.organ}
    if destination.place is Place.UPLINK:
        yield Step(said=Said.TO_UPLINK, facts={**facts, "uplink": destination.uplink_id or ""})
    elif destination.place is Place.ELSEWHERE:
        yield Step(said=Said.ELSEWHERE, facts=facts)
    elif system_id is None:
        yield Step(said=Said.WAITS, facts=facts)
    else:
        system = directory.system(system_id)
        if system is not None and not system.enabled:
            yield Step(said=Said.SYSTEM_DISABLED, facts={"system": system_id})
        yield Step(said=Said.TO_SYSTEM, facts={**facts, "system": system_id})
