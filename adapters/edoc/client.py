"""Our end where we call a neighbour axis of this kind, or a DMS that takes documents by it.

What the dialect carries is edXML 1.0: packages are converted on the way out and composed on the way in, the same bytes
for the same answer, so that the exchange finds every repeat. There is no word for "could not be taken": such an item
stays in the partner's list, and is left alone for a while.

Peer: some axes give each trace only once. Until the exchange has one it is kept here, in memory; nothing else is.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import structlog

from adapters.edoc.calls import EdocCalls, EdocClientOptions, bounded
from adapters.edoc.multipart import make_multipart, with_safe_ids
from adapters.edoc.opened import Converted, compose_document
from adapters.edoc.originals import CONVERTER, blanked, traces_as_received
from adapters.edoc.replies import Organization, ids_in, organizations_in, read_reply, statuses_in
from adapters.edoc.soap import one_of, text_of
from adapters.edoc.wire import Operation, text_element, write_envelope
from axis.clock import Clock
from axis.delivery.peer import Bytes, Incoming, Outgoing, ReceiverState, Sent, Unconverted
from axis.edxml.dates import write_timestamp
from axis.edxml.model import DocumentPackage, Finding, Package, StatusPackage
from axis.edxml.reader import read
from axis.edxml.skeleton import Node
from axis.edxml.v1 import FORM, read_status, write_document, write_manifest, write_status
from axis.edxml.writer import to_bytes
from axis.errors import Internal, Malformed, PeerRefused, PeerUnreachable
from axis.organ.sync import ListedOrgan, OrganList
from axis.pieces import byte_pieces, file_pieces
from axis.store.spool import Spool, Spooled
from axis.terms import PackageKind

log = structlog.get_logger(__name__)

_TRACE = "trace:"
_MARGIN = timedelta(minutes=10)  # asked again for so much of what we have: their clock may differ
_KNOWN_MARGIN = timedelta(seconds=60)  # the same where their answers say what their clock shows
_LEFT_ALONE = timedelta(hours=1)  # an item that could not be taken
_INLINE_BYTES = 64 << 10  # what is larger is converted in a thread
_MAX_REF = 300  # characters of somebody's DocumentId
_MOST_SEEN = 10_000  # traces remembered as taken


class EdocClient:
    """Calls one endpoint as one organisation. Implements `Peer` and `RegistrySource` of `axis.delivery.peer`.

    Every call raises PeerRefused or PeerUnreachable.
    """

    def __init__(self, options: EdocClientOptions, session: aiohttp.ClientSession | None, clock: Clock) -> None:
        """session: shared with others, and left open by close; None: one of our own, made at the first call."""
        self._options = options
        self._calls = EdocCalls(options, session, clock)
        self._clock = clock
        self._traces: dict[str, bytes] = {}  # by ref: statuses that the exchange does not have yet
        self._taken: dict[str, None] = {}  # refs that it has, newest last
        self._read_until: datetime | None = None  # the moment up to which it has them all
        self._asked_at: datetime | None = None  # when the list was last read
        self._unconverted: dict[str, Unconverted] = {}  # by ref: of items that are being fetched, and of traces
        self._refused: dict[str, datetime] = {}  # documents that could not be taken, and until when they are left alone

    @property
    def polls(self) -> bool:
        """Whether the partner's list for us is looked into."""
        return self._options.polls

    @property
    def tells_receivers(self) -> bool:
        """The dialect has no question for that; status 01 tells it."""
        return False

    async def close(self) -> None:
        """Let go of connections."""
        await self._calls.close()

    async def health(self) -> None:
        """A real, harmless round trip: whether we are let in."""
        header = f"    <edXML:CheckPermission>{self._credentials}</edXML:CheckPermission>\n"
        await self._ask(Operation.CHECK_PERMISSION, header, "")

    async def receivers(self, ref: str) -> tuple[ReceiverState, ...]:  # noqa: ARG002 - the port's signature
        """Nothing: see tells_receivers."""
        return ()

    # ── Out of our hands ───────────────────────────────────────────────────────────────────────────────────────

    async def send(self, outgoing: Outgoing, content: Bytes) -> Sent:
        """Push a package. What reading `content` raises comes out as it is."""
        async with self._copied(outgoing, content) as (spooled, folder):
            package = await self._read(spooled, folder)
            if isinstance(package, StatusPackage):
                return await self._send_status(package, outgoing)
            return await self._send_document(package, outgoing)

    async def _send_document(self, package: DocumentPackage, outgoing: Outgoing) -> Sent:
        files = with_safe_ids(package.attachments)
        version = self._options.version
        header = write_document(package.header) + "    <edXML:ErrorList/>\n" + self._signature
        body = make_multipart(version, write_envelope(version, header, write_manifest(files)), files)
        try:
            async with self._calls.call(Operation.SEND_DOCUMENT, body, outgoing.request_id) as opened:
                return Sent(ref=text_of(read_reply(opened.envelope, Operation.SEND_DOCUMENT), "DocumentId")[:_MAX_REF])
        except PeerRefused as e:
            if self._options.exists_is_sent and "M.Exist" in e.peer_code.split(","):
                return Sent(ref="")
            raise

    async def _send_status(self, package: StatusPackage, outgoing: Outgoing) -> Sent:
        body = write_status(package.header)
        await self._ask(Operation.UPDATE_TRACES, self._signature, body, request_id=outgoing.request_id)
        return Sent(ref="")

    @asynccontextmanager
    async def _copied(self, outgoing: Outgoing, content: Bytes) -> AsyncIterator[tuple[Spooled, Path]]:
        """The package where it can be read at any place, and a folder for its files."""
        scratch = self._options.scratch
        with TemporaryDirectory(prefix="edoc-", dir=scratch, ignore_cleanup_errors=True) as folder:
            async with Spool(scratch, limit_bytes=outgoing.size_bytes) as spool:
                async for chunk in content():
                    await spool.write(chunk)
                spooled = await spool.finish()
                if spooled.sha256_hex != outgoing.sha256_hex:
                    raise Internal("a stored package has another digest than recorded")
                yield spooled, Path(folder)

    async def _read(self, spooled: Spooled, folder: Path) -> Package:
        if spooled.size_bytes <= _INLINE_BYTES:
            return read(spooled.content, limits=self._options.limits)
        return await asyncio.to_thread(read, spooled.content, limits=self._options.limits, spool_dir=folder)

    # ── For us ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def poll(self) -> tuple[Incoming, ...]:
        """What waits for us there: documents first, then statuses."""
        now = self._clock.now()
        self._refused = {ref: until for ref, until in self._refused.items() if until > now}
        documents = [ref for ref in await self.pending_ids() if _is_usable(ref) and ref not in self._refused]
        await self._read_traces(now)
        return (
            *(Incoming(ref=ref, kind=PackageKind.DOCUMENT) for ref in dict.fromkeys(documents)),
            *(Incoming(ref=ref, kind=PackageKind.STATUS) for ref in self._traces),
        )

    async def pending_ids(self) -> tuple[str, ...]:
        """Ids of documents that wait for us there."""
        body = f"    <GetPendingDocumentIdsRequest>{self._plain_credentials}</GetPendingDocumentIdsRequest>\n"
        return ids_in(await self._ask(Operation.PENDING_IDS, "", body))

    async def traces(self, since: datetime | None = None) -> tuple[Node, ...]:
        """Statuses for us: from a moment on, or those that we have not confirmed by naming a later one."""
        return tuple(node for node, _ in await self._told(since))

    async def _told(self, since: datetime | None) -> tuple[tuple[Node, Spooled | None], ...]:
        """The same, each with its bytes in the answer."""
        named = "" if since is None else f"<TimeStamp>{write_timestamp(since)}</TimeStamp>"
        body = f"    <GetTraces>{self._plain_credentials}{named}</GetTraces>\n"
        envelope = write_envelope(self._options.version, "", body)
        async with bounded(self._options), self._calls.call(Operation.GET_TRACES, envelope) as opened:
            statuses = statuses_in(read_reply(opened.envelope, Operation.GET_TRACES))
            raw = await asyncio.to_thread(traces_as_received, opened.content, len(statuses), self._options.token)
        return tuple(zip(statuses, raw, strict=True))

    async def _read_traces(self, now: datetime) -> None:
        if not self._traces:
            self._read_until = self._asked_at
        since = None if self._read_until is None else self._there(self._read_until)
        for node, came_as in await self._told(since):
            try:
                said = read_status(node)
                raw = to_bytes(StatusPackage(header=said.header))
            except Malformed as e:
                log.warning("trace_unreadable", code=e.code, at=e.at)
                continue
            ref = f"{_TRACE}{sha256(raw).hexdigest()[:32]}"
            if ref not in self._taken:
                self._traces[ref] = raw
                if came_as is not None:
                    sender = said.header.sender.organ_id
                    self._unconverted[ref] = _as_received(came_as, Operation.GET_TRACES, sender, said.findings)
        self._asked_at = now

    def _there(self, moment: datetime) -> datetime:
        """A moment that surely is none of theirs after it. Naming it says that we have what came before."""
        ahead = self._calls.ahead
        if ahead is None or abs(ahead) > _MARGIN:  # some answers are dated by another machine, which is no help then
            return moment - _MARGIN
        return moment + ahead - _KNOWN_MARGIN

    @asynccontextmanager
    async def fetch(self, item: Incoming) -> AsyncIterator[AsyncIterator[bytes]]:
        """Stream one item as a package of QCVN 102. Raises Malformed for a document that is none."""
        if item.kind is PackageKind.STATUS:
            if (raw := self._traces.get(item.ref)) is None:
                raise PeerUnreachable("a trace that is not there any more")
            yield _whole(raw)
            return
        async with self._document(item.ref) as (converted, original):
            self._unconverted[item.ref] = original
            try:
                async with aclosing(_pieces(converted.spooled.content)) as pieces:
                    yield pieces
            finally:
                self._unconverted.pop(item.ref, None)

    def unconverted(self, item: Incoming) -> Unconverted | None:
        """The partner's answer that a document was made of, or the Status that a trace was."""
        return self._unconverted.get(item.ref)

    @asynccontextmanager
    async def document(self, document_id: str) -> AsyncIterator[Spooled]:
        """One document as a package of QCVN 102, until the context is left. Raises Malformed too."""
        async with self._document(document_id) as (converted, _):
            yield converted.spooled

    @asynccontextmanager
    async def _document(self, document_id: str) -> AsyncIterator[tuple[Converted, Unconverted]]:
        inside = f"{self._plain_credentials}<DocumentId>{_plain('DocumentId', document_id)}</DocumentId>"
        version = self._options.version
        request = write_envelope(version, "", f"    <GetDocumentRequest>{inside}</GetDocumentRequest>\n")
        limits, scratch = self._options.limits, self._options.scratch
        with TemporaryDirectory(prefix="edoc-", dir=scratch, ignore_cleanup_errors=True) as name:
            async with self._calls.call(Operation.GET_DOCUMENT, request) as opened:
                if one_of(opened.envelope.body, "Manifest", "Body") is None:
                    read_reply(opened.envelope, Operation.GET_DOCUMENT)
                    raise PeerUnreachable("neither a document nor a refusal")
                converted = await asyncio.to_thread(compose_document, opened, limits, Path(name))
                if converted.findings:
                    log.warning("conversion_findings", findings=[f"{f.code} {f.at}" for f in converted.findings[:10]])
                kept = await asyncio.to_thread(blanked, opened.content, opened.envelope_start, self._options.token)
                yield converted, _as_received(kept, Operation.GET_DOCUMENT, converted.from_code, converted.findings)

    async def confirm(self, item: Incoming, *, ok: bool) -> None:
        """Tell the partner that we hold a document. Of what could not be taken it hears nothing."""
        if item.kind is PackageKind.STATUS:
            self._traces.pop(item.ref, None)
            self._unconverted.pop(item.ref, None)
            self._taken[item.ref] = None
            while len(self._taken) > _MOST_SEEN:
                del self._taken[next(iter(self._taken))]
        elif ok:
            await self.confirm_received(item.ref)
        else:
            self._refused[item.ref] = self._clock.now() + _LEFT_ALONE

    async def confirm_received(self, document_id: str) -> None:
        """Take a document off the list; the axis tells its sender 01."""
        inside = f"{self._plain_credentials}<DocumentId>{_plain('DocumentId', document_id)}</DocumentId>"
        await self._ask(Operation.CONFIRM, "", f"    <ConfirmReceived>{inside}</ConfirmReceived>\n")

    # ── Organisations ──────────────────────────────────────────────────────────────────────────────────────────

    async def organizations(self) -> tuple[Organization, ...]:
        """All organisations there."""
        body = f"    <GetOrganizations>{self._plain_credentials}</GetOrganizations>\n"
        return organizations_in(await self._ask(Operation.ORGANIZATIONS, "", body))

    async def organs(self, *, since: int = 0, level: int | None = None) -> OrganList:  # noqa: ARG002 - the dialect tells all
        """The axis's registry, as `axis.delivery.peer.RegistrySource` wants it."""
        listed = [one for one in await self.organizations() if one.organ_id]
        codes = {one.organ_id for one in listed}
        names = {one.name: one.organ_id for one in listed}
        return OrganList(
            organs=tuple(
                ListedOrgan(
                    code=one.organ_id,
                    name=one.name,
                    # Peer: OrganizationInCharge is a code, or the name of the body above.
                    parent_code=one.above if one.above in codes else names.get(one.above, ""),
                    level=None,
                    email=one.email or None,
                    old_codes=(),
                    closed=False,
                    is_unit=None,
                )
                for one in listed
            )
        )

    async def _ask(self, operation: Operation, header: str, body: str, *, request_id: str = "") -> Node:
        """A call without files. Returns the answer's wrapper."""
        envelope = write_envelope(self._options.version, header, body)
        async with bounded(self._options), self._calls.call(operation, envelope, request_id) as opened:
            return read_reply(opened.envelope, operation)

    @property
    def _credentials(self) -> str:
        return text_element("OrganId", self._options.organ_id) + text_element("Token", self._options.token)

    @property
    def _plain_credentials(self) -> str:
        """Peer: bodies other than SendDocument's stand in no namespace."""
        return self._credentials.replace("edXML:OrganId>", "OrganId>").replace("edXML:Token>", "Token>")

    @property
    def _signature(self) -> str:
        return f"    <edXML:Signature><edXML:KeyInfo>{self._credentials}</edXML:KeyInfo></edXML:Signature>\n"


def _as_received(kept: Spooled, operation: Operation, from_code: str, findings: tuple[Finding, ...]) -> Unconverted:
    """What is kept beside a package."""
    return Unconverted(
        spooled=kept,
        form=f"{FORM}, {operation.value}",
        converted_by=CONVERTER,
        from_code=from_code,
        findings=findings,
    )


def _plain(name: str, value: str) -> str:
    """A text as XML has it."""
    return text_element(name, value).removeprefix(f"<edXML:{name}>").removesuffix(f"</edXML:{name}>")


async def _whole(raw: bytes) -> AsyncGenerator[bytes]:
    yield raw


def _pieces(content: bytes | Path) -> AsyncGenerator[bytes]:
    return byte_pieces(content) if isinstance(content, bytes) else file_pieces(content)


def _is_usable(ref: str) -> bool:
    """Whether a partner's id can be handed back to it."""
    return 0 < len(ref) <= _MAX_REF and ref.isprintable()
