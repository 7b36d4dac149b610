"""All cases, in the order in which they are shown."""

from axis.kit.case import Case
from axis.kit.fronts import Front
from axis.kit.receiving import RECEIVING
from axis.kit.sending import SENDING

CASES: tuple[Case, ...] = (*SENDING, *RECEIVING)


def cases_of(front: Front) -> tuple[Case, ...]:
    """The cases that a front can carry."""
    return tuple(case for case in CASES if case.id not in front.without)
