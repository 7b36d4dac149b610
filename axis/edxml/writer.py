"""Writes edXML packages as the vendor's software writes them: its prefixes, its order of elements.

The root is unprefixed, everything inside the envelope carries `edXML:`, AttachmentEncoded and its children do not, the
encoded content does again: other national parsers reject anything else. Files stream from memory or disk. Signatures
are not written here; whoever signs adds them.

Norm: QCVN 102:2016/BTTTT.   Peer: vendor samples; a parser that rejects unprefixed elements inside the envelope.
"""

import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

import pybase64

from axis.edxml import names
from axis.edxml.model import (
    NAMESPACE,
    Attachment,
    Business,
    BusinessDocumentInfo,
    DocumentHeader,
    OtherInfo,
    Package,
    ReplacementInfo,
    ResponseFor,
    StaffInfo,
    StatusHeader,
    StatusPackage,
)
from axis.errors import Code, Internal, Malformed

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENCODE_BYTES = 48 << 10  # a multiple of three, so that the pieces' texts join
_HEAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<edXML xmlns="{NAMESPACE}">
  <edXML:edXMLEnvelope xmlns:edXML="{NAMESPACE}">
    <edXML:edXMLHeader>
"""
_CONTENT_TAG = f'<edXML:ContentTransferEncoded xmlns:edXML="{NAMESPACE}">'


def to_bytes(package: Package) -> bytes:
    """The package as one file in memory. Raises as `write`."""
    out = io.BytesIO()
    write(package, out)
    return out.getvalue()


def write(package: Package, out: BinaryIO) -> None:
    """Write a package as one edXML file, UTF-8, without a signature.

    Raises Malformed(FIELD_INVALID) for a text with characters that XML cannot carry, before anything is written.
    """
    header = Lines(depth=3)
    if isinstance(package, StatusPackage):
        status_lines(header, package.header)
        out.write(f"{_HEAD}{header}    </edXML:edXMLHeader>\n  </edXML:edXMLEnvelope>\n</edXML>\n".encode())
        return
    document_lines(header, package.header)
    body = Lines(depth=2)
    _manifest(body, package.attachments)
    openings = [_attachment_opening(attachment) for attachment in package.attachments]
    out.write(f"{_HEAD}{header}    </edXML:edXMLHeader>\n{body}  </edXML:edXMLEnvelope>\n".encode())
    if openings:
        out.write(b"  <AttachmentEncoded>\n")
        for attachment, opening in zip(package.attachments, openings, strict=True):
            out.write(opening)
            _write_content(attachment, out)
            out.write(b"</edXML:ContentTransferEncoded>\n    </Attachment>\n")
        out.write(b"  </AttachmentEncoded>\n")
    out.write(b"</edXML>\n")


class Lines:
    """Lines of XML: one element each, indented."""

    def __init__(self, *, depth: int, prefix: str = "edXML:", spelling: Mapping[str, str] | None = None) -> None:
        """spelling: how an older format spells some elements."""
        self._lines: list[str] = []
        self._depth = depth
        self._prefix = prefix
        self._spelling = spelling or {}
        self._open: list[str] = []

    def text(self, element: str, value: str | None) -> None:
        """An element that holds text; nothing when the value is None."""
        if value is not None:
            tag = self._tag(element)
            self._lines.append(f"{'  ' * self._depth}<{tag}>{self._escaped(value, element)}</{tag}>\n")

    def texts(self, value: object, table: Mapping[str, str]) -> None:
        """One element for each field of the table."""
        for field, element in table.items():
            self.text(element, getattr(value, field))

    def section(self, element: str, value: object, table: Mapping[str, str]) -> None:
        """An element around the texts of the table's fields."""
        self.open(element)
        self.texts(value, table)
        self.close()

    def filled_section(self, element: str, value: object, table: Mapping[str, str]) -> None:
        """The same; nothing when every field is None."""
        if any(getattr(value, field) is not None for field in table):
            self.section(element, value, table)

    def list(self, element: str, name: str, values: Iterable[str]) -> None:
        """An element around one element for each value; nothing when there is none."""
        items = tuple(values)
        if items:
            self.open(element)
            for item in items:
                self.text(name, item)
            self.close()

    def open(self, element: str, attributes: str = "") -> None:
        """Begin an element that holds elements."""
        self._lines.append(f"{'  ' * self._depth}<{self._tag(element)}{attributes}>\n")
        self._open.append(element)
        self._depth += 1

    def close(self) -> None:
        """End the element that was begun last."""
        self._depth -= 1
        self._lines.append(f"{'  ' * self._depth}</{self._tag(self._open.pop())}>\n")

    def quoted(self, value: str) -> str:
        """A value for an attribute in double quotes. Raises Malformed(FIELD_INVALID)."""
        return self._escaped(value, "@").replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")

    def _tag(self, element: str) -> str:
        return self._prefix + self._spelling.get(element, element)

    def _escaped(self, value: str, element: str) -> str:
        if _FORBIDDEN.search(value):
            at = "/".join((*self._open, element))
            raise Malformed(Code.FIELD_INVALID, "characters that XML cannot carry", at=at)
        if "&" in value or "<" in value or ">" in value or "\r" in value:
            value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
        return value

    def __str__(self) -> str:
        return "".join(self._lines)


def document_lines(lines: Lines, header: DocumentHeader) -> None:
    """MessageHeader and TraceHeaderList."""
    lines.open("MessageHeader")
    lines.section("From", header.sender, names.PARTY)
    for party in header.receivers:
        lines.section("To", party, names.PARTY)
    lines.text("DocumentId", header.document_id)
    lines.filled_section("Code", header.code, names.CODE)
    lines.filled_section("PromulgationInfo", header.promulgation, names.PROMULGATION)
    lines.filled_section("DocumentType", header.document_type, names.DOCUMENT_TYPE)
    lines.text("Subject", header.subject)
    lines.text("Content", header.content)
    lines.filled_section("SignerInfo", header.signer, names.SIGNER)
    lines.text("DueDate", header.due_date)
    _other(lines, header.other)
    _response_fors(lines, header.response_for)
    lines.list("ResponseForTask", "TaskCode", header.tasks)
    lines.text("SteeringType", header.steering_type)
    lines.text("ApplicationType", header.application_type)
    lines.list("ToPlaces", "Place", header.to_places)
    lines.close()
    lines.open("TraceHeaderList")
    for trace in header.traces:
        lines.section("TraceHeader", trace, names.TRACE)
    if header.business is not None:
        _business(lines, header.business)
    lines.close()


def _other(lines: Lines, other: OtherInfo) -> None:
    if other == OtherInfo():
        return
    lines.open("OtherInfo")
    lines.texts(other, names.OTHER)
    lines.list("Appendixes", "Appendix", other.appendixes)
    lines.texts(other, names.OTHER_LOOSE)
    lines.close()


def _response_fors(lines: Lines, response_fors: Iterable[ResponseFor]) -> None:
    for response_for in response_fors:
        lines.section("ResponseFor", response_for, names.RESPONSE_FOR)


def _business(lines: Lines, business: Business) -> None:
    lines.open("Bussiness")
    lines.texts(business, names.BUSINESS)
    _document_info(lines, business.document_info)
    if business.replacements:
        lines.open("ReplacementInfoList")
        for replacement in business.replacements:
            _replacement(lines, replacement)
        lines.close()
    _staff(lines, business.staff)
    lines.close()


def _document_info(lines: Lines, info: BusinessDocumentInfo | None) -> None:
    if info is None:
        return
    lines.open("BussinessDocumentInfo")
    lines.texts(info, names.DOCUMENT_INFO)
    if info.receivers:
        lines.open("ReceiverList")
        for receiver in info.receivers:
            lines.section("Receiver", receiver, names.RECEIVER)
        lines.close()
    lines.close()


def _replacement(lines: Lines, replacement: ReplacementInfo) -> None:
    lines.open("ReplacementInfo")
    lines.texts(replacement, names.REPLACEMENT)
    lines.list("OrganIdList", "OrganId", replacement.organ_ids)
    lines.close()


def _staff(lines: Lines, staff: StaffInfo | None) -> None:
    if staff is not None:
        lines.section("StaffInfo", staff, names.STAFF)


def status_lines(lines: Lines, header: StatusHeader, element: str = "MessageHeader") -> None:
    """The header of a status."""
    lines.open(element)
    lines.section("From", header.sender, names.PARTY)
    _response_fors(lines, (header.response_for,))
    _staff(lines, header.staff)
    lines.texts(header, names.STATUS)
    lines.close()


def _manifest(lines: Lines, attachments: Iterable[Attachment]) -> None:
    lines.open("edXMLBody")
    lines.open("edXMLManifest", ' version="1.0"')
    for attachment in attachments:
        lines.section("Reference", attachment, names.REFERENCE)
    lines.close()
    lines.close()


def _attachment_opening(attachment: Attachment) -> bytes:
    if attachment.content is None:
        raise Internal("a file that was only measured cannot be written")
    lines = Lines(depth=2, prefix="")
    lines.open("Attachment")
    lines.texts(attachment, names.ATTACHMENT)
    return f"{lines}      {_CONTENT_TAG}".encode()


def _write_content(attachment: Attachment, out: BinaryIO) -> None:
    if isinstance(attachment.content, Path):
        with attachment.content.open("rb") as file:
            while chunk := file.read(_ENCODE_BYTES):
                out.write(pybase64.b64encode(chunk))
    elif attachment.content is not None:
        out.write(pybase64.b64encode(attachment.content))
