"""What is owed by a time limit, on a running node."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from axis.clock import SystemClock
from axis.demo.documents import Desk, Draft
from axis.demo.processes import NodeProcess
from axis.edxml.writer import to_bytes
from tests.cli.conftest import Home, Ran

PATIENCE_S = 60


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    """A document of H24.3 to H24.42."""
    draft = Draft(sender="H24.3", receivers=("H24.42",), notation="SXD", subject="V/v kiểm tra", body=("Nội dung.",))
    names = {"H24.3": "Sở Xây dựng", "H24.42": "Phường Lê Chân"}
    file = tmp_path / "letter.edxml"
    file.write_bytes(to_bytes(Desk(names, SystemClock().now()).letter(draft)))
    return file


@pytest.fixture
async def node(home: Home) -> AsyncIterator[NodeProcess]:
    """A node on which the first word about a document is due at once."""
    text = home.config.read_text(encoding="utf-8").replace("[deadlines]", f"[deadlines]\nreceipt = {['0min'] * 5}")
    home.config.write_text(text, encoding="utf-8")
    for system_id, serves in (("so-xd", "H24.3"), ("p-le-chan", "H24.42")):
        assert (await asyncio.to_thread(home.axis, "system", "add", system_id, "--serves", serves)).code == 0
    process = home.process()
    await process.start()
    yield process
    await process.stop()


async def test_what_is_owed_is_listed_and_counted(home: Home, node: NodeProcess, letter: Path) -> None:
    async def axis(*arguments: object) -> Ran:
        return await asyncio.to_thread(home.axis, *arguments)

    async def listed(*options: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await axis("deadlines", "list", "--json", *options)).json["deadlines"]
        return found

    assert (await axis("send", letter, "--system", "so-xd")).code == 0
    async with asyncio.timeout(PATIENCE_S):
        while not (overdue := await listed("--overdue")):  # noqa: ASYNC110 - another process ends the wait
            await asyncio.sleep(0.2)
    assert len(overdue) == 1
    assert {key: overdue[0][key] for key in ("owed", "stage", "to", "from", "status")} == {
        "owed": "receipt",
        "stage": "overdue",
        "to": "H24.42",
        "from": "H24.3",
        "status": None,
    }
    every = await listed()
    assert [one["owed"] for one in every] == ["receipt", "acceptance", "completion"]
    assert await listed("--organ", "H24.42") == await listed("--organ", "H24.3") == every
    assert await listed("--organ", "H24.21") == every  # H24.42 succeeds it
    assert await listed("--organ", "H24.3.12") == []
    few = (await axis("deadlines", "list", "--limit", "1", "--json")).json
    assert (few["deadlines"], few["more"]) == (every[:1], True)
    table = (await axis("deadlines", "list")).out
    assert "quá hạn" in table
    assert (await axis("deadlines", "list", "--organ", "H99")).code == 1
    ready = json.loads(await asyncio.to_thread(lambda: urlopen(f"{node.url}/health/ready").read()))  # noqa: S310
    assert ready["deadlines_overdue"] == {"receipt": 1}
