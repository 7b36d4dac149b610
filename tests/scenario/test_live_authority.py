"""A node and a live certificate authority: evidence over HTTP, services that fail and come back, the node's own key."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import aiohttp
import pytest

from axis.clock import SystemClock
from axis.edxml.writer import to_bytes
from axis.errors import PeerUnreachable
from axis.exchange.composing import ReportWish
from axis.ids import DocumentUid
from axis.serve import Node, start_node
from axis.store import queries
from axis.store.records import SignaturePolicy, Verdict
from axis.terms import StatusCode
from axis.trust.sealing import sign_envelope
from tests.databases import Database
from tests.exchange.harness import a_document
from tests.nodes import Blueprint, client_of, lay_out
from tests.trust.live import Live, live_authority

T = TypeVar("T")

pytestmark = pytest.mark.timeout(180)
A_RETRY = timedelta(minutes=2)  # after which what failed once is tried again


@pytest.fixture(scope="module")
def module_authority() -> Iterator[Live]:
    with live_authority() as made:
        yield made


@pytest.fixture
def authority(module_authority: Live) -> Live:
    """The authority, switched on."""
    module_authority.down = False
    module_authority.stamping.set()
    module_authority.visits.clear()
    return module_authority


@dataclass
class MovedClock:
    """The machine's clock, moved on when a test has no time to wait."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        """The moved moment."""
        return SystemClock().now() + self.ahead


@dataclass
class City:
    """A running node."""

    node: Node
    clock: MovedClock
    home: Path
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 100)))

    async def send(self, authority: Live, label: str, issuer: str | None = "interm") -> str:
        """Send a document of the agency whose envelope is signed; returns the package's id."""
        number = str(next(self.numbers))
        document = a_document("H24.15", "H24.77", sender="H24.11", number=number, files=())
        raw = sign_envelope(to_bytes(document), authority.signer(label, issuer))
        client = client_of(self.node.url, "dms-yte")
        try:
            return await client.send_edoc(raw)
        finally:
            await client.close()

    async def verdicts(self, package_id: str) -> tuple[Verdict, ...]:
        """All verdicts on a package."""
        return await self.node.store.read(lambda c: queries.verdicts(c, package_id))

    async def becomes(self, package_id: str, overall: str) -> tuple[Verdict, ...]:
        """All verdicts on a package, once the last one says so."""
        return await until(
            lambda: self.verdicts(package_id), lambda found: bool(found) and found[-1].overall == overall
        )

    async def ready(self) -> dict[str, object]:
        """What the node says of itself."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.node.url}/health/ready") as answer:
            assert answer.status == 200
            told: dict[str, object] = await answer.json()
            return told

    async def owed(self) -> list[tuple[str, int, str | None]]:
        """What services have been asked for in vain: kind, tries, last error."""
        rows = await self.node.store.read(queries.owed_needs)
        return [(row.kind, row.attempts, row.last_error) for row in rows]

    async def policy(self, envelope: str, *, fail_closed: bool) -> None:
        """Set everybody's policy, and wait until it holds."""
        row = SignaturePolicy(organ_id=queries.ANY_SENDER, envelope=envelope, files="off", fail_closed=fail_closed)
        await self.node.store.write(lambda c: queries.set_signature_policy(c, row))
        await asyncio.sleep(2.5)  # configuration, then policies are compared within a second


async def until(look: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """Look again and again until what is seen is good."""
    async with asyncio.timeout(90):
        while not good(seen := await look()):  # noqa: ASYNC110 - a node in this process ends the wait
            await asyncio.sleep(0.1)
    return seen


@asynccontextmanager
async def a_city(folder: Path, database: Database, authority: Live, **more: object) -> AsyncIterator[City]:
    """A node that trusts the authority's root and may ask it on loopback."""
    settings_of = {"trust.fetch_private": True, "trust.fetch_timeout_s": 30.0, **more}
    url = database.url if database.kind == "postgresql" else None
    home = folder / "city"
    settings = await lay_out(home, Blueprint(database_url=url, signatures="off", more=settings_of))
    authority.trust(home / "trust")
    clock = MovedClock()
    node = await start_node(settings, clock=clock)
    try:
        yield City(node=node, clock=clock, home=home)
    finally:
        await node.stop()


async def test_evidence_is_fetched_when_its_service_works_again_and_the_verdict_follows(
    tmp_path: Path, database: Database, authority: Live
) -> None:
    authority.down = True
    async with a_city(tmp_path, database, authority) as city:
        await city.policy("report", fail_closed=False)
        first = await city.send(authority, "agency")
        (verdict,) = await city.becomes(first, "indeterminate")
        assert "revocation_owed" in verdict.content
        # Leaf and authority: one OCSP answer, two CRLs. The service is down: asked once, put off.
        owed = await until(city.owed, lambda rows: len(rows) == 3 and all(tries for _, tries, _ in rows))
        assert sorted(kind for kind, _, _ in owed) == ["crl", "crl", "ocsp"]
        assert all("HTTP 503" in str(error) for _, _, error in owed)
        assert (await city.ready())["signature_checks_owed"] == {"evidence": 1}
        second = await city.send(authority, "agency")  # the node goes on
        assert len(await city.verdicts(second)) == 1

        authority.down = False
        city.clock.ahead += A_RETRY
        for package_id in (first, second):
            found = await city.becomes(package_id, "valid")
            assert found[0].overall == "indeterminate"  # an earlier verdict stays
        assert await city.owed() == []
        assert (await city.ready())["signature_checks_owed"] == {}
        third = await city.send(authority, "agency")
        assert [verdict.overall for verdict in await city.verdicts(third)] == ["valid"]


async def test_a_revoked_certificate_is_found_out_and_a_missing_issuer_is_fetched(
    tmp_path: Path, database: Database, authority: Live
) -> None:
    async with a_city(tmp_path, database, authority) as city:
        await city.policy("report", fail_closed=False)
        revoked = await city.send(authority, "revoked")
        assert "revoked" in (await city.becomes(revoked, "invalid"))[-1].content
        orphan = await city.send(authority, "orphan", issuer=None)  # its authority is not in the trust folder
        assert "chain_unknown" in (await city.verdicts(orphan))[0].content
        await city.becomes(orphan, "valid")
        assert "/live/certs/interm2/ca.crt" in authority.visits


async def test_who_waits_for_evidence_is_told_when_to_come_again(
    tmp_path: Path, database: Database, authority: Live
) -> None:
    authority.down = True
    async with a_city(tmp_path, database, authority) as city:
        await city.policy("require", fail_closed=True)
        with pytest.raises(PeerUnreachable, match="HTTP 503, retry after 60"):
            await city.send(authority, "by-ocsp")
        assert await city.node.store.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM package").scalar()) == 0
        authority.down = False
        city.clock.ahead += A_RETRY
        await until(city.owed, lambda rows: not rows)
        await asyncio.sleep(2)  # the judge is made anew within a second
        package_id = await city.send(authority, "by-ocsp")
        assert [verdict.overall for verdict in await city.verdicts(package_id)] == ["valid"]


async def test_what_the_node_signs_is_timestamped_afterwards(
    tmp_path: Path, database: Database, authority: Live
) -> None:
    authority.pair(tmp_path, "city")
    settings_of = {
        "signing.key_file": str(tmp_path / "own.key"),
        "signing.certificate_file": str(tmp_path / "own.pem"),
        "signing.tsa_url": authority.tsa(),
        "trust.fetch_timeout_s": 120.0,  # longer than anything is waited for here
    }
    authority.stamping.clear()  # an answer may take two minutes
    async with a_city(tmp_path, database, authority, **settings_of) as city:
        await city.policy("report", fail_closed=False)
        sent = await city.send(authority, "agency")
        document = await city.node.store.read(lambda c: queries.package(c, sent))
        assert document is not None
        said = await city.node.exchange.report(
            ReportWish(
                document_uid=DocumentUid(str(document.document_uid)),
                receiver_organ="H24.77",
                code=StatusCode.ACCEPTED,
                actor="van-thu",
                at=city.clock.now(),
            )
        )
        assert (await city.ready())["signature_checks_owed"]["timestamp"] == 1  # type: ignore[index]
        await city.becomes(sent, "valid")  # other evidence does not wait behind it

        authority.down = True
        authority.stamping.set()
        owed = await until(city.owed, lambda rows: any(kind == "tsa" and tries for kind, tries, _ in rows))
        assert ("tsa", 1, "Unusable: HTTP 503") in owed
        authority.down = False
        city.clock.ahead += A_RETRY
        await until(city.owed, lambda rows: not rows)

        def proven(found: tuple[Verdict, ...]) -> bool:
            return bool(found) and "proven_at" in found[-1].content

        last = json.loads((await until(lambda: city.verdicts(said.package_id), proven))[-1].content)
        (signature,) = last["signatures"]
        assert signature["proven_at"] == signature["judged_at"]
        assert {item["kind"] for item in signature["evidence"]} >= {"timestamp", "certificate"}
        leaf = "SELECT count(*) FROM leaf WHERE kind = 'time_proven'"
        assert await city.node.store.read(lambda c: c.exec_driver_sql(leaf).scalar_one()) == 1
        told = (await city.ready())["parts"]
        assert told["signing_key"]["ok"]  # type: ignore[index, call-overload]
