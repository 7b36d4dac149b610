"""When to try again."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from axis.delivery.backoff import Backoff

START = datetime(2026, 11, 24, tzinfo=UTC)


def test_delays_grow_and_the_last_one_repeats() -> None:
    backoff = Backoff(delays_s=(30, 120, 450), jitter=0)
    waits = [backoff.next_try(START, attempts, START) for attempts in (1, 2, 3, 4, 40)]
    assert waits == [START + timedelta(seconds=s) for s in (30, 120, 450, 450, 450)]


@given(attempts=st.integers(1, 100))
def test_jitter_stays_within_its_share(attempts: int) -> None:
    backoff = Backoff(delays_s=(100,), jitter=0.2)
    at = backoff.next_try(START, attempts, START)
    assert at is not None
    assert timedelta(seconds=80) <= at - START <= timedelta(seconds=120)


def test_it_gives_up_after_the_configured_time() -> None:
    backoff = Backoff(give_up_s=3600)
    assert backoff.next_try(START + timedelta(seconds=3599), 5, START) is not None
    assert backoff.next_try(START + timedelta(seconds=3600), 5, START) is None
