"""Tries a place out: its folders, and a file that is written, renamed, read and removed, in the node's own folder."""

import secrets

from adapters.checking import Fault, Findings, Step, Trouble, add_clocks
from adapters.filing.peer import FilingPeer
from adapters.filing.place import SENT, Place, Spot, read_bytes, write_bytes
from axis.clock import Clock


async def try_out(peer: FilingPeer, clock: Clock, findings: Findings) -> None:
    """Note how the steps go. Raises Failed when one fails."""
    place = peer.place
    try:
        async with findings.step(Step.FOLDERS, ", ".join(peer.folders)):
            for folder in peer.folders:
                await place.make(folder)
            for folder in peer.folders[:2]:
                await place.entries(folder)
        async with findings.step(Step.WRITE, "ok"):
            await _write_once(place, peer.folders, clock, findings)
    finally:
        await peer.close()


async def _write_once(place: Place, folders: tuple[str, ...], clock: Clock, findings: Findings) -> None:
    """In the node's own folder; then whether both others take and give a file, under a name that DMSs pass over."""
    name, content = f".axis-{secrets.token_hex(8)}.tmp", secrets.token_bytes(64)
    before = clock.now()
    spot = Spot(SENT, f"{name[1:]}.check")
    await write_bytes(place, spot, content)
    for folder in folders[:2]:
        target = Spot(folder, name)
        if not await place.move(spot, target):
            raise Trouble(Fault.NOT_WRITABLE, f"{folder}: what was written is gone")
        spot = target
    if await read_bytes(place, spot, len(content) + 1) != content:
        raise Trouble(Fault.OTHER, "what was read is not what was written")
    there = await place.stat(spot)
    if not await place.remove(spot):
        raise Trouble(Fault.NOT_WRITABLE, "what was written cannot be removed")
    if there is not None:
        add_clocks(there.modified_at, before, findings)
