"""A real IMAP server: Debian's dovecot, without root, with a configuration and mailboxes of its own in a folder."""

import asyncio
import grp
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.mail.mailbox import ImapAccount
from tests.mail.servers import HOST, Certificate, make_certificate

PROGRAM = shutil.which("dovecot") or "/usr/sbin/dovecot"
needs_dovecot = pytest.mark.skipif(
    not Path(PROGRAM).exists(),
    reason="needs a real IMAP server: Debian's dovecot-imapd, which CI=true or AXIS_APT=1 installs (.ci/debian)",
)
USER, PASSWORD = "truc", "mat-khau"


@dataclass(frozen=True)
class Dovecot:
    """A running server with one mailbox."""

    port: int
    tls_port: int
    certificate: Certificate
    mail: Path  # the mailbox, a Maildir

    def account(self, security: str = "none", **more: object) -> ImapAccount:
        """How to reach the mailbox."""
        chosen: dict[str, object] = {
            "host": HOST,
            "port": self.tls_port if security == "tls" else self.port,
            "security": security,
            "user": USER,
            "password": PASSWORD,
            "ca_file": self.certificate.ca,
            "timeout_s": 20.0,
            **more,
        }
        return ImapAccount(**chosen)  # type: ignore[arg-type]

    def deliver(self, raw: bytes, name: str) -> None:
        """A mail arrives."""
        target = self.mail / "tmp" / name
        target.write_bytes(raw)
        target.chmod(0o644)
        target.rename(self.mail / "new" / name)

    def names(self, folder: str = "") -> list[str]:
        """The files of a folder of the mailbox."""
        place = self.mail / f".{folder}" if folder else self.mail
        return sorted(path.name for part in ("new", "cur") for path in (place / part).glob("*"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _config(folder: Path, user: str, ports: tuple[int, int], certificate: Certificate, more: str) -> str:
    group = "nogroup" if os.geteuid() == 0 else grp.getgrgid(os.getegid()).gr_name
    return f"""
protocols = imap
listen = {HOST}
base_dir = {folder}/run
state_dir = {folder}/run
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
log_path = {folder}/log
ssl = yes
ssl_cert = <{certificate.pem}
ssl_key = <{certificate.pem}
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail
first_valid_uid = 1
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {ports[0]}
  }}
  inet_listener imaps {{
    port = {ports[1]}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
{more}
"""


def _give_to(user: str, place: Path) -> None:
    """The server runs as this user, not as root."""
    if os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        for path in (place, *place.rglob("*")):
            os.chown(path, entry.pw_uid, entry.pw_gid)


@asynccontextmanager
async def dovecot(folder: Path, more: str = "") -> AsyncIterator[Dovecot]:
    """Start the server, and end it with everything that it started."""
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    place = Path(f"/tmp/axis-dovecot-{os.getpid()}-{abs(hash(folder)) % 100_000}")  # noqa: S108 - sockets need short paths
    shutil.rmtree(place, ignore_errors=True)
    for made in (place, place / "run", place / "home", *(place / "mail" / part for part in ("new", "cur", "tmp"))):
        made.mkdir(mode=0o755, parents=True)
    certificate = make_certificate(place)
    ports = _free_port(), _free_port()
    (place / "dovecot.conf").write_text(_config(place, user, ports, certificate, more))
    _give_to(user, place)
    program = await asyncio.create_subprocess_exec(
        PROGRAM,
        "-F",
        "-c",
        str(place / "dovecot.conf"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **({"user": user, "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}),
    )
    try:
        await _await_port(ports[0], program, place)
        yield Dovecot(port=ports[0], tls_port=ports[1], certificate=certificate, mail=place / "mail")
    finally:
        if program.returncode is None:
            program.terminate()
        await program.wait()
        shutil.rmtree(place, ignore_errors=True)


async def _await_port(port: int, program: asyncio.subprocess.Process, place: Path) -> None:
    while True:
        log = place / "log"
        assert program.returncode is None, log.read_text() if log.exists() else "dovecot ended"
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return
