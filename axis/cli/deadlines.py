"""`axis deadlines`: what is owed by a time limit."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from axis.cli.options import ConfigOption, JsonOption, print_json, print_table, say, with_access
from axis.clock import to_local
from axis.errors import Code, NotFound
from axis.terms import DeadlineKind, DeadlineStage

if TYPE_CHECKING:
    from axis.store.queries import OwedLine

app = typer.Typer()
deadlines_app = typer.Typer(no_args_is_help=True, help="Time limits: what is owed, what is overdue.")
app.add_typer(deadlines_app, name="deadlines")

_KINDS = {
    DeadlineKind.RECEIPT: "báo đã nhận (01)",
    DeadlineKind.ACCEPTANCE: "tiếp nhận (03)",
    DeadlineKind.COMPLETION: "hoàn thành (06)",
}
_STAGES = {
    DeadlineStage.WAITING: "còn hạn",
    DeadlineStage.NEAR: "sắp đến hạn",
    DeadlineStage.OVERDUE: "quá hạn",
}


@deadlines_app.command("list")
def list_deadlines(
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is overdue.")] = False,
    organ: Annotated[str | None, typer.Option(help="Only what this organisation owes, or is owed.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most rows.")] = 200,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List what receivers owe by a time limit, the most urgent first."""
    from axis.ops.access import Access
    from axis.store.queries import owed_lines

    async def read(access: Access) -> "tuple[OwedLine, ...]":
        organs = None
        if organ is not None:
            found = (await access.directory()).registry.resolve(organ)
            if found is None:
                raise NotFound(Code.NOT_FOUND, organ, at="--organ")
            organs = [found.organ.organ_id]
        return await access.store.read(lambda c: owed_lines(c, organs, overdue=overdue, limit=limit + 1))

    found = with_access(config, read)
    lines = found[:limit]
    if json:
        print_json({"deadlines": [_plain(line) for line in lines], "more": len(found) > limit})
        return
    print_table(
        "Thời hạn / Deadlines",
        ("Hạn", "Tình trạng", "Việc", "Nơi nhận", "Nơi gửi", "Số, ký hiệu", "DocumentId", "Trạng thái"),
        (
            (
                f"{to_local(line.deadline.due_at):%d/%m/%Y %H:%M}",
                _STAGES[line.deadline.stage],
                _KINDS[line.deadline.kind],
                f"{line.deadline.receiver_organ} {line.receiver_name or ''}".strip(),
                line.deadline.from_organ,
                line.document.code or "-",
                line.document.document_id,
                line.status_code or "-",
            )
            for line in lines
        ),
    )
    if len(found) > limit:
        say(f"Còn nữa; chỉ hiện {limit} dòng đầu.", f"There are more; the first {limit} are shown.")


def _plain(line: "OwedLine") -> dict[str, Any]:
    deadline, document = line.deadline, line.document
    return {
        "owed": deadline.kind,
        "stage": deadline.stage,
        "due_at": deadline.due_at.isoformat(),
        "came_at": deadline.came_at.isoformat(),
        "to": deadline.receiver_organ,
        "to_name": line.receiver_name,
        "from": deadline.from_organ,
        "document_uid": document.document_uid,
        "document_id": document.document_id,
        "code": document.code,
        "urgency": document.urgency,
        "status": line.status_code,
    }
