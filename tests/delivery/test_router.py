"""Where receivers are reached, and what is said about why."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from axis.clock import local_day
from axis.delivery.directory import Directory
from axis.delivery.explain import Calls, DecidedBy, Explanation, Said, explain
from axis.delivery.route_words import SENTENCES, sentence
from axis.delivery.router import Destination, Router, UplinkPrefixes
from axis.errors import AxisError, Code
from axis.keys import NodeKey
from axis.organ.model import Alias, Organ
from axis.store.records import Downtime, Hold, PartnerState, RouteRule, Service, System
from axis.store.registry import RegistrySnapshot
from axis.terms import Place

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
UPLINKS = (
    UplinkPrefixes(uplink_id="national"),
    UplinkPrefixes(uplink_id="bo", prefixes=("G17", "G17.5.3")),
    UplinkPrefixes(uplink_id="tinh", prefixes=("H30",)),
)
ROUTER = Router(("H24",), UPLINKS)


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> NodeKey:
    return NodeKey.create(tmp_path_factory.mktemp("key") / "node.key")


def organ(code: str, parent: str | None = None, successor: str | None = None, *, closed: bool = False) -> Organ:
    status = "closed" if closed or successor else "active"
    return Organ(
        organ_id=code, name=f"Cơ quan {code}", parent_id=parent, created_at=NOW, status=status, successor_id=successor
    )


ORGANS = (
    organ("H24"),
    organ("H24.11", "H24"),
    organ("H24.11.3", "H24.11"),
    organ("H24.11.3.1", "H24.11.3"),
    organ("H24.15", "H24"),
    organ("H24.16", "H24.15"),
    organ("H24.30", "H24", successor="H24.31"),
    organ("H24.31", "H24", successor="H24.15"),
    organ("H24.40", "H24", closed=True),
    organ("H24.77"),
    organ("G17.9"),  # of a ministry, and known here
    organ("DOANH-NGHIEP"),  # outside our tree, with a system here
)


def serves(
    organ_id: str, system_id: str, priority: int = 0, since: datetime = NOW, until: datetime | None = None
) -> Service:
    return Service(
        service_id=f"{organ_id}/{system_id}",
        organ_id=organ_id,
        system_id=system_id,
        priority=priority,
        valid_from=since,
        valid_until=until,
    )


SERVICES = (
    serves("H24.11", "yte"),
    serves("H24.15", "moi"),
    serves("H24.15", "cu", priority=1, until=LATER),
    serves("DOANH-NGHIEP", "dn"),
)


def rule(prefix: str, uplink_id: str, since: datetime = NOW, until: datetime | None = None) -> RouteRule:
    return RouteRule(
        rule_id=f"rule-{prefix}-{uplink_id}", prefix=prefix, uplink_id=uplink_id, valid_from=since, valid_until=until
    )


def directory(
    key: NodeKey, *rules: RouteRule, at: datetime = NOW, disabled: str = "", services: tuple[Service, ...] = SERVICES
) -> Directory:
    systems = tuple(
        System(system_id=name, name=name, front="vxp", enabled=name != disabled, may_register=False, created_at=NOW)
        for name in ("yte", "moi", "cu", "dn")
    )
    snapshot = RegistrySnapshot(
        version=1,
        organs=ORGANS,
        aliases=(Alias(alias="000.00.11.H24", organ_id="H24.11"),),
        names=(),
        routes={},
        routes_at=None,
        routes_due=False,
        services=services,
        rules=rules,
        systems=systems,
        credentials=(),
    )
    return Directory(snapshot.as_of(at), key, local_day(at))


@pytest.mark.parametrize(
    ("code", "place", "to"),
    [
        ("H24.11", Place.LOCAL, "yte"),
        ("000.00.11.H24", Place.LOCAL, "yte"),
        ("H24.11.3", Place.LOCAL, "yte"),
        ("H24.30", Place.LOCAL, "moi"),
        ("H24.77", Place.LOCAL, None),
        ("DOANH-NGHIEP", Place.LOCAL, "dn"),
        ("G17", Place.UPLINK, "bo"),
        ("G17.5", Place.UPLINK, "bo"),
        ("000.00.05.G17", Place.UPLINK, "bo"),
        ("G17.9", Place.UPLINK, "bo"),
        ("G170", Place.UPLINK, "national"),
        ("H30.1", Place.UPLINK, "tinh"),
        ("H57", Place.UPLINK, "national"),
    ],
)
def test_a_receiver_is_reached_by_the_nearest_rule(key: NodeKey, code: str, place: Place, to: str | None) -> None:
    known = directory(key)
    found = ROUTER.route(known, code)
    assert (found.place, found.uplink_id or known.route(found.organ)) == (place, to)


@pytest.mark.parametrize(("code", "told"), [("H24.99", Code.UNKNOWN_RECEIVER), ("H24.40", Code.RECEIVER_CLOSED)])
def test_what_is_inside_our_tree_never_goes_up(key: NodeKey, code: str, told: Code) -> None:
    rules = (rule("*", "bo"), rule("H24", "bo"), rule("H24.99", "bo"))  # as if they had got into the database
    with pytest.raises(AxisError) as refused:
        ROUTER.route(directory(key, *rules), code)
    assert refused.value.code is told


@pytest.mark.parametrize(
    ("code", "rules", "to"),
    [
        ("G17.1", [rule("G17", "tinh")], "tinh"),  # of one prefix the database stands before the settings
        ("G17.5.3.1", [rule("G17", "tinh"), rule("G17.5", "tinh")], "bo"),  # a longer one stands before a shorter one
        ("G17.5.4", [rule("G17.5", "tinh")], "tinh"),
        ("H57", [rule("*", "bo")], "bo"),
        ("H57", [rule("*", "bo"), rule("H57", "tinh")], "tinh"),
        ("G17.1", [rule("G17", "gone")], "bo"),  # to an uplink that the settings do not name any more
        ("G17.1", [rule("G17", "tinh", since=LATER)], "bo"),
        ("G17.1", [rule("G17", "tinh", until=NOW + timedelta(seconds=1))], "tinh"),
        ("G17.1", [rule("G17", "tinh", since=NOW - timedelta(1), until=NOW)], "bo"),
    ],
)
def test_a_rule_of_the_database_stands_before_the_settings(
    key: NodeKey, code: str, rules: list[RouteRule], to: str
) -> None:
    assert ROUTER.route(directory(key, *rules), code).uplink_id == to


def test_without_any_uplink_a_foreign_code_leads_nowhere(key: NodeKey) -> None:
    alone = Router(("H24",), ())
    with pytest.raises(AxisError) as refused:
        alone.route(directory(key), "H57")
    assert refused.value.code is Code.UNKNOWN_RECEIVER
    assert explain(alone, directory(key), "H24.11", "H57").decided_by is DecidedBy.NO_UPLINK
    assert explain(alone, directory(key), "H24.11", "G17.9").decided_by is DecidedBy.WAITS


@pytest.mark.parametrize(
    ("prefix", "uplink_id", "told"),
    [
        ("G17", "gone", Code.UNKNOWN_UPLINK),
        ("H24", "bo", Code.RULE_INSIDE_TREE),
        ("H24.99", "bo", Code.RULE_INSIDE_TREE),
        ("000.00.99.H24", "bo", Code.RULE_INSIDE_TREE),
        ("000.00.00.H24", "bo", Code.RULE_INSIDE_TREE),
        ("", "bo", Code.BAD_REQUEST),
        ("G17.*", "bo", Code.BAD_REQUEST),
        ("G17, G18", "bo", Code.BAD_REQUEST),
        ("G" * 129, "bo", Code.BAD_REQUEST),
        ("G\n17", "bo", Code.BAD_REQUEST),
    ],
)
def test_a_rule_that_cannot_be_is_refused(prefix: str, uplink_id: str, told: Code) -> None:
    with pytest.raises(AxisError) as refused:
        ROUTER.check_rule(prefix, uplink_id)
    assert refused.value.code is told


@pytest.mark.parametrize(("prefix", "form"), [("G17.", "G17"), (" G17 ", "G17"), ("000.00.00.G17", "G17"), ("*", "*")])
def test_a_rules_prefix_is_kept_in_canonical_form(prefix: str, form: str) -> None:
    assert ROUTER.check_rule(prefix, "bo") == form


def test_both_systems_may_send_while_they_stand_beside_each_other(key: NodeKey) -> None:
    both = directory(key)
    assert both.route("H24.16") == "moi"
    assert [name for name in ("moi", "cu", "yte") if both.serves(name, "H24.16")] == ["moi", "cu"]
    assert not directory(key, at=LATER).serves("cu", "H24.16")
    assert (both.next_change, directory(key, at=LATER).next_change) == (LATER, None)


# ── explaining ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sender", "code", "decided_by", "said"),
    [
        ("H24.15", "H24.11", DecidedBy.OWN_SYSTEM, Said.CANONICAL),
        ("H24.15", "000.00.11.H24", DecidedBy.OWN_SYSTEM, Said.ALIAS),
        ("H24.15", "H24.11.3", DecidedBy.ANCESTOR_SYSTEM, Said.ABOVE_SYSTEM),
        ("H24.11", "H24.30", DecidedBy.OWN_SYSTEM, Said.SUCCEEDED),
        ("H24.11", "H24.16", DecidedBy.ANCESTOR_SYSTEM, Said.BESIDE),
        ("H24.11", "H24.77", DecidedBy.WAITS, Said.INSIDE_TREE),
        ("H24.11", "000.00.00.H24", DecidedBy.WAITS, Said.OLD_FORM),
        ("H24.11", "H24.40", DecidedBy.CLOSED, Said.CLOSED),
        ("H24.11", "H24.99", DecidedBy.UNKNOWN_IN_TREE, Said.UNREGISTERED),
        ("H24.11", "G17.1", DecidedBy.SETTING, Said.SETTING_FITS),
        ("H24.11", "G12.1", DecidedBy.RULE, Said.RULE_FITS),
        ("H24.11", "G13.1", DecidedBy.DEFAULT, Said.RULE_PASSED_OVER),
        ("H24.11", "H57", DecidedBy.DEFAULT, Said.OUTSIDE_TREE),
        ("G17.1", "H24.11", DecidedBy.OWN_SYSTEM, Said.SENDER_FOREIGN),
        ("G17.1", "H57", DecidedBy.ELSEWHERE, Said.ELSEWHERE),
        ("G17.1", "H24.99", DecidedBy.ELSEWHERE, Said.ELSEWHERE),
        ("H24.99", "H24.11", DecidedBy.SENDER_UNKNOWN, Said.SENDER_UNKNOWN),
        ("H24.77", "H24.11", DecidedBy.OWN_SYSTEM, Said.SENDER_UNSERVED),
    ],
)
def test_an_explanation_names_the_rule_that_decides(
    key: NodeKey, sender: str, code: str, decided_by: DecidedBy, said: Said
) -> None:
    known = directory(key, rule("G12", "tinh"), rule("G13", "gone"))
    found = explain(ROUTER, known, sender, code)
    assert found.decided_by is decided_by
    assert said in [step.said for step in found.steps]
    leads = decided_by not in {
        DecidedBy.WAITS,
        DecidedBy.CLOSED,
        DecidedBy.UNKNOWN_IN_TREE,
        DecidedBy.ELSEWHERE,
        DecidedBy.SENDER_UNKNOWN,
    }
    assert found.leads_somewhere is leads


def test_exactly_one_rule_is_said_to_decide(key: NodeKey) -> None:
    found = explain(ROUTER, directory(key, rule("G17", "tinh"), rule("*", "bo")), "H24.11", "G17.1")
    assert [(step.said, step.facts["decides"]) for step in found.steps if "decides" in step.facts] == [
        (Said.RULE_FITS, "yes"),
        (Said.SETTING_FITS, "no"),
        (Said.DEFAULT_RULE, "no"),
        (Said.DEFAULT, "no"),
    ]


def test_a_disabled_system_is_named_as_what_holds_documents_up(key: NodeKey) -> None:
    found = explain(ROUTER, directory(key, disabled="yte"), "H24.15", "H24.11.3")
    assert found.system_id == "yte"
    assert [step.facts.get("system") for step in found.steps if step.said is Said.SYSTEM_DISABLED] == ["yte"]


def test_another_moment_has_its_own_routes(key: NodeKey) -> None:
    planned = (serves("H24.11", "yte", until=LATER), serves("H24.11", "moi", since=LATER))
    answers = [
        explain(ROUTER, directory(key, at=at, services=planned), "H24.11", "H24.11.3").system_id for at in (NOW, LATER)
    ]
    assert answers == ["yte", "moi"]


def test_the_explanation_is_what_the_router_does_for_any_rules(key: NodeKey) -> None:
    chance = random.Random(11)
    codes = [o.organ_id for o in ORGANS] + [
        "H24.99",
        "G17",
        "G17.5.3.1",
        "H30.1",
        "H57",
        "000.00.05.G17",
        "000.00.11.H24",
    ]
    seen = set()
    for _ in range(400):
        prefixes = chance.sample(["G17", "G17.5", "H57", "*", "H30", "H24", "H24.99"], chance.randint(0, 4))
        rules = [rule(prefix, chance.choice(["national", "bo", "tinh", "gone"])) for prefix in prefixes]
        services = tuple(chance.sample(SERVICES, chance.randint(0, 4)))
        uplinks = tuple(chance.sample(UPLINKS, chance.randint(0, 3)))
        router, known = Router(("H24",), uplinks), directory(key, *rules, services=services)
        code = chance.choice(codes)
        found = explain(router, known, "H24.11", code)
        _agrees(router, known, code, found)
        seen.add(found.decided_by)
    assert seen == set(DecidedBy) - {DecidedBy.ELSEWHERE, DecidedBy.SENDER_UNKNOWN}


def _agrees(router: Router, known: Directory, code: str, found: Explanation) -> None:
    expected, error = _routed(router, known, code)
    assert (found.destination, found.error) == (expected, error)
    if expected is None:
        assert found.decided_by in (DecidedBy.CLOSED, DecidedBy.UNKNOWN_IN_TREE, DecidedBy.NO_UPLINK)
        return
    if expected.place is Place.UPLINK:
        (decisive,) = [step for step in found.steps if step.facts.get("decides") == "yes"]
        assert decisive.facts["uplink"] == expected.uplink_id
        return
    words = {DecidedBy.OWN_SYSTEM: True, DecidedBy.ANCESTOR_SYSTEM: False}
    system = known.route(expected.organ)
    if system is None:
        assert found.decided_by is DecidedBy.WAITS
    else:
        assert (known.via(expected.organ) == expected.organ) is words[found.decided_by]


def _routed(router: Router, known: Directory, code: str) -> tuple[Destination | None, Code | None]:
    try:
        return router.route(known, code), None
    except AxisError as e:
        return None, e.code


def test_an_axis_beside_us_is_reached_by_our_senders_only(key: NodeKey) -> None:
    router, known = Router(("H24",), UPLINKS, ("dn",)), directory(key)
    assert not router.is_ours(known, "DOANH-NGHIEP")
    assert router.is_ours(known, "H24.11")
    assert router.route(known, "DOANH-NGHIEP").place is Place.LOCAL
    assert router.route_inward(known, "DOANH-NGHIEP").place is Place.ELSEWHERE
    ours = explain(router, known, "H24.11", "DOANH-NGHIEP")
    assert (ours.decided_by, ours.system_id, ours.leads_somewhere) == (DecidedBy.OWN_SYSTEM, "dn", True)
    other = explain(router, known, "H57", "DOANH-NGHIEP")
    assert (other.decided_by, other.system_id, other.leads_somewhere) == (DecidedBy.ELSEWHERE, None, False)
    back = explain(router, known, "DOANH-NGHIEP", "H57")
    assert (back.decided_by, back.leads_somewhere) == (DecidedBy.ELSEWHERE, False)
    assert explain(router, known, "DOANH-NGHIEP", "H24.11").system_id == "yte"


def _downtime(partner_id: str, since: datetime) -> Downtime:
    ends = since + timedelta(hours=4)
    return Downtime(downtime_id="d", partner_id=partner_id, starts_at=since, ends_at=ends, reason="bảo trì", actor="t")


def test_what_waits_at_the_end_of_the_way_is_said(key: NodeKey) -> None:
    known = directory(key)
    down = {"bo": PartnerState(partner_id="bo", state="down", since=NOW, last_error="no answer in time")}
    calls = Calls(at=NOW, downtimes=(_downtime("national", NOW), _downtime("tinh", LATER)), down=down)
    said = {
        code: [step.said for step in explain(ROUTER, known, "H24.11", code, calls).steps][-2:]
        for code in ("H57", "H30.1", "G17.1", "H24.15")
    }
    assert said == {
        "H57": [Said.PAUSED, Said.TO_UPLINK],
        "H30.1": [Said.PAUSE_PLANNED, Said.TO_UPLINK],
        "G17.1": [Said.DOWN, Said.TO_UPLINK],
        "H24.15": [Said.BESIDE, Said.TO_SYSTEM],
    }
    (paused,) = [step for step in explain(ROUTER, known, "H24.11", "H57", calls).steps if step.said is Said.PAUSED]
    assert "từ 09:00 24/11/2026 đến 13:00 24/11/2026 (bảo trì)" in sentence(paused, "vi")
    assert explain(ROUTER, known, "H24.11", "H57", calls).leads_somewhere


@pytest.mark.parametrize(
    ("held", "code", "is_held"),
    [
        ({"sender": "H24.11"}, "H57", True),
        ({"sender": "H24.11"}, "H24.15", True),
        ({"sender": "H24.15"}, "H57", False),
        ({"receiver": "H24.15"}, "H24.30", True),  # it succeeds H24.30
        ({"receiver": "H24.15"}, "H57", False),
        ({"partner_id": "national"}, "H57", True),
        ({"partner_id": "moi"}, "H24.15", True),
        ({"partner_id": "moi", "sender": "H24.16"}, "H24.15", False),
        ({"partner_id": "national"}, "H24.99", False),  # refused
    ],
)
def test_what_is_held_back_is_said(key: NodeKey, held: dict[str, str], code: str, is_held: bool) -> None:
    calls = Calls(at=NOW, holds=(_hold(**held),))
    found = explain(ROUTER, directory(key), "000.00.11.H24", code, calls)
    assert (Said.HELD in [step.said for step in found.steps]) is is_held


def _hold(**held: str) -> Hold:
    values: dict[str, str | None] = {"sender": None, "receiver": None, "partner_id": None, **held}
    return Hold(hold_id="h1", starts_at=NOW, ends_at=None, reason="kiểm tra", actor="t", **values)


def test_each_step_has_its_sentences(key: NodeKey) -> None:
    assert set(SENTENCES) == set(Said)
    known = directory(key, rule("G12", "tinh"), rule("G13", "gone"), rule("*", "bo"), disabled="yte")
    codes = ["H24.11", "000.00.11.H24", "000.00.00.H24", "H24.11.3.1", "H24.16", "H24.30", "H24.40", "H24.77", "H24.99"]
    found = [explain(ROUTER, known, "H24.15", code) for code in (*codes, "G12.1", "G13.1", "G17.1", "H57")]
    found += [explain(ROUTER, known, sender, "H57") for sender in ("G1", "H24.99", "H24.77")]
    found.append(explain(Router(("H24",), ()), directory(key), "H24.15", "H57"))
    found.append(explain(Router(("H24",), (), ("yte",)), directory(key), "G1", "H24.11"))
    down = {"national": PartnerState(partner_id="national", state="down", since=NOW)}
    calls = Calls(
        at=NOW,
        downtimes=(_downtime("national", NOW), _downtime("national", LATER)),
        down=down,
        holds=(_hold(partner_id="national"),),
    )
    found.append(explain(ROUTER, known, "H24.15", "H99", calls))
    found.append(explain(ROUTER, directory(key), "H24.15", "H99", calls))
    steps = [step for one in found for step in one.steps]
    assert {step.said for step in steps} == set(Said)
    for step in steps:
        vi, en = sentence(step, "vi"), sentence(step, "en")
        assert "{" not in vi + en
        assert vi != en
        assert vi.endswith(".")
        assert en.endswith(".")


def test_a_code_of_very_many_parts_is_looked_up_without_trouble(key: NodeKey) -> None:
    assert ROUTER.route(directory(key), "a" + ".a" * 63).uplink_id == "national"
