"""The courier's file in the hands of strangers: each way to change, cut, mix, replay or poison it, by name.

Control: what is not exactly as its sender sealed it is refused with a code, and leaves nothing behind.
"""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis.courier.bundle import MAGIC, Bundle, _key, read_header, write_bundle
from axis.courier.keys import Identity, KeyFile, Named, PrivateKeys
from axis.courier.model import Direction, Item, Manifest, read_manifest
from axis.courier.sealing import CHUNK_BYTES, Opener, Sealer
from axis.edxml.writer import to_bytes
from axis.errors import AxisError, Code, Internal, Malformed, NotAllowed, WrongState
from axis.ids import new_id
from axis.ops.courier_desk import make_reply, open_bundle
from axis.terms import PackageKind
from tests.exchange.harness import a_document, a_file

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
NODE, AGENCY, OTHER = PrivateKeys.generate(), PrivateKeys.generate(), PrivateKeys.generate()
SEALED_CHUNK = CHUNK_BYTES + 16


def a_package(number: int = 1, content: bytes = b"%PDF-1.7 x", name: str = "a.pdf") -> bytes:
    return to_bytes(a_document("H24.88", number=str(number), files=(a_file(content, name),)))


def an_item(raw: bytes, number: int = 1) -> Item:
    return Item(
        package_id=new_id(NOW + timedelta(seconds=number)),
        kind=PackageKind.DOCUMENT,
        size_bytes=len(raw),
        sha256=sha256(raw).hexdigest(),
        receivers=("H24.88",),
        sender="Sở Y tế",
        code="101/SYT-VP",
        subject="V/v phòng dịch",
    )


def a_manifest(*packages: bytes, **fields: Any) -> Manifest:
    chosen: dict[str, Any] = {
        "direction": Direction.OUT,
        "system_id": "dms-phuong",
        "sequence": 1,
        "previous": 0,
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=30),
        "items": tuple(an_item(raw, number) for number, raw in enumerate(packages)),
        **fields,
    }
    return Manifest(**chosen)


def sealed(
    manifest: Manifest, packages: Sequence[bytes], sender: PrivateKeys = NODE, receiver: PrivateKeys = AGENCY
) -> bytes:
    out = io.BytesIO()
    write_bundle(manifest, ([raw] for raw in packages), sender, receiver.identity, out)
    return out.getvalue()


LARGE = a_package(2, b"%PDF-1.7 " + bytes(range(256)) * 1000)
PACKAGES = (a_package(1), LARGE)
MANIFEST = a_manifest(*PACKAGES)
GOOD = sealed(MANIFEST, PACKAGES)


def opened(raw: bytes, receiver: PrivateKeys = AGENCY, sender: Identity = NODE.identity) -> list[bytes]:
    bundle = Bundle(io.BytesIO(raw), receiver, sender)
    return [b"".join(pieces) for _, pieces in bundle.packages()]


def refusal(raw: bytes, receiver: PrivateKeys = AGENCY, sender: Identity = NODE.identity) -> Code:
    with pytest.raises(AxisError) as refused:
        opened(raw, receiver, sender)
    return refused.value.code


def stream_of(raw: bytes) -> int:
    """Where the sealed stream begins."""
    source = io.BytesIO(raw)
    read_header(source)
    return source.tell()


def test_a_good_file_gives_what_was_put_in() -> None:
    assert tuple(opened(GOOD)) == PACKAGES


def test_nothing_of_the_content_can_be_read_in_the_file() -> None:
    for word in (b"SYT-VP", b"H24.88", "Sở Y tế".encode(), b"%PDF", b"edXML", b"dms-phuong"):
        assert word not in GOOD


def test_the_same_content_twice_is_two_different_files() -> None:
    manifest = a_manifest(*PACKAGES)
    first, second = (sealed(manifest, PACKAGES) for _ in range(2))
    assert first[stream_of(first) :] != second[stream_of(second) :]


# ── tampering ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_changed_byte_is_noticed() -> None:
    small = sealed(a_manifest(PACKAGES[0]), PACKAGES[:1])
    for at in range(len(small)):
        changed = small[:at] + bytes((small[at] ^ 1,)) + small[at + 1 :]
        assert refusal(changed) in {Code.COURIER_BROKEN, Code.COURIER_FOREIGN}


@pytest.mark.parametrize("cut", ["one byte", "one chunk", "all but the header", "within the header", "the whole end"])
def test_truncation_is_noticed(cut: str) -> None:
    start = stream_of(GOOD)
    kept = {
        "one byte": len(GOOD) - 1,
        "one chunk": start + SEALED_CHUNK * ((len(GOOD) - start - 1) // SEALED_CHUNK),
        "all but the header": start,
        "within the header": start - 5,
        "the whole end": start + SEALED_CHUNK,
    }[cut]
    assert refusal(GOOD[:kept]) is Code.COURIER_BROKEN


def test_a_file_that_is_cut_at_a_chunk_gives_out_no_package_as_whole() -> None:
    start = stream_of(GOOD)
    bundle = Bundle(io.BytesIO(GOOD[: start + 2 * SEALED_CHUNK]), AGENCY, NODE.identity)
    packages = bundle.packages()
    assert b"".join(next(packages)[1]) == PACKAGES[0]  # whole, before the cut
    _, pieces = next(packages)
    with pytest.raises(Malformed):
        b"".join(pieces)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_a_stream_says_itself_where_it_ends(size: int) -> None:
    out, content = io.BytesIO(), bytes(range(256)) * (size // 256) + bytes(size % 256)
    sealer = Sealer(bytes(32), out)
    sealer.write(content)
    sealer.close()
    raw = out.getvalue()
    assert Opener(bytes(32), io.BytesIO(raw)).read(size + 10) == content
    for kept in range(0, len(raw), SEALED_CHUNK):
        with pytest.raises(Malformed):
            Opener(bytes(32), io.BytesIO(raw[:kept])).read(size + 10)


def test_chunks_in_another_order_are_noticed() -> None:
    start = stream_of(GOOD)
    chunks = [GOOD[at : at + SEALED_CHUNK] for at in range(start, len(GOOD), SEALED_CHUNK)]
    assert len(chunks) > 3
    swapped = [chunks[0], chunks[2], chunks[1], *chunks[3:]]
    assert refusal(GOOD[:start] + b"".join(swapped)) is Code.COURIER_BROKEN


def test_a_chunk_twice_is_noticed() -> None:
    start = stream_of(GOOD)
    chunks = [GOOD[at : at + SEALED_CHUNK] for at in range(start, len(GOOD), SEALED_CHUNK)]
    assert refusal(GOOD[:start] + b"".join([*chunks[:2], *chunks[1:]])) is Code.COURIER_BROKEN


def test_a_chunk_of_another_file_is_noticed() -> None:
    other = sealed(a_manifest(*PACKAGES), PACKAGES)
    start = stream_of(GOOD)
    middle = start + SEALED_CHUNK
    mixed = GOOD[:middle] + other[middle : middle + SEALED_CHUNK] + GOOD[middle + SEALED_CHUNK :]
    assert refusal(mixed) is Code.COURIER_BROKEN


@pytest.mark.parametrize("more", [b"\x00", b"x" * 100, GOOD])
def test_what_follows_the_end_is_noticed(more: bytes) -> None:
    assert refusal(GOOD + more) is Code.COURIER_BROKEN


def test_more_content_than_the_manifest_lists_is_noticed() -> None:
    manifest = a_manifest(PACKAGES[0])
    out = io.BytesIO()

    class Longer(Sealer):
        def close(self) -> None:
            self.write(b"more")
            super().close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("axis.courier.bundle.Sealer", Longer)
        write_bundle(manifest, [[PACKAGES[0]]], NODE, AGENCY.identity, out)
    assert refusal(out.getvalue()) is Code.COURIER_BROKEN


def test_a_package_that_is_not_the_listed_one_is_noticed() -> None:
    other = bytes(reversed(PACKAGES[0]))
    manifest = a_manifest(PACKAGES[0])
    with pytest.raises(Internal):
        sealed(manifest, [other])
    out, said = io.BytesIO(), manifest.to_bytes()
    lying = replace(manifest, items=(replace(manifest.items[0], sha256=sha256(other).hexdigest()),))
    with pytest.MonkeyPatch.context() as patch:  # a sender that signs one manifest and sends what fits another
        patch.setattr(Manifest, "to_bytes", lambda _: said)
        write_bundle(lying, [[other]], NODE, AGENCY.identity, out)
    assert refusal(out.getvalue()) is Code.COURIER_BROKEN


# ── who it is from and for ─────────────────────────────────────────────────────────────────────────────────────


def test_a_file_for_another_agency_is_refused() -> None:
    assert refusal(GOOD, receiver=OTHER) is Code.COURIER_FOREIGN


def test_a_file_that_claims_another_receiver_is_refused() -> None:
    """The header names the receiver; rewritten for another key it neither opens nor verifies."""
    start = stream_of(GOOD)
    header = read_header(io.BytesIO(GOOD))
    forged = replace(header, receiver=OTHER.identity.key_id).to_bytes()
    raw = MAGIC + len(forged).to_bytes(4, "big") + forged + GOOD[start:]
    assert refusal(raw, receiver=OTHER) is Code.COURIER_BROKEN


def test_a_file_that_was_opened_and_sealed_again_for_another_is_refused() -> None:
    """A receiver that passes on what it was sent, under the sender's signature: the signature names the first one."""
    out = io.BytesIO()

    class Borrowed(PrivateKeys):
        """Claims the node's keys, and has only a signature that the node once gave for another receiver."""

        @property
        def identity(self) -> Identity:
            return NODE.identity

        def sign(self, said: bytes) -> bytes:  # noqa: ARG002
            first = io.BytesIO(GOOD)
            return seen_signature(first)

    write_bundle(MANIFEST, ([raw] for raw in PACKAGES), Borrowed(*OTHER.raw()), OTHER.identity, out)
    assert refusal(out.getvalue(), receiver=OTHER) is Code.COURIER_FORGED


def seen_signature(source: io.BytesIO) -> bytes:
    header = read_header(source)
    opener = Opener(_key(AGENCY.agree(header.ephemeral), header.to_bytes(), AGENCY.identity), source)
    length = int.from_bytes(opener.read(4), "big")
    opener.read(length)
    return opener.read(64)


def test_a_file_that_another_signed_is_refused() -> None:
    manifest = a_manifest(*PACKAGES)
    by_other = sealed(manifest, PACKAGES, sender=OTHER)
    assert refusal(by_other) is Code.COURIER_FOREIGN

    class Pretender(PrivateKeys):
        @property
        def identity(self) -> Identity:
            return NODE.identity

    out = io.BytesIO()
    write_bundle(manifest, ([raw] for raw in PACKAGES), Pretender(*OTHER.raw()), AGENCY.identity, out)
    assert refusal(out.getvalue()) is Code.COURIER_FORGED


@pytest.mark.parametrize("ephemeral", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32])
def test_a_key_that_gives_everybody_the_same_secret_is_refused(ephemeral: bytes) -> None:
    forged = replace(read_header(io.BytesIO(GOOD)), ephemeral=ephemeral).to_bytes()
    raw = MAGIC + len(forged).to_bytes(4, "big") + forged + GOOD[stream_of(GOOD) :]
    assert refusal(raw) is Code.COURIER_BROKEN


# ── what is no such file ───────────────────────────────────────────────────────────────────────────────────────


@given(st.binary(max_size=400))
def test_no_bytes_are_a_file(raw: bytes) -> None:
    for junk in (raw, MAGIC + raw, MAGIC + len(raw).to_bytes(4, "big") + raw):
        assert refusal(junk) is Code.COURIER_BROKEN


@pytest.mark.parametrize("length", [0xFFFFFFFF, 5000])
def test_a_length_that_lies_takes_no_memory(length: int) -> None:
    class Watched(io.BytesIO):
        most = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.most = max(self.most, 1 << 32 if size is None or size < 0 else size)
            return super().read(size)

    raw = MAGIC + length.to_bytes(4, "big") + b"{}"
    assert refusal(raw) is Code.COURIER_BROKEN
    source = Watched(raw)
    with pytest.raises(Malformed):
        read_header(source)
    assert source.most < 5000


def test_a_manifest_without_end_is_not_read() -> None:
    start = stream_of(GOOD)
    header = GOOD[len(MAGIC) + 4 : start]
    parsed = read_header(io.BytesIO(GOOD))
    out = io.BytesIO()
    sealer = Sealer(_key(AGENCY.agree(parsed.ephemeral), header, AGENCY.identity), out)
    sealer.write((0xFFFFFFFF).to_bytes(4, "big") + b"{}")
    sealer.close()
    with pytest.raises(Malformed, match="the manifest is too long"):
        opened(GOOD[:start] + out.getvalue())


@pytest.mark.parametrize(
    "changed",
    [
        {"v": 2},
        {"direction": "sideways"},
        {"system_id": "../x"},
        {"sequence": -1},
        {"sequence": True},
        {"sequence": 1.5},
        {"expires_at": "2026-11-24T02:00:00"},
        {"created_at": "yesterday"},
        {"items": {}},
        {"items": [1]},
        {"acknowledged": ["../../etc/passwd"]},
        {"acknowledged": "01"},
        {"more": 1},
    ],
    ids=str,
)
def test_a_manifest_that_is_odd_is_refused_as_a_whole(changed: dict[str, object]) -> None:
    manifest = a_manifest(PACKAGES[0])
    said = json.loads(manifest.to_bytes())
    assert read_manifest(json.dumps(said).encode()) == manifest
    with pytest.raises(Malformed) as refused:
        read_manifest(json.dumps(said | changed).encode())
    assert refused.value.code is Code.COURIER_BROKEN


@pytest.mark.parametrize(
    "changed",
    [
        {"package_id": "../../etc/passwd"},
        {"package_id": "/etc/passwd"},
        {"package_id": "a/b"},
        {"package_id": ""},
        {"package_id": "CON"},
        {"kind": "program"},
        {"size_bytes": -1},
        {"size_bytes": "1"},
        {"sha256": "0"},
        {"receivers": "H24"},
        {"subject": None},
        {"path": "x"},
    ],
    ids=str,
)
def test_path_traversal_by_an_item_is_refused(changed: dict[str, object]) -> None:
    said = json.loads(a_manifest(PACKAGES[0]).to_bytes())
    said["items"][0] |= changed
    with pytest.raises(Malformed) as refused:
        read_manifest(json.dumps(said).encode())
    assert refused.value.code is Code.COURIER_BROKEN


def test_a_package_that_is_listed_twice_is_refused() -> None:
    manifest = a_manifest(PACKAGES[0])
    twice = replace(manifest, items=manifest.items * 2)
    assert refusal(sealed(twice, (PACKAGES[0], PACKAGES[0]))) is Code.COURIER_BROKEN


# ── at the agency ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    key = KeyFile(
        system_id="dms-phuong",
        organs=(Named(code="H24.88", name="UBND phường Gia Viên"),),
        keys=AGENCY,
        node=Named(code="H24", name="Trục thành phố"),
        node_identity=NODE.identity,
    )
    path = tmp_path / "courier.key"
    path.write_text(key.to_text(), encoding="utf-8")
    return path


def lay(raw: bytes, key_file: Path, name: str = "out", now: datetime = NOW) -> Path:
    source = key_file.with_name(f"{name}.axis")
    source.write_bytes(raw)
    open_bundle(source, key_file, key_file.with_name(name), now)
    return key_file.with_name(name)


def outside(folder: Path, root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if folder not in path.parents and path != folder}


@pytest.mark.parametrize(
    "name",
    ["../../../evil.txt", "/etc/evil.txt", "..\\..\\evil.txt", "a/../../evil.txt", "..", "con", "a\u202egnp.exe"],
)
def test_path_traversal_by_the_name_of_a_file_ends_in_its_folder(key_file: Path, tmp_path: Path, name: str) -> None:
    package = a_package(1, b"%PDF-1.7 evil", name)
    before = outside(tmp_path / "out", tmp_path)
    out = lay(sealed(a_manifest(package), [package]), key_file)
    (folder,) = (out / "files").iterdir()
    (file,) = folder.iterdir()
    assert file.read_bytes() == b"%PDF-1.7 evil"
    assert file.name.startswith("01 ")
    assert "\u202e" not in file.name
    new = outside(out, tmp_path) - before
    assert {path.name for path in new} == {"out.axis", "courier.key.opened"}


def test_a_zip_bomb_is_left_packed(key_file: Path) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", bytes(60 << 20))
    file = replace(a_file(bomb.getvalue(), "cong-van.doc"), content_type="application/zip")
    package = to_bytes(a_document("H24.88", files=(file,)))
    good = a_package(2)
    manifest = a_manifest(package, good)
    source = key_file.with_name("out.axis")
    source.write_bytes(sealed(manifest, [package, good]))
    laid = open_bundle(source, key_file, key_file.with_name("out"), NOW)
    assert laid.unreadable == (manifest.items[0].package_id,)
    out = key_file.with_name("out")
    assert (out / "packages" / f"{manifest.items[0].package_id}.edxml").read_bytes() == package
    assert [path.name for path in (out / "files").iterdir()] == [manifest.items[1].package_id]
    assert sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) < 10 << 20


@pytest.mark.parametrize("cut", [1, 20, SEALED_CHUNK + 5])
def test_a_broken_file_leaves_nothing_in_the_folder(key_file: Path, tmp_path: Path, cut: int) -> None:
    with pytest.raises(Malformed):
        lay(GOOD[:-cut], key_file)
    assert {path.name for path in tmp_path.iterdir()} == {"courier.key", "out.axis"}


def test_a_replayed_file_is_the_same_again(key_file: Path) -> None:
    out = lay(GOOD, key_file)
    (out / "outgoing" / "ghi-chu.edxml").write_bytes(PACKAGES[0])
    source = key_file.with_name("out.axis")
    again = open_bundle(source, key_file, out, NOW)
    assert again.opened_before
    assert (out / "outgoing" / "ghi-chu.edxml").exists()  # what was added stays


def test_another_file_under_the_number_of_an_opened_one_is_refused(key_file: Path) -> None:
    lay(GOOD, key_file)
    other = sealed(a_manifest(PACKAGES[0]), PACKAGES[:1])
    with pytest.raises(WrongState) as refused:
        lay(other, key_file, "other")
    assert refused.value.code is Code.COURIER_CONFLICT
    assert not key_file.with_name("other").exists()


def test_an_expired_file_is_refused(key_file: Path) -> None:
    with pytest.raises(NotAllowed) as refused:
        lay(GOOD, key_file, now=NOW + timedelta(days=30))
    assert refused.value.code is Code.COURIER_EXPIRED
    assert not key_file.with_name("out").exists()


def test_a_file_for_another_system_under_this_key_is_refused(key_file: Path) -> None:
    with pytest.raises(NotAllowed) as refused:
        lay(sealed(a_manifest(*PACKAGES, system_id="dms-khac"), PACKAGES), key_file)
    assert refused.value.code is Code.COURIER_FOREIGN


def test_an_agency_s_own_answer_is_not_taken_for_a_file_from_the_node(key_file: Path) -> None:
    out = lay(GOOD, key_file)
    make_reply(out, key_file, key_file.with_name("reply.axis"), NOW, timedelta(days=30))
    with pytest.raises(NotAllowed):
        lay(key_file.with_name("reply.axis").read_bytes(), key_file, "other")


def test_a_missing_number_is_said(key_file: Path) -> None:
    source = key_file.with_name("3.axis")
    source.write_bytes(sealed(a_manifest(*PACKAGES, sequence=3, previous=2), PACKAGES))
    assert open_bundle(source, key_file, key_file.with_name("3"), NOW).missing == (2,)


def test_a_folder_that_holds_something_else_is_left_alone(key_file: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("x")
    with pytest.raises(Malformed) as refused:
        lay(GOOD, key_file)
    assert refused.value.code is Code.BAD_FILE
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["precious"]


@pytest.mark.parametrize("text", ["", "{}", "[]", "x" * 100, '{"format": "axis-courier-key-1"}', "[" * 100_000])
def test_what_is_no_key_file_is_refused(key_file: Path, text: str) -> None:
    key_file.write_text(text)
    with pytest.raises(Malformed) as refused:
        lay(GOOD, key_file)
    assert refused.value.code is Code.BAD_FILE


def test_the_page_shows_a_stranger_s_words_as_words(key_file: Path) -> None:
    evil = "<script>alert(1)</script>"
    manifest = a_manifest(PACKAGES[0])
    item = replace(manifest.items[0], subject=evil, sender=evil, code=evil)
    out = lay(sealed(replace(manifest, items=(item,)), PACKAGES[:1]), key_file)
    page = (out / "index.html").read_text(encoding="utf-8")
    assert evil not in page
    assert page.count("&lt;script&gt;") == 3
