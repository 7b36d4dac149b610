"""A list of organisations comes in as people keep it, and every mistake is named by its row."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from openpyxl import Workbook

from axis.errors import Code, Malformed, UnknownOrgan
from axis.ops import organ_file
from axis.ops.organ_file import OrganLine, at_row, read_organ_file
from axis.resources import resource
from axis.store.registry import OrganRow

EXPECTED = (
    OrganLine(row=2, organ=OrganRow(code="H24", name="Thành phố Hải Phòng", level=1)),
    OrganLine(
        row=3,
        organ=OrganRow(
            code="H24.3",
            name="Sở Xây dựng; Hải Phòng",
            parent="H24",
            level=2,
            email="sxd@demo.invalid",
            old_codes=("000.00.03.H24",),
            status="active",
        ),
    ),
    OrganLine(
        row=4,
        organ=OrganRow(code="H24.21", name="Quận Lê Chân", parent="H24", status="closed", successor="H24.3"),
    ),
)


def written(folder: Path, text: str | bytes, name: str = "organs.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_csv_file_with_commas_is_read_with_and_without_a_bom(tmp_path: Path, bom: bytes) -> None:
    text = (
        "code,name,parent,level,email,old_code,status,successor\r\n"
        "H24,Thành phố Hải Phòng,,1,,,,\r\n"
        'H24.3,"Sở Xây dựng; Hải Phòng",H24,2,sxd@demo.invalid,000.00.03.H24,active,\r\n'
        "H24.21,Quận Lê Chân,H24,,,,closed,H24.3\r\n"
    )
    assert read_organ_file(written(tmp_path, bom + text.encode())).lines == EXPECTED


def test_semicolons_and_vietnamese_headings_are_understood(tmp_path: Path) -> None:
    text = (
        "Mã định danh;Tên cơ quan;Mã cấp trên;Cấp;Thư điện tử;Mã cũ;Trạng thái;Kế thừa;Ghi chú\n"
        "H24;Thành phố Hải Phòng;;1;;;;;x\n"
        'H24.3;"Sở Xây dựng; Hải Phòng";H24;2;sxd@demo.invalid;000.00.03.H24;Hoạt động;;\n'
        "H24.21;Quận Lê Chân;H24;;;;Giải thể;H24.3;\n"
    )
    read = read_organ_file(written(tmp_path, text))
    assert read.lines == EXPECTED
    assert read.ignored_columns == ("Ghi chú",)


def test_a_spreadsheet_is_read_with_its_numbers_as_text(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ("Code", "Name", "Parent", "Level", "Email", "Old code", "Status", "Successor"),
        ("H24", "Thành phố Hải Phòng", None, 1.0, None, None, None, None),
        ("H24.3", "Sở Xây dựng; Hải Phòng", "H24", 2, "sxd@demo.invalid", "000.00.03.H24", "active", None),
        ("H24.21", "Quận Lê Chân", "H24", None, None, None, "closed", "H24.3"),
    ):
        sheet.append(row)
    path = tmp_path / "organs.xlsx"
    book.save(path)
    assert read_organ_file(path).lines == EXPECTED


def test_a_json_list_is_read(tmp_path: Path) -> None:
    items = [
        {"code": "H24", "name": "Thành phố Hải Phòng", "level": 1, "parent": None},
        {
            "code": "H24.3",
            "name": "Sở Xây dựng; Hải Phòng",
            "parent": "H24",
            "level": 2,
            "email": "sxd@demo.invalid",
            "old_code": ["000.00.03.H24"],
            "status": "active",
        },
        {"code": "H24.21", "name": "Quận Lê Chân", "parent": "H24", "status": "closed", "successor": "H24.3"},
    ]
    lines = read_organ_file(written(tmp_path, json.dumps(items), "organs.json")).lines
    assert [line.organ for line in lines] == [line.organ for line in EXPECTED]
    assert [line.row for line in lines] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("code,name\nH24,Thành phố\n,Sở Xây dựng\n", "row 3, column code"),
        ("code,name\nH24,\n", "row 2, column name"),
        ("code,name,level\nH24,A,1\nH24.1,B,5\n", "row 3, column level"),
        ("code,name,level\nH24,A,một\n", "row 2, column level"),
        ("code,name\nH24,A\n\nH24,B\n", "row 4, column code"),
        ("code,name,status\nH24,A,mở\n", "row 2, column status"),
        ("code,name,status,successor\nH24,A,active,H25\n", "row 2, column successor"),
        ("code,name,status,closed_on\nH24,A,active,2025-07-01\n", "row 2, column closed_on"),
        ("code,name,status,closed_on\nH24,A,closed,01/07/2025\n", "row 2, column closed_on"),
        ("code,name,status,closed_on\nH24,A,closed,2025-02-30\n", "row 2, column closed_on"),
        ("code,name,kind\nH24,A,làng\n", "row 2, column kind"),
        ("code,name,old_code\nH24,A,X<2025>\n", "row 2, column old_code"),
        ("code,name,old_code\nH24,A,X<2025-01-01..2025-13-01>\n", "row 2, column old_code"),
        ("code,name,former_names\nH24,A,Tên cũ\n", "row 2, column former_names"),
        ("code,name,former_names\nH24,A," + "[" * 20_000 + "\n", "row 2, column former_names"),
        ('code,name,former_names\nH24,A,"[{""name"": ""B""}]"\n', "row 2, column former_names"),
        (
            'code,name,former_names\nH24,A,"[{""name"": 1, ""valid_until"": ""2025-07-01""}]"\n',
            "row 2, column former_names",
        ),
        (
            'code,name,former_names\nH24,A,"[{""name"": ""B"", ""valid_until"": ""mai""}]"\n',
            "row 2, column former_names",
        ),
        ("code,name\nH 24,A\n", "row 2, column code"),
        ("code,name,parent\nH24.1,A,<H24>\n", "row 2, column parent"),
        ("code,title\nH24,A\n", "row 1"),
        ("code,name,mã\nH24,A,H25\n", "row 1"),
        ("code,name\nH24,A,stray\n", "row 2"),
        ('code,name\nH24,"never closed\n', "line 2"),
        ("code,name\nH24," + "x" * (organ_file.MAX_CELL_CHARS + 1) + "\n", "row 2, column name"),
        ("code,name\n" + "H" * 129 + ",A\n", "row 2, column code"),
    ],
)
def test_a_mistake_is_named_by_its_row(tmp_path: Path, text: str, at: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_organ_file(written(tmp_path, text))
    assert (refused.value.code, refused.value.at) == (Code.BAD_FILE, at)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("organs.csv", b""),
        ("organs.csv", b"code,name\n"),
        ("organs.csv", "code,name\nH24,Hải Phòng\n".encode("utf-16")),
        ("organs.json", b"{}"),
        ("organs.json", b"[" * 100_000),
        ("organs.json", b'[{"code": {"a": 1}, "name": "A"}]'),
        ("organs.xlsx", b"code,name"),
        ("organs.xlsx", b"PK\x05\x06" + bytes(18)),
        ("organs.doc", b"code,name\nH24,A\n"),
    ],
)
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        read_organ_file(written(tmp_path, content, name))
    assert refused.value.code is Code.BAD_FILE


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed) as refused:
        read_organ_file(tmp_path / "none.csv")
    assert refused.value.code is Code.BAD_FILE


def test_too_large_a_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(organ_file, "MAX_FILE_BYTES", 10)
    with pytest.raises(Malformed, match="larger than"):
        read_organ_file(written(tmp_path, "code,name\nH24,A\n"))


def test_too_many_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(organ_file, "MAX_ROWS", 2)
    with pytest.raises(Malformed, match="more than 2 rows"):
        read_organ_file(written(tmp_path, "code,name\n" + "".join(f"H{n},A\n" for n in range(3))))


def test_a_spreadsheet_that_unpacks_beyond_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Workbook()
    path = tmp_path / "organs.xlsx"
    book.save(path)
    monkeypatch.setattr(organ_file, "MAX_UNPACKED_BYTES", 100)
    with pytest.raises(Malformed, match="unpacks to more"):
        read_organ_file(path)


@pytest.mark.parametrize("name", ["organs-demo.csv", "organs-demo-national.csv"])
def test_the_demo_organisations_are_complete(name: str) -> None:
    organs = [line.organ for line in read_organ_file(resource(f"config/{name}")).lines]
    codes = {organ.code for organ in organs}
    assert all(organ.parent in codes for organ in organs if organ.parent)
    assert all(organ.successor in codes for organ in organs if organ.status == "closed")


@pytest.mark.parametrize(
    ("detail", "at", "row"),
    [
        ("H99", "successor", "row 4, column successor"),
        ("H24", "parent", "row 3, column parent"),
        ("000.00.03.H24 is another code of H9 already", "old_code", "row 3, column old_code"),
        ("registered, and old codes of others: 000.00.03.H24", "old_code", "row 3, column old_code"),
        ("H77", "parent", "parent"),
    ],
)
def test_an_error_of_the_registry_is_led_back_to_its_row(detail: str, at: str, row: str) -> None:
    closed = replace(EXPECTED[2].organ, successor="H99")
    lines = (*EXPECTED[:2], OrganLine(row=4, organ=closed))
    error = at_row(UnknownOrgan(Code.NOT_FOUND, detail, at=at), lines)
    assert (type(error), error.at) == (UnknownOrgan, row)
