"""A city's node follows the registry of the national one: by itself each night, and when somebody asks."""

import asyncio
from pathlib import Path
from typing import Protocol, runtime_checkable

import pytest

from axis.cli.organs import _follow
from axis.errors import Code, Malformed, NotFound
from axis.ops.access import open_access
from axis.ops.registry_sync import SyncWish
from axis.organ.model import Organ
from axis.serve import Node
from axis.store import organs
from axis.store.registry import OrganRow, import_organs
from tests.cli.conftest import Ran, run_axis
from tests.nodes import CLOCK, Above, Blueprint, lay_out, running

MINISTRIES = (
    OrganRow(code="G22", name="Văn phòng Chính phủ", level=1, old_codes=("000.00.00.G22",)),
    OrganRow(code="G22.4", name="Cục Kiểm soát thủ tục", parent="G22", level=2),
    OrganRow(code="G22.4.1", name="Phòng Một", parent="G22.4", level=3),
    OrganRow(code="H24", name="Hải Phòng, theo trung ương", level=1),
)
NATIONAL = Blueprint(code="G00", role="national", organs=MINISTRIES, systems={"H24": ("H24",)})


@runtime_checkable
class NoAdapterHasThis(Protocol):
    """In the place of what an adapter lacks that lists no organisations."""

    async def lists_no_organisations(self) -> None: ...


async def known(node: Node) -> dict[str, Organ]:
    return {organ.organ_id: organ for organ in (await node.store.read(organs.known)).organs}


async def test_a_city_follows_the_national_registry(tmp_path: Path) -> None:
    async with running(await lay_out(tmp_path / "national", NATIONAL)) as national:
        above = Above(endpoint=f"{national.url}/vxp", system_id="H24")
        plan = Blueprint(above=above, more={"uplink[].follow_registry": True, "uplink[].follow_level": 2})
        settings = await lay_out(tmp_path / "city", plan)
        config = tmp_path / "city" / "axis.toml"

        async def sync(*options: str) -> Ran:
            return await asyncio.to_thread(run_axis, "org", "sync", "national", "--config", config, *options)

        async with running(settings) as city:
            async with asyncio.timeout(60):  # the night's run that nobody was there for is made up for
                while "G22.4" not in await known(city):  # noqa: ASYNC110 - the work is a loop's of the node
                    await asyncio.sleep(0.05)
            there = await known(city)
            assert "G22.4.1" not in there
            assert (there["G22.4"].level, there["G22.4"].parent_id) == (2, "G22")
            assert there["H24"].name == "UBND thành phố"
            changed = OrganRow(code="G22", name="Văn phòng Chính phủ mới")
            await national.store.write(lambda c: import_organs(c, [changed], CLOCK.now(), "test"))
            await asyncio.sleep(1.0)  # a running node sees it within a second
            shown = (await sync("--dry-run", "--level", "2", "--json")).json
            assert [(item["verdict"], item["code"], item["applied"]) for item in shown["items"]] == [
                ("renamed", "G22", False)
            ]
            assert (await known(city))["G22"].name == "Văn phòng Chính phủ"
            ran = await sync()
            assert ran.code == 0, ran.err
            assert "Phòng Một" in ran.out
            there = await known(city)
            assert (there["G22"].name, there["G22.4.1"].level) == ("Văn phòng Chính phủ mới", 3)
            # The same commands without a process of their own, which take most of the time.
            async with open_access(settings) as access:
                again = await _follow(access, SyncWish(uplink_id="national", full=True))
                assert again.items == ()
                with pytest.raises(NotFound, match="national"):
                    await _follow(access, SyncWish(uplink_id="nobody"))


async def test_a_node_whose_uplink_cannot_be_followed_says_so_and_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    above = Above(endpoint="http://127.0.0.1:1/vxp", system_id="H24")
    settings = await lay_out(tmp_path / "city", Blueprint(above=above, more={"uplink[].follow_registry": True}))
    monkeypatch.setattr("axis.serve.RegistrySource", NoAdapterHasThis)
    with pytest.raises(Malformed) as refused:
        async with running(settings):
            raise AssertionError
    assert (refused.value.code, refused.value.at) == (Code.BAD_SETTINGS, "uplink.national.follow_registry")
