"""Reads a list of organisations from a file that people keep: CSV, XLSX or JSON.

Only the form is checked here; whether parents and successors exist is the registry's business. Nothing is written.
Every error names the row as a spreadsheet counts it (the heading is row 1), in JSON the item (from 1).
"""

import csv
import io
import json
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from axis.errors import AxisError, Code, Malformed
from axis.store.registry import OrganRow

MAX_FILE_BYTES = 32 << 20
MAX_UNPACKED_BYTES = 512 << 20  # an XLSX file is a ZIP
MAX_ROWS = 200_000
MAX_CELL_CHARS = 1_000
MAX_COLUMNS = 100
_MAX_CODE_CHARS = 128

# Headings as they are compared: lower case, without accents, only letters, digits and single spaces.
_HEADINGS = {
    "code": ("code", "organ id", "ma", "ma dinh danh", "ma co quan", "ma don vi"),
    "name": ("name", "ten", "ten co quan", "ten don vi", "ten to chuc"),
    "parent": ("parent", "parent id", "ma cap tren", "cap tren", "don vi cap tren", "co quan cap tren", "ma cha"),
    "level": ("level", "cap"),
    "email": ("email", "mail", "thu dien tu", "hop thu"),
    "old_code": ("old code", "oldcode", "ma cu", "ma dinh danh cu"),
    "status": ("status", "trang thai"),
    "successor": ("successor", "successor id", "ke thua", "co quan ke thua", "don vi ke thua", "ma ke thua"),
}
_COLUMN_OF = {heading: column for column, headings in _HEADINGS.items() for heading in headings}
_STATUSES = {
    "active": "active",
    "hoat dong": "active",
    "dang hoat dong": "active",
    "closed": "closed",
    "dong": "closed",
    "da dong": "closed",
    "giai the": "closed",
    "da giai the": "closed",
    "ngung hoat dong": "closed",
    "sap nhap": "closed",
    "da sap nhap": "closed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganLine:
    """One organisation as the file has it. An empty cell says nothing: what is known stays."""

    row: int  # where it stands
    organ: OrganRow


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganFile:
    """What a file holds."""

    lines: tuple[OrganLine, ...]
    ignored_columns: tuple[str, ...]  # headings that mean nothing to us


def read_organ_file(path: Path) -> OrganFile:
    """Read a list of organisations; the form goes by the file's name, .csv, .xlsx or .json.

    CSV is UTF-8 with or without a BOM, its columns divided by comma, semicolon or tab.
    Raises Malformed(BAD_FILE, at=row and column, or the file).
    """
    readers = {".csv": _csv_rows, ".txt": _csv_rows, ".xlsx": _xlsx_rows, ".json": _json_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise Malformed(Code.BAD_FILE, "the file's name has to end in .csv, .xlsx or .json", at=str(path))
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise Malformed(Code.BAD_FILE, f"larger than {MAX_FILE_BYTES >> 20} MiB", at=str(path))
        return _read_rows(reader(path), str(path))
    except OSError as e:
        raise Malformed(Code.BAD_FILE, f"cannot be read: {e.strerror or e}", at=str(path)) from e


def at_row(error: AxisError, lines: Iterable[OrganLine]) -> AxisError:
    """The registry's error about a code, as one that names the row of the file where that code stands."""
    codes = {part.strip(" ,:") for part in error.detail.replace(":", " ").split()}
    for line in lines:
        organ = line.organ
        cells: dict[str | None, tuple[str | None, ...]] = {
            "code": (organ.code,),
            "parent": (organ.parent,),
            "successor": (organ.successor,),
            "old_code": organ.old_codes,
        }
        if error.at in cells and codes.intersection(filter(None, cells[error.at])):
            return type(error)(error.code, error.detail, at=f"row {line.row}, column {error.at}")
    return error


def _read_rows(rows: Iterable[tuple[int, Mapping[str, Any]]], file: str) -> OrganFile:
    lines: list[OrganLine] = []
    ignored: dict[str, None] = {}
    first_row: dict[str, int] = {}
    for row, cells in rows:
        known: dict[str, str] = {}
        for heading, value in cells.items():
            column = _COLUMN_OF.get(_plain(heading))
            if column is None:
                ignored[heading] = None
            elif text := _text(value, row, column):
                known[column] = text
        if not known:
            continue  # an empty row
        line = _line(row, known)
        code = line.organ.code
        if code in first_row:
            raise _bad(row, "code", f"{code} stands in row {first_row[code]} already")
        first_row[code] = row
        lines.append(line)
        if len(lines) > MAX_ROWS:
            raise Malformed(Code.BAD_FILE, f"more than {MAX_ROWS} rows", at=file)
    if not lines:
        raise Malformed(Code.BAD_FILE, "no organisation in it", at=file)
    return OrganFile(lines=tuple(lines), ignored_columns=tuple(filter(None, ignored)))


def _line(row: int, cells: Mapping[str, str]) -> OrganLine:
    for column in ("code", "name"):
        if column not in cells:
            raise _bad(row, column, "must be given")
    for column in ("code", "parent", "successor"):
        _check_code(row, column, cells.get(column))
    old_codes = tuple(cells.get("old_code", "").replace("|", " ").replace(";", " ").split())
    for old_code in old_codes:
        _check_code(row, "old_code", old_code)
    status = _STATUSES.get(_plain(cells["status"])) if "status" in cells else None
    if status is None and "status" in cells:
        raise _bad(row, "status", "neither active nor closed")
    if status != "closed" and "successor" in cells:
        raise _bad(row, "successor", "only a closed organisation has one")
    organ = OrganRow(
        code=cells["code"],
        name=cells["name"],
        parent=cells.get("parent"),
        level=_level(row, cells.get("level")),
        email=cells.get("email"),
        old_codes=old_codes,
        status=status,
        successor=cells.get("successor"),
    )
    return OrganLine(row=row, organ=organ)


def _check_code(row: int, column: str, code: str | None) -> None:
    if code is None:
        return
    if len(code) > _MAX_CODE_CHARS or not code.isprintable() or any(c.isspace() or c in ',"<>' for c in code):
        raise _bad(row, column, f"a code has at most {_MAX_CODE_CHARS} characters and no spaces, commas or quotes")


def _level(row: int, text: str | None) -> int | None:
    if text is None:
        return None
    if text not in ("1", "2", "3", "4"):
        raise _bad(row, "level", "a number from 1 to 4")
    return int(text)


def _text(value: Any, row: int, column: str) -> str:  # noqa: ANN401 - whatever a spreadsheet or JSON holds
    """A cell as trimmed text; spreadsheets keep `1` as 1.0, JSON may hold a list of old codes."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = " ".join(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        value = str(value) if not isinstance(value, dict | list) else None
    if value is None:
        raise _bad(row, column, "text or a number is expected")
    text = unicodedata.normalize("NFC", str(value)).strip()
    if len(text) > MAX_CELL_CHARS:
        raise _bad(row, column, f"longer than {MAX_CELL_CHARS} characters")
    return text


def _plain(text: str) -> str:
    """A heading as it is compared: `Mã định danh ` and `MA_DINH_DANH` are one."""
    letters = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    kept = "".join(c if c.isalnum() else " " for c in letters if not unicodedata.combining(c))
    return " ".join(kept.split())


def _csv_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise Malformed(Code.BAD_FILE, "not UTF-8; save it as “CSV UTF-8”", at=str(path)) from e
    heading_line = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(",;\t", key=heading_line.count)
    # strict: a quote that is never closed is an error and does not swallow the rest of the file
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from _with_headings(enumerate(reader, start=1), str(path))
    except csv.Error as e:
        raise Malformed(Code.BAD_FILE, f"not CSV: {e}", at=f"line {reader.line_num}") from e


def _xlsx_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The first sheet. Formulas count by the value that was saved with them."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MAX_UNPACKED_BYTES:
            raise Malformed(Code.BAD_FILE, f"unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB", at=str(path))
        book = load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError) as e:
        raise Malformed(Code.BAD_FILE, "not an XLSX file", at=str(path)) from e
    try:
        sheet = book.worksheets[0]
        rows = sheet.iter_rows(max_col=MAX_COLUMNS, values_only=True)
        yield from _with_headings(enumerate(rows, start=1), str(path))
    finally:
        book.close()


def _json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        items = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as e:
        raise Malformed(Code.BAD_FILE, f"not JSON: {e}", at=str(path)) from e
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Malformed(Code.BAD_FILE, "not a list of objects", at=str(path))
    yield from enumerate(items, start=1)


def _with_headings(rows: Iterable[tuple[int, Iterable[Any]]], file: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Rows of cells as mappings by heading; the first row that is not empty holds the headings."""
    headings: list[str] = []
    for number, row in rows:
        cells = list(row)
        if headings:
            if any(cells[len(headings) :]):
                raise Malformed(Code.BAD_FILE, "more cells than headings", at=f"row {number}")
            yield number, dict(zip(headings, cells, strict=False))
            continue
        texts = ["" if cell is None else str(cell).strip() for cell in cells]
        if not any(texts):
            continue
        columns = [_COLUMN_OF.get(_plain(text)) for text in texts]
        for column in ("code", "name"):
            if column not in columns:
                raise Malformed(Code.BAD_FILE, f"no column {column} among the headings", at=f"row {number}")
        twice = {column for column in columns if column is not None and columns.count(column) > 1}
        if twice:
            raise Malformed(Code.BAD_FILE, f"two columns mean {min(twice)}", at=f"row {number}")
        headings = texts
    if not headings:
        raise Malformed(Code.BAD_FILE, "the file is empty", at=file)


def _bad(row: int, column: str, detail: str) -> Malformed:
    return Malformed(Code.BAD_FILE, detail, at=f"row {row}, column {column}")
