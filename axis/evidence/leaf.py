"""Evidence leaves: what happened, in a form that can be hashed and never changes.

A leaf is canonical JSON (RFC 8785) `{at, fields, kind, salt, v}`, stored as those bytes and hashed as RFC 6962 says.
The salt is fresh for each, since the hash of a guessable text would give the text away. Leaves are written, without
a number, in the transaction of what they record; the sequencer numbers them later.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import rfc8785

from axis.store.records import Leaf

VERSION = 1
_SALT_BYTES = 16

Value = str | int | Sequence[str] | None


class LeafKind(StrEnum):
    """What a leaf records."""

    PACKAGE_ACCEPTED = "package_accepted"
    PACKAGE_REPEATED = "package_repeated"
    HANDED_OVER = "handed_over"
    ACKNOWLEDGED = "acknowledged"
    STATUS_RECORDED = "status_recorded"
    VERDICT_RECORDED = "verdict_recorded"
    COURIER_PACKED = "courier_packed"
    COURIER_TAKEN = "courier_taken"
    ACT_APPLIED = "act_applied"
    ACT_ANSWERED = "act_answered"
    TIME_PROVEN = "time_proven"
    DOCUMENT_FORWARDED = "document_forwarded"
    DOCUMENT_RETURNED = "document_returned"
    DELIVERY_CHANGED = "delivery_changed"
    DELIVERY_REROUTED = "delivery_rerouted"
    MAINTENANCE_BEGUN = "maintenance_begun"
    MAINTENANCE_ENDED = "maintenance_ended"


FIELDS: Mapping[LeafKind, frozenset[str]] = {
    LeafKind.PACKAGE_ACCEPTED: frozenset(
        {
            "package_id",
            "sha256",
            "size_bytes",
            "kind",
            "business_type",
            "document_uid",
            "document_id",
            "from",
            "receivers",
            "source",
        }
    ),
    LeafKind.PACKAGE_REPEATED: frozenset({"package_id", "sha256", "document_uid", "receivers", "source"}),
    LeafKind.DOCUMENT_FORWARDED: frozenset(
        {"document_uid", "delivery_id", "package_ids", "from", "to", "reason", "actor"}
    ),
    LeafKind.DOCUMENT_RETURNED: frozenset({"document_uid", "delivery_id", "package_id", "from", "to", "reason"}),
    LeafKind.HANDED_OVER: frozenset({"package_id", "receivers", "system", "peer_ref"}),
    LeafKind.ACKNOWLEDGED: frozenset({"package_id", "receivers", "system"}),
    LeafKind.STATUS_RECORDED: frozenset(
        {"package_id", "sha256", "document_uid", "document_id", "from", "to", "status_code", "effect", "source"}
    ),
    LeafKind.DELIVERY_CHANGED: frozenset({"package_id", "receivers", "was", "becomes", "reason", "actor"}),
    LeafKind.DELIVERY_REROUTED: frozenset({"package_id", "receivers", "was", "from", "to", "reason", "actor"}),
    LeafKind.COURIER_PACKED: frozenset({"system", "sequence", "manifest_sha256", "packages"}),
    LeafKind.COURIER_TAKEN: frozenset(
        {"system", "sequence", "manifest_sha256", "accepted", "repeated", "refused", "acknowledged"}
    ),
    LeafKind.ACT_APPLIED: frozenset(
        {
            "act_id",
            "package_id",
            "kind",
            "document_uid",
            "effect",
            "receivers",
            "added",
            "withdrawn",
            "fields",
        }
    ),
    LeafKind.ACT_ANSWERED: frozenset({"act_id", "package_id", "kind", "document_uid", "receiver", "answer"}),
    LeafKind.VERDICT_RECORDED: frozenset({"verdict_id", "package_id", "sha256", "overall", "cause"}),
    LeafKind.MAINTENANCE_BEGUN: frozenset({"reason", "until", "actor"}),
    LeafKind.MAINTENANCE_ENDED: frozenset({"since", "actor"}),
    LeafKind.TIME_PROVEN: frozenset({"sha256", "token_sha256", "authority", "proven_at"}),
}
"""The fields of each kind, all of them and no others: what an auditor's program may rely on."""


def make_leaf(kind: LeafKind, at: datetime, fields: Mapping[str, Value]) -> Leaf:
    """A leaf for the moment `at`. Raises ValueError when the fields are not exactly those of the kind."""
    if fields.keys() != FIELDS[kind]:
        raise ValueError(f"{kind} needs exactly {sorted(FIELDS[kind])}, got {sorted(fields)}")
    data = rfc8785.dumps(
        {
            "v": VERSION,
            "kind": kind.value,
            "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
            "salt": secrets.token_hex(_SALT_BYTES),
            "fields": {name: _plain(value) for name, value in fields.items()},
        }
    )
    return Leaf(kind=kind, at=at, data=data, leaf_hash=leaf_hash(data))


def leaf_hash(data: bytes) -> bytes:
    """SHA-256 of 0x00 and the leaf's bytes (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def _plain(value: Value) -> str | int | list[str] | None:
    return value if value is None or isinstance(value, str | int) else list(value)
