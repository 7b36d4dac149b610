"""The page of figures, and the queue, in a real browser."""

from playwright.async_api import expect

from axis.kpi.figures import Cell, Counts, Figures
from axis.store import queries
from axis.terms import Role, Side
from tests.browser.conftest import Look, Site, Visit


async def test_the_figures_of_a_month_are_drawn_and_told(visit: Visit, look: Look, site: Site) -> None:
    figures = {}
    for span, size in (*((f"2026-10-{day:02}", day * 7 % 40 + 3) for day in range(1, 32)), ("2026-10", 620)):
        counts = Counts(deliveries=4 * size, said_01=4 * size, said_03=3 * size, said_06=size, online=size * 2,
                        acceptance_on_time=3 * size, acceptance_late=size // 4)  # fmt: skip
        figures[Cell(span=span, organ_id="H24.11", side=Side.SENT)] = Figures(counts=Counts(documents=size))
        figures[Cell(span=span, organ_id="H24.15", side=Side.RECEIVED)] = Figures(counts=counts)
    await site.store.write(lambda c: queries.write_figures(c, figures))
    page = await visit(Role.OPERATOR)
    await page.goto(f"{site.url}/kpi?period=month&at=2026-10-01")
    await expect(page.locator(".columns-chart rect")).to_have_count(31)
    await look(page, "kpi")
    await page.locator("#traffic-table summary").click()
    await expect(page.locator("#traffic-table tbody tr")).to_have_count(31)


async def test_an_empty_queue_says_why_it_is_empty(visit: Visit, look: Look, site: Site) -> None:
    page = await visit(Role.OPERATOR)
    await page.goto(f"{site.url}/operator/queue?reason=timeout")
    await expect(page.locator(".empty")).to_be_visible()
    await look(page, "queue-empty")
