"""How fast packages are read, and with how much memory: each size in a process of its own, so that peaks do not mix."""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.packages import numbered, template, write_large

_IN_MEMORY_BYTES = 1 << 20  # up to here the node reads from memory, beyond from the disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """One size."""

    size_bytes: int
    mb_per_s: float
    ms: float  # for one package
    peak_growth_mb: float  # beyond the process with everything imported


def measure(folder: Path, size_bytes: int, seconds: float) -> Parsed:
    """Read a package of this size again and again for some time, at least once."""
    path = folder / f"parse-{size_bytes}.edxml"
    if size_bytes <= _IN_MEMORY_BYTES:
        path.write_bytes(numbered(template(size_bytes), 1))
    else:
        write_large(path, size_bytes, 1)
    command = [sys.executable, "-m", "benchmarks.parsing", str(path), str(seconds)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    path.unlink()
    return Parsed(**json.loads(found.stdout))


def _measure_here(path: Path, seconds: float) -> Parsed:
    from axis.edxml.reader import read  # noqa: PLC0415 - the child's own import, before the first look at memory

    size_bytes = path.stat().st_size
    source = path.read_bytes() if size_bytes <= _IN_MEMORY_BYTES else path
    read(numbered(template(2_000), 1))
    before_kb = _peak_kb()
    times, end = [], time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        begun = time.perf_counter()
        read(source)
        times.append(time.perf_counter() - begun)
    middle = sorted(times)[len(times) // 2]
    return Parsed(
        size_bytes=size_bytes,
        mb_per_s=round(size_bytes / middle / 1e6, 1),
        ms=round(middle * 1000, 3),
        peak_growth_mb=round((_peak_kb() - before_kb) / 1024, 1),
    )


def _peak_kb() -> int:
    """Most memory that this program has had resident (ru_maxrss would count its parent's too)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    print(json.dumps(asdict(_measure_here(Path(sys.argv[1]), float(sys.argv[2])))))
