"""Forms that carry files (multipart/form-data, RFC 7578): one JSON part, and files that are streamed into spools.

The parts may come in any order. Bounded: the JSON, the number of files, each file and all together. What a file is
called is shown, never used as a path.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from aiohttp import BodyPartReader, MultipartReader, hdrs, http_exceptions, web

from axis.errors import Code, Malformed
from axis.store.spool import Spooled
from axis.store.store import Store
from axis.web.api.bodies import BROKEN_OFF, MAX_JSON_BYTES, check_encoding

DOCUMENT_PART: Final = "document"
_CHUNK_BYTES: Final = 64 << 10
_MEMORY_BYTES: Final = 64 << 10  # of one file; hundreds may come
_NAME_CHARACTERS: Final = 1_000
_PLAIN: Final = frozenset({"", "binary", "8bit", "7bit"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FormBounds:
    """What a form may cost."""

    files: int
    file_bytes: int
    whole_bytes: int
    idle_s: float
    whole_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """A file of a form."""

    part: str  # the field's name
    name: str  # as its sender calls it
    spooled: Spooled


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledForm:
    """A form, as it came in."""

    document: bytes  # the JSON part
    files: tuple[FilePart, ...]  # in their order

    @property
    def sha256_hex(self) -> str:
        """Of everything that counts, whatever the boundary between the parts."""
        digest = sha256(self.document)
        for file in self.files:
            for text in (file.part, file.name, file.spooled.sha256_hex):
                digest.update(b"\0" + text.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


async def read_form(request: web.Request, store: Store, bounds: FormBounds, stack: AsyncExitStack) -> FilledForm:
    """Read a form to its end. The files stay until the stack is closed.

    Raises Malformed: BAD_REQUEST, TOO_LARGE, TOO_MANY, TRUNCATED_UPLOAD, EMPTY_BODY.
    """
    check_encoding(request)
    if (request.content_length or 0) > bounds.whole_bytes:
        raise Malformed(Code.TOO_LARGE, f"more than {bounds.whole_bytes} bytes")
    try:
        async with asyncio.timeout(bounds.whole_s):
            return await _Reader(store, bounds, stack).read(request)
    except BROKEN_OFF as e:
        if _is_form_fault(e):
            raise Malformed(Code.BAD_REQUEST, "a part's headers are no headers, or too long") from e
        raise Malformed(Code.TRUNCATED_UPLOAD) from e
    except (ValueError, RuntimeError, AssertionError, LookupError) as e:  # what aiohttp's reader makes of broken forms
        if request.content.at_eof():
            raise Malformed(Code.TRUNCATED_UPLOAD, "the form has no end") from e
        raise Malformed(Code.BAD_REQUEST, "not a form that RFC 7578 describes") from e


def _is_form_fault(error: Exception) -> bool:
    """Whether the headers of a part are wrong, rather than the transfer of the body."""
    return isinstance(error, http_exceptions.BadHttpMessage) and not isinstance(
        error, http_exceptions.PayloadEncodingError
    )


class _Reader:
    """Reads one form."""

    def __init__(self, store: Store, bounds: FormBounds, stack: AsyncExitStack) -> None:
        self._store = store
        self._bounds = bounds
        self._stack = stack
        self._left_bytes = bounds.whole_bytes

    async def read(self, request: web.Request) -> FilledForm:
        form = MultipartReader(request.headers, request.content)
        document: bytes | None = None
        files: list[FilePart] = []
        while True:
            async with asyncio.timeout(self._bounds.idle_s):
                part = await form.next()
            if part is None:
                break
            field = _field(part)
            assert isinstance(part, BodyPartReader)  # noqa: S101 - _field has refused the others
            if field != DOCUMENT_PART:
                if len(files) == self._bounds.files:
                    raise Malformed(Code.TOO_MANY, f"more than {self._bounds.files} files")
                files.append(await self._file(part, field))
            elif document is None:
                document = await self._text(part)
            else:
                raise Malformed(Code.BAD_REQUEST, "comes twice", at=DOCUMENT_PART)
        if document is None:
            raise Malformed(Code.BAD_REQUEST, "the JSON part is missing", at=DOCUMENT_PART)
        return FilledForm(document=document, files=tuple(files))

    async def _text(self, part: BodyPartReader) -> bytes:
        raw = bytearray()
        async for chunk in self._chunks(part):
            raw += chunk
            if len(raw) > MAX_JSON_BYTES:
                raise Malformed(Code.TOO_LARGE, f"more than {MAX_JSON_BYTES} bytes of JSON", at=DOCUMENT_PART)
        return bytes(raw)

    async def _file(self, part: BodyPartReader, field: str) -> FilePart:
        limit_bytes = self._bounds.file_bytes
        spool = await self._stack.enter_async_context(
            self._store.spool(limit_bytes=limit_bytes, memory_bytes=_MEMORY_BYTES)
        )
        async for chunk in self._chunks(part):
            await spool.write(chunk)
        name = (part.filename or "")[:_NAME_CHARACTERS].encode("utf-8", "replace").decode()
        return FilePart(part=field, name=name or field, spooled=await spool.finish())

    async def _chunks(self, part: BodyPartReader) -> AsyncIterator[bytes]:
        while not part.at_eof():
            async with asyncio.timeout(self._bounds.idle_s):
                chunk = await part.read_chunk(_CHUNK_BYTES)
            self._left_bytes -= len(chunk)
            if self._left_bytes < 0:
                raise Malformed(Code.TOO_LARGE, f"more than {self._bounds.whole_bytes} bytes")
            if chunk:
                yield chunk


def _field(part: MultipartReader | BodyPartReader) -> str:
    """The name of the field. Raises Malformed for a part that is no field, or packed."""
    if not isinstance(part, BodyPartReader) or not part.name:
        raise Malformed(Code.BAD_REQUEST, "a part without a name", at=hdrs.CONTENT_DISPOSITION)
    encoding = part.headers.get(hdrs.CONTENT_TRANSFER_ENCODING, "").strip().lower()
    if encoding not in _PLAIN or hdrs.CONTENT_ENCODING in part.headers:
        raise Malformed(Code.BAD_REQUEST, "files are sent as they are", at=part.name[:64])
    return part.name
