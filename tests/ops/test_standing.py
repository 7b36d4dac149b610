"""What the node rests on: certificates that end, what waits in it and for how long, and how much content there is."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert, update

from axis.keys import NodeKey
from axis.ops.access import Access
from axis.ops.certificates import Ending, Endings, ending_certificates
from axis.ops.standing import NodeStanding, is_late, node_standing
from axis.ops.storage import StorageCount
from axis.settings import Mail
from axis.settings.sections import Server, Trust
from axis.store import schema, storage
from axis.store.queries.standing import MOST_COUNTED
from axis.store.queries.waiting import Waiting, WaitingKind
from axis.store.records import Blob, CertificateRow, Leaf
from axis.store.rows import values_of
from axis.store.store import Store
from axis.trust.certs import Certificate
from tests.certificates import certificate, met, pem
from tests.exchange.harness import UPLINK, Node, a_document, make_node
from tests.exchange.pushing import PUSHED, City
from tests.post_office import post_office


@dataclass
class House:
    """A node with its folder of trust."""

    node: Node
    city: City
    access: Access
    trust: Path

    @property
    def now(self) -> datetime:
        return self.node.clock.now()

    def after(self, days: float) -> datetime:
        return self.now + timedelta(days=days, hours=1)

    async def meet(self, *rows: CertificateRow) -> None:
        values = [values_of(row) for row in rows]
        await self.node.store.write(lambda c: c.execute(insert(schema.certificate), values))

    async def endings(self, own: Certificate | None = None) -> Endings:
        return await ending_certificates(self.access, await self.access.directory(), own, self.now)

    async def standing(self) -> NodeStanding:
        return await node_standing(self.access, None, self.now)

    async def waits(self, kind: WaitingKind) -> Waiting:
        return next(one for one in (await self.standing()).waiting if one.kind is kind)


@pytest.fixture
async def house(store: Store, tmp_path: Path) -> AsyncIterator[House]:
    trust = tmp_path / "trust"
    trust.mkdir()
    settings: Any = SimpleNamespace(
        uplink=[SimpleNamespace(id=UPLINK, adapter="post", prefixes=())],
        trust=Trust(folder=trust),
        mail=Mail(),
        server=Server(),
        node=SimpleNamespace(prefixes=("H24",), neighbours=()),
    )
    async with post_office() as office:
        city = City(await make_node(store, tmp_path), office)
        await city.push_to(PUSHED, office)
        access = Access(settings=settings, store=store, key=NodeKey.load(tmp_path / "node.key"))
        yield House(node=city.node, city=city, access=access, trust=trust)
        await city.partners.close()


def told(found: Sequence[Ending]) -> list[tuple[str, int, str]]:
    return [(one.known.certificate.name, one.days, one.known.role) for one in found]


# ── Certificates ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_ends_is_told_the_worst_first_and_what_was_renewed_is_not(house: House) -> None:
    await house.meet(
        met(certificate("Sở Y tế", house.after(30), organ="H24.15")),
        met(certificate("Sở Tài chính", house.after(-3))),
        met(certificate("Sở Nội vụ", house.after(5))),
        met(certificate("Sở Nội vụ", house.after(400))),
        met(certificate("Sở Xa", house.after(61))),
        met(certificate("Sở Cũ", house.after(-92))),
        met(certificate("Nguyễn Văn An", house.after(3)), "person"),
    )
    (house.trust / "a.pem").write_bytes(
        pem(
            certificate("Gốc G1", house.after(40), authority=True),
            certificate("Gốc G2", house.after(4_000), authority=True),
            certificate("Gốc G3", house.after(20), authority=True),
            certificate("Gốc G3", house.after(2_000), authority=True),
        )
    )
    found = await house.endings()
    assert told(found.certificates) == [("Sở Tài chính", -3, "met"), ("Sở Y tế", 30, "met"), ("Gốc G1", 40, "anchor")]
    assert not any(one.urgent for one in found.certificates)


async def test_the_nodes_own_certificates_are_told_however_long_they_have_ended(house: House, tmp_path: Path) -> None:
    file = tmp_path / "server.pem"
    file.write_bytes(pem(certificate("truc.invalid", house.after(-300)), certificate("truc.invalid", house.after(900))))
    house.access.settings.server = Server(tls_certificate_file=file, tls_key_file=file)  # type: ignore[misc]
    own = Certificate(met(certificate("Trục", house.after(13))).content)
    found = await house.endings(own)
    assert told(found.certificates) == [("truc.invalid", -300, "tls"), ("Trục", 13, "own")]
    assert all(one.urgent for one in found.certificates)
    await house.meet(met(certificate("Sở Tài chính", house.after(-3))))
    assert [one.known.role for one in (await house.endings(own)).certificates] == ["tls", "own", "met"]


async def test_a_certificate_is_told_with_the_partner_that_it_concerns(house: House) -> None:
    await house.meet(
        met(certificate("Cơ quan của đối tác", house.after(10)), organ="H24.15"),
        met(certificate("Bộ Tư pháp", house.after(11), organ="G15")),
    )
    found = await house.endings()
    assert [one.known.certificate.name for one in found.of_partner(PUSHED)] == ["Cơ quan của đối tác"]
    assert [one.known.certificate.name for one in found.of_partner(UPLINK)] == ["Bộ Tư pháp"]


async def test_a_file_that_cannot_be_read_is_told_and_hides_nothing(house: House) -> None:
    (house.trust / "a.pem").write_text("no certificate")
    await house.meet(met(certificate("Sở Y tế", house.after(30))))
    found = await house.endings()
    assert told(found.certificates) == [("Sở Y tế", 30, "met")]
    assert "a.pem" in found.problems[0]


# ── What waits ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_node_at_rest_has_nothing_that_is_late(house: House) -> None:
    assert not [one for one in (await house.standing()).waiting if is_late(one, house.now)]


async def test_a_push_that_waits_is_counted_with_its_age_and_late_after_a_while(house: House) -> None:
    await house.node.send("dms-yte", a_document("H24.15", number="1"))
    await house.node.send("dms-yte", a_document("H24.15", number="2"))
    began = (await house.waits(WaitingKind.PUSH)).oldest_at
    house.node.clock.advance(hours=1, minutes=59)
    one = await house.waits(WaitingKind.PUSH)
    assert (one.count, one.oldest_at, is_late(one, house.now)) == (2, began, False)
    house.node.clock.advance(minutes=2)
    assert is_late(await house.waits(WaitingKind.PUSH), house.now)
    await house.node.store.write(lambda c: c.execute(update(schema.queue).values(task="ask")))
    assert (await house.waits(WaitingKind.PUSH)).count == 0  # sent: only the question is left


async def test_evidence_leaves_without_a_number_wait_only_where_there_is_a_sequencer(house: House) -> None:
    await house.node.send("dms-yte", a_document("H24.15", number="1"))
    house.node.clock.advance(hours=1)
    one = await house.waits(WaitingKind.LEAF)
    assert (one.count > 0, one.begun, is_late(one, house.now)) == (True, False, False)
    leaf = schema.leaf.c
    first = update(schema.leaf).where(leaf.leaf_id == 1).values(seq=0)
    await house.node.store.write(lambda c: c.execute(first))
    after = await house.waits(WaitingKind.LEAF)
    assert (after.count, after.begun, is_late(after, house.now)) == (one.count - 1, True, after.count > 0)
    more = Leaf(kind="x", at=house.now - timedelta(minutes=2), data=b"{}", leaf_hash=b"x" * 32)
    await house.node.store.write(lambda c: c.execute(insert(schema.leaf), values_of(more)))
    last = await house.waits(WaitingKind.LEAF)
    assert (last.count, is_late(last, house.now)) == (after.count + 1, True)


async def test_counts_stop_at_a_bound(house: House) -> None:
    rows = [{"document_uid": "x", "delivery_id": None}] * (MOST_COUNTED + 5)
    await house.node.store.write(lambda c: c.execute(insert(schema.touched), rows))
    one = await house.waits(WaitingKind.MARK)
    assert (one.count, is_late(one, house.now)) == (MOST_COUNTED + 1, True)


# ── Content ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_content_is_counted_by_the_job_and_only_then_told(house: House) -> None:
    before = await house.standing()
    assert before.content == {}
    blobs = [
        Blob(sha256_hex=f"{number:02x}" * 32, size_bytes=10 + number, content=content, created_at=house.now)
        for number, content in ((0, b"x"), (1, None), (159, b"y"), (160, None), (255, None))
    ]
    await house.node.store.write(lambda c: c.execute(insert(schema.blob), [values_of(one) for one in blobs]))
    assert (await house.standing()).content == {}
    await StorageCount(house.node.store, house.node.clock).run()
    found = (await house.standing()).content
    assert {place: (one.blobs, one.size_bytes) for place, one in found.items()} == {
        storage.DATABASE: (2, 10 + 169),
        storage.FILES: (3, 11 + 170 + 265),
    }
    await StorageCount(house.node.store, house.node.clock).run()
    again = (await house.standing()).content
    assert again[storage.FILES].blobs == 3
    assert again[storage.FILES].counted_at > found[storage.FILES].counted_at
