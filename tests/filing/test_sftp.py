"""Over SFTP: only the pinned server, only with the right account; broken lines, refused writes, odd servers."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

import adapters.sftp
from adapters.base import PeerParts, make_peer
from adapters.checking import Fault, Findings, Step, Trouble, check_partner
from adapters.filing.place import Gone, Spot, read_bytes, write_bytes
from adapters.sftp.server import SftpPlace
from axis.clock import SystemClock
from axis.delivery.partner import Partner
from axis.errors import Code, Malformed
from tests.exchange.harness import Node, a_document, a_file, make_node
from tests.filing.city import FilingCity, seen
from tests.filing.places import HOST, PASSWORD, USER, Sftp, sftp_server

PARTS = PeerParts(clock=SystemClock())


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Sftp]:
    root = tmp_path / "share"
    root.mkdir()
    async with sftp_server(root) as running:
        yield running


@pytest.fixture
async def place(server: Sftp) -> AsyncIterator[SftpPlace]:
    opened = SftpPlace(server.at())
    for folder in ("to-dms", "from-dms", "axis-sent"):
        await opened.make(folder)
    yield opened
    await opened.close()


def partner(server: Sftp, secrets: dict[str, str] | None = None, **options: object) -> Partner:
    chosen: dict[str, object] = {"host": HOST, "port": server.port, "path": "/", "user": USER}
    chosen["host_key"] = server.host_key.export_public_key().decode().strip()
    secrets = {"password": PASSWORD} if secrets is None else secrets
    return Partner(partner_id="so-xd", adapter="sftp", options={**chosen, **options}, secrets=secrets)


async def check(who: Partner) -> Findings:
    return await check_partner(adapters.sftp, who, PARTS)


async def fault(who: Partner) -> tuple[Step, Fault | None, str]:
    found = (await check(who)).found[-1]
    return found.step, found.fault, found.words


async def test_the_pinned_server_is_well_by_key_or_fingerprint_and_one_of_several(server: Sftp) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint()
    mine = server.host_key.get_fingerprint()
    for pin in (partner(server).options["host_key"], mine, f"{other}, {mine}"):
        findings = await check(partner(server, host_key=pin))
        assert findings.good, findings.found
        assert [one.step for one in findings.found][-3:] == [Step.FOLDERS, Step.CLOCK, Step.WRITE]
    assert sorted(one.name for one in server.root.iterdir()) == [
        *("axis-sent", "axis-work", "errors", "from-dms", "taken", "to-dms"),
    ]
    assert not any(list(one.iterdir()) for one in server.root.iterdir())


async def test_another_host_key_is_refused_before_the_password_is_said(
    server: Sftp, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setattr("tests.filing.places._Door.validate_password", lambda _, name, word: heard.append(name + word))
    other = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint()
    step, what, words = await fault(partner(server, host_key=other))
    assert (step, what) == (Step.FOLDERS, Fault.HOST_KEY_DIFFERS)
    assert server.host_key.get_fingerprint() in words
    assert heard == []


async def test_no_known_hosts_file_of_this_machine_has_a_say(
    server: Sftp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    key = server.host_key.export_public_key().decode().strip()
    (home / ".ssh" / "known_hosts").write_text(f"[{HOST}]:{server.port} {key}\n")
    monkeypatch.setenv("HOME", str(home))
    other = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint()
    assert (await fault(partner(server, host_key=other)))[1] is Fault.HOST_KEY_DIFFERS


async def test_accounts_by_password_and_by_key(server: Sftp) -> None:
    assert (await fault(partner(server, {"password": "sai"})))[:2] == (Step.FOLDERS, Fault.LOGIN_REFUSED)
    key = server.client_key.export_private_key().decode()
    assert (await check(partner(server, {"private_key": key}))).good
    other = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    assert (await fault(partner(server, {"private_key": other})))[1] is Fault.LOGIN_REFUSED
    assert (await fault(partner(server, user="ai-do")))[1] is Fault.LOGIN_REFUSED


async def test_a_folder_that_is_missing_there_is_not_made(server: Sftp) -> None:
    assert (await fault(partner(server, path="/qlvb")))[:2] == (Step.FOLDERS, Fault.FOLDER_MISSING)
    assert list(server.root.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "secrets", "at"),
    [
        ({"host_key": "SHA256:short"}, None, "option host_key"),
        ({"host_key": ""}, None, "option host_key"),
        ({"host_key": "ssh-ed25519 AAAA"}, None, "option host_key"),
        ({}, {}, ""),
        ({}, {"password": "a", "private_key": "b"}, ""),
        ({}, {"private_key": "no key"}, "secret private_key"),
        ({"password": "in the open"}, {}, "option password"),
        ({"port": 0}, None, "option port"),
    ],
)
async def test_options_that_make_no_sense(
    server: Sftp, options: dict[str, object], secrets: dict[str, str] | None, at: str
) -> None:
    with pytest.raises(Malformed) as caught:
        make_peer(partner(server, secrets, **options), PARTS)
    assert caught.value.code is Code.BAD_SETTINGS
    assert at in (caught.value.at or "")
    assert "in the open" not in str(caught.value)


async def test_without_a_host_key_there_is_no_connection(server: Sftp) -> None:
    who = partner(server)
    without = {name: value for name, value in who.options.items() if name != "host_key"}
    with pytest.raises(Malformed, match="host_key"):
        make_peer(Partner(partner_id="x", adapter="sftp", options=without, secrets=who.secrets), PARTS)


async def test_a_large_file_goes_and_comes_whole_and_from_its_middle(place: SftpPlace) -> None:
    content = os.urandom(3_000_001)
    spot = Spot("to-dms", "lớn.bin")
    await write_bytes(place, spot, content)
    assert await read_bytes(place, spot, 1 << 30) == content
    assert await read_bytes(place, spot, 1 << 30, start=2_999_999) == content[2_999_999:]
    assert [entry.name for entry in await place.entries("to-dms")] == ["lớn.bin"]


async def test_a_line_that_breaks_in_the_middle_of_a_write_shows_nothing_and_the_next_call_connects_anew(
    server: Sftp, place: SftpPlace
) -> None:
    server.cut_after = 500_000
    with pytest.raises(Trouble) as caught:
        await write_bytes(place, Spot("to-dms", "a.edxml"), os.urandom(2_000_000))
    assert caught.value.fault is Fault.CONNECTION_LOST
    assert seen(server.root) == []
    await write_bytes(place, Spot("to-dms", "a.edxml"), b"whole")
    assert (server.root / "to-dms" / "a.edxml").read_bytes() == b"whole"
    assert len(server.connections) == 2


@pytest.mark.parametrize(
    ("error", "what"),
    [(asyncssh.SFTPPermissionDenied, Fault.NOT_WRITABLE), (asyncssh.SFTPNoSpaceOnFilesystem, Fault.OTHER)],
)
async def test_a_refused_write_leaves_nothing_and_is_tried_again(
    server: Sftp, place: SftpPlace, error: type[Exception], what: Fault
) -> None:
    server.refuse_writes = error
    with pytest.raises(Trouble) as caught:
        await write_bytes(place, Spot("to-dms", "a.edxml"), b"x" * 1000)
    assert caught.value.fault is what  # version 3 of the protocol has no word for a full disk
    assert caught.value.retry == "later"
    assert seen(server.root, unfinished=True) == []
    server.refuse_writes = None
    await write_bytes(place, Spot("to-dms", "a.edxml"), b"x")


async def test_a_server_without_extensions_renames_over_what_lies_there(server: Sftp, place: SftpPlace) -> None:
    server.no_extensions = True
    spot = Spot("to-dms", "a.edxml")
    for content in (b"first", b"second"):
        await write_bytes(place, spot, content)
    assert (server.root / "to-dms" / "a.edxml").read_bytes() == b"second"
    assert not await place.move(Spot("to-dms", "absent"), spot)
    assert (server.root / "to-dms" / "a.edxml").read_bytes() == b"second"


async def test_links_and_folders_are_no_files(server: Sftp, place: SftpPlace, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (server.root / "from-dms" / "a.edxml").symlink_to(tmp_path / "secret")
    (server.root / "from-dms" / "b.edxml").mkdir()
    kinds = {entry.name: entry.kind.value for entry in await place.entries("from-dms")}
    assert kinds == {"a.edxml": "other", "b.edxml": "folder"}
    for name in ("a.edxml", "b.edxml", "c.edxml"):
        with pytest.raises(Gone):
            async with place.read(Spot("from-dms", name)):
                pass
    (server.root / "taken").symlink_to(tmp_path)
    with pytest.raises(Trouble, match="link"):
        await place.make("taken")


async def test_a_name_that_is_no_text_is_passed_over(server: Sftp, place: SftpPlace) -> None:
    folder = os.fsencode(server.root / "from-dms")
    os.close(os.open(folder + b"/v\xe3n.edxml", os.O_CREAT | os.O_WRONLY))
    (server.root / "from-dms" / "a.edxml").touch()
    assert "a.edxml" in [entry.name for entry in await place.entries("from-dms")]


async def test_a_package_goes_once_over_a_line_that_breaks(server: Sftp, store: object, tmp_path: Path) -> None:
    from adapters.filing.options import FilingOptions  # noqa: PLC0415 - here alone

    node: Node = await make_node(store, tmp_path)  # type: ignore[arg-type]
    city = FilingCity(node, server.root, lambda: SftpPlace(server.at()), FilingOptions())
    await city.connect()
    try:
        server.cut_after = 1_000_000
        accepted = await node.send("dms-yte", a_document("H24.15", files=(a_file(os.urandom(2_000_000)),)))
        await city.push()
        assert await node.states(accepted) == {"H24.15": "retrying"}
        assert city.dms.told() == []
        await city.later(seconds=31)
        assert await node.states(accepted) == {"H24.15": "handed_over"}
        (told,) = city.dms.told()
        assert len(city.dms.read(told["package"])) == told["size_bytes"]
    finally:
        await city.peer.close()
