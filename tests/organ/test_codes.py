"""The two forms of a code, and which codes map from one onto the other."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis.organ.codes import (
    codes_above,
    is_old_form,
    is_present_form,
    is_within,
    old_form_meant,
    to_old_form,
    to_present_form,
)

LETTERS = string.ascii_uppercase + string.digits
groups = st.text(LETTERS, min_size=1, max_size=4)
level_1 = st.from_regex(r"[A-Y][0-9A-Z]{2}", fullmatch=True)
present_codes = st.builds(lambda top, rest: ".".join((top, *rest)), level_1, st.lists(groups, max_size=5))
old_codes = st.from_regex(r"[0-9A-Z]{3}\.[0-9A-Z]{2}\.[0-9A-Z]{2}\.[A-Y][0-9A-Z]{2}", fullmatch=True)


@pytest.mark.parametrize(
    ("present", "old"),
    [
        ("H24", "000.00.00.H24"),
        ("H24.11", "000.00.11.H24"),
        ("H24.1", "000.00.01.H24"),
        ("H24.11.3", "000.03.11.H24"),
        ("H24.11.3.5", "005.03.11.H24"),
        ("H24.11.3.512", "512.03.11.H24"),
        ("G22.A1", "000.00.A1.G22"),
    ],
)
def test_a_code_says_the_same_in_both_forms(present: str, old: str) -> None:
    assert to_old_form(present) == old
    assert to_present_form(old) == present
    assert is_old_form(old)
    assert not is_old_form(present)
    assert is_present_form(present)
    assert not is_present_form(old)


@pytest.mark.parametrize(
    "code",
    [
        *("H24.114", "H24.1.234", "H24.1.2.3456", "H24.1.2.3.4", "H24.03", "H24.0", "H24.1.0", "H24.1.2.ABC"),
        *(
            "Z24.1",
            "0100109106",
            "h24.1",
            "so-y-te",
            "H24.",
            "H24..1",
            "",
            "000.00.11.H24",
            "H24.1\n",
            "H24" + ".1" * 17,
        ),
    ],
)
def test_a_code_that_would_lose_something_has_no_old_form(code: str) -> None:
    assert to_old_form(code) is None


@pytest.mark.parametrize(
    "code",
    [
        *("005.00.11.H24", "000.03.00.H24", "005.00.00.H24", "777.00.04.D77", "ABC.02.01.H24", "00.00.11.H24"),
        *("000.00.11.Z24", "000.0.11.H24", "000.00.11", "x.000.00.11.H24", "000.00.11.H24\n", "H24", ""),
    ],
)
def test_a_code_with_a_gap_or_of_another_shape_has_no_present_form(code: str) -> None:
    assert to_present_form(code) is None


@given(present_codes | old_codes | st.text(LETTERS + ".", max_size=20))
def test_there_and_back_is_the_same_code_wherever_it_is_defined(code: str) -> None:
    old = to_old_form(code)
    if old is not None:
        assert to_present_form(old) == code
    present = to_present_form(code)
    if present is not None:
        assert to_old_form(present) == code
    assert old is None or present is None


@given(st.builds(lambda top, rest: ".".join((top, *rest)), level_1, st.lists(st.integers(1, 99), max_size=3).map(str)))
def test_a_code_never_maps_onto_one_of_its_own_form(code: str) -> None:
    old = to_old_form(code)
    assert old is None or is_old_form(old)


def test_a_code_with_leading_zeros_means_an_old_code_that_leads_back_to_another() -> None:
    assert old_form_meant("H24.03") == "000.00.03.H24"
    assert to_present_form("000.00.03.H24") == "H24.3"
    assert old_form_meant("H24.00") is None


@pytest.mark.parametrize(
    ("code", "prefix", "inside"),
    [
        ("000.03.11.H24", "H24.11", True),
        ("000.03.11.H24", "H24.11.3", True),
        ("000.03.11.H24", "H24.3", False),
        ("005.00.11.H24", "H24.11", False),
        ("005.00.11.H24", "H24", True),
        ("000.00.11.H24", "H24.1", False),
    ],
)
def test_an_old_code_lies_within_the_tree_of_a_present_one(code: str, prefix: str, inside: bool) -> None:
    assert is_within(code, prefix) is inside


def test_a_code_tells_who_is_above() -> None:
    assert codes_above("H24.11.3") == codes_above("000.03.11.H24") == ("H24", "H24.11")
    assert codes_above("H24") == codes_above("000.00.00.H24") == ()
