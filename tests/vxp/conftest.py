"""A city's front on loopback, on an SQLite store: the front does not know which database lies below."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from axis.store.engine import StoreOptions
from axis.store.store import Store
from tests.exchange.harness import Node, make_node
from tests.vxp.city import City, front_of, serving


@pytest.fixture
async def node(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Node]:
    """The demo city's exchange."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    shutil.copy(sqlite_template, data_dir / "axis.db")
    store = Store.open(StoreOptions(url="sqlite:///axis.db", data_dir=data_dir))
    yield await make_node(store, tmp_path)
    await store.close()


@pytest.fixture
async def city(node: Node, tmp_path: Path) -> AsyncIterator[City]:
    """The demo city's front."""
    async with serving(front_of(node.exchange, node)) as endpoint:
        city = City(node, endpoint, tmp_path / "data")
        yield city
        for client in city.clients:
            await client.close()
