"""Where a receiver is reached: by a system connected here, by another axis, or not at all.

An organisation's own system, else its nearest ancestor's. A code outside our tree goes to the uplink whose prefix is
the longest that fits; of one prefix, a rule in the database stands before the settings; else to the default one.
What is inside our tree never goes up.

A connected system may be an axis of its own (a neighbour). It gets what our organisations send to those that it serves,
and brings what those send to ours. Between it and other axes we carry nothing: they have their own ways.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from axis.delivery.directory import Directory
from axis.errors import Code, Malformed, NotFound, Rejected, UnknownOrgan, WrongState
from axis.organ.codes import canonical_form, is_within
from axis.terms import Place

EVERY_OTHER = "*"  # the prefix of a rule for every code that no other rule or setting claims
_PREFIX_CHARS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkPrefixes:
    """An uplink and the codes it is for; no prefix: every code that no other uplink claims."""

    uplink_id: str
    prefixes: tuple[str, ...] = ()


class ChosenBy(StrEnum):
    """What leads a code to an uplink."""

    RULE = "rule"  # a row of route_rule
    SETTING = "setting"  # uplink.prefixes
    DEFAULT_RULE = "default_rule"  # a row of route_rule for every other code
    DEFAULT = "default"  # the uplink without prefixes


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkChoice:
    """An uplink that a code may go to, and why."""

    uplink_id: str
    by: ChosenBy
    prefix: str | None = None
    rule_id: str | None = None
    usable: bool = (
        True  # False: no uplink of this name stands in the settings any more, so that the rule is passed over
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where one receiver of a package is reached."""

    organ: str  # canonical code
    addressed_as: str  # the code in the package
    place: Place
    uplink_id: str | None = None
    name: str | None = None  # of the organisation, where registered
    succeeded: bool = False  # addressed_as is closed, and `organ` took over from it


class Router:
    """The rules of one node. Knows no database: the directory is handed in with each question."""

    def __init__(
        self, prefixes: Sequence[str], uplinks: Sequence[UplinkPrefixes], neighbours: Collection[str] = ()
    ) -> None:
        """prefixes: codes of the trees that this node holds whole: what is below and not registered does not exist.

        neighbours: systems that are axes of their own.
        """
        self._neighbours = frozenset(neighbours)
        self._prefixes = tuple(canonical_form(prefix) for prefix in prefixes)
        self._uplink_ids = frozenset(uplink.uplink_id for uplink in uplinks)
        self._settings = {canonical_form(prefix): uplink.uplink_id for uplink in uplinks for prefix in uplink.prefixes}
        self._default = next((uplink.uplink_id for uplink in uplinks if not uplink.prefixes), None)

    @property
    def settings(self) -> tuple[UplinkChoice, ...]:
        """What the settings say of uplinks, by prefix, the default one last."""
        chosen = [
            UplinkChoice(uplink_id=uplink_id, by=ChosenBy.SETTING, prefix=prefix)
            for prefix, uplink_id in sorted(self._settings.items())
        ]
        if self._default is not None:
            chosen.append(UplinkChoice(uplink_id=self._default, by=ChosenBy.DEFAULT))
        return tuple(chosen)

    def is_neighbour(self, system_id: str | None) -> bool:
        """Whether a connected system is an axis of its own."""
        return system_id in self._neighbours

    def is_ours(self, directory: Directory, code: str) -> bool:
        """Whether a code belongs to this node: it has a system here that is no axis, or lies within our tree."""
        canonical = directory.registry.canonical(code)
        system_id = directory.route(canonical)
        served = system_id is not None and not self.is_neighbour(system_id)
        return served or self.tree_of(canonical) is not None

    def tree_of(self, canonical: str) -> str | None:
        """The prefix of the tree of ours in which a code in canonical form lies."""
        return next((prefix for prefix in self._prefixes if is_within(canonical, prefix)), None)

    def route(self, directory: Directory, code: str) -> Destination:
        """Where a receiver of a local sender's package is reached.

        Raises UnknownOrgan(UNKNOWN_RECEIVER) when the code leads nowhere, Rejected(RECEIVER_CLOSED) when it names a
        closed organisation that nobody succeeds.
        """
        local = self.route_inward(directory, code)
        if local.place is Place.LOCAL or directory.route(local.organ) is not None:
            return replace(local, place=Place.LOCAL)
        uplink = next((choice for choice in self.choices(directory, local.organ) if choice.usable), None)
        if uplink is not None and not self.is_ours(directory, code):
            return Destination(
                organ=local.organ, addressed_as=code, place=Place.UPLINK, uplink_id=uplink.uplink_id, name=local.name
            )
        if local.name is not None:  # registered, and nobody serves it yet: it waits here, visibly
            return Destination(organ=local.organ, addressed_as=code, place=Place.LOCAL, name=local.name)
        raise UnknownOrgan(Code.UNKNOWN_RECEIVER, code)

    def route_inward(self, directory: Directory, code: str) -> Destination:
        """Where a receiver of a package from another axis is reached: here, or elsewhere (then only recorded)."""
        resolved = directory.registry.resolve(code)
        if resolved is None:
            return Destination(organ=canonical_form(code), addressed_as=code, place=Place.ELSEWHERE)
        organ = resolved.organ
        if organ.is_closed:
            raise Rejected(Code.RECEIVER_CLOSED, code)
        here = self.is_ours(directory, organ.organ_id)
        return Destination(
            organ=organ.organ_id,
            addressed_as=code,
            place=Place.LOCAL if here else Place.ELSEWHERE,
            name=organ.name,
            succeeded=resolved.succeeded,
        )

    def choices(self, directory: Directory, canonical: str) -> Iterator[UplinkChoice]:
        """Every uplink that a code in canonical form may go to, the one that decides first."""
        for prefix in _prefixes_of(canonical):
            yield from self._rule(directory, prefix, ChosenBy.RULE)
            if prefix in self._settings:
                yield UplinkChoice(uplink_id=self._settings[prefix], by=ChosenBy.SETTING, prefix=prefix)
        yield from self._rule(directory, EVERY_OTHER, ChosenBy.DEFAULT_RULE)
        if self._default is not None:
            yield UplinkChoice(uplink_id=self._default, by=ChosenBy.DEFAULT)

    def _rule(self, directory: Directory, prefix: str, by: ChosenBy) -> Iterator[UplinkChoice]:
        rule = directory.rule(prefix)
        if rule is not None:
            usable = rule.uplink_id in self._uplink_ids
            yield UplinkChoice(uplink_id=rule.uplink_id, by=by, prefix=prefix, rule_id=rule.rule_id, usable=usable)

    def check_rule(self, prefix: str, uplink_id: str) -> str:
        """The prefix of a new rule in canonical form.

        Raises NotFound(UNKNOWN_UPLINK), WrongState(RULE_INSIDE_TREE) for a prefix within our tree, which never goes
        up, Malformed(BAD_REQUEST) for what is no prefix.
        """
        if uplink_id not in self._uplink_ids:
            raise NotFound(Code.UNKNOWN_UPLINK, f"{uplink_id}; known: {', '.join(sorted(self._uplink_ids)) or 'none'}")
        form = canonical_form(prefix).rstrip(".")
        if form == EVERY_OTHER:
            return form
        if not form or len(form) > _PREFIX_CHARS or not form.isprintable() or set(form) & set("*, "):
            raise Malformed(Code.BAD_REQUEST, f"1 to {_PREFIX_CHARS} characters of a code, or *", at="prefix")
        if (tree := self.tree_of(form)) is not None:
            raise WrongState(Code.RULE_INSIDE_TREE, f"{form} lies within {tree}", at="prefix")
        return form


def _prefixes_of(canonical: str) -> list[str]:
    """The codes that a code lies within, itself included, in either form, the longest first."""
    parts = canonical.split(".")
    forms = {".".join(parts[:number]) for number in range(1, len(parts) + 1)}
    forms |= {".".join(parts[number:]) for number in range(1, len(parts))}
    return sorted(forms, key=lambda form: (-len(form), form))
