"""Replies of the dialect: JSON that is pure ASCII, with the same four keys always, and the rows of the lists.

Writing is strict: every value of a row is a text, a number or a truth value, never null (Peer: the vendor client fails
on null). Reading is lenient: numbers as texts, missing keys, other case, other forms of dates.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from adapters.vxp.errors import OK_CODE, error_desc, vxp_code
from adapters.vxp.wire import MESSAGE_TYPES, read_list_time
from axis.errors import AxisError, PeerRefused, PeerUnreachable
from axis.exchange.values import Acknowledgement
from axis.terms import PackageKind

STATUS_OK = "OK"
STATUS_FAIL = "FAIL"
_MAX_DETAIL = 500  # characters of somebody else's ErrorDesc that are kept
_AT_ONCE = 64 << 10  # characters of JSON that are decoded in one go: well under a millisecond

_decoder = json.JSONDecoder()
_blanks = re.compile(r"[ \t\n\r]*")

Row = dict[str, str | int | bool]
"""A row of a list as it is written."""


# ── Writing ────────────────────────────────────────────────────────────────────────────────────────────────────


def write_json(value: Mapping[str, object]) -> bytes:
    """JSON in ASCII: the vendor client reads replies as US-ASCII."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def write_ok(doc_id: str = "", **more: object) -> bytes:
    """An answer that says yes."""
    return write_json({"status": STATUS_OK, "ErrorCode": OK_CODE, "ErrorDesc": "", "DocId": doc_id, **more})


def write_fail(error: AxisError, request_id: str) -> bytes:
    """An answer that says no."""
    return write_json(
        {
            "status": STATUS_FAIL,
            "ErrorCode": vxp_code(error.code),
            "ErrorDesc": error_desc(error, request_id),
            "DocId": "",
        }
    )


_ROWS_AT_ONCE = 100  # a row takes some 10 µs; nothing may hold the event loop for long


def write_list(rows: Iterable[Row]) -> Iterator[bytes]:
    """An answer with a list, in pieces; the caller lets others run between them."""
    piece = write_ok(data=[]).removesuffix(b"]}")
    waiting: list[Row] = []
    separator = b""
    for row in rows:
        waiting.append(row)
        if len(waiting) == _ROWS_AT_ONCE:
            yield piece + separator + _items(waiting)
            piece, separator, waiting = b"", b",", []
    yield piece + (separator + _items(waiting) if waiting else b"") + b"]}"


def _items(rows: list[Row]) -> bytes:
    return json.dumps(rows, ensure_ascii=True, separators=(",", ":")).encode("ascii")[1:-1]


# ── Reading ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that says yes. Names in lower case."""

    doc_id: str
    count: int
    rows: tuple["ReplyRow", ...]
    next: str = ""  # ours: where the following page of a list begins


class ReplyRow:
    """One row of somebody's list."""

    def __init__(self, row: Mapping[str, object]) -> None:
        self._row = {name.lower(): value for name, value in row.items()}

    def text(self, name: str) -> str:
        """A value as text; empty when it is missing, null, or no single value."""
        return _text(self._row.get(name.lower()))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; whatever else stands there is left out."""
        value = self._row.get(name.lower())
        return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()

    def time(self, name: str) -> datetime | None:
        """A value as a moment; None when it cannot be told."""
        return read_list_time(self.text(name))

    def truth(self, name: str) -> bool:
        """A value as yes or no, in any usual spelling."""
        return self.text(name).lower() in ("true", "1", "yes", "y")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedItem:
    """A row of getReceivedEdocList."""

    doc_id: str
    kind: PackageKind | None  # None when the row does not say
    from_code: str
    to_codes: str  # as written: one code or several
    created_at: datetime | None
    status: str
    row: ReplyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class SentItem:
    """A row of getSentEdocList: one receiver of a package that the caller sent."""

    sender_doc_id: str
    receiver_doc_id: str
    from_code: str
    to_code: str
    receive_status: str  # a word of updateStatus
    receive_status_desc: str
    send_status: str
    row: ReplyRow

    @property
    def is_acknowledged(self) -> bool:
        """Whether the receiver's system says that it has the package."""
        return self.receive_status.lower() == Acknowledgement.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """An organisation in somebody's list. Empty where the list does not say."""

    code: str
    name: str
    mail: str
    id: str
    pid: str
    other_code: str  # oldCode or code102
    deleted: bool
    modified_at: datetime | None
    version: int = 0  # of its last change; 0: not told
    is_agency: bool | None = None


def read_reply(raw: bytes) -> Reply:
    """Read an answer. Raises PeerRefused with the partner's ErrorCode, PeerUnreachable when it is no such answer."""
    try:
        value = _read_json(raw.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as e:
        raise PeerUnreachable("the answer is not JSON") from e
    if not isinstance(value, dict):
        raise PeerUnreachable("the answer is not a JSON object")
    names = {name.lower(): item for name, item in value.items()}
    status, code = _text(names.get("status")).upper(), _text(names.get("errorcode"))
    if not status and not code:
        raise PeerUnreachable("the answer has neither status nor ErrorCode")
    if status == STATUS_FAIL or code not in ("", OK_CODE):
        raise PeerRefused(_printable(_text(names.get("errordesc"))), peer_code=code)
    data = names.get("data")
    return Reply(
        doc_id=_text(names.get("docid")),
        count=_number(_text(names.get("count"))),
        next=_text(names.get("next")),
        rows=tuple(ReplyRow(row) for row in data if isinstance(row, dict)) if isinstance(data, list) else (),
    )


def _read_json(text: str) -> object:
    """As `json.loads`, but the items of a long list one by one: no other thread has a turn while the decoder works."""
    if len(text) <= _AT_ONCE or (at := _past_blanks(text, 0)) == len(text) or text[at] != "{":
        return json.loads(text)
    members: dict[str, object] = {}
    at = _past_blanks(text, at + 1)
    more = text[at : at + 1] != "}"
    while more:
        name, at = _decoder.raw_decode(text, at)
        at = _past_blanks(text, at)
        if not isinstance(name, str) or text[at : at + 1] != ":":
            raise ValueError("no member of an object")
        at = _past_blanks(text, at + 1)
        members[name], at = _read_list(text, at) if text[at : at + 1] == "[" else _decoder.raw_decode(text, at)
        more, at = _goes_on(text, at, "}")
    if _past_blanks(text, at + 1) != len(text):
        raise ValueError("something after the object")
    return members


def _read_list(text: str, at: int) -> tuple[list[object], int]:
    """The list that begins at a place, and the place after it."""
    items: list[object] = []
    at = _past_blanks(text, at + 1)
    more = text[at : at + 1] != "]"
    while more:
        item, at = _decoder.raw_decode(text, at)
        items.append(item)
        more, at = _goes_on(text, at, "]")
    return items, at + 1


def _goes_on(text: str, at: int, end: str) -> tuple[bool, int]:
    """Whether another item follows, and where it begins, else where the end stands."""
    at = _past_blanks(text, at)
    found = text[at : at + 1]
    if found == ",":
        return True, _past_blanks(text, at + 1)
    if found == end:
        return False, at
    raise ValueError(f"neither a comma nor {end}")


def _past_blanks(text: str, at: int) -> int:
    found = _blanks.match(text, at)
    return found.end() if found else at


def read_received(row: ReplyRow) -> ReceivedItem:
    """A row of getReceivedEdocList."""
    kinds = {word: kind for kind, word in MESSAGE_TYPES.items()}
    return ReceivedItem(
        doc_id=row.text("docId"),
        kind=kinds.get(row.text("messageType").lower()),
        from_code=row.text("from"),
        to_codes=row.text("to"),
        created_at=row.time("created_time"),
        status=row.text("status"),
        row=row,
    )


def read_sent(row: ReplyRow) -> SentItem:
    """A row of getSentEdocList."""
    return SentItem(
        sender_doc_id=row.text("senderDocId"),
        receiver_doc_id=row.text("receiverDocId"),
        from_code=row.text("fromCode"),
        to_code=row.text("toCode"),
        receive_status=row.text("receiveStatus"),
        receive_status_desc=row.text("receiveStatusDesc"),
        send_status=row.text("sendStatus"),
        row=row,
    )


def read_agency(row: ReplyRow) -> Agency:
    """A row of getAgenciesList, getAgenciesListQD20 or getSynchronizeUnit."""
    return Agency(
        code=row.text("code"),
        name=row.text("name"),
        mail=row.text("mail"),
        id=row.text("id"),
        pid=row.text("pid"),
        other_code=row.text("oldCode") or row.text("code102"),
        deleted=row.truth("deleted"),
        modified_at=row.time("modifyDate"),
        version=_number(row.text("version")),
        is_agency=row.truth("isAgency") if row.text("isAgency") else None,
    )


def _text(value: object) -> str:
    match value:
        case str():
            return value.strip()
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case list() if value and all(isinstance(item, str) for item in value):
            return ",".join(value)
        case _:
            return ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text[:_MAX_DETAIL])
