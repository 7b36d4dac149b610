"""`axis demo` and `axis city`: the demo city."""

from pathlib import Path
from typing import Annotated

import typer

from axis.cli.options import NO, say

app = typer.Typer()

_WITHIN_S = 27.0  # so that the whole demo, nodes' start and stop included, ends within 30 s


@app.command()
def demo(
    data: Annotated[
        Path | None, typer.Option(help="Where its data goes, and stays; left out: a temporary folder.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the temporary folder behind.")] = False,
    within: Annotated[float, typer.Option(min=1, hidden=True, help="Seconds; more for a busy machine.")] = _WITHIN_S,
) -> None:
    """Play one exchange between a city, its agencies and the national axis.

    Exit code 0 when every status came back, and both nodes found of every signature what they should.
    """
    from axis.demo.show import run_demo

    outcome = run_demo(data, keep=keep, within_s=within)
    if outcome.ok:
        say(
            f"Đủ {outcome.expected} trạng thái đã về đến nơi gửi; chữ ký của mọi văn bản đúng như mong đợi.",
            f"All {outcome.expected} expected statuses came back to the senders; all signatures are as expected.",
        )
        return
    say(
        f"Chỉ {outcome.statuses}/{outcome.expected} trạng thái về đến nơi gửi.",
        f"Only {outcome.statuses} of {outcome.expected} expected statuses came back, or something else went wrong.",
    )
    raise typer.Exit(NO)


@app.command(hidden=True)
def city(
    data: Annotated[Path, typer.Option(help="The city's folder; made at the first start, kept afterwards.")],
    port: Annotated[int, typer.Option(min=1, max=65_535, help="The city node's port.")] = 8080,
    national_port: Annotated[int, typer.Option(min=1, max=65_535, help="The national node's port.")] = 8090,
) -> None:
    """Run the demo city until Ctrl-C; its agencies go on answering."""
    from axis.demo.prepare import Ports
    from axis.demo.show import run_city

    raise typer.Exit(run_city(data, Ports(city=port, national=national_port)))
