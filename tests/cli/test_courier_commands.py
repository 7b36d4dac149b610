"""`axis courier`, as an administrator at the node and a clerk far away use it."""

import asyncio
import json
import stat
from pathlib import Path

import pytest

from axis.edxml.model import Package
from axis.edxml.writer import to_bytes
from axis.exchange.values import Source
from axis.ids import SystemId
from axis.serve import working
from axis.settings import read_settings
from axis.terms import Origin
from tests.cli.conftest import Home, Ran, run_inside
from tests.exchange.harness import a_document

WARD, SENDER = "ward", "sender"


@pytest.fixture
def city(home: Home) -> Home:
    """A node with a sender and a ward that no line reaches."""
    for system_id, code in ((WARD, "H24.41"), (SENDER, "H24.7")):
        ran = home.axis("system", "add", system_id, "--serves", code)
        assert ran.code == 0, ran.err
    return home


def send(home: Home, package: Package) -> str:
    """A package comes in over the line."""

    async def accept() -> str:
        async with working(read_settings(home.config)) as works, works.store.spool(limit_bytes=1 << 30) as spool:
            await spool.write(to_bytes(package))
            source = Source(system_id=SystemId(SENDER), origin=Origin.LOCAL)
            return (await works.exchange.accept(source, await spool.finish())).package_id

    return asyncio.run(accept())


def good(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err
    return ran


def test_a_whole_round(city: Home, tmp_path: Path) -> None:
    key, there, back, folder = (tmp_path / name for name in ("ward.key", "there.axis", "back.axis", "laid"))
    good(city.axis("courier", "keys", WARD, "--out", key))
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    package_id = send(city, a_document("H24.41", sender="H24.7"))
    packed = good(city.axis("courier", "pack", WARD, "--out", there, "--json")).json
    assert (packed["sequence"], packed["packages"]) == (1, 1)

    opened = good(run_inside("courier", "open", there, "--out", folder, "--key", key))
    assert package_id in opened.out
    assert "V/v tăng cường phòng, chống dịch" in opened.out
    good(run_inside("courier", "status", folder, package_id, "--code", "03", "--key", key))
    own = a_document("H24.7", sender="H24.41", number="5")
    (folder / "outgoing" / "bao-cao.edxml").write_bytes(to_bytes(own))
    assert "sent" in good(run_inside("courier", "reply", folder, "--out", back, "--key", key)).out

    taken = good(city.axis("courier", "take", back, "--json")).json
    assert taken["acknowledged"] == [package_id]
    assert [item["outcome"] for item in taken["packages"]] == ["accepted", "accepted"]
    again = good(city.axis("courier", "take", back))
    assert "không có gì thay đổi" in again.err
    listed = good(city.axis("courier", "list", WARD, "--json")).json
    assert [(one["direction"], one["sequence"]) for one in listed] == [("out", 1), ("reply", 1)]


def test_a_refused_package_ends_with_one_and_says_why(city: Home, tmp_path: Path) -> None:
    key, there, back, folder = (tmp_path / name for name in ("ward.key", "there.axis", "back.axis", "laid"))
    good(city.axis("courier", "keys", WARD, "--out", key))
    send(city, a_document("H24.41", sender="H24.7"))
    good(city.axis("courier", "pack", WARD, "--out", there))
    good(run_inside("courier", "open", there, "--out", folder, "--key", key))
    (folder / "outgoing" / "a.edxml").write_bytes(to_bytes(a_document("H24.41", sender="H24.7", number="6")))
    good(run_inside("courier", "reply", folder, "--out", back, "--key", key))
    ran = city.axis("courier", "take", back)
    assert ran.code == 1
    assert "từ chối" in ran.out


def test_keys_are_never_written_over_a_file(city: Home, tmp_path: Path) -> None:
    (tmp_path / "ward.key").write_text("precious")
    ran = city.axis("courier", "keys", WARD, "--out", tmp_path / "ward.key")
    assert ran.code == 2
    assert (tmp_path / "ward.key").read_text() == "precious"


@pytest.mark.parametrize(
    ("arguments", "ended"),
    [
        (("pack", "nobody", "--out", "x.axis"), (1, "courier_unknown")),
        (("pack", WARD, "--out", "x.axis"), (1, "courier_unknown")),
        (("keys", "nobody", "--out", "x.key"), (1, "not_found")),
        (("take", "missing.axis"), (2, "bad_file")),
    ],
)
def test_errors_say_what_is_wrong(
    city: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], ended: tuple[int, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = city.axis("courier", *arguments)
    code, word = ended
    assert ran.code == code
    assert f"[{word}]" in ran.err
    assert not (tmp_path / "x.axis").exists()
    assert not (tmp_path / "x.key").exists()


def test_a_file_that_is_none_is_told_so(city: Home, tmp_path: Path) -> None:
    (tmp_path / "junk.axis").write_bytes(b"junk")
    assert "[courier_broken]" in city.axis("courier", "take", tmp_path / "junk.axis").err


def test_a_status_needs_a_package_and_a_reason(city: Home, tmp_path: Path) -> None:
    key, there, folder = (tmp_path / name for name in ("ward.key", "there.axis", "laid"))
    good(city.axis("courier", "keys", WARD, "--out", key))
    package_id = send(city, a_document("H24.41", sender="H24.7"))
    good(city.axis("courier", "pack", WARD, "--out", there))
    good(run_inside("courier", "open", there, "--out", folder, "--key", key))
    refused = run_inside("courier", "status", folder, package_id, "--code", "02", "--key", key)
    assert (refused.code, "[field_invalid]" in refused.err) == (2, True)
    unknown = run_inside("courier", "status", folder, "01" * 13, "--code", "03", "--key", key)
    assert (unknown.code, "[not_found]" in unknown.err) == (1, True)
    assert not list((folder / "outgoing").iterdir())


def test_the_key_file_can_come_from_the_environment(
    city: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, there, folder = (tmp_path / name for name in ("ward.key", "there.axis", "laid"))
    good(city.axis("courier", "keys", WARD, "--out", key))
    assert json.loads(key.read_text(encoding="utf-8"))["system_id"] == WARD
    send(city, a_document("H24.41", sender="H24.7"))
    good(city.axis("courier", "pack", WARD, "--out", there))
    monkeypatch.setenv("AXIS_COURIER_KEY", str(key))
    good(run_inside("courier", "open", there, "--out", folder))
