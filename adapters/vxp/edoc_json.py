r"""The answer of getEdoc, as a stream in both directions: a file as base64 inside a JSON object, in flat memory.

Pure: bytes in, bytes out. The reader tolerates what JSON writers do to base64 (`\/`, `\r\n` every 76 characters,
`\u003d`) and any order of keys; it refuses what is not base64, and a head or tail beyond a bound.
"""

import binascii
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pybase64

from adapters.vxp.errors import OK_CODE
from adapters.vxp.replies import STATUS_OK, read_reply, write_json
from axis.errors import PeerUnreachable

_MAX_AROUND_BYTES = 64 << 10  # of JSON before the file, and of JSON after it
_TAIL = b'"}'


def write_head(doc_id: str) -> bytes:
    """The JSON before the base64."""
    head = {"status": STATUS_OK, "ErrorCode": OK_CODE, "ErrorDesc": "", "DocId": doc_id, "data": ""}
    return write_json(head).removesuffix(_TAIL)


def answer_bytes(doc_id: str, size_bytes: int) -> int:
    """The length of the whole answer for a file of `size_bytes`."""
    return len(write_head(doc_id)) + (size_bytes + 2) // 3 * 4 + len(_TAIL)


async def write_answer(doc_id: str, chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The whole answer, a piece for each chunk of the file."""
    head, rest = write_head(doc_id), b""
    async with aclosing(chunks):
        async for chunk in chunks:
            whole = rest + chunk
            cut = len(whole) - len(whole) % 3
            rest = whole[cut:]
            yield head + pybase64.b64encode(whole[:cut])
            head = b""
    yield head + pybase64.b64encode(rest) + _TAIL


class EdocReader:
    """Takes an answer apart as it comes.

    feed gives the file's bytes that a chunk completes; finish, called at the end, raises PeerRefused when the answer
    is a refusal, and PeerUnreachable when it is no answer at all.
    """

    def __init__(self) -> None:
        self._head = _Head()
        self._data = _Base64Text()
        self._tail: bytearray | None = None  # None until the base64 has ended

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the answer. Raises PeerUnreachable when they cannot be part of one."""
        if not self._head.done:
            rest = self._head.feed(chunk)
            if rest is None:
                return b""
            chunk = rest
        if self._tail is not None:
            self._take_tail(self._tail, chunk)
            return b""
        text, quote, after = chunk.partition(b'"')
        decoded = self._data.feed(text)
        if quote:
            self._data.finish()
            self._tail = bytearray()
            self._take_tail(self._tail, after)
        return decoded

    def finish(self) -> None:
        """The answer has ended."""
        if not self._head.done:
            read_reply(bytes(self._head.text))
            raise PeerUnreachable("the answer holds no file")
        if self._tail is None:
            raise PeerUnreachable("the answer ends within the file")
        read_reply(bytes(self._head.text) + b'""' + bytes(self._tail))

    @staticmethod
    def _take_tail(tail: bytearray, chunk: bytes) -> None:
        tail += chunk
        if len(tail) > _MAX_AROUND_BYTES:
            raise PeerUnreachable("too much JSON after the file")


class _Head:
    """Finds the text value of `data` in the outermost object, and keeps what stands before it."""

    def __init__(self) -> None:
        self.text = bytearray()
        self.done = False
        self._at = 0
        self._depth = 0
        self._start: int | None = None  # of the string that is being read
        self._escaped = False
        self._string = b""  # the last whole string
        self._value = False  # between a colon and the next comma

    def feed(self, chunk: bytes) -> bytes | None:
        """What follows the opening quote of the value; None as long as it has not come."""
        self.text += chunk
        for index in range(self._at, min(len(self.text), _MAX_AROUND_BYTES)):
            if self._opens_data(index):
                rest = bytes(self.text[index + 1 :])
                del self.text[index:]
                self.done = True
                return rest
        self._at = len(self.text)
        if self._at > _MAX_AROUND_BYTES:
            raise PeerUnreachable("too much JSON before the file")
        return None

    def _opens_data(self, index: int) -> bool:
        byte = bytes(self.text[index : index + 1])
        if self._start is not None:
            if self._escaped:
                self._escaped = False
            elif byte == b"\\":
                self._escaped = True
            elif byte == b'"':
                self._string = bytes(self.text[self._start : index])
                self._start = None
        elif byte == b'"':
            if self._depth == 1 and self._value and self._string == b"data":
                return True
            self._start = index + 1
        elif byte in (b"{", b"["):
            self._depth += 1
        elif byte in (b"}", b"]"):
            self._depth -= 1
        elif byte in (b":", b","):
            self._value = byte == b":"
        return False


class _Base64Text:
    """Decodes base64 that stands in a JSON string, whatever the writer escaped."""

    _UNICODE = re.compile(rb"\\u00([0-9a-fA-F]{2})")
    _WHITE = b"\r\n\t "
    _LONGEST_ESCAPE = 6

    def __init__(self) -> None:
        self._escape = b""  # an escape sequence that a chunk broke off
        self._group = b""  # characters that do not yet make a group of four
        self._padded = False  # the padding has come: nothing may follow

    def feed(self, text: bytes) -> bytes:
        """The bytes that these characters complete."""
        text = self._escape + text
        self._escape = b""
        if b"\\" in text:
            last = text.rfind(b"\\")
            if len(text) - last < self._LONGEST_ESCAPE and not self._is_whole(text[last:]):
                text, self._escape = text[:last], text[last:]
            text = self._unescape(text)
        text = self._group + text.translate(None, self._WHITE)
        if self._padded and text:
            raise PeerUnreachable("the file's base64 goes on after its padding")
        cut = len(text) - len(text) % 4
        self._group = text[cut:]
        self._padded = text[:cut].endswith(b"=")
        try:
            return pybase64.b64decode(text[:cut], validate=True)
        except binascii.Error as e:
            raise PeerUnreachable("the file is not base64") from e

    def finish(self) -> None:
        """No more characters come."""
        if self._escape or self._group:
            raise PeerUnreachable("the file's base64 is cut off")

    @staticmethod
    def _is_whole(escape: bytes) -> bool:
        return len(escape) > 1 and escape[1:2] != b"u"

    def _unescape(self, text: bytes) -> bytes:
        for written, meant in ((b"\\r", b""), (b"\\n", b""), (b"\\t", b""), (b"\\/", b"/")):
            text = text.replace(written, meant)
        if b"\\u" in text:
            text = self._UNICODE.sub(lambda match: bytes.fromhex(match[1].decode()), text)
        return text
