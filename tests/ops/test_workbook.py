"""A workbook that another process makes."""

import asyncio
import os
from pathlib import Path

import pytest
from openpyxl import load_workbook

from axis.errors import Internal
from axis.ops import workbook as workbooks
from axis.ops.workbook import SheetWriter, workbook


def pid_of(sheet: SheetWriter) -> int:
    return sheet._process.pid


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_rows_become_a_book_and_nothing_is_left(tmp_path: Path) -> None:
    async with workbook("Văn bản đến", tmp_path) as sheet:
        await sheet.append([["Số", "Trích yếu"], ["1/X", "=1+1"]])
        await sheet.append([["2/X", "Phòng\x00 cháy\nchữa cháy"]])
        book = load_workbook(await sheet.finish())
    assert book.sheetnames == ["Văn bản đến"]
    cells = [[cell.value for cell in row] for row in book.active.iter_rows()]
    assert cells == [["Số", "Trích yếu"], ["1/X", "'=1+1"], ["2/X", "Phòng cháy\nchữa cháy"]]
    assert is_gone(pid_of(sheet))
    assert os.listdir(tmp_path) == []  # noqa: PTH208


async def broken_off(folder: Path, left: list[SheetWriter]) -> None:
    async with workbook("x", folder) as sheet:
        left.append(sheet)
        await sheet.append([["1"]] * 1_000)
        raise ConnectionResetError


async def test_a_caller_who_leaves_takes_the_process_along(tmp_path: Path) -> None:
    left: list[SheetWriter] = []
    with pytest.raises(ConnectionResetError):
        await broken_off(tmp_path, left)
    (sheet,) = left
    assert is_gone(pid_of(sheet))
    assert os.listdir(tmp_path) == []  # noqa: PTH208


async def test_a_process_that_ends_is_told_to_the_caller(tmp_path: Path) -> None:
    async with workbook("x", tmp_path) as sheet:
        sheet._process.kill()
        await sheet._process.wait()
        await asyncio.sleep(0)
        with pytest.raises(Internal):
            await sheet.append([["1" * 1_000]] * 1_000)
        with pytest.raises(Internal):
            await sheet.finish()


async def test_the_process_waits_behind_all_others_and_knows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AXIS_STORE__URL", "postgresql://secret")
    async with workbook("x", tmp_path) as sheet:
        await sheet.append([["1" * 1_000]] * 500)  # more than a pipe holds: it has begun to read
        process = Path("/proc") / str(pid_of(sheet))
        if not process.exists():
            pytest.skip("this system shows no processes as files")
        assert os.getpriority(os.PRIO_PROCESS, pid_of(sheet)) >= min(19, os.nice(0) + workbooks._NICE)
        assert b"secret" not in (process / "environ").read_bytes()
