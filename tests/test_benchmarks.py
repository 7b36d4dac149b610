"""The benchmarks run and say what they have to say. The figures themselves are not judged here: machines differ."""

import json
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from benchmarks import children
from tests.mail.dovecot import PROGRAM

ROOT = Path(__file__).parent.parent


def _ways() -> Iterator[tuple[str, int]]:
    """What stands side by side, and with how many packages."""
    for front in ("vxp", "edoc", "api"):
        yield from ((f"{front} front, in", count) for count in (20, 2))
    for axis in ("vxp", "edoc"):
        yield from ((f"{axis} client, out", count) for count in (10, 1))
        yield from ((f"{axis} {end}", count) for count in (10, 1) for end in ("front, out", "client, in"))
    for place in ("folder", "sftp", "webdav"):
        yield from ((f"{place}, {way}", count) for way in ("out", "in") for count in (10, 1))
    mails = ("mail (SMTP), out", *(("mail (IMAP), in",) if Path(PROGRAM).exists() else ()))
    yield from ((way, count) for way in (*mails, "webhook, out") for count in (10, 1))


def _say(pipe: Connection) -> None:
    print("a log line of a library")  # noqa: T201 - as libraries do
    pipe.send(pipe.recv() * 2)
    raise ValueError("broken")


def test_what_a_child_prints_is_no_answer_and_its_end_is_told() -> None:
    with children.child(_say) as one:
        assert one.ask(21) == 42
        with pytest.raises(RuntimeError, match=r"test_benchmarks ended \(1\)"):
            one.answer()


@pytest.mark.lengthy
@pytest.mark.timeout(1800)  # a machine that runs other tests meanwhile gets more time
def test_a_quick_run_measures_everything(tmp_path: Path) -> None:
    written = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--json", str(written)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert written.exists(), run.stderr[-4_000:]
    figures = json.loads(written.read_text(encoding="utf-8"))
    assert bool(figures["broken"]) == (run.returncode == 1)
    assert figures["fsync_per_s"] > 0
    assert {"cpu", "cores", "python", "aiohttp", "sqlite"} <= figures["machine"].keys()
    assert [size["mb_per_s"] > 0 for size in figures["parsing"]] == [True, True]
    for database in ("sqlite", "postgresql"):
        assert figures[f"intake_{database}"]["packages"] > 0
        assert figures[f"listed_{database}"]["packages"] == 20
    kinds = [one["kind"] for one in figures["signatures"]]
    assert kinds == ["envelope, RSA-2048", "envelope, ECDSA P-256", "PDF, one RSA-2048"]
    assert all(
        one["times_bare"] > 1 for one in figures["signatures"]
    )  # a verdict for less than its cryptography is none
    for level in ("off", "require"):
        assert figures[f"signed_intake_{level}"]["packages"] > 0
    assert {(one["database"], one["deliveries"] > 10_000) for one in figures["kpi"]} == {
        ("sqlite", True),
        ("postgresql", True),
    }
    assert [(one["database"], one["organisations"], one["waiting"]) for one in figures["pending"]] == [
        (database, organs, 3_000) for database in ("sqlite", "postgresql") for organs in ("one", "two")
    ]
    assert [(one["way"], one["packages"]) for one in figures["ways"]] == list(_ways())
    assert all(one["per_s"] > 0 for one in figures["ways"])
    assert [(one["database"], one["receivers"]) for one in figures["fan_out"]] == [
        (database, receivers) for database in ("sqlite", "postgresql") for receivers in (1, 100)
    ]
    assert all(one["stored_kb"] < 1_000 for one in figures["fan_out"])  # 400 KB in base64, once
    assert [(one["ill"], one["deliveries"], one["beside_per_s"] > 0) for one in figures["partners"]] == [
        ("1 hang", 15, True),
        ("5 down", 3, True),
    ]
    assert figures["start"].keys() == {"ready_s", "idle_rss_mb"}
    assert [one["way"] for one in figures["large"]] == [
        "sendEdoc", "getEdoc", "downloadEdoc", "REST upload", "REST download",
    ]  # fmt: skip
    assert figures["loop"]["callbacks"] > 0
    assert "parsing" in run.stdout
