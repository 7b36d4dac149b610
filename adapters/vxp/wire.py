"""The dialect of the national document axis, pure: names, signed headers, hashes, times, ids, words.

Peer: vendor client 2.0.1, seen on the wire. Every header of a call goes out prefixed `XroadVnpt-`, and once more inside
a JSON object whose text is signed with HMAC-SHA256. This module refuses to take any value from outside that text.

Assumed, where the wire does not tell:

| point | choice |
|---|---|
| what is signed | the raw bytes of `sign-header` as received, never JSON encoded again; key: the secret in UTF-8 |
| where values come from | the signed JSON only; its names with or without the prefix, in any case |
| a signed name without a real header | a stray of an earlier call: allowed |
| a real header that differs from the signed value | refused; compared without white space around it |
| a real header that the operation uses, unsigned | refused, `hash-file` included |
| `sign-header-key` | written, never read: it is not signed, and the JSON has its own names |
| `hash-file` | read as `XroadVnpt-hash-file` or `hash-file`, padded or not; written prefixed, unpadded, signed |
| `messagetype` of sendEdoc | a hint: the file says itself what it is, and the file counts |
| `messagetype` of getReceivedEdocList | absent: both kinds are listed |
| DocId of sendEdoc | our package id, which is also `senderDocId` of getSentEdocList |
| docId of a list item | `{package}.{system}`, stateless |
| `receiveStatus`, `status` in lists | the words of updateStatus |
| `toCode` | the code in the package, also where a successor received it |
| times in lists | `yyyy/MM/dd HH:mm:ss`, Asia/Ho_Chi_Minh |
| organisations | `id` is the code, `pid` the parent's; `oldCode`, `code102` another; `version` of its last change |
| getSynchronizeUnit by version | header `unitVersion`: only what changed after it; absent: all |
| `pid` in others' lists | an `id` of the same list, or a code; nothing or 0: nobody is above |
| errors | HTTP 200 with status FAIL, but 503 while busy and 404 for an unknown operation, with the same JSON |
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from axis.clock import VIETNAM, to_local
from axis.errors import Code, Malformed, NotFound, Rejected, Unauthenticated
from axis.exchange.values import Acknowledgement
from axis.terms import PackageKind, TransportState

PREFIX = "XroadVnpt-"
SIGN_HEADER = f"{PREFIX}sign-header"
SIGN_HEADER_KEY = f"{PREFIX}sign-header-key"
HASH_HEADER = f"{PREFIX}hash-header"
VERSION_HEADER = f"{PREFIX}version"
VERSION = "3.0.201608"
USER_AGENT = "JAVASDKAgent/1.0.0 XRoad/VPCP"
SERVICE_TYPE = "eDoc"
CRLF = b"\r\n"

MAX_HEADERS = 100  # of a call; a real one has about thirty
MAX_FIELD_BYTES = 32 << 10  # of one header: `to` may name hundreds of receivers, and stands in sign-header again
_MAX_WORD = 80  # characters of an unknown word that are repeated in an answer


class Operation(StrEnum):
    """The last part of the address of a call."""

    SEND_EDOC = "sendEdoc"  # hand a package in
    RECEIVED_LIST = "getReceivedEdocList"  # what waits for the caller
    SENT_LIST = "getSentEdocList"  # how far the receivers of one sent package have come
    GET_EDOC = "getEdoc"  # one package as base64 in JSON
    DOWNLOAD_EDOC = "downloadEdoc"  # one package as it is
    UPDATE_STATUS = "updateStatus"  # acknowledge one item of the list
    COUNT_EDOC = "countReceiveEdoc"  # how many documents wait
    COUNT_STATUS = "countReceiveStatus"  # how many statuses wait
    AGENCIES = "getAgenciesList"  # open organisations
    AGENCIES_QD20 = "getAgenciesListQD20"  # open organisations of one level
    UNITS = "getSynchronizeUnit"  # all organisations, closed ones included
    REGISTER_AGENCY = "registerAgency"  # a new organisation below the caller's
    DELETE_AGENCY = "deleteAgency"  # close one


# ── Words ──────────────────────────────────────────────────────────────────────────────────────────────────────

MESSAGE_TYPES = {PackageKind.DOCUMENT: "edoc", PackageKind.STATUS: "status"}
_KINDS = {word: kind for kind, word in MESSAGE_TYPES.items()}

STATE_WORDS = {
    TransportState.QUEUED: Acknowledgement.INITIAL,
    TransportState.RETRYING: Acknowledgement.INITIAL,
    TransportState.HANDED_OVER: Acknowledgement.PROCESSING,
    TransportState.ACKNOWLEDGED: Acknowledgement.DONE,
    TransportState.DEAD: Acknowledgement.FAIL,
    TransportState.CANCELLED: Acknowledgement.FAIL,
}
"""Transport states in the words of updateStatus. Assumed."""


def read_kind(message_type: str) -> PackageKind:
    """The kind that a messagetype names. Raises Malformed(BAD_REQUEST)."""
    kind = _KINDS.get(message_type.lower())
    if kind is None:
        raise Malformed(Code.BAD_REQUEST, f"unknown messagetype {message_type[:_MAX_WORD]!r}", at="messagetype")
    return kind


def read_acknowledgement(word: str) -> Acknowledgement:
    """The word of updateStatus. Raises Rejected(UNKNOWN_ACKNOWLEDGEMENT) with the word as it came.

    Peer: some clients pass processing statuses here (inbox, acceptance, …), which mean nothing to transport.
    """
    try:
        return Acknowledgement(word.lower())
    except ValueError:
        raise Rejected(Code.UNKNOWN_ACKNOWLEDGEMENT, word[:_MAX_WORD], at="status") from None


# ── Ids of list items ──────────────────────────────────────────────────────────────────────────────────────────


def write_item_id(package_id: str, system_id: str) -> str:
    """The id of a package in one system's list."""
    return f"{package_id}.{system_id}"


def read_item_id(doc_id: str, system_id: str) -> str:
    """The package that a list item of this system names. Raises NotFound for another system's item.

    The id of a package alone will do too: what a system may have is checked by the exchange in any case.
    """
    package_id, _, owner = doc_id.partition(".")
    if not package_id or owner not in ("", system_id):
        raise NotFound(Code.NOT_FOUND, at="docId")
    return package_id


# ── Times ──────────────────────────────────────────────────────────────────────────────────────────────────────

_TIMESTAMP = re.compile(r"(\d{2})(\d{2})(\d{4})T(\d{2})(\d{2})(\d{2})\+(\d{1,4})", re.ASCII)
_LIST_TIME = "%Y/%m/%d %H:%M:%S"
_LIST_TIMES = (
    _LIST_TIME, "%d/%m/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d", "%d/%m/%Y", "%Y/%m/%d %H:%M", "%d/%m/%Y %H:%M",
)  # fmt: skip


def write_timestamp(at: datetime) -> str:
    """A moment as the vendor client writes it: `ddMMyyyy'T'HHmmss+SSSS`, the last part being milliseconds."""
    local = to_local(at)
    return f"{local:%d%m%Y}T{local:%H%M%S}+{local.microsecond // 1000:04d}"


def read_timestamp(text: str) -> datetime:
    """The moment that a timestamp names. What follows the plus is no time zone. Raises Malformed(BAD_REQUEST)."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise Malformed(Code.BAD_REQUEST, "a timestamp is ddMMyyyy'T'HHmmss+SSSS", at="timestamp")
    day, month, year, hour, minute, second, millisecond = map(int, match.groups())
    try:
        whole = datetime(year, month, day, hour, minute, second, tzinfo=VIETNAM)
        return whole + timedelta(milliseconds=millisecond)
    except (ValueError, OverflowError) as e:
        raise Malformed(Code.BAD_REQUEST, "the timestamp names no moment", at="timestamp") from e


def write_list_time(at: datetime | None) -> str:
    """A moment in a list; empty when there is none."""
    return "" if at is None else to_local(at).strftime(_LIST_TIME)


def read_list_time(text: str) -> datetime | None:
    """A moment in somebody else's list, in any usual form; None when it cannot be told."""
    for form in _LIST_TIMES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=VIETNAM)
        except ValueError:
            continue
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=VIETNAM)


# ── Hash of the file ───────────────────────────────────────────────────────────────────────────────────────────


def write_file_hash(sha256_hex: str) -> str:
    """A digest as the vendor client prints it: each byte in hex without zero padding."""
    return "".join(f"{byte:x}" for byte in bytes.fromhex(sha256_hex))


def drops_crlf(file_hash: str | None, *, body_hex: str, without_crlf_hex: str | None) -> bool:
    """Whether the CRLF at the end of a body belongs to the wire rather than to the file.

    file_hash: what the caller says of the file, padded or not; None if nothing. without_crlf_hex: None when the body
    does not end in CRLF. Raises Malformed(HASH_MISMATCH) when the hash fits the body neither way.
    """
    if not file_hash:
        return without_crlf_hex is not None
    declared = file_hash.lower()
    if without_crlf_hex is not None and declared in (without_crlf_hex, write_file_hash(without_crlf_hex)):
        return True
    if declared in (body_hex, write_file_hash(body_hex)):
        return False
    raise Malformed(Code.HASH_MISMATCH, at="hash-file")


# ── Signed headers ─────────────────────────────────────────────────────────────────────────────────────────────


def sign(text: bytes, secret: bytes) -> str:
    """HMAC-SHA256 in hex."""
    return hmac.new(secret, text, hashlib.sha256).hexdigest()


def write_headers(values: Mapping[str, str], secret: bytes) -> list[tuple[str, str]]:
    """The headers of a call, signed. values: bare name → value; Content-Type goes out plain as well."""
    prefixed = {f"{PREFIX}{name}": value for name, value in values.items()}
    text = json.dumps(prefixed, ensure_ascii=True, separators=(",", ":"))
    plain = [(name, value) for name, value in values.items() if name == "Content-Type"]
    return [
        *plain,
        *prefixed.items(),
        (SIGN_HEADER_KEY, ";".join(values)),
        (SIGN_HEADER, text),
        (HASH_HEADER, sign(text.encode(), secret)),
        ("User-Agent", USER_AGENT),
        (VERSION_HEADER, VERSION),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCall:
    """The headers of a call, before anything about them is proven."""

    text: bytes  # the signed text, as it came
    mac_hex: bytes  # what the caller says is its HMAC
    values: Mapping[str, str]  # bare name in lower case → signed value
    real: Mapping[str, bytes]  # every real header, name in lower case

    @property
    def system_id(self) -> str:
        """Who the caller says it is. Raises Malformed(HEADER_UNSIGNED)."""
        return self.need("systemid")

    def get(self, name: str) -> str | None:
        """A signed value; None when there is none. Raises Malformed(HEADER_UNSIGNED) when it is only sent."""
        key = name.lower()
        value = self.values.get(key)
        if value is None and (key in self.real or f"{PREFIX}{key}".lower() in self.real):
            raise Malformed(Code.HEADER_UNSIGNED, at=name)
        return value or None

    def need(self, name: str) -> str:
        """A signed value that has to be there. Raises Malformed(HEADER_UNSIGNED)."""
        value = self.get(name)
        if value is None:
            raise Malformed(Code.HEADER_UNSIGNED, at=name)
        return value

    def is_signed_by(self, secrets: Iterable[bytes]) -> bool:
        """Whether one of the secrets made the HMAC. Tries them all, whichever fits."""
        fits = [hmac.compare_digest(sign(self.text, secret).encode(), self.mac_hex) for secret in secrets]
        return any(fits)

    def check_agreement(self) -> None:
        """Raises Malformed(HEADER_MISMATCH) when a real header says something else than the signed one."""
        for key, value in self.values.items():
            names = (key, f"{PREFIX}{key}".lower()) if key == "hash-file" else (f"{PREFIX}{key}".lower(),)
            for name in names:
                given = self.real.get(name)
                if given is not None and given.strip() not in _encodings(value):
                    raise Malformed(Code.HEADER_MISMATCH, at=name)


def _encodings(value: str) -> tuple[bytes, ...]:
    """What a value may look like on the wire; Java writes Latin-1, others UTF-8."""
    utf8 = value.encode("utf-8", "surrogatepass")
    try:
        return utf8, value.encode("latin-1")
    except UnicodeEncodeError:
        return (utf8,)


def read_call(raw_headers: Sequence[tuple[bytes, bytes]]) -> SignedCall:
    """Read the headers of a call; proves nothing.

    raw_headers: name and value as received. Raises Malformed (TOO_MANY, TOO_LARGE, BAD_REQUEST) or Unauthenticated
    (BAD_CREDENTIALS) when nothing is signed.
    """
    if len(raw_headers) > MAX_HEADERS:
        raise Malformed(Code.TOO_MANY, f"more than {MAX_HEADERS} headers")
    real: dict[str, bytes] = {}
    prefix = PREFIX.lower()
    for raw_name, value in raw_headers:
        name = raw_name.decode("latin-1").lower()
        if len(value) > MAX_FIELD_BYTES:
            raise Malformed(Code.TOO_LARGE, f"a header of more than {MAX_FIELD_BYTES} bytes", at=name[:_MAX_WORD])
        if name in real and (name.startswith(prefix) or name in ("hash-file", "content-type")):
            raise Malformed(Code.BAD_REQUEST, "header sent twice", at=name[:_MAX_WORD])
        real[name] = value
    text, mac = real.get(SIGN_HEADER.lower()), real.get(HASH_HEADER.lower())
    if not text or not mac:
        raise Unauthenticated(Code.BAD_CREDENTIALS, "the call is not signed", at=HASH_HEADER if text else SIGN_HEADER)
    return SignedCall(text=text, mac_hex=mac.strip().lower(), values=_read_signed_text(text), real=real)


def _read_signed_text(text: bytes) -> dict[str, str]:
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as e:
        raise Malformed(Code.BAD_REQUEST, "sign-header is not JSON", at=SIGN_HEADER) from e
    if not isinstance(pairs, _Pairs):
        raise Malformed(Code.BAD_REQUEST, "sign-header is not a JSON object", at=SIGN_HEADER)
    values: dict[str, str] = {}
    seen: set[str] = set()
    prefix = PREFIX.lower()
    for name, value in pairs:
        key, text_value = name.lower(), _as_text(value)
        bare = key.removeprefix(prefix)
        if key in seen or values.get(bare, text_value) != text_value:
            raise Malformed(Code.BAD_REQUEST, "name signed twice", at=name[:_MAX_WORD])
        seen.add(key)
        values[bare] = text_value
    return values


class _Pairs(list[tuple[str, object]]):
    """A JSON object with its names in order, repeated ones included."""


def _as_text(value: object) -> str:
    """A signed value as the text that the header carries; null is no text."""
    match value:
        case str():
            return value.strip()
        case None:
            return ""
        case bool() | int() | float():
            return json.dumps(value)
        case _:
            raise Malformed(Code.BAD_REQUEST, "a signed value is neither text nor number", at=SIGN_HEADER)
