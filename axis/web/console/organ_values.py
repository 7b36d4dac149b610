"""Organisations as values ready to be shown: a level of the tree, what a search or a filter found, one with its facts.

Everything comes from the directory in memory; a page holds some dozens, however many there are.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

from axis.clock import to_local
from axis.delivery.directory import Directory
from axis.organ.codes import sort_key
from axis.organ.model import Organ, OrganKind
from axis.store.admin_view import LastTraffic
from axis.text import plain
from axis.web.console.language import N_, _, grouped
from axis.web.console.moments import Moment, day, moment
from axis.web.console.organ_tree import FoldedNames
from axis.web.console.words import Look

HOME: Final = "/admin/organs"
KINDS: Final[Mapping[OrganKind, str]] = {
    OrganKind.MINISTRY: N_("Bộ, cơ quan ngang bộ"),
    OrganKind.PROVINCE: N_("Tỉnh, thành phố"),
    OrganKind.DEPARTMENT: N_("Sở, ban, ngành"),
    OrganKind.DISTRICT: N_("Quận, huyện"),
    OrganKind.WARD: N_("Phường"),
    OrganKind.COMMUNE: N_("Xã"),
    OrganKind.TOWN: N_("Thị trấn"),
    OrganKind.SPECIAL_ZONE: N_("Đặc khu"),
    OrganKind.UNIT: N_("Đơn vị trực thuộc"),
    OrganKind.ENTERPRISE: N_("Doanh nghiệp"),
    OrganKind.OTHER: N_("Loại khác"),
}
_BELOW_SHOWN, _SUCCEEDED_SHOWN = 12, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an address of the list asks for."""

    under: str = ""  # the organisation whose level is shown; "": the top
    text: str = ""
    system: str = ""  # only those that this system serves
    closed: bool = False  # closed ones, too
    after: str = ""  # the code behind which the page begins

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "Asked":
        """From an address."""
        return cls(
            under=plain(query.get("under", ""))[:128],
            text=plain(query.get("q", ""))[:100].strip(),
            system=plain(query.get("system", ""))[:64],
            closed=query.get("closed", "") == "1",
            after=plain(query.get("after", ""))[:128],
        )

    def href(self, **more: str) -> str:
        """The list's address."""
        given = {
            "under": self.under,
            "q": self.text,
            "system": self.system,
            "closed": "1" if self.closed else "",
        } | more
        query = urlencode({name: value for name, value in given.items() if value})
        return f"{HOME}?{query}" if query else HOME


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganLink:
    """An organisation that is named."""

    code: str
    name: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """By which system an organisation is reached."""

    system_id: str  # "": by none
    name: str
    href: str
    via: OrganLink | None  # the one above it whose system that is; None: its own


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganRow:
    """One organisation of a list."""

    link: OrganLink
    kind: str
    level: str
    look: Look
    valid: str  # since when, until when
    successor: OrganLink | None
    served: Served
    below: str  # how many stand directly below it; "": nobody
    below_href: str
    above: OrganLink | None  # where the list is no level


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganList:
    """A page of the list."""

    asked: Asked
    here: OrganLink | None
    path: tuple[tuple[str, str], ...]  # name and address, from the top to here
    rows: tuple[OrganRow, ...]
    total: str
    first_href: str | None
    next_href: str | None
    system_off_href: str
    may_change: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherCode:
    """Another code, or another name, with its days."""

    text: str
    period: str
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganPage:
    """One organisation."""

    row: OrganRow
    path: tuple[OrganLink, ...]
    email: str
    codes: tuple[OtherCode, ...]
    names: tuple[OtherCode, ...]
    succeeds: tuple[OrganLink, ...]
    succeeds_more: int
    beside: tuple[OrganLink, ...]  # systems that serve it beside the first
    below: tuple[OrganRow, ...]
    below_more: int
    registered: Moment
    sent: Moment | None
    received: Moment | None
    may_change: bool
    done: str


def link(organ: Organ) -> OrganLink:
    """The organisation's page."""
    return OrganLink(code=organ.organ_id, name=organ.name, href=f"{HOME}/{quote(organ.organ_id, safe='')}")


def organ_list(directory: Directory, names: FoldedNames, asked: Asked, rows: int, *, may_change: bool) -> OrganList:
    """The page that an address asks for."""
    registry = directory.registry
    here = registry.find(asked.under) if asked.under else None
    level = not asked.text and not asked.system
    found = list(_found(directory, names, asked, here))
    start = next((number for number, one in enumerate(found, 1) if one.organ_id == asked.after), 0)
    shown = found[start : start + rows]
    lineage = reversed(list(registry.lineage(here.organ_id))) if here and level else ()
    more = len(found) > start + rows
    return OrganList(
        asked=asked,
        here=link(here) if here and level else None,
        path=tuple(
            (one.name, f"{HOME}?{urlencode({'under': code})}") for code in lineage if (one := registry.find(code))
        ),
        rows=tuple(_row(directory, one, named=not level) for one in shown),
        total=grouped(len(found)),
        first_href=asked.href() if start else None,
        next_href=asked.href(after=shown[-1].organ_id) if more else None,
        system_off_href=asked.href(system=""),
        may_change=may_change,
    )


def organ_page(
    directory: Directory, organ: Organ, traffic: LastTraffic, now: datetime, *, may_change: bool
) -> OrganPage:
    """One organisation's page; `done` is for the caller to say."""
    registry, code = directory.registry, organ.organ_id
    lineage = reversed([one for one in registry.lineage(code) if one != code])
    below = _sorted(registry.children_of(code), closed=True)
    succeeds = _sorted((one for one in registry if one.successor_id == code), closed=True)
    return OrganPage(
        row=_row(directory, organ, named=True),
        path=tuple(link(one) for above in lineage if (one := registry.find(above))),
        email=organ.email or "",
        codes=tuple(OtherCode(text=one, period="", holds=True) for one in sorted(directory.aliases_of(code))),
        names=tuple(
            OtherCode(text=one.name, period=_period(one.valid_from, one.valid_until), holds=False)
            for one in reversed(directory.former_names(code))
        ),
        succeeds=tuple(link(one) for one in succeeds[:_SUCCEEDED_SHOWN]),
        succeeds_more=max(0, len(succeeds) - _SUCCEEDED_SHOWN),
        beside=tuple(_system_link(directory, one.system_id) for one in directory.services(code)[1:]),
        below=tuple(_row(directory, one) for one in below[:_BELOW_SHOWN]),
        below_more=max(0, len(below) - _BELOW_SHOWN),
        registered=moment(organ.created_at, now),
        sent=moment(traffic.sent, now) if traffic.sent else None,
        received=moment(traffic.received, now) if traffic.received else None,
        may_change=may_change,
        done="",
    )


def kind_word(kind: OrganKind | None) -> str:
    """What sort of body it is, in the page's language."""
    return _(KINDS[OrganKind(kind)]) if kind else ""


def level_word(level: int | None) -> str:
    """On which level it stands, in the page's language."""
    return _("cấp {level}", level=level) if level else ""


def _found(directory: Directory, names: FoldedNames, asked: Asked, here: Organ | None) -> Iterator[Organ]:
    registry = directory.registry
    if asked.text:
        found: Iterable[Organ] = names.search(asked.text)
    elif asked.system:
        found = _sorted(registry, closed=True)
    else:
        found = _sorted(registry.children_of(here.organ_id if here else None), closed=True)
    for one in found:
        if (asked.closed or not one.is_closed) and (not asked.system or directory.route(one.organ_id) == asked.system):
            yield one


def _row(directory: Directory, organ: Organ, *, named: bool = False) -> OrganRow:
    registry, code = directory.registry, organ.organ_id
    successor = registry.find(organ.successor_id) if organ.successor_id else None
    above = registry.find(organ.parent_id) if named and organ.parent_id else None
    below = len(registry.children_of(code))
    if organ.is_closed:
        look = Look(word=_("Đã giải thể"), tone="grey", icon="cross")
    else:
        look = Look(word=_("Đang hoạt động"), tone="green", icon="check")
    return OrganRow(
        link=link(organ),
        kind=kind_word(organ.kind),
        level=level_word(organ.level),
        look=look,
        valid=_valid(organ),
        successor=link(successor) if successor else None,
        served=_served(directory, code),
        below=grouped(below) if below else "",
        below_href=f"{HOME}?{urlencode({'under': code})}",
        above=link(above) if above else None,
    )


def _served(directory: Directory, code: str) -> Served:
    system_id, via = directory.route(code) or "", directory.via(code)
    above = directory.registry.find(via) if via and via != code else None
    system = _system_link(directory, system_id) if system_id else OrganLink(code="", name="", href="")
    return Served(system_id=system.code, name=system.name, href=system.href, via=link(above) if above else None)


def _system_link(directory: Directory, system_id: str) -> OrganLink:
    system = directory.system(system_id)
    name = system.name if system and system.name != system_id else ""
    return OrganLink(code=system_id, name=name, href=f"{HOME}?{urlencode({'system': system_id})}")


def _valid(organ: Organ) -> str:
    begins = f"{to_local(organ.created_at):%d/%m/%Y}"
    if organ.closed_at is None:
        return _("từ {begins}", begins=begins)
    ends = f"{to_local(organ.closed_at):%d/%m/%Y}"
    return _("đến {ends}", ends=ends)


def _period(begins: str, ends: str) -> str:
    return _("{begins} – {ends}", begins=day(begins) or "…", ends=day(ends) or "…")


def _sorted(organs: Iterable[Organ], *, closed: bool) -> list[Organ]:
    return sorted(
        (one for one in organs if closed or not one.is_closed), key=lambda one: (sort_key(one.organ_id), one.organ_id)
    )
