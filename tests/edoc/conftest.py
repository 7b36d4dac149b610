"""A city's SOAP front on loopback, on an SQLite store: the front does not know which database lies below."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from axis.store.engine import StoreOptions
from axis.store.store import Store
from tests.edoc.city import SoapCity, serving, speak_edoc
from tests.exchange.harness import Node, make_node


@pytest.fixture
async def node(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Node]:
    """The demo city's exchange; its systems call by SOAP."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    shutil.copy(sqlite_template, data_dir / "axis.db")
    store = Store.open(StoreOptions(url="sqlite:///axis.db", data_dir=data_dir))
    node = await make_node(store, tmp_path)
    await speak_edoc(node)
    yield node
    await store.close()


@pytest.fixture
async def city(node: Node, tmp_path: Path) -> AsyncIterator[SoapCity]:
    """The demo city's front."""
    async with serving(node, tmp_path / "data") as city:
        yield city
