"""Commands that speak to a running node, by the client that everybody has."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from axis.cli.options import WRONG_USE, print_fields, print_json, print_table, say
from axis.errors import Code, Malformed, NotFound, PeerUnreachable

if TYPE_CHECKING:
    from axis.client import BlockingClient, NodeClient
    from axis.client.values import Delivery, Document
    from axis.settings import Settings


_ID_CHARACTERS = 26


@contextmanager
def open_node(url: str | None, token_file: Path | None, config: Path | None) -> "Iterator[BlockingClient]":
    """A node's client, for the time of a command. Raises Malformed(BAD_FILE); says so when nobody answers."""
    from axis.client import BlockingClient, ClientOptions
    from axis.settings import find_config, read_settings

    if token_file is None:
        raise Malformed(Code.BAD_REQUEST, "must be given", at="--token-file")
    address = url or node_url(read_settings(find_config(config)))
    try:
        with BlockingClient(ClientOptions(url=address, token=read_secret(token_file), tries=3)) as node:
            yield node
    except PeerUnreachable as error:
        say(
            f"Không kết nối được với nút tại {address}; nút đã chạy chưa (`axis serve`)? {error.detail}",
            f"The node at {address} cannot be reached; is it running (`axis serve`)? {error.detail}",
        )
        raise typer.Exit(WRONG_USE) from error


def show_from_afar(document_id: str, url: str | None, token_file: Path, config: Path | None, *, json: bool) -> None:
    """Where a document is, as a node tells the token's system. Exit code 1 when it is not known there."""
    with open_node(url, token_file, config) as node:
        found = node.run(lambda client: _find(client, document_id))
    if not found:
        raise NotFound(Code.NOT_FOUND, document_id)
    if json:
        shown = [
            document.model_dump(mode="json") | {"deliveries": [one.model_dump(mode="json") for one in deliveries]}
            for document, deliveries in found
        ]
        print_json({"documents": shown})
        return
    for document, deliveries in found:
        _show(document, deliveries)


async def _find(client: "NodeClient", document_id: str) -> "list[tuple[Document, list[Delivery]]]":
    found: dict[str, tuple[Document, list[Delivery]]] = {}
    if len(document_id) == _ID_CHARACTERS and document_id.isalnum():
        detail = await client.document(document_id)
        way = "sent" if detail.sent else "received"
        return [(detail.document, [one async for one in client.deliveries(way, document_id)])]
    for way in ("sent", "received"):
        async for document in client.documents(way, document_id):
            if document.document_id != document_id:
                continue
            _, deliveries = found.setdefault(document.document_uid, (document, []))
            known = {one.delivery_id for one in deliveries}
            async for delivery in client.deliveries(way, document.document_uid):
                if delivery.delivery_id not in known:
                    deliveries.append(delivery)
    return list(found.values())


def _show(document: "Document", deliveries: "list[Delivery]") -> None:
    print_fields(
        {
            "DocumentId": document.document_id,
            "Số, ký hiệu": document.code or "-",
            "Trích yếu": document.subject or "-",
            "Nơi gửi": f"{document.from_organ} {document.sender_name or ''}",
            "Trục nhận lúc": f"{document.received_at:%Y-%m-%d %H:%M}Z",
        }
    )
    rows = [
        (
            f"{one.receiver_organ} {one.receiver_name or ''}",
            one.state.value if one.state else "-",
            one.status_code.value if one.status_code else "-",
            f"{one.status_at:%Y-%m-%d %H:%M}Z" if one.status_at else "-",
        )
        for one in deliveries
    ]
    print_table("Nơi nhận", ("Cơ quan", "Truyền", "Trạng thái xử lý", "Lúc"), rows)


def read_secret(path: Path) -> str:
    """The one line of a file. Raises Malformed(BAD_FILE)."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as e:
        raise Malformed(Code.BAD_FILE, str(e), at=str(path)) from e


def node_url(settings: "Settings") -> str:
    """Where the node of these settings listens, seen from its own machine."""
    server = settings.server
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(server.host, server.host)  # noqa: S104 - read, not bound
    return f"{'https' if server.tls_certificate_file else 'http'}://{host}:{server.port}"
