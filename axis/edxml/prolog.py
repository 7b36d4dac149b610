"""What stands in front of a package's root: where its XML begins, and in which encoding.

Real packages come with a byte order mark, blank lines or some other junk before `<?xml`; lxml refuses even a newline
there. Only UTF-8 is read.
"""

import re
from dataclasses import dataclass

from axis.edxml.findings import shown
from axis.errors import Code, Malformed

_UTF8_MARK = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"
_OTHER_MARKS = (
    b"\xff\xfe",
    b"\xfe\xff",
    b"\x00\x00\xfe\xff",
    b"<\x00",
    b"\x00<",
    b"\x00\x00\x00<",
    b"\x4c\x6f\xa7\x94",
)
_DECLARATION = re.compile(rb"<\?xml[ \t\r\n]")
_DECLARATION_BYTES = 1024  # a declaration is some forty bytes long
_WHOLE_DECLARATION = re.compile(rb"<\?xml[ \t\r\n][^>]*?\?>")
_ENCODING = re.compile(rb"""[ \t\r\n]encoding[ \t\r\n]*=[ \t\r\n]*["']([^"']*)["']""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """Where the XML of a package begins."""

    offset: int  # bytes in front of it
    lines: int  # line ends among those bytes, so that errors name the file's own line
    has_junk: bool  # something other than a byte order mark stands there


def find_beginning(head: bytes, junk_bytes: int) -> Beginning:
    """Find where the XML begins, and see to it that it is UTF-8.

    head: the first bytes of the package, at least junk_bytes and some kilobytes more, unless it is shorter.
    Raises Malformed: EMPTY_BODY, ENCODING_UNSUPPORTED, DTD_FORBIDDEN, XML_BROKEN.
    """
    if head.startswith(_OTHER_MARKS):
        raise Malformed(Code.ENCODING_UNSUPPORTED, "only UTF-8 is read")
    mark = len(_UTF8_MARK) if head.startswith(_UTF8_MARK) else 0
    body = head[mark:]
    stripped = body.lstrip(_BLANK)
    if not stripped:
        raise Malformed(Code.EMPTY_BODY)
    junk = len(body) - len(stripped)
    if not stripped.startswith(b"<"):  # whatever begins as markup is never skipped
        junk = _find_declaration(body)
    if junk > junk_bytes:
        raise Malformed(Code.XML_BROKEN, f"more than {junk_bytes} bytes stand before the XML", at="line 1")
    _check_encoding(body[junk:])
    offset = mark + junk
    return Beginning(offset=offset, lines=head.count(b"\n", 0, offset), has_junk=junk > 0)


def _find_declaration(body: bytes) -> int:
    """How many bytes of junk stand in front of the declaration."""
    declaration = _DECLARATION.search(body)
    if declaration is None:
        raise Malformed(Code.XML_BROKEN, "the file does not begin with XML", at="line 1")
    junk = body[: declaration.start()]
    if b"<!DOCTYPE" in junk or b"<!ENTITY" in junk:
        raise Malformed(Code.DTD_FORBIDDEN, at="line 1")
    if b"edXML" in junk:  # which of two packages is meant, readers might not agree
        raise Malformed(Code.XML_BROKEN, "another package stands before the XML declaration", at="line 1")
    return declaration.start()


def _check_encoding(xml: bytes) -> None:
    declaration = _WHOLE_DECLARATION.match(xml, 0, _DECLARATION_BYTES)
    if declaration is None:
        return  # without one it is UTF-8; a broken one is for the parser to refuse
    encoding = _ENCODING.search(declaration[0])
    if encoding and encoding[1].lower() not in (b"utf-8", b"utf8"):
        name = shown(encoding[1].decode("ascii", "replace"))
        raise Malformed(Code.ENCODING_UNSUPPORTED, f"declared as {name}; only UTF-8 is read", at="line 1")
