"""How many calls in a time: token buckets, in memory, so each node counts by itself."""

from collections import OrderedDict

from axis.clock import Clock

_MOST_KEYS = 10_000  # the one that was seen longest ago is forgotten first


class Buckets:
    """One bucket for each key: it holds `at_once` calls and gets `per_minute` new ones in a minute."""

    def __init__(self, clock: Clock, *, per_minute: float, at_once: int) -> None:
        self._clock = clock
        self._per_s = per_minute / 60
        self._at_once = at_once
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key → level, and when it was so

    def take(self, key: str) -> float:
        """Take one call. Returns 0.0, or the seconds to wait when the bucket is empty (nothing is taken then)."""
        level, now_s = self._level(key)
        if level < 1:
            return (1 - level) / self._per_s
        self._levels[key] = level - 1, now_s
        self._levels.move_to_end(key)
        if len(self._levels) > _MOST_KEYS:
            self._levels.popitem(last=False)
        return 0.0

    def wait_s(self, key: str) -> float:
        """How long the next call would have to wait."""
        level, _ = self._level(key)
        return 0.0 if level >= 1 else (1 - level) / self._per_s

    def _level(self, key: str) -> tuple[float, float]:
        now_s = self._clock.now().timestamp()
        level, then_s = self._levels.get(key, (float(self._at_once), now_s))
        return min(self._at_once, level + max(0.0, now_s - then_s) * self._per_s), now_s
