"""Organisations as the command line shows them."""

from collections.abc import Iterator
from typing import Any

from axis.clock import to_local
from axis.errors import Code, NotFound
from axis.organ.codes import sort_key, to_old_form, to_present_form
from axis.organ.model import Alias, FormerName, Organ, OrganKind
from axis.organ.registry import Registry
from axis.organ.sync import Difference
from axis.store.registry import RegistrySnapshot
from axis.store.routes import Route

_KINDS = {
    OrganKind.MINISTRY: "bộ, cơ quan ngang bộ",
    OrganKind.PROVINCE: "tỉnh, thành phố",
    OrganKind.DEPARTMENT: "sở, ban, ngành",
    OrganKind.DISTRICT: "quận, huyện",
    OrganKind.WARD: "phường",
    OrganKind.COMMUNE: "xã",
    OrganKind.TOWN: "thị trấn",
    OrganKind.SPECIAL_ZONE: "đặc khu",
    OrganKind.UNIT: "đơn vị trực thuộc",
    OrganKind.ENTERPRISE: "doanh nghiệp",
    OrganKind.OTHER: "khác",
}
_SHOWN = 12  # organisations that one succeeds
Branch = tuple[str, "list[Branch]"]


class OrganBook:
    """The registry of one day, to be looked things up in."""

    def __init__(self, snapshot: RegistrySnapshot, day: str) -> None:
        self.registry = Registry.on(day, snapshot.organs, snapshot.aliases)
        self._snapshot = snapshot
        self._day = day

    def sorted(self) -> list[Organ]:
        """All organisations by code."""
        return _by_code(self.registry)

    def need(self, code: str) -> Organ:
        """The organisation that a code means. Raises NotFound."""
        organ = self.registry.find(code)
        if organ is None:
            raise NotFound(Code.NOT_FOUND, code, at="code")
        return organ

    def system(self, organ_id: str) -> str | None:
        """The system that acts for it."""
        route = self._snapshot.routes.get(organ_id)
        return None if route is None else route.system_id

    def standing(self, organ: Organ) -> str:
        """Whether it takes documents, and who does where not."""
        if not organ.is_closed:
            return "active"
        return f"closed → {organ.successor_id}" if organ.successor_id else "closed"

    def listed(self, organ: Organ) -> dict[str, Any]:
        """One line of a list, for programs."""
        return {
            "code": organ.organ_id,
            "name": organ.name,
            "parent": organ.parent_id,
            "level": organ.level,
            "kind": organ.kind,
            "email": organ.email,
            "old_code": sorted(self.registry.aliases_of(organ.organ_id)),
            "status": organ.status,
            "successor": organ.successor_id,
            "system": self.system(organ.organ_id),
        }

    def whole(self, organ: Organ) -> dict[str, Any]:
        """All that is known of one, for programs."""
        return self.listed(organ) | {
            "old_code": [
                {"code": one.alias, "valid_from": one.valid_from, "valid_until": one.valid_until}
                for one in self._aliases(organ)
            ],
            "other_form": self._other_form(organ),
            "former_names": [
                {"name": one.name, "valid_from": one.valid_from, "valid_until": one.valid_until, "source": one.source}
                for one in self._former_names(organ)
            ],
            "above": list(self.registry.lineage(organ.organ_id))[1:],
            "below": [child.organ_id for child in self._children(organ, closed=True)],
            "successors": [one.organ_id for one in self._successors(organ)],
            "succeeds": [one.organ_id for one in self._succeeds(organ)],
            "registered_at": organ.created_at.isoformat(),
            "closed_at": organ.closed_at.isoformat() if organ.closed_at else None,
        }

    def fields(self, organ: Organ) -> dict[str, str]:
        """All that is known of one, for people."""
        route = self._snapshot.routes.get(organ.organ_id)
        below = self._children(organ, closed=True)
        rows = {
            "code": organ.organ_id,
            "other form": self._other_form(organ) or "",
            "other codes": _lines(f"{one.alias}{_period(one, self._day)}" for one in self._aliases(organ)),
            "name": organ.name,
            "former names": _lines(
                f"{one.name}{_dates(one.valid_from, one.valid_until)}" + (f", by {one.source}" if one.source else "")
                for one in self._former_names(organ)
            ),
            "kind": _KINDS[OrganKind(organ.kind)] if organ.kind else "",
            "level": str(organ.level or ""),
            "email": organ.email or "",
            "status": self._status(organ),
            "successors": " → ".join(f"{one.organ_id} {one.name}" for one in self._successors(organ)),
            "succeeds": _some([f"{one.organ_id} {one.name}" for one in self._succeeds(organ)]),
            "above": _lines(self._named(code) for code in list(self.registry.lineage(organ.organ_id))[1:]),
            "below": f"{sum(not one.is_closed for one in below)} active, {sum(one.is_closed for one in below)} closed",
            "system": "" if route is None else _reached(organ.organ_id, route),
            "registered": f"{to_local(organ.created_at):%Y-%m-%d %H:%M}",
        }
        return {name: value for name, value in rows.items() if value}

    def tops(self) -> list[Organ]:
        """Those with nobody above."""
        return _by_code(self.registry.children_of(None))

    def branch(self, organ: Organ, *, closed: bool, depth: int | None) -> Branch:
        """An organisation and those below it, as lines of a tree."""
        line = f"{organ.organ_id}  {organ.name}" + (f"  [{self.standing(organ)}]" if organ.is_closed else "")
        if depth == 0:
            return line, []
        below = None if depth is None else depth - 1
        return line, [self.branch(one, closed=closed, depth=below) for one in self._children(organ, closed=closed)]

    def _children(self, organ: Organ, *, closed: bool) -> list[Organ]:
        return [one for one in _by_code(self.registry.children_of(organ.organ_id)) if closed or not one.is_closed]

    def _aliases(self, organ: Organ) -> list[Alias]:
        return [one for one in self._snapshot.aliases if one.organ_id == organ.organ_id]

    def _former_names(self, organ: Organ) -> list[FormerName]:
        return [one for one in self._snapshot.names if one.organ_id == organ.organ_id]

    def _other_form(self, organ: Organ) -> str | None:
        """Its code in the other form, where that leads to it."""
        other = to_present_form(organ.organ_id) or to_old_form(organ.organ_id)
        return other if other and self.registry.find(other) is organ else None

    def _successors(self, organ: Organ) -> Iterator[Organ]:
        seen = {organ.organ_id}
        while organ.successor_id is not None and organ.successor_id not in seen:
            organ = self.need(organ.successor_id)
            seen.add(organ.organ_id)
            yield organ

    def _succeeds(self, organ: Organ) -> list[Organ]:
        return _by_code(one for one in self.registry if one.successor_id == organ.organ_id)

    def _named(self, code: str) -> str:
        return f"{code} {self.need(code).name}"

    def _status(self, organ: Organ) -> str:
        if not organ.is_closed or organ.closed_at is None:
            return organ.status
        return f"closed since {to_local(organ.closed_at):%Y-%m-%d}" + ("" if organ.successor_id else ", no successor")


def difference_rows(found: Difference) -> list[tuple[str, ...]]:
    """The difference to another axis's registry, for people."""
    return [(item.verdict, item.code, item.name, item.detail) for item in found.items]


def difference_value(found: Difference, *, applied: bool) -> dict[str, Any]:
    """The difference to another axis's registry, for programs."""
    items = [
        {
            "verdict": item.verdict,
            "code": item.code,
            "name": item.name,
            "detail": item.detail,
            "applied": applied and not item.verdict.is_for_a_person,
        }
        for item in found.items
    ]
    return {"items": items, "same": found.same, "own": found.own}


def tell(found: Difference, *, applied: bool) -> tuple[str, str]:
    """What came of following another axis's registry, in both languages."""
    person = sum(item.verdict.is_for_a_person for item in found.items)
    others = len(found.items) - person
    done_vi, done_en = ("Đã cập nhật", "taken over") if applied else ("Sẽ cập nhật", "to be taken over")
    rest_vi = f"cần người xem xét: {person}; giống nhau: {found.same}; cây của ta, không đụng đến: {found.own}"
    rest_en = f"{person} for a person to look at, {found.same} the same, {found.own} of our own tree left alone"
    return f"{done_vi}: {others}; {rest_vi}.", f"{others} {done_en}, {rest_en}."


def _by_code(organs: "Iterator[Organ] | Registry | tuple[Organ, ...]") -> list[Organ]:
    return sorted(organs, key=lambda organ: (sort_key(organ.organ_id), organ.organ_id))


def _some(lines: list[str]) -> str:
    more = len(lines) - _SHOWN
    return "\n".join(lines[:_SHOWN] + ([f"and {more} more: --json shows all"] if more > 0 else []))


def _reached(organ_id: str, route: Route) -> str:
    return route.system_id + ("" if route.via_organ == organ_id else f", which serves {route.via_organ} above it")


def _lines(texts: "Iterator[str]") -> str:
    return "\n".join(texts)


def _period(alias: Alias, day: str) -> str:
    return _dates(alias.valid_from, alias.valid_until) + ("" if alias.holds(day) else ", not today")


def _dates(begins: str, ends: str) -> str:
    words = ([f"from {begins}"] if begins else []) + ([f"until {ends}"] if ends else [])
    return f" ({' '.join(words)})" if words else ""
