"""Real places: a folder, and servers that give out one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.folder.local import LocalPlace
from tests.filing.city import MakePlace, MakeServer


@asynccontextmanager
async def folder(root: Path) -> AsyncIterator[MakePlace]:
    yield lambda: LocalPlace(root)


PLACES: dict[str, MakeServer] = {"folder": folder}
