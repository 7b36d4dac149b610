"""Reads a list of organisations from a file that people keep, or that `organ_export` wrote: CSV, XLSX or JSON.

Only the form is checked here; whether parents and successors exist is the registry's business. Nothing is written.
Every error names the row as a spreadsheet counts it (the heading is row 1), in JSON the item (from 1).

A code may carry its period: `000.00.03.H24<2016-01-01..2025-03-01>`, either day left out for an open end. Former names
are a JSON list of {name, valid_from, valid_until, source}, in CSV and XLSX as text.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from axis.errors import AxisError, Code, Malformed, UnknownOrgan
from axis.ops.table_file import Cells, Rows, TableBounds, read_table
from axis.organ.model import OrganKind
from axis.organ.plan import MAX_CODE_CHARS, OldCode, OldName, OrganRow, is_day, is_usable_code

WordT = TypeVar("WordT")

MAX_FILE_BYTES = 32 << 20
MAX_UNPACKED_BYTES = 512 << 20  # an XLSX file is a ZIP
MAX_ROWS = 200_000
MAX_CELL_CHARS = 1_000
MAX_LIST_CHARS = 20_000  # of other codes, or former names
MAX_COLUMNS = 100
_LISTS = frozenset({"old_code", "former_names"})
_DATED = re.compile(r"([^<>]+)(?:<([0-9-]*)\.\.([0-9-]*)>)?")
_DEFUSED = re.compile(r"'+[=+\-@\t\r]")  # as organ_export writes what a spreadsheet would take for a formula

# Headings as they are compared: lower case, without accents, only letters, digits and single spaces.
_HEADINGS = {
    "code": ("code", "organ id", "ma", "ma dinh danh", "ma co quan", "ma don vi"),
    "name": ("name", "ten", "ten co quan", "ten don vi", "ten to chuc"),
    "parent": ("parent", "parent id", "ma cap tren", "cap tren", "don vi cap tren", "co quan cap tren", "ma cha"),
    "level": ("level", "cap"),
    "email": ("email", "mail", "thu dien tu", "hop thu"),
    "old_code": ("old code", "oldcode", "ma cu", "ma dinh danh cu"),
    "status": ("status", "trang thai"),
    "kind": ("kind", "loai", "loai hinh", "loai co quan"),
    "closed_on": ("closed on", "ngay dong", "ngay giai the", "ngay ngung hoat dong", "ngay sap nhap"),
    "former_names": ("former names", "ten cu", "ten truoc day"),
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
_KINDS = {kind.value.replace("_", " "): kind for kind in OrganKind} | {
    "bo": OrganKind.MINISTRY,
    "tinh": OrganKind.PROVINCE,
    "thanh pho": OrganKind.PROVINCE,
    "so": OrganKind.DEPARTMENT,
    "so ban nganh": OrganKind.DEPARTMENT,
    "quan": OrganKind.DISTRICT,
    "huyen": OrganKind.DISTRICT,
    "phuong": OrganKind.WARD,
    "xa": OrganKind.COMMUNE,
    "thi tran": OrganKind.TOWN,
    "dac khu": OrganKind.SPECIAL_ZONE,
    "don vi": OrganKind.UNIT,
    "don vi truc thuoc": OrganKind.UNIT,
    "doanh nghiep": OrganKind.ENTERPRISE,
    "khac": OrganKind.OTHER,
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
    bounds = TableBounds(file_bytes=MAX_FILE_BYTES, unpacked_bytes=MAX_UNPACKED_BYTES, columns=MAX_COLUMNS)
    return _read_rows(read_table(path, bounds, partial(_with_headings, file=str(path))), str(path))


def at_row(error: AxisError, lines: Iterable[OrganLine]) -> AxisError:
    """The registry's error about a code, as one that names the row of the file where that code stands."""
    standing: dict[str | None, int] = {}
    for line in lines:
        for code in _codes_in(line.organ, error):
            standing.setdefault(code, line.row)
    for word in error.detail.replace(":", " ").replace(",", " ").split():
        if word in standing:
            return type(error)(error.code, error.detail, at=f"row {standing[word]}, column {error.at}")
    return error


def _codes_in(organ: OrganRow, error: AxisError) -> Iterable[str | None]:
    """The codes by which an error names a row: what stands in the column where nobody knows it, else the row's own."""
    if error.at == "old_code":
        return [old if isinstance(old, str) else old.code for old in organ.old_codes]
    if isinstance(error, UnknownOrgan):
        return (organ.parent if error.at == "parent" else organ.successor,)
    return (organ.code,)


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
    status = _word(row, "status", cells.get("status"), _STATUSES)
    for column in ("successor", "closed_on"):
        if status == "active" and column in cells:
            raise _bad(row, column, "only a closed organisation has one")
    organ = OrganRow(
        code=cells["code"],
        name=cells["name"],
        parent=cells.get("parent"),
        level=_level(row, cells.get("level")),
        email=cells.get("email"),
        old_codes=_old_codes(row, cells.get("old_code", "")),
        status=status,
        successor=cells.get("successor"),
        kind=_word(row, "kind", cells.get("kind"), _KINDS),
        closed_on=_day(row, "closed_on", cells.get("closed_on")),
        former_names=_former_names(row, cells.get("former_names")),
    )
    return OrganLine(row=row, organ=organ)


def _check_code(row: int, column: str, code: str | None) -> None:
    if code is not None and not is_usable_code(code):
        detail = f"a code has at most {MAX_CODE_CHARS} characters and no spaces, commas, semicolons, bars or quotes"
        raise _bad(row, column, detail)


def _word(row: int, column: str, text: str | None, words: Mapping[str, WordT]) -> WordT | None:
    if text is None:
        return None
    word = words.get(_plain(text))
    if word is None:
        raise _bad(row, column, f"one of {', '.join(sorted({str(value) for value in words.values()}))}")
    return word


def _old_codes(row: int, text: str) -> tuple[str | OldCode, ...]:
    found: list[str | OldCode] = []
    for item in text.replace("|", " ").replace(";", " ").split():
        match = _DATED.fullmatch(item)
        if match is None:
            raise _bad(row, "old_code", "a code, or a code with its days: CODE<2016-01-01..2025-07-01>")
        code, begins, ends = match.groups()
        _check_code(row, "old_code", code)
        if begins is None:
            found.append(code)
            continue
        for day in (begins, ends):
            _day(row, "old_code", day)
        found.append(OldCode(code=code, valid_from=begins, valid_until=ends))
    return tuple(found)


def _day(row: int, column: str, text: str | None) -> str | None:
    if text and not is_day(text):
        raise _bad(row, column, "a day like 2025-07-01")
    return text


def _former_names(row: int, text: str | None) -> tuple[OldName, ...]:
    if text is None:
        return ()
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list):
        raise _bad(row, "former_names", "a JSON list of {name, valid_from, valid_until, source}")
    return tuple(_former_name(row, item) for item in items)


def _former_name(row: int, item: object) -> OldName:
    keys = ("name", "valid_from", "valid_until", "source")
    if not isinstance(item, dict) or not all(isinstance(item.get(key, ""), str) for key in keys):
        raise _bad(row, "former_names", "each is an object of texts: name, valid_from, valid_until, source")
    for day in ("valid_from", "valid_until"):
        _day(row, "former_names", item.get(day))
    if not item.get("name") or not item.get("valid_until"):
        raise _bad(row, "former_names", "each has a name, and the day until which it was borne")
    return OldName(**{key: item[key] for key in keys if key in item})


def _level(row: int, text: str | None) -> int | None:
    if text is None:
        return None
    if text not in ("1", "2", "3", "4"):
        raise _bad(row, "level", "a number from 1 to 4")
    return int(text)


def _text(value: Any, row: int, column: str) -> str:  # noqa: ANN401 - whatever a spreadsheet or JSON holds
    """A cell as trimmed text; spreadsheets keep `1` as 1.0 and days as moments, JSON may hold lists."""
    if value is None:
        return ""
    if isinstance(value, list) and column in _LISTS:
        value = _listed(value, row, column)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, datetime):
        value = value.date().isoformat()
    if isinstance(value, dict | list):
        raise _bad(row, column, "text or a number is expected")
    text = unicodedata.normalize("NFC", str(value)).strip()
    most = MAX_LIST_CHARS if column in _LISTS else MAX_CELL_CHARS
    if len(text) > most:
        raise _bad(row, column, f"longer than {most} characters")
    return text


def _listed(items: list[Any], row: int, column: str) -> str:
    """A list of JSON as the text that CSV has for it."""
    if column == "former_names":
        return json.dumps(items, ensure_ascii=False)
    codes = []
    for item in items:
        if isinstance(item, dict) and isinstance(item.get("code"), str):
            codes.append(f"{item['code']}<{item.get('valid_from') or ''}..{item.get('valid_until') or ''}>")
        elif isinstance(item, str):
            codes.append(item)
        else:
            raise _bad(row, column, "each is a code, or an object of code, valid_from, valid_until")
    return " ".join(codes)


def _plain(text: str) -> str:
    """A heading as it is compared: `Mã định danh ` and `MA_DINH_DANH` are one."""
    letters = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    kept = "".join(c if c.isalnum() else " " for c in letters if not unicodedata.combining(c))
    return " ".join(kept.split())


def _with_headings(rows: Cells, file: str) -> Rows:
    """Rows of cells as mappings by heading; the first row that is not empty holds the headings."""
    headings: list[str] = []
    for number, row in rows:
        cells = list(row)
        if headings:
            if any(cells[len(headings) :]):
                raise Malformed(Code.BAD_FILE, "more cells than headings", at=f"row {number}")
            yield number, dict(zip(headings, map(_armed, cells), strict=False))
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


def _armed(cell: Any) -> Any:  # noqa: ANN401 - whatever a spreadsheet holds
    """A cell without the apostrophe that kept a spreadsheet from taking it for a formula."""
    return cell[1:] if isinstance(cell, str) and _DEFUSED.match(cell) else cell


def _bad(row: int, column: str, detail: str) -> Malformed:
    return Malformed(Code.BAD_FILE, detail, at=f"row {row}, column {column}")
