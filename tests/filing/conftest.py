"""The same rules on every place."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from adapters.filing.options import FilingOptions
from axis.store.store import Store
from tests.exchange.harness import make_node
from tests.filing.city import FilingCity
from tests.filing.places import PLACES

MakeCity = Callable[..., Awaitable[FilingCity]]


@pytest.fixture(params=["folder"])
def place_kind(request: pytest.FixtureRequest) -> str:
    """Which place; files that try all of them parametrize it."""
    kind: str = request.param
    return kind


@pytest.fixture
async def make_city(store: Store, tmp_path: Path, place_kind: str) -> AsyncIterator[MakeCity]:
    """Makes a city whose DMS exchanges files with these options."""
    async with AsyncExitStack() as stack:

        async def make(**options: object) -> FilingCity:
            root = tmp_path / "share"
            root.mkdir()
            make_place = await stack.enter_async_context(PLACES[place_kind](root))
            chosen = FilingOptions(**options)  # type: ignore[arg-type]
            city = FilingCity(await make_node(store, tmp_path), root, make_place, chosen)
            stack.push_async_callback(lambda: city.peer.close())  # noqa: PLW0108 - of the peer that it has then
            await city.connect()
            return city

        yield make


@pytest.fixture
async def city(make_city: MakeCity) -> FilingCity:
    """A city with the options as they come."""
    return await make_city()
