"""Test nodes of the kit that are made once and copied, and runs of a double on one."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from axis.kit.facts import Limits
from axis.kit.fronts import FRONTS
from axis.kit.proxy import FaultPlan
from axis.kit.robot import Pace
from axis.kit.session import Session, Standing, Wish, opened
from axis.kit.testnode import Vendor, prepare
from tests.kit.dms import ApiLine, Dms, EdocLine, Line, Manners, VxpLine
from tests.nodes import CLOCK

VENDOR = Vendor(system_id="dms", organ_id="K99.1")
LINES = {"vxp": VxpLine, "api": ApiLine, "edoc": EdocLine}


@pytest.fixture(scope="session")
def made_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kit") / "node"
    asyncio.run(prepare(folder, VENDOR, CLOCK))
    return folder


@pytest.fixture
def wish_of(made_folder: Path, tmp_path: Path) -> Callable[..., Wish]:
    """A quick run's wish, on a test node of its own."""

    def make(front: str, **limits: float) -> Wish:
        folder, chosen = tmp_path / "node", FRONTS[front]
        if chosen.system_front == VENDOR.front:  # made once; for others a run makes its own
            shutil.copytree(made_folder, folder)
        return Wish(
            front=chosen,
            vendor=replace(VENDOR, front=chosen.system_front),
            folder=folder,
            pace=Pace(look_s=0.1, step_s=0.05, away_s=1.0),
            plan=FaultPlan(busy_s=1.0, retry_after_s=1, late_s=1.5),
            limits=Limits(**{"answer_s": 300.0, "settle_s": 0.5, "retry_s": 300.0, **limits}),
            large_bytes=2_000_000,
        )

    return make


async def play(
    wish: Wish,
    manners: Manners,
    is_done: Callable[[Standing], bool] = lambda standing: standing.is_decided,
    make_line: Callable[[Session, float], Line] | None = None,
    within_s: float = 100.0,
) -> Standing:
    """A double goes through the cases until it is done: until all are decided."""
    async with opened(wish) as session:
        line = (make_line or LINES[wish.front.id])(session, manners.patience_s)
        return await at_work(session, Dms(line, VENDOR.organ_id, manners), is_done, within_s)


async def at_work(session: Session, dms: Dms, is_done: Callable[[Standing], bool], within_s: float = 100.0) -> Standing:
    """How the cases stand once a double is done, or the time is over."""
    working = asyncio.create_task(dms.run())
    try:
        async with asyncio.timeout(within_s):
            while True:
                standing = await session.look()
                if working.done():
                    working.result()
                if is_done(standing):
                    return standing
                await asyncio.sleep(0.1)
    except TimeoutError:
        return standing
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await dms.line.close()
