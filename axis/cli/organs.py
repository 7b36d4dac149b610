"""`axis org`: organisations."""

from pathlib import Path
from typing import Annotated

import typer

from axis.cli.options import ConfigOption, JsonOption, print_json, print_table, say, with_access
from axis.clock import SystemClock

app = typer.Typer()
org_app = typer.Typer(no_args_is_help=True, help="Organisations: import, list, close.")
app.add_typer(org_app, name="org")

ACTOR = "cli"


@org_app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV, XLSX or JSON: code,name,parent,level,email,old_code.")],
    config: ConfigOption = None,
) -> None:
    """Register organisations and change known ones; all of the file or nothing."""
    from axis.errors import AxisError
    from axis.ops.access import Access
    from axis.ops.organ_file import at_row, read_organ_file
    from axis.store.registry import ImportResult, import_organs

    read = read_organ_file(file)
    if read.ignored_columns:
        columns = ", ".join(read.ignored_columns)
        say(f"Bỏ qua các cột không dùng: {columns}.", f"Columns that mean nothing here: {columns}.")
    rows = [line.organ for line in read.lines]

    async def register(access: Access) -> ImportResult:
        return await access.store.write(lambda conn: import_organs(conn, rows, SystemClock().now(), ACTOR))

    try:
        result = with_access(config, register)
    except AxisError as error:
        raise at_row(error, read.lines) from error
    say(
        f"Thêm {result.added}, thay đổi {result.changed}, giữ nguyên {result.unchanged} cơ quan.",
        f"Added {result.added}, changed {result.changed}, left {result.unchanged} organisations as they are.",
    )


@org_app.command("list")
def list_organs(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List all organisations, closed ones included."""
    from axis.ops.access import Access
    from axis.store.registry import RegistrySnapshot, snapshot

    async def read(access: Access) -> RegistrySnapshot:
        return await access.store.read(snapshot)

    found = with_access(config, read)
    old_codes: dict[str, list[str]] = {}
    for alias, organ_id in found.aliases.items():
        old_codes.setdefault(organ_id, []).append(alias)
    if json:
        print_json(
            [
                {
                    "code": organ.organ_id,
                    "name": organ.name,
                    "parent": organ.parent_id,
                    "level": organ.level,
                    "email": organ.email,
                    "old_code": sorted(old_codes.get(organ.organ_id, [])),
                    "status": organ.status,
                    "successor": organ.successor_id,
                    "system": route.system_id if (route := found.routes.get(organ.organ_id)) else None,
                }
                for organ in found.organs
            ]
        )
        return
    print_table(
        "Cơ quan, đơn vị",
        ("code", "name", "parent", "level", "old_code", "status", "successor", "system"),
        (
            (
                organ.organ_id,
                organ.name,
                organ.parent_id or "",
                str(organ.level or ""),
                " ".join(sorted(old_codes.get(organ.organ_id, []))),
                organ.status,
                organ.successor_id or "",
                route.system_id if (route := found.routes.get(organ.organ_id)) else "",
            )
            for organ in found.organs
        ),
    )


@org_app.command("close")
def close(
    code: Annotated[str, typer.Argument(help="The organisation that ends.")],
    successor: Annotated[str | None, typer.Option(help="Who takes its documents from now on.")] = None,
    config: ConfigOption = None,
) -> None:
    """Close an organisation. It is never erased; its documents go to the successor, else they are refused."""
    from axis.ops.access import Access
    from axis.store.registry import close_organ

    async def change(access: Access) -> None:
        await access.store.write(lambda conn: close_organ(conn, code, successor, SystemClock().now(), ACTOR))

    with_access(config, change)
    say(
        f"Đã đóng {code}" + (f", kế thừa: {successor}." if successor else ", không có cơ quan kế thừa."),
        f"Closed {code}" + (f"; {successor} succeeds it." if successor else "; nobody succeeds it."),
    )
