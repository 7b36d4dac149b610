"""The node is killed while it lays packages into a DMS's folder, and while it takes what the DMS laid there.

A kill counts only if it met what it was meant for: a file half written, a package whose last file is still to come, a
claimed file that is not in the database yet, one that is and has not been put away.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from axis.edxml.writer import to_bytes
from axis.errors import PeerUnreachable
from tests.databases import Database
from tests.exchange.harness import a_document
from tests.faults.cutting import Killed, Way, node_with
from tests.faults.test_kill_pushing import Came, check, dms_with

VAIN = 12  # kills that met nothing, at most
OUT_BYTES = 2_000_000


def folder_way(root: Path) -> Way:
    root.mkdir()
    return Way(adapter="folder", options={"path": str(root), "settle_s": "0.1"})


def _half_written(root: Path) -> set[str]:
    return {path.name for path in (root / "to-dms").glob(".axis-*")}


def _last_to_come(root: Path) -> set[str]:
    return {path.name for path in (root / "axis-sent").glob("*.staged")}


async def _kill(node: Killed, root: Path, met: Callable[[Path], set[str]], came: list[Came]) -> bool:
    """A package is pushed, and the node dies of it. False: it had come further by then."""
    before, letter, look = met(root), node.a_letter(OUT_BYTES), dms_with(root)
    sending = asyncio.create_task(node.hand_in(letter))
    while not met(root) - before:
        await asyncio.sleep(0)
        if sending.done() and await node.has_arrived(sending.result()):
            came += look()
            return False
    node.kill()
    await node.died()
    hit = bool(met(root) - before)
    came += look()
    await node.process.start()
    with suppress(PeerUnreachable):  # the sender may have had no answer: it asks for it by sending the same again
        await sending
    await node.until_arrived(await node.hand_in(letter))
    came += look()
    return hit


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_each_package_appears_once_though_the_node_is_killed_while_it_writes_the_files(tmp_path: Path) -> None:
    root = tmp_path / "share"
    came: list[Came] = []
    async with node_with(folder_way(root), tmp_path / "node", None) as node:
        await node.until_arrived(await node.send(OUT_BYTES))  # the folders are there
        for met in (_half_written, _last_to_come):
            tries = 1
            while not await _kill(node, root, met, came):
                tries += 1
                assert tries <= VAIN, f"{met.__name__}: kills that met nothing"
        came += dms_with(root)()
        check(came, node, 1)
    assert not _last_to_come(root)


def _letters(root: Path, numbers: Sequence[int]) -> None:
    """A DMS writes packages, and documents as JSON with a file, in turn."""
    for number in numbers:
        if number % 2:
            name, raw = f"{number}.edxml", to_bytes(a_document("H24.11", sender="H24.15", number=str(number)))
        else:
            (root / "from-dms" / f"{number}.pdf").write_bytes(b"%PDF " + str(number).encode())
            wish = {"kind": "document", "sender": {"organ_id": "H24.15"}, "receivers": [{"organ_id": "H24.11"}]}
            wish |= {"number": str(number), "notation": "SXD", "promulgation_date": "2026-11-24", "subject": "V/v trực"}
            name, raw = f"{number}.json", json.dumps({**wish, "files": [{"file": f"{number}.pdf"}]}).encode()
        draft = root / "from-dms" / f"{name}.tmp"
        draft.write_bytes(raw)
        draft.rename(root / "from-dms" / name)


def _items(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if ".item." in path.name]


async def _documents(node: Killed) -> int:
    query = "SELECT count(*) FROM package WHERE source_system = 'dms-xd'"
    found: int = await node.access.store.read(lambda c: c.exec_driver_sql(query).scalar())
    return found


async def _kill_taking(node: Killed, root: Path, *, durable: bool) -> set[str]:
    """The node dies while it takes what lies there; what that met. durable: it had better meet that."""
    done = len(_items(root / "taken"))
    async with asyncio.timeout(60):
        while True:
            taken = len(_items(root / "taken"))
            if (await _documents(node) > taken > done) if durable else taken > done:
                break
    node.kill()
    await node.died()
    taken, documents = len(_items(root / "taken")), await _documents(node)
    claimed = len(_items(root / "axis-work"))
    return {
        name for name, is_met in (("claimed", claimed > documents - taken), ("durable", documents > taken)) if is_met
    }


async def _trial(tmp_path: Path, database: Database | None) -> None:
    root = tmp_path / "share"
    count = tries = 0
    met: set[str] = set()
    async with node_with(folder_way(root), tmp_path / "node", database) as node:
        async with asyncio.timeout(60):
            while not (root / "axis-sent").exists():  # noqa: ASYNC110 - the node makes the folders, this one last
                await asyncio.sleep(0.01)
        while met != {"claimed", "durable"}:
            tries += 1
            assert tries <= VAIN, f"only {met} was met"
            _letters(root, range(count + 1, count + 21))
            count += 20
            met |= await _kill_taking(node, root, durable=tries > 1)
            await node.process.start()
            async with asyncio.timeout(60):
                while len(_items(root / "taken")) < count:  # noqa: ASYNC110 - the node puts them there
                    await asyncio.sleep(0.05)
        assert await _documents(node) == count
    for folder in ("from-dms", "axis-work", "errors"):
        assert list((root / folder).iterdir()) == []
    names = Counter(path.name.split(".", 2)[2] for path in (root / "taken").iterdir())
    wanted = [f"{n}.edxml" if n % 2 else f"{n}.json" for n in range(1, count + 1)]
    assert names == Counter([*wanted, *(f"{n}.pdf" for n in range(2, count + 1, 2))])


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_each_file_of_a_dms_is_taken_once_though_the_node_is_killed_while_it_takes_them(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    await _trial(tmp_path, request.getfixturevalue("postgres_database") if kind == "postgresql" else None)
