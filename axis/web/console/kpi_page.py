"""The page of figures: what is exchanged, how it fares, how quickly; by period, against targets."""

import asyncio
from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Final

from aiohttp import hdrs, web
from sqlalchemy import Connection

from axis.clock import local_day
from axis.delivery.directory import Directory
from axis.ops.kpi_report import COLUMNS, Period, Raw, Report, Targets, make_report, read_raw
from axis.ops.kpi_report import values as figures_of
from axis.ops.sheets import xlsx_bytes
from axis.store import queries
from axis.store.queries import Now
from axis.store.queries.kpi import traffic
from axis.terms import Role
from axis.web.console.kpi_values import KPI, KpiPage, before, drawn_spans, kpi_page, read_period
from axis.web.console.language import _
from axis.web.console.operating import Operating
from axis.web.console.parts import ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions

_ROLES: Final = (Role.ADMINISTRATOR, Role.OPERATOR, Role.AUDITOR)
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_NOTHING_NOW: Final = Now(overdue={}, not_fetched={}, failed={})


class KpiPages:
    """The handlers."""

    def __init__(self, parts: ConsoleParts, operating: Operating, sessions: Sessions, pages: Pages) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._directory = parts.exchange.directory
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

    def _report(self, raw: Raw, period: Period, directory: Directory) -> Report:
        chosen = self._settings.kpi
        targets = Targets(
            ministry=chosen.online_ministry_percent,
            province=chosen.online_province_percent,
            district=chosen.online_district_percent,
            connected=chosen.connected_percent,
        )
        return make_report(raw, period, directory.organs(), directory, targets)


def _read(period: Period, earlier: Period, conn: Connection) -> tuple[Raw, Raw, dict[str, int]]:
    return _kept(conn, period), _kept(conn, earlier), traffic(conn, drawn_spans(period))


def _kept(conn: Connection, period: Period) -> Raw:
    """The kept figures alone: what can only be counted now is for the file."""
    return Raw(figures=queries.totals(conn, period.spans), now=_NOTHING_NOW, issued={}, sent={})


def _sheets(report: Report) -> bytes:
    headings = [column.heading for column in COLUMNS]
    sheets = ((_("Cơ quan"), report.organs), (_("Cấp"), (*report.levels, report.total)))
    return xlsx_bytes((title, headings, [list(figures_of(line).values()) for line in part]) for title, part in sheets)


def kpi_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of the page of figures."""
    if parts.operating is None:
        return ()
    made = KpiPages(parts, parts.operating, sessions, pages)
    return (web.get(KPI, made.show), web.get(f"{KPI}/export.xlsx", made.export))
