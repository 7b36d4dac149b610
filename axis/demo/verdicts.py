"""What the demo's nodes find of the signatures of its documents, as their stores have it."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from axis.demo.processes import NodeProcess
from axis.ops.access import Access, open_access
from axis.settings import read_settings
from axis.store import queries
from axis.text import comparison_form
from axis.trust.model import Overall

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from axis.demo.play import Stage

_LOOK_EVERY_S = 0.2


async def show_verdicts(stage: "Stage", nodes: Iterable[NodeProcess]) -> None:
    """Wait until every node has looked at what it has, show the verdicts, and note which are not as expected.

    The caller bounds the time: PDF files are looked at after a package was accepted.
    """
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(open_access(read_settings(node.config))) for node in nodes]
        for access in opened:
            await _wait_for_checks(access)
        found = [await _verdicts(access, stage.verdicts) for access in opened]
    for document_id, expected in stage.verdicts.items():
        words = [verdicts[document_id] for verdicts in found if document_id in verdicts]
        for word in words[:1]:
            stage.report.show_verdict(document_id, word)
        if not words or set(words) != {expected}:
            told = ", ".join(words) or "no verdict"
            stage.problems.append(f"the signatures of {document_id} were to be found {expected}, not: {told}")


async def _wait_for_checks(access: Access) -> None:
    while await access.store.read(queries.owed_checks):  # noqa: ASYNC110 - another process ends the wait
        await asyncio.sleep(_LOOK_EVERY_S)


async def _verdicts(access: Access, document_ids: Iterable[str]) -> Mapping[str, Overall]:
    """The latest verdict on each document that the node has."""

    def read(conn: "Connection") -> dict[str, Overall]:
        return {
            document.document_id: Overall(document.verdict)
            for document_id in document_ids
            for document in queries.documents_by_document_id(conn, comparison_form(document_id))
            if document.verdict is not None
        }

    return await access.store.read(read)
