"""Prepares the demo city in a folder: two nodes with their organisations, connected systems and accounts.

The folder: city/ and national/ (a node's directory each, with the demo's trust folder), pki/, agencies/ (each system's
token, and what it still has to answer), samples/, demo.json (how far the preparation came) and demo-login.txt.
"""

import asyncio
import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from axis.clock import Clock
from axis.demo import cast
from axis.demo.cast import AGENCIES, CITY, NATIONAL, Agency
from axis.demo.documents import Desk, Draft
from axis.demo.pki import Holder, Pki, Seal, make_pki
from axis.demo.processes import HOST
from axis.demo.seals import Seals
from axis.edxml.writer import to_bytes
from axis.errors import Code, Malformed
from axis.ops.access import Access, Connecting, Granting, open_access
from axis.ops.accounts import NewAccount, new_account, new_password
from axis.ops.install import NewNode, NewUplink, install, write_secret
from axis.ops.organ_file import read_organ_file
from axis.resources import resource
from axis.settings import CONFIG_NAME, read_settings
from axis.store import accounts, registry
from axis.terms import Role, Scope

ACTOR = "demo"
LOGIN_NAME = "demo"
_STATE = "demo.json"
_CITY_ORGANS, _NATIONAL_ORGANS = "config/organs-demo.csv", "config/organs-demo-national.csv"
_KEY, _CERTIFICATE = "keys/signing.key", "keys/signing.pem"  # of the city's node, in its folder
_SCOPES = (Scope.SEND, Scope.STATUS, Scope.RECEIVE)  # what an agency's system does
# A demo is watched: it polls and tries again sooner than a node in earnest.
_SOON = (
    ("exchange.poll_interval_s", 0.3),
    ("exchange.retry_delays_s", [1, 2, 5, 15, 60]),
    ("exchange.ask_first_s", 2.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the two nodes listen."""

    city: int
    national: int

    def of(self, node: cast.NodeName) -> int:
        """One node's port."""
        return self.city if node == CITY else self.national


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFolder:
    """The places in the demo's folder."""

    path: Path

    def config(self, node: cast.NodeName) -> Path:
        """A node's settings."""
        return self.path / node / CONFIG_NAME

    @property
    def pki(self) -> Path:
        """The certificates and keys of the agencies."""
        return self.path / "pki"

    @property
    def login(self) -> Path:
        """The file with the console's log-in."""
        return self.path / "demo-login.txt"

    @property
    def sample(self) -> Path:
        """The package that a user sends himself."""
        return self.path / "samples" / "cong-van.edxml"

    def journal(self, agency: Agency) -> Path:
        """What an agency's system still has to answer."""
        return self.path / "agencies" / f"{agency.system_id}.json"

    def token(self, agency: Agency) -> Path:
        """What an agency's system shows to its node."""
        return self.path / "agencies" / f"{agency.system_id}.token"

    @property
    def state(self) -> str:
        """How far the preparation came: "", "preparing", "prepared", "played"."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            return str(json.loads((self.path / _STATE).read_text(encoding="utf-8"))["state"])
        return ""

    def set_state(self, state: str) -> None:
        """Write down how far it came."""
        draft = self.path / f"{_STATE}.new"
        draft.write_text(json.dumps({"state": state}) + "\n", encoding="utf-8")
        draft.replace(self.path / _STATE)


def organ_names() -> dict[str, str]:
    """The names of the demo's organisations by their codes."""
    files = (_CITY_ORGANS, _NATIONAL_ORGANS)
    return {line.organ.code: line.organ.name for file in files for line in read_organ_file(resource(file)).lines}


@contextmanager
def held(folder: DemoFolder) -> Iterator[None]:
    """Keep a demo's folder to one process. Raises Malformed(BAD_FILE) when another one has it."""
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder.path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise Malformed(Code.BAD_FILE, "another demo runs on this folder", at=str(folder.path)) from e
        yield
    finally:
        os.close(handle)


async def prepare(folder: DemoFolder, ports: Ports, clock: Clock, on_step: Callable[[str], None]) -> None:
    """Make what is missing; a preparation that was cut off is done anew.

    Raises Malformed(BAD_FILE) when the folder holds something that is no demo.
    """
    if folder.state not in ("prepared", "played"):
        await asyncio.to_thread(_clear, folder)
        on_step("nút trục quốc gia: tổ chức, hệ thống kết nối")
        uplink_secret = await _prepare_national(folder, ports, clock)
        on_step("nút thành phố: tổ chức, hệ thống kết nối, tài khoản")
        await _prepare_city(folder, ports, clock, uplink_secret)
        await _give_tokens(folder, clock)
        on_step("chứng thư số cho các cơ quan")
        await asyncio.to_thread(_make_trust, folder, clock.now())
        await asyncio.to_thread(_write_sample, folder, clock)
        folder.set_state("prepared")
    else:  # perhaps by an earlier program, when agencies did not sign, and called by another way
        await _give_tokens(folder, clock)
        if not (folder.config(CITY).parent / "trust").exists():
            await asyncio.to_thread(_make_trust, folder, clock.now())
    for node in (CITY, NATIONAL):
        _set_ports(folder.config(node), node, ports)


def _clear(folder: DemoFolder) -> None:
    """Take away what a preparation that was cut off has left; nothing else is ever removed."""
    if any(folder.path.iterdir()) and folder.state != "preparing":
        raise Malformed(Code.BAD_FILE, "the folder is neither empty nor a demo's", at=str(folder.path))
    folder.set_state("preparing")
    for made in (CITY, NATIONAL, folder.pki.name, "agencies", "samples"):
        shutil.rmtree(folder.path / made, ignore_errors=True)
    (folder.path / "agencies").mkdir()


def make_demo_pki(folder: Path, now: datetime) -> Pki:
    """The certificates of all the demo's agencies; what is there already stays. now: aware."""
    names = organ_names()
    holders = [Holder(code=code, name=names[code]) for agency in AGENCIES for code in agency.serves]
    return make_pki(folder, holders, now)


def _make_trust(folder: DemoFolder, now: datetime) -> None:
    """The certificates, and whom the demo trusts: a copy for each node, so that what is added to one stays with it."""
    pki = make_demo_pki(folder.pki, now)
    for node in (CITY, NATIONAL):
        shutil.copytree(pki.trust, folder.config(node).parent / "trust", dirs_exist_ok=True)
    home = folder.config(CITY).parent
    write_secret(home / _KEY, pki.key(cast.CITY_CODE, Seal.SYSTEM).read_text(encoding="ascii"))
    shutil.copy(pki.certificate(cast.CITY_CODE, Seal.SYSTEM), home / _CERTIFICATE)


async def _prepare_national(folder: DemoFolder, ports: Ports, clock: Clock) -> str:
    """Returns the city's secret there."""
    settings = await asyncio.to_thread(
        install,
        NewNode(
            data_dir=folder.config(NATIONAL).parent,
            code=cast.NATIONAL_CODE,
            name=cast.NATIONAL_NAME,
            role="national",
            port=ports.national,
            more=_SOON,
        ),
    )
    async with open_access(settings) as access:
        await _import(access, _CITY_ORGANS, clock)
        await _import(access, _NATIONAL_ORGANS, clock)
        await _connect(access, NATIONAL, clock)
        wish = Connecting(system_id=cast.UPLINK_SYSTEM, name=cast.CITY_NAME, serves=(cast.CITY_CODE,))
        return await access.connect(wish, clock.now(), ACTOR)


async def _prepare_city(folder: DemoFolder, ports: Ports, clock: Clock, uplink_secret: str) -> None:
    home = folder.config(CITY).parent
    settings = await asyncio.to_thread(
        install,
        NewNode(
            data_dir=home,
            code=cast.CITY_CODE,
            name=cast.CITY_NAME,
            port=ports.city,
            uplink=NewUplink(
                id="national",
                endpoint=_endpoint(ports.national),
                system_id=cast.UPLINK_SYSTEM,
                secret_file=Path("keys/uplink.secret"),
            ),
            # Whoever tries the demo has no telephone set up for it.
            more=(
                *_SOON,
                ("console.totp_required_for", []),
                ("signing.key_file", _KEY),
                ("signing.certificate_file", _CERTIFICATE),
            ),
        ),
    )
    write_secret(home / "keys" / "uplink.secret", uplink_secret + "\n")
    async with open_access(settings) as access:
        await _import(access, _CITY_ORGANS, clock)
        await _connect(access, CITY, clock)
        password = new_password()
        account = new_account(NewAccount(username=LOGIN_NAME, roles=tuple(Role)), password, clock.now())
        await access.store.write(lambda conn: accounts.add_account(conn, account))
    write_secret(folder.login, f"{LOGIN_NAME} {password}\n")


async def _import(access: Access, file: str, clock: Clock) -> None:
    rows = [line.organ for line in read_organ_file(resource(file)).lines]
    await access.store.write(lambda conn: registry.import_organs(conn, rows, clock.now(), ACTOR))


async def _connect(access: Access, node: cast.NodeName, clock: Clock) -> None:
    for agency in AGENCIES:
        if agency.node == node:
            wish = Connecting(system_id=agency.system_id, name=agency.name, serves=agency.serves)
            await access.connect(wish, clock.now(), ACTOR)


async def _give_tokens(folder: DemoFolder, clock: Clock) -> None:
    """A token for each agency's system that has none. One that gets lost on the way is never used."""
    for node in (CITY, NATIONAL):
        missing = [one for one in AGENCIES if one.node == node and not folder.token(one).exists()]
        if not missing:
            continue
        async with open_access(read_settings(folder.config(node))) as access:
            for agency in missing:
                wish = Granting(system_id=agency.system_id, scopes=_SCOPES, name=agency.name)
                _, token = await access.add_token(wish, clock.now(), ACTOR)
                draft = folder.token(agency).with_suffix(".new")
                write_secret(draft, token + "\n")
                draft.replace(folder.token(agency))


def _write_sample(folder: DemoFolder, clock: Clock) -> None:
    """A letter for a ward, a unit and a ministry, to be sent by hand."""
    seals = Seals(Pki(folder=folder.pki))
    letter = Desk(organ_names(), clock.now(), seals).letter(
        Draft(
            sender=cast.CONSTRUCTION,
            receivers=(cast.LE_CHAN, cast.WORKS_UNIT, cast.MINISTRY),
            notation="SXD-VP",
            subject="V/v lấy ý kiến dự thảo kế hoạch chỉnh trang đô thị",
            body=("Sở Xây dựng gửi dự thảo kế hoạch để quý cơ quan tham gia ý kiến.",),
        )
    )
    folder.sample.parent.mkdir(exist_ok=True)
    folder.sample.write_bytes(seals.sign_package(to_bytes(letter), cast.CONSTRUCTION, Seal.AGENCY))


def _endpoint(port: int) -> str:
    return f"http://{HOST}:{port}/vxp"


def _set_ports(config: Path, node: cast.NodeName, ports: Ports) -> None:
    """The ports can differ from one start to the next; everything else in the settings is the user's to change."""
    text = config.read_text(encoding="utf-8")
    changed = re.sub(r"(?m)^port = \d+$", f"port = {ports.of(node)}", text, count=1)
    changed = re.sub(rf'(?m)^endpoint = "http://{HOST}:\d+/vxp"$', f'endpoint = "{_endpoint(ports.national)}"', changed)
    if changed != text:
        config.write_text(changed, encoding="utf-8")
