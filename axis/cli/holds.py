"""`axis holds`: what is held back, by sender, receiver or partner."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from axis.cli.options import ConfigOption, JsonOption, print_json, print_table, read_moment, say, with_access
from axis.clock import SystemClock

if TYPE_CHECKING:
    from axis.ops.access import Access
    from axis.store.records import Hold

app = typer.Typer()
holds_app = typer.Typer(no_args_is_help=True, help="Holds: what is neither pushed nor listed for now.")
app.add_typer(holds_app, name="holds")

ACTOR = "cli"
_SHOWN = ("hold_id", "sender", "receiver", "partner_id", "starts_at", "ends_at", "reason", "actor")


@holds_app.command("list")
def list_holds(
    every: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List what is held back, and why."""
    from axis.store import holds

    found = with_access(config, lambda access: access.store.read(holds.holds))
    now = SystemClock().now()
    rows = [_plain(one) for one in found if every or one.holds_at(now)]
    if json:
        print_json(rows)
        return
    print_table("Lệnh giữ lại", _SHOWN, (tuple(row[name] or "" for name in _SHOWN) for row in rows))


@holds_app.command("add")
def add(
    reason: Annotated[str, typer.Option(help="Why, for people.")],
    sender: Annotated[str | None, typer.Option(help="Only what this organisation sends.")] = None,
    receiver: Annotated[str | None, typer.Option(help="Only what this organisation is to get.")] = None,
    partner: Annotated[str | None, typer.Option(help="Only what leads to this uplink or system.")] = None,
    until: Annotated[str | None, typer.Option(help="When it ends by itself; left out: when it is removed.")] = None,
    config: ConfigOption = None,
) -> None:
    """Hold back what all the given options say; it waits, in its order, until the hold is removed or ends."""
    from axis.ops.holding import HoldWish, hold_back

    wish = HoldWish(
        sender=sender,
        receiver=receiver,
        partner_id=partner,
        ends_at=read_moment(until, "--until"),
        reason=reason,
        actor=ACTOR,
    )

    async def change(access: "Access") -> "Hold":
        return await hold_back(access, wish, SystemClock().now())

    made = with_access(config, change)
    say(f"Đã giữ lại: {made.hold_id}.", f"Held back: {made.hold_id}.")


@holds_app.command("remove")
def remove(
    hold_id: Annotated[str, typer.Argument(help="The hold's id, as `list` shows it.")],
    why: Annotated[str, typer.Option("--why", help="The reason, for the audit trail.")],
    config: ConfigOption = None,
) -> None:
    """End a hold; what it kept back goes out at once."""
    from axis.ops.holding import let_go

    async def change(access: "Access") -> None:
        await let_go(access, hold_id, why, (SystemClock().now(), ACTOR))

    with_access(config, change)
    say(f"Đã bỏ lệnh giữ {hold_id}.", f"The hold {hold_id} is removed.")


def _plain(hold: "Hold") -> dict[str, str | None]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(hold).items()}
