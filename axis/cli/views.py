"""`axis views`: who has looked at which document in the console, and what was taken along."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from axis.cli.options import ConfigOption, JsonOption, print_json, print_table, read_moment, show_moment, with_access
from axis.clock import to_local
from axis.terms import ViewKind

if TYPE_CHECKING:
    from axis.ops.access import Access
    from axis.store.viewings import ViewingLine, ViewingList

app = typer.Typer()

_HEADINGS = ("at", "account", "kind", "document_uid", "code", "file", "address")


@app.command("views")
def list_views(
    document: Annotated[str | None, typer.Option(help="Only of this document, by its id on this node.")] = None,
    account: Annotated[str | None, typer.Option(help="Only by this account.")] = None,
    kind: Annotated[list[ViewKind] | None, typer.Option(help="Only of this kind; may be given several times.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="From this moment on, Vietnamese time.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Before this moment.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.")] = 100,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List who has looked at documents in the console, and what was taken along: the newest first."""
    from axis.store.accounts import username_form
    from axis.store.viewings import ViewingQuery, list_viewings

    query = ViewingQuery(
        document_uid=document,
        username=username_form(account) if account else None,
        kinds=tuple(kind or ()),
        since=read_moment(since, "--from"),
        until=read_moment(until, "--to"),
        rows=limit,
    )

    async def read(access: "Access") -> "ViewingList":
        return await access.store.read(lambda conn: list_viewings(conn, query))

    found = with_access(config, read)
    if json:
        print_json([_row(line) for line in found.lines])
        return
    rows = (
        (show_moment(line.viewing.at), *(str(_row(line)[key] or "") for key in _HEADINGS[1:])) for line in found.lines
    )
    print_table("Lượt xem", _HEADINGS, rows)


def _row(line: "ViewingLine") -> dict[str, Any]:
    viewing = line.viewing
    return {
        "at": to_local(viewing.at).isoformat(timespec="seconds"),
        "account": line.username,
        "kind": viewing.kind,
        "document_uid": viewing.document_uid,
        "code": line.code,
        "package_id": viewing.package_id,
        "file": line.file_name,
        "address": viewing.address,
        "detail": viewing.detail,
    }
