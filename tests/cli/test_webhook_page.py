"""The worked example of docs/connect/webhook.md runs as it stands there, beside a real node."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from axis.demo.processes import free_port
from tests.cli.conftest import ROOT, Home, environment

PAGE = (ROOT / "docs" / "connect" / "webhook.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The page's first block of a language."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.mark.timeout(300)  # starts a dozen programs
async def test_the_example_of_the_page_runs(home: Home, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, command in (("axis", "-m axis.cli.main"), ("python3", "-S")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {command} "$@"\n')
        program.chmod(0o755)
    (tmp_path / "receiver.py").write_text(block("python"), encoding="utf-8")
    node = home.process()
    rules = f'[webhook]\nprivate_addresses = true\npublic_url = "{node.url}"\n'
    text = home.config.read_text(encoding="utf-8")
    home.config.write_text(text.replace("[webhook]\n", rules), encoding="utf-8")
    await node.start()
    more = {
        "NODE": node.url,
        "PORT": str(free_port()),
        "AXIS_CONFIG": str(home.config),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
    }
    try:
        ran = await asyncio.to_thread(
            subprocess.run,
            ["sh", "-eu", "-c", block("sh")],
            cwd=tmp_path,
            env=environment(**more),
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
    finally:
        await node.stop()
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert ran.stdout.splitlines() == ['"state":"acknowledged"', "1"]
