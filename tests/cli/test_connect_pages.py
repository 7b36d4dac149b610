"""The worked examples of docs/connect for DMSs that exchange files run as they stand there."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.about import options_of
from adapters.base import load_adapter
from tests.cli.conftest import ROOT, Home, Ran, environment
from tests.filing.places import HOST, PASSWORD, sftp_server, webdav_server
from tests.mail.servers import make_certificate


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


@pytest.mark.timeout(600)
async def test_the_example_of_the_sftp_page_runs(home: Home, tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    (tmp_path / "password").write_text(PASSWORD)
    async with sftp_server(share) as server:
        more = {
            "SHARE": str(share),
            "SFTP_HOST": HOST,
            "SFTP_PORT": str(server.port),
            "HOST_KEY": server.host_key.export_public_key().decode().strip(),
            "PASSWORD_FILE": str(tmp_path / "password"),
        }
        ran = await play(home, tmp_path, "sftp.md", **more)
    assert ran.code == 0, ran.err + ran.out
    assert ran.out.splitlines()[-1] == "16/VP V/v lịch trực tháng 12"


@pytest.mark.timeout(600)
async def test_the_example_of_the_webdav_page_runs(home: Home, tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    (tmp_path / "password").write_text(PASSWORD)
    certificate = make_certificate(tmp_path)
    async with webdav_server(share, certificate.pem) as server:
        more = {
            "SHARE": str(share),
            "DAV": server.url,
            "CA_FILE": str(certificate.ca),
            "PASSWORD_FILE": str(tmp_path / "password"),
        }
        ran = await play(home, tmp_path, "webdav.md", **more)
    assert ran.code == 0, ran.err + ran.out
    assert ran.out.splitlines()[-1] == "17/VP V/v trực Tết Dương lịch"


@pytest.mark.parametrize("page", ["folder.md", "sftp.md", "webdav.md"])
def test_a_page_names_every_option(page: str) -> None:
    about = load_adapter(page.removesuffix(".md")).about  # type: ignore[attr-defined]
    text = (ROOT / "docs" / "connect" / page).read_text(encoding="utf-8")
    for option in options_of(about.options):
        assert f"`{option.name}`" in text, option.name
