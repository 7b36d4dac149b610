"""`axis maintenance`: the node reads only, for now."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from axis.cli.options import (
    ConfigOption,
    JsonOption,
    print_fields,
    print_json,
    read_moment,
    say,
    show_moment,
    with_access,
)
from axis.clock import SystemClock

if TYPE_CHECKING:
    from axis.ops.access import Access
    from axis.store.records import Maintenance

app = typer.Typer()
maintenance_app = typer.Typer(no_args_is_help=True, help="Maintenance: the node reads only. Switch on, off, show.")
app.add_typer(maintenance_app, name="maintenance")

ACTOR = "cli"
_HOLDS_S = 1.0  # after which every running node has seen the switch


@maintenance_app.command("on")
def on(
    reason: Annotated[str, typer.Option(help="Why; callers and people at the console read it.")],
    until: Annotated[
        str | None, typer.Option(help="When it is expected to end, for whoever waits; it ends by `off` only.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Take nothing in and send nothing out until `off`. When this returns, every running node holds to it.

    Exit code 1 when it is on already.
    """
    from axis.ops.maintenance import MaintenanceWish, begin_maintenance

    wish = MaintenanceWish(reason=reason, until=read_moment(until, "--until"), actor=ACTOR)

    async def change(access: "Access") -> None:
        await begin_maintenance(access.store, wish, SystemClock().now())
        await asyncio.sleep(_HOLDS_S)

    with_access(config, change)
    say("Đã bật chế độ bảo trì: trục chỉ cho xem.", "Maintenance is on: the node only reads.")


@maintenance_app.command("off")
def off(config: ConfigOption = None) -> None:
    """Work again; running nodes do so within a second. Exit code 1 when it is off already."""
    from axis.ops.maintenance import end_maintenance

    async def change(access: "Access") -> None:
        await end_maintenance(access.store, None, SystemClock().now(), ACTOR)

    with_access(config, change)
    say("Đã tắt chế độ bảo trì: trục hoạt động lại.", "Maintenance is off: the node works again.")


@maintenance_app.command("show")
def show(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Say whether it is on, since when, why and by whom."""
    from axis.store.maintenance import current

    async def read(access: "Access") -> "Maintenance | None":
        return await access.store.read(current)

    found = with_access(config, read)
    if json:
        print_json({"on": found is not None, **_plain(found)})
    elif found is None:
        say("Trục đang hoạt động bình thường.", "The node works: no maintenance.")
    else:
        print_fields(
            {
                "since": show_moment(found.since),
                "until": show_moment(found.until) or "-",
                "reason": found.reason,
                "actor": found.actor,
            }
        )


def _plain(found: "Maintenance | None") -> dict[str, str | None]:
    if found is None:
        return {}
    until = found.until.isoformat() if found.until else None
    return {"since": found.since.isoformat(), "until": until, "reason": found.reason, "actor": found.actor}
