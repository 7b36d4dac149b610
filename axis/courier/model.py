"""What a courier's file says of itself: the manifest, which its sender has signed.

Read strictly: a manifest with an unknown word, a wrong type or an id that is none is refused as a whole.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import rfc8785

from axis.errors import Code, Malformed
from axis.terms import PackageKind

MANIFEST_BYTES = 32 << 20
MOST_ITEMS = 20_000
_ID: Final = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_SYSTEM: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Direction(StrEnum):
    """Which way the file goes."""

    OUT = "out"  # from the node to an agency
    REPLY = "reply"  # from the agency to the node


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One package: its bytes follow the manifest, in the order of the items, as they came in."""

    package_id: str  # the node's id for it; "" for what an agency sends
    kind: PackageKind
    size_bytes: int
    sha256: str
    receivers: tuple[str, ...] = ()  # for whom it is, of those that the agency acts for
    sender: str = ""  # for people, as are the others below
    code: str = ""
    subject: str = ""
    urgency: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a file holds."""

    direction: Direction
    system_id: str  # the agency's
    sequence: int  # of OUT: this file's number, from 1 on; of REPLY: the number of the file that it answers
    previous: int  # of OUT: the number of the file before it that was packed, 0 for the first; of REPLY: 0
    created_at: datetime
    expires_at: datetime
    items: tuple[Item, ...] = ()
    acknowledged: tuple[str, ...] = ()  # of REPLY: packages that the agency has now

    def to_bytes(self) -> bytes:
        """Canonical JSON (RFC 8785): what is signed."""
        said: dict[str, Any] = asdict(self)
        said |= {"created_at": _moment(self.created_at), "expires_at": _moment(self.expires_at), "v": 1}
        said["items"] = [{**one, "receivers": list(one["receivers"])} for one in said["items"]]
        return rfc8785.dumps({**said, "acknowledged": list(self.acknowledged)})


def read_manifest(raw: bytes) -> Manifest:
    """The manifest. Raises Malformed(COURIER_BROKEN): a manifest is signed, so that its sender is not what it says."""
    try:
        said = json.loads(raw)
        _check_version(said.pop("v"))
        items = _sequence(said.pop("items"))
        return _checked(
            Manifest(
                direction=Direction(said.pop("direction")),
                system_id=_matching(_SYSTEM, said.pop("system_id")),
                sequence=_number(said.pop("sequence")),
                previous=_number(said.pop("previous")),
                created_at=_read_moment(said.pop("created_at")),
                expires_at=_read_moment(said.pop("expires_at")),
                items=tuple(map(_item, items)),
                acknowledged=tuple(_matching(_ID, one) for one in _sequence(said.pop("acknowledged"))),
            ),
            said,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise Malformed(Code.COURIER_BROKEN, "the manifest is none") from e


def _check_version(value: object) -> None:
    if value != 1 or isinstance(value, bool):
        raise ValueError("another version")


def _checked(manifest: Manifest, left: Mapping[str, Any]) -> Manifest:
    if left:
        raise ValueError(min(left))
    if manifest.direction is Direction.OUT:
        ids = [_matching(_ID, item.package_id) for item in manifest.items]
        if len(set(ids)) != len(ids):
            raise ValueError("a package twice")
    return manifest


def _item(said: Any) -> Item:  # noqa: ANN401 - what JSON held, not yet checked
    item = Item(
        package_id=_text(said.pop("package_id")),
        kind=PackageKind(said.pop("kind")),
        size_bytes=_number(said.pop("size_bytes")),
        sha256=_matching(_DIGEST, said.pop("sha256")),
        receivers=tuple(map(_text, _sequence(said.pop("receivers")))),
        sender=_text(said.pop("sender")),
        code=_text(said.pop("code")),
        subject=_text(said.pop("subject")),
        urgency=_number(said.pop("urgency")),
    )
    if said:
        raise ValueError(min(said))
    return item


def _sequence(value: Any) -> Sequence[Any]:  # noqa: ANN401 - as above
    if not isinstance(value, list) or len(value) > MOST_ITEMS:
        raise ValueError("a list")
    return value


def _text(value: Any) -> str:  # noqa: ANN401 - as above
    if not isinstance(value, str):
        raise ValueError("a text")  # noqa: TRY004 - one kind of error for all that is wrong
    return value


def _matching(pattern: re.Pattern[str], value: Any) -> str:  # noqa: ANN401 - as above
    text = _text(value)
    if not pattern.fullmatch(text):
        raise ValueError("another form")
    return text


def _number(value: Any) -> int:  # noqa: ANN401 - as above
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53:
        raise ValueError("a number")
    return value


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _read_moment(value: Any) -> datetime:  # noqa: ANN401 - as above
    at = datetime.fromisoformat(_text(value))
    if at.tzinfo is None:
        raise ValueError("without a zone")
    return at
