"""`axis cert`, `policy`, `verdicts` and `recheck`: what a node knows and wants of signatures."""

import json as json_module
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from axis.cli.options import ConfigOption, JsonOption, print_json, print_table, say, with_access
from axis.clock import SystemClock, to_local
from axis.errors import Code, Malformed, NotFound

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from axis.ops.access import Access
    from axis.ops.certificates import Known
    from axis.store.records import NeedRow, SignaturePolicy, Verdict
    from axis.trust.certs import Certificate

app = typer.Typer()
cert_app = typer.Typer(no_args_is_help=True, help="The certificates that the node knows.")
policy_app = typer.Typer(no_args_is_help=True, help="How much the senders' signatures matter.")
app.add_typer(cert_app, name="cert")
app.add_typer(policy_app, name="policy")

ACTOR = "cli"
_INHERIT, _ANY = "inherit", "any"
_DIGITS, _SHOWN = 8, 16  # of a SHA-256: that name a certificate at least, that are shown


# ── cert ───────────────────────────────────────────────────────────────────────────────────────────────────────


@cert_app.command("list")
def list_certificates(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List every certificate that the node trusts or has met, the first to expire first."""
    from axis.ops.certificates import known_certificates
    from axis.trust.certs import days_left

    now = SystemClock().now()
    found = sorted(
        with_access(config, known_certificates), key=lambda one: (one.certificate.not_after, one.certificate.sha256)
    )
    if json:
        print_json([_as_json(one, days_left(one.certificate, now)) for one in found])
        return
    print_table(
        "Chứng thư số",
        ("còn lại", "hết hạn", "chủ thể", "vai trò", "cơ quan", "sha256"),
        (
            (
                f"{days_left(one.certificate, now)} ngày",
                f"{to_local(one.certificate.not_after):%d/%m/%Y}",
                one.certificate.name,
                " ".join((one.role, *one.purposes)) if len(one.purposes) < _ALL_PURPOSES else one.role,
                one.organ_code,
                one.certificate.sha256[:16],
            )
            for one in found
        ),
    )


_ALL_PURPOSES = 4


@cert_app.command("owed")
def list_owed(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List what CRL, OCSP and timestamp services were asked for and have not given yet, and when they are asked."""
    from axis.ops.access import Access
    from axis.store import queries

    async def read(access: Access) -> "tuple[NeedRow, ...]":
        return await access.store.read(queries.owed_needs)

    found = with_access(config, read)
    if json:
        print_json([_need(one) for one in found])
        return
    print_table(
        "Chứng cứ còn thiếu",
        ("loại", "địa chỉ", "thiếu từ", "số lần hỏi", "hỏi lại lúc", "lỗi gần nhất"),
        (
            (one.kind, one.url, _local(one.first_at), str(one.attempts), _local(one.due_at), one.last_error or "")
            for one in found
        ),
    )


def _need(one: "NeedRow") -> dict[str, Any]:
    return {
        "kind": one.kind,
        "url": one.url,
        "about": one.certificate_sha256 or None,
        "since": one.first_at.isoformat(),
        "attempts": one.attempts,
        "again_at": one.due_at.isoformat(),
        "last_error": one.last_error,
    }


def _as_json(one: "Known", days: int) -> dict[str, Any]:
    line = one.certificate.line
    return {
        "sha256": line.sha256,
        "subject": line.subject,
        "issuer": line.issuer,
        "serial": line.serial_hex,
        "not_before": line.not_before.isoformat(),
        "not_after": line.not_after.isoformat(),
        "days_left": days,
        "role": one.role,
        "purposes": list(one.purposes),
        "organ": one.organ_code or None,
        "kind": one.kind or None,
        "partner": one.partner_id or None,
    }


# ── policy ─────────────────────────────────────────────────────────────────────────────────────────────────────


class LevelWord(StrEnum):
    """How much signatures matter."""

    OFF = "off"
    REPORT = "report"
    WARN = "warn"
    REQUIRE = "require"


@policy_app.command("list")
def list_policies(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the senders that have a policy of their own, and what holds for any other (*)."""
    from axis.ops.access import Access
    from axis.store import queries

    async def read(access: Access) -> "tuple[SignaturePolicy, ...]":
        return await access.store.read(queries.signature_policies)

    found = with_access(config, read)
    if json:
        print_json(
            [
                {
                    "organ": p.organ_id,
                    "envelope": p.envelope,
                    "files": p.files,
                    "fail_closed": p.fail_closed,
                    "issuers": None if p.issuers is None else p.issuers.split(),
                }
                for p in found
            ]
        )
        return
    print_table(
        "Chính sách chữ ký số",
        ("cơ quan gửi", "phong bì", "tệp", "thiếu chứng cứ", "nơi cấp chứng thư"),
        ((p.organ_id, p.envelope, p.files, "503" if p.fail_closed else "nhận", _issuer_words(p)) for p in found),
    )


@policy_app.command("set")
def set_policy(
    organ: Annotated[str, typer.Argument(help='The sending organisation\'s code, or "*" for any other.')],
    envelope: Annotated[LevelWord | None, typer.Option(help="The envelope's signature; left out: as it is.")] = None,
    files: Annotated[LevelWord | None, typer.Option(help="The files' signatures; left out: as they are.")] = None,
    fail_closed: Annotated[
        bool | None,
        typer.Option("--fail-closed/--fail-open", help="Answer 503 while evidence is missing, or accept; as it is."),
    ] = None,
    issuers: Annotated[
        list[str] | None,
        typer.Option(
            help="An authority whose certificates count; may be repeated: a certificate file, or the first digits of "
            "the SHA-256 of one in the trust folder. `any`: all that are trusted; `inherit`: as further up; as it is."
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Set a sender's policy; in a running node within a second. Units below it follow unless they have their own."""
    from axis.ops.access import Access
    from axis.ops.policies import PolicyWish
    from axis.ops.policies import set_policy as put
    from axis.store.queries import ANY_SENDER
    from axis.store.records import SignaturePolicy
    from axis.trust.policy import Level

    async def change(access: Access) -> SignaturePolicy:
        directory = await access.directory()
        code = organ.strip()
        code = code if code == ANY_SENDER else directory.registry.canonical(code)
        if code != ANY_SENDER and directory.registry.find(code) is None:
            say(f"Lưu ý: {code} chưa có trong danh bạ.", f"Note: {code} is not registered here.")
        named = _issuers(issuers, access) if issuers else None
        wish = PolicyWish(
            organ=code,
            envelope=Level(envelope) if envelope else None,
            files=Level(files) if files else None,
            fail_closed=fail_closed,
            issuers=named,
            inherits_issuers=bool(issuers) and named is None,
        )
        return await put(access, wish, SystemClock().now(), ACTOR)

    policy = with_access(config, change)
    closed, who = ", fail-closed" if policy.fail_closed else "", _issuer_words(policy)
    say(
        f"{policy.organ_id}: phong bì {policy.envelope}, tệp {policy.files}{closed}; nơi cấp: {who}",
        f"{policy.organ_id}: envelope {policy.envelope}, files {policy.files}{closed}; issuers: {who}",
    )


def _issuers(given: list[str], access: "Access") -> tuple[str, ...] | None:
    """The authorities that were named, by SHA-256; none: all; None: as further up. Raises Malformed."""
    if given == [_INHERIT]:
        return None
    if given == [_ANY]:
        return ()
    from axis.ops.access import trust_folder
    from axis.trust.certs import load_trust_store

    folder = trust_folder(access.settings)
    known = load_trust_store(folder).certificates() if folder.is_dir() else ()
    return tuple(_issuer(text, known) for text in given)


def _issuer(text: str, known: "Iterable[Certificate]") -> str:
    """One authority's SHA-256: of a certificate file, or of the one in the trust folder that begins so."""
    from axis.trust.certs import read_certificates

    path = Path(text)
    if path.is_file():
        fitting = list(read_certificates(path.read_bytes(), at=text))[:1]
    else:
        digits = text.strip().lower().replace(":", "")
        fitting = [c for c in known if len(digits) >= _DIGITS and c.sha256.startswith(digits)]
    if len(fitting) != 1 or not fitting[0].is_authority:
        what = "not an authority's" if fitting else f"{_DIGITS} digits or more of a trusted authority, or its file"
        raise Malformed(Code.BAD_REQUEST, f"{text}: {what}", at="--issuers")
    return fitting[0].sha256


def _issuer_words(policy: "SignaturePolicy") -> str:
    if policy.issuers is None:
        return _INHERIT
    return " ".join(sha256[:_SHOWN] for sha256 in policy.issuers.split()) or _ANY


# ── verdicts ───────────────────────────────────────────────────────────────────────────────────────────────────

IdArgument = Annotated[str, typer.Argument(help="DocumentId, or the id of a document or package.")]


@app.command()
def verdicts(text: IdArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List all verdicts on a document's package, oldest first. Exit code 1 when it is unknown."""
    from axis.ops.access import Access
    from axis.store import queries

    async def read(access: Access) -> "list[Verdict]":
        return await access.store.read(
            lambda conn: [one for package_id in _packages(conn, text) for one in queries.verdicts(conn, package_id)]
        )

    found = with_access(config, read)
    if json:
        print_json([_verdict(one) for one in found])
        return
    from axis.trust.model import Overall
    from axis.trust.words import OVERALL

    print_table(
        "Kết quả kiểm tra chữ ký",
        ("lúc", "kết luận", "nguyên nhân kiểm tra", "gói tin", "verdict_id"),
        (
            (_local(one.at), OVERALL[Overall(one.overall)][0], one.cause, one.package_id, one.verdict_id)
            for one in found
        ),
    )


@app.command()
def recheck(text: IdArgument, config: ConfigOption = None) -> None:
    """Have a document's signatures looked at again now, by the running node: another verdict is added."""
    from axis.ops.access import Access
    from axis.store import queries

    async def ask(access: Access) -> int:
        at = SystemClock().now()

        def queue(conn: "Connection") -> int:
            packages = _packages(conn, text)
            queries.ask_recheck(conn, packages, ACTOR, at)
            return len(packages)

        return await access.store.write(queue)

    count = with_access(config, ask)
    say(f"Đã xếp {count} gói tin để kiểm tra lại.", f"Queued {count} packages to be checked again.")


def _packages(conn: "Connection", text: str) -> list[str]:
    """The packages that the text can mean. Raises NotFound."""
    from axis.store import queries
    from axis.text import comparison_form

    found = [document.package_id for document in queries.documents_by_document_id(conn, comparison_form(text))]
    if (document := queries.document(conn, text)) is not None:
        found.append(document.package_id)
    if (package := queries.package(conn, text)) is not None:
        found.append(package.package_id)
    if not found:
        raise NotFound(Code.NOT_FOUND, text)
    return list(dict.fromkeys(found))


def _verdict(one: "Verdict") -> dict[str, Any]:
    return {
        "verdict_id": one.verdict_id,
        "package_id": one.package_id,
        "at": one.at.isoformat(),
        "cause": one.cause,
        "overall": one.overall,
        "sha256": one.sha256_hex,
        "verdict": json_module.loads(one.content),
    }


def _local(at: datetime) -> str:
    return f"{to_local(at):%d/%m/%Y %H:%M:%S}"
