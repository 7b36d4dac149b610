"""Lists of how many documents organisations issued in a month, as people make them: CSV, XLSX or JSON.

Columns code, month (2026-11 or 11/2026) and issued. Every mistake names its row; nothing is guessed.
"""

import re
from pathlib import Path

from axis.errors import Code, Malformed
from axis.ops.table_file import Cells, Rows, TableBounds, read_table

_BOUNDS = TableBounds(file_bytes=4 << 20, unpacked_bytes=64 << 20, columns=20)
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
    return _read(read_table(path, _BOUNDS, _with_headings), path)


def month_of(text: str) -> str | None:
    """`2026-11` of 2026-11, 11/2026 or a date of that month; None when it is none of these."""
    match = _ISO.fullmatch(text.strip()) or _LOCAL.fullmatch(text.strip())
    if match is None or not 1 <= int(match["month"]) <= 12:  # noqa: PLR2004 - months
        return None
    return f"{match['year']}-{int(match['month']):02}"


def _read(rows: Rows, path: Path) -> dict[tuple[str, str], int]:
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


def _with_headings(rows: Cells) -> Rows:
    headings: list[str] | None = None
    for number, row in rows:
        cells = ["" if cell is None else cell for cell in row]
        if headings is not None:
            yield number, dict(zip(headings, cells, strict=False))
        elif any(cells):
            headings = [str(cell) for cell in cells]
