"""A document goes to a DMS that reads files and its statuses come back; what it writes goes out. On every place."""

import asyncio
import json
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.filing.place import Spot, write
from axis.edxml.model import DocumentPackage, StatusPackage
from axis.edxml.reader import read
from axis.edxml.writer import to_bytes
from axis.keys import NodeKey
from axis.ops.access import Access
from axis.ops.letters import Intervention, intervene
from axis.store.queries import LettersAsked, letters
from axis.terms import TransportState
from tests.exchange.harness import a_document, a_file, a_status
from tests.filing.city import FilingCity, seen
from tests.filing.conftest import MakeCity
from tests.filing.places import PLACES

pytestmark = pytest.mark.parametrize("place_kind", list(PLACES), indirect=True)

WISH = {
    "kind": "document",
    "sender": {"organ_id": "H24.15", "name": "Sở Xây dựng"},
    "receivers": [{"organ_id": "H24.11"}],
    "number": "15",
    "notation": "SXD-VP",
    "promulgation_date": "2026-11-24",
    "subject": "V/v kiểm tra an toàn công trình",
    "urgency": 2,
    "signer": {"full_name": "Nguyễn Văn A", "position": "Giám đốc"},
    "files": [{"file": "công văn.pdf"}],
}


async def test_a_document_lies_there_whole_with_its_files_and_what_it_is(city: FilingCity) -> None:
    sent = a_document("H24.15", "H24.88", files=(a_file(), a_file(b"\x89PNG...", "../../sơ đồ.png")))
    accepted = await city.node.send("dms-yte", sent)
    await city.push()
    assert await city.node.states(accepted) == {"H24.15": "handed_over", "H24.88": "queued"}
    (told,) = city.dms.told()
    stem = accepted.package_id
    assert city.dms.names() == [
        f"{stem}.01.cong-van.pdf",
        f"{stem}.02._.._sơ đồ.png",
        f"{stem}.edxml",
        f"{stem}.json",
    ]
    assert city.dms.read(told["package"]) == to_bytes(sent)
    assert [(one["file"], one["name"]) for one in told["files"]] == [
        (f"{stem}.01.cong-van.pdf", "cong-van.pdf"),
        (f"{stem}.02._.._sơ đồ.png", "../../sơ đồ.png"),
    ]
    assert city.dms.read(told["files"][0]["file"]) == b"%PDF-1.7 cong van"
    assert (told["kind"], told["package_id"], told["code"]) == ("document", stem, "101/SYT-VP")
    assert told["sender"] == {"organ_id": "H24.11", "name": "Sở Y tế"}
    assert [one["organ_id"] for one in told["receivers"]] == ["H24.15"]
    assert (told["subject"], told["urgency"]) == ("V/v tăng cường phòng, chống dịch", 0)
    assert city.dms.names("axis-sent") == [f"{stem}.note"]


async def test_what_is_being_written_is_not_seen(city: FilingCity) -> None:
    await city.peer.health()

    async def content() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b"x" * 300_000
            await asyncio.sleep(0.01)
            assert seen(city.dms.root) == []

    await write(city.place, Spot("to-dms", "a.edxml"), content(), 2_400_000)
    assert seen(city.dms.root, unfinished=True) == ["a.edxml"]


async def test_it_is_acknowledged_when_the_dms_takes_it_away(city: FilingCity) -> None:
    accepted = await city.node.send("dms-yte", a_document("H24.15"))
    await city.push()
    await city.later(minutes=1)
    assert await city.node.states(accepted) == {"H24.15": "handed_over"}
    city.dms.take()
    await city.later(hours=1)
    assert await city.node.states(accepted) == {"H24.15": "acknowledged"}
    assert city.dms.names() == []


async def test_it_is_acknowledged_by_a_file_where_that_is_chosen_and_then_cleared_away(make_city: MakeCity) -> None:
    city = await make_city(acknowledge="ok")
    accepted = await city.node.send("dms-yte", a_document("H24.15"))
    await city.push()
    stem = accepted.package_id
    await city.later(hours=1)
    assert await city.node.states(accepted) == {"H24.15": "handed_over"}
    (city.dms.root / "to-dms" / f"{stem}.ok").touch()
    await city.later(hours=1)
    assert await city.node.states(accepted) == {"H24.15": "acknowledged"}
    assert city.dms.names() == []


async def test_statuses_of_the_dms_go_back_in_its_own_words_and_are_a_receipt(make_city: MakeCity) -> None:
    city = await make_city(acknowledge="ok", statuses="đã đến=01, đã vào sổ=03, xong=06")
    accepted = await city.node.send("dms-yte", a_document("H24.15"))
    await city.push()
    (told,) = city.dms.told()
    said = city.dms.status(told, "Đã vào sổ", reason="số đến 12", package_id=told["package_id"])
    city.dms.drop("tt-1.json", said)
    assert await city.collect() == 1
    assert await city.node.statuses(accepted) == {"H24.15": "03"}
    await city.later(hours=1)
    assert await city.node.states(accepted) == {"H24.15": "acknowledged"}
    city.dms.drop("tt-2.json", city.dms.status(told, "06", at="2026-11-24T16:30:00+07:00"))
    assert await city.collect() == 1
    assert await city.node.statuses(accepted) == {"H24.15": "06"}
    last = (await city.node.take("dms-yte"))[-1]
    package = read(last)
    assert isinstance(package, StatusPackage)
    assert package.header.timestamp == "2026/11/24 16:30:00"
    assert city.dms.names("from-dms") == city.dms.names("axis-work") == city.dms.names("errors") == []


async def test_statuses_for_the_dms_are_files_too(make_city: MakeCity) -> None:
    city = await make_city(statuses="đã vào sổ=03")
    document = a_document("H24.11", sender="H24.15")
    city.dms.drop("di.edxml", to_bytes(document))
    await city.collect()
    await city.node.send("dms-yte", a_status(document, "3", "H24.11"))
    await city.push()
    (told,) = city.dms.told()
    assert (told["kind"], told["status_code"], told["status"]) == ("status", "03", "đã vào sổ")
    assert told["document"]["document_id"] == document.header.document_id
    assert told["sender"]["organ_id"] == "H24.11"
    assert len(city.dms.names()) == 2


async def test_a_package_of_the_dms_goes_out_byte_for_byte(city: FilingCity) -> None:
    raw = to_bytes(a_document("H24.11", sender="H24.15"))
    city.dms.drop("di-15.edxml", raw)
    assert await city.collect() == 1
    assert await city.node.take("dms-yte") == [raw]
    (name,) = city.dms.names("taken")
    assert name.endswith(".item.di-15.edxml")
    assert city.dms.read(name, "taken") == raw
    assert city.dms.names("from-dms") == city.dms.names("axis-work") == []


@pytest.mark.parametrize("form", ["NFC", "NFD"])
async def test_a_document_is_composed_of_json_and_its_files(city: FilingCity, form: str) -> None:
    content = b"%PDF-1.7 " + bytes(range(256)) * 3000
    city.dms.drop("15.json", WISH)
    assert await city.collect() == 0  # its file is still to come
    city.dms.drop(unicodedata.normalize(form, "công văn.pdf"), content)  # type: ignore[arg-type]
    assert await city.collect() == 1
    (raw,) = await city.node.take("dms-yte")
    package = read(raw)
    assert isinstance(package, DocumentPackage)
    assert package.header.document_id == "H24.15,2026/11/24,15/SXD-VP"
    assert (package.header.subject, package.header.other.priority) == ("V/v kiểm tra an toàn công trình", "2")
    assert (package.attachments[0].name, package.attachments[0].content) == ("công văn.pdf", content)
    assert city.dms.names("from-dms") == city.dms.names("axis-work") == []
    assert len(city.dms.names("taken")) == 2
    city.dms.drop("15.json", WISH)  # the same again: the first answer, and no second document
    city.dms.drop(unicodedata.normalize(form, "công văn.pdf"), content)  # type: ignore[arg-type]
    assert await city.collect() == 1
    assert await city.documents() == 1


async def test_nothing_is_kept_where_nothing_is_to_be_kept(make_city: MakeCity) -> None:
    city = await make_city(keep_days=0)
    city.dms.drop("15.json", WISH)
    city.dms.drop("công văn.pdf", b"%PDF")
    assert await city.collect() == 1
    assert city.dms.names("taken") == city.dms.names("axis-work") == []


async def test_a_further_receiver_of_a_package_gets_it_and_the_first_not_again(city: FilingCity) -> None:
    document = a_document("H24.15")
    accepted = await city.node.send("dms-yte", document)
    await city.push()
    city.dms.take()
    note = json.loads(city.dms.read(f"{accepted.package_id}.note", "axis-sent"))
    assert note["receivers"] == ["H24.15"]
    outgoing = await _again(city, accepted.package_id, ("H24.15",))
    assert city.dms.names() == []
    await _again(city, accepted.package_id, ("H24.15", "H24.15.1"))
    (told,) = city.dms.told()
    assert [one["organ_id"] for one in told["receivers"]] == ["H24.15.1"]
    assert city.dms.names()[-1] == f"{accepted.package_id}-2.json"
    states = {one.organ_code: one.acknowledged for one in await city.peer.receivers(outgoing)}
    assert states == {"H24.15": True, "H24.15.1": False}


async def _again(city: FilingCity, package_id: str, organs: tuple[str, ...]) -> str:
    """The node sends once more, as after a crash."""
    from axis.delivery.peer import Outgoing, Recipient  # noqa: PLC0415
    from axis.terms import PackageKind  # noqa: PLC0415

    raw = to_bytes(a_document("H24.15"))

    async def content() -> AsyncIterator[bytes]:
        yield raw

    outgoing = Outgoing(
        package_id=package_id,
        kind=PackageKind.DOCUMENT,
        size_bytes=len(raw),
        sha256_hex="0" * 64,
        from_organ="H24.11",
        request_id="r",
        receivers=tuple(Recipient(organ_id=one, name=None, email=None, addressed_as=one) for one in organs),
    )
    return (await city.peer.send(outgoing, content)).ref


async def test_the_json_may_be_left_out_and_files_too(make_city: MakeCity) -> None:
    city = await make_city(sidecar=False, attachments=False)
    accepted = await city.node.send("dms-yte", a_document("H24.15"))
    await city.push()
    assert city.dms.names() == [f"{accepted.package_id}.edxml"]
    city.dms.take()
    await city.later(hours=1)
    assert await city.node.states(accepted) == {"H24.15": "acknowledged"}


@pytest.mark.parametrize("acknowledge", ["removed", "ok"])
async def test_what_the_dms_cannot_take_is_told_to_the_sender_and_laid_out_again_when_it_is_retried(
    make_city: MakeCity, acknowledge: str, tmp_path: Path
) -> None:
    city = await make_city(acknowledge=acknowledge)
    accepted = await city.node.send("dms-yte", a_document("H24.15"))
    await city.push()
    failed = city.dms.root / "to-dms" / f"{accepted.package_id}.failed"
    failed.write_bytes("\ufeffổ đĩa\nđã đầy".encode())
    await city.later(hours=1)
    assert await city.node.states(accepted) == {"H24.15": "dead"}
    assert city.dms.names() == []
    [error] = await city.node.store.read(
        lambda c: (
            c.exec_driver_sql("SELECT last_error FROM consignment WHERE receiver_organ = 'H24.15'").scalars().all()
        )
    )
    assert error == "the receiver's software says that it could not take the package: ổ đĩa đã đầy"
    assert [kind for kind, _ in await city.node.events("dms-yte")].count("delivery_dead") == 1
    assert "consignment_dead" in await city.node.audit_kinds()
    assert await city.node.count("queue") == 0

    await retry_the_dead(city, tmp_path)
    [told] = city.dms.told()
    assert told["package"] == f"{accepted.package_id}-2.edxml"
    if acknowledge == "ok":
        (city.dms.root / "to-dms" / f"{accepted.package_id}-2.ok").touch()
    else:
        city.dms.take()
    await city.later(hours=1)
    assert await city.node.states(accepted) == {"H24.15": "acknowledged"}
    assert city.dms.names() == []


async def retry_the_dead(city: FilingCity, folder: Path) -> None:
    """As `axis deliveries retry`."""
    now = city.node.clock.now()
    found = await city.node.store.read(lambda c: letters(c, LettersAsked(), now, 100))
    settings: Any = SimpleNamespace(uplink=[])
    access = Access(settings=settings, store=city.node.store, key=NodeKey.load(folder / "node.key"))
    await intervene(access, found, Intervention(becomes=TransportState.QUEUED, reason="đã mở rộng", actor="A"), now)
    await city.push()


async def test_a_receipt_after_a_failure_counts(city: FilingCity) -> None:
    accepted = await city.node.send("dms-yte", a_document("H24.15"))
    await city.push()
    (told,) = city.dms.told()
    (city.dms.root / "to-dms" / f"{accepted.package_id}.failed").touch()
    city.dms.drop("tt.json", city.dms.status(told, "03", package_id=told["package_id"]))
    await city.collect()
    await city.later(hours=1)
    assert await city.node.states(accepted) == {"H24.15": "acknowledged"}
