"""`axis route …` and `axis system move|release`."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from axis.clock import VIETNAM
from tests.cli.conftest import Home

UPLINK = """
[[uplink]]
id = "{id}"
endpoint = "http://127.0.0.1:9/vxp"
system_id = "hp"
secret_file = "none"
prefixes = {prefixes}
"""


@pytest.fixture
def routed(home: Home) -> Home:
    """A node with two departments' systems and two uplinks."""
    with home.config.open("a") as file:
        file.write(UPLINK.format(id="national", prefixes="[]") + UPLINK.format(id="bo", prefixes='["G17"]'))
    for system, organ in (("dms-a", "H24.3"), ("dms-b", "H24.5")):
        assert home.axis("system", "add", system, "--serves", organ).code == 0
    return home


def explain(home: Home, receiver: str, *more: str, sender: str = "H24.5") -> Any:
    ran = home.axis("route", "explain", sender, receiver, "--json", *more)
    return {"code": ran.code, **ran.json}


def test_a_rule_is_added_listed_explained_and_removed(routed: Home) -> None:
    added = routed.axis("route", "add", "000.00.00.G12", "--uplink", "bo", "--note", "trục bộ")
    assert added.code == 0, added.err
    assert "G12" in added.err
    listed = routed.axis("route", "list", "--json").json["rules"]
    assert [(row["prefix"], row["uplink"], row["source"]) for row in listed] == [
        ("G12", "bo", "database"),
        ("G17", "bo", "settings"),
        ("*", "national", "settings"),
    ]
    found = explain(routed, "G12.5")
    assert (found["code"], found["decided_by"], found["uplink"]) == (0, "rule", "bo")
    assert added.json["id"] in {step.get("rule") for step in found["steps"]}
    assert routed.axis("route", "remove", added.json["id"]).code == 0
    assert explain(routed, "G12.5")["uplink"] == "national"
    assert len(routed.axis("route", "list", "--json").json["rules"]) == 2
    kept = routed.axis("route", "list", "--json", "--all").json["rules"]
    assert [row["state"] for row in kept] == ["ended", "in_force", "in_force"]
    assert "G17" in routed.axis("route", "list").out


def test_an_explanation_of_another_moment_uses_the_rules_of_that_moment(routed: Home) -> None:
    later = f"{datetime.now(VIETNAM) + timedelta(days=9):%Y-%m-%dT%H:%M}"
    assert routed.axis("route", "add", "G12", "--uplink", "bo", "--from", later).code == 0
    assert explain(routed, "G12.5")["uplink"] == "national"
    assert explain(routed, "G12.5", "--at", later)["uplink"] == "bo"


def test_an_explanation_for_people_is_in_both_languages_and_ends_with_the_result(routed: Home) -> None:
    ran = routed.axis("route", "explain", "H24.5", "H24.3.12")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert "Cấp trên gần nhất có hệ thống: H24.3, dms-a." in ran.out
    assert "The nearest above it that has one: H24.3, dms-a." in ran.out
    assert lines[-1].strip() == "Result: H24.3.12 is reached by the system dms-a."


@pytest.mark.parametrize(
    ("sender", "receiver", "decided_by"),
    [
        ("H24.5", "H24.999", "unknown_in_tree"),
        ("H24.5", "H24.7", "waits"),
        ("H24.999", "H24.3", "sender_unknown"),
        ("G1", "G2", "elsewhere"),
    ],
)
def test_what_leads_nowhere_has_exit_code_1(routed: Home, sender: str, receiver: str, decided_by: str) -> None:
    found = explain(routed, receiver, sender=sender)
    assert (found["code"], found["decided_by"], found["leads_somewhere"]) == (1, decided_by, False)


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("route", "add", "H24.3", "--uplink", "bo"), 1, "rule_inside_tree"),
        (("route", "add", "G12", "--uplink", "nobody"), 1, "unknown_uplink"),
        (("route", "add", "G12", "--uplink", "bo", "--until", "2020-01-01"), 2, "bad_request"),
        (("route", "add", "G12", "--uplink", "bo", "--from", "tomorrow"), 2, "bad_request"),
        (("route", "remove", "nothing"), 1, "not_found"),
        (("system", "move", "H24.999", "--to", "dms-b"), 1, "not_found"),
        (("system", "move", "H24.3", "--to", "nobody"), 1, "not_found"),
        (("system", "move", "H24.3", "--to", "dms-b", "--parallel-until", "2020-01-01"), 2, "bad_request"),
        (("system", "release", "H24.3", "--from", "dms-b"), 1, "not_found"),
    ],
)
def test_bad_input_is_refused_with_its_code(routed: Home, arguments: tuple[str, ...], code: int, word: str) -> None:
    before = routed.axis("route", "list", "--json", "--all").json
    ran = routed.axis(*arguments)
    assert (ran.code, f"[{word}]" in ran.err) == (code, True), ran.err
    assert routed.axis("route", "list", "--json", "--all").json == before


def test_a_second_rule_in_the_same_time_is_refused(routed: Home) -> None:
    assert routed.axis("route", "add", "G12", "--uplink", "bo").code == 0
    assert routed.axis("route", "add", "G12", "--uplink", "bo").code == 0  # says nothing new
    refused = routed.axis("route", "add", "G12", "--uplink", "national")
    assert (refused.code, "[validity_overlaps]" in refused.err) == (1, True)


def test_an_explanation_says_that_a_partner_is_not_called_now(routed: Home) -> None:
    soon, later = (f"{datetime.now(VIETNAM) + timedelta(days=days):%Y-%m-%dT%H:%M}" for days in (1, 2))
    for partner, more in (("bo", ()), ("national", ("--from", soon))):
        ran = routed.axis("partners", "pause", partner, "--until", later, "--reason", "bảo trì", *more)
        assert ran.code == 0, ran.err
    steps = {code: [step["step"] for step in explain(routed, code)["steps"]] for code in ("G17.1", "H57", "H24.3")}
    assert steps["G17.1"][-2:] == ["paused", "to_uplink"]
    assert steps["H57"][-2:] == ["pause_planned", "to_uplink"]
    assert not {"paused", "pause_planned"} & set(steps["H24.3"])
    assert "paused" in [step["step"] for step in explain(routed, "H57", "--at", soon)["steps"]]
    ran = routed.axis("route", "explain", "H24.5", "G17.1")
    assert "bảo trì" in ran.out
    assert routed.axis("holds", "add", "--reason", "kiểm tra", "--receiver", "H24.3").code == 0
    ran = routed.axis("route", "explain", "H24.5", "H24.3")
    assert (ran.code, "kiểm tra" in ran.out) == (0, True)


def test_an_organisation_moves_and_the_former_system_stays_beside_for_a_time(routed: Home) -> None:
    until = f"{datetime.now(VIETNAM) + timedelta(days=9):%Y-%m-%d}"
    moved = routed.axis("system", "move", "000.00.03.H24", "--to", "dms-b", "--parallel-until", until)
    assert moved.code == 0, moved.err
    assert "H24.3: dms-a → dms-b" in moved.err
    found = explain(routed, "H24.3.12")
    assert found["system"] == "dms-b"
    assert "dms-a" in [step.get("systems") for step in found["steps"] if step["step"] == "beside"]
    listed = routed.axis("route", "list", "--json").json["services"]
    assert [(row["organ"], row["system"], row["priority"]) for row in listed] == [("H24.3", "dms-a", 1)]
    again = routed.axis("system", "move", "H24.3", "--to", "dms-b")
    assert (again.code, "already" in again.err) == (0, True)
    assert routed.axis("system", "release", "H24.3", "--from", "dms-b").code == 0
    assert explain(routed, "H24.3.12")["system"] == "dms-a"


def test_a_disabled_system_is_no_target_and_is_named_by_the_explanation(routed: Home) -> None:
    assert routed.axis("system", "disable", "dms-b").code == 0
    refused = routed.axis("system", "move", "H24.3", "--to", "dms-b")
    assert (refused.code, "[system_disabled]" in refused.err) == (1, True)
    assert "system_disabled" in [step["step"] for step in explain(routed, "H24.5", sender="H24.3")["steps"]]
