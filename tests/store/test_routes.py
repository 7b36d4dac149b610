"""Services and route rules with a time, and the routes that follow from them."""

import asyncio
import random
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from axis.errors import AxisError, Code
from axis.ids import new_id
from axis.store import registry, route_rules, routes, schema, services, systems
from axis.store.engine import StoreOptions
from axis.store.hot import Stale
from axis.store.records import RouteRule, Service
from axis.store.registry import OrganRow
from axis.store.rows import values_of
from axis.store.services import Move, Moved
from axis.store.store import Store
from tests.store import made
from tests.store.made import NOW, a_system, make_city
from tests.store.plans import analyze, plans_of

LATER = NOW + timedelta(days=1)
END = NOW + timedelta(days=30)


async def systems_now(store: Store) -> dict[str, str]:
    found = await store.read(routes.list_routes)
    return {organ_id: route.system_id for organ_id, route in found.items()}


async def refused(store: Store, change: Callable[[Connection], Any]) -> AxisError:
    """The error of a change; nothing may differ after it."""
    before = await store.read(registry.snapshot)
    with pytest.raises(AxisError) as raised:
        await store.write(change)
    assert await store.read(registry.snapshot) == before
    return raised.value


async def move(store: Store, organ_id: str, system_id: str, at: datetime = NOW, **more: Any) -> Moved:
    wish = Move(organ_id=organ_id, system_id=system_id, at=at, **more)
    return await store.write(lambda c: services.move(c, wish, NOW, "test"))


def a_rule(prefix: str, uplink_id: str = "bo", since: datetime = NOW, until: datetime | None = None) -> RouteRule:
    return RouteRule(rule_id=new_id(NOW), prefix=prefix, uplink_id=uplink_id, valid_from=since, valid_until=until)


async def add_rule(store: Store, rule: RouteRule) -> RouteRule:
    return await store.write(lambda c: route_rules.add_rule(c, rule, NOW, "test"))


# ── moving ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_moved_organisation_takes_along_those_below_it_that_have_no_system(store: Store) -> None:
    await make_city(store)
    assert await move(store, "H24.11", "xd") == Moved(changed=True, was="yte", pending=0)
    expected = {"H24.11": "xd", "H24.11.3": "xd", "H24.15": "xd", "H24.88": "phuong"}
    assert await systems_now(store) == expected
    version = await store.version()
    assert not (await move(store, "H24.11", "xd")).changed
    assert await systems_now(store) == expected
    assert await store.version() > version


async def test_what_has_been_in_force_stays_on_record(store: Store) -> None:
    await make_city(store)
    await move(store, "H24.11", "xd", at=LATER)
    await store.write(lambda c: routes.catch_up(c, LATER))
    await move(store, "H24.11", "phuong", at=END)
    kept = [one for one in await store.read(services.list_services) if one.organ_id == "H24.11"]
    assert [(one.system_id, one.valid_from, one.valid_until) for one in kept] == [
        ("yte", NOW, LATER),
        ("xd", LATER, END),
        ("phuong", END, None),
    ]


async def test_the_former_system_stays_beside_the_new_one_for_its_time(store: Store) -> None:
    await make_city(store)
    await move(store, "H24.11", "xd", at=LATER, parallel_until=END)
    for at, wanted in ((LATER, ["xd", "yte"]), (END, ["xd"])):
        await store.write(partial(routes.catch_up, at=at))
        snapshot = await store.read(registry.snapshot)
        in_force = [s for s in snapshot.services if s.organ_id == "H24.11" and s.valid_from <= at]
        in_force = [s for s in in_force if s.valid_until is None or s.valid_until > at]
        assert [s.system_id for s in sorted(in_force, key=lambda s: s.priority)] == wanted
        assert snapshot.routes["H24.11.3"] == routes.Route(system_id="xd", via_organ="H24.11")


async def test_an_organisation_that_was_reached_by_its_ancestor_leaves_the_ancestors_system_beside(
    store: Store,
) -> None:
    await make_city(store)
    moved = await move(store, "H24.11.3", "xd", parallel_until=END)
    assert moved.was == "yte"
    kept = [one for one in await store.read(services.list_services) if one.organ_id == "H24.11.3"]
    assert sorted((one.priority, one.system_id, one.valid_until) for one in kept) == [(0, "xd", None), (1, "yte", END)]


async def test_a_second_former_system_gets_the_next_priority(store: Store) -> None:
    await make_city(store)
    await move(store, "H24.11", "xd", at=LATER, parallel_until=END)
    await move(store, "H24.11", "phuong", at=LATER + timedelta(days=1), parallel_until=END)
    kept = [
        one for one in await store.read(services.list_services) if one.organ_id == "H24.11" and one.valid_until == END
    ]
    assert [(one.priority, one.system_id) for one in kept] == [(1, "yte"), (2, "xd")]


async def test_back_to_the_system_that_stands_beside(store: Store) -> None:
    await make_city(store)
    await move(store, "H24.11", "xd", at=LATER, parallel_until=END)
    await store.write(lambda c: routes.catch_up(c, LATER))
    await move(store, "H24.11", "yte", at=LATER + timedelta(hours=1))
    await store.write(lambda c: routes.catch_up(c, LATER + timedelta(hours=1)))
    assert (await systems_now(store))["H24.11"] == "yte"


async def test_without_the_primary_the_system_beside_it_serves_and_without_that_the_ancestors(store: Store) -> None:
    await make_city(store)
    await store.write(lambda c: systems.add_system(c, a_system("city", "H24"), NOW, "test"))
    await move(store, "H24.11", "xd", at=LATER, parallel_until=END)
    await store.write(lambda c: routes.catch_up(c, LATER))
    ended = LATER + timedelta(hours=1)
    await store.write(lambda c: services.release(c, "H24.11", "xd", ended, ended, "test"))
    assert (await systems_now(store))["H24.11.3"] == "yte"
    await store.write(lambda c: services.release(c, "H24.11", "yte", ended, ended, "test"))
    assert (await systems_now(store))["H24.11.3"] == "city"


async def test_a_planned_move_can_be_taken_back(store: Store) -> None:
    await make_city(store)
    await move(store, "H24.11", "xd", at=LATER)
    await store.write(lambda c: services.release(c, "H24.11", "xd", NOW, NOW, "test"))
    assert (await systems_now(store))["H24.11"] == "yte"
    assert [s.system_id for s in await store.read(services.list_services) if s.organ_id == "H24.11"] == ["yte"]


@pytest.mark.parametrize(
    ("organ_id", "system_id", "more", "code"),
    [
        ("H24.99", "xd", {}, Code.NOT_FOUND),
        ("H24.11", "nobody", {}, Code.NOT_FOUND),
        ("H24.11", "off", {}, Code.SYSTEM_DISABLED),
        ("H24.11", "other", {}, Code.PROTOCOL_DIFFERS),
        ("H24.11", "xd", {"parallel_until": NOW}, Code.BAD_REQUEST),
        ("H24.15", "yte", {}, Code.VALIDITY_OVERLAPS),  # a move of it is planned already
    ],
)
async def test_a_move_that_cannot_be_is_refused_and_changes_nothing(
    store: Store, organ_id: str, system_id: str, more: dict[str, Any], code: Code
) -> None:
    await make_city(store)
    for name in ("off", "other"):
        await store.write(lambda c, name=name: systems.add_system(c, a_system(name), NOW, "test"))  # type: ignore[misc]
    await store.write(lambda c: systems.set_enabled(c, "off", NOW, "test", enabled=False))
    changed = update(schema.system).where(schema.system.c.system_id == "other").values(front="edoc")
    await store.write(lambda c: c.execute(changed).rowcount)
    await move(store, "H24.15", "phuong", at=END)
    wish = Move(organ_id=organ_id, system_id=system_id, at=LATER, **more)
    assert (await refused(store, lambda c: services.move(c, wish, NOW, "test"))).code is code


async def test_another_protocol_is_taken_when_somebody_says_so(store: Store) -> None:
    await make_city(store)
    await store.write(lambda c: systems.add_system(c, a_system("other"), NOW, "test"))
    changed = update(schema.system).where(schema.system.c.system_id == "other").values(front="edoc")
    await store.write(lambda c: c.execute(changed).rowcount)
    assert (await move(store, "H24.11", "other", other_protocol=True)).changed


async def test_a_system_that_does_not_serve_an_organisation_cannot_be_released(store: Store) -> None:
    await make_city(store)
    error = await refused(store, lambda c: services.release(c, "H24.11", "xd", NOW, NOW, "test"))
    assert error.code is Code.NOT_FOUND


# ── time ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_routes_are_what_memory_works_out_for_any_tree_and_time(store: Store) -> None:
    chance = random.Random(7)
    names = [f"s{number}" for number in range(4)]
    for name in names:
        await store.write(lambda c, name=name: systems.add_system(c, a_system(name), NOW, "test"))  # type: ignore[misc]
    codes = [f"O{number:02}" for number in range(40)]
    rows = [
        OrganRow(code=code, name=code, parent=chance.choice([None, *codes[:number]]) if number else None)
        for number, code in enumerate(codes)
    ]
    await store.write(lambda c: registry.import_organs(c, rows, NOW, "test"))
    made_up = []
    for code in chance.sample(codes, 20):
        for priority in range(chance.randint(1, 2)):
            since = NOW + timedelta(hours=chance.randint(0, 20))
            until = chance.choice([None, since + timedelta(hours=chance.randint(1, 9))])
            made_up.append(
                Service(
                    service_id=new_id(NOW),
                    organ_id=code,
                    system_id=chance.choice(names),
                    priority=priority,
                    valid_from=since,
                    valid_until=until,
                )
            )
    await store.write(lambda c: c.execute(insert(schema.system_organ), list(map(values_of, made_up))).rowcount)
    parents = {row.code: row.parent for row in rows}
    seen = set()
    for hour in range(30):
        at = NOW + timedelta(hours=hour)
        await store.write(partial(routes.compute_routes, at=at, touched=() if hour else codes))
        found = await store.read(routes.list_routes)
        assert found == routes.routes_in_memory(parents, made_up, at)
        assert found == (await store.read(registry.snapshot)).as_of(at).routes
        seen.add(tuple(sorted((organ, route.system_id) for organ, route in found.items())))
    assert len(seen) > 10  # it did change


async def test_a_moment_passes_once_however_many_processes_watch(store: Store, store_options: StoreOptions) -> None:
    await make_city(store)
    await move(store, "H24.11", "xd", at=LATER)
    assert (await systems_now(store))["H24.11"] == "yte"
    with pytest.raises(Stale):
        await store.write(lambda c: routes.catch_up(c, LATER - timedelta(microseconds=1)))
    other = Store.open(store_options)
    done = await asyncio.gather(
        *(one.write(lambda c: routes.catch_up(c, LATER)) for one in (store, other)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["Stale", "tuple"]
    assert set(next(one for one in done if isinstance(one, tuple))) == {"H24.11", "H24.11.3"}
    assert (await systems_now(store))["H24.11.3"] == "xd"
    await other.close()


async def test_a_clock_that_is_behind_does_not_undo_what_has_begun(store: Store) -> None:
    await make_city(store)
    await move(store, "H24.11", "xd", at=LATER)
    await store.write(lambda c: routes.catch_up(c, LATER))
    behind = LATER - timedelta(minutes=1)
    await store.write(lambda c: systems.add_system(c, a_system("more", "H24"), behind, "test"))
    assert await systems_now(store) == {
        "H24": "more",
        "H24.11": "xd",
        "H24.11.3": "xd",
        "H24.15": "xd",
        "H24.88": "phuong",
    }


async def test_nothing_is_written_when_nothing_changes(store: Store) -> None:
    await make_city(store)
    assert await store.write(lambda c: routes.compute_routes(c, NOW, ["H24"])) == ()


# ── rules ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_rule_is_set_once_and_ends_without_being_forgotten(store: Store) -> None:
    rule = await add_rule(store, a_rule("G17"))
    assert await add_rule(store, a_rule("G17", since=LATER)) == rule  # says nothing that does not hold already
    ended = await store.write(lambda c: route_rules.end_rule(c, rule.rule_id, LATER, NOW, "test"))
    assert await store.read(route_rules.list_rules) == (ended,)
    assert ended.valid_until == LATER
    again = await store.write(lambda c: route_rules.end_rule(c, rule.rule_id, END, NOW, "test"))
    assert again == ended
    following = await add_rule(store, a_rule("G17", "khac", since=LATER))
    assert [one.rule_id for one in await store.read(route_rules.list_rules)] == [rule.rule_id, following.rule_id]


async def test_a_planned_rule_that_ends_before_it_begins_is_gone(store: Store) -> None:
    rule = await add_rule(store, a_rule("G17", since=LATER))
    await store.write(lambda c: route_rules.end_rule(c, rule.rule_id, NOW, NOW, "test"))
    assert await store.read(route_rules.list_rules) == ()


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (a_rule("G17", "khac"), Code.VALIDITY_OVERLAPS),
        (a_rule("G17", until=END), Code.VALIDITY_OVERLAPS),
        (a_rule("G12", since=NOW, until=LATER + timedelta(hours=1)), Code.VALIDITY_OVERLAPS),
        (a_rule("G13", until=NOW), Code.BAD_REQUEST),
    ],
)
async def test_a_rule_that_contradicts_another_is_refused(store: Store, rule: RouteRule, code: Code) -> None:
    await add_rule(store, a_rule("G17"))
    await add_rule(store, a_rule("G12", since=LATER))
    assert (await refused(store, lambda c: route_rules.add_rule(c, rule, NOW, "test"))).code is code


async def test_rules_of_one_prefix_may_follow_each_other(store: Store) -> None:
    await add_rule(store, a_rule("G12", since=LATER))
    await add_rule(store, a_rule("G12", "khac", until=LATER))
    assert len(await store.read(route_rules.list_rules)) == 2


async def test_an_unknown_rule_cannot_end(store: Store) -> None:
    assert (await refused(store, lambda c: route_rules.end_rule(c, "x", NOW, NOW, "test"))).code is Code.NOT_FOUND


async def test_the_database_itself_refuses_a_time_that_ends_before_it_begins(store: Store) -> None:
    bad = a_rule("G12", until=NOW)

    def put(c: Connection) -> None:
        with pytest.raises(IntegrityError, match="ck_route_rule_validity"), c.begin_nested():
            c.execute(insert(schema.route_rule).values(values_of(bad)))

    await store.write(put)


async def test_each_change_leaves_a_line(store: Store) -> None:
    await make_city(store)
    rule = await add_rule(store, a_rule("G17"))
    await store.write(lambda c: route_rules.end_rule(c, rule.rule_id, LATER, NOW, "test"))
    await move(store, "H24.11", "xd", at=LATER)
    await store.write(lambda c: services.release(c, "H24.11", "xd", NOW, NOW, "test"))
    kinds = await store.read(lambda c: c.scalars(select(schema.audit.c.kind)).all())
    assert {"route_rule_added", "route_rule_ended", "organ_moved", "organ_released"} <= set(kinds)


async def test_a_change_looks_only_at_what_lies_below_it(store: Store) -> None:
    await make_city(store)
    units = [OrganRow(code=f"H24.15.{number}", name="x", parent="H24.15") for number in range(3000)]
    await store.write(lambda c: registry.import_organs(c, units, NOW, "test"))
    await analyze(store)

    def look(c: Connection) -> None:
        few = routes._few(c, NOW, NOW, ["H24.11"])
        assert few == {"H24.11", "H24.11.3"}
        routes._changes(c, NOW, few)

    found = await plans_of(store, look)
    assert len(found) == 5  # whether anybody is served, what begins or ends meanwhile, two levels of units, the routes
    for plan in found[2:]:
        assert "ix_organ_parent_id" in plan or "pk_organ" in plan or "autoindex_organ" in plan
        assert not re.search(r"Seq Scan on organ\b|SCAN organ\b(?! USING)", plan)


async def test_very_many_organisations_are_left_for_later_as_a_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_city(store)
    before = await store.read(routes.list_routes)
    monkeypatch.setattr(routes, "_MANY", 1)
    assert (await move(store, "H24.11", "xd", parallel_until=END)).changed
    assert await store.read(routes.list_routes) == before
    assert await store.read(routes.is_due)
    await move(store, "H24.15", "yte")  # one alone goes on at once
    assert (await systems_now(store))["H24.15"] == "yte"
    assert await store.read(routes.is_due)


async def test_pending_packages_are_counted_with_those_of_the_units_below(store: Store) -> None:
    await make_city(store)
    await store.submit(made.accepted("H24.11", "H24.11.3").hot)
    await store.submit(made.accepted("H24.11.3").hot)
    await store.submit(made.accepted("H24.15").hot)
    assert (await move(store, "H24.11", "xd")).pending == 2
