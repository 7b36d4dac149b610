"""Operators ask what an outage would do."""

import asyncio
from pathlib import Path

import pytest

from axis.store.engine import StoreOptions
from axis.store.store import Store
from tests.cli.conftest import Home
from tests.cli.test_partner_commands import connect, office_adapter
from tests.store import made

__all__ = ["office_adapter"]


async def fill(home: Home) -> None:
    store = Store.open(StoreOptions(url="sqlite:///axis.db", data_dir=home.path))
    for _ in range(3):
        await store.submit(made.accepted("H24.3").hot)
    await store.close()


@pytest.mark.usefixtures("office_adapter")
def test_an_outage_is_simulated_from_what_was_recorded(home: Home, tmp_path: Path) -> None:
    connect(home, tmp_path, "http://127.0.0.1:9")
    asyncio.run(fill(home))
    asked = ("simulate", "outage", "so-xd", "--hours", "2", "--from", "2026-11-24", "--days", "1")
    found = home.axis(*asked, "--format", "json").json
    assert (found["came"], found["peak_backlog"], found["peak_bytes"], found["given_up"]) == (3, 3, 15, 0)
    assert 0 <= found["drain_s"] < 1_200
    shown = home.axis(*asked)
    assert (shown.code, "peak_backlog" in shown.out) == (0, True)


@pytest.mark.usefixtures("office_adapter")
@pytest.mark.parametrize(
    ("arguments", "code"), [(("nobody",), 1), (("so-xd", "--from", "2001-01-01"), 2), (("so-xd", "--hours", "0"), 2)]
)
def test_what_cannot_be_simulated_is_said(home: Home, tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    connect(home, tmp_path, "http://127.0.0.1:9")
    assert home.axis("simulate", "outage", *arguments).code == code
