"""What somebody wants of the registry, decided on a plan: the changes, what the audit trail says of them, the answer.

Deciding reads nothing and writes nothing, so it may take its time, outside of any transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from axis.errors import Code, NotFound, WrongState
from axis.organ.plan import Changes, OldCode, OrganRow, Plan

T = TypeVar("T")
_TOLD = ("name", "parent_id", "level", "kind", "email", "status", "successor_id", "closed_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Generic[T]):
    """What is to be done."""

    changes: Changes
    kind: str  # of the audit row; there is none without changes
    fields: Mapping[str, Any] = field(default_factory=dict)
    answer: T


Decide = Callable[[Plan], Decision[T]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What a list of organisations changed."""

    added: int
    changed: int
    unchanged: int


def importing(plan: Plan, rows: Sequence[OrganRow]) -> Decision[ImportResult]:
    """Register and change organisations, all rows or none. Raises what the plan says."""
    for row in rows:
        plan.take(row)
    changes = plan.changes()
    result = ImportResult(added=len(changes.added), changed=len(changes.changed), unchanged=changes.unchanged)
    fields = {"added": result.added, "changed": result.changed}
    return Decision(changes=changes, kind="organs_imported", fields=fields, answer=result)


def registering(plan: Plan, row: OrganRow) -> Decision[None]:
    """Register one organisation; the same again changes nothing.

    Raises WrongState(ORGAN_EXISTS) when the code means an organisation that differs, and what the plan says.
    """
    plan.take(row)
    changes = plan.changes()
    if changes.changed:
        raise WrongState(Code.ORGAN_EXISTS, row.code, at="code")
    fields = {"organ": row.code, "parent": row.parent}
    return Decision(changes=changes, kind="organ_registered", fields=fields, answer=None)


def changing(plan: Plan, row: OrganRow) -> Decision[None]:
    """Change a known organisation, close it, or let it take documents again; the record names what was and what is.

    Raises NotFound, and what the plan says.
    """
    _check_known(plan, row.code)
    was = plan.organs[row.code]
    plan.take(row)
    changes, becomes = plan.changes(), plan.organs[row.code]
    changed = {
        name: [_said(before), _said(after)]
        for name in _TOLD
        if (before := getattr(was, name)) != (after := getattr(becomes, name))
    }
    kind = "organ_changed"
    if was.is_closed != becomes.is_closed:
        kind = "organ_closed" if becomes.is_closed else "organ_reopened"
    fields = {"organ": row.code, "changed": changed, "successor": becomes.successor_id}
    return Decision(changes=changes, kind=kind, fields=fields, answer=None)


def closing(plan: Plan, code: str, successor: str | None) -> Decision[None]:
    """Close an organisation, never erase it; closed again with the same successor, nothing changes.

    Raises NotFound, and what the plan says.
    """
    _check_known(plan, code)
    plan.take(OrganRow(code=code, name="", status="closed", successor=successor))
    fields = {"organ": code, "successor": successor}
    return Decision(changes=plan.changes(), kind="organ_closed", fields=fields, answer=None)


def reopening(plan: Plan, code: str) -> Decision[bool]:
    """Let a closed organisation take documents itself again; the answer: whether it was closed.

    Raises NotFound, and what the plan says.
    """
    _check_known(plan, code)
    was = plan.organs[code]
    plan.take(OrganRow(code=code, name="", status="active"))
    changes = plan.changes()
    closed_at = was.closed_at.isoformat() if was.closed_at else None
    fields = {"organ": code, "closed_at": closed_at, "successor": was.successor_id}
    return Decision(changes=changes, kind="organ_reopened", fields=fields, answer=bool(changes))


def adding_alias(plan: Plan, code: str, old: OldCode) -> Decision[bool]:
    """Let another code mean an organisation; the answer: whether that is news.

    A code that meant it until some day means it again from today on, if nothing else is said.
    Raises NotFound, Malformed(BAD_REQUEST), WrongState(ORGAN_EXISTS) when it means another one.
    """
    _check_known(plan, code)
    ended = [one for one in plan.aliases_of(code, old.code) if one.valid_until and one.valid_until <= plan.day]
    if ended and old.valid_from is None:
        old = replace(old, valid_from=plan.day)
    plan.take(OrganRow(code=code, name="", old_codes=(old,)))
    changes = plan.changes()
    fields = {"organ": code, "alias": old.code, "valid_from": old.valid_from, "valid_until": old.valid_until}
    return Decision(changes=changes, kind="organ_alias_added", fields=fields, answer=bool(changes))


def removing_alias(plan: Plan, code: str, alias: str) -> Decision[None]:
    """From today on another code no longer means an organisation. Raises NotFound when it does not."""
    _check_known(plan, code)
    if not plan.end_alias(alias, code):
        raise NotFound(Code.NOT_FOUND, f"{alias} is no other code of {code}")
    fields = {"organ": code, "alias": alias}
    return Decision(changes=plan.changes(), kind="organ_alias_removed", fields=fields, answer=None)


def _said(value: object) -> object:
    """A field's value as the audit trail holds it."""
    return value.isoformat() if isinstance(value, datetime) else value


def _check_known(plan: Plan, code: str) -> None:
    if code not in plan.organs:
        raise NotFound(Code.NOT_FOUND, code)
