"""Writes the registry of organisations to a file that `organ_file` reads back: CSV, XLSX or JSON.

Complete: other codes with their periods, former names, successors. Reading it into an empty node and writing it again
gives the same bytes (CSV, JSON). A cell that a spreadsheet would take for a formula begins with an apostrophe, which
reading takes away.
"""

import csv
import io
import json
import os
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from axis.clock import local_day
from axis.errors import Code, Malformed
from axis.organ.codes import sort_key
from axis.organ.model import Alias, FormerName, Organ
from axis.organ.plan import Known

COLUMNS = (
    *("code", "name", "parent", "level", "kind", "email"),
    *("old_code", "status", "successor", "closed_on", "former_names"),
)
_DANGEROUS = re.compile(r"'*[=+\-@\t\r]")

Item = dict[str, Any]


def write_organ_file(path: Path, known: Known) -> int:
    """Write all organisations, in the order of their codes; the form goes by the file's name. Returns how many.

    The file is there whole, or as it was. Raises Malformed(BAD_FILE), OSError.
    """
    writers: dict[str, Callable[[list[Item]], bytes]] = {".csv": _csv, ".xlsx": _xlsx, ".json": _json}
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise Malformed(Code.BAD_FILE, "the file's name has to end in .csv, .xlsx or .json", at=str(path))
    items = _items(known)
    content = writer(items)
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return len(items)


def _items(known: Known) -> list[Item]:
    aliases: defaultdict[str, list[Alias]] = defaultdict(list)
    for alias in known.aliases:
        aliases[alias.organ_id].append(alias)
    names: defaultdict[str, list[FormerName]] = defaultdict(list)
    for name in known.names:
        names[name.organ_id].append(name)
    organs = sorted(known.organs, key=lambda organ: (sort_key(organ.organ_id), organ.organ_id))
    return [_item(organ, aliases[organ.organ_id], names[organ.organ_id]) for organ in organs]


def _item(organ: Organ, aliases: list[Alias], names: list[FormerName]) -> Item:
    return {
        "code": organ.organ_id,
        "name": organ.name,
        "parent": organ.parent_id,
        "level": organ.level,
        "kind": organ.kind,
        "email": organ.email,
        "old_code": [
            {"code": one.alias, "valid_from": one.valid_from, "valid_until": one.valid_until}
            if one.valid_from or one.valid_until
            else one.alias
            for one in sorted(aliases, key=lambda one: (one.alias, one.valid_from))
        ],
        "status": organ.status,
        "successor": organ.successor_id,
        "closed_on": local_day(organ.closed_at) if organ.closed_at else None,
        "former_names": [
            {"name": one.name, "valid_from": one.valid_from, "valid_until": one.valid_until, "source": one.source}
            for one in sorted(names, key=lambda one: one.valid_until)
        ],
    }


def _json(items: list[Item]) -> bytes:
    """One organisation a line: two exports are compared line by line."""
    lines = (json.dumps(item, ensure_ascii=False) for item in items)
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


def _csv(items: list[Item]) -> bytes:
    """With a BOM, so that Excel reads it as UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(map(_cells, items))
    return text.getvalue().encode("utf-8-sig")


def _xlsx(items: list[Item]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("organisations")
    sheet.append(COLUMNS)
    for item in items:
        sheet.append(_cells(item))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _cells(item: Item) -> list[str]:
    """A row of a spreadsheet, all texts."""
    codes = [
        one if isinstance(one, str) else f"{one['code']}<{one['valid_from']}..{one['valid_until']}>"
        for one in item["old_code"]
    ]
    names = json.dumps(item["former_names"], ensure_ascii=False) if item["former_names"] else ""
    cells = item | {"old_code": " ".join(codes), "former_names": names}
    return [_defused("" if cells[column] is None else str(cells[column])) for column in COLUMNS]


def _defused(text: str) -> str:
    return f"'{text}" if _DANGEROUS.match(text) else text
