"""Systems are connected, kept out and given new secrets beside a running node, which follows at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.vxp.calls import VxpClientOptions
from adapters.vxp.client import VxpClient
from axis.clock import SystemClock
from axis.errors import PeerRefused
from axis.terms import PackageKind
from tests.cli.conftest import Home

WRONG_CREDENTIALS = "15"
PATIENCE_S = 20.0  # a change holds within a second; a busy machine gets more before the test gives up


async def added(home: Home, system_id: str, serves: str) -> str:
    ran = await asyncio.to_thread(home.axis, "system", "add", system_id, "--front", "vxp", "--serves", serves)
    assert ran.code == 0, ran.err
    assert set(ran.json) == {"system_id", "secret"}
    assert ran.json["system_id"] == system_id
    return str(ran.json["secret"])


@asynccontextmanager
async def caller(url: str, system_id: str, secret: str) -> AsyncIterator[VxpClient]:
    client = VxpClient(VxpClientOptions(endpoint=f"{url}/vxp", system_id=system_id, secret=secret), None, SystemClock())
    try:
        yield client
    finally:
        await client.close()


async def admitted(client: VxpClient) -> bool:
    try:
        await client.count_received(PackageKind.DOCUMENT)
    except PeerRefused as refused:
        if refused.peer_code == WRONG_CREDENTIALS:
            return False
        raise
    return True


async def becomes(client: VxpClient, *, admit: bool) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await admitted(client) is not admit:  # noqa: ASYNC110 - another process changes
            await asyncio.sleep(0.05)


async def test_a_running_node_follows_what_is_done_to_a_system(home: Home) -> None:
    node = home.process()
    await node.start()
    try:
        secret = await added(home, "so-xd", "H24.3,H24.3.12")
        async with caller(node.url, "so-xd", secret) as client:
            await becomes(client, admit=True)
            assert (await asyncio.to_thread(home.axis, "system", "disable", "so-xd")).code == 0
            await becomes(client, admit=False)
            assert (await asyncio.to_thread(home.axis, "system", "enable", "so-xd")).code == 0
            await becomes(client, admit=True)
            rotated = await asyncio.to_thread(home.axis, "system", "rotate", "so-xd", "--grace", "1")
            async with caller(node.url, "so-xd", rotated.json["secret"]) as renewed:
                await becomes(renewed, admit=True)
                assert await admitted(client)  # within its hour of grace
                again = await asyncio.to_thread(home.axis, "system", "rotate", "so-xd", "--grace", "0")
                await becomes(renewed, admit=False)
                assert not await admitted(client)
            async with caller(node.url, "so-xd", again.json["secret"]) as newest:
                await becomes(newest, admit=True)
    finally:
        await node.stop()


def test_the_list_says_who_is_connected_and_shows_no_secret(home: Home) -> None:
    secret = home.axis("system", "add", "so-xd", "--serves", "H24.3.12, H24.3", "--name", "DMS Sở Xây dựng").json[
        "secret"
    ]
    assert home.axis("system", "add", "truc-khac", "--serves", "H24.5", "--may-register").code == 0
    assert home.axis("system", "disable", "truc-khac").code == 0
    listed = home.axis("system", "list", "--json")
    assert listed.json == [
        {
            "system_id": "so-xd",
            "name": "DMS Sở Xây dựng",
            "front": "vxp",
            "enabled": True,
            "may_register": False,
            "adapter": None,
            "options": {},
            "serves": ["H24.3", "H24.3.12"],
        },
        {
            "system_id": "truc-khac",
            "name": "truc-khac",
            "front": "vxp",
            "enabled": False,
            "may_register": True,
            "adapter": None,
            "options": {},
            "serves": ["H24.5"],
        },
    ]
    assert secret not in listed.out + home.axis("system", "list").out
    assert secret.encode() not in (home.path / "axis.db").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("add", "so-xd", "--serves", "H24.5"), 1, "system_exists"),
        (("add", "so-nv", "--serves", "H24.3"), 1, "organ_in_use"),
        (("add", "so-nv", "--serves", "H24.99"), 1, "not_found"),
        (("add", "so-nv", "--serves", " , "), 2, "--serves"),
        (("add", "so nv", "--serves", "H24.5"), 2, "bad_request"),
        (("add", "so.nv", "--serves", "H24.5"), 2, "bad_request"),
        (("add", "x" * 65, "--serves", "H24.5"), 2, "bad_request"),
        (("add", "so-nv", "--serves", "H24.5", "--front", "pigeon"), 2, "--front"),
        (("disable", "nobody"), 1, "not_found"),
        (("rotate", "nobody"), 1, "not_found"),
        (("rotate", "so-xd", "--grace", "-1"), 2, "--grace"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    home: Home, arguments: tuple[str, ...], code: int, word: str
) -> None:
    assert home.axis("system", "add", "so-xd", "--serves", "H24.3").code == 0
    before = home.axis("system", "list", "--json").json
    ran = home.axis("system", *arguments)
    assert (ran.code, word in ran.err, ran.out) == (code, True, "")
    assert home.axis("system", "list", "--json").json == before


def test_a_system_is_pushed_to_by_an_adapter_with_its_options_and_secrets(home: Home, tmp_path: Path) -> None:
    secret_file = tmp_path / "secret"
    secret_file.write_text("không ai biết\n")
    options = ("--option", "endpoint=http://127.0.0.1:9/vxp", "--option", "system_id=truc")
    ran = home.axis(
        *("system", "add", "so-xd", "--serves", "H24.3", "--adapter", "vxp"),
        *options,
        *("--secret-file", f"secret={secret_file}"),
    )
    assert ran.code == 0, ran.err
    (system,) = home.axis("system", "list", "--json").json
    assert system["adapter"] == "vxp"
    assert system["options"] == {"endpoint": "http://127.0.0.1:9/vxp", "system_id": "truc"}
    assert "không ai biết" not in home.axis("system", "list", "--json").out
    assert "không ai biết".encode() not in (home.path / "axis.db").read_bytes()
    assert home.axis("system", "adapter", "so-xd").code == 0
    assert home.axis("system", "list", "--json").json[0]["adapter"] is None
    assert home.axis("system", "adapter", "so-xd", "--adapter", "vxp", *options).code == 2  # without its secret


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--adapter", "telex"), "no adapter 'telex'"),
        (("--adapter", "vxp", "--option", "endpoint"), "NAME=VALUE"),
        (("--adapter", "vxp", "--option", "endpoint=http://x", "--option", "colour=blue"), "option system_id"),
        (("--option", "endpoint=http://x"), "--adapter is missing"),
        (("--adapter", "vxp", "--secret-file", "secret=/nowhere"), "/nowhere"),
    ],
)
def test_what_an_adapter_does_not_take_is_refused_before_anything_is_stored(
    home: Home, arguments: tuple[str, ...], says: str
) -> None:
    ran = home.axis("system", "add", "so-xd", "--serves", "H24.3", *arguments)
    assert ran.code == 2
    assert says in ran.err
    assert home.axis("system", "list", "--json").json == []


def test_a_system_cannot_take_the_id_of_an_uplink(home: Home, tmp_path: Path) -> None:
    secret_file = tmp_path / "secret"
    secret_file.write_text("s")
    uplink = '[[uplink]]\nid = "national"\nendpoint = "http://127.0.0.1:9/vxp"\nsystem_id = "H24"\n'
    home.config.write_text(home.config.read_text() + uplink + f'secret_file = "{secret_file}"\n')
    ran = home.axis("system", "add", "national", "--serves", "H24.3")
    assert (ran.code, "uplink" in ran.err) == (1, True)
