"""How much a partner may be asked at once: little at first, more while it answers, nothing while it cannot be reached.

Pure: a `Circuit` is what is known of one partner, and each outcome gives the next one. The delivery loop and the
simulation (`axis simulate outage`) use the same.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitPolicy:
    """The rules for every partner."""

    failures: int = 5  # in a row, after which it is left alone
    open_s: float = 30.0  # for this long at first, doubled each time that it fails again
    most_open_s: float = 600.0
    first_places: int = 2  # pushes at once, to begin with and after it was away
    most_places: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """What is known of one partner."""

    places: int  # pushes that may run at once
    answers: int = 0  # since the number of places changed
    failures: int = 0  # in a row
    openings: int = 0  # since it was last reached
    open_until: datetime | None = None  # it is left alone until then; None: it is not

    @classmethod
    def begin(cls, policy: CircuitPolicy) -> "Circuit":
        """A partner of whom nothing is known yet."""
        return cls(places=policy.first_places)

    @property
    def is_open(self) -> bool:
        """Whether the partner is left alone."""
        return self.open_until is not None

    def may_probe(self, now: datetime) -> bool:
        """Whether a partner that was left alone may be asked if it is back."""
        return self.open_until is not None and now >= self.open_until

    def succeeded(self, policy: CircuitPolicy) -> "Circuit":
        """It took a package, or refused one in its own words: one more place for each round of answers."""
        if self.is_open:
            return Circuit.begin(policy)
        answers = self.answers + 1
        if answers < self.places or self.places >= policy.most_places:
            return replace(self, answers=answers, failures=0, openings=0)
        return Circuit(places=self.places + 1)

    def seems_back(self, policy: CircuitPolicy) -> "Circuit":
        """It answered a question about its health: a few packages will show; the first failure opens it again."""
        return Circuit(places=policy.first_places, failures=policy.failures - 1, openings=self.openings)

    def failed(self, policy: CircuitPolicy, now: datetime) -> "Circuit":
        """It could not be reached. What was under way when it opened tells nothing new."""
        if self.is_open and not self.may_probe(now):
            return self
        failures = self.failures + 1
        if failures < policy.failures and not self.is_open:
            return replace(self, places=max(1, self.places // 2), answers=0, failures=failures)
        pause_s = min(policy.open_s * 2 ** min(self.openings, 20), policy.most_open_s)
        return Circuit(
            places=policy.first_places,
            failures=failures,
            openings=self.openings + 1,
            open_until=now + timedelta(seconds=pause_s),
        )
