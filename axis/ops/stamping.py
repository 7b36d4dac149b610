"""Fetches timestamps (RFC 3161) for what the node signs: afterwards, since an answer may take two minutes.

A package is never changed, so its timestamp stands beside it: over the package's exact bytes, kept as the token came,
with a leaf in the evidence. A package whose signature was judged is judged again with it. What fails is owed, put off
with back-off, and tried for ever.

Norm: RFC 3161.
"""

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
import structlog
from sqlalchemy import Connection

from axis.clock import Clock
from axis.errors import Code, Rejected
from axis.evidence.leaf import LeafKind, make_leaf
from axis.exchange.checking import need_row
from axis.ops.fetching import DELAYS_S, UNFETCHED, Asking, CurrentJudge, FetchBounds, Unusable
from axis.store import queries
from axis.store.hot import Hot
from axis.store.records import NeedRow, TimeProof
from axis.store.spool import Spooled
from axis.store.store import Store
from axis.trust.paths import Judge
from axis.trust.timestamps import MAX_REPLY_BYTES, Ask, TimestampFinding, TimestampRequest, build_request, check_reply

log = structlog.get_logger(__name__)

QUERY_TYPE = "application/timestamp-query"
_LOOK_S = 1.0
_LEASE_S = 300
_AT_A_TIME = 4


class Authority:
    """A timestamp authority, reached within the bounds of everything that is fetched."""

    def __init__(self, url: str, bounds: FetchBounds) -> None:
        self.url = url
        self._asking = Asking(replace(bounds, answer_bytes=min(bounds.answer_bytes, MAX_REPLY_BYTES)))

    def session(self) -> aiohttp.ClientSession:
        """A session that reaches allowed addresses only; the caller closes it."""
        return self._asking.session()

    async def ask(self, session: aiohttp.ClientSession, request: TimestampRequest) -> bytes:
        """Its reply, not looked at yet. Raises what UNFETCHED lists."""
        return await self._asking.ask(session, self.url, request.der, QUERY_TYPE)

    async def stamp(
        self, session: aiohttp.ClientSession, data: bytes, judge: Judge, at: datetime
    ) -> tuple[bytes, TimestampFinding]:
        """A token over data, and what it proves. Raises what UNFETCHED lists, for an answer that proves nothing too."""
        request = build_request(data)
        reply = await self.ask(session, request)
        token, finding = await asyncio.to_thread(check_reply, reply, request, judge, at)
        if not token:
            raise Unusable("; ".join(check.reason_en for check in finding.checks))
        return token, finding


def asking(url: str, bounds: FetchBounds) -> Ask:
    """Asks an authority from a thread without a loop: for signing at a terminal."""
    authority = Authority(url, bounds)

    async def once(request: TimestampRequest) -> bytes:
        async with authority.session() as session:
            return await authority.ask(session, request)

    def ask(request: TimestampRequest) -> bytes:
        try:
            return asyncio.run(once(request))
        except UNFETCHED as e:
            raise Rejected(Code.TIMESTAMP_MISSING, f"{url}: {type(e).__name__} {e}".rstrip()) from e

    return ask


class Stamping:
    """The loop that fetches timestamps."""

    def __init__(self, store: Store, clock: Clock, judges: CurrentJudge, authority: Authority) -> None:
        """authority: is asked, whichever was set when a timestamp began to be owed."""
        self._store = store
        self._clock = clock
        self._judges = judges
        self._authority = authority

    async def run(self) -> None:
        """Fetch for ever; a failure is logged and survived."""
        async with self._authority.session() as session:
            while True:
                try:
                    busy = await self.work(session)
                except Exception:
                    log.exception("stamping_failed")
                    busy = False
                if not busy:
                    await asyncio.sleep(_LOOK_S)

    async def work(self, session: aiohttp.ClientSession) -> bool:
        """One round: what is due now. Returns whether there was anything."""
        now = self._clock.now()
        if not await self._store.read(lambda c: queries.has_need_due(c, now, stamps=True)):
            return False
        until = now + timedelta(seconds=_LEASE_S)
        needs = await self._store.write(lambda c: queries.claim_needs(c, now, until, _AT_A_TIME, stamps=True))
        await asyncio.gather(*(self._meet(session, need) for need in needs))
        return bool(needs)

    async def _meet(self, session: aiohttp.ClientSession, need: NeedRow) -> None:
        data = await self._store.blobs.read_bytes(need.certificate_sha256)
        judge, now = self._judges.current, self._clock.now()
        try:
            token, finding = await self._authority.stamp(session, data, judge, now)
        except UNFETCHED as e:
            due_at = self._clock.now() + timedelta(seconds=DELAYS_S[min(need.attempts, len(DELAYS_S) - 1)])
            words = f"{type(e).__name__}: {e}"[:300]
            log.warning("timestamp_not_fetched", url=self._authority.url, sha256=need.certificate_sha256, error=words)
            await self._store.write(lambda c: queries.put_off_need(c, need.need_id, due_at, words))
            return
        await self._keep(need, token, finding)
        log.info("timestamp_fetched", url=self._authority.url, sha256=need.certificate_sha256)

    async def _keep(self, need: NeedRow, token: bytes, finding: TimestampFinding) -> None:
        now = self._clock.now()
        digest = hashlib.sha256(token).hexdigest()
        spooled = Spooled(content=token, sha256_hex=digest, size_bytes=len(token))
        await self._store.submit(Hot(inserts=(await self._store.blobs.record(spooled, now),)))
        proven_at = finding.proven_at or now  # a token that proves nothing does not get here
        proof = TimeProof(
            sha256_hex=need.certificate_sha256,
            token_sha256=digest,
            authority=finding.authority,
            proven_at=proven_at,
            fetched_at=now,
        )
        fields = {
            "sha256": proof.sha256_hex,
            "token_sha256": digest,
            "authority": proof.authority,
            "proven_at": proven_at.astimezone(UTC).isoformat(),
        }
        leaf = make_leaf(LeafKind.TIME_PROVEN, now, fields)
        missing = [need_row(lacking, now) for lacking in finding.needs]  # the authority's own CRL, say

        def keep(conn: Connection) -> None:
            queries.keep_time_proof(conn, proof, need.need_id, leaf)
            queries.note_needs(conn, missing)

        await self._store.write(keep)
