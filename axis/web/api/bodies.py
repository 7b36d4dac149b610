"""Bodies: packages are streamed into a spool, JSON is read whole within a bound."""

import asyncio
import base64
import binascii
import re
from typing import TypeVar

from aiohttp import hdrs, http_exceptions, web
from pydantic import BaseModel, ValidationError

from axis.errors import Code, Malformed
from axis.store.spool import Spool

MAX_JSON_BYTES = 256 << 10
DIGEST_HEADER = "Content-Digest"
_SHA256 = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):")

ModelT = TypeVar("ModelT", bound=BaseModel)


async def receive(request: web.Request, spool: Spool, *, limit_bytes: int, idle_s: float, whole_s: float) -> None:
    """Stream a body into a spool. Raises Malformed (EMPTY_BODY, TOO_LARGE, TRUNCATED_UPLOAD, BAD_REQUEST)."""
    declared = request.content_length
    if declared is not None and declared > limit_bytes:
        raise Malformed(Code.TOO_LARGE, f"more than {limit_bytes} bytes")
    check_encoding(request)
    try:
        async with asyncio.timeout(whole_s):
            while chunk := await _next_chunk(request, idle_s):
                await spool.write(chunk)
    except TimeoutError as e:
        raise Malformed(Code.TRUNCATED_UPLOAD, f"not complete within {whole_s:g} s") from e
    if spool.size_bytes == 0:
        raise Malformed(Code.EMPTY_BODY)


def check_digest(request: web.Request, sha256_hex: str) -> None:
    """Compare a body with the Content-Digest that came with it (RFC 9530), if any. Raises Malformed(HASH_MISMATCH)."""
    said = request.headers.get(DIGEST_HEADER)
    if said is None:
        return
    found = _SHA256.search(said)
    try:
        digest = base64.b64decode(found.group(1), validate=True).hex() if found else None
    except binascii.Error:
        digest = None
    if digest is None:
        raise Malformed(Code.BAD_REQUEST, "no sha-256=:…: in it", at=DIGEST_HEADER)
    if digest != sha256_hex:
        raise Malformed(Code.HASH_MISMATCH, at=DIGEST_HEADER)


def digest_header(sha256_hex: str) -> str:
    """Content-Digest of an answer."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256_hex)).decode()}:"


async def read_json(request: web.Request, kind: type[ModelT], idle_s: float) -> tuple[ModelT, bytes]:
    """A JSON body as a model, and its bytes. Raises Malformed."""
    check_encoding(request)
    raw = bytearray()
    while chunk := await _next_chunk(request, idle_s):
        raw += chunk
        if len(raw) > MAX_JSON_BYTES:
            raise Malformed(Code.TOO_LARGE, f"more than {MAX_JSON_BYTES} bytes of JSON")
    if not raw:
        raise Malformed(Code.EMPTY_BODY)
    return parse_json(bytes(raw), kind), bytes(raw)


def parse_json(raw: bytes, kind: type[ModelT]) -> ModelT:
    """JSON as a model. Raises Malformed(BAD_REQUEST)."""
    try:
        return kind.model_validate_json(raw)
    except ValidationError as e:
        raise refusal_of(e) from e


def refusal_of(error: ValidationError) -> Malformed:
    """What is wrong with parameters, without what they hold."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return Malformed(Code.BAD_REQUEST, first["msg"], at=".".join(map(str, first["loc"])) or None)


def check_encoding(request: web.Request) -> None:
    """Raises Malformed for a body that is packed."""
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        # Unpacked bytes are not the bytes that were digested, and may be a thousand times as many.
        raise Malformed(Code.BAD_REQUEST, "a body is sent as it is", at=hdrs.CONTENT_ENCODING)


BROKEN_OFF = (ConnectionError, TimeoutError, web.RequestPayloadError, http_exceptions.HttpProcessingError)
"""What keeps a body from coming in whole."""


async def _next_chunk(request: web.Request, idle_s: float) -> bytes:
    try:
        async with asyncio.timeout(idle_s):
            return await request.content.readany()
    except BROKEN_OFF as e:
        raise Malformed(Code.TRUNCATED_UPLOAD) from e
