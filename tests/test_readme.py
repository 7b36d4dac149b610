"""What the README says to type exists and works."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    \.venv/bin/axis (.*?)(?:  +#.*)?$", README, re.MULTILINE)


def test_every_make_target_named_is_one() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True)
    offered = set(re.findall(r"^  make (\S+)", done.stdout, re.MULTILINE))
    named = set(re.findall(r"(?:`|^    )make ([a-z-]+)", README, re.MULTILINE))
    assert {"run", "test"} <= named
    assert named <= offered


def test_every_page_linked_is_there() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    for link in links:
        assert (ROOT / link).is_file(), link


def test_a_node_begins_by_the_commands_shown(tmp_path: Path) -> None:
    assert [command.split()[0] for command in COMMANDS] == ["init", "org", "system", "serve"]
    shutil.copy(ROOT / "config" / "organs-demo.csv", tmp_path / "organisations.csv")
    for command in COMMANDS[:-1]:  # serve runs until it is stopped: tests/scenario starts it
        done = subprocess.run(
            [sys.executable, "-m", "axis.cli.main", *shlex.split(command)],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "PATH": ""},
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (command, done.stderr)
    assert '"secret"' in done.stdout
