"""What Mayan answers, as frozen values; an answer of another shape is no answer.

Peer: Mayan EDMS 4.12, seen on the wire.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from adapters.checking import Fault, Trouble

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A document type, tag, cabinet, metadata type, workflow or state."""

    ref: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """A document there."""

    ref: int
    label: str
    description: str
    created_at: datetime
    type_ref: int
    type_label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of a document. A checksum that is not there yet: Mayan is still at it."""

    ref: int
    name: str
    sha256_hex: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A metadata value of a document."""

    ref: int
    name: str  # of its type
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An entry of a workflow's log."""

    ref: int
    at: datetime
    state: str | None  # where it led; None: the initial state
    is_final: bool
    transition: str
    comment: str
    staff: str  # "" where nobody did it


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A workflow that a document goes through."""

    ref: int
    workflow_ref: int
    last_step: int  # 0: none


def read_json(raw: bytes) -> object:
    """Raises Trouble for what is no JSON."""
    try:
        found: object = json.loads(raw)
    except (ValueError, RecursionError) as e:
        raise Trouble(Fault.OTHER, "the answer is not JSON: is `url` where Mayan is?") from e
    return found


def rows_of(answer: object) -> tuple[list[Row], bool]:
    """A page of a list, and whether there is another."""
    if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
        raise _strange("results")
    rows = answer["results"]
    if not all(isinstance(row, dict) for row in rows):
        raise _strange("results")
    return rows, bool(answer.get("next"))


def row_of(answer: object) -> Row:
    """A single thing."""
    if not isinstance(answer, dict):
        raise _strange("not an object")
    return answer


def read_named(row: Row, field: str = "label") -> Named:
    """Anything with a name."""
    return Named(ref=_number(row, "id"), name=_text(row, field))


def read_document(row: Row) -> Filed:
    """A document."""
    kind = row_of(row.get("document_type"))
    return Filed(
        ref=_number(row, "id"),
        label=_text(row, "label"),
        description=_text(row, "description"),
        created_at=_moment(row, "datetime_created"),
        type_ref=_number(kind, "id"),
        type_label=_text(kind, "label"),
    )


def read_file(row: Row) -> File:
    """A file."""
    return File(
        ref=_number(row, "id"),
        name=_text(row, "filename"),
        sha256_hex=_text(row, "checksum"),
        size_bytes=_number(row, "size") if row.get("size") is not None else -1,
    )


def read_value(row: Row) -> Value:
    """A metadata value."""
    kind = row_of(row.get("metadata_type"))
    return Value(ref=_number(row, "id"), name=_text(kind, "name"), text=_text(row, "value"))


def read_step(row: Row) -> Step:
    """A log entry."""
    transition = row.get("transition")
    change = row_of(transition) if transition is not None else {}
    state = row_of(change.get("destination_state")) if change else {}
    return Step(
        ref=_number(row, "id"),
        at=_moment(row, "datetime"),
        state=_text(state, "label") if change else None,
        is_final=bool(state.get("final")),
        transition=_text(change, "label") if change else "",
        comment=_text(row, "comment"),
        staff=_person(row.get("user")),
    )


def read_flow(row: Row) -> Flow:
    """A document's workflow."""
    last = row.get("last_log_entry")
    return Flow(
        ref=_number(row, "id"),
        workflow_ref=_number(row_of(row.get("workflow_template")), "id"),
        last_step=_number(row_of(last), "id") if last is not None else 0,
    )


def _person(user: object) -> str:
    """Family name first, as it is written in Vietnam; the account's name where there is none."""
    if not isinstance(user, dict):
        return ""
    name = f"{_text(user, 'last_name')} {_text(user, 'first_name')}".strip()
    return name or _text(user, "username")


def _number(row: Row, field: str) -> int:
    found = row.get(field)
    if type(found) is not int or found < 0:
        raise _strange(field)
    return found


def _text(row: Row, field: str) -> str:
    """A text; none for what is null, as Mayan has it."""
    found = row.get(field)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise _strange(field)
    return found


def _moment(row: Row, field: str) -> datetime:
    try:
        found = datetime.fromisoformat(_text(row, field))
    except ValueError as e:
        raise _strange(field) from e
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _strange(field: str) -> Trouble:
    return Trouble(Fault.OTHER, f"the answer is not as Mayan's API v4 has it: {field}")
