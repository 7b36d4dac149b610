"""Packages that the node makes itself, in the name of organisations that have no software of their own.

A clerk at the console, a mailbox's confirmation or a courier's receipt says something about a document; the node puts
it into a status package, signs it with its own key if it has one, and takes it in by the same door as everybody's
(`origin = node`). The node speaks for nobody who has a system: that system speaks; where it asks the node to write the
package (REST), the package is the system's (`origin = local`), unsigned.

What is composed follows from the wish alone, its moment included: the same wish twice is one package. What documents
say is put together in `drafting`; here they are written and signed.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from axis.delivery.directory import Directory
from axis.edxml.dates import read_date, write_date, write_timestamp
from axis.edxml.model import DocumentPackage, Party, ResponseFor, StaffInfo, StatusHeader, StatusPackage
from axis.edxml.writer import to_bytes, write
from axis.errors import Busy, Code, Malformed, NotAllowed, NotFound
from axis.exchange.checking import need_row
from axis.exchange.context import Context
from axis.exchange.parcel import Composed
from axis.exchange.values import NODE_SYSTEM, Accepted, Outcome, Source
from axis.ids import DocumentUid, PackageId, SystemId, derived_id
from axis.store import queries
from axis.store.faults import file_error
from axis.store.records import Delivery, Document, Package, Row, StatusEvent
from axis.store.spool import MEMORY_BYTES, Spooled
from axis.terms import Origin, PackageKind, Place, StatusCode
from axis.trust.algorithms import verify_raw
from axis.trust.model import Need, NeedKind
from axis.trust.sealing import sign_envelope
from axis.trust.signers import Signer

CONSOLE_FRONT = "console"
MAIL_ADAPTER = "mail"
REASON_CHARACTERS = 4_000
_WITH_REASON = frozenset({StatusCode.REFUSED, StatusCode.RECALL_REQUESTED})
_PACKAGE_BYTES = 1 << 20
_PROBE = b"axis: does the node's key sign?"

SOURCE = Source(system_id=NODE_SYSTEM, origin=Origin.NODE)


def acts_for(directory: Directory, organ_id: str) -> bool:
    """Whether the node speaks for an organisation, registered and not closed.

    It does for a mailbox, for a console inbox, and for one that no system serves, neither its own nor an ancestor's.
    """
    organ = directory.registry.find(organ_id)
    if organ is None or organ.is_closed:
        return False
    system_id = directory.route(organ_id)
    system = None if system_id is None else directory.system(system_id)
    if system is None:
        return system_id is None
    return system.front == CONSOLE_FRONT or system.adapter == MAIL_ADAPTER


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusWish:
    """A status package to be made."""

    sender: Party  # in whose name
    response_for: ResponseFor  # organ_id: whom it goes to
    code: StatusCode
    reason: str = ""  # becomes Description
    staff: StaffInfo | None = None
    at: datetime  # when it was said


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWish:
    """A receiver for whom the node speaks, or whose system asks the node to write it, says how a document fares there.

    at: when that was said; aware. A face takes it once and keeps it with the request, so that a repeat bears the same.
    actor: who said it, for the audit trail: an account, "mail", "courier", a system. system_id: the system that says it
    for an organisation that it serves: the package is that system's, and the node does not sign it.
    """

    document_uid: DocumentUid
    receiver_organ: str
    code: StatusCode  # not 13, which is the sender's
    reason: str = ""  # must be given with 02
    staff: StaffInfo | None = None
    actor: str
    at: datetime
    system_id: SystemId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskBackWish:
    """A sender for whom the node speaks asks one receiver to give a document back (13). Fields as of ReportWish."""

    document_uid: DocumentUid
    receiver_organ: str
    reason: str
    staff: StaffInfo | None = None
    actor: str
    at: datetime
    system_id: SystemId | None = None


class Composer:
    """Makes packages.

    signer: the node's key; None leaves them unsigned. tsa_url: of the authority that timestamps what is signed.
    """

    def __init__(self, signer: Signer | None = None, tsa_url: str | None = None) -> None:
        self._signer = signer
        self._tsa_url = tsa_url
        self._turn = asyncio.Lock()  # a token's session serves one caller at a time

    @property
    def has_key(self) -> bool:
        """Whether what is composed can be signed."""
        return self._signer is not None

    async def compose_document(self, package: DocumentPackage, path: Path | None, *, signed: bool) -> Spooled:
        """The document's package: in the new file at `path`, off the event loop; without a path in memory.

        path: left out for a small package only. signed: only with a key.
        Raises Malformed(FIELD_INVALID), Busy(KEY_UNAVAILABLE, DISK_FULL).
        """
        if path is None:
            raw = to_bytes(package)
            if signed and self._signer is not None:
                async with self._turn:
                    raw = await asyncio.to_thread(sign_envelope, raw, self._signer)
            return Spooled(content=raw, sha256_hex=hashlib.sha256(raw).hexdigest(), size_bytes=len(raw))
        await asyncio.to_thread(_write_package, package, path)
        if signed and self._signer is not None:
            async with self._turn:
                await asyncio.to_thread(_sign_file, path, self._signer)
        return await asyncio.to_thread(_spooled, path)

    async def compose_status(self, wish: StatusWish) -> bytes:
        """The status package as one edXML file, signed off the event loop.

        Raises Malformed(FIELD_INVALID) for text that XML cannot carry, Busy(KEY_UNAVAILABLE).
        """
        header = StatusHeader(
            sender=wish.sender,
            response_for=wish.response_for,
            staff=wish.staff,
            status_code=wish.code.value,
            description=wish.reason or None,
            timestamp=write_timestamp(wish.at),
        )
        raw = to_bytes(StatusPackage(header=header))
        if self._signer is None:
            return raw
        async with self._turn:
            return await asyncio.to_thread(sign_envelope, raw, self._signer)

    def owed(self, sha256_hex: str, now: datetime) -> tuple[Row, ...]:
        """What is owed for a signed package: its timestamp, which a job fetches (an answer may take minutes)."""
        if self._signer is None or self._tsa_url is None:
            return ()
        return (need_row(Need(kind=NeedKind.TSA, url=self._tsa_url, certificate_sha256=sha256_hex), now),)

    async def check_key(self) -> None:
        """Sign something and see that it holds. Raises Busy(KEY_UNAVAILABLE)."""
        if (signer := self._signer) is not None:
            async with self._turn:
                value = await asyncio.to_thread(signer.sign, _PROBE)
            if not verify_raw(signer.chain[0].public_key, signer.scheme, value, _PROBE):
                raise Busy(Code.KEY_UNAVAILABLE, "what it signs does not hold")


def _write_package(package: DocumentPackage, path: Path) -> None:
    try:
        with path.open("xb") as out:
            write(package, out)
    except OSError as e:
        raise file_error(e) from e


def _sign_file(path: Path, signer: Signer) -> None:
    signed = sign_envelope(path.read_bytes(), signer)
    try:
        path.write_bytes(signed)
    except OSError as e:
        raise file_error(e) from e


def _spooled(path: Path) -> Spooled:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size_bytes = path.stat().st_size
    content = path.read_bytes() if size_bytes <= MEMORY_BYTES else path
    return Spooled(content=content, sha256_hex=digest, size_bytes=size_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """What a wish is about, as it is stored."""

    document: Document
    package: Package  # the document's first
    delivery: Delivery
    last: StatusEvent | None  # said of this delivery


_UNSIGNED = Composer()  # for what a system says: the node's signature would not be its organisation's

Accept = Callable[[Source, Spooled, Composed], Awaitable[Accepted]]


class Speaker:
    """Speaks for organisations: composes, and hands what it composed to the intake."""

    def __init__(self, context: Context, composer: Composer, accept: Accept) -> None:
        self._context = context
        self._composer = composer
        self._accept = accept

    async def report(self, wish: ReportWish) -> Accepted:
        """State a receiver's status. What the delivery was told last, in the same words, is not said again.

        Raises NotFound, NotAllowed for a receiver that the node does not speak for, Malformed.
        """
        if wish.code is StatusCode.RECALL_REQUESTED:
            raise Malformed(Code.BAD_STATUS_CODE, "13 is the sender's to say", at="StatusCode")
        subject = await self._subject(wish)
        delivery, directory = subject.delivery, self._context.directory.current
        self._check(wish, delivery.receiver_organ, here=delivery.place is Place.LOCAL)
        organ = directory.registry.find(delivery.receiver_organ)
        # The sender knows the receiver by the code that it wrote, unless that one names a predecessor.
        addressed = directory.registry.find(delivery.addressed_as)
        code = delivery.addressed_as if addressed == organ else delivery.receiver_organ
        sender = Party(organ_id=code, organ_name=organ.name if organ else delivery.receiver_name)
        return await self._say(wish, wish.code, subject, sender, subject.package.from_raw)

    async def ask_back(self, wish: AskBackWish) -> Accepted:
        """Ask one receiver to give a document back. Raises as `report`, NotAllowed for another's document."""
        subject = await self._subject(wish)
        document = subject.document
        self._check(wish, document.from_organ, here=document.origin is not Origin.UPLINK)
        sender = Party(organ_id=subject.package.from_raw, organ_name=document.sender_name)
        return await self._say(wish, StatusCode.RECALL_REQUESTED, subject, sender, subject.delivery.addressed_as)

    def _check(self, wish: ReportWish | AskBackWish, organ_id: str, *, here: bool) -> None:
        """Whether this may be said in the organisation's name. here: it is reached, or sent, by this node."""
        directory = self._context.directory.current
        if wish.system_id is not None:
            if not directory.serves(wish.system_id, organ_id):
                raise NotFound(Code.NOT_FOUND, f"{wish.document_uid} at {organ_id}")
        elif not here or not acts_for(directory, organ_id):
            raise NotAllowed(Code.NOT_ALLOWED, f"the node does not speak for {organ_id}")

    async def _subject(self, wish: ReportWish | AskBackWish) -> _Subject:
        receiver = self._context.directory.current.registry.canonical(wish.receiver_organ)
        found = await self._context.store.read(lambda c: _look(c, wish.document_uid, receiver))
        if found is None:
            raise NotFound(Code.NOT_FOUND, f"{wish.document_uid} to {receiver}")
        return found

    async def _say(
        self, wish: ReportWish | AskBackWish, code: StatusCode, subject: _Subject, sender: Party, to: str
    ) -> Accepted:
        _check_reason(wish.reason, code)
        document, receiver = subject.document, subject.delivery.receiver_organ
        from_organ = document.from_organ if code is StatusCode.RECALL_REQUESTED else receiver
        if _says(subject.last, from_organ, code, wish):
            return _repeated(subject)
        composer = self._composer if wish.system_id is None else _UNSIGNED
        raw = await composer.compose_status(
            StatusWish(
                sender=sender,
                response_for=_response_for(document, to),
                code=code,
                reason=wish.reason,
                staff=wish.staff,
                at=wish.at,
            )
        )
        package_id = _package_id(wish, code, receiver)
        fields = {
            "package_id": package_id,
            "organ": from_organ,
            "status_code": code.value,
            "document_uid": document.document_uid,
        }
        audit = self._context.audit("status_composed", wish.actor, fields)
        async with self._context.store.spool(limit_bytes=_PACKAGE_BYTES) as spool:
            await spool.write(raw)
            spooled = await spool.finish()
            rows = (audit, *composer.owed(spooled.sha256_hex, self._context.clock.now()))
            return await self._accept(_source(wish), spooled, Composed(package_id=package_id, rows=rows))


def _source(wish: ReportWish | AskBackWish) -> Source:
    return SOURCE if wish.system_id is None else Source(system_id=wish.system_id, origin=Origin.LOCAL)


def _look(conn: Connection, document_uid: str, receiver: str) -> _Subject | None:
    document = queries.document(conn, document_uid)
    delivery = queries.delivery(conn, document_uid, receiver)
    if document is None or delivery is None:
        return None
    package = queries.package(conn, document.package_id)
    assert package is not None  # noqa: S101 - written together
    last = queries.last_event_of_delivery(conn, document_uid, delivery.delivery_id)
    return _Subject(document=document, package=package, delivery=delivery, last=last)


def _check_reason(reason: str, code: StatusCode) -> None:
    if code in _WITH_REASON and not reason.strip():
        raise Malformed(Code.FIELD_INVALID, f"{code.value} needs a reason", at="Description")
    if len(reason) > REASON_CHARACTERS:
        raise Malformed(Code.FIELD_INVALID, f"{len(reason)} characters, at most {REASON_CHARACTERS}", at="Description")


def _says(event: StatusEvent | None, from_organ: str, code: StatusCode, wish: ReportWish | AskBackWish) -> bool:
    """Whether the event says what is wished."""
    if event is None:
        return False
    staff = wish.staff or StaffInfo()
    said = (event.from_organ, event.status_code, event.description, event.department, event.staff)
    return said == (from_organ, code.value, wish.reason or None, staff.department, staff.staff)


def _repeated(subject: _Subject) -> Accepted:
    assert subject.last is not None  # noqa: S101 - it says what was wished
    return Accepted(
        outcome=Outcome.REPEATED,
        kind=PackageKind.STATUS,
        package_id=PackageId(subject.last.package_id),
        document_uid=DocumentUid(subject.document.document_uid),
    )


def _response_for(document: Document, to: str) -> ResponseFor:
    day = read_date(document.promulgation_date) if document.promulgation_date else None
    return ResponseFor(
        organ_id=to,
        code=document.code,
        document_id=document.document_id,
        promulgation_date=document.promulgation_date if day is None else write_date(day),
    )


def _package_id(wish: ReportWish | AskBackWish, code: StatusCode, receiver: str) -> PackageId:
    """The same for the same wish, so that two at once become one package."""
    said = [wish.document_uid, receiver, code.value, wish.reason, asdict(wish.staff) if wish.staff else None]
    return PackageId(derived_id(wish.at, json.dumps(said, sort_keys=True).encode()))
