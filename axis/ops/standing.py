"""How the node stands, for the operators' page and for `axis health`: what is wrong, what waits, fills up and ends."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from axis.ops.access import Access
from axis.ops.certificates import Endings, ending_certificates
from axis.store import storage
from axis.store.queries.standing import Standing, standing
from axis.store.queries.waiting import Waiting, WaitingKind, waiting
from axis.store.records import StoredContent
from axis.trust.certs import Certificate

LATE: Final = timedelta(hours=2)
"""A push that waits for longer is late."""

_LATE_AFTER: Final[Mapping[WaitingKind, timedelta]] = {
    WaitingKind.PUSH: LATE,
    WaitingKind.CHECK: timedelta(hours=1),
    WaitingKind.EVIDENCE: timedelta(days=1),
    WaitingKind.REMINDER: timedelta(minutes=15),
    WaitingKind.EVENT: timedelta(minutes=15),
    WaitingKind.BULK: timedelta(minutes=10),
    WaitingKind.LEAF: timedelta(minutes=1),
}
_MANY: Final[Mapping[WaitingKind, int]] = {WaitingKind.MARK: 1_000, WaitingKind.FIGURE: 500}
"""Of what bears no time, more than some rounds take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStanding:
    """How the node stands."""

    stand: Standing
    waiting: tuple[Waiting, ...]
    content: Mapping[str, StoredContent]  # by place; empty: not counted yet
    endings: Endings


async def node_standing(access: Access, own: Certificate | None, now: datetime) -> NodeStanding:
    """Everything at one moment. own: the certificate that the node signs with."""

    def read(conn: Connection) -> tuple[Standing, tuple[Waiting, ...], Mapping[str, StoredContent]]:
        return standing(conn, now - LATE), waiting(conn, now), storage.stored_content(conn)

    directory = await access.directory()
    (stand, waits, content), endings = await asyncio.gather(
        access.store.read(read), ending_certificates(access, directory, own, now)
    )
    return NodeStanding(stand=stand, waiting=waits, content=content, endings=endings)


def waited(one: Waiting, now: datetime) -> timedelta:
    """How long the oldest has waited, as far as it bears a time."""
    return timedelta() if one.oldest_at is None else max(now - one.oldest_at, timedelta())


def is_late(one: Waiting, now: datetime) -> bool:
    """Whether somebody has to see to it."""
    if not one.begun:
        return False
    if (limit := _LATE_AFTER.get(one.kind)) is not None:
        return waited(one, now) > limit
    return one.count > _MANY[one.kind]
