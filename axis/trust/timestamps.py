"""RFC 3161 timestamps: what a token proves; and for the caller who fetches one, the request and the check of a reply.

A token is judged twice: its structure, value and certificate as every other signature here, and by rfc3161-client.
It proves a moment only when both say yes and the authority's certificate leads to an anchor for timestamps.

Norm: RFC 3161, RFC 5816.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from asn1crypto import cms, tsp  # type: ignore[import-untyped] # it ships no types
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from axis.errors import Code, Rejected
from axis.trust.algorithms import check_strength
from axis.trust.certs import Certificate, Purpose, RevocationData, parse_certificate
from axis.trust.cms import CmsSignature, read_cms
from axis.trust.model import Check, CheckName, Evidence, Need, Outcome, moment_text
from axis.trust.paths import Judge, PathFinding, Use
from axis.trust.reasons import Reason, check, passed
from axis.trust.xmldsig import Flaw

SEVEN_HOURS = timedelta(hours=7)
MAX_REPLY_BYTES = 1 << 20
MAX_TOKEN_BYTES = 16 << 10  # that fit into a PDF signature: chains of four certificates and more


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampFinding:
    """What a token proves."""

    proven_at: datetime | None = None
    authority: str = ""
    checks: tuple[Check, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampRequest:
    """A request that a caller may send to a TSA, as application/timestamp-query."""

    der: bytes
    imprint: bytes  # digest of what is stamped
    nonce: int
    hash_name: str = "sha256"


Ask = Callable[[TimestampRequest], bytes]
"""Sends a request to a TSA and returns its reply. Raises Rejected(TIMESTAMP_MISSING)."""


def verify_token(
    token: bytes, imprint: Callable[[str], bytes], judge: Judge, at: datetime, revocation: RevocationData
) -> TimestampFinding:
    """Judge a token; never raises for a bad one. imprint: gives the digest, by hash name, of what should be stamped."""
    try:
        signature = read_cms(token, judge.policy.bounds)
        info = _read_info(signature)
    except Flaw as e:
        return _wrong(f"{e.reason}: {e.detail}")
    hash_name, digest, stamped_at = info
    if hash_name not in ("sha1", "sha256", "sha384", "sha512"):
        return _wrong(f"imprint by {hash_name}")
    if not hmac.compare_digest(imprint(hash_name), digest):
        return _wrong("it is about other data")
    try:
        intact, valid = signature.holds(hashlib.new(signature.hash_name, signature.content or b"").digest())
    except Flaw as e:
        return _wrong(f"{e.reason}: {e.detail}")
    if not (intact and valid):
        return _wrong("signature of the TSA")
    if stamped_at > at + judge.policy.time_tolerance:
        return _wrong(f"in the future: {moment_text(stamped_at)}")
    found = judge.judge(
        Use(leaf=signature.leaf, others=signature.others, purpose=Purpose.TSA, at=stamped_at, revocation=revocation)
    )
    return _conclude(token, signature, info, found, judge)


def _conclude(
    token: bytes,
    signature: CmsSignature,
    info: tuple[str, bytes, datetime],
    found: PathFinding,
    judge: Judge,
) -> TimestampFinding:
    hash_name, digest, stamped_at = info
    name = signature.leaf.name
    bad = [c for c in found.checks if c.outcome is Outcome.FAILED]
    if bad:
        return _wrong(f"{name}: {bad[0].reason}", found)
    strength = check_strength(
        signature.leaf.public_key, (signature.hash_name, hash_name), judge.policy.algorithms, stamped_at
    )
    if any(c.outcome is Outcome.FAILED for c in strength) or not found.trusted:
        untrusted = check(CheckName.TIME, "RFC 3161", Reason.TIMESTAMP_UNTRUSTED, name)
        return TimestampFinding(authority=name, checks=(untrusted,), needs=found.needs)
    chain = tuple(parse_certificate(c) for c in _chain_der(found, signature, judge))
    if problem := _second_opinion(token, digest, chain):
        return _wrong(problem, found)
    evidence = Evidence(
        kind="timestamp", sha256=hashlib.sha256(token).hexdigest(), source="file", this_update=stamped_at, content=token
    )
    return TimestampFinding(
        proven_at=stamped_at,
        authority=name,
        checks=(passed(CheckName.TIME, f"RFC 3161, {name}, {moment_text(stamped_at)}"), *_reserved(found)),
        evidence=(evidence, *found.evidence),
        needs=found.needs,
    )


def _reserved(found: PathFinding) -> tuple[Check, ...]:
    """What the authority's certificate still leaves open (revocation that is owed)."""
    return tuple(c for c in found.checks if c.outcome in (Outcome.WARNING, Outcome.UNKNOWN))


def _chain_der(found: PathFinding, signature: CmsSignature, judge: Judge) -> list[bytes]:
    known = {c.sha256: c.der for c in (*judge.trust.certificates(), signature.leaf, *signature.others)}
    return [known[line.sha256] for line in found.chain if line.sha256 in known]


def _second_opinion(token: bytes, digest: bytes, chain: tuple[Certificate, ...]) -> str:
    """rfc3161-client's view of a token, "" when it agrees."""
    builder = VerifierBuilder(
        tsa_certificate=chain[0].crypto,
        roots=[chain[-1].crypto],
        intermediates=[c.crypto for c in chain[1:-1]],
    )
    try:
        builder.build().verify(decode_timestamp_response(_as_reply(token, chain[0])), digest)
    except (VerificationError, ValueError) as e:
        return str(e)
    return ""


def _as_reply(token: bytes, leaf: Certificate) -> bytes:
    """A token as the reply that it came in: rfc3161-client reads replies.

    It insists on the order of DER in the set of certificates, which is not signed. Peer: OpenSSL's TSA does not sort,
    so only the TSA's own certificate is left in.
    """
    content = cms.ContentInfo.load(token)
    content["content"]["certificates"] = [leaf.asn1]
    reply = {"status": tsp.PKIStatusInfo({"status": "granted"}), "time_stamp_token": content}
    return bytes(tsp.TimeStampResp(reply).dump())


def _read_info(signature: CmsSignature) -> tuple[str, bytes, datetime]:
    """(hash name, imprint, moment) of a token's TSTInfo. Raises Flaw."""
    if signature.content_type != "tst_info" or signature.content is None:
        raise Flaw(Reason.SIGNATURE_FORMAT, "no TSTInfo")
    try:
        info = tsp.TSTInfo.load(signature.content, strict=True)
        imprint = info["message_imprint"]
        moment = info["gen_time"].native
        name, digest = imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native
    except (ValueError, TypeError, KeyError) as e:
        raise Flaw(Reason.SIGNATURE_FORMAT, "TSTInfo") from e
    return str(name), bytes(digest), moment.astimezone(UTC)


def _wrong(detail: str, found: PathFinding | None = None) -> TimestampFinding:
    failed = check(CheckName.TIME, "RFC 3161", Reason.TIMESTAMP_WRONG, detail)
    return TimestampFinding(checks=(failed,), needs=found.needs if found else ())


# --- asking a TSA -----------------------------------------------------------------------------------------------------


def build_request(data: bytes) -> TimestampRequest:
    """A request for a timestamp of some bytes: SHA-256, with a nonce, asking for the TSA's certificate."""
    request = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256).nonce(nonce=True).build()
    return TimestampRequest(der=request.as_bytes(), imprint=hashlib.sha256(data).digest(), nonce=request.nonce or 0)


def check_reply(reply: bytes, request: TimestampRequest, judge: Judge, at: datetime) -> tuple[bytes, TimestampFinding]:
    """The token of a TSA's reply, and what it proves; the token is b"" when the reply cannot be used.

    A finding without `proven_at` says why: refused, another nonce, other data, an authority that is not trusted.
    """
    try:
        if len(reply) > MAX_REPLY_BYTES:
            return b"", _wrong("reply too large")
        response = tsp.TimeStampResp.load(reply, strict=True)
        status = response["status"]["status"].native
        if status not in ("granted", "granted_with_mods"):
            return b"", _wrong(f"refused: {status}")
        token = bytes(response["time_stamp_token"].dump())
        nonce = tsp.TSTInfo.load(read_cms(token, judge.policy.bounds).content or b"")["nonce"].native
    except (ValueError, TypeError, KeyError, Flaw) as e:
        return b"", _wrong(f"reply: {e}")
    if nonce != request.nonce:
        return b"", _wrong("another nonce")
    finding = verify_token(
        token, lambda name: request.imprint if name == request.hash_name else b"", judge, at, RevocationData()
    )
    return (token if finding.proven_at else b""), finding


def accept_reply(reply: bytes, request: TimestampRequest, judge: Judge, at: datetime) -> bytes:
    """The token of a TSA's reply. Raises Rejected(TIMESTAMP_MISSING) for one that proves nothing."""
    token, finding = check_reply(reply, request, judge, at)
    if not token:
        raise Rejected(Code.TIMESTAMP_MISSING, "; ".join(check.reason_en for check in finding.checks))
    return token


def fetch_token(data: bytes, ask: Ask, judge: Judge, at: datetime) -> bytes:
    """A token over data, judged. Raises Rejected(TIMESTAMP_MISSING)."""
    request = build_request(data)
    return accept_reply(ask(request), request, judge, at)


# --- claimed times ----------------------------------------------------------------------------------------------------


def check_times(
    claimed: datetime | None, proven: datetime | None, at: datetime, tolerance: timedelta
) -> tuple[datetime | None, list[Check]]:
    """The claimed time as it should be understood, and what is to be said of it.

    Peer: signing software writes Vietnam's local time as UTC, seven hours ahead.
    """
    said: list[Check] = []
    if proven is None:
        said.append(check(CheckName.TIME, "RFC 3161", Reason.TIME_UNPROVEN))
    if claimed is None:
        return None, said
    subject = f"signingTime {moment_text(claimed)}"
    known = proven or at
    ahead = claimed - known
    if proven is not None and abs(ahead - SEVEN_HOURS) <= tolerance:
        said.append(check(CheckName.TIME, subject, Reason.TIME_SEVEN_HOURS, f"RFC 3161 {moment_text(proven)}"))
        return claimed - SEVEN_HOURS, said
    if proven is not None and abs(ahead) > timedelta(days=1):
        said.append(check(CheckName.TIME, subject, Reason.TIME_CONTRADICTED, moment_text(proven)))
    elif ahead > SEVEN_HOURS + tolerance:
        said.append(check(CheckName.TIME, subject, Reason.TIME_IN_FUTURE, moment_text(known)))
    elif ahead > tolerance:
        said.append(check(CheckName.TIME, subject, Reason.TIME_SEVEN_HOURS, moment_text(known)))
        return claimed - SEVEN_HOURS, said
    return claimed, said
