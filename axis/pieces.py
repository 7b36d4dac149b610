"""Bytes a piece at a time: what is long is never held whole."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

PIECE_BYTES: Final = 256 << 10


async def file_pieces(path: Path, piece_bytes: int = PIECE_BYTES) -> AsyncGenerator[bytes]:
    """A file of this machine. Raises OSError."""
    with path.open("rb") as file:  # opened here: a thread's handle would be lost when the wait for it is cancelled
        while piece := await asyncio.to_thread(file.read, piece_bytes):
            yield piece


async def byte_pieces(content: bytes) -> AsyncGenerator[bytes]:
    """What is in memory already."""
    for start in range(0, len(content), PIECE_BYTES):
        yield content[start : start + PIECE_BYTES]
