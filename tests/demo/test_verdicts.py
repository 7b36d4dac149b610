"""The demo is well only when both nodes find of every signature what they should."""

import asyncio
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from rich.console import Console

from axis.clock import SystemClock
from axis.demo import verdicts
from axis.demo.ledger import Ledger
from axis.demo.play import Stage
from axis.demo.processes import NodeProcess
from axis.demo.report import Report
from axis.ops.access import Access
from axis.ops.install import NewNode, install
from axis.trust.model import Overall

VALID, INVALID, UNSIGNED = Overall.VALID, Overall.INVALID, Overall.UNSIGNED


async def problems(tmp_path: Path, expected: Mapping[str, Overall]) -> tuple[list[str], str]:
    """What two nodes without documents make of a play; and what was printed."""
    nodes = []
    for code in ("H24", "A00"):
        await asyncio.to_thread(install, NewNode(data_dir=tmp_path / code, code=code))
        nodes.append(NodeProcess(tmp_path / code / "axis.toml", 1))
    out = io.StringIO()
    stage = Stage(
        systems={}, names={}, ledger=Ledger(), report=Report({}, Console(file=out, width=200)), clock=SystemClock(),
        verdicts=dict(expected),
    )  # fmt: skip
    async with asyncio.timeout(30):
        await verdicts.show_verdicts(stage, nodes)
    return stage.problems, out.getvalue()


async def test_a_document_that_nobody_looked_at_is_a_problem(tmp_path: Path) -> None:
    found, printed = await problems(tmp_path, {"d1": VALID})
    assert found == ["the signatures of d1 were to be found valid, not: no verdict"]
    assert printed == ""


async def test_each_node_has_to_find_what_is_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = [{"d1": VALID, "d2": VALID, "d4": UNSIGNED}, {"d1": VALID, "d2": INVALID, "d3": VALID, "d4": UNSIGNED}]

    async def found_by(access: Access, _: Iterable[str]) -> Mapping[str, Overall]:
        return tables[access.settings.node.code == "A00"]

    monkeypatch.setattr(verdicts, "_verdicts", found_by)
    found, printed = await problems(tmp_path, {"d1": VALID, "d2": VALID, "d3": VALID, "d4": UNSIGNED})
    assert found == ["the signatures of d2 were to be found valid, not: valid, invalid"]
    assert [line.split()[:3] for line in printed.splitlines()] == [
        ["verdict", "d1", "valid:"],
        ["verdict", "d2", "valid:"],
        ["verdict", "d3", "valid:"],
        ["verdict", "d4", "unsigned:"],
    ]
