"""`axis partners`: whom the node calls, how they fare, and when they are not to be called."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from axis.cli.options import (
    ConfigOption,
    JsonOption,
    print_json,
    print_table,
    read_moment,
    say,
    show_moment,
    with_access,
)
from axis.clock import SystemClock
from axis.errors import Code, Malformed

if TYPE_CHECKING:
    from axis.ops.access import Access
    from axis.ops.partners import PartnerView

app = typer.Typer()
partners_app = typer.Typer(no_args_is_help=True, help="Partners that the node calls: list, pause, resume.")
app.add_typer(partners_app, name="partners")

ACTOR = "cli"
PartnerId = Annotated[str, typer.Argument(help="The partner's id: an uplink, or a system that is pushed to.")]


@partners_app.command("list")
def list_partners(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the partners: whether they can be reached, what waits for them, and planned downtime."""
    from axis.ops.partners import partner_views

    async def read(access: "Access") -> "tuple[PartnerView, ...]":
        return await partner_views(access, SystemClock().now())

    found = with_access(config, read)
    if json:
        print_json([{key: _plain(value) for key, value in asdict(view).items()} for view in found])
        return
    columns = ("partner_id", "adapter", "state", "since", "to_send", "to_ask", "oldest_unsent_at", "paused_until")
    rows = (tuple(str(_plain(getattr(view, column)) or "") for column in (*columns, "problem")) for view in found)
    print_table("Đối tác được gọi", (*columns, "problem"), rows)


@partners_app.command("pause")
def pause(
    partner_id: PartnerId,
    until: Annotated[
        str, typer.Option(help="When it may be called again: 2026-11-25T06:00, in Vietnam unless its offset is given.")
    ],
    reason: Annotated[str, typer.Option(help="Why, for people.")],
    begin: Annotated[str | None, typer.Option("--from", help="When it begins; left out: now.")] = None,
    config: ConfigOption = None,
) -> None:
    """Plan a partner's downtime: meanwhile it is not called, and what is for it waits without losing a try."""
    from axis.ops.partners import plan_downtime

    now = SystemClock().now()
    starts_at, ends_at = read_moment(begin, "--from") or now, read_moment(until, "--until") or now
    if ends_at <= max(starts_at, now):
        raise Malformed(Code.BAD_REQUEST, "ends before it begins, or has ended", at="--until")
    if not reason.strip():
        raise Malformed(Code.BAD_REQUEST, "is empty", at="--reason")

    async def change(access: "Access") -> None:
        await plan_downtime(access, partner_id, (starts_at, ends_at), reason.strip(), ACTOR)

    with_access(config, change)
    when = show_moment(ends_at)
    say(f"Tạm dừng gọi {partner_id} đến {when}.", f"{partner_id} is not called until {when}.")


@partners_app.command("resume")
def resume(partner_id: PartnerId, config: ConfigOption = None) -> None:
    """End a partner's downtime, and whatever is planned of it; a running node calls it within a second."""
    from axis.store import partners

    async def change(access: "Access") -> None:
        await access.store.write(lambda c: partners.resume(c, partner_id, SystemClock().now(), ACTOR))

    with_access(config, change)
    say(f"Gọi lại {partner_id}.", f"{partner_id} is called again.")


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
