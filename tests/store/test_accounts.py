"""What accounts may do, and for whom."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from axis.errors import AxisError, Code
from axis.ids import new_id
from axis.organ.model import Alias, Organ
from axis.store import accounts, schema
from axis.store.accounts import Rights
from axis.store.records import Account
from axis.store.rows import values_of
from axis.store.scopes import organs_below
from axis.store.store import Store
from axis.terms import Role

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
TREE = (("H24", None), ("H24.1", "H24"), ("H24.1.5", "H24.1"), ("H24.2", "H24"), ("H24.9", "H24"))


@pytest.fixture
async def city(store: Store) -> Store:
    """A store with a small tree, one of it closed, and one with another code."""
    for code, above in TREE:
        status = "closed" if code == "H24.9" else "active"
        row = Organ(organ_id=code, name=f"Đơn vị {code}", parent_id=above, status=status, created_at=NOW)
        await store.write(lambda c, row=row: c.execute(schema.organ.insert().values(values_of(row))).rowcount)
    alias = Alias(alias="000.00.02.H24", organ_id="H24.2", valid_until="2030-01-01")
    await store.write(lambda c: c.execute(schema.organ_alias.insert().values(values_of(alias))).rowcount)
    return store


async def add(store: Store, name: str, *roles: Role, organs: Sequence[str] = (), **more: Any) -> Account:
    account = Account(
        account_id=new_id(NOW),
        username=name,
        password_hash="x",
        roles=accounts.roles_text(roles),
        enabled=True,
        created_at=NOW,
        **more,
    )
    await store.write(lambda c: accounts.add_account(c, account, organs, actor="test"))
    return account


async def refusal(store: Store, unit: Any) -> AxisError:
    with pytest.raises(AxisError) as refused:
        await store.write(unit)
    return refused.value


async def test_an_account_acts_for_an_organisation_and_all_below_it(city: Store) -> None:
    lan = await add(city, "lan", Role.CLERK, organs=["H24.1"])
    given = await city.read(lambda c: accounts.organs_of(c, lan.account_id))
    assert given == {"H24.1"}
    assert await city.read(lambda c: organs_below(c, given)) == {"H24.1", "H24.1.5"}
    assert await city.read(lambda c: organs_below(c, {"H24"})) == {code for code, _ in TREE}
    assert await city.read(lambda c: organs_below(c, frozenset())) == set()


async def test_a_circle_in_the_tree_ends(city: Store) -> None:
    circle = schema.organ.update().where(schema.organ.c.organ_id == "H24.1").values(parent_id="H24.1.5")
    await city.write(lambda c: c.execute(circle).rowcount)
    assert await city.read(lambda c: organs_below(c, {"H24.1"})) == {"H24.1", "H24.1.5"}


async def test_nobody_acts_for_an_organisation_that_is_unknown_or_closed(city: Store) -> None:
    for code, wanted in (("H24.7", Code.NOT_FOUND), ("H24.9", Code.ORGAN_CLOSED)):
        with pytest.raises(AxisError) as refused:
            await add(city, "lan", Role.CLERK, organs=["H24.1", code])
        assert (refused.value.code, refused.value.detail) == (wanted, code)
    assert await city.read(lambda c: accounts.find_account(c, "lan")) is None
    await add(city, "lan", Role.CLERK)
    error = await refusal(city, lambda c: accounts.grant(c, "lan", Rights(organs=frozenset({"H24.9"})), NOW, "t"))
    assert error.code is Code.ORGAN_CLOSED


async def test_an_organisation_that_closes_later_stays_with_its_clerk_and_can_be_taken_away(city: Store) -> None:
    await add(city, "lan", Role.CLERK, organs=["H24.2"])
    closed = schema.organ.update().where(schema.organ.c.organ_id == "H24.2").values(status="closed")
    await city.write(lambda c: c.execute(closed).rowcount)
    view = await city.read(lambda c: accounts.view_account(c, "lan"))
    assert [(one.organ_id, one.closed) for one in view.organs] == [("H24.2", True)]
    await city.write(lambda c: accounts.revoke(c, "lan", Rights(organs=frozenset({"H24.2"})), NOW, "t"))
    view = await city.read(lambda c: accounts.view_account(c, "LAN "))
    assert view.organs == ()
    assert view.lacks_organ


async def test_rights_are_given_and_taken_one_by_one_and_it_is_told_by_whom(city: Store) -> None:
    await add(city, "lan", Role.CLERK, organs=["H24.1"])
    more = Rights(roles=frozenset({Role.AUDITOR}), organs=frozenset({"H24.2", "H24.1"}))
    for _ in range(2):  # giving what somebody has changes nothing
        await city.write(lambda c: accounts.grant(c, "lan", more, NOW, "minh"))
    view = await city.read(lambda c: accounts.view_account(c, "lan"))
    assert view.roles == (Role.CLERK, Role.AUDITOR)
    assert [one.organ_id for one in view.organs] == ["H24.1", "H24.2"]
    less = Rights(roles=frozenset({Role.CLERK}), organs=frozenset({"H24.1"}))
    await city.write(lambda c: accounts.revoke(c, "lan", less, NOW, "minh"))
    view = await city.read(lambda c: accounts.view_account(c, "lan"))
    assert (view.roles, [one.organ_id for one in view.organs]) == ((Role.AUDITOR,), ["H24.2"])
    rows = await city.read(lambda c: c.execute(select(schema.audit)).all())
    told = [(row.kind, row.actor) for row in rows if row.kind.startswith("account_")]
    assert told == [
        ("account_added", "test"),
        ("account_granted", "minh"),
        ("account_granted", "minh"),
        ("account_revoked", "minh"),
    ]


async def test_there_is_always_an_administrator_who_can_log_in(city: Store) -> None:
    await add(city, "lan", Role.ADMINISTRATOR, Role.CLERK)
    await add(city, "minh", Role.ADMINISTRATOR)
    await add(city, "hoa", Role.OPERATOR)
    administers = Rights(roles=frozenset({Role.ADMINISTRATOR}))
    await city.write(lambda c: accounts.set_enabled(c, "minh", NOW, "t", enabled=False))
    for unit in (
        lambda c: accounts.revoke(c, "lan", administers, NOW, "t"),
        lambda c: accounts.set_enabled(c, "lan", NOW, "t", enabled=False),
    ):
        error = await refusal(city, unit)
        assert error.code is Code.LAST_ADMINISTRATOR
    await city.write(lambda c: accounts.set_enabled(c, "hoa", NOW, "t", enabled=False))  # others go as they like
    await city.write(lambda c: accounts.set_enabled(c, "minh", NOW, "t", enabled=True))
    await city.write(lambda c: accounts.revoke(c, "lan", administers, NOW, "t"))
    assert (await city.read(lambda c: accounts.view_account(c, "lan"))).roles == (Role.CLERK,)


async def test_codes_of_any_form_lead_to_the_organisation(city: Store) -> None:
    found = await city.read(lambda c: accounts.canonical_organs(c, ["000.00.00.H24", "000.00.02.H24"], "2026-11-24"))
    assert found == {"H24", "H24.2"}
    with pytest.raises(AxisError):  # on a day on which the other code means nobody
        await city.read(lambda c: accounts.canonical_organs(c, ["000.00.02.H24"], "2031-01-01"))


async def test_accounts_are_found_by_name_person_role_and_organisation(city: Store) -> None:
    await add(city, "lan", Role.CLERK, organs=["H24.1"], full_name="Trần Thị Lan")
    await add(city, "minh", Role.OPERATOR, full_name="Đỗ Minh")
    await add(city, "hoa", Role.CLERK, organs=["H24.2"])

    async def names(**wanted: Any) -> list[str]:
        views = await city.read(lambda c: accounts.list_accounts(c, **wanted))
        return [view.account.username for view in views]

    assert await names() == ["hoa", "lan", "minh"]
    assert await names(rows=2) == ["hoa", "lan"]
    assert await names(after="lan") == ["minh"]
    assert await names(text="LAN") == ["lan"]
    assert await names(text="đỗ") == ["minh"]
    assert await names(text="clerk h24.2") == ["hoa"]
    assert await names(text="100%") == []
