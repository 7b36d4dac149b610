"""What one delivery adds to the figures of its receiver."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from axis.kpi.figures import Counts
from axis.kpi.received import Fact, received
from axis.terms import Origin, StatusCode

CAME = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SILENT = Fact(
    came_at=CAME,
    origin=Origin.LOCAL,
    verdict=None,
    status=None,
    withdrawn=False,
    receipt_due_at=CAME + 2 * HOUR,
    acceptance_due_at=CAME + 4 * HOUR,
    completion_due_at=None,
    said={},
)


def told(fact: Fact) -> tuple[dict[str, int], int, int]:
    """Its counts besides that it is one from inside, and how many times to 03 and 06 it adds."""
    figures = received([fact], lambda start, end: end - start)
    counts = {name: count for name in Counts.__dataclass_fields__ if (count := getattr(figures.counts, name))}
    assert counts.pop("deliveries") == counts.pop("inside") == 1
    return counts, figures.times.to_03.count, figures.times.to_06.count


@pytest.mark.parametrize(
    ("codes", "counts", "to_03", "to_06"),
    [
        ("01", {"answered": 1, "said_01": 1, "receipt_on_time": 1}, 0, 0),
        ("02", {"answered": 1, "said_02": 1, "receipt_on_time": 1, "acceptance_on_time": 1, "refused": 1}, 0, 0),
        ("03", {"answered": 1, "said_03": 1, "receipt_on_time": 1, "acceptance_on_time": 1}, 1, 0),
        ("04", {"answered": 1, "said_04": 1, "receipt_on_time": 1, "acceptance_on_time": 1, "online": 1}, 1, 0),
        ("05", {"answered": 1, "said_05": 1, "receipt_on_time": 1, "acceptance_on_time": 1, "online": 1}, 1, 0),
        ("06", {"answered": 1, "said_06": 1, "receipt_on_time": 1, "acceptance_on_time": 1, "online": 1}, 1, 1),
    ],
)
def test_each_status_counts_as_what_it_is(codes: str, counts: dict[str, int], to_03: int, to_06: int) -> None:
    code = StatusCode(codes)
    assert told(replace(SILENT, status=code, said={code: CAME + HOUR})) == (counts, to_03, to_06)


def test_what_comes_after_its_time_is_late() -> None:
    late = replace(
        SILENT,
        status=StatusCode.COMPLETED,
        completion_due_at=CAME + 5 * HOUR,
        said={StatusCode.ACCEPTED: CAME + 4 * HOUR, StatusCode.COMPLETED: CAME + 6 * HOUR},
    )
    counts, _, _ = told(late)
    assert (counts["receipt_late"], counts["acceptance_on_time"], counts["completion_late"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("verdict", "counts"),
    [
        ("valid", {"signed_valid": 1}),
        ("valid-with-warnings", {"signed_valid": 1}),
        ("invalid", {"signed_invalid": 1}),
        ("unsigned", {"unsigned": 1}),
        ("indeterminate", {}),  # what cannot be told is neither
        (None, {}),
    ],
)
def test_a_verdict_counts_as_what_it_is(verdict: str | None, counts: dict[str, int]) -> None:
    assert told(replace(SILENT, verdict=verdict)) == (counts, 0, 0)
