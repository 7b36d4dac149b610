"""Canonical XML: of a whole file as a stream, in memory that does not grow with the file; and of a small subtree.

libxml2 canonicalises the whole of a small file (`xmltree`) and subtrees in the exclusive form; this module does what
that cannot: files of hundreds of megabytes, and subtrees in the inclusive forms (lxml adds a false `xmlns=""` to some).
Both writers share the rules for namespaces and attributes. Comments are always left out, as `URI=""` demands.

Processing instructions and, in the inclusive forms, attributes with a prefix in a subtree are not supported: our
signature profile refuses the former, and no signature element has the latter.

Norm: W3C Canonical XML 1.0 and 1.1, Exclusive XML Canonicalization 1.0.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

XMLDSIG = "http://www.w3.org/2000/09/xmldsig#"
XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"

_READ_BYTES = 1 << 18
_TEXT_KEPT_CHARS = 1 << 16  # of one text in the skeleton; inside a Signature all of it is kept


class Method(StrEnum):
    """Canonicalisation algorithms; those with comments differ in nothing, since comments are refused."""

    EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
    INCLUSIVE_10 = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
    INCLUSIVE_11 = "http://www.w3.org/2006/12/xml-c14n11"

    @property
    def exclusive(self) -> bool:
        """Only the namespaces that an element uses are written at it."""
        return self is Method.EXCLUSIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A canonical form: the method and, for the exclusive one, the prefixes that are treated inclusively."""

    method: Method = Method.EXCLUSIVE
    prefixes: tuple[str, ...] = ()  # "" is the default namespace


class Uncanonical(Exception):
    """The XML cannot be brought into the form: broken, too deep, too large, or with something unsupported."""

    def __init__(self, word: str, detail: str) -> None:
        super().__init__(word, detail)
        self.word = word  # xml_broken | dtd | too_deep | too_large | unsupported
        self.detail = detail


Attributes = list[tuple[str, str]]


class _Tags:
    """Writes start and end tags canonically, knowing which namespaces stand in the output already."""

    def __init__(self, form: Form, scope: dict[str, str] | None = None) -> None:
        self._exclusive = form.method.exclusive
        self._inclusive_prefixes = frozenset(form.prefixes)
        # per open element: what is in scope in the document, and what the output has declared
        self._scopes: list[dict[str, str]] = [scope or {}]
        self._rendered: list[dict[str, str]] = [{}]
        self._apex = bool(scope)

    def start(self, name: str, attributes: Attributes) -> str:
        """The start tag; attributes as (qualified name, value) with the namespace declarations among them."""
        scope, declared, plain = self._sort(attributes)
        rendered = self._rendered[-1]
        wanted = self._used(name, plain, scope) if self._exclusive else self._declared(declared, scope)
        new = sorted((p, scope.get(p, "")) for p in wanted if rendered.get(p, "") != scope.get(p, ""))
        if new:
            rendered = {**rendered, **dict(new)}
        self._scopes.append(scope)
        self._rendered.append(rendered)
        self._apex = False
        parts = ["<", name]
        parts += [f' xmlns{":" + p if p else ""}="{_attribute(uri)}"' for p, uri in new]
        parts += [f' {key}="{_attribute(value)}"' for _, _, key, value in self._ordered(plain, scope)]
        parts.append(">")
        return "".join(parts)

    def end(self, name: str) -> str:
        """The end tag."""
        self._scopes.pop()
        self._rendered.pop()
        return f"</{name}>"

    def skip(self, attributes: Attributes) -> None:
        """An element that is left out still scopes what stands in it."""
        self._scopes.append(self._sort(attributes)[0])
        self._rendered.append(self._rendered[-1])

    def _sort(self, attributes: Attributes) -> tuple[dict[str, str], list[str], Attributes]:
        scope = self._scopes[-1]
        if not any(key.startswith("xmlns") for key, _ in attributes):
            return scope, [], attributes
        scope, declared, plain = dict(scope), [], []
        for key, value in attributes:
            if key == "xmlns" or key.startswith("xmlns:"):
                prefix = key[6:]
                if prefix != "xml":  # bound for ever; a declaration of it is never written
                    scope[prefix] = value
                    declared.append(prefix)
            else:
                plain.append((key, value))
        return scope, declared, plain

    def _used(self, name: str, plain: Attributes, scope: dict[str, str]) -> set[str]:
        """Prefixes that the exclusive form writes here if the output does not have them yet."""
        used = {name.partition(":")[0] if ":" in name else ""}
        used.update(key.partition(":")[0] for key, _ in plain if ":" in key)
        used.discard("xml")
        for prefix in used:
            if prefix and prefix not in scope:
                raise Uncanonical("xml_broken", f"unbound prefix {prefix}")
        return used | {p for p in self._inclusive_prefixes if p in scope}

    def _declared(self, declared: list[str], scope: dict[str, str]) -> set[str]:
        """Prefixes that the inclusive form writes here: at the top everything in scope, below what is new."""
        return set(scope) if self._apex else set(declared)

    @staticmethod
    def _ordered(plain: Attributes, scope: dict[str, str]) -> list[tuple[str, str, str, str]]:
        """Attributes by namespace, then local name; those without a prefix first."""
        rows = []
        for key, value in plain:
            prefix, colon, local = key.partition(":")
            uri = XML_NAMESPACE if prefix == "xml" else scope.get(prefix, "")
            rows.append((uri, local, key, value) if colon else ("", key, key, value))
        return sorted(rows)


def canonical_subtree(element: etree._Element, form: Form) -> bytes:
    """A small subtree's canonical form, in the context of its document."""
    if form.method.exclusive:
        return _exclusive_form(element, form)
    _refuse_inherited(element)
    context = {prefix or "": uri for prefix, uri in element.nsmap.items()}
    context.pop("xml", None)
    tags = _Tags(form, context)
    out: list[str] = []
    _write_element(element, tags, out)
    return "".join(out).encode()


def _exclusive_form(element: etree._Element, form: Form) -> bytes:
    """libxml2's exclusive form of a subtree, which is right, as its inclusive one behind lxml is not."""
    prefixes = [prefix or "#default" for prefix in form.prefixes]
    try:
        return etree.tostring(
            element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=prefixes or None
        )
    except etree.C14NError as e:
        raise Uncanonical("unsupported", str(e)) from e


def _refuse_inherited(element: etree._Element) -> None:
    """The inclusive forms carry xml:lang and its kin down from ancestors, each in its own way."""
    for ancestor in element.iterancestors():
        if any(str(key).startswith(f"{{{XML_NAMESPACE}}}") for key in ancestor.attrib):
            raise Uncanonical("unsupported", "xml: attributes above an inclusively canonicalised part")


def _write_element(element: etree._Element, tags: _Tags, out: list[str]) -> None:
    name = _qualified(element)
    attributes: Attributes = [(f"xmlns{':' + p if p else ''}", uri) for p, uri in _declarations(element)]
    for key, value in element.attrib.items():
        text = str(key)
        if text.startswith(f"{{{XML_NAMESPACE}}}"):
            text = "xml:" + text.partition("}")[2]
        elif text.startswith("{"):
            raise Uncanonical("unsupported", f"attribute {text}")
        attributes.append((text, str(value)))
    out.append(tags.start(name, attributes))
    if element.text:
        out.append(_text(element.text))
    for child in element:
        tag: object = child.tag  # the stubs know no other nodes than elements
        if isinstance(tag, str):
            _write_element(child, tags, out)
        elif tag is not etree.Comment:
            raise Uncanonical("unsupported", "processing instruction or entity")
        if child.tail:
            out.append(_text(child.tail))
    out.append(tags.end(name))


def _declarations(element: etree._Element) -> Iterator[tuple[str, str]]:
    """The namespaces that an element declares beyond its parent's."""
    parent = element.getparent()
    above = parent.nsmap if parent is not None else {}
    for prefix, uri in element.nsmap.items():
        if above.get(prefix) != uri:
            yield prefix or "", uri
    if None in above and None not in element.nsmap:
        yield "", ""


def _qualified(element: etree._Element) -> str:
    local = etree.QName(element).localname
    return f"{element.prefix}:{local}" if element.prefix else local


# --- the stream -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamBounds:
    """Limits of one pass."""

    skeleton_chars: int
    depth: int


class CanonicalStream:
    """One pass over a file: its canonical form without one signature goes to `sink`, its skeleton stays.

    The skeleton is the file without the long texts, as XML: its structure can be checked as a tree.
    """

    def __init__(self, form: Form, omit: int, sink: Callable[[bytes], object], bounds: StreamBounds) -> None:
        """omit: ordinal of the signature, among all Signature elements of xmldsig's namespace, that is left out."""
        self._tags = _Tags(form)
        self._omit = omit
        self._sink = sink
        self._bounds = bounds
        self._seen = 0  # signatures so far
        self._depth = 0
        self._omitted_at = 0  # depth of the omitted signature while inside it
        self._inside_signature = 0  # depth of the outermost signature while inside one
        self._scopes: list[dict[str, str]] = [{}]
        self._text_chars = 0  # of the current text, for the skeleton
        self._skeleton: list[str] = []
        self._skeleton_chars = 0

    def run(self, file: BinaryIO) -> bytes:
        """Read the file from where it stands to its end. Returns the skeleton.

        Raises Uncanonical.
        """
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = _READ_BYTES
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = self._comment
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartDoctypeDeclHandler = self._doctype
        try:
            while chunk := file.read(_READ_BYTES):
                parser.Parse(chunk, False)  # noqa: FBT003 - expat's own signature
            parser.Parse(b"", True)  # noqa: FBT003
        except expat.ExpatError as e:
            raise Uncanonical("xml_broken", str(e)) from e
        return "".join(self._skeleton).encode()

    def _start(self, name: str, flat: list[str]) -> None:
        attributes = list(zip(flat[::2], flat[1::2], strict=True))
        self._depth += 1
        if self._depth > self._bounds.depth:
            raise Uncanonical("too_deep", f"more than {self._bounds.depth} levels")
        self._text_chars = 0
        self._note("".join([f"<{name}", *(f" {k}={quoteattr(v, _SPACES)}" for k, v in attributes), ">"]))
        scope = self._scope(attributes)
        self._scopes.append(scope)
        prefix, _, local = name.rpartition(":")
        if local == "Signature" and scope.get(prefix) == XMLDSIG:
            if not self._inside_signature:
                self._inside_signature = self._depth
            if self._seen == self._omit:
                self._omitted_at = self._depth
            self._seen += 1
        if self._omitted_at:
            self._tags.skip(attributes)
        else:
            self._sink(self._tags.start(name, attributes).encode())

    def _scope(self, attributes: Attributes) -> dict[str, str]:
        new = {key[6:]: value for key, value in attributes if key == "xmlns" or key.startswith("xmlns:")}
        return {**self._scopes[-1], **new} if new else self._scopes[-1]

    def _end(self, name: str) -> None:
        self._note(f"</{name}>")
        self._text_chars = 0
        self._scopes.pop()
        tag = self._tags.end(name)
        if not self._omitted_at:
            self._sink(tag.encode())
        if self._omitted_at == self._depth:
            self._omitted_at = 0
        if self._inside_signature == self._depth:
            self._inside_signature = 0
        self._depth -= 1

    def _text(self, data: str) -> None:
        if not self._omitted_at:
            self._sink(_text(data).encode())
        self._text_chars += len(data)
        if self._inside_signature or self._text_chars <= _TEXT_KEPT_CHARS:
            self._note(escape(data, _CARRIAGE_RETURN))

    def _comment(self, data: str) -> None:
        self._note("<!--x-->" if data else "<!---->")  # that there is one matters, not what it says

    def _instruction(self, target: str, _data: str) -> None:
        self._note(f"<?{target} x?>")

    def _doctype(self, *_: object) -> None:
        raise Uncanonical("dtd", "DOCTYPE")

    def _note(self, piece: str) -> None:
        self._skeleton_chars += len(piece)
        if self._skeleton_chars > self._bounds.skeleton_chars:
            raise Uncanonical("too_large", f"structure over {self._bounds.skeleton_chars} characters")
        self._skeleton.append(piece)


_SPACES = {"\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_CARRIAGE_RETURN = {"\r": "&#13;"}
_MARKUP = re.compile(r"[&<>\r]")


def _text(data: str) -> str:
    if not _MARKUP.search(data):  # base64, nearly all of a large file
        return data
    return data.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")


def _attribute(value: str) -> str:
    value = value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return value.replace("\t", "&#x9;").replace("\n", "&#xA;").replace("\r", "&#xD;")
