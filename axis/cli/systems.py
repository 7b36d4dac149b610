"""`axis system`: who is connected."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from axis.cli.options import ConfigOption, JsonOption, print_json, print_table, say, with_access
from axis.clock import SystemClock
from axis.errors import Code, Malformed

if TYPE_CHECKING:
    from adapters.base import PeerParts
    from axis.delivery.partner import Partner

app = typer.Typer()
system_app = typer.Typer(no_args_is_help=True, help="Connected systems: add, list, enable, disable, rotate, adapter.")
app.add_typer(system_app, name="system")

ACTOR = "cli"
_OPTION_CHARS = 4_096

SystemId = Annotated[str, typer.Argument(help="The system's id.")]
AdapterName = Annotated[
    str | None, typer.Option(help="We push to it by this adapter; left out: it fetches its packages itself.")
]
AdapterOptions = Annotated[
    list[str] | None, typer.Option("--option", help="Of the adapter, NAME=VALUE; may be given several times.")
]
SecretFiles = Annotated[
    list[Path] | None,
    typer.Option("--secret-file", help="Secret of the adapter, NAME=FILE; may be given several times."),
]


@system_app.command("add")
def add(
    system_id: SystemId,
    serves: Annotated[str, typer.Option(help="Organisations it acts for: codes, divided by commas.")],
    front: Annotated[
        str, typer.Option(help="The protocol in which it calls; console: its clerks work at this node's console.")
    ] = "vxp",
    name: Annotated[str, typer.Option(help="Its name as people read it.")] = "",
    may_register: Annotated[
        bool, typer.Option("--may-register", help="It may register and close organisations below those it serves.")
    ] = False,
    adapter: AdapterName = None,
    option: AdapterOptions = None,
    secret_file: SecretFiles = None,
    config: ConfigOption = None,
) -> None:
    """Connect a system. Prints its id and secret as JSON, once: the secret cannot be shown again."""
    from adapters.base import adapter_names
    from axis.exchange.composing import CONSOLE_FRONT
    from axis.ops.access import Access, Connecting, check_system_id

    check_system_id(system_id, "ID")
    fronts = (*adapter_names(), CONSOLE_FRONT)
    if front not in fronts:
        raise Malformed(Code.BAD_REQUEST, f"one of: {', '.join(fronts)}", at="--front")
    codes = tuple(dict.fromkeys(code.strip() for code in serves.split(",") if code.strip()))
    if not codes:
        raise Malformed(Code.BAD_REQUEST, "names no organisation", at="--serves")
    wish = Connecting(
        system_id=system_id,
        name=name or system_id,
        front=front,
        serves=codes,
        may_register=may_register,
        pushed=_partner(system_id, adapter, option or (), secret_file or (), config),
    )

    async def connect(access: Access) -> str:
        return await access.connect(wish, SystemClock().now(), ACTOR)

    print_json({"system_id": system_id, "secret": with_access(config, connect)})


@system_app.command("adapter")
def set_adapter(
    system_id: SystemId,
    adapter: AdapterName = None,
    option: AdapterOptions = None,
    secret_file: SecretFiles = None,
    config: ConfigOption = None,
) -> None:
    """Push to a system by an adapter from now on, or (without --adapter) let it fetch. What is pending goes along."""
    from axis.ops.access import Access

    partner = _partner(system_id, adapter, option or (), secret_file or (), config)

    async def change(access: Access) -> None:
        await access.set_pushing(system_id, partner, SystemClock().now(), ACTOR)

    with_access(config, change)
    if partner is None:
        say(f"{system_id} tự lấy gói tin.", f"{system_id} fetches its packages.")
    else:
        say(f"Gói tin được đẩy tới {system_id} bằng {adapter}.", f"Packages are pushed to {system_id} by {adapter}.")


def _partner(
    system_id: str, adapter: str | None, options: Sequence[str], secret_files: Sequence[Path], config: Path | None
) -> "Partner | None":
    """The system as a partner that can be called; its options are what its adapter takes."""
    partner = said_partner(system_id, adapter, options, secret_files)
    if partner is not None:
        from adapters.base import make_peer

        make_peer(partner, peer_parts(config))
    return partner


def said_partner(
    system_id: str, adapter: str | None, options: Sequence[str], secret_files: Sequence[Path]
) -> "Partner | None":
    """The system as a partner that can be called, as options of a command say it; None: it is not called."""
    if adapter is None:
        if options or secret_files:
            raise Malformed(Code.BAD_REQUEST, "of no adapter: --adapter is missing", at="--option, --secret-file")
        return None
    from axis.delivery.partner import Partner

    secrets = {name: _secret_in(Path(file)) for name, file in pairs("--secret-file", map(str, secret_files))}
    return Partner(partner_id=system_id, adapter=adapter, options=dict(pairs("--option", options)), secrets=secrets)


def peer_parts(config: Path | None) -> "PeerParts":
    """What a peer is built from beside the node that the settings name."""
    from adapters.base import NodeParts, PeerParts
    from axis.keys import NodeKey
    from axis.settings import find_config, read_settings

    settings = read_settings(find_config(config))
    key = NodeKey.load(settings.store.key_file)
    node = NodeParts(settings=settings, key=key, scratch=settings.store.data_dir)
    return PeerParts(clock=SystemClock(), node=node)


def pairs(name: str, given: Iterable[str]) -> Iterator[tuple[str, str]]:
    """NAME=VALUE, of an option that may be given several times."""
    for text in given:
        key, mark, value = text.partition("=")
        if not (key and mark and value) or len(text) > _OPTION_CHARS:
            raise Malformed(Code.BAD_REQUEST, "NAME=VALUE is needed", at=name)
        yield key.strip(), value.strip()


def _secret_in(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as e:
        raise Malformed(Code.BAD_FILE, "cannot be read", at=str(path)) from e
    if not text or len(text) > _OPTION_CHARS:
        raise Malformed(Code.BAD_FILE, f"1 to {_OPTION_CHARS} characters are needed", at=str(path))
    return text


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
                    "adapter": system.adapter,
                    "options": loads(system.options),
                    "serves": sorted(serves.get(system.system_id, [])),
                }
                for system in found.systems
            ]
        )
        return
    print_table(
        "Hệ thống kết nối",
        ("system_id", "name", "front", "adapter", "enabled", "serves"),
        (
            (
                system.system_id,
                system.name,
                system.front,
                system.adapter or "",
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
