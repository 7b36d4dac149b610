"""From the element tree to the model's header: lenient about order and gaps, strict about ambiguity.

An element that may stand once and stands twice, or a text that has elements in it, refuses the package: two readers
would not agree on its value.

Norm: QCVN 102:2016/BTTTT.   Peer: real packages, for what may be missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from axis.edxml import names
from axis.edxml.attachments import MANIFEST, Declared, Held
from axis.edxml.findings import Findings, Odd
from axis.edxml.model import (
    Business,
    BusinessDocumentInfo,
    DocumentHeader,
    DocumentType,
    Limits,
    OtherInfo,
    Party,
    PromulgationInfo,
    Receiver,
    ReplacementInfo,
    ResponseFor,
    SignerInfo,
    StaffInfo,
    StatusHeader,
    TraceHeader,
)
from axis.edxml.model import Code as DocumentCode
from axis.edxml.skeleton import Node
from axis.errors import Code, Malformed

MESSAGE = "edXMLHeader/MessageHeader"
_TRACES = "edXMLHeader/TraceHeaderList"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What an element may hold."""

    texts: Mapping[str, str] = field(default_factory=dict)  # element -> the model's field
    ones: frozenset[str] = frozenset()  # elements with elements in them, at most one of each
    many: frozenset[str] = frozenset()  # elements that may repeat


def _shape(table: Mapping[str, str], ones: Sequence[str] = (), many: Sequence[str] = ()) -> _Shape:
    texts = {element: name for name, element in table.items()}
    return _Shape(texts=texts, ones=frozenset(ones), many=frozenset(many))


_ROOT = _shape({}, ones=("edXMLEnvelope", "AttachmentEncoded"), many=("Signature",))
_ENVELOPE = _shape({}, ones=("edXMLHeader", "edXMLBody"), many=("Signature",))
_HEADER = _shape({}, ones=("MessageHeader", "Status", "TraceHeaderList"), many=("Signature",))
_MESSAGE = _shape(
    names.MESSAGE,
    ones=("From", "Code", "PromulgationInfo", "DocumentType", "SignerInfo", "OtherInfo", "ResponseForTask", "ToPlaces"),
    many=("To", "ResponseFor"),
)
_STATUS = _shape(names.STATUS, ones=("From", "ResponseFor", "StaffInfo"))
_PARTY = _shape(names.PARTY)
_CODE = _shape(names.CODE)
_PROMULGATION = _shape(names.PROMULGATION)
_DOCUMENT_TYPE = _shape(names.DOCUMENT_TYPE)
_SIGNER = _shape(names.SIGNER)
_OTHER = _shape(names.OTHER, ones=("Appendixes", *names.OTHER_LOOSE.values()))
_RESPONSE_FOR = _shape(names.RESPONSE_FOR)
_STAFF = _shape(names.STAFF)
_TRACE_LIST = _shape({}, ones=("Bussiness",), many=("TraceHeader",))
_TRACE = _shape(names.TRACE)
_BUSINESS = _shape(names.BUSINESS, ones=("BussinessDocumentInfo", "ReplacementInfoList", "StaffInfo"))
_DOCUMENT_INFO = _shape(names.DOCUMENT_INFO, ones=("ReceiverList",))
_RECEIVER = _shape(names.RECEIVER)
_REPLACEMENT = _shape(names.REPLACEMENT, ones=("OrganIdList",))
_BODY = _shape({}, ones=("edXMLManifest",))
_REFERENCE = _shape(names.REFERENCE)
_ATTACHMENT = _shape(names.REFERENCE, ones=("ContentTransferEncoded",))

_LISTS = {
    name: _shape({}, many=(name,))
    for name in ("Appendix", "TaskCode", "Place", "OrganId", "Receiver", "ReplacementInfo", "Reference", "Attachment")
}

_ORDER = {name: position for position, name in enumerate(names.MESSAGE_ORDER)}
_DOCUMENT_MARKS = frozenset(names.MESSAGE_ORDER) - frozenset(names.STATUS_ORDER)  # one of them tells a document
_STATUS_MARKS = frozenset(names.STATUS_ORDER) - frozenset(names.MESSAGE_ORDER)  # one of them, and no such, a status


class _Section:
    """An element's children by name."""

    __slots__ = ("_many", "_ones", "at", "texts")

    def __init__(self, node: Node | None, at: str, shape: _Shape, findings: Findings) -> None:
        """node: None for an element that is absent, which is like an empty one.

        Raises Malformed(FIELD_INVALID) when something stands twice or a text holds elements.
        """
        self.at = at
        self.texts: dict[str, str] = {}
        self._ones: dict[str, Node] = {}
        self._many: dict[str, list[Node]] = {}
        for child in node.children if node else ():
            name = child.name
            if name in shape.texts:
                if shape.texts[name] in self.texts:
                    raise _twice(f"{at}/{name}")
                self.texts[shape.texts[name]] = _text(child, f"{at}/{name}", findings)
            elif name in shape.ones:
                if name in self._ones:
                    raise _twice(f"{at}/{name}")
                self._ones[name] = child
            elif name in shape.many:
                self._many.setdefault(name, []).append(child)
            else:
                findings.add(Odd.UNKNOWN_ELEMENT, f"{at}/{name}")

    def one(self, name: str) -> Node | None:
        return self._ones.get(name)

    def many(self, name: str) -> list[tuple[Node, str]]:
        """The elements of that name, each with its path."""
        return [(node, f"{self.at}/{name}[{i}]") for i, node in enumerate(self._many.get(name, ()), 1)]


def _twice(at: str) -> Malformed:
    return Malformed(Code.FIELD_INVALID, "the element stands twice", at=at)


def _text(node: Node, at: str, findings: Findings) -> str:
    if node.children:
        raise Malformed(Code.FIELD_INVALID, "elements stand in a text", at=at)
    if node.is_split:
        findings.add(Odd.COMMENT_IN_TEXT, at)
    return node.text


class Fields:
    """Reads the parts of one package out of its tree, and notes what is odd."""

    def __init__(self, root: Node, findings: Findings) -> None:
        """Find the package's parts. Raises Malformed(WRONG_ROOT) when it has no header."""
        self._findings = findings
        top = self._section(root, "edXML", _ROOT)
        envelope = self._section(top.one("edXMLEnvelope"), "edXMLEnvelope", _ENVELOPE)
        header = self._section(envelope.one("edXMLHeader"), "edXMLHeader", _HEADER)
        message, status = header.one("MessageHeader"), header.one("Status")
        if message and status:
            raise Malformed(Code.FIELD_INVALID, "both MessageHeader and Status", at="edXMLHeader")
        self._status_at = "edXMLHeader/Status" if status else MESSAGE
        self._message = message or status
        self._traces = header.one("TraceHeaderList")
        self._body = envelope.one("edXMLBody")
        self._encoded = top.one("AttachmentEncoded")
        self.is_status = self._judge_shape(status)

    def _judge_shape(self, status: Node | None) -> bool:
        """Whether it is a status rather than a document; one that is both or neither is refused."""
        found = {child.name for child in self._message.children} if self._message else set()
        is_status = status is not None or "StatusCode" in found
        if is_status and "DocumentId" in found:
            raise Malformed(Code.FIELD_INVALID, "both StatusCode and DocumentId", at=self._status_at)
        is_document = not found.isdisjoint(_DOCUMENT_MARKS)
        if not is_status and not is_document:
            is_status = not found.isdisjoint(_STATUS_MARKS)
            if not is_status:
                raise Malformed(Code.WRONG_ROOT, "neither a document nor a status")
        if status is not None:
            self._findings.add(Odd.STATUS_ELEMENT, self._status_at)
        return is_status

    def document_header(self, limits: Limits) -> DocumentHeader:
        """The header of a document. Raises Malformed."""
        message = self._section(self._message, MESSAGE, _MESSAGE)
        self._note_order()
        sender = self._party(message.one("From"), f"{MESSAGE}/From", Code.MISSING_FROM)
        receivers = message.many("To")
        if not receivers:
            raise Malformed(Code.MISSING_TO, at=f"{MESSAGE}/To")
        if len(receivers) > limits.receivers:
            raise Malformed(Code.TOO_MANY, f"more than {limits.receivers} receivers", at=f"{MESSAGE}/To")
        document_id = message.texts.pop("document_id", "")
        if not document_id:
            raise Malformed(Code.MISSING_DOCUMENT_ID, at=f"{MESSAGE}/DocumentId")
        traces = self._section(self._traces, _TRACES, _TRACE_LIST)
        return DocumentHeader(
            sender=sender,
            receivers=tuple(self._party(node, at, Code.MISSING_TO) for node, at in receivers),
            document_id=document_id,
            code=DocumentCode(**self._texts(message, "Code", _CODE)),
            promulgation=PromulgationInfo(**self._texts(message, "PromulgationInfo", _PROMULGATION)),
            document_type=DocumentType(**self._texts(message, "DocumentType", _DOCUMENT_TYPE)),
            signer=SignerInfo(**self._texts(message, "SignerInfo", _SIGNER)),
            other=self._other(message.one("OtherInfo")),
            response_for=tuple(self._response_for(node, at) for node, at in message.many("ResponseFor")),
            tasks=self._list(message.one("ResponseForTask"), f"{MESSAGE}/ResponseForTask", "TaskCode"),
            to_places=self._list(message.one("ToPlaces"), f"{MESSAGE}/ToPlaces", "Place"),
            traces=tuple(
                TraceHeader(**self._section(node, at, _TRACE).texts) for node, at in traces.many("TraceHeader")
            ),
            business=self._business(traces.one("Bussiness")),
            **message.texts,
        )

    def status_header(self) -> StatusHeader:
        """The header of a status. Raises Malformed."""
        at = self._status_at
        message = self._section(self._message, at, _STATUS)
        sender = self._party(message.one("From"), f"{at}/From", Code.MISSING_FROM)
        response_for = self._response_for(message.one("ResponseFor"), f"{at}/ResponseFor")
        if not response_for.organ_id:
            raise Malformed(Code.MISSING_RESPONSE_FOR, at=f"{at}/ResponseFor/OrganId")
        if not (response_for.document_id or response_for.code):
            raise Malformed(Code.MISSING_RESPONSE_FOR, at=f"{at}/ResponseFor/DocumentId")
        status_code = message.texts.pop("status_code", "")
        return StatusHeader(
            sender=sender,
            response_for=response_for,
            staff=self._staff(message.one("StaffInfo"), at),
            status_code=status_code,
            **message.texts,
        )

    def listed(self) -> tuple[Declared, ...]:
        """The files that the manifest lists."""
        body = self._section(self._body, "edXMLBody", _BODY)
        references = self._section(body.one("edXMLManifest"), MANIFEST, _LISTS["Reference"])
        return tuple(self._declared(self._section(node, at, _REFERENCE)) for node, at in references.many("Reference"))

    def held(self) -> tuple[Held, ...]:
        """The files that the package holds, in its order."""
        encoded = self._section(self._encoded, "AttachmentEncoded", _LISTS["Attachment"])
        return tuple(self._held(node, at) for node, at in encoded.many("Attachment"))

    def _held(self, node: Node, at: str) -> Held:
        section = self._section(node, at, _ATTACHMENT)
        declared = self._declared(section)
        encoded = section.one("ContentTransferEncoded")
        if encoded is None or encoded.content is None:
            raise Malformed(Code.ATTACHMENT_ABSENT, at=f"{at}/ContentTransferEncoded")
        return Held(at=at, declared=declared, content=encoded.content)

    def _declared(self, section: _Section) -> Declared:
        content_id = section.texts.pop("content_id", "")
        if not content_id:
            raise Malformed(Code.FIELD_INVALID, "no ContentId", at=f"{section.at}/ContentId")
        return Declared(content_id=content_id, **section.texts)

    def _section(self, node: Node | None, at: str, shape: _Shape) -> _Section:
        return _Section(node, at, shape, self._findings)

    def _texts(self, section: _Section, name: str, shape: _Shape) -> dict[str, str]:
        return self._section(section.one(name), f"{section.at}/{name}", shape).texts

    def _list(self, node: Node | None, at: str, name: str) -> tuple[str, ...]:
        """The texts of an element that holds a list of one kind."""
        children = self._section(node, at, _LISTS[name]).many(name)
        return tuple(_text(child, child_at, self._findings) for child, child_at in children)

    def _party(self, node: Node | None, at: str, missing: Code) -> Party:
        texts = self._section(node, at, _PARTY).texts
        organ_id = texts.pop("organ_id", "")
        if not organ_id:
            raise Malformed(missing, at=f"{at}/OrganId")
        return Party(organ_id=organ_id, **texts)

    def _other(self, node: Node | None) -> OtherInfo:
        section = self._section(node, f"{MESSAGE}/OtherInfo", _OTHER)
        loose = {name: section.one(element) for name, element in names.OTHER_LOOSE.items()}
        return OtherInfo(
            appendixes=self._list(section.one("Appendixes"), f"{section.at}/Appendixes", "Appendix"),
            **section.texts,
            **{name: _all_text(found) for name, found in loose.items() if found},
        )

    def _response_for(self, node: Node | None, at: str) -> ResponseFor:
        return ResponseFor(**self._section(node, at, _RESPONSE_FOR).texts)

    def _staff(self, node: Node | None, at: str) -> StaffInfo | None:
        return StaffInfo(**self._section(node, f"{at}/StaffInfo", _STAFF).texts) if node else None

    def _business(self, node: Node | None) -> Business | None:
        if node is None:
            return None
        at = f"{_TRACES}/Bussiness"
        section = self._section(node, at, _BUSINESS)
        replacements = self._section(
            section.one("ReplacementInfoList"), f"{at}/ReplacementInfoList", _LISTS["ReplacementInfo"]
        )
        return Business(
            document_info=self._document_info(section.one("BussinessDocumentInfo"), f"{at}/BussinessDocumentInfo"),
            replacements=tuple(
                self._replacement(child, child_at) for child, child_at in replacements.many("ReplacementInfo")
            ),
            staff=self._staff(section.one("StaffInfo"), at),
            **section.texts,
        )

    def _document_info(self, node: Node | None, at: str) -> BusinessDocumentInfo | None:
        if node is None:
            return None
        section = self._section(node, at, _DOCUMENT_INFO)
        receivers = self._section(section.one("ReceiverList"), f"{at}/ReceiverList", _LISTS["Receiver"]).many(
            "Receiver"
        )
        return BusinessDocumentInfo(
            receivers=tuple(
                Receiver(**self._section(child, child_at, _RECEIVER).texts) for child, child_at in receivers
            ),
            **section.texts,
        )

    def _replacement(self, node: Node, at: str) -> ReplacementInfo:
        section = self._section(node, at, _REPLACEMENT)
        organ_ids = self._list(section.one("OrganIdList"), f"{at}/OrganIdList", "OrganId")
        return ReplacementInfo(organ_ids=organ_ids, **section.texts)

    def _note_order(self) -> None:
        before = 0
        for child in self._message.children if self._message else ():
            position = _ORDER.get(child.name, before)
            if position < before:
                self._findings.add(Odd.ELEMENT_ORDER, f"{MESSAGE}/{child.name}")
                return
            before = position


def _all_text(node: Node) -> str:
    """The text of an element whose inner form is not known: its own, or those of all elements in it."""
    texts = [node.text, *(_all_text(child) for child in node.children)]
    return "; ".join(text for text in texts if text)
