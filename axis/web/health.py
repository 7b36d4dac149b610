"""Whether the node lives, whether it can do its work, and what it takes.

`/health/live` answers while the process's loop turns. `/health/ready` makes real round trips: it reads, and asks
the writer for a transaction. A closed intake does not make the node unready, since
receivers still fetch and deliveries go on; it is told apart as `intake`. Anybody may ask, so an answer holds for a
moment and many questions make one round trip.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from aiohttp import web
from sqlalchemy import text

from axis.clock import Clock
from axis.errors import AxisError
from axis.ops.disk import DiskWatch
from axis.settings import Limits
from axis.store.store import Store

log = structlog.get_logger(__name__)

FRESH_S: Final = 1.0
TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A part of the node that can be asked whether it works.

    run: raises when it does not. vital: without it the node is not ready.
    """

    name: str
    run: Callable[[], Awaitable[None]]
    vital: bool = True


@dataclass(slots=True)
class _Part:
    """What is known of one part."""

    ok: bool = False
    problem: str = "not asked yet"
    took_ms: float = 0.0
    last_success: datetime | None = None


class Health:
    """Answers for the whole node.

    fresh_s: how long an answer holds. timeout_s: a part that takes longer does not work.
    """

    def __init__(
        self,
        checks: Sequence[Check],
        disk: DiskWatch,
        clock: Clock,
        *,
        fresh_s: float = FRESH_S,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._checks = tuple(checks)
        self._disk = disk
        self._clock = clock
        self._fresh_s = fresh_s
        self._timeout_s = timeout_s
        self._parts = {check.name: _Part() for check in self._checks}
        self._asking = asyncio.Lock()
        self._asked_at: float | None = None

    async def live(self, _: web.Request) -> web.Response:
        """GET /health/live."""
        return web.json_response({"live": True})

    async def ready(self, _: web.Request) -> web.Response:
        """GET /health/ready: 200, or 503 when a vital part does not work."""
        async with self._asking:
            now_s = asyncio.get_running_loop().time()
            if self._asked_at is None or now_s - self._asked_at >= self._fresh_s:
                await asyncio.gather(*(self._ask(check) for check in self._checks))
                self._asked_at = asyncio.get_running_loop().time()
        ready = all(self._parts[check.name].ok for check in self._checks if check.vital)
        answer = {"ready": ready, "intake": self._intake(), "parts": self._told()}
        return web.json_response(answer, status=200 if ready else 503)

    async def _ask(self, check: Check) -> None:
        loop = asyncio.get_running_loop()
        part, begun = self._parts[check.name], loop.time()
        was_ok = part.ok
        try:
            async with asyncio.timeout(self._timeout_s):
                await check.run()
            part.ok, part.problem, part.last_success = True, "", self._clock.now()
        except TimeoutError:
            part.ok, part.problem = False, f"no answer within {self._timeout_s:g} s"
        except AxisError as error:
            part.ok, part.problem = False, str(error.code)
        except Exception:  # whatever it is, the part does not work
            log.exception("health_check_failed", part=check.name)
            part.ok, part.problem = False, "failed; see the log"
        part.took_ms = round((loop.time() - begun) * 1000, 1)
        if was_ok and not part.ok:
            log.warning("health_part_down", part=check.name, problem=part.problem)

    def _told(self) -> dict[str, Any]:
        now = self._clock.now()
        return {
            name: {
                "ok": part.ok,
                "problem": part.problem,
                "took_ms": part.took_ms,
                "last_success_at": part.last_success.isoformat() if part.last_success else None,
                "last_success_age_s": (
                    round((now - part.last_success).total_seconds(), 1) if part.last_success else None
                ),
            }
            for name, part in self._parts.items()
        }

    def _intake(self) -> dict[str, Any]:
        state = self._disk.state
        return {
            "open": state.open,
            "disk_free_bytes": state.space.free_bytes if state.space else None,
            "disk_mark_bytes": state.mark_bytes,
        }


def store_checks(store: Store) -> tuple[Check, ...]:
    """The store's parts: a read, a turn of the writer."""

    async def read() -> None:
        await store.read(lambda conn: conn.execute(text("SELECT version FROM config_version")).one())

    async def write() -> None:
        # A transaction of the one writer: shows that it turns and that the database lets it begin.
        await store.write(lambda conn: conn.execute(text("SELECT 1")).one())

    return (Check(name="database_read", run=read), Check(name="database_write", run=write))


def limits_handler(limits: Limits, more: Mapping[str, float]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """GET /limits: what this node takes, in numbers, so that nobody has to find out by being refused."""
    answer = {**limits.model_dump(), **more}

    async def handler(_: web.Request) -> web.Response:
        return web.json_response(answer)

    return handler
