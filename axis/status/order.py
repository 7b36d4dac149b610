"""The order of processing statuses: what an incoming one does to a delivery.

01 < 03 < 04 < 05 < 06; skips are legal, since many systems skip. A lower or equal one is kept and forwarded and
changes nothing. A refusal after an acceptance, or the other way round, is a contradiction between two people: the one
received later wins, and it is flagged. Their own timestamps never decide.
"""

from enum import StrEnum

from axis.terms import StatusCode

_RANK = {
    StatusCode.ARRIVED: 1,
    StatusCode.ACCEPTED: 3,
    StatusCode.ASSIGNED: 4,
    StatusCode.IN_PROGRESS: 5,
    StatusCode.COMPLETED: 6,
}

PROGRESS = frozenset({*_RANK, StatusCode.REFUSED})
"""Statuses that a receiver reports about its own handling, and that change its delivery."""


class Effect(StrEnum):
    """What a status event did when it came."""

    APPLIED = "applied"  # the delivery has this status now
    UNCHANGED = "unchanged"  # kept and forwarded; the delivery was further already
    FLAGGED = "flagged"  # applied, though it contradicts the status before
    ACT = "act"  # it opened or answered an act
    AFTER_CLOSE = "after_close"  # kept and forwarded; the sender had taken the document back, or away, before
    ORPHAN = "orphan"  # no document known yet

    @property
    def changes_delivery(self) -> bool:
        """Whether the delivery's status becomes this one."""
        return self in (Effect.APPLIED, Effect.FLAGGED)


def sayable(current: StatusCode | None) -> dict[StatusCode, Effect]:
    """What a receiver may say next, and what each would do; what would change nothing is left out."""
    found = {code: judge(current, code) for code in (*_RANK, StatusCode.REFUSED)}
    return {code: effect for code, effect in found.items() if effect.changes_delivery}


def judge(current: StatusCode | None, incoming: StatusCode) -> Effect:
    """What a progress status does to a delivery whose status is `current` (None: nothing said yet)."""
    if incoming not in PROGRESS:
        raise ValueError(f"{incoming} is no progress status")
    if current is None:
        return Effect.APPLIED
    if incoming is StatusCode.REFUSED:
        if current is StatusCode.REFUSED:
            return Effect.UNCHANGED
        return Effect.APPLIED if current is StatusCode.ARRIVED else Effect.FLAGGED
    if current is StatusCode.REFUSED:
        return Effect.UNCHANGED if incoming is StatusCode.ARRIVED else Effect.FLAGGED
    return Effect.APPLIED if _RANK[incoming] > _RANK[current] else Effect.UNCHANGED
