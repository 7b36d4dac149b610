"""One XML signature: read strictly, and judged as far as its own structure and cryptography go.

The verifier knows one profile and explains everything else: a Reference to the whole document (`URI=""`) with the
enveloped-signature transform and at most one canonicalisation, optionally a second Reference to the XAdES properties
in the signature itself. Whatever a signature holds beside that, unsigned, makes it invalid: libraries that accept such
things have been fooled with them.

Norm: W3C XML Signature 1.1, ETSI EN 319 132-1 (XAdES baseline B and T).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from axis.trust.algorithms import XML_DIGESTS, XML_SIGNATURES, Scheme
from axis.trust.c14n import XMLDSIG, Form, Method, canonical_subtree
from axis.trust.certs import Certificate, parse_certificate
from axis.trust.policy import Bounds
from axis.trust.reasons import Reason

XADES = "http://uri.etsi.org/01903/v1.3.2#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"
_METHODS = {
    **{method.value: method for method in Method},
    Method.EXCLUSIVE + "WithComments": Method.EXCLUSIVE,
    Method.INCLUSIVE_10 + "#WithComments": Method.INCLUSIVE_10,
    Method.INCLUSIVE_11 + "#WithComments": Method.INCLUSIVE_11,
}
_INCLUSIVE_NAMESPACES = "{http://www.w3.org/2001/10/xml-exc-c14n#}InclusiveNamespaces"
_XML_SPACES = " \t\r\n"


class Flaw(Exception):
    """A signature that is not as the profile asks."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What one Reference says."""

    uri: str
    form: Form
    hash_name: str
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """The XAdES properties of a signature."""

    element: etree._Element
    signing_time: datetime | None
    certificate_digests: tuple[tuple[str, bytes], ...]  # (hash name, digest of the certificate)
    timestamps: tuple[tuple[Form, bytes], ...]  # (form of SignatureValue, token)


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlSignature:
    """One signature, read."""

    element: etree._Element
    signed_info: etree._Element
    form: Form  # of SignedInfo
    scheme: Scheme
    value: bytes
    whole: Reference
    properties_reference: Reference | None
    properties: Properties | None
    certificates: tuple[Certificate, ...]  # the signer's first
    unverified: tuple[str, ...]  # statements of KeyInfo that cannot be verified

    def signed_bytes(self) -> bytes:
        """What the value is over."""
        return canonical_subtree(self.signed_info, self.form)

    def properties_intact(self) -> bool:
        """Whether the XAdES properties are the signed ones; true when there are none."""
        if self.properties is None or self.properties_reference is None:
            return True
        reference = self.properties_reference
        content = canonical_subtree(self.properties.element, reference.form)
        return hmac.compare_digest(hashlib.new(reference.hash_name, content).digest(), reference.digest)


def ds(local: str) -> str:
    """A tag of xmldsig's namespace."""
    return f"{{{XMLDSIG}}}{local}"


def _xades(local: str) -> str:
    return f"{{{XADES}}}{local}"


def read_signature(element: etree._Element, bounds: Bounds) -> XmlSignature:
    """Read a Signature element by the profile. Raises Flaw for anything else in it."""
    for node in element.iter(etree.Comment, etree.ProcessingInstruction, etree.Entity):
        raise Flaw(Reason.COMMENTS_UNCOVERED, f"{type(node).__name__} in Signature")
    children = _children(element, ("SignedInfo", "SignatureValue", "KeyInfo"), ("Object",))
    _attributes(element, {"Id"})
    _attributes(children["SignatureValue"][0], {"Id"})
    signed_info = children["SignedInfo"][0]
    form, scheme, references = _read_signed_info(signed_info)
    properties = _read_object(children["Object"], element, bounds)
    whole, own = _sort_references(references, properties)
    certificates, unverified = read_key_info(children["KeyInfo"][0], bounds)
    return XmlSignature(
        element=element,
        signed_info=signed_info,
        form=form,
        scheme=scheme,
        value=decode(children["SignatureValue"][0], "SignatureValue"),
        whole=whole,
        properties_reference=own,
        properties=properties,
        certificates=certificates,
        unverified=unverified,
    )


def is_usable(element: etree._Element) -> bool:
    """Whether a Signature element is meant as one: with SignedInfo, a value, and something to check it with."""
    value = element.find(ds("SignatureValue"))
    return element.find(ds("SignedInfo")) is not None and value is not None and bool((value.text or "").strip())


def _read_signed_info(element: etree._Element) -> tuple[Form, Scheme, list[etree._Element]]:
    children = _children(element, ("CanonicalizationMethod", "SignatureMethod"), ("Reference",))
    _attributes(element, {"Id"})
    form = read_form(children["CanonicalizationMethod"][0], "CanonicalizationMethod")
    method = children["SignatureMethod"][0]
    _attributes(method, {"Algorithm"})
    algorithm = method.get("Algorithm", "")
    if algorithm not in XML_SIGNATURES:
        raise Flaw(Reason.ALGORITHM_UNKNOWN, algorithm)
    if len(method):
        raise Flaw(Reason.SIGNATURE_FORMAT, "parameters in SignatureMethod")
    return form, XML_SIGNATURES[algorithm], children["Reference"]


def _sort_references(
    elements: list[etree._Element], properties: Properties | None
) -> tuple[Reference, Reference | None]:
    """The Reference to the whole file, and the one to the signature's own properties."""
    whole: list[Reference] = []
    own: list[Reference] = []
    identifier = properties.element.get("Id") if properties is not None else None
    for element in elements:
        uri = element.get("URI")
        if uri == "":
            whole.append(read_reference(element, enveloped=True))
        elif uri is not None and identifier and uri == f"#{identifier}":
            if element.get("Type") != SIGNED_PROPERTIES:
                raise Flaw(Reason.SIGNATURE_FORMAT, "Type of the Reference to SignedProperties")
            own.append(read_reference(element, enveloped=False))
        elif uri is not None and uri.startswith("#"):
            raise Flaw(Reason.PARTIAL_COVERAGE, f'Reference URI="{uri}"')
        else:
            raise Flaw(Reason.EXTERNAL_REFERENCE, f'URI="{uri}"' if uri is not None else "no URI")
    if len(whole) != 1:
        raise Flaw(Reason.PARTIAL_COVERAGE, f'{len(whole)} References with URI=""')
    if (properties is not None) != (len(own) == 1):
        raise Flaw(Reason.UNSIGNED_PAYLOAD, "SignedProperties without a Reference of their own")
    return whole[0], own[0] if own else None


def read_reference(element: etree._Element, *, enveloped: bool) -> Reference:
    """One Reference. enveloped: the enveloped-signature transform must be there, and first; else it must not."""
    children = _children(element, ("DigestMethod", "DigestValue"), ("Transforms",), order=("Transforms",))
    _attributes(element, {"Id", "URI", "Type"})
    transforms = [t for group in children["Transforms"][:1] for t in group]
    if len(children["Transforms"]) > 1:
        raise Flaw(Reason.SIGNATURE_FORMAT, "Transforms twice")
    algorithms = [t.get("Algorithm", "") for t in transforms]
    if any(t.tag != ds("Transform") for t in transforms):
        raise Flaw(Reason.SIGNATURE_FORMAT, "Transforms")
    if enveloped:
        if algorithms[:1] != [ENVELOPED] or len(transforms[0]):
            raise Flaw(Reason.TRANSFORM_REFUSED, ", ".join(algorithms) or "no enveloped-signature")
        transforms = transforms[1:]
    if len(transforms) > 1:
        raise Flaw(Reason.TRANSFORM_REFUSED, ", ".join(algorithms))
    form = read_form(transforms[0], "Transform") if transforms else Form(method=Method.INCLUSIVE_10)
    method = children["DigestMethod"][0]
    _attributes(method, {"Algorithm"})
    hash_name = XML_DIGESTS.get(method.get("Algorithm", ""))
    if hash_name is None:
        raise Flaw(Reason.ALGORITHM_UNKNOWN, method.get("Algorithm", ""))
    digest = decode(children["DigestValue"][0], "DigestValue")
    if len(digest) != hashlib.new(hash_name).digest_size:
        raise Flaw(Reason.SIGNATURE_FORMAT, "length of DigestValue")
    return Reference(uri=element.get("URI", ""), form=form, hash_name=hash_name, digest=digest)


def read_form(element: etree._Element, what: str) -> Form:
    """The canonical form that a Transform or CanonicalizationMethod names."""
    _attributes(element, {"Algorithm"})
    algorithm = element.get("Algorithm", "")
    method = _METHODS.get(algorithm)
    if method is None:
        raise Flaw(Reason.TRANSFORM_REFUSED, f"{what}: {algorithm}")
    if not len(element):
        return Form(method=method)
    if len(element) > 1 or element[0].tag != _INCLUSIVE_NAMESPACES or not method.exclusive:
        raise Flaw(Reason.TRANSFORM_REFUSED, f"{what}: parameters")
    _attributes(element[0], {"PrefixList"})
    prefixes = element[0].get("PrefixList", "").split()
    return Form(method=method, prefixes=tuple("" if p == "#default" else p for p in prefixes))


# --- KeyInfo ----------------------------------------------------------------------------------------------------------


def read_key_info(element: etree._Element, bounds: Bounds) -> tuple[tuple[Certificate, ...], tuple[str, ...]]:
    """The certificates, the signer's first, and statements that nothing can be done with."""
    _attributes(element, {"Id"})
    certificates: list[Certificate] = []
    unverified: list[str] = []
    for child in element:
        if child.tag == ds("X509Data"):
            _attributes(child, set())
            _read_x509_data(child, certificates, unverified)
        elif child.tag == ds("KeyValue") or (child.tag == ds("KeyName") and not len(child)):
            unverified.append(etree.QName(child).localname)
        else:
            raise Flaw(Reason.UNSIGNED_PAYLOAD, f"KeyInfo/{etree.QName(child).localname}")
        if (child.tail or "").strip(_XML_SPACES):
            raise Flaw(Reason.UNSIGNED_PAYLOAD, "text in KeyInfo")
    if len(certificates) > bounds.certificates:
        raise Flaw(Reason.SIGNATURE_FORMAT, f"{len(certificates)} certificates")
    if not certificates:
        raise Flaw(Reason.CERTIFICATE_ABSENT, "KeyInfo")
    return _signer_first(tuple(dict.fromkeys(certificates))), tuple(unverified)


def _read_x509_data(element: etree._Element, certificates: list[Certificate], unverified: list[str]) -> None:
    for child in element:
        local = etree.QName(child).localname
        if child.tag == ds("X509Certificate"):
            try:
                certificates.append(parse_certificate(decode(child, local)))
            except ValueError as e:
                raise Flaw(Reason.CERTIFICATE_UNREADABLE, str(e)) from e
        elif child.tag in (ds("X509SubjectName"), ds("X509IssuerSerial"), ds("X509SKI")):
            unverified.append(local)
        else:
            raise Flaw(Reason.UNSIGNED_PAYLOAD, f"X509Data/{local}")
        if (child.tail or "").strip(_XML_SPACES):
            raise Flaw(Reason.UNSIGNED_PAYLOAD, "text in X509Data")


def _signer_first(certificates: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
    """The one certificate that issued none of the others. Peer: the order in KeyInfo is anything."""
    issuers = {c.crypto.issuer for c in certificates if c.crypto.issuer != c.crypto.subject}
    leaves = [c for c in certificates if c.crypto.subject not in issuers]
    first = leaves[0] if len(leaves) == 1 else certificates[0]
    return (first, *(c for c in certificates if c is not first))


# --- XAdES ------------------------------------------------------------------------------------------------------------


def _read_object(objects: list[etree._Element], signature: etree._Element, bounds: Bounds) -> Properties | None:
    """The XAdES properties; any other Object is an unsigned payload."""
    if not objects:
        return None
    _attributes(objects[0], {"Id"})
    if len(objects) > 1 or len(objects[0]) != 1 or objects[0][0].tag != _xades("QualifyingProperties"):
        raise Flaw(Reason.UNSIGNED_PAYLOAD, "Object")
    _no_text(objects[0], "Object")
    qualifying = objects[0][0]
    _attributes(qualifying, {"Id", "Target"})
    _no_text(qualifying, "QualifyingProperties")
    if not signature.get("Id") or qualifying.get("Target") != f"#{signature.get('Id')}":
        raise Flaw(Reason.UNSIGNED_PAYLOAD, "QualifyingProperties of another signature")
    signed = qualifying.findall(_xades("SignedProperties"))
    unsigned = qualifying.findall(_xades("UnsignedProperties"))
    if (
        len(signed) != 1
        or not signed[0].get("Id")
        or len(unsigned) > 1
        or len(signed) + len(unsigned) != len(qualifying)
    ):
        raise Flaw(Reason.UNSIGNED_PAYLOAD, "QualifyingProperties")
    timestamps = tuple(_read_timestamps(unsigned[0], bounds)) if unsigned else ()
    time = signed[0].find(f"{_xades('SignedSignatureProperties')}/{_xades('SigningTime')}")
    return Properties(
        element=signed[0],
        signing_time=_moment(time.text or "") if time is not None else None,
        certificate_digests=tuple(_certificate_digests(signed[0])),
        timestamps=timestamps,
    )


def _certificate_digests(properties: etree._Element) -> Iterator[tuple[str, bytes]]:
    for tag in ("SigningCertificate", "SigningCertificateV2"):
        path = f"{_xades('SignedSignatureProperties')}/{_xades(tag)}/{_xades('Cert')}/{_xades('CertDigest')}"
        for digest in properties.iterfind(path):
            method, value = digest.find(ds("DigestMethod")), digest.find(ds("DigestValue"))
            hash_name = XML_DIGESTS.get(method.get("Algorithm", "")) if method is not None else None
            if hash_name is None or value is None:
                raise Flaw(Reason.SIGNATURE_FORMAT, tag)
            yield hash_name, decode(value, tag)


def _read_timestamps(unsigned: etree._Element, bounds: Bounds) -> Iterator[tuple[Form, bytes]]:
    """Signature timestamps: the only unsigned property that is understood, and so the only one that may be there."""
    _attributes(unsigned, {"Id"})
    _no_text(unsigned, "UnsignedProperties")
    if len(unsigned) != 1 or unsigned[0].tag != _xades("UnsignedSignatureProperties"):
        raise Flaw(Reason.UNSIGNED_PAYLOAD, "UnsignedProperties")
    holder = unsigned[0]
    _no_text(holder, "UnsignedSignatureProperties")
    if len(holder) > bounds.timestamps:
        raise Flaw(Reason.SIGNATURE_FORMAT, f"{len(holder)} timestamps")
    for stamp in holder:
        if stamp.tag != _xades("SignatureTimeStamp"):
            raise Flaw(Reason.UNSIGNED_PAYLOAD, f"UnsignedProperties/{etree.QName(stamp).localname}")
        _no_text(stamp, "SignatureTimeStamp")
        form, tokens = Form(method=Method.INCLUSIVE_10), []
        for child in stamp:
            if child.tag == ds("CanonicalizationMethod"):
                form = read_form(child, "SignatureTimeStamp")
            elif child.tag == _xades("EncapsulatedTimeStamp"):
                tokens.append(decode(child, "EncapsulatedTimeStamp"))
            else:
                raise Flaw(Reason.UNSIGNED_PAYLOAD, f"SignatureTimeStamp/{etree.QName(child).localname}")
        if len(tokens) != 1:
            raise Flaw(Reason.SIGNATURE_FORMAT, "SignatureTimeStamp")
        yield form, tokens[0]


def _moment(text: str) -> datetime:
    """An xsd:dateTime; without a zone it is taken for UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as e:
        raise Flaw(Reason.SIGNATURE_FORMAT, f"SigningTime {text.strip()[:40]}") from e
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# --- strict reading ---------------------------------------------------------------------------------------------------


def _children(
    element: etree._Element, once: tuple[str, ...], any_number: tuple[str, ...], order: tuple[str, ...] = ()
) -> dict[str, list[etree._Element]]:
    """The children by local name: those of `once` exactly once and in their order, no others, no text between.

    order: names of `any_number` that stand before the others; the rest of them stand behind.
    """
    expected = (*order, *once, *(name for name in any_number if name not in order))
    found: dict[str, list[etree._Element]] = {name: [] for name in expected}
    position = 0
    what = etree.QName(element).localname
    for child in element:
        name = etree.QName(child).localname
        if child.tag != ds(name) or name not in expected:
            reason = Reason.UNSIGNED_PAYLOAD if what == "Signature" else Reason.SIGNATURE_FORMAT
            raise Flaw(reason, f"{what}/{name}")
        if expected.index(name) < position:
            raise Flaw(Reason.SIGNATURE_FORMAT, f"order in {what}")
        position = expected.index(name)
        found[name].append(child)
    _no_text(element, what)
    for name in once:
        if len(found[name]) != 1:
            absent = Reason.CERTIFICATE_ABSENT if name == "KeyInfo" and not found[name] else Reason.SIGNATURE_FORMAT
            raise Flaw(absent, f"{len(found[name])} × {what}/{name}")
    return found


def _no_text(element: etree._Element, what: str) -> None:
    texts = [element.text, *(child.tail for child in element)]
    if any((text or "").strip(_XML_SPACES) for text in texts):
        raise Flaw(Reason.UNSIGNED_PAYLOAD, f"text in {what}")


def _attributes(element: etree._Element, allowed: set[str]) -> None:
    extra = {str(key) for key in element.attrib} - allowed
    if extra:
        raise Flaw(Reason.UNSIGNED_PAYLOAD, f"{etree.QName(element).localname}/@{min(extra)}")


_BASE64_SPACES = str.maketrans("", "", _XML_SPACES)


def decode(element: etree._Element, what: str) -> bytes:
    """The base64 text of an element; only white space may be in it, and unused bits must be zero."""
    if len(element):
        raise Flaw(Reason.SIGNATURE_FORMAT, f"elements in {what}")
    text = (element.text or "").translate(_BASE64_SPACES)
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as e:
        raise Flaw(Reason.SIGNATURE_FORMAT, f"base64 of {what}") from e
    if base64.b64encode(content).decode() != text:
        raise Flaw(Reason.SIGNATURE_FORMAT, f"base64 of {what}")
    return content
