"""A signed XML file, small or large, as one thing: its structure as a tree, and digests of it without a signature.

A file up to `bounds.tree_bytes` is parsed by libxml2 and canonicalised in memory. A larger one is read as a stream; its
tree is then a skeleton without the long texts, and each digest is a pass over the file.

Nothing here resolves entities, loads a DTD or touches the network; a DTD is refused.
"""

import hashlib
import io
from pathlib import Path
from typing import BinaryIO

from lxml import etree

from axis.trust.c14n import XMLDSIG, CanonicalStream, Form, StreamBounds, Uncanonical
from axis.trust.policy import Bounds

SIGNATURE = f"{{{XMLDSIG}}}Signature"
_BOM = b"\xef\xbb\xbf"
_HEAD_BYTES = 2048
JUNK_BYTES = 1024  # what may stand before the XML. Peer: real packages carry such
_NONE = -1  # no signature is left out
_GUESS = ("sha256", Form())  # what almost every signature asks for, computed during the first pass


class SignedXml:
    """An XML file whose signatures are to be verified.

    tree: the structure. source_sha256: of the exact bytes. offset: where the XML starts. prefix: what stands before it
    and is not white space.
    """

    def __init__(self, source: bytes | Path, bounds: Bounds) -> None:
        """Read and parse. Raises Uncanonical for a file that is no usable XML, OSError for one that cannot be read."""
        self._source = source
        self._bounds = bounds
        self._digests: dict[tuple[int, str, Form], bytes] = {}
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        if size > bounds.xml_bytes:
            raise Uncanonical("too_large", f"{size} > {bounds.xml_bytes} bytes")
        with self._open() as file:
            self.offset, self.prefix = _prolog(file.read(_HEAD_BYTES))
        self.streamed = size > bounds.tree_bytes
        if self.streamed:
            self.tree = self._first_pass()
        else:
            self.tree = self._parse()
        self.signatures: tuple[etree._Element, ...] = tuple(self.tree.iter(SIGNATURE))

    def digest_without(self, signature: etree._Element | None, hash_name: str, form: Form) -> bytes:
        """The digest of the whole file's canonical form, without one signature (or none) and without comments."""
        ordinal = _NONE if signature is None else self.signatures.index(signature)
        key = (ordinal, hash_name, form)
        if key not in self._digests:
            if self.streamed:
                self._pass(ordinal, hash_name, form)
            else:
                content = _canonical(self.tree, form) if signature is None else _canonical_without(signature, form)
                self._digests[key] = hashlib.new(hash_name, content).digest()
        return self._digests[key]

    def _open(self) -> BinaryIO:
        return io.BytesIO(self._source) if isinstance(self._source, bytes) else self._source.open("rb")

    def _parse(self) -> etree._Element:
        with self._open() as file:
            raw = file.read()
        self.source_sha256 = hashlib.sha256(raw).hexdigest()
        return _parse(raw[self.offset :], self._bounds.depth)

    def _first_pass(self) -> etree._Element:
        whole = hashlib.sha256()
        with self._open() as file:
            while chunk := file.read(1 << 20):
                whole.update(chunk)
        self.source_sha256 = whole.hexdigest()
        return _parse(self._pass(0, *_GUESS), self._bounds.depth)

    def _pass(self, ordinal: int, hash_name: str, form: Form) -> bytes:
        digest = hashlib.new(hash_name)
        bounds = StreamBounds(skeleton_chars=self._bounds.skeleton_bytes, depth=self._bounds.depth)
        with self._open() as file:
            file.seek(self.offset)
            skeleton = CanonicalStream(form, ordinal, digest.update, bounds).run(file)
        self._digests[ordinal, hash_name, form] = digest.digest()
        return skeleton


def _prolog(head: bytes) -> tuple[int, bytes]:
    """Where the XML starts, and what stands before it besides white space."""
    start = head.find(b"<?xml", 0, JUNK_BYTES + 5)
    if start < 0:
        start = head.find(b"<", 0, JUNK_BYTES + 1)
    if start < 0:
        raise Uncanonical("xml_broken", "no XML at the start")
    before = head[:start]
    if before == _BOM:
        return 0, b""
    return start, before.replace(_BOM, b"").strip()


def _parse(raw: bytes, depth: int) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError) as e:
        raise Uncanonical("xml_broken", str(e)) from e
    return _checked(root, depth)


def _checked(root: etree._Element, depth: int) -> etree._Element:
    dtd: object = root.getroottree().docinfo.internalDTD  # the stubs say that there always is one
    if dtd is not None:
        raise Uncanonical("dtd", "DOCTYPE")
    if _deeper(root, depth):
        raise Uncanonical("too_deep", f"more than {depth} levels")
    return root


def _deeper(root: etree._Element, depth: int) -> bool:
    return bool(root.xpath("boolean(/" + "/".join("*" * (depth + 1)) + ")"))


def _canonical(element: etree._Element, form: Form) -> bytes:
    """The canonical form of the whole file that an element stands in."""
    try:
        return etree.tostring(
            element.getroottree(),
            method="c14n",
            exclusive=form.method.exclusive,
            with_comments=False,
            inclusive_ns_prefixes=[p or "#default" for p in form.prefixes] if form.method.exclusive else None,
        )
    except etree.C14NError as e:  # a namespace that is a relative address, for one
        raise Uncanonical("unsupported", str(e)) from e


def _canonical_without(signature: etree._Element, form: Form) -> bytes:
    """The canonical form of the file with one signature taken out for the moment, its tail left in place."""
    parent = signature.getparent()
    if parent is None:
        return b""
    place, tail = parent.index(signature), signature.tail
    before = signature.getprevious()
    kept = (before.tail if before is not None else parent.text) or ""
    parent.remove(signature)  # lxml takes the tail along
    _set_text(parent, before, kept + (tail or ""))
    try:
        return _canonical(parent, form)
    finally:
        _set_text(parent, before, kept)
        parent.insert(place, signature)
        signature.tail = tail


def _set_text(parent: etree._Element, before: etree._Element | None, text: str) -> None:
    if before is not None:
        before.tail = text or None
    else:
        parent.text = text or None
