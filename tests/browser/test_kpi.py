"""The page of figures and what stands behind each, on screen and on paper; and the queue, in a real browser."""

import io
import re
from datetime import timedelta

from playwright.async_api import Page, expect
from pyhanko.pdf_utils.reader import PdfFileReader
from sqlalchemy import update

from axis.calendar.working import Calendar
from axis.clock import to_local
from axis.kpi.figures import Cell, Counts, Figures, Times
from axis.kpi.histogram import Histogram
from axis.ops.figures import FiguresKeeper
from axis.store import queries, schema
from axis.terms import Role, Side
from tests.browser.conftest import SCREENSHOTS, Look, Site, Visit
from tests.console.archive import To
from tests.nodes import CLOCK

OCTOBER = "/kpi?period=month&at=2026-10-01"


async def a_full_month(site: Site) -> None:
    """Figures of a month for many organisations of every level: everything that the page can show."""
    codes = [organ.organ_id for organ in site.node.exchange.directory.current.organs()]
    for number, code in enumerate(codes):
        level = update(schema.organ).where(schema.organ.c.organ_id == code).values(level=number % 4 + 1)
        await site.store.write(lambda c, level=level: c.execute(level))
    version = schema.config_version.c.version
    await site.store.write(lambda c: c.execute(update(schema.config_version).values(version=version + 1)))
    await site.node.exchange.directory.refresh()  # type: ignore[attr-defined]
    figures = {}
    for span, size in (*((f"2026-10-{day:02}", day * 7 % 40 + 3) for day in range(1, 32)), ("2026-10", 620)):
        figures[Cell(span=span, organ_id=codes[0], side=Side.SENT)] = Figures(
            counts=Counts(documents=size, sent_on_time=size - 2, sent_late=2)
        )
        for number, code in enumerate(codes):
            counts = Counts(deliveries=4 * size, said_01=4 * size, said_03=3 * size, said_06=size, online=size * 2,
                            acceptance_on_time=3 * size, acceptance_late=size // (4 + number))  # fmt: skip
            took = Histogram.of([timedelta(hours=number + 1)] * 3)
            figures[Cell(span=span, organ_id=code, side=Side.RECEIVED)] = Figures(
                counts=counts, times=Times(to_03_worked=took)
            )
    await site.store.write(lambda c: queries.write_figures(c, figures))


async def test_the_figures_of_a_month_are_drawn_and_told(visit: Visit, look: Look, site: Site) -> None:
    await a_full_month(site)
    page = await visit(Role.OPERATOR)
    await page.goto(site.url + OCTOBER)
    await expect(page.locator(".columns-chart rect")).to_have_count(31)
    assert await page.locator(".share-bar line").count() >= 6  # targets, drawn in
    await look(page, "kpi")
    await page.locator("#traffic-table summary").click()
    await expect(page.locator("#traffic-table tbody tr")).to_have_count(31)


async def test_the_figures_print_on_one_page_without_the_console_around_them(visit: Visit, site: Site) -> None:
    await a_full_month(site)
    page = await visit(Role.OPERATOR)
    await page.goto(site.url + OCTOBER)
    await page.emulate_media(media="print")
    for gone in (".top", ".printed nav", ".printed form", ".printed a", "#traffic-table"):
        assert not await page.locator(gone).first.is_visible(), gone
    for there in ("h1", ".columns-chart", ".share-bar", "#slow-title"):
        assert await page.locator(there).first.is_visible(), there
    fills = await page.evaluate(
        "[...document.querySelectorAll('.share-bar rect, .columns-chart rect')].map(e => getComputedStyle(e).fill)"
    )
    assert set(fills) == {"rgb(153, 153, 153)"}  # no colour says anything on paper
    line = await page.evaluate("getComputedStyle(document.querySelector('.share-bar line')).stroke")
    assert line == "rgb(0, 0, 0)"
    await page.set_viewport_size({"width": 702, "height": 1000})
    await page.screenshot(path=SCREENSHOTS / "kpi-print.png", full_page=True)
    paper = await page.pdf(prefer_css_page_size=True)
    (SCREENSHOTS / "kpi-print.pdf").write_bytes(paper)
    sheets = PdfFileReader(io.BytesIO(paper)).root["/Pages"]
    box = [float(edge) for edge in sheets["/Kids"][0]["/MediaBox"]]
    assert (sheets["/Count"], round(box[2]), round(box[3])) == (1, 595, 842)  # one A4


async def _rows(page: Page) -> int:
    return await page.locator("#documents .row").count()


async def test_a_bar_leads_to_the_documents_behind_it(visit: Visit, look: Look, site: Site) -> None:
    await site.archive.document([To("H24.15", statuses=("01", "03")), To("H24.11")], code="1/KPI", from_organ="H24.11")
    await site.archive.document([To("H24.15", statuses=("01",))], code="2/KPI", from_organ="H24.11")
    await FiguresKeeper(site.store, CLOCK, Calendar()).recount()
    today = to_local(CLOCK.now()).date().isoformat()
    page = await visit(Role.AUDITOR)
    await page.goto(f"{site.url}/kpi?period=day&at={today}")
    bar = page.locator("tr", has_text=re.compile(r"\(01\)"))
    number = int(await bar.locator("td.figure a").first.inner_text())
    await bar.locator("a svg").click()  # the bar itself
    await expect(page.locator("h1")).to_contain_text("(01)")
    assert await _rows(page) == number > 1
    await look(page, "kpi-behind")
    await page.locator("#by-organ summary").click() if await page.locator("#by-organ").count() else None
    await page.locator(".counts a", has_text=re.compile(r"\(03\)")).click()
    await expect(page.locator("h1")).to_contain_text("(03)")
    assert await _rows(page) == int(await page.locator(".counts a[aria-current] b").inner_text())
    await page.locator("input[name=organ]").fill("H24.15")
    await page.locator(".filters button").click()
    await expect(page.locator(".chips .chip")).to_contain_text("H24.15")
    await page.locator("#documents .row a").first.click()
    await expect(page.locator("h1")).to_contain_text("1/KPI")
    plain = await visit(Role.OPERATOR, script=False)
    await plain.goto(f"{site.url}/kpi?period=day&at={today}")
    of_first = plain.locator("#traffic-table tbody tr:has(a) .figure").first
    sent = int(str(await of_first.text_content()))
    await plain.locator(".columns-chart a rect").first.click()
    assert await _rows(plain) == sent >= 2


async def test_an_empty_queue_says_why_it_is_empty(visit: Visit, look: Look, site: Site) -> None:
    page = await visit(Role.OPERATOR)
    await page.goto(f"{site.url}/operator/queue?reason=timeout")
    await expect(page.locator(".empty")).to_be_visible()
    await look(page, "queue-empty")
