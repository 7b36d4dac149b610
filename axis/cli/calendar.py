"""`axis calendar`: which days and hours count as worked."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from axis.cli.options import ConfigOption, JsonOption, print_json, print_table
from axis.clock import VIETNAM, SystemClock, to_local
from axis.errors import Code, Malformed

if TYPE_CHECKING:
    from pathlib import Path

    from axis.calendar.working import Calendar

app = typer.Typer()
calendar_app = typer.Typer(no_args_is_help=True, help="The working calendar: days off, make-up days, deadlines.")
app.add_typer(calendar_app, name="calendar")

_WEEKDAYS = ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ Nhật")


@calendar_app.command("show")
def show(
    year: Annotated[int | None, typer.Argument(help="The year; left out: the present one.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show a year's days that are not as their weekday says: holidays, days off, make-up days."""
    calendar = _calendar(config)
    chosen = to_local(SystemClock().now()).year if year is None else year
    if not calendar.covers(date(min(max(chosen, 1), 9999), 1, 1)):
        raise Malformed(Code.BAD_REQUEST, "this year is not counted", at="YEAR")
    days = [
        (day, is_worked, calendar.why(day))
        for day, is_worked in calendar.days(chosen)
        if is_worked != (day.isoweekday() in calendar.weekdays) or calendar.why(day)
    ]
    worked = calendar.working_days(date(chosen, 1, 1), date(chosen + 1, 1, 1))
    if json:
        shown = [{"day": day.isoformat(), "worked": is_worked, "name": name} for day, is_worked, name in days]
        print_json({"year": chosen, "working_days": worked, "days": shown})
        return
    print_table(
        f"{chosen}: {worked} ngày làm việc / working days",
        ("Ngày", "Thứ", "Làm việc", "Lý do"),
        (
            (f"{day:%d/%m/%Y}", _WEEKDAYS[day.weekday()], "làm bù" if is_worked else "nghỉ", name or "-")
            for day, is_worked, name in days
        ),
    )


@calendar_app.command("due")
def due(
    rule: Annotated[str, typer.Argument(help="30min, 2h, 4wh (working hours), 0d (same day), 1d 12:00.")],
    start: Annotated[str, typer.Argument(help='Vietnamese time, e.g. "2026-11-20 16:00".')],
    config: ConfigOption = None,
) -> None:
    """Show when something is due that begins at a moment."""
    from axis.calendar.rules import Rule

    calendar = _calendar(config)
    try:
        moment = datetime.fromisoformat(start).replace(tzinfo=VIETNAM)
        if not calendar.covers(moment.date()):
            raise ValueError(f"{start}: this year is not counted")  # noqa: TRY301 - one refusal for both arguments
        found = Rule.read(rule).due(calendar, moment)
    except ValueError as e:
        raise Malformed(Code.BAD_REQUEST, str(e), at="RULE START") from e
    typer.echo(f"{to_local(found):%Y-%m-%d %H:%M}")


def _calendar(config: "Path | None") -> "Calendar":
    from axis.ops.access import working_calendar
    from axis.settings import find_config, read_settings

    return working_calendar(read_settings(find_config(config)))
