"""Codes, aliases and successions."""

from datetime import UTC, datetime

import pytest

from axis.organ.codes import canonical_form, is_within
from axis.organ.model import Alias, Organ
from axis.organ.registry import Registry

AT = datetime(2025, 7, 1, tzinfo=UTC)


def organ(code: str, parent: str | None = None, *, successor: str | None = None, closed: bool = False) -> Organ:
    status = "closed" if closed or successor else "active"
    return Organ(organ_id=code, name=code, parent_id=parent, status=status, successor_id=successor, created_at=AT)


@pytest.fixture
def city() -> Registry:
    return Registry(
        [
            organ("H24"),
            organ("H24.11", "H24"),
            organ("H24.11.3", "H24.11"),
            organ("H24.30", "H24", successor="H24.31"),
            organ("H24.31", "H24", successor="H24.88"),
            organ("H24.88", "H24"),
            organ("H24.40", "H24", closed=True),
            organ("so-y-te", "H24"),
        ],
        {"000.00.11.H24": "H24.11", "H23.5": "H24.88"},
    )


@pytest.mark.parametrize(
    ("code", "form"),
    [
        ("000.00.00.H24", "H24"),
        (" H24 ", "H24"),
        ("000.00.11.H24", "000.00.11.H24"),
        ("000.00.00.", "000.00.00."),
        ("000.00.00.A.B", "000.00.00.A.B"),
        ("so-\u00d0ieu", "so-\u0110ieu"),
    ],
)
def test_only_pure_level_one_codes_are_mapped_without_the_registry(code: str, form: str) -> None:
    assert canonical_form(code) == form


@pytest.mark.parametrize(
    ("code", "inside"),
    [("H24", True), ("H24.1", True), ("000.00.15.H24", True), ("H240", False), ("H240.1", False), ("XH24", False)],
)
def test_a_code_lies_within_a_tree_in_either_form(code: str, inside: bool) -> None:
    assert is_within(code, "H24") is inside


def test_any_code_of_an_organisation_finds_it(city: Registry) -> None:
    for code in ("H24.11", "000.00.11.H24", " 000.00.11.H24"):
        found = city.find(code)
        assert found is not None
        assert found.organ_id == "H24.11"
    assert city.find("000.00.00.H24") is city.find("H24")
    assert city.find("so-y-te") is not None
    assert city.find("SO-Y-TE") is None


def test_a_closed_organisation_leads_to_the_last_of_its_successors(city: Registry) -> None:
    resolved = city.resolve("H24.30")
    assert resolved is not None
    assert (resolved.organ.organ_id, resolved.succeeded) == ("H24.88", True)
    assert city.canonical("H24.30") == "H24.88"


def test_a_closed_organisation_without_a_successor_is_itself(city: Registry) -> None:
    resolved = city.resolve("H24.40")
    assert resolved is not None
    assert resolved.organ.is_closed
    assert not resolved.succeeded


def test_an_unregistered_code_keeps_its_canonical_form(city: Registry) -> None:
    assert city.resolve("G22") is None
    assert city.canonical("000.00.00.G22") == "G22"


def test_a_loop_of_successors_ends() -> None:
    registry = Registry([organ("A", successor="B"), organ("B", successor="A")], {})
    assert registry.resolve("A") is not None


def test_lineage_goes_up_and_survives_a_loop(city: Registry) -> None:
    assert list(city.lineage("H24.11.3")) == ["H24.11.3", "H24.11", "H24"]
    assert list(Registry([organ("A", "B"), organ("B", "A")], {}).lineage("A")) == ["A", "B"]


def test_relatives_stand_in_one_line(city: Registry) -> None:
    assert city.is_relative("H24", "H24.11.3")
    assert city.is_relative("H24.11.3", "H24")
    assert not city.is_relative("H24.11", "H24.88")


def found(organs: list[Organ], aliases: dict[str, str], code: str) -> str | None:
    organ = Registry(organs, aliases).find(code)
    return None if organ is None else organ.organ_id


def test_a_code_of_the_other_form_finds_the_organisation_that_it_can_only_mean() -> None:
    assert found([organ("H24.11")], {}, "000.00.11.H24") == "H24.11"
    assert found([organ("H24.11.3.5")], {}, "005.03.11.H24") == "H24.11.3.5"
    assert found([organ("000.00.11.H24")], {}, "H24.11") == "000.00.11.H24"
    assert found([organ("H24.03")], {}, "000.00.03.H24") == "H24.03"
    assert found([organ("H24.11")], {}, "005.00.11.H24") is None
    assert found([organ("H24.3")], {}, "H24.03") is None
    assert found([organ("H24.03")], {}, "H24.3") is None


def test_a_registered_other_code_wins_over_the_shape() -> None:
    both = [organ("H24.11"), organ("H24.15")]
    assert found(both, {"000.00.11.H24": "H24.15"}, "000.00.11.H24") == "H24.15"
    assert found([organ("000.00.11.H24"), organ("H24.15")], {"H24.11": "H24.15"}, "H24.11") == "H24.15"


def test_nothing_is_guessed_where_two_fit() -> None:
    assert found([organ("H24.3"), organ("H24.03")], {}, "000.00.03.H24") is None
    assert found([organ("H24.3"), organ("H24.03"), organ("H24.003")], {}, "000.00.03.H24") is None


def test_nothing_is_guessed_for_one_whose_code_in_that_form_is_registered() -> None:
    assert found([organ("H24.11")], {"000.00.31.H24": "H24.11"}, "000.00.11.H24") is None
    assert found([organ("000.00.11.H24")], {"H24.31": "000.00.11.H24"}, "H24.11") is None
    # a code that follows neither form says nothing about either
    assert found([organ("H24.11")], {"so-y-te": "H24.11"}, "000.00.11.H24") == "H24.11"


def test_an_old_code_leads_to_the_successor() -> None:
    city = Registry([organ("H24.30", successor="H24.88"), organ("H24.88")], {})
    resolved = city.resolve("000.00.30.H24")
    assert resolved is not None
    assert (resolved.organ.organ_id, resolved.succeeded) == ("H24.88", True)
    assert city.canonical("000.00.30.H24") == "H24.88"


def test_a_code_that_has_ended_or_not_begun_leads_nowhere_and_nothing_is_inferred_in_its_place() -> None:
    organs = [organ("H24.11"), organ("H24.99")]
    ended = Alias(alias="000.00.11.H24", organ_id="H24.99", valid_until="2025-07-01")
    assert Registry.on("2025-06-30", organs, [ended]).canonical("000.00.11.H24") == "H24.99"
    for day in ("2025-07-01", "2026-01-01"):
        assert Registry.on(day, organs, [ended]).find("000.00.11.H24") is None
    begins = Alias(alias="000.00.31.H24", organ_id="H24.11", valid_from="2025-07-01")
    early, late = (Registry.on(day, organs, [begins]) for day in ("2025-06-30", "2025-07-01"))
    assert early.find("000.00.31.H24") is None
    assert late.canonical("000.00.31.H24") == "H24.11"
    assert (early.aliases_of("H24.11"), late.aliases_of("H24.11")) == ((), ("000.00.31.H24",))
    for registry in (early, late):
        assert registry.find("000.00.11.H24") is None  # its old code is another, whenever that holds


def test_those_below_an_organisation_are_told(city: Registry) -> None:
    assert [one.organ_id for one in city.children_of("H24.11")] == ["H24.11.3"]
    assert [one.organ_id for one in city.children_of(None)] == ["H24"]
    assert city.children_of("H24.11.3") == ()
