"""Rows of a table that people keep in a file: CSV, XLSX or JSON (a list of objects).

What the headings mean is the caller's business. Rows are numbered as a spreadsheet counts them (the heading is row 1),
in JSON the items from 1. Sizes are bounded, before anything is unpacked.
"""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from axis.errors import Code, Malformed

Rows = Iterator[tuple[int, Mapping[str, Any]]]
Cells = Iterable[tuple[int, Iterable[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableBounds:
    """How much a file may hold."""

    file_bytes: int
    unpacked_bytes: int  # an XLSX file is a ZIP
    columns: int


def read_table(path: Path, bounds: TableBounds, with_headings: Callable[[Cells], Rows]) -> Rows:
    """The rows of a file, whose form goes by its name.

    CSV is UTF-8 with or without a BOM, its columns divided by comma, semicolon or tab. with_headings: makes mappings
    of rows of cells. Raises Malformed(BAD_FILE), while it is read.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".txt", ".xlsx", ".json"):
        raise Malformed(Code.BAD_FILE, "the file's name has to end in .csv, .xlsx or .json", at=str(path))
    try:
        if path.stat().st_size > bounds.file_bytes:
            raise Malformed(Code.BAD_FILE, f"larger than {bounds.file_bytes >> 20} MiB", at=str(path))
        if suffix == ".json":
            yield from _json_rows(path)
        else:
            yield from with_headings(_xlsx_cells(path, bounds) if suffix == ".xlsx" else _csv_cells(path))
    except OSError as e:
        raise Malformed(Code.BAD_FILE, f"cannot be read: {e.strerror or e}", at=str(path)) from e


def _csv_cells(path: Path) -> Cells:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise Malformed(Code.BAD_FILE, "not UTF-8; save it as “CSV UTF-8”", at=str(path)) from e
    heading_line = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(",;\t", key=heading_line.count)
    # strict: a quote that is never closed is an error and does not swallow the rest of the file
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from enumerate(reader, start=1)
    except csv.Error as e:
        raise Malformed(Code.BAD_FILE, f"not CSV: {e}", at=f"line {reader.line_num}") from e


def _xlsx_cells(path: Path, bounds: TableBounds) -> Cells:
    """The first sheet. Formulas count by the value that was saved with them."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > bounds.unpacked_bytes:
            raise Malformed(Code.BAD_FILE, f"unpacks to more than {bounds.unpacked_bytes >> 20} MiB", at=str(path))
        book = load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError) as e:
        raise Malformed(Code.BAD_FILE, "not an XLSX file", at=str(path)) from e
    try:
        yield from enumerate(book.worksheets[0].iter_rows(max_col=bounds.columns, values_only=True), start=1)
    finally:
        book.close()


def _json_rows(path: Path) -> Rows:
    try:
        items = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as e:
        raise Malformed(Code.BAD_FILE, f"not JSON: {e}", at=str(path)) from e
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Malformed(Code.BAD_FILE, "not a list of objects", at=str(path))
    yield from enumerate(items, start=1)
