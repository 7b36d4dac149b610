"""Signs edXML envelopes: the signature is put in as the last child of edXMLHeader, no other byte is touched.

One Reference to the whole file (enveloped, exclusive C14N), so attachments are covered; KeyInfo carries the chain. On
request with XAdES properties (time and certificate, signed), to which a timestamp can be attached afterwards.

Norm: W3C XML Signature 1.1; ETSI EN 319 132-1, baseline B and T.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.parsers import expat

from lxml import etree

from axis.errors import Code, Malformed
from axis.trust.algorithms import XML_DIGESTS, xml_signature_uri
from axis.trust.c14n import XMLDSIG, Form, Method, Uncanonical, canonical_subtree
from axis.trust.policy import Bounds
from axis.trust.signers import Signer
from axis.trust.xmldsig import ENVELOPED, SIGNED_PROPERTIES, XADES, ds
from axis.trust.xmltree import SignedXml

_HEADER = ("edXML", "edXMLEnvelope", "edXMLHeader")
_SHA256 = next(uri for uri, name in XML_DIGESTS.items() if name == "sha256")
_UNSIGNED = "UnsignedProperties"


@dataclass(frozen=True, slots=True, kw_only=True)
class Xades:
    """Ask for XAdES properties. signing_time: aware."""

    signing_time: datetime


def sign_envelope(raw: bytes, signer: Signer, xades: Xades | None = None) -> bytes:
    """The edXML file `raw` with a signature over all of it.

    Raises Malformed: not an edXML file with an edXMLHeader, signed already, or with comments or instructions, which no
    signature covers.
    """
    document = _document(raw)
    position = document.offset + _end_of_header(raw[document.offset :])
    digest = _digest(document)
    identifier = hashlib.sha256(digest + signer.chain[0].der).hexdigest()[:16]
    properties = _properties(signer, xades, identifier) if xades else ""
    context = _context(document)
    references = _reference("", digest, [ENVELOPED, Method.EXCLUSIVE], "")
    if xades:
        own = hashlib.sha256(_part(_wrapped(properties), f"{{{XADES}}}SignedProperties", context)).digest()
        references += _reference(f"#xades-{identifier}", own, [Method.EXCLUSIVE], SIGNED_PROPERTIES)
    signed_info = (
        f'<SignedInfo><CanonicalizationMethod Algorithm="{Method.EXCLUSIVE}"/>'
        f'<SignatureMethod Algorithm="{xml_signature_uri(signer.scheme)}"/>{references}</SignedInfo>'
    )
    value = signer.sign(_part(_wrapped(signed_info), ds("SignedInfo"), context))
    signature = _signature(signed_info, value, signer, properties, f"sig-{identifier}")
    return raw[:position] + signature.encode() + raw[position:]


def timestamp_content(signed: bytes) -> bytes:
    """What a timestamp on the one XAdES signature of a signed file is about. Raises Malformed when there is none."""
    value = _only_signature(signed).find(ds("SignatureValue"))
    if value is None:
        raise Malformed(Code.FIELD_INVALID, "no SignatureValue", at="Signature")
    return canonical_subtree(value, Form())


def attach_timestamp(signed: bytes, token: bytes) -> bytes:
    """The signed file with a timestamp token in its signature: XAdES baseline B becomes T.

    The token is not judged here (`timestamps.check_reply` does). Raises Malformed when there is no XAdES signature of
    ours, or it is stamped already.
    """
    signature = _only_signature(signed)
    mark = b"</xades:QualifyingProperties>"
    if signature.find(f".//{{{XADES}}}{_UNSIGNED}") is not None or signed.count(mark) != 1:
        raise Malformed(Code.FIELD_INVALID, "no XAdES signature without a timestamp", at="Signature")
    stamp = (
        "<xades:UnsignedProperties><xades:UnsignedSignatureProperties><xades:SignatureTimeStamp>"
        f'<CanonicalizationMethod Algorithm="{Method.EXCLUSIVE}"/>'
        f"<xades:EncapsulatedTimeStamp>{_base64(token)}</xades:EncapsulatedTimeStamp>"
        "</xades:SignatureTimeStamp></xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
    )
    return signed.replace(mark, stamp.encode() + mark)


def _document(raw: bytes) -> SignedXml:
    try:
        document = SignedXml(raw, Bounds())
    except Uncanonical as e:
        raise Malformed(Code.DTD_FORBIDDEN if e.word == "dtd" else Code.XML_BROKEN, e.detail) from e
    encoding = document.tree.getroottree().docinfo.encoding
    if (encoding or "UTF-8").upper() not in ("UTF-8", "ASCII", "US-ASCII"):
        raise Malformed(Code.ENCODING_UNSUPPORTED, str(encoding))
    if document.prefix:
        raise Malformed(Code.XML_BROKEN, "bytes before the XML, which no signature covers")
    if document.signatures:
        raise Malformed(Code.FIELD_INVALID, "signed already", at="edXMLHeader/Signature")
    if document.tree.getroottree().xpath("boolean(//comment() | //processing-instruction())"):
        raise Malformed(Code.FIELD_INVALID, "comments or processing instructions, which no signature covers")
    return document


def _only_signature(signed: bytes) -> etree._Element:
    try:
        document = SignedXml(signed, Bounds())
    except Uncanonical as e:
        raise Malformed(Code.XML_BROKEN, e.detail) from e
    if len(document.signatures) != 1:
        raise Malformed(Code.FIELD_INVALID, f"{len(document.signatures)} signatures", at="Signature")
    return document.signatures[0]


def _digest(document: SignedXml) -> bytes:
    try:
        return document.digest_without(None, "sha256", Form())
    except Uncanonical as e:
        raise Malformed(Code.XML_BROKEN, e.detail) from e


def _end_of_header(raw: bytes) -> int:
    """The offset of edXMLHeader's end tag."""
    path: list[str] = []
    found: list[int] = []
    parser = expat.ParserCreate()

    def start(name: str, _attributes: dict[str, str]) -> None:
        path.append(name.rpartition(":")[2])

    def end(_name: str) -> None:
        if tuple(path) == _HEADER:
            found.append(parser.CurrentByteIndex)
        path.pop()

    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parser.Parse(raw, True)  # noqa: FBT003 - expat's own signature
    except expat.ExpatError as e:  # libxml2 has parsed the same bytes; should the two ever disagree, nothing is signed
        raise Malformed(Code.XML_BROKEN, str(e)) from e
    if len(found) != 1 or not raw[found[0] :].startswith(b"</"):
        raise Malformed(Code.FIELD_INVALID, "no edXMLHeader with content", at="/".join(_HEADER))
    return found[0]


def _context(document: SignedXml) -> dict[str | None, str]:
    header = next(e for e in document.tree.iter("{*}edXMLHeader"))
    return dict(header.nsmap)


def _part(fragment: str, tag: str, context: dict[str | None, str]) -> bytes:
    """A part of the signature, canonical, as it will stand in the file."""
    declared = "".join(f' xmlns{":" + p if p else ""}="{uri}"' for p, uri in context.items() if p != "xml")
    root = etree.fromstring(f"<x{declared}>{fragment}</x>".encode(), etree.XMLParser(resolve_entities=False))
    return canonical_subtree(next(root.iter(tag)), Form())


def _wrapped(inner: str) -> str:
    return f'<Signature xmlns="{XMLDSIG}">{inner}</Signature>'


def _reference(uri: str, digest: bytes, transforms: list[str], kind: str) -> str:
    listed = "".join(f'<Transform Algorithm="{algorithm}"/>' for algorithm in transforms)
    kind = f' Type="{kind}"' if kind else ""
    return (
        f'<Reference{kind} URI="{uri}"><Transforms>{listed}</Transforms>'
        f'<DigestMethod Algorithm="{_SHA256}"/><DigestValue>{_base64(digest)}</DigestValue></Reference>'
    )


def _properties(signer: Signer, xades: Xades, identifier: str) -> str:
    moment = xades.signing_time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = _base64(hashlib.sha256(signer.chain[0].der).digest())
    return (
        f'<Object><xades:QualifyingProperties xmlns:xades="{XADES}" Target="#sig-{identifier}">'
        f'<xades:SignedProperties Id="xades-{identifier}"><xades:SignedSignatureProperties>'
        f"<xades:SigningTime>{moment}</xades:SigningTime>"
        f'<xades:SigningCertificateV2><xades:Cert><xades:CertDigest><DigestMethod Algorithm="{_SHA256}"/>'
        f"<DigestValue>{digest}</DigestValue></xades:CertDigest></xades:Cert></xades:SigningCertificateV2>"
        "</xades:SignedSignatureProperties></xades:SignedProperties></xades:QualifyingProperties></Object>"
    )


def _signature(signed_info: str, value: bytes, signer: Signer, properties: str, identifier: str) -> str:
    certificates = "".join(f"<X509Certificate>{_base64(c.der)}</X509Certificate>" for c in signer.chain)
    name = f' Id="{identifier}"' if properties else ""
    return (
        f'<Signature xmlns="{XMLDSIG}"{name}>{signed_info}<SignatureValue>{_base64(value)}</SignatureValue>'
        f"<KeyInfo><X509Data>{certificates}</X509Data></KeyInfo>{properties}</Signature>"
    )


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
