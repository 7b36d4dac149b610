"""A dispatcher in a process of its own: `python -m tests.faults.dispatcher NAME DATABASE FOLDER OFFICE`.

It pushes what is due of the database to the post office, under its name, until it is killed.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any, cast

from axis.clock import SystemClock
from axis.store.engine import StoreOptions
from axis.store.store import Store
from tests.exchange.harness import HeldClock, open_node
from tests.exchange.pushing import City
from tests.post_office import PostOffice, PostOptions, PostPeer

LEASE_S = 2.0


async def dispatch(name: str, url: str, folder: Path, office_url: str) -> None:
    """Push for ever."""
    store = Store.open(StoreOptions(url=url, data_dir=folder))
    node = await open_node(store, folder, clock=cast("HeldClock", SystemClock()))
    city = City(node, PostOffice(url=office_url))

    def signed(partner: Any) -> PostPeer:
        return PostPeer(PostOptions.model_validate(dict(partner.options)), name)

    city.partners._make_peer = signed
    await city.another(lease_s=LEASE_S, look_s=0.05).run()


if __name__ == "__main__":
    asyncio.run(dispatch(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4]))
