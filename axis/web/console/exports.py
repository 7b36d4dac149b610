"""A list as a CSV or XLSX file, read a page at a time: nobody else waits for it.

After each page it rests for as long as the page took, and a workbook is made by another process: with all of it in this
one, every other page took two to four times as long while somebody exported (`benchmarks/console.py`).

At most `MOST_ROWS` rows and `AT_ONCE` files at once; whoever wants more narrows the list down or comes back. A file
that does not hold the whole list says so in its last line.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Final

from aiohttp import hdrs, web

from axis.clock import to_local
from axis.errors import Busy, Code
from axis.ops.sheets import csv_bytes, csv_rows
from axis.ops.workbook import workbook
from axis.pieces import file_pieces
from axis.store.boxes import BoxLine, read_box
from axis.terms import ViewKind
from axis.web.console import words
from axis.web.console.boxing import Scene
from axis.web.console.language import _, grouped
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
        self._scratch = parts.scratch
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
            async with aclosing(self._csv(scene) if form == "csv" else self._xlsx(scene)) as pieces:
                async for piece in pieces:
                    await response.write(piece)
            await response.write_eof()
            return response
        finally:
            self._running -= 1

    async def _pages(self, scene: Scene) -> AsyncGenerator[list[list[str]]]:
        """Rows of cells, a page at a time."""
        clock = asyncio.get_running_loop().time
        query = replace(scene.query, place=None, backwards=False, rows=_PAGE_ROWS)
        for _page in range(MOST_ROWS // _PAGE_ROWS):
            begun = clock()
            found = await self._store.read(partial(read_box, query=query))
            cells = await asyncio.to_thread(_table, found.lines)
            took_s = clock() - begun
            yield cells
            if not found.has_after:
                return
            await asyncio.sleep(took_s)
            query = replace(query, place=found.lines[-1].place)
        yield [[cut_short(MOST_ROWS)]]

    async def _csv(self, scene: Scene) -> AsyncGenerator[bytes]:
        yield csv_bytes(_headings(), ())
        async with aclosing(self._pages(scene)) as pages:
            async for rows in pages:
                yield await asyncio.to_thread(csv_rows, rows)

    async def _xlsx(self, scene: Scene) -> AsyncGenerator[bytes]:
        async with workbook(str(scene.address.box), self._scratch) as sheet, aclosing(self._pages(scene)) as pages:
            await sheet.append([_headings()])
            async for rows in pages:
                await sheet.append(rows)
            async with aclosing(file_pieces(await sheet.finish())) as pieces:
                async for piece in pieces:
                    yield piece


def cut_short(rows: int) -> str:
    """The last line of a file that is shorter than its list."""
    return _("Tệp chỉ có {rows} dòng đầu; danh sách còn nữa. Hãy lọc hẹp hơn rồi xuất lại.", rows=grouped(rows))


def _table(lines: Iterable[BoxLine]) -> list[list[str]]:
    return [_cells(line) for line in lines]


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
