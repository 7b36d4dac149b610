"""What the pages of organisations and systems show beside the configuration: last traffic, age of credentials."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BindParameter, Connection, bindparam, select

from axis.store import schema as s
from axis.store.records import ApiToken
from axis.store.rows import Query
from axis.store.values import among

_ORGAN: BindParameter[str] = bindparam("organ_id")
_sent = (
    select(s.document.c.received_at)
    .where(s.document.c.from_organ == _ORGAN)
    .order_by(s.document.c.document_uid.desc())
    .limit(1)
)
_received = (
    select(s.delivery.c.created_at)
    .where(s.delivery.c.receiver_organ == _ORGAN)
    .order_by(s.delivery.c.created_at.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTraffic:
    """When an organisation last sent, and was last sent, a document."""

    sent: datetime | None
    received: datetime | None


def last_traffic(conn: Connection, organ_id: str) -> LastTraffic:
    """When it last sent, and was last sent, a document; each from the end of one index."""
    given = {"organ_id": organ_id}
    return LastTraffic(sent=conn.scalar(_sent, given), received=conn.scalar(_received, given))


_SYSTEM: BindParameter[str] = bindparam("of_system")
_c = s.credential.c
_handed_in = (
    select(s.package.c.received_at)
    .where(s.package.c.source_system == _SYSTEM)
    .order_by(s.package.c.received_at.desc())
    .limit(1)
)
_ages = (
    select(_c.system_id, _c.credential_id, _c.created_at, _c.expires_at)
    .where(among(_c.system_id, "of_systems"))
    .order_by(_c.credential_id.desc())
)
_tokens = Query(ApiToken, among(s.api_token.c.system_id, "of_systems"), order=(s.api_token.c.token_id.desc(),))


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretAge:
    """How old a secret is, and when it ends: never the secret."""

    credential_id: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemFacts:
    """What is known of a system beside how it is set up."""

    handed_in: datetime | None  # when it last handed in a package
    secrets: tuple[SecretAge, ...]  # newest first, those that have ended too
    tokens: tuple[ApiToken, ...]  # newest first, with digests only

    @property
    def called(self) -> datetime | None:
        """When it last handed in a package or used a token."""
        uses = [token.last_used_at for token in self.tokens] + [self.handed_in]
        return max((at for at in uses if at is not None), default=None)


def system_facts(conn: Connection, system_ids: Iterable[str]) -> Mapping[str, SystemFacts]:
    """Of some systems, a page of them at most."""
    of_systems = list(system_ids)
    secrets: dict[str, list[SecretAge]] = {system_id: [] for system_id in of_systems}
    tokens: dict[str, list[ApiToken]] = {system_id: [] for system_id in of_systems}
    for system_id, credential_id, created_at, expires_at in conn.execute(_ages, {"of_systems": of_systems}):
        age = SecretAge(credential_id=credential_id, created_at=created_at, expires_at=expires_at)
        secrets[system_id].append(age)
    for token in _tokens.all(conn, of_systems=of_systems):
        tokens[token.system_id].append(token)
    return {
        system_id: SystemFacts(
            handed_in=conn.scalar(_handed_in, {"of_system": system_id}),
            secrets=tuple(secrets[system_id]),
            tokens=tuple(tokens[system_id]),
        )
        for system_id in of_systems
    }
