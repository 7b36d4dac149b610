"""The page of figures: periods, comparison, targets, the file; from the kept figures alone."""

from datetime import date
from io import BytesIO

import pytest
from openpyxl import load_workbook

from axis.errors import Malformed
from axis.kpi.figures import Cell, Counts, Figures
from axis.store import queries
from axis.store.store import Store
from axis.terms import Role, Side
from axis.web.console.kpi_values import before, drawn_spans, read_period
from tests.console.conftest import Client, LogIn

# The shop's fixtures make the console with its operators' pages.
from tests.console.test_operator import clock, make_client, operator, shop, text  # noqa: F401

TODAY = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("query", "first", "last", "earlier"),
    [
        ({}, "2026-11-01", "2026-11-30", "2026-10-01"),
        ({"period": "day"}, "2026-11-25", "2026-11-25", "2026-11-24"),
        ({"period": "week"}, "2026-11-23", "2026-11-29", "2026-11-16"),
        ({"period": "quarter"}, "2026-10-01", "2026-12-31", "2026-07-01"),
        ({"period": "year", "at": "2024-02-29"}, "2024-01-01", "2024-12-31", "2023-01-01"),
        ({"period": "month", "at": "2024-01-31"}, "2024-01-01", "2024-01-31", "2023-12-01"),
        ({"from": "2026-11-03", "to": "2026-11-05"}, "2026-11-03", "2026-11-05", "2026-10-31"),
    ],
)
def test_a_period_and_the_one_before(query: dict[str, str], first: str, last: str, earlier: str) -> None:
    name, period = read_period(query, TODAY)
    assert (period.first.isoformat(), period.last.isoformat()) == (first, last)
    old = before(name, period)
    assert (old.first.isoformat(), (period.first - old.last).days) == (earlier, 1)


@pytest.mark.parametrize(
    "query",
    [
        {"period": "decade"},
        {"from": "2026-11-05", "to": "2026-11-03"},
        {"from": "2026-11-05"},
        {"from": "2001-01-01", "to": "2026-11-03"},
        {"period": "day", "at": "9999-12-31"},
        {"period": "day", "at": "<b>"},
    ],
)
def test_what_is_no_period_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        read_period(query, TODAY)


def test_a_long_period_is_drawn_by_the_month() -> None:
    _name, period = read_period({"period": "year"}, TODAY)
    assert len(drawn_spans(period)) == 12
    _name, period = read_period({"period": "month"}, TODAY)
    assert len(drawn_spans(period)) == 30


async def test_figures_are_compared_with_targets_and_the_period_before(
    operator: Client,  # noqa: F811
    store: Store,
) -> None:
    counts = Counts(deliveries=40, said_03=30, said_06=10, online=10, acceptance_on_time=27, acceptance_late=3)
    figures = {}
    for span, sent in (("2026-11-24", 1234), ("2026-11", 1234), ("2026-10", 900)):
        figures[Cell(span=span, organ_id="H24.11", side=Side.SENT)] = Figures(counts=Counts(documents=sent))
        figures[Cell(span=span, organ_id="H24.15", side=Side.RECEIVED)] = Figures(counts=counts)
    await store.write(lambda c: queries.write_figures(c, figures))
    page = await text(operator, "/kpi")
    for words in ("1.234", "kỳ trước 900", "90 %", "chưa đạt chỉ tiêu", ">30</a>", ">40</a>", "24/11/2026: 1.234"):
        assert words in page, words
    assert " style=" not in page
    async with operator.get("/kpi/export.xlsx?from=2026-11-01&to=2026-11-30") as answer:
        book = load_workbook(BytesIO(await answer.read()))
    assert book["Cơ quan"].max_row > 2
    assert "chưa có văn bản" in await text(operator, "/kpi?period=year&at=2020-01-01")
    await text(operator, "/kpi?period=decade", 400)


async def test_a_clerk_finds_nothing_there(log_in: LogIn) -> None:
    client = await log_in(Role.CLERK)
    await text(client, "/kpi", 404)
    await text(client, "/kpi/export.xlsx", 404)
