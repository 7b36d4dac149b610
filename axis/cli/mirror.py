"""`axis mirror`: what this node would have done with another axis's traffic."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from axis.cli.options import NO, ConfigOption, JsonOption, print_json, print_table, say

if TYPE_CHECKING:
    from axis.kit.mirror import Parity

app = typer.Typer()
mirror_app = typer.Typer(no_args_is_help=True, help="Compare with an older axis before taking over from it.")
app.add_typer(mirror_app, name="mirror")

_SHOWN = 200


@mirror_app.command("compare")
def compare(
    traffic: Annotated[Path, typer.Argument(help="The folder with the copied traffic; docs/mirror.md says how.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Hand a copy of the older axis's traffic in, and say what would have differed. Exit code 1 when anything would."""
    from axis.kit.mirror import compare as run
    from axis.settings import find_config, read_settings

    parity = asyncio.run(run(read_settings(find_config(config)), traffic))
    if json:
        print_json(_plain(parity))
    else:
        _print(parity)
    if parity.differences:
        raise typer.Exit(NO)


def _plain(parity: "Parity") -> dict[str, Any]:
    return {
        "sent": parity.sent,
        "delivered": parity.delivered,
        "percent": parity.percent,
        "counts": {what.value: count for what, count in sorted(parity.counts.items())},
        "differences": [
            {"what": one.what, "line": one.line, "file": one.file, "party": one.party, "detail": one.detail}
            for one in parity.differences
        ],
    }


def _print(parity: "Parity") -> None:
    from axis.kit.mirror import WORDS

    if parity.differences:
        rows = [
            (str(one.line), one.file, one.party, WORDS[one.what][0], one.detail) for one in parity.differences[:_SHOWN]
        ]
        print_table("Khác nhau / Differences", ("line", "file", "party", "what", "detail"), rows)
        for what, count in sorted(parity.counts.items()):
            vi, en = WORDS[what]
            say(f"{count}: {vi}.", f"{count}: {en}.")
    say(
        f"{parity.sent} gói gửi, {parity.delivered} lượt chuyển; giống nhau {parity.percent} %.",
        f"{parity.sent} packages sent, {parity.delivered} delivered; {parity.percent} % alike.",
    )
