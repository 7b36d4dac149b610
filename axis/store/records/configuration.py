"""Who exists and who is connected; and what the faces keep."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A connected software that acts for organisations."""

    system_id: str
    name: str
    front: str
    enabled: bool
    may_register: bool
    created_at: datetime
    adapter: str | None = None
    options: str = "{}"
    secrets_encrypted: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One system serves one organisation, for a time."""

    service_id: str
    organ_id: str
    system_id: str
    priority: int  # 0 the primary system; others beside it have more
    valid_from: datetime
    valid_until: datetime | None = None  # the first moment at which it does not hold any more; None: no end is set


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRule:
    """The codes below a prefix go to one uplink, for a time."""

    rule_id: str
    prefix: str  # in canonical form; "*": every code that no other rule claims
    uplink_id: str
    valid_from: datetime
    valid_until: datetime | None = None
    note: str | None = None


def holds(one: Service | RouteRule, at: datetime | None) -> bool:
    """Whether a service or rule is in force at a moment; at none, nothing is."""
    return at is not None and one.valid_from <= at and (one.valid_until is None or at < one.valid_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySync:
    """How far we have followed the registry of another axis."""

    uplink_id: str
    level: int
    version: int
    synced_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One secret of a system, encrypted with the node's key."""

    credential_id: str
    system_id: str
    secret_encrypted: bytes
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token of the REST API; the bearer holds the text whose digest this is."""

    token_id: str
    system_id: str
    name: str
    token_sha256: str
    scopes: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswer:
    """The answer to a call with an Idempotency-Key; without a status the call is under way."""

    system_id: str
    idempotency_key: str
    request_sha256: str
    status: int | None
    body: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that a system sends in pieces."""

    upload_id: str
    system_id: str
    metadata: str  # as the client wrote it
    name: str
    size_bytes: int
    offset_bytes: int  # so much is durable
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where a system is told of its events."""

    webhook_id: str
    system_id: str
    url: str
    kinds: str  # joined by a space; "": all
    name: str
    secret_encrypted: bytes
    old_secret_encrypted: bytes | None
    old_until: datetime | None
    enabled: bool
    place: int  # of the last event that was taken
    attempts: int
    failing_since: datetime | None
    due_at: datetime
    last_status: int | None
    last_words: str
    last_at: datetime | None
    created_at: datetime
