"""What a node offers over its REST API, one method for each operation.

Lists are async iterators that turn the pages themselves. `key` is the Idempotency-Key of a call: left out, each call
has one of its own; given, the same call made again later, by another process too, is the same call.
"""

import asyncio
import base64
import hashlib
import json
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from io import BufferedWriter, BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp
from pydantic import BaseModel

from axis.client import values as v
from axis.client.transport import ClientOptions, Request, Transport, part
from axis.client.uploading import Uploading, size_of
from axis.errors import Code, Malformed, PeerUnreachable
from axis.terms import PackageKind, StatusCode

_CHUNK_BYTES: Final = 256 << 10
_UPLOAD_BYTES: Final = 16 << 20  # larger files of a document, and packages, go as resumable uploads
_WAIT_S: Final = 25.0

ModelT = TypeVar("ModelT", bound=BaseModel)


class _Page(v.Value):
    items: tuple[Any, ...]
    next: str | None = None


class _EventPage(v.Value):
    items: tuple[v.Event, ...]
    last: int


class _Limits(v.Value):
    limits: dict[str, float]


class _Webhooks(v.Value):
    items: tuple[v.Webhook, ...]


class _FoundItems(v.Value):
    items: tuple[v.Found, ...]


class NodeClient:
    """One system's view of one node. An async context manager, or ended by `close`."""

    def __init__(self, options: ClientOptions) -> None:
        self._transport = Transport(options)
        self._uploading = Uploading(self._transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of connections."""
        await self._transport.close()

    # ── Sending ────────────────────────────────────────────────────────────────────────────────────────────────

    async def send_package(self, content: bytes | Path, *, key: str | None = None) -> v.Accepted:
        """Hand in an edXML package, byte for byte. A large one goes in pieces. Raises AxisError."""
        digest, size_bytes = await _measure(content)
        headers = {"Content-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:"}
        key = key or secrets.token_urlsafe(18)
        if size_bytes > _UPLOAD_BYTES:
            upload_id = await self.upload(content, "package.edxml")
            request = Request(method="POST", path="/packages", query={"upload": upload_id}, headers=headers)
            accepted = await self._transport.json(request, v.Accepted, key)
            await self.delete_upload(upload_id)
            return accepted
        headers["Content-Type"] = "application/xml"
        request = Request(method="POST", path="/packages", headers=headers, body=lambda: _opened(content))
        return await self._transport.json(request, v.Accepted, key)

    async def send_document(
        self, document: Mapping[str, Any], files: Sequence[v.File] = (), *, key: str | None = None
    ) -> v.SentDocument:
        """Send a document, or an act on one, as JSON and files; the node makes the package.

        document: as `POST /api/v1/documents` describes it, without `files`. Large files go as resumable uploads.
        """
        listed, inline, ours = [], [], []
        for number, file in enumerate(files):
            upload_id = file.upload_id
            if upload_id is None and file.content is not None and await size_of(file.content) > _UPLOAD_BYTES:
                upload_id = await self.upload(file.content, file.name)
                ours.append(upload_id)
            place = {"part": f"file-{number}"} if upload_id is None else {"upload": upload_id}
            listed.append({**place, "name": file.name, "description": file.description})
            if upload_id is None:
                inline.append((f"file-{number}", file))
        said = {**document, "files": listed}
        if inline:
            request = Request(method="POST", path="/documents", body=lambda: _form(said, inline))
        else:
            request = Request(method="POST", path="/documents", json=said)
        sent = await self._transport.json(request, v.SentDocument, key)
        for upload_id in ours:
            await self.delete_upload(upload_id)
        return sent

    async def send_status(
        self,
        document_uid: str,
        organ_id: str,
        code: StatusCode | str,
        reason: str = "",
        **more: Any,  # noqa: ANN401 - said_at, staff, receiver_organ: as the API has them
    ) -> v.Accepted:
        """Say how a document fares at one of your organisations; the node writes the status package."""
        said: dict[str, Any] = {
            "document_uid": document_uid,
            "organ_id": organ_id,
            "code": StatusCode(code).value,
            "reason": reason,
            **more,
        }
        if isinstance(at := said.get("said_at"), datetime):
            said["said_at"] = at.isoformat()
        key = said.pop("key", None)
        return await self._transport.json(Request(method="POST", path="/statuses", json=said), v.Accepted, key)

    async def forward(
        self, document_uid: str, organ_id: str, to_organ: str, reason: str, *, key: str | None = None
    ) -> v.Forwarded:
        """Pass a document on from one of your organisations to another one."""
        said = {"organ_id": organ_id, "to_organ": to_organ, "reason": reason}
        request = Request(method="POST", path=f"/documents/{part(document_uid)}/forward", json=said)
        return await self._transport.json(request, v.Forwarded, key)

    async def send_back(self, document_uid: str, organ_id: str, reason: str, *, key: str | None = None) -> v.Accepted:
        """Give a misaddressed document back for one of your organisations."""
        said = {"organ_id": organ_id, "reason": reason}
        request = Request(method="POST", path=f"/documents/{part(document_uid)}/return", json=said)
        return await self._transport.json(request, v.Accepted, key)

    async def upload_support(self) -> Mapping[str, str]:
        """What the node supports of tus, in headers."""
        return await self._transport.nothing(Request(method="OPTIONS", path="/uploads"))

    async def upload(self, content: bytes | Path, name: str, progress: Callable[[int], None] | None = None) -> str:
        """Upload a file in pieces; gives the upload's id once it is there whole. progress: is told how far it is."""
        upload_id = await self._uploading.begin(await size_of(content), name)
        await self._uploading.put(upload_id, content, progress)
        return upload_id

    async def resume_upload(
        self, upload_id: str, content: bytes | Path, progress: Callable[[int], None] | None = None
    ) -> None:
        """Go on with an upload that another process began."""
        await self._uploading.put(upload_id, content, progress)

    async def upload_offset(self, upload_id: str) -> int:
        """How far an upload has come."""
        return await self._uploading.offset(upload_id)

    async def delete_upload(self, upload_id: str) -> None:
        """Give an upload up, or away when it was used."""
        await self._uploading.remove(upload_id)

    # ── Receiving ──────────────────────────────────────────────────────────────────────────────────────────────

    def pending(self, kind: PackageKind | None = None) -> AsyncIterator[v.Pending]:
        """What waits for you, by urgency and age."""
        return self._pages("/packages/pending", v.Pending, {} if kind is None else {"kind": kind.value})

    async def package(self, package_id: str) -> bytes:
        """A package, whole in memory; its digest is compared. For small ones."""
        async with self._transport.answer(Request(method="GET", path=f"/packages/{part(package_id)}")) as response:
            content, digest = bytearray(), hashlib.sha256()
            async for chunk in _chunks(response):
                digest.update(chunk)
                content += chunk
            _check(response, digest.digest())
            return bytes(content)

    async def download(self, package_id: str, to: Path) -> None:
        """A package as a file, which is there whole and compared, or not at all."""
        fresh = to.with_name(f".{to.name}.{secrets.token_hex(4)}.part")
        try:
            async with self._transport.answer(Request(method="GET", path=f"/packages/{part(package_id)}")) as response:
                digest = hashlib.sha256()
                with fresh.open("xb") as file:
                    async for chunk in _chunks(response):
                        digest.update(chunk)
                        await asyncio.to_thread(file.write, chunk)
                    await asyncio.to_thread(_settle, file)
                _check(response, digest.digest())
            fresh.replace(to)
        finally:
            fresh.unlink(missing_ok=True)

    async def acknowledge(self, package_id: str, state: str = "done") -> None:
        """Say that you have a package (done), or not (fail, processing, initial)."""
        path = f"/packages/{part(package_id)}/acknowledge"
        await self._transport.nothing(Request(method="POST", path=path, json={"state": state}))

    # ── Looking up ─────────────────────────────────────────────────────────────────────────────────────────────

    async def limits(self) -> Mapping[str, float]:
        """What the node takes, in numbers."""
        return (await self._transport.json(Request(method="GET", path="/limits"), _Limits)).limits

    def organs(self, text: str = "") -> AsyncIterator[v.Organ]:
        """Organisations whose codes or names hold these words."""
        return self._pages("/organs", v.Organ, {"q": text})

    async def organ(self, code: str) -> v.Organ:
        """One organisation, by any of its codes."""
        return await self._transport.json(Request(method="GET", path=f"/organs/{part(code)}"), v.Organ)

    async def route(self, from_organ: str, to_organ: str) -> v.Route:
        """How a receiver is reached, and why."""
        query = {"from_organ": from_organ, "to_organ": to_organ}
        return await self._transport.json(Request(method="GET", path="/routes/explain", query=query), v.Route)

    def documents(self, way: str = "sent", text: str = "") -> AsyncIterator[v.Document]:
        """What your organisations sent or received, newest first."""
        return self._pages("/documents", v.Document, {"way": way, "q": text})

    async def document(self, document_uid: str) -> v.DocumentDetail:
        """One document with all that belongs to it."""
        request = Request(method="GET", path=f"/documents/{part(document_uid)}")
        return await self._transport.json(request, v.DocumentDetail)

    def deliveries(
        self, way: str = "sent", document_uid: str | None = None, status_code: StatusCode | None = None
    ) -> AsyncIterator[v.Delivery]:
        """Where documents are, receiver by receiver."""
        asked = {"way": way, "document_uid": document_uid, "status_code": status_code and status_code.value}
        return self._pages("/deliveries", v.Delivery, {name: text for name, text in asked.items() if text is not None})

    async def events(self, after: int = 0, *, follow: bool = True) -> AsyncIterator[v.Event]:
        """What you are told after a place, in order. follow: wait for more, for ever; else to the end of what is there.

        Keep an event's place once you have dealt with it, and go on from there.
        """
        wait_s = _WAIT_S if follow else 0.0
        while True:
            query = {"after": str(after), "wait_s": str(wait_s)}
            page = await self._transport.json(Request(method="GET", path="/events", query=query), _EventPage)
            for event in page.items:
                yield event
            after = page.last
            if not page.items and not follow:
                return

    # ── Being called ───────────────────────────────────────────────────────────────────────────────────────────

    async def webhooks(self) -> tuple[v.Webhook, ...]:
        """Your subscriptions."""
        return (await self._transport.json(Request(method="GET", path="/webhooks"), _Webhooks)).items

    async def webhook(self, webhook_id: str) -> v.Webhook:
        """One subscription, and how it fares."""
        return await self._transport.json(Request(method="GET", path=f"/webhooks/{part(webhook_id)}"), v.Webhook)

    async def add_webhook(self, url: str, kinds: Iterable[str] = (), name: str = "") -> v.WebhookSecret:
        """Subscribe to events from now on; the secret is shown this once."""
        said = {"url": url, "kinds": list(kinds), "name": name}
        return await self._transport.json(Request(method="POST", path="/webhooks", json=said), v.WebhookSecret)

    async def delete_webhook(self, webhook_id: str) -> None:
        """End a subscription."""
        await self._transport.nothing(Request(method="DELETE", path=f"/webhooks/{part(webhook_id)}"))

    async def rotate_webhook_secret(self, webhook_id: str) -> v.WebhookSecret:
        """Another secret; for a day both sign."""
        return await self._transport.json(_post(webhook_id, "secret"), v.WebhookSecret)

    async def enable_webhook(self, webhook_id: str) -> v.Webhook:
        """Be told again, after it was disabled."""
        return await self._transport.json(_post(webhook_id, "enable"), v.Webhook)

    async def test_webhook(self, webhook_id: str) -> v.Told:
        """Have a test event sent now."""
        return await self._transport.json(_post(webhook_id, "test"), v.Told)

    # ── Comparing ──────────────────────────────────────────────────────────────────────────────────────────────

    async def exchange_day(self, day: date) -> v.Day:
        """What was exchanged on a day, in short."""
        return await self._transport.json(Request(method="GET", path=f"/reconciliation/{day.isoformat()}"), v.Day)

    def exchange_items(self, day: date, direction: str) -> AsyncIterator[v.Item]:
        """The list behind a digest: up, what you handed in; down, what you acknowledged."""
        return self._pages(f"/reconciliation/{day.isoformat()}/items", v.Item, {"direction": direction})

    async def find_exchanged(self, items: Iterable[v.Item]) -> tuple[v.Found, ...]:
        """What the node knows of single packages, whatever the day."""
        said = {"items": [item.model_dump(mode="json", exclude={"package_id"}) for item in items]}
        request = Request(method="POST", path="/reconciliation/find", json=said)
        return (await self._transport.json(request, _FoundItems)).items

    async def _pages(self, path: str, kind: type[ModelT], query: Mapping[str, str]) -> AsyncIterator[ModelT]:
        asked = dict(query)
        while True:
            page = await self._transport.json(Request(method="GET", path=path, query=asked), _Page)
            for item in page.items:
                yield kind.model_validate(item)
            if page.next is None:
                return
            asked["after"] = page.next


def _post(webhook_id: str, what: str) -> Request:
    return Request(method="POST", path=f"/webhooks/{part(webhook_id)}/{what}")


def _settle(file: BufferedWriter) -> None:
    file.flush()
    os.fsync(file.fileno())


def _opened(content: bytes | Path) -> Any:  # noqa: ANN401 - a file of some kind
    return BytesIO(content) if isinstance(content, bytes) else content.open("rb")


def _form(document: Mapping[str, Any], files: Iterable[tuple[str, v.File]]) -> aiohttp.FormData:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("document", json.dumps(document, ensure_ascii=False), content_type="application/json")
    for field, file in files:
        if file.content is None:
            raise Malformed(Code.BAD_REQUEST, "a file has content, or an upload", at=field)
        form.add_field(field, _opened(file.content), filename=field, content_type="application/octet-stream")
    return form


async def _measure(content: bytes | Path) -> tuple[bytes, int]:
    if isinstance(content, bytes):
        return hashlib.sha256(content).digest(), len(content)
    return await asyncio.to_thread(_measure_file, content)


def _measure_file(path: Path) -> tuple[bytes, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest(), path.stat().st_size


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            yield chunk
    except (aiohttp.ClientError, OSError, TimeoutError) as e:
        raise PeerUnreachable(f"broken off: {type(e).__name__}") from e


def _check(response: aiohttp.ClientResponse, digest: bytes) -> None:
    """Raises Malformed(HASH_MISMATCH) when what came is not what the node says that it sent."""
    said = response.headers.get("Content-Digest")
    if said != f"sha-256=:{base64.b64encode(digest).decode()}:":
        raise Malformed(Code.HASH_MISMATCH, at="Content-Digest")


OPERATIONS: Final[Mapping[str, str]] = {
    "getLimits": "limits",
    "listOrgans": "organs",
    "getOrgan": "organ",
    "sendPackage": "send_package",
    "listPending": "pending",
    "getPackage": "download",
    "acknowledgePackage": "acknowledge",
    "sendStatus": "send_status",
    "sendDocument": "send_document",
    "forwardDocument": "forward",
    "returnDocument": "send_back",
    "explainRoute": "route",
    "describeUploads": "upload_support",
    "createUpload": "upload",
    "getUpload": "upload_offset",
    "continueUpload": "resume_upload",
    "deleteUpload": "delete_upload",
    "listDocuments": "documents",
    "getDocument": "document",
    "listDeliveries": "deliveries",
    "listEvents": "events",
    "listWebhooks": "webhooks",
    "addWebhook": "add_webhook",
    "getWebhook": "webhook",
    "deleteWebhook": "delete_webhook",
    "rotateWebhookSecret": "rotate_webhook_secret",
    "enableWebhook": "enable_webhook",
    "testWebhook": "test_webhook",
    "getExchangeDay": "exchange_day",
    "listExchangeItems": "exchange_items",
    "findExchangeItems": "find_exchanged",
}
"""Which method calls which operation; total (tested)."""
