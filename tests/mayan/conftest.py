"""Mayan: a double that answers as it was recorded, or, for `make test-mayan`, the real one."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from axis.store.store import Store
from tests.mayan.city import MayanCity, make_city, options
from tests.mayan.clerk import Clerk
from tests.mayan.double import RECORDED, TOKEN, double
from tests.mayan.line import Line, line_to
from tests.mayan.real import VARIABLE, RealMayan

RECORD = "AXIS_MAYAN_RECORD"
"""Asks that what the real one answers is written down for the double."""

MakeCity = Callable[..., Awaitable[MayanCity]]


@pytest.fixture(scope="session")
def real_mayan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealMayan, str]]:
    """The real one, where it is asked for."""
    if not (venv := os.environ.get(VARIABLE)):
        pytest.skip(f"`make test-mayan` runs it on a real Mayan ({VARIABLE})")
    if os.environ.get(RECORD):
        for old in RECORDED.glob("*.json"):
            old.unlink()
    mayan = RealMayan(venv=Path(venv), folder=tmp_path_factory.mktemp("mayan"))
    token = mayan.set_up()
    try:
        mayan.start()
        print(f"\nMayan: set up in {mayan.setup_s:.0f} s, answers after {mayan.boot_s:.0f} s")  # noqa: T201 - figures
        yield mayan, token
    finally:
        mayan.kill()


@pytest.fixture(params=["real" if os.environ.get(VARIABLE) else "double"])
async def mayan_line(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Line, str]]:
    """A line to a Mayan, and a token."""
    if request.param == "double":
        async with double() as url, line_to(url) as line:
            yield line, TOKEN
        return
    mayan, token = request.getfixturevalue("real_mayan")
    async with line_to(mayan.url) as line:
        yield line, token
        if os.environ.get(RECORD):
            line.write(RECORDED)


@pytest.fixture
async def new_city(store: Store, tmp_path: Path, mayan_line: tuple[Line, str]) -> AsyncIterator[MakeCity]:
    """Makes a city whose node is connected with these options."""
    line, token = mayan_line
    async with AsyncExitStack() as stack:

        async def make(**chosen: object) -> MayanCity:
            mark = f" {uuid4().hex[:6]}"
            clerk = await stack.enter_async_context(Clerk(line.beside, token))
            city = await make_city(store, tmp_path, line, clerk, options(line, token, mark, **chosen))
            stack.push_async_callback(lambda: city.peer.close())  # noqa: PLW0108 - of the peer that it has then
            line.whole()
            return city

        yield make


@pytest.fixture
async def city(new_city: MakeCity) -> MayanCity:
    """A city with the usual options."""
    return await new_city()
