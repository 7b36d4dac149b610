"""`axis conformance`: whether a vendor's software exchanges documents as it should."""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from axis.cli.options import NO, JsonOption, print_fields, print_json, print_table, say
from axis.cli.systems import AdapterOptions, SecretFiles, pairs, said_partner
from axis.errors import Code, Malformed, WrongState

if TYPE_CHECKING:
    from axis.kit.session import Session, Wish

app = typer.Typer()
conformance_app = typer.Typer(no_args_is_help=True, help="Test a vendor's software: run, cases, codes.")
app.add_typer(conformance_app, name="conformance")

_MINUTE_S = 60.0


@conformance_app.command("run")
def run(
    front: Annotated[
        str,
        typer.Option(
            help="How it is connected: it calls by vxp, api or edoc; is called by webhook, folder, sftp, webdav, mail."
        ),
    ],
    system: Annotated[str, typer.Option(help="The software's id.")],
    organ: Annotated[str, typer.Option(help="The organisation that it acts for.")] = "K99.1",
    data: Annotated[
        Path | None, typer.Option(help="The test node's folder; kept, with its credentials. Left out: a temporary one.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")] = 8091,
    wait: Annotated[float, typer.Option(min=0.01, help="Minutes after which the run ends.")] = 60.0,
    option: AdapterOptions = None,
    secret_file: SecretFiles = None,
    mail: Annotated[
        list[str] | None,
        typer.Option("--mail", help="Of [mail] in axis.toml, KEY=VALUE; for --front mail; may be given several times."),
    ] = None,
    report: Annotated[Path, typer.Option(help="Folder for conformance.html and conformance.json.")] = Path(),
    json: JsonOption = False,
) -> None:
    """Start a test partner, and watch the software go through the cases. Ctrl-C ends the run.

    Exit code 0 when all required cases passed, 1 otherwise.
    """
    from axis.kit.fronts import FRONTS
    from axis.kit.session import Wish
    from axis.kit.testnode import Vendor
    from axis.ops.access import check_system_id

    check_system_id(system, "ID")
    if front not in FRONTS:
        raise Malformed(Code.BAD_REQUEST, f"one of: {', '.join(FRONTS)}", at="--front")
    report.mkdir(parents=True, exist_ok=True)  # a run takes an hour: that it cannot be told is said now
    folder = data or Path(tempfile.mkdtemp(prefix="axis-conformance-"))
    try:
        chosen = FRONTS[front]
        vendor = Vendor(system_id=system, organ_id=organ, front=chosen.system_front, adapter=chosen.adapter)
        pushed = said_partner(system, chosen.adapter or None, option or (), secret_file or ())
        wish = Wish(
            front=chosen,
            vendor=vendor,
            folder=folder / "node",
            pushed=pushed,
            mail=_mail_of(front, mail or ()),
            host=host,
            port=port,
        )
        passed = asyncio.run(_run(wish, wait * _MINUTE_S, report, json=json))
    finally:
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)
    if not passed:
        raise typer.Exit(NO)


def _mail_of(front: str, given: Sequence[str]) -> dict[str, str]:
    """The keys of [mail]; they belong to one front."""
    if given and front != "mail":
        raise Malformed(Code.BAD_REQUEST, "only with --front mail", at="--mail")
    return dict(pairs("--mail", given))


async def _run(wish: "Wish", wait_s: float, folder: Path, *, json: bool) -> bool:
    from rich.console import Console

    from axis.kit.report import write_report
    from axis.kit.run import Watch, conduct
    from axis.kit.screen import Screen

    with Screen(Console(stderr=json)) as screen:
        try:
            found = await conduct(wish, wait_s, Watch(started=_say_where, changed=screen.show))
        except OSError as e:
            if e.errno is None or e.filename is not None:
                raise
            raise WrongState(Code.PORT_BUSY, at=f"{wish.host}:{wish.port}") from e
    paths = await write_report(found, folder)
    if json:
        print_json(found)
    required, optional = found["required"], found["optional"]
    say(
        f"Bắt buộc: {required['passed']}/{required['of']} yêu cầu đạt "
        f"({required['points']}/{required['of_points']} điểm); "
        f"tùy chọn: {optional['passed']}/{optional['of']}. Báo cáo: {paths[1]}",
        f"Required: {required['passed']} of {required['of']} cases passed ({required['points']} of "
        f"{required['of_points']} points); optional: {optional['passed']} of {optional['of']}. Report: {paths[1]}",
    )
    return bool(found["passed"])


def _say_where(session: "Session") -> None:
    """What the software has to be set to; on standard error, since standard output may be for programs."""
    for name, value in session.settings().items():
        say(f"{name.vi}: {value}", f"{name.en}: {value}")


@conformance_app.command("cases")
def cases(json: JsonOption = False) -> None:
    """List the cases, and what to do for each."""
    from axis.kit.cases import CASES

    if json:
        print_json(
            [
                {
                    "id": case.id,
                    "title": {"vi": case.title.vi, "en": case.title.en},
                    "task": {"vi": case.task.vi, "en": case.task.en},
                    "required": case.required,
                    "weight": case.weight,
                }
                for case in CASES
            ]
        )
        return
    rows = (
        (case.id, "bắt buộc" if case.required else "tùy chọn", str(case.weight), case.title.vi, case.task.vi)
        for case in CASES
    )
    print_table("Các yêu cầu kiểm thử", ("id", "", "điểm", "yêu cầu", "việc cần làm"), rows)


@conformance_app.command("codes")
def codes(json: JsonOption = False) -> None:
    """List the partners' magic codes, and how each behaves."""
    from axis.kit.codes import BEHAVIOURS

    if json:
        print_json(
            [
                {"organ_id": partner.value, "name": one.name, "vi": one.meaning.vi, "en": one.meaning.en}
                for partner, one in BEHAVIOURS.items()
            ]
        )
        return
    print_fields({partner.value: f"{one.meaning.vi}\n{one.meaning.en}" for partner, one in BEHAVIOURS.items()})
