"""What docs/registry.md says to type works, one line after the other."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from axis.ops.install import NewNode, install
from axis.ops.organ_export import COLUMNS
from axis.organ.sync import Verdict
from tests.cli.conftest import run_inside

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "registry.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    \.venv/bin/axis (.*)$", PAGE, re.MULTILINE)


def test_every_command_does_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = tmp_path / "node"
    install(NewNode(data_dir=node, code="H24", port=0))
    for year in (2024, 2025):
        shutil.copy(ROOT / "config" / f"organs-hai-phong-{year}.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AXIS_CONFIG", str(node / "axis.toml"))
    assert len(COMMANDS) >= 13
    said = {}
    for command in COMMANDS:
        if command.startswith("org close"):  # "needs everything below it closed first"
            refused = run_inside(*shlex.split(command))
            assert (refused.code, "organ_in_use" in refused.err) == (1, True)
            for unit in ("H24.24.1", "H24.24.2"):
                run_inside("org", "close", unit, "--successor", "H24.17")
        ran = run_inside(*shlex.split(command))
        assert ran.code == 0, (command, ran.err)
        said[command] = ran
    assert "H24.10.3" in said["org tree H24.10"].out
    assert "Ủy ban nhân dân phường Hồng Bàng" in said["org show 000.21.31.H24"].out
    assert "Added 128" in said["org import organs-hai-phong-2025.csv"].err
    assert "Added 0, changed 0, left 689" in said["org import organisations.csv"].err


def test_the_page_names_every_column_and_every_verdict() -> None:
    for word in (*COLUMNS, *Verdict):
        assert f"`{word}`" in PAGE, word
