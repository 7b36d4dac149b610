"""The client: a package becomes a signed event, posted to the DMS.

What its answer means: 2xx, it has the event durably (with the package in it, the package). 400, 413, 415 and 422 are
about this package, and final. Everything else may pass: tried again, under the same id.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pybase64

from adapters.base import PeerParts
from adapters.webhook import PeerOptions
from adapters.webhook.links import Links, Subject
from axis.clock import Clock
from axis.delivery.peer import Bytes, Incoming, Outgoing, ReceiverState, Sent
from axis.errors import Code, Malformed, PeerRefused, PeerUnreachable, Retry
from axis.ids import new_id
from axis.ops import cloud_events
from axis.ops.cloud_events import Message
from axis.ops.outward import FAILURES, CallBounds, Forbidden, Outward, check_url, failure_words

_FINAL: Final = frozenset({400, 413, 415, 422})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """This node, as the DMS sees it."""

    source: str  # of the events
    public_url: str  # what links begin with
    link_minutes: int
    links: Links
    clock: Clock


class WebhookPeer:
    """A DMS that is pushed to."""

    polls = False
    tells_receivers = False

    def __init__(self, system_id: str, options: PeerOptions, place: Place, outward: Outward) -> None:
        self._system_id = system_id
        self._options = options
        self._place = place
        self._outward = outward
        self._key = cloud_events.read_secret(options.secret.get_secret_value())

    async def send(self, outgoing: Outgoing, content: Bytes) -> Sent:
        """Post the package's event. Raises PeerRefused, PeerUnreachable."""
        inside = self._options.package == "body" and outgoing.size_bytes <= self._options.body_bytes
        data = _described(outgoing)
        now = self._now()
        if not inside:
            data["link"] = self._link(outgoing.package_id, now)
        message = Message(
            message_id=outgoing.request_id,
            kind="package",
            source=self._place.source,
            at=now,
            subject=outgoing.package_id,
            data=data,
        )
        await self._post(message.message_id, await _with_package(message, content) if inside else message.body())
        return Sent(ref=outgoing.request_id, acknowledged=inside)

    async def poll(self) -> tuple[Incoming, ...]:
        """It has no list."""
        return ()

    def fetch(self, item: Incoming) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """It has no list."""
        raise NotImplementedError(item.ref)

    async def confirm(self, item: Incoming, *, ok: bool) -> None:
        """It has no list."""

    async def receivers(self, ref: str) -> tuple[ReceiverState, ...]:
        """It is not asked: it acknowledges by the link, or by taking the package."""
        raise NotImplementedError(ref)

    async def health(self) -> None:
        """Post an event that means nothing."""
        now = self._now()
        data = {"system_id": self._system_id}
        ping = Message(message_id=new_id(now), kind="ping", source=self._place.source, at=now, subject=None, data=data)
        await self._post(ping.message_id, ping.body())

    async def close(self) -> None:
        """Let go of connections."""
        await self._outward.close()

    def _link(self, package_id: str, now: datetime) -> dict[str, str]:
        expires_at = (now + timedelta(minutes=self._place.link_minutes)).replace(microsecond=0)
        subject = Subject(package_id=package_id, system_id=self._system_id, expires_at=expires_at)
        url = f"{self._place.public_url.rstrip('/')}/webhook/packages/{self._place.links.token(subject)}"
        return {"url": url, "expires_at": expires_at.isoformat().replace("+00:00", "Z")}

    async def _post(self, message_id: str, body: bytes | bytearray) -> None:
        # In a thread: a body may have many megabytes.
        headers = await asyncio.to_thread(cloud_events.signed_headers, [self._key], message_id, self._now(), body)
        try:
            answered = await self._outward.post(self._options.url, body, headers)
        except FAILURES as e:
            raise PeerUnreachable(failure_words(e)) from e
        if 200 <= answered.status < 300:  # noqa: PLR2004 - good answers; a redirect is none
            return
        words = f"HTTP {answered.status} {answered.body[:200].decode('utf-8', 'replace')}".strip()
        retry: Retry = "never" if answered.status in _FINAL else "later"
        raise PeerRefused(words, peer_code=str(answered.status), retry=retry, retry_after_s=answered.retry_after_s)

    def _now(self) -> datetime:
        return self._place.clock.now()


def make_peer(system_id: str, options: PeerOptions, parts: PeerParts) -> WebhookPeer:
    """A DMS that is pushed to. Raises Malformed(BAD_SETTINGS)."""
    if parts.node is None:
        raise Malformed(Code.BAD_SETTINGS, "needs a node", at=f"{system_id}: webhook")
    settings = parts.node.settings
    rules = settings.webhook
    try:
        url = check_url(options.url, private_addresses=rules.private_addresses)
    except Forbidden as e:
        raise Malformed(Code.BAD_SETTINGS, str(e), at=f"{system_id}: option url") from e
    if url.scheme != "https" and not rules.private_addresses:
        raise Malformed(Code.BAD_SETTINGS, "https only", at=f"{system_id}: option url")
    if not rules.public_url:
        raise Malformed(Code.BAD_SETTINGS, "links need it", at="webhook.public_url")
    bounds = CallBounds(timeout_s=rules.timeout_s, private_addresses=rules.private_addresses)
    place = Place(
        source=f"urn:axis:{settings.node.code}",
        public_url=rules.public_url,
        link_minutes=rules.link_minutes,
        links=Links(parts.node.key),
        clock=parts.clock,
    )
    return WebhookPeer(system_id, options, place, Outward(bounds))


async def _with_package(message: Message, content: Bytes) -> bytearray:
    """The event with the package in it: the one copy of it that is in memory."""
    before, after = message.body_around("package_base64")
    body, rest = bytearray(before), b""
    async for chunk in content():
        joined = rest + chunk
        whole = len(joined) // 3 * 3
        body += pybase64.b64encode(joined[:whole])
        rest = joined[whole:]
    body += pybase64.b64encode(rest) + after
    return body


def _described(outgoing: Outgoing) -> dict[str, Any]:
    return {
        "package_id": outgoing.package_id,
        "kind": outgoing.kind.value,
        "from_organ": outgoing.from_organ,
        "from_name": outgoing.from_name,
        "receivers": [one.organ_id for one in outgoing.receivers],
        "document_id": outgoing.document_id,
        "code": outgoing.code,
        "subject": outgoing.subject,
        "urgency": int(outgoing.urgency),
        "status_code": outgoing.status_code,
        "size_bytes": outgoing.size_bytes,
        "sha256": outgoing.sha256_hex,
    }
