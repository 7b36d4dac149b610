"""Evidence is fetched over real HTTP, within bounds, and only from where a stranger may lead us."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from axis.exchange.checking import need_id
from axis.ops.fetching import Asking, FetchBounds, Fetching, Unusable
from axis.ops.outward import PublicResolver, is_public
from axis.store import queries
from axis.store.hot import Hot
from axis.store.records import CertificateRow, NeedRow, Revocation
from axis.store.store import Store
from axis.trust.paths import Judge
from tests.exchange.harness import HeldClock
from tests.trust import pki

ROOM = FetchBounds(timeout_s=5, answer_bytes=1 << 20, private_addresses=True)


@dataclass
class Authority:
    """A CA's web server."""

    server: TestServer
    asked: list[bytes] = field(default_factory=list)
    visits: int = 0
    crl: bytes = field(default_factory=lambda: pki.crl("interm"))

    def url(self, path: str) -> str:
        return str(self.server.make_url(path))


class OneJudge:
    """A judge that stands still."""

    current: Judge = pki.judge()


@pytest.fixture
async def authority() -> AsyncIterator[Authority]:
    async def ocsp(request: web.Request) -> web.Response:
        made.asked.append(await request.read())
        return web.Response(body=pki.ocsp("agency"))

    def always(answer: Callable[[], web.Response]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(_: web.Request) -> web.Response:
            return answer()

        return handle

    @web.middleware
    async def count(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        made.visits += 1
        return await handler(request)

    app = web.Application(middlewares=[count])
    app.router.add_get("/interm.crl", always(lambda: web.Response(body=made.crl)))
    app.router.add_get("/html", always(lambda: web.Response(text="<html>bảo trì</html>")))
    app.router.add_get("/huge", always(lambda: web.Response(body=b"x" * (2 << 20))))
    app.router.add_get("/down", always(lambda: web.Response(status=503)))
    app.router.add_get("/moved", always(lambda: web.Response(status=302, headers={"Location": "/interm.crl"})))
    app.router.add_get("/issuer", always(lambda: web.Response(body=pki.certificate("interm").der)))
    app.router.add_post("/ocsp", ocsp)
    server = TestServer(app)
    await server.start_server()
    made = Authority(server)
    yield made
    await server.close()


def a_need(url: str, kind: str = "crl", **about: str) -> NeedRow:
    at = pki.NOW
    certificate = about.get("certificate_sha256", "")
    return NeedRow(
        need_id=need_id(kind, url, certificate),
        kind=kind,
        url=url,
        certificate_sha256=certificate,
        issuer_sha256=about.get("issuer_sha256", ""),
        first_at=at,
        due_at=at,
    )


async def fetch(store: Store, need: NeedRow, bounds: FetchBounds = ROOM) -> tuple[Revocation, ...]:
    """Ask for one thing, let the job do a round, and give what is kept then."""
    await store.write(lambda c: queries.note_needs(c, [need]))
    job = Fetching(store, HeldClock(), OneJudge(), bounds)
    connector = aiohttp.TCPConnector(resolver=PublicResolver(private_addresses=bounds.private_addresses))
    async with aiohttp.ClientSession(connector=connector) as session:
        assert await job.work(session)
    return await store.read(queries.current_revocation)


async def owed(store: Store) -> list[tuple[int, str | None]]:
    """Tries and last errors of what is still needed."""
    rows = await store.read(lambda c: c.exec_driver_sql("SELECT attempts, last_error FROM need").all())
    return [(row[0], row[1]) for row in rows]


async def test_a_crl_is_fetched_and_kept_with_its_times(store: Store, authority: Authority) -> None:
    (kept,) = await fetch(store, a_need(authority.url("/interm.crl")))
    assert (kept.kind, kept.url) == ("crl", authority.url("/interm.crl"))
    assert kept.this_update is not None
    assert kept.next_update is not None
    assert await store.blobs.read_bytes(kept.sha256_hex) == pki.crl("interm")
    assert await owed(store) == []


async def test_an_ocsp_responder_is_asked_about_the_very_certificate(store: Store, authority: Authority) -> None:
    leaf, issuer = pki.certificate("agency"), pki.certificate("interm")
    row = CertificateRow(
        sha256_hex=leaf.sha256,
        content=leaf.der,
        subject="",
        issuer="",
        serial_hex="",
        organ_code="",
        kind="agency",
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        first_seen_at=pki.NOW,
    )
    await store.submit(Hot(inserts=(row,)))
    need = a_need(authority.url("/ocsp"), "ocsp", certificate_sha256=leaf.sha256, issuer_sha256=issuer.sha256)
    (kept,) = await fetch(store, need)
    assert kept.certificate_sha256 == leaf.sha256
    (request,) = authority.asked
    assert leaf.crypto.serial_number.to_bytes(20, "big").lstrip(b"\0") in request


async def test_a_missing_issuer_is_fetched(store: Store, authority: Authority) -> None:
    (kept,) = await fetch(store, a_need(authority.url("/issuer"), "issuer"))
    assert b"BEGIN CERTIFICATE" in await store.blobs.read_bytes(kept.sha256_hex)


@pytest.mark.parametrize("path", ["/html", "/huge", "/down", "/moved", "/nowhere"])
async def test_what_is_no_evidence_is_not_kept_and_asked_for_again_later(
    store: Store, authority: Authority, path: str
) -> None:
    assert await fetch(store, a_need(authority.url(path))) == ()
    ((attempts, error),) = await owed(store)
    assert attempts == 1
    assert error


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://ca.vn/x.crl", "http://", "gopher://x"])
async def test_only_the_web_is_asked(store: Store, url: str) -> None:
    assert await fetch(store, a_need(url)) == ()
    assert (await owed(store))[0][0] == 1


async def test_a_private_address_is_not_asked_by_number_or_by_name(store: Store, authority: Authority) -> None:
    bounds = FetchBounds(timeout_s=5)
    port = authority.server.port
    for host in ("127.0.0.1", "localhost", "[::1]", "169.254.169.254"):
        need = a_need(f"http://{host}:{port}/ocsp-{host}")
        assert await fetch(store, need, bounds) == ()
    assert authority.visits == 0
    assert [attempts for attempts, _ in await owed(store)] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("8.8.8.8", True),
        ("10.0.0.1", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("ca.vn", False),
        ("2606:4700::1111", True),
        ("2001:0:808:808::1", False),  # Teredo
        ("fec0::1", False),  # a site of old
        ("ff0e::1", False),
        ("224.0.0.1", False),
        ("100.64.0.1", False),
        ("64:ff9b::808:808", True),  # by NAT64 to 8.8.8.8
        ("64:ff9b:1::7f00:1", False),  # a NAT64 of one's own leads anywhere
        ("::7f00:1", False),
        ("::ffff:0:7f00:1", False),
        ("::ffff:127.0.0.1", False),
        ("2002:808:808::1", True),  # 6to4 to 8.8.8.8
        ("2002:a00:1::1", False),
    ],
)
def test_which_addresses_are_public(host: str, public: bool) -> None:
    assert is_public(host) is public


async def test_a_newer_crl_takes_the_place_of_the_older_which_stays_for_old_verdicts(
    store: Store, authority: Authority
) -> None:
    (first,) = await fetch(store, a_need(authority.url("/interm.crl")))
    authority.crl = pki.crl("interm", pki.NOW + pki.days(8))
    (current,) = await fetch(store, a_need(authority.url("/interm.crl")))
    assert current.sha256_hex != first.sha256_hex
    assert await store.blobs.read_bytes(first.sha256_hex) == pki.crl("interm")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "①②⑦.0.0.1", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "[2002:a00:1::]", "[fe80::1]"]
)
async def test_an_address_inside_is_not_asked_however_it_is_written(host: str) -> None:
    asking = Asking(FetchBounds(timeout_s=5))
    async with asking.session() as session:
        with pytest.raises(Unusable, match="private"):
            await asking.ask(session, f"http://{host}/crl")
