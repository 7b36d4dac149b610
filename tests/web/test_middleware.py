"""The shell around every request."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from aiohttp import ClientPayloadError, web
from aiohttp.test_utils import TestClient
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from axis import errors
from axis.clock import SystemClock
from axis.errors import AxisError, Busy, Code, Internal, Malformed, NotFound
from axis.ops.logs import current_request_id
from axis.web.middleware import (
    STATUS_OF,
    ErrorNotice,
    address_of,
    catch_errors,
    identify,
    locate,
    log_access,
    mark_started,
    safe_headers,
    status_of,
)
from tests.served import Served

HTML = {"Accept": "text/html"}
Handler = Callable[[web.Request], Any]


def error_page(_: web.Request, notice: ErrorNotice) -> web.Response:
    return web.Response(text=f"page {notice.code} {notice.request_id}", content_type="text/html", status=notice.status)


@asynccontextmanager
async def running(*handlers: Handler, tls: bool = False, proxies: tuple[str, ...] = ()) -> AsyncIterator[TestClient]:
    """An application with the shell and handlers at /0, /1, …"""
    app = web.Application(client_max_size=1000)
    app.middlewares.extend((locate(proxies), identify(SystemClock()), log_access, catch_errors(error_page)))
    app.on_response_prepare.extend((mark_started, safe_headers(tls=tls)))
    app.add_routes([web.route("*", f"/{number}", handler) for number, handler in enumerate(handlers)])
    async with TestClient(Served(app, access_log=None)) as client:
        yield client


async def fetch(client: TestClient, path: str, **more: Any) -> Any:
    """An answer whose body has been read."""
    answer = await client.get(path, **more)
    await answer.read()
    return answer


async def hello(_: web.Request) -> web.Response:
    return web.Response(text="hello")


def fails(error: Exception) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        raise error

    return handler


async def test_a_plain_request_id_is_taken_over_and_echoed() -> None:
    async with running(hello) as client:
        answer = await client.get("/0", headers={"X-Request-Id": "dms-7.A_b"})
    assert answer.headers["X-Request-Id"] == "dms-7.A_b"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>", "đ", 'a"b', "a\tb"])
async def test_an_odd_request_id_is_replaced_by_one_of_ours(given: str) -> None:
    async with running(hello) as client:
        answer = await client.get("/0", headers={"X-Request-Id": given})
    assert len(answer.headers["X-Request-Id"]) == 26


async def test_every_log_line_of_a_request_bears_its_id_and_only_its_own() -> None:
    seen = []

    async def handler(_: web.Request) -> web.Response:
        seen.append(current_request_id())
        structlog.contextvars.bind_contextvars(left_over=len(seen))
        structlog.get_logger().info("inside")
        return web.Response()

    with capture_logs(processors=[merge_contextvars]) as logs:
        async with running(handler) as client:
            for name in ("one", "two"):
                await client.get("/0", headers={"X-Request-Id": name})
    assert seen == ["one", "two"]
    assert [line["request_id"] for line in logs] == ["one", "one", "two", "two"]
    assert {line.get("left_over") for line in logs if line["request_id"] == "two"} == {2}


async def test_a_request_leaves_one_access_line_without_its_query() -> None:
    with capture_logs() as logs:
        async with running(hello) as client:
            await client.get("/0", params={"q": "mat-khau"})
    assert [line["event"] for line in logs] == ["http_request"]
    assert logs[0]["path"] == "/0"
    assert logs[0]["status"] == 200
    assert logs[0]["sent_bytes"] == 5
    assert "mat-khau" not in repr(logs)


async def test_a_long_path_is_cut_in_the_log() -> None:
    with capture_logs() as logs:
        async with running(hello) as client:
            await client.get("/" + "x" * 5000)
    assert len(logs[0]["path"]) == 200


async def test_health_questions_are_logged_as_debug_unless_they_are_refused() -> None:
    async def busy(_: web.Request) -> web.Response:
        raise Busy(Code.OVERLOADED)

    app = web.Application(middlewares=[identify(SystemClock()), log_access, catch_errors(error_page)])
    app.add_routes([web.get("/health/live", hello), web.get("/health/ready", busy)])
    with capture_logs() as logs:
        async with TestClient(Served(app)) as client:
            await client.get("/health/live")
            await client.get("/health/ready")
    assert [line["log_level"] for line in logs] == ["debug", "info"]


async def test_an_accident_gives_the_id_to_the_caller_and_the_stack_to_the_log() -> None:
    async with running(fails(ValueError("the secret value"))) as client:
        with capture_logs() as logs:
            answer = await fetch(client, "/0", headers={"X-Request-Id": "r1"})
            body = await answer.json()
            page = await fetch(client, "/0", headers=HTML)
    assert answer.status == 500
    assert body["error"] == "internal"
    assert body["request_id"] == "r1"
    assert "secret value" not in await answer.text()
    assert "Traceback" not in await answer.text()
    assert (await page.text()).startswith("page internal")
    assert [line["event"] for line in logs if line.get("exc_info")] == ["request_failed", "request_failed"]


async def test_an_error_of_ours_keeps_its_code_and_says_when_to_come_back() -> None:
    busy = fails(Busy(Code.DISK_FULL, retry_after_s=77))
    bad = fails(Malformed(Code.BAD_REQUEST, "no", at="older"))
    async with running(busy, bad) as client:
        first, second = await fetch(client, "/0"), await fetch(client, "/1")
    assert (first.status, first.headers["Retry-After"]) == (503, "77")
    assert (await first.json())["error"] == "disk_full"
    assert second.status == 400
    assert (await second.json())["at"] == "older"
    assert "Retry-After" not in second.headers


def test_every_class_of_the_error_tree_has_a_status() -> None:
    tree = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, AxisError) and kind is not AxisError
    }
    assert set(STATUS_OF) == tree
    assert status_of(Malformed(Code.TOO_LARGE)) == 413
    assert status_of(NotFound(Code.NOT_FOUND)) == 404
    assert status_of(Internal()) == 500


async def test_an_address_that_does_not_exist_is_told_in_the_callers_form() -> None:
    async with running(hello) as client:
        plain, page = await fetch(client, "/nowhere"), await fetch(client, "/nowhere", headers=HTML)
        wrong = await client.delete("/1")
    assert (plain.status, (await plain.json())["error"]) == (404, "not_found")
    assert (await page.text()).startswith("page not_found")
    assert wrong.status == 404


async def test_a_redirect_is_no_error() -> None:
    async with running(fails(web.HTTPSeeOther("/elsewhere"))) as client:
        answer = await client.get("/0", headers=HTML, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/elsewhere")


async def test_a_body_that_is_read_whole_is_bounded() -> None:
    async def reads(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    async with running(reads) as client:
        small, large = await client.post("/0", data=b"x" * 1000), await client.post("/0", data=b"x" * 1001)
        assert (await large.json())["error"] == "too_large"
    assert (small.status, large.status) == (200, 413)


@pytest.mark.parametrize("headers", [{f"X-{n}": "1" for n in range(200)}, {"X-Long": "x" * 9000}])
async def test_too_many_or_too_long_headers_are_refused(
    headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "aiohttp.server")
    async with running(hello) as client:
        answer = await client.get("/0", headers=headers)
    assert answer.status == 400


async def test_an_accident_in_the_middle_of_an_answer_breaks_it_off(caplog: pytest.LogCaptureFixture) -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 10
        await response.prepare(request)
        await response.write(b"half")
        raise ValueError

    caplog.set_level(logging.CRITICAL, "aiohttp.server")
    with capture_logs() as logs:
        async with running(half) as client:
            answer = await client.get("/0")
            with pytest.raises(ClientPayloadError):
                await answer.read()
    assert logs[0]["event"] == "request_failed"


async def test_a_caller_who_hangs_up_is_logged_as_such_and_as_no_accident(caplog: pytest.LogCaptureFixture) -> None:
    entered, left = asyncio.Event(), asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        entered.set()
        try:
            while True:
                await response.write(b"x" * 65536)
        finally:
            left.set()

    with capture_logs() as logs:
        async with running(endless) as client:
            answer = await client.get("/0")
            await entered.wait()
            answer.close()
            await left.wait()
    assert [(line["event"], line["status"]) for line in logs] == [("http_request", 499)]
    assert [record.message for record in caplog.records if record.name.startswith("aiohttp")] == []


async def test_safe_headers_stand_on_every_answer() -> None:
    async def streamed(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Security-Policy": "sandbox"})
        await response.prepare(request)
        await response.write_eof()
        return response

    async with running(hello, streamed, fails(ValueError())) as client:
        answers = [await client.get(path) for path in ("/0", "/1", "/2", "/nowhere")]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Server"] == "axis"
        assert len(answer.headers["X-Request-Id"]) == 26
        assert "Strict-Transport-Security" not in answer.headers
    assert answers[1].headers["Content-Security-Policy"] == "sandbox"
    policy = answers[0].headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


async def test_https_is_asked_for_only_where_it_is_spoken() -> None:
    async with running(hello, tls=True) as client:
        answer = await client.get("/0")
    assert "max-age" in answer.headers["Strict-Transport-Security"]


async def whence(request: web.Request) -> web.Response:
    return web.Response(text=address_of(request))


@pytest.mark.parametrize(
    ("proxies", "said", "found"),
    [
        ((), "203.0.113.9", "127.0.0.1"),  # from nobody that is trusted: it counts for nothing
        (("127.0.0.1",), "", "127.0.0.1"),
        (("127.0.0.1",), "203.0.113.9", "203.0.113.9"),
        (("127.0.0.0/8",), "10.9.9.9, 203.0.113.9", "203.0.113.9"),  # what the caller wrote before its own address
        (("127.0.0.1", "10.0.0.0/8"), "198.51.100.7, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
        (("127.0.0.1",), "2001:db8::5", "2001:db8::5"),
        (("127.0.0.1",), "<script>", "127.0.0.1"),
        (("127.0.0.1",), "203.0.113.9, " + "x" * 500, "127.0.0.1"),
    ],
)
async def test_whence_a_call_comes_is_told_by_trusted_proxies_only(
    proxies: tuple[str, ...], said: str, found: str
) -> None:
    async with running(whence, proxies=proxies) as client:
        answer = await client.get("/0", headers={"X-Forwarded-For": said})
        assert await answer.text() == found
