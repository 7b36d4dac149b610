"""The working calendar at the command line, as the settings make it."""

from tests.cli.conftest import Home

HOURS = 'hours = ["07:00-11:00", "13:00-24:00"]'
DAYS = 'make_up_days = ["2026-11-28"]\ndays_off = [2026-12-31]'


def configure(home: Home) -> None:
    file = home.path / "axis.toml"
    text = file.read_text(encoding="utf-8").replace("[calendar]", f"[calendar]\n{HOURS}\n{DAYS}")
    file.write_text(text, encoding="utf-8")


def test_a_year_is_shown_with_what_is_public_and_what_is_configured(home: Home) -> None:
    plain = home.axis("calendar", "show", "2026", "--json").json
    configure(home)
    shown = home.axis("calendar", "show", "2026", "--json").json
    days = {day["day"]: day for day in shown["days"]}
    assert days["2026-02-17"] == {"day": "2026-02-17", "worked": False, "name": "Tết Nguyên Đán"}
    assert days["2026-08-22"] == {"day": "2026-08-22", "worked": True, "name": ""}
    assert days["2026-11-28"]["worked"] is True
    assert days["2026-12-31"]["worked"] is False
    assert shown["working_days"] == plain["working_days"] == 249
    table = home.axis("calendar", "show", "2026").out
    assert "28/11/2026" in table
    assert "làm bù" in table
    assert home.axis("calendar", "show").code == 0


def test_what_is_due_goes_by_the_configured_hours_and_days(home: Home) -> None:
    assert home.axis("calendar", "due", "1d 12:00", "2026-11-27 16:00").out == "2026-11-30 12:00\n"
    assert home.axis("calendar", "due", "1d 12:00", "2026-11-27 23:00").out == "2026-12-01 12:00\n"
    configure(home)
    assert home.axis("calendar", "due", "1d 12:00", "2026-11-27 16:00").out == "2026-11-28 12:00\n"
    assert home.axis("calendar", "due", "1d 12:00", "2026-11-27 23:00").out == "2026-11-28 12:00\n"
    assert home.axis("calendar", "due", "9wh", "2026-11-27 16:00").out == "2026-11-28 08:00\n"


def test_what_cannot_be_counted_is_refused(home: Home) -> None:
    assert home.axis("calendar", "show", "0").code == 2
    assert home.axis("calendar", "show", "99999").code == 2
    assert home.axis("calendar", "due", "1 week", "2026-11-27 16:00").code == 2
    assert home.axis("calendar", "due", "1d", "9999-11-27 16:00").code == 2
    assert home.axis("calendar", "due", "1d", "tomorrow").code == 2
