"""The demo's nodes as what they are in earnest: processes that were started by `axis serve`."""

import asyncio
import contextlib
import os
import socket
import sys
import time
from pathlib import Path

import aiohttp

from axis.errors import Code, Internal, WrongState

HOST = "127.0.0.1"
_READY_WITHIN_S = 60.0  # under 3 s on an idle machine; a busy one must not fail for that
_STOP_WITHIN_S = 15.0
_LOOK_EVERY_S = 0.05


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def check_port_free(port: int) -> None:
    """Raises WrongState(PORT_BUSY, at=the port) when something listens there already."""
    with socket.socket() as probe:
        # As the server does: a connection of an earlier run that lingers in TIME_WAIT is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as e:
            raise WrongState(Code.PORT_BUSY, at=f"{HOST}:{port}") from e


class NodeProcess:
    """One `axis serve`. It ends with this process, whatever ends it: its standard input is a pipe from here."""

    def __init__(self, config: Path, port: int) -> None:
        self.config = config
        self.url = f"http://{HOST}:{port}"
        self.log = config.parent / "node.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while it was started."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start it and wait until it is ready. Raises Internal with the log's last line when it ends instead."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "axis.cli.main",
                "serve",
                "--while-stdin-open",
                "--config",
                str(self.config),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for us: we stop the agencies first, then the nodes
            )
        try:
            await self._wait_until_ready()
        except BaseException:
            await self.stop()
            raise

    async def _wait_until_ready(self) -> None:
        process = self._process
        deadline = time.monotonic() + _READY_WITHIN_S
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
            while process is not None and process.returncode is None and time.monotonic() < deadline:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with http.get(f"{self.url}/health/ready") as reply:
                        if reply.status == 200:  # noqa: PLR2004 - HTTP's own word for yes
                            return
                await asyncio.sleep(_LOOK_EVERY_S)
        raise Internal(f"the node did not become ready; its log {self.log} ends: {self._last_line()}")

    def _last_line(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:500] if lines else "(empty)"

    async def stop(self) -> None:
        """Ask it to stop, wait; one that hangs is killed, which loses nothing that was acknowledged."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_WITHIN_S)
        except TimeoutError:
            self._process = process
            await self.kill()

    async def kill(self) -> None:
        """End it as a power cut would. `start` begins anew on the same data."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def wait(self) -> int:
        """Wait until it ends by itself; its exit code."""
        if self._process is None:
            return 0
        return await self._process.wait()


def _environment() -> dict[str, str]:
    """Ours, without the variables that would override the demo's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AXIS_")}
    # The package is found wherever this process found it.
    package = str(Path(__file__).resolve().parents[2])
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, (package, kept.get("PYTHONPATH", ""))))
    return kept
