"""The inbox and the outbox, as values ready to be shown."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from axis.calendar.working import Calendar
from axis.errors import Code, Malformed
from axis.store.boxes import MOST, Box, BoxLine, BoxPage, BoxQuery, Key, Order, Situation
from axis.store.records import SavedSearch
from axis.store.schema import from_micros, to_micros
from axis.terms import DeliveryState, StatusCode
from axis.web.console import words
from axis.web.console.asked import Asked
from axis.web.console.countdown import countdown
from axis.web.console.language import N_, _, grouped
from axis.web.console.listing import Empty, Row, row_of
from axis.web.console.moments import moment
from axis.web.console.progress import steps
from axis.web.console.words import Look

_KEY = re.compile(r"(?:([0-9]{1,16})-)?([0-9A-Z]{26})")

TITLES: Final = MappingProxyType({Box.INBOX: N_("Văn bản đến"), Box.OUTBOX: N_("Văn bản đi")})

SITUATIONS: Final = MappingProxyType(
    {
        Situation.TODO: Look(word=N_("Cần tiếp nhận"), tone="blue", icon="inbox"),
        Situation.WAITING: Look(word=N_("Chưa có trạng thái"), tone="grey", icon="clock"),
        Situation.OVERDUE: Look(word=N_("Quá hạn"), tone="red", icon="alert"),
        Situation.RECALL: Look(word=N_("Bên gửi lấy lại"), tone="orange", icon="back"),
    }
)

_AFTER_ARRIVAL = (
    StatusCode.ACCEPTED,
    StatusCode.ASSIGNED,
    StatusCode.IN_PROGRESS,
    StatusCode.COMPLETED,
    StatusCode.REFUSED,
)
CHOICES: Final = MappingProxyType(
    {
        Box.INBOX: (Situation.TODO, Situation.OVERDUE, Situation.RECALL, *_AFTER_ARRIVAL),
        Box.OUTBOX: (
            Situation.WAITING,
            Situation.OVERDUE,
            StatusCode.ARRIVED,
            *_AFTER_ARRIVAL,
            StatusCode.RECALL_REQUESTED,
        ),
    }
)
"""What a box can be narrowed to, in the order of the page."""

ORDERS: Final = MappingProxyType(
    {
        Box.INBOX: {
            Order.NEWEST: N_("Mới nhất trước"),
            Order.OLDEST: N_("Cũ nhất trước"),
            Order.DUE: N_("Hạn gần nhất trước"),
        },
        Box.OUTBOX: {Order.NEWEST: N_("Mới nhất trước"), Order.OLDEST: N_("Cũ nhất trước")},
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What the address of a list says."""

    box: Box
    text: str = ""
    narrowed: str = ""
    order: Order = Order.NEWEST

    def href(self, path: str = "", **place: str) -> str:
        """The list at this address; path: something below it."""
        query = {"q": self.text, "status": self.narrowed, "sort": "" if self.order is Order.NEWEST else self.order}
        given = {name: value for name, value in (query | place).items() if value}
        return f"/{self.box}{path}?{urlencode(given)}" if given else f"/{self.box}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A count that leads to what is counted."""

    look: Look
    number: str
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """Something that the list is narrowed to, and the list without it."""

    kind: str
    said: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorting:
    """One order."""

    word: str
    value: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A search that the visitor keeps."""

    name: str
    href: str
    saved_id: str
    here: bool  # it is the one that is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxRow:
    """A row: as in every list, and what is particular to a delivery."""

    row: Row
    deadline: Look | None
    closed: Look | None  # what the sender has done with it
    to: str  # whom of ours it came to, where that is more than one
    delivered: bool  # the row is of a delivery to one of ours, not of a document of theirs
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOfBox:
    """The page of an inbox or an outbox."""

    title: str
    path: str
    text: str
    narrowed: str
    order: str
    choices: tuple[Choice, ...]
    all_href: str | None  # None: nothing narrows the list
    chips: tuple[Chip, ...]
    orders: tuple[Sorting, ...]
    saved: tuple[Saved, ...]
    here: str  # the address of the list without a place, for keeping
    can_save: bool
    csv_href: str
    xlsx_href: str
    rows: tuple[BoxRow, ...]
    empty: Empty | None
    before_href: str | None
    after_href: str | None
    first_href: str | None


def read_address(box: Box, query: "dict[str, str]", text: str) -> Address:
    """What an address says; a status or an order that nobody knows is left out."""
    narrowed, sort = query.get("status", ""), query.get("sort", "")
    return Address(
        box=box,
        text=text,
        narrowed=narrowed if narrowed in {*map(str, CHOICES[box]), StatusCode.ARRIVED, Situation.WAITING} else "",
        order=next((order for order in ORDERS[box] if order == sort), Order.NEWEST),
    )


def read_place(text: str | None, at: str) -> Key | None:
    """The place in the list that an address names. Raises Malformed(BAD_REQUEST)."""
    if not text:
        return None
    found = _KEY.fullmatch(text)
    if found is None:
        raise Malformed(Code.BAD_REQUEST, "not a place in the list", at=at)
    return Key(at=from_micros(int(found[1])) if found[1] else None, id=found[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a page of a box is made from."""

    address: Address
    query: BoxQuery
    asked: Asked
    found: BoxPage
    counts: dict[str, int]
    saved: tuple[SavedSearch, ...]
    calendar: Calendar


def box_list(scene: Scene) -> ListOfBox:
    """The page."""
    address, found, now = scene.address, scene.found, scene.query.now
    on_first = scene.query.place is None
    here = address.href()
    several = len({line.delivery.receiver_organ for line in found.lines if line.delivery}) > 1
    return ListOfBox(
        title=_(TITLES[address.box]),
        path=f"/{address.box}",
        text=address.text,
        narrowed=address.narrowed,
        order=address.order,
        choices=tuple(_choice(address, name, scene.counts.get(name, 0)) for name in CHOICES[address.box]),
        all_href=replace(address, narrowed="").href() if address.narrowed else None,
        chips=_chips(address, scene.asked),
        orders=tuple(
            Sorting(word=_(word), value=order, chosen=order is address.order)
            for order, word in ORDERS[address.box].items()
        ),
        saved=tuple(
            Saved(name=one.name, href=one.path, saved_id=one.saved_id, here=one.path == here) for one in scene.saved
        ),
        here=here,
        can_save=here != f"/{address.box}" and all(one.path != here for one in scene.saved),
        csv_href=address.href("/export.csv"),
        xlsx_href=address.href("/export.xlsx"),
        rows=tuple(box_row(line, now, scene.calendar, several=several) for line in found.lines),
        empty=None if found.lines else _empty(scene, on_first=on_first),
        before_href=address.href(newer=place_of(found.lines[0])) if found.lines and found.has_before else None,
        after_href=address.href(older=place_of(found.lines[-1])) if found.lines and found.has_after else None,
        first_href=None if on_first else here,
    )


def look_of(name: str) -> Look:
    """What a choice is called."""
    return words.said(SITUATIONS[Situation(name)]) if name in set(Situation) else words.status(name)


def bounded(number: int) -> str:
    """A count that stopped somewhere."""
    return f"{grouped(MOST)}+" if number > MOST else grouped(number)


def place_of(line: BoxLine) -> str:
    """The place of a row, for an address."""
    key = line.place
    return key.id if key.at is None else f"{to_micros(key.at)}-{key.id}"


def _choice(address: Address, name: str, number: int) -> Choice:
    return Choice(
        look=look_of(name),
        number=bounded(number),
        href=replace(address, narrowed=name).href(),
        chosen=address.narrowed == name,
    )


def _chips(address: Address, asked: Asked) -> tuple[Chip, ...]:
    chips = [
        Chip(kind=part.kind, said=part.said, href=replace(address, text=part.without).href()) for part in asked.parts
    ]
    if address.narrowed:
        without = replace(address, narrowed="").href()
        chips.append(Chip(kind=_("Trạng thái"), said=look_of(address.narrowed).word, href=without))
    return tuple(chips)


def box_row(line: BoxLine, now: datetime, calendar: Calendar, *, several: bool = False) -> BoxRow:
    """A row of a box."""
    row, delivery = row_of(line.line, now), line.delivery
    if delivery is None:
        deadline = countdown(line.owed_at, now, calendar)
        return BoxRow(row=row, deadline=deadline, closed=None, to="", delivered=False, anchor=row.uid)
    stand = replace(row.progress, steps=steps(delivery.status_code))
    if delivery.status_code is not None:
        stand = replace(stand, look=words.status(delivery.status_code))
    return BoxRow(
        row=replace(row, uid=delivery.document_uid, received=moment(delivery.created_at, now), progress=stand),
        deadline=countdown(line.owed_at, now, calendar),
        closed=None if delivery.state is DeliveryState.OPEN else words.said(words.DELIVERY_STATE[delivery.state]),
        to=(delivery.receiver_name or delivery.receiver_organ) if several else "",
        delivered=True,
        anchor=delivery.delivery_id,
    )


def _empty(scene: Scene, *, on_first: bool) -> Empty:
    address = scene.address
    if not scene.query.organs:
        return Empty(
            title=_("Tài khoản chưa được gắn với cơ quan nào"),
            text=_("Văn bản của cơ quan sẽ hiện ở đây sau khi quản trị trục gắn tài khoản của bạn với cơ quan đó."),
        )
    if not on_first:
        return Empty(title=_("Đã hết danh sách"), text="", href=address.href(), action=_("Về trang đầu"))
    if address.text:
        return Empty(
            title=_("Không có văn bản nào khớp với “{text}”", text=address.text),
            text=_("Hãy thử ít từ hơn, hoặc tìm theo số và ký hiệu, trích yếu, tên hay mã cơ quan, ngày."),
            href=replace(address, text="").href(),
            action=_("Bỏ tìm kiếm"),
        )
    if address.narrowed:
        return Empty(
            title=_("Không có văn bản nào ở trạng thái này"),
            text=_("Danh sách tự cập nhật khi có thay đổi."),
            href=replace(address, narrowed="").href(),
            action=_("Xem tất cả"),
        )
    return Empty(
        title=_("Chưa có văn bản nào"),
        text=_("Văn bản hiện ở đây ngay khi được gửi qua trục. Danh sách tự cập nhật."),
    )
