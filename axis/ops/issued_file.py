"""Lists of how many documents organisations issued in a month, as people make them: CSV, XLSX or JSON.

Columns code, month (2026-11 or 11/2026) and issued. Every mistake names its row; nothing is guessed.
"""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from axis.errors import Code, Malformed

_FILE_BYTES = 4 << 20
_UNPACKED_BYTES = 64 << 20
_ROWS = 100_000
_COLUMNS = {
    "code": "code", "ma": "code", "mã": "code", "mã định danh": "code",
    "month": "month", "thang": "month", "tháng": "month",
    "issued": "issued", "so van ban": "issued", "số văn bản": "issued", "văn bản ban hành": "issued",
}  # fmt: skip
_ISO = re.compile(r"(?P<year>\d{4})-(?P<month>\d{1,2})(-\d{1,2}( .*)?)?")
_LOCAL = re.compile(r"(?P<month>\d{1,2})/(?P<year>\d{4})")
_MOST = 10_000_000


def read_issued_file(path: Path) -> dict[tuple[str, str], int]:
    """How many documents, by code as written and month.

    Raises Malformed(BAD_FILE, at=row and column, or the file).
    """
    readers = {".csv": _csv_rows, ".xlsx": _xlsx_rows, ".json": _json_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise Malformed(Code.BAD_FILE, "the file's name has to end in .csv, .xlsx or .json", at=str(path))
    try:
        if path.stat().st_size > _FILE_BYTES:
            raise Malformed(Code.BAD_FILE, f"larger than {_FILE_BYTES >> 20} MiB", at=str(path))
        return _read(reader(path), path)
    except OSError as e:
        raise Malformed(Code.BAD_FILE, f"cannot be read: {e.strerror or e}", at=str(path)) from e


def month_of(text: str) -> str | None:
    """`2026-11` of 2026-11, 11/2026 or a date of that month; None when it is none of these."""
    match = _ISO.fullmatch(text.strip()) or _LOCAL.fullmatch(text.strip())
    if match is None or not 1 <= int(match["month"]) <= 12:  # noqa: PLR2004 - months
        return None
    return f"{match['year']}-{int(match['month']):02}"


def _read(rows: Iterable[tuple[int, Mapping[str, Any]]], path: Path) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for row, cells in rows:
        known = {
            column: str(value).strip()
            for heading, value in cells.items()
            if (column := _COLUMNS.get(" ".join(str(heading).casefold().split()))) and value not in (None, "")
        }
        if not known:
            continue
        for column in ("code", "month", "issued"):
            if column not in known:
                raise Malformed(Code.BAD_FILE, "must be given", at=f"row {row}, column {column}")
        month = month_of(known["month"])
        if month is None:
            raise Malformed(Code.BAD_FILE, "a month such as 2026-11", at=f"row {row}, column month")
        count = known["issued"].removesuffix(".0")
        if not count.isascii() or not count.isdigit() or int(count) > _MOST:
            raise Malformed(Code.BAD_FILE, f"a whole number up to {_MOST}", at=f"row {row}, column issued")
        key = (known["code"], month)
        if key in found:
            raise Malformed(Code.BAD_FILE, "this organisation and month stand there already", at=f"row {row}")
        found[key] = int(count)
        if len(found) > _ROWS:
            raise Malformed(Code.BAD_FILE, f"more than {_ROWS} rows", at=str(path))
    if not found:
        raise Malformed(Code.BAD_FILE, "nothing in it; columns: code, month, issued", at=str(path))
    return found


def _csv_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise Malformed(Code.BAD_FILE, "not UTF-8; save it as “CSV UTF-8”", at=str(path)) from e
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    try:
        yield from _with_headings(
            enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 1)
        )
    except csv.Error as e:
        raise Malformed(Code.BAD_FILE, f"not CSV: {e}", at=str(path)) from e


def _xlsx_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _UNPACKED_BYTES:
                raise Malformed(Code.BAD_FILE, "unpacks to too much", at=str(path))
        book = load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError) as e:
        raise Malformed(Code.BAD_FILE, "not an XLSX file", at=str(path)) from e
    try:
        yield from _with_headings(enumerate(book.worksheets[0].iter_rows(max_col=20, values_only=True), 1))
    finally:
        book.close()


def _json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        items = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as e:
        raise Malformed(Code.BAD_FILE, f"not JSON: {e}", at=str(path)) from e
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Malformed(Code.BAD_FILE, "not a list of objects", at=str(path))
    yield from enumerate(items, 1)


def _with_headings(rows: Iterable[tuple[int, Iterable[Any]]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    headings: list[str] | None = None
    for number, row in rows:
        cells = ["" if cell is None else cell for cell in row]
        if headings is not None:
            yield number, dict(zip(headings, cells, strict=False))
        elif any(cells):
            headings = [str(cell) for cell in cells]
