"""The page of figures: periods, comparison, targets, the file; from the kept figures alone."""

import html
import re
from datetime import date
from io import BytesIO
from typing import Any

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
from tests.console.test_kpi_behind import live_through
from tests.console.test_operator import Shop, clock, make_client, operator, shop, text  # noqa: F401

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


def cells_of(page: str, title: str) -> list[list[str]]:
    """A table of the page as it is read: the rows of its body, the words of their cells."""
    (found,) = re.findall(rf'<section[^>]*><h2 id="{title}"(.*?)</section>', page, re.DOTALL)
    body = re.findall(r"<tr>(.*?)</tr>", found.partition("<tbody>")[2], re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in body]
    return [[" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in row] for row in cells]


def written(value: float | None, unit: str = " %") -> str:
    """A number of the file as the page writes it."""
    return "–" if value is None else f"{value:g}{unit}" if unit else f"{value:,}".replace(",", ".")


async def test_the_file_holds_the_numbers_of_the_page(shop: Shop, log_in: LogIn) -> None:  # noqa: F811
    began = await live_through(shop, seed=3, steps=50)
    operator = await log_in(Role.OPERATOR)  # noqa: F811 - some weeks later
    page = await text(operator, f"/kpi?from={began:%Y-%m-%d}&to={shop.city.node.clock.now():%Y-%m-%d}")
    (link,) = re.findall(r'href="(/kpi/export\.xlsx[^"]*)"', page)
    async with operator.get(html.unescape(link)) as answer:
        book = load_workbook(BytesIO(await answer.read()))
    rows = {name: list(book[name].iter_rows(values_only=True)) for name in ("Cơ quan", "Cấp")}
    lines = {str(row[0]): dict(zip(rows["Cấp"][0], row, strict=True)) for row in rows["Cấp"][1:]}
    organs = {str(row[0]): dict(zip(rows["Cơ quan"][0], row, strict=True)) for row in rows["Cơ quan"][1:]}
    total = lines.pop("Tất cả")

    facts = dict(re.findall(r"<div><dt>([^<]*)</dt><dd><b class=\"big-number\">(.*?)</b>", page))
    facts = {word: re.sub(r"<[^>]+>", "", said) for word, said in facts.items()}
    assert facts == {
        "Văn bản gửi": written(total["Văn bản đi"], ""),
        "Lượt nhận": written(total["Văn bản đến"], ""),
        "Gửi đúng hạn": written(total["Gửi đúng hạn (%)"]),
        "Tiếp nhận đúng hạn": written(total["Tiếp nhận đúng hạn (%)"]),
        "Hoàn thành đúng hạn": written(total["Hoàn thành đúng hạn (%)"]),
        "Cơ quan đã kết nối": written(total["Đã kết nối (%)"]),
    }
    said = {
        word.partition("(")[2][:2]: (share, whole) for word, _bar, share, _part, whole in cells_of(page, "status-title")
    }
    assert said == {
        code: (written(total[f"Có trạng thái {code} (%)"]), written(total["Văn bản đến"], "")) for code in said
    }
    assert len(said) == 6
    kept = {
        word: (share.split(" %")[0], int(part), int(whole))
        for word, _bar, share, part, whole in cells_of(page, "ontime-title")
    }
    assert kept == {
        word: (
            f"{line['Tiếp nhận đúng hạn (%)']:g}",
            line["Tiếp nhận đúng hạn"],
            line["Tiếp nhận đúng hạn"] + line["Tiếp nhận trễ hạn"],
        )
        for word, line in lines.items()
        if line["Tiếp nhận đúng hạn (%)"] is not None
    }
    assert len(kept) > 1
    online = {word: (share, int(whole)) for word, _bar, share, _part, whole in cells_of(page, "online-title")}
    assert online == {
        word: (f"{line['Xử lý trên mạng (%)']:g} % {_target(line)}", line["Văn bản đến"])
        for word, line in lines.items()
        if line["Văn bản đến"]
    }
    connected = {
        word: (share.split(" %")[0], int(whole))
        for word, _bar, share, _part, whole in cells_of(page, "connected-title")
    }
    assert connected == {word: (f"{line['Đã kết nối (%)']:g}", line["Số cơ quan"]) for word, line in lines.items()}
    slowest = cells_of(page, "slow-title")
    assert slowest
    for who, median, _bar, deliveries in slowest:
        line = organs[who.split()[0]]
        assert abs(float(median.split()[0]) - line["Giờ làm việc đến khi tiếp nhận, trung vị"]) <= 0.051
        assert int(deliveries) == line["Văn bản đến"]
    for heading in ("Văn bản đi", "Văn bản đến", "Lượt gửi", "Tiếp nhận trễ hạn", "Đang quá hạn", "Số cơ quan"):
        whole = total[heading]
        assert sum(line[heading] for line in lines.values()) == whole == sum(one[heading] for one in organs.values())


def _target(line: dict[str, Any]) -> str:
    reached = line["Xử lý trên mạng (%)"] >= line["Chỉ tiêu (%)"]
    return f"{'đạt' if reached else 'chưa đạt'} chỉ tiêu {line['Chỉ tiêu (%)']:g} %"
