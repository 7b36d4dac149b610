"""What an incoming status does."""

import pytest

from axis.status.order import PROGRESS, Effect, judge
from axis.terms import StatusCode

ORDER = [
    StatusCode.ARRIVED,
    StatusCode.ACCEPTED,
    StatusCode.ASSIGNED,
    StatusCode.IN_PROGRESS,
    StatusCode.COMPLETED,
]


def test_the_first_status_applies_whatever_it_is() -> None:
    assert {judge(None, code) for code in PROGRESS} == {Effect.APPLIED}


@pytest.mark.parametrize("current", ORDER)
@pytest.mark.parametrize("incoming", ORDER)
def test_a_later_status_applies_and_an_earlier_or_equal_one_changes_nothing(
    current: StatusCode, incoming: StatusCode
) -> None:
    later = ORDER.index(incoming) > ORDER.index(current)
    assert judge(current, incoming) is (Effect.APPLIED if later else Effect.UNCHANGED)


def test_a_refusal_after_mere_arrival_is_ordinary() -> None:
    assert judge(StatusCode.ARRIVED, StatusCode.REFUSED) is Effect.APPLIED


@pytest.mark.parametrize("accepted", ORDER[1:])
def test_refusal_and_acceptance_contradict_each_other_and_the_later_wins_flagged(accepted: StatusCode) -> None:
    assert judge(accepted, StatusCode.REFUSED) is Effect.FLAGGED
    assert judge(StatusCode.REFUSED, accepted) is Effect.FLAGGED
    assert Effect.FLAGGED.changes_delivery


def test_a_second_refusal_and_a_late_arrival_change_nothing() -> None:
    assert judge(StatusCode.REFUSED, StatusCode.REFUSED) is Effect.UNCHANGED
    assert judge(StatusCode.REFUSED, StatusCode.ARRIVED) is Effect.UNCHANGED
    assert not Effect.UNCHANGED.changes_delivery


@pytest.mark.parametrize("code", [StatusCode.RECALL_REQUESTED, StatusCode.AGREED, StatusCode.DECLINED])
def test_what_answers_an_act_is_no_progress(code: StatusCode) -> None:
    with pytest.raises(ValueError, match="no progress"):
        judge(None, code)
