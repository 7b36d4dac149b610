"""What in a mail proves that it came from here: links that open a page without an account, and marks that come back.

A link's token names one package and one receiving organisation, what it is for, and until when; it says so in itself
and carries an HMAC over it, so that nothing is stored and nothing can be guessed or changed. The key is derived from
the node's key, one for each purpose: a token of one purpose is nothing to the other.

A mark stands in the Message-ID, in a header and (where the mail server can) in the return path, so that a bounce tells
which mail it is about; without its HMAC, anybody could end a delivery with a made-up bounce.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from axis.errors import Code, NotAllowed
from axis.ids import PackageId
from axis.keys import NodeKey

_VERSION = 1
_MAC_BYTES = 16
_TIME_BYTES = 5
_PACKAGE_CHARACTERS = 26
_TOKEN_CHARACTERS = 400
_FIXED_BYTES = 1 + _TIME_BYTES + _PACKAGE_CHARACTERS + _MAC_BYTES
_MARK_LETTERS = 20
_MARK: Final = re.compile(r"(?i)(?<![0-9a-z])([0-9a-z]{26})-([a-z2-7]{20})(?![0-9a-z])")
_ULID: Final = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


class Purpose(StrEnum):
    """What a link is for."""

    CONFIRM = "confirm"  # say that it has come, is accepted or refused
    FILES = "files"  # read the document and its files


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a link is about."""

    package_id: PackageId
    organ_id: str
    expires_at: datetime


class Links:
    """Makes and checks tokens and marks."""

    def __init__(self, key: NodeKey) -> None:
        self._keys = {purpose: key.derive(f"mail link {purpose}") for purpose in Purpose}
        self._mark_key = key.derive("mail mark")

    def token(self, purpose: Purpose, subject: Subject) -> str:
        """The part of a link that proves what it is about. The same subject gives the same token."""
        seconds = int(subject.expires_at.timestamp())
        said = bytes((_VERSION,)) + seconds.to_bytes(_TIME_BYTES, "big") + subject.package_id.encode("ascii")
        said += subject.organ_id.encode()
        return base64.urlsafe_b64encode(said + self._mac(purpose, said)).rstrip(b"=").decode("ascii")

    def read(self, purpose: Purpose, token: str, now: datetime) -> Subject:
        """What a token is about. Raises NotAllowed: LINK_INVALID for what this node did not make, LINK_EXPIRED."""
        raw = _decoded(token)
        said, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if len(raw) <= _FIXED_BYTES or not hmac.compare_digest(mac, self._mac(purpose, said)):
            raise NotAllowed(Code.LINK_INVALID)
        body = said[1 + _TIME_BYTES :]
        subject = Subject(
            package_id=PackageId(body[:_PACKAGE_CHARACTERS].decode("ascii")),
            organ_id=body[_PACKAGE_CHARACTERS:].decode(),
            expires_at=datetime.fromtimestamp(int.from_bytes(said[1 : 1 + _TIME_BYTES], "big"), UTC),
        )
        if now >= subject.expires_at:
            raise NotAllowed(Code.LINK_EXPIRED)
        return subject

    def _mac(self, purpose: Purpose, said: bytes) -> bytes:
        return hmac.digest(self._keys[purpose], said, "sha256")[:_MAC_BYTES]

    def mark(self, package_id: str, organ_id: str) -> str:
        """What names one mail: lower-case, since servers may change the case of an address."""
        said = f"{package_id}\n{organ_id}".encode()
        digest = base64.b32encode(hmac.digest(self._mark_key, said, "sha256")).decode("ascii").lower()
        return f"{package_id.lower()}-{digest[:_MARK_LETTERS]}"

    def organ_of(self, mark: str, organs: Iterable[str]) -> str | None:
        """Which of a package's receivers a mark is of; None when it is of none, or was not made here."""
        package_id = mark[:_PACKAGE_CHARACTERS].upper()
        return next((one for one in organs if hmac.compare_digest(self.mark(package_id, one), mark.lower())), None)


def find_marks(text: str) -> tuple[str, ...]:
    """What looks like a mark in a text: to be checked. Each once, in the order of their appearance."""
    found = (f"{a}-{b}".lower() for a, b in _MARK.findall(text))
    return tuple(dict.fromkeys(mark for mark in found if _ULID.fullmatch(package_of(mark))))


def package_of(mark: str) -> PackageId:
    """The package that a mark names."""
    return PackageId(mark[:_PACKAGE_CHARACTERS].upper())


def _decoded(token: str) -> bytes:
    """The token's bytes; none for what cannot be one. Only the one way of writing them counts."""
    if not 0 < len(token) <= _TOKEN_CHARACTERS or not token.isascii():
        return b""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return b""
    return raw if base64.urlsafe_b64encode(raw).rstrip(b"=") == token.encode() else b""
