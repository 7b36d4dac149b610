"""The demo, from the command line: it ends well by itself, keeps what it should, and a city can be kept open."""

import asyncio
import json
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from axis.demo.processes import check_port_free, free_port

ROOT = Path(__file__).parents[2]
AXIS = (sys.executable, "-m", "axis.cli.main")
PATIENT = ("--within", 100)  # a machine that runs other tests meanwhile gets more time
FIVE = {"01", "03", "04", "05", "06"}
DOCUMENTS = 7  # that the demo sends: five letters, a sample, and the sample that replaces it

pytestmark = [pytest.mark.lengthy, pytest.mark.timeout(900)]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AXIS_")}
    return kept | {"PYTHONPATH": str(ROOT)} | more


def axis(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*AXIS, *map(str, arguments)],
        env=environment(**more),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def rows(node: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{node / 'axis.db'}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def test_the_demo_ends_well_and_leaves_nothing_behind(tmp_path: Path) -> None:
    ran = axis("demo", *PATIENT, TMPDIR=str(tmp_path))
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    statuses = re.findall(r"^\d\d:\d\d:\d\d status (\d\d) (\S+) (\S+) ", ran.stdout, re.MULTILINE)
    assert len(statuses) == len(set(statuses)) >= 60
    # What the issue lists: both directions, a refusal, a successor, the answers to acts.
    assert {code for code, _, organ in statuses if organ == "G17"} == FIVE
    assert {code for code, number, organ in statuses if organ == "H24.3" and "BXD" in number} == FIVE
    assert {code for code, number, _ in statuses if "VP-NC" in number} == {"01", "02"}
    assert {(organ, code) for code, number, organ in statuses if "SNV" in number} == {("H24.42", c) for c in FIVE}
    assert {"13", "15", "16"} <= {code for code, _, _ in statuses}
    # Five letters whose PDF and envelope are signed; the vendor's samples are not.
    verdicts = re.findall(r"^verdict (\S+) (\S+): (.*)$", ran.stdout, re.MULTILINE)
    assert {number for number, _, _ in verdicts} == {number for _, number, _ in statuses}
    told = Counter((word, said) for _, word, said in verdicts)
    assert told == {("valid", "Chữ ký hợp lệ"): 5, ("unsigned", "Chưa ký số – chỉ để biết, tham khảo"): 2}
    assert list(tmp_path.iterdir()) == []


def test_a_demo_on_a_folder_keeps_its_data_and_can_be_played_again(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    for played in (1, 2):
        ran = axis("demo", "--data", data, *PATIENT)
        assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
        for node in ("city", "national"):
            assert rows(data / node, "SELECT count(*) FROM queue WHERE task = 'send'") == [(0,)]
        ((documents,),) = rows(data / "city", "SELECT count(*) FROM document")
        assert documents == DOCUMENTS * played
        finished = rows(data / "city", "SELECT status_code, count(*) FROM delivery WHERE place = 'local' GROUP BY 1")
        assert dict(finished) == {"02": played, "06": 12 * played}
    # The repeat made no second package, and every act came to whom it is for.
    assert rows(data / "city", "SELECT kind, count(*) FROM act GROUP BY 1 ORDER BY 1") == [
        ("recall", 2),
        ("recall_request", 2),
        ("replace", 2),
        ("update", 2),
    ]


class City:
    """`axis city` as a user has it: in a terminal, until Ctrl-C."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until(self, pattern: str) -> str:
        """The first line from now on that fits."""
        assert self.process.stdout is not None
        async with asyncio.timeout(300):
            while line := (await self.process.stdout.readline()).decode():
                self.lines.append(line.rstrip("\n"))
                if re.search(pattern, line):
                    return line.strip()
        raise AssertionError("\n".join(self.lines[-30:]))

    async def stop(self) -> int:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(200):
            await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def city(data: Path, port: int, national_port: int) -> AsyncIterator[City]:
    process = await asyncio.create_subprocess_exec(
        *AXIS,
        *("city", "--data", str(data), "--port", str(port), "--national-port", str(national_port)),
        env=environment(),
        cwd=data.parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield City(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def run_line(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a user does with a line that can be copied."""
    words = shlex.split(line)
    assert words[0] == "axis"
    return await asyncio.to_thread(
        subprocess.run,
        [*AXIS, *words[1:]],
        env=environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


async def statuses_of(doc_id: str, config: Path) -> dict[str, set[str]]:
    ran = await asyncio.to_thread(axis, "status", doc_id, "--json", "--config", config)
    (document,) = json.loads(ran.stdout)["documents"]
    return {one["organ"]: {status["code"] for status in one["statuses"]} for one in document["receivers"]}


async def send_and_follow(line: str, data: Path) -> str:
    """Send the ready sample by the line that was printed; all of its receivers handle it."""
    sent = await run_line(line, data.parent)
    assert sent.returncode == 0, sent.stderr
    doc_id = sent.stdout.strip()
    async with asyncio.timeout(200):
        seen: dict[str, set[str]] = {}
        while seen != {"G17": FIVE, "H24.3.12": FIVE, "H24.42": FIVE}:
            await asyncio.sleep(0.3)
            seen = await statuses_of(doc_id, data / "city" / "axis.toml")
    return doc_id


async def test_a_city_is_kept_open_for_documents_of_ones_own_and_kept_for_the_next_time(tmp_path: Path) -> None:
    data, port, national_port = tmp_path / "data", free_port(), free_port()
    async with city(data, port, national_port) as first:
        line = await first.until(r"^axis send ")
        text = "\n".join(first.lines)
        assert f"http://127.0.0.1:{port}/documents/" in text
        assert f"http://127.0.0.1:{national_port}" in text
        assert (data / "demo-login.txt").read_text().split()[1] in text
        assert text.count(" sent ") == DOCUMENTS
        await send_and_follow(line, data)
        busy = await asyncio.to_thread(axis, "city", "--data", tmp_path / "other", "--port", port)
        assert (busy.returncode, "port_busy" in busy.stderr, "PORT=" in busy.stderr) == (2, True, True)
        assert not (tmp_path / "other").exists()
        nodes = psutil.Process(first.process.pid).children()
        assert len(nodes) == 2
        assert await first.stop() == 0
    assert not any(node.is_running() for node in nodes)
    check_port_free(port)
    check_port_free(national_port)

    async with city(data, port, national_port) as second:
        line = await second.until(r"^axis send ")
        assert not any(" sent " in shown for shown in second.lines)
        assert rows(data / "city", "SELECT count(*) FROM document") == [(DOCUMENTS + 1,)]
        await send_and_follow(line, data)
        nodes = psutil.Process(second.process.pid).children()
        second.process.kill()  # whatever becomes of us, the nodes do not stay behind
        await second.process.wait()
    gone, alive = await asyncio.to_thread(psutil.wait_procs, nodes, timeout=30)
    assert (len(gone), alive) == (2, [])
