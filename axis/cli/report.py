"""`axis report`: the figures that are asked for."""

import sys
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from axis.cli.options import NO, ConfigOption, JsonOption, print_json, print_table, say, with_access
from axis.clock import SystemClock, to_local
from axis.errors import Code, Malformed, NotFound

if TYPE_CHECKING:
    from axis.ops.access import Access
    from axis.ops.figures import Difference
    from axis.ops.kpi_report import Line, Report
    from axis.organ.model import Organ

app = typer.Typer()
report_app = typer.Typer(no_args_is_help=True, help="Figures: by organisation, level and period.")
issued_app = typer.Typer(no_args_is_help=True, help="How many documents were issued, on paper or not.")
report_app.add_typer(issued_app, name="issued")
app.add_typer(report_app, name="report")

_SHOWN = (
    *("code", "name", "sent_documents", "sent_on_time_percent", "sent_valid_percent", "received", "refused"),
    *("not_fetched", "said_03_percent", "said_06_percent", "to_03_worked_median_h", "to_03_worked_p90_h"),
    *("to_06_worked_median_h", "acceptance_on_time_percent", "overdue", "online_percent", "online_target_percent"),
)
_DIFFERENCES = 50  # shown


class Form(StrEnum):
    """How the figures are written."""

    TABLE = "table"
    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


@report_app.command("kpi")
def kpi(
    first: Annotated[str, typer.Option("--from", help="First day, 2026-01-01.")],
    last: Annotated[str, typer.Option("--to", help="Last day, included.")],
    organ: Annotated[str | None, typer.Option(help="Only this organisation.")] = None,
    below: Annotated[bool, typer.Option("--below", help="With --organ: and all below it.")] = False,
    level: Annotated[int | None, typer.Option(min=1, max=4, help="Only organisations of this level.")] = None,
    form: Annotated[Form, typer.Option("--format", help="table shows the main figures, the others all.")] = Form.TABLE,
    output: Annotated[Path | None, typer.Option(help="File to write; left out: standard output.")] = None,
    config: ConfigOption = None,
) -> None:
    """Figures of organisations over a period: by organisation, by level, together. docs/kpi.md explains them."""
    from axis.ops.kpi_report import Period, Report, Targets, make_report, read_raw

    period = Period(first=_day(first, "--from"), last=_day(last, "--to"))
    if period.first > period.last:
        raise Malformed(Code.BAD_REQUEST, "the period ends before it begins", at="--to")

    async def read(access: "Access") -> Report:
        directory = await access.directory()
        targets = Targets.chosen(access.settings.kpi)
        organs = [one for one in _organs(directory, organ, below=below) if level is None or one.level == level]
        raw = await access.store.read(lambda c: read_raw(c, period))
        return make_report(raw, period, organs, directory, targets)

    _write(with_access(config, read), form, output)


def _organs(directory: Any, code: str | None, *, below: bool) -> "Sequence[Organ]":  # noqa: ANN401 - a Directory
    from axis.ops.kpi_report import below as all_below

    if code is None:
        every: Sequence[Organ] = directory.organs()
        return every
    found = directory.registry.find(code)
    if found is None:
        raise NotFound(Code.NOT_FOUND, code, at="--organ")
    return all_below(directory, found.organ_id) if below else [found]


def _write(report: "Report", form: Form, output: Path | None) -> None:
    from axis.ops.kpi_report import COLUMNS, values
    from axis.ops.sheets import csv_bytes, xlsx_bytes

    if form is Form.TABLE and output is None:
        _show(report)
        return
    headings = [column.heading for column in COLUMNS]
    lines = (*report.organs, *report.levels, report.total)
    if form is Form.JSON:
        plain = {
            "from": report.period.first.isoformat(),
            "to": report.period.last.isoformat(),
            "connected_target_percent": report.connected_target,
            "organs": [values(line) for line in report.organs],
            "levels": [values(line) for line in report.levels],
            "total": values(report.total),
        }
        if output is None:
            print_json(plain)
            return
        import json

        content = json.dumps(plain, ensure_ascii=False, indent=2).encode()
    elif form is Form.XLSX:
        sheets = (("Cơ quan", report.organs), ("Cấp", (*report.levels, report.total)))
        content = xlsx_bytes(
            (title, headings, [list(values(line).values()) for line in part]) for title, part in sheets
        )
    elif form is Form.CSV:
        content = csv_bytes(headings, [list(values(line).values()) for line in lines])
    else:
        raise Malformed(Code.BAD_REQUEST, "a table is for the terminal; choose csv, xlsx or json", at="--format")
    if output is not None:
        output.write_bytes(content)
        say(f"Đã ghi {output}.", f"Written to {output}.")
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def _show(report: "Report") -> None:
    from axis.ops.kpi_report import COLUMNS, percent, values

    by_key = {column.key: column for column in COLUMNS}

    def row(line: "Line") -> list[str]:
        found = values(line)
        return ["" if found[key] is None else str(found[key]) for key in _SHOWN]

    period = f"{report.period.first:%d/%m/%Y} đến {report.period.last:%d/%m/%Y}"
    lines = (*report.organs, *report.levels, report.total)
    print_table(f"Chỉ số {period}", [by_key[key].heading for key in _SHOWN], map(row, lines))
    connected = percent(report.total.connected, report.total.organs)
    say(
        f"Cơ quan đã kết nối: {report.total.connected}/{report.total.organs} ({connected} %, "
        f"chỉ tiêu {report.connected_target} %).",
        f"Organisations connected: {report.total.connected} of {report.total.organs}.",
    )


@report_app.command("recount")
def recount(
    check: Annotated[bool, typer.Option("--check", help="Change nothing: say what differs. Exit code 1 then.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make all figures anew from documents, deliveries and statuses, or compare them with a full count."""
    from axis.ops.access import working_calendar
    from axis.ops.figures import FiguresKeeper

    async def run(access: "Access") -> "tuple[int, list[Difference]]":
        keeper = FiguresKeeper(access.store, SystemClock(), working_calendar(access.settings))
        days = 0 if check else await keeper.recount()
        return days, await keeper.check()

    days, differences = with_access(config, run)
    if json:
        print_json({"recounted": days, "differences": [_plain(one) for one in differences]})
    elif differences:
        print_table(
            "Khác nhau / Differences",
            ("span", "organ", "side", "figure", "stored", "counted"),
            [row for one in differences[:_DIFFERENCES] for row in _rows(one)],
        )
    if differences:
        say(f"{len(differences)} mục khác với đếm lại.", f"{len(differences)} cells differ from a full count.")
        raise typer.Exit(NO)
    say(
        "Số liệu khớp với đếm lại." if check else f"Đã tính lại {days} mục.",
        "The figures equal a full count." if check else f"Made {days} cells anew.",
    )


def _rows(difference: "Difference") -> list[list[str]]:
    from axis.kpi.figures import COUNTS

    cell = difference.cell
    where = [cell.span, cell.organ_id, str(cell.side)]
    pairs = [(name, getattr(difference.stored, name), getattr(difference.counted, name)) for name in COUNTS]
    rows = [[*where, name, str(stored), str(counted)] for name, stored, counted in pairs if stored != counted]
    return rows + ([[*where, "times", "", ""]] if difference.times_differ else [])


def _plain(difference: "Difference") -> dict[str, Any]:
    return {
        "span": difference.cell.span,
        "organ": difference.cell.organ_id,
        "side": difference.cell.side,
        "figures": {row[3]: {"stored": row[4], "counted": row[5]} for row in _rows(difference)},
    }


@issued_app.command("import")
def import_issued(
    file: Annotated[Path, typer.Argument(help="CSV, XLSX or JSON: code, month (2026-11), issued.")],
    config: ConfigOption = None,
) -> None:
    """Take in how many documents organisations issued; all of the file or nothing."""
    from axis.ops.issued_file import read_issued_file

    _set(config, read_issued_file(file))


@issued_app.command("set")
def set_one(
    code: Annotated[str, typer.Argument(help="The organisation.")],
    month: Annotated[str, typer.Argument(help="2026-11")],
    issued: Annotated[int, typer.Argument(min=0, max=10_000_000, help="How many documents.")],
    config: ConfigOption = None,
) -> None:
    """Say how many documents one organisation issued in a month."""
    _set(config, {(code, _month(month, "MONTH")): issued})


@issued_app.command("list")
def list_issued(
    first: Annotated[str, typer.Option("--from", help="First month, 2026-01.")],
    last: Annotated[str, typer.Option("--to", help="Last month, included.")],
    organ: Annotated[str | None, typer.Option(help="Only this organisation.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """What was said of documents issued, by organisation and month; the same columns as `import` takes."""
    from axis.store.queries import issued_between

    span = _month(first, "--from"), _month(last, "--to")
    if span[0] > span[1]:
        raise Malformed(Code.BAD_REQUEST, "the first month is after the last one", at="--from")

    async def run(access: "Access") -> "list[tuple[str, str, int]]":
        registry = (await access.directory()).registry
        one = registry.find(organ) if organ else None
        if organ and one is None:
            raise NotFound(Code.NOT_FOUND, organ, at="--organ")
        only = one.organ_id if one else None
        return await access.store.read(lambda c: issued_between(c, *span, organ_id=only))

    found = with_access(config, run)
    if json:
        print_json([{"code": code, "month": month, "issued": count} for code, month, count in found])
    else:
        print_table(
            "Văn bản ban hành / Documents issued",
            ("code", "month", "issued"),
            [(*row[:2], str(row[2])) for row in found],
        )


def _month(text: str, option: str) -> str:
    from axis.ops.issued_file import month_of

    found = month_of(text)
    if found is None:
        raise Malformed(Code.BAD_REQUEST, "a month such as 2026-11", at=option)
    return found


def _set(config: Path | None, said: "dict[tuple[str, str], int]") -> None:
    from axis.store.queries import set_issued

    async def write(access: "Access") -> int:
        registry = (await access.directory()).registry
        found: dict[tuple[str, str], int] = {}
        for (code, month), count in said.items():
            organ = registry.find(code)
            if organ is None:
                raise NotFound(Code.NOT_FOUND, code, at="code")
            found[organ.organ_id, month] = count
        await access.store.write(lambda c: set_issued(c, found))
        return len(found)

    count = with_access(config, write)
    say(f"Đã ghi {count} dòng.", f"Kept {count} rows.")


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as e:
        raise Malformed(Code.BAD_REQUEST, f"a day such as {to_local(SystemClock().now()):%Y-%m-%d}", at=option) from e
