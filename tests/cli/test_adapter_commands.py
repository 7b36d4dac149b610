"""An administrator lists adapters, and finds out why a partner cannot be reached."""

from pathlib import Path

from axis.demo.processes import free_port
from tests.adapters.somebody import distribution, installed
from tests.cli.conftest import Home, run_axis, run_inside

ROOT = Path(__file__).parents[2]


def test_adapters_are_listed_with_their_options_and_secrets() -> None:
    listed = {one["adapter"]: one for one in run_inside("adapter", "list", "--json").json}
    assert listed["vxp"]["purpose"]["vi"].startswith("Trục khác")
    options = {one["name"]: one for one in listed["vxp"]["options"]}
    assert (options["timeout_s"]["unit"], options["timeout_s"]["default"]) == ("s", "60.0")
    assert (options["secret"]["secret"], options["secret"]["required"]) == (True, True)
    table = run_inside("adapter", "list", "vxp")
    assert "bí mật / secret" in table.out
    assert "mail" not in table.out
    assert run_inside("adapter", "list", "telex").code == 1


def test_an_adapter_of_another_package_is_listed_by_a_process_of_its_own(tmp_path: Path) -> None:
    folder = distribution(
        tmp_path / "site", "axis-somebody", {"somebody": "tests.adapters.somebody", "ghost": "no.such.module"}
    )
    ran = run_axis("adapter", "list", "--json", PYTHONPATH=f"{folder}:{ROOT}")
    assert ran.code == 0, ran.err
    listed = {one["adapter"]: one for one in ran.json}
    assert listed["somebody"]["distribution"] == "axis-somebody 1.2"
    assert [one["name"] for one in listed["somebody"]["options"] if one["secret"]] == ["password"]
    assert (listed["ghost"]["usable"], listed["vxp"]["usable"]) == (False, True)
    assert "no" in listed["ghost"]["problem"]


def test_a_partner_is_checked_and_what_is_wrong_is_said(home: Home, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("bí mật")
    endpoint = f"http://127.0.0.1:{free_port()}/vxp"
    ran = home.axis(
        *("system", "add", "so-xd", "--serves", "H24.3", "--adapter", "vxp", "--option", f"endpoint={endpoint}"),
        *("--option", "system_id=H24", "--secret-file", f"secret={tmp_path / 'secret'}"),
    )
    assert ran.code == 0, ran.err
    ran = home.axis("adapter", "check", "so-xd", "--json")
    assert ran.code == 1
    assert (ran.json["good"], ran.json["steps"][-1]["fault"]) == (False, "connection_refused")
    ran = home.axis("adapter", "check", "so-xd")
    assert (ran.code, "✗" in ran.out) == (1, True)
    assert "kiểm tra cổng" in ran.err
    assert "check the port" in ran.err
    assert "bí mật" not in ran.out + ran.err


def test_what_cannot_be_checked(home: Home) -> None:
    assert home.axis("adapter", "check", "nobody").code == 1
    assert home.axis("system", "add", "so-xd", "--serves", "H24.3").code == 0
    ran = home.axis("adapter", "check", "so-xd")
    assert (ran.code, "fetches its packages itself" in ran.err) == (2, True)


def test_an_adapter_of_another_package_can_be_connected(home: Home, tmp_path: Path) -> None:
    folder = distribution(tmp_path / "site", "axis-somebody", {"somebody": "tests.adapters.somebody"})
    (tmp_path / "password").write_text("abcd")
    with installed(folder):
        ran = home.axis(
            *("system", "add", "so-xd", "--serves", "H24.3", "--adapter", "somebody"),
            *("--option", f"url=http://127.0.0.1:{free_port()}/", "--secret-file", f"password={tmp_path / 'password'}"),
        )
        assert ran.code == 0, ran.err
        assert home.axis("adapter", "check", "so-xd").code == 1
