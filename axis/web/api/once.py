"""Idempotency-Key: the same call again gets the first answer, and has no second effect.

The exchange finds repeats by itself, whatever the caller does; the key adds that the answer is the same to the letter,
and that a program which reuses a key for something else is told so. Good answers are kept for a day; a call that
failed leaves its key free.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog
from aiohttp import web

from axis.errors import AxisError, Busy, Code, Malformed, Rejected
from axis.store import api as stored
from axis.store.hot import Stale
from axis.store.records import ApiAnswer
from axis.web.api.call import Call, Reply

log = structlog.get_logger(__name__)

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
_MOST_CHARACTERS: Final = 255
_TRIES: Final = 5
# A key is taken when the body is there, so work takes seconds: what began before this has died with its process. If it
# has not, both do the work, and the exchange finds the repeat.
_ABANDONED: Final = timedelta(minutes=1)

Work = Callable[[], Awaitable[Reply]]


async def once(call: Call, body_sha256: str, work: Work) -> Reply | web.Response:
    """Do the work, or answer as it was answered before.

    Raises Malformed for a key that is none, Rejected(KEY_REUSED), Busy(CALL_RUNNING), and whatever the work does.
    """
    key = call.request.headers.get(HEADER)
    if key is None:
        return await work()
    if not 0 < len(key) <= _MOST_CHARACTERS or not key.isascii() or not key.isprintable():
        raise Malformed(Code.BAD_REQUEST, f"1 to {_MOST_CHARACTERS} printable ASCII characters", at=HEADER)
    begun = await _begin(call, key, body_sha256)
    if begun is not None:
        return begun
    try:
        reply = await work()
    except BaseException:
        await asyncio.shield(_free(call, key))  # also when the caller hangs up
        raise
    answer = ApiAnswer(
        system_id=call.system_id,
        idempotency_key=key,
        request_sha256="",
        status=reply.status,
        body=None if reply.body is None else reply.body.model_dump_json(),
        created_at=call.parts.clock.now(),
    )
    try:
        await call.parts.store.write(lambda c: stored.end_answer(c, answer))
    except AxisError as e:  # what was done stays done: the caller is told
        log.warning("answer_unrecorded", code=e.code)
    return reply


async def _begin(call: Call, key: str, body_sha256: str) -> web.Response | None:
    """Take the key; the answer that is kept under it, if there is one."""
    now, store = call.parts.clock.now(), call.parts.store
    said = f"{call.request.method}\n{call.request.path_qs}\n{body_sha256}"
    mine = ApiAnswer(
        system_id=call.system_id,
        idempotency_key=key,
        request_sha256=hashlib.sha256(said.encode()).hexdigest(),
        status=None,
        body=None,
        created_at=now,
    )
    abandoned = now - _ABANDONED
    for _ in range(_TRIES):
        try:
            begun = await store.write(lambda c: stored.begin_answer(c, mine, abandoned))
        except Stale:
            continue  # another node has just taken it
        if begun.fresh:
            return None
        return _kept(begun.answer, mine)
    raise Busy(Code.CALL_RUNNING, retry_after_s=1)


def _kept(known: ApiAnswer, mine: ApiAnswer) -> web.Response:
    if known.request_sha256 != mine.request_sha256:
        raise Rejected(Code.KEY_REUSED, at=HEADER)
    if known.status is None:
        raise Busy(Code.CALL_RUNNING, retry_after_s=1)
    headers = {REPLAYED: "true"}
    if known.body is None:
        return web.Response(status=known.status, headers=headers)
    return web.Response(text=known.body, status=known.status, content_type="application/json", headers=headers)


async def _free(call: Call, key: str) -> None:
    try:
        await call.parts.store.write(lambda c: stored.drop_answer(c, call.system_id, key))
    except AxisError as e:  # it is free again when the call counts as abandoned
        log.warning("idempotency_key_kept", code=e.code)
