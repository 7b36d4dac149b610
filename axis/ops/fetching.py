"""Fetches what verdicts lack: CRLs, OCSP answers, issuers' certificates.

The addresses come from certificates, so from strangers: http and https only, no redirects, no private networks unless
the operator allows them, bounded time and size. What comes is kept as it came, if it is what it should be; whether it
counts is the judge's business, since CRLs and OCSP answers are signed.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import aiohttp
import structlog
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509 import ocsp

from axis.clock import Clock
from axis.exchange.checking import need_id
from axis.ops.outward import Forbidden, check_url, connector
from axis.settings import Settings
from axis.store import queries
from axis.store.hot import Hot
from axis.store.records import NeedRow, Revocation
from axis.store.spool import Spooled
from axis.store.store import Store
from axis.trust.certs import Certificate, RevocationData, read_certificates
from axis.trust.model import Need, NeedKind
from axis.trust.paths import Judge

log = structlog.get_logger(__name__)

DELAYS_S = (60, 300, 1800, 7200)
_LOOK_S = 1.0
_LEASE_S = 300
_AT_A_TIME = 4
_REFRESH_EVERY = timedelta(minutes=10)
_REFRESH_BEFORE = timedelta(hours=1)
_CHUNK_BYTES = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchBounds:
    """What a stranger's address may cost."""

    timeout_s: float = 120.0
    answer_bytes: int = 64 << 20
    private_addresses: bool = False


def fetch_bounds(settings: Settings) -> FetchBounds:
    """The bounds that the settings of a node set."""
    trust = settings.trust
    return FetchBounds(
        timeout_s=trust.fetch_timeout_s, answer_bytes=trust.fetch_bytes, private_addresses=trust.fetch_private
    )


class Unusable(Exception):
    """The answer is not what it should be, or the address may not be asked."""


UNFETCHED = (Unusable, aiohttp.ClientError, OSError, TimeoutError, ValueError)
"""What keeps evidence from being fetched; anything else is a mistake of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came, and how long it says that it holds."""

    content: bytes
    this_update: datetime | None = None
    next_update: datetime | None = None


class CurrentJudge(Protocol):
    """Gives the judge in force."""

    @property
    def current(self) -> Judge:
        """The judge in force."""
        ...


class Asking:
    """Asks for one piece of evidence at a time, within the bounds."""

    def __init__(
        self, bounds: FetchBounds, certificate: Callable[[str], Awaitable[x509.Certificate]] | None = None
    ) -> None:
        """certificate: a known certificate by its SHA-256, for questions to OCSP responders; raises Unusable."""
        self._bounds = bounds
        self._certificate = certificate or _unknown

    def session(self) -> aiohttp.ClientSession:
        """A session that reaches allowed addresses only; the caller closes it."""
        guarded = connector(private_addresses=self._bounds.private_addresses)
        return aiohttp.ClientSession(connector=guarded, timeout=aiohttp.ClientTimeout(total=self._bounds.timeout_s))

    async def fetch(self, session: aiohttp.ClientSession, need: Need | NeedRow) -> Fetched:
        """What one need asks for. Raises what UNFETCHED lists."""
        match need.kind:
            case NeedKind.CRL:
                return read_crl(await self.ask(session, need.url))
            case NeedKind.ISSUER:
                return Fetched(content=read_issuer(await self.ask(session, need.url)))
            case NeedKind.OCSP:
                request = await self._ocsp_request(need)
                return read_ocsp(await self.ask(session, need.url, request, "application/ocsp-request"))
            case _:
                raise Unusable(f"{need.kind} is not fetched here")

    async def ask(
        self, session: aiohttp.ClientSession, url: str, body: bytes | None = None, media_type: str = ""
    ) -> bytes:
        """What an address answers, within the bounds. body: is posted. Raises what UNFETCHED lists."""
        try:
            address = check_url(url, private_addresses=self._bounds.private_addresses)
        except Forbidden as e:
            raise Unusable(str(e)) from e
        method = "GET" if body is None else "POST"
        headers = {"Content-Type": media_type} if media_type else None
        async with session.request(method, address, data=body, headers=headers, allow_redirects=False) as response:
            if response.status != 200:  # noqa: PLR2004 - OK
                raise Unusable(f"HTTP {response.status}")
            content = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                content += chunk
                if len(content) > self._bounds.answer_bytes:
                    raise Unusable(f"more than {self._bounds.answer_bytes} bytes")
            return bytes(content)

    async def _ocsp_request(self, need: Need | NeedRow) -> bytes:
        certificate = await self._certificate(need.certificate_sha256)
        issuer = await self._certificate(need.issuer_sha256)
        # SHA-1 only names the certificate here, and is what every responder understands (RFC 6960).
        builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, SHA1())  # noqa: S303
        return builder.build().public_bytes(Encoding.DER)


async def _unknown(_: str) -> x509.Certificate:
    raise Unusable("the certificate to ask about is not known here")


class Fetching:
    """The loop that fetches evidence."""

    def __init__(self, store: Store, clock: Clock, judges: CurrentJudge, bounds: FetchBounds) -> None:
        self._store = store
        self._clock = clock
        self._judges = judges
        self._asking = Asking(bounds, self._certificate)
        self._refreshed_at = datetime.min.replace(tzinfo=UTC)

    async def run(self) -> None:
        """Fetch for ever; one address that fails or hangs never stops the others."""
        running: set[asyncio.Task[None]] = set()
        async with self._asking.session() as session:
            try:
                while True:
                    running |= await self._start(session, _AT_A_TIME - len(running))
                    if running:
                        _, running = await asyncio.wait(running, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                    else:
                        await asyncio.sleep(_LOOK_S)
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)

    async def work(self, session: aiohttp.ClientSession) -> bool:
        """One round, to its end: what is due now. Returns whether there was anything."""
        started = await self._start(session, _AT_A_TIME)
        await asyncio.gather(*started)
        return bool(started)

    async def _start(self, session: aiohttp.ClientSession, places: int) -> set[asyncio.Task[None]]:
        """Claim as many due needs as there are places, and begin to fetch them."""
        if places <= 0:
            return set()
        try:
            needs = await self._claim(places)
        except Exception:
            log.exception("fetching_failed")
            return set()
        return {asyncio.create_task(self._meet(session, need)) for need in needs}

    async def _claim(self, limit: int) -> tuple[NeedRow, ...]:
        await self._refresh()
        now = self._clock.now()
        if not await self._store.read(lambda c: queries.has_need_due(c, now)):
            return ()
        until = now + timedelta(seconds=_LEASE_S)
        return await self._store.write(lambda c: queries.claim_needs(c, now, until, limit))

    async def _refresh(self) -> None:
        """Ask again for what will soon be out of date."""
        now = self._clock.now()
        if now - self._refreshed_at < _REFRESH_EVERY:
            return
        self._refreshed_at = now
        current = await self._store.read(queries.current_revocation)
        stale = [
            row
            for row in current
            if row.kind == NeedKind.CRL and row.next_update is not None and row.next_update - _REFRESH_BEFORE < now
        ]
        needs = [
            NeedRow(
                need_id=need_id(row.kind, row.url, row.certificate_sha256),
                kind=row.kind,
                url=row.url,
                certificate_sha256=row.certificate_sha256,
                issuer_sha256=row.issuer_sha256,
                first_at=now,
                due_at=now,
            )
            for row in stale
        ]
        if needs:
            await self._store.write(lambda c: queries.note_needs(c, needs))

    async def _meet(self, session: aiohttp.ClientSession, need: NeedRow) -> None:
        try:
            await self._fetch(session, need)
        except Exception:
            log.exception("fetch_failed", kind=need.kind, url=need.url)

    async def _fetch(self, session: aiohttp.ClientSession, need: NeedRow) -> None:
        try:
            fetched = await self._asking.fetch(session, need)
        except UNFETCHED as e:
            delay_s = DELAYS_S[min(need.attempts, len(DELAYS_S) - 1)]
            due_at = self._clock.now() + timedelta(seconds=delay_s)
            words = f"{type(e).__name__}: {e}"[:300]
            log.warning("evidence_not_fetched", kind=need.kind, url=need.url, error=words)
            await self._store.write(lambda c: queries.put_off_need(c, need.need_id, due_at, words))
            return
        await self._keep(need, fetched)
        log.info("evidence_fetched", kind=need.kind, url=need.url, size_bytes=len(fetched.content))

    async def _keep(self, need: NeedRow, fetched: Fetched) -> None:
        now = self._clock.now()
        digest = hashlib.sha256(fetched.content).hexdigest()
        spooled = Spooled(content=fetched.content, sha256_hex=digest, size_bytes=len(fetched.content))
        await self._store.submit(Hot(inserts=(await self._store.blobs.record(spooled, now),)))
        row = Revocation(
            sha256_hex=digest,
            kind=need.kind,
            url=need.url,
            certificate_sha256=need.certificate_sha256,
            issuer_sha256=need.issuer_sha256,
            this_update=fetched.this_update,
            next_update=fetched.next_update,
            fetched_at=now,
        )
        await self._store.write(lambda c: queries.keep_revocation(c, row, need.need_id))

    async def _certificate(self, sha256_hex: str) -> x509.Certificate:
        for known in self._judges.current.trust.certificates():
            if known.sha256 == sha256_hex:
                return known.crypto
        row = await self._store.read(lambda c: queries.certificate(c, sha256_hex))
        if row is None:
            raise Unusable("the certificate to ask about is not known here")
        return x509.load_der_x509_certificate(row.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What one round of asking brought."""

    revocation: RevocationData
    issuers: tuple[Certificate, ...]  # never anchors: a stranger named their address
    failures: tuple[str, ...]  # address and why


async def ask_once(needs: Iterable[Need], known: Iterable[Certificate], bounds: FetchBounds) -> Answers:
    """Ask for everything once, without a store: for checks at a terminal.

    known: the certificates that OCSP requests may be about.
    """
    by_sha256 = {certificate.sha256: certificate.crypto for certificate in known}

    async def certificate(sha256_hex: str) -> x509.Certificate:
        if sha256_hex not in by_sha256:
            raise Unusable("the certificate to ask about is not known here")
        return by_sha256[sha256_hex]

    asking = Asking(bounds, certificate)
    found: dict[NeedKind, list[bytes]] = {kind: [] for kind in NeedKind}
    failures = []
    async with asking.session() as session:
        for need in needs:
            try:
                found[need.kind].append((await asking.fetch(session, need)).content)
            except UNFETCHED as e:
                failures.append(f"{need.url}: {type(e).__name__} {e}".rstrip())
    issuers = [c for content in found[NeedKind.ISSUER] for c in read_certificates(content) if not c.self_signed]
    return Answers(
        revocation=RevocationData(crls=tuple(found[NeedKind.CRL]), ocsps=tuple(found[NeedKind.OCSP])),
        issuers=tuple(issuers),
        failures=tuple(failures),
    )


def read_crl(content: bytes) -> Fetched:
    """A CRL, in DER. Raises ValueError when it is none."""
    pem = content.lstrip().startswith(b"-----BEGIN")
    crl = x509.load_pem_x509_crl(content) if pem else x509.load_der_x509_crl(content)
    return Fetched(
        content=crl.public_bytes(Encoding.DER), this_update=crl.last_update_utc, next_update=crl.next_update_utc
    )


def read_ocsp(content: bytes) -> Fetched:
    """A successful OCSP answer. Raises Unusable, ValueError."""
    answer = ocsp.load_der_ocsp_response(content)
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise Unusable(f"OCSP answered {answer.response_status.name}")
    return Fetched(content=content, this_update=answer.this_update_utc, next_update=answer.next_update_utc)


def read_issuer(content: bytes) -> bytes:
    """The certificates of a DER, PEM or PKCS#7 file, as one PEM file. Raises ValueError."""
    if content.lstrip().startswith(b"-----BEGIN"):
        found = x509.load_pem_x509_certificates(content)
    else:
        try:
            found = [x509.load_der_x509_certificate(content)]
        except ValueError:
            found = pkcs7.load_der_pkcs7_certificates(content)
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in found)
