"""`axis system` and `axis account`: who is connected, and who may log in."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from axis.cli.options import ConfigOption, JsonOption, print_json, print_table, say, with_access
from axis.clock import SystemClock
from axis.errors import Code, Malformed
from axis.terms import Role

app = typer.Typer()
system_app = typer.Typer(no_args_is_help=True, help="Connected systems: add, list, enable, disable, rotate.")
account_app = typer.Typer(no_args_is_help=True, help="Accounts of the console.")
app.add_typer(system_app, name="system")
app.add_typer(account_app, name="account")

ACTOR = "cli"
_ID_CHARS = 64
_PASSWORD_CHARS = range(12, 257)

SystemId = Annotated[str, typer.Argument(help="The system's id.")]


@system_app.command("add")
def add(
    system_id: SystemId,
    serves: Annotated[str, typer.Option(help="Organisations it acts for: codes, divided by commas.")],
    front: Annotated[str, typer.Option(help="The protocol in which it calls.")] = "vxp",
    name: Annotated[str, typer.Option(help="Its name as people read it.")] = "",
    may_register: Annotated[
        bool, typer.Option("--may-register", help="It may register and close organisations below those it serves.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Connect a system. Prints its id and secret as JSON, once: the secret cannot be shown again."""
    from adapters.base import adapter_names
    from axis.ops.access import Access, Connecting

    _check_id(system_id)
    if front not in adapter_names():
        raise Malformed(Code.BAD_REQUEST, f"one of: {', '.join(adapter_names())}", at="--front")
    codes = tuple(dict.fromkeys(code.strip() for code in serves.split(",") if code.strip()))
    if not codes:
        raise Malformed(Code.BAD_REQUEST, "names no organisation", at="--serves")
    wish = Connecting(system_id=system_id, name=name or system_id, front=front, serves=codes, may_register=may_register)

    async def connect(access: Access) -> str:
        return await access.connect(wish, SystemClock().now(), ACTOR)

    print_json({"system_id": system_id, "secret": with_access(config, connect)})


@system_app.command("list")
def list_systems(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the connected systems."""
    from axis.ops.access import Access
    from axis.store.records import holds
    from axis.store.registry import RegistrySnapshot, snapshot

    async def read(access: Access) -> RegistrySnapshot:
        return await access.store.read(snapshot)

    found = with_access(config, read)
    serves: dict[str, list[str]] = {}
    for service in found.services:
        if holds(service, found.routes_at):
            serves.setdefault(service.system_id, []).append(service.organ_id)
    if json:
        print_json(
            [
                {
                    "system_id": system.system_id,
                    "name": system.name,
                    "front": system.front,
                    "enabled": system.enabled,
                    "may_register": system.may_register,
                    "serves": sorted(serves.get(system.system_id, [])),
                }
                for system in found.systems
            ]
        )
        return
    print_table(
        "Hệ thống kết nối",
        ("system_id", "name", "front", "enabled", "serves"),
        (
            (
                system.system_id,
                system.name,
                system.front,
                "yes" if system.enabled else "no",
                ",".join(sorted(serves.get(system.system_id, []))),
            )
            for system in found.systems
        ),
    )


@system_app.command("enable")
def enable(system_id: SystemId, config: ConfigOption = None) -> None:
    """Let a system in again; in a running node within a second."""
    _set_enabled(config, system_id, enabled=True)
    say(f"Đã mở kết nối của {system_id}.", f"Enabled {system_id}.")


@system_app.command("disable")
def disable(system_id: SystemId, config: ConfigOption = None) -> None:
    """Keep a system out; in a running node within a second. What waits for it stays."""
    _set_enabled(config, system_id, enabled=False)
    say(f"Đã khóa kết nối của {system_id}.", f"Disabled {system_id}.")


def _set_enabled(config: Path | None, system_id: str, *, enabled: bool) -> None:
    from axis.ops.access import Access
    from axis.store.systems import set_enabled

    async def change(access: Access) -> None:
        await access.store.write(lambda conn: set_enabled(conn, system_id, SystemClock().now(), ACTOR, enabled=enabled))

    with_access(config, change)


@system_app.command("rotate")
def rotate(
    system_id: SystemId,
    grace: Annotated[float, typer.Option(min=0, max=24 * 90, help="Hours for which the old secret stays good.")] = 24.0,
    config: ConfigOption = None,
) -> None:
    """Give a system a new secret. Prints it as JSON, once."""
    from axis.ops.access import Access

    async def change(access: Access) -> str:
        return await access.rotate(system_id, timedelta(hours=grace), SystemClock().now(), ACTOR)

    print_json({"system_id": system_id, "secret": with_access(config, change), "grace_hours": grace})


@account_app.command("add")
def add_account(
    name: Annotated[str, typer.Argument(help="The name to log in with.")],
    role: Annotated[list[Role], typer.Option(help="What it may do; may be given several times.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Add an account for the console. Without --password-stdin a password is made and printed as JSON, once."""
    given = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    if given is not None and len(given) not in _PASSWORD_CHARS:
        raise Malformed(Code.BAD_REQUEST, "a password has 12 to 256 characters", at="standard input")
    password = make_account(config, name, tuple(dict.fromkeys(role)), given)
    if given is None:
        print_json({"account": name, "password": password})
    else:
        say(f"Đã tạo tài khoản {name}.", f"Added the account {name}.")


def make_account(config: Path | None, name: str, roles: tuple[Role, ...], password: str | None) -> str:
    """Add an account; returns its password, a new one when none is given. Raises WrongState(ACCOUNT_EXISTS)."""
    from axis.ops.access import Access, new_account, new_password
    from axis.store.accounts import add_account as record

    if not name.strip() or len(name) > _ID_CHARS or not name.isprintable():
        raise Malformed(Code.BAD_REQUEST, f"a name has 1 to {_ID_CHARS} characters", at="NAME")
    chosen = password or new_password()
    account = new_account(name, chosen, roles, SystemClock().now())

    async def add(access: Access) -> None:
        await access.store.write(lambda conn: record(conn, account))

    with_access(config, add)
    return chosen


def _check_id(system_id: str) -> None:
    """An id stands in headers, and behind a dot in the ids of list items."""
    if len(system_id) not in range(1, _ID_CHARS + 1) or not all(
        c.isascii() and (c.isalnum() or c in "-_") for c in system_id
    ):
        raise Malformed(Code.BAD_REQUEST, f"1 to {_ID_CHARS} letters, digits, - and _", at="ID")
