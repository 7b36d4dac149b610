"""Our end of VXP where we call: the peer towards another axis, and a DMS's client for demo, command line, tests.

On the wire it behaves like the vendor's client. It reads leniently and verifies only the shape of what it gets: what a
package is worth, the exchange decides. PeerRefused carries the partner's ErrorCode (`errors.RETRYABLE` says which can
be tried again); everything that is not an answer is PeerUnreachable.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import date
from functools import partial
from pathlib import Path

import aiohttp
import structlog
from aiohttp import hdrs

from adapters.answers import chunks
from adapters.vxp import exchange_rows
from adapters.vxp.calls import JSON_TYPE, Call, NoSuchOperation, Upload, VxpCalls, VxpClientOptions, read_whole
from adapters.vxp.edoc_json import EdocReader
from adapters.vxp.organs import organ_list, parents_are_listed
from adapters.vxp.replies import Agency, ReceivedItem, SentItem, read_agency, read_received, read_reply, read_sent
from adapters.vxp.wire import CRLF, MESSAGE_TYPES, SERVICE_TYPE, Operation, write_file_hash
from axis.clock import Clock
from axis.collector import collection_put_off
from axis.delivery.ledger import DayDigest, Direction, Found, Item
from axis.delivery.peer import Bytes, Incoming, Outgoing, ReceiverState, Sent
from axis.errors import PeerRefused, PeerUnreachable
from axis.exchange.values import Acknowledgement
from axis.organ.sync import OrganList
from axis.pieces import PIECE_BYTES, byte_pieces, file_pieces
from axis.terms import PackageKind

log = structlog.get_logger(__name__)

Write = Callable[[bytes], object]
"""Takes the next bytes of a package: the `write` of a file or buffer."""

_MAX_AGENCIES_BYTES = 32 << 20  # all organisations of a country
_MAX_REFUSAL_BYTES = 64 << 10  # of JSON in the place of a file
_MAX_LEVEL = 4  # of organisations
_MAX_REF = 300  # characters of somebody's docId


class VxpClient:
    """Calls one VXP endpoint as one system. Implements `Peer` and `RegistrySource` of `axis.delivery.peer`.

    Every call raises PeerRefused or PeerUnreachable.
    """

    def __init__(self, options: VxpClientOptions, session: aiohttp.ClientSession | None, clock: Clock) -> None:
        """session: shared with others, and left open by close; None: one of our own, made at the first call."""
        self._options = options
        self._calls = VxpCalls(options, session, clock)

    @property
    def polls(self) -> bool:
        """Whether the partner's list for us is looked into."""
        return self._options.polls

    @property
    def tells_receivers(self) -> bool:
        """The dialect can be asked how far receivers have come."""
        return True

    async def close(self) -> None:
        """Let go of connections."""
        await self._calls.close()

    async def health(self) -> None:
        """A real, harmless round trip: ask how many documents wait."""
        await self.count_received(PackageKind.DOCUMENT)

    # ── Packages out of our hands ──────────────────────────────────────────────────────────────────────────────

    async def send(self, outgoing: Outgoing, content: Bytes) -> Sent:
        """Push a package. What reading `content` raises comes out as it is."""
        upload = Upload(outgoing.size_bytes, content)
        return Sent(ref=await self._send_edoc(outgoing.kind, outgoing.sha256_hex, upload, outgoing.request_id))

    async def send_edoc(self, package: bytes | Path, kind: PackageKind = PackageKind.DOCUMENT) -> str:
        """Hand in a package from memory or from a file. Returns the axis's id for it."""
        if isinstance(package, bytes):
            sha256_hex = hashlib.sha256(package).hexdigest()
            small = len(package) <= PIECE_BYTES
            body = package + CRLF if small else Upload(len(package), partial(byte_pieces, package))
            return await self._send_edoc(kind, sha256_hex, body)
        size_bytes, sha256_hex = await asyncio.to_thread(_measure, package)
        return await self._send_edoc(kind, sha256_hex, Upload(size_bytes, partial(file_pieces, package)))

    async def _send_edoc(self, kind: PackageKind, sha256_hex: str, body: bytes | Upload, request_id: str = "") -> str:
        reply = await self._calls.reply(
            Call(
                operation=Operation.SEND_EDOC,
                headers={
                    "from": self._options.from_code or self._options.system_id,
                    "servicetype": SERVICE_TYPE,
                    "messagetype": MESSAGE_TYPES[kind],
                    "hash-file": write_file_hash(sha256_hex),
                },
                body=body,
                content_type="application/octet-stream",
                request_id=request_id,
            )
        )
        return reply.doc_id

    async def sent_list(self, doc_id: str) -> tuple[SentItem, ...]:
        """How the receivers of a package that we sent fare, by the id that sending it returned."""
        reply = await self._calls.reply(Call(operation=Operation.SENT_LIST, headers={"docId": doc_id}))
        return tuple(read_sent(row) for row in reply.rows)

    async def receivers(self, ref: str) -> tuple[ReceiverState, ...]:
        """How far the receivers of a pushed package have come. Acknowledged: the partner says `done`."""
        return tuple(
            ReceiverState(
                organ_code=item.to_code,
                acknowledged=item.is_acknowledged,
                words=item.receive_status_desc or item.receive_status,
            )
            for item in await self.sent_list(ref)
            if item.to_code
        )

    # ── Packages for us ────────────────────────────────────────────────────────────────────────────────────────

    async def poll(self) -> tuple[Incoming, ...]:
        """What waits for us there: documents first, then statuses."""
        waiting: list[Incoming] = []
        for kind in (PackageKind.DOCUMENT, PackageKind.STATUS):
            for item in await self.received_list(kind):
                if _is_usable(item.doc_id):
                    waiting.append(Incoming(ref=item.doc_id, kind=item.kind or kind))
                else:
                    log.warning("item_without_usable_id", kind=kind, characters=len(item.doc_id))
        return tuple(dict.fromkeys(waiting))

    async def received_list(self, kind: PackageKind = PackageKind.DOCUMENT) -> tuple[ReceivedItem, ...]:
        """What waits for us there, of one kind."""
        reply = await self._calls.reply(
            Call(
                operation=Operation.RECEIVED_LIST,
                headers={"servicetype": SERVICE_TYPE, "messagetype": MESSAGE_TYPES[kind]},
            )
        )
        return tuple(read_received(row) for row in reply.rows)

    @asynccontextmanager
    async def fetch(self, item: Incoming) -> AsyncIterator[AsyncIterator[bytes]]:
        """Stream one item's exact bytes."""
        async with self.open_package(item.ref, self._options.fetch_by) as pieces:
            yield pieces

    @asynccontextmanager
    async def open_package(
        self, doc_id: str, by: Operation = Operation.GET_EDOC
    ) -> AsyncIterator[AsyncGenerator[bytes]]:
        """Stream a package. A refusal is raised on entering; a stream that breaks off, while it is read."""
        download = by is Operation.DOWNLOAD_EDOC
        call = Call(
            operation=by,
            headers={"docId": doc_id},
            body=b"" if download else b"{}",
            method=hdrs.METH_GET if download else hdrs.METH_POST,
        )
        read = _file if download else _decoded
        async with self._calls.open(call) as response, aclosing(read(response)) as pieces:
            first = await anext(pieces, b"")
            yield _rejoined(first, pieces)

    async def get_edoc(self, doc_id: str, write: Write) -> int:
        """Fetch a package as base64 in JSON. Returns its size."""
        return await self._copy(doc_id, Operation.GET_EDOC, write)

    async def download_edoc(self, doc_id: str, write: Write) -> int:
        """Fetch a package as it is. Returns its size."""
        return await self._copy(doc_id, Operation.DOWNLOAD_EDOC, write)

    async def _copy(self, doc_id: str, by: Operation, write: Write) -> int:
        size_bytes = 0
        async with self.open_package(doc_id, by) as pieces:
            async for piece in pieces:
                write(piece)
                size_bytes += len(piece)
        return size_bytes

    async def confirm(self, item: Incoming, *, ok: bool) -> None:
        """Tell the partner that we hold the item durably (ok), or could not take it."""
        await self.update_status(item.ref, Acknowledgement.DONE if ok else Acknowledgement.FAIL)

    async def update_status(self, doc_id: str, word: str) -> None:
        """Acknowledge an item of the list."""
        await self._calls.reply(
            Call(operation=Operation.UPDATE_STATUS, headers={"docId": doc_id, "status": word}, body=b"{}")
        )

    async def count_received(self, kind: PackageKind) -> int:
        """How many packages of a kind wait for us."""
        operation = Operation.COUNT_EDOC if kind is PackageKind.DOCUMENT else Operation.COUNT_STATUS
        return (await self._calls.reply(Call(operation=operation))).count

    # ── Comparing days (ours: axis.delivery.reconciler.Reconciler) ─────────────────────────────────────────────

    async def day_digests(self, day: date) -> tuple[DayDigest, ...] | None:
        """The partner's lists of a day in short; None: it does not know the operation."""
        call = Call(operation=Operation.EXCHANGE_DIGEST, headers={"day": day.isoformat()})
        try:
            reply = await self._calls.reply(call)
        except NoSuchOperation:
            return None
        except PeerRefused:
            await self.health()  # credentials or a sick node are errors; else it refuses only what it does not know
            return None
        return tuple(exchange_rows.read_digest(row) for row in reply.rows)

    async def day_items(self, day: date, direction: Direction) -> AsyncGenerator[Item]:
        """The partner's list of a day in one direction."""
        after = ""
        while True:
            headers = {"day": day.isoformat(), "direction": direction.value}
            call = Call(
                operation=Operation.EXCHANGE_ITEMS,
                headers=headers | ({"after": after} if after else {}),
                max_reply_bytes=exchange_rows.MAX_PAGE_BYTES,
            )
            reply = await self._calls.reply(call)
            for row in reply.rows:
                yield exchange_rows.read_item(row, direction)
            if not reply.next or reply.next == after:
                return
            after = reply.next

    async def find_items(self, items: Sequence[Item]) -> tuple[Found, ...]:
        """What the partner knows of these items, in their order."""
        body = json.dumps([exchange_rows.item_row(item) for item in items]).encode()
        call = Call(operation=Operation.FIND_ITEMS, body=body, max_reply_bytes=exchange_rows.MAX_PAGE_BYTES)
        found = {one.sha256_hex: one for one in map(exchange_rows.read_found, (await self._calls.reply(call)).rows)}
        if missing := [item for item in items if item.sha256_hex not in found]:
            raise PeerUnreachable(f"no answer about {len(missing)} of {len(items)} items")
        return tuple(found[item.sha256_hex] for item in items)

    async def list_again(self, ref: str) -> None:
        """Ask for a package that we acknowledged, and lack, to be listed again."""
        await self.update_status(ref, Acknowledgement.INITIAL)

    # ── Organisations ──────────────────────────────────────────────────────────────────────────────────────────

    async def agencies(self) -> tuple[Agency, ...]:
        """All open organisations."""
        return await self._agencies(Operation.AGENCIES)

    async def agencies_qd20(self, level: int | None = None) -> tuple[Agency, ...]:
        """Open organisations of one level."""
        return await self._agencies(Operation.AGENCIES_QD20, {} if level is None else {"level": str(level)})

    async def units(self, since: int = 0) -> tuple[Agency, ...]:
        """All organisations that changed after a version, closed ones included; 0: all.

        Assumed: the header's name; an axis that does not know it lists them all.
        """
        return await self._agencies(Operation.UNITS, {"unitVersion": str(since)} if since else {})

    async def organs(self, *, since: int = 0, level: int | None = None) -> OrganList:
        """The axis's registry, as `axis.delivery.peer.RegistrySource` wants it."""
        with collection_put_off():  # many thousands
            return await self._organs(since, level)

    async def _organs(self, since: int, level: int | None) -> OrganList:
        units = await self.units(since)
        if since and not await asyncio.to_thread(parents_are_listed, units):
            units = await self.units()  # an id names a parent that did not change itself
        leveled: dict[int, tuple[Agency, ...]] = {}
        for number in range(1, (level or _MAX_LEVEL) + 1):
            try:
                leveled[number] = await self.agencies_qd20(number)
            except PeerRefused as e:
                log.warning("level_not_listed", level=number, peer_code=e.peer_code)
        return await asyncio.to_thread(organ_list, units, leveled)

    async def _agencies(self, operation: Operation, headers: dict[str, str] | None = None) -> tuple[Agency, ...]:
        call = Call(operation=operation, headers=headers or {}, max_reply_bytes=_MAX_AGENCIES_BYTES)
        reply = await self._calls.reply(call)
        return await asyncio.to_thread(lambda: tuple(map(read_agency, reply.rows)))  # they may be many thousands

    async def register_agency(self, agency: Agency) -> None:
        """Register an organisation below ours; `pid` is the parent's code."""
        body = {
            "id": agency.id,
            "pcode": agency.pid,
            "code": agency.code,
            "name": agency.name,
            "mail": agency.mail,
            "mobile": "",
            "fax": "",
        }
        await self._calls.reply(Call(operation=Operation.REGISTER_AGENCY, body=json.dumps(body).encode()))

    async def delete_agency(self, code: str) -> None:
        """Close an organisation below ours."""
        await self._calls.reply(Call(operation=Operation.DELETE_AGENCY, headers={"AgencyCode": code}, body=b"{}"))


async def _decoded(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
    """The file in an answer of getEdoc."""
    reader = EdocReader()
    async for chunk in chunks(response):
        if decoded := reader.feed(chunk):
            yield decoded
    reader.finish()


async def _file(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
    """The file in an answer of downloadEdoc; JSON in its place is a refusal."""
    if response.content_type == JSON_TYPE:
        read_reply(await read_whole(response, _MAX_REFUSAL_BYTES))
        raise PeerUnreachable("JSON instead of a file")
    pieces = chunks(response)
    head = b""
    async for piece in pieces:
        head += piece
        if not head.lstrip().startswith(b"{") or len(head) > _MAX_REFUSAL_BYTES:
            break
    else:
        _check_refusal(head)
    yield head
    async for piece in pieces:
        yield piece


def _check_refusal(body: bytes) -> None:
    """Peer: some axes name no media type. Raises PeerRefused when a whole small body is one."""
    try:
        read_reply(body)
    except PeerUnreachable:
        return  # no answer of the dialect: then it is a file, whatever it looks like
    except PeerRefused:
        raise


async def _rejoined(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    if first:
        yield first
    async for piece in rest:
        yield piece


def _measure(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()


def _is_usable(doc_id: str) -> bool:
    """Whether a partner's id can stand in a header."""
    return 0 < len(doc_id) <= _MAX_REF and doc_id.isprintable()
