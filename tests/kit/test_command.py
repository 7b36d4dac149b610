"""`axis conformance`: as a vendor uses it, and what is wrong with a call of it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from axis.demo.processes import free_port
from axis.kit.codes import BEHAVIOURS, Partner
from tests.cli.conftest import ROOT, environment, run_inside


def example() -> str:
    """The script of docs/connect/conformance.md."""
    page = (ROOT / "docs" / "connect" / "conformance.md").read_text(encoding="utf-8")
    found = re.search(r"```sh\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_docs_example_runs(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, command in (("axis", "-m axis.cli.main"), ("python3", "-S")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {command} "$@"\n')
        program.chmod(0o755)
    ran = subprocess.run(
        ["sh", "-eu", "-c", example()],
        cwd=tmp_path,
        env=environment(PATH=f"{programs}:{os.environ['PATH']}", PORT=str(free_port())),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout
    printed = ran.stdout.splitlines()
    for line in ("passed send", "passed lost-answer", "passed receive", "passed steps"):
        assert line in printed, ran.stdout + ran.stderr
    assert not [line for line in printed if line.startswith("failed ")]
    page = (tmp_path / "result" / "conformance.html").read_text(encoding="utf-8")
    assert "Mất câu trả lời của trục" in page


def test_ctrl_c_ends_the_run_with_its_report(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "axis.cli.main", "conformance", "run", "--front", "vxp", "--system", "dms"]
    options = ["--data", "kit", "--port", "0", "--report", "result", "--json"]
    with subprocess.Popen(
        [*command, *options], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        said = b""
        while b"Secret: " not in said and process.poll() is None:
            said += process.stderr.readline()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    told = json.loads(out)
    assert told == json.loads((tmp_path / "result" / "conformance.json").read_text(encoding="utf-8"))
    assert not told["passed"]
    assert {case["outcome"] for case in told["cases"]} == {"not_seen"}
    secret = json.loads((tmp_path / "kit" / "node" / "credentials.json").read_text())["secret"]
    assert secret.encode() in said
    for name in ("conformance.json", "conformance.html"):
        assert secret not in (tmp_path / "result" / name).read_text(encoding="utf-8")
    assert oct((tmp_path / "kit" / "node" / "credentials.json").stat().st_mode & 0o777) == "0o600"


def test_what_is_wrong_with_a_call_is_told(tmp_path: Path) -> None:
    def run(*options: str) -> tuple[int, str]:
        ran = run_inside("conformance", "run", "--report", tmp_path, "--wait", "0.01", *options)
        return ran.code, ran.err

    code, said = run("--front", "fax", "--system", "dms")
    assert code == 2
    assert "vxp, api, edoc" in said
    assert run("--front", "vxp", "--system", "../x")[0] == 2
    assert run("--front", "vxp", "--system", "kit-partners")[0] == 2
    code, said = run("--front", "vxp", "--system", "dms", "--organ", "K99.OK")
    assert code == 2
    assert "--organ" in said
    (tmp_path / "file").touch()
    assert run("--front", "vxp", "--system", "dms", "--report", str(tmp_path / "file"))[0] == 2


def test_a_folder_is_used_again_by_the_same_software_only_and_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        common = ("conformance", "run", "--data", tmp_path, "--report", tmp_path / "out", "--port", port)
        first = run_inside(*common, "--front", "vxp", "--system", "dms")
        assert first.code == 2
        assert "[port_busy]" in first.err
        kept = (tmp_path / "node" / "credentials.json").read_bytes()
        assert "[port_busy]" in run_inside(*common, "--front", "api", "--system", "dms").err
        assert (tmp_path / "node" / "credentials.json").read_bytes() == kept
        other = run_inside(*common, "--front", "vxp", "--system", "another")
        assert other.code == 2
        assert "--system dms" in other.err


def test_codes_and_cases_are_listed() -> None:
    listed = run_inside("conformance", "codes", "--json").json
    assert [one["organ_id"] for one in listed] == list(Partner)
    assert all(one["vi"] and one["en"] for one in listed)
    assert "K99.LOST" in run_inside("conformance", "codes").out
    cases = run_inside("conformance", "cases", "--json").json
    assert {case["required"] for case in cases} == {True, False}
    assert "lost-answer" in run_inside("conformance", "cases").out


def test_the_docs_know_every_code() -> None:
    page = (ROOT / "docs" / "connect" / "conformance.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(K99\.[A-Z]+)`", page)) == set(BEHAVIOURS)


def test_a_mailbox_needs_a_mail_server_and_its_keys_belong_to_it_alone(tmp_path: Path) -> None:
    command = ["conformance", "run", "--report", tmp_path, "--system", "mail-1", "--port", "0"]
    for given, said in (
        (["--front", "mail"], "mail.smtp_host"),
        (["--front", "mail", "--mail", "smtp_host=127.0.0.1"], "from_address must be given with smtp_host"),
        (["--front", "mail", "--mail", "smtp_hots=127.0.0.1"], "mail.smtp_hots"),
        (["--front", "mail", "--mail", "smtp_host"], "--mail"),
        (["--front", "folder", "--mail", "smtp_host=127.0.0.1"], "only with --front mail"),
    ):
        ran = run_inside(*command, "--option", "address=vanthu@don-vi.invalid", *given)
        assert ran.code == 2, ran.err
        assert said in ran.err
