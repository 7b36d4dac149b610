"""`axis init`, `serve`, `migrate` and `config`: the node itself."""

import errno
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from axis.cli.accounts import make_account
from axis.cli.options import ConfigOption, JsonOption, print_json, print_table, say
from axis.errors import Code, WrongState
from axis.terms import Role

app = typer.Typer()
config_app = typer.Typer(no_args_is_help=True, help="What can be set, and whether it is right.")
app.add_typer(config_app, name="config")


@app.command()
def init(
    data: Annotated[Path, typer.Option(help="The node's directory; made when missing.")],
    code: Annotated[str, typer.Option(help="The node's organisation code.")] = "H24",
    name: Annotated[str, typer.Option(help="Its name as people read it.")] = "",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
    role: Annotated[str, typer.Option(help="city or national.")] = "city",
    database: Annotated[str | None, typer.Option(help="postgresql://…; left out: SQLite in the directory.")] = None,
    uplink: Annotated[str | None, typer.Option(help="Address of the national axis, without the operation.")] = None,
    uplink_system: Annotated[str | None, typer.Option(help="Who this node is there.")] = None,
    uplink_secret_file: Annotated[Path | None, typer.Option(help="File with its secret there.")] = None,
    admin: Annotated[str | None, typer.Option(help="First administrator; prints a password, once.")] = None,
) -> None:
    """Make a node's directory: axis.toml, keys, database. Changes nothing where there is one."""
    from axis.ops.install import NewNode, NewUplink, install

    if (uplink is None) != (uplink_system is None):
        raise typer.BadParameter("--uplink and --uplink-system are given together or not at all")
    chosen = None
    if uplink is not None and uplink_system is not None:
        secret_file = uplink_secret_file.resolve() if uplink_secret_file else None
        chosen = NewUplink(id="national", endpoint=uplink, system_id=uplink_system, secret_file=secret_file)
    install(
        NewNode(
            data_dir=data, code=code, name=name, role=role, host=host, port=port, database_url=database, uplink=chosen
        )
    )
    config = data / "axis.toml"
    say(f"Đã tạo nút {code} trong {data}; cấu hình: {config}", f"Made node {code} in {data}; settings: {config}")
    if admin is not None:
        password = make_account(config, admin, (Role.ADMINISTRATOR,))
        print_json({"account": admin, "password": password})


@app.command()
def serve(
    config: ConfigOption = None,
    while_stdin_open: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run the node until Ctrl-C or SIGTERM."""
    from axis.serve import serve as run_node
    from axis.settings import find_config, read_settings

    settings = read_settings(find_config(config))
    if while_stdin_open:
        threading.Thread(target=_stop_when_stdin_closes, daemon=True).start()
    try:
        run_node(settings)
    except OSError as e:
        if e.errno != errno.EADDRINUSE:
            raise
        raise WrongState(Code.PORT_BUSY, at=f"{settings.server.host}:{settings.server.port}") from e


def _stop_when_stdin_closes() -> None:
    """Whoever started us holds the other end: when it is gone, however it ended, so are we."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


@app.command()
def migrate(config: ConfigOption = None) -> None:
    """Bring the database to this software's version. Back it up before."""
    from axis.ops.access import store_options
    from axis.settings import find_config, read_settings
    from axis.store import migrate as migrations

    options = store_options(read_settings(find_config(config)))
    before = migrations.current(options)
    after = migrations.migrate(options)
    if before == after:
        say(f"Cơ sở dữ liệu đã ở phiên bản {after}.", f"The database is at {after} already.")
    else:
        say(f"Đã nâng cơ sở dữ liệu lên {after}.", f"Brought the database from {before or 'nothing'} to {after}.")


@config_app.command("describe")
def describe(json: JsonOption = False) -> None:
    """List every key of axis.toml with its type, default and meaning."""
    from axis.settings import describe_settings

    keys = describe_settings()
    if json:
        print_json([{"key": k.key, "type": k.type, "default": k.default, "meaning": k.meaning} for k in keys])
    else:
        print_table(
            "axis.toml", ("key", "type", "default", "meaning"), ((k.key, k.type, k.default, k.meaning) for k in keys)
        )


@config_app.command("check")
def check(config: ConfigOption = None) -> None:
    """Read the settings and say whether they are right: exit code 2 when not."""
    from axis.keys import NodeKey
    from axis.settings import find_config, read_settings

    path = find_config(config)
    settings = read_settings(path)
    NodeKey.load(settings.store.key_file)
    for uplink in settings.uplink:
        uplink.read_secret()
    say(f"Cấu hình {path} hợp lệ.", f"The settings in {path} are right.")
