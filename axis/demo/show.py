"""`axis demo` and `axis city`: the same city, played once and taken down, or kept open."""

import asyncio
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from axis.clock import SystemClock, to_local
from axis.demo.cast import CITY, CONSTRUCTION, agency_of
from axis.demo.city import Crew, Running, running
from axis.demo.dms import Pace
from axis.demo.ledger import Ledger, StatusArrival
from axis.demo.play import Stage, play
from axis.demo.prepare import LOGIN_NAME, DemoFolder, Ports, held, organ_names, prepare
from axis.demo.processes import HOST, check_port_free, free_port
from axis.demo.report import Report
from axis.demo.verdicts import show_verdicts
from axis.errors import AxisError, Code, Internal, Malformed
from axis.ops.access import open_access
from axis.settings import read_settings
from axis.store.scopes import Scope
from axis.store.views import ListQuery, list_documents
from axis.terms import Origin
from axis.web.console.words import STATUS

T = TypeVar("T")

_STOPPING_S = 2.0
_FIRST_PLAY_WITHIN_S = 60.0
_DEMO_PACE = Pace(poll_s=0.2, step_s=0.15)
_CITY_PACE = Pace(poll_s=0.4, step_s=0.6)  # slow enough to be watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a play went."""

    statuses: int  # that came back
    expected: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every expected status came back, once, every verdict is as expected, and nothing went wrong."""
        return not self.problems and self.statuses >= self.expected


def run_demo(data: Path | None, *, keep: bool, within_s: float) -> Outcome:
    """Play the demo in `data`, else in a temporary folder, which goes afterwards unless it is to be kept.

    within_s: what has not come back by then is missing.
    """
    folder = data or Path(tempfile.mkdtemp(prefix="axis-demo-"))
    try:
        with held(DemoFolder(path=folder)):
            return asyncio.run(_unwrapped(_demo(DemoFolder(path=folder), within_s)))
    finally:
        if data is None and not keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            Console(stderr=True).print(Text(f"Dữ liệu / data: {folder}"), soft_wrap=True)


async def _demo(folder: DemoFolder, within_s: float) -> Outcome:
    deadline = time.monotonic() + within_s
    ports = Ports(city=free_port(), national=free_port())
    crew = Crew(ledger=Ledger(), clock=SystemClock(), pace=_DEMO_PACE, remembers=False)
    await prepare(folder, ports, crew.clock, _say_step)
    async with running(folder, ports, crew) as city:
        outcome = await _play(city, crew, deadline - _STOPPING_S - time.monotonic())
    folder.set_state("played")
    return outcome


async def _play(city: Running, crew: Crew, within_s: float) -> Outcome:
    """Play, show it as it goes, and say what is missing in the end."""
    names = organ_names()
    with Report(names) as report:
        crew.ledger.on_status = report.show_status
        stage = Stage(
            systems=city.systems,
            names=names,
            ledger=crew.ledger,
            report=report,
            clock=crew.clock,
            seals=city.seals,
        )
        try:
            async with asyncio.timeout(within_s):
                await play(stage)
                await show_verdicts(stage, (city.city, city.national))
        except TimeoutError:
            stage.problems.append(f"not everything came back within {within_s:.0f} s")
        finally:
            crew.ledger.on_status = _nothing
    missing = stage.expected - crew.ledger.came_back()
    report.show_missing(missing)
    problems = [*stage.problems, *crew.ledger.troubles, *(f"came twice: {one}" for one in crew.ledger.doubled())]
    for problem in problems:
        Console(stderr=True).print(Text(problem, style="red"), soft_wrap=True)
    return Outcome(statuses=len(stage.expected) - len(missing), expected=len(stage.expected), problems=tuple(problems))


def _nothing(_: object) -> None:
    """Nobody watches."""


def run_city(data: Path, ports: Ports) -> int:
    """Prepare the city at the first start, play the demo once, and serve until Ctrl-C. Returns the exit code.

    Raises WrongState(PORT_BUSY) before anything is touched.
    """
    if ports.city == ports.national:
        raise Malformed(Code.BAD_REQUEST, "the two nodes need a port each", at="--national-port")
    for port in (ports.city, ports.national):
        check_port_free(port)
    with held(DemoFolder(path=data)):
        return asyncio.run(_unwrapped(_city(DemoFolder(path=data), ports)))


async def _city(folder: DemoFolder, ports: Ports) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    crew = Crew(ledger=Ledger(), clock=SystemClock(), pace=_CITY_PACE, remembers=True)
    await prepare(folder, ports, crew.clock, _say_step)
    _say_step("khởi động hai nút và phần mềm của các cơ quan")
    async with running(folder, ports, crew) as city:
        code = 0
        if folder.state != "played":
            outcome = await _until(stopping, _play(city, crew, _FIRST_PLAY_WITHIN_S))
            if outcome is not None and outcome.ok:
                folder.set_state("played")
        if not stopping.is_set():
            await _say_where(folder, ports)
            crew.ledger.on_status = _say_status
            code = await _serve(city, stopping)
        Console(stderr=True).print("\nĐang dừng… / Stopping…")
    return code


async def _until(stopping: asyncio.Event, work: Coroutine[None, None, T]) -> T | None:
    """The result of the work; None when the user stops it."""
    task = asyncio.create_task(work)
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return None


async def _serve(city: Running, stopping: asyncio.Event) -> int:
    """Wait for Ctrl-C; a node that ends by itself ends the city."""
    waits = {
        asyncio.create_task(stopping.wait()): "",
        asyncio.create_task(city.city.wait()): str(city.city.log),
        asyncio.create_task(city.national.wait()): str(city.national.log),
    }
    ended, others = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    logs = [waits[task] for task in ended if waits[task]]
    if logs and not stopping.is_set():
        raise Internal(f"a node has ended; its log: {logs[0]}")
    return 0


async def _say_where(folder: DemoFolder, ports: Ports) -> None:
    """All that a visitor needs, at the end of the screen."""
    uid = await _one_document(folder)
    password = folder.login.read_text(encoding="utf-8").split()[-1]
    url = f"http://{HOST}:{ports.city}"
    command = Path(sys.argv[0])
    axis = _shown(command) if command.name == "axis" else "axis"
    lines = {
        "Trục thành phố": url,
        "Trục quốc gia": f"http://{HOST}:{ports.national}",
        "Đăng nhập": f"{LOGIN_NAME} / {password}   (lưu tại {_shown(folder.login)})",
        "Một văn bản": f"{url}/documents/{uid}" if uid else "-",
        "Dữ liệu": _shown(folder.path),
        "Dừng": "Ctrl-C; lần sau dữ liệu vẫn còn",
    }
    console = Console()
    console.print()
    for name, value in lines.items():
        console.print(Text.assemble((f"{name:<15}", "bold"), value), soft_wrap=True)
    console.print(Text("\nGửi thử một văn bản (các cơ quan sẽ trả lời 01 → 06 trong vài giây):"))
    console.print(
        Text(
            f"{axis} send {_shown(folder.sample)} --fresh-id --system {agency_of(CONSTRUCTION).system_id} "
            f"--config {_shown(folder.config(CITY))}",
            style="bold",
        ),
        soft_wrap=True,
    )


async def _one_document(folder: DemoFolder) -> str | None:
    """A document whose page is worth a look: the newest that came from outside the city."""
    async with open_access(read_settings(folder.config(CITY))) as access:
        page = await access.store.read(lambda conn: list_documents(conn, ListQuery(scope=Scope.ALL)))
    if not page.lines:
        return None
    chosen = max(page.lines, key=lambda line: (line.document.origin is Origin.UPLINK, line.files))
    return chosen.document.document_uid


def _shown(path: Path) -> str:
    """A path as it can be copied into the shell that the user is in."""
    absolute = path.absolute()
    here = Path.cwd()
    return shlex.quote(str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute))


def _say_status(status: StatusArrival) -> None:
    """What comes back while the city is open: of documents that the visitor sends."""
    at, word = f"{to_local(status.at):%H:%M:%S}", STATUS[status.status].word
    Console().print(Text(f"{at}  {status.document_id}  {status.organ}: {status.status} {word}"), soft_wrap=True)


def _say_step(step: str) -> None:
    Console(stderr=True).print(Text(f"• {step}"), soft_wrap=True)


async def _unwrapped(work: Coroutine[None, None, T]) -> T:
    """What several parts at work fail of is told by the first error that is meant for people."""
    try:
        return await work
    except BaseExceptionGroup as group:
        found = group.subgroup(AxisError)
        if found is None:
            raise
        raise next(_leaves(found)) from group


def _leaves(group: BaseExceptionGroup[AxisError]) -> Iterator[AxisError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
