"""The process dies before or after each single step, and begins again: nothing is lost, nothing is doubled."""

from contextlib import suppress
from pathlib import Path

import pytest

from axis.edxml.writer import to_bytes
from tests.exchange.harness import a_document
from tests.filing.city import Fails, Faulty, FilingCity
from tests.filing.conftest import MakeCity
from tests.filing.test_exchange import WISH

MOST_STEPS = 120


def faulty(city: FilingCity, fail_at: int, *, after: bool) -> Faulty:
    """The node's process runs on a place that fails at that step."""
    place = Faulty(city.make_place(), fail_at=fail_at, after=after)
    city.start(place)
    return place


@pytest.mark.parametrize("after", [False, True])
async def test_each_package_appears_once_wherever_the_process_dies(city: FilingCity, *, after: bool) -> None:
    for fail_at in range(1, MOST_STEPS):
        place = faulty(city, fail_at, after=after)
        number = str(100 + fail_at)
        accepted = await city.node.send("dms-yte", a_document("H24.15", number=number))
        await city.outbox.work()
        seen = [told["package_id"] for told in city.dms.told()]
        if seen:
            city.dms.take()  # it takes away at once what it sees
        city.start()
        await city.later(seconds=31)
        seen += [told["package_id"] for told in city.dms.told()]
        assert seen == [accepted.package_id], f"step {fail_at}: {place.log[-1]}"
        city.dms.take()
        await city.later(hours=1)
        assert await city.node.states(accepted) == {"H24.15": "acknowledged"}
        if place.calls < fail_at:
            assert fail_at > 12  # there were that many steps, and the last run met none
            return
    pytest.fail("there was no end of steps")


@pytest.mark.parametrize("after", [False, True])
async def test_each_package_of_the_dms_is_taken_once_wherever_the_process_dies(
    city: FilingCity, *, after: bool
) -> None:
    for fail_at in range(1, MOST_STEPS):
        number = str(100 + fail_at)
        edxml = a_document("H24.11", sender="H24.15", number=number)
        city.dms.drop(f"di-{number}.edxml", to_bytes(edxml))
        city.dms.drop(
            f"{number}.json", {**WISH, "number": number, "notation": "J", "files": [{"file": f"{number}.pdf"}]}
        )
        city.dms.drop(f"{number}.pdf", b"%PDF " + number.encode())
        place = faulty(city, fail_at, after=after)
        with suppress(Fails):  # the process dies
            await city.collect()
        city.start()
        await city.collect()
        await city.collect()
        assert await city.documents() == 2 * fail_at, f"step {fail_at}: {place.log[-1]}"
        assert city.dms.names("from-dms") == city.dms.names("axis-work") == city.dms.names("errors") == []
        endings = (f".item.di-{number}.edxml", f".item.{number}.json", f".file0.{number}.pdf")
        assert [sum(name.endswith(ending) for name in city.dms.names("taken")) for ending in endings] == [1, 1, 1]
        if place.calls < fail_at:
            assert fail_at > 30
            return
    pytest.fail("there was no end of steps")


async def test_a_faulty_one_is_put_aside_once_wherever_the_process_dies(city: FilingCity) -> None:
    for fail_at in range(1, MOST_STEPS):
        city.dms.drop(f"hong-{fail_at}.json", {**WISH, "files": [{"file": "x.pdf", "sha256": "0" * 64}]})
        city.dms.drop("x.pdf", b"%PDF")
        place = faulty(city, fail_at, after=True)
        with suppress(Fails):  # the process dies
            await city.collect()
        city.start()
        await city.collect()
        aside = city.dms.names("errors")
        assert len([name for name in aside if name.endswith(f"hong-{fail_at}.json")]) == 1
        assert len([name for name in aside if name.endswith(f"hong-{fail_at}.json.error.txt")]) == 1
        assert city.dms.names("from-dms") == city.dms.names("axis-work") == city.dms.names("taken") == []
        assert await city.documents() == 0
        if place.calls < fail_at:
            return
    pytest.fail("there was no end of steps")


async def test_a_receipt_is_not_lost_wherever_the_process_dies(make_city: MakeCity) -> None:
    city = await make_city(acknowledge="ok")
    for fail_at in range(1, MOST_STEPS):
        accepted = await city.node.send("dms-yte", a_document("H24.15", number=str(100 + fail_at)))
        await city.push()
        (told,) = city.dms.told()
        city.dms.drop("tt.json", city.dms.status(told, "03", package_id=told["package_id"]))
        place = faulty(city, fail_at, after=True)
        with suppress(Fails):  # the process dies
            await city.collect()
        city.start()
        await city.collect()
        await city.later(hours=1)
        assert await city.node.states(accepted) == {"H24.15": "acknowledged"}, f"step {fail_at}: {place.log[-1]}"
        assert await city.node.statuses(accepted) == {"H24.15": "03"}
        assert city.dms.names() == []
        if place.calls < fail_at:
            assert fail_at > 20
            return
    pytest.fail("there was no end of steps")


async def test_two_nodes_on_one_place_take_each_file_once(city: FilingCity, tmp_path: Path) -> None:
    assert tmp_path
    for number in range(20):
        city.dms.drop(f"{number}.edxml", to_bytes(a_document("H24.11", sender="H24.15", number=str(number))))
    first = city.inbox
    city.start()
    second = city.inbox
    for _ in range(4):
        await first.poll()
        await second.poll()
        city.node.clock.advance(seconds=5)
    assert await city.documents() == 20
    assert city.dms.names("errors") == []
    assert len(city.dms.names("taken")) == 20
