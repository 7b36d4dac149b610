"""A demo is a success only if everything that should come back came back, once."""

import io
import shutil
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console

from axis.clock import SystemClock
from axis.demo import cast as people
from axis.demo import show
from axis.demo.cast import AGENCIES
from axis.demo.city import Crew, Running
from axis.demo.dms import Dms, Pace
from axis.demo.ledger import Expected, Ledger, StatusArrival
from axis.demo.pki import Pki
from axis.demo.prepare import DemoFolder, Ports, held, organ_names, prepare
from axis.demo.processes import NodeProcess, check_port_free, free_port
from axis.demo.report import Report, SentLine
from axis.edxml.model import StatusPackage
from axis.errors import Code, Malformed, WrongState
from axis.keys import token_digest
from axis.ops.access import open_access
from axis.settings import read_settings
from axis.store.api import find_token
from axis.terms import StatusCode
from axis.trust.certs import load_trust_store
from axis.trust.envelope import verify_envelope
from axis.trust.model import Overall
from axis.trust.occasion import Occasion
from axis.trust.paths import Judge
from axis.trust.policy import Policy

CLOCK = SystemClock()


class Silent:
    """A system that hands everything in, and whose receivers never answer."""

    def __init__(self) -> None:
        self.sent = 0

    async def send(self, package: object, **_: bool) -> str:
        assert not isinstance(package, StatusPackage)
        self.sent += 1
        return "always the same"


async def test_what_does_not_come_back_in_time_makes_the_demo_fail(capsys: pytest.CaptureFixture[str]) -> None:
    systems = {agency.system_id: Silent() for agency in AGENCIES}
    node = NodeProcess(Path("none/axis.toml"), 1)
    city = Running(city=node, national=node, systems=cast("dict[str, Dms]", systems))
    crew = Crew(ledger=Ledger(), clock=CLOCK, pace=Pace(), remembers=False)
    outcome = await show._play(city, crew, 0.3)
    assert not outcome.ok
    assert (outcome.statuses, outcome.expected > 40) == (0, True)
    assert sum(system.sent for system in systems.values()) == 7
    assert "missing: status 06 of H24.42" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("statuses", "problems", "ok"), [(68, (), True), (67, (), False), (68, ("came twice",), False)]
)
def test_a_demo_is_well_only_when_all_came_and_nothing_else_happened(
    statuses: int, problems: tuple[str, ...], ok: bool
) -> None:
    assert show.Outcome(statuses=statuses, expected=68, problems=problems).ok is ok


def report(*, terminal: bool) -> tuple[Report, Callable[[], str]]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120, color_system=None)
    return Report(organ_names(), console), out.getvalue


@pytest.mark.parametrize("terminal", [True, False])
def test_the_report_shows_document_receiver_status_and_time(terminal: bool) -> None:
    at = CLOCK.now()
    shown, text = report(terminal=terminal)
    with shown:
        shown.show_sent(
            SentLine(
                document_id="d1",
                number="12/SXD",
                note="trong thành phố",
                sender="H24.3",
                receivers=("H24.42", "H24.41"),
                at=at,
            )
        )
        for organ, status, seconds in (
            ("H24.42", StatusCode.ARRIVED, 1.5),
            ("H24.42", StatusCode.ACCEPTED, 2),
            ("H24.41", StatusCode.REFUSED, 3),
        ):
            shown.show_status(
                StatusArrival(
                    system_id="so-xd",
                    organ=organ,
                    document_id="d1",
                    status=status,
                    at=at + timedelta(seconds=seconds),
                )
            )
        shown.show_verdict("d1", Overall.VALID_WITH_WARNINGS)
        shown.show_missing([Expected(document_id="d1", organ="H24.41", status=StatusCode.COMPLETED)])
    printed = text()
    if terminal:
        last = printed[printed.rindex("Văn bản") :]
        for part in ("12/SXD", "Phường Lê Chân", "Phường Hồng Bàng", "1.5", "03: 2.0", "02: 3.0", "Hợp lệ, có lưu ý"):
            assert part in last
    else:
        lines = printed.splitlines()
        assert len(lines) == 6
        assert lines[4] == "verdict 12/SXD valid-with-warnings: Hợp lệ, có lưu ý"
        assert [line.split()[1:3] for line in lines[1:4]] == [["status", "01"], ["status", "03"], ["status", "02"]]
        assert "Từ chối tiếp nhận" in lines[3]
    assert "missing: status 06 of H24.41 on 12/SXD" in printed


async def prepared(folder: DemoFolder, ports: Ports) -> list[str]:
    steps: list[str] = []
    await prepare(folder, ports, CLOCK, steps.append)
    return steps


async def test_a_city_is_prepared_once_and_follows_its_ports(tmp_path: Path) -> None:
    folder = DemoFolder(path=tmp_path / "city")
    with held(folder):
        assert len(await prepared(folder, Ports(city=9001, national=9002))) == 3
    assert folder.login.stat().st_mode & 0o777 == 0o600
    password = folder.login.read_text()
    config = folder.config(people.CITY)
    config.write_text(config.read_text().replace("page_rows = 30", "page_rows = 7").replace("# page_rows", "page_rows"))
    with held(folder):
        assert await prepared(folder, Ports(city=9011, national=9012)) == []
    city, national = read_settings(config), read_settings(folder.config(people.NATIONAL))
    assert (city.server.port, national.server.port) == (9011, 9012)
    assert (city.uplink[0].endpoint, national.uplink) == ("http://127.0.0.1:9012/vxp", ())
    assert (city.console.page_rows, folder.login.read_text()) == (7, password)
    assert (city.node.role, national.node.role) == ("city", "national")


async def test_both_nodes_trust_the_demos_authorities_and_a_city_of_before_learns_it(tmp_path: Path) -> None:
    folder, ports = DemoFolder(path=tmp_path / "city"), Ports(city=9001, national=9002)
    with held(folder):
        await prepared(folder, ports)
    places = [folder.config(node).parent / "trust" for node in (people.CITY, people.NATIONAL)]
    names = {path.name for path in Pki(folder=folder.pki).trust.iterdir()}
    assert [{path.name for path in place.iterdir()} for place in places] == [names, names]
    verdict = verify_envelope(
        folder.sample.read_bytes(), Judge(load_trust_store(places[0]), Policy()), Occasion(at=CLOCK.now())
    )
    assert verdict.overall is Overall.VALID
    for place in places:  # as it was before the demo signed
        shutil.rmtree(place)
    shutil.rmtree(folder.pki)
    with held(folder):
        assert await prepared(folder, ports) == []
    assert [{path.name for path in place.iterdir()} for place in places] == [names, names]


async def test_each_agency_gets_a_token_for_its_own_node_and_one_that_has_none_gets_another(tmp_path: Path) -> None:
    folder, ports = DemoFolder(path=tmp_path / "city"), Ports(city=9001, national=9002)
    with held(folder):
        await prepared(folder, ports)
    before = {agency: folder.token(agency).read_text().strip() for agency in AGENCIES}
    office, others = AGENCIES[0], AGENCIES[1:]
    folder.token(office).unlink()  # as it was before agencies called the API
    with held(folder):
        assert await prepared(folder, ports) == []
    now = {agency: folder.token(agency).read_text().strip() for agency in AGENCIES}
    assert (len({*before.values(), *now.values()}), [now[one] == before[one] for one in others]) == (9, [True] * 7)
    assert {folder.token(agency).stat().st_mode & 0o777 for agency in AGENCIES} == {0o600}
    for node in (people.CITY, people.NATIONAL):
        async with open_access(read_settings(folder.config(node))) as access:
            for agency, token in now.items():
                found = await access.store.read(lambda conn, token=token: find_token(conn, token_digest(token)))
                assert (found and found.system_id) == (agency.system_id if agency.node == node else None)


async def test_a_preparation_that_was_cut_off_is_done_anew(tmp_path: Path) -> None:
    folder = DemoFolder(path=tmp_path)

    def cut(step: str) -> None:
        if "thành phố" in step:
            raise KeyboardInterrupt

    with held(folder), pytest.raises(KeyboardInterrupt):
        await prepare(folder, Ports(city=9001, national=9002), CLOCK, cut)
    with held(folder):
        assert len(await prepared(folder, Ports(city=9001, national=9002))) == 3
    assert folder.state == "prepared"


async def test_a_folder_that_is_no_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "city").mkdir()
    (tmp_path / "city" / "precious.txt").write_text("mine")
    folder = DemoFolder(path=tmp_path)
    with held(folder), pytest.raises(Malformed) as refused:
        await prepared(folder, Ports(city=9001, national=9002))
    assert refused.value.code is Code.BAD_FILE
    assert (tmp_path / "city" / "precious.txt").read_text() == "mine"


def test_a_folder_has_one_demo_at_a_time(tmp_path: Path) -> None:
    folder = DemoFolder(path=tmp_path)
    with held(folder), pytest.raises(Malformed, match="another demo"), held(folder):
        raise AssertionError
    with held(folder):
        pass


def test_a_port_in_use_is_noticed_before_anything_is_touched(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for ports in (Ports(city=port, national=free_port()), Ports(city=free_port(), national=port)):
            with pytest.raises(WrongState) as refused:
                show.run_city(tmp_path / "city", ports)
            assert (refused.value.code, refused.value.at) == (Code.PORT_BUSY, f"127.0.0.1:{port}")
    assert not (tmp_path / "city").exists()
    check_port_free(port)


def test_a_city_needs_two_ports(tmp_path: Path) -> None:
    with pytest.raises(Malformed) as refused:
        show.run_city(tmp_path / "city", Ports(city=9001, national=9001))
    assert refused.value.code is Code.BAD_REQUEST
