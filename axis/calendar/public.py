"""Public holidays of Vietnam, Tết included, as the package `holidays` knows them.

What the government decides late (days off moved, working Saturdays in their place) comes with a newer version of that
package, or earlier by configuration: see `working.Calendar`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import holidays

FIRST_YEAR, LAST_YEAR = 2010, 2099
"""The years in which days are counted; the lunar calendar is tabulated up to the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicDays:
    """One year's days that are not as their weekday says."""

    off: Mapping[date, str]  # days off, and why, in Vietnamese
    worked: frozenset[date]  # days of the weekend on which people work instead


@lru_cache(maxsize=16)
def public_days(year: int) -> PublicDays:
    """The public holidays of a year from FIRST_YEAR to LAST_YEAR; takes a moment the first time."""
    # A day off may be worked off in the year before or after.
    found = holidays.country_holidays("VN", years=range(year - 1, year + 2), language="vi")
    return PublicDays(
        off={day: name for day, name in sorted(found.items()) if day.year == year},
        worked=frozenset(day for day in found.weekend_workdays if day.year == year),
    )
