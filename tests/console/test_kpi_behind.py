"""Behind every number of the page of figures stands a list of exactly as many rows; what an address may ask for."""

import re
from datetime import datetime
from html import unescape

import pytest
from sqlalchemy import update

from axis.calendar.working import Calendar
from axis.ops.figures import FiguresKeeper
from axis.ops.following import Following
from axis.store import schema
from axis.store.counted import of_side
from axis.terms import Role, Side
from axis.web.console.kpi_behind import WORDS
from tests.console.conftest import Client, LogIn

# The shop's fixtures make the console with its operators' pages; the history is what the figures are held to.
from tests.console.test_operator import HOSTILE, Shop, clock, make_client, operator, shop, text  # noqa: F401
from tests.exchange.harness import a_document
from tests.ops.test_figures import History

LINK = re.compile(r'<a href="(/kpi/documents\?[^"]*)"[^>]*>(?:[^<]*<b>)?([\d.]+)(?: trễ)?<')
BAR = re.compile(r'<a href="(/kpi/documents\?[^"]*)" tabindex="-1"')


async def settle(shop: Shop) -> None:  # noqa: F811
    """What the node's loops do unasked."""
    node = shop.city.node
    await Following(node.store, node.clock, node.context.policy.deadlines).work()
    await FiguresKeeper(node.store, node.clock, Calendar()).work()


async def live_through(shop: Shop, *, seed: int, steps: int) -> datetime:  # noqa: F811
    """Some weeks of traffic between organisations of three levels, counted; when they began."""
    node = shop.city.node
    history, began = History(node, seed), node.clock.now()
    for _ in range(steps):
        await history.step()
    for code, level in (("H24.15", 2), ("H24.11", 2), ("H24.88", 4), ("H24.11.3", 3)):
        placed = update(schema.organ).where(schema.organ.c.organ_id == code).values(level=level)
        await node.store.write(lambda c, placed=placed: c.execute(placed))
    await settle(shop)
    await node.directory.refresh()
    return began


async def rows_behind(client: Client, href: str) -> int:
    """How many rows a list has, on all its pages."""
    rows = 0
    while True:
        page = await text(client, href)
        rows += page.count('<li class="row"')
        following = re.search(r'<a class="button" href="([^"]*)" rel="next"', page)
        if following is None:
            return rows
        href = unescape(following[1])


async def numbers_of(client: Client, path: str) -> dict[str, int]:
    """The lists that a page leads to, each with the number that is written on the way."""
    page = await text(client, path)
    found = {unescape(href): int(number.replace(".", "")) for href, number in LINK.findall(page)}
    assert {unescape(href) for href in BAR.findall(page)} <= set(found), "a bar leads elsewhere than its number"
    return found


async def test_every_number_leads_to_as_many_rows(shop: Shop, log_in: LogIn) -> None:  # noqa: F811
    began = await live_through(shop, seed=1, steps=60)
    ended = shop.city.node.clock.now()
    operator = await log_in(Role.OPERATOR)  # noqa: F811 - some weeks later
    own = f"from={began:%Y-%m-%d}&to={ended:%Y-%m-%d}"
    lists = {}
    for path in (
        f"/kpi?{own}",
        "/kpi?period=year",
        f"/kpi?period=week&at={ended:%Y-%m-%d}",
        f"/kpi?period=day&at={began:%Y-%m-%d}",
        f"/kpi/documents?side=received&count=deliveries&{own}",
        f"/kpi/documents?side=received&count=said_03&level=2&{own}",
        f"/kpi/documents?side=received&count=online&organ=H24.15&{own}",
        f"/kpi/documents?side=sent&count=documents&{own}",
    ):
        found = await numbers_of(operator, path)
        assert len(found) > 1, path
        lists |= found
    assert len([number for number in lists.values() if number]) > 60
    for href, number in lists.items():
        assert await rows_behind(operator, href) == number, href


async def test_what_was_not_followed_up_yet_is_said(shop: Shop, operator: Client) -> None:  # noqa: F811
    await shop.city.node.send("dms-yte", a_document("H24.15", subject=HOSTILE))
    path = "/kpi/documents?side=received&count=deliveries&from=2026-11-24&to=2026-11-24"
    page = await text(operator, path)
    assert ("đang được tính lại" in page, page.count('<li class="row"'), HOSTILE in page) == (True, 1, False)
    await settle(shop)
    page = await text(operator, path)
    assert ("đang được tính lại" in page, "1 lượt nhận" in page) == (False, True)
    empty = await text(operator, path.replace("deliveries", "said_06"))
    assert "Không có gì được đếm ở đây" in empty


@pytest.mark.parametrize(
    "query",
    [
        "side=both&count=documents&from=2026-11-24&to=2026-11-24",
        "side=sent&count=deliveries&from=2026-11-24&to=2026-11-24",
        "side=received&count=__class__&from=2026-11-24&to=2026-11-24",
        "side=received&count=deliveries&from=2026-11-24",
        "side=received&count=deliveries&from=2026-11-24&to=2026-11-23",
        "side=received&count=deliveries&from=0001-01-01&to=2026-11-23",
        "side=received&count=deliveries&from=2026-11-24&to=2026-11-24&level=x",
        "side=received&count=deliveries&from=2026-11-24&to=2026-11-24&level=12",
        "side=received&count=deliveries&from=2026-11-24&to=2026-11-24&organ=nobody",
        "side=received&count=deliveries&from=2026-11-24&to=2026-11-24&older=x",
    ],
)
async def test_an_address_that_says_nothing_is_refused(operator: Client, query: str) -> None:  # noqa: F811
    await text(operator, f"/kpi/documents?{query}", 400)


async def test_a_clerk_finds_no_list_there(log_in: LogIn) -> None:
    client = await log_in(Role.CLERK)
    await text(client, "/kpi/documents?side=sent&count=documents&from=2026-11-24&to=2026-11-24", 404)


@pytest.mark.parametrize("side", Side)
def test_every_figure_that_can_be_listed_has_its_words(side: Side) -> None:
    assert set(WORDS[side]) == set(of_side(side))
