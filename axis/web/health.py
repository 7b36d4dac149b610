"""Whether the node lives, whether it can do its work, and what it takes.

`/health/live` answers while the process's loop turns. `/health/ready` makes real round trips: it reads, takes a turn
of the writer, and compares the tables' version. A closed intake does not make the node unready, since receivers still
fetch and deliveries go on; it is told apart as `intake`. Anybody may ask, so an answer holds for a moment and many
questions make one round trip.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from aiohttp import web

from axis.clock import Clock
from axis.errors import AxisError
from axis.ops.disk import DiskWatch
from axis.settings import Limits
from axis.store.probes import check_version, probe
from axis.store.records import Maintenance
from axis.store.store import Store

log = structlog.get_logger(__name__)

TIMEOUT_S: Final = 5.0
_OWED_HOLDS_S = 1.0
_AFAR_S = 60.0  # between two questions to somebody else's machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A part of the node that can be asked whether it works.

    run: raises when it does not. vital: without it the node is not ready; what is not vital is asked in the background,
    so that a slow partner does not make us look slow. fresh_s: how long an answer holds; None: a second for a
    vital part, a minute for another.
    """

    name: str
    run: Callable[[], Awaitable[None]]
    vital: bool = True
    fresh_s: float | None = None

    @property
    def holds_s(self) -> float:
        """How long an answer holds."""
        if self.fresh_s is not None:
            return self.fresh_s
        return 1.0 if self.vital else _AFAR_S


@dataclass(slots=True)
class _Part:
    """What is known of one part."""

    check: Check
    ok: bool | None = None  # None: not asked yet
    problem: str = ""
    took_ms: float = 0.0
    last_success: datetime | None = None
    asked_at_s: float | None = None  # by the loop's clock
    asking: "asyncio.Task[None] | None" = None


class Owed:
    """What is owed, asked at most once in a second; it informs, and decides nothing."""

    def __init__(self, count: Callable[[], Awaitable[Mapping[str, int]]]) -> None:
        self._count = count
        self._last: dict[str, int] | None = None
        self._asked_at_s = -_OWED_HOLDS_S
        self._turn = asyncio.Lock()

    async def told(self, timeout_s: float) -> dict[str, int] | None:
        """How many, by cause; None when it cannot be told."""
        async with self._turn:
            now_s = asyncio.get_running_loop().time()
            if now_s - self._asked_at_s >= _OWED_HOLDS_S:
                try:
                    async with asyncio.timeout(timeout_s):
                        self._last = dict(await self._count())
                except Exception:  # whatever it is: the parts tell what does not work
                    log.warning("owed_unknown", exc_info=True)
                    self._last = None
                self._asked_at_s = asyncio.get_running_loop().time()
            return self._last


class Health:
    """Answers for the whole node. timeout_s: a part that takes longer does not work."""

    def __init__(  # noqa: PLR0913 - what an answer is put together from
        self,
        checks: Sequence[Check],
        disk: DiskWatch,
        clock: Clock,
        *,
        owed: Mapping[str, Callable[[], Awaitable[Mapping[str, int]]]] | None = None,
        partners: Callable[[], Mapping[str, object]] | None = None,
        maintenance: Callable[[], Maintenance | None] = lambda: None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """owed: what else is told, by name: how many things wait or are late. partners: how each one fares.

        maintenance: the one that goes on; a node that only reads is ready all the same.
        """
        self._partners = partners
        self._maintenance = maintenance
        self._owed = {name: Owed(count) for name, count in (owed or {}).items()}
        self._disk = disk
        self._clock = clock
        self._timeout_s = timeout_s
        self._parts = [_Part(check=check) for check in checks]

    async def live(self, _: web.Request) -> web.Response:
        """GET /health/live."""
        return web.json_response({"live": True})

    async def ready(self, _: web.Request) -> web.Response:
        """GET /health/ready: 200, or 503 when a vital part does not work."""
        for part in self._parts:
            self._ask_if_due(part)
        # Shielded: a caller who hangs up must not make the part look broken to the others who wait.
        waiting = [part.asking for part in self._parts if part.check.vital and part.asking is not None]
        if waiting:
            await asyncio.shield(asyncio.gather(*waiting))
        ready = all(part.ok for part in self._parts if part.check.vital)
        answer: dict[str, Any] = {"ready": ready, "intake": self._intake(), "parts": self._told()}
        answer["maintenance"] = _maintenance_told(self._maintenance())
        for name, owed in self._owed.items():
            answer[name] = await owed.told(self._timeout_s)
        if self._partners is not None:
            answer["partners"] = dict(self._partners())
        return web.json_response(answer, status=200 if ready else 503)

    async def close(self, _: web.Application) -> None:
        """Signal on_cleanup: stop asking."""
        asking = [part.asking for part in self._parts if part.asking is not None]
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def _ask_if_due(self, part: _Part) -> None:
        """Start asking, unless that is under way or the last answer still holds."""
        now_s = asyncio.get_running_loop().time()
        due = part.asked_at_s is None or now_s - part.asked_at_s >= part.check.holds_s
        if part.asking is None and due:
            part.asking = asyncio.create_task(self._ask(part))

    async def _ask(self, part: _Part) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        was_ok, problem = part.ok, ""
        try:
            async with asyncio.timeout(self._timeout_s):
                await part.check.run()
        except TimeoutError:
            problem = f"no answer within {self._timeout_s:g} s"
        except AxisError as error:
            problem = str(error.code)
        except Exception:  # whatever it is, the part does not work
            log.exception("health_check_failed", part=part.check.name)
            problem = "failed; see the log"
        part.ok, part.problem = not problem, problem
        if part.ok:
            part.last_success = self._clock.now()
        part.asked_at_s = loop.time()
        part.took_ms = round((part.asked_at_s - begun) * 1000, 1)
        part.asking = None
        if was_ok is not False and problem:
            log.warning("health_part_down", part=part.check.name, problem=problem)
        if was_ok is False and not problem:
            log.info("health_part_up", part=part.check.name)

    def _told(self) -> dict[str, Any]:
        now = self._clock.now()
        return {
            part.check.name: {
                "ok": part.ok,
                "vital": part.check.vital,
                "problem": part.problem,
                "took_ms": part.took_ms,
                "last_success_at": part.last_success.isoformat() if part.last_success else None,
                "last_success_age_s": (now - part.last_success).total_seconds() if part.last_success else None,
            }
            for part in self._parts
        }

    def _intake(self) -> dict[str, Any]:
        state = self._disk.state
        return {
            "open": state.open,
            "disk_free_bytes": state.space.free_bytes if state.space else None,
            "disk_mark_bytes": state.mark_bytes,
        }


def _maintenance_told(on: Maintenance | None) -> dict[str, str | None] | None:
    if on is None:
        return None
    until = on.until.isoformat() if on.until else None
    return {"since": on.since.isoformat(), "until": until, "reason": on.reason}


def store_checks(store: Store) -> tuple[Check, ...]:
    """The store's parts: a read, a turn of the writer, the tables' version."""
    return (
        Check(name="database_read", run=lambda: store.read(probe)),
        Check(name="database_write", run=lambda: store.write(probe)),
        Check(name="migrations", run=lambda: store.read(check_version)),
    )


def limits_handler(limits: Limits, more: Mapping[str, float]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """GET /limits: what this node takes, in numbers, so that nobody has to find out by being refused."""
    answer = {**limits.model_dump(), **more}

    async def handler(_: web.Request) -> web.Response:
        return web.json_response(answer)

    return handler
