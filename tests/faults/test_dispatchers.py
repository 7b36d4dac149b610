"""Two nodes push from one database, and one of them is killed in the middle of it."""

import asyncio
import signal
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from axis.store.engine import StoreOptions
from axis.store.store import Store
from tests.databases import Database
from tests.exchange.harness import a_document, make_node
from tests.exchange.pushing import PUSHED, City
from tests.post_office import PostOffice, post_office

DOCUMENTS = 60
ROOT = Path(__file__).parents[2]


async def start(name: str, database: Database, folder: Path, office: PostOffice) -> asyncio.subprocess.Process:
    words = ("-m", "tests.faults.dispatcher", name, database.url, str(folder), office.url)
    return await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL)


def pushed_by(office: PostOffice) -> Counter[str]:
    return Counter(parcel.token.removeprefix("Bearer ") for parcel in office.parcels)


async def until(condition: object) -> None:
    async with asyncio.timeout(120):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - other processes tell nobody
            await asyncio.sleep(0.02)


@pytest.mark.long  # a minute where others work too
@pytest.mark.timeout(300)
async def test_what_a_killed_dispatcher_had_begun_is_pushed_by_the_other_with_the_same_id(
    postgres_database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    store = Store.open(StoreOptions(url=postgres_database.url, data_dir=folder))
    async with post_office() as office:
        city = City(await make_node(store, folder), office)
        city.node.clock.at = datetime.now(UTC)
        await city.push_to(PUSHED, office)
        sent = {
            (await city.node.send("dms-yte", a_document("H24.15", number=str(n)))).package_id for n in range(DOCUMENTS)
        }
        office.latency_s = 0.2
        victim, survivor = [await start(name, postgres_database, folder, office) for name in ("victim", "survivor")]
        try:
            await until(lambda: pushed_by(office)["victim"] >= 5 and pushed_by(office)["survivor"] >= 1)
            victim.send_signal(signal.SIGKILL)
            await victim.wait()
            by_victim = pushed_by(office)["victim"]
            async with asyncio.timeout(120):
                while await city.queued():  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.1)
            assert pushed_by(office)["victim"] - by_victim <= 20  # what was on its way
            rows = await city.rows("SELECT state FROM consignment")
            leaves = await city.leaves()
        finally:
            for process in (victim, survivor):
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        await city.partners.close()
    await store.close()
    assert set(office.taken) == sent  # nothing is lost
    assert [row.state for row in rows] == ["handed_over"] * DOCUMENTS
    assert leaves.count("handed_over") == DOCUMENTS  # and nothing is recorded twice
    repeated = {package_id for package_id, times in Counter(office.taken).items() if times > 1}
    assert len(repeated) <= 20  # only what the victim had begun
    ids = {(parcel.about["package_id"], parcel.about["request_id"]) for parcel in office.parcels}
    assert len(ids) == DOCUMENTS  # each repeat under the id of its first try
