"""The element tree of a package without its files: one pass over bytes that a stranger sent.

A target parser hands every event to `_Target`, which keeps names and texts, and sends the base64 text of files
straight to their decoders. Depth, elements, sizes and file counts are bounded while the bytes come in; a DTD or an
entity ends it at once. The tree holds no lxml object.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from lxml import etree

from axis.edxml.content import Content, Decoder
from axis.edxml.findings import Findings, Odd, shown
from axis.edxml.model import NAMESPACE, Limits
from axis.edxml.names import OLD_SPELLINGS, TAGS
from axis.errors import Code, Malformed

CHUNK_BYTES = 64 << 10
_TOKEN_BYTES = 128 << 10  # one tag, comment or the like
_LINE_SHARE = 64  # base64 text comes in lines of 64 or 76 characters; the parser drops their carriage returns
_SIGNATURE_PATHS = ("Signature", "edXMLHeader/Signature")
_LINE = re.compile(r"\bline (\d+)")
_POSITION = re.compile(r", line \d+, column \d+$")
_INVALID_BYTES = 81  # libxml2's XML_ERR_INVALID_ENCODING
_SILENT = (etree._Comment, etree._ProcessingInstruction)  # noqa: SLF001 - lxml has no other name for them
_QCVN = f"{{{NAMESPACE}}}"
_CONTENT_PATH = ["edXML", "AttachmentEncoded", "Attachment"]


class Node:
    """One element. Text is gathered whole, whatever comments, CDATA sections or references split it into."""

    __slots__ = ("attributes", "children", "content", "is_split", "name", "parts")

    def __init__(self, name: str, attributes: Mapping[str, str] | None = None) -> None:
        self.name = name  # without its namespace; with it, if that is foreign
        self.attributes = attributes
        self.children: list[Node] = _NO_NODES  # replaced when there is one: most elements have none
        self.parts: list[str] = _NO_PARTS
        self.is_split = False  # a comment or processing instruction stands in it
        self.content: Content | None = None  # of a ContentTransferEncoded

    def add_child(self, node: "Node") -> None:
        """One more element in it."""
        if self.children:
            self.children.append(node)
        else:
            self.children = [node]

    def add_text(self, text: str) -> None:
        """More text in it."""
        if self.parts:
            self.parts.append(text)
        else:
            self.parts = [text]

    @property
    def text(self) -> str:
        """Its own text, trimmed."""
        return "".join(self.parts).strip()


_NO_NODES: list[Node] = []
_NO_PARTS: list[str] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """A parsed package."""

    root: Node
    has_signature: bool


class ParserTarget(Protocol):
    """Receives the parser's events, and counts them."""

    events: int
    content_characters: int  # of the files' texts, which are not kept

    @property
    def begun(self) -> bool:
        """Whether the root has come."""
        ...


class _Target:
    """Receives the parser's events."""

    def __init__(self, limits: Limits, findings: Findings, decoder: Callable[[str], Decoder]) -> None:
        self.root: Node | None = None
        self.has_signature = False
        self.events = 0
        self.content_characters = 0
        self._limits = limits
        self._findings = findings
        self._new_decoder = decoder
        self._decoder: Decoder | None = None  # of the file that is passing
        self._content_at = ""
        self._stack: list[Node] = []
        self._passing = 0  # how deep inside a Signature: its inside is not ours to read
        self._elements = 0
        self._files = 0
        self._named_bare = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.events += 1
        self._elements += 1 + len(attributes)
        if self._elements > self._limits.elements:
            raise Malformed(Code.TOO_MANY, f"more than {self._limits.elements} elements and attributes")
        if len(self._stack) + self._passing >= self._limits.depth:
            raise Malformed(Code.TOO_DEEP, f"more than {self._limits.depth} levels")
        if self._passing:
            self._passing += 1
            return
        if self._decoder:
            raise Malformed(Code.BAD_BASE64, "an element stands in the text", at=self._content_at)
        node = Node(TAGS.get(tag) or self._unusual(tag), attributes or None)
        if self._stack:
            self._stack[-1].add_child(node)
        else:
            self._begin(tag, node)
        self._stack.append(node)
        if node.name == "ContentTransferEncoded":
            self._begin_content()
        elif node.name == "Signature":
            self.has_signature |= self._path() in _SIGNATURE_PATHS
            self._passing = 1

    def data(self, text: str) -> None:
        self.events += 1
        if self._decoder:
            self.content_characters += len(text)
            self._decoder.feed(text)
        elif self._stack and not self._passing:
            self._stack[-1].add_text(text)

    def end(self, _tag: str) -> None:
        self.events += 1
        if self._passing > 1:
            self._passing -= 1
            return
        self._passing = 0
        node = self._stack.pop()
        if self._decoder:
            node.content = self._decoder.finish()
            self._decoder = None

    def comment(self, _text: str) -> None:
        self.events += 1
        if self._stack:
            self._stack[-1].is_split = True

    def pi(self, target: str, _data: str | None = None) -> None:
        self.comment(target)

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        raise Malformed(Code.DTD_FORBIDDEN)

    def close(self) -> None:
        """The document is complete."""

    @property
    def begun(self) -> bool:
        """Whether the root has come."""
        return self.root is not None

    def let_go(self) -> None:
        """Forget the tree and the files.

        lxml's parser refers to itself and to its target: both lie about until the garbage collector comes. What a
        package held must not.
        """
        self.root = self._decoder = None
        self._stack = []
        del self._new_decoder

    def _begin(self, tag: str, node: Node) -> None:
        if tag != _QCVN + "edXML":
            raise Malformed(Code.WRONG_ROOT, f"the root is {shown(tag)}")
        self.root = node

    def _begin_content(self) -> None:
        if [node.name for node in self._stack[:-1]] != _CONTENT_PATH:
            return
        self._files += 1
        if self._files > self._limits.attachments:
            raise Malformed(Code.TOO_MANY, f"more than {self._limits.attachments} files", at="AttachmentEncoded")
        position = len(self._stack[1].children)
        self._content_at = f"AttachmentEncoded/Attachment[{position}]/ContentTransferEncoded"
        self._decoder = self._new_decoder(self._content_at)

    def _unusual(self, tag: str) -> str:
        """The name of an element that is not written as it should be."""
        name = tag.removeprefix(_QCVN)
        if "{" in name:
            return name
        if name == tag and not self._named_bare:
            self._named_bare = True
            self._findings.add(Odd.NO_NAMESPACE, f"{self._path()}/{name}")
        if name in OLD_SPELLINGS:
            self._findings.add(Odd.OLD_SPELLING, f"{self._path()}/{name}")
        return OLD_SPELLINGS.get(name, name)

    def _path(self) -> str:
        return "/".join(node.name for node in self._stack if node.name not in ("edXML", "edXMLEnvelope"))


# lxml asks how many arguments `start` takes each time that it makes a parser, by way of `inspect`, which takes as long
# as parsing a small package. Said here once, the answer is at hand.
_Target.start.__signature__ = inspect.signature(_Target.start)  # type: ignore[attr-defined] # any function may have one


def parse(
    chunks: Iterable[bytes], *, limits: Limits, findings: Findings, decoder: Callable[[str], Decoder], line: int
) -> Skeleton:
    """Parse a package from the beginning of its XML.

    chunks: its bytes, CHUNK_BYTES at a time. decoder: makes the decoder for the file at an element path.
    line: line ends of the file in front of the XML.
    Raises Malformed, never an lxml error.
    """
    target = _Target(limits, findings, decoder)
    try:
        return _parse(chunks, target, limits, line)
    finally:
        target.let_go()


def _parse(chunks: Iterable[bytes], target: _Target, limits: Limits, line: int) -> Skeleton:
    drive(chunks, target, limits, line)
    if target.root is None:
        raise Malformed(Code.EMPTY_BODY)
    return Skeleton(root=target.root, has_signature=target.has_signature)


def drive(chunks: Iterable[bytes], target: ParserTarget, limits: Limits, line: int) -> None:
    """Let a parser that resolves nothing give its events to the target, within limits.skeleton_bytes besides files.

    chunks, line: as of `parse`. Raises Malformed, never an lxml error.
    """
    parser = etree.XMLParser(
        target=target,  # type: ignore[arg-type] # the stubs let a target get bytes; lxml hands it str
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    fed = 0
    stalled = 0
    try:
        for chunk in chunks:
            events = target.events
            parser.feed(chunk)
            fed += len(chunk)
            stalled = stalled + len(chunk) if target.events == events else 0
            _check_chunk(target, parser, chunk, line)
            _check_sizes(target, fed - CHUNK_BYTES, stalled, limits)
        parser.close()
    except etree.XMLSyntaxError as e:
        raise _broken(e.msg or "", e.lineno or 0, getattr(e, "code", 0), line) from e
    _check_chunk(target, parser, b"", line)
    _check_sizes(target, fed, 0, limits)


def parse_whole(
    xml: bytes, *, limits: Limits, findings: Findings, decoder: Callable[[str], Decoder]
) -> Skeleton | None:
    """Parse a package that is one chunk; None when it is not plainly well-formed: then `parse` says why.

    The parser calls a target with the interpreter's lock let go and taken again each time: beside busy threads that
    makes a small package wait longer than it works. Here it is let go once, and the target sees the same events after.
    Raises Malformed, as `parse`.
    """
    if b"<!DOCTYPE" in xml:
        return None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        element = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError:
        return None
    if parser.error_log:
        return None
    target = _Target(limits, findings, decoder)
    _replay(element, target)
    _check_sizes(target, len(xml), 0, limits)
    return None if target.root is None else Skeleton(root=target.root, has_signature=target.has_signature)


def _replay(element: etree._Element, target: _Target) -> None:
    """Give the target what a parser would have given it. No deeper than limits.depth: there the target raises."""
    target.start(element.tag, dict(element.items()))  # type: ignore[arg-type] # the stubs let names be bytes
    if element.text:
        target.data(element.text)
    for child in element:
        if isinstance(child, _SILENT):
            target.comment("")
        else:
            _replay(child, target)
        if child.tail:
            target.data(child.tail)
    target.end(element.tag)


def _check_chunk(target: ParserTarget, parser: etree.XMLParser, chunk: bytes, line: int) -> None:
    if not target.begun and b"<!DOCTYPE" in chunk:  # found before the parser has waited for all of it
        raise Malformed(Code.DTD_FORBIDDEN)
    for entry in parser.feed_error_log:
        # What breaks the rules of namespaces only, the parser lets pass with the prefix lost.
        if entry.type_name.startswith("NS_ERR_"):
            raise _broken(entry.message, entry.line, entry.type, line)


def _check_sizes(target: ParserTarget, fed: int, stalled: int, limits: Limits) -> None:
    if stalled > _TOKEN_BYTES:
        raise Malformed(Code.TOO_LARGE, f"a tag or comment of more than {_TOKEN_BYTES} bytes")
    content = target.content_characters + target.content_characters // _LINE_SHARE
    if fed - content > limits.skeleton_bytes:
        raise Malformed(Code.TOO_LARGE, f"more than {limits.skeleton_bytes} bytes besides the files")


def _broken(message: str, line: int, code: int, lines_before: int) -> Malformed:
    """The parser's complaint, with lines counted from the beginning of the file."""
    at = f"line {line + lines_before}"
    if code == _INVALID_BYTES:
        return Malformed(Code.ENCODING_UNSUPPORTED, "bytes that are not UTF-8", at=at)
    message = _POSITION.sub("", message)
    message = _LINE.sub(lambda match: f"line {int(match[1]) + lines_before}", message)
    return Malformed(Code.XML_BROKEN, shown(message), at=at)
