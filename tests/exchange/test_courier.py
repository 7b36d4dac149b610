"""Packages by courier: packed, carried, answered, taken; and what changes nothing."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from axis.courier.bundle import write_bundle
from axis.courier.keys import KeyFile, Named, PrivateKeys
from axis.courier.model import Direction, Item, Manifest
from axis.edxml.model import DocumentPackage, Package
from axis.edxml.writer import to_bytes
from axis.errors import Busy, Code, Malformed, NotAllowed, NotFound
from axis.exchange.courier import Courier, Taken, node_keys
from axis.exchange.service import Exchange
from axis.exchange.values import Accepted, Source
from axis.keys import NodeKey
from axis.ops.courier_desk import StatusSaid, make_reply, open_bundle, write_status
from axis.store import queries
from axis.store.spool import Spooled
from axis.store.store import Store
from axis.terms import PackageKind, StatusCode
from tests.exchange.harness import Node, a_document, a_status, make_node

MONTH = timedelta(days=30)
WARD = "dms-phuong"


@dataclass
class World:
    """A node, and a ward that no line reaches."""

    node: Node
    courier: Courier
    key_file: Path
    folder: Path

    async def pack(self, name: str = "out") -> Path:
        path = self.folder / f"{name}.axis"
        await self.courier.pack(WARD, path, MONTH)
        return path

    async def open(self, name: str = "out") -> Path:
        out = self.folder / name
        await asyncio.to_thread(open_bundle, self.folder / f"{name}.axis", self.key_file, out, self.node.clock.now())
        return out

    async def reply(self, out: Path, name: str = "reply") -> Path:
        path = self.folder / f"{name}.axis"
        await asyncio.to_thread(make_reply, out, self.key_file, path, self.node.clock.now(), MONTH)
        return path

    async def round_trip(self, name: str = "out") -> tuple[Path, Path]:
        await self.pack(name)
        out = await self.open(name)
        return out, await self.reply(out, f"{name}-reply")

    @property
    def key(self) -> KeyFile:
        return KeyFile.from_text(self.key_file.read_text(encoding="utf-8"))

    def a_reply(self, *packages: bytes, **fields: object) -> Path:
        """An answer made by hand."""
        items = tuple(
            Item(package_id="", kind=PackageKind.DOCUMENT, size_bytes=len(raw), sha256=sha256(raw).hexdigest())
            for raw in packages
        )
        now = self.node.clock.now()
        manifest = Manifest(
            direction=Direction.REPLY,
            system_id=WARD,
            sequence=1,
            previous=0,
            created_at=now.replace(microsecond=0),
            expires_at=now.replace(microsecond=0) + MONTH,
            items=items,
        )
        keys = fields.pop("keys", self.key.keys)
        assert isinstance(keys, PrivateKeys)
        out = io.BytesIO()
        write_bundle(
            replace(manifest, **fields),  # type: ignore[arg-type]
            ([raw] for raw in packages),
            keys,
            self.key.node_identity,
            out,
        )
        path = self.folder / "by-hand.axis"
        path.write_bytes(out.getvalue())
        return path

    async def rows(self) -> dict[str, int]:
        """How much there is of everything that an intake writes."""
        tables = ("document", "delivery", "consignment", "package", "status_event", "queue", "courier_bundle", "leaf")
        return {table: await self.node.count(table) for table in tables}


@pytest.fixture
async def world(store: Store, tmp_path: Path) -> AsyncIterator[World]:
    node = await make_node(store, tmp_path)
    courier = Courier(node.context, node.exchange, node_keys(NodeKey.load(tmp_path / "node.key")), NODE)
    key = await courier.enrol(WARD, "test")
    key_file = tmp_path / "phuong.key"
    key_file.write_text(key.to_text(), encoding="utf-8")
    return World(node, courier, key_file, tmp_path)


NODE = Named(code="H24", name="Trục thành phố")


async def test_pack_open_reply_take(world: World) -> None:
    node = world.node
    document = a_document("H24.88", other_to := "H24.15")
    accepted = await node.send("dms-yte", document)
    packed = await world.courier.pack(WARD, world.folder / "out.axis", MONTH)
    assert (packed.sequence, packed.packages) == (1, 1)
    assert await node.states(accepted) == {"H24.88": "handed_over", other_to: "queued"}
    out = await world.open()
    assert (out / "packages" / f"{accepted.package_id}.edxml").read_bytes() == to_bytes(document)
    assert "V/v tăng cường phòng, chống dịch" in (out / "index.html").read_text(encoding="utf-8")
    reply = await world.reply(out)
    assert await node.states(accepted) == {"H24.88": "handed_over", other_to: "queued"}  # nothing came back yet
    taken = await world.courier.take(reply)
    assert (taken.system_id, taken.sequence, taken.acknowledged) == (WARD, 1, (accepted.package_id,))
    assert await node.states(accepted) == {"H24.88": "acknowledged", other_to: "queued"}
    assert await node.listed(WARD) == []
    assert await node.statuses(accepted) == {"H24.88": None, other_to: None}  # never a processing status


async def test_statuses_and_documents_of_the_agency_come_back(world: World) -> None:
    node = world.node
    accepted = await node.send("dms-yte", a_document("H24.88"))
    await world.pack()
    out = await world.open()
    said = StatusSaid(code=StatusCode.ACCEPTED, at=node.clock.now())
    await asyncio.to_thread(write_status, out, world.key_file, accepted.package_id, said)
    (out / "outgoing" / "bao-cao.edxml").write_bytes(to_bytes(a_document("H24.11", sender="H24.88", number="7")))
    taken = await world.courier.take(await world.reply(out))
    assert [item.outcome for item in taken.items] == ["accepted", "accepted"]
    assert await node.statuses(accepted) == {"H24.88": "03"}
    assert len(await node.listed("dms-yte")) == 2  # the status and the report
    bytes_there = await node.take("dms-yte")
    assert (out / "outgoing" / "bao-cao.edxml").read_bytes() in bytes_there


async def test_the_same_answer_taken_twice_changes_nothing(world: World) -> None:
    node = world.node
    await node.send("dms-yte", a_document("H24.88"))
    await world.pack()
    out = await world.open()
    (out / "outgoing" / "a.edxml").write_bytes(to_bytes(a_document("H24.11", sender="H24.88", number="7")))
    reply = await world.reply(out)
    first = await world.courier.take(reply)
    before = await world.rows()
    node.clock.advance(days=1)
    again = await world.courier.take(reply)
    assert await world.rows() == before
    assert (first.taken_before, again.taken_before) == (False, True)
    assert [item.outcome for item in again.items] == ["repeated"]
    assert again.items[0].package_id == first.items[0].package_id


async def test_the_line_returns_before_the_answer(world: World) -> None:
    node = world.node
    document = a_document("H24.88")
    accepted = await node.send("dms-yte", document)
    out, _ = await world.round_trip()
    (out / "outgoing" / "03.edxml").write_bytes(to_bytes(a_status(document, "03", "H24.88")))
    reply = await world.reply(out, "late")
    assert await node.listed(WARD) == [accepted.package_id]  # packed is not acknowledged: the line still offers it
    assert await node.take(WARD) == [to_bytes(document)]
    await node.send(WARD, a_status(document, "03", "H24.88"))
    assert await node.statuses(accepted) == {"H24.88": "03"}
    before = await world.rows()
    taken = await world.courier.take(reply)
    after = await world.rows()
    assert taken.acknowledged == (accepted.package_id,)
    assert [item.outcome for item in taken.items] == ["repeated"]
    assert after == before | {"courier_bundle": before["courier_bundle"] + 1, "leaf": before["leaf"] + 1}
    assert await node.states(accepted) == {"H24.88": "acknowledged"}


async def test_what_is_not_answered_is_packed_again_under_the_same_id(world: World) -> None:
    node = world.node
    accepted = await node.send("dms-yte", a_document("H24.88"))
    await world.pack("one")
    later = await node.send("dms-yte", a_document("H24.88", number="102"))
    await world.pack("two")
    out = await world.open("two")
    assert {path.stem for path in (out / "packages").iterdir()} == {accepted.package_id, later.package_id}
    record = json.loads((out / "courier.json").read_text(encoding="utf-8"))
    assert (record["sequence"], record["previous"]) == (2, 1)


async def test_statuses_for_the_agency_travel_along(world: World) -> None:
    node = world.node
    sent = a_document("H24.15", sender="H24.88", number="9")
    await node.send(WARD, sent)
    await node.send("dms-xd", a_status(sent, "03", "H24.15"))
    await world.pack()
    out = await world.open()
    assert "Trạng thái của văn bản" in (out / "index.html").read_text(encoding="utf-8")


async def test_a_refused_package_stops_no_other(world: World) -> None:
    node = world.node
    foreign = to_bytes(a_document("H24.11", sender="H24.15", number="1"))
    good = to_bytes(a_document("H24.11", sender="H24.88", number="2"))
    taken = await world.courier.take(world.a_reply(b"<no-edxml/>", foreign, good))
    assert [item.outcome for item in taken.items] == ["refused", "refused", "accepted"]
    assert [item.error.code for item in taken.items if item.error] == [Code.WRONG_ROOT, Code.FOREIGN_SENDER]
    assert await node.count("document") == 1
    assert (await node.audit_kinds()).count("package_refused") == 2


async def test_acknowledging_what_is_another_s_has_no_effect(world: World) -> None:
    node = world.node
    accepted = await node.send("dms-yte", a_document("H24.15"))
    taken = await world.courier.take(world.a_reply(acknowledged=(accepted.package_id, "01" * 13)))
    assert taken.unknown == (accepted.package_id, "01" * 13)
    assert await node.states(accepted) == {"H24.15": "queued"}


async def test_an_answer_in_another_system_s_name_is_refused(world: World) -> None:
    document = to_bytes(a_document("H24.11", sender="H24.15", number="1"))
    with pytest.raises(NotAllowed) as refused:
        await world.courier.take(world.a_reply(document, system_id="dms-xd"))
    assert refused.value.code is Code.COURIER_FOREIGN
    assert await world.node.count("document") == 0


async def test_an_answer_under_unknown_keys_is_refused(world: World) -> None:
    with pytest.raises(NotAllowed) as refused:
        await world.courier.take(world.a_reply(keys=PrivateKeys.generate()))
    assert refused.value.code is Code.COURIER_FOREIGN


async def test_new_keys_end_the_old_ones(world: World) -> None:
    reply = world.a_reply()
    await world.courier.enrol(WARD, "test")
    with pytest.raises(NotAllowed) as refused:
        await world.courier.take(reply)
    assert refused.value.code is Code.COURIER_FOREIGN
    await world.node.send("dms-yte", a_document("H24.88"))
    await world.pack()
    with pytest.raises(NotAllowed):
        await world.open()


async def test_numbers_go_on_under_new_keys(world: World) -> None:
    await world.node.send("dms-yte", a_document("H24.88"))
    await world.pack("one")
    await world.courier.enrol(WARD, "test")
    assert (await world.courier.pack(WARD, world.folder / "two.axis", MONTH)).sequence == 2


async def test_an_expired_answer_is_refused(world: World) -> None:
    reply = world.a_reply(to_bytes(a_document("H24.11", sender="H24.88")))
    world.node.clock.advance(days=31)
    with pytest.raises(NotAllowed) as refused:
        await world.courier.take(reply)
    assert refused.value.code is Code.COURIER_EXPIRED
    assert await world.node.count("document") == 0


async def test_a_file_from_the_node_is_no_answer(world: World) -> None:
    await world.node.send("dms-yte", a_document("H24.88"))
    with pytest.raises(NotAllowed) as refused:
        await world.courier.take(await world.pack())
    assert refused.value.code is Code.COURIER_FOREIGN


async def test_of_a_broken_answer_nothing_is_taken(world: World) -> None:
    large = a_document("H24.11", sender="H24.88", number="2", content="x" * 300_000)
    reply = world.a_reply(to_bytes(a_document("H24.11", sender="H24.88")), to_bytes(large))
    reply.write_bytes(reply.read_bytes()[:-3])
    with pytest.raises(Malformed) as refused:
        await world.courier.take(reply)
    assert refused.value.code is Code.COURIER_BROKEN
    assert await world.node.count("package") == 0


async def test_a_node_that_takes_nothing_in_takes_no_answer_and_then_does(world: World) -> None:
    def full() -> None:
        raise Busy(Code.DISK_FULL)

    node = world.node
    exchange = Exchange(node.context, node.judges, check_intake=full)
    shut = Courier(node.context, exchange, PrivateKeys(*world.courier._keys.raw()), NODE)
    accepted = await node.send("dms-yte", a_document("H24.88"))
    with pytest.raises(Busy):
        await shut.take(world.a_reply(acknowledged=(accepted.package_id,)))
    assert await node.states(accepted) == {"H24.88": "queued"}
    reply = world.a_reply(to_bytes(a_document("H24.11", sender="H24.88")))
    with pytest.raises(Busy):
        await shut.take(reply)
    assert await node.count("courier_bundle") == 0
    taken = await world.courier.take(reply)
    assert [item.outcome for item in taken.items] == ["accepted"]


async def test_a_node_that_is_overloaded_within_an_answer_takes_the_rest_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = [to_bytes(a_document("H24.11", sender="H24.88", number=number)) for number in ("1", "2")]
    reply = world.a_reply(*packages)
    accept, calls = Exchange.accept, 0

    async def overloaded(exchange: Exchange, source: Source, spooled: Spooled) -> Accepted:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Busy(Code.OVERLOADED)
        return await accept(exchange, source, spooled)

    with monkeypatch.context() as patched:
        patched.setattr(Exchange, "accept", overloaded)
        with pytest.raises(Busy):
            await world.courier.take(reply)
    assert await world.node.count("courier_bundle") == 0
    taken = await world.courier.take(reply)
    assert ([item.outcome for item in taken.items], taken.taken_before) == (["repeated", "accepted"], False)


async def test_nothing_is_packed_when_nothing_waits(world: World) -> None:
    with pytest.raises(NotFound) as refused:
        await world.pack()
    assert refused.value.code is Code.NOTHING_WAITS
    assert not list(world.folder.glob("*.axis"))


async def test_a_system_without_keys_gets_no_file(world: World) -> None:
    with pytest.raises(NotFound) as refused:
        await world.courier.pack("dms-xd", world.folder / "x.axis", MONTH)
    assert refused.value.code is Code.COURIER_UNKNOWN
    with pytest.raises(NotFound):
        await world.courier.enrol("nobody", "test")


async def test_an_existing_file_is_never_overwritten(world: World) -> None:
    accepted = await world.node.send("dms-yte", a_document("H24.88"))
    (world.folder / "out.axis").write_text("precious")
    with pytest.raises(Malformed) as refused:
        await world.pack()
    assert refused.value.code is Code.BAD_FILE
    assert (world.folder / "out.axis").read_text() == "precious"
    assert await world.node.states(accepted) == {"H24.88": "queued"}
    assert not list(world.folder.glob(".out*"))


async def test_packing_and_taking_leave_evidence(world: World) -> None:
    accepted = await world.node.send("dms-yte", a_document("H24.88"))
    _, reply = await world.round_trip()
    await world.courier.take(reply)
    query = "SELECT data FROM leaf WHERE kind IN ('courier_packed', 'courier_taken', 'handed_over') ORDER BY leaf_id"
    rows = await world.node.store.read(lambda c: c.exec_driver_sql(query).scalars().all())
    handed_over, packed, taken = (json.loads(bytes(row)) for row in rows)
    assert handed_over["fields"]["peer_ref"] == "courier:1"
    assert packed["kind"] == "courier_packed"
    assert packed["fields"]["packages"] == [accepted.package_id]
    assert taken["fields"]["acknowledged"] == [accepted.package_id]
    bundles = await world.node.store.read(lambda c: queries.courier_bundles(c, WARD))
    assert [(one.direction, one.sequence) for one in bundles] == [("out", 1), ("reply", 1)]
    assert bundles[0].manifest_sha256 == packed["fields"]["manifest_sha256"]


async def test_an_answer_taken_by_two_at_once_is_one(world: World) -> None:
    await world.node.send("dms-yte", a_document("H24.88"))
    out, _ = await world.round_trip()
    (out / "outgoing" / "a.edxml").write_bytes(to_bytes(a_document("H24.11", sender="H24.88", number="7")))
    reply = await world.reply(out, "two")
    results: list[Taken] = await asyncio.gather(*(world.courier.take(reply) for _ in range(4)))
    assert len({result.items[0].package_id for result in results}) == 1
    assert (await world.node.count("document"), await world.node.count("courier_bundle")) == (2, 2)


async def test_a_changed_package_in_the_folder_is_not_acknowledged(world: World) -> None:
    accepted = await world.node.send("dms-yte", a_document("H24.88"))
    gone = await world.node.send("dms-yte", a_document("H24.88", number="102"))
    await world.pack()
    out = await world.open()
    (out / "packages" / f"{accepted.package_id}.edxml").write_bytes(b"changed")
    (out / "packages" / f"{gone.package_id}.edxml").unlink()
    taken = await world.courier.take(await world.reply(out))
    assert taken.acknowledged == ()
    assert set(await world.node.listed(WARD)) == {accepted.package_id, gone.package_id}


async def test_what_is_no_package_among_what_goes_out_is_said(world: World) -> None:
    await world.node.send("dms-yte", a_document("H24.88"))
    await world.pack()
    out = await world.open()
    (out / "outgoing" / "thu.docx").write_bytes(b"PK")
    with pytest.raises(Malformed) as refused:
        await world.reply(out)
    assert refused.value.code is Code.BAD_FILE
    assert refused.value.at == str(out / "outgoing" / "thu.docx")
    assert not list(world.folder.glob("*reply*"))


@pytest.mark.parametrize("package", [a_document("H24.88"), a_document("H24.88", files=())])
async def test_any_package_comes_through_byte_for_byte(world: World, package: Package) -> None:
    assert isinstance(package, DocumentPackage)
    raw = b"\n" + to_bytes(package) + b"\r\n"
    accepted = await world.node.send("dms-yte", raw)
    await world.pack()
    out = await world.open()
    assert (out / "packages" / f"{accepted.package_id}.edxml").read_bytes() == raw
