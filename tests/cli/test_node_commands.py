"""A node is made once, and whatever is wrong with it is said in a sentence and an exit code."""

import asyncio
import json
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from axis.settings import describe_settings, read_settings
from tests.cli.conftest import Home, Ran, environment, run_axis

Axis = Callable[..., Ran]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_init_makes_a_directory_that_is_complete(tmp_path: Path, axis: Axis) -> None:
    data = tmp_path / "some where" / "nút"
    ran = axis("init", "--data", data, "--code", "H24", "--name", 'TP "Hải Phòng"', "--port", 9123)
    assert (ran.code, ran.out) == (0, "")
    settings = read_settings(data / "axis.toml")
    assert (settings.node.code, settings.node.name, settings.server.port) == ("H24", 'TP "Hải Phòng"', 9123)
    assert stat.S_IMODE((data / "keys" / "node.key").stat().st_mode) == 0o600
    assert (data / "axis.db").exists()
    text = (data / "axis.toml").read_text(encoding="utf-8")
    keys = {key.key.rpartition(".")[2] for key in describe_settings() if not key.key.startswith("uplink[]")}
    assert {key for key in keys if f"\n{key} = " not in text and f"\n# {key} =" not in text} == set()


def test_a_second_init_refuses_and_changes_nothing(tmp_path: Path, axis: Axis) -> None:
    assert axis("init", "--data", tmp_path, "--code", "H24", "--admin", "lan").code == 0
    before = contents(tmp_path)
    ran = axis("init", "--data", tmp_path, "--code", "H99", "--admin", "minh")
    assert ran.code == 2
    assert "bad_file" in ran.err
    assert "nothing was changed" in ran.err
    assert contents(tmp_path) == before


@pytest.mark.parametrize("left", ["keys/node.key", "axis.db"])
def test_init_keeps_its_hands_off_a_directory_that_lost_its_settings(tmp_path: Path, axis: Axis, left: str) -> None:
    (tmp_path / left).parent.mkdir(exist_ok=True)
    (tmp_path / left).write_bytes(b"precious")
    assert axis("init", "--data", tmp_path).code == 2
    assert contents(tmp_path) == {left: b"precious"}


def test_an_init_that_fails_takes_away_what_it_made(tmp_path: Path, axis: Axis) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "notes.txt").write_text("mine")
    for data in (tmp_path / "old", tmp_path / "new"):
        ran = axis("init", "--data", data, "--role", "town")
        assert (ran.code, "node.role" in ran.err) == (2, True)
    assert contents(tmp_path) == {"old/notes.txt": b"mine"}
    assert not (tmp_path / "new").exists()


def test_the_uplink_of_init_is_in_the_settings(tmp_path: Path, axis: Axis) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    ran = axis(
        "init", "--data", tmp_path / "n", "--uplink", "https://truc.example/vxp", "--uplink-system", "truc-h24",
        "--uplink-secret-file", secret,
    )  # fmt: skip
    assert ran.code == 0
    (uplink,) = read_settings(tmp_path / "n" / "axis.toml").uplink
    assert (uplink.endpoint, uplink.system_id, uplink.read_secret()) == (
        "https://truc.example/vxp",
        "truc-h24",
        "s3cret",
    )
    assert axis("init", "--data", tmp_path / "m", "--uplink", "https://truc.example/vxp").code == 2
    assert not (tmp_path / "m").exists()


def test_the_first_administrator_gets_a_password_that_is_stored_hashed(tmp_path: Path, axis: Axis) -> None:
    ran = axis("init", "--data", tmp_path, "--admin", "lan")
    assert set(ran.json) == {"account", "password"}
    with sqlite3.connect(tmp_path / "axis.db") as database:
        ((name, password_hash, roles),) = database.execute("SELECT username, password_hash, roles FROM account")
    database.close()
    assert (name, roles) == ("lan", "administrator")
    assert PasswordHasher().verify(password_hash, ran.json["password"])


def test_the_settings_are_found_by_option_then_environment_then_folder(home: Home, tmp_path: Path, axis: Axis) -> None:
    assert axis("config", "check", "--config", home.config).code == 0
    assert axis("config", "check", AXIS_CONFIG=str(home.config)).code == 0
    assert axis("config", "check", cwd=home.path).code == 0
    assert axis("config", "check", cwd=tmp_path).code == 2
    # The option wins over a variable that leads nowhere.
    assert axis("config", "check", "--config", home.config, AXIS_CONFIG=str(tmp_path / "none.toml")).code == 0
    assert axis("config", "check", AXIS_CONFIG=str(tmp_path / "none.toml"), cwd=home.path).code == 2


def test_a_wrong_key_is_named_without_a_trace(home: Home, axis: Axis) -> None:
    home.config.write_text(home.config.read_text().replace("[server]", "[server]\nprot = 1"))
    ran = home.axis("config", "check")
    assert (ran.code, ran.out) == (2, "")
    assert "server.prot" in ran.err
    assert "Traceback" not in ran.err
    traced = axis("--debug", "config", "check", "--config", home.config)
    assert (traced.code, "Traceback" in traced.err) == (2, True)


def test_the_list_of_keys_is_for_people_and_for_programs(axis: Axis) -> None:
    described = axis("config", "describe", "--json")
    assert [set(key) for key in described.json] == [{"key", "type", "default", "meaning"}] * len(describe_settings())
    assert "exchange.poll_interval_s" in axis("config", "describe").out


def test_a_database_of_another_version_is_not_served_until_it_is_migrated(home: Home) -> None:
    with sqlite3.connect(home.path / "axis.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'other'")
    database.close()
    for command in (("serve",), ("org", "list")):
        ran = home.axis(*command)
        assert (ran.code, "database_old" in ran.err, "axis migrate" in ran.err) == (2, True, True)


def test_a_database_that_cannot_be_read_is_said_without_a_trace(home: Home) -> None:
    (home.path / "axis.db").write_bytes(b"no database" * 1000)
    ran = run_axis("org", "list", "--json", "--config", home.config)
    assert (ran.code, ran.out, "Traceback" in ran.err, "Error [" in ran.err) == (2, "", False, True)
    traced = run_axis("--debug", "org", "list", "--json", "--config", home.config)
    assert (traced.code, traced.out, "Traceback" in traced.err) == (2, "", True)


def test_migrate_says_that_there_is_nothing_to_do(home: Home) -> None:
    ran = home.axis("migrate")
    assert (ran.code, "already" in ran.err) == (0, True)


def test_a_port_that_is_taken_is_said_with_the_way_out(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", read_settings(home.config).server.port))
        taken.listen()
        ran = home.axis("serve")
    assert (ran.code, "port_busy" in ran.err, "Traceback" in ran.err) == (2, True, False)


def test_serve_needs_the_nodes_key(home: Home) -> None:
    (home.path / "keys" / "node.key").unlink()
    ran = home.axis("serve")
    assert (ran.code, "bad_file" in ran.err) == (2, True)


async def test_a_node_ends_with_whoever_started_it(home: Home) -> None:
    node = home.process()
    await node.start()
    process = node._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()  # as the kernel does when the parent is killed
    assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_a_node_that_cannot_start_says_why(home: Home) -> None:
    node = home.process()
    (home.path / "keys" / "node.key").write_bytes(b"no key")
    with pytest.raises(Exception, match="node key unreadable"):
        await node.start()
    assert node.pid is None


def test_a_reader_that_has_enough_ends_the_command_quietly(home: Home) -> None:
    many = [{"code": f"H{n}", "name": "x" * 400} for n in range(400)]  # more than a pipe holds
    (home.path / "many.json").write_text(json.dumps(many))
    assert home.axis("org", "import", home.path / "many.json").code == 0
    command = f"'{sys.executable}' -m axis.cli.main org list --json --config '{home.config}' | head -c 1"
    done = subprocess.run(["sh", "-c", command], env=environment(), capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[", "")


@pytest.mark.parametrize("wrong", [("bogus",), ("system", "add"), ("init",), ("serve", "--port", "1")])
def test_wrong_use_is_exit_code_two(axis: Axis, wrong: tuple[str, ...]) -> None:
    assert axis(*wrong).code == 2


def test_help_and_version_need_no_node(axis: Axis, tmp_path: Path) -> None:
    helped = axis("--help", cwd=tmp_path)
    assert helped.code == 0
    for command in ("init", "serve", "migrate", "config", "org", "system", "inspect", "send", "status", "demo"):
        assert f" {command} " in helped.out
    assert " city " not in helped.out
    assert axis("--version", cwd=tmp_path).code == 0
