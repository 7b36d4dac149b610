"""The senders' signature policies, a page at a time, and those that may apply to one sender."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from axis.store import schema as s
from axis.store.records import SignaturePolicy
from axis.store.rows import columns_of, read_all, record_reader

_POLICY, _read_policy = columns_of(SignaturePolicy), record_reader(SignaturePolicy)
_p, _o = s.signature_policy.c, s.organ.c


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLine:
    """A sender that has a policy of its own, or every other sender."""

    policy: SignaturePolicy
    organ_name: str | None  # None: not registered here, or it is for every other


def policy_lines(conn: Connection, text: str, after: str, rows: int) -> tuple[tuple[PolicyLine, ...], bool]:
    """The policies behind a place, by sender, and whether there are more. text: how the code begins."""
    statement = select(*_POLICY, _o.name).join(s.organ, _o.organ_id == _p.organ_id, isouter=True)
    if text:
        statement = statement.where(_p.organ_id.startswith(text, autoescape=True))
    if after:
        statement = statement.where(_p.organ_id > after)
    found = conn.execute(statement.order_by(_p.organ_id).limit(rows + 1)).all()
    lines = tuple(PolicyLine(policy=_read_policy(row[:-1]), organ_name=row[-1]) for row in found[:rows])
    return lines, len(found) > rows


def policies_of(conn: Connection, codes: Collection[str]) -> Mapping[str, SignaturePolicy]:
    """The policies of these senders, as far as they have any of their own."""
    found = conn.execute(select(*_POLICY).where(_p.organ_id.in_(codes)))
    return {policy.organ_id: policy for policy in read_all(_read_policy, found)}
