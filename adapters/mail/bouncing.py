"""The loop that reads the mailbox of bounces.

Each report is taken by the exchange (durable) before it is moved away, so that a crash in between reads it again, and
the exchange finds that it knows it. A mark that this node did not make counts as no mark.
"""

import asyncio
import hashlib

import structlog

from adapters.mail.bounces import Bounce, Fate, read_bounce
from adapters.mail.links import Links, package_of
from adapters.mail.mailbox import ImapAccount, Mailbox, Received
from axis.errors import AxisError, Busy
from axis.exchange.mailbox import DELAYED, FAILED, GAVE_UP, Mailboxes, Report

log = structlog.get_logger(__name__)

_FATES = {Fate.FAILED: FAILED, Fate.GAVE_UP: GAVE_UP, Fate.DELAYED: DELAYED}
_MOST_MARKS = 20  # of one report that are looked up


class Bouncing:
    """Reads one mailbox."""

    def __init__(self, account: ImapAccount, links: Links, mailboxes: Mailboxes, poll_s: float) -> None:
        self._account = account
        self._links = links
        self._mailboxes = mailboxes
        self._poll_s = poll_s

    async def run(self) -> None:
        """Look for ever; a mailbox that cannot be reached is told once, and once that it can be again."""
        failing = False
        while True:
            try:
                while await self.work():
                    pass
                if failing:
                    log.info("bounces_reachable", host=self._account.host)
                failing = False
            except AxisError as e:
                if not failing:
                    log.warning("bounces_unreachable", host=self._account.host, error=str(e))
                failing = True
            except Exception:
                log.exception("bounces_failed")
            await asyncio.sleep(self._poll_s)

    async def work(self) -> bool:
        """One portion of what is new. Returns whether there was anything."""
        async with Mailbox(self._account) as mailbox:
            found = await mailbox.new()
            if not found:
                return False
            done: list[int] = []
            left: list[int] = []
            for received in found:
                try:
                    (done if await self._take(received) else left).append(received.uid)
                except Busy:
                    break  # the rest stays new
            await mailbox.put_away(done, left)
        return bool(done or left)

    async def _take(self, received: Received) -> bool:
        """Whether it was a report about a mail of ours."""
        bounce = await asyncio.to_thread(read_bounce, received.raw)
        report = await self._report(bounce, received) if bounce else None
        if report is None:
            return False
        news = await self._mailboxes.take_report(report)
        log.info("bounce_taken", package_id=report.package_id, fate=report.fate, news=news)
        return True

    async def _report(self, bounce: Bounce, received: Received) -> Report | None:
        for mark in bounce.marks[:_MOST_MARKS]:
            package_id = package_of(mark)
            organ_id = self._links.organ_of(mark, await self._mailboxes.organs_of(package_id))
            if organ_id is not None:
                return Report(
                    sha256_hex=hashlib.sha256(received.raw).hexdigest(),
                    package_id=package_id,
                    organ_id=organ_id,
                    fate=_FATES[bounce.fate],
                    words=bounce.words or bounce.status,
                )
        return None
