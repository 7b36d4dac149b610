"""A whole node that listens on loopback, with small limits."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from axis.settings import Settings, read_settings
from tests.exchange.harness import SYSTEMS
from tests.hostile.door import LIMIT_BYTES, Door
from tests.nodes import Above, Blueprint, lay_out, running

MORE = {"limits.package_bytes": LIMIT_BYTES, "server.idle_timeout_s": 2.0}
"""The second makes a silent connection's end worth waiting for."""


@pytest.fixture(scope="session")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node's folder, to be copied."""
    folder = tmp_path_factory.mktemp("hostile") / "city"
    systems = {**SYSTEMS, "dms-cu": ("H24.77",)}
    above = Above(endpoint="http://127.0.0.1:9/vxp", system_id="city")
    asyncio.run(lay_out(folder, Blueprint(systems=systems, above=above, more=MORE, signatures="off")))
    return folder


@pytest.fixture
def settings(laid_out: Path, tmp_path: Path) -> Settings:
    """The settings of a fresh node."""
    return read_settings(shutil.copytree(laid_out, tmp_path / "city") / "axis.toml")


@pytest.fixture
async def door(settings: Settings) -> AsyncIterator[Door]:
    """The front door of a running node."""
    async with running(settings) as node:
        yield Door(node, settings.store.data_dir)
