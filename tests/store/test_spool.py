import asyncio
import errno
import hashlib
import random
import threading
from io import FileIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis.errors import Busy, Code, Internal, Malformed
from axis.store.spool import Spool, Spooled

MEMORY = 1_000


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def spool(directory: Path, limit_bytes: int = 1 << 20) -> Spool:
    return Spool(directory, limit_bytes=limit_bytes, memory_bytes=MEMORY)


def files_in(directory: Path) -> list[Path]:
    return list(directory.iterdir())


async def feed(into: Spool, data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        await into.write(data[start:end])


@pytest.mark.parametrize("drop_crlf", [False, True])
@pytest.mark.parametrize("size", [2, 3, MEMORY, MEMORY + 2, MEMORY + 3, 10 * MEMORY])
async def test_a_body_is_kept_with_or_without_its_last_crlf(tmp_path: Path, size: int, *, drop_crlf: bool) -> None:
    data = random.Random(size).randbytes(size - 2) + b"\r\n"
    async with spool(tmp_path) as body:
        await feed(body, data, [size // 3, size // 2, size - 1])
        assert body.size_bytes == size
        assert body.sha256_hex == sha256_hex(data)
        assert body.sha256_hex_without_crlf == sha256_hex(data[:-2])
        kept = await body.finish(drop_crlf=drop_crlf)
        wanted = data[:-2] if drop_crlf else data
        assert (kept.read_bytes(), kept.size_bytes, kept.sha256_hex) == (wanted, len(wanted), sha256_hex(wanted))
        assert isinstance(kept.content, bytes) == (size <= MEMORY + 2)
    assert files_in(tmp_path) == []


@given(
    parts=st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"x", b"y" * 700, b"z" * 1_500, b""]), max_size=12),
)
def test_however_it_is_cut_the_bytes_and_digests_are_those_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]
) -> None:
    async def run() -> None:
        data = b"".join(parts)
        async with spool(tmp_path_factory.getbasetemp()) as body:
            for part in parts:
                await body.write(part)
            assert body.sha256_hex == sha256_hex(data)
            without = sha256_hex(data[:-2]) if data.endswith(b"\r\n") else None
            assert body.sha256_hex_without_crlf == without
            kept = await body.finish()
            assert kept.read_bytes() == data

    asyncio.run(run())


async def test_more_than_the_limit_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    async def upload() -> None:
        async with spool(tmp_path, limit_bytes=5_000) as body:
            await body.write(b"x" * 5_000)
            await body.write(b"x")

    with pytest.raises(Malformed) as refused:
        await upload()
    assert refused.value.code is Code.TOO_LARGE
    assert "5000" in refused.value.detail
    assert files_in(tmp_path) == []


async def test_a_crlf_that_is_not_there_cannot_be_dropped(tmp_path: Path) -> None:
    async with spool(tmp_path) as body:
        await body.write(b"x\n")
        assert body.sha256_hex_without_crlf is None
        with pytest.raises(ValueError, match="CRLF"):
            await body.finish(drop_crlf=True)


async def test_an_empty_body_is_empty(tmp_path: Path) -> None:
    async with spool(tmp_path) as body:
        kept = await body.finish()
    assert kept == Spooled(content=b"", sha256_hex=sha256_hex(b""), size_bytes=0)


@pytest.mark.parametrize("cancellations", [1, 2])
async def test_a_caller_that_goes_away_while_a_block_is_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cancellations: int
) -> None:
    writing, go_on = threading.Event(), threading.Event()
    write = Spool._write_block

    def slow(body: Spool, block: bytes) -> None:
        write(body, block)
        writing.set()
        assert go_on.wait(30)

    monkeypatch.setattr(Spool, "_write_block", slow)

    async def upload() -> None:
        async with spool(tmp_path) as body:
            await body.write(b"x" * 5_000)

    task = asyncio.create_task(upload())
    await asyncio.to_thread(writing.wait)
    for _ in range(cancellations):
        task.cancel()
        await asyncio.sleep(0)
    assert len(files_in(tmp_path)) == 1  # the thread still uses it
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    while files_in(tmp_path):  # noqa: ASYNC110 - ends with the test's time
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(("number", "told"), [(errno.ENOSPC, Busy), (errno.EDQUOT, Busy), (errno.EIO, Internal)])
async def test_a_disk_that_fails_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, told: type[Exception]
) -> None:
    class Failing(FileIO):
        def write(self, _data: Any, /) -> int:
            raise OSError(number, "no")

    monkeypatch.setattr("axis.store.spool.FileIO", Failing)

    async def upload() -> None:
        async with spool(tmp_path) as body:
            await body.write(b"x" * 5_000)

    with pytest.raises(told):
        await upload()
    assert files_in(tmp_path) == []


async def test_a_disk_that_takes_a_part_at_a_time_gets_every_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(FileIO):
        def write(self, data: Any, /) -> int:
            return super().write(data[:7])

    monkeypatch.setattr("axis.store.spool.FileIO", Slow)
    data = random.Random(1).randbytes(4_000)
    async with spool(tmp_path) as body:
        await body.write(data)
        assert (await body.finish()).read_bytes() == data


async def test_the_event_loop_runs_while_blocks_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()
    write = Spool._write_block

    def noted(body: Spool, block: bytes) -> None:
        threads.add(threading.get_ident())
        write(body, block)

    monkeypatch.setattr(Spool, "_write_block", noted)
    async with spool(tmp_path) as body:
        await body.write(b"x" * 100_000)
        await body.finish()
    assert threads
    assert threading.get_ident() not in threads
