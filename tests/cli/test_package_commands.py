"""A package is looked at, handed to a running node, and followed."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from axis.clock import SystemClock
from axis.demo.documents import Desk, Draft
from axis.demo.processes import NodeProcess
from axis.edxml.writer import to_bytes
from tests.cli.conftest import SAMPLES, Home, Ran, run_inside

Axis = Callable[..., Ran]
KEYS = {
    "kind", "from", "to", "document_id", "code", "subject", "business", "status_code", "attachments", "problems",
}  # fmt: skip
NAMES = {"H24.3": "Sở Xây dựng", "H24.42": "Phường Lê Chân", "H24.3.12": "Ban Quản lý"}


def letter(*receivers: str) -> bytes:
    draft = Draft(sender="H24.3", receivers=receivers, notation="SXD", subject="V/v kiểm tra", body=("Nội dung.",))
    return to_bytes(Desk(NAMES, SystemClock().now()).letter(draft))


def test_a_document_is_described_for_programs_and_for_people(axis: Axis) -> None:
    ran = axis("inspect", SAMPLES / "new.edxml", "--json")
    assert ran.code == 0
    shown = ran.json
    (file,) = shown.pop("attachments")
    assert file == {
        "name": "1896_QD-TTg_m_294779.doc",
        "size_bytes": 270823,
        "media_type": file["media_type"],
        "sha256": "7ab7c43a02a3cf2cedd14ebf2545a37e7a1307e0091b4ba94c2ef1e842a763aa",
    }
    problems = shown.pop("problems")
    assert all(set(problem) == {"code", "at", "message"} for problem in problems)
    assert shown == {
        "kind": "document",
        "from": "000.00.00.A80",
        "to": ["28.22.H17"],
        "document_id": "000.00.00.G22,2015/09/30,7816/VPCP-TTĐT",
        "code": "74fass22/VPCP-TTĐT",
        "subject": "V/v kết nối, liên thông phần mềm quản lý văn bản",
        "business": "new",
        "status_code": None,
    }
    told = axis("inspect", SAMPLES / "new.edxml")
    assert (told.code, "74fass22/VPCP-TTĐT" in told.out, "1896_QD-TTg_m_294779.doc" in told.out) == (0, True, True)


def test_a_status_is_described_under_the_same_keys(axis: Axis) -> None:
    shown = axis("inspect", SAMPLES / "take-back.edxml", "--json").json
    assert set(shown) == KEYS
    assert (shown["kind"], shown["status_code"], shown["to"], shown["business"]) == (
        "status",
        "13",
        ["000.00.00.H41"],
        None,
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_body"),
        (b"no xml at all", "xml_broken"),
        (b"<a/>", "wrong_root"),
        (b'<!DOCTYPE edXML [<!ENTITY x "y">]><edXML/>', "dtd_forbidden"),
    ],
)
def test_what_cannot_be_read_is_said_with_code_and_place(tmp_path: Path, axis: Axis, content: bytes, code: str) -> None:
    file = tmp_path / "x.edxml"
    file.write_bytes(content)
    ran = axis("inspect", file, "--json")
    assert (ran.code, set(ran.json)) == (2, KEYS)
    (problem,) = ran.json["problems"]
    assert problem["code"] == code
    told = axis("inspect", file)
    assert (told.code, f"[{code}]" in told.err, told.out) == (2, True, "")


def test_the_place_of_a_mistake_is_an_element(tmp_path: Path, axis: Axis) -> None:
    file = tmp_path / "x.edxml"
    text = letter("H24.42").decode()
    file.write_text(re.sub(r"(?s)<edXML:From>.*?</edXML:From>", "", text))
    (problem,) = axis("inspect", file, "--json").json["problems"]
    assert (problem["code"], "From" in problem["at"]) == ("missing_from", True)


def test_a_file_that_is_not_there_is_wrong_use(tmp_path: Path, axis: Axis) -> None:
    ran = axis("inspect", tmp_path / "none.edxml", "--json")
    assert (ran.code, ran.json["problems"][0]["code"]) == (2, "bad_file")


def test_strict_says_no_to_what_is_only_tolerated(tmp_path: Path, axis: Axis) -> None:
    good = tmp_path / "good.edxml"
    good.write_bytes(letter("H24.42"))
    assert axis("inspect", "--strict", good).code == 0
    odd = tmp_path / "odd.edxml"
    odd.write_text(re.sub(r"(?s)<edXML:Bussiness>.*?</edXML:Bussiness>", "", letter("H24.42").decode()))
    assert axis("inspect", odd).code == 0
    ran = axis("inspect", "--strict", "--json", odd)
    assert (ran.code, ran.json["kind"], bool(ran.json["problems"])) == (1, "document", True)


@pytest.fixture
async def node(home: Home) -> AsyncIterator[NodeProcess]:
    for system_id, serves in (("so-xd", "H24.3"), ("p-le-chan", "H24.42")):
        added = await asyncio.to_thread(home.axis, "system", "add", system_id, "--serves", serves)
        (home.path / f"{system_id}.secret").write_text(added.json["secret"] + "\n")
    process = home.process()
    await process.start()
    yield process
    await process.stop()


async def test_a_package_is_sent_repeated_refused_and_followed(home: Home, node: NodeProcess, tmp_path: Path) -> None:
    """One node for all of it: starting one takes longer than everything else."""

    async def axis(*arguments: object) -> Ran:
        return await asyncio.to_thread(home.axis, *arguments)

    file = tmp_path / "letter.edxml"
    file.write_bytes(letter("H24.42", "H24.3.12"))
    sent = await axis("send", file, "--system", "so-xd")
    assert sent.code == 0, sent.err
    doc_id = sent.out.strip()

    repeated = await axis("send", file, "--system", "so-xd")
    assert (repeated.code, repeated.out.strip()) == (0, doc_id)

    by_id = await axis("status", doc_id, "--json")
    (document,) = by_id.json["documents"]
    (document_id,) = {document["document_id"]}
    assert [receiver["organ"] for receiver in document["receivers"]] == ["H24.3.12", "H24.42"]
    assert {receiver["transport"] for receiver in document["receivers"]} == {"queued"}
    assert {receiver["status"] for receiver in document["receivers"]} == {None}
    for text in (document_id, document["document_uid"]):
        assert (await axis("status", text, "--json")).json == by_id.json
    shown = await axis("status", document_id)
    assert (shown.code, "Chờ chuyển" in shown.out) == (0, True)

    fresh = await axis("send", file, "--system", "so-xd", "--fresh-id")
    assert (fresh.code, fresh.out.strip() != doc_id) == (0, True)
    (renumbered,) = (await axis("status", fresh.out.strip(), "--json")).json["documents"]
    assert renumbered["document_id"] != document_id
    assert renumbered["subject"] == document["subject"]

    foreign = await axis("send", file, "--system", "p-le-chan")
    assert (foreign.code, "foreign_sender" in foreign.err, foreign.out) == (1, True, "")
    (tmp_path / "broken.edxml").write_bytes(b"no xml")
    broken = await axis("send", tmp_path / "broken.edxml", "--system", "so-xd")
    assert (broken.code, "xml_broken" in broken.err) == (1, True)

    secret_file = home.path / "so-xd.secret"
    away = await asyncio.to_thread(
        run_inside, "send", file, "--system", "so-xd", "--url", node.url, "--secret-file", secret_file
    )
    assert (away.code, away.out.strip()) == (0, doc_id)

    # The same over REST, with nothing of the node's but its address and a token.
    token = await axis("token", "add", "so-xd", "--scope", "send", "--scope", "read")
    token_file = tmp_path / "token"
    token_file.write_text(token.json["token"] + "\n")
    rest = ("--url", node.url, "--token-file", token_file)
    resent = await asyncio.to_thread(run_inside, "send", file, *rest)
    assert (resent.code, resent.out.strip()) == (0, document["document_uid"])
    for text in (document["document_uid"], document_id):
        seen = await asyncio.to_thread(run_inside, "status", text, *rest, "--json")
        assert seen.code == 0, seen.err
        (found,) = seen.json["documents"]
        assert found["document_id"] == document_id
        assert [one["receiver_organ"] for one in found["deliveries"]] == ["H24.3.12", "H24.42"]
    shown = await asyncio.to_thread(run_inside, "status", document_id, *rest)
    assert (shown.code, "queued" in shown.out) == (0, True)
    unknown = await asyncio.to_thread(run_inside, "status", "H24.3,1", *rest)
    assert (unknown.code, "not_found" in unknown.err) == (1, True)
    token_file.write_text("axt_wrong")
    wrong = await asyncio.to_thread(run_inside, "send", file, *rest)
    assert (wrong.code, "bad_credentials" in wrong.err) == (1, True)


def test_what_cannot_be_sent_is_said(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "letter.edxml"
    file.write_bytes(letter("H24.42"))
    nobody = home.axis("send", file, "--system", "so-xd")
    assert (nobody.code, "unknown_system" in nobody.err) == (1, True)
    assert home.axis("system", "add", "so-xd", "--serves", "H24.3").code == 0
    nowhere = home.axis("send", file, "--system", "so-xd")
    assert (nowhere.code, "is it running" in nowhere.err, nowhere.out) == (2, True, "")
    nobody = home.axis("send", file)
    assert (nobody.code, "--token-file" in nobody.err) == (2, True)
    (tmp_path / "token").write_text("axt_x")
    nowhere = home.axis("send", file, "--token-file", tmp_path / "token", "--url", "http://127.0.0.1:1")
    assert (nowhere.code, "is it running" in nowhere.err) == (2, True)
    missing = home.axis("send", tmp_path / "none.edxml", "--system", "so-xd")
    assert (missing.code, "bad_file" in missing.err) == (2, True)
    status = home.axis("send", SAMPLES / "take-back.edxml", "--system", "so-xd", "--fresh-id")
    assert (status.code, "--fresh-id" in status.err) == (2, True)
    secret = home.axis("send", file, "--system", "so-xd", "--secret-file", tmp_path / "none")
    assert (secret.code, "bad_file" in secret.err) == (2, True)


def test_a_document_that_nobody_knows_is_a_no(home: Home) -> None:
    ran = home.axis("status", "H24.3,2026/01/01,1/SXD", "--json")
    assert (ran.code, "not_found" in ran.err, ran.out) == (1, True, "")
