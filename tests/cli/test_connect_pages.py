"""The worked examples of docs/connect for DMSs that exchange files run as they stand there."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Home, Ran, environment


def example(page: str) -> str:
    """A page's script."""
    text = (ROOT / "docs" / "connect" / page).read_text(encoding="utf-8")
    found = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found.group(1)


async def play(home: Home, folder: Path, page: str, **more: str) -> Ran:
    """Run a page's script beside a node."""
    programs = folder / "bin"
    programs.mkdir()
    for name, command in (("axis", "-m axis.cli.main"), ("python3", "-S")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {command} "$@"\n')
        program.chmod(0o755)
    node = home.process()
    await node.start()
    try:
        environ = {"AXIS_CONFIG": str(home.config), "PATH": f"{programs}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        ran = await asyncio.to_thread(
            subprocess.run,
            ["sh", "-eu", "-c", example(page)],
            cwd=folder,
            env=environment(**environ, **more),
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
    finally:
        await node.stop()
    return Ran(code=ran.returncode, out=ran.stdout, err=ran.stderr)


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes look often."""
    monkeypatch.setenv("AXIS_EXCHANGE__POLL_INTERVAL_S", "0.5")


@pytest.mark.timeout(600)  # starts a dozen programs
async def test_the_example_of_the_folder_page_runs(home: Home, tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    ran = await play(home, tmp_path, "folder.md", SHARE=str(tmp_path / "share"))
    assert ran.code == 0, ran.err + ran.out
    assert ran.out.splitlines()[-2:] == ["15/VP V/v họp giao ban tháng 12", "03 số đến 12"]


@pytest.mark.parametrize("page", ["folder.md"])
def test_a_page_names_every_option(page: str) -> None:
    from adapters.about import options_of  # noqa: PLC0415 - here alone
    from adapters.base import load_adapter  # noqa: PLC0415

    about = load_adapter(page.removesuffix(".md")).about  # type: ignore[attr-defined]
    text = (ROOT / "docs" / "connect" / page).read_text(encoding="utf-8")
    for option in options_of(about.options):
        assert f"`{option.name}`" in text, option.name
