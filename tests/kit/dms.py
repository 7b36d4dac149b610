"""Doubles of vendors' software: one that does everything right, and manners that spoil it."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any, Protocol

import zeep
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from zeep.exceptions import TransportError
from zeep.transports import Transport
from zeep.wsdl.attachments import MessagePack

from adapters.vxp.calls import VxpClientOptions
from adapters.vxp.client import VxpClient
from axis.client.node import NodeClient
from axis.client.transport import ClientOptions
from axis.clock import SystemClock
from axis.edxml.attachments import Declared, attach
from axis.edxml.dates import write_timestamp
from axis.edxml.model import (
    Business,
    BusinessDocumentInfo,
    Code,
    DocumentHeader,
    DocumentPackage,
    DocumentType,
    Party,
    PromulgationInfo,
    ReplacementInfo,
    ResponseFor,
    StaffInfo,
    StatusHeader,
    StatusPackage,
    TraceHeader,
)
from axis.edxml.reader import read
from axis.edxml.rules import business_type
from axis.edxml.writer import to_bytes
from axis.errors import Busy, PeerRefused, PeerUnreachable
from axis.kit.codes import Partner
from axis.kit.letters import make_pdf
from axis.kit.seal import CHANGED, new_signer
from axis.kit.session import Session
from axis.terms import BusinessType, PackageKind
from axis.trust.sealing import sign_envelope

DAY = "2026/11/24"
ALL = ("01", "03", "04", "05", "06")
STAFF = StaffInfo(department="Văn thư", staff="Văn thư", email="vanthu@dms.invalid")


class Unanswered(Exception):
    """The call had no answer, or one that says to come back later."""


class Withdrawn(Exception):
    """What was listed has been taken back by its sender meanwhile."""


class Line(Protocol):
    """How a double talks to the node."""

    async def listed(self) -> Sequence[tuple[str, str]]: ...
    async def fetch(self, package_id: str) -> bytes: ...
    async def acknowledge(self, package_id: str, word: str = "done") -> None: ...
    async def send(self, raw: bytes, kind: PackageKind) -> None: ...
    async def close(self) -> None: ...


class VxpLine:
    def __init__(self, session: Session, patience_s: float) -> None:
        told = session.credentials
        options = VxpClientOptions(endpoint=f"{session.url}/vxp", system_id=told.system_id, secret=told.secret)
        self._client = VxpClient(options, None, SystemClock())
        self._sender = VxpClient(replace(options, timeout_s=patience_s), None, SystemClock())

    async def listed(self) -> Sequence[tuple[str, str]]:
        return [(item.doc_id, kind.value) for kind in PackageKind for item in await self._client.received_list(kind)]

    async def fetch(self, package_id: str) -> bytes:
        content = bytearray()
        try:
            await self._client.get_edoc(package_id, content.extend)
        except PeerRefused as e:
            if e.detail.startswith("not_found"):
                raise Withdrawn from e
            raise
        return bytes(content)

    async def acknowledge(self, package_id: str, word: str = "done") -> None:
        await self._client.update_status(package_id, word)

    async def send(self, raw: bytes, kind: PackageKind) -> None:
        try:
            await self._sender.send_edoc(raw, kind)
        except PeerUnreachable as e:
            raise Unanswered from e
        except PeerRefused as e:
            if e.peer_code == "busy":
                raise Unanswered from e
            raise

    async def close(self) -> None:
        await self._client.close()
        await self._sender.close()


class ApiLine:
    def __init__(self, session: Session, patience_s: float) -> None:
        self._url = f"{session.url}/api/v1"
        self._patience = ClientTimeout(total=patience_s)
        self._http = ClientSession(headers={"Authorization": f"Bearer {session.credentials.token}"})

    async def listed(self) -> Sequence[tuple[str, str]]:
        async with self._asked("GET", "/packages/pending") as answer:
            answer.raise_for_status()
            return [(item["package_id"], item["kind"]) for item in (await answer.json())["items"]]

    async def fetch(self, package_id: str) -> bytes:
        async with self._asked("GET", f"/packages/{package_id}") as answer:
            answer.raise_for_status()
            return await answer.read()

    async def acknowledge(self, package_id: str, word: str = "done") -> None:
        async with self._asked("POST", f"/packages/{package_id}/acknowledge", json={"state": word}) as answer:
            answer.raise_for_status()

    async def send(self, raw: bytes, kind: PackageKind) -> None:  # noqa: ARG002 - the other line needs it
        try:
            async with self._asked("POST", "/packages", data=raw, timeout=self._patience) as answer:
                if answer.status == 503:
                    raise Unanswered
                answer.raise_for_status()
        except (TimeoutError, ClientError) as e:
            raise Unanswered from e

    @asynccontextmanager
    async def _asked(self, method: str, path: str, **more: Any) -> AsyncIterator[ClientResponse]:
        """The answer; whoever asks too often waits for as long as he is told."""
        while True:
            async with self._http.request(method, f"{self._url}{path}", **more) as answer:
                if answer.status != 429:
                    yield answer
                    return
            await asyncio.sleep(int(answer.headers["Retry-After"]))

    async def close(self) -> None:
        await self._http.close()


class ClientLine:
    """Our own client, which tries again by itself."""

    def __init__(self, session: Session, patience_s: float) -> None:
        self._node = NodeClient(ClientOptions(url=session.url, token=session.credentials.token, timeout_s=patience_s))

    async def listed(self) -> Sequence[tuple[str, str]]:
        return [(item.package_id, item.kind) async for item in self._node.pending()]

    async def fetch(self, package_id: str) -> bytes:
        return await self._node.package(package_id)

    async def acknowledge(self, package_id: str, word: str = "done") -> None:
        await self._node.acknowledge(package_id, word)

    async def send(self, raw: bytes, kind: PackageKind) -> None:  # noqa: ARG002 - another line needs it
        try:
            await self._node.send_package(raw)
        except (Busy, PeerUnreachable) as e:
            raise Unanswered from e

    async def close(self) -> None:
        await self._node.close()


class EdocLine:
    """A stock SOAP client, which knows nothing but the WSDL. It blocks, and works in threads."""

    def __init__(self, session: Session, patience_s: float) -> None:
        self._url = f"{session.url}/edoc?wsdl"
        self._who = {"OrganId": session.credentials.organ_id, "Token": session.credentials.secret}
        self._transport = Transport(operation_timeout=patience_s)
        self._service: Any = None
        self._read_at = ""
        self._traces: list[tuple[str, bytes]] = []

    async def _call(self, operation: str, *, headers: object = None, **named: object) -> Any:
        if self._service is None:
            client = await asyncio.to_thread(zeep.Client, self._url, transport=self._transport)
            self._service = client.bind("EdocService", "EdocSoap11")
        call = partial(getattr(self._service, operation), **named)
        return await asyncio.to_thread(call, **({} if headers is None else {"_soapheaders": headers}))

    async def listed(self) -> Sequence[tuple[str, str]]:
        # Reading on from a moment says that what was read before is here: that is how traces are acknowledged.
        now = write_timestamp(datetime.now(UTC))
        asked = {"TimeStamp": self._read_at} if self._read_at else {}
        await self._call("GetTraces", **self._who, **asked)
        self._read_at = now
        found = await self._call("GetPendingDocumentIds", **self._who)
        return [(one, "document") for one in (found.DocumentIds and found.DocumentIds.DocumentId) or ()]

    async def fetch(self, package_id: str) -> bytes:
        got = await self._call("GetDocument", DocumentId=package_id, **self._who)
        root = got.root if isinstance(got, MessagePack) else got
        message, traces = root.header.MessageHeader, root.header.TraceHeaderList
        header = DocumentHeader(
            sender=Party(organ_id=message.From.OrganId),
            receivers=tuple(Party(organ_id=to.OrganId) for to in message.To),
            document_id=message.DocumentId,
            code=Code(code_number=message.Code.CodeNumber, code_notation=message.Code.CodeNotation),
            promulgation=PromulgationInfo(promulgation_date=message.PromulgationInfo.PromulgationDate),
            subject=message.Subject,
            business=Business(business_doc_type=traces.Business.BusinessDocType)
            if traces and traces.Business
            else None,
        )
        return to_bytes(DocumentPackage(header=header))

    async def acknowledge(self, package_id: str, word: str = "done") -> None:
        assert word == "done"  # there is no other word
        assert (await self._call("ConfirmReceived", DocumentId=package_id, **self._who)).IsSuccess

    async def send(self, raw: bytes, kind: PackageKind) -> None:  # noqa: ARG002 - another line needs it
        package = read(raw)
        key = {"KeyInfo": self._who}
        try:
            if isinstance(package, DocumentPackage):
                header = {**_soap_header(package), "Signature": key}
                files = [
                    {"href": file.content_id, "AttachmentName": file.name, "Content": file.content}
                    for file in package.attachments
                ]
                answer = await self._call("SendDocument", headers=header, Reference=files)
                assert answer.DocumentId, answer
            else:
                said = package.header
                status = {
                    "From": {"OrganId": said.sender.organ_id},
                    "ResponseFor": {
                        "OrganId": said.response_for.organ_id,
                        "DocumentId": said.response_for.document_id,
                        "Code": said.response_for.code,
                    },
                    "StatusCode": said.status_code,
                    "Description": said.description,
                    "Timestamp": said.timestamp,
                }
                answer = await self._call("UpdateTraces", headers={"Signature": key}, **status)
                assert answer.IsSuccess, answer
        except (OSError, TransportError) as e:  # requests' errors are the former
            raise Unanswered from e

    async def close(self) -> None:
        await asyncio.to_thread(self._transport.session.close)


def _soap_header(package: DocumentPackage) -> dict[str, object]:
    header = package.header
    return {
        "MessageHeader": {
            "From": {"OrganId": header.sender.organ_id},
            "To": [{"OrganId": to.organ_id} for to in header.receivers],
            "DocumentId": header.document_id,
            "Code": {"CodeNumber": header.code.code_number, "CodeNotation": header.code.code_notation},
            "PromulgationInfo": {"Place": "Hải Phòng", "PromulgationDate": header.promulgation.promulgation_date},
            "Subject": header.subject,
        },
        "TraceHeaderList": {
            "TraceHeader": [{"OrganId": header.sender.organ_id, "Timestamp": f"{DAY} 08:00:00"}],
            "Business": {"BusinessDocType": "0", "Paper": "0"},
        },
    }


@dataclass(frozen=True, kw_only=True)
class Manners:
    """What a double does; the defaults are right."""

    sends: tuple[Partner, ...] = (
        *(Partner.OK, Partner.REFUSE, Partner.LOST, Partner.BUSY, Partner.LATE, Partner.DUP, Partner.DOWN),
    )
    with_file: bool = True
    several: bool = True
    apart: bool = False  # to several receivers it sends a document each
    replaces_unknown: bool = False  # names a document that nobody has
    acts: bool = True  # recalls, updates, replaces documents of its own
    signs: bool = True
    after_silence: str = "same"  # or "new": another DocumentId; "never"
    waits_s: float = 1.1  # before it sends again
    patience_s: float = 30.0  # for an answer
    steps: tuple[str, ...] = ALL
    acknowledges: tuple[str, ...] = ("document", "status", "act")  # kinds
    unread: bool = False  # acknowledges status packages without fetching them
    forgets: frozenset[str] = frozenset()  # letters that it never acknowledges
    forgets_repeats: bool = False  # leaves alone what it has had
    reason: str = "không thuộc thẩm quyền"
    refuses: frozenset[str] = frozenset({"misaddressed"})  # letters
    checks_signatures: bool = True
    answers_acts: frozenset[BusinessType] = frozenset({BusinessType.RECALL, BusinessType.UPDATE})
    knows_repeats: bool = True
    silent_about: frozenset[str] = frozenset()  # letters, and "replace"
    fails: frozenset[str] = frozenset()  # letters that it cannot read
    bare: bool = False  # no Bussiness
    by_receipt: bool = False  # its receipts say 01 already


@dataclass
class Dms:
    """A vendor's software at work."""

    line: Line
    organ: str
    manners: Manners = field(default_factory=Manners)

    def __post_init__(self) -> None:
        self._numbers = count(1)
        self._had: set[str] = set()
        self._told: set[str] = set()  # documents of its own of which it has heard
        self._signer = new_signer("Cơ quan", datetime.now(UTC))
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send_all())
            group.create_task(self._receive_all())

    # ── Sending ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _send_all(self) -> None:
        manners = self.manners
        async with asyncio.TaskGroup() as group:
            for partner in manners.sends:
                group.create_task(self.send(self.document((partner,))))
            if manners.several:
                for package in self._to_several((Partner.KEEP, Partner.SLOW)):
                    group.create_task(self.send(package))
            if manners.acts:
                group.create_task(self._act())

    def _to_several(self, receivers: Sequence[str]) -> Iterator[DocumentPackage]:
        package = self.document(receivers)
        if not self.manners.apart:
            yield package
            return
        for one in receivers:
            named = f"{package.header.document_id}-{one}"
            yield replace(package, header=replace(package.header, document_id=named, receivers=(Party(organ_id=one),)))

    async def _act(self) -> None:
        first, second, third = (self.document((Partner.OK,)) for _ in range(3))
        for one in (first, second, third):
            await self.send(one)
        while not self._told.issuperset(one.header.document_id for one in (first, second, third)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # a document that still waits somewhere is withdrawn there by an act on it
        await self.send(recalling(first))
        await self.send(_updating(second))
        await self.send(self._replacing(third))

    def document(self, receivers: Iterable[str]) -> DocumentPackage:
        number = next(self._numbers)
        files = ()
        if self.manners.with_file:
            declared = Declared(content_id="cid:1", name="Công văn.pdf", content_type="application/pdf")
            files = (attach(declared, make_pdf(f"Document {number}")),)
        header = DocumentHeader(
            sender=Party(organ_id=self.organ, organ_name="Đơn vị thử"),
            receivers=tuple(Party(organ_id=code, organ_name=code) for code in receivers),
            document_id=f"{self.organ},{DAY},{number}/DV",
            code=Code(code_number=str(number), code_notation="DV"),
            promulgation=PromulgationInfo(place="Hải Phòng", promulgation_date=DAY),
            document_type=DocumentType(type="2", type_detail="0", type_name="Công văn"),
            subject=f"Văn bản số {number}",
            traces=(TraceHeader(organ_id=self.organ, timestamp=f"{DAY} 08:00:00"),),
            business=None if self.manners.bare else _business(BusinessType.NEW),
        )
        return DocumentPackage(header=header, attachments=files)

    def _replacing(self, earlier: DocumentPackage) -> DocumentPackage:
        receivers = tuple(to.organ_id for to in earlier.header.receivers)
        package = self.document(receivers)
        named = "K99.1,2020/01/01,1/XX" if self.manners.replaces_unknown else earlier.header.document_id
        replaced = ReplacementInfo(document_id=named, organ_ids=receivers)
        business = replace(_business(BusinessType.REPLACE), replacements=(replaced,))
        return replace(package, header=replace(package.header, business=business))

    async def send(self, package: DocumentPackage | StatusPackage) -> None:
        raw = to_bytes(package)
        if self.manners.signs and isinstance(package, DocumentPackage):
            raw = await asyncio.to_thread(sign_envelope, raw, self._signer)
        while True:
            try:
                await self.line.send(raw, package.kind)
            except Unanswered:
                if self.manners.after_silence == "never":
                    return
                await asyncio.sleep(self.manners.waits_s)
                if self.manners.after_silence == "new" and isinstance(package, DocumentPackage):
                    header = package.header
                    renamed = replace(header, document_id=f"{header.document_id}-{next(self._numbers)}")
                    package = replace(package, header=renamed)
                    raw = to_bytes(package)
            else:
                return

    # ── Receiving ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _receive_all(self) -> None:
        while True:
            for package_id, kind in await self.line.listed():
                manners = self.manners
                if package_id in self._had and (manners.forgets_repeats or kind not in manners.acknowledges):
                    continue
                if manners.unread and kind == "status":
                    await self.line.acknowledge(package_id)
                else:
                    await self._take(package_id)
            await asyncio.sleep(0.1)

    async def _take(self, package_id: str) -> None:
        manners = self.manners
        try:
            raw = await self.line.fetch(package_id)
        except Withdrawn:
            return
        package = await asyncio.to_thread(read, raw)
        if isinstance(package, DocumentPackage) and _letter(package) in manners.fails:
            if package_id not in self._had:
                self._had.add(package_id)
                await self.line.acknowledge(package_id, "fail")
            return
        if isinstance(package, StatusPackage) and package.header.response_for.document_id:
            self._told.add(package.header.response_for.document_id)
        first = package_id not in self._had
        self._had.add(package_id)
        if _kind(package) in manners.acknowledges and _letter(package) not in manners.forgets:
            await self.line.acknowledge(package_id)
        elif not first:
            return
        if isinstance(package, DocumentPackage) and (first or not manners.knows_repeats):
            await self._answer(package, raw)

    async def _answer(self, package: DocumentPackage, raw: bytes) -> None:
        manners, header, letter = self.manners, package.header, _letter(package)
        kind = business_type(header)
        if letter in manners.silent_about:
            return
        if not kind.makes_document:
            if kind in manners.answers_acts:
                await self._say(header, "15")
        elif letter in manners.refuses:
            if not manners.by_receipt:
                await self._say(header, "01")
            await self._say(header, "02", manners.reason)
        elif CHANGED.encode() in raw and manners.checks_signatures:
            await self._say(header, "02", "chữ ký số không hợp lệ")
        else:
            for code in manners.steps if letter == "plain" else ("03",) if manners.by_receipt else ("01", "03"):
                await self._say(header, code)

    async def _say(self, header: DocumentHeader, code: str, reason: str = "") -> None:
        subject = ResponseFor(
            organ_id=header.sender.organ_id,
            code=header.code.text,
            document_id=header.document_id,
            promulgation_date=header.promulgation.promulgation_date,
        )
        said = StatusHeader(
            sender=Party(organ_id=self.organ, organ_name="Đơn vị thử"),
            response_for=subject,
            staff=STAFF,
            status_code=code,
            description=reason or None,
            timestamp=f"{DAY} 08:00:{next(self._numbers) % 60:02}",
        )
        await self.send(StatusPackage(header=said))


def _business(kind: BusinessType) -> Business:
    return Business(business_doc_type=str(int(kind)), business_doc_reason="Lý do", paper="0", staff=STAFF)


def recalling(earlier: DocumentPackage) -> DocumentPackage:
    header = earlier.header
    targets = tuple(
        ResponseFor(
            organ_id=to.organ_id,
            code=header.code.text,
            document_id=header.document_id,
            promulgation_date=header.promulgation.promulgation_date,
        )
        for to in header.receivers
    )
    return DocumentPackage(header=replace(header, response_for=targets, business=_business(BusinessType.RECALL)))


def _updating(earlier: DocumentPackage) -> DocumentPackage:
    info = BusinessDocumentInfo(document_info="1", document_receiver="0")
    business = replace(_business(BusinessType.UPDATE), document_id=earlier.header.document_id, document_info=info)
    return DocumentPackage(header=replace(earlier.header, subject="Trích yếu mới", business=business))


def _letter(package: DocumentPackage | StatusPackage) -> str:
    subject = package.header.subject if isinstance(package, DocumentPackage) else None
    found = re.match(r"KIT (\w+)", subject or "")
    return found[1] if found else ""


def _kind(package: DocumentPackage | StatusPackage) -> str:
    if isinstance(package, StatusPackage):
        return "status"
    return "document" if business_type(package.header).makes_document else "act"
