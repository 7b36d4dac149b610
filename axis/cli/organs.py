"""`axis org`: organisations, their codes, names and successions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from axis.cli.options import (
    ConfigOption,
    JsonOption,
    print_fields,
    print_json,
    print_table,
    print_tree,
    say,
    with_access,
)
from axis.clock import SystemClock, today

if TYPE_CHECKING:
    from axis.cli.organ_view import OrganBook
    from axis.ops.access import Access
    from axis.ops.registry_sync import SyncWish
    from axis.organ.decisions import Decide
    from axis.organ.sync import Difference

T = TypeVar("T")
app = typer.Typer()
org_app = typer.Typer(no_args_is_help=True, help="Organisations: import, export, list, show, close.")
alias_app = typer.Typer(
    no_args_is_help=True, help="Other codes of an organisation, with the period in which they hold."
)
org_app.add_typer(alias_app, name="alias")
app.add_typer(org_app, name="org")

ACTOR = "cli"

CodeArgument = Annotated[str, typer.Argument(help="Any code of the organisation, in either form.")]


@org_app.command("import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV, XLSX or JSON with the columns code, name, and any of parent, level, kind, email, old_code, "
            "status, successor, closed_on, former_names."
        ),
    ],
    config: ConfigOption = None,
) -> None:
    """Register organisations and change known ones; all of the file or nothing. An empty cell changes nothing."""
    from axis.errors import AxisError
    from axis.ops.organ_file import at_row, read_organ_file
    from axis.organ.decisions import ImportResult, importing

    read = read_organ_file(file)
    if read.ignored_columns:
        columns = ", ".join(read.ignored_columns)
        say(f"Bỏ qua các cột không dùng: {columns}.", f"Columns that mean nothing here: {columns}.")
    rows = [line.organ for line in read.lines]

    async def register(access: "Access") -> ImportResult:
        return await _change(access, lambda plan: importing(plan, rows))

    try:
        result = with_access(config, register)
    except AxisError as error:
        raise at_row(error, read.lines) from error
    say(
        f"Thêm {result.added}, thay đổi {result.changed}, giữ nguyên {result.unchanged} cơ quan.",
        f"Added {result.added}, changed {result.changed}, left {result.unchanged} organisations as they are.",
    )


@org_app.command("export")
def export_file(
    file: Annotated[Path, typer.Argument(help="What to write: the name ends in .csv, .xlsx or .json.")],
    config: ConfigOption = None,
) -> None:
    """Write all organisations to a file that `axis org import` reads back whole."""
    from axis.ops.organ_export import write_organ_file
    from axis.organ.plan import Known
    from axis.store.organs import known

    async def read(access: "Access") -> Known:
        return await access.store.read(known)

    count = write_organ_file(file, with_access(config, read))
    say(f"Đã ghi {count} cơ quan vào {file}.", f"Wrote {count} organisations to {file}.")


@org_app.command("list")
def list_organs(
    active: Annotated[bool, typer.Option("--active", help="Leave out closed organisations.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List all organisations, closed ones included."""
    book = _book(config)
    organs = [organ for organ in book.sorted() if not (active and organ.is_closed)]
    if json:
        print_json([book.listed(organ) for organ in organs])
        return
    print_table(
        "Cơ quan, đơn vị",
        ("code", "name", "level", "old_code", "status", "system"),
        (
            (
                organ.organ_id,
                organ.name,
                str(organ.level or ""),
                " ".join(book.registry.aliases_of(organ.organ_id)),
                book.standing(organ),
                book.system(organ.organ_id) or "",
            )
            for organ in organs
        ),
    )


@org_app.command("show")
def show(code: CodeArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Everything known of one organisation: its codes, names, place in the tree, succession and route."""
    book = _book(config)
    organ = book.need(code)
    if json:
        print_json(book.whole(organ))
    else:
        print_fields(book.fields(organ))


@org_app.command("tree")
def tree(
    code: Annotated[str | None, typer.Argument(help="Where to begin; else at the top.", show_default=False)] = None,
    closed: Annotated[bool, typer.Option("--closed", help="Show closed organisations too.")] = False,
    depth: Annotated[int | None, typer.Option(min=1, help="How many levels below.", show_default=False)] = None,
    config: ConfigOption = None,
) -> None:
    """The organisations as a tree."""
    book = _book(config)
    tops = book.tops() if code is None else (book.need(code),)
    for top in tops:
        if closed or not top.is_closed or code is not None:
            print_tree(book.branch(top, closed=closed, depth=depth))


@org_app.command("close")
def close(
    code: Annotated[str, typer.Argument(help="The organisation that ends.")],
    successor: Annotated[str | None, typer.Option(help="Who takes its documents from now on.")] = None,
    config: ConfigOption = None,
) -> None:
    """Close an organisation. It is never erased; its documents go to the successor, else they are refused."""
    from axis.organ.decisions import closing

    async def change(access: "Access") -> None:
        organ_id = await _canonical(access, code)
        heir = None if successor is None else await _canonical(access, successor, at="successor")
        await _change(access, lambda plan: closing(plan, organ_id, heir))

    with_access(config, change)
    say(
        f"Đã đóng {code}" + (f", kế thừa: {successor}." if successor else ", không có cơ quan kế thừa."),
        f"Closed {code}" + (f"; {successor} succeeds it." if successor else "; nobody succeeds it."),
    )


@org_app.command("reopen")
def reopen(code: CodeArgument, config: ConfigOption = None) -> None:
    """Let a closed organisation take documents itself again; its successor keeps what it has received."""
    from axis.organ.decisions import reopening

    async def change(access: "Access") -> bool:
        organ_id = await _canonical(access, code)
        return await _change(access, lambda plan: reopening(plan, organ_id))

    if with_access(config, change):
        say(f"{code} hoạt động trở lại.", f"{code} is active again.")
    else:
        say(f"{code} đang hoạt động, không có gì thay đổi.", f"{code} was active; nothing changed.")


@alias_app.command("add")
def add_alias(
    code: CodeArgument,
    alias: Annotated[str, typer.Argument(help="The other code.")],
    begins: Annotated[str | None, typer.Option("--from", help="First day on which it holds, 2025-07-01.")] = None,
    ends: Annotated[str | None, typer.Option("--until", help="The day from which it holds no more.")] = None,
    config: ConfigOption = None,
) -> None:
    """Let another code mean an organisation."""
    from axis.organ.decisions import adding_alias
    from axis.organ.plan import OldCode

    old = OldCode(code=alias, valid_from=begins, valid_until=ends)

    async def change(access: "Access") -> bool:
        organ_id = await _canonical(access, code)
        return await _change(access, lambda plan: adding_alias(plan, organ_id, old))

    if with_access(config, change):
        say(f"{alias} là mã khác của {code}.", f"{alias} is another code of {code}.")
    else:
        say(f"{alias} đã là mã khác của {code}.", f"{alias} was another code of {code} already.")


@alias_app.command("remove")
def remove_alias(
    code: CodeArgument,
    alias: Annotated[str, typer.Argument(help="The other code.")],
    config: ConfigOption = None,
) -> None:
    """From today on another code no longer means an organisation; that it did stays on record."""
    from axis.organ.decisions import removing_alias

    async def change(access: "Access") -> None:
        organ_id = await _canonical(access, code)
        await _change(access, lambda plan: removing_alias(plan, organ_id, alias))

    with_access(config, change)
    say(f"Từ hôm nay {alias} không còn là mã của {code}.", f"From today on {alias} is no code of {code}.")


@org_app.command("sync")
def sync(
    uplink: Annotated[str, typer.Argument(help="The axis whose registry to follow, by its id in the settings.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference and change nothing.")] = False,
    level: Annotated[
        int | None, typer.Option(min=1, max=4, help="Only down to this level.", show_default=False)
    ] = None,
    ours: Annotated[bool, typer.Option("--ours", help="Take over what it says of our own tree too.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Look at all of it, not only at what changed since.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Follow another axis's registry: what differs there is taken over, what contradicts ours is listed.

    Nobody is erased; nobody is closed who is served here, awaits packages or has active units below.
    """
    from axis.cli.organ_view import difference_rows, difference_value, tell
    from axis.ops.registry_sync import SyncWish
    from axis.organ.sync import Difference

    wish = SyncWish(uplink_id=uplink, level=level, ours=ours, full=full or dry_run, dry_run=dry_run)

    async def follow(access: "Access") -> Difference:
        return await _follow(access, wish)

    found = with_access(config, follow)
    if json:
        print_json(difference_value(found, applied=not dry_run))
        return
    if found.items:
        print_table(f"Khác biệt với {uplink}", ("what", "code", "name", "detail"), difference_rows(found))
    say(*tell(found, applied=not dry_run))


async def _follow(access: "Access", wish: "SyncWish") -> "Difference":
    from adapters.base import PeerParts, make_peer
    from axis.delivery.peer import RegistrySource
    from axis.errors import Code, Malformed, NotFound
    from axis.ops.registry_sync import RegistryFollower
    from axis.organ.codes import canonical_form
    from axis.serve import uplink_partner

    settings = access.settings
    found = next((one for one in settings.uplink if one.id == wish.uplink_id), None)
    if found is None:
        known = ", ".join(one.id for one in settings.uplink) or "none"
        raise NotFound(Code.NOT_FOUND, f"no uplink {wish.uplink_id}; there are: {known}", at="uplink")
    clock = SystemClock()
    peer = make_peer(uplink_partner(found), PeerParts(clock=clock))
    try:
        if not isinstance(peer, RegistrySource):
            raise Malformed(Code.BAD_REQUEST, f"adapter {found.adapter} lists no organisations", at="uplink")
        prefixes = tuple(map(canonical_form, settings.node.prefixes))
        return await RegistryFollower(access.store, clock, prefixes).follow(wish, peer)
    finally:
        await peer.close()


async def _change(access: "Access", decide: "Decide[T]") -> T:
    """Change the registry beside a running node, holding up its writes as little as can be."""
    from axis.exchange.registering import Registering

    return await Registering(access.store, SystemClock()).change(decide, ACTOR)


async def _canonical(access: "Access", code: str, at: str = "code") -> str:
    """The canonical code of an organisation, closed or not. Raises NotFound."""
    from axis.errors import Code, NotFound

    organ = (await access.directory()).registry.find(code)
    if organ is None:
        raise NotFound(Code.NOT_FOUND, code, at=at)
    return organ.organ_id


def _book(config: Path | None) -> "OrganBook":
    from axis.cli.organ_view import OrganBook
    from axis.store.registry import snapshot

    async def read(access: "Access") -> OrganBook:
        return OrganBook(await access.store.read(snapshot), today(SystemClock()))

    return with_access(config, read)
