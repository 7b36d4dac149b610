"""When to try again: growing delays with jitter, then a steady pace, then never."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The delays after the first, second, … failure, in seconds; the last one repeats until `give_up_s`."""

    delays_s: Sequence[float] = (30, 120, 450, 900, 1800, 3600, 7200, 14400)
    give_up_s: float = 259_200  # counted from the first try: 72 hours
    jitter: float = 0.2  # up to this share of the delay is added or taken away
    spread: Callable[[float, float], float] = random.uniform  # a simulation's is that of a generator with a seed

    def next_try(self, now: datetime, attempts: int, first_at: datetime) -> datetime | None:
        """When to try after `attempts` failures; None when it is time to give up."""
        if (now - first_at).total_seconds() >= self.give_up_s:
            return None
        delay = self.delays_s[min(attempts, len(self.delays_s)) - 1] if attempts else 0
        return now + timedelta(seconds=delay * (1 + self.spread(-self.jitter, self.jitter)))
