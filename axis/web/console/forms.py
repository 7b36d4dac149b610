"""Forms that carry texts and files (multipart/form-data, RFC 7578), for pages that work without script.

Files stream into spools. One that is too large is read to its end and thrown away, so that the page can say so at the
field; a form that is larger than all of it may be is refused at once. What a file is called never becomes a path.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import BodyPartReader, MultipartReader, hdrs, web

from axis.errors import Code, Malformed
from axis.store.spool import Spooled
from axis.store.store import Store

_CHUNK_BYTES = 64 << 10
_MEMORY_BYTES = 64 << 10  # of one file
_TEXT_BYTES = 256 << 10  # of all texts together
_TEXTS = 6_000  # fields; a page of receivers sends one for each that is ticked
_NAME_CHARACTERS = 1_000
_IDLE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a form may carry."""

    files: int
    file_bytes: int
    whole_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFile:
    """A file of a form; spooled: None for one that was too large."""

    name: str
    spooled: Spooled | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RichForm:
    """A form, as it came in."""

    texts: Mapping[str, tuple[str, ...]]
    files: tuple[FormFile, ...]

    def one(self, name: str) -> str:
        """The field's text; the last one where it came several times, "" where it did not."""
        return self.texts.get(name, ("",))[-1]


async def read_rich_form(request: web.Request, store: Store, bounds: Bounds, stack: AsyncExitStack) -> RichForm:
    """Read a form to its end. The files stay until the stack is closed.

    Raises Malformed: BAD_REQUEST, TOO_LARGE, TOO_MANY, TRUNCATED_UPLOAD; HTTPUnsupportedMediaType.
    """
    if request.content_type != "multipart/form-data":
        raise web.HTTPUnsupportedMediaType(headers={hdrs.ACCEPT: "multipart/form-data"})
    if (request.content_length or 0) > bounds.whole_bytes:
        raise Malformed(Code.TOO_LARGE, f"more than {bounds.whole_bytes} bytes")
    try:
        return await _Reader(store, bounds, stack).read(request)
    except (TimeoutError, web.RequestPayloadError, ConnectionError) as e:
        raise Malformed(Code.TRUNCATED_UPLOAD) from e
    except (ValueError, RuntimeError, AssertionError, LookupError) as e:  # what aiohttp's reader makes of broken forms
        raise Malformed(Code.BAD_REQUEST, "not a form that RFC 7578 describes") from e


class _Reader:
    """Reads one form."""

    def __init__(self, store: Store, bounds: Bounds, stack: AsyncExitStack) -> None:
        self._store = store
        self._bounds = bounds
        self._stack = stack
        self._left_bytes = bounds.whole_bytes
        self._left_text_bytes = _TEXT_BYTES

    async def read(self, request: web.Request) -> RichForm:
        form = MultipartReader(request.headers, request.content)
        texts: dict[str, list[str]] = {}
        files: list[FormFile] = []
        count = 0
        while True:
            async with asyncio.timeout(_IDLE_S):
                part = await form.next()
            if part is None:
                return RichForm(texts={name: tuple(some) for name, some in texts.items()}, files=tuple(files))
            if not isinstance(part, BodyPartReader) or not part.name:
                raise Malformed(Code.BAD_REQUEST, "a part without a name", at=hdrs.CONTENT_DISPOSITION)
            if part.filename is None:
                count += 1
                if count > _TEXTS:
                    raise Malformed(Code.TOO_MANY, f"more than {_TEXTS} fields")
                texts.setdefault(part.name, []).append(await self._text(part))
            elif (file := await self._file(part)) is not None:
                if len(files) >= self._bounds.files:
                    raise Malformed(Code.TOO_MANY, f"more than {self._bounds.files} files")
                files.append(file)

    async def _text(self, part: BodyPartReader) -> str:
        raw = bytearray()
        while chunk := await self._next(part):
            raw += chunk
            self._left_text_bytes -= len(chunk)
            if self._left_text_bytes < 0:
                raise Malformed(Code.TOO_LARGE, f"more than {_TEXT_BYTES} bytes of text")
        return raw.decode("utf-8", "replace")

    async def _file(self, part: BodyPartReader) -> FormFile | None:
        """The file; None where none was chosen, which browsers send as one without name and content."""
        spool = await self._stack.enter_async_context(
            self._store.spool(limit_bytes=self._bounds.file_bytes, memory_bytes=_MEMORY_BYTES)
        )
        too_large = False
        while chunk := await self._next(part):
            if too_large:
                continue
            try:
                await spool.write(chunk)
            except Malformed:
                too_large = True
                await spool.discard()
        name = (part.filename or "")[:_NAME_CHARACTERS].encode("utf-8", "replace").decode()
        if too_large:
            return FormFile(name=name, spooled=None)
        spooled = await spool.finish()
        return FormFile(name=name, spooled=spooled) if name or spooled.size_bytes else None

    async def _next(self, part: BodyPartReader) -> bytes:
        """The next bytes of a part; none at its end."""
        while not part.at_eof():
            async with asyncio.timeout(_IDLE_S):
                chunk = await part.read_chunk(_CHUNK_BYTES)
            self._left_bytes -= len(chunk)
            if self._left_bytes < 0:
                raise Malformed(Code.TOO_LARGE, f"more than {self._bounds.whole_bytes} bytes")
            if chunk:
                return bytes(chunk)
        return b""
