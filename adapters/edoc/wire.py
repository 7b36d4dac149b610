"""The dialect's words: operations, namespaces, media types, and the envelope around what is said.

Peer: a provincial axis and its clients. SOAP 1.1 and 1.2; the reply is in the version of the request.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from xml.sax.saxutils import escape

from axis.edxml.v1 import V1_NAMESPACE, XLINK
from axis.errors import Code, Malformed

SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
XOP_INCLUDE = "{http://www.w3.org/2004/08/xop/include}Include"
MULTIPART = "multipart/related"
XML_TYPES = ("text/xml", "application/soap+xml", "application/xop+xml", "application/xml")

_PARAMETER = re.compile(r';\s*([A-Za-z0-9_.-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))\s*')
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX_TYPE = 2_000  # characters of a Content-Type


class Version(StrEnum):
    """A version of SOAP, by its namespace."""

    V11 = SOAP_11
    V12 = SOAP_12

    @property
    def media_type(self) -> str:
        """What an envelope of this version is labelled."""
        return "text/xml" if self is Version.V11 else "application/soap+xml"


class Operation(StrEnum):
    """What can be asked, by its SOAPAction."""

    SEND_DOCUMENT = "SendDocument"
    PENDING_IDS = "GetPendingDocumentIds"
    GET_DOCUMENT = "GetDocument"
    CONFIRM = "ConfirmReceived"
    UPDATE_TRACES = "UpdateTraces"
    GET_TRACES = "GetTraces"
    ORGANIZATIONS = "GetOrganizations"
    CHECK_PERMISSION = "CheckPermission"


BODY_ELEMENTS: Mapping[str, Operation] = {
    "Manifest": Operation.SEND_DOCUMENT,
    "GetPendingDocumentIdsRequest": Operation.PENDING_IDS,
    "GetDocumentRequest": Operation.GET_DOCUMENT,
    "ConfirmReceived": Operation.CONFIRM,
    "Status": Operation.UPDATE_TRACES,
    "GetTraces": Operation.GET_TRACES,
    "GetOrganizations": Operation.ORGANIZATIONS,
    "CheckPermission": Operation.CHECK_PERMISSION,
    # Their SOAPAction as an element, or without the ending: seen, and it can mean nothing else.
    "GetPendingDocumentIds": Operation.PENDING_IDS,
    "GetDocument": Operation.GET_DOCUMENT,
}
"""The body's first element → the operation: what counts where no SOAPAction says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaType:
    """A Content-Type: `name` in lower case, names of parameters too."""

    name: str
    parameters: Mapping[str, str]

    def get(self, parameter: str) -> str:
        """A parameter; "" when it is not there."""
        return self.parameters.get(parameter, "")


def read_media_type(text: str) -> MediaType:
    """Take a Content-Type apart. Raises Malformed(BAD_REQUEST) for one that is too long or has a parameter twice."""
    if len(text) > _MAX_TYPE:
        raise Malformed(Code.BAD_REQUEST, f"more than {_MAX_TYPE} characters", at="Content-Type")
    name, _, _ = text.partition(";")
    parameters: dict[str, str] = {}
    for match in _PARAMETER.finditer(text, len(name)):
        key = match[1].lower()
        if key in parameters:
            raise Malformed(Code.BAD_REQUEST, f"the parameter {key} stands twice", at="Content-Type")
        quoted, plain = match[2], match[3]
        parameters[key] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    return MediaType(name=name.strip().lower(), parameters=parameters)


def bare_id(text: str) -> str:
    """A Content-ID, or the `start` that names one, without what some clients leave out: brackets and scheme."""
    return text.strip().removeprefix("cid:").removeprefix("<").removesuffix(">").strip()


def read_action(soap_action: str | None, media_type: MediaType) -> str | None:
    """The SOAPAction of the header, or of SOAP 1.2's Content-Type; None where neither says one."""
    text = (soap_action or "").strip().strip('"').strip() or media_type.get("action").strip()
    return text or None


def write_envelope(version: Version, header: str, body: str) -> bytes:
    """An envelope around XML that is written already."""
    head = f"  <SOAP-ENV:Header>\n{header}  </SOAP-ENV:Header>\n" if header else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{version.value}" xmlns:edXML="{V1_NAMESPACE}" xmlns:xlink="{XLINK}">\n'
        f"{head}  <SOAP-ENV:Body>\n{body}  </SOAP-ENV:Body>\n</SOAP-ENV:Envelope>\n"
    ).encode()


def text_element(name: str, value: str | None) -> str:
    """An element of edXML that holds text; nothing for None. What XML cannot carry becomes a space."""
    if value is None:
        return ""
    return f"<edXML:{name}>{escape(_FORBIDDEN.sub(' ', value), {chr(13): '&#13;'})}</edXML:{name}>"
