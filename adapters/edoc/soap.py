"""A SOAP envelope as the elements that are in it: one pass, bounded, base64 of files left out.

What is no SOAP at all raises SoapFault with the word that SOAP has for it. DTDs, entities, depth, counts and sizes are
bounded as for packages (`axis.edxml.skeleton.drive`).

Peer: bodies come with and without edXML's namespace; headers of strangers are passed over.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lxml import etree

from adapters.edoc.errors import Fault, SoapFault
from adapters.edoc.wire import SOAP_11, SOAP_12, XOP_INCLUDE, Version
from axis.edxml.content import Decoder
from axis.edxml.model import NAMESPACE, Limits
from axis.edxml.skeleton import Node, drive
from axis.edxml.v1 import CONTENT, V1_NAMESPACE
from axis.errors import Code, Malformed

_OURS = (f"{{{V1_NAMESPACE}}}", f"{{{NAMESPACE}}}")
_BLOCK_LEVEL = 2  # Envelope, Header or Body, then what is in it
_FILE_PATH = ("Manifest", "Reference", CONTENT)
_TRUE = ("1", "true")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What came. Names of elements without a namespace where it is edXML's or none, else with it."""

    version: Version
    header: tuple[Node, ...]
    body: tuple[Node, ...]

    def block(self, name: str) -> Node | None:
        """The header's block of that name. Raises Malformed(FIELD_INVALID) when there are two."""
        return one_of(self.header, name, "Header")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who says to be calling, and the word that proves it."""

    organ_id: str
    token: str


def one_of(nodes: Iterable[Node], name: str, at: str) -> Node | None:
    """The one element of that name; None: there is none. Raises Malformed(FIELD_INVALID) when there are two."""
    found = [node for node in nodes if node.name == name]
    if len(found) > 1:
        raise Malformed(Code.FIELD_INVALID, "the element stands twice", at=f"{at}/{name}")
    return found[0] if found else None


def text_of(node: Node | None, name: str) -> str:
    """The text of the one child of that name; "" when it is not there. Raises Malformed(FIELD_INVALID)."""
    if node is None or (child := one_of(node.children, name, node.name)) is None:
        return ""
    if child.children:
        raise Malformed(Code.FIELD_INVALID, "elements stand in a text", at=f"{node.name}/{name}")
    return child.text


def credentials_in(node: Node | None) -> Credentials | None:
    """OrganId and Token of an element; None when it holds neither."""
    found = Credentials(organ_id=text_of(node, "OrganId"), token=text_of(node, "Token"))
    return found if found.organ_id or found.token else None


def header_credentials(header: Iterable[Node]) -> Credentials | None:
    """OrganId and Token of Signature/KeyInfo, or of the block CheckPermission."""
    blocks = tuple(header)
    signature = one_of(blocks, "Signature", "Header")
    key_info = None if signature is None else one_of(signature.children, "KeyInfo", "Signature")
    found = credentials_in(key_info) or credentials_in(signature)
    return found or credentials_in(one_of(blocks, "CheckPermission", "Header"))


def is_credentials(node: Node) -> bool:
    """Whether a header's block says who calls, and nothing else."""
    inside = node.children
    if node.name == "Signature" and len(inside) == 1 and inside[0].name == "KeyInfo":
        inside = inside[0].children
    elif node.name not in ("Signature", "CheckPermission"):
        return False
    return all(child.name in ("OrganId", "Token") for child in inside)


def read_envelope(chunks: Iterable[bytes], limits: Limits, decoder: Callable[[str], Decoder]) -> Envelope:
    """Read an envelope. decoder: makes the decoder of an inline file at an element path.

    Raises Malformed for XML that is broken or too much, SoapFault for what is not SOAP.
    """
    target = _Target(limits, decoder)
    try:
        drive(chunks, target, limits, 0)
        return target.envelope()
    finally:
        target.let_go()


def peek_header(head: bytes, limits: Limits) -> tuple[Node, ...] | None:
    """The header's blocks, from the first bytes of an envelope; None while its end has not come.

    Raises as `read_envelope`.
    """
    target = _Target(limits, _no_files)
    try:
        drive((head,), target, limits, 0)
    except Malformed:
        if not target.header_ended:
            return None
    try:
        return target.header
    finally:
        target.let_go()


def _no_files(at: str) -> Decoder:
    raise Malformed(Code.BAD_REQUEST, "no file is due", at=at)


class _Target:
    """Receives the parser's events."""

    def __init__(self, limits: Limits, decoder: Callable[[str], Decoder]) -> None:
        self.events = 0
        self.content_characters = 0
        self.header_ended = False
        self._limits = limits
        self._new_decoder = decoder
        self._decoder: Decoder | None = None
        self._version: Version | None = None
        self._elements = 0
        self._files = 0
        self._stack: list[Node] = []
        self._sections: dict[str, Node] = {}

    @property
    def begun(self) -> bool:
        """Whether the root has come."""
        return self._version is not None

    @property
    def header(self) -> tuple[Node, ...]:
        """The header's blocks so far."""
        section = self._sections.get("Header")
        return tuple(section.children) if section else ()

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.events += 1
        self._elements += 1 + len(attributes)
        if self._elements > self._limits.elements:
            raise Malformed(Code.TOO_MANY, f"more than {self._limits.elements} elements and attributes")
        depth = len(self._stack)
        if depth >= self._limits.depth:
            raise Malformed(Code.TOO_DEEP, f"more than {self._limits.depth} levels")
        if self._decoder is not None:
            raise Malformed(Code.BAD_BASE64, "an element stands in the text", at=self._path())
        node = Node(_name(tag), _attributes(attributes))
        if depth == 0:
            self._version = _version(tag)
        elif depth == 1:
            self._begin_section(tag, node)
        else:
            if depth == _BLOCK_LEVEL:
                self._check_understood(node)
            self._stack[-1].add_child(node)
        self._stack.append(node)

    def data(self, text: str) -> None:
        self.events += 1
        if not self._stack:
            return
        if self._decoder is None and text.strip() and self._in_file():
            self._begin_file()
        if self._decoder is not None:
            self.content_characters += len(text)
            self._decoder.feed(text)
        else:
            self._stack[-1].add_text(text)

    def end(self, _tag: str) -> None:
        self.events += 1
        if self._decoder is None and self._in_file() and not self._stack[-1].children:
            self._begin_file()
        node = self._stack.pop()
        if self._decoder is not None:
            node.content = self._decoder.finish()
            self._decoder = None
        if len(self._stack) == 1 and self._sections.get("Header") is node:
            self.header_ended = True

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

    def envelope(self) -> Envelope:
        """What was read. Raises SoapFault without a Body."""
        if self._version is None or "Body" not in self._sections:
            raise SoapFault(Fault.CLIENT, "no Body", at="Envelope")
        return Envelope(version=self._version, header=self.header, body=tuple(self._sections["Body"].children))

    def let_go(self) -> None:
        """Forget the tree and the files: lxml's parser refers to itself and to its target."""
        self._decoder = None
        self._stack, self._sections = [], {}
        del self._new_decoder

    def _begin_section(self, tag: str, node: Node) -> None:
        namespace, _, name = tag.rpartition("}")
        known = namespace == f"{{{self._version}" and name in ("Header", "Body")
        if not known or name in self._sections or (name == "Header" and self._sections):
            detail = "Header, then Body, once each, in the namespace of the Envelope"
            raise SoapFault(Fault.CLIENT, detail, at="Envelope")
        self._sections[name] = node

    def _check_understood(self, node: Node) -> None:
        if self._stack[-1] is not self._sections.get("Header") or not node.name.startswith("{"):
            return
        said = (node.attributes or {}).get(f"{{{self._version}}}mustUnderstand", "")
        if said.strip() in _TRUE:
            raise SoapFault(Fault.MUST_UNDERSTAND, node.name[:200], at="Header")

    def _in_file(self) -> bool:
        names = tuple(node.name for node in self._stack[_BLOCK_LEVEL:])
        return names == _FILE_PATH and self._stack[1] is self._sections.get("Body")

    def _begin_file(self) -> None:
        if self._stack[-1].children:
            raise Malformed(Code.BAD_BASE64, "text beside an element", at=self._path())
        self._files += 1
        if self._files > self._limits.attachments:
            raise Malformed(Code.TOO_MANY, f"more than {self._limits.attachments} files", at="Manifest")
        self._decoder = self._new_decoder(self._path())

    def _path(self) -> str:
        position = len(self._stack[_BLOCK_LEVEL].children) if len(self._stack) > _BLOCK_LEVEL else 0
        return f"Manifest/Reference[{position}]/{CONTENT}"


# See axis.edxml.skeleton: said here once, lxml need not find it out for each parser.
_Target.start.__signature__ = inspect.signature(_Target.start)  # type: ignore[attr-defined] # any function may have one


def _attributes(attributes: Mapping[str, str]) -> Mapping[str, str] | None:
    """Without entities resolved, libxml2 hands an ampersand on as a reference, whichever way it was written."""
    return {name: value.replace("&#38;", "&") for name, value in attributes.items()} or None


def _name(tag: str) -> str:
    for namespace in _OURS:
        if tag.startswith(namespace):
            return tag.removeprefix(namespace)
    return tag


def _version(tag: str) -> Version:
    for version in Version:
        if tag == f"{{{version}}}Envelope":
            return version
    if etree.QName(tag).localname == "Envelope":
        raise SoapFault(Fault.VERSION_MISMATCH, f"{SOAP_11} and {SOAP_12} are spoken", at="Envelope")
    raise SoapFault(Fault.CLIENT, "the root is no Envelope")


def include_of(node: Node) -> str | None:
    """The href of an xop:Include in the element, if there is one."""
    for child in node.children:
        if child.name == XOP_INCLUDE:
            return (child.attributes or {}).get("href", "")
    return None
