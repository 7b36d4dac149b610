"""Figures as files: nothing in them runs, and what people enter is read or refused by its row."""

import csv
import io
import json
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from axis.errors import Code, Malformed
from axis.ops.issued_file import month_of, read_issued_file
from axis.ops.sheets import csv_bytes, harmless, xlsx_bytes

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =cmd|' /C calc'!A0", "\n=1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_a_spreadsheet_would_run_is_defused(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("value", ["Sở Y tế", "", "1=1", -5, 2.5, None])
def test_everything_else_stays(value: str | float | None) -> None:
    assert harmless(value) == value


def test_a_csv_file_holds_the_rows_and_no_formula() -> None:
    content = csv_bytes(["Tên", "Số"], [[text, -1] for text in FORMULAS] + [["Sở, Y tế", None]])
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert rows[0] == ["Tên", "Số"]
    assert rows[-1] == ["Sở, Y tế", ""]
    assert {row[0][0] for row in rows[1:-1]} == {"'"}
    assert {row[1] for row in rows[1:-1]} == {"-1"}


def test_a_workbook_holds_the_rows_and_no_formula() -> None:
    content = xlsx_bytes([("Cơ quan", ["Tên", "Số"], [[text, -1.5] for text in FORMULAS] + [["a\x01b", None]])])
    (sheet,) = load_workbook(io.BytesIO(content)).worksheets
    rows = list(sheet.iter_rows(min_row=2))
    assert {row[0].data_type for row in rows} == {"s"}
    assert {str(row[0].value)[0] for row in rows[:-1]} == {"'"}
    assert rows[-1][0].value == "ab"
    assert rows[0][1].value == -1.5


@pytest.mark.parametrize(
    ("text", "month"),
    [("2026-11", "2026-11"), ("11/2026", "2026-11"), ("2026-1", "2026-01"), ("2026-11-01 00:00:00", "2026-11")],
)
def test_a_month_is_read(text: str, month: str) -> None:
    assert month_of(text) == month


@pytest.mark.parametrize("text", ["", "2026", "13/2026", "2026-13", "0/2026", "tháng 11"])
def test_what_is_no_month_is_none(text: str) -> None:
    assert month_of(text) is None


def test_csv_xlsx_and_json_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "Mã;Tháng;Số văn bản;ghi chú\nH24.11;11/2026;120;x\n\nH24.15;2026-10;0;\n", "utf-8-sig"
    )
    book = Workbook()
    assert book.active is not None
    for row in (("code", "month", "issued"), ("H24.11", "2026-11", 120.0), ("H24.15", "2026-10", 0)):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    rows = [{"code": "H24.11", "month": "2026-11", "issued": 120}, {"code": "H24.15", "month": "2026-10", "issued": 0}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    wanted = {("H24.11", "2026-11"): 120, ("H24.15", "2026-10"): 0}
    for name in ("a.csv", "a.xlsx", "a.json"):
        assert read_issued_file(tmp_path / name) == wanted


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("code,month,issued\nH24.11,2026-11,many\n", "row 2, column issued"),
        ("code,month,issued\nH24.11,2026-11,-1\n", "row 2, column issued"),
        ("code,month,issued\nH24.11,2026-11,99999999\n", "row 2, column issued"),
        ("code,month,issued\nH24.11,soon,1\n", "row 2, column month"),
        ("code,month,issued\nH24.11,,1\n", "row 2, column month"),
        ("code,month,issued\nH24.11,2026-11,1\nH24.11,11/2026,2\n", "row 3"),
        ("code,month,issued\n", None),
        ('code,month,issued\n"H24.11,2026-11,1\n', "line 2"),
    ],
)
def test_a_mistake_names_its_row(tmp_path: Path, text: str, at: str | None) -> None:
    file = tmp_path / "issued.csv"
    file.write_text(text)
    with pytest.raises(Malformed) as caught:
        read_issued_file(file)
    assert caught.value.code is Code.BAD_FILE
    assert caught.value.at == (at or str(file))


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", b"\xff\xfe"), ("a.xlsx", b"PK"), ("a.json", b"{}"), ("a.doc", b"")]
)
def test_another_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Malformed):
        read_issued_file(tmp_path / name)
