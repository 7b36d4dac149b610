"""A city's exchange behind its REST API, on each kind of database, over real HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from axis.store.store import Store
from tests.api.city import ApiCity, serving
from tests.exchange.harness import make_node


@pytest.fixture
async def city(store: Store, tmp_path: Path) -> AsyncIterator[ApiCity]:
    """The demo city with its API."""
    folder = tmp_path / "node"
    folder.mkdir()
    async with serving(await make_node(store, folder)) as city:
        yield city
