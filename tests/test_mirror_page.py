"""What docs/mirror.md says to type works, on the folder that it describes."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from axis.edxml.writer import to_bytes
from axis.kit.mirror import Event, What
from tests.cli.conftest import run_inside
from tests.exchange.harness import a_document

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "mirror.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    \.venv/bin/axis (.*)$", PAGE, re.MULTILINE)
(TRAFFIC,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


def test_every_command_does_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "config" / "organs-hai-phong-2025.csv", tmp_path)
    traffic = tmp_path / "traffic"
    traffic.mkdir()
    (traffic / "traffic.jsonl").write_text(TRAFFIC, encoding="utf-8")
    package = to_bytes(a_document("H24.14", sender="H24.18"))
    (traffic / "0001.edxml").write_bytes(package)
    (traffic / "0002.edxml").write_bytes(package)
    assert len(COMMANDS) == 4
    for command in COMMANDS:
        ran = run_inside(*shlex.split(command))
        assert ran.code == 0, (command, ran.err)
    assert "100.0 %" in ran.err
    (traffic / "0002.edxml").write_bytes(package + b"\n")
    differing = run_inside(*shlex.split(COMMANDS[-1]), "--json")
    assert (differing.code, differing.json["counts"]) == (1, {"bytes_changed": 1})
    shown = run_inside(*shlex.split(COMMANDS[-1]))
    assert (shown.code, "trục cũ chuyển đi khác" in shown.out) == (1, True)


def test_the_page_names_every_word() -> None:
    for word in (*Event, *What):
        assert f"`{word}`" in PAGE, word
