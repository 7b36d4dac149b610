"""Reads what mail servers send back: reports that a mail could not be, or could not yet be, delivered.

Only a report in the standard form counts, and only with a mark of ours in it (`links`): whoever calls finds out whether
the mark is real. Automatic replies, people's replies and advertisements are none of it. The bytes are a stranger's:
they are bounded by whoever fetched them, and nothing in them makes this fail.

Norm: RFC 3462 (multipart/report), RFC 3464 (delivery status), RFC 3463 (status codes).
"""

import re
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from enum import StrEnum
from typing import Final

from adapters.mail.links import find_marks
from axis.text import one_line

_WORDS_CHARACTERS = 300
_STATUS: Final = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")


class Fate(StrEnum):
    """What a report says of the mail."""

    FAILED = "failed"  # for good: 5.x.x
    GAVE_UP = "gave_up"  # the server stopped trying for a reason that may pass: 4.x.x
    DELAYED = "delayed"  # the server is still trying


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """One report."""

    marks: tuple[str, ...]  # of the mails that it may be about, to be checked; at least one
    fate: Fate
    status: str  # the enhanced code, "5.1.1"
    words: str  # for people


def read_bounce(raw: bytes) -> Bounce | None:
    """The report in a mail; None when there is none in it, or none about a mail of ours. raw may be cut off."""
    try:
        return _read(raw)
    except (RecursionError, ValueError, LookupError, AttributeError, TypeError):
        return None  # nested to no end, or what the standard library stumbles over


def _read(raw: bytes) -> Bounce | None:
    message = BytesParser(policy=compat32).parsebytes(raw)
    if message.get_content_type() != "multipart/report" or not message.is_multipart():
        return None
    fields = _recipient_fields(message)
    marks = find_marks(raw.decode("ascii", "replace").replace("=\r\n", "").replace("=\n", ""))
    if fields is None or not marks:
        return None
    action = _field(fields, "Action").lower()
    found = _STATUS.search(_field(fields, "Status")) or _STATUS.search(_field(fields, "Diagnostic-Code"))
    status = found.group(0) if found else ""
    fate = _fate(action, status)
    if fate is None:
        return None
    words = one_line(f"{status} {_field(fields, 'Diagnostic-Code')}", _WORDS_CHARACTERS)
    return Bounce(marks=marks, fate=fate, status=status, words=words)


def _recipient_fields(report: Message) -> Message | None:
    """The block about the receiver: each mail of ours has one."""
    for part in report.get_payload():
        if isinstance(part, Message) and part.get_content_type() == "message/delivery-status":
            blocks = part.get_payload()
            for block in blocks if isinstance(blocks, list) else ():
                if isinstance(block, Message) and block["Action"] is not None:
                    return block
    return None


def _fate(action: str, status: str) -> Fate | None:
    if action == "delayed":
        return Fate.DELAYED
    if action != "failed":
        return None  # delivered, relayed, expanded: no news of a failure
    return Fate.GAVE_UP if status.startswith("4") else Fate.FAILED


def _field(fields: Message, name: str) -> str:
    return one_line(str(fields.get(name, "")), _WORDS_CHARACTERS)
