"""edXML 1.0, the generation that SOAP carries: its blocks to the model and back.

The container is the SOAP envelope, which is somebody else's to read; here are the blocks in it. MessageHeader and
TraceHeaderList hold the same elements as in QCVN 102, Bussiness in the right spelling; the manifest names files by
xlink:href; a status is one element Status. So both formats share the model, and what 1.0 lacks or has besides is
a finding, never dropped without a word.

Norm: QCVN 102:2016/BTTTT.   Peer: a provincial axis and its clients, for edXML 1.0.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from axis.edxml.attachments import Declared
from axis.edxml.fields import Fields
from axis.edxml.findings import Findings, Odd
from axis.edxml.model import Attachment, DocumentHeader, Finding, Limits, StatusHeader
from axis.edxml.names import OLD_SPELLINGS
from axis.edxml.skeleton import Node
from axis.edxml.writer import Lines, document_lines, status_lines
from axis.errors import Code, Malformed

V1_NAMESPACE = "http://www.e-doc.vn/Schema/"
XLINK = "http://www.w3.org/1999/xlink"
HREF, TYPE = f"{{{XLINK}}}href", f"{{{XLINK}}}type"
FORM = "edXML 1.0"
CONTENT = "Content"  # ours: a file's base64 text, or its xop:Include, in the Reference

_SPELLING = {ours: theirs for theirs, ours in OLD_SPELLINGS.items()}
_HEADER_BLOCKS = ("MessageHeader", "TraceHeaderList")
_FILE_ELEMENTS = (CONTENT, "{http://www.w3.org/2004/08/xop/include}Include")
_EMPTY = frozenset({"ErrorList"})  # says something only when it holds something


@dataclass(frozen=True, slots=True, kw_only=True)
class V1Document:
    """What the blocks of a document say."""

    header: DocumentHeader
    references: tuple[Declared, ...]  # content_id: the href
    findings: tuple[Finding, ...]  # of the conversion


@dataclass(frozen=True, slots=True, kw_only=True)
class V1Status:
    """What a Status says."""

    header: StatusHeader
    findings: tuple[Finding, ...]


def read_document(blocks: Sequence[Node], manifest: Node | None, limits: Limits) -> V1Document:
    """A document's header blocks and manifest.

    blocks: named as in 1.0, without namespaces where it is 1.0's own. Raises Malformed.
    """
    findings = Findings()
    wanted: dict[str, Node] = {}
    for block in blocks:
        if block.name not in _HEADER_BLOCKS:
            if block.name not in _EMPTY or block.children or block.text:
                findings.add(Odd.NOT_CARRIED, block.name)
        elif block.name in wanted:
            raise Malformed(Code.FIELD_INVALID, "the element stands twice", at=block.name)
        else:
            wanted[block.name] = _respelt(block)
    references = _references(manifest, findings)
    fields = Fields(_package(wanted.values(), references), findings)
    if fields.is_status:
        raise Malformed(Code.WRONG_ROOT, "a status where a document is due", at="MessageHeader")
    header = fields.document_header(limits)
    return V1Document(header=header, references=fields.listed(), findings=_kept(findings))


def read_status(status: Node) -> V1Status:
    """A Status, whatever namespace it stands in. Raises Malformed."""
    findings = Findings()
    fields = Fields(_package((_respelt(status),), ()), findings)
    return V1Status(header=fields.status_header(), findings=_kept(findings))


def write_document(header: DocumentHeader) -> str:
    """MessageHeader and TraceHeaderList, prefix `edXML`. Raises Malformed(FIELD_INVALID)."""
    lines = Lines(depth=2, spelling=_SPELLING)
    document_lines(lines, header)
    return str(lines)


def write_status(header: StatusHeader) -> str:
    """Status, prefix `edXML`. Raises Malformed(FIELD_INVALID)."""
    lines = Lines(depth=2)
    status_lines(lines, header, "Status")
    return str(lines)


def write_manifest(attachments: Iterable[Attachment]) -> str:
    """Manifest, prefixes `edXML` and `xlink`. Raises Malformed(FIELD_INVALID)."""
    lines = Lines(depth=2)
    lines.open("Manifest")
    for attachment in attachments:
        described = "" if attachment.content_type is None else f' xlink:type="{lines.quoted(attachment.content_type)}"'
        lines.open("Reference", f' xlink:href="{lines.quoted(href_of(attachment.content_id))}"{described}')
        lines.text("AttachmentName", attachment.name)
        lines.text("Description", attachment.description)
        lines.close()
    lines.close()
    return str(lines)


def href_of(content_id: str) -> str:
    """A ContentId as a link; some packages leave the scheme out."""
    return content_id if content_id.startswith("cid:") else f"cid:{content_id}"


def reference_href(reference: Node, position: int) -> str:
    """What a Reference names its file by; one that names none has its file in it, and gets a name of ours."""
    attributes = reference.attributes or {}
    return (attributes.get(HREF) or attributes.get("href") or "").strip() or f"cid:{position}"


def _package(blocks: Iterable[Node], references: Sequence[Node]) -> Node:
    """The blocks where QCVN 102 has them."""
    manifest = _element("edXMLManifest", references)
    header = _element("edXMLHeader", tuple(blocks))
    return _element("edXML", (_element("edXMLEnvelope", (header, _element("edXMLBody", (manifest,)))),))


def _element(name: str, children: Sequence[Node]) -> Node:
    node = Node(name)
    for child in children:
        node.add_child(child)
    return node


def _text_element(name: str, text: str) -> Node:
    node = Node(name)
    node.add_text(text)
    return node


def _respelt(node: Node) -> Node:
    """The element with the norm's spelling of what 1.0 spells right."""
    copy = Node(OLD_SPELLINGS.get(node.name, node.name))
    copy.parts, copy.is_split = node.parts, node.is_split
    for child in node.children:
        copy.add_child(_respelt(child))
    return copy


def _references(manifest: Node | None, findings: Findings) -> tuple[Node, ...]:
    if manifest is None:
        return ()
    found = []
    for position, reference in enumerate(manifest.children, 1):
        if reference.name != "Reference":
            findings.add(Odd.NOT_CARRIED, f"Manifest/{reference.name}")
            continue
        attributes = reference.attributes or {}
        parts = [_text_element("ContentId", reference_href(reference, position))]
        if kind := attributes.get(TYPE) or attributes.get("type"):
            parts.append(_text_element("ContentType", kind))
        parts += [child for child in reference.children if child.name not in _FILE_ELEMENTS]
        found.append(_element("Reference", parts))
    return tuple(found)


def _kept(findings: Findings) -> tuple[Finding, ...]:
    """What is odd about 1.0 itself; that a status is one element is how it is."""
    return tuple(found for found in findings.all() if found.code != Odd.STATUS_ELEMENT)
