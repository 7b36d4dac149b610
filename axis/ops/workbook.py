"""A long sheet as an XLSX file, made in a process of its own: what it costs is not taken from whoever else is served.

The node hands over rows as it reads them, a JSON array a line. The process runs at the lowest priority, keeps its
sheet in files, and ends with its caller: when its input ends it writes the book, when the caller leaves it is killed.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from openpyxl import Workbook

from axis.errors import Internal
from axis.ops.sheets import Value, harmless

_NICE: Final = 10


class SheetWriter:
    """A sheet that is being made; `workbook` makes one."""

    def __init__(self, process: Process, rows: asyncio.StreamWriter, path: Path) -> None:
        self._process = process
        self._rows = rows
        self._path = path

    async def append(self, rows: Iterable[Sequence[Value]]) -> None:
        """More rows, as many as one holds in memory. Raises Internal when the process has ended."""
        lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        try:
            self._rows.write(lines)
            await self._rows.drain()
        except ConnectionError as e:
            raise Internal("the process that makes a workbook has ended") from e

    async def finish(self) -> Path:
        """The file, whole, until the context ends. Raises Internal when it could not be made."""
        self._rows.close()
        if await self._process.wait() != 0:
            raise Internal("the process that makes a workbook has failed")
        return self._path


@asynccontextmanager
async def workbook(title: str, scratch: Path) -> AsyncIterator[SheetWriter]:
    """A book of one sheet; its file and its process are gone when the context ends."""
    with TemporaryDirectory(dir=scratch) as folder:
        path = Path(folder) / "book.xlsx"
        environment = {"TMPDIR": folder}  # what openpyxl puts aside goes with the folder; no secret of the node's
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-m", __name__, title, str(path), stdin=PIPE, env=environment
        )
        try:
            if process.stdin is None:
                raise Internal("a process without a pipe")
            yield SheetWriter(process, process.stdin, path)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def main(title: str, path: str) -> None:
    """The process: rows from standard input, the book to `path`."""
    os.nice(_NICE)
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    for line in sys.stdin.buffer:
        sheet.append([harmless(value) for value in json.loads(line)])
    book.save(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
