"""The first page, by role: what a clerk has to do now; for the others, where their pages are."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time

from aiohttp import web
from sqlalchemy import Connection

from axis.calendar.working import Calendar
from axis.clock import to_local
from axis.store.boxes import Box, BoxPage, BoxQuery, Order, Situation, came_since, count_box, read_boxes
from axis.terms import Role, StatusCode
from axis.web.console.boxing import Address, BoxRow, Choice, bounded, box_row, look_of
from axis.web.console.language import _
from axis.web.console.navigation import Place, places
from axis.web.console.parts import ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions, Visitor

_SHOWN = 5  # rows of each list


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Something that a role's page says on the first one, and where it leads."""

    title: str
    text: str
    href: str
    icon: str
    tone: str = "slate"  # a tone of the stylesheet: how much it matters


HomeProvider = Callable[[web.Request, Visitor], Awaitable[Sequence[Card]]]
"""What a family of pages says on the first page; nothing to those whom it does not concern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A list of a clerk's home: the first rows, and where the rest is."""

    anchor: str
    title: str
    nothing: str  # what to say when there is nothing
    rows: tuple[BoxRow, ...]
    href: str
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The first page."""

    search: str  # where the search box leads
    counts: tuple[Choice, ...]  # of a clerk: what has to be done, as links
    today: tuple[tuple[str, str, str], ...]  # name, number, where it is
    works: tuple[Work, ...]
    lacks_organ: bool
    cards: tuple[Card, ...]
    links: tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was read for a clerk."""

    now: datetime
    inbox: dict[str, int]
    outbox: dict[str, int]
    arrived: int  # today
    sent: int  # today
    todo: BoxPage
    overdue: BoxPage
    recall: BoxPage
    waiting: BoxPage
    refused: BoxPage
    late: BoxPage


def find_work(conn: Connection, organs: frozenset[str], now: datetime) -> Found:
    """Read what somebody who acts for these organisations has to do."""

    def rows(box: Box, narrowed: str, order: Order) -> BoxQuery:
        return BoxQuery(box=box, organs=organs, now=now, narrowed=narrowed, order=order, rows=_SHOWN)

    midnight = datetime.combine(to_local(now).date(), time(), to_local(now).tzinfo)
    todo, overdue, recall, waiting, refused, late = read_boxes(
        conn,
        (
            rows(Box.INBOX, Situation.TODO, Order.OLDEST),
            rows(Box.INBOX, Situation.OVERDUE, Order.DUE),
            rows(Box.INBOX, Situation.RECALL, Order.OLDEST),
            rows(Box.OUTBOX, Situation.WAITING, Order.OLDEST),
            rows(Box.OUTBOX, StatusCode.REFUSED, Order.NEWEST),
            rows(Box.OUTBOX, Situation.OVERDUE, Order.OLDEST),
        ),
    )
    return Found(
        now=now,
        inbox=count_box(conn, Box.INBOX, organs, now),
        outbox=count_box(conn, Box.OUTBOX, organs, now),
        arrived=came_since(conn, Box.INBOX, organs, midnight),
        sent=came_since(conn, Box.OUTBOX, organs, midnight),
        todo=todo,
        overdue=overdue,
        recall=recall,
        waiting=waiting,
        refused=refused,
        late=late,
    )


def clerk_home(found: Found, calendar: Calendar) -> dict[str, tuple[object, ...]]:
    """The parts of the first page that a clerk sees."""

    def work(box: Box, narrowed: str, page: BoxPage, texts: tuple[str, str]) -> Work:
        return Work(
            anchor=f"{box}-{narrowed}",
            title=texts[0],
            nothing=texts[1],
            rows=tuple(box_row(line, found.now, calendar) for line in page.lines),
            href=Address(box=box, narrowed=narrowed).href(),
            more=page.has_after,
        )

    works = [
        work(
            Box.INBOX,
            Situation.TODO,
            found.todo,
            (_("Đến: cần tiếp nhận"), _("Không có văn bản nào chờ tiếp nhận.")),
        ),
        work(
            Box.OUTBOX,
            Situation.WAITING,
            found.waiting,
            (_("Đi: đang chờ nơi nhận"), _("Mọi nơi nhận đều đã có trạng thái.")),
        ),
    ]
    urgent = (
        (Box.INBOX, Situation.OVERDUE, found.overdue, _("Đến: quá hạn")),
        (Box.INBOX, Situation.RECALL, found.recall, _("Đến: bên gửi lấy lại, chờ trả lời")),
        (Box.OUTBOX, StatusCode.REFUSED, found.refused, _("Đi: bị từ chối")),
        (Box.OUTBOX, Situation.OVERDUE, found.late, _("Đi: nơi nhận quá hạn")),
    )
    works = [work(box, name, page, (title, "")) for box, name, page, title in urgent if page.lines] + works
    counts = (
        (Box.INBOX, Situation.TODO, found.inbox),
        (Box.INBOX, Situation.OVERDUE, found.inbox),
        (Box.INBOX, Situation.RECALL, found.inbox),
        (Box.OUTBOX, StatusCode.REFUSED, found.outbox),
        (Box.OUTBOX, Situation.WAITING, found.outbox),
    )
    return {
        "counts": tuple(
            Choice(
                look=look_of(name),
                number=bounded(numbers.get(name, 0)),
                href=Address(box=box, narrowed=name).href(),
                chosen=False,
            )
            for box, name, numbers in counts
        ),
        "today": (
            (_("Đến hôm nay"), bounded(found.arrived), "/inbox"),
            (_("Gửi hôm nay"), bounded(found.sent), "/outbox"),
        ),
        "works": tuple(works),
    }


class HomePages:
    """The handler."""

    def __init__(
        self, parts: ConsoleParts, pages: Pages, sessions: Sessions, providers: Sequence[HomeProvider]
    ) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._calendar = parts.calendar
        self._pages = pages
        self._sessions = sessions
        self._providers = providers

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /."""
        visitor = await self._sessions.require(request)
        cards = await asyncio.gather(*(provider(request, visitor) for provider in self._providers))
        clerk, now = Role.CLERK in visitor.roles and bool(visitor.organs), self._clock.now()
        found = await self._store.read(lambda conn: find_work(conn, visitor.organs, now)) if clerk else None

        def make() -> Home:
            own = clerk_home(found, self._calendar) if found else {"counts": (), "today": (), "works": ()}
            return Home(
                search="/inbox" if Role.CLERK in visitor.roles else "/documents",
                lacks_organ=visitor.lacks_organ,
                cards=tuple(card for some in cards for card in some),
                links=() if clerk else tuple(place for place in places(visitor.roles, "/") if place.href != "/"),
                **own,
            )

        return await self._pages.page(request, "home.html", visitor, make)


def home_routes(
    parts: ConsoleParts, pages: Pages, sessions: Sessions, providers: Sequence[HomeProvider] = ()
) -> Sequence[web.AbstractRouteDef]:
    """The route of the first page. providers: what other families say there."""
    return (web.get("/", HomePages(parts, pages, sessions, providers).show),)
