"""Resumable uploads: a file goes in pieces; after a break it goes on from where the node says that it stands."""

import asyncio
import base64
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Final

from axis.client.transport import Request, Transport, error_of, part
from axis.errors import AxisError, Code, PeerUnreachable, WrongState

_TUS: Final = {"Tus-Resumable": "1.0.0"}
_PIECE_BYTES: Final = 8 << 20
_FRUITLESS: Final = 8  # tries without a byte of progress
_FIRST_WAIT_S: Final = 0.25


class Uploading:
    """Uploads files."""

    def __init__(self, transport: Transport, piece_bytes: int = _PIECE_BYTES) -> None:
        self._transport = transport
        self._piece_bytes = piece_bytes

    async def begin(self, size_bytes: int, name: str) -> str:
        """A new upload's id."""
        said = f"filename {base64.b64encode(name.encode()).decode()}"
        headers = {**_TUS, "Upload-Length": str(size_bytes), "Upload-Metadata": said}
        answered = await self._transport.nothing(Request(method="POST", path="/uploads", headers=headers))
        return answered["Location"].rpartition("/")[2]

    async def offset(self, upload_id: str) -> int:
        """How far it has come."""
        answered = await self._transport.nothing(
            Request(method="HEAD", path=f"/uploads/{part(upload_id)}", headers=_TUS)
        )
        return int(answered["Upload-Offset"])

    async def put(self, upload_id: str, content: bytes | Path, progress: Callable[[int], None] | None = None) -> None:
        """Send what is missing. Raises AxisError when nothing has come through for long."""
        size_bytes = await size_of(content)
        offset, fruitless = await self.offset(upload_id), 0
        while offset < size_bytes:
            piece = await asyncio.to_thread(_piece, content, offset, self._piece_bytes)
            try:
                offset = await self._send(upload_id, offset, piece)
                fruitless = 0
            except (PeerUnreachable, WrongState) as e:
                if fruitless >= _FRUITLESS or (isinstance(e, WrongState) and e.code is not Code.UPLOAD_OFFSET):
                    raise
                await asyncio.sleep(_FIRST_WAIT_S * 2**fruitless)
                before, offset = offset, await self.offset(upload_id)
                fruitless = 0 if offset > before else fruitless + 1
            if progress is not None:
                progress(offset)

    async def remove(self, upload_id: str) -> None:
        """Give it up, or away when it was used."""
        await self._transport.nothing(Request(method="DELETE", path=f"/uploads/{part(upload_id)}", headers=_TUS))

    async def _send(self, upload_id: str, offset: int, piece: bytes) -> int:
        checksum = base64.b64encode(hashlib.sha256(piece).digest()).decode()
        headers = {
            **_TUS,
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": str(offset),
            "Upload-Checksum": f"sha256 {checksum}",
        }
        request = Request(
            method="PATCH", path=f"/uploads/{part(upload_id)}", headers=headers, body=lambda: piece_body(piece)
        )
        async with await self._transport.once(request) as response:
            if response.status < 300:  # noqa: PLR2004 - good answers
                return int(response.headers["Upload-Offset"])
            error: AxisError = await error_of(response)
            if error.retry == "later" or error.code in (Code.TRUNCATED_UPLOAD, Code.HASH_MISMATCH):
                raise PeerUnreachable(str(error)) from error
            raise error


async def size_of(content: bytes | Path) -> int:
    """Its size in bytes."""
    return len(content) if isinstance(content, bytes) else (await asyncio.to_thread(content.stat)).st_size


def piece_body(piece: bytes) -> io.BytesIO:
    """A body that is sent as a stream, however large."""
    return io.BytesIO(piece)


def _piece(content: bytes | Path, offset: int, size_bytes: int) -> bytes:
    if isinstance(content, bytes):
        return content[offset : offset + size_bytes]
    with content.open("rb") as file:
        file.seek(offset)
        return file.read(size_bytes)
