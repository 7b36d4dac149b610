"""The time that counts for nobody's patience."""

from datetime import UTC, datetime, timedelta

import pytest

from axis.delivery.patience import excused

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def at(hour: int) -> datetime:
    return NOON + timedelta(hours=hour)


@pytest.mark.parametrize(
    ("windows", "hours"),
    [
        ([], 0),
        ([(at(1), at(3))], 2),
        ([(at(-5), at(1))], 1),  # begun before
        ([(at(8), None)], 2),  # not ended
        ([(at(1), at(4)), (at(2), at(3)), (at(3), at(6))], 5),  # what overlaps counts once
        ([(at(5), at(6)), (at(1), at(2))], 2),  # in any order
        ([(at(-3), at(-1)), (at(11), at(12))], 0),  # outside
        ([(at(-9), None), (at(2), at(3))], 10),
    ],
)
def test_what_lies_in_a_window_counts_once(windows: list[tuple[datetime, datetime | None]], hours: int) -> None:
    assert excused(windows, NOON, at(10)) == timedelta(hours=hours)
