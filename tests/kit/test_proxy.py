"""What stands before the test node: calls go through whole, are noted by their form, and go wrong where they should."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO

import aiohttp
import pytest
from aiohttp import web

from axis.kit.codes import Partner
from axis.kit.fronts import FRONTS
from axis.kit.proxy import Fault, FaultPlan, NotedCall, Proxy, needles
from tests.exchange.harness import HeldClock

ID = "01M87TD46S12ZYJHX64ZW9RQNV"


@dataclass
class Behind:
    """What the node saw, and what it answers."""

    answer: bytes = b"{}"
    seen: list[tuple[str, str, list[tuple[str, str]], bytes]] = field(default_factory=list)
    taken: dict[str, Partner] = field(default_factory=dict)
    clock: HeldClock = field(default_factory=HeldClock)
    proxy: Proxy | None = None
    url: str = ""

    @property
    def calls(self) -> tuple[NotedCall, ...]:
        assert self.proxy is not None
        return self.proxy.calls

    async def noted(self, calls: int) -> None:
        """Wait until so many calls have ended."""
        while len(self.calls) < calls:  # noqa: ASYNC110 - the proxy tells nobody
            await asyncio.sleep(0.02)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.seen.append((request.method, request.raw_path, list(request.headers.items()), body))
        return web.Response(body=self.answer, headers={"X-Answer": "yes"}, status=201)


@asynccontextmanager
async def standing(front: str = "api", late_s: float = 0.0) -> AsyncIterator[Behind]:
    behind = Behind()
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", behind.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()

    async def taken() -> Mapping[str, Partner]:
        return behind.taken

    plan = FaultPlan(busy_s=15, retry_after_s=5, late_s=late_s)
    behind.proxy = Proxy(runner.addresses[0][1], FRONTS[front], plan, behind.clock, taken)
    port = await behind.proxy.start("127.0.0.1", 0)
    behind.url = f"http://127.0.0.1:{port}"
    try:
        yield behind
    finally:
        await behind.proxy.close()
        await runner.cleanup()


async def test_a_call_goes_through_whole_and_only_its_form_is_noted() -> None:
    body = b"nguyen van a " * 200_000  # longer than what is looked through
    async with standing() as behind, aiohttp.ClientSession() as http:
        behind.answer = b"secret answer"
        headers = [("X-Twice", "1"), ("X-Twice", "2"), ("Authorization", "Bearer hidden")]
        url = f"{behind.url}/api/v1/packages/{ID}/x%2Fy?q=a%20b"
        async with http.post(url, data=BytesIO(body), headers=headers, expect100=True) as answer:
            assert (answer.status, answer.headers["X-Answer"], await answer.read()) == (201, "yes", b"secret answer")
        method, path, seen, got = behind.seen[0]
        assert (method, path, got) == ("POST", f"/api/v1/packages/{ID}/x%2Fy?q=a%20b", body)
        assert [value for name, value in seen if name == "X-Twice"] == ["1", "2"]
        assert "Expect" not in dict(seen)  # it was met by the proxy: another wait for the node's word could only fail
        noted = behind.calls[0]
        assert (noted.operation, noted.status, noted.request_bytes, noted.answer_bytes) == (
            "POST /packages/{id}/x/y", 201, len(body), len(b"secret answer"),
        )  # fmt: skip
        for hidden in ("hidden", "nguyen", "secret", "q=a", ID):
            assert hidden not in repr(noted)


@pytest.mark.parametrize("host", ["evil.invalid", "evil.invalid:80", "[::1]:9"])
async def test_whatever_host_a_caller_names_the_node_is_asked(host: str) -> None:
    async with standing() as behind, aiohttp.ClientSession() as http:
        async with http.get(f"{behind.url}/api/v1/organs", headers={"Host": host}) as answer:
            assert answer.status == 201
        async with http.get(f"{behind.url}//evil.invalid/x") as answer:
            assert answer.status == 201
        assert [path for _, path, _, _ in behind.seen] == ["/api/v1/organs", "//evil.invalid/x"]


async def test_while_it_is_busy_a_package_for_that_partner_is_refused_and_no_other() -> None:
    async with standing() as behind, aiohttp.ClientSession() as http:
        url = f"{behind.url}/api/v1/packages"
        async with http.post(url, data=b"<To>K99.OK</To>") as answer:
            assert answer.status == 201
        for text in (b"<To>K99.BUSY</To>", base64.b64encode(b"<<To>K99.BUSY</To>")):
            async with http.post(url, data=text) as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        async with http.get(f"{behind.url}/api/v1/organs/K99.BUSY") as answer:
            assert answer.status == 201
        behind.clock.advance(seconds=16)
        async with http.post(url, data=b"<To>K99.BUSY</To>") as answer:
            assert answer.status == 201
        assert [one.fault for one in behind.calls] == [None, Fault.BUSY, Fault.BUSY, None, None]
        assert len(behind.seen) == 3


@pytest.mark.parametrize("before", range(7))
def test_a_code_is_found_inside_base64_wherever_it_begins(before: int) -> None:
    text = base64.b64encode(b"x" * before + b"K99.BUSY" + b"</To>")
    assert any(needle in text for needle in needles("K99.BUSY"))
    other = base64.b64encode(b"x" * before + b"K99.BEST" + b"</To>")
    assert not any(needle in other for needle in needles("K99.BUSY"))


async def test_an_answer_is_lost_once_for_a_package_and_three_times_at_most() -> None:
    async with standing() as behind, aiohttp.ClientSession() as http:
        ids = [ID[:-1] + letter for letter in "ABCD"]
        behind.taken = dict.fromkeys(ids, Partner.LOST)
        outcomes = []
        for package_id in (ids[0], *ids):
            behind.answer = f'{{"package_id": "{package_id}"}}'.encode()
            try:
                async with http.post(f"{behind.url}/api/v1/packages", data=b"x") as answer:
                    outcomes.append(answer.status)
            except aiohttp.ClientError:
                outcomes.append(0)
        assert outcomes == [0, 201, 0, 0, 201]
        cut = [one for one in behind.calls if one.fault is Fault.CUT]
        assert [(one.package_id, one.status, one.delivered) for one in cut] == [
            (one, None, False) for one in (ids[0], ids[1], ids[2])
        ]
        assert len(behind.seen) == 5  # the node took every one of them


async def test_a_late_answer_notes_whether_anybody_still_listened() -> None:
    async with standing(late_s=0.5) as behind, aiohttp.ClientSession() as http:
        url, first, second = f"{behind.url}/api/v1/packages", ID[:-1] + "A", ID[:-1] + "B"
        behind.taken = dict.fromkeys((first, second), Partner.LATE)
        behind.answer = first.encode()
        async with http.post(url, data=b"x") as answer:
            assert await answer.read() == first.encode()
        behind.answer = second.encode()
        with pytest.raises(asyncio.TimeoutError):
            await http.post(url, data=b"x", timeout=aiohttp.ClientTimeout(total=0.1))
        await behind.noted(2)
        assert [(one.fault, one.delivered) for one in behind.calls] == [(Fault.LATE, True), (Fault.LATE, False)]


async def test_a_caller_that_breaks_off_its_upload_is_noted_and_nothing_hangs() -> None:
    async with standing() as behind:
        host, port = behind.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /api/v1/packages HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhalf")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.transport.abort()
        await behind.noted(1)
        assert (behind.calls[0].status, behind.calls[0].delivered) == (None, False)
        assert not behind.seen
        del reader


async def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        async def none() -> Mapping[str, Partner]:
            return {}

        proxy = Proxy(1, FRONTS["vxp"], FaultPlan(), HeldClock(), none)
        with pytest.raises(OSError, match="address already in use"):
            await proxy.start("127.0.0.1", taken.getsockname()[1])
        await proxy.close()
