"""The tree of organisations in memory: codes, aliases, ancestors, successors.

Immutable; a change of the registry makes a new one.

A code finds an organisation by being its code or a registered other code of it. Failing that, a code of one form finds
the organisation whose code says the same in the other form (`axis.organ.codes`), unless that would be a guess: two
organisations fit, the code is or was registered as another code of somebody, or the organisation has a registered code
in that form already.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from axis.organ.codes import canonical_form, is_old_form, is_present_form, old_form_meant, to_present_form
from axis.organ.model import Alias, Organ

_LONGEST_SUCCESSION = 32  # a longer chain is a loop that slipped in


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Where a code leads. organ is closed only when nobody succeeds it."""

    organ: Organ
    succeeded: bool  # the code names a closed organisation, and `organ` took over from it


class Registry:
    """Looks organisations up by any of their codes."""

    def __init__(self, organs: Iterable[Organ], aliases: Mapping[str, str], past: Iterable[Alias] = ()) -> None:
        """aliases: other code → canonical code; both in the form in which they were registered.

        past: other codes that do not hold today. They lead nowhere, and nothing is inferred in their place.
        """
        self._organs = {organ.organ_id: organ for organ in organs}
        self._aliases: dict[str, list[str]] = {}
        for alias, organ_id in aliases.items():
            self._aliases.setdefault(organ_id, []).append(alias)
        self._by_form = {canonical_form(alias): organ_id for alias, organ_id in aliases.items()}
        self._by_form |= {canonical_form(organ_id): organ_id for organ_id in self._organs}
        self._children: dict[str | None, list[Organ]] = {}
        for organ in self._organs.values():
            self._children.setdefault(organ.parent_id, []).append(organ)
        other_codes = {organ_id: list(codes) for organ_id, codes in self._aliases.items()}
        for one in past:
            other_codes.setdefault(one.organ_id, []).append(one.alias)
        known = self._by_form.keys() | {canonical_form(one.alias) for one in past}
        self._implied = _implied(self._organs, known, other_codes)

    @classmethod
    def on(cls, day: str, organs: Iterable[Organ], aliases: Iterable[Alias]) -> "Registry":
        """The registry as it stands on a day."""
        every = tuple(aliases)
        return cls(
            organs,
            {one.alias: one.organ_id for one in every if one.holds(day)},
            [one for one in every if not one.holds(day)],
        )

    def __iter__(self) -> Iterator[Organ]:
        """All organisations, closed ones included."""
        return iter(self._organs.values())

    def __len__(self) -> int:
        return len(self._organs)

    def find(self, code: str) -> Organ | None:
        """The organisation that a code names, closed or not."""
        form = canonical_form(code)
        organ_id = self._by_form.get(form) or self._implied.get(form)
        return None if organ_id is None else self._organs.get(organ_id)

    def resolve(self, code: str) -> Resolved | None:
        """The organisation that takes documents for a code: itself, or the last of its successors."""
        found = self.find(code)
        if found is None:
            return None
        organ = found
        for _ in range(_LONGEST_SUCCESSION):
            if not organ.is_closed or organ.successor_id is None:
                break
            organ = self._organs[organ.successor_id]
        return Resolved(organ=organ, succeeded=organ is not found)

    def canonical(self, code: str) -> str:
        """The canonical code where registered (of the successor, where closed), else the code's canonical form."""
        resolved = self.resolve(code)
        return canonical_form(code) if resolved is None else resolved.organ.organ_id

    def aliases_of(self, organ_id: str) -> tuple[str, ...]:
        """The other codes of an organisation."""
        return tuple(self._aliases.get(organ_id, ()))

    def children_of(self, organ_id: str | None) -> tuple[Organ, ...]:
        """The organisations directly below one, closed ones included; None: those with nobody above."""
        return tuple(self._children.get(organ_id, ()))

    def lineage(self, organ_id: str) -> Iterator[str]:
        """An organisation's code and its ancestors', nearest first."""
        seen: set[str] = set()
        current: str | None = organ_id
        while current is not None and current not in seen:
            seen.add(current)
            yield current
            organ = self._organs.get(current)
            current = organ.parent_id if organ else None

    def is_relative(self, one: str, other: str) -> bool:
        """Whether one is the other, or its ancestor or descendant."""
        return one in self.lineage(other) or other in self.lineage(one)


def _implied(
    organs: Iterable[str], registered: Collection[str], aliases: Mapping[str, Iterable[str]]
) -> dict[str, str]:
    """Codes that nobody registered and that can mean only one organisation: its code, written in the other form."""
    found: dict[str, str] = {}
    ambiguous: set[str] = set()
    for organ_id in organs:
        present = to_present_form(organ_id)
        other = old_form_meant(organ_id) if present is None else present
        if other is None or canonical_form(other) in registered:
            continue
        has_that_form = is_old_form if present is None else is_present_form
        if any(map(has_that_form, aliases.get(organ_id, ()))):
            continue
        if other in found:
            ambiguous.add(other)
        found[other] = organ_id
    return {code: organ_id for code, organ_id in found.items() if code not in ambiguous}
