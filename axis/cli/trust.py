"""`axis cert`, `policy`, `verdicts` and `recheck`: what a node knows and wants of signatures."""

import json as json_module
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from axis.cli.options import ConfigOption, JsonOption, print_json, print_table, say, with_access
from axis.clock import SystemClock, to_local
from axis.errors import Code, NotFound

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from axis.ops.access import Access
    from axis.store.records import SignaturePolicy, Verdict
    from axis.trust.certs import Certificate, TrustStore

app = typer.Typer()
cert_app = typer.Typer(no_args_is_help=True, help="The certificates that the node knows.")
policy_app = typer.Typer(no_args_is_help=True, help="How much the senders' signatures matter.")
app.add_typer(cert_app, name="cert")
app.add_typer(policy_app, name="policy")

ACTOR = "cli"


# ── cert ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A certificate and how the node knows it."""

    certificate: "Certificate"
    role: str  # anchor, authority, trusted (a holder's, in the trust folder), met (in a package)
    purposes: tuple[str, ...] = ()  # of the trust folder
    organ_code: str = ""
    kind: str = ""


@cert_app.command("list")
def list_certificates(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List every certificate that the node trusts or has met, the first to expire first."""
    from axis.ops.access import Access
    from axis.trust.certs import days_left

    async def read(access: Access) -> list[_Known]:
        return await _known(access)

    now = SystemClock().now()
    found = sorted(with_access(config, read), key=lambda one: (one.certificate.not_after, one.certificate.sha256))
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


async def _known(access: "Access") -> list[_Known]:
    from axis.ops.access import trust_folder
    from axis.store import queries
    from axis.trust.certs import TrustStore, load_trust_store, parse_certificate, stated_codes

    folder = trust_folder(access.settings)
    store = load_trust_store(folder) if folder.is_dir() else TrustStore()
    found = {one.certificate.sha256: one for one in _trusted(store)}
    for row in await access.store.read(queries.certificates):
        if row.sha256_hex not in found:
            met = parse_certificate(row.content)
            code = row.organ_code or next(iter(stated_codes(met)), "")
            found[row.sha256_hex] = _Known(certificate=met, role="met", organ_code=code, kind=row.kind)
    return list(found.values())


def _trusted(store: "TrustStore") -> list[_Known]:
    purposes: dict[Certificate, list[str]] = {}
    for purpose, certificate in (*store.anchors, *store.intermediates):
        purposes.setdefault(certificate, []).append(purpose)
    return [
        _Known(
            certificate=certificate,
            role="anchor" if certificate.self_signed else "authority" if certificate.is_authority else "trusted",
            purposes=tuple(found),
        )
        for certificate, found in purposes.items()
    ]


def _as_json(one: _Known, days: int) -> dict[str, Any]:
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
                {"organ": p.organ_id, "envelope": p.envelope, "files": p.files, "fail_closed": p.fail_closed}
                for p in found
            ]
        )
        return
    print_table(
        "Chính sách chữ ký số",
        ("cơ quan gửi", "phong bì", "tệp", "thiếu chứng cứ"),
        ((p.organ_id, p.envelope, p.files, "503" if p.fail_closed else "nhận") for p in found),
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
    config: ConfigOption = None,
) -> None:
    """Set a sender's policy; in a running node within a second. Units below it follow unless they have their own."""
    from axis.ops.access import Access
    from axis.store import queries, registry
    from axis.store.records import SignaturePolicy

    async def change(access: Access) -> SignaturePolicy:
        directory = await access.directory()
        code = organ.strip()
        code = code if code == queries.ANY_SENDER else directory.registry.canonical(code)
        if code != queries.ANY_SENDER and directory.registry.find(code) is None:
            say(f"Lưu ý: {code} chưa có trong danh bạ.", f"Note: {code} is not registered here.")
        known = {p.organ_id: p for p in await access.store.read(queries.signature_policies)}
        before = known.get(code)
        policy = SignaturePolicy(
            organ_id=code,
            envelope=envelope or (before.envelope if before else LevelWord.REPORT),
            files=files or (before.files if before else LevelWord.REPORT),
            fail_closed=bool(before and before.fail_closed) if fail_closed is None else fail_closed,
        )
        at = SystemClock().now()
        await access.store.write(lambda conn: registry.set_signature_policy(conn, policy, at, ACTOR))
        return policy

    policy = with_access(config, change)
    closed = ", fail-closed" if policy.fail_closed else ""
    say(
        f"{policy.organ_id}: phong bì {policy.envelope}, tệp {policy.files}{closed}",
        f"{policy.organ_id}: envelope {policy.envelope}, files {policy.files}{closed}",
    )


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
            for package_id in packages:
                queries.recheck(conn, package_id, at)
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
