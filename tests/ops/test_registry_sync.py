"""The registry follows another axis's."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from axis.errors import Busy, PeerUnreachable
from axis.ops.registry_sync import RegistryFollower, SyncWish
from axis.organ.model import Organ
from axis.organ.sync import Difference, ListedOrgan, OrganList, Verdict
from axis.store import organs, registry_sync, schema
from axis.store.registry import OrganRow, import_organs
from axis.store.store import Store
from axis.store.systems import add_system
from axis.terms import TransportState
from tests.store import made

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
V = Verdict
LIST = (
    ListedOrgan(code="G22", name="Văn phòng Chính phủ", parent_code="", level=1, old_codes=("000.00.00.G22",)),
    ListedOrgan(code="G22.4", name="Cục", parent_code="G22", level=2),
    ListedOrgan(code="G17", name="Bộ Xây dựng", parent_code="", level=1),
    ListedOrgan(code="H24", name="Tên khác", parent_code="", level=1),
)


class Standing:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOW


class Axis:
    """Another axis's registry. before: something that happens here after it has answered."""

    def __init__(self, *listed: ListedOrgan, version: int = 7) -> None:
        self.listed: Sequence[ListedOrgan] = listed
        self.version = version
        self.asked: list[tuple[int, int | None]] = []

    async def organs(self, *, since: int = 0, level: int | None = None) -> OrganList:
        self.asked.append((since, level))
        return OrganList(organs=() if 0 < since >= self.version else tuple(self.listed), version=self.version)


@pytest.fixture
async def city(store: Store) -> Store:
    """A city that knows itself."""
    rows = (OrganRow(code="H24", name="Thành phố", level=1), OrganRow(code="H24.15", name="Sở", parent="H24", level=2))
    await store.write(lambda c: import_organs(c, rows, NOW, "test"))
    return store


async def follow(store: Store, axis: Axis, **wish: object) -> Difference:
    follower = RegistryFollower(store, Standing(), ("H24",))
    return await follower.follow(SyncWish(uplink_id="national", **wish), axis)  # type: ignore[arg-type]


async def known(store: Store) -> dict[str, Organ]:
    return {organ.organ_id: organ for organ in (await store.read(organs.known)).organs}


async def audited(store: Store) -> list[dict[str, object]]:
    """In no order: the clock stands."""
    a = schema.audit.c
    where = select(a.fields).where(a.kind == "registry_synced")
    return [json.loads(text) for text in await store.read(lambda c: c.scalars(where).all())]


async def test_a_registry_is_taken_over_once_and_only_changes_are_asked_for_then(city: Store) -> None:
    axis = Axis(*LIST)
    first = await follow(city, axis)
    assert [(item.verdict, item.code) for item in first.items] == [
        (V.ADDED, "G17"),
        (V.ADDED, "G22"),
        (V.ADDED, "G22.4"),
    ]
    there = await known(city)
    assert (there["G22.4"].parent_id, there["G22.4"].level, there["H24"].name) == ("G22", 2, "Thành phố")
    (fields,) = await audited(city)
    assert fields == {"uplink": "national", "added": ["G22", "G22.4", "G17"], "changed": [], "closed": []}
    version = (await city.read(organs.known)).version
    assert {there[code].version for code in ("G22", "G22.4", "G17")} == {version}
    again = await follow(city, axis)
    full = await follow(city, axis, full=True)
    assert (again.items, full.items, full.same, full.own) == ((), (), 3, 1)
    assert axis.asked == [(0, None), (7, None), (0, None)]
    assert (await city.read(organs.known)).version == version
    assert len(await audited(city)) == 1


async def test_a_dry_run_shows_and_changes_nothing(city: Store) -> None:
    before = await city.read(organs.known)
    found = await follow(city, Axis(*LIST), dry_run=True)
    assert len(found.items) == 3
    assert await city.read(organs.known) == before
    assert await city.read(lambda c: registry_sync.progress(c, "national", 0)) is None


async def test_each_depth_is_remembered_by_itself(city: Store) -> None:
    axis = Axis(*LIST)
    await follow(city, axis, level=1)
    assert set(await known(city)) == {"H24", "H24.15", "G22", "G17"}
    await follow(city, axis)
    assert "G22.4" in await known(city)
    assert axis.asked == [(0, 1), (0, None)]


async def test_what_is_left_for_a_person_is_looked_at_again(city: Store) -> None:
    axis = Axis(*LIST, ListedOrgan(code="G30", name="x", parent_code="G99"))
    found = await follow(city, axis)
    assert [item.verdict for item in found.items if item.code == "G30"] == [V.CONFLICT]
    await follow(city, axis)
    assert axis.asked == [(0, None), (0, None)]


async def test_many_come_in_parts_and_each_is_on_record(city: Store) -> None:
    many = [ListedOrgan(code="G40", name="Bộ", parent_code="", level=1)]
    many += [ListedOrgan(code=f"G40.{n}", name=f"Vụ {n}", parent_code="G40", level=2) for n in range(1, 250)]
    await follow(city, Axis(*reversed(many)))
    assert len(await known(city)) == 252
    assert sorted(len(fields["added"]) for fields in await audited(city)) == [50, 100, 100]  # type: ignore[arg-type]


async def test_who_is_served_or_awaits_packages_is_not_closed(city: Store) -> None:
    await follow(city, Axis(*LIST, *(ListedOrgan(code=f"G4{n}", name="x", parent_code="") for n in range(3))))
    await city.write(lambda c: add_system(c, made.a_system("dms", "G40"), NOW, "test"))
    await city.submit(made.accepted("G41").hot)
    package = made.accepted("G42")
    done = replace(package.consignments[0], state=TransportState.ACKNOWLEDGED)
    await city.submit(replace(package, consignments=(done,)).hot)
    closed = [ListedOrgan(code=f"G4{n}", name="x", parent_code="", closed=True) for n in range(3)]
    found = await follow(city, Axis(*LIST, *closed, version=8))
    assert [(item.verdict, item.code, item.detail) for item in found.items] == [
        (V.CLOSED, "G42", ""),
        (V.IN_USE, "G40", "served by dms"),
        (V.IN_USE, "G41", "packages for it are on their way"),
    ]
    there = await known(city)
    assert [there[f"G4{n}"].status for n in range(3)] == ["active", "active", "closed"]
    assert [fields["closed"] for fields in await audited(city) if fields["closed"]] == [["G42"]]


async def test_what_changes_here_meanwhile_is_compared_again(city: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    follower = RegistryFollower(city, Standing(), ("H24",))
    compare, rounds = follower._compare, []

    async def disturbed(wish: SyncWish, listed: OrganList) -> object:
        outcome = await compare(wish, listed)
        rounds.append(outcome)
        if len(rounds) == 1:
            row = OrganRow(code="G17", name="Bộ có sẵn", level=1)
            await city.write(lambda c: import_organs(c, [row], NOW, "someone"))
        return outcome

    monkeypatch.setattr(follower, "_compare", disturbed)
    found = await follower.follow(SyncWish(uplink_id="national"), Axis(*LIST))
    assert len(rounds) == 2
    assert (V.RENAMED, "G17", "was Bộ có sẵn") in [(item.verdict, item.code, item.detail) for item in found.items]
    assert (await known(city))["G17"].name == "Bộ Xây dựng"


async def test_somebody_who_becomes_needed_meanwhile_is_not_closed(
    city: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await follow(city, Axis(*LIST))
    follower = RegistryFollower(city, Standing(), ("H24",))
    compare, rounds = follower._compare, []

    async def disturbed(wish: SyncWish, listed: OrganList) -> object:
        outcome = await compare(wish, listed)
        rounds.append(outcome)
        if len(rounds) == 1:
            await city.submit(made.accepted("G17").hot)  # no change of the configuration
        return outcome

    monkeypatch.setattr(follower, "_compare", disturbed)
    closing = [replace(one, closed=True) if one.code == "G17" else one for one in LIST]
    found = await follower.follow(SyncWish(uplink_id="national"), Axis(*closing, version=9))
    assert [item.verdict for item in found.items] == [V.IN_USE]
    assert not (await known(city))["G17"].is_closed


async def test_a_registry_that_never_stands_still_is_left_for_later(
    city: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = RegistryFollower(city, Standing(), ("H24",))
    compare, rounds = follower._compare, []

    async def disturbed(wish: SyncWish, listed: OrganList) -> object:
        outcome = await compare(wish, listed)
        rounds.append(outcome)
        row = OrganRow(code=f"H24.9{len(rounds)}", name="x", parent="H24")
        await city.write(lambda c: import_organs(c, [row], NOW, "someone"))
        return outcome

    monkeypatch.setattr(follower, "_compare", disturbed)
    with pytest.raises(Busy):
        await follower.follow(SyncWish(uplink_id="national"), Axis(*LIST))
    assert "G22" not in await known(city)


async def test_an_axis_that_does_not_answer_changes_nothing(city: Store) -> None:
    class Silent(Axis):
        async def organs(self, *, since: int = 0, level: int | None = None) -> OrganList:
            await super().organs(since=since, level=level)
            raise PeerUnreachable("no answer in time")

    before = await city.read(organs.known)
    with pytest.raises(PeerUnreachable):
        await follow(city, Silent())
    assert await city.read(organs.known) == before
