"""The browser of this machine."""

import os
import shutil
from pathlib import Path

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "msedge")
_PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
ARGUMENTS = ("--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-dev-shm-usage")


def find() -> str:
    """The program. Skips the test where there is none, but fails where one has been asked for."""
    chosen = os.environ.get("AXIS_CHROMIUM")
    found = chosen or next(filter(None, map(shutil.which, _NAMES)), None)
    found = found or next((place for place in _PLACES if Path(place).exists()), None)
    if found is not None:
        return found
    why = "no Chromium or Chrome on this machine: install one, or name it in AXIS_CHROMIUM"
    if os.environ.get("CI") == "true" or os.environ.get("AXIS_APT") == "1":
        pytest.fail(why)
    pytest.skip(why)


def arguments() -> list[str]:
    """How it is started; its own sandbox does not run as root."""
    return [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
