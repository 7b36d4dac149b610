"""How much a sender's signatures matter: set by the command line and at the console, by one function."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from axis.errors import Code, WrongState
from axis.exchange.judges import DEFAULT_POLICY
from axis.ops.access import Access
from axis.store import registry
from axis.store.policy_view import policies_of
from axis.store.records import SignaturePolicy
from axis.trust.policy import Level

NO_POLICY = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyWish:
    """What a sender's policy should say; None: as it is."""

    organ: str  # canonical code, or "*" for every other
    envelope: Level | None = None
    files: Level | None = None
    fail_closed: bool | None = None
    issuers: tuple[str, ...] | None = None  # the authorities that count, by SHA-256; none: all that are trusted
    inherits_issuers: bool = False  # as further up, whatever `issuers` says
    seen: str | None = None  # the fingerprint of the policy that was seen before; None: whatever it is


def fingerprint(policy: SignaturePolicy | None) -> str:
    """What a policy says, in a word that a form can send back."""
    if policy is None:
        return NO_POLICY
    given = "inherited" if policy.issuers is None else policy.issuers
    issuers = hashlib.sha256(given.encode()).hexdigest()[:16]
    return "-".join((policy.envelope, policy.files, "closed" if policy.fail_closed else "open", issuers))


async def set_policy(access: Access, wish: PolicyWish, now: datetime, actor: str) -> SignaturePolicy:
    """Set a sender's policy; running nodes see it within a second. Units below it follow unless they have their own.

    Raises WrongState(STATE_CHANGED) when it is another than was seen.
    """

    def change(conn: Connection) -> SignaturePolicy:
        before = policies_of(conn, (wish.organ,)).get(wish.organ)
        if wish.seen is not None and wish.seen != fingerprint(before):
            raise WrongState(Code.STATE_CHANGED, fingerprint(before))
        policy = _merged(before, wish)
        registry.set_signature_policy(conn, policy, now, actor)
        return policy

    return await access.store.write(change)


def _merged(before: SignaturePolicy | None, wish: PolicyWish) -> SignaturePolicy:
    policy = replace(before or DEFAULT_POLICY, organ_id=wish.organ)
    if wish.envelope is not None:
        policy = replace(policy, envelope=wish.envelope.value)
    if wish.files is not None:
        policy = replace(policy, files=wish.files.value)
    if wish.fail_closed is not None:
        policy = replace(policy, fail_closed=wish.fail_closed)
    if wish.inherits_issuers:
        return replace(policy, issuers=None)
    return policy if wish.issuers is None else replace(policy, issuers=" ".join(sorted(set(wish.issuers))))
