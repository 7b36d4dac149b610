"""`axis reconcile`: whether a partner has what we believe that we exchanged."""

import asyncio
from datetime import date, datetime
from typing import Annotated, Any

import typer

from axis.cli.options import NO, ConfigOption, JsonOption, print_json, print_table, say
from axis.clock import SystemClock, to_local

app = typer.Typer()

_WHAT_VI = {
    "missing_there": "bên kia thiếu",
    "missing_here": "bên ta thiếu",
    "receivers_there": "bên kia thiếu nơi nhận",
    "receivers_here": "bên ta thiếu nơi nhận",
    "state_differs": "bên kia đã có, bên ta ghi chưa chuyển",
}


@app.command()
def reconcile(
    partner: Annotated[str, typer.Argument(help="An uplink's id.")],
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day in Vietnam; left out: yesterday.")
    ] = None,
    resend: Annotated[
        bool, typer.Option("--resend", help="Send again what is missing there, and ask for what is missing here.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Compare what was exchanged with a partner on a day. Exit code 1 when something differs."""
    from axis.serve import open_reconciling
    from axis.settings import find_config, read_settings

    settings = read_settings(find_config(config))
    chosen = _chosen(day)

    async def run() -> dict[str, Any]:
        from axis.exchange.reconciling import describe

        async with open_reconciling(settings) as reconciling:
            found = await reconciling.compare(partner, chosen, again=resend)
        return {
            "partner": partner,
            "day": chosen.isoformat(),
            "state": found.state,
            "ours": {digest.direction.value: digest.count for digest in found.ours},
            "theirs": {digest.direction.value: digest.count for digest in found.theirs or ()} or None,
            "sent_again": found.sent_again,
            "asked_again": found.asked_again,
            "differences": [describe(difference) for difference in found.differences],
        }

    told = asyncio.run(run())
    if json:
        print_json(told)
    else:
        _print(told)
    if told["differences"]:
        raise typer.Exit(NO)


def _chosen(day: datetime | None) -> date:
    if day is not None:
        return day.date()
    today = to_local(SystemClock().now()).date()
    return date.fromordinal(today.toordinal() - 1)


def _print(told: dict[str, Any]) -> None:
    rows = (
        (
            _WHAT_VI[one["what"]],
            one["direction"],
            one["kind"],
            one["from"],
            one["document_id"],
            ", ".join(one["receivers"]),
        )
        for one in told["differences"]
    )
    if told["differences"]:
        headings = ("what", "direction", "kind", "from", "document_id", "receivers")
        print_table(f"{told['partner']} {told['day']}", headings, rows)
    ours, theirs = told["ours"], told["theirs"] or {}
    counts = ", ".join(f"{way} {ours.get(way)}/{theirs.get(way, '?')}" for way in ("up", "down"))
    say(
        f"{told['day']} với {told['partner']}: {told['state']}; ta/bên kia: {counts}; "
        f"gửi lại {told['sent_again']}, xin lại {told['asked_again']}.",
        f"{told['day']} with {told['partner']}: {told['state']}; ours/theirs: {counts}; "
        f"sent again {told['sent_again']}, asked for again {told['asked_again']}.",
    )
