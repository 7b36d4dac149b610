"""The command line as people run it: a process of its own."""

import io
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from axis.cli.main import run
from axis.cli.options import DEBUG_VARIABLE
from axis.demo.processes import NodeProcess, free_port
from axis.ops.install import NewNode, install

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "config" / "samples"


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed for programs."""
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AXIS_")}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | more


def run_axis(*arguments: object, cwd: Path | None = None, stdin: str = "", **more: str) -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", "axis.cli.main", *map(str, arguments)],
        cwd=cwd,
        env=environment(**more),
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=90,
        check=False,
    )
    return Ran(code=done.returncode, out=done.stdout, err=done.stderr)


def run_inside(*arguments: object, stdin: str = "") -> Ran:
    """The same without a new process: starting one takes most of a command's time."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    root = logging.getLogger()
    kept = sys.stdin, structlog.get_config(), root.handlers, root.level
    sys.stdin = io.StringIO(stdin)
    try:
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            run(list(map(str, arguments)))
    finally:
        os.environ.pop(DEBUG_VARIABLE, None)
        sys.stdin, log_settings, root.handlers, level = kept
        root.setLevel(level)
        structlog.configure(**log_settings)
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return Ran(code=int(ended.value.code or 0), out=texts[0], err=texts[1])


@pytest.fixture(scope="session")
def made_node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node's directory with the demo's organisations, to be copied."""
    folder = tmp_path_factory.mktemp("made") / "node"
    install(NewNode(data_dir=folder, code="H24", name="Hải Phòng", port=free_port()))
    ran = run_inside("org", "import", ROOT / "config" / "organs-demo.csv", "--config", folder / "axis.toml")
    assert ran.code == 0, ran.err
    return folder


@dataclass(frozen=True, kw_only=True)
class Home:
    """A node's directory, and `axis … --config` for it."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "axis.toml"

    def axis(self, *arguments: object, stdin: str = "") -> Ran:
        return run_inside(*arguments, "--config", self.config, stdin=stdin)

    def process(self) -> NodeProcess:
        """`axis serve` on a port of its own."""
        port = free_port()
        lines = self.config.read_text().splitlines()
        self.config.write_text("\n".join(f"port = {port}" if line.startswith("port = ") else line for line in lines))
        return NodeProcess(self.config, port)


@pytest.fixture
def home(made_node: Path, tmp_path: Path) -> Home:
    """A node with organisations and nothing else."""
    shutil.copytree(made_node, tmp_path / "node")
    return Home(path=tmp_path / "node")


@pytest.fixture
def axis() -> Callable[..., Ran]:
    """Run one command; in a process of its own where folder or environment matter."""
    return lambda *arguments, **more: (run_axis if more else run_inside)(*arguments, **more)
