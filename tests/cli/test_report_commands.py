"""Figures at the command line, without a running node: the roll-ups are in the database."""

import asyncio
import csv
import io
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook

from axis.kpi.figures import Cell, Counts, Figures, Times
from axis.kpi.histogram import Histogram
from axis.ops.access import open_access
from axis.settings import read_settings
from axis.store import queries
from axis.store.store import Store
from axis.terms import Side
from tests.cli.conftest import Home

PERIOD = ("report", "kpi", "--from", "2026-10-01", "--to", "2026-11-15")


def on_store(home: Home, work: Callable[[Store], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_access(read_settings(home.config)) as access:
            await work(access.store)

    asyncio.run(run())


@pytest.fixture
def filled(home: Home) -> Home:
    """A month and some days of two organisations."""
    sent = Figures(
        counts=Counts(documents=10, deliveries=20, inside=15, outside=5, signed_valid=9, sent_on_time=8, sent_late=2)
    )
    hours = Histogram.of([timedelta(hours=n) for n in range(1, 11)])
    received = Figures(
        counts=Counts(deliveries=10, inside=10, said_03=8, online=4, answered=8),
        times=Times(to_03=hours, to_03_worked=hours),
    )
    cells = {
        Cell(span="2026-10", organ_id="H24.3", side=Side.SENT): sent,
        Cell(span="2026-11-15", organ_id="H24.3", side=Side.SENT): sent,
        Cell(span="2026-11-16", organ_id="H24.3", side=Side.SENT): sent,  # outside the period
        Cell(span="2026-11", organ_id="H24.3", side=Side.SENT): sent + sent,
        Cell(span="2026-10", organ_id="H24.42", side=Side.RECEIVED): received,
    }

    async def fill(store: Store) -> None:
        await store.write(lambda c: queries.write_figures(c, cells))

    on_store(home, fill)
    return home


def test_a_period_is_summed_by_organisation_level_and_in_all(filled: Home) -> None:
    report = filled.axis(*PERIOD, "--format", "json").json
    organs = {line["code"]: line for line in report["organs"]}
    department, ward = organs["H24.3"], organs["H24.42"]
    assert (department["sent_documents"], department["sent_outside"], department["sent_valid_percent"]) == (
        20,
        10,
        90.0,
    )
    assert (department["sent_on_time_percent"], department["online_percent"]) == (80.0, None)
    assert (ward["received"], ward["said_03_percent"], ward["online_percent"]) == (10, 80.0, 40.0)
    assert ward["to_03_worked_median_h"] == pytest.approx(5, rel=0.02)
    assert ward["to_03_p90_h"] == pytest.approx(9, rel=0.02)
    assert report["total"]["sent_documents"] == sum(line["sent_documents"] for line in report["levels"]) == 20
    assert report["total"]["connected_percent"] == 0
    assert report["connected_target_percent"] == 100


def test_a_report_is_narrowed_to_an_organisation_what_is_below_it_or_a_level(filled: Home) -> None:
    def codes(*options: str) -> set[str]:
        report = filled.axis(*PERIOD, "--format", "json", *options).json
        return {line["code"] for line in report["organs"]}

    assert codes("--organ", "H24.3") == {"H24.3"}
    assert {"H24.3", "H24.3.12"} <= codes("--organ", "H24.3", "--below")
    assert "H24.42" not in codes("--organ", "H24.3", "--below")
    by_level = [codes("--level", str(level)) for level in (1, 2, 3, 4)]
    assert sum(map(len, by_level)) == len(codes())
    assert filled.axis(*PERIOD, "--organ", "H99").code == 1


def test_the_same_figures_come_as_table_csv_and_workbook(filled: Home, tmp_path: Path) -> None:
    assert "H24.3" in filled.axis(*PERIOD).out
    lines = filled.axis(*PERIOD, "--format", "json").json["organs"]
    file = tmp_path / "kpi.csv"
    assert filled.axis(*PERIOD, "--format", "csv", "--output", file).code == 0
    rows = list(csv.reader(io.StringIO(file.read_bytes().decode("utf-8-sig"), newline="")))
    assert [row[0] for row in rows[1 : 1 + len(lines)]] == [line["code"] for line in lines]
    assert {len(row) for row in rows} == {len(lines[0])}
    file = tmp_path / "kpi.xlsx"
    assert filled.axis(*PERIOD, "--format", "xlsx", "--output", file).code == 0
    book = load_workbook(file)
    assert book.sheetnames == ["Cơ quan", "Cấp"]
    assert [row[3] for row in book.worksheets[0].iter_rows(min_row=2, values_only=True)] == [
        line["sent_documents"] for line in lines
    ]


def test_a_name_never_runs_in_a_spreadsheet(filled: Home, tmp_path: Path) -> None:
    organs = tmp_path / "organs.csv"
    organs.write_text('code,name,parent\nH24.3,"=HYPERLINK(""http://x.invalid"")",H24\n')
    assert filled.axis("org", "import", organs).code == 0
    shown = filled.axis(*PERIOD, "--format", "csv").out
    assert "'=HYPERLINK" in shown
    assert ",=HYPERLINK" not in shown


def test_issued_documents_are_entered_and_imported(filled: Home, tmp_path: Path) -> None:
    file = tmp_path / "issued.csv"
    file.write_text("code,month,issued\nH24.3,2026-10,25\nH24.42,2026-10,5\nH24.3,2026-11,999\n")
    assert filled.axis("report", "issued", "import", file).code == 0

    def figures() -> tuple[object, object]:
        line = filled.axis(*PERIOD, "--organ", "H24.3", "--format", "json").json["organs"][0]
        return line["issued"], line["electronic_percent"]

    assert figures() == (25, 40.0)  # November is not whole
    assert filled.axis("report", "issued", "set", "H24.3", "10/2026", "20").code == 0
    assert figures() == (20, 50.0)
    file.write_text("code,month,issued\nH24.3,2026-10,1\nH99,2026-10,1\n")
    assert filled.axis("report", "issued", "import", file).code == 1
    assert figures() == (20, 50.0)
    assert filled.axis("report", "issued", "set", "H24.3", "soon", "20").code == 2


def test_what_was_said_of_issued_documents_is_listed(filled: Home) -> None:
    for code, month, count in (("H24.3", "2026-09", "7"), ("H24.3", "2026-10", "20"), ("H24.42", "2026-10", "5")):
        assert filled.axis("report", "issued", "set", code, month, count).code == 0

    def listed(*options: str) -> list[tuple[object, ...]]:
        return [tuple(one.values()) for one in filled.axis("report", "issued", "list", *options, "--json").json]

    assert listed("--from", "9/2026", "--to", "2026-10") == [
        ("H24.3", "2026-09", 7),
        ("H24.3", "2026-10", 20),
        ("H24.42", "2026-10", 5),
    ]
    assert listed("--from", "2026-10", "--to", "2026-12", "--organ", "H24.42") == [("H24.42", "2026-10", 5)]
    assert "20" in filled.axis("report", "issued", "list", "--from", "2026-10", "--to", "2026-10").out
    for wrong in (("--from", "2026-11", "--to", "2026-10"), ("--from", "x", "--to", "2026-10")):
        assert filled.axis("report", "issued", "list", *wrong).code == 2
    assert filled.axis("report", "issued", "list", "--from", "2026-10", "--to", "2026-10", "--organ", "H99").code == 1


def test_a_recount_tells_and_mends_what_no_delivery_stands_behind(filled: Home) -> None:
    checked = filled.axis("report", "recount", "--check", "--json")
    assert checked.code == 1
    assert {one["organ"] for one in json.loads(checked.out)["differences"]} == {"H24.3", "H24.42"}
    assert "sent_late" in filled.axis("report", "recount", "--check").out
    assert filled.axis("report", "recount").code == 0
    assert filled.axis("report", "recount", "--check").code == 0
    report = filled.axis(*PERIOD, "--format", "json", "--organ", "H24.3").json
    assert (report["total"]["sent_documents"], report["total"]["received"]) == (0, 0)


@pytest.mark.parametrize(
    ("first", "last"), [("2026-11-02", "2026-11-01"), ("soon", "2026-11-01"), ("2026-11-01", "2026-02-30")]
)
def test_a_period_that_is_none_is_refused(home: Home, first: str, last: str) -> None:
    assert home.axis("report", "kpi", "--from", first, "--to", last).code == 2
