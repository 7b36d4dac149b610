"""`axis verify`, `axis sign` and `axis pki`: signatures of files."""

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from axis.cli.options import NO, WRONG_USE, ConfigOption, JsonOption, print_json, say
from axis.cli.verdict_view import Language, show_verdict
from axis.clock import VIETNAM, SystemClock
from axis.errors import Code, Malformed

if TYPE_CHECKING:
    from axis.trust.paths import Judge
    from axis.trust.pdf_signing import Stamp

app = typer.Typer()
pki_app = typer.Typer(no_args_is_help=True, help="Certificates to try things out with.")
app.add_typer(pki_app, name="pki")

_FETCH_S, _FETCH_BYTES = 20.0, 64 << 20


# ── verify ─────────────────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="An edXML package, a PDF, an XML or an Office file.")],
    json: JsonOption = False,
    at: Annotated[
        str | None, typer.Option(help="Judge as of this moment, e.g. 2026-11-24T10:00:00+07:00; left out: now.")
    ] = None,
    trust: Annotated[
        Path | None,
        typer.Option(help="Folder of trusted certificates (PEM, DER) and *.crl; left out: the node's own."),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Fetch no CRL, OCSP answer or issuer.")] = False,
    hard: Annotated[
        bool, typer.Option("--hard", help="Without revocation data: cannot be told, rather than valid with a remark.")
    ] = False,
    sender: Annotated[
        str, typer.Option(help="Code of the organisation that must have signed; of a package the one it names.")
    ] = "",
    lang: Annotated[Language, typer.Option(help="The sentences' language.")] = Language.VI,
    private: Annotated[
        bool, typer.Option("--private", help="Also ask addresses in private networks that certificates name.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Judge a file's signatures: exit code 0 when valid (remarks included), 1 when not, 2 when unreadable."""
    from axis.cli.verifying import Question, verify_asking
    from axis.cli.verifying import verify as verify_offline
    from axis.ops.fetching import FetchBounds
    from axis.trust.model import FileKind, Overall

    question = Question(file=file, at=_moment(at), sender=sender.strip())
    if not file.is_file():
        raise Malformed(Code.BAD_FILE, "no such file", at=str(file))
    judge = _judge(trust, config, hard=hard)
    if offline:
        verdict = verify_offline(question, judge)
    else:
        bounds = FetchBounds(timeout_s=_FETCH_S, answer_bytes=_FETCH_BYTES, private_addresses=private)
        verdict, failures = asyncio.run(verify_asking(question, judge, bounds))
        for failure in failures:
            say(f"Không lấy được: {failure}", f"Could not be fetched: {failure}")
    if json:
        sys.stdout.buffer.write(verdict.to_json() + b"\n")
        sys.stdout.buffer.flush()
    else:
        show_verdict(verdict, lang)
    if verdict.kind in (FileKind.UNREADABLE, FileKind.OTHER):
        raise typer.Exit(WRONG_USE)
    if verdict.overall not in (Overall.VALID, Overall.VALID_WITH_WARNINGS):
        raise typer.Exit(NO)


def _moment(text: str | None) -> datetime:
    """A moment that was typed in; without its offset it is Vietnamese time."""
    if text is None:
        return SystemClock().now()
    try:
        given = datetime.fromisoformat(text)
    except ValueError as e:
        raise Malformed(Code.BAD_REQUEST, "a date and time, e.g. 2026-11-24T10:00:00+07:00", at="--at") from e
    return given if given.tzinfo else given.replace(tzinfo=VIETNAM)


def _judge(trust: Path | None, config: Path | None, *, hard: bool) -> "Judge":
    """By the folder that is named, else by the node that there is; somebody has to be trusted."""
    from axis.cli.verifying import judge_of_folder, judge_of_node
    from axis.errors import NotFound
    from axis.settings import find_config, read_settings

    if trust is not None:
        return judge_of_folder(trust, hard=hard)
    try:
        path = find_config(config)
    except NotFound as e:
        raise Malformed(Code.BAD_REQUEST, "there is no node here whose trust folder could be used", at="--trust") from e
    return asyncio.run(judge_of_node(read_settings(path), hard=hard))


# ── sign ───────────────────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(help="An edXML package without a signature, or a PDF.")],
    key: Annotated[Path | None, typer.Option(help="The private key, PEM.")] = None,
    cert: Annotated[
        Path | None, typer.Option(help="Its certificate, PEM or DER, issuers after it; left out: in the key's file.")
    ] = None,
    p12: Annotated[Path | None, typer.Option(help="Key and certificates in one PKCS #12 file.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="File with the key's password.")] = None,
    pkcs11_module: Annotated[
        Path | None, typer.Option("--pkcs11-module", help="Sign in a token: its maker's PKCS #11 library.")
    ] = None,
    slot: Annotated[str, typer.Option(help="The token's slot or label; left out when there is one.")] = "",
    key_label: Annotated[str, typer.Option(help="The key's label in it; left out when there is one.")] = "",
    pin_file: Annotated[Path | None, typer.Option(help="File with the token's PIN.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the signed file goes; left out: beside it, .signed.")] = None,
    xades: Annotated[bool, typer.Option("--xades", help="edXML: sign the time and the certificate too.")] = False,
    stamp: Annotated[list[str] | None, typer.Option(help="PDF: a line of a visible stamp; may be repeated.")] = None,
    stamp_page: Annotated[int, typer.Option(help="The stamp's page, from 1; -1 is the last.")] = 1,
    stamp_at: Annotated[str, typer.Option(help="LEFT,BOTTOM of the stamp, in points.")] = "380,780",
    reason: Annotated[str, typer.Option(help="PDF: why it is signed.")] = "",
    tsa: Annotated[
        str, typer.Option(help="Address of a timestamp authority (RFC 3161): its timestamp goes into the signature.")
    ] = "",
    trust: Annotated[
        Path | None,
        typer.Option(help="Folder of trusted certificates, the authority's among them; left out: the node's."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Sign an edXML envelope or a PDF. Writes a new file; what is there is never overwritten."""
    from axis.cli.signing import KeyPlace, Wish, sign_file
    from axis.trust.token import TokenPlace

    token = TokenPlace(module=pkcs11_module, slot=slot, key_label=key_label) if pkcs11_module else None
    place = KeyPlace(key=key, p12=p12, token=token, cert=cert, password_file=password_file, pin_file=pin_file)
    wish = Wish(
        file=file,
        target=out or file.with_name(f"{file.stem}.signed{file.suffix}"),
        xades=xades,
        stamp=_stamp(stamp, stamp_page, stamp_at) if stamp else None,
        reason=reason,
        tsa_url=tsa,
        judge=lambda: _judge(trust, config, hard=False),
    )
    signer = sign_file(wish, place)
    say(f"{signer.chain[0].name} đã ký: {wish.target}", f"Signed by {signer.chain[0].name}: {wish.target}")


def _stamp(lines: list[str], page: int, place: str) -> "Stamp":
    from axis.trust.pdf_signing import Stamp

    try:
        left, bottom = (int(part) for part in place.split(","))
    except ValueError as e:
        raise Malformed(Code.BAD_REQUEST, "LEFT,BOTTOM in whole points", at="--stamp-at") from e
    if page == 0:
        raise Malformed(Code.BAD_REQUEST, "pages are counted from 1", at="--stamp-page")
    return Stamp(lines=tuple(lines), page=page - 1 if page > 0 else page, left=left, bottom=bottom)


# ── pki ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pki_app.command("demo")
def demo_pki(
    folder: Annotated[Path, typer.Argument(help="Where it goes; what is there already stays.")],
    json: JsonOption = False,
) -> None:
    """Make a demo hierarchy: two roots, their authorities with CRLs, and for each demo agency what it signs with.

    Of every agency its own, its head's and its software's certificate, with OCSP answers; and a timestamping authority.
    """
    from axis.demo.prepare import make_demo_pki

    pki = make_demo_pki(folder, SystemClock().now())
    agencies = sorted(path.name for path in (pki.folder / "agencies").iterdir() if path.is_dir())
    if json:
        print_json({"trust": str(pki.trust), "tsa": str(pki.tsa), "agencies": agencies})
        return
    key, certificate = pki.key(agencies[0]), pki.certificate(agencies[0])
    say(
        f"Đã tạo {len(agencies)} cơ quan trong {folder}; thư mục tin cậy: {pki.trust}",
        f"Made {len(agencies)} agencies in {folder}; the trust folder: {pki.trust}",
    )
    typer.echo(f"axis sign FILE --key {key} --cert {certificate}")
    typer.echo(f"axis verify FILE --trust {pki.trust} --offline --hard")
