"""How soon something is due: a short text in the settings, and the moment that it leads to.

| text | due |
|---|---|
| `30min`, `2h` | after so much time by the clock, nights and days off included |
| `4wh` | after so many working hours |
| `0d` | by the end (24:00) of the working day to which the start belongs |
| `1d 12:00` | at 12:00 of the next working day after that one; `2d`: by the end of the second |

Norm: QĐ 28/2018/QĐ-TTg Art. 6: at latest the morning of the next working day (`1d 12:00`); NĐ 30/2020/NĐ-CP Art. 21(2):
receipt is told the same day (`0d`).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from axis.calendar.working import Calendar, start_of

Unit = Literal["min", "h", "wh", "d"]

_TEXT = re.compile(r"(?P<number>\d{1,3})(?P<unit>min|h|wh|d)(?: (?P<time>([01]\d|2[0-3]):[0-5]\d|24:00))?")
_END_OF_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When something is due, counted from its start."""

    number: int
    unit: Unit
    at: timedelta = _END_OF_DAY  # of days: when on the last one, from midnight

    @classmethod
    def read(cls, text: str) -> "Rule":
        """The rule that a text means. Raises ValueError, saying what is expected."""
        match = _TEXT.fullmatch(text.strip())
        if match is None or (match["time"] and match["unit"] != "d"):
            raise ValueError(f"{text!r} is none of 30min, 2h, 4wh, 0d, 1d 12:00")
        hours, minutes = map(int, (match["time"] or "24:00").split(":"))
        return cls(
            number=int(match["number"]),
            unit=match["unit"],  # type: ignore[arg-type]  # one of them, by the expression
            at=timedelta(hours=hours, minutes=minutes),
        )

    def due(self, calendar: Calendar, start: datetime) -> datetime:
        """When what began at `start` is due, in UTC."""
        match self.unit:
            case "min":
                return start.astimezone(UTC) + timedelta(minutes=self.number)
            case "h":
                return start.astimezone(UTC) + timedelta(hours=self.number)
            case "wh":
                return calendar.after(start, timedelta(hours=self.number))
            case _:
                due = self.due_by_day(calendar, calendar.day_counted(start))
                if due > start:
                    return due
                # "0d 12:00" of what came in the afternoon
                return self.due_by_day(calendar, calendar.next_working_day(calendar.day_counted(start)))

    def due_by_day(self, calendar: Calendar, day: date) -> datetime:
        """When what began on a working day is due, by a rule in days. Raises ValueError for another rule."""
        if self.unit != "d":
            raise ValueError("only a rule in days counts from a day")
        last = calendar.add_working_days(day, self.number)
        return start_of(last) + self.at
