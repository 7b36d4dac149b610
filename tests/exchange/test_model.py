"""Whatever happens to documents, in whatever order: the rules of docs/protocols/business.md hold.

A failure prints the steps as a program, and the seed: AXIS_MODEL_SEED=<seed> plays the same again (what happens at once
may take another turn). AXIS_MODEL_SHRINK=1 looks for a shorter program; AXIS_MODEL_EXAMPLES and AXIS_MODEL_STEPS make
the long test longer. That the comparison is no formality is tested too: planted mistakes are found (`planted`).
"""

import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.databases import Postgres
from tests.exchange.machine import LOCAL, Base, Machine
from tests.exchange.planted import PLANTED
from tests.exchange.stories import STORIES


def sqlite_base(template: Path) -> Base:
    """New SQLite databases."""

    def copied(folder: Path) -> str:
        shutil.copy(template, folder / "axis.db")
        return "sqlite:///axis.db"

    return Base(url=copied, drop=lambda _: None)


@pytest.fixture(params=["sqlite", "postgresql"])
def base(request: pytest.FixtureRequest) -> Base:
    """New databases of each kind in turn."""
    if request.param == "sqlite":
        return sqlite_base(request.getfixturevalue("sqlite_template"))
    server: Postgres = request.getfixturevalue("postgres")
    name = request.getfixturevalue("postgres_template")
    made: dict[str, str] = {}

    def created(_: Path) -> str:
        database = server.create(name)
        made[server.url(database)] = database
        return server.url(database)

    return Base(url=created, drop=lambda url: server.drop(made.pop(url)))


@dataclass(frozen=True, kw_only=True)
class Length:
    """How long the machine runs."""

    examples: int
    steps: int
    shrink: bool = bool(os.environ.get("AXIS_MODEL_SHRINK"))  # slow: a failure is tried again and again


def play(base: Base, number: int, length: Length) -> None:
    """Run the machine from a seed, which a failure names."""
    machine = seed(number)(type("Machine", (Machine,), {"base": base}))
    chosen = settings(
        max_examples=length.examples,
        stateful_step_count=length.steps,
        deadline=None,
        database=None,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink) if length.shrink else (Phase.generate,),
    )
    try:
        run_state_machine_as_test(machine, settings=chosen)
    except BaseException as e:
        e.add_note(f"again: AXIS_MODEL_SEED={number}, {length.examples} examples of {length.steps} steps")
        raise


def chosen_seed() -> int | None:
    """The seed that the environment asks for."""
    given = os.environ.get("AXIS_MODEL_SEED")
    return int(given) if given else None


@pytest.mark.timeout(600)
def test_whatever_happens_in_whatever_order_the_rules_hold(base: Base, request: pytest.FixtureRequest) -> None:
    length = Length(examples=8, steps=25) if "sqlite" in request.node.name else Length(examples=3, steps=20)
    play(base, chosen_seed() or 20261124, length)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_whatever_happens_for_a_long_time_the_rules_hold(base: Base, request: pytest.FixtureRequest) -> None:
    examples = int(os.environ.get("AXIS_MODEL_EXAMPLES", "200" if "sqlite" in request.node.name else "25"))
    length = Length(examples=examples, steps=int(os.environ.get("AXIS_MODEL_STEPS", "50")))
    play(base, chosen_seed() or random.SystemRandom().randrange(1 << 32), length)


def tell_all(base: Base) -> None:
    """All stories at one node, without chance."""
    machine = type("Machine", (Machine,), {"base": base})()
    try:
        for number, story in enumerate(STORIES):
            machine.follow(story(number, *LOCAL[:2]))
    finally:
        machine.teardown()


@pytest.mark.timeout(600)
def test_a_failure_names_its_seed(monkeypatch: pytest.MonkeyPatch, sqlite_template: Path) -> None:
    where, name, wrong = PLANTED["a recall leaves what waits where it is"]
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises(AssertionError) as found:
        play(sqlite_base(sqlite_template), 1, Length(examples=20, steps=15, shrink=False))
    assert any("AXIS_MODEL_SEED=1" in note for note in found.value.__notes__)


@pytest.mark.timeout(600)
def test_every_story_ends_well(base: Base) -> None:
    tell_all(base)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_found(mistake: str, monkeypatch: pytest.MonkeyPatch, sqlite_template: Path) -> None:
    where, name, wrong = PLANTED[mistake]
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises(AssertionError):
        tell_all(sqlite_base(sqlite_template))
