"""Authenticated encryption of a stream: in chunks, so that a file of any size needs the memory of one.

The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015), as age has it: each chunk is sealed by
ChaCha20-Poly1305 under a nonce that counts the chunks and says which one is the last. So no chunk can be changed, left
out, moved, repeated or taken from another file, and none can be cut off at the end, without its being noticed at the
chunk. A key serves one file only.

Norm: RFC 8439 (ChaCha20-Poly1305).
"""

from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from axis.errors import Code, Malformed

KEY_BYTES = 32
CHUNK_BYTES = 64 << 10
_TAG_BYTES = 16
_COUNTER_BYTES = 11
_MORE, _LAST = b"\x00", b"\x01"


class Sealer:
    """Seals what is written to it into a file. `close` must be called: it seals the last chunk."""

    def __init__(self, key: bytes, out: BinaryIO) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._out = out
        self._waiting = bytearray()
        self._count = 0

    def write(self, content: bytes) -> None:
        """The next bytes."""
        self._waiting += content
        while len(self._waiting) > CHUNK_BYTES:  # a full chunk waits: it may be the last
            self._seal(bytes(self._waiting[:CHUNK_BYTES]), _MORE)
            del self._waiting[:CHUNK_BYTES]

    def close(self) -> None:
        """There is no more."""
        self._seal(bytes(self._waiting), _LAST)
        self._waiting.clear()

    def _seal(self, chunk: bytes, last: bytes) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._count, last), chunk, None))
        self._count += 1


class Opener:
    """Gives what a sealed file holds, from where the file stands.

    Nothing is given out that was not authenticated: Malformed(COURIER_BROKEN) is raised for what was changed.
    """

    def __init__(self, key: bytes, source: BinaryIO) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._source = source
        self._next = source.read(CHUNK_BYTES + _TAG_BYTES)
        self._opened = bytearray()
        self._count = 0
        self._ended = False

    def read(self, size_bytes: int) -> bytes:
        """The next bytes: fewer, and then none, only at the end."""
        while len(self._opened) < size_bytes and not self._ended:
            self._open()
        piece = bytes(self._opened[:size_bytes])
        del self._opened[:size_bytes]
        return piece

    def _open(self) -> None:
        sealed, self._next = self._next, self._source.read(CHUNK_BYTES + _TAG_BYTES)
        self._ended = not self._next
        try:
            chunk = self._cipher.decrypt(_nonce(self._count, _LAST if self._ended else _MORE), sealed, None)
        except (InvalidTag, ValueError) as e:
            raise Malformed(Code.COURIER_BROKEN, f"chunk {self._count} is not what was sealed") from e
        self._opened += chunk
        self._count += 1


def _nonce(count: int, last: bytes) -> bytes:
    return count.to_bytes(_COUNTER_BYTES, "big") + last
