"""What a package may have wrong and still be accepted in tolerant mode: one word and one sentence each.

Real packages differ from the norm in these ways; they are taken as they are, and whoever looks at one is told.
Strict mode refuses them, except those in `NOTES`, which no norm forbids.
"""

from enum import StrEnum

from axis.edxml.model import Finding

_MOST = 100  # a hostile package could be wrong a hundred thousand times
_SHOWN_CHARACTERS = 200


class Odd(StrEnum):
    """The stable word of a finding."""

    # The file as a whole
    LEADING_JUNK = "leading_junk"
    NO_NAMESPACE = "no_namespace"
    UNKNOWN_ELEMENT = "unknown_element"
    COMMENT_IN_TEXT = "comment_in_text"
    ELEMENT_ORDER = "element_order"
    OLD_SPELLING = "old_spelling"
    STATUS_ELEMENT = "status_element"
    NOT_CARRIED = "not_carried"
    MORE = "more"

    # The header of a document
    MISSING_ORGAN_NAME = "missing_organ_name"
    MISSING_CODE = "missing_code"
    MISSING_SUBJECT = "missing_subject"
    MISSING_TYPE_DETAIL = "missing_type_detail"
    MISSING_BUSINESS = "missing_business"
    MISSING_BUSINESS_TYPE = "missing_business_type"
    MISSING_TARGET = "missing_target"
    MISSING_CHANGES = "missing_changes"
    MISSING_REPLACEMENTS = "missing_replacements"
    EMPTY_RESPONSE_FOR = "empty_response_for"
    TRACE_WITHOUT_ORGAN = "trace_without_organ"
    DATE_UNREADABLE = "date_unreadable"
    VALUE_UNKNOWN = "value_unknown"
    SENDER_IS_RECEIVER = "sender_is_receiver"
    RECEIVER_TWICE = "receiver_twice"

    # The header of a status
    SHORT_STATUS_CODE = "short_status_code"
    MISSING_REASON = "missing_reason"

    # Files
    NO_ATTACHMENTS = "no_attachments"
    MISSING_NAME = "missing_name"
    EMPTY_FILE = "empty_file"
    DECLARATIONS_DIFFER = "declarations_differ"
    CONTENT_TYPE_WRONG = "content_type_wrong"
    ZIP_BROKEN = "zip_broken"


SENTENCES: dict[Odd, str] = {
    Odd.LEADING_JUNK: "Something stands in front of the XML declaration.",
    Odd.NO_NAMESPACE: "Some elements stand in no namespace; they were read as if in edXML's.",
    Odd.UNKNOWN_ELEMENT: "The format does not know this element; it was ignored.",
    Odd.COMMENT_IN_TEXT: "A comment or processing instruction splits this text; the whole text was read.",
    Odd.ELEMENT_ORDER: "The elements do not stand in the format's order.",
    Odd.OLD_SPELLING: "This element is spelt as in the older format.",
    Odd.STATUS_ELEMENT: "The status stands in an element Status instead of MessageHeader.",
    Odd.NOT_CARRIED: "The other format has no place for this; it stands in the original only.",
    Odd.MORE: "There are more findings than are listed.",
    Odd.MISSING_ORGAN_NAME: "The organisation's name is missing.",
    Odd.MISSING_CODE: "The document's number and notation are missing.",
    Odd.MISSING_SUBJECT: "The document's subject is missing.",
    Odd.MISSING_TYPE_DETAIL: "The document type's detail is missing.",
    Odd.MISSING_BUSINESS: "The element Bussiness is missing; the package was read as a new document.",
    Odd.MISSING_BUSINESS_TYPE: "The business type is missing; the package was read as a new document.",
    Odd.MISSING_TARGET: "The recall does not say in ResponseFor which document it takes back.",
    Odd.MISSING_CHANGES: "The update does not say what it changes.",
    Odd.MISSING_REPLACEMENTS: "The replacement does not list what it replaces.",
    Odd.EMPTY_RESPONSE_FOR: "This ResponseFor is empty.",
    Odd.TRACE_WITHOUT_ORGAN: "This TraceHeader names no organisation.",
    Odd.DATE_UNREADABLE: "The text is not a possible date.",
    Odd.VALUE_UNKNOWN: "The value is none of those that the norm defines.",
    Odd.SENDER_IS_RECEIVER: "The sender is also a receiver.",
    Odd.RECEIVER_TWICE: "The receiver is listed before.",
    Odd.SHORT_STATUS_CODE: "The status code is not written with two digits.",
    Odd.MISSING_REASON: "The refusal gives no reason.",
    Odd.NO_ATTACHMENTS: "The document carries no file.",
    Odd.MISSING_NAME: "The file has no name.",
    Odd.EMPTY_FILE: "The file is empty.",
    Odd.DECLARATIONS_DIFFER: "The manifest and the file declare this differently; the manifest's words were taken.",
    Odd.CONTENT_TYPE_WRONG: "The file's bytes are not of the type that is declared.",
    Odd.ZIP_BROKEN: "The ZIP that the sending software made cannot be unpacked; it was taken as a plain file.",
}

NOTES = frozenset(
    {
        Odd.COMMENT_IN_TEXT,
        Odd.MISSING_REASON,
        Odd.MISSING_TARGET,
        Odd.SENDER_IS_RECEIVER,
        Odd.RECEIVER_TWICE,
        Odd.NO_ATTACHMENTS,
        Odd.EMPTY_FILE,
        Odd.CONTENT_TYPE_WRONG,
        Odd.MORE,
    }
)
"""Findings that strict mode accepts too."""


def shown(text: str) -> str:
    """A stranger's words in a form that is fit for a log line."""
    if len(text) <= _SHOWN_CHARACTERS and text.isprintable():
        return text.strip()
    return "".join(c if c.isprintable() else " " for c in text[:_SHOWN_CHARACTERS]).strip()


def finding(odd: Odd, at: str) -> Finding:
    """The finding `odd` at an element path."""
    return Finding(code=odd, at=shown(at), message=SENTENCES[odd])


class Findings:
    """Gathers the findings of one package, at most a hundred."""

    def __init__(self) -> None:
        self._found: list[Finding] = []

    def add(self, odd: Odd, at: str) -> None:
        """Note `odd` at an element path."""
        self.extend((finding(odd, at),))

    def extend(self, found: tuple[Finding, ...]) -> None:
        """Note several."""
        for one in found:
            if len(self._found) < _MOST:
                self._found.append(one)
            elif len(self._found) == _MOST:
                self._found.append(finding(Odd.MORE, ""))

    def all(self) -> tuple[Finding, ...]:
        """What was found, in the order found."""
        return tuple(self._found)
