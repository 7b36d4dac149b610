"""Operators hold something back, and let it go; each with its reason."""

from dataclasses import dataclass
from datetime import datetime

from axis.errors import Code, Malformed, NotFound
from axis.ids import new_id
from axis.ops.access import Access
from axis.store import holds
from axis.store.records import Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldWish:
    """What is to be held back: what all that is given says."""

    sender: str | None
    receiver: str | None
    partner_id: str | None
    ends_at: datetime | None
    reason: str
    actor: str


async def hold_back(access: Access, wish: HoldWish, at: datetime) -> Hold:
    """From now on it is held back. Raises Malformed(BAD_REQUEST), and NotFound without such a partner."""
    if not wish.reason.strip():
        raise Malformed(Code.BAD_REQUEST, "is empty", at="--reason")
    if not (wish.sender or wish.receiver or wish.partner_id):
        raise Malformed(Code.BAD_REQUEST, "a sender, a receiver or a partner is needed", at="--sender")
    if wish.ends_at is not None and wish.ends_at <= at:
        raise Malformed(Code.BAD_REQUEST, "has passed", at="--until")
    directory = await access.directory()
    uplinks = {uplink.id for uplink in access.settings.uplink}
    if wish.partner_id and wish.partner_id not in uplinks and directory.system(wish.partner_id) is None:
        raise NotFound(Code.NOT_FOUND, wish.partner_id)
    canonical = directory.registry.canonical
    hold = Hold(
        hold_id=new_id(at),
        sender=canonical(wish.sender) if wish.sender else None,
        receiver=canonical(wish.receiver) if wish.receiver else None,
        partner_id=wish.partner_id,
        starts_at=at,
        ends_at=wish.ends_at,
        reason=wish.reason.strip(),
        actor=wish.actor,
    )
    await access.store.write(lambda c: holds.add_hold(c, hold))
    return hold


async def let_go(access: Access, hold_id: str, reason: str, by: tuple[datetime, str]) -> None:
    """It is held back no more. by: when, and who. Raises Malformed(BAD_REQUEST), NotFound."""
    if not reason.strip():
        raise Malformed(Code.BAD_REQUEST, "is empty", at="--why")
    at, actor = by
    await access.store.write(lambda c: holds.remove_hold(c, hold_id, at, actor, reason.strip()))
