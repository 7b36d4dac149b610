"""Each night the last days are compared with every uplink, so that silent loss shows within a day.

A day that could not be compared, or that differed, is compared again in the nights that follow, while it is among the
last `days`. What differs stands in `reconciliation`, in the audit trail, and as a problem of health until it is
settled.
"""

from datetime import timedelta

import structlog

from axis.clock import Clock, to_local
from axis.errors import AxisError, Code, WrongState
from axis.exchange.reconciling import DIFFERS, Reconciling
from axis.store import queries
from axis.store.store import Store

log = structlog.get_logger(__name__)


class Nightly:
    """The job that compares days, and what health tells of it."""

    def __init__(self, store: Store, clock: Clock, reconciling: Reconciling, days: int) -> None:
        self._store = store
        self._clock = clock
        self._reconciling = reconciling
        self._days = days

    async def run(self) -> None:
        """Compare the last days with every uplink. One that fails never stops the others; it is told at the end.

        Raises the last failure, so that the schedule tries again.
        """
        today = to_local(self._clock.now()).date()
        failed: AxisError | None = None
        for partner_id in self._reconciling.uplinks():
            for back in range(self._days, 0, -1):
                day = today - timedelta(days=back)
                try:
                    await self._reconciling.compare(partner_id, day)
                except AxisError as e:
                    log.warning("day_not_compared", partner=partner_id, day=day.isoformat(), error=str(e)[:300])
                    failed = e
                    break  # the other days of this partner would fail alike
        if failed is not None:
            raise failed

    async def check(self) -> None:
        """Raises WrongState(DAYS_DIFFER) while one of the last days differs from what a partner has."""
        since = (to_local(self._clock.now()).date() - timedelta(days=self._days)).isoformat()
        rows = await self._store.read(lambda c: queries.reconciliations(c, since))
        differ = [f"{row.partner_id} {row.day}: {row.differing}" for row in rows if row.state == DIFFERS]
        if differ:
            raise WrongState(Code.DAYS_DIFFER, ", ".join(differ))
