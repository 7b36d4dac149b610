"""What a package was made from, where it did not come as edXML of QCVN 102: out of a node's store."""

import json
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection

from axis.cli.options import with_access
from axis.errors import Code, NotFound, Rejected
from axis.ops.access import Access
from axis.store import queries
from axis.store.records import Original
from axis.text import comparison_form


def read_original(config: Path | None, text: str) -> Original:
    """What is known of it. text: a DocumentId, or our id of a document or a package.

    Raises NotFound when there is no such document, or it came as it is; Rejected when the text means several.
    """

    async def find(access: Access) -> Original:
        return await access.store.read(lambda conn: _find(conn, text))

    return with_access(config, find)


def write_original(config: Path | None, text: str, out: IO[bytes]) -> None:
    """The bytes. Raises as `read_original`."""

    async def copy(access: Access) -> None:
        found = await access.store.read(lambda conn: _find(conn, text))
        async for chunk in access.store.blobs.chunks(found.sha256_hex):
            out.write(chunk)
        out.flush()

    with_access(config, copy)


def original_json(found: Original) -> dict[str, Any]:
    """Everything but the bytes, as one JSON value."""
    return {
        "package_id": found.package_id,
        "form": found.form,
        "sha256": found.sha256_hex,
        "size_bytes": found.size_bytes,
        "converted_by": found.converted_by,
        "system_id": found.source_system,
        "received_at": found.received_at.isoformat(),
        "findings": json.loads(found.findings),
    }


def _find(conn: Connection, text: str) -> Original:
    ids = [text] if queries.package(conn, text) is not None else list(_packages(conn, text))
    if not ids:
        raise NotFound(Code.NOT_FOUND, text)
    found = [one for one in (queries.original(conn, package_id) for package_id in ids) if one is not None]
    if not found:
        raise NotFound(Code.NOT_FOUND, f"{text}: it came as it is, and was not converted")
    if len(found) > 1:
        names = ", ".join(one.package_id for one in found)
        raise Rejected(Code.BAD_REQUEST, f"it means several packages, name one: {names}")
    return found[0]


def _packages(conn: Connection, text: str) -> list[str]:
    named = queries.documents_by_document_id(conn, comparison_form(text))
    own = queries.document(conn, text)
    return list(dict.fromkeys(one.package_id for one in (*named, *((own,) if own else ()))))
