"""What the commands share: their options, the settings, exit codes, and how they say things.

Exit codes: 0 done, 1 the answer is no, 2 wrong use or unreadable.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from axis.clock import VIETNAM, to_local
from axis.errors import AxisError, Code, Malformed, PeerRefused, Rejected
from axis.messages import describe

if TYPE_CHECKING:
    from axis.ops.access import Access

T = TypeVar("T")
DONE, NO, WRONG_USE = 0, 1, 2
DEBUG_VARIABLE = "AXIS_DEBUG"

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="The node's axis.toml; else $AXIS_CONFIG, else ./axis.toml.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

_WRONG_USE_CODES = frozenset({Code.BAD_SETTINGS, Code.BAD_FILE, Code.BAD_REQUEST, Code.PORT_BUSY})


def exit_code(error: AxisError) -> int:
    """The exit code that an error ends a command with."""
    if isinstance(error, Rejected | PeerRefused) and error.code not in _WRONG_USE_CODES:
        return NO
    return WRONG_USE


def say_error(error: AxisError) -> None:
    """An error for people, in Vietnamese and English, on standard error."""
    console = Console(stderr=True, soft_wrap=True)
    console.print(Text(f"Lỗi [{error.code}]: {describe(error, 'vi')}", style="red"))
    console.print(Text(f"Error [{error.code}]: {describe(error, 'en')}"))


def say(vi: str, en: str) -> None:
    """One thing that was done or found, in both languages, on standard error: standard output is for results."""
    console = Console(stderr=True, soft_wrap=True)
    console.print(Text(vi))
    console.print(Text(en, style="dim"))


def wants_trace() -> bool:
    """Whether --debug, or its environment variable, asks for the trace of an error."""
    return bool(os.environ.get(DEBUG_VARIABLE))


def with_access(config: Path | None, work: "Callable[[Access], Awaitable[T]]") -> T:
    """Run something on the data of the node that the settings name, beside it or without it."""
    # Imported here, as in every command: `axis --help` must not load the store.
    from axis.ops.access import open_access
    from axis.settings import find_config, read_settings

    async def run() -> T:
        async with open_access(read_settings(find_config(config))) as access:
            return await work(access)

    return asyncio.run(run())


def read_moment(text: str | None, at: str) -> datetime | None:
    """A moment that was typed in, in UTC; without its offset it is Vietnamese time. Raises Malformed(BAD_REQUEST)."""
    if text is None:
        return None
    try:
        given = datetime.fromisoformat(text)
        return (given if given.tzinfo else given.replace(tzinfo=VIETNAM)).astimezone(UTC)
    except (ValueError, OverflowError) as e:
        raise Malformed(Code.BAD_REQUEST, "a date, or date and time, e.g. 2026-12-01T08:00", at=at) from e


def show_moment(at: datetime | None) -> str:
    """A moment for people, in Vietnamese time; "" for none."""
    return "" if at is None else f"{to_local(at):%d/%m/%Y %H:%M:%S}"


def print_json(value: object) -> None:
    """A result for programs: one JSON value on standard output, UTF-8 whatever the terminal."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()


def print_table(title: str, headings: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """A result for people. Off a terminal nothing is cut: a row is as wide as it needs."""
    console = Console()
    table = Table(title=title, title_justify="left", header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    if not console.is_terminal:
        console = Console(width=400)
    console.print(table)


def print_fields(fields: Mapping[str, Any]) -> None:
    """A few named values for people; the further lines of a value stand below its first."""
    console = Console(soft_wrap=True)
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        first, *more = str(value).split("\n")
        console.print(Text.assemble((f"{name:<{width}}  ", "bold"), first))
        for line in more:
            console.print(Text(" " * (width + 2) + line))


def print_tree(branch: tuple[str, Any]) -> None:
    """A result for people: a line, and those below it, each with those below it."""
    console = Console(soft_wrap=True)

    def show(one: tuple[str, Any], first: str, others: str) -> None:
        line, below = one
        console.print(Text(first + line))
        for number, child in enumerate(below, start=1):
            last = number == len(below)
            show(child, others + ("└─ " if last else "├─ "), others + ("   " if last else "│  "))

    show(branch, "", "")
