"""The worked example of docs/connect/edoc.md runs as it stands there."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Home, environment


def example() -> str:
    """The script of the page."""
    page = (ROOT / "docs" / "connect" / "edoc.md").read_text(encoding="utf-8")
    found = re.search(r"```sh\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.mark.timeout(300)  # a dozen programs, one after the other
async def test_the_docs_example_runs(home: Home, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, command in (("axis", "-m axis.cli.main"), ("python3", "-S")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {command} "$@"\n')
        program.chmod(0o755)
    node = home.process()
    await node.start()
    try:
        more = {"NODE": node.url, "AXIS_CONFIG": str(home.config), "PATH": f"{programs}:{os.environ['PATH']}"}
        ran = await asyncio.to_thread(
            subprocess.run,
            ["sh", "-eu", "-c", example()],
            cwd=tmp_path,
            env=environment(**more),
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr + ran.stdout
        assert ran.stdout.splitlines() == ["V/v họp giao ban tháng 12", "true", "true", "01 03"]
    finally:
        await node.stop()
