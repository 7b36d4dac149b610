"""Over WebDAV: TLS, accounts, broken lines, full disks, and servers whose listings lie."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import adapters.webdav
from adapters.base import PeerParts, make_peer
from adapters.checking import Fault, Step, Trouble, check_partner
from adapters.filing.place import EntryKind, Gone, Spot, read_bytes, write_bytes
from adapters.webdav.server import WebdavPlace
from adapters.webdav.wire import ListingReader
from axis.clock import SystemClock
from axis.delivery.partner import Partner
from axis.errors import Malformed
from tests.exchange.harness import Node, a_document, a_file, make_node
from tests.filing.city import FilingCity, seen
from tests.filing.places import PASSWORD, USER, Webdav, webdav_server
from tests.mail.servers import Certificate, make_certificate

PARTS = PeerParts(clock=SystemClock())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "share"
    folder.mkdir()
    return folder


@pytest.fixture
async def server(root: Path) -> AsyncIterator[Webdav]:
    async with webdav_server(root) as running:
        yield running


@pytest.fixture
async def place(server: Webdav) -> AsyncIterator[WebdavPlace]:
    opened = WebdavPlace(server.at())
    for folder in ("to-dms", "from-dms", "axis-sent"):
        await opened.make(folder)
    yield opened
    await opened.close()


def everything(root: Path) -> list[Path]:
    """What lies below a folder."""
    return list(root.rglob("*"))


def partner(url: str, password: str = PASSWORD, **options: object) -> Partner:
    chosen = {"url": url, "user": USER, "plain_http": "true", **options}
    return Partner(partner_id="so-xd", adapter="webdav", options=chosen, secrets={"password": password})


async def fault(who: Partner) -> tuple[Step, Fault | None]:
    found = (await check_partner(adapters.webdav, who, PARTS)).found[-1]
    return found.step, found.fault


async def test_a_server_that_lets_us_in_is_well(server: Webdav, root: Path) -> None:
    findings = await check_partner(adapters.webdav, partner(server.url), PARTS)
    assert findings.good, findings.found
    assert findings.found[-1].step is Step.WRITE
    assert len(everything(root)) == 6  # the folders


async def test_a_wrong_password_and_a_missing_folder(server: Webdav, root: Path) -> None:
    assert await fault(partner(server.url, "sai")) == (Step.FOLDERS, Fault.LOGIN_REFUSED)
    assert await fault(partner(f"{server.url}/qlvb")) == (Step.FOLDERS, Fault.FOLDER_MISSING)
    assert everything(root) == []


@pytest.fixture
def certificates(tmp_path: Path) -> tuple[Certificate, Certificate]:
    """Of the server's own address, and of another name."""
    (tmp_path / "other").mkdir()
    return make_certificate(tmp_path), make_certificate(tmp_path / "other", "files.invalid")


async def test_tls_of_another_name_of_nobody_and_of_ones_own_authority(
    root: Path, certificates: tuple[Certificate, Certificate]
) -> None:
    ours, other = certificates
    async with webdav_server(root, ours.pem) as server:
        assert await fault(partner(server.url)) == (Step.TLS, Fault.TLS_UNTRUSTED)
        findings = await check_partner(adapters.webdav, partner(server.url, ca_file=str(ours.ca)), PARTS)
        assert findings.good, findings.found
        untrusting = WebdavPlace(server.at())
        with pytest.raises(Trouble) as caught:
            await untrusting.make("to-dms")
        assert caught.value.fault is Fault.TLS_UNTRUSTED
        await untrusting.close()
    async with webdav_server(root, other.pem) as server:
        assert await fault(partner(server.url, ca_file=str(other.ca))) == (Step.TLS, Fault.TLS_NAME)
        misnamed = WebdavPlace(server.at(ca_file=str(other.ca)))
        with pytest.raises(Trouble) as caught:
            await misnamed.make("to-dms")
        assert caught.value.fault is Fault.TLS_NAME
        await misnamed.close()


def test_without_tls_only_if_it_is_said() -> None:
    with pytest.raises(Malformed, match="use https"):
        make_peer(partner("http://127.0.0.1:1/dav", plain_http="false"), PARTS)
    for url in ("ftp://x/", "https://user:secret@x/", "https://x/?a", "x"):
        with pytest.raises(Malformed) as caught:
            make_peer(partner(url), PARTS)
        assert "secret" not in str(caught.value).replace("--secret-file", "")


async def test_a_large_file_goes_and_comes_whole_and_from_its_middle(server: Webdav, place: WebdavPlace) -> None:
    content = os.urandom(3_000_001)
    spot = Spot("to-dms", "lớn & nhỏ #1 100%.bin")
    await write_bytes(place, spot, content)
    assert await read_bytes(place, spot, 1 << 30) == content
    for no_ranges in (False, True):
        server.no_ranges = no_ranges
        assert await read_bytes(place, spot, 1 << 30, start=2_999_999) == content[2_999_999:]
    (entry,) = await place.entries("to-dms")
    assert (entry.name, entry.size_bytes, entry.kind) == (spot.name, len(content), EntryKind.FILE)
    assert await place.move(spot, Spot("from-dms", "đã đọc.bin"))
    assert not await place.move(spot, Spot("from-dms", "x"))
    assert await place.remove(Spot("from-dms", "đã đọc.bin"))
    assert not await place.remove(Spot("from-dms", "đã đọc.bin"))
    with pytest.raises(Gone):
        async with place.read(spot):
            pass


async def test_a_line_that_breaks_in_the_middle_of_a_write_shows_nothing(
    server: Webdav, place: WebdavPlace, root: Path
) -> None:
    server.cut_after = 500_000
    with pytest.raises(Trouble) as caught:
        await write_bytes(place, Spot("to-dms", "a.edxml"), os.urandom(8_000_000))
    assert caught.value.retry == "later"
    assert seen(root) == []
    await write_bytes(place, Spot("to-dms", "a.edxml"), b"whole")
    assert (root / "to-dms" / "a.edxml").read_bytes() == b"whole"


@pytest.mark.parametrize(
    ("status", "what"),
    [
        ("507 Insufficient Storage", Fault.NO_SPACE),
        ("403 Forbidden", Fault.NOT_WRITABLE),
        ("423 Locked", Fault.OTHER),
        ("302 Found", Fault.OTHER),
        ("500 Internal Server Error", Fault.OTHER),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "MOVE"])
async def test_a_refused_write_leaves_nothing_and_is_tried_again(
    server: Webdav, place: WebdavPlace, *, root: Path, status: str, what: Fault, method: str
) -> None:
    server.refuse[method] = status
    with pytest.raises(Trouble) as caught:
        await write_bytes(place, Spot("to-dms", "a.edxml"), b"x" * 1000)
    assert (caught.value.fault, caught.value.retry) == (what, "later")
    assert seen(root, unfinished=True) == []
    server.refuse.clear()
    await write_bytes(place, Spot("to-dms", "a.edxml"), b"x")


# ── Listings ───────────────────────────────────────────────────────────────────────────────────────────────────────


def response(href: str, prop: str = "<D:getcontentlength>5</D:getcontentlength><D:resourcetype/>") -> str:
    status = "<D:status>HTTP/1.1 200 OK</D:status>"
    return f"<D:response><D:href>{href}</D:href><D:propstat><D:prop>{prop}</D:prop>{status}</D:propstat></D:response>"


def listed(*responses: str, head: str = "") -> ListingReader:
    reader = ListingReader("/dav/from-dms/")
    reader.feed(f'{head}<D:multistatus xmlns:D="DAV:">{"".join(responses)}</D:multistatus>'.encode())
    reader.close()
    return reader


def test_a_listing_is_read_whatever_the_form_of_its_addresses() -> None:
    folder = "<D:resourcetype><D:collection/></D:resourcetype>"
    reader = listed(
        response("https://other.invalid/dav/from-dms/", folder),
        response("/dav/from-dms/c%C3%B4ng%20v%C4%83n.edxml"),
        response("/dav/from-dms/sub/", folder),
    )
    assert [(one.name, one.kind.value, one.size_bytes) for one in reader.entries] == [
        ("công văn.edxml", "file", 5),
        ("sub", "folder", 0),
    ]
    assert reader.itself is not None
    assert reader.itself.kind is EntryKind.FOLDER


@pytest.mark.parametrize(
    "href",
    [
        "/dav/other/a.edxml",
        "/dav/from-dms/../../etc/passwd",
        "/dav/from-dms/sub/a.edxml",
        "/dav/from-dms/a%2Fb",
        "a.edxml",
        "",
    ],
)
def test_an_address_elsewhere_is_not_looked_at(href: str) -> None:
    assert listed(response(href)).entries == []


def test_odd_values_are_no_harm() -> None:
    long = "<D:getcontentlength>" + "9" * 400 + "</D:getcontentlength><D:getlastmodified>soon</D:getlastmodified>"
    (entry,) = listed(response("/dav/from-dms/a", long)).entries
    assert (entry.size_bytes, entry.modified_at.year) == (0, 1970)
    gone = response("/dav/from-dms/a").replace("200 OK", "404 Not Found")
    assert listed(gone).entries == []


BOMB = '<!DOCTYPE D [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE D [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"not xml", b"<html></html>", b'<D:multistatus xmlns:D="DAV:">', b"<x>" * 200, b"\xff\xfe\x00",
        (BOMB + '<D:multistatus xmlns:D="DAV:">&b;</D:multistatus>').encode(),
        (OUTSIDE + '<D:multistatus xmlns:D="DAV:">&a;</D:multistatus>').encode(),
    ],
)  # fmt: skip
async def test_a_listing_that_is_none_is_told_and_nothing_is_resolved(
    server: Webdav, place: WebdavPlace, raw: bytes
) -> None:
    server.answer = raw
    with pytest.raises(Trouble) as caught:
        await place.entries("from-dms")
    assert "root:" not in str(caught.value)


@pytest.mark.parametrize("head", [BOMB, OUTSIDE, "<!DOCTYPE D []>"])
def test_a_dtd_is_refused_whatever_follows(head: str) -> None:
    with pytest.raises(Trouble, match="DTD"):
        listed(response("/dav/from-dms/a"), head=head)


async def test_a_listing_without_end_has_one(
    server: Webdav, place: WebdavPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.webdav.server._MOST_LISTING_BYTES", 100_000)
    server.answer = b'<D:multistatus xmlns:D="DAV:">' + b"<x/>" * 200_000
    with pytest.raises(Trouble, match="more than 100000 bytes"):
        await place.entries("from-dms")


async def test_a_package_goes_once_over_a_line_that_breaks(
    server: Webdav, root: Path, store: object, tmp_path: Path
) -> None:
    from adapters.filing.options import FilingOptions  # noqa: PLC0415 - here alone

    node: Node = await make_node(store, tmp_path)  # type: ignore[arg-type]
    city = FilingCity(node, root, lambda: WebdavPlace(server.at()), FilingOptions())
    await city.connect()
    try:
        server.cut_after = 100_000
        accepted = await node.send("dms-yte", a_document("H24.15", files=(a_file(os.urandom(2_000_000)),)))
        await city.push()
        assert await node.states(accepted) == {"H24.15": "retrying"}
        assert city.dms.told() == []
        await city.later(seconds=31)
        assert await node.states(accepted) == {"H24.15": "handed_over"}
        (told,) = city.dms.told()
        assert len(city.dms.read(told["package"])) == told["size_bytes"]
    finally:
        await city.peer.close()
