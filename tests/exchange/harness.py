"""A node's exchange on a real store, with a clock that tests hold; no HTTP, no partner."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from axis.delivery.directory import DirectoryCache
from axis.delivery.router import Router, UplinkPrefixes
from axis.edxml.model import (
    Attachment,
    Business,
    Code,
    DocumentHeader,
    DocumentPackage,
    Package,
    Party,
    PromulgationInfo,
    ResponseFor,
    StatusHeader,
    StatusPackage,
)
from axis.edxml.writer import to_bytes
from axis.exchange.context import Context, Policy
from axis.exchange.judges import Judges
from axis.exchange.service import Exchange
from axis.exchange.values import Accepted, Acknowledgement, Source
from axis.ids import SystemId
from axis.keys import NodeKey
from axis.store import queries, registry, systems
from axis.store.records import Delivery, Document, System
from axis.store.registry import OrganRow
from axis.store.store import Store
from axis.store.systems import NewSystem
from axis.terms import Origin
from axis.trust.policy import Policy as Rules

ORGANS = (
    OrganRow(code="H24", name="UBND thành phố"),
    OrganRow(code="H24.11", name="Sở Y tế", parent="H24", old_codes=("000.00.11.H24",)),
    OrganRow(code="H24.11.3", name="Chi cục Dân số", parent="H24.11"),
    OrganRow(code="H24.15", name="Sở Xây dựng", parent="H24"),
    OrganRow(code="H24.88", name="UBND phường Gia Viên", parent="H24"),
    OrganRow(code="H24.30", name="UBND quận Ngô Quyền", parent="H24", status="closed", successor="H24.88"),
    OrganRow(code="H24.40", name="UBND huyện cũ", parent="H24", status="closed"),
    OrganRow(code="H24.77", name="UBND xã chưa kết nối"),
)
SYSTEMS = {"dms-yte": ("H24.11",), "dms-xd": ("H24.15",), "dms-phuong": ("H24.88",)}
UPLINK = "national"


class HeldClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """The held moment; each look moves it a millisecond, so that ids sort."""
        self.at += timedelta(milliseconds=1)
        return self.at

    def advance(self, **delta: float) -> None:
        """Let time pass."""
        self.at += timedelta(**delta)


@dataclass
class Node:
    """One node's exchange."""

    store: Store
    clock: HeldClock
    directory: DirectoryCache
    context: Context
    judges: Judges
    exchange: Exchange

    async def send(self, system_id: str, package: Package | bytes, origin: Origin = Origin.LOCAL) -> Accepted:
        """Hand a package in as a system, or as an uplink."""
        raw = package if isinstance(package, bytes) else to_bytes(package)
        async with self.store.spool(limit_bytes=1 << 30) as spool:
            await spool.write(raw)
            source = Source(system_id=SystemId(system_id), origin=origin)
            return await self.exchange.accept(source, await spool.finish(drop_crlf=False))

    async def come_down(self, package: Package | bytes) -> Accepted:
        """A package arrives from the national axis."""
        return await self.send(UPLINK, package, Origin.UPLINK)

    async def listed(self, system_id: str) -> list[str]:
        """Package ids in a system's list."""
        return [item.package_id for item in await self.exchange.pending(system_id, 200)]

    async def take(self, system_id: str) -> list[bytes]:
        """Fetch and acknowledge everything in a system's list, as a client does."""
        taken = []
        for package_id in await self.listed(system_id):
            content = await self.exchange.open_package(system_id, package_id)
            taken.append(b"".join([chunk async for chunk in content.chunks()]))
            await self.exchange.record_hand_over(system_id, package_id)
            await self.exchange.acknowledge(system_id, package_id, Acknowledgement.DONE)
        return taken

    async def document(self, accepted: Accepted) -> Document:
        """The document of an answer."""
        assert accepted.document_uid is not None
        found = await self.store.read(lambda c: queries.document(c, accepted.document_uid))
        assert found is not None
        return found

    async def deliveries(self, accepted: Accepted) -> dict[str, Delivery]:
        """Deliveries of an answer's document, by receiver."""
        assert accepted.document_uid is not None
        rows = await self.store.read(lambda c: queries.deliveries(c, accepted.document_uid))
        return {row.receiver_organ: row for row in rows}

    async def states(self, accepted: Accepted) -> dict[str, str]:
        """Transport state of a package's consignments, by receiver."""
        rows = await self.store.read(lambda c: queries.consignments(c, accepted.package_id))
        return {row.receiver_organ: row.state.value for row in rows}

    async def closed(self, accepted: Accepted) -> dict[str, str]:
        """What the sender has done with a document at each receiver."""
        return {organ: row.state.value for organ, row in (await self.deliveries(accepted)).items()}

    async def answers(self, accepted: Accepted) -> dict[tuple[int, str], str | None]:
        """What each receiver said to an act, for each document that it names."""
        act = await self.store.read(lambda c: queries.act_of_package(c, accepted.package_id))
        assert act is not None
        rows = await self.store.read(lambda c: queries.act_receivers(c, act.act_id))
        return {(row.position, row.receiver_organ): row.answer for row in rows}

    async def effects(self, accepted: Accepted) -> list[str]:
        """What an act did to each document that it names."""
        act = await self.store.read(lambda c: queries.act_of_package(c, accepted.package_id))
        assert act is not None
        return [row.effect.value for row in await self.store.read(lambda c: queries.act_targets(c, act.act_id))]

    async def events(self, system_id: str) -> list[tuple[str, dict[str, object]]]:
        """What a system is told."""
        query = f"SELECT kind, fields FROM system_event WHERE system_id = '{system_id}' ORDER BY event_id"
        rows = await self.store.read(lambda c: c.exec_driver_sql(query).all())
        return [(row[0], json.loads(row[1])) for row in rows]

    async def leaves(self, kind: str) -> list[dict[str, object]]:
        """The fields of the evidence of a kind."""
        query = f"SELECT data FROM leaf WHERE kind = '{kind}' ORDER BY leaf_id"
        rows = await self.store.read(lambda c: c.exec_driver_sql(query).scalars().all())
        return [json.loads(bytes(data))["fields"] for data in rows]

    async def succeed(self, closed: str, successor: str) -> None:
        """An organisation is closed, and another one takes its documents."""
        await self.store.write(lambda c: registry.close_organ(c, closed, successor, self.clock.now(), "test"))
        await self.directory.refresh()

    async def statuses(self, accepted: Accepted) -> dict[str, str | None]:
        """Processing status of a document's deliveries, by receiver."""
        return {organ: row.status_code for organ, row in (await self.deliveries(accepted)).items()}

    async def count(self, table: str) -> int:
        """Rows of a table."""
        return await self.store.read(lambda c: c.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())

    async def audit_kinds(self) -> list[str]:
        """Kinds of the audit trail, oldest first, configuration left out."""
        query = "SELECT kind FROM audit WHERE actor <> 'test' ORDER BY audit_id"
        return list(await self.store.read(lambda c: c.exec_driver_sql(query).scalars().all()))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a node is configured with."""

    organs: tuple[OrganRow, ...] = ORGANS
    systems: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: SYSTEMS)
    prefixes: tuple[str, ...] = ("H24",)
    uplinks: tuple[UplinkPrefixes, ...] = (UplinkPrefixes(uplink_id=UPLINK),)
    neighbours: tuple[str, ...] = ()


async def make_node(store: Store, folder: Path, plan: Plan = Plan()) -> Node:
    """A node's exchange on an empty store; the demo city's unless the plan says otherwise."""
    clock = HeldClock()
    key = NodeKey.create(folder / "node.key")
    await set_up(store, key, clock, plan)
    return await open_node(store, folder, plan, clock)


async def set_up(store: Store, key: NodeKey, clock: HeldClock, plan: Plan) -> None:
    """Register and connect whom the plan names, in an empty store."""
    await store.write(lambda c: registry.import_organs(c, plan.organs, clock.now(), "test"))
    for system_id, serves in plan.systems.items():
        await add_system(store, key, clock, system_id, serves)


async def open_node(
    store: Store, folder: Path, plan: Plan = Plan(), clock: HeldClock | None = None, policy: Policy | None = None
) -> Node:
    """A node's exchange on a store that has been set up, as when its process starts."""
    clock = clock or HeldClock()
    directory = await DirectoryCache.load(store, NodeKey.load(folder / "node.key"), clock)
    router = Router(plan.prefixes, plan.uplinks, plan.neighbours)
    context = Context(store=store, clock=clock, directory=directory, router=router, policy=policy or Policy())
    judges = Judges(store, directory, folder / "trust", Rules())
    await judges.refresh()
    return Node(store, clock, directory, context, judges, Exchange(context, judges, check_intake=lambda: None))


async def add_system(store: Store, key: NodeKey, clock: HeldClock, system_id: str, serves: Sequence[str]) -> None:
    """Connect a system."""
    system = System(
        system_id=system_id, name=system_id, front="vxp", enabled=True, may_register=False, created_at=clock.now()
    )
    new = NewSystem(system=system, secret_encrypted=key.encrypt(f"secret-{system_id}"), serves=tuple(serves))
    await store.write(lambda c: systems.add_system(c, new, clock.now(), "test"))


def a_file(content: bytes = b"%PDF-1.7 cong van", name: str = "cong-van.pdf") -> Attachment:
    """A file to attach."""
    return Attachment(
        content_id=f"cid:{name}",
        name=name,
        content_type="application/pdf",
        media_type="application/pdf",
        size_bytes=len(content),
        sha256_hex="",
        identity_digest="",
        content=content,
    )


def a_document(
    *to: str, sender: str = "H24.11", number: str = "101", document_id: str | None = None, **header: object
) -> DocumentPackage:
    """A document package; `files` among the keywords replaces its attachments."""
    files = header.pop("files", (a_file(),))
    assert isinstance(files, tuple)
    value = DocumentHeader(
        sender=Party(organ_id=sender, organ_name=f"Cơ quan {sender}"),
        receivers=tuple(Party(organ_id=code, organ_name=f"Cơ quan {code}") for code in to),
        document_id=document_id or f"{sender},2026/11/24,{number}/SYT-VP",
        code=Code(code_number=number, code_notation="SYT-VP"),
        promulgation=PromulgationInfo(place="Hải Phòng", promulgation_date="2026/11/24"),
        subject="V/v tăng cường phòng, chống dịch",
    )
    return DocumentPackage(header=replace(value, **header), attachments=files)  # type: ignore[arg-type]


def an_act(of: DocumentPackage, business_type: str, *to: str, **business: object) -> DocumentPackage:
    """A recall, update or replacement of a document, under the same DocumentId as the vendor's samples have it."""
    act = Business(business_doc_type=business_type, business_doc_reason="có sai sót", **business)  # type: ignore[arg-type]
    receivers = tuple(Party(organ_id=code) for code in to) or of.header.receivers
    return replace(of, header=replace(of.header, receivers=receivers, business=act))


def a_status(of: DocumentPackage, code: str, sender: str, to: str | None = None, **header: object) -> StatusPackage:
    """A receiver's status on a document."""
    answered = of.header
    value = StatusHeader(
        sender=Party(organ_id=sender),
        response_for=ResponseFor(
            organ_id=to or answered.sender.organ_id,
            code=answered.code.text,
            document_id=answered.document_id,
            promulgation_date=answered.promulgation.promulgation_date,
        ),
        status_code=code,
        description="văn thư",
        timestamp="2026/11/24 09:00:00",
    )
    return StatusPackage(header=replace(value, **header))  # type: ignore[arg-type]
