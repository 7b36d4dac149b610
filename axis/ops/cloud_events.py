"""What a webhook carries: CloudEvents 1.0 as JSON (structured mode), signed as Standard Webhooks has it.

The signature is an HMAC over id, moment and body: the receiver knows who says it, that nothing was changed, and by id
and moment that it is not an old one again. While a secret is being changed, both sign.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from axis.errors import Code, Malformed

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
TYPE_PREFIX: Final = "vn.axis."
_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32
_LEAST_BYTES, _MOST_BYTES = 24, 64  # as Standard Webhooks has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing that is told. message_id: the same on every try."""

    message_id: str
    kind: str
    source: str  # who says it, as a URI reference
    at: datetime
    subject: str | None
    data: Mapping[str, Any]

    def body(self) -> bytes:
        """The CloudEvent."""
        event = {
            "specversion": "1.0",
            "id": self.message_id,
            "source": self.source,
            "type": TYPE_PREFIX + self.kind,
            "time": self.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": self.data,
        }
        if self.subject:
            event = {"subject": self.subject, **event}
        return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()

    def body_around(self, name: str) -> tuple[bytes, bytes]:
        """The CloudEvent with one more text in its data, cut where that stands: it may be too long to be handled twice.

        The text must need no escapes.
        """
        whole = self.body()  # the data stands last, and is not empty
        return whole[:-2] + f',"{name}":"'.encode(), b'"' + whole[-2:]


def new_secret() -> str:
    """A new secret, as receivers write it down."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def read_secret(text: str) -> bytes:
    """The key in a secret. Raises Malformed(BAD_SETTINGS)."""
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError) as e:
        raise Malformed(Code.BAD_SETTINGS, f"{_PREFIX} and base64", at="secret") from e
    if not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise Malformed(Code.BAD_SETTINGS, f"{_LEAST_BYTES} to {_MOST_BYTES} bytes", at="secret")
    return key


def signed_headers(keys: Sequence[bytes], message_id: str, now: datetime, body: bytes | bytearray) -> dict[str, str]:
    """The headers that go with a body. now: of this try. A long body takes its time."""
    moment = str(int(now.timestamp()))
    marks = (base64.b64encode(_mac(key, f"{message_id}.{moment}.".encode(), body)).decode() for key in keys)
    return {
        "Content-Type": CONTENT_TYPE,
        "webhook-id": message_id,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(f"v1,{mark}" for mark in marks),
    }


def _mac(key: bytes, said: bytes, body: bytes | bytearray) -> bytes:
    made = hmac.new(key, said, hashlib.sha256)
    made.update(body)
    return made.digest()
