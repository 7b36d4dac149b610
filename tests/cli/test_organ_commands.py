"""Organisations come in from a file, all or none, and are closed but never erased."""

import json

from openpyxl import Workbook

from tests.cli.conftest import Home


def organs(home: Home) -> dict[str, dict[str, object]]:
    return {organ["code"]: organ for organ in home.axis("org", "list", "--json").json}


def test_the_list_has_every_organisation_with_all_it_is_known_by(home: Home) -> None:
    assert home.axis("system", "add", "so-xd", "--serves", "H24.3").code == 0
    listed = organs(home)
    assert len(listed) == 15
    assert listed["H24.3.12"] == {
        "code": "H24.3.12",
        "name": "Ban Quản lý dự án hạ tầng đô thị",
        "parent": "H24.3",
        "level": 3,
        "kind": None,
        "email": "vanthu.bqlht@demo.invalid",
        "old_code": ["000.12.03.H24"],
        "status": "active",
        "successor": None,
        "system": "so-xd",
    }
    assert (listed["H24.21"]["status"], listed["H24.21"]["successor"]) == ("closed", "H24.42")
    shown = home.axis("org", "list").out
    assert "Ban Quản lý dự án hạ tầng đô thị" in shown


def test_a_spreadsheet_changes_what_it_names_and_leaves_the_rest(home: Home) -> None:
    book = Workbook()
    assert book.active is not None
    for row in (("Mã", "Tên cơ quan", "Mã cấp trên"), ("H24.3", "Sở Xây dựng mới", "H24"), ("H24.70", "Sở mới", "H24")):
        book.active.append(row)
    file = home.path / "organs.xlsx"
    book.save(file)
    ran = home.axis("org", "import", file)
    assert (ran.code, "Added 1, changed 1, left 0" in ran.err) == (0, True)
    listed = organs(home)
    assert (listed["H24.3"]["name"], listed["H24.3"]["email"]) == ("Sở Xây dựng mới", "vanthu.sxd@demo.invalid")
    assert listed["H24.70"]["parent"] == "H24"


def test_a_file_with_one_mistake_changes_nothing_and_names_the_row(home: Home) -> None:
    file = home.path / "organs.csv"
    file.write_text("code,name,parent\nH24.70,Sở mới,H24\nH24.71,Sở lạc,H99\n")
    ran = home.axis("org", "import", file)
    assert (ran.code, "row 3, column parent" in ran.err) == (1, True)
    file.write_text("code,name,level\nH24.70,Sở mới,2\nH24.71,Sở lạc,hai\n")
    ran = home.axis("org", "import", file)
    assert (ran.code, "row 3, column level" in ran.err) == (2, True)
    file = home.path / "organs.json"
    file.write_text(json.dumps([{"code": "H24.70", "name": "A"}, {"code": "H24.71"}]))
    ran = home.axis("org", "import", file)
    assert (ran.code, "row 2, column name" in ran.err) == (2, True)
    assert len(organs(home)) == 15


def test_columns_that_mean_nothing_are_named(home: Home) -> None:
    file = home.path / "organs.csv"
    file.write_text("code,name,sucessor\nH24.70,Sở mới,\n")
    assert "sucessor" in home.axis("org", "import", file).err


def test_an_organisation_is_closed_and_its_successor_known(home: Home) -> None:
    ran = home.axis("org", "close", "H24.44", "--successor", "H24.43")
    assert ran.code == 0
    closed = organs(home)["H24.44"]
    assert (closed["status"], closed["successor"]) == ("closed", "H24.43")


def test_an_organisation_that_others_depend_on_or_nobody_knows_is_not_closed(home: Home) -> None:
    before = organs(home)
    for arguments, word in (
        (("H24",), "organ_in_use"),
        (("H99",), "not_found"),
        (("H24.44", "--successor", "H99"), "not_found"),
        (("H24.44", "--successor", "H24.44"), "organ_cycle"),
    ):
        ran = home.axis("org", "close", *arguments)
        assert (ran.code, word in ran.err) == (1, True), arguments
    assert organs(home) == before
