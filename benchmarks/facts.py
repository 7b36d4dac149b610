"""What a figure means nothing without: the machine, the versions, and how fast its disk syncs at that hour."""

import os
import platform
import sqlite3
import time
from importlib.metadata import version
from pathlib import Path

import psutil
from lxml import etree

_LIBRARIES = ("aiohttp", "lxml", "sqlalchemy", "psycopg", "cryptography", "pybase64", "structlog")
_RECORD = bytes(4096)


def machine() -> dict[str, object]:
    """The machine and the software on it."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "libxml2": ".".join(map(str, etree.LIBXML_VERSION)),
        **{name: version(name) for name in _LIBRARIES},
    }


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def load() -> float:
    """How many processes wanted a core in the last minute: above the number of cores, all figures are low."""
    return round(os.getloadavg()[0], 2)


def fsync_per_s(folder: Path, seconds: float) -> int:
    """Appends of 4 KB that the disk makes durable in a second, one after the other."""
    path = folder / "fsync"
    done = 0
    with path.open("wb", buffering=0) as file:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            file.write(_RECORD)
            os.fsync(file.fileno())
            done += 1
    path.unlink()
    return round(done / seconds)
