"""What a DMS gets wrong, or an attacker writes: clear words, put aside, nothing lost, nothing followed."""

import asyncio
import errno
import os
import unicodedata
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.checking import Fault, Trouble
from adapters.filing.collecting import Collector, _Held
from adapters.filing.options import FilingOptions
from adapters.filing.place import Entry, Gone, Spot, is_finished_name, is_name, listing, once, write_bytes
from adapters.filing.wishes import read_wish
from adapters.folder.local import LocalPlace
from axis.delivery.peer import Incoming
from axis.edxml.model import DocumentPackage, Limits
from axis.edxml.reader import read
from axis.edxml.writer import to_bytes
from axis.errors import Code, Malformed
from tests.exchange.harness import HeldClock, a_document
from tests.filing.city import FilingCity, by_hand, seen
from tests.filing.conftest import MakeCity
from tests.filing.test_exchange import WISH

RAW = to_bytes(a_document("H24.11", sender="H24.15"))


async def test_a_file_that_still_grows_is_not_read(city: FilingCity) -> None:
    for size in (100, 500, 900):
        city.dms.drop("di.edxml", RAW[:size])
        assert await city.collect(rounds=1) == 0
        city.node.clock.advance(minutes=1)
    assert await city.documents() == 0
    city.dms.drop("di.edxml", RAW)
    assert await city.inbox.poll() == 0  # seen once so
    city.node.clock.advance(seconds=5)
    assert await city.inbox.poll() == 1
    assert city.dms.names("errors") == []


async def test_one_that_stops_half_way_waits_and_then_is_put_aside_with_the_reason(city: FilingCity) -> None:
    city.dms.drop("di.edxml", RAW[:900])
    await city.collect()
    city.node.clock.advance(minutes=14)
    await city.inbox.poll()
    assert (city.dms.names("from-dms"), city.dms.names("errors")) == (["di.edxml"], [])
    city.node.clock.advance(minutes=2)
    await city.inbox.poll()
    assert city.dms.names("from-dms") == []
    (note,) = city.dms.errors()
    assert "di.edxml" in note
    assert "xml_broken" in note
    assert "đặt tệp đúng trở lại thư mục from-dms" in note
    assert "put it right" in note
    (name,) = (one for one in city.dms.names("errors") if one.endswith("di.edxml"))
    assert city.dms.read(name, "errors") == RAW[:900]
    city.dms.drop("di.edxml", RAW)
    assert await city.collect() == 1


@pytest.mark.parametrize(
    "name", ["di.edxml.tmp", "di.edxml.part", ".di.edxml", "~di.edxml", "di.edxml~", "di.edxml.filepart"]
)
async def test_names_of_unfinished_files_are_passed_over_until_they_are_renamed(city: FilingCity, name: str) -> None:
    path = city.dms.drop(name, RAW)
    for _ in range(2):  # nor are they strays, however long they have been looked at
        city.node.clock.advance(days=3)
        assert await city.collect() == 0
    assert city.dms.names("from-dms") == [name]
    path.rename(path.with_name("di.edxml"))
    assert await city.collect() == 1


async def test_a_file_is_looked_at_twice_even_where_it_need_not_stay_the_same_for_long(make_city: MakeCity) -> None:
    city = await make_city(settle_s=0)
    city.dms.drop("di.edxml", RAW)
    assert await city.inbox.poll() == 0
    city.node.clock.advance(seconds=1)
    assert await city.inbox.poll() == 1


async def test_a_file_that_json_names_is_waited_for_until_it_is_whole(city: FilingCity) -> None:
    city.dms.drop("15.json", WISH)
    assert await city.collect() == 0
    path = city.dms.drop("công văn.pdf", b"%PDF half")
    assert await city.inbox.poll() == 0
    city.node.clock.advance(seconds=5)
    with path.open("ab") as file:
        file.write(b" and the rest")
    assert await city.inbox.poll() == 0
    assert await city.collect() == 1
    (raw,) = await city.node.take("dms-yte")
    package = read(raw)
    assert isinstance(package, DocumentPackage)
    assert package.attachments[0].content == b"%PDF half and the rest"


async def test_zero_bytes_are_nothing_yet_and_later_an_error(city: FilingCity) -> None:
    city.dms.drop("di.edxml", b"")
    city.dms.drop("di.json", b"")
    assert await city.collect() == 0
    assert city.dms.names("errors") == []
    city.node.clock.advance(hours=1)
    await city.inbox.poll()
    notes = city.dms.errors()
    assert len(notes) == 2
    assert any("empty_body" in note for note in notes)


async def test_a_link_is_not_followed(city: FilingCity, tmp_path: Path) -> None:
    secret = tmp_path / "secret.edxml"
    secret.write_bytes(RAW)
    folder = city.dms.root / "from-dms"
    by_hand(folder, "di.edxml", str(secret))
    by_hand(folder, "15.pdf", str(secret))
    city.dms.drop("15.json", {**WISH, "files": [{"file": "15.pdf"}]})
    await city.collect()
    city.node.clock.advance(hours=1)
    await city.inbox.poll()
    assert await city.documents() == 0
    notes = city.dms.errors()
    assert len(notes) == 2
    assert any("it is not followed" in note for note in notes)
    assert secret.read_bytes() == RAW
    assert not any(
        b"Subject" in (city.dms.root / "errors" / one).read_bytes()
        for one in city.dms.names("errors")
        if one.endswith("txt")
    )


async def test_a_folder_that_is_a_link_is_not_entered(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "share", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (root / "from-dms").symlink_to(elsewhere)
    place = LocalPlace(root)
    for work in (place.make("from-dms"), place.entries("from-dms"), place.stat(Spot("from-dms", "x"))):
        with pytest.raises(Trouble) as caught:
            await work
        assert caught.value.fault is Fault.FOLDER_MISSING


async def test_a_pipe_holds_nobody_up(city: FilingCity) -> None:
    (city.dms.root / "from-dms").mkdir()
    os.mkfifo(city.dms.root / "from-dms" / "di.edxml")
    with pytest.raises(Gone):  # opened, it would wait for somebody to write
        async with city.place.read(Spot("from-dms", "di.edxml")):
            pass
    await city.collect()
    assert len(city.dms.errors()) == 1


@pytest.mark.parametrize(
    "file", ["../../x", "/etc/passwd", "a/b.pdf", "..", ".", ".an.pdf", "a\\b.pdf", "a\0b", "a\nb", ""]
)
async def test_names_in_json_are_no_paths(city: FilingCity, file: str) -> None:
    city.dms.drop("15.json", {**WISH, "files": [{"file": file}]})
    await city.collect()
    (note,) = city.dms.errors()
    assert "bad_file" in note
    assert await city.documents() == 0


@pytest.mark.parametrize(
    "text", ["../../x", "a/b", "a\\b", "..", ".", "", "a\0", "a\n", "x" * 256, "ă" * 128, "\udcff\n"]
)
def test_what_is_no_name(text: str) -> None:
    assert not is_name(text)
    with pytest.raises(Trouble):
        Spot("from-dms", text)
    with pytest.raises(Trouble):
        Spot(text, "x")


def test_names_are_names() -> None:
    for text in ("a", "công văn số 15.pdf", unicodedata.normalize("NFD", "công văn.pdf"), "..a", "a..", "x" * 255):
        assert is_name(text)
    assert is_finished_name("a.tmp.edxml")


class Lying(LocalPlace):
    """A server whose listing names files elsewhere."""

    async def entries(self, folder: str) -> tuple[Entry, ...]:
        from dataclasses import replace  # noqa: PLC0415 - here alone

        found = await super().entries(folder)
        return tuple(replace(one, name=f"../../{one.name}") for one in found) + found


async def test_names_that_a_server_lists_are_no_paths_either(tmp_path: Path) -> None:
    (tmp_path / "from-dms").mkdir()
    (tmp_path / "from-dms" / "a.edxml").write_bytes(RAW)
    assert [one.name for one in await listing(Lying(tmp_path), "from-dms")] == ["a.edxml"]


@pytest.mark.parametrize(
    ("raw", "at"),
    [
        (b"[]", None),
        (b"{", None),
        (b"[" * 100_000, None),
        (b'{"kind": "letter"}', None),
        (b"\xff\xfe{}", None),
        (b'{"kind": "status", "document": {}}', "document.organ_id"),
        (b'{"kind": "document", "colour": "blue"}', "sender"),
    ],
)
def test_json_that_is_none_of_ours_is_refused_by_its_field(raw: bytes, at: str | None) -> None:
    with pytest.raises(Malformed) as caught:
        read_wish(raw)
    assert caught.value.code is Code.BAD_FILE
    assert (caught.value.at or None) == at


def test_json_is_bounded() -> None:
    with pytest.raises(Malformed) as caught:
        read_wish(b" " * ((1 << 20) + 1))
    assert caught.value.code is Code.TOO_LARGE


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"files": [{"file": "a.pdf", "sha256": "0" * 64}]}, "hash_mismatch"),
        ({"sender": {"organ_id": "H24.11"}}, "foreign_sender"),
        ({"receivers": [{"organ_id": "H24.999"}]}, "unknown_receiver"),
        ({"subject": "a\u0001b"}, "field_invalid"),
        ({"files": [{"file": "a.pdf"}, {"file": "a.pdf"}]}, "bad_file"),
        ({"kind": "status"}, "bad_file"),
    ],
)
async def test_what_cannot_be_sent_is_put_aside_with_its_files(
    city: FilingCity, changed: dict[str, object], code: str
) -> None:
    city.dms.drop("a.pdf", b"%PDF")
    city.dms.drop("15.json", {**WISH, "files": [{"file": "a.pdf"}], **changed})
    assert await city.collect() == 0
    (note,) = city.dms.errors()
    assert f"Code: {code}" in note
    assert await city.documents() == 0
    assert len(city.dms.names("errors")) + len(city.dms.names("from-dms")) == 3


async def test_a_status_word_that_nobody_knows_names_those_that_there_are(city: FilingCity) -> None:
    reply = {"organ_id": "H24.11", "document_id": "x"}
    city.dms.drop("tt.json", {"kind": "status", "document": reply, "organ_id": "H24.15", "status": "đang ngâm"})
    await city.collect()
    (note,) = city.dms.errors()
    assert "bad_status_code" in note
    assert "accepted" in note


async def test_files_that_never_come_end_the_wait(city: FilingCity) -> None:
    city.dms.drop("15.json", WISH)
    await city.collect()
    city.node.clock.advance(minutes=16)
    await city.inbox.poll()
    (note,) = city.dms.errors()
    assert "attachment_absent" in note
    assert "công văn.pdf" in note


async def test_what_nobody_names_is_put_aside_after_a_day(city: FilingCity) -> None:
    city.dms.drop("bản nháp.docx", b"PK")
    await city.collect()
    assert city.dms.names("from-dms") == ["bản nháp.docx"]
    city.node.clock.advance(hours=25)
    await city.inbox.poll()
    (note,) = city.dms.errors()
    assert "no JSON file names it" in note


@pytest.mark.parametrize("longer", [True, False])
async def test_whoever_writes_on_after_the_claim_is_waited_for(city: FilingCity, *, longer: bool) -> None:
    path = city.dms.drop("di.edxml", RAW)
    await city.inbox.poll()
    city.node.clock.advance(seconds=5)
    with path.open("ab" if longer else "r+b") as still_open:
        (item,) = await city.peer.poll()
        async with city.peer.fetch(item) as pieces:
            assert await anext(pieces)
            still_open.write(b"<!-- more -->" if longer else RAW.replace(b"101", b"102"))
            still_open.flush()
            with pytest.raises(Malformed, match="changed while it was read") as caught:
                await anext(pieces)
        await city.peer.put_aside(item, caught.value)
    assert city.dms.names("errors") == []
    assert await city.inbox.poll() == 1
    written = RAW + b"<!-- more -->" if longer else RAW.replace(b"101", b"102")
    assert await city.node.take("dms-yte") == [written]


async def test_a_name_may_be_used_again_while_the_former_file_is_worked_on(city: FilingCity) -> None:
    city.dms.drop("di.edxml", RAW)
    await city.inbox.poll()
    city.node.clock.advance(seconds=5)
    (item,) = await city.peer.poll()
    other = to_bytes(a_document("H24.11", sender="H24.15", number="102"))
    city.dms.drop("di.edxml", other)
    async with city.peer.fetch(item) as pieces:
        assert b"".join([piece async for piece in pieces]) == RAW
    await city.peer.confirm(item, ok=True)
    assert await city.collect() == 1
    assert await city.node.take("dms-yte") == [other]
    assert len(city.dms.names("taken")) == 2


async def test_ten_thousand_files_come_in_bounded_steps(tmp_path: Path) -> None:
    folder = tmp_path / "from-dms"
    folder.mkdir()
    for number in range(10_000):
        (folder / f"{number:05}.edxml").write_bytes(b"<edXML></edXML>")
    for name in ("taken", "errors", "axis-work", "to-dms"):
        (tmp_path / name).mkdir()
    clock = HeldClock()
    collector = Collector(LocalPlace(tmp_path), FilingOptions(batch=300), clock, tmp_path, Limits())
    assert await collector.poll() == ()
    clock.advance(seconds=5)
    first = await collector.poll()
    assert len(first) == len(list((tmp_path / "axis-work").iterdir())) == 300
    assert await collector.poll() == first  # what is claimed comes first, and no more is
    for item in first:
        await collector.confirm(item)
    second = await collector.poll()
    assert len(second) == 300
    assert not set(first) & set(second)
    assert len(list(folder.iterdir())) == 9_400


class Short(LocalPlace):
    """A server that keeps less than it was given, and says nothing."""

    async def put(self, spot: Spot, content: AsyncIterator[bytes], size_bytes: int) -> None:
        await super().put(spot, once(b"".join([piece async for piece in content])[:-1]), size_bytes)


async def test_what_arrives_short_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "to-dms").mkdir()
    with pytest.raises(Trouble, match="of 5 bytes 4 bytes arrived"):
        await write_bytes(Short(tmp_path), Spot("to-dms", "a.edxml"), b"12345")
    assert seen(tmp_path, unfinished=True) == []


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (errno.ENOSPC, Fault.NO_SPACE),
        (errno.EDQUOT, Fault.NO_SPACE),
        (errno.EACCES, Fault.NOT_WRITABLE),
        (errno.EROFS, Fault.NOT_WRITABLE),
        (errno.EIO, Fault.OTHER),
    ],
)
async def test_a_disk_that_takes_no_more_shows_nothing_and_nothing_is_lost(
    city: FilingCity, monkeypatch: pytest.MonkeyPatch, number: int, what: Fault
) -> None:
    written = 0

    def write(handle: int, piece: bytes) -> None:
        nonlocal written
        written += os.write(handle, piece)
        if written > 2_000:
            raise OSError(number, os.strerror(number))

    with monkeypatch.context() as full:
        full.setattr("adapters.folder.local._write_all", write)
        accepted = await city.node.send("dms-yte", a_document("H24.15"))
        await city.push()
        assert await city.node.states(accepted) == {"H24.15": "retrying"}
        assert city.dms.told() == []
        written = 2_000
        with pytest.raises(Trouble) as caught:
            await write_bytes(city.place, Spot("to-dms", "a.edxml"), b"x")
    assert (caught.value.fault, caught.value.retry) == (what, "later")
    await city.later(seconds=31)
    assert await city.node.states(accepted) == {"H24.15": "handed_over"}
    assert not [name for name in seen(city.dms.root, unfinished=True) if name.startswith(".")]


async def test_many_files_do_not_hold_the_loop(tmp_path: Path) -> None:
    for name in ("from-dms", "taken", "errors", "axis-work", "to-dms"):
        (tmp_path / name).mkdir()
    for number in range(3_000):
        (tmp_path / "from-dms" / f"{number}.pdf").touch()
    collector = Collector(LocalPlace(tmp_path), FilingOptions(), HeldClock(), tmp_path, Limits())
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    await collector.poll()
    steps = turns
    other.cancel()
    assert steps > 3_000 // 500 * 2  # others have a turn at least at each portion, in each pass


async def test_a_share_that_is_not_mounted_is_missing_and_not_made(tmp_path: Path) -> None:
    place = LocalPlace(tmp_path / "share")
    with pytest.raises(Trouble) as caught:
        await place.make("to-dms")
    assert caught.value.fault is Fault.FOLDER_MISSING
    assert not (tmp_path / "share").exists()


async def test_what_was_taken_is_removed_in_time_by_our_time(make_city: MakeCity) -> None:
    city = await make_city(keep_days=2)
    path = city.dms.drop("di.edxml", RAW)
    os.utime(path, (1_000_000_000, 1_000_000_000))  # an old file
    assert await city.collect() == 1
    city.node.clock.advance(hours=2)
    await city.inbox.poll()
    assert len(city.dms.names("taken")) == 1
    city.node.clock.advance(days=3)
    await city.inbox.poll()
    assert city.dms.names("taken") == []


async def test_what_writes_left_behind_is_removed_where_nothing_is_taken_from_the_dms(make_city: MakeCity) -> None:
    city = await make_city(poll=False)
    await city.node.send("dms-yte", a_document("H24.15", number="1"))
    await city.push()
    old, new = (city.dms.root / "to-dms" / name for name in (".axis-1.tmp", ".axis-2.tmp"))
    now = city.node.clock.now()
    for path, age in ((old, timedelta(days=2)), (new, timedelta(hours=2))):
        path.write_bytes(b"half")
        os.utime(path, times=((now - age).timestamp(),) * 2)
    city.node.clock.advance(hours=2)
    await city.node.send("dms-yte", a_document("H24.15", number="2"))
    await city.push()
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize(
    "options",
    [
        {"to_dms": "../x"}, {"to_dms": "a/b"}, {"from_dms": ".x"}, {"from_dms": "taken"}, {"statuses": "x"},
        {"statuses": "x=99"}, {"acknowledge": "never"}, {"batch": 0}, {"settle_s": float("nan")}, {"colour": "blue"},
    ],
)  # fmt: skip
def test_options_that_make_no_sense(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"validation error"):
        FilingOptions(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("batch", [1, 4])
async def test_items_that_do_not_go_hold_up_nothing_new_and_are_tried_on(
    make_city: MakeCity, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    city = await make_city(batch=batch)
    for number in range(2 * batch):
        city.dms.drop(f"stuck-{number}.edxml", to_bytes(a_document("H24.11", sender="H24.15", number=f"9{number}")))
    tried: list[str] = []
    is_broken = True
    fetch = city.peer._collector.fetch

    def fails(item: Incoming) -> object:
        if is_broken and "stuck" in item.ref:
            tried.append(item.ref)
            city.peer._collector._held[item.ref] = _Held(steady=False)
            raise Malformed(Code.TRUNCATED_UPLOAD)
        return fetch(item)

    monkeypatch.setattr(city.peer._collector, "fetch", fails)
    for _ in range(3):
        await city.collect()
    assert len(city.dms.names("axis-work")) == 2 * batch
    for number in range(3):
        city.dms.drop(f"new-{number}.edxml", to_bytes(a_document("H24.11", sender="H24.15", number=f"{number}")))
    for _ in range(2):
        await city.collect()
    assert await city.documents() == 3
    assert len(set(tried)) == 2 * batch
    is_broken = False
    for _ in range(2 * batch + 1):
        await city.collect()
    assert await city.documents() == 3 + 2 * batch
