"""`axis inspect`, `send` and `status`: one package, one document."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from axis.cli.calling import node_url, open_node, read_secret, show_from_afar
from axis.cli.options import (
    NO,
    WRONG_USE,
    ConfigOption,
    JsonOption,
    print_fields,
    print_json,
    print_table,
    say,
    say_error,
)
from axis.errors import Code, Malformed, PeerUnreachable
from axis.messages import sentence

if TYPE_CHECKING:
    from adapters.vxp.calls import VxpClientOptions
    from axis.edxml.model import Package

app = typer.Typer()

TokenFileOption = Annotated[
    Path | None, typer.Option(help="File with a token (`axis token add`): the node is called over its REST API.")
]

_FRESH_BYTES = 64 << 20  # a package under a fresh id is built in memory
_PAGE = 500
_KEYS = (
    "kind", "from", "to", "document_id", "code", "subject", "business", "status_code", "attachments", "problems",
)  # fmt: skip
"""What `axis inspect --json` prints, in this order."""

FileArgument = Annotated[Path, typer.Argument(help="An edXML package.")]


# ── inspect ────────────────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def inspect(
    file: FileArgument,
    json: JsonOption = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Hold it to the schema: exit code 1 when it breaks it.")
    ] = False,
) -> None:
    """Show a package's header, files, business type and problems. Exit code 2 when it cannot be read."""
    from axis.edxml.describe import describe

    refusal: Malformed | None = None
    try:
        package = _read(file)
    except Malformed as error:
        if not json:
            raise
        print_json(dict.fromkeys(_KEYS) | {"to": [], "attachments": [], "problems": [_problem(error)]})
        raise typer.Exit(WRONG_USE) from error
    if strict:
        try:
            _read(file, strict=True)
        except Malformed as error:
            refusal = error
    shown = describe(package)
    if refusal is not None and not any(_is_same(problem, refusal) for problem in _problems(shown)):
        shown["problems"] = [_problem(refusal), *_problems(shown)]
    _show(shown, json=json)
    if refusal is not None:
        if not json:
            say_error(refusal)
        raise typer.Exit(NO)


def _read(file: Path, *, strict: bool = False) -> "Package":
    """Read a package from a file; its files are measured, not kept. Raises Malformed."""
    from axis.edxml.reader import read

    try:
        return read(file, mode="strict" if strict else "tolerant")
    except OSError as e:
        raise Malformed(Code.BAD_FILE, e.strerror or str(e), at=str(file)) from e


def _problem(error: Malformed) -> dict[str, str | None]:
    message = sentence(error.code, "en") + (f" ({error.detail})" if error.detail else "")
    return {"code": str(error.code), "at": error.at, "message": message}


def _problems(shown: dict[str, Any]) -> list[dict[str, Any]]:
    return list(shown["problems"])


def _is_same(problem: dict[str, Any], error: Malformed) -> bool:
    return (problem["code"], problem["at"]) == (str(error.code), error.at)


def _show(shown: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json({key: shown[key] for key in _KEYS})
        return
    print_fields(
        {
            "Loại gói tin": shown["kind"],
            "Nghiệp vụ": shown["business"] or "-",
            "Trạng thái": shown["status_code"] or "-",
            "Nơi gửi": shown["from"],
            "Nơi nhận": ", ".join(filter(None, shown["to"])),
            "DocumentId": shown["document_id"] or "-",
            "Số, ký hiệu": shown["code"] or "-",
            "Trích yếu": shown["subject"] or "-",
        }
    )
    if shown["attachments"]:
        print_table(
            "Tệp đính kèm",
            ("name", "size_bytes", "media_type", "sha256"),
            ((one["name"], f"{one['size_bytes']:,}", one["media_type"], one["sha256"]) for one in shown["attachments"]),
        )
    if shown["problems"]:
        print_table(
            "Lưu ý",
            ("code", "at", "message"),
            ((one["code"], one["at"] or "", one["message"]) for one in shown["problems"]),
        )


# ── send ───────────────────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def send(
    file: FileArgument,
    system: Annotated[
        str | None, typer.Option(help="The connected system in whose name it is handed in, over VXP with its secret.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="The node's address; left out: that of the settings.")] = None,
    secret_file: Annotated[
        Path | None, typer.Option(help="File with the system's secret; left out: the one in the node's store.")
    ] = None,
    token_file: TokenFileOption = None,
    fresh_id: Annotated[
        bool, typer.Option("--fresh-id", help="Give the document a number and DocumentId that it has not had yet.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Hand a package to a running node. Prints the node's id for it; with a token, that of its document."""
    package: bytes | Path = file
    if fresh_id:
        package, document_id = _renumbered(file)
        say(f"Mã định danh văn bản mới: {document_id}", f"The document's new DocumentId: {document_id}")
    if (system is None) == (token_file is None):
        raise Malformed(Code.BAD_REQUEST, "--system or --token-file, one of them", at="--system")
    if system is None:
        with open_node(url, token_file, config) as node:
            accepted = node.run(lambda client: client.send_package(package))
            typer.echo(accepted.document_uid or accepted.package_id)
        return
    options = asyncio.run(_client_options(system, url, secret_file, config))
    try:
        typer.echo(asyncio.run(_send(package, file, options)))
    except PeerUnreachable as error:
        say(
            f"Không kết nối được với nút tại {options.endpoint}; nút đã chạy chưa (`axis serve`)? {error.detail}",
            f"The node at {options.endpoint} cannot be reached; is it running (`axis serve`)? {error.detail}",
        )
        raise typer.Exit(WRONG_USE) from error


def _renumbered(file: Path) -> tuple[bytes, str]:
    """The same document as one of its own. Raises Malformed(BAD_REQUEST) for a status or a very large package."""
    from axis.clock import SystemClock
    from axis.demo.documents import Desk
    from axis.edxml.model import DocumentPackage
    from axis.edxml.reader import read
    from axis.edxml.writer import to_bytes

    try:
        if file.stat().st_size > _FRESH_BYTES:
            raise Malformed(Code.BAD_REQUEST, f"more than {_FRESH_BYTES >> 20} MiB", at="--fresh-id")
        package = read(file.read_bytes())
    except OSError as e:
        raise Malformed(Code.BAD_FILE, e.strerror or str(e), at=str(file)) from e
    if not isinstance(package, DocumentPackage):
        raise Malformed(Code.BAD_REQUEST, "a status has no DocumentId of its own", at="--fresh-id")
    fresh = Desk({}, SystemClock().now()).renumbered(package)
    return to_bytes(fresh), fresh.header.document_id


async def _client_options(
    system: str, url: str | None, secret_file: Path | None, config: Path | None
) -> "VxpClientOptions":
    """Whom to call and how. Settings are needed only for what is not given."""
    from adapters.vxp.calls import VxpClientOptions
    from axis.clock import SystemClock
    from axis.ops.access import open_access
    from axis.settings import find_config, read_settings

    settings = None if url and secret_file else read_settings(find_config(config))
    if secret_file is not None:
        secret = await asyncio.to_thread(read_secret, secret_file)
    elif settings is not None:
        async with open_access(settings) as access:
            secret = await access.secret_of(system, SystemClock().now())
    endpoint = url or (node_url(settings) if settings else "")
    if not endpoint.rstrip("/").endswith("/vxp"):
        endpoint = endpoint.rstrip("/") + "/vxp"
    return VxpClientOptions(endpoint=endpoint, system_id=system, secret=secret)


async def _send(package: bytes | Path, file: Path, options: "VxpClientOptions") -> str:
    from adapters.vxp.client import VxpClient
    from axis.clock import SystemClock
    from axis.terms import PackageKind

    try:
        kind = (await asyncio.to_thread(_read, file)).kind
    except Malformed as error:
        if error.code is Code.BAD_FILE:
            raise
        kind = PackageKind.DOCUMENT  # the node says what is wrong with it
    client = VxpClient(options, None, SystemClock())
    try:
        return await client.send_edoc(package, kind)
    finally:
        await client.close()


# ── status ─────────────────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def status(
    document_id: Annotated[str, typer.Argument(help="DocumentId, or the id that `axis send` printed.")],
    url: Annotated[str | None, typer.Option(help="The node's address; left out: that of the settings.")] = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show where a document is: per receiver how it travelled, its status, and when. Exit code 1 when unknown.

    With --token-file a running node is asked, wherever it is; else this machine's database.

    All that was done with it: `axis documents show`.
    """
    from axis.cli.document_view import document_json, read_documents, show_receivers

    if token_file is not None:
        show_from_afar(document_id, url, token_file, config, json=json)
        return
    found = read_documents(config, document_id)
    if json:
        print_json({"documents": [document_json(detail) for detail in found]})
        return
    for detail in found:
        show_receivers(detail)
