"""Links to packages that need no account: each names one package, one system and until when, under an HMAC.

Nothing is stored; the key is derived from the node's, for this purpose alone.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from axis.errors import Code, NotAllowed
from axis.keys import NodeKey

_VERSION: Final = 1
_TIME_BYTES: Final = 5
_PACKAGE_CHARACTERS: Final = 26
_MAC_BYTES: Final = 16
_FIXED_BYTES: Final = 1 + _TIME_BYTES + _PACKAGE_CHARACTERS + _MAC_BYTES
_MOST_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a link is about."""

    package_id: str
    system_id: str
    expires_at: datetime


class Links:
    """Makes and checks the tokens of links."""

    def __init__(self, key: NodeKey) -> None:
        self._key = key.derive("webhook link")

    def token(self, subject: Subject) -> str:
        """What proves in an address what it is about."""
        seconds = int(subject.expires_at.timestamp()).to_bytes(_TIME_BYTES, "big")
        said = bytes((_VERSION,)) + seconds + subject.package_id.encode("ascii") + subject.system_id.encode()
        return base64.urlsafe_b64encode(said + self._mac(said)).rstrip(b"=").decode("ascii")

    def read(self, token: str, now: datetime) -> Subject:
        """What a token is about. Raises NotAllowed: LINK_INVALID for what this node did not make, LINK_EXPIRED."""
        raw = _decoded(token)
        said, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if len(raw) <= _FIXED_BYTES or not hmac.compare_digest(mac, self._mac(said)):
            raise NotAllowed(Code.LINK_INVALID)
        body = said[1 + _TIME_BYTES :]
        subject = Subject(
            package_id=body[:_PACKAGE_CHARACTERS].decode("ascii"),
            system_id=body[_PACKAGE_CHARACTERS:].decode(),
            expires_at=datetime.fromtimestamp(int.from_bytes(said[1 : 1 + _TIME_BYTES], "big"), UTC),
        )
        if now >= subject.expires_at:
            raise NotAllowed(Code.LINK_EXPIRED)
        return subject

    def _mac(self, said: bytes) -> bytes:
        return hmac.digest(self._key, said, "sha256")[:_MAC_BYTES]


def _decoded(token: str) -> bytes:
    if len(token) > _MOST_CHARACTERS:
        raise NotAllowed(Code.LINK_INVALID)
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (binascii.Error, ValueError) as e:
        raise NotAllowed(Code.LINK_INVALID) from e
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") != token:
        raise NotAllowed(Code.LINK_INVALID)  # one token has one form
    return raw
