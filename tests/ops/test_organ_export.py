"""A registry written to a file and read back is the same registry."""

import csv
import json
from pathlib import Path

import pytest
from openpyxl import load_workbook

from axis.errors import Code, Malformed
from axis.ops.organ_export import write_organ_file
from axis.ops.organ_file import read_organ_file
from axis.organ.model import OrganKind
from axis.organ.plan import OldCode, OldName, OrganRow
from axis.store.organs import known
from axis.store.registry import import_organs
from axis.store.store import Store
from tests.store.made import NOW

ROWS = (
    OrganRow(code="H24", name="Thành phố", level=1, kind=OrganKind.PROVINCE),
    OrganRow(
        code="H24.11",
        name="Sở Y tế",
        parent="H24",
        level=2,
        email="syt@demo.invalid",
        old_codes=(
            "000.00.11.H24",
            OldCode(code="000.00.12.H24", valid_from="2016-01-01", valid_until="2025-03-01"),
            OldCode(code="000.00.13.H24", valid_from="2025-03-01"),
        ),
        former_names=(
            OldName(name="Ty Y tế", valid_until="1986-01-01", source="sử"),
            OldName(name='Sở "Y tế"; <cũ> | 1', valid_from="1986-01-01", valid_until="2025-03-01"),
        ),
    ),
    OrganRow(code="H24.2", name='=HYPERLINK("http://x.invalid","a")', parent="H24", level=2),
    OrganRow(code="H24.3", name="+84", parent="H24"),
    OrganRow(code="H24.4", name="-1", parent="H24", email="@x"),
    OrganRow(code="H24.5", name="'=1", parent="H24"),
    OrganRow(code="H24.6", name="''", parent="H24"),
    OrganRow(code="H24.7", name="'tên'", parent="H24"),
    OrganRow(code="@lạ", name="a,b;c\"d'e", parent="H24", old_codes=("-x", "=y")),
    OrganRow(code="H24.10", name="Quận", parent="H24", status="closed", successor="H24.88", closed_on="2025-07-01"),
    OrganRow(code="H24.88", name="Phường", parent="H24", status="closed", successor="H24"),
)


async def fill(store: Store, rows: tuple[OrganRow, ...]) -> None:
    await store.write(lambda c: import_organs(c, rows, NOW, "tester"))


@pytest.mark.parametrize("suffix", ["csv", "json", "xlsx"])
async def test_export_import_export_is_the_same_file(
    store: Store, other_store: Store, tmp_path: Path, suffix: str
) -> None:
    await fill(store, ROWS)
    first, second = tmp_path / f"first.{suffix}", tmp_path / f"second.{suffix}"
    assert write_organ_file(first, await store.read(known)) == len(ROWS)
    await fill(other_store, tuple(line.organ for line in read_organ_file(first).lines))
    write_organ_file(second, await other_store.read(known))
    if suffix == "xlsx":
        assert values(first) == values(second)
    else:
        assert first.read_bytes() == second.read_bytes()
    was, became = await store.read(known), await other_store.read(known)
    assert (became.aliases, became.names) == (was.aliases, was.names)
    assert files_in(tmp_path) == [first.name, second.name]
    # and the same list again changes nothing
    again = tuple(line.organ for line in read_organ_file(second).lines)
    result = await store.write(lambda c: import_organs(c, again, NOW, "tester"))
    assert (result.added, result.changed) == (0, 0)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def values(path: Path) -> list[tuple[object, ...]]:
    sheet = load_workbook(path).worksheets[0]
    return list(sheet.iter_rows(values_only=True))


async def test_no_cell_is_a_formula(store: Store, tmp_path: Path) -> None:
    await fill(store, ROWS)
    path = tmp_path / "organs.csv"
    write_organ_file(path, await store.read(known))
    assert path.read_bytes().startswith(b"\xef\xbb\xbfcode,")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    write_organ_file(tmp_path / "organs.xlsx", await store.read(known))
    sheet = load_workbook(tmp_path / "organs.xlsx").worksheets[0]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "inlineStr"}
    assert [row[0] for row in values(tmp_path / "organs.xlsx")] == [row[0] for row in rows]
    assert [row[0] for row in rows[1:]][1:4] == ["H24", "H24.2", "H24.3"]  # in the order in which people look


async def test_json_has_no_apostrophes_and_whole_values(store: Store, tmp_path: Path) -> None:
    await fill(store, ROWS)
    path = tmp_path / "organs.json"
    write_organ_file(path, await store.read(known))
    items = {item["code"]: item for item in json.loads(path.read_text(encoding="utf-8"))}
    assert items["H24.3"]["name"] == "+84"
    assert items["H24.10"]["closed_on"] == "2025-07-01"
    assert items["H24.11"]["old_code"][0] == "000.00.11.H24"
    assert items["H24.11"]["old_code"][1]["valid_until"] == "2025-03-01"


async def test_a_file_that_cannot_be_written_leaves_what_was_there(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "organs.csv"
    path.write_text("what was there")
    registry = await store.read(known)
    with pytest.raises(Malformed) as refused:
        write_organ_file(tmp_path / "organs.doc", registry)
    assert refused.value.code is Code.BAD_FILE
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_organ_file(path, registry)
    assert files_in(tmp_path) == ["organs.csv"]
    assert path.read_text() == "what was there"
