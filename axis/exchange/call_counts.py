"""What a process counts of its calls of partners, until it adds that to the database."""

from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta

from axis.ids import new_id
from axis.store.partner_calls import FAILURES_KEPT, add_calls
from axis.store.records import PartnerFailure, PartnerMinute, QueueRow
from axis.store.store import Store

_EVERY = timedelta(seconds=5)
_WORDS = 500


class CallCounts:
    """Counts, in memory; what a process that dies had not added is missing from the curve, and from nothing else."""

    def __init__(self) -> None:
        self._minutes: dict[tuple[str, datetime], PartnerMinute] = {}
        self._failures: deque[PartnerFailure] = deque(maxlen=10 * FAILURES_KEPT)
        self._added_at: datetime | None = None

    def came_through(self, row: QueueRow, at: datetime, took_s: float) -> None:
        """The partner answered, in its own words."""
        self._count(row.partner_id, at, took_s, failed=False)

    def failed(self, row: QueueRow, at: datetime, took_s: float, said: tuple[str, str, str]) -> None:
        """The call failed. said: why, the request, and the answer as far as there was one."""
        words, request, reply = (_storable(text) for text in said)
        self._count(row.partner_id, at, took_s, failed=True)
        self._failures.append(
            PartnerFailure(
                failure_id=new_id(at),
                partner_id=row.partner_id,
                at=at,
                task=row.task,
                package_id=row.package_id,
                took_ms=int(took_s * 1000),
                words=words[:_WORDS],
                request=request,
                reply=reply,
            )
        )

    async def add(self, store: Store, now: datetime) -> None:
        """Add what was counted to the database, now and then."""
        if not self._minutes or (self._added_at is not None and timedelta() <= now - self._added_at < _EVERY):
            return
        self._added_at = now
        minutes, failures = tuple(self._minutes.values()), tuple(self._failures)
        self._minutes.clear()
        self._failures.clear()
        await store.write(lambda c: add_calls(c, minutes, failures, now))

    def _count(self, partner_id: str, at: datetime, took_s: float, *, failed: bool) -> None:
        minute, ms = at.replace(second=0, microsecond=0), int(took_s * 1000)
        known = self._minutes.get((partner_id, minute)) or PartnerMinute(
            partner_id=partner_id, minute=minute, calls=0, failures=0, total_ms=0, most_ms=0, success_at=None
        )
        self._minutes[partner_id, minute] = replace(
            known,
            calls=known.calls + 1,
            failures=known.failures + failed,
            total_ms=known.total_ms + ms,
            most_ms=max(known.most_ms, ms),
            success_at=known.success_at if failed else at,
        )


def _storable(text: str) -> str:
    """A stranger's answer without what no database keeps."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
