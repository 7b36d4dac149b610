"""What was acknowledged is there, whoever dies when; and there is never half of anything."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, RootTransaction, func, select, text, update

from axis.errors import Busy
from axis.store import schema
from axis.store.engine import StoreOptions
from axis.store.hot import Stale
from axis.store.store import Store
from tests.databases import Database
from tests.store import made
from tests.store.together import together

ROOT = Path(__file__).parents[2]


@dataclass
class Hammer:
    """A process that writes, and what it said."""

    process: "subprocess.Popen[bytes]"
    handed_in: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)

    def await_ready(self) -> None:
        """Wait until it could begin."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"? ready\n"

    def begin(self) -> None:
        """Let it write."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def listen(self, *, until: int | None = None) -> None:
        """Read what it says, to its end or until so many acknowledgements."""
        assert self.process.stdout is not None
        heard: Mapping[bytes, list[str]] = {b">": self.handed_in, b"=": self.acknowledged, b"!": self.stale}
        for line in self.process.stdout:
            mark, uid = line.split()
            heard[mark].append(uid.decode())
            if until is not None and len(self.acknowledged) >= until:
                return

    def kill(self) -> None:
        """End it without a chance to tidy up, and hear what it had said."""
        self.process.send_signal(signal.SIGKILL)
        self.listen()
        self.process.wait()


@contextmanager
def hammer(database: Database, *, tasks: int = 8, units: int = 100_000, keys: str = "-") -> Iterator[Hammer]:
    command = [sys.executable, "-m", "tests.store.hammer"]
    arguments = [database.url, str(database.data_dir), str(tasks), str(units), keys]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command + arguments, cwd=ROOT, env=environment, **pipes) as process:
        try:
            yield Hammer(process)
        finally:
            process.kill()


def broken_documents(c: Connection) -> Sequence[str]:
    """Documents of which a part is missing."""
    d, p, v, n = schema.document.c, schema.package.c, schema.delivery.c, schema.consignment.c

    def missing(parts: int, condition: object, table: object) -> object:
        counted = select(func.count()).select_from(table).where(condition).correlate(schema.document)  # type: ignore[arg-type]
        return counted.scalar_subquery() != parts

    return c.scalars(
        select(d.document_uid).where(
            missing(1, p.document_uid == d.document_uid, schema.package)
            | missing(2, v.document_uid == d.document_uid, schema.delivery)  # type: ignore[operator]
            | missing(2, n.package_id == d.package_id, schema.consignment)
        )
    ).all()


async def check_whole(store: Store, acknowledged: Sequence[str]) -> set[str]:
    """All that was acknowledged is there, nothing is there in part, every content can be read. What there is."""
    present = set(await store.read(lambda c: c.scalars(select(schema.document.c.document_uid)).all()))
    assert set(acknowledged) <= present
    assert await store.read(broken_documents) == []
    leaves = await store.read(lambda c: c.scalar(select(func.count()).select_from(schema.leaf)))
    assert leaves == len(present)
    rows = await store.read(lambda c: c.execute(select(schema.package.c.sha256_hex, schema.package.c.size_bytes)).all())
    digests = await store.read(lambda c: c.scalars(select(schema.blob.c.sha256_hex)).all())
    assert {row.sha256_hex for row in rows} == set(digests)
    for digest in digests:
        assert made.blob(await store.blobs.read_bytes(digest)).sha256_hex == digest
    return present


@pytest.mark.parametrize("trial", range(3))
async def test_a_killed_writer_loses_nothing_that_it_acknowledged(database: Database, trial: int) -> None:
    with hammer(database) as writer:
        writer.await_ready()
        writer.begin()
        writer.listen(until=50)
        await asyncio.sleep(random.Random(trial).uniform(0, 0.05))
        writer.kill()
        assert writer.process.returncode == -signal.SIGKILL
    assert len(writer.handed_in) > len(writer.acknowledged) >= 50  # work was in flight
    store = Store.open(StoreOptions(url=database.url, data_dir=database.data_dir))
    await check_whole(store, writer.acknowledged)
    assert made.temporary_files(database.data_dir) == []
    await store.close()


async def test_two_processes_on_one_database_lose_and_double_nothing(database: Database) -> None:
    with hammer(database, units=400, keys="k") as one, hammer(database, units=400, keys="k") as other:
        listening = [threading.Thread(target=writer.listen) for writer in (one, other)]
        for writer in (one, other):
            writer.await_ready()
        for writer in (one, other):
            writer.begin()
        for thread in listening:
            thread.start()
        for thread in listening:
            thread.join()
        assert (one.process.wait(), other.process.wait()) == (0, 0)
    store = Store.open(StoreOptions(url=database.url, data_dir=database.data_dir))
    present = await check_whole(store, one.acknowledged + other.acknowledged)
    assert present == set(one.acknowledged + other.acknowledged)
    assert len(present) == 400  # each DocumentId once, whoever came first
    assert len(one.stale) + len(other.stale) == 400
    assert one.stale
    assert other.stale
    await store.close()


async def test_a_server_that_cuts_connections_leaves_each_unit_whole_or_absent(postgres_database: Database) -> None:
    store = Store.open(StoreOptions(url=postgres_database.url, data_dir=postgres_database.data_dir))
    acknowledged: list[str] = []
    counts = {"done": 0, "unknown": 0}
    over = threading.Event()

    async def write() -> None:
        while not over.is_set():
            new = made.accepted("H24.15", "H24.88")
            with suppress(Stale, Busy):
                await store.submit(new.hot)
                acknowledged.append(new.document.document_uid)

    async def count() -> None:
        while not over.is_set():
            try:
                await store.write(raise_version)
                counts["done"] += 1
            except Busy:
                counts["unknown"] += 1

    cutting = asyncio.create_task(asyncio.to_thread(cut_connections, postgres_database.url, 25, over))
    await asyncio.gather(*(write() for _ in range(8)), *(count() for _ in range(2)))
    assert await cutting >= 10
    await check_whole(store, acknowledged)
    assert acknowledged
    assert 1 + counts["done"] <= await store.version() <= 1 + counts["done"] + counts["unknown"]
    await store.close()


def raise_version(c: Connection) -> None:
    c.execute(update(schema.config_version).values(version=schema.config_version.c.version + 1))


def cut_connections(url: str, times: int, over: threading.Event) -> int:
    """End every other connection to the database again and again; how many were ended."""
    cut = 0
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            for _ in range(times):
                time.sleep(0.1)
                cut += connection.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                ).fetchone()[0]  # type: ignore[index]
    finally:
        over.set()
    return cut


async def test_a_connection_cut_before_the_commit_is_made_again_and_the_unit_run_again(
    postgres_database: Database,
) -> None:
    store = Store.open(StoreOptions(url=postgres_database.url, data_dir=postgres_database.data_dir))
    runs = []

    def cut_off_once(c: Connection) -> str:
        runs.append(1)
        raise_version(c)
        if len(runs) == 1:
            c.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return "done"

    assert await store.write(cut_off_once) == "done"
    assert len(runs) == 2
    assert await store.version() == 2  # the first run left nothing
    await store.close()


@pytest.mark.parametrize("happened", [True, False])
async def test_a_connection_lost_at_the_commit_never_doubles_anything(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch, *, happened: bool
) -> None:
    store = Store.open(StoreOptions(url=postgres_database.url, data_dir=postgres_database.data_dir))
    commit, commits = RootTransaction.commit, []

    def commit_and_lose(transaction: RootTransaction) -> None:
        commits.append(transaction)
        lost = len(commits) == 2  # the first is that of the unit that holds the writer
        if not lost or happened:
            commit(transaction)
        if lost:
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    new = made.accepted("H24.15", "H24.88")
    monkeypatch.setattr(RootTransaction, "commit", commit_and_lose)
    hot, function = await together(store, store.submit(new.hot), store.write(raise_version))
    # Looking again, the use case finds its own work; what a function did, its caller has to look for.
    assert isinstance(hot, Stale) if happened else hot is None
    assert isinstance(function, Busy)
    assert await store.version() == (2 if happened else 1)
    assert await check_whole(store, [new.document.document_uid]) == {new.document.document_uid}
    await store.close()


async def test_reads_survive_a_server_that_cut_all_connections(postgres_database: Database) -> None:
    store = Store.open(StoreOptions(url=postgres_database.url, data_dir=postgres_database.data_dir))
    await asyncio.gather(*(store.version() for _ in range(16)))
    assert cut_connections(postgres_database.url, 1, threading.Event()) >= 2
    assert await asyncio.gather(*(store.version() for _ in range(16))) == [1] * 16
    await store.close()
