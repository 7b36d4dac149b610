"""The partners for operators: what the settings and the database say of each."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from axis.errors import Code, NotFound
from axis.ids import new_id
from axis.ops.access import Access
from axis.store import partners as stored
from axis.store import queries
from axis.store.records import Downtime, PartnerState


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerView:
    """One partner."""

    partner_id: str
    adapter: str
    is_uplink: bool
    state: str  # up | down, as was last told; up: nothing was
    since: datetime | None
    problem: str | None
    to_send: int
    to_ask: int
    oldest_unsent_at: datetime | None
    paused_until: datetime | None
    pause_reason: str | None


async def partner_views(access: Access, now: datetime) -> tuple[PartnerView, ...]:
    """All partners, by id."""
    adapters = await _adapters(access)
    uplinks = {uplink.id for uplink in access.settings.uplink}

    def look(conn: Connection) -> tuple[PartnerView, ...]:
        states = {state.partner_id: state for state in stored.states(conn)}
        paused = stored.paused(conn, now)
        return tuple(
            _view(conn, partner_id, adapter, states.get(partner_id), paused.get(partner_id), partner_id in uplinks)
            for partner_id, adapter in sorted(adapters.items())
        )

    return await access.store.read(look)


async def plan_downtime(
    access: Access, partner_id: str, window: tuple[datetime, datetime], reason: str, actor: str
) -> None:
    """The partner is not called during the window. Raises NotFound."""
    if partner_id not in await _adapters(access):
        raise NotFound(Code.NOT_FOUND, partner_id)
    starts_at, ends_at = window
    downtime = Downtime(
        downtime_id=new_id(starts_at),
        partner_id=partner_id,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason,
        actor=actor,
    )
    await access.store.write(lambda c: stored.pause(c, downtime, starts_at))


async def _adapters(access: Access) -> dict[str, str]:
    directory = await access.directory()
    systems = {partner.partner_id: partner.adapter for partner in directory.partners()}
    return systems | {uplink.id: uplink.adapter for uplink in access.settings.uplink}


def _view(  # noqa: PLR0913, PLR0917 - the parts of one view
    conn: Connection,
    partner_id: str,
    adapter: str,
    state: PartnerState | None,
    paused: Downtime | None,
    is_uplink: bool,  # noqa: FBT001
) -> PartnerView:
    backlog = queries.backlog(conn, partner_id)
    return PartnerView(
        partner_id=partner_id,
        adapter=adapter,
        is_uplink=is_uplink,
        state=state.state if state else stored.UP,
        since=state.since if state else None,
        problem=state.last_error if state else None,
        to_send=backlog.to_send,
        to_ask=backlog.to_ask,
        oldest_unsent_at=backlog.oldest_unsent_at,
        paused_until=paused.ends_at if paused else None,
        pause_reason=paused.reason if paused else None,
    )
