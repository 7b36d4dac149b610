"""Signatures: verdicts, what has to be checked, what has to be fetched, how much signatures matter."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, Select, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from axis.store import configuration, schema
from axis.store.records import (
    CertificateRow,
    CheckDue,
    Leaf,
    NeedRow,
    Revocation,
    SignaturePolicy,
    TimeProof,
    Verdict,
    VerdictEvidence,
)
from axis.store.rows import Query, values_of

ANY_SENDER = "*"
MANUAL = "manual"  # why a package is looked at: somebody asked
_TSA = "tsa"

_verdict, _check, _need = schema.verdict.c, schema.check_due.c, schema.need.c
_revocation, _certificate = schema.revocation.c, schema.certificate.c

_verdicts = Query(Verdict, _verdict.package_id == bindparam("package_id"), order=(_verdict.verdict_id,))
_evidence = Query(VerdictEvidence, schema.verdict_evidence.c.verdict_id == bindparam("verdict_id"))
_policies = Query(SignaturePolicy, order=(schema.signature_policy.c.organ_id,))
_current = Query(Revocation, _revocation.superseded_at.is_(None), order=(_revocation.fetched_at,))
_certificates = Query(CertificateRow, order=(_certificate.not_after, _certificate.sha256_hex))
_ENDING_AT_ONCE, _SUBJECTS = 1_000, 400  # certificates that are looked at, subjects in one statement
_ending = Query(
    CertificateRow,
    _certificate.not_after >= bindparam("since", type_=schema.UtcMicros()),
    _certificate.not_after < bindparam("until", type_=schema.UtcMicros()),
    _certificate.kind != "person",
    order=(_certificate.not_after, _certificate.sha256_hex),
    limit=_ENDING_AT_ONCE,
)
_certificate_by_digest = Query(CertificateRow, _certificate.sha256_hex == bindparam("sha256_hex"))
_checks = Query(CheckDue, _check.package_id.in_(bindparam("ids", expanding=True)), order=(_check.due_at,))
_all_needs = Query(NeedRow, order=(_need.due_at, _need.need_id))
_time_proof = Query(TimeProof, schema.time_proof.c.sha256_hex == bindparam("sha256_hex"))
_needs = Query(NeedRow, _need.need_id.in_(bindparam("ids", expanding=True)), order=(_need.due_at,))


def verdicts(conn: Connection, package_id: str) -> tuple[Verdict, ...]:
    """Every verdict on a package, oldest first."""
    return _verdicts.all(conn, package_id=package_id)


def verdict_evidence(conn: Connection, verdict_id: str) -> tuple[VerdictEvidence, ...]:
    """What a verdict rests on."""
    return _evidence.all(conn, verdict_id=verdict_id)


def signature_policies(conn: Connection) -> tuple[SignaturePolicy, ...]:
    """The policies of all senders that have one, and of any other."""
    return _policies.all(conn)


def set_signature_policy(conn: Connection, policy: SignaturePolicy) -> None:
    """Put a sender's policy in place of what it was; nodes see it within a second. A write unit."""
    conn.execute(delete(schema.signature_policy).where(schema.signature_policy.c.organ_id == policy.organ_id))
    conn.execute(schema.signature_policy.insert(), values_of(policy))
    conn.execute(update(schema.config_version).values(version=schema.config_version.c.version + 1))


def current_revocation(conn: Connection) -> tuple[Revocation, ...]:
    """CRLs, OCSP answers and fetched issuers that nothing newer has taken the place of."""
    return _current.all(conn)


def revocation_version(conn: Connection) -> datetime | None:
    """When the newest evidence came: changes whenever `current_revocation` does."""
    newest: datetime | None = conn.scalar(select(func.max(_revocation.fetched_at, type_=schema.UtcMicros())))
    return newest


def keep_revocation(conn: Connection, fetched: Revocation, need_id: str) -> None:
    """Record fetched evidence whose blob is stored, in place of what came from there before. A write unit.

    The need is met, and what waited for evidence is due now.
    """
    same = (
        (_revocation.kind == fetched.kind)
        & (_revocation.url == fetched.url)
        & (_revocation.certificate_sha256 == fetched.certificate_sha256)
        & _revocation.superseded_at.is_(None)
        & (_revocation.sha256_hex != fetched.sha256_hex)
    )
    conn.execute(update(schema.revocation).where(same).values(superseded_at=fetched.fetched_at))
    known = conn.scalar(select(_revocation.sha256_hex).where(_revocation.sha256_hex == fetched.sha256_hex))
    if known is None:
        conn.execute(schema.revocation.insert(), values_of(fetched))
    else:
        again = {"fetched_at": fetched.fetched_at, "superseded_at": None}
        conn.execute(update(schema.revocation).where(_revocation.sha256_hex == known).values(**again))
    conn.execute(delete(schema.need).where(_need.need_id == need_id))
    conn.execute(update(schema.check_due).where(_check.cause == "evidence").values(due_at=fetched.fetched_at))


def note_needs(conn: Connection, needs: Iterable[NeedRow]) -> None:
    """Ask for evidence; what is asked for already stays as it is. A write unit."""
    rows = [values_of(need) for need in needs]
    if rows:
        dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
        conn.execute(dialect.insert(schema.need).on_conflict_do_nothing(), rows)


def _needs_due(now: datetime, *, stamps: bool) -> Select[tuple[str]]:
    """Needs that may be claimed: timestamps, or everything else."""
    kind = _need.kind == _TSA if stamps else _need.kind != _TSA
    free = or_(_need.lease_until.is_(None), _need.lease_until <= now)
    return select(_need.need_id).where(kind, _need.due_at <= now, free)


def claim_needs(
    conn: Connection, now: datetime, lease_until: datetime, limit: int, *, stamps: bool = False
) -> tuple[NeedRow, ...]:
    """Take needs that are due: timestamps (stamps), or all other evidence. A write unit."""
    due = _needs_due(now, stamps=stamps)
    ids = conn.scalars(due.order_by(_need.due_at).limit(limit).with_for_update(skip_locked=True)).all()
    if not ids:
        return ()
    conn.execute(update(schema.need).where(_need.need_id.in_(ids)).values(lease_until=lease_until))
    return _needs.all(conn, ids=ids)


def put_off_need(conn: Connection, need_id: str, due_at: datetime, error: str) -> None:
    """A fetch failed: try again later. A write unit."""
    changed = {"due_at": due_at, "attempts": _need.attempts + 1, "last_error": error, "lease_until": None}
    conn.execute(update(schema.need).where(_need.need_id == need_id).values(**changed))


def claim_checks(conn: Connection, now: datetime, lease_until: datetime, limit: int) -> tuple[CheckDue, ...]:
    """Take packages whose signatures are due to be looked at, with their new fence. A write unit."""
    due = select(_check.package_id).where(
        _check.due_at <= now, or_(_check.lease_until.is_(None), _check.lease_until <= now)
    )
    ids = conn.scalars(due.order_by(_check.due_at).limit(limit).with_for_update(skip_locked=True)).all()
    if not ids:
        return ()
    leased = {"lease_until": lease_until, "fence": _check.fence + 1}
    conn.execute(update(schema.check_due).where(_check.package_id.in_(ids)).values(**leased))
    return _checks.all(conn, ids=ids)


def owed_checks(conn: Connection) -> dict[str, int]:
    """How many packages wait for a check, by cause; and how many for their timestamp."""
    rows = conn.execute(select(_check.cause, func.count()).group_by(_check.cause))
    owed = {row[0]: row[1] for row in rows}
    stamps = conn.scalar(select(func.count()).where(_need.kind == _TSA))
    return owed | ({"timestamp": stamps} if stamps else {})


def owed_needs(conn: Connection) -> tuple[NeedRow, ...]:
    """Everything that services are asked for and have not given yet, the next to be asked first."""
    return _all_needs.all(conn)


def time_proof(conn: Connection, sha256_hex: str) -> TimeProof | None:
    """The timestamp over these bytes."""
    return _time_proof.one(conn, sha256_hex=sha256_hex)


def keep_time_proof(conn: Connection, proof: TimeProof, need_id: str, leaf: Leaf) -> bool:
    """Record a timestamp whose token's blob is stored; the first one stays. A write unit.

    The need is met, and packages of these bytes whose signatures were judged are due to be judged again. Returns
    whether it was new.
    """
    conn.execute(delete(schema.need).where(_need.need_id == need_id))
    if time_proof(conn, proof.sha256_hex) is not None:
        return False
    conn.execute(schema.time_proof.insert(), values_of(proof))
    conn.execute(schema.leaf.insert(), values_of(leaf))
    judged = select(_verdict.package_id).where(_verdict.package_id == schema.package.c.package_id)
    packages = select(schema.package.c.package_id).where(
        schema.package.c.sha256_hex == proof.sha256_hex, judged.exists()
    )
    for package_id in conn.scalars(packages).all():
        recheck(conn, package_id, proof.fetched_at, cause="evidence")
    return True


def certificates(conn: Connection) -> tuple[CertificateRow, ...]:
    """Every certificate that the node has met, the first to expire first."""
    return _certificates.all(conn)


def certificates_ending(conn: Connection, since: datetime, until: datetime) -> tuple[CertificateRow, ...]:
    """Certificates that end within a time and have no successor, the first to end first; not those of persons.

    A successor has the same subject, and ends later.
    """
    rows = _ending.all(conn, since=since, until=until)
    subjects = sorted({row.subject for row in rows})
    if not subjects:
        return ()
    last = func.max(_certificate.not_after, type_=schema.UtcMicros())
    ends: dict[str, datetime] = {}
    for start in range(0, len(subjects), _SUBJECTS):
        later = select(_certificate.subject, last).where(
            _certificate.not_after >= since, _certificate.subject.in_(subjects[start : start + _SUBJECTS])
        )
        ends |= dict(conn.execute(later.group_by(_certificate.subject)).all())
    return tuple(row for row in rows if ends[row.subject] == row.not_after)


def has_check_due(conn: Connection, now: datetime) -> bool:
    """Whether `claim_checks` would find anything now."""
    free = or_(_check.lease_until.is_(None), _check.lease_until <= now)
    return conn.execute(select(_check.package_id).where(_check.due_at <= now, free).limit(1)).first() is not None


def recheck(conn: Connection, package_id: str, at: datetime, *, cause: str = MANUAL) -> None:
    """Have a package's signatures looked at now, whatever was found before. A write unit."""
    conn.execute(delete(schema.check_due).where(_check.package_id == package_id))
    due = CheckDue(package_id=package_id, cause=cause, due_at=at, queued_at=at)
    conn.execute(schema.check_due.insert(), values_of(due))


def ask_recheck(conn: Connection, package_ids: Sequence[str], actor: str, at: datetime) -> None:
    """Somebody wants packages looked at again; who, and when, is in the record. A write unit.

    Asking twice before it was done is asking once, recorded twice.
    """
    for package_id in package_ids:
        recheck(conn, package_id, at)
    configuration.record(conn, at, actor, "signatures_rechecked", {"package_ids": list(package_ids)})


def has_need_due(conn: Connection, now: datetime, *, stamps: bool = False) -> bool:
    """Whether `claim_needs` would find anything now."""
    return conn.execute(_needs_due(now, stamps=stamps).limit(1)).first() is not None


def certificate(conn: Connection, sha256_hex: str) -> CertificateRow | None:
    """A certificate that the node has met."""
    return _certificate_by_digest.one(conn, sha256_hex=sha256_hex)
