"""Operators see whom the node calls, and plan when it does not."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from tests.cli.conftest import Home
from tests.post_office import install, post_office


@pytest.fixture
def office_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The post office's adapter is installed, for this process and its children."""
    folder = install(tmp_path / "site")
    monkeypatch.syspath_prepend(str(folder))
    return folder


def connect(home: Home, tmp_path: Path, url: str) -> None:
    token = tmp_path / "token"
    token.write_text("bí mật")
    ran = home.axis(
        *("system", "add", "so-xd", "--serves", "H24.3", "--adapter", "post"),
        *("--option", f"url={url}", "--secret-file", f"token={token}"),
    )
    assert ran.code == 0, ran.err


@pytest.mark.usefixtures("office_adapter")
def test_partners_are_listed_paused_and_resumed(home: Home, tmp_path: Path) -> None:
    connect(home, tmp_path, "http://127.0.0.1:9")
    (row,) = home.axis("partners", "list", "--json").json
    assert (row["partner_id"], row["adapter"], row["state"], row["paused_until"]) == ("so-xd", "post", "up", None)
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    ran = home.axis("partners", "pause", "so-xd", "--until", until, "--reason", "nâng cấp máy chủ")
    assert ran.code == 0, ran.err
    (row,) = home.axis("partners", "list", "--json").json
    assert (row["paused_until"], row["pause_reason"]) == (until, "nâng cấp máy chủ")
    assert "nâng cấp" not in home.axis("partners", "list").err
    assert home.axis("partners", "resume", "so-xd").code == 0
    assert home.axis("partners", "list", "--json").json[0]["paused_until"] is None
    assert home.axis("partners", "resume", "so-xd").code == 1


@pytest.mark.usefixtures("office_adapter")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("nobody", "--until", "2999-01-01T00:00", "--reason", "x"), 1),
        (("so-xd", "--until", "2001-01-01T00:00", "--reason", "x"), 2),
        (("so-xd", "--until", "tomorrow", "--reason", "x"), 2),
        (("so-xd", "--until", "2999-01-01T00:00", "--reason", " "), 2),
        (("so-xd", "--until", "2999-01-01T00:00", "--from", "3000-01-01T00:00", "--reason", "x"), 2),
    ],
)
def test_a_downtime_that_makes_no_sense_is_refused(
    home: Home, tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    connect(home, tmp_path, "http://127.0.0.1:9")
    assert home.axis("partners", "pause", *arguments).code == code
    assert home.axis("partners", "list", "--json").json[0]["paused_until"] is None


@pytest.mark.usefixtures("office_adapter")
async def test_a_running_node_tells_how_its_partners_fare(
    home: Home, tmp_path: Path, office_adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with post_office() as office:
        await asyncio.to_thread(connect, home, tmp_path, office.url)
        monkeypatch.setenv("PYTHONPATH", f"{office_adapter}:{Path(__file__).parents[2]}")
        node = home.process()
        await node.start()
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{node.url}/health/ready") as response:
                told = json.loads(await response.text())["partners"]["so-xd"]
        finally:
            await node.stop()
    assert (told["state"], told["places"], told["running"], told["problem"]) == ("closed", 2, 0, "")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("list", "--state", "lost"), 2),
        (("show", "01NOTHING"), 1),
        (("retry", "01NOTHING", "--why", "x"), 1),
        (("retry", "--why", "x"), 2),
        (("retry", "01NOTHING", "--all", "--why", "x"), 2),
        (("cancel", "01NOTHING", "--why", " "), 2),
        (("reroute", "01NOTHING", "--why", "x"), 2),
        (("reroute", "01NOTHING", "--to", "so-xd", "--why", "x"), 1),
        (("reroute", "--all", "--yes", "--to", "nobody", "--why", "x"), 1),
        (("list", "--state", "held"), 0),
        (("cancel", "--all", "--yes", "--why", "x"), 0),
    ],
)
def test_what_is_asked_of_dead_letters_must_make_sense(home: Home, arguments: tuple[str, ...], code: int) -> None:
    assert home.axis("deliveries", *arguments).code == code
    assert home.axis("deliveries", "list", "--json").json == []
