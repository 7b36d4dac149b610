"""A real Mayan EDMS in a process of its own, on SQLite, its tasks done at once; for `make test-mayan` alone."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from axis.demo.processes import free_port

VARIABLE = "AXIS_MAYAN_VENV"
"""Names the virtual environment that has mayan-edms, and with that asks for it."""

# Mayan's own settings for one process switch its tasks off again; failures of a task are no failures of the call.
_SETTINGS = """
from mayan.settings.production import *
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = False
"""
_BOOT_S = 300
_SETUP_S = 900


@dataclass
class RealMayan:
    """One Mayan, which can be killed and started again."""

    venv: Path
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    setup_s: float = 0.0
    boot_s: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def set_up(self) -> str:
        """Make its database and its administrator, whose token is returned."""
        (self.folder / "settings").mkdir(parents=True, exist_ok=True)
        (self.folder / "settings" / "axis_mayan.py").write_text(_SETTINGS)
        began = time.monotonic()
        # It also fetches scripts for pages from npm, which may fail: the REST API does not need them.
        self._run("common_initial_setup")
        token = self._run("drf_create_token", "admin").split("Generated token ")[1].split()[0]
        self.setup_s = time.monotonic() - began
        return token

    def start(self) -> None:
        """Start it, and wait until it answers."""
        began = time.monotonic()
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._program, "runserver", "--noreload", f"127.0.0.1:{self.port}"],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while time.monotonic() - began < _BOOT_S:
            try:
                with urllib.request.urlopen(f"{self.url}/api/v4/", timeout=5):  # noqa: S310 - ours, on loopback
                    self.boot_s = time.monotonic() - began
                    return
            except (urllib.error.URLError, OSError):
                if self.process.poll() is not None:
                    break
                time.sleep(0.3)
        raise RuntimeError((self.folder / "server.log").read_text(errors="replace")[-2000:])

    def kill(self) -> None:
        """As when the power fails."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    @property
    def _program(self) -> str:
        return str(self.venv / "bin" / "mayan-edms.py")

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.venv / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "MAYAN_MEDIA_ROOT": str(self.folder / "media"),
            "PYTHONPATH": str(self.folder / "settings"),
            "DJANGO_SETTINGS_MODULE": "axis_mayan",
            "PYTHONWARNINGS": "ignore",
        }

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            [self._program, *command],
            env=self._environment | {"DJANGO_SETTINGS_MODULE": "mayan.settings.production"},
            capture_output=True,
            text=True,
            timeout=_SETUP_S,
            check=False,
        )
        return done.stdout
