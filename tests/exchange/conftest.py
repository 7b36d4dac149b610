"""The exchange on SQLite and on PostgreSQL."""

from pathlib import Path

import pytest

from axis.store.store import Store
from tests.exchange.harness import Node, make_node


@pytest.fixture
async def node(store: Store, tmp_path: Path) -> Node:
    """A city's exchange on an empty store."""
    return await make_node(store, tmp_path)
