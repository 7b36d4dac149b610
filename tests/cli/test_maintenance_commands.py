"""`axis maintenance`, beside a node that runs."""

import asyncio
from datetime import UTC, datetime, timedelta

import aiohttp

from tests.cli.conftest import Home


def test_it_is_switched_on_shown_and_off(home: Home) -> None:
    assert home.axis("maintenance", "show", "--json").json == {"on": False}
    assert home.axis("maintenance", "off").code == 1
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    assert home.axis("maintenance", "on", "--reason", "nâng cấp", "--until", until).code == 0
    told = home.axis("maintenance", "show", "--json").json
    assert (told["on"], told["reason"], told["actor"], told["until"]) == (True, "nâng cấp", "cli", until)
    again = home.axis("maintenance", "on", "--reason", "khác")
    assert (again.code, "state_changed" in again.err, "nâng cấp" in again.err) == (1, True, True)
    assert "nâng cấp" in home.axis("maintenance", "show").out
    assert home.axis("maintenance", "off").code == 0
    assert home.axis("maintenance", "show", "--json").json == {"on": False}


def test_what_makes_no_sense_is_refused(home: Home) -> None:
    assert home.axis("maintenance", "on", "--reason", " ").code == 2
    assert home.axis("maintenance", "on", "--reason", "x", "--until", "2001-01-01").code == 2
    assert home.axis("maintenance", "on", "--reason", "x", "--until", "mai").code == 2
    assert home.axis("maintenance", "show", "--json").json == {"on": False}


async def test_when_the_command_returns_a_running_node_holds_to_it(home: Home) -> None:
    node = home.process()
    await node.start()
    try:
        ran = await asyncio.to_thread(home.axis, "maintenance", "on", "--reason", "nâng cấp")
        assert ran.code == 0, ran.err
        async with aiohttp.ClientSession() as session, session.get(f"{node.url}/health/ready") as answer:
            told = await answer.json()
        assert (told["ready"], told["maintenance"]["reason"]) == (True, "nâng cấp")
    finally:
        await node.stop()
