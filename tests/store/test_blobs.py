"""Bytes in the database and in files; sweeping beside uploads."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from axis.errors import Busy, NotFound
from axis.store import schema
from axis.store.blobs import Blobs
from axis.store.engine import StoreOptions
from axis.store.hot import Hot
from axis.store.records import Blob
from axis.store.store import Store
from tests.store import made
from tests.store.made import NOW, kept_files, temporary_files

LARGE = b"large" * 20_000
LONG_AGO = datetime.now(UTC) - timedelta(days=30)


async def upload(store: Store, content: bytes) -> Blob:
    """Spool and record bytes as a front and a use case do; without a row yet."""
    async with store.spool(limit_bytes=1 << 30) as spool:
        await spool.write(content)
        return await store.blobs.record(await spool.finish(), LONG_AGO)


async def keep(store: Store, content: bytes) -> made.Made:
    """An accepted package of these bytes."""
    new = made.accepted("H24.15", content=content)
    blob = await upload(store, content)
    await store.submit(Hot(inserts=(blob, *new.hot.inserts[1:])))
    return new


def grow_old(path: Path) -> None:
    os.utime(path, (LONG_AGO.timestamp(), LONG_AGO.timestamp()))


def open_files() -> set[str]:
    """What this process has open, by name."""
    links = [Path("/proc/self/fd") / handle.name for handle in Path("/proc/self/fd").iterdir()]
    return {str(link.readlink()) for link in links if link.is_symlink()}


def yesterday() -> datetime:
    return datetime.now(UTC) - timedelta(days=1)


@pytest.mark.parametrize("content", [b"", b"small", b"x" * 65_536, b"x" * 65_537, LARGE], ids=len)
async def test_bytes_come_back_as_they_went_in_row_or_file(store: Store, content: bytes) -> None:
    new = await keep(store, content)
    digest = new.blob.sha256_hex
    assert await store.blobs.read_bytes(digest) == content
    chunks = [chunk async for chunk in store.blobs.chunks(digest, 1_000)]
    assert b"".join(chunks) == content
    assert all(len(chunk) <= 1_000 for chunk in chunks)
    assert store.blobs.path(digest).exists() == (len(content) > 65_536)


async def test_a_spooled_file_can_be_recorded_twice_and_leaves_no_temporary_file(
    store: Store, store_options: StoreOptions
) -> None:
    content = os.urandom(3 << 20)  # more than the spool keeps in memory
    async with store.spool(limit_bytes=1 << 30) as spool:
        await spool.write(content)
        spooled = await spool.finish()
        assert isinstance(spooled.content, Path)
        first = await store.blobs.record(spooled, NOW)
        second = await store.blobs.record(spooled, NOW)  # the use case decided anew
    assert first == second
    assert [path.name for path in kept_files(store_options.data_dir)] == [first.sha256_hex]
    assert temporary_files(store_options.data_dir) == []


async def test_the_same_content_at_the_same_time_is_one_file(store: Store, store_options: StoreOptions) -> None:
    await asyncio.gather(*(upload(store, LARGE) for _ in range(8)))
    assert len(kept_files(store_options.data_dir)) == 1
    assert temporary_files(store_options.data_dir) == []


async def test_a_file_that_was_cut_short_is_made_again(store: Store) -> None:
    new = await keep(store, LARGE)
    path = store.blobs.path(new.blob.sha256_hex)
    path.write_bytes(LARGE[:10])
    await upload(store, LARGE)
    assert path.read_bytes() == LARGE


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "A" * 64, "0" * 63, "0" * 64 + "\n", "0" * 64])
async def test_what_is_not_there_is_not_found_and_no_name_becomes_a_path(store: Store, digest: str) -> None:
    with pytest.raises(NotFound):
        await store.blobs.read_bytes(digest)
    if digest != "0" * 64:
        with pytest.raises(NotFound):
            store.blobs.path(digest)


async def test_a_reader_that_stops_early_lets_go_of_the_file(store: Store) -> None:
    new = await keep(store, LARGE)
    await store.blobs.read_bytes(new.blob.sha256_hex)
    before = open_files()
    for _ in range(5):
        chunks = store.blobs.chunks(new.blob.sha256_hex, 1_000)
        assert len(await anext(chunks)) == 1_000
        await chunks.aclose()
    assert open_files() == before


async def test_a_full_disk_is_told_and_leaves_nothing(
    store: Store, store_options: StoreOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Busy):
        await upload(store, LARGE)
    assert kept_files(store_options.data_dir) == temporary_files(store_options.data_dir) == []


async def test_a_file_is_synced_before_it_has_its_name_and_its_folder_after(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(handle: int) -> None:
        steps.append("sync " + ("folder" if Path(f"/proc/self/fd/{handle}").resolve().is_dir() else "file"))
        fsync(handle)

    def noted_replace(path: Path, target: Path) -> Path:
        steps.append("name")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    await upload(store, LARGE)
    assert steps == ["sync file", "sync folder", "sync folder", "name", "sync folder"]


# ── sweeping ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_sweep_removes_what_nothing_refers_to_after_a_day(store: Store, store_options: StoreOptions) -> None:
    kept = await keep(store, LARGE)
    small = await keep(store, b"small")
    orphan = await upload(store, LARGE + b"!")  # its commit never came
    young = await upload(store, LARGE + b"?")
    for digest in (kept.blob.sha256_hex, orphan.sha256_hex):
        grow_old(store.blobs.path(digest))
    swept = await store.blobs.sweep(yesterday())
    assert (swept.files, swept.rows) == (1, 0)
    names = {path.name for path in kept_files(store_options.data_dir)}
    assert names == {kept.blob.sha256_hex, young.sha256_hex}
    assert await store.blobs.read_bytes(small.blob.sha256_hex) == b"small"


async def test_a_sweep_removes_rows_whose_packages_are_gone_and_then_their_files(store: Store) -> None:
    gone, stays, small = await keep(store, LARGE), await keep(store, LARGE + b"!"), await keep(store, b"small")
    for new in (gone, small):
        for table in (schema.consignment, schema.package):
            condition = table.c.package_id == new.package.package_id
            await store.write(lambda c, t=table, w=condition: c.execute(delete(t).where(w)).rowcount)
    for new in (gone, stays):
        grow_old(store.blobs.path(new.blob.sha256_hex))
    swept = await store.blobs.sweep(yesterday())
    assert (swept.files, swept.rows) == (1, 2)
    assert await store.read(lambda c: c.scalars(select(schema.blob.c.sha256_hex)).all()) == [stays.blob.sha256_hex]
    assert not store.blobs.path(gone.blob.sha256_hex).exists()
    assert await store.blobs.read_bytes(stays.blob.sha256_hex) == LARGE + b"!"


async def test_a_sweep_of_many_rows_goes_in_small_transactions(store: Store) -> None:
    rows = [made.blob(str(number).encode(), at=LONG_AGO) for number in range(450)]
    await store.submit(Hot(inserts=tuple(rows)))
    before = store.commits
    assert (await store.blobs.sweep(yesterday())).rows == 450
    assert store.commits - before == 4  # three with rows, one that found none
    assert await store.read(lambda c: c.scalar(select(func.count()).select_from(schema.blob))) == 0


@pytest.mark.parametrize("moment", ["before it is moved aside", "after it was moved aside"])
async def test_a_fresh_upload_of_the_same_content_beside_a_sweep_keeps_its_file(
    store: Store, store_options: StoreOptions, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    orphan = await upload(store, LARGE)
    path = store.blobs.path(orphan.sha256_hex)
    grow_old(path)
    unknown = Blobs._unknown
    looks: list[Any] = []

    async def look_and_upload(blobs: Blobs, names: list[str]) -> list[str]:
        looks.append(path.exists())
        found = await unknown(blobs, names)
        if len(looks) == (1 if moment.startswith("before") else 2):
            await upload(store, LARGE)  # made durable; its row comes only after the sweep
        return found

    monkeypatch.setattr(Blobs, "_unknown", look_and_upload)
    swept = await store.blobs.sweep(yesterday())
    assert looks == [True, False]
    assert path.read_bytes() == LARGE
    assert swept.files == (0 if moment.startswith("before") else 1)
    assert kept_files(store_options.data_dir) == [path]


async def test_a_row_that_came_beside_a_sweep_keeps_its_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    orphan = await upload(store, LARGE)
    path = store.blobs.path(orphan.sha256_hex)
    unknown = Blobs._unknown
    new = made.accepted("H24.15", content=LARGE)

    async def look_and_commit(blobs: Blobs, names: list[str]) -> list[str]:
        found = await unknown(blobs, names)
        if path.exists():  # the first look
            await store.submit(Hot(inserts=(orphan, *new.hot.inserts[1:])))
        else:  # while it is aside, it can be read
            assert await store.blobs.read_bytes(orphan.sha256_hex) == LARGE
        return found

    monkeypatch.setattr(Blobs, "_unknown", look_and_commit)
    grow_old(path)
    assert (await store.blobs.sweep(yesterday())).files == 0
    assert await store.blobs.read_bytes(orphan.sha256_hex) == LARGE


async def test_a_sweep_that_was_cut_off_loses_nothing(store_options: StoreOptions) -> None:
    store = Store.open(store_options)
    new = await keep(store, LARGE)
    orphan = await upload(store, LARGE + b"!")
    for digest in (new.blob.sha256_hex, orphan.sha256_hex):
        path = store.blobs.path(digest)
        grow_old(path)
        path.rename(path.with_suffix(".aside"))  # here the process died
    await store.close()
    again = Store.open(store_options)
    assert await again.blobs.read_bytes(new.blob.sha256_hex) == LARGE
    assert (await again.blobs.sweep(yesterday())).files == 1
    assert [path.name for path in kept_files(store_options.data_dir)] == [new.blob.sha256_hex]
    assert await again.blobs.read_bytes(new.blob.sha256_hex) == LARGE
    await again.close()


# ── temporary files ────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_a_dead_process_left_goes_and_what_a_living_one_uses_stays(store_options: StoreOptions) -> None:
    left = store_options.data_dir / "tmp" / "run-dead"
    left.mkdir(parents=True)
    (left / "spool-abc").write_bytes(b"half")
    living = Store.open(store_options)
    assert not left.exists()
    async with living.spool(limit_bytes=1 << 30) as spool:
        await spool.write(b"x" * (2 << 20))
        other = Store.open(store_options)  # another process, the CLI perhaps
        assert len(temporary_files(store_options.data_dir)) == 1
        await other.close()
        assert (await spool.finish()).size_bytes == 2 << 20
    await living.close()
    assert temporary_files(store_options.data_dir) == []
    assert list((store_options.data_dir / "tmp").iterdir()) == []
