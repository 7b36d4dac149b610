"""Tables as files that other programs open: CSV and XLSX.

A cell that begins with = + - @ is a formula to a spreadsheet, whoever wrote it; text of that kind gets an apostrophe in
front, so that a name from the registry never runs as one. Numbers stay numbers.
"""

import codecs
import csv
import io
from collections.abc import Iterable, Sequence
from itertools import chain

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

Value = str | int | float | None

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_ILLEGAL = {number: None for number in range(32) if number not in (9, 10, 13)}  # XLSX has no place for these


def harmless(value: Value) -> Value:
    """The value as no spreadsheet takes it for a formula."""
    if not isinstance(value, str):
        return value
    text = value.translate(_ILLEGAL)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) or text.startswith(_FORMULA) else text


def csv_bytes(headings: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    """UTF-8 with a BOM, since spreadsheets take anything else for another encoding."""
    return codecs.BOM_UTF8 + csv_rows(chain((headings,), rows))


def csv_rows(rows: Iterable[Sequence[Value]]) -> bytes:
    """Rows of a table that is written piece by piece: what follows the BOM."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for row in rows:
        writer.writerow(["" if value is None else harmless(value) for value in row])
    return text.getvalue().encode()


def xlsx_bytes(sheets: Iterable[tuple[str, Sequence[str], Iterable[Sequence[Value]]]]) -> bytes:
    """A workbook of sheets: their titles, headings and rows."""
    book = Workbook(write_only=True)
    for title, headings, rows in sheets:
        sheet = book.create_sheet(title)
        sheet.freeze_panes = "D2"
        bold = []
        for heading in headings:
            cell = WriteOnlyCell(sheet, value=harmless(heading))
            cell.font = Font(bold=True)
            bold.append(cell)
        sheet.append(bold)
        for row in rows:
            sheet.append([harmless(value) for value in row])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()
