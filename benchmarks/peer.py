"""One partner's other end, as the node builds and uses it, in a process that does nothing else.

Its first question says what to build (`Partner`, settings), each further one what to do ("out": push these packages;
"in": take so many; "reports": read so many mails); each is answered once it is done. What is taken is read and
confirmed, not accepted: the figures are the dialect's own cost.
"""

import asyncio
import os
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from adapters.base import NodeParts, PeerParts, make_peer
from axis.clock import SystemClock
from axis.delivery.partner import Partner
from axis.delivery.peer import Incoming, Outgoing, Peer, Recipient
from axis.ids import new_id
from axis.keys import NodeKey
from axis.pieces import file_pieces
from axis.settings import read_settings
from axis.settings.sections import Mail, Webhook
from axis.terms import PackageKind

IMAP_PASSWORD = "AXIS_SECRET_IMAP"  # noqa: S105 - the variable's name
_AT_ONCE = 4  # pushes, as the outbox does with a partner that answers
_LOOK_AGAIN_S = 0.05


def _parts(config: Path, changes: dict[str, Any]) -> PeerParts:
    settings = read_settings(config)
    sections = {"mail": Mail(**changes.get("mail", {})), "webhook": Webhook(**changes.get("webhook", {}))}
    key = NodeKey.load(settings.store.key_file)
    node = NodeParts(settings=settings.model_copy(update=sections), key=key, scratch=config.parent)
    return PeerParts(clock=SystemClock(), node=node)


async def _push(peer: Peer, packages: list[dict[str, Any]]) -> None:
    waiting = list(packages)

    async def work() -> None:
        while waiting:
            package = waiting.pop(0)
            await peer.send(_outgoing(package), partial(file_pieces, Path(package["path"])))

    await asyncio.gather(*(work() for _ in range(min(_AT_ONCE, len(packages)))))


def _outgoing(package: dict[str, Any]) -> Outgoing:
    package_id = new_id(SystemClock().now())
    return Outgoing(
        package_id=package_id,
        kind=PackageKind.DOCUMENT,
        size_bytes=package["size_bytes"],
        sha256_hex=package["sha256_hex"],
        from_organ="H24.11",
        request_id=package_id,
        receivers=(Recipient(organ_id="H24.88", name="UBND phường", email=None, addressed_as="H24.88"),),
    )


async def _take(peer: Peer, count: int) -> None:
    """As the inbox does it: one after the other, each confirmed before the next."""
    taken: set[Incoming] = set()
    while len(taken) < count:
        items = await peer.poll()
        if not items:
            await asyncio.sleep(_LOOK_AGAIN_S)
        for item in items:
            async with peer.fetch(item) as pieces:
                async for _ in pieces:
                    pass
            await peer.confirm(item, ok=True)
            taken.add(item)


async def _read_reports(parts: PeerParts, count: int) -> None:
    """What the loop of bounces does with a mailbox, but for the node's own part of it."""
    from adapters.mail.bounces import read_bounce  # noqa: PLC0415 - of this function only
    from adapters.mail.mailbox import Mailbox  # noqa: PLC0415
    from adapters.mail.office import imap_account  # noqa: PLC0415

    assert parts.node is not None
    taken = 0
    while taken < count:
        async with Mailbox(imap_account(parts.node.settings.mail)) as mailbox:
            found = await mailbox.new()
            for received in found:
                if await asyncio.to_thread(read_bounce, received.raw) is None:
                    raise RuntimeError("no report")
            await mailbox.put_away([one.uid for one in found], [])
            taken += len(found)


def work(pipe: Connection) -> None:
    """Be the peer, until the pipe ends."""
    asyncio.run(_work(pipe))


async def _work(pipe: Connection) -> None:
    asked = pipe.recv()
    if IMAP_PASSWORD in asked:
        os.environ[IMAP_PASSWORD] = asked[IMAP_PASSWORD]
    parts = _parts(Path(asked["config"]), asked["settings"])
    partner = Partner(partner_id="bench", adapter=asked["adapter"], options=asked["options"], secrets=asked["secrets"])
    peer = make_peer(partner, parts)
    pipe.send("ready")
    try:
        while True:
            try:
                job = await asyncio.to_thread(pipe.recv)
            except EOFError:
                return
            if job["do"] == "out":
                await _push(peer, job["packages"])
            elif job["do"] == "in":
                await _take(peer, job["count"])
            else:
                await _read_reports(parts, job["count"])
            pipe.send("done")
    finally:
        await peer.close()
