"""Tokens are made, listed and taken back; the worked example of the docs runs as it stands there."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import ROOT, Home, environment


def example() -> str:
    """The script of docs/connect/rest.md."""
    page = (ROOT / "docs" / "connect" / "rest.md").read_text(encoding="utf-8")
    found = re.search(r"```sh\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found.group(1)


def connect(home: Home, system_id: str, serves: str) -> None:
    ran = home.axis("system", "add", system_id, "--serves", serves)
    assert ran.code == 0, ran.err


def run_python(home: Home, url: str, folder: Path) -> None:
    """The Python example of the same page."""
    page = (ROOT / "docs" / "connect" / "rest.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found is not None
    scopes = ("--scope", "send", "--scope", "receive", "--scope", "read", "--scope", "status")
    office, building = (home.axis("token", "add", name, *scopes).json["token"] for name in ("office", "building"))
    (folder / "16.pdf").write_bytes(b"%PDF-1.7 16")
    given = f"NODE, OFFICE, BUILDING, PDF = {url!r}, {office!r}, {building!r}, Path('16.pdf')\n"
    script = "from pathlib import Path\n" + given + found.group(1)
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["03"]
    assert len(list(folder.glob("*.edxml"))) > 1


async def test_the_docs_example_runs(home: Home, tmp_path: Path) -> None:
    await asyncio.to_thread(connect, home, "office", "H24.1")
    await asyncio.to_thread(connect, home, "building", "H24.3")
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
            timeout=120,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr + ran.stdout
        *printed, reason = ran.stdout.splitlines()[-4:]
        assert printed == ["03", "status", "own_system"]
        assert reason.endswith(": thuộc Văn phòng")
        await asyncio.to_thread(run_python, home, node.url, tmp_path)
    finally:
        await node.stop()


def test_a_token_is_shown_once_and_listed_without_itself(home: Home) -> None:
    connect(home, "office", "H24.1")
    made = home.axis("token", "add", "office", "--scope", "send", "--scope", "read", "--days", "30", "--name", "DMS")
    assert made.code == 0, made.err
    assert re.fullmatch(r"axt_[A-Za-z0-9_-]{43}", made.json["token"])
    assert made.json["scopes"] == ["send", "read"]
    listed = home.axis("token", "list", "--json").json
    assert [(one["token_id"], one["state"], one["name"]) for one in listed] == [(made.json["token_id"], "good", "DMS")]
    for ran in (home.axis("token", "list"), home.axis("token", "list", "--json")):
        assert made.json["token"] not in ran.out
    assert home.axis("token", "revoke", made.json["token_id"]).code == 0
    assert home.axis("token", "list", "--json").json[0]["state"] == "revoked"


def test_wrong_tokens_are_told(home: Home) -> None:
    connect(home, "office", "H24.1")
    assert home.axis("token", "add", "nobody", "--scope", "send").code == 1
    assert home.axis("token", "add", "office").code == 2
    assert home.axis("token", "add", "office", "--scope", "everything").code == 2
    assert home.axis("token", "add", "office", "--scope", "send", "--days", "0").code == 2
    assert home.axis("token", "add", "office", "--scope", "send", "--name", "a\nb").code == 2
    assert home.axis("token", "revoke", "01ARZ3NDEKTSV4RRFFQ69G5FAV").code == 1
    assert home.axis("token", "list", "--json").json == []
