"""Errors as problem details: `application/problem+json`.

Norm of the form: RFC 9457. `type` leads to the docs page's entry of the code; `code` is the stable word that programs
look at; the sentences are for people, in both languages.
"""

import json

from aiohttp import hdrs, web

from axis.errors import AxisError, Busy, Code
from axis.messages import SENTENCES
from axis.web.api.models import Problem
from axis.web.middleware import REQUEST_ID, status_of

CONTENT_TYPE = "application/problem+json"


def problem_of(error: AxisError, request_id: str, instance: str) -> Problem:
    """An error in words."""
    said = SENTENCES[error.code]
    return Problem(
        type=type_of(error.code),
        title=said.what_vi,
        title_en=said.what_en,
        status=status_of(error),
        detail=said.action_vi,
        detail_en=said.action_en,
        code=error.code,
        reason=error.detail or None,
        at=error.at,
        instance=instance,
        request_id=request_id,
        retry=error.retry,
    )


def type_of(code: Code) -> str:
    """Where the docs page tells of a code."""
    return f"/api/v1/docs#problem-{code}"


def answer(request: web.Request, error: AxisError, *, status: int | None = None) -> web.Response:
    """The response to a call that failed. status: where HTTP wants another one than the error's own (405)."""
    problem = problem_of(error, request[REQUEST_ID], request.path)
    if status is not None:
        problem = problem.model_copy(update={"status": status})
    headers: dict[str, str] = {}
    if isinstance(error, Busy):
        headers[hdrs.RETRY_AFTER] = str(error.retry_after_s)
    if problem.status == web.HTTPUnauthorized.status_code:
        headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="axis"'
    body = json.dumps(problem.model_dump(mode="json", exclude_none=True), ensure_ascii=False)
    return web.Response(text=body, status=problem.status, content_type=CONTENT_TYPE, headers=headers)
