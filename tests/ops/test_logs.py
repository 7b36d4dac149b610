"""The log says what happened, under which request, and gives nothing away."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from axis.ops.logs import bind_request, configure_logs, current_request_id, new_request_id


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The log of one test; the process's own set-up comes back afterwards."""
    root = logging.getLogger()
    handlers, level, kept = root.handlers, root.level, structlog.get_config()
    out = io.StringIO()
    configure_logs("json", "info", stream=out)
    yield out
    structlog.configure(**kept)
    structlog.contextvars.clear_contextvars()
    root.handlers = handlers
    root.setLevel(level)


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_an_event_word_and_fields_in_utc(stream: io.StringIO) -> None:
    structlog.get_logger().info("package_accepted", package_id="P1", size_bytes=20)
    (line,) = _lines(stream)
    at = datetime.fromisoformat(line.pop("at"))
    assert at.utcoffset() == datetime.now(UTC).utcoffset()
    assert line == {"event": "package_accepted", "level": "info", "package_id": "P1", "size_bytes": 20}


def test_lines_below_the_level_are_not_written(stream: io.StringIO) -> None:
    structlog.get_logger().debug("chatter")
    logging.getLogger("aiohttp").debug("chatter")
    assert _lines(stream) == []


def test_a_library_writes_in_the_same_form(stream: io.StringIO) -> None:
    logging.getLogger("aiohttp.server").warning("odd %s", "thing")
    (line,) = _lines(stream)
    assert (line["event"], line["level"], line["logger"]) == ("odd thing", "warning", "aiohttp.server")


async def test_every_line_of_a_request_carries_its_id_and_no_other(stream: io.StringIO) -> None:
    log = structlog.get_logger()

    async def handle(request_id: str) -> None:
        bind_request(request_id)
        structlog.contextvars.bind_contextvars(system_id=request_id.lower())
        await asyncio.sleep(0)
        log.info("begun")
        await asyncio.gather(asyncio.to_thread(log.info, "in_thread"))
        assert current_request_id() == request_id

    await asyncio.gather(handle("A"), handle("B"))
    lines = _lines(stream)
    assert sorted((line["event"], line["request_id"], line["system_id"]) for line in lines) == [
        ("begun", "A", "a"),
        ("begun", "B", "b"),
        ("in_thread", "A", "a"),
        ("in_thread", "B", "b"),
    ]
    assert current_request_id() == ""


def test_a_second_request_on_one_connection_inherits_nothing(stream: io.StringIO) -> None:
    bind_request("A")
    structlog.contextvars.bind_contextvars(system_id="a")
    bind_request("B")
    structlog.get_logger().info("begun")
    (line,) = _lines(stream)
    assert line["request_id"] == "B"
    assert "system_id" not in line


def test_secrets_and_bodies_are_not_written(stream: io.StringIO) -> None:
    structlog.get_logger().info(
        "odd_call",
        password="hunter2",
        client_secret="hunter2",
        Authorization="hunter2",
        headers={"X-Api-Token": "hunter2", "Accept": "text/plain"},
        rows=[{"secret": "hunter2"}, ("hunter2 is not named", b"hunter2")],
        body=b"hunter2",
        secretary="Văn thư",
    )
    assert stream.getvalue().count("hunter2") == 1  # the one that no name gives away
    (line,) = _lines(stream)
    assert line["body"] == "<7 bytes>"
    assert line["headers"]["Accept"] == "text/plain"
    assert line["secretary"] == "Văn thư"


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("logger", ["structlog", "logging"])
def test_a_trace_is_kept_without_local_variables(form: Any, logger: str) -> None:
    out = io.StringIO()
    root = logging.getLogger()
    handlers, level, kept = root.handlers, root.level, structlog.get_config()
    configure_logs(form, "info", stream=out)
    try:
        _fail("2retnuh"[::-1])  # a console trace shows source lines
    except ValueError:
        if logger == "structlog":
            structlog.get_logger().exception("failed")
        else:
            logging.getLogger("library").exception("failed")
    finally:
        structlog.configure(**kept)
        root.handlers = handlers
        root.setLevel(level)
    assert "hunter2" not in out.getvalue()
    assert "_fail" in out.getvalue()
    if form == "json":
        (line,) = [json.loads(text) for text in out.getvalue().splitlines()]
        assert line["exception"][0]["exc_type"] == "ValueError"


def _fail(password: str) -> None:
    longer = password * 2
    raise ValueError(len(longer))


def test_what_json_does_not_know_is_written_as_text(stream: io.StringIO) -> None:
    structlog.get_logger().info("odd", value=FixedClock().now(), kinds={1})
    (line,) = _lines(stream)
    assert line["value"] == "2026-11-24 09:30:00+00:00"


def test_request_ids_sort_by_time_and_never_repeat() -> None:
    ids = [new_request_id(FixedClock()) for _ in range(100)]
    assert len(set(ids)) == 100
    assert {len(one) for one in ids} == {26}
    assert len({one[:10] for one in ids}) == 1
