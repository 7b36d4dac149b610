"""A process that writes in a loop, to be killed: run as `python -m tests.store.hammer URL DATA_DIR TASKS UNITS KEYS`.

It says "? ready" and waits for a line. Then each unit prints "> UID" before it is handed in and "= UID" after it was
acknowledged ("! UID" when it was refused as Stale). Every third package is too large for a row and becomes a file.
KEYS: a word that makes DocumentIds, so that two processes given the same word compete for the same documents; "-" for
ids of their own.
"""

import asyncio
import os
import random
import sys
from pathlib import Path

import structlog

from axis.store.engine import StoreOptions
from axis.store.hot import Hot, Stale
from axis.store.store import Store
from tests.store import made

LARGE_BYTES = 100_000


def say(mark: str, uid: str) -> None:
    """One write each, so that a killed process has said it whole or not at all."""
    os.write(1, f"{mark} {uid}\n".encode())


async def write_one(store: Store, number: int, keys: str) -> None:
    key = {} if keys == "-" else {"document_key": f"{keys}-{number}"}
    size = LARGE_BYTES if number % 3 == 0 else 200
    content = f"{os.getpid()}-{number}-".encode().ljust(size, b"x")
    new = made.accepted("H24.15", "H24.88", content=content, document_id=f"{os.getpid()}-{number}", **key)
    async with store.spool(limit_bytes=1 << 20) as spool:
        await spool.write(content)
        blob = await store.blobs.record(await spool.finish(), made.NOW)
        say(">", new.document.document_uid)
        try:
            await store.submit(Hot(inserts=(blob, *new.hot.inserts[1:])))
        except Stale:
            say("!", new.document.document_uid)
        else:
            say("=", new.document.document_uid)


async def main(url: str, data_dir: Path, tasks: int, units: int, keys: str) -> None:
    store = Store.open(StoreOptions(url=url, data_dir=data_dir, inline_blob_bytes=1_000))
    # Two that compete go different ways, or the faster one would always be first.
    numbers = iter(random.Random(os.getpid()).sample(range(units), units))
    say("?", "ready")
    sys.stdin.readline()

    async def work() -> None:
        for number in numbers:
            await write_one(store, number, keys)

    await asyncio.gather(*(work() for _ in range(tasks)))
    await store.close()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))
