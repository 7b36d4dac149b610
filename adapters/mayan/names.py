"""Mayan's names for what the node keeps beside a document: metadata types, and tags for statuses."""

import re
from collections.abc import Mapping
from typing import Final

from axis.terms import StatusCode, Urgency

FIELDS: Final = (
    "package",  # the package's id in the node
    "key",  # one word made of the DocumentId: found by every search
    "document_id",  # the norm's DocumentId
    "code",  # number/notation
    "subject",
    "sender",  # organisation code
    "sender_name",
    "receivers",  # organisation codes, divided by commas
    "date",  # of promulgation
    "type_name",
    "urgency",
    "due_date",
    "signer",
    "signer_position",
    "act",  # recall, update, replace; empty: a new document
    "act_documents",  # DocumentIds that the act is about, divided by semicolons
    "reason",
    "status",  # CODE=STATUS of each receiver, of what was sent
    "reported",  # how far the workflow's log is reported, of what arrived
)
"""What is kept; each is a metadata type."""

ARRIVED: Final = frozenset(FIELDS) - {"status", "act_documents"}
SENT: Final = frozenset(FIELDS) - {"package", "reported", "sender_name"}
NEEDED: Final = frozenset({"key", "document_id", "sender", "receivers", "reported", "status"})
"""What the node itself reads again; the others may be switched off by FIELD=-."""

_OFF: Final = "-"
_PAIR: Final = re.compile(r"\s*(?P<field>[a-z_]+)\s*=\s*(?P<name>-|[A-Za-z][A-Za-z0-9_]{0,47})\s*")
_TAG: Final = re.compile(r"\s*(?P<code>[0-9]{2})\s*=\s*(?P<tag>[^=,\s][^=,]{0,127}?)\s*")

URGENCIES: Final[Mapping[Urgency, str]] = {
    Urgency.NORMAL: "thường",
    Urgency.URGENT: "khẩn",
    Urgency.VERY_URGENT: "thượng khẩn",
    Urgency.EXPRESS: "hỏa tốc",
    Urgency.EXPRESS_TIMED: "hỏa tốc hẹn giờ",
}

STATUSES: Final[Mapping[StatusCode, str]] = {
    StatusCode.ARRIVED: "đã đến",
    StatusCode.REFUSED: "từ chối tiếp nhận",
    StatusCode.ACCEPTED: "đã tiếp nhận",
    StatusCode.ASSIGNED: "đã phân công",
    StatusCode.IN_PROGRESS: "đang xử lý",
    StatusCode.COMPLETED: "hoàn thành",
    StatusCode.RECALL_REQUESTED: "yêu cầu lấy lại",
    StatusCode.AGREED: "đồng ý",
    StatusCode.DECLINED: "không đồng ý",
}


def read_names(text: str) -> Mapping[str, str]:
    """`field=name, …` as a table of all that are on. Raises ValueError."""
    names = {field: f"axis_{field}" for field in FIELDS}
    for part in filter(str.strip, text.split(",")):
        match = _PAIR.fullmatch(part)
        if match is None or match["field"] not in names:
            raise ValueError(f"FIELD=NAME is needed, with one of {', '.join(FIELDS)}")
        if match["name"] == _OFF:
            if match["field"] in NEEDED:
                raise ValueError(f"{match['field']} is needed by the node")
            del names[match["field"]]
        else:
            names[match["field"]] = match["name"]
    if len(set(names.values())) < len(names):
        raise ValueError("two fields have one name")
    return names


def read_tags(text: str) -> Mapping[StatusCode, str]:
    """`code=tag, …` as a table. Raises ValueError."""
    tags: dict[StatusCode, str] = {}
    for part in filter(str.strip, text.split(",")):
        match = _TAG.fullmatch(part)
        if match is None or match["code"] not in set(StatusCode):
            raise ValueError(f"CODE=TAG is needed, with one of {', '.join(StatusCode)}")
        tags[StatusCode(match["code"])] = match["tag"]
    return tags


def read_urgency(text: str) -> int | None:
    """An urgency as people write it: its number, or its word. None: none of them."""
    plain = text.strip().casefold()
    if plain.isascii() and plain.isdigit():
        return int(plain) if int(plain) in set(Urgency) else None
    return next((int(one) for one, word in URGENCIES.items() if word == plain.replace("hoả", "hỏa")), None)
