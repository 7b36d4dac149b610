"""What would have differed from an older axis, by a copy of its traffic."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from axis.edxml.model import Package
from axis.edxml.writer import to_bytes
from axis.errors import AxisError, Code
from axis.kit.mirror import WORDS, Difference, Parity, What, compare, read_traffic
from axis.serve import start_node
from axis.settings import Settings
from tests.exchange.harness import a_document, a_status, an_act
from tests.nodes import Above, Blueprint, client_of, lay_out, running

MORNING = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
UPLINK = Above(endpoint="http://127.0.0.1:9/vxp", system_id="H24")


class Tap:
    """Copies what an axis did into a folder, as a proxy or a script beside it would."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._lines: list[str] = []

    def sent(self, by: str, package: Package | bytes, *, accepted: bool = True) -> str:
        return self._line(package, event="sent", by=by, accepted=accepted)

    def delivered(self, to: str, package: Package | bytes) -> str:
        return self._line(package, event="delivered", to=to)

    def _line(self, package: Package | bytes, **said: object) -> str:
        number = len(self._lines) + 1
        name = f"{number:04}.edxml"
        content = package if isinstance(package, bytes) else to_bytes(package)
        (self.folder / name).write_bytes(content)
        at = MORNING + timedelta(minutes=number)
        self.write({"at": at.isoformat(), "file": name, **said})
        return name

    def write(self, line: dict[str, Any]) -> None:
        self._lines.append(json.dumps(line))
        (self.folder / "traffic.jsonl").write_text("\n".join(self._lines) + "\n")


@pytest.fixture
def tap(tmp_path: Path) -> Tap:
    return Tap(tmp_path / "traffic")


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """Of a node for comparing only, with the city's registry."""
    return await lay_out(tmp_path / "mirror", Blueprint(above=UPLINK))


def found(parity: Parity) -> list[tuple[str, str, str]]:
    return [(one.what.value, one.file, one.party) for one in parity.differences]


async def test_an_axis_that_did_as_we_do_is_like_us(settings: Settings, tap: Tap) -> None:
    document = a_document("H24.15", "H24.88", "G12.5")
    tap.sent("dms-yte", document)
    for receiver in ("H24.15", "000.00.88.H24", "G12.5"):  # codes in either form
        tap.delivered(receiver, document)
    status = a_status(document, "01", "H24.15")
    tap.sent("dms-xd", status)
    tap.delivered("H24.11", status)
    recall = an_act(document, "1", "H24.15")
    tap.sent("dms-yte", recall)
    tap.delivered("H24.15", recall)
    tap.sent("dms-yte", a_document("H24.15", sender="H24.15", number="5"), accepted=False)  # of another organisation
    parity = await compare(settings, tap.folder)
    assert parity == Parity(sent=4, delivered=5, differences=())
    assert parity.percent == 100.0


async def test_each_thing_that_would_have_differed_is_found(settings: Settings, tap: Tap) -> None:
    foreign = tap.sent("dms-yte", a_document("H24.15", sender="H24.15", number="1"))
    refused = tap.sent("dms-yte", a_document("H24.15", number="2"), accepted=False)
    both = a_document("H24.15", "H24.88", number="3")
    sent = tap.sent("dms-yte", both)
    tap.delivered("H24.15", both)
    extra = tap.delivered("H24.77", both)
    rewritten = tap.delivered("H24.15", to_bytes(both).replace(b"?>", b"?>\n", 1))
    nobody = tap.delivered("H24.15", a_document("H24.15", number="4"))
    for code in ("06", "02"):  # done, then refused
        odd = tap.sent("dms-xd", a_status(both, code, "H24.15"))
        tap.delivered("H24.11", a_status(both, code, "H24.15"))
    broken = tap.delivered("H24.15", b"<edXML")
    parity = await compare(settings, tap.folder)
    assert found(parity) == [
        ("we_refuse", foreign, "dms-yte"),
        ("we_accept", refused, "dms-yte"),
        ("only_here", sent, "H24.88"),
        ("only_there", extra, "H24.77"),
        ("bytes_changed", rewritten, "H24.15"),
        ("not_sent", nobody, "H24.15"),
        ("status_odd", odd, "dms-xd"),
        ("not_sent", broken, "H24.15"),
    ]
    assert parity.differences[0].detail.startswith("foreign_sender")
    assert parity.percent == 33.3
    assert {one.what for one in parity.differences} == set(What) == set(WORDS)


async def test_what_comes_from_another_axis_is_handed_in_as_from_there(settings: Settings, tap: Tap) -> None:
    document = a_document("H24.15", "G12.5", sender="G05", document_id="G05,2026/11/24,7/BNV")
    tap.sent("national", document)
    tap.delivered("H24.15", document)  # the other receiver has its copy from there
    assert (await compare(settings, tap.folder)).differences == ()


async def test_a_copy_that_grows_is_compared_again(settings: Settings, tap: Tap) -> None:
    document = a_document("H24.15")
    tap.sent("dms-yte", document)
    first = await compare(settings, tap.folder)
    assert [one.what for one in first.differences] == [What.ONLY_HERE]
    tap.delivered("H24.15", document)
    for _ in range(2):
        assert await compare(settings, tap.folder) == Parity(sent=1, delivered=1, differences=())


async def test_nothing_leaves_a_mirror_and_no_node_serves_it(settings: Settings, tap: Tap) -> None:
    tap.sent("dms-yte", a_document("G12.5"))  # would go up to the national axis
    await compare(settings, tap.folder)
    with pytest.raises(AxisError) as raised:
        await start_node(settings)
    assert raised.value.code is Code.MIRROR_DATA


async def test_the_data_of_a_real_node_is_never_used(settings: Settings, tap: Tap) -> None:
    async with running(settings) as node:
        client = client_of(node.url, "dms-yte")
        await client.send_edoc(to_bytes(a_document("H24.15")))
        await client.close()
    tap.sent("dms-yte", a_document("H24.15", number="9"))
    with pytest.raises(AxisError) as raised:
        await compare(settings, tap.folder)
    assert raised.value.code is Code.MIRROR_LIVE
    async with running(settings):
        pass  # it goes on as before


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"at": "2026-11-24T08:00:00+07:00", "event": "eaten", "file": "a.edxml", "by": "x"},
        {"at": "yesterday", "event": "sent", "file": "a.edxml", "by": "x"},
        {"at": "2026-11-24T08:00:00", "event": "sent", "file": "a.edxml", "by": "x"},
        {"at": "2026-11-24T08:00:00+07:00", "event": "sent", "file": "a.edxml", "to": "x"},
        {"at": "2026-11-24T08:00:00+07:00", "event": "sent", "file": "../secret", "by": "x"},
        {"at": "2026-11-24T08:00:00+07:00", "event": "sent", "file": "missing", "by": "x"},
        {"at": "2026-11-24T08:00:00+07:00", "event": "sent", "file": "link", "by": "x"},
        {"at": "2026-11-24T08:00:00+07:00", "event": "sent", "file": 7, "by": "x"},
        {"at": "2026-11-24T08:00:00+07:00", "event": "sent", "file": "a.edxml", "by": "x" * 70_000},
    ],
)
def test_a_line_that_says_nothing_usable_is_named(tap: Tap, line: dict[str, Any]) -> None:
    (tap.folder / "a.edxml").write_bytes(b"<edXML/>")
    (tap.folder.parent / "secret").write_bytes(b"secret")
    (tap.folder / "link").symlink_to(tap.folder.parent / "secret")
    tap.write(line)
    with pytest.raises(AxisError) as raised:
        list(read_traffic(tap.folder))
    assert raised.value.code is Code.BAD_FILE
    assert raised.value.at.startswith("line 1")


def test_a_folder_without_traffic_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(AxisError, match="traffic"):
        list(read_traffic(tmp_path))


def test_parity_is_never_rounded_up() -> None:
    one = Difference(what=What.WE_REFUSE, line=1, file="a", party="x")
    parity = Parity(sent=3_000, delivered=0, differences=(one, one))
    assert parity.percent == 99.9
    assert parity.counts == Counter({What.WE_REFUSE: 2})
    assert Parity(sent=0, delivered=0, differences=()).percent == 100.0
