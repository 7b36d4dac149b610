"""What nobody refers to goes, what somebody does stays."""

import hashlib
from datetime import UTC, datetime, timedelta

from axis.ops.upkeep import Upkeep
from axis.store import accounts, queries, sessions
from axis.store.hot import Hot
from axis.store.records import Account, Audit, Blob, Revocation, Session, SystemEvent
from axis.store.store import Store
from axis.terms import EventKind
from tests.store import made

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


class Standing:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOW


def a_blob(content: bytes, at: datetime) -> Blob:
    return Blob(sha256_hex=hashlib.sha256(content).hexdigest(), size_bytes=len(content), content=content, created_at=at)


async def test_only_old_content_that_nothing_refers_to_goes(store: Store) -> None:
    long_ago = NOW - timedelta(days=2)
    forgotten, young, evidence = a_blob(b"forgotten", long_ago), a_blob(b"young", NOW), a_blob(b"crl", long_ago)
    await store.submit(Hot(inserts=(forgotten, young, evidence)))
    kept = Revocation(
        sha256_hex=evidence.sha256_hex,
        kind="crl",
        url="http://ca.vn/x.crl",
        certificate_sha256="",
        issuer_sha256="",
        this_update=None,
        next_update=None,
        fetched_at=NOW,
    )
    await store.write(lambda c: queries.keep_revocation(c, kept, "none"))
    await Upkeep(store, Standing()).work()
    left = await store.read(lambda c: set(c.exec_driver_sql("SELECT sha256_hex FROM blob").scalars()))
    assert left == {young.sha256_hex, evidence.sha256_hex}


async def test_ended_sessions_go_and_running_ones_stay(store: Store) -> None:
    account = Account(account_id="A", username="a", password_hash="x", roles="", enabled=True, created_at=NOW)
    await store.write(lambda c: accounts.add_account(c, account))
    for token, ends in (("ended", NOW), ("running", NOW + timedelta(hours=1))):
        session = Session(
            token_sha256=token,
            account_id="A",
            csrf_token="x",
            created_at=NOW,
            expires_at=ends,
            session_id=token,
            used_at=NOW,
        )
        line = Audit(audit_id=token, at=NOW, kind="session_opened", actor="a", fields="{}")
        await store.write(lambda c, session=session, line=line: sessions.open_session(c, session, line))
    await Upkeep(store, Standing()).work()
    left = await store.read(lambda c: c.exec_driver_sql("SELECT token_sha256 FROM session").scalars().all())
    assert list(left) == ["running"]


async def test_events_for_systems_are_kept_for_ninety_days(store: Store) -> None:
    await made.make_city(store)
    for name, days in (("old", 91), ("young", 89)):
        at = NOW - timedelta(days=days)
        event = SystemEvent(
            event_id=name,
            system_id="yte",
            kind=EventKind.PARTNER_UP,
            at=at,
            document_uid=None,
            package_id=None,
            organ_id=None,
            fields="{}",
        )
        await store.submit(Hot(inserts=(event,)))
    await Upkeep(store, Standing()).work()
    left = await store.read(lambda c: c.exec_driver_sql("SELECT event_id FROM system_event").scalars().all())
    assert list(left) == ["young"]
