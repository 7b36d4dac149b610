"""Who seals and who opens: a pair of keys each, one to encrypt to (X25519), one to sign with (Ed25519).

The node's keys come from its own key; an agency's are made by the node's administrator and handed over in a key file,
which holds the node's public keys too, so that the agency needs nothing else.

Norm: RFC 7748 (X25519), RFC 8032 (Ed25519).
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from axis.errors import Code, Malformed

KEY_BYTES = 32
_ID_CHARACTERS = 32
_FORMAT = "axis-courier-key-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The public keys of one side."""

    encryption: bytes  # X25519, 32 bytes
    signing: bytes  # Ed25519, 32 bytes

    @property
    def key_id(self) -> str:
        """A short name that no other pair has."""
        return hashlib.sha256(b"axis courier key\x00" + self.encryption + self.signing).hexdigest()[:_ID_CHARACTERS]

    def verify(self, signature: bytes, said: bytes) -> None:
        """Raises Malformed(COURIER_FORGED) unless this side signed it."""
        try:
            Ed25519PublicKey.from_public_bytes(self.signing).verify(signature, said)
        except (InvalidSignature, ValueError) as e:
            raise Malformed(Code.COURIER_FORGED, "the signature is not the sender's") from e


class PrivateKeys:
    """Both private keys of one side."""

    def __init__(self, encryption: bytes, signing: bytes) -> None:
        self._encryption = X25519PrivateKey.from_private_bytes(encryption)
        self._signing = Ed25519PrivateKey.from_private_bytes(signing)

    @classmethod
    def generate(cls) -> Self:
        """New ones."""
        return cls(X25519PrivateKey.generate().private_bytes_raw(), Ed25519PrivateKey.generate().private_bytes_raw())

    @property
    def identity(self) -> Identity:
        """The public halves."""
        return Identity(
            encryption=self._encryption.public_key().public_bytes_raw(),
            signing=self._signing.public_key().public_bytes_raw(),
        )

    def sign(self, said: bytes) -> bytes:
        """64 bytes."""
        return self._signing.sign(said)

    def agree(self, public: bytes) -> bytes:
        """The secret shared with whoever holds the other half of `public`. Raises Malformed(COURIER_BROKEN)."""
        try:
            return self._encryption.exchange(X25519PublicKey.from_public_bytes(public))
        except ValueError as e:  # a point that gives everybody the same secret
            raise Malformed(Code.COURIER_BROKEN, "no key to agree with") from e

    def raw(self) -> tuple[bytes, bytes]:
        """The private bytes: encryption, signing."""
        return self._encryption.private_bytes_raw(), self._signing.private_bytes_raw()


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An organisation, for people."""

    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """What an agency needs to open what the node sends it, and to answer."""

    system_id: str
    organs: tuple[Named, ...]  # for whom it acts
    keys: PrivateKeys
    node: Named
    node_identity: Identity

    def to_text(self) -> str:
        """The file's content. Secret."""
        encryption, signing = self.keys.raw()
        return json.dumps(
            {
                "format": _FORMAT,
                "system_id": self.system_id,
                "organs": [{"code": organ.code, "name": organ.name} for organ in self.organs],
                "private": {"encryption": _text(encryption), "signing": _text(signing)},
                "node": {
                    "code": self.node.code,
                    "name": self.node.name,
                    "encryption": _text(self.node_identity.encryption),
                    "signing": _text(self.node_identity.signing),
                },
            },
            ensure_ascii=False,
            indent=2,
        )

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a key file. Raises Malformed(BAD_FILE)."""
        try:
            said = json.loads(text)
            node, private = said["node"], said["private"]
            _check_format(said["format"])
            return cls(
                system_id=str(said["system_id"]),
                organs=tuple(Named(code=str(one["code"]), name=str(one["name"])) for one in said["organs"]),
                keys=PrivateKeys(_bytes(private, "encryption"), _bytes(private, "signing")),
                node=Named(code=str(node["code"]), name=str(node["name"])),
                node_identity=Identity(encryption=_bytes(node, "encryption"), signing=_bytes(node, "signing")),
            )
        except (ValueError, KeyError, TypeError, RecursionError) as e:
            raise Malformed(Code.BAD_FILE, "not a courier's key file") from e


def _check_format(value: object) -> None:
    if value != _FORMAT:
        raise ValueError("another format")


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _bytes(said: Mapping[str, Any], name: str) -> bytes:
    try:
        raw = base64.b64decode(said[name], validate=True)
    except binascii.Error as e:
        raise ValueError(name) from e
    if len(raw) != KEY_BYTES:
        raise ValueError(name)
    return raw
