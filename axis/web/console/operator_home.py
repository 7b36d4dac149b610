"""The operator's home: is anything wrong? And whom the node calls, one row each."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from aiohttp import web
from sqlalchemy import Connection

from axis.errors import Code, Malformed, NotFound, WrongState
from axis.ops.certificates import Endings, ending_certificates
from axis.ops.disk import DiskState
from axis.ops.maintenance import MaintenanceWish, begin_maintenance, end_maintenance
from axis.ops.partners import PartnerView, partner_views, plan_downtime
from axis.ops.standing import NodeStanding, node_standing
from axis.store import partner_calls, partners
from axis.store.queries.standing import incidents
from axis.store.records import Audit, JobRow, Maintenance, PartnerMinute
from axis.store.schema import from_micros, to_micros
from axis.web.console import partner_values as values
from axis.web.console.language import N_, _
from axis.web.console.moments import Moment, moment
from axis.web.console.node_values import (
    Certificates,
    Storage,
    WaitingLine,
    bounded,
    certificate_alerts,
    certificates,
    is_tight,
    storage,
    waiting_alerts,
    waiting_lines,
)
from axis.web.console.operating import ROLES, Operating, acted, read_hours, read_reason, since
from axis.web.console.partner_values import Incident, PartnerPage, PartnerRow, partner_row
from axis.web.console.parts import ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions
from axis.web.console.words import Look

HOME: Final = "/operator"
PARTNER: Final = "[A-Za-z0-9._-]{1,64}"
_INCIDENTS: Final = 30
_KINDS: Final = {
    "partner_down": Look(word=N_("Mất kết nối"), tone="red", icon="cross"),
    "partner_up": Look(word=N_("Kết nối lại"), tone="green", icon="done"),
    "partner_paused": Look(word=N_("Lên kế hoạch dừng"), tone="grey", icon="clock"),
    "partner_resumed": Look(word=N_("Gọi lại"), tone="blue", icon="retry"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that deserves a look."""

    look: Look
    text: str
    href: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """A job and its last run."""

    name: str
    look: Look
    begun: Moment | None
    took: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The maintenance that goes on."""

    since: Moment
    until: Moment | None
    reason: str
    actor: str
    seen: str  # as the form has to say it back


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePage:
    """The operator's home."""

    alerts: tuple[Alert, ...]
    partners: tuple[PartnerRow, ...]
    jobs: tuple[JobLine, ...]
    waiting: tuple[WaitingLine, ...]
    certificates: Certificates
    storage: Storage
    maintenance: Band | None


def home_page(
    views: Sequence[PartnerView],
    minutes: Sequence[PartnerMinute],
    found: NodeStanding,
    operating: Operating,
    now: datetime,
) -> HomePage:
    """The page. minutes: of all partners."""
    told = operating.told()
    rows = [
        partner_row(view, [m for m in minutes if m.partner_id == view.partner_id], told.get(view.partner_id), now)
        for view in views
    ]
    on, disk = operating.rest.current, operating.disk.state
    return HomePage(
        alerts=tuple(_alerts(rows, found, disk, now)),
        partners=tuple(rows),
        jobs=tuple(_job_line(job, now) for job in found.stand.jobs),
        waiting=waiting_lines(found, now),
        certificates=certificates(
            found.endings, partners={row.partner_id: f"{HOME}/partners/{row.partner_id}" for row in rows}
        ),
        storage=storage(found, disk, now),
        maintenance=band(on, now) if on else None,
    )


def band(on: Maintenance, now: datetime) -> Band:
    """The maintenance that goes on, as it is shown."""
    return Band(
        since=moment(on.since, now),
        until=moment(on.until, now) if on.until else None,
        reason=on.reason,
        actor=on.actor,
        seen=str(to_micros(on.since)),
    )


def _alerts(rows: Sequence[PartnerRow], node: NodeStanding, disk: DiskState, now: datetime) -> list[Alert]:
    """The worst first."""
    stand = node.stand
    red = Look(word=_("Sự cố"), tone="red", icon="cross")
    amber = Look(word=_("Chú ý"), tone="amber", icon="alert")
    found: list[Alert] = []
    if not disk.open:
        found.append(Alert(look=red, text=_("Ổ đĩa gần đầy: trục đã ngừng nhận gói tin")))
    for row in rows:
        if row.light.tone in ("red", "amber"):
            look = red if row.light.tone == "red" else amber
            text = f"{row.partner_id}: {row.light.word}"
            found.append(Alert(look=look, text=text, href=f"{HOME}/partners/{row.partner_id}"))
    if stand.dead:
        words = _("{n} lượt chuyển không chuyển được", n=bounded(stand.dead))
        found.append(Alert(look=red, text=words, href=f"{HOME}/queue?state=dead"))
    if stand.late:
        words = _("{n} gói tin chờ chuyển đã quá 2 giờ", n=bounded(stand.late))
        found.append(Alert(look=amber, text=words))
    if stand.retrying:
        words = _("{n} lượt chuyển đang thử lại", n=bounded(stand.retrying))
        found.append(Alert(look=amber, text=words, href=f"{HOME}/queue?state=retrying"))
    failed = [job.name for job in stand.jobs if job.error]
    found += [Alert(look=amber, text=_("Công việc {job} lần gần nhất bị lỗi", job=name)) for name in failed]
    for hook in stand.webhooks:
        state = _("đã bị tắt") if not hook.enabled else _("lỗi từ {span}", span=since(hook.failing_since, now))
        text = _("Webhook của {system} {state}: {words}", system=hook.system_id, state=state, words=hook.last_words)
        found.append(Alert(look=amber, text=text))
    found += _rests(node, disk, now, (red, amber))
    return sorted(found, key=lambda one: one.look.tone != "red")


def _rests(node: NodeStanding, disk: DiskState, now: datetime, looks: tuple[Look, Look]) -> Iterator[Alert]:
    """What is amiss with what the node rests on. looks: of what fails, and of what deserves a look."""
    red, amber = looks
    for fails, words in certificate_alerts(node.endings):
        yield Alert(look=red if fails else amber, text=words, href="#certificates")
    if is_tight(disk):
        yield Alert(look=amber, text=_("Ổ đĩa sắp đầy"), href="#node")
    for words in waiting_alerts(node, now):
        yield Alert(look=amber, text=words, href="#waiting")


def _job_line(job: JobRow, now: datetime) -> JobLine:
    if job.error:
        look = Look(word=_("Lỗi"), tone="red", icon="cross")
    elif job.ended_at is None and job.lease_until is not None and job.lease_until > now:
        look = Look(word=_("Đang chạy"), tone="blue", icon="retry")
    elif job.ended_at is None:
        look = Look(word=_("Chưa xong"), tone="grey", icon="clock")
    else:
        look = Look(word=_("Xong"), tone="green", icon="done")
    took = since(job.started_at, job.ended_at) if job.started_at and job.ended_at else ""
    return JobLine(
        name=job.name,
        look=look,
        begun=moment(job.started_at, now) if job.started_at else None,
        took=took,
        error=job.error or "",
    )


class OperatorPages:
    """The handlers of the home, the partners' pages and the switch of maintenance."""

    def __init__(self, parts: ConsoleParts, operating: Operating, sessions: Sessions, pages: Pages) -> None:
        self._clock = parts.clock
        self._operating = operating
        self._access = operating.access
        self._sessions = sessions
        self._pages = pages

    async def home(self, request: web.Request) -> web.StreamResponse:
        """GET /operator."""
        visitor = await self._sessions.require(request, *ROLES)
        now = self._clock.now()
        views = await partner_views(self._access, now)
        minutes = await self._access.store.read(partial(partner_calls.minutes_since, since=now - partner_calls.KEPT))
        found = await node_standing(self._access, self._operating.own, now)
        make = partial(home_page, views, minutes, found, self._operating, now)
        return await self._pages.page(request, "operator.html", visitor, make)

    async def partner(self, request: web.Request) -> web.StreamResponse:
        """GET /operator/partners/{partner}."""
        visitor = await self._sessions.require(request, *ROLES)
        now, partner_id = self._clock.now(), request.match_info["partner"]
        view = await self._view(partner_id, now)
        directory = await self._access.directory()
        endings = await ending_certificates(self._access, directory, self._operating.own, now)
        make = await self._access.store.read(partial(self._partner, view, endings, now))
        return await self._pages.page(request, "partner.html", visitor, make)

    def _partner(
        self, view: PartnerView, endings: Endings, now: datetime, conn: Connection
    ) -> Callable[[], PartnerPage]:
        partner_id = view.partner_id
        minutes = [m for m in partner_calls.minutes_since(conn, now - partner_calls.KEPT) if m.partner_id == partner_id]
        failures = partner_calls.last_failures(conn, partner_id)
        lines = incidents(conn, partner_id, _INCIDENTS)
        planned = [one for one in partners.downtimes(conn, now) if one.partner_id == partner_id]
        told = self._operating.told().get(partner_id)

        def make() -> PartnerPage:
            return PartnerPage(
                row=partner_row(view, minutes, told, now),
                failures=tuple(values.failure_of(one, now) for one in failures),
                incidents=tuple(_incident(line, now) for line in lines),
                planned=tuple(values.planned_of(one, now) for one in planned),
                certificates=certificates(endings, endings.of_partner(partner_id)),
                seen=_seen(view),
            )

        return make

    async def pause(self, request: web.Request) -> web.StreamResponse:
        """POST /operator/partners/{partner}/pause."""
        visitor, form = await acted(request, self._sessions)
        now, partner_id = self._clock.now(), request.match_info["partner"]
        view = await self._view(partner_id, now)
        reason, hours = read_reason(form), read_hours(form)
        if form.get("seen", "") != _seen(view):
            raise WrongState(Code.STATE_CHANGED, view.pause_reason or "")
        window = (now, now + timedelta(hours=hours))
        await plan_downtime(self._access, partner_id, window, reason, visitor.username)
        raise web.HTTPSeeOther(f"{HOME}/partners/{partner_id}")

    async def resume(self, request: web.Request) -> web.StreamResponse:
        """POST /operator/partners/{partner}/resume."""
        visitor, _form = await acted(request, self._sessions)
        now, partner_id = self._clock.now(), request.match_info["partner"]
        await self._view(partner_id, now)
        try:
            await self._access.store.write(lambda c: partners.resume(c, partner_id, now, visitor.username))
        except NotFound as e:
            raise WrongState(Code.STATE_CHANGED, "it is not paused any more") from e
        raise web.HTTPSeeOther(f"{HOME}/partners/{partner_id}")

    async def maintenance_on(self, request: web.Request) -> web.StreamResponse:
        """POST /operator/maintenance/on."""
        visitor, form = await acted(request, self._sessions)
        now, hours = self._clock.now(), read_hours(form, least=0)
        until = now + timedelta(hours=hours) if hours else None
        wish = MaintenanceWish(reason=read_reason(form), until=until, actor=visitor.username)
        await begin_maintenance(self._access.store, wish, now)
        await self._operating.rest.refresh(self._access.store)
        raise web.HTTPSeeOther(HOME)

    async def maintenance_off(self, request: web.Request) -> web.StreamResponse:
        """POST /operator/maintenance/off."""
        visitor, form = await acted(request, self._sessions)
        seen = form.get("seen", "")
        if not (seen.isascii() and seen.isdigit()) or len(seen) > 16:  # noqa: PLR2004 - microseconds
            raise Malformed(Code.BAD_REQUEST, "not a moment", at="seen")
        await end_maintenance(self._access.store, from_micros(int(seen)), self._clock.now(), visitor.username)
        await self._operating.rest.refresh(self._access.store)
        raise web.HTTPSeeOther(HOME)

    async def _view(self, partner_id: str, now: datetime) -> PartnerView:
        views = await partner_views(self._access, now)
        found = next((view for view in views if view.partner_id == partner_id), None)
        if found is None:
            raise NotFound(Code.NOT_FOUND, "no such partner")
        return found


def _seen(view: PartnerView) -> str:
    return str(to_micros(view.paused_until)) if view.paused_until else ""


def _incident(line: Audit, now: datetime) -> Incident:
    fields, look = json.loads(line.fields), _KINDS[line.kind]
    return Incident(
        at=moment(line.at, now),
        look=Look(word=_(look.word), tone=look.tone, icon=look.icon),
        text=fields.get("error") or fields.get("reason") or "",
        actor=line.actor,
    )


def operator_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of the home, the partners and the switch of maintenance."""
    if parts.operating is None:
        return ()
    made = OperatorPages(parts, parts.operating, sessions, pages)
    partner = f"{HOME}/partners/{{partner:{PARTNER}}}"
    return (
        web.get(HOME, made.home),
        web.get(partner, made.partner),
        web.post(f"{partner}/pause", made.pause),
        web.post(f"{partner}/resume", made.resume),
        web.post(f"{HOME}/maintenance/on", made.maintenance_on),
        web.post(f"{HOME}/maintenance/off", made.maintenance_off),
    )
