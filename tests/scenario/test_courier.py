"""A ward is cut off: packages go by hand, the line returns in between, the answer comes late; nothing doubles."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from axis.courier.keys import Named
from axis.edxml.writer import to_bytes
from axis.exchange.courier import Courier, node_keys
from axis.ops.courier_desk import StatusSaid, make_reply, open_bundle, write_status
from axis.serve import working
from axis.store import queries
from axis.terms import PackageKind, StatusCode
from tests.exchange.harness import a_document, a_file
from tests.nodes import Blueprint, client_of, lay_out, running

WARD = "dms-phuong"
MONTH = timedelta(days=30)


async def test_the_line_returns_while_the_courier_is_under_way(tmp_path: Path) -> None:
    settings = await lay_out(tmp_path / "node", Blueprint())
    key, there, back, folder = (tmp_path / name for name in ("ward.key", "there.axis", "back.axis", "laid"))
    small = to_bytes(a_document("H24.88", number="101"))
    large = to_bytes(a_document("H24.88", number="102", files=(a_file(b"noi dung " * 300_000, "phu-luc.txt"),)))
    own = to_bytes(a_document("H24.11", sender="H24.88", number="7"))

    async with running(settings) as node:
        sender, ward = client_of(node.url, "dms-yte"), client_of(node.url, WARD)
        ids = [await sender.send_edoc(raw) for raw in (small, large)]

        # The stick is made beside the running node, and opened where there is no line.
        async with working(settings) as works:
            courier = Courier(works.context, works.exchange, node_keys(works.key), Named(code="H24", name="Trục"))
            await asyncio.to_thread(key.write_text, (await courier.enrol(WARD, "test")).to_text(), encoding="utf-8")
            packed = await courier.pack(WARD, there, MONTH)
        assert packed.packages == 2
        laid = await asyncio.to_thread(open_bundle, there, key, folder, datetime.now(UTC))
        by_hand = {item.package_id: (folder / "packages" / f"{item.package_id}.edxml") for item in laid.manifest.items}
        assert sorted(path.read_bytes() for path in by_hand.values()) == sorted([small, large])

        # The line returns: the ward's software finds both in its list, under the ids that it has by hand.
        listed = await ward.received_list(PackageKind.DOCUMENT)
        assert {item.doc_id.partition(".")[0] for item in listed} >= set(by_hand)
        for item in listed:
            await ward.update_status(item.doc_id, "done")
        assert await ward.received_list(PackageKind.DOCUMENT) == ()

        # The answer is on its way all the same, with a status and a document of the ward's own; it sent the latter too.
        said = StatusSaid(code=StatusCode.ACCEPTED, at=datetime.now(UTC))
        for package_id in by_hand:
            await asyncio.to_thread(write_status, folder, key, package_id, said)
        await asyncio.to_thread((folder / "outgoing" / "own.edxml").write_bytes, own)
        await asyncio.to_thread(make_reply, folder, key, back, datetime.now(UTC), MONTH)
        await ward.send_edoc(own)

        async with working(settings) as works:
            courier = Courier(works.context, works.exchange, node_keys(works.key), Named(code="H24", name="Trục"))
            first = await courier.take(back)
            again = await courier.take(back)
            documents = await works.store.read(
                lambda c: c.exec_driver_sql("SELECT document_uid FROM document").scalars().all()
            )
            deliveries = [
                row for uid in documents for row in await works.store.read(lambda c, u=uid: queries.deliveries(c, u))
            ]
        assert [item.outcome for item in first.items] == ["repeated", "accepted", "accepted"]
        assert {item.outcome for item in again.items} == {"repeated"}
        assert (first.taken_before, again.taken_before) == (False, True)
        assert len(documents) == 3
        assert sorted(row.status_code or "" for row in deliveries if row.receiver_organ == "H24.88") == ["03", "03"]

        # The sender gets each status once, and the ward's document once.
        assert len(await sender.received_list(PackageKind.STATUS)) == 2
        assert len(await sender.received_list(PackageKind.DOCUMENT)) == 1
        assert len(ids) == 2
        await sender.close()
        await ward.close()
