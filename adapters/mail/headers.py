"""Mail headers: any text in ASCII lines that every server and program takes.

The standard library's folding puts a blank where two encoded words meet within a word; here words are cut at
characters, and join as they were.

Norm: RFC 5322 (lines, quoted names), RFC 2047 (encoded words), RFC 2231 (long and foreign parameters).
"""

import base64
import re
from typing import Final
from urllib.parse import quote

_WORD_BYTES = 39  # of UTF-8 in one encoded word: with `Subject: ` and what is around it, 73 of the 76 of a line
_PARAMETER_CHARACTERS = 56
_LINE_CHARACTERS = 76
_PLAIN: Final = re.compile(r"[ !#-\[\]-~]*")  # ASCII without the marks that a quoted name must escape
_BARE: Final = re.compile(r"[\x20-\x7e]*")
_SAFE: Final = "!#$&+-.^_`{}~"  # what RFC 2231 leaves as it is, beside letters and digits


def header(name: str, value: str) -> bytes:
    """One header of ASCII, folded at its blanks. Raises ValueError for what would begin another header."""
    if not _BARE.fullmatch(value.replace("\r\n ", "")):
        raise ValueError(f"{name} holds what no header may hold")
    return f"{name}: {value}\r\n".encode("ascii")


def text_value(text: str) -> str:
    """Unstructured text (Subject): as it is when it is short ASCII, else encoded words, one a line.

    What looks like an encoded word is encoded too, so that it reads as it was written.
    """
    if _BARE.fullmatch(text) and "=?" not in text and len(text) < _LINE_CHARACTERS - len("Subject: "):
        return text
    return "\r\n ".join(_encoded_words(text))


def mailbox_value(name: str, address: str) -> str:
    """A name and an address (From, To)."""
    if not name:
        return address
    if _PLAIN.fullmatch(name) and "=?" not in name and len(name) < _LINE_CHARACTERS - len("From: "):
        return f'"{name}"\r\n <{address}>'
    return "\r\n ".join((*_encoded_words(name), f"<{address}>"))


def parameter(name: str, value: str) -> str:
    """A parameter with any text, in as many pieces as it needs."""
    pieces = [""]
    for character in value:
        piece = quote(character, safe=_SAFE)
        if len(pieces[-1]) + len(piece) > _PARAMETER_CHARACTERS:
            pieces.append("")
        pieces[-1] += piece
    pieces[0] = "utf-8''" + pieces[0]
    return ";\r\n ".join(f"{name}*{at}*={piece}" for at, piece in enumerate(pieces))


def _encoded_words(text: str) -> list[str]:
    words, gathered = [], b""
    for character in text:
        encoded = character.encode()
        if len(gathered) + len(encoded) > _WORD_BYTES:
            words.append(gathered)
            gathered = b""
        gathered += encoded
    words.append(gathered)
    return [f"=?utf-8?b?{base64.b64encode(word).decode('ascii')}?=" for word in words]
