"""The organisations as people pick receivers: level by level, by search with or without accents, by groups.

Nothing is read but the directory that is in memory; a level or a search shows a few rows, however large the tree is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from axis.delivery.directory import CurrentDirectory
from axis.organ.model import Organ, OrganKind
from axis.text import folded
from axis.web.console.language import N_, _

SHOWN = 60  # organisations of one level or search
_GROUP_LEAST = 2  # members that make a group worth a button

_KINDS: Final[Mapping[OrganKind, str]] = {
    OrganKind.DEPARTMENT: N_("Tất cả sở, ban, ngành"),
    OrganKind.DISTRICT: N_("Tất cả quận, huyện"),
    OrganKind.WARD: N_("Tất cả phường"),
    OrganKind.COMMUNE: N_("Tất cả xã"),
    OrganKind.TOWN: N_("Tất cả thị trấn"),
    OrganKind.SPECIAL_ZONE: N_("Tất cả đặc khu"),
    OrganKind.ENTERPRISE: N_("Tất cả doanh nghiệp"),
}
_BELOW: Final = N_("Tất cả đơn vị ngay dưới {name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """An organisation that can be picked."""

    code: str
    name: str
    below: int  # organisations directly under it
    above: str = ""  # the name of the one above it, in a search


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Several that are picked at once."""

    key: str
    word: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level of the tree, or what a search found."""

    path: tuple[Pick, ...]  # from the top to here
    picks: tuple[Pick, ...]
    more: int  # that are not shown
    groups: tuple[Group, ...]


class FoldedNames:
    """Codes and names without accents and capitals, to be searched; worked out once for each registry."""

    def __init__(self, directory: CurrentDirectory) -> None:
        self._directory = directory
        self._folded: tuple[int, tuple[tuple[str, Organ], ...]] = (-1, ())

    def search(self, text: str) -> list[Organ]:
        """Those whose name or code has all words of a text, closed ones included; the one of an exact code first."""
        registry, words = self._directory.current.registry, folded(text).split()
        exact = registry.find(text.strip())
        found = [one for name, one in self._names() if all(word in name for word in words)] if words else []
        if exact is None:
            return found
        return [exact, *(one for one in found if one.organ_id != exact.organ_id)]

    def _names(self) -> tuple[tuple[str, Organ], ...]:
        current = self._directory.current
        if self._folded[0] != current.version:
            names = sorted(
                ((folded(f"{one.organ_id} {one.name}"), one) for one in current.registry), key=lambda p: p[0]
            )
            self._folded = (current.version, tuple(names))
        return self._folded[1]


class OrganTree:
    """Looks organisations up for one application."""

    def __init__(self, directory: CurrentDirectory) -> None:
        self._directory = directory
        self._names = FoldedNames(directory)

    def level(self, code: str) -> Level:
        """What stands directly under an organisation; "": at the top."""
        registry = self._directory.current.registry
        here = registry.find(code) if code else None
        children = self._children(here.organ_id if here else None)
        lineage = reversed(list(registry.lineage(here.organ_id))) if here else ()
        path = tuple(self._pick(one) for name in lineage if (one := registry.find(name)))
        groups = tuple(self._groups(here, children))
        return Level(
            path=path,
            picks=tuple(self._pick(one) for one in children[:SHOWN]),
            more=max(0, len(children) - SHOWN),
            groups=groups,
        )

    def search(self, text: str) -> Level:
        """Those whose name or code has all words of a text, accents and capitals or not; an exact code first."""
        found = [one for one in self._names.search(text) if not one.is_closed]
        picks = tuple(self._pick(one, named=True) for one in found[:SHOWN])
        return Level(path=(), picks=picks, more=max(0, len(found) - SHOWN), groups=())

    def members(self, key: str) -> tuple[str, ...]:
        """The codes of a group; none for what is no group."""
        what, _colon, which = key.partition(":")
        if what == "below":
            return tuple(one.organ_id for one in self._children(which))
        return tuple(one.organ_id for one in self._active() if one.kind is not None and one.kind.value == which)

    def _groups(self, here: Organ | None, children: list[Organ]) -> Iterator[Group]:
        if here is not None:
            if len(children) >= _GROUP_LEAST:
                yield Group(key=f"below:{here.organ_id}", word=_(_BELOW, name=here.name), count=len(children))
            return
        counts: dict[OrganKind, int] = {}
        for one in self._active():
            if one.kind is not None:
                counts[one.kind] = counts.get(one.kind, 0) + 1
        for kind, word in _KINDS.items():
            if counts.get(kind, 0) >= _GROUP_LEAST:
                yield Group(key=f"kind:{kind.value}", word=_(word), count=counts[kind])

    def _pick(self, organ: Organ, *, named: bool = False) -> Pick:
        registry = self._directory.current.registry
        above = registry.find(organ.parent_id) if named and organ.parent_id else None
        below = len(self._children(organ.organ_id))
        return Pick(code=organ.organ_id, name=organ.name, below=below, above=above.name if above else "")

    def _children(self, organ_id: str | None) -> list[Organ]:
        children = self._directory.current.registry.children_of(organ_id)
        return sorted((one for one in children if not one.is_closed), key=lambda one: one.organ_id)

    def _active(self) -> Iterator[Organ]:
        return (one for one in self._directory.current.registry if not one.is_closed)
