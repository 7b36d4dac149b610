"""Quantiles of sums of histograms are those of all durations, within the stated error."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis.kpi.histogram import ERROR, Histogram

# Up to ten years; under a minute only the error in seconds is bounded.
DURATIONS = st.timedeltas(timedelta(minutes=1), timedelta(days=3650))
LISTS = st.lists(DURATIONS, max_size=200)
SHARES = st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])


def exact(durations: list[timedelta], share: float) -> timedelta:
    """The nearest-rank quantile."""
    return sorted(durations)[max(1, math.ceil(share * len(durations))) - 1]


def test_the_stated_error_is_at_most_two_percent() -> None:
    assert ERROR <= 0.02


@given(st.lists(LISTS, min_size=1, max_size=5), SHARES)
def test_a_quantile_of_a_sum_is_within_the_error(parts: list[list[timedelta]], share: float) -> None:
    every = [duration for part in parts for duration in part]
    summed = Histogram()
    for part in parts:
        summed += Histogram.of(part)
    (found,) = summed.quantiles(share)
    if not every:
        assert found is None
        return
    wanted = exact(every, share)
    assert found is not None
    assert abs(found / wanted - 1) <= ERROR + 1e-9


@given(LISTS, LISTS)
def test_a_sum_is_the_histogram_of_all(one: list[timedelta], other: list[timedelta]) -> None:
    assert Histogram.of(one) + Histogram.of(other) == Histogram.of(other + one)
    assert (Histogram.of(one) + Histogram.of(other)).count == len(one) + len(other)


@given(st.lists(st.timedeltas(timedelta(days=-2), timedelta(days=9000)), max_size=300))
def test_what_was_written_is_read_again(durations: list[timedelta]) -> None:
    histogram = Histogram.of(durations)
    assert Histogram.from_bytes(histogram.to_bytes()) == histogram


def test_few_durations_take_few_bytes_and_many_a_bounded_number() -> None:
    assert Histogram().to_bytes() == b""
    assert len(Histogram.of([timedelta(hours=n) for n in range(1, 31)]).to_bytes()) <= 180
    many = Histogram.of(timedelta(minutes=n) for n in range(100_000))
    assert len(many.to_bytes()) < 1700
    assert many.count == 100_000


@pytest.mark.parametrize("seconds", [-5, 0, 59.9])
def test_less_than_a_minute_is_half_a_minute(seconds: float) -> None:
    assert Histogram.of([timedelta(seconds=seconds)]).quantiles(0.5) == (timedelta(seconds=30),)


def test_many_years_are_ten() -> None:
    (found,) = Histogram.of([timedelta(days=99_999)]).quantiles(0.5)
    assert found is not None
    assert timedelta(days=3500) < found < timedelta(days=4000)
