"""Whole nodes for tests: laid out in a folder, run inside the test or as `axis serve` in a process of their own."""

import asyncio
import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from unittest.mock import patch

from adapters.vxp.calls import VxpClientOptions
from adapters.vxp.client import VxpClient
from axis.clock import SystemClock
from axis.demo.processes import NodeProcess
from axis.ops.access import open_access
from axis.ops.install import NewNode, NewUplink, install, write_secret
from axis.serve import Node, start_node
from axis.settings import Settings
from axis.store import registry, systems
from axis.store.engine import StoreOptions
from axis.store.migrate import migrate
from axis.store.queries import ANY_SENDER
from axis.store.records import SignaturePolicy, System
from axis.store.registry import OrganRow
from axis.store.systems import NewSystem
from tests.exchange.harness import ORGANS, SYSTEMS

CLOCK = SystemClock()


@dataclass(frozen=True, kw_only=True)
class Above:
    """The axis that a node calls."""

    endpoint: str
    system_id: str


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """What a node is made with; the demo city's registry unless it says otherwise."""

    code: str = "H24"
    role: str = "city"
    port: int = 0
    organs: tuple[OrganRow, ...] = ORGANS
    systems: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: SYSTEMS)
    database_url: str | None = None  # None: SQLite in the folder
    above: Above | None = None
    signatures: str = "report"  # how much they matter; "off" where verdicts would only be in the way
    more: Mapping[str, object] = field(default_factory=dict)  # settings, as section.key


def secret_of(system_id: str) -> str:
    """The secret of a test's system."""
    return f"secret-{system_id}"


async def lay_out(folder: Path, plan: Blueprint) -> Settings:
    """Make a node's folder with its organisations and systems."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    uplink = None
    if plan.above is not None:
        secret_file = folder / "uplink.secret"
        write_secret(secret_file, secret_of(plan.above.system_id))
        uplink = NewUplink(
            id="national", endpoint=plan.above.endpoint, system_id=plan.above.system_id, secret_file=secret_file
        )
    new = NewNode(
        data_dir=folder,
        code=plan.code,
        role=plan.role,
        port=plan.port,
        database_url=plan.database_url,
        uplink=uplink,
        more=tuple(plan.more.items()),
    )
    with patch("axis.ops.install.migrate", _migrate):
        settings = install(new)
    async with open_access(settings) as access:
        await access.store.write(lambda c: registry.import_organs(c, plan.organs, CLOCK.now(), "test"))
        for system_id, serves in plan.systems.items():
            system = System(
                system_id=system_id, name="", front="vxp", enabled=True, may_register=False, created_at=CLOCK.now()
            )
            new_system = NewSystem(
                system=system, secret_encrypted=access.key.encrypt(secret_of(system_id)), serves=serves
            )
            await access.store.write(lambda c, new=new_system: systems.add_system(c, new, CLOCK.now(), "test"))
        policy = SignaturePolicy(
            organ_id=ANY_SENDER, envelope=plan.signatures, files=plan.signatures, fail_closed=False
        )
        await access.store.write(lambda c: registry.set_signature_policy(c, policy, CLOCK.now(), "test"))
    return settings


def _migrate(options: StoreOptions) -> str:
    """As `axis.store.migrate`; SQLite's file is a copy of one that was made so before, which takes a hundredth."""
    file = Path(options.url.removeprefix("sqlite:///"))
    if file != options.data_dir / "axis.db":
        return migrate(options)
    version, template = _template()
    shutil.copy(template, file)
    return version


@cache
def _template() -> tuple[str, Path]:
    folder = Path(tempfile.mkdtemp(prefix="axis-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return migrate(StoreOptions(url="sqlite:///axis.db", data_dir=folder)), folder / "axis.db"


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Node]:
    """The node of a folder, listening inside this process."""
    node = await start_node(settings)
    try:
        yield node
    finally:
        await node.stop()


def client_of(url: str, system_id: str, **options: object) -> VxpClient:
    """A DMS's client; the caller closes it."""
    chosen: dict[str, object] = {
        "endpoint": f"{url}/vxp",
        "system_id": system_id,
        "secret": secret_of(system_id),
        **options,
    }
    return VxpClient(VxpClientOptions(**chosen), None, CLOCK)  # type: ignore[arg-type]


async def kill(process: NodeProcess) -> int:
    """SIGKILL: nothing of the node gets another turn. Returns the exit code."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    return await process.wait()
