"""Answers of the dialect, written and read.

Written: everything in edXML's namespace, the action's wrapper around it. Read: with and without namespaces.
Peer: `Report{IsSuccess, ErrorList{Error{Code, Description}*}}` in every answer but GetDocument's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from adapters.edoc.errors import edoc_code, error_desc
from adapters.edoc.soap import Envelope, one_of, text_of
from adapters.edoc.wire import Operation, Version, text_element, write_envelope
from axis.edxml.skeleton import Node
from axis.errors import AxisError, PeerRefused, PeerUnreachable
from axis.organ.model import Organ

_MAX_DETAIL = 500  # characters of somebody else's words that are kept
_TRUE = ("true", "1")
_REPORT_OK = "<edXML:Report><edXML:IsSuccess>true</edXML:IsSuccess><edXML:ErrorList/></edXML:Report>"

LATER = frozenset({"M.System", "Permission", "CheckPermission"})
"""Codes after which the same call can succeed later: their trouble, or our credentials not yet known there."""


# ── Writing ────────────────────────────────────────────────────────────────────────────────────────────────────


def write_reply(version: Version, operation: Operation, payload: str = "") -> bytes:
    """An answer that says yes."""
    return _wrapped(version, operation, _REPORT_OK + payload)


def write_refusal(version: Version, operation: Operation, error: AxisError, request_id: str) -> bytes:
    """An answer that says no."""
    said = text_element("Code", edoc_code(error.code, operation)) + text_element(
        "Description", error_desc(error, request_id)
    )
    errors = f"<edXML:ErrorList><edXML:Error>{said}</edXML:Error></edXML:ErrorList>"
    report = f"<edXML:Report><edXML:IsSuccess>false</edXML:IsSuccess>{errors}</edXML:Report>"
    return _wrapped(version, operation, report)


def document_ids(ids: Iterable[str]) -> str:
    """The payload of GetPendingDocumentIds."""
    return f"<edXML:DocumentIds>{''.join(text_element('DocumentId', one) for one in ids)}</edXML:DocumentIds>"


def organization(organ: Organ, above: str | None) -> str:
    """One row of GetOrganizations."""
    fields: Mapping[str, str | None] = {
        "OrganId": organ.organ_id,
        "OrganizationInCharge": above,
        "OrganName": organ.name,
        "OrganAdd": "",
        "Email": organ.email or "",
        "Telephone": "",
        "Fax": "",
        "Website": "",
    }
    return f"<edXML:Organization>{''.join(text_element(*field) for field in fields.items())}</edXML:Organization>"


def _wrapped(version: Version, operation: Operation, payload: str) -> bytes:
    name = f"edXML:{operation.value}Response"
    return write_envelope(version, "", f"    <{name}>{payload}</{name}>\n")


# ── Reading ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A row of GetOrganizations."""

    organ_id: str
    name: str
    above: str
    email: str


def read_reply(envelope: Envelope, operation: Operation) -> Node:
    """The answer's wrapper, once its Report says yes. Raises PeerRefused, PeerUnreachable."""
    _check_fault(envelope)
    for name in (f"{operation.value}Response", operation.value):
        if (found := one_of(envelope.body, name, "Body")) is not None:
            _check_report(found)
            return found
    raise PeerUnreachable("the answer is of another kind")


def _check_fault(envelope: Envelope) -> None:
    """Raise PeerRefused for SOAP's own refusal, PeerUnreachable when the other side is in trouble."""
    fault = one_of(envelope.body, f"{{{envelope.version}}}Fault", "Body")
    if fault is None:
        return
    code = text_of(fault, "faultcode") or _deep_text(fault, "Code")
    words = printable(text_of(fault, "faultstring") or _deep_text(fault, "Reason"))
    word = code.rpartition(":")[2]
    if word in ("Client", "Sender", "VersionMismatch", "MustUnderstand"):
        raise PeerRefused(words, peer_code=word)
    raise PeerUnreachable(words or "a fault")


def ids_in(reply: Node) -> tuple[str, ...]:
    """DocumentIds/DocumentId of an answer."""
    return tuple(node.text for node in _children(reply, "DocumentIds") if node.name == "DocumentId" and node.text)


def statuses_in(reply: Node) -> tuple[Node, ...]:
    """Traces/Status of an answer."""
    return tuple(node for node in _children(reply, "Traces") if node.name == "Status")


def organizations_in(reply: Node) -> tuple[Organization, ...]:
    """Organizations/Organization of an answer."""
    return tuple(
        Organization(
            organ_id=text_of(node, "OrganId"),
            name=text_of(node, "OrganName"),
            above=text_of(node, "OrganizationInCharge"),
            email=text_of(node, "Email"),
        )
        for node in _children(reply, "Organizations")
        if node.name == "Organization"
    )


def printable(text: str) -> str:
    """Somebody else's words, fit for a log line."""
    return "".join(character if character.isprintable() else " " for character in text[:_MAX_DETAIL])


def _check_report(reply: Node) -> None:
    report = one_of(reply.children, "Report", reply.name)
    if report is None or text_of(report, "IsSuccess").lower() in _TRUE:
        return
    errors = [node for node in _children(report, "ErrorList") if node.name == "Error"]
    codes = [text_of(error, "Code") for error in errors]
    words = "; ".join(text_of(error, "Description") for error in errors)
    later = any(code in LATER for code in codes)
    code = printable(",".join(codes))[:100]
    raise PeerRefused(printable(words), peer_code=code, retry="later" if later else "never")


def _children(node: Node, name: str) -> Sequence[Node]:
    found = one_of(node.children, name, node.name)
    return () if found is None else found.children


def _deep_text(node: Node, name: str) -> str:
    """The text somewhere in the child of that local name."""
    for child in node.children:
        if child.name.rpartition("}")[2] == name:
            return " ".join(_texts(child))
    return ""


def _texts(node: Node) -> Iterator[str]:
    if node.text:
        yield node.text
    for child in node.children:
        yield from _texts(child)
