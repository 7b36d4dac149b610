"""The worked examples of docs/connect run as they stand there, beside a real node."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP

from adapters.about import options_of
from adapters.base import load_adapter
from tests.cli.conftest import ROOT, Home, Ran, environment
from tests.filing.places import HOST, PASSWORD, sftp_server, webdav_server
from tests.mail.dovecot import PASSWORD as IMAP_PASSWORD
from tests.mail.dovecot import dovecot, needs_dovecot
from tests.mail.servers import make_certificate

pytestmark = pytest.mark.lengthy

HERE = "the address of the node"
"""Stands for it in settings until it is known."""


def example(page: str, language: str = "sh") -> str:
    """A page's script, or what it shows in another language."""
    text = (ROOT / "docs" / "connect" / page).read_text(encoding="utf-8")
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found.group(1)


@asynccontextmanager
async def mail_server(mailbox: Path) -> AsyncIterator[int]:
    """A mail server that delivers everything to a Maildir; its port."""
    loop, handler = asyncio.get_running_loop(), Mailbox(mailbox)
    server = await loop.create_server(lambda: SMTP(handler, loop=loop, hostname="mail.invalid"), HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def play(home: Home, folder: Path, page: str, **more: str) -> Ran:
    """Run a page's script beside a node."""
    programs = folder / "bin"
    programs.mkdir()
    for name, command in (("axis", "-m axis.cli.main"), ("python3", "-S")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {command} "$@"\n')
        program.chmod(0o755)
    node = home.process()
    text = home.config.read_text(encoding="utf-8")
    home.config.write_text(text.replace(f'"{HERE}"', f'"{node.url}"'), encoding="utf-8")
    await node.start()
    try:
        path = f"{programs}:{os.environ['PATH']}"
        environ = {"AXIS_CONFIG": str(home.config), "NODE": node.url, "PATH": path, "LC_ALL": "C.UTF-8"}
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


@pytest.mark.timeout(600)
async def test_the_example_of_the_vxp_page_runs(home: Home, tmp_path: Path) -> None:
    ran = await play(home, tmp_path, "vxp.md")
    assert ran.code == 0, ran.err + ran.out
    assert ran.out.splitlines() == ["done", "03", "0"]


@needs_dovecot
@pytest.mark.timeout(600)
async def test_the_example_of_the_mail_page_runs(home: Home, tmp_path: Path) -> None:
    (home.path / "keys" / "imap.password").write_text(IMAP_PASSWORD)
    mailbox = tmp_path / "mailbox"
    async with mail_server(mailbox) as smtp_port, dovecot(tmp_path) as imap:
        settings = example("mail.md", "toml")
        here = {"smtp_host": HOST, "smtp_port": smtp_port, "smtp_security": "none", "imap_host": HOST}
        here |= {"imap_port": imap.port, "imap_security": "none", "public_url": HERE}
        for key, value in here.items():  # the page's settings, but for where the servers are
            settings, found = re.subn(rf"(?m)^{key} = .*$", f"{key} = {json.dumps(value)}", settings)
            assert found == 1, key
        text = home.config.read_text(encoding="utf-8")
        assert "\n[mail]\n" in text
        home.config.write_text(text.replace("[mail]\n", settings), encoding="utf-8")
        ran = await play(home, tmp_path, "mail.md", MAILBOX=str(mailbox))
    assert ran.code == 0, ran.err + ran.out
    assert ran.out.splitlines()[-3:] == ["Văn bản đến 19/VP: V/v tập huấn văn thư", "Giấy mời.pdf goi-tin-", "03"]


@pytest.mark.parametrize("page", ["folder.md", "mail.md", "sftp.md", "vxp.md", "webdav.md"])
def test_a_page_names_every_option(page: str) -> None:
    about = load_adapter(page.removesuffix(".md")).about  # type: ignore[attr-defined]
    text = (ROOT / "docs" / "connect" / page).read_text(encoding="utf-8")
    for option in options_of(about.options):
        assert f"`{option.name}`" in text, option.name
