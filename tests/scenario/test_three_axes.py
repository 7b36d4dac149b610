"""Three axes: a city with two uplinks, a ministry's axis and the national one, each the same program.

The city reaches the ministry's organisations through the ministry's axis, and everybody else outside its own tree
through the national one, to which the ministry's axis is connected, too. What is told of a route is what happens.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from adapters.vxp.client import VxpClient
from axis.delivery.explain import DecidedBy, Explanation, explain
from axis.edxml.model import DocumentPackage, Package
from axis.edxml.reader import read
from axis.edxml.writer import to_bytes
from axis.errors import Code, PeerRefused
from axis.ops.access import open_access, router_of
from axis.ops.install import write_secret
from axis.serve import Node
from axis.settings import CONFIG_NAME, read_settings
from axis.store.registry import OrganRow
from axis.terms import PackageKind
from tests.cli.conftest import run_axis
from tests.exchange.harness import ORGANS, a_document, a_status
from tests.nodes import Above, Blueprint, client_of, lay_out, running, secret_of

MINISTRY = (OrganRow(code="G01", name="Bộ Một"), OrganRow(code="G01.5", name="Cục Năm", parent="G01"))
OTHERS = (OrganRow(code="G17", name="Bộ Mười Bảy"), OrganRow(code="G09", name="Bộ chưa kết nối"))
QUICK = {"exchange.poll_interval_s": 0.1, "exchange.ask_first_s": 0.2, "exchange.retry_delays_s": [1]}
SECOND = """
[[uplink]]
id = "bo"
endpoint = "{url}/vxp"
system_id = "H24"
secret_file = "{secret_file}"
prefixes = ["G01"]
"""


@dataclass
class Desk:
    """An agency's software: it sends, and takes what comes."""

    client: VxpClient
    documents: Counter[str]  # by DocumentId: how often each has come
    statuses: Counter[tuple[str | None, str, str]]  # DocumentId, code, who says so

    async def send(self, package: Package, kind: PackageKind = PackageKind.DOCUMENT) -> str:
        return await self.client.send_edoc(to_bytes(package), kind)

    async def look(self) -> None:
        """Take everything that waits."""
        for item in await self.client.poll():
            async with self.client.fetch(item) as pieces:
                package = read(b"".join([piece async for piece in pieces]))
            if isinstance(package, DocumentPackage):
                self.documents[package.header.document_id] += 1
            else:
                status = package.header
                self.statuses[status.response_for.document_id, status.status_code, status.sender.organ_id] += 1
            await self.client.confirm(item, ok=True)


@dataclass
class Axes:
    """The three, and who works at them."""

    city: Node
    ministry: Node
    national: Node
    desks: dict[str, Desk]

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Everybody looks for what has come, until something is so."""
        async with asyncio.timeout(60):
            while not await holds():
                for desk in self.desks.values():
                    await desk.look()
                await asyncio.sleep(0.05)

    async def settled(self) -> None:
        """Nothing is on its way any more."""

        async def quiet() -> bool:
            return not any([await rows(node, _OPEN) for node in (self.city, self.ministry, self.national)])

        await self.until(quiet)
        await asyncio.sleep(0.3)  # three looks of whoever polls
        await self.until(quiet)

    async def told(self, document: DocumentPackage, codes: str, by: str, at: str, to: str) -> None:
        """A receiver says something, and the first sender hears it, once each."""
        said = [(document.header.document_id, code, by) for code in codes.split()]
        for key in said:
            await self.desks[at].send(a_status(document, key[1], by), PackageKind.STATUS)

            async def heard(key: tuple[str, str, str] = key) -> bool:
                return self.desks[to].statuses[key] > 0

            await self.until(heard)
        assert [self.desks[to].statuses[key] for key in said] == [1] * len(said)


# G09 is registered at the national axis, and nobody has connected it yet.
_OPEN = """SELECT package_id FROM consignment
    WHERE state IN ('queued', 'handed_over', 'retrying') AND receiver_organ <> 'G09'"""

_ALL = "SELECT consignment_id FROM consignment ORDER BY consignment_id"


async def rows(node: Node, query: str, **values: object) -> list[tuple[Any, ...]]:
    found = await node.store.read(lambda c: c.execute(text(query), values).all())
    return [tuple(row) for row in found]


async def ways(node: Node, document: DocumentPackage) -> set[tuple[str, str, str | None]]:
    """How a node sent a document's package on: receiver, place, uplink."""
    query = (
        "SELECT c.receiver_organ, c.place, c.uplink_id FROM consignment c JOIN package p ON p.package_id = c.package_id"
        " WHERE p.document_id = :id AND p.kind = 'document'"
    )
    return set(await rows(node, query, id=document.header.document_id))  # type: ignore[arg-type]


async def has(node: Node, document: DocumentPackage) -> int:
    """How many documents a node made of one."""
    query = "SELECT document_uid FROM document WHERE document_id = :id"
    return len(await rows(node, query, id=document.header.document_id))


async def said(node: Node, sender: str, receiver: str) -> Explanation:
    """What a node says of a route."""
    async with open_access(node.settings) as access:
        return explain(router_of(access.settings), await access.directory(), sender, receiver)


@pytest.fixture
async def axes(tmp_path: Path) -> AsyncIterator[Axes]:
    async with AsyncExitStack() as stack:
        national = await stack.enter_async_context(
            running(await lay_out(tmp_path / "national", _plan("G00", "dms-bxd", "G17", role="national")))
        )
        above = Above(endpoint=f"{national.url}/vxp", system_id="G01")
        ministry = await stack.enter_async_context(
            running(await lay_out(tmp_path / "ministry", _plan("G01", "dms-cuc", "G01.5", above=above)))
        )
        above = Above(endpoint=f"{national.url}/vxp", system_id="H24")
        folder = tmp_path / "city"
        await lay_out(folder, Blueprint(above=above, more=QUICK, signatures="off"))
        write_secret(folder / "bo.secret", secret_of("H24"))
        config = folder / CONFIG_NAME
        config.write_text(config.read_text() + SECOND.format(url=ministry.url, secret_file=folder / "bo.secret"))
        city = await stack.enter_async_context(running(read_settings(config)))
        desks = {}
        for node, system_id in ((city, "dms-yte"), (city, "dms-xd"), (ministry, "dms-cuc"), (national, "dms-bxd")):
            desks[system_id] = Desk(await stack.enter_async_context(_client(node, system_id)), Counter(), Counter())
        yield Axes(city, ministry, national, desks)


@asynccontextmanager
async def _client(node: Node, system_id: str) -> AsyncIterator[VxpClient]:
    client = client_of(node.url, system_id)
    yield client
    await client.close()


def _plan(code: str, system_id: str, serves: str, *, role: str = "city", above: Above | None = None) -> Blueprint:
    systems = {"H24": ("H24",), system_id: (serves,)}
    if role == "national":
        systems["G01"] = ("G01",)
    organs = (*ORGANS, *MINISTRY, *(OTHERS if role == "national" else ()))
    # To the ministry's axis the city is an axis beside it; to the national one both are what it is there for.
    more = QUICK | ({} if role == "national" else {"node.neighbours": ["H24"]})
    return Blueprint(code=code, role=role, organs=organs, systems=systems, above=above, more=more, signatures="off")


async def documents_and_statuses_go_both_ways_through_each_axis(axes: Axes) -> None:
    desks = axes.desks
    for number, (receiver, at, decided, uplink) in enumerate(
        (("G01.5", "dms-cuc", DecidedBy.SETTING, "bo"), ("G17", "dms-bxd", DecidedBy.DEFAULT, "national")), start=1
    ):
        found = await said(axes.city, "H24.11", receiver)
        assert found.destination is not None
        assert (found.decided_by, found.destination.uplink_id) == (decided, uplink)
        up = a_document(receiver, number=f"{number}")
        await desks["dms-yte"].send(up)

        async def arrived(at: str = at, up: DocumentPackage = up) -> bool:
            return desks[at].documents[up.header.document_id] > 0

        await axes.until(arrived)
        assert await ways(axes.city, up) == {(receiver, "uplink", uplink)}
        await axes.told(up, "01 03 06", by=receiver, at=at, to="dms-yte")

        back = a_document("H24.11.3", sender=receiver, number=f"9{number}")
        there = axes.ministry if uplink == "bo" else axes.national
        found = await said(there, receiver, "H24.11.3")
        assert (found.decided_by, found.system_id) == (DecidedBy.ANCESTOR_SYSTEM, "H24")
        await desks[at].send(back)

        async def returned(back: DocumentPackage = back) -> bool:
            return desks["dms-yte"].documents[back.header.document_id] > 0

        await axes.until(returned)
        assert await ways(axes.city, back) == {("H24.11.3", "local", None)}
        await axes.told(back, "01 03 06", by="H24.11.3", at="dms-yte", to=at)
    await axes.settled()
    # What went through the ministry's axis, the national one has never seen.
    assert len(await rows(axes.national, "SELECT document_uid FROM document")) == 2
    assert not await rows(axes.city, "SELECT delivery_id FROM delivery WHERE place = 'elsewhere'")


async def what_both_axes_carry_comes_once_and_what_comes_back_is_no_document(axes: Axes) -> None:
    """Receivers at home, at the ministry and beyond: each axis gets the package, and each knows some of the others."""
    desks = axes.desks
    document = a_document("H24.15", "G01.5", "G17", number="21")
    await desks["dms-yte"].send(document)
    key = document.header.document_id

    async def arrived() -> bool:
        echoes = await rows(axes.city, "SELECT actor FROM audit WHERE kind = 'echo_acknowledged'")
        everybody = all(desks[at].documents[key] for at in ("dms-xd", "dms-cuc", "dms-bxd"))
        return everybody and [row[0] for row in echoes] == ["national"]

    await axes.until(arrived)
    await axes.settled()
    assert {name: desk.documents[key] for name, desk in desks.items()} == {
        "dms-yte": 0, "dms-xd": 1, "dms-cuc": 1, "dms-bxd": 1,
    }  # fmt: skip
    assert await ways(axes.city, document) == {
        ("H24.15", "local", None), ("G01.5", "uplink", "bo"), ("G17", "uplink", "national"),
    }  # fmt: skip
    assert [await has(node, document) for node in (axes.city, axes.ministry, axes.national)] == [1, 1, 1]
    for receiver, place in (("H24.15", "local"), ("G01.5", "uplink"), ("G17", "uplink")):
        found = await said(axes.city, "H24.11", receiver)
        assert found.destination is not None
        assert (found.destination.organ, found.destination.place.value) == (receiver, place)
    for by, at in (("H24.15", "dms-xd"), ("G01.5", "dms-cuc"), ("G17", "dms-bxd")):
        await axes.told(document, "01 03", by=by, at=at, to="dms-yte")


async def what_comes_down_never_goes_up_again(axes: Axes) -> None:
    """From beyond, for the city and the ministry: each gets it once, and neither carries it to the other."""
    desks = axes.desks
    document = a_document("H24.15", "G01.5", "G09", sender="G17", number="31")
    found = await said(axes.city, "G17", "G01.5")
    assert (found.decided_by, found.leads_somewhere) == (DecidedBy.ELSEWHERE, False)
    await desks["dms-bxd"].send(document)
    key = document.header.document_id

    async def arrived() -> bool:
        return all(desks[at].documents[key] for at in ("dms-xd", "dms-cuc"))

    await axes.until(arrived)
    await axes.settled()
    assert {name: desk.documents[key] for name, desk in desks.items() if desk.documents[key]} == {
        "dms-xd": 1, "dms-cuc": 1,
    }  # fmt: skip
    assert await ways(axes.city, document) == {("H24.15", "local", None)}
    # The ministry's axis would reach the city, too; but the national one does.
    assert await ways(axes.ministry, document) == {("G01.5", "local", None)}
    found = await said(axes.ministry, "G17", "H24.15")
    assert (found.decided_by, found.leads_somewhere) == (DecidedBy.ELSEWHERE, False)
    assert [await has(node, document) for node in (axes.city, axes.ministry, axes.national)] == [1, 1, 1]
    await axes.told(document, "01 03", by="H24.15", at="dms-xd", to="dms-bxd")
    await axes.told(document, "01 03", by="G01.5", at="dms-cuc", to="dms-bxd")


async def rules_decide_anew_and_the_own_tree_never_goes_up(axes: Axes, tmp_path: Path) -> None:
    config = tmp_path / "city" / CONFIG_NAME

    async def axis(*words: object) -> Any:
        return await asyncio.to_thread(run_axis, *words, "--config", config)

    desk = axes.desks["dms-yte"]
    before = await rows(axes.city, _ALL)
    for code in ("H24.999", "000.00.98.H24"):
        found = await said(axes.city, "H24.11", code)
        assert (found.decided_by, found.error) == (DecidedBy.UNKNOWN_IN_TREE, Code.UNKNOWN_RECEIVER)
        with pytest.raises(PeerRefused, match="unknown_receiver"):
            await desk.send(a_document("H24.15", code))
    assert "rule_inside_tree" in (await axis("route", "add", "H24.9", "--uplink", "bo")).err
    assert await rows(axes.city, _ALL) == before
    assert (await axis("route", "add", "G01.5", "--uplink", "national")).code == 0
    explained = (await axis("route", "explain", "H24.11", "G01.5", "--json")).json
    assert (explained["decided_by"], explained["uplink"]) == ("rule", "national")
    await asyncio.sleep(1.0)  # a running node follows within a second
    document = a_document("G01.5", number="41")
    await desk.send(document)

    async def arrived() -> bool:
        return axes.desks["dms-cuc"].documents[document.header.document_id] > 0

    await axes.until(arrived)
    assert await ways(axes.city, document) == {("G01.5", "uplink", "national")}
    await axes.told(document, "01 03", by="G01.5", at="dms-cuc", to="dms-yte")
    assert await has(axes.national, document) == 1


async def test_three_axes_play_together(axes: Axes, tmp_path: Path) -> None:
    await documents_and_statuses_go_both_ways_through_each_axis(axes)
    await what_both_axes_carry_comes_once_and_what_comes_back_is_no_document(axes)
    await what_comes_down_never_goes_up_again(axes)
    await rules_decide_anew_and_the_own_tree_never_goes_up(axes, tmp_path)
    await axes.settled()
    for node in (axes.city, axes.ministry, axes.national):
        assert not await rows(node, "SELECT * FROM consignment WHERE state IN ('dead', 'cancelled')")
        assert not await rows(node, "SELECT * FROM status_event WHERE effect = 'orphan'")
