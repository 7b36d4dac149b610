"""Organisations, systems and routes as the database keeps them."""

import asyncio
import itertools
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from axis.clock import local_day
from axis.errors import AxisError, Code, NotFound, UnknownOrgan, WrongState
from axis.organ.plan import OldCode
from axis.store import configuration, organs, registry, schema, systems
from axis.store.engine import StoreOptions
from axis.store.registry import ImportResult, OrganRow
from axis.store.store import Store
from axis.store.systems import NewSecret
from tests.store.made import NOW, a_system, make_city

CITY = (
    OrganRow(code="H24", name="Thành phố"),
    OrganRow(code="H24.11", name="Sở Y tế", parent="H24", level=2, email="syt@example.test", old_codes=("000.11.H24",)),
    OrganRow(code="H24.11.3", name="Chi cục", parent="H24.11", level=3),
    OrganRow(code="H24.88", name="Phường", parent="H24", level=3),
    OrganRow(code="H24.30", name="Quận", parent="H24", level=3, status="closed", successor="H24.88"),
)


async def load(store: Store, *rows: OrganRow) -> ImportResult:
    return await store.write(lambda c: registry.import_organs(c, rows, NOW, "tester"))


async def refused(store: Store, change: Callable[[Connection], Any]) -> AxisError:
    """The error of a change; neither version nor organisations nor audit trail may differ after it."""
    before = await store.read(registry.snapshot), await audits(store)
    with pytest.raises(AxisError) as raised:
        await store.write(change)
    assert (await store.read(registry.snapshot), await audits(store)) == before
    return raised.value


async def audits(store: Store) -> list[tuple[str, str, Any]]:
    a = schema.audit.c
    rows = await store.read(lambda c: c.execute(select(a.kind, a.actor, a.fields).order_by(a.audit_id)).all())
    return [(row.kind, row.actor, json.loads(row.fields)) for row in rows]


async def test_a_list_of_organisations_is_loaded_in_any_order(store: Store) -> None:
    for number, order in enumerate(itertools.islice(itertools.permutations(CITY), 0, 120, 17)):
        renamed = tuple(
            OrganRow(
                code=f"{row.code}.{number}",
                name=row.name,
                parent=f"{row.parent}.{number}" if row.parent else None,
                status=row.status,
                successor=f"{row.successor}.{number}" if row.successor else None,
            )
            for row in order
        )
        assert await load(store, *renamed) == ImportResult(added=5, changed=0, unchanged=0)
    organs = {organ.organ_id: organ for organ in await store.read(registry.list_organs)}
    assert organs["H24.11.3.0"].parent_id == "H24.11.0"
    assert organs["H24.30.0"].successor_id == "H24.88.0"
    assert organs["H24.30.0"].closed_at == NOW


async def test_the_same_list_again_changes_nothing_and_what_it_does_not_say_stays(store: Store) -> None:
    await load(store, *CITY)
    before = await store.read(registry.snapshot)
    assert await load(store, *CITY) == ImportResult(added=0, changed=0, unchanged=5)
    assert await load(store, *(OrganRow(code=row.code, name=row.name) for row in CITY)) == ImportResult(
        added=0, changed=0, unchanged=5
    )
    after = await store.read(registry.snapshot)
    assert (after.organs, after.aliases) == (before.organs, before.aliases)
    assert len(await audits(store)) == 1


async def test_what_a_list_says_differently_is_changed_and_counted(store: Store) -> None:
    await load(store, *CITY)
    result = await load(
        store,
        OrganRow(code="H24.11", name="Sở Y tế mới", email=""),
        OrganRow(code="H24.11.3", name="Chi cục", parent="H24"),
        OrganRow(code="H24.88", name="Phường", old_codes=("000.88.H24",)),
        OrganRow(code="H24.99", name="Xã", parent="H24"),
        OrganRow(code="H24", name="Thành phố"),
    )
    assert result == ImportResult(added=1, changed=3, unchanged=1)
    snapshot = await store.read(registry.snapshot)
    organs = {organ.organ_id: organ for organ in snapshot.organs}
    assert (organs["H24.11"].name, organs["H24.11"].email) == ("Sở Y tế mới", None)
    assert (organs["H24.11"].parent_id, organs["H24.11"].level) == ("H24", 2)
    assert organs["H24.11.3"].parent_id == "H24"
    assert {one.alias: one.organ_id for one in snapshot.aliases} == {"000.11.H24": "H24.11", "000.88.H24": "H24.88"}
    assert (await audits(store))[-1] == ("organs_imported", "tester", {"added": 1, "changed": 3})


async def test_a_closed_organisation_can_be_opened_again(store: Store) -> None:
    await load(store, *CITY)
    await load(store, OrganRow(code="H24.30", name="Quận", status="active"))
    (organ,) = [o for o in await store.read(registry.list_organs) if o.organ_id == "H24.30"]
    assert (organ.status, organ.successor_id, organ.closed_at) == ("active", None, None)


@pytest.mark.parametrize(
    ("rows", "kind", "code", "at"),
    [
        ([OrganRow(code="A", name="a", parent="B")], UnknownOrgan, Code.NOT_FOUND, "parent"),
        ([OrganRow(code="A", name="a", status="closed", successor="B")], UnknownOrgan, Code.NOT_FOUND, "successor"),
        ([OrganRow(code="A", name="a", parent="A")], WrongState, Code.ORGAN_CYCLE, "parent"),
        ([OrganRow(code="H24", name="a", parent="H24.11.3")], WrongState, Code.ORGAN_CYCLE, "parent"),
        (
            [OrganRow(code="H24.88", name="a", status="closed", successor="H24.30")],
            WrongState,
            Code.ORGAN_CYCLE,
            "successor",
        ),
        ([OrganRow(code="000.11.H24", name="a")], WrongState, Code.ORGAN_EXISTS, "code"),
        ([OrganRow(code="A", name="a", old_codes=("000.11.H24",))], WrongState, Code.ORGAN_EXISTS, "old_code"),
        ([OrganRow(code="A", name="a", old_codes=("H24.88",))], WrongState, Code.ORGAN_EXISTS, "old_code"),
        (
            [OrganRow(code="A", name="a", old_codes=("B",)), OrganRow(code="B", name="b")],
            WrongState,
            Code.ORGAN_EXISTS,
            "code",
        ),
        (
            [OrganRow(code="B", name="b"), OrganRow(code="A", name="a", old_codes=("B",))],
            WrongState,
            Code.ORGAN_EXISTS,
            "old_code",
        ),
    ],
)
async def test_a_list_with_a_mistake_is_refused_as_a_whole(
    store: Store, rows: list[OrganRow], kind: type[AxisError], code: Code, at: str
) -> None:
    await load(store, *CITY)
    good = OrganRow(code="H24.77", name="Xã", parent="H24")
    error = await refused(store, lambda c: registry.import_organs(c, [good, *rows], NOW, "tester"))
    assert (type(error), error.code, error.at) == (kind, code, at)


async def test_one_organisation_is_registered_once(store: Store) -> None:
    await load(store, *CITY)
    new = OrganRow(code="H24.11.4", name="Trạm", parent="H24.11", email="tram@example.test")
    for _ in range(2):
        await store.write(lambda c: registry.register_organ(c, new, NOW, "yte"))
    assert [kind for kind, _, _ in await audits(store)] == ["organs_imported", "organ_registered"]
    other = OrganRow(code="H24.11.4", name="Another", parent="H24.11")
    error = await refused(store, lambda c: registry.register_organ(c, other, NOW, "yte"))
    assert error.code is Code.ORGAN_EXISTS


async def test_an_organisation_is_closed_with_a_successor_and_never_erased(store: Store) -> None:
    await load(store, *CITY)
    for _ in range(2):
        await store.write(lambda c: registry.close_organ(c, "H24.11.3", "H24.11", NOW, "tester"))
    organs = {organ.organ_id: organ for organ in await store.read(registry.list_organs)}
    closed = organs["H24.11.3"]
    assert (closed.status, closed.successor_id, closed.closed_at) == ("closed", "H24.11", NOW)
    assert (await audits(store))[1:] == [("organ_closed", "tester", {"organ": "H24.11.3", "successor": "H24.11"})]


@pytest.mark.parametrize(
    ("code", "successor", "told"),
    [
        ("H24.11", None, Code.ORGAN_IN_USE),  # an active unit hangs below it
        ("nobody", None, Code.NOT_FOUND),
        ("H24.11.3", "nobody", Code.NOT_FOUND),
        ("H24.88", "H24.30", Code.ORGAN_CYCLE),  # which it succeeds itself
    ],
)
async def test_an_organisation_that_cannot_be_closed_stays(
    store: Store, code: str, successor: str | None, told: Code
) -> None:
    await load(store, *CITY)
    error = await refused(store, lambda c: registry.close_organ(c, code, successor, NOW, "tester"))
    assert error.code is told


async def test_a_closed_organisation_is_reopened_and_the_record_keeps_who_succeeded_it(store: Store) -> None:
    await load(store, *CITY)
    assert await store.write(lambda c: registry.reopen_organ(c, "H24.30", NOW, "tester"))
    assert not await store.write(lambda c: registry.reopen_organ(c, "H24.30", NOW, "tester"))
    found = {organ.organ_id: organ for organ in await store.read(registry.list_organs)}
    assert (found["H24.30"].status, found["H24.30"].successor_id) == ("active", None)
    told = {"organ": "H24.30", "closed_at": NOW.isoformat(), "successor": "H24.88"}
    assert (await audits(store))[1:] == [("organ_reopened", "tester", told)]
    await store.write(lambda c: registry.close_organ(c, "H24.11.3", None, NOW, "tester"))
    await store.write(lambda c: registry.close_organ(c, "H24.11", None, NOW, "tester"))
    error = await refused(store, lambda c: registry.reopen_organ(c, "H24.11.3", NOW, "tester"))
    assert error.code is Code.PARENT_CLOSED
    error = await refused(store, lambda c: registry.reopen_organ(c, "nobody", NOW, "tester"))
    assert error.code is Code.NOT_FOUND


async def test_another_code_comes_goes_and_comes_again(store: Store) -> None:
    await load(store, *CITY)
    today, tomorrow = local_day(NOW), local_day(NOW + timedelta(days=1))

    async def periods() -> list[tuple[str, str, str]]:
        aliases = await store.read(organs.list_aliases)
        return [(one.organ_id, one.valid_from, one.valid_until) for one in aliases if one.alias == "X"]

    def add(code: str, old: OldCode, days: int = 0) -> Callable[[Connection], bool]:
        return lambda c: registry.add_alias(c, code, old, NOW + timedelta(days=days), "tester")

    def remove(code: str, days: int = 0) -> Callable[[Connection], None]:
        return lambda c: registry.remove_alias(c, code, "X", NOW + timedelta(days=days), "tester")

    assert await store.write(add("H24.88", OldCode(code="X")))
    assert not await store.write(add("H24.88", OldCode(code="X")))
    assert await periods() == [("H24.88", "", "")]
    assert (await refused(store, add("H24.11", OldCode(code="X")))).code is Code.ORGAN_EXISTS
    assert (await refused(store, add("nobody", OldCode(code="Y")))).code is Code.NOT_FOUND
    await store.write(remove("H24.88"))
    assert await periods() == [("H24.88", "", today)]
    for code in ("H24.88", "H24.11", "nobody"):
        assert (await refused(store, remove(code))).code is Code.NOT_FOUND
    assert await store.write(add("H24.11", OldCode(code="X", valid_from=today)))
    await store.write(remove("H24.11", 1))
    assert await store.write(add("H24.88", OldCode(code="X"), 1))
    assert await periods() == [("H24.88", "", today), ("H24.11", today, tomorrow), ("H24.88", tomorrow, "")]
    kinds = [kind for kind, _, _ in await audits(store)]
    assert (kinds.count("organ_alias_added"), kinds.count("organ_alias_removed")) == (3, 2)


async def test_a_new_name_is_kept_beside_the_old_and_the_version_tells_what_changed(store: Store) -> None:
    await load(store, *CITY)
    first = await store.read(configuration.version)
    await load(store, OrganRow(code="H24.11", name="Sở Y tế mới"))
    names = await store.read(organs.list_names)
    assert [(n.organ_id, n.name, n.valid_from, n.valid_until, n.source) for n in names] == [
        ("H24.11", "Sở Y tế", "", local_day(NOW), "tester")
    ]
    versions = {organ.organ_id: organ.version for organ in await store.read(registry.list_organs)}
    assert versions == dict.fromkeys((row.code for row in CITY), first) | {"H24.11": first + 1}


def systems_of(snapshot: registry.RegistrySnapshot) -> dict[str, str]:
    """Which system acts for each organisation."""
    return {organ_id: route.system_id for organ_id, route in snapshot.routes.items()}


async def test_an_organisation_without_a_system_is_reached_by_its_nearest_ancestors(store: Store) -> None:
    await make_city(store)
    snapshot = await store.read(registry.snapshot)
    own = {"H24.11": "yte", "H24.15": "xd", "H24.88": "phuong"}
    assert systems_of(snapshot) == {**own, "H24.11.3": "yte"}
    assert {service.organ_id: service.system_id for service in snapshot.services} == own
    assert snapshot.routes["H24.11.3"].via_organ == "H24.11"
    await store.write(lambda c: systems.add_system(c, a_system("city", "H24"), NOW, "tester"))
    await store.write(lambda c: systems.add_system(c, a_system("unit", "H24.11.3"), NOW, "tester"))
    await load(store, OrganRow(code="H24.99", name="Xã", parent="H24"))
    await load(store, OrganRow(code="H24.98", name="Trạm", parent="H24.15"))
    assert systems_of(await store.read(registry.snapshot)) == {
        "H24": "city",
        "H24.11": "yte",
        "H24.11.3": "unit",
        "H24.15": "xd",
        "H24.88": "phuong",
        "H24.98": "xd",
        "H24.99": "city",
    }
    await load(store, OrganRow(code="H24.98", name="Trạm", parent="H24.88"))
    assert systems_of(await store.read(registry.snapshot))["H24.98"] == "phuong"
    await store.write(lambda c: systems.set_serves(c, "phuong", ("H24.99",), NOW, "tester"))
    routes = systems_of(await store.read(registry.snapshot))
    assert (routes["H24.88"], routes["H24.98"], routes["H24.99"]) == ("city", "city", "phuong")


async def test_an_organisation_is_served_by_one_system_and_the_error_names_it(store: Store) -> None:
    await make_city(store)
    error = await refused(store, lambda c: systems.add_system(c, a_system("new", "H24.15", "H24.88"), NOW, "t"))
    assert error.code is Code.ORGAN_IN_USE
    assert "H24.15 by xd" in error.detail
    error = await refused(store, lambda c: systems.add_system(c, a_system("new", "H24.77"), NOW, "t"))
    assert isinstance(error, UnknownOrgan)
    error = await refused(store, lambda c: systems.add_system(c, a_system("xd"), NOW, "t"))
    assert error.code is Code.SYSTEM_EXISTS
    for change in (
        lambda c: systems.set_enabled(c, "nobody", NOW, "t", enabled=False),
        lambda c: systems.set_serves(c, "nobody", (), NOW, "t"),
        lambda c: systems.rotate(c, "nobody", NewSecret(secret_encrypted=b"x", grace=timedelta()), NOW, "t"),
    ):
        assert isinstance(await refused(store, change), NotFound)


async def test_a_secret_is_rotated_with_grace_and_never_lives_longer_than_before(store: Store) -> None:
    await make_city(store)

    def rotate(secret: bytes, minutes: int, grace: timedelta) -> Callable[[Connection], None]:
        new = NewSecret(secret_encrypted=secret, grace=grace)
        return lambda c: systems.rotate(c, "xd", new, NOW + timedelta(minutes=minutes), "tester")

    await store.write(rotate(b"second", 1, timedelta(hours=1)))
    await store.write(rotate(b"third", 2, timedelta(hours=9)))
    ends = {
        credential.secret_encrypted: credential.expires_at
        for credential in await store.read(systems.list_credentials)
        if credential.system_id == "xd"
    }
    assert ends == {
        b"secret": NOW + timedelta(hours=1, minutes=1),
        b"second": NOW + timedelta(hours=9, minutes=2),
        b"third": None,
    }
    await store.write(rotate(b"fourth", 3, timedelta()))
    now = NOW + timedelta(minutes=3)
    credentials = await store.read(systems.list_credentials)
    good = [c for c in credentials if c.system_id == "xd" and (c.expires_at is None or c.expires_at > now)]
    assert [c.secret_encrypted for c in good] == [b"fourth"]


async def test_every_change_raises_the_version_and_leaves_a_line_and_no_secret(store: Store) -> None:
    changes: list[tuple[str, Callable[[Connection], Any]]] = [
        ("organs_imported", lambda c: registry.import_organs(c, CITY, NOW, "me")),
        ("organ_registered", lambda c: registry.register_organ(c, OrganRow(code="X", name="x"), NOW, "me")),
        ("organ_closed", lambda c: registry.close_organ(c, "X", None, NOW, "me")),
        ("system_added", lambda c: systems.add_system(c, a_system("s", "H24"), NOW, "me")),
        ("system_serves", lambda c: systems.set_serves(c, "s", ("H24.11",), NOW, "me")),
        ("system_disabled", lambda c: systems.set_enabled(c, "s", NOW, "me", enabled=False)),
        ("system_enabled", lambda c: systems.set_enabled(c, "s", NOW, "me", enabled=True)),
        (
            "system_rotated",
            lambda c: systems.rotate(c, "s", NewSecret(secret_encrypted=b"secret2", grace=timedelta()), NOW, "me"),
        ),
    ]
    for number, (_, change) in enumerate(changes, start=1):
        await store.write(change)
        assert await store.version() == 1 + number
    lines = await audits(store)
    assert [(kind, actor) for kind, actor, _ in lines] == [(kind, "me") for kind, _ in changes]
    assert "secret" not in json.dumps([fields for _, _, fields in lines])
    (system,) = await store.read(systems.list_systems)
    assert system.enabled


async def test_changes_from_two_nodes_come_one_after_another(store: Store, store_options: StoreOptions) -> None:
    other = Store.open(store_options)
    await load(store, OrganRow(code="H24", name="Thành phố"))
    for number in range(10):
        rows = [OrganRow(code=f"H24.{node}.{number}", name="x", parent="H24") for node in (0, 1)]
        one = store.write(lambda c, row=rows[0]: registry.register_organ(c, row, NOW, "one"))
        two = other.write(lambda c, row=rows[1]: registry.register_organ(c, row, NOW, "two"))
        await asyncio.gather(one, two)
    assert await store.version() == 1 + 1 + 20
    assert len(await store.read(registry.list_organs)) == 21
    await other.close()
