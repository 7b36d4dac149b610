"""`axis simulate`: what would happen, worked out beside the node; nothing is written."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from axis.cli.options import ConfigOption, print_fields, print_json, read_moment, with_access
from axis.clock import SystemClock
from axis.errors import Code, Malformed, NotFound

if TYPE_CHECKING:
    from axis.ops.access import Access
    from axis.ops.simulate import Outcome

app = typer.Typer()
simulate_app = typer.Typer(no_args_is_help=True, help="What if: recorded traffic against the real queue.")
app.add_typer(simulate_app, name="simulate")


@simulate_app.callback()
def simulate() -> None:
    """What if: recorded traffic against the real queue."""


@simulate_app.command("outage")
def outage(
    partner_id: Annotated[str, typer.Argument(help="An uplink, or a system that is pushed to.")],
    hours: Annotated[float, typer.Option(min=0.1, max=24 * 14, help="How long it cannot be reached.")] = 6.0,
    begin: Annotated[
        str | None, typer.Option("--from", help="The first day of the traffic to replay; left out: the last days.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=92, help="How many days of it.")] = 7,
    at: Annotated[str | None, typer.Option("--at", help="When the outage begins; left out: at the worst time.")] = None,
    takes: Annotated[float, typer.Option(min=0.001, help="Seconds that the partner needs to take a package.")] = 0.5,
    form: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print it.")] = "table",
    config: ConfigOption = None,
) -> None:
    """What an outage of a partner would do: backlog, disk, time to drain, documents that would be late."""
    from axis.ops.logs import silenced
    from axis.ops.simulate import MOST, Outage, simulate
    from axis.serve import outbox_policy
    from axis.store import queries

    now = SystemClock().now()
    since = read_moment(begin, "--from") or now - timedelta(days=days)
    wish = Outage(partner_id=partner_id, hours=hours, begins_at=read_moment(at, "--at"), takes_s=takes)

    async def run(access: "Access") -> "Outcome":
        directory = await access.directory()
        pushed = {partner.partner_id for partner in directory.partners()} | {one.id for one in access.settings.uplink}
        if partner_id not in pushed:
            if directory.system(partner_id) is not None:
                raise Malformed(Code.BAD_REQUEST, "it fetches: nothing is pushed to it", at=partner_id)
            raise NotFound(Code.NOT_FOUND, partner_id)
        window = (since, since + timedelta(days=days))
        traffic = await access.store.read(lambda c: queries.recorded(c, partner_id, window, MOST))
        with silenced():
            return await simulate(traffic, wish, outbox_policy(access.settings))

    found = asdict(with_access(config, run))
    plain = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in found.items()}
    if form == "json":
        print_json(plain)
    else:
        print_fields({**plain, "missed": ", ".join(found["missed"])})
