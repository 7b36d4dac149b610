"""A courier's file: written in one go, read in one go, whatever its size.

    magic · length · header (canonical JSON: from, to, ephemeral key) · sealed stream
    sealed stream: length · manifest (canonical JSON) · signature · the packages' bytes, one after the other

The header says by whose keys the file was made and for whose; it is part of what the key is derived from and of what is
signed, so that a file cannot be turned into one for, or from, another. There are no names of files and no compression
in it: nothing to lead astray, nothing to swell.

Norm: RFC 5869 (HKDF), RFC 8785 (canonical JSON).
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import rfc8785
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from axis.courier.keys import KEY_BYTES, Identity, PrivateKeys
from axis.courier.model import MANIFEST_BYTES, Item, Manifest, read_manifest
from axis.courier.sealing import Opener, Sealer
from axis.errors import Code, Internal, Malformed, NotAllowed

MAGIC: Final = b"axis-courier/1\n"
_HEADER_BYTES = 4096
_LENGTH_BYTES = 4
_SIGNATURE_BYTES = 64
_PIECE_BYTES = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What can be read without a key."""

    sender: str  # key ids
    receiver: str
    ephemeral: bytes

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return rfc8785.dumps(
            {"ephemeral": base64.b64encode(self.ephemeral).decode("ascii"), "from": self.sender, "to": self.receiver}
        )


def write_bundle(
    manifest: Manifest, contents: Iterable[Iterable[bytes]], sender: PrivateKeys, receiver: Identity, out: BinaryIO
) -> str:
    """Write a file for `receiver`. contents: of each item of the manifest, in its order, in pieces.

    Returns the manifest's SHA-256. Raises Internal when a content is not what the manifest says.
    """
    ephemeral = X25519PrivateKey.generate()
    header = Header(
        sender=sender.identity.key_id, receiver=receiver.key_id, ephemeral=ephemeral.public_key().public_bytes_raw()
    ).to_bytes()
    said = manifest.to_bytes()
    if len(said) > MANIFEST_BYTES:
        raise Malformed(Code.TOO_LARGE, f"{len(manifest.items)} packages in one file")
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(receiver.encryption))
    out.write(MAGIC + len(header).to_bytes(_LENGTH_BYTES, "big") + header)
    sealer = Sealer(_key(shared, header, receiver), out)
    sealer.write(len(said).to_bytes(_LENGTH_BYTES, "big") + said + sender.sign(_signed(header, said)))
    for item, pieces in zip(manifest.items, contents, strict=True):
        digest, size_bytes = hashlib.sha256(), 0
        for piece in pieces:
            digest.update(piece)
            size_bytes += len(piece)
            sealer.write(piece)
        if (digest.hexdigest(), size_bytes) != (item.sha256, item.size_bytes):
            raise Internal("a package is not what its manifest says")
    sealer.close()
    return hashlib.sha256(said).hexdigest()


def read_header(source: BinaryIO) -> Header:
    """For whom a file is, and from whom; the file stands behind it then. Raises Malformed(COURIER_BROKEN)."""
    raw = _read_header(source)
    try:
        said = json.loads(raw)
        header = Header(
            sender=str(said["from"]), receiver=str(said["to"]), ephemeral=base64.b64decode(said["ephemeral"])
        )
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError) as e:
        raise Malformed(Code.COURIER_BROKEN, "the header is none") from e
    if header.to_bytes() != raw or len(header.ephemeral) != KEY_BYTES:
        raise Malformed(Code.COURIER_BROKEN, "the header is none")
    return header


class Bundle:
    """An opened file: its manifest, then its packages in their order. Each package must be read before the next.

    Raises Malformed(COURIER_BROKEN) at whatever is not as it was sealed, Malformed(COURIER_FORGED) unless `sender`
    signed it, NotAllowed(COURIER_FOREIGN) when it is for somebody else or from somebody else.
    """

    def __init__(self, source: BinaryIO, receiver: PrivateKeys, sender: Identity) -> None:
        header = read_header(source)
        identity = receiver.identity
        if header.receiver != identity.key_id:
            raise NotAllowed(Code.COURIER_FOREIGN, "the file is for somebody else's key")
        if header.sender != sender.key_id:
            raise NotAllowed(Code.COURIER_FOREIGN, "the file is from somebody else's key")
        raw = header.to_bytes()
        self._opener = Opener(_key(receiver.agree(header.ephemeral), raw, identity), source)
        length = int.from_bytes(self._exactly(_LENGTH_BYTES), "big")
        if length > MANIFEST_BYTES:
            raise Malformed(Code.COURIER_BROKEN, "the manifest is too long")
        said = self._exactly(length)
        sender.verify(self._exactly(_SIGNATURE_BYTES), _signed(raw, said))
        self.manifest = read_manifest(said)
        self.manifest_sha256 = hashlib.sha256(said).hexdigest()

    def packages(self) -> Iterator[tuple[Item, Iterator[bytes]]]:
        """Each item with its bytes. When it ends, the file was whole and held nothing else."""
        for item in self.manifest.items:
            pieces = self._pieces(item)
            yield item, pieces
            for _ in pieces:
                pass  # whoever asked did not want them all; what follows stands behind them
        if self._opener.read(1):
            raise Malformed(Code.COURIER_BROKEN, "something follows the last package")

    def _pieces(self, item: Item) -> Iterator[bytes]:
        digest, left = hashlib.sha256(), item.size_bytes
        while left:
            piece = self._opener.read(min(left, _PIECE_BYTES))
            if not piece:
                raise Malformed(Code.COURIER_BROKEN, "the file ends within a package")
            digest.update(piece)
            left -= len(piece)
            yield piece
        if digest.hexdigest() != item.sha256:
            raise Malformed(Code.COURIER_BROKEN, "a package is not what its manifest says")

    def _exactly(self, size_bytes: int) -> bytes:
        found = self._opener.read(size_bytes)
        if len(found) != size_bytes:
            raise Malformed(Code.COURIER_BROKEN, "the file ends within its manifest")
        return found


def _read_header(source: BinaryIO) -> bytes:
    if source.read(len(MAGIC)) != MAGIC:
        raise Malformed(Code.COURIER_BROKEN, "not a courier's file, or of a later version")
    length = int.from_bytes(source.read(_LENGTH_BYTES), "big")
    if length > _HEADER_BYTES:
        raise Malformed(Code.COURIER_BROKEN, "the header is too long")
    return source.read(length)


def _signed(header: bytes, manifest: bytes) -> bytes:
    """What the sender's signature is over: nothing else that its key signs begins like this."""
    return b"axis courier manifest 1\x00" + len(header).to_bytes(_LENGTH_BYTES, "big") + header + manifest


def _key(shared: bytes, header: bytes, receiver: Identity) -> bytes:
    info = b"axis courier stream 1\x00" + hashlib.sha256(MAGIC + header).digest() + receiver.encryption
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(shared)
