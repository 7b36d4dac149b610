from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis.edxml.dates import read_date, read_timestamp, write_date, write_timestamp


@pytest.mark.parametrize(
    "text", ["2026/11/04", "2026/11/4", "04/11/2026", "4/11/2026", "2026-11-04", "04-11-2026", " 2026/11/04\n"]
)
def test_each_form_of_a_date_is_read(text: str) -> None:
    assert read_date(text) == date(2026, 11, 4)


@pytest.mark.parametrize(
    "text",
    [
        *("2014/02/30", "30/02/2014", "2026/13/01", "2026/00/10", "0000/01/01", "2026/1-1", "", "null", "26/11/04"),
        *("2026/11/04 08:00:00", "٢٠٢٦/11/04", "20261104", "2026//11", "2026/11/041"),
    ],
)
def test_a_text_that_is_no_possible_date_is_none(text: str) -> None:
    assert read_date(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("2026/11/24 08:05:09", "24/11/2026 08:05:09", "2026-11-24 8:05:09", "2026-11-24T08:05:09"),
        *("2026/11/24 08:05:09.123", " 2026/11/24  08:05:09 "),
    ],
)
def test_each_form_of_a_timestamp_is_vietnamese_time(text: str) -> None:
    assert read_timestamp(text) == datetime(2026, 11, 24, 1, 5, 9, tzinfo=UTC)


def test_a_date_alone_is_its_midnight() -> None:
    assert read_timestamp("2026/11/24") == datetime(2026, 11, 23, 17, tzinfo=UTC)
    assert read_timestamp("2026/11/24 08:05") == datetime(2026, 11, 24, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2026/11/24 24:00:00", "2026/11/24 08:60:00", "2026/02/30 08:00:00", "x", "", "0001/01/01 00:00:00"]
)
def test_a_text_that_is_no_possible_moment_is_none(text: str) -> None:
    assert read_timestamp(text) is None


@given(st.dates())
def test_a_written_date_is_read_again(day: date) -> None:
    assert read_date(write_date(day)) == day


@given(st.integers(min_value=0, max_value=250_000_000_000))
def test_a_written_timestamp_is_read_again(second: int) -> None:
    at = datetime.fromtimestamp(second, UTC)
    assert read_timestamp(write_timestamp(at)) == at


def test_a_timestamp_is_written_in_vietnamese_time() -> None:
    assert write_timestamp(datetime(2026, 11, 24, 18, 0, 5, tzinfo=UTC)) == "2026/11/25 01:00:05"
