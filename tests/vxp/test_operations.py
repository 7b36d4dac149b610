"""Every operation of the front, by our client, over HTTP."""

import asyncio
import hashlib
import io
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path

import pytest

from adapters.vxp.calls import Call
from adapters.vxp.client import VxpClient
from adapters.vxp.replies import Agency
from adapters.vxp.wire import Operation
from axis.delivery.peer import Incoming, Outgoing, RegistrySource
from axis.edxml.writer import to_bytes
from axis.errors import PeerRefused
from axis.keys import NodeKey
from axis.organ.model import OrganKind
from axis.organ.sync import ListedOrgan
from axis.store import registry, systems
from axis.store.records import System
from axis.terms import PackageKind
from tests.exchange.harness import a_document, a_file, a_status
from tests.vxp.city import PHUONG, XD, YTE, City, until

DOCUMENT = a_document("H24.15")
PACKAGE = to_bytes(DOCUMENT)


async def _fetched(city: City, system_id: str, doc_id: str) -> bytes:
    buffer = io.BytesIO()
    assert await city.client(system_id).get_edoc(doc_id, buffer.write) == len(buffer.getvalue())
    return buffer.getvalue()


async def _listed_as(city: City, status: str) -> bool:
    """Whether Sở Xây dựng's one item stands in the list with this status."""
    return [item.status for item in await city.client(XD).received_list()] == [status]


async def test_a_document_goes_from_one_system_to_another_and_its_status_comes_back(city: City) -> None:
    sender, receiver = city.client(YTE), city.client(XD)
    package_id = await sender.send_edoc(PACKAGE)

    (item,) = await receiver.received_list()
    assert item.doc_id == f"{package_id}.{XD}"
    assert (item.from_code, item.to_codes, item.kind, item.status) == (
        "H24.11",
        "H24.15",
        PackageKind.DOCUMENT,
        "initial",
    )
    assert item.created_at is not None
    assert await receiver.count_received(PackageKind.DOCUMENT) == 1
    assert await _fetched(city, XD, item.doc_id) == PACKAGE
    await until(lambda: _listed_as(city, "processing"))
    await receiver.update_status(item.doc_id, "done")
    assert await receiver.received_list() == ()
    assert await receiver.count_received(PackageKind.DOCUMENT) == 0

    await receiver.send_edoc(to_bytes(a_status(DOCUMENT, "03", "H24.15")), PackageKind.STATUS)
    assert await sender.count_received(PackageKind.STATUS) == 1
    assert await sender.count_received(PackageKind.DOCUMENT) == 0
    (status,) = await sender.received_list(PackageKind.STATUS)
    assert status.kind is PackageKind.STATUS
    assert b"StatusCode>03" in await _fetched(city, YTE, status.doc_id)


async def test_the_sent_list_follows_a_package(city: City) -> None:
    sender, receiver = city.client(YTE), city.client(XD)
    package_id = await sender.send_edoc(to_bytes(a_document("H24.15", "H24.88")))
    (item,) = await receiver.received_list()

    async def words() -> dict[str, str]:
        return {row.to_code: row.receive_status for row in await sender.sent_list(package_id)}

    assert await words() == {"H24.15": "initial", "H24.88": "initial"}
    await _fetched(city, XD, item.doc_id)
    await until(lambda: _listed_as(city, "processing"))
    assert await words() == {"H24.15": "processing", "H24.88": "initial"}
    await receiver.update_status(item.doc_id, "done")
    assert await words() == {"H24.15": "done", "H24.88": "initial"}
    rows = {row.to_code: row for row in await sender.sent_list(package_id)}
    assert rows["H24.15"].receiver_doc_id == item.doc_id
    assert rows["H24.15"].sender_doc_id == package_id
    assert rows["H24.15"].from_code == "H24.11"
    assert rows["H24.15"].row.text("notation") == "101/SYT-VP"
    assert rows["H24.15"].row.text("title") == "V/v tăng cường phòng, chống dịch"
    assert rows["H24.15"].row.time("receivedTime") is not None
    assert rows["H24.88"].row.text("receivedTime") == ""
    assert {state.organ_code: state.acknowledged for state in await sender.receivers(package_id)} == {
        "H24.15": True,
        "H24.88": False,
    }


@pytest.mark.parametrize("addressed_as", ["H24.30", "000.00.30.H24"])
async def test_the_sent_list_says_who_takes_what_names_a_closed_organisation(city: City, addressed_as: str) -> None:
    package_id = await city.client(YTE).send_edoc(to_bytes(a_document(addressed_as, "H24.15")))
    rows = {row.to_code: row for row in await city.client(YTE).sent_list(package_id)}
    assert rows[addressed_as].receive_status_desc == (
        "UBND quận Ngô Quyền đã ngừng hoạt động, UBND phường Gia Viên (H24.88) nhận thay. Chờ hệ thống nhận lấy về"
    )
    assert rows["H24.15"].receive_status_desc == "Chờ hệ thống nhận lấy về"


async def test_what_went_to_another_axis_is_not_said_to_have_arrived(city: City) -> None:
    package_id = await city.client().send_edoc(to_bytes(a_document("G01.2")))
    (row,) = await city.client().sent_list(package_id)
    assert row.receive_status == "initial"
    assert row.receiver_doc_id == ""
    assert row.receive_status_desc == "Chờ chuyển sang trục khác"


async def test_a_package_of_another_sender_has_no_sent_list(city: City) -> None:
    package_id = await city.client(YTE).send_edoc(PACKAGE)
    for client, asked in ((city.client(XD), package_id), (city.client(YTE), "01UNKNOWN")):
        with pytest.raises(PeerRefused, match="not_found") as caught:
            await client.sent_list(asked)
        assert caught.value.peer_code == "18"


async def test_a_download_is_the_file_itself(city: City) -> None:
    await city.client().send_edoc(PACKAGE)
    (item,) = await city.client(XD).received_list()
    buffer = io.BytesIO()
    assert await city.client(XD).download_edoc(item.doc_id, buffer.write) == len(PACKAGE)
    assert buffer.getvalue() == PACKAGE
    await until(lambda: _listed_as(city, "processing"))


@pytest.mark.parametrize("fetch_by", [Operation.GET_EDOC, Operation.DOWNLOAD_EDOC])
async def test_the_peer_polls_fetches_and_confirms(city: City, fetch_by: Operation) -> None:
    peer = city.client(XD, fetch_by=fetch_by)
    await peer.health()
    assert await peer.poll() == ()
    await city.client().send_edoc(PACKAGE)
    (item,) = await peer.poll()
    assert item.kind is PackageKind.DOCUMENT
    async with peer.fetch(item) as chunks:
        assert b"".join([chunk async for chunk in chunks]) == PACKAGE
    await peer.confirm(item, ok=False)
    assert await peer.poll() == ()  # comes back after a while
    city.node.clock.advance(hours=1)
    (again,) = await peer.poll()
    assert again == item
    await peer.confirm(again, ok=True)
    city.node.clock.advance(hours=1)
    assert await peer.poll() == ()


async def test_the_peer_sends_from_a_stream(city: City) -> None:
    async def content() -> AsyncGenerator[bytes]:
        for start in range(0, len(PACKAGE), 1000):
            yield PACKAGE[start : start + 1000]

    outgoing = Outgoing(
        package_id="01OURS",
        kind=PackageKind.DOCUMENT,
        size_bytes=len(PACKAGE),
        sha256_hex=hashlib.sha256(PACKAGE).hexdigest(),
        from_organ="H24.11",
        request_id="01REQUEST",
    )
    ref = (await city.client().send(outgoing, content)).ref
    (item,) = await city.client(XD).poll()
    assert item == Incoming(ref=f"{ref}.{XD}", kind=PackageKind.DOCUMENT)


async def test_a_file_goes_out_from_the_disk(city: City, tmp_path: Path) -> None:
    large = to_bytes(a_document("H24.15", files=(a_file(bytes(1_500_000)),)))
    path = tmp_path / "van-ban.edxml"
    path.write_bytes(large)
    await city.client().send_edoc(path)
    (item,) = await city.client(XD).received_list()
    assert await _fetched(city, XD, item.doc_id) == large
    assert city.temporary_files() == []


async def test_a_repeated_package_gets_the_first_answer(city: City) -> None:
    first = await city.client().send_edoc(PACKAGE)
    assert await city.client().send_edoc(PACKAGE) == first
    assert len(await city.client(XD).received_list()) == 1


async def test_one_item_stands_for_all_receivers_of_a_system(city: City) -> None:
    await city.client(XD).send_edoc(to_bytes(a_document("H24.11", "H24.11.3", sender="H24.15")))
    (item,) = await city.client(YTE).received_list()
    assert item.to_codes == "H24.11,H24.11.3"
    await city.client(YTE).update_status(item.doc_id, "done")
    assert await city.client(YTE).received_list() == ()


async def test_statuses_and_documents_do_not_hide_each_other(city: City) -> None:
    node = city.node
    for number in range(4):
        await city.client(XD).send_edoc(to_bytes(a_document("H24.11", sender="H24.15", number=str(number))))
    await city.client(YTE).send_edoc(PACKAGE)
    await city.client(XD).send_edoc(to_bytes(a_status(DOCUMENT, "03", "H24.15")), PackageKind.STATUS)
    assert len(await node.exchange.pending(YTE, 3, PackageKind.DOCUMENT)) == 3
    assert len(await city.client(YTE).received_list(PackageKind.DOCUMENT)) == 4
    assert [item.kind for item in await node.exchange.pending(YTE, 3, PackageKind.STATUS)] == [PackageKind.STATUS]


@pytest.mark.parametrize(
    ("word", "status"), [("processing", "processing"), ("initial", "initial"), ("INITIAL", "initial")]
)
async def test_an_item_that_is_being_worked_on_stays_listed(city: City, word: str, status: str) -> None:
    await city.client().send_edoc(PACKAGE)
    (item,) = await city.client(XD).received_list()
    await _fetched(city, XD, item.doc_id)
    await until(lambda: _listed_as(city, "processing"))
    await city.client(XD).update_status(item.doc_id, word)
    assert [row.status for row in await city.client(XD).received_list()] == [status]


@pytest.mark.parametrize("word", ["inbox", "rejection", "acceptance", "assignment", "cancellation", "xong"])
async def test_a_word_that_is_no_acknowledgement_is_said_and_does_nothing(city: City, word: str) -> None:
    package_id = await city.client().send_edoc(PACKAGE)
    (item,) = await city.client(XD).received_list()
    with pytest.raises(PeerRefused, match=f"unknown_acknowledgement.*{word}") as caught:
        await city.client(XD).update_status(item.doc_id, word)
    assert caught.value.peer_code == "21"
    assert await city.node.count("package") == 1
    assert [row.receive_status for row in await city.client().sent_list(package_id)] == ["initial"]


async def test_an_item_of_another_system_is_not_found(city: City) -> None:
    package_id = await city.client(YTE).send_edoc(PACKAGE)
    other = city.client(PHUONG)
    for doc_id in (f"{package_id}.{XD}", f"{package_id}.{PHUONG}", package_id, "01UNKNOWN", f"{package_id}.{XD}/../x"):
        for attempt in (
            other.get_edoc(doc_id, print),
            other.download_edoc(doc_id, print),
            other.update_status(doc_id, "done"),
        ):
            with pytest.raises(PeerRefused, match="not_found") as caught:
                await attempt
            assert caught.value.peer_code == "18"
    assert len(await city.client(XD).received_list()) == 1


async def test_an_organisation_that_changes_its_system_takes_what_waits_along(city: City) -> None:
    node = city.node
    await city.client(YTE).send_edoc(PACKAGE)
    (item,) = await city.client(XD).received_list()
    for system_id, serves in ((XD, ()), (PHUONG, ("H24.88", "H24.15"))):
        await node.store.write(
            partial(systems.set_serves, system_id=system_id, serves=serves, at=node.clock.now(), actor="t")
        )
    await node.directory.refresh()
    assert await city.client(XD).received_list() == ()
    with pytest.raises(PeerRefused) as caught:
        await city.client(XD).update_status(item.doc_id, "done")
    assert caught.value.peer_code == "18"
    (moved,) = await city.client(PHUONG).received_list()
    assert await _fetched(city, PHUONG, moved.doc_id) == PACKAGE


# ── Organisations ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_organisations_are_listed(city: City) -> None:
    agencies = {agency.code: agency for agency in await city.client().agencies()}
    assert agencies["H24.11"].name == "Sở Y tế"
    assert (agencies["H24.11.3"].id, agencies["H24.11.3"].pid) == ("H24.11.3", "H24.11")
    assert agencies["H24.11"].other_code == "000.00.11.H24"
    assert "H24.40" not in agencies
    units = {unit.code: unit for unit in await city.client().units()}
    assert units["H24.40"].deleted
    assert not units["H24.11"].deleted
    assert units["H24.11"].modified_at is not None


async def test_only_what_changed_after_a_version_is_listed(city: City) -> None:
    units = await city.client().units()
    version = max(unit.version for unit in units)
    assert version > 0
    assert await city.client().units(version) == ()
    row = registry.OrganRow(code="H24.11", name="Sở Y tế mới", kind=OrganKind.UNIT)
    await city.node.store.write(lambda c: registry.import_organs(c, [row], city.node.clock.now(), "test"))
    await city.node.directory.refresh()
    (changed,) = await city.client().units(version)
    assert (changed.code, changed.name, changed.is_agency) == ("H24.11", "Sở Y tế mới", False)
    assert changed.version > version
    assert [unit.is_agency for unit in units if unit.code == "H24.11"] == [True]
    for wrong in ("x", "-1", "9" * 19):
        with pytest.raises(PeerRefused, match="bad_request"):
            await city.client()._calls.reply(Call(operation=Operation.UNITS, headers={"unitVersion": wrong}))


async def test_a_registry_is_put_together_from_the_lists(city: City) -> None:
    row = registry.OrganRow(code="H24", name="UBND thành phố", level=1)
    await city.node.store.write(lambda c: registry.import_organs(c, [row], city.node.clock.now(), "test"))
    await city.node.directory.refresh()
    source = city.client()
    assert isinstance(source, RegistrySource)
    listed = await source.organs()
    organs = {organ.code: organ for organ in listed.organs}
    assert len(organs) == len(city.node.directory.current.organs())
    assert organs["H24"] == ListedOrgan(
        code="H24", name="UBND thành phố", parent_code="", level=1, is_unit=False, old_codes=()
    )
    assert organs["H24.11.3"].parent_code == "H24.11"
    assert organs["H24.40"].closed
    assert listed.version == city.node.directory.current.version
    assert (await source.organs(since=listed.version)).organs == ()


async def test_organisations_of_a_level_are_listed(city: City) -> None:
    node = city.node
    row = registry.OrganRow(code="H24.16", name="Sở Tư pháp", parent="H24", level=2, old_codes=("000.00.16.H24",))
    await node.store.write(lambda c: registry.register_organ(c, row, node.clock.now(), "test"))
    await node.directory.refresh()
    (agency,) = await city.client().agencies_qd20(2)
    assert (agency.code, agency.other_code) == ("H24.16", "000.00.16.H24")
    assert len(await city.client().agencies_qd20()) == len(await city.client().agencies())


@pytest.fixture
async def registrar(city: City) -> VxpClient:
    """A client of the ward's system, which may register organisations below H24.77."""
    node, key = city.node, NodeKey.load(city.data_dir.parent / "node.key")
    system = System(
        system_id="dms-xa", name="Xã", front="vxp", enabled=True, may_register=True, created_at=node.clock.now()
    )
    new = systems.NewSystem(system=system, secret_encrypted=key.encrypt("secret-dms-xa"), serves=("H24.77",))
    await node.store.write(lambda c: systems.add_system(c, new, node.clock.now(), "test"))
    await node.directory.refresh()
    return city.client("dms-xa")


def _agency(code: str, parent: str, name: str = "Trạm y tế") -> Agency:
    return Agency(
        code=code, name=name, mail="tram@example.vn", id="", pid=parent, other_code="", deleted=False, modified_at=None
    )


async def test_an_organisation_is_registered_below_ones_own_and_closed_again(city: City, registrar: VxpClient) -> None:
    await registrar.register_agency(_agency("H24.77.9", "H24.77"))
    await registrar.register_agency(_agency("H24.77.9", "H24.77"))
    await city.node.directory.refresh()
    (added,) = [agency for agency in await registrar.agencies() if agency.code == "H24.77.9"]
    assert (added.name, added.mail, added.pid) == ("Trạm y tế", "tram@example.vn", "H24.77")
    with pytest.raises(PeerRefused, match="organ_exists"):
        await registrar.register_agency(_agency("H24.77.9", "H24.77", name="Tên khác"))
    await registrar.delete_agency("H24.77.9")
    await city.node.directory.refresh()
    assert "H24.77.9" not in {agency.code for agency in await registrar.agencies()}
    assert [unit.deleted for unit in await registrar.units() if unit.code == "H24.77.9"] == [True]


async def test_the_parent_may_be_named_by_another_of_its_codes(city: City, registrar: VxpClient) -> None:
    await registrar.register_agency(_agency("H24.77.9", "000.00.77.H24"))
    await city.node.directory.refresh()
    (added,) = [agency for agency in await registrar.agencies() if agency.code == "H24.77.9"]
    assert added.pid == "H24.77"


@pytest.mark.parametrize(("code", "parent"), [("H24.15.9", "H24.15"), ("H24.9", "H24"), ("G22", "G01")])
async def test_nobody_registers_below_others(city: City, registrar: VxpClient, code: str, parent: str) -> None:
    before = await city.node.count("organ")
    with pytest.raises(PeerRefused, match="not_allowed") as caught:
        await registrar.register_agency(_agency(code, parent))
    assert caught.value.peer_code == "15"
    for foreign in ("H24.15", "H24"):
        with pytest.raises(PeerRefused, match="not_allowed"):
            await registrar.delete_agency(foreign)
    assert await city.node.count("organ") == before


async def test_registering_needs_the_right(city: City) -> None:
    for attempt in (
        city.client().register_agency(_agency("H24.11.9", "H24.11")),
        city.client().delete_agency("H24.11.3"),
    ):
        with pytest.raises(PeerRefused, match="not_allowed"):
            await attempt


async def test_a_hand_over_is_recorded_before_its_acknowledgement(city: City) -> None:
    for number in range(10):
        await city.client().send_edoc(to_bytes(a_document("H24.15", number=str(number))))
    fetching, acknowledging = city.client(XD), city.client(XD)  # a connection each
    for item in await fetching.received_list():
        await fetching.get_edoc(item.doc_id, lambda _: None)
        await acknowledging.update_status(item.doc_id, "done")
    kinds = await city.node.store.read(
        lambda c: c.exec_driver_sql("SELECT kind FROM leaf ORDER BY leaf_id").scalars().all()
    )
    transport = [kind for kind in kinds if kind in ("handed_over", "acknowledged")]
    assert transport == ["handed_over", "acknowledged"] * 10


async def test_calls_at_once_do_not_mix(city: City) -> None:
    packages = [to_bytes(a_document("H24.15", number=str(number))) for number in range(12)]
    client = city.client()
    refs = await asyncio.gather(*(client.send_edoc(package) for package in packages))
    receiver = city.client(XD)

    async def fetch(ref: str) -> bytes:
        buffer = io.BytesIO()
        await receiver.get_edoc(f"{ref}.{XD}", buffer.write)
        return buffer.getvalue()

    assert await asyncio.gather(*(fetch(ref) for ref in refs)) == packages


async def test_a_large_package_in_memory_goes_out_in_pieces(city: City) -> None:
    large = to_bytes(a_document("H24.15", files=(a_file(bytes(1_500_000)),)))
    await city.client().send_edoc(large)  # in one piece aiohttp would warn, and warnings are errors here
    (item,) = await city.client(XD).received_list()
    assert await city.client(XD).download_edoc(item.doc_id, lambda _: None) == len(large)
