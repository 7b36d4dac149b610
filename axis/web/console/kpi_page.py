"""The page of figures: what is exchanged, how it fares, how quickly; by period, against targets."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Final

from aiohttp import hdrs, web
from sqlalchemy import Connection

from axis.clock import local_day
from axis.delivery.directory import Directory
from axis.errors import Code, Malformed
from axis.kpi.figures import Counts
from axis.ops.kpi_report import COLUMNS, Period, Raw, Report, Targets, make_report, read_raw
from axis.ops.kpi_report import values as figures_of
from axis.ops.sheets import xlsx_bytes
from axis.store import queries
from axis.store.boxes import BoxPage
from axis.store.counted import CountedQuery, read_counted
from axis.store.queries import Now
from axis.store.queries.kpi import traffic
from axis.terms import Role, Side
from axis.web.console.boxing import read_place
from axis.web.console.kpi_behind import BEHIND, BehindPage, BehindScene, behind_page, read_behind
from axis.web.console.kpi_values import KPI, KpiPage, before, drawn_spans, kpi_page, read_period
from axis.web.console.language import _
from axis.web.console.operating import Operating
from axis.web.console.parts import ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions

_ROLES: Final = (Role.ADMINISTRATOR, Role.OPERATOR, Role.AUDITOR)
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_ORGAN_CHARACTERS: Final = 128
_NOTHING_NOW: Final = Now(overdue={}, not_fetched={}, failed={})


class KpiPages:
    """The handlers."""

    def __init__(self, parts: ConsoleParts, operating: Operating, sessions: Sessions, pages: Pages) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._directory = parts.exchange.directory
        self._calendar = parts.calendar
        self._rows = parts.rules.page_rows
        self._settings = operating.access.settings
        self._sessions = sessions
        self._pages = pages

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /kpi."""
        visitor = await self._sessions.require(request, *_ROLES)
        today = date.fromisoformat(local_day(self._clock.now()))
        name, period = read_period(request.query, today)
        earlier = before(name, period)
        raw, old, sent = await self._store.read(partial(_read, period, earlier))
        directory = self._directory.current

        def make() -> KpiPage:
            reports = self._report(raw, period, directory), self._report(old, earlier, directory)
            return kpi_page(name, period, reports, sent, today)

        return await self._pages.page(request, "kpi.html", visitor, make)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """GET /kpi/export.xlsx: everything that `axis report kpi` tells."""
        await self._sessions.require(request, *_ROLES)
        today = date.fromisoformat(local_day(self._clock.now()))
        _name, period = read_period(request.query, today)
        raw, directory = await self._store.read(lambda c: read_raw(c, period)), self._directory.current
        content = await asyncio.to_thread(lambda: _sheets(self._report(raw, period, directory)))
        name = f"axis-kpi-{period.first:%Y%m%d}-{period.last:%Y%m%d}.xlsx"
        return web.Response(
            body=content,
            content_type=_XLSX,
            headers={hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"'},
        )

    async def behind(self, request: web.Request) -> web.StreamResponse:
        """GET /kpi/documents: what a figure counts."""
        visitor = await self._sessions.require(request, *_ROLES)
        behind, directory, now = read_behind(request.query), self._directory.current, self._clock.now()
        if behind.organ:
            organ = directory.registry.find(behind.organ[:_ORGAN_CHARACTERS])
            if organ is None:
                raise Malformed(Code.BAD_REQUEST, "no such organisation", at="organ")
            behind = replace(behind, organ=organ.organ_id)
        older, newer = (read_place(request.query.get(name), name) for name in ("older", "newer"))
        query = CountedQuery(
            side=behind.side,
            name=behind.name,
            first=behind.first,
            last=behind.last,
            organ_id=behind.organ or None,
            level=behind.level,
            place=newer or older,
            backwards=newer is not None,
            rows=self._rows,
        )
        found, counts, unsettled = await self._store.read(partial(_behind, query))

        def make() -> BehindPage:
            return behind_page(
                BehindScene(
                    behind=behind,
                    found=found,
                    place=query.place,
                    counts=counts,
                    organs=directory.organs(),
                    unsettled=unsettled,
                    now=now,
                    calendar=self._calendar,
                )
            )

        return await self._pages.page(request, "kpi_behind.html", visitor, make)

    def _report(self, raw: Raw, period: Period, directory: Directory) -> Report:
        targets = Targets.chosen(self._settings.kpi)
        return make_report(raw, period, directory.organs(), directory, targets)


def _read(period: Period, earlier: Period, conn: Connection) -> tuple[Raw, Raw, dict[str, int]]:
    return _kept(conn, period), _kept(conn, earlier), traffic(conn, drawn_spans(period))


def _kept(conn: Connection, period: Period) -> Raw:
    """The kept figures alone: what can only be counted now is for the file."""
    return Raw(figures=queries.totals(conn, period.spans), now=_NOTHING_NOW, issued={}, sent={})


def _behind(query: CountedQuery, conn: Connection) -> tuple[BoxPage, dict[tuple[str, Side], Counts], bool]:
    within = Period(first=query.first, last=query.last)
    counts = queries.counts_by_organ(conn, within.spans)
    return read_counted(conn, query), counts, queries.is_unsettled(conn, query.first, query.last)


def _sheets(report: Report) -> bytes:
    headings = [column.heading for column in COLUMNS]
    sheets = ((_("Cơ quan"), report.organs), (_("Cấp"), (*report.levels, report.total)))
    return xlsx_bytes((title, headings, [list(figures_of(line).values()) for line in part]) for title, part in sheets)


def kpi_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of the page of figures."""
    if parts.operating is None:
        return ()
    made = KpiPages(parts, parts.operating, sessions, pages)
    return (web.get(KPI, made.show), web.get(f"{KPI}/export.xlsx", made.export), web.get(BEHIND, made.behind))
