"""A node in a process of its own, watched from outside."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil

from axis.client import ClientOptions, NodeClient
from axis.clock import SystemClock
from axis.ops.access import Granting, open_access
from axis.settings import read_settings
from axis.terms import Scope
from benchmarks.children import Forked
from benchmarks.probe import FILE_VARIABLE
from tests import databases
from tests.nodes import Above, Blueprint, lay_out

HOST = "127.0.0.1"
UNBOUNDED = {"api__requests_per_minute": 1_000_000, "api__requests_at_once": 100_000}
"""What a node needs that is asked as often as it can answer."""

_READY_WITHIN_S = 300  # a calm machine needs two
_SAMPLE_S = 0.02


@dataclass
class Used:
    """What a process has used while it was watched."""

    seconds: float = 0.0
    cpu_s: float = 0.0
    growth_mb: float = 0.0  # of its resident memory, at its peak


@contextmanager
def watched(pid: int) -> Iterator[Used]:
    """Watch a process; what it has used is there at the end."""
    process, found, over = psutil.Process(pid), Used(), threading.Event()

    def used_s() -> float:
        times = process.cpu_times()
        return float(times.user + times.system)

    before = most = process.memory_info().rss

    def watch() -> None:
        nonlocal most
        while not over.wait(_SAMPLE_S):
            most = max(most, process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    begun, cpu_s = time.perf_counter(), used_s()
    try:
        yield found
    finally:
        found.seconds, found.cpu_s = time.perf_counter() - begun, used_s() - cpu_s
        over.set()
        thread.join()
        found.growth_mb = round((max(most, process.memory_info().rss) - before) / 2**20, 1)


@dataclass
class Running:
    """A node that runs."""

    process: "subprocess.Popen[bytes] | Forked"
    port: int
    folder: Path
    ready_s: float  # from the start of the process until it said that it is ready

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    async def client(self, system_id: str) -> NodeClient:
        """The program of a connected system; the caller closes it."""
        wish = Granting(system_id=system_id, scopes=tuple(Scope), name="bench")
        async with open_access(read_settings(self.folder / "axis.toml")) as access:
            _, token = await access.add_token(wish, SystemClock().now(), "bench")
        return NodeClient(ClientOptions(url=self.url, token=token))

    def rss_bytes(self) -> int:
        """Resident memory now."""
        memory: int = psutil.Process(self.process.pid).memory_info().rss
        return memory

    def descriptors(self) -> int:
        """Open files and connections."""
        return psutil.Process(self.process.pid).num_fds()

    def forget_holds(self) -> None:
        """Begin to watch the loop now."""
        self.process.send_signal(signal.SIGUSR1)
        time.sleep(0.05)

    def stop(self) -> dict[str, Any]:
        """Stop it; gives what held its loop, if that was watched."""
        self.process.terminate()
        self.process.wait(30)
        found = self.folder / "probe.json"
        return dict(json.loads(found.read_text(encoding="utf-8"))) if found.exists() else {}


@contextmanager
def node(
    folder: Path,
    *,
    database_url: str | None = None,
    watched: bool = False,
    signatures: str = "report",
    forked: bool = False,
    **more: object,
) -> Iterator[Running]:
    """A fresh node, stopped at the end.

    watched: with a probe on its loop, and an uplink that leads nowhere. signatures: how much they matter.
    forked: for a smoke test, from a process that has everything loaded.
    """
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    settings = {"log.format": "json", **{name.replace("__", "."): value for name, value in more.items()}}
    above = Above(endpoint=f"http://{HOST}:9/vxp", system_id="city") if watched else None
    plan = Blueprint(port=port, database_url=database_url, above=above, signatures=signatures, more=settings)
    asyncio.run(lay_out(folder, plan))
    begun = time.perf_counter()
    process = Forked(_serve, folder) if forked else _started(folder, watched=watched)
    try:
        _await_ready(process, port, folder)
        yield Running(process=process, port=port, folder=folder, ready_s=time.perf_counter() - begun)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


@contextmanager
def postgres() -> Iterator[str]:
    """A new database on a PostgreSQL server of its own, with fsync on."""
    os.environ[databases.DURABLE_VARIABLE] = "1"
    databases.begin_session()
    server = databases.Postgres()
    try:
        server.execute("CREATE DATABASE bench")
        yield server.url("bench")
    finally:
        server.close()
        os.environ.pop(databases.SESSION_VARIABLE, None)  # its folder goes with it; the next server gets one of its own


def _started(folder: Path, *, watched: bool) -> "subprocess.Popen[bytes]":
    module = "benchmarks.probe" if watched else "axis.cli.main"
    with (folder / "node.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", module, *_command(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, FILE_VARIABLE: str(folder / "probe.json")},
        )


def _serve(folder: Path) -> None:
    """Be a node, in a process that was forked."""
    from axis.cli.main import run  # noqa: PLC0415 - of this process only

    with (folder / "node.log").open("wb") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    sys.argv = ["axis", *_command(folder)]
    run()


def _command(folder: Path) -> list[str]:
    return ["serve", "--config", str(folder / "axis.toml")]


def _await_ready(process: "subprocess.Popen[bytes] | Forked", port: int, folder: Path) -> None:
    end = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < end and process.poll() is None:
        connection = HTTPConnection(HOST, port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.005)
        finally:
            connection.close()
    raise RuntimeError((folder / "node.log").read_text(encoding="utf-8")[-2_000:])
