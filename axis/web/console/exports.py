"""A list as a CSV or XLSX file, read a page at a time: nobody else waits for it.

At most `MOST_ROWS` rows and `AT_ONCE` files at once; whoever wants more narrows the list down or comes back.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from aiohttp import hdrs, web
from openpyxl import Workbook
from openpyxl.worksheet._write_only import WriteOnlyWorksheet
from sqlalchemy import Connection

from axis.clock import to_local
from axis.errors import Busy, Code
from axis.ops.sheets import csv_bytes, csv_rows, harmless
from axis.store.boxes import BoxLine, BoxPage, BoxQuery, read_box
from axis.terms import ViewKind
from axis.web.console import words
from axis.web.console.boxing import Scene
from axis.web.console.language import _
from axis.web.console.moments import day
from axis.web.console.parts import ConsoleParts
from axis.web.console.sessions import Visitor
from axis.web.console.watching import Looked, Watch

MOST_ROWS: Final = 20_000
AT_ONCE: Final = 2
_PAGE_ROWS = 500
_RETRY_AFTER_S = 20
_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_RECEIVERS = 20


class Exports:
    """Makes the files."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._watch = Watch(parts.store, parts.clock)
        self._running = 0

    async def send(self, request: web.Request, visitor: Visitor, scene: Scene, form: str) -> web.StreamResponse:
        """The list of the scene from its beginning. Raises Busy(OVERLOADED) while too many are made."""
        if self._running >= AT_ONCE:
            raise Busy(Code.OVERLOADED, "too many exports at once", retry_after_s=_RETRY_AFTER_S)
        self._running += 1
        try:
            await self._watch.record(request, visitor, Looked(kind=ViewKind.EXPORT, detail=scene.address.href()))
            name = f"{scene.address.box}-{to_local(self._clock.now()):%Y%m%d-%H%M}.{form}"
            headers = {
                hdrs.CONTENT_TYPE: _TYPES[form],
                hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"',
            }
            response = web.StreamResponse(headers=headers)
            await response.prepare(request)
            async for chunk in self._csv(scene) if form == "csv" else self._xlsx(scene):
                await response.write(chunk)
            await response.write_eof()
            return response
        finally:
            self._running -= 1

    async def _pages(self, scene: Scene) -> AsyncIterator[Sequence[BoxLine]]:
        query = replace(scene.query, place=None, backwards=False, rows=_PAGE_ROWS)
        for _page in range(MOST_ROWS // _PAGE_ROWS):
            found = await self._store.read(partial(_read, query))
            yield found.lines
            if not found.has_after:
                return
            query = replace(query, place=found.lines[-1].place)

    async def _csv(self, scene: Scene) -> AsyncIterator[bytes]:
        yield csv_bytes(_headings(), ())
        async for lines in self._pages(scene):
            yield await asyncio.to_thread(_lines, lines)

    async def _xlsx(self, scene: Scene) -> AsyncIterator[bytes]:
        book = Workbook(write_only=True)
        sheet = book.create_sheet(str(scene.address.box))
        sheet.append(_headings())
        async for lines in self._pages(scene):
            await asyncio.to_thread(_append, sheet, lines)
        content = io.BytesIO()
        await asyncio.to_thread(book.save, content)
        yield content.getvalue()


def _read(query: BoxQuery, conn: Connection) -> BoxPage:
    return read_box(conn, query)


def _lines(lines: Sequence[BoxLine]) -> bytes:
    return csv_rows(map(_cells, lines))


def _append(sheet: WriteOnlyWorksheet, lines: Sequence[BoxLine]) -> None:
    for line in lines:
        sheet.append([harmless(cell) for cell in _cells(line)])


def _headings() -> list[str]:
    return [
        _("Thời điểm"),
        _("Số, ký hiệu"),
        _("Ngày ban hành"),
        _("Trích yếu"),
        _("Nơi gửi"),
        _("Nơi nhận"),
        _("Trạng thái"),
        _("Hạn"),
        _("Độ khẩn"),
        _("Chữ ký"),
        _("Mã văn bản trên trục"),
    ]


def _cells(line: BoxLine) -> list[str]:
    document, delivery = line.line.document, line.delivery
    at = delivery.created_at if delivery else document.received_at
    urgency, verdict = words.urgency(document.urgency), words.verdict(document.verdict)
    if delivery is not None:
        receivers = delivery.receiver_name or delivery.receiver_organ
        stand = words.status(delivery.status_code).word if delivery.status_code else _("Chưa có trạng thái")
    else:
        total = sum(tally.receivers for tally in line.line.tallies)
        accepted = sum(tally.receivers for tally in line.line.tallies if tally.status_code in words.ACCEPTED)
        receivers = ", ".join(line.line.receiver_names[:_RECEIVERS])
        stand = _("{accepted}/{total} đã tiếp nhận", accepted=accepted, total=total)
    return [
        f"{to_local(at):%d/%m/%Y %H:%M:%S}",
        document.code or "",
        day(document.promulgation_date),
        document.subject or "",
        line.line.sender_name or document.sender_name or document.from_organ,
        receivers,
        stand,
        f"{to_local(line.owed_at):%d/%m/%Y %H:%M}" if line.owed_at else "",
        urgency.word if urgency else "",
        verdict.word if verdict else "",
        document.document_uid,
    ]
