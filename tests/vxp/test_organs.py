"""Lists of organisations as other axes write them."""

from typing import Any

from adapters.vxp.organs import organ_list, parents_are_listed
from adapters.vxp.replies import Agency, ReplyRow, read_agency
from axis.organ.sync import ListedOrgan


def agency(code: str, **row: Any) -> Agency:
    return read_agency(ReplyRow({"code": code, "name": f"tên {code}"} | row))


def test_a_parent_is_named_by_its_id_in_the_list_or_by_its_code() -> None:
    units = [
        agency("G22", id="17", pid="0", version="5", isAgency="true"),
        agency("G22.4", id="18", pid="17", version=7, deleted="1", isAgency=False, mail="a@b.invalid"),
        agency("G22.5", id="19", pid="G22"),
        agency("", id="20", pid="17"),
    ]
    leveled = {1: [agency("G22", code102="000.00.00.G22")], 2: [agency("G22.4"), agency("G22.9")]}
    listed = organ_list(units, leveled)
    assert listed.version == 7
    assert listed.organs == (
        ListedOrgan(code="G22", name="tên G22", parent_code="", level=1, old_codes=("000.00.00.G22",), is_unit=False),
        ListedOrgan(
            code="G22.4", name="tên G22.4", parent_code="G22", level=2, email="a@b.invalid", closed=True, is_unit=True
        ),
        ListedOrgan(code="G22.5", name="tên G22.5", parent_code="G22"),
    )


def test_a_part_of_a_list_tells_parents_only_if_they_are_in_it_or_named_by_code() -> None:
    assert parents_are_listed([])
    assert parents_are_listed([agency("A", id="1"), agency("B", id="2", pid="1"), agency("C", pid="B")])
    assert parents_are_listed([agency("C", id="3", pid="H24.1")])
    assert not parents_are_listed([agency("C", id="3", pid="1")])
