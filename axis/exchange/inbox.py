"""Packages come from a partner that has a list for us: polled, accepted like any other, confirmed once durable here.

A crash between accepting and confirming leads to a repeat, which gets the first answer. What cannot be accepted is
audited and answered "fail", so that the partner knows and one bad item never stops the others.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from axis.delivery.peer import Converts, Incoming, Peer, PutsAside, Unconverted
from axis.errors import AxisError, Busy, PeerRefused, PeerUnreachable
from axis.exchange.context import Context
from axis.exchange.originals import Received
from axis.exchange.partners import Line, Partners
from axis.exchange.service import Exchange
from axis.exchange.values import Source
from axis.ids import SystemId
from axis.store.spool import Spooled
from axis.terms import Origin

log = structlog.get_logger(__name__)

_LOOK_S = 0.5  # between two looks at who the partners are


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxPolicy:
    """How one partner is polled."""

    poll_interval_s: float = 5.0
    most_wait_s: float = 300.0  # the pause doubles with each failed round, up to this


class Inbox:
    """The polling loop of one partner."""

    def __init__(self, context: Context, exchange: Exchange, peer: Peer, source: Source, policy: InboxPolicy) -> None:
        self._context = context
        self._exchange = exchange
        self._peer = peer
        self._source = source
        self._policy = policy

    async def run(self) -> None:
        """Poll for ever."""
        failures = 0
        while True:
            try:
                taken = await self.poll()
                failures = 0
            except (PeerUnreachable, PeerRefused, Busy) as e:
                taken, failures = 0, failures + 1
                log.warning("poll_failed", partner=self._source.system_id, error=str(e)[:500], failures=failures)
            except Exception:
                taken, failures = 0, failures + 1
                log.exception("inbox_failed", partner=self._source.system_id)
            if not taken:
                pause = self._policy.poll_interval_s * 2 ** min(failures, 10)
                await asyncio.sleep(min(pause, max(self._policy.most_wait_s, self._policy.poll_interval_s)))

    async def poll(self) -> int:
        """One round: take everything in the partner's list, in its order. Returns how many items were taken."""
        self._exchange.check_intake()
        taken = 0
        for item in await self._peer.poll():
            with structlog.contextvars.bound_contextvars(request_id=self._context.new_id(), peer_ref=item.ref):
                taken += await self._take(item)
        return taken

    async def _take(self, item: Incoming) -> bool:
        try:
            await self._accept(item)
        except (PeerUnreachable, Busy):
            raise
        except AxisError as e:
            log.warning("item_refused", partner=self._source.system_id, code=e.code)
            if isinstance(self._peer, PutsAside):
                await self._peer.put_aside(item, e)
            else:
                await self._peer.confirm(item, ok=False)
            return False
        except Exception:
            log.exception("item_failed", partner=self._source.system_id)  # our fault: it stays in the partner's list
            return False
        await self._peer.confirm(item, ok=True)
        return True

    async def _accept(self, item: Incoming) -> None:
        limit = self._context.policy.limits.package_bytes
        async with self._context.store.spool(limit_bytes=limit) as spool:
            async with self._peer.fetch(item) as chunks:
                async for chunk in chunks:
                    await spool.write(chunk)
                spooled = await spool.finish(drop_crlf=False)
                original = self._peer.unconverted(item) if isinstance(self._peer, Converts) else None
                if original is not None:  # it goes when the context is left
                    await self._accept_converted(original, spooled)
                    return
            await self._exchange.accept(self._source, spooled)

    async def _accept_converted(self, original: Unconverted, spooled: Spooled) -> None:
        """Take a package in, and keep what it was made of beside it."""
        await self._exchange.accept(self._source, spooled)
        received = Received(
            spooled=original.spooled,
            form=original.form,
            converted_by=original.converted_by,
            system_id=self._source.system_id,
            findings=original.findings,
        )
        await self._exchange.keep_original(received, original.from_code, spooled.sha256_hex)


class Inboxes:
    """The polling loops of all partners that have a list for us; they follow the configuration."""

    def __init__(
        self, context: Context, exchange: Exchange, partners: Partners, policy_of: Callable[[str], InboxPolicy]
    ) -> None:
        """policy_of: how the partner of an id is polled."""
        self._context = context
        self._exchange = exchange
        self._partners = partners
        self._policy_of = policy_of

    async def run(self, may_call: Callable[[str], bool]) -> None:
        """Keep one loop for each partner, for ever. may_call: whether it may be called now."""
        running: dict[Line, asyncio.Task[None]] = {}
        try:
            while True:
                lines = [line for line in self._partners.lines() if line.peer.polls and may_call(line.partner_id)]
                for line in [line for line in running if line not in lines]:
                    running.pop(line).cancel()
                for line in lines:
                    if line not in running:
                        running[line] = asyncio.create_task(self._poll(line))
                await asyncio.sleep(_LOOK_S)
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def _poll(self, line: Line) -> None:
        origin = Origin.UPLINK if line.is_uplink else Origin.LOCAL
        source = Source(system_id=SystemId(line.partner_id), origin=origin)
        with line.use() as peer:
            await Inbox(self._context, self._exchange, peer, source, self._policy_of(line.partner_id)).run()
