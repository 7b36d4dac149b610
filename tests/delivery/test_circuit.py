"""How much a partner is asked at once, and when it is left alone."""

from datetime import UTC, datetime, timedelta

from axis.delivery.circuit import Circuit, CircuitPolicy
from axis.delivery.shares import Wish, share

NOW = datetime(2026, 11, 24, tzinfo=UTC)
POLICY = CircuitPolicy(failures=3, open_s=30, most_open_s=100, first_places=2, most_places=5)


def after(circuit: Circuit, *outcomes: bool, at: datetime = NOW) -> Circuit:
    for reached in outcomes:
        circuit = circuit.succeeded(POLICY) if reached else circuit.failed(POLICY, at)
    return circuit


def test_a_partner_that_answers_gets_one_place_more_for_each_round_up_to_the_most() -> None:
    circuit = Circuit.begin(POLICY)
    assert [after(circuit, *[True] * n).places for n in (1, 2, 4, 5, 9, 14, 99)] == [2, 3, 3, 4, 5, 5, 5]


def test_failures_halve_the_places_and_in_a_row_open_the_circuit() -> None:
    busy = after(Circuit.begin(POLICY), *[True] * 20)
    assert after(busy, False).places == 2
    assert after(busy, False, False).places == 1
    assert not after(busy, False, False).is_open
    assert not after(busy, False, False, True, False, False).is_open  # not in a row
    opened = after(busy, False, False, False)
    assert (opened.is_open, opened.open_until) == (True, NOW + timedelta(seconds=30))


def test_what_was_under_way_when_it_opened_changes_nothing() -> None:
    opened = after(Circuit.begin(POLICY), False, False, False)
    assert after(opened, False, False, False) == opened


def test_the_pauses_double_up_to_the_longest_and_end_with_success() -> None:
    circuit, at, pauses = after(Circuit.begin(POLICY), False, False, False), NOW, []
    for _ in range(4):
        assert circuit.open_until is not None
        pauses.append((circuit.open_until - at).total_seconds())
        at = circuit.open_until
        assert not circuit.may_probe(at - timedelta(seconds=1))
        assert circuit.may_probe(at)
        circuit = circuit.failed(POLICY, at)
    assert pauses == [30, 60, 100, 100]
    assert circuit.succeeded(POLICY) == Circuit.begin(POLICY)


def test_after_a_healthy_word_few_packages_go_and_one_failure_opens_it_for_longer() -> None:
    opened = after(Circuit.begin(POLICY), *[True] * 20, False, False, False)
    trial = opened.seems_back(POLICY)
    assert (trial.is_open, trial.places) == (False, 2)
    again = trial.failed(POLICY, NOW)
    assert (again.is_open, again.open_until) == (True, NOW + timedelta(seconds=60))
    assert trial.succeeded(POLICY).failed(POLICY, NOW).is_open is False


def wish(partner_id: str, *urgencies: int, running: int = 0) -> Wish[str]:
    work = tuple(f"{partner_id}{n}" for n in range(len(urgencies)))
    return Wish(partner_id=partner_id, work=work, urgencies=urgencies, running=running)


def test_the_most_urgent_come_first_whoever_they_are_for() -> None:
    given = share([wish("a", 4, 0, 0), wish("b", 3, 3, 0)], places=100, free=3)
    assert given == {"a": ["a0"], "b": ["b0", "b1"]}


def test_among_equals_whoever_has_the_fewest_places_comes_first() -> None:
    all_of_it = share([wish("a", *[0] * 9, running=6), wish("b", *[0] * 9), wish("c", *[0] * 9)], places=100, free=90)
    assert [len(rows) for rows in all_of_it.values()] == [9, 9, 9]
    few = share([wish("a", *[0] * 9, running=6), wish("b", *[0] * 9), wish("c", *[0] * 9)], places=16, free=10)
    assert len(few["a"]) == 0
    assert (len(few["b"]), len(few["c"])) == (3, 3)  # the last quarter of sixteen stays for others


def test_partners_that_hang_never_hold_the_last_places() -> None:
    hanging = [wish(f"h{n}", *[0] * 20, running=20) for n in range(4)]
    given = share([*hanging, wish("new", 0, 0, 0)], places=100, free=20)
    assert [len(given[f"h{n}"]) for n in range(4)] == [0] * 4
    assert len(given["new"]) == 2
