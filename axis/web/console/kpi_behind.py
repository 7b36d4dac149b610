"""What stands behind a figure, ready to be shown: the documents or deliveries that it counts, and its parts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from axis.calendar.working import Calendar
from axis.errors import Code, Malformed
from axis.kpi.figures import Counts
from axis.organ.model import Organ
from axis.store.boxes import BoxPage, Key
from axis.terms import Side
from axis.web.console.boxing import BoxRow, Chip, box_row, place_of
from axis.web.console.language import N_, _, grouped, n_
from axis.web.console.listing import Empty

BEHIND: Final = "/kpi/documents"
_SHOWN: Final = 10  # organisations
_MOST_LEVEL: Final = 9

WORDS: Final[Mapping[Side, Mapping[str, str]]] = MappingProxyType(
    {
        Side.SENT: {
            "documents": N_("Văn bản gửi"),
            "sent": N_("Văn bản gửi đã biết đúng hay trễ hạn"),
            "sent_on_time": N_("Văn bản gửi đúng hạn"),
            "sent_late": N_("Văn bản gửi trễ hạn"),
            "signed_valid": N_("Văn bản gửi có chữ ký hợp lệ"),
            "signed_invalid": N_("Văn bản gửi có chữ ký không hợp lệ"),
            "unsigned": N_("Văn bản gửi không ký số"),
        },
        Side.RECEIVED: {
            "deliveries": N_("Lượt nhận"),
            "answered": N_("Lượt nhận có trạng thái bất kỳ"),
            "said_01": N_("Lượt nhận: Đã đến (01)"),
            "said_03": N_("Lượt nhận: Đã tiếp nhận (03)"),
            "said_04": N_("Lượt nhận: Đã phân công (04)"),
            "said_05": N_("Lượt nhận: Đang xử lý (05)"),
            "said_06": N_("Lượt nhận: Hoàn thành (06)"),
            "said_02": N_("Lượt nhận: Từ chối tiếp nhận (02)"),
            "refused": N_("Lượt nhận đang bị từ chối"),
            "online": N_("Lượt nhận được xử lý trên mạng"),
            "receipt": N_("Lượt báo đã nhận đã biết đúng hay trễ hạn"),
            "receipt_on_time": N_("Lượt báo đã nhận đúng hạn"),
            "receipt_late": N_("Lượt báo đã nhận trễ hạn"),
            "acceptance": N_("Lượt tiếp nhận đã biết đúng hay trễ hạn"),
            "acceptance_on_time": N_("Lượt tiếp nhận đúng hạn"),
            "acceptance_late": N_("Lượt tiếp nhận trễ hạn"),
            "completion": N_("Lượt hoàn thành đã biết đúng hay trễ hạn"),
            "completion_on_time": N_("Lượt hoàn thành đúng hạn"),
            "completion_late": N_("Lượt hoàn thành trễ hạn"),
            "withdrawn": N_("Lượt nhận đã bị thu hồi, thay thế"),
            "inside": N_("Lượt nhận từ trong thành phố"),
            "outside": N_("Lượt nhận từ ngoài"),
            "signed_valid": N_("Lượt nhận có chữ ký hợp lệ"),
            "signed_invalid": N_("Lượt nhận có chữ ký không hợp lệ"),
            "unsigned": N_("Lượt nhận không ký số"),
        },
    }
)
"""What each figure that can be listed is called."""

_CHOICES: Final[Mapping[Side, tuple[str, ...]]] = MappingProxyType(
    {
        Side.SENT: ("documents", "sent_on_time", "sent_late"),
        Side.RECEIVED: (
            "deliveries",
            *(f"said_{code}" for code in ("01", "03", "04", "05", "06", "02")),
            *("online", "acceptance_on_time", "acceptance_late", "completion_on_time", "completion_late"),
        ),
    }
)
"""What a list can be changed to in place, in the order of the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What the address of a list says."""

    side: Side
    name: str
    first: date
    last: date
    organ: str = ""
    level: int | None = None

    def href(self, **place: str) -> str:
        """The list at this address."""
        query = {"side": self.side.value, "count": self.name, "from": self.first.isoformat()}
        query |= {"to": self.last.isoformat(), "organ": self.organ}
        query["level"] = "" if self.level is None else str(self.level)
        return f"{BEHIND}?{urlencode({name: value for name, value in (query | place).items() if value})}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Another figure of the same, or the same of one organisation."""

    word: str
    note: str
    number: str
    href: str
    chosen: bool = False
    share: float = 0.0  # of the largest, in percent


@dataclass(frozen=True, slots=True, kw_only=True)
class BehindPage:
    """The page."""

    title: str
    period: str
    said: str  # how much was counted
    unsettled: bool
    side: str
    name: str
    first: str
    last: str
    organ: str
    level: str
    kpi_href: str
    choices: tuple[Part, ...]
    chips: tuple[Chip, ...]
    organs: tuple[Part, ...]
    rows: tuple[BoxRow, ...]
    empty: Empty | None
    first_href: str | None
    before_href: str | None
    after_href: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BehindScene:
    """What the page is made from."""

    behind: Behind
    found: BoxPage
    place: Key | None
    counts: Mapping[tuple[str, Side], Counts]  # of the period
    organs: tuple[Organ, ...]
    unsettled: bool
    now: datetime
    calendar: Calendar


def read_behind(query: Mapping[str, str]) -> Behind:
    """What an address says. Raises Malformed(BAD_REQUEST)."""
    side = next((one for one in Side if one == query.get("side")), None)
    if side is None:
        raise Malformed(Code.BAD_REQUEST, "sent or received", at="side")
    name = query.get("count", "")
    if name not in WORDS[side]:
        raise Malformed(Code.BAD_REQUEST, f"one of {', '.join(WORDS[side])}", at="count")
    level = query.get("level", "")
    if level and not (len(level) == 1 and level.isascii() and level.isdigit() and int(level) <= _MOST_LEVEL):
        raise Malformed(Code.BAD_REQUEST, "0 to 9", at="level")
    first, last = (read_day(query.get(at, ""), at) for at in ("from", "to"))
    if not first <= last:
        raise Malformed(Code.BAD_REQUEST, "it ends before it begins", at="to")
    organ = query.get("organ", "").strip()
    return Behind(side=side, name=name, first=first, last=last, organ=organ, level=int(level) if level else None)


def read_day(text: str, at: str) -> date:
    """A day of an address. Raises Malformed(BAD_REQUEST, at)."""
    try:
        found = date.fromisoformat(text)
    except ValueError as e:
        raise Malformed(Code.BAD_REQUEST, "a day, as in 2026-11-24", at=at) from e
    if not 2000 <= found.year <= 2100:  # noqa: PLR2004 - the node's lifetime, so that no sum leaves the calendar
        raise Malformed(Code.BAD_REQUEST, "a day of this century", at=at)
    return found


def counted(counts: Counts, name: str) -> int:
    """A figure by its name; what is known of a deadline is what was on time and what was late."""
    plain: int | None = getattr(counts, name, None)
    if plain is not None:
        return plain
    on_time, late = (getattr(counts, f"{name}_{word}") for word in ("on_time", "late"))
    return int(on_time + late)


def behind_page(scene: BehindScene) -> BehindPage:
    """The page."""
    behind, found = scene.behind, scene.found
    of_organs = _of_organs(scene)
    together = sum(of_organs.values(), Counts())
    number = counted(together, behind.name)
    said = n_("{n} văn bản", number) if behind.side is Side.SENT else n_("{n} lượt nhận", number)
    return BehindPage(
        title=_(WORDS[behind.side][behind.name]),
        period=f"{behind.first:%d/%m/%Y} – {behind.last:%d/%m/%Y}",
        said=said,
        unsettled=scene.unsettled,
        side=behind.side.value,
        name=behind.name,
        first=behind.first.isoformat(),
        last=behind.last.isoformat(),
        organ=behind.organ,
        level="" if behind.level is None else str(behind.level),
        kpi_href=f"/kpi?{urlencode({'from': behind.first.isoformat(), 'to': behind.last.isoformat()})}",
        choices=tuple(
            Part(
                word=_(WORDS[behind.side][name]),
                note="",
                number=grouped(counted(together, name)),
                href=replace(behind, name=name).href(),
                chosen=name == behind.name,
            )
            for name in _CHOICES[behind.side]
        ),
        chips=tuple(_chips(scene)),
        organs=() if behind.organ else _parts(scene, of_organs),
        rows=tuple(box_row(line, scene.now, scene.calendar, several=True) for line in found.lines),
        empty=None if found.lines else _empty(scene),
        first_href=behind.href() if scene.place else None,
        before_href=behind.href(newer=place_of(found.lines[0])) if found.lines and found.has_before else None,
        after_href=behind.href(older=place_of(found.lines[-1])) if found.lines and found.has_after else None,
    )


def _of_organs(scene: BehindScene) -> dict[str, Counts]:
    """The figures of the organisations that the list is about."""
    behind = scene.behind
    level_of = {organ.organ_id: organ.level or 0 for organ in scene.organs}
    return {
        organ_id: counts
        for (organ_id, side), counts in scene.counts.items()
        if side is behind.side
        and (not behind.organ or organ_id == behind.organ)
        and (behind.level is None or level_of.get(organ_id) == behind.level)
    }


def _parts(scene: BehindScene, of_organs: Mapping[str, Counts]) -> tuple[Part, ...]:
    """The organisations that count most."""
    names = {organ.organ_id: organ.name for organ in scene.organs}
    numbers = {organ_id: counted(counts, scene.behind.name) for organ_id, counts in of_organs.items()}
    found = sorted((-number, organ_id) for organ_id, number in numbers.items() if number)[:_SHOWN]
    return tuple(
        Part(
            word=organ_id,
            note=names.get(organ_id, ""),
            number=grouped(-number),
            href=replace(scene.behind, organ=organ_id).href(),
            share=round(100 * number / found[0][0], 1),
        )
        for number, organ_id in found
    )


def _chips(scene: BehindScene) -> list[Chip]:
    behind, found = scene.behind, []
    if behind.level is not None:
        said = _("Cấp {level}", level=behind.level) if behind.level else _("Không rõ cấp")
        found.append(Chip(kind=_("Cấp của cơ quan"), said=said, href=replace(behind, level=None).href()))
    if behind.organ:
        name = next((organ.name for organ in scene.organs if organ.organ_id == behind.organ), "")
        said = f"{behind.organ} {name}".strip()
        found.append(Chip(kind=_("Cơ quan"), said=said, href=replace(behind, organ="").href()))
    return found


def _empty(scene: BehindScene) -> Empty:
    if scene.place is not None:
        return Empty(title=_("Đã hết danh sách"), text="", href=scene.behind.href(), action=_("Về trang đầu"))
    return Empty(
        title=_("Không có gì được đếm ở đây"),
        text=_("Trong kỳ này không có văn bản nào như vậy."),
        href=f"/kpi?{urlencode({'from': scene.behind.first.isoformat(), 'to': scene.behind.last.isoformat()})}",
        action=_("Về trang chỉ số"),
    )
