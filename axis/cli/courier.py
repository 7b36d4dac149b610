"""`axis courier`: packages carried by hand to an agency that no line reaches, and its answer back.

`keys`, `pack`, `take` and `list` are for the node; `open`, `status` and `reply` for the agency, which needs nothing
but this program and its key file.
"""

import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from axis.cli.options import (
    NO,
    ConfigOption,
    JsonOption,
    print_fields,
    print_json,
    print_table,
    say,
    with_access,
)
from axis.clock import SystemClock, to_local
from axis.errors import Code, Malformed
from axis.messages import describe
from axis.terms import StatusCode

if TYPE_CHECKING:
    from axis.exchange.courier import Courier, Taken
    from axis.store.records import CourierBundle

app = typer.Typer()
courier_app = typer.Typer(no_args_is_help=True, help="Packages carried by hand: keys, pack, open, status, reply, take.")
app.add_typer(courier_app, name="courier")

T = TypeVar("T")
ACTOR = "cli"
SystemArgument = Annotated[str, typer.Argument(help="The system's id, as `axis system list` shows it.")]
OutOption = Annotated[Path, typer.Option("--out", help="The new file; an existing one is never overwritten.")]
DaysOption = Annotated[int, typer.Option("--days", min=1, max=366, help="For how many days the file is good.")]
KeyOption = Annotated[Path, typer.Option("--key", envvar="AXIS_COURIER_KEY", help="The agency's key file.")]
FolderArgument = Annotated[Path, typer.Argument(help="The folder that `axis courier open` made.")]


def _with_courier(config: Path | None, work: "Callable[[Courier], Awaitable[T]]") -> T:
    import asyncio

    from axis.courier.keys import Named
    from axis.exchange.courier import Courier, node_keys
    from axis.serve import working
    from axis.settings import find_config, read_settings

    settings = read_settings(find_config(config))

    async def run() -> T:
        async with working(settings) as works:
            node = Named(code=settings.node.code, name=settings.node.name)
            return await work(Courier(works.context, works.exchange, node_keys(works.key), node))

    return asyncio.run(run())


@courier_app.command("keys")
def keys(system_id: SystemArgument, out: OutOption, config: ConfigOption = None) -> None:
    """Make an agency's keys, and the key file to hand to it. Keys that it had before are good for nothing then."""
    if out.exists():
        raise Malformed(Code.BAD_FILE, "there is a file of this name already", at=str(out))
    key = _with_courier(config, lambda courier: courier.enrol(system_id, ACTOR))
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(key.to_text())
    say(
        f"Đã cấp khóa cho {system_id}: {out}. Trao tận tay đơn vị, không gửi qua mạng; trục không giữ bản sao.",
        f"Made the keys of {system_id}: {out}. Hand it over in person; the node keeps no copy.",
    )


@courier_app.command("pack")
def pack(
    system_id: SystemArgument,
    out: OutOption,
    days: DaysOption = 30,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Put what waits for a system into one sealed file. It stays in the system's list until it says that it has it."""
    packed = _with_courier(config, lambda courier: courier.pack(system_id, out, timedelta(days=days)))
    if json:
        print_json(
            {
                "file": str(out),
                "sequence": packed.sequence,
                "packages": packed.packages,
                "size_bytes": packed.size_bytes,
                "expires_at": packed.expires_at.isoformat(),
            }
        )
    say(
        f"Đã lập gói chuyển tay số {packed.sequence}: {packed.packages} gói tin, {packed.size_bytes} byte, "
        f"dùng đến {to_local(packed.expires_at):%d/%m/%Y}: {out}",
        f"Packed number {packed.sequence}: {packed.packages} packages, {packed.size_bytes} bytes: {out}",
    )


@courier_app.command("take")
def take(
    file: Annotated[Path, typer.Argument(help="The file that the agency sent back.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Take an agency's answer. The same file again changes nothing. Exit code 1 when a package of it was refused."""
    taken = _with_courier(config, lambda courier: courier.take(file))
    if json:
        print_json(_taken_json(taken))
    else:
        _say_taken(taken)
    if taken.count("refused"):
        raise typer.Exit(NO)


def _taken_json(taken: "Taken") -> dict[str, object]:
    return {
        "system_id": taken.system_id,
        "sequence": taken.sequence,
        "taken_before": taken.taken_before,
        "packages": [
            {
                "number": item.number,
                "code": item.code,
                "outcome": item.outcome,
                "package_id": item.package_id,
                "error": item.error.code if item.error else None,
                "at": item.error.at if item.error else None,
            }
            for item in taken.items
        ],
        "acknowledged": list(taken.acknowledged),
        "unknown": list(taken.unknown),
    }


def _say_taken(taken: "Taken") -> None:
    if taken.taken_before:
        say("Tệp này đã được nhận trước đó; không có gì thay đổi.", "This file was taken before; nothing has changed.")
    words = {"accepted": "đã nhận", "repeated": "đã có từ trước", "refused": "từ chối"}
    if taken.items:
        print_table(
            f"Trả lời của {taken.system_id} cho gói số {taken.sequence}",
            ("#", "văn bản", "kết quả", "package_id", "lý do"),
            (
                (
                    str(item.number),
                    item.code,
                    words[item.outcome],
                    item.package_id,
                    describe(item.error, "vi") if item.error else "",
                )
                for item in taken.items
            ),
        )
    say(
        f"{taken.system_id} xác nhận đã có {len(taken.acknowledged)} gói tin; "
        f"{len(taken.unknown)} mã không thuộc hệ thống này.",
        f"{taken.system_id} has {len(taken.acknowledged)} packages; {len(taken.unknown)} ids are not its own.",
    )


@courier_app.command("list")
def list_bundles(system_id: SystemArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the files that went to a system, and its answers."""
    from axis.ops.access import Access
    from axis.store import queries

    async def read(access: Access) -> "tuple[CourierBundle, ...]":
        return await access.store.read(lambda conn: queries.courier_bundles(conn, system_id))

    bundles = with_access(config, read)
    if json:
        print_json(
            [
                {
                    "direction": one.direction,
                    "sequence": one.sequence,
                    "packages": one.packages,
                    "created_at": one.created_at.isoformat(),
                    "expires_at": one.expires_at.isoformat(),
                    "recorded_at": one.recorded_at.isoformat(),
                    "manifest_sha256": one.manifest_sha256,
                }
                for one in bundles
            ]
        )
        return
    words = {"out": "gửi đi", "reply": "trả lời"}
    print_table(
        f"Gói chuyển tay của {system_id}",
        ("hướng", "số", "gói tin", "lập lúc", "ghi nhận lúc"),
        (
            (
                words[one.direction],
                str(one.sequence),
                str(one.packages),
                f"{to_local(one.created_at):%d/%m/%Y %H:%M}",
                f"{to_local(one.recorded_at):%d/%m/%Y %H:%M}",
            )
            for one in bundles
        ),
    )


@courier_app.command("open")
def open_file(
    file: Annotated[Path, typer.Argument(help="The file that came from the node.")],
    out: Annotated[Path, typer.Option("--out", help="The new folder.")],
    key: KeyOption,
) -> None:
    """At the agency: check a file from the node and lay its packages out in a folder. Needs no network."""
    from axis.ops.courier_desk import open_bundle

    laid = open_bundle(file, key, out, SystemClock().now())
    manifest = laid.manifest
    print_table(
        f"Gói chuyển tay số {manifest.sequence}: {out}",
        ("package_id", "loại", "văn bản", "trích yếu", "nơi gửi", "nơi nhận"),
        (
            (
                item.package_id,
                "văn bản" if item.kind.value == "document" else "trạng thái",
                item.code,
                item.subject,
                item.sender,
                ", ".join(item.receivers),
            )
            for item in manifest.items
        ),
    )
    if laid.opened_before:
        say("Gói này đã được mở trước đó.", "This file was opened before.")
    for number in laid.missing:
        say(
            f"Chưa từng mở gói số {number} lập trước gói này: hãy kiểm tra với người chuyển.",
            f"Number {number}, which was packed before this one, was never opened here: ask the courier.",
        )
    for package_id in laid.unreadable:
        say(
            f"Không tách được tệp của gói tin {package_id}; gói tin vẫn nguyên vẹn trong thư mục packages.",
            f"The files of {package_id} could not be taken out; the package lies whole in the folder packages.",
        )


@courier_app.command("status")
def status(
    folder: FolderArgument,
    package_id: Annotated[str, typer.Argument(help="The package, by its id.")],
    code: Annotated[StatusCode, typer.Option("--code", help="01 … 06, 15 or 16.")],
    key: KeyOption,
    reason: Annotated[str, typer.Option("--reason", help="Why; must be given with 02.")] = "",
    organ: Annotated[str, typer.Option("--organ", help="For which organisation, when it is for several.")] = "",
) -> None:
    """At the agency: put the status of a document among what goes back."""
    from axis.ops.courier_desk import StatusSaid, write_status

    said = StatusSaid(code=code, reason=reason, organ=organ, at=SystemClock().now())
    path = write_status(folder, key, package_id, said)
    say(f"Đã ghi trạng thái {code}: {path}", f"Wrote the status {code}: {path}")


@courier_app.command("reply")
def reply(folder: FolderArgument, out: OutOption, key: KeyOption, days: DaysOption = 90) -> None:
    """At the agency: make the answer: what has come, and what lies in the folder `outgoing`."""
    from axis.ops.courier_desk import make_reply

    made = make_reply(folder, key, out, SystemClock().now(), timedelta(days=days))
    print_fields({"acknowledged": len(made.acknowledged), "sent": made.sent, "size_bytes": made.size_bytes})
    say(
        f"Đã lập tệp trả lời {out}: xác nhận {len(made.acknowledged)} gói tin, gửi đi {made.sent} gói tin.",
        f"Made the answer {out}: {len(made.acknowledged)} packages acknowledged, {made.sent} sent.",
    )
    for package_id in made.damaged:
        say(
            f"Gói tin {package_id} bị thiếu hoặc bị sửa nên không được xác nhận.",
            f"The package {package_id} is missing or was changed, and is not acknowledged.",
        )
